"""The strategies, behind one interface: each makes runs of a spec and says what they amount to.

    search = strategy("rf", plan)
    for run, ended in search.ends(limit):
        ...judge `run`, which stands at its end; `search.settings()` replays it...
    search.cut, search.exhaustive, search.notes()

`limit(share)` gives the reason to stop, or "": it is asked between runs, with the share of the
budget that the asker may use. A strategy that stops for a reason of its own sets `cut`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf

from checkers.breadth import ASKED, LOOKED, Breadth, Situations
from checkers.crew import Crew
from checkers.delays import Branch, Delays
from checkers.dfs import Dfs, Walk
from checkers.events import Identities
from checkers.fitting import Fitting
from checkers.hunting import Mixed, Pct, Pos, Surw, Walks
from checkers.judged import Ending, Judged
from checkers.liveness import left_open
from checkers.monitor import Consistent
from checkers.reduction import Reduction
from checkers.search import ANY_TIME, BOUNDED, ENDLESS, RUN_MAX, Base, Limit, Plan, Search
from checkers.shared import Shared
from checkers.sight import Sight, Sighted, blind_to_pace
from checkers.split import Label, Split
from checkers.watched import Watched
from simkernel.choice import First
from simkernel.errors import UnknownStrategy, UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine, Transition
from simkernel.settings import Settings
from simkernel.spec import Spec

ALONE, PROBE = Reduction.alone, 1_024
"""So many runs or transitions one process makes before it asks others to help."""

UNDECIDED = "no order of their events was found that has times within the bounds"
"""Why a search of classes may decide nothing; or that has something left to happen at each crash.
"""


class Depth(Base):
    """Depth-first over every interleaving and every order of timers; each situation once."""

    name = "dfs"
    exhaustive = True

    def __init__(self, plan: Plan, share: float = 1.0):
        super().__init__(plan)
        self.time = plan.times()
        self.share = share
        self.timed = self.looked = False

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Visit every situation once; as long as nobody asks for the time, whatever the bounds, and
        as long as nobody looks at a queue, with messages handled early."""
        timeless = self.plan.time != ANY_TIME
        free = replace(self.plan, time=ANY_TIME)
        early = not (self.plan.faults or self.plan.rare or of_situations(self.plan.spec))
        yield from self._search(free, limit, timeless=timeless, early=early)
        if self.looked:
            yield from self._search(free, limit, timeless=timeless)
        if self.timed:
            yield from self._search(self.plan, limit)
        if self.round and not self.cut:
            self.cut = left_open(self.plan.spec.properties, self.runs)

    def notes(self) -> list[str]:
        """Say what was not judged."""
        return [ENDLESS] if self.round and not self.cut else []

    def _search(
        self, plan: Plan, limit: Limit, *, timeless: bool = False, early: bool = False
    ) -> Iterator[tuple[Judged, str]]:
        self.time = plan.times()
        run = plan.judged(plan.recorded(), snapshots=True)
        self._path: Callable[[], list[Label]] = self._of_dfs
        self._dfs = search = Dfs(
            run, early=early, timeless=timeless, depth_max=plan.effects, history=run.history
        )
        most = inf if plan.fleet is None else PROBE
        situations = None if plan.fleet is None else Situations(
            run, early=early, timeless=timeless
        )  # fmt: skip

        def cut() -> bool:
            self.transitions, self.situations = search.transitions, len(search.seen)
            self.cut = limit(self.share)
            return bool(self.cut) or search.transitions >= most

        for _ in search.leaves(cut):
            self.runs = search.runs
            yield run, run.ended()
        self.timed, self.looked, self.round = search.asked, search.looked, search.round
        if not (self.timed or self.looked):
            self.transitions, self.situations = search.transitions, len(search.seen)
            if situations is not None and search.cut and search.transitions >= most:
                self._together(situations, limit)
            elif search.cut:
                self.cut = self.cut or _too_long(plan)
        run.m.close()

    def _together(self, situations: Situations, limit: Limit) -> None:
        """Let several processes visit the situations, and go through what they have found."""
        plan, fleet = self.plan, self.plan.fleet

        def cut() -> bool:
            graph = split.graph
            self.transitions, self.situations = graph.generated, len(graph)
            self.cut = limit(self.share)
            return bool(self.cut)

        split = Split(fleet, situations, cut, plan.effects)
        try:
            split.together()
        finally:
            if not split.graph.complete:  # what was found is not lost
                self.cut = fleet.lost or self.cut
                for ending, path in split.endings.values():
                    if ending.findings:
                        self._tell(ending, path)
        if not split.graph.complete:
            return
        walk = Walk(split.graph, split.stopping, plan.effects, unsearched=split.unsearched)
        for runs, way in enumerate(walk.leaves(), 1):
            if runs > self.runs:
                self.runs = runs
                self._tell(split.endings[walk.state][0], way)
        self.timed, self.looked = walk.stopped == ASKED, walk.stopped == LOOKED
        self.round = split.graph.goes_round
        self.transitions, self.situations = walk.transitions, len(walk.seen)
        if walk.cut:
            self.cut = self.cut or _too_long(plan)

    def _tell(self, ending: Ending, path: list[Label]) -> None:
        self._path = lambda: path
        self.plan.fleet.end(ending, len(path), self.settings)

    def _of_dfs(self) -> list[Label]:
        deviations = set(self._dfs.deviations())
        return [(step, at not in deviations) for at, step in enumerate(self._dfs.path)]

    def settings(self) -> Settings:
        """Replay the run that stands at its end now."""
        picks = tuple(
            (step, str(transition))
            for step, (transition, usual) in enumerate(self._path())
            if not usual
        )
        return replace(self.plan.recorded(), picks=picks)


