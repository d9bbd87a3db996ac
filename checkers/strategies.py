"""The strategies, behind one interface: each makes runs of a spec and says what they amount to.

    search = strategy("rf", plan)
    for m, ended in search.ends(limit):
        ...judge `m`, which stands at the end of a run; `search.settings()` replays that run...
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
from checkers.recorder import Watched
from checkers.reduction import Reduction
from simkernel.errors import UnknownStrategy
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine, Transition
from simkernel.settings import Settings
from simkernel.spec import Spec, run

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
    history: Callable[[Machine], bytes] = lambda m: b""

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

    def ends(self, limit: Limit) -> Iterator[tuple[Machine, str]]: ...
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

    def ends(self, limit: Limit) -> Iterator[tuple[Machine, str]]:
        """Make `plan.runs` runs, each with the next seed."""
        for number in range(self.plan.runs):
            self.cut = limit(1.0)
            if self.cut:
                return
            m, ended = self._walk(number)
            self.runs += 1
            self.transitions += m.count
            yield m, ended
        self.cut = f"the budget of {self.plan.runs} runs is spent"

    def _walk(self, number: int) -> tuple[Machine, str]:
        plan = self.plan
        step = (0.0, 0.0) if number == 0 else STEP_MS
        latency = step if plan.network == "cluster" else (0.0, 0.0)
        self._settings = Settings(
            network=plan.network, seed=plan.seed + number, step_ms=step, latency_ms=latency,
            picker="walk", effects_max=plan.effects,
        )  # fmt: skip
        m = plan.spec.machine(plan.parameters, self._settings)
        m.checking = True
        return m, run(m, self._settings)

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._settings


class Depth(_Search):
    """Depth-first over every interleaving and every order of timers; each situation once."""

    name = "dfs"
    exhaustive = True

    def ends(self, limit: Limit) -> Iterator[tuple[Machine, str]]:
        """Visit every situation once."""
        plan = self.plan
        m = plan.spec.machine(plan.parameters, plan.any_time(), snapshots=True)
        m.checking = True
        self._dfs = search = Dfs(m, depth_max=plan.effects, history=lambda: plan.history(m))

        def cut() -> bool:
            self.transitions, self.situations = search.transitions, len(search.seen)
            self.cut = limit(1.0)
            return bool(self.cut)

        for _ in search.leaves(cut):
            self.runs = search.runs
            yield m, driver.ended(m)
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
        self.share = share
        self.reduction = Reduction(
            self._machine, by_message=by_message, depth_max=min(plan.effects, RUN_MAX)
        )

    def _machine(self) -> Watched:
        plan = self.plan
        m = plan.spec.machine(plan.parameters, plan.any_time(), kind=Watched)
        assert isinstance(m, Watched)
        return m

    def ends(self, limit: Limit) -> Iterator[tuple[Machine, str]]:
        """Make one run of every class."""

        def cut() -> bool:
            self.cut = limit(self.share)
            return bool(self.cut)

        search = self.reduction
        for m in search.ends(cut):
            self._count()
            yield m, driver.BUDGET if search.cut else driver.ended(m)
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
        picks = deviations(self._machine(), recorder.path)
        return replace(self.plan.any_time(), picks=picks)

    def notes(self) -> list[str]:
        """Say where mailboxes had to be searched by the order of arrivals."""
        flags = self.reduction.flags
        boxes = sorted(str(flag[1]) for flag in flags if type(flag) is tuple and flag[0] == "box")
        if self.name != "rf" or not boxes:
            return []
        return [
            f"{', '.join(boxes)}: the mailbox is seen by more than receives; every order of its "
            "arrivals is a class, as with dpor"
        ]


class Hunt(_Search):
    """Delay-bounded search."""

    name = "delay"

    def ends(self, limit: Limit) -> Iterator[tuple[Machine, str]]:
        """Make the schedules with the fewest delays, `plan.runs` of them."""
        plan = self.plan
        self.delays = search = Delays(
            lambda: plan.spec.machine(plan.parameters, plan.any_time()), depth_max=plan.effects
        )

        def cut() -> bool:
            self.cut = limit(1.0)
            if not self.cut and search.runs >= plan.runs:
                self.cut = f"the budget of {plan.runs} runs is spent"
            return bool(self.cut)

        for m, ended in search.ends(cut):
            self.runs, self.transitions = search.runs, search.transitions
            yield m, ended
        if not self.cut:
            self.cut = "every schedule was made, but delay-bounded search only hunts"

    def settings(self) -> Settings:
        """Replay the last run."""
        return replace(self.plan.any_time(), picks=self.delays.picks)

    def notes(self) -> list[str]:
        """Say how many delays were all tried."""
        return [f"every schedule with fewer than {self.delays.delays} delays was made"]


class Auto(_Search):
    """Search the classes for half of the budget; if they are too many, hunt with the rest."""

    name = "auto"
    exhaustive = True

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self._classes = ByClasses(plan, by_message=True, share=0.5)
        self._now: Search = self._classes
        self._notes: list[str] = []

    def ends(self, limit: Limit) -> Iterator[tuple[Machine, str]]:
        """Make runs of classes, then perhaps random ones."""
        yield from self._part(limit, 0, 0)
        classes = self._classes
        if not classes.cut:
            self._notes.append("auto picked rf: it made one run of every class, and was done")
            return
        self.exhaustive = False
        self._notes.append(
            f"auto picked rf, which made {classes.runs} runs, each of another class, until "
            f"{classes.cut}; then walk"
        )
        before = classes.runs, classes.transitions
        self._now = Walks(self.plan)
        self.time = f"any, then {self._now.time}"
        yield from self._part(limit, *before)
        self.cut = self._now.cut

    def _part(self, limit: Limit, runs: int, transitions: int) -> Iterator[tuple[Machine, str]]:
        for m, ended in self._now.ends(limit):
            self.runs, self.transitions = runs + self._now.runs, transitions + self._now.transitions
            yield m, ended
        self.blocked = self._now.blocked

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._now.settings()

    def notes(self) -> list[str]:
        """Say what was picked, and why."""
        return [*self._notes, *self._classes.notes()]


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
