"""The strategies, behind one interface: each makes runs of a spec and says what they amount to.

    search = strategy("rf", plan)
    for run, ended in search.ends(limit):
        ...judge `run`, which stands at its end; `search.settings()` replays it...
    search.cut, search.exhaustive, search.notes()

`limit(share)` gives the reason to stop, or "": it is asked between runs, with the share of the
budget that the asker may use. A strategy that stops for a reason of its own sets `cut`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from checkers.delays import Delays
from checkers.dfs import Dfs
from checkers.judged import Judged
from checkers.linearizable import sequential_order
from checkers.monitor import Consistent
from checkers.recorder import Watched
from checkers.reduction import Reduction
from simkernel.errors import UnknownStrategy, UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine, Transition
from simkernel.settings import Settings
from simkernel.spec import Spec, chooser_of

STEP_MS = (0.0, 10.0)
ANY_TIME = "any"
RUN_MAX = 5_000
"""The most transitions of one run that a search of classes follows: it remembers all of them."""

Limit = Callable[[float], str]


@dataclass(frozen=True)
class Plan:
    """What is searched: a spec with its parameters, on a network, within bounds.

    `effects` bounds the transitions of a run, `runs` what the hunting strategies make.
    """

    spec: Spec
    parameters: Mapping[str, Any]
    network: str = "node"
    runs: int = 1_000
    effects: int = 100_000
    seed: int = 0

    def judged(self, settings: Settings, **options: Any) -> Judged:
        """Make a run."""
        return Judged(self.spec, self.parameters, settings, **options)

    def any_time(self) -> Settings:
        """Give the settings of a run in which steps take any time."""
        return Settings(
            network=self.network, time=ANY_TIME, picker="recorded", effects_max=self.effects
        )


class Search(Protocol):
    """One search of one spec."""

    name: str
    time: str
    runs: int
    transitions: int
    situations: int | None  # of a search of situations
    blocked: int  # runs that were begun and led to nothing: there should be none
    exhaustive: bool  # whether it has seen every run once it was not cut
    cut: str

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]: ...
    def settings(self) -> Settings: ...
    def notes(self) -> list[str]: ...


class _Search:
    """What the strategies have in common."""

    name = ""
    time = ANY_TIME
    situations: int | None = None
    blocked = 0
    exhaustive = False

    def __init__(self, plan: Plan):
        self.plan = plan
        self.cut = ""
        self.runs = 0
        self.transitions = 0

    def notes(self) -> list[str]:
        """Say what a reader of the verdict has to know."""
        return []


class Walks(_Search):
    """Random walks over single transitions; the first one with steps that take no time."""

    name = "walk"
    time = "with steps of 0 to 10 ms"

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self._settings = Settings()

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make `plan.runs` runs, each with the next seed."""
        for number in range(self.plan.runs):
            self.cut = limit(1.0)
            if self.cut:
                return
            self._settings = self._drawn(number)
            walk = self.plan.judged(self._settings)
            ended = walk.run(chooser_of(self._settings), self.plan.effects)
            self.runs += 1
            self.transitions += walk.m.count
            yield walk, ended
            walk.m.close()
        self.cut = f"the budget of {self.plan.runs} runs is spent"

    def _drawn(self, number: int) -> Settings:
        plan = self.plan
        step = (0.0, 0.0) if number == 0 else STEP_MS
        latency = step if plan.network == "cluster" else (0.0, 0.0)
        return Settings(
            network=plan.network, seed=plan.seed + number, step_ms=step, latency_ms=latency,
            picker="walk", effects_max=plan.effects,
        )  # fmt: skip

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._settings


class Depth(_Search):
    """Depth-first over every interleaving and every order of timers; each situation once."""

    name = "dfs"
    exhaustive = True

    def __init__(self, plan: Plan, share: float = 1.0):
        super().__init__(plan)
        self.share = share

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Visit every situation once."""
        plan = self.plan
        run = plan.judged(plan.any_time(), snapshots=True)
        self._dfs = search = Dfs(run, depth_max=plan.effects, history=run.history)

        def cut() -> bool:
            self.transitions, self.situations = search.transitions, len(search.seen)
            self.cut = limit(self.share)
            return bool(self.cut)

        for _ in search.leaves(cut):
            self.runs = search.runs
            yield run, run.ended()
        self.transitions, self.situations = search.transitions, len(search.seen)
        if search.cut:
            self.cut = self.cut or f"a run is longer than {plan.effects} transitions"

    def settings(self) -> Settings:
        """Replay the run that stands at its end now."""
        path = self._dfs.path
        picks = tuple((step, str(path[step])) for step in self._dfs.deviations())
        return replace(self.plan.any_time(), picks=picks)


class ByClasses(_Search):
    """One run of every class: `rf` and `dpor` (docs/explanation/search.md)."""

    exhaustive = True

    def __init__(self, plan: Plan, *, by_message: bool, share: float = 1.0):
        super().__init__(plan)
        self.name = "rf" if by_message else "dpor"
        asked = of_situations(plan.spec)
        if asked:
            raise UsageError(
                f"{self.name} makes one run of a class, and the property {asked!r} looks at "
                "situations, in which runs of one class differ",
                where="--strategy",
                hint="Use --strategy dfs, walk or delay.",
            )
        self.share = share
        self.reduction = Reduction(
            self._machine, by_message=by_message, depth_max=min(plan.effects, RUN_MAX)
        )

    def _machine(self) -> Watched:
        self._run = self.plan.judged(self.plan.any_time(), kind=Watched)
        m = self._run.m
        assert isinstance(m, Watched)
        return m

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make one run of every class."""

        def cut() -> bool:
            self.cut = limit(self.share)
            return bool(self.cut)

        search = self.reduction
        for _ in search.ends(cut):
            self._count()
            yield self._run, driver.BUDGET if search.cut else self._run.ended()
        self._count()
        if search.cut:
            self.cut = self.cut or (
                f"a run is longer than {search.depth_max} transitions, too long for {self.name}"
            )

    def _count(self) -> None:
        search = self.reduction
        self.runs, self.transitions = search.runs, search.transitions
        self.blocked = search.blocked

    def settings(self) -> Settings:
        """Replay the run that stands at its end now."""
        recorder = self.reduction.recorder
        assert recorder is not None
        fresh = self.plan.judged(self.plan.any_time()).m
        picks = deviations(fresh, recorder.path)
        return replace(self.plan.any_time(), picks=picks)

    def notes(self) -> list[str]:
        """Say where mailboxes had to be searched by the order of arrivals."""
        flags = self.reduction.flags
        boxes = sorted(str(flag[1]) for flag in flags if type(flag) is tuple and flag[0] == "box")
        if self.name != "rf" or not boxes:
            return []
        return [
            f"{', '.join(boxes)}: more than receives see the mailbox: its order counts, as in dpor"
        ]