def _too_long(plan: Plan) -> str:
    return f"a run is longer than {plan.effects} transitions"


class ByClasses(Base):
    """One run of every class: `rf` and `dpor` (docs/explanation/search.md)."""

    exhaustive = True

    def __init__(self, plan: Plan, *, by_message: bool, share: float = 1.0, narrow: bool = False):
        super().__init__(plan)
        self.name = "rf" if by_message else "dpor"
        self.narrow = narrow  # leave it where a property looks at more than one process
        self.declined = ""  # the property because of which it was left
        if asked := beyond_classes(plan.spec):
            raise self._refusal(asked)
        if plan.rare:
            raise UsageError(
                f"{self.name} knows nothing of what an end and a monitor do only seldom",
                where="--rare",
                hint="Use --strategy dfs, portfolio or delay with --rare.",
            )
        if plan.faults and not crashes_alone(plan):
            raise UsageError(
                f"of the faults {self.name} knows crashes alone, and on cluster messages are lost",
                where="--strategy",
                hint="Use --strategy dfs, portfolio or delay with --faults, or "
                "spec(faults=('crash',)).",
            )
        self.share = share
        self.time = plan.times()
        self.inside = self.outside = 0  # of the runs that show something wrong
        self._settings: Settings | None = None
        self.reduction = Reduction(
            self._machine, by_message=by_message, depth_max=min(plan.effects, RUN_MAX),
            identities=Identities if plan.fleet is None else Shared,
        )  # fmt: skip

    def _refusal(self, name: str) -> UsageError:
        return UsageError(
            f"{self.name} makes one run of a class, and the property {name!r} looks at "
            "situations, in which runs of one class differ",
            where="--strategy",
            hint="Use --strategy dfs, walk or delay.",
        )

    def _machine(self) -> Watched:
        plan = replace(self.plan, time=ANY_TIME)
        looks = of_situations(plan.spec)
        run = plan.judged(plan.recorded(), kind=Sighted if looks else Watched)
        m = run.m
        assert isinstance(m, Watched)
        m.judged = run
        run.monitor.touched = m.observed
        if isinstance(m, Sighted):
            m.sight = Sight(run, self.reduction.flags, m.observed)
        return m

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make one run of every class, whatever its times, and where it matters within bounds."""

        def cut() -> bool:
            self.cut = limit(self.share)
            return bool(self.cut)

        fleet, search = self.plan.fleet, self.reduction
        yield from self.judged(cut, inf if fleet is None else ALONE)
        if not (search.over or self.declined):
            self.cut = Crew(fleet, self, lambda share: limit(share * self.share)).together()
        if self.declined:
            return
        self._count()
        self._conclude()

    def judged(
        self, cut: Callable[[], bool] = lambda: False, most: float = inf
    ) -> Iterator[tuple[Judged, str]]:
        """Give what is to be judged of each class, until there are so many."""
        search = self.reduction
        for m in search.ends(cut, most):
            self._count()
            run = m.judged
            ended = driver.BUDGET if search.cut else run.ended()
            if self._declines(m, ended):
                return
            if self._as_it_is() or not run.findings(ended):
                self._settings = None
                yield run, ended
            elif (found := self._within_bounds()) is not None:
                yield found

    def _declines(self, m: Watched, ended: str) -> bool:
        """Tell whether a property sees what runs of one class do not agree upon."""
        sight = m.sight if isinstance(m, Sighted) else None
        if sight is None:
            return False
        m.judged.findings(ended)  # properties look at the end as well
        if sight.wide and not self.narrow:
            raise self._refusal(sight.wide)
        self.declined = sight.wide or (sight.crowded if self.narrow else "")
        return bool(self.declined)

    def _as_it_is(self) -> bool:
        """Tell whether the run of a class is one that the machine makes: a run does not go on for
        a crash, but what is left may be the handling of a signal, which a class has done already.
        """
        recorder = self.reduction.recorder
        return self.plan.time == ANY_TIME and recorder is not None and not recorder.idle

    def _within_bounds(self) -> tuple[Judged, str] | None:
        """Make a run of the class within the bounds; None if none was found."""
        recorder = self.reduction.recorder
        assert recorder is not None
        run = self.plan.judged(self.plan.recorded(), snapshots=True)
        fitting = Fitting(run, recorder)
        if fitting.fits():
            ended = run.run(First(), self.plan.effects)
            if run.findings(ended):
                picks = deviations(self.plan.judged(self.plan.recorded()).m, fitting.path)
                self._settings = replace(self.plan.recorded(), picks=picks)
                self.inside += 1
                return run, ended
        run.m.close()
        self.outside += 1
        return None

    @property
    def undecided(self) -> bool:
        """Tell whether something may be wrong, in another order of the events of a class."""
        return bool(self.outside and not self.inside and self.cut.startswith(UNDECIDED))

    def _conclude(self) -> None:
        search = self.reduction
        if not self.cut and any(type(flag) is tuple and flag[0] == "box" for flag in search.flags):
            # Known limit: test_limit_a_length_that_is_read_can_hide_a_run.
            self.cut = "a process looks at its queue, and of that not every class is told apart"
        if search.cut:
            self.cut = self.cut or (
                f"a run is longer than {search.depth_max} transitions, too long for {self.name}"
            )
        if self.outside:
            self.cut = self.cut or f"{UNDECIDED}: {self.outside} runs that show something wrong"
        elif not self.inside and not self.cut:
            self.time = ANY_TIME  # what holds whatever the times holds within bounds

    def _count(self) -> None:
        search = self.reduction
        self.runs, self.transitions = search.runs, search.transitions

    def settings(self) -> Settings:
        """Replay the run that stands at its end now."""
        if self._settings is not None:
            return self._settings
        recorder = self.reduction.recorder
        assert recorder is not None
        plan = replace(self.plan, time=ANY_TIME)
        picks = deviations(plan.judged(plan.recorded()).m, recorder.made())
        return replace(plan.recorded(), picks=picks)

    def notes(self) -> list[str]:
        """Say where mailboxes had to be searched by the order of arrivals."""
        flags = self.reduction.flags
        boxes = sorted(str(flag[1]) for flag in flags if type(flag) is tuple and flag[0] == "box")
        if self.name != "rf" or not boxes:
            return []
        return [
            f"{', '.join(boxes)}: more than receives see the mailbox: its order counts, as in dpor"
        ]


class Hunt(Base):
    """Delay-bounded search."""

    name = "delay"

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self.time = plan.times()

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make the schedules with the fewest delays, `plan.runs` of them."""
        plan = self.plan
        self.delays = search = Delays(lambda: plan.judged(plan.recorded()), depth_max=plan.effects)

        def cut() -> bool:
            self.cut = limit(1.0)
            if not self.cut and search.runs >= plan.runs:
                self.cut = f"the budget of {plan.runs} runs is spent"
            return bool(self.cut)

        for run, ended in search.ends(cut, inf if plan.fleet is None else ALONE):
            self.runs, self.transitions = search.runs, search.transitions
            yield run, ended
        while plan.fleet is not None and search.level() and not cut():
            self._together(limit)
        if not self.cut:
            self.cut = "every schedule was made, but delay-bounded search only hunts"

    def _together(self, limit: Limit) -> None:
        """Let several processes make the schedules that wait with the fewest delays."""
        fleet, search = self.plan.fleet, self.delays
        self._level = list(search.level())[: self.plan.runs - search.runs]
        for share in fleet.shares(self, 0, len(self._level), limit):
            for transitions, branches in share.more:
                search.made(search.level().popleft(), transitions, branches)
            self.runs, self.transitions = search.runs, search.transitions
            self.cut = share.cut or self.cut
        self.cut = fleet.lost or self.cut

    def run(self, number: int) -> tuple[Judged, str]:
        """Make one of the schedules that wait."""
        run, ended = self.delays.run(self._level[number])
        self._count = run.m.count
        return run, ended

    def more(self) -> tuple[int, list[Branch]]:
        """Give how long the last run was, and where others leave it."""
        return self._count, self.delays.branches

    def settings(self) -> Settings:
        """Replay the last run."""
        return replace(self.plan.recorded(), picks=self.delays.picks)

    def notes(self) -> list[str]:
        """Say how many delays were all tried."""
        return [f"every schedule with fewer than {self.delays.delays} delays was made"]


class Auto(Base):
    """Search exhaustively for half of the budget; if it is too much, hunt with the rest."""

    name = "auto"
    exhaustive = True

    def __init__(self, plan: Plan):
        super().__init__(plan)
        asked = beyond_classes(plan.spec)
        self._why = "one run of every class is enough"
        if asked:
            self._why = f"the property {asked!r} looks at situations"
        lost = plan.faults and not crashes_alone(plan)
        if lost:
            self._why = "messages may be lost in every situation"
        if plan.rare:
            self._why = "what is rare is no matter of classes"
        self._first: Depth | ByClasses = (
            Depth(plan, share=0.5)
            if asked or lost or plan.rare
            else ByClasses(plan, by_message=True, share=0.5, narrow=True)
        )
        self.time = self._first.time
        self._now: Search = self._first
        self._notes: list[str] = []

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make every run that is needed, then perhaps random ones."""
        yield from self._part(limit)
        first = self._first
        if isinstance(first, ByClasses) and first.declined:
            self._why = f"the property {first.declined!r} looks at situations"
            self._now = self._first = first = Depth(self.plan, share=0.5)
            yield from self._part(limit)
        if isinstance(first, ByClasses) and first.undecided:
            self._notes.append(f"{first.name}: {first.cut}")
            self._why = "situations know their times"
            self._now = first = Depth(self.plan, share=0.75)
            yield from self._part(limit)
        self.situations, self.time = first.situations, first.time
        picked = f"auto picked {first.name}, because {self._why}"
        if not first.cut:
            self._notes.append(picked)
            return
        self.exhaustive = False
        self._notes.append(f"{picked}: {first.runs} runs until {first.cut}; then a portfolio")
        self._now = hunt = Mixed(self.plan)
        self.seen = hunt.seen
        self.time = f"{first.time}, then {hunt.time}"
        yield from self._part(limit)
        self.cut = hunt.cut

    def _part(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        before = self.runs, self.transitions
        for run, ended in self._now.ends(limit):
            self._count(*before)
            yield run, ended
        self._count(*before)  # other processes may have made the last ones

    def _count(self, runs: int, transitions: int) -> None:
        self.runs, self.transitions = runs + self._now.runs, transitions + self._now.transitions

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._now.settings()

    def notes(self) -> list[str]:
        """Say what was picked, and why."""
        return [*self._notes, *self._first.notes()]


def crashes_alone(plan: Plan) -> bool:
    """Tell whether all that may go wrong is that processes crash."""
    return plan.network == "node" or set(plan.spec.faults) <= {"crash"}


def of_situations(spec: Spec) -> str:
    """Give the first property that looks at situations along the way, or ""."""
    for name, what in spec.properties.items():
        if not isinstance(what, Consistent):
            return name
    return ""


def beyond_classes(spec: Spec) -> str:
    """Give the first property that no search of classes decides, or "".

    What others look at is seen only in a run (`checkers.sight`). `sometimes` has to be reached
    within the bounds, and a class is made whatever its times.
    """
    for name, what in spec.properties.items():
        if not (isinstance(what, Consistent) or blind_to_pace(what)):
            return name
    return ""


class Deepening(Base):
    """Any strategy with no fault, then with one, and so on until something is found."""

    def __init__(self, name: str, plan: Plan):
        super().__init__(plan)
        self._levels = [
            replace(plan, faults=faults, runs=max(1, plan.runs // (plan.faults + 1)))
            for faults in range(plan.faults + 1)
        ]
        self._make = STRATEGIES[name]
        self._now = self._make(self._levels[0])
        self._found = False
        self._before = (0, 0, 0)
        self._begin(self._now)

    def _begin(self, search: Search) -> None:
        self._now = search
        self.name, self.time = search.name, search.time
        self.exhaustive, self.seen = search.exhaustive, search.seen

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make the runs of each level; a level that is cut is the last."""
        for level, plan in enumerate(self._levels):
            if level:
                self._begin(self._make(plan))
            part = (level + 1) / len(self._levels)

            def within(share: float, part: float = part) -> str:
                return limit(share * part)

            for run, ended in self._now.ends(within):
                self._count()
                self._found = self._found or bool(run.findings(ended))
                yield run, ended
            self._count()
            self._found = self._found or (plan.fleet is not None and plan.fleet.found())
            self._before = (self.runs, self.transitions, self.situations or 0)
            self.cut, self.exhaustive = self._now.cut, self._now.exhaustive
            if self._found or (self.cut and self.exhaustive and not self._now.round):
                return

    def _count(self) -> None:
        runs, transitions, situations = self._before
        now = self._now
        self.runs, self.transitions = runs + now.runs, transitions + now.transitions
        if now.situations is not None:
            self.situations = situations + now.situations

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._now.settings()

    def notes(self) -> list[str]:
        """Say with how many faults something was found, or how far the search came."""
        faults = self._now.plan.faults
        said = f"found with at most {faults}" if self._found else f"tried with up to {faults}"
        return [f"faults: {said} of {self.plan.faults}", *self._now.notes()]