class Hunt(_Search):
    """Delay-bounded search."""

    name = "delay"

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make the schedules with the fewest delays, `plan.runs` of them."""
        plan = self.plan
        self.delays = search = Delays(lambda: plan.judged(plan.any_time()), depth_max=plan.effects)

        def cut() -> bool:
            self.cut = limit(1.0)
            if not self.cut and search.runs >= plan.runs:
                self.cut = f"the budget of {plan.runs} runs is spent"
            return bool(self.cut)

        for run, ended in search.ends(cut):
            self.runs, self.transitions = search.runs, search.transitions
            yield run, ended
        if not self.cut:
            self.cut = "every schedule was made, but delay-bounded search only hunts"

    def settings(self) -> Settings:
        """Replay the last run."""
        return replace(self.plan.any_time(), picks=self.delays.picks)

    def notes(self) -> list[str]:
        """Say how many delays were all tried."""
        return [f"every schedule with fewer than {self.delays.delays} delays was made"]


class Auto(_Search):
    """Search exhaustively for half of the budget; if it is too much, hunt with the rest."""

    name = "auto"
    exhaustive = True

    def __init__(self, plan: Plan):
        super().__init__(plan)
        asked = of_situations(plan.spec)
        self._why = "one run of every class is enough"
        if asked:
            self._why = f"the property {asked!r} looks at situations"
        self._first: Depth | ByClasses = (
            Depth(plan, share=0.5) if asked else ByClasses(plan, by_message=True, share=0.5)
        )
        self._now: Search = self._first
        self._notes: list[str] = []

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make every run that is needed, then perhaps random ones."""
        yield from self._part(limit, 0, 0)
        first = self._first
        self.situations = first.situations
        picked = f"auto picked {first.name}, because {self._why}"
        if not first.cut:
            self._notes.append(picked)
            return
        self.exhaustive = False
        self._notes.append(f"{picked}: {first.runs} runs until {first.cut}; then walk")
        before = first.runs, first.transitions
        self._now = Walks(self.plan)
        self.time = f"any, then {self._now.time}"
        yield from self._part(limit, *before)
        self.cut = self._now.cut

    def _part(self, limit: Limit, runs: int, transitions: int) -> Iterator[tuple[Judged, str]]:
        for run, ended in self._now.ends(limit):
            self.runs, self.transitions = runs + self._now.runs, transitions + self._now.transitions
            yield run, ended
        self.blocked = self._now.blocked

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._now.settings()

    def notes(self) -> list[str]:
        """Say what was picked, and why."""
        return [*self._notes, *self._first.notes()]


def of_situations(spec: Spec) -> str:
    """Give the first property that one run of a class does not decide, or "".

    The order of each client's calls is the same in all runs of a class; nothing else that a
    property looks at along the way is.
    """
    for name, what in spec.properties.items():
        if not (isinstance(what, Consistent) and what.order is sequential_order):
            return name
    return ""


STRATEGIES: dict[str, Callable[[Plan], Search]] = {
    "auto": Auto,
    "walk": Walks,
    "dfs": Depth,
    "dpor": lambda plan: ByClasses(plan, by_message=False),
    "rf": lambda plan: ByClasses(plan, by_message=True),
    "delay": Hunt,
}


def strategy(name: str, plan: Plan) -> Search:
    """Begin a search; an unknown name raises UnknownStrategy."""
    if name not in STRATEGIES:
        raise UnknownStrategy(name, known=STRATEGIES)
    return STRATEGIES[name](plan)


def deviations(m: Machine, path: list[Transition]) -> tuple[tuple[int, str], ...]:
    """Give the steps at which a path leaves the default schedule of a fresh machine."""
    m.checking = True
    picks = []
    for step, transition in enumerate(path):
        if m.enabled()[0] != transition:
            picks.append((step, str(transition)))
        m.apply(transition)
    m.close()
    return tuple(picks)