STRATEGIES: dict[str, Callable[[Plan], Search]] = {
    "auto": Auto,
    "portfolio": Mixed,
    "walk": Walks,
    "pct": Pct,
    "pos": Pos,
    "surw": Surw,
    "bfs": Breadth,
    "dfs": Depth,
    "dpor": lambda plan: ByClasses(plan, by_message=False),
    "rf": lambda plan: ByClasses(plan, by_message=True),
    "delay": Hunt,
}


RANDOM = ("portfolio", "walk", "pct", "pos", "surw")
"""The strategies that draw at random, times included."""


def known_time(time: str, strategy: str) -> str:
    """Give a time model that a strategy has; any other is a UsageError."""
    if time == ANY_TIME and strategy in RANDOM:
        raise UsageError(
            f"{strategy} draws its times, within the bounds of time {BOUNDED!r}",
            where="--time",
            hint="Use --strategy rf with --time any.",
        )
    if time not in (ANY_TIME, BOUNDED):
        raise UsageError(
            f"{time!r} is no time model of a search",
            where="time=",
            hint=f"It is {ANY_TIME!r} or {BOUNDED!r}.",
        )
    return time


def strategy(name: str, plan: Plan) -> Search:
    """Begin a search; an unknown name raises UnknownStrategy."""
    if name not in STRATEGIES:
        raise UnknownStrategy(name, known=STRATEGIES)
    if plan.faults:
        return Deepening(name, plan)
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
