"""The strategies that make one run of every class: `rf` and `dpor` (docs/explanation/search.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf

from checkers.crew import Crew
from checkers.events import Identities
from checkers.fitting import Fitting
from checkers.judged import Judged
from checkers.monitor import Consistent
from checkers.recorder import Recorder
from checkers.reduction import Reduction
from checkers.search import ANY_TIME, RUN_MAX, Base, Limit, Plan
from checkers.shared import Shared
from checkers.sight import Sight, Sighted, blind_to_pace
from checkers.watched import Watched
from simkernel.choice import First
from simkernel.errors import UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine, Transition
from simkernel.settings import Settings
from simkernel.spec import Spec

ALONE = Reduction.alone
"""So many runs one process makes before it asks others to help."""

UNDECIDED = "no order of their events was found that has times within the bounds"
"""Why a search of classes may decide nothing; or that has something left to happen at each crash.
"""


class ByClasses(Base):
    """One run of every class: `rf` and `dpor` (docs/explanation/search.md)."""

    exhaustive = True

    def __init__(self, plan: Plan, *, by_message: bool, share: float = 1.0, narrow: bool = False):
        super().__init__(plan)
        self.name = "rf" if by_message else "dpor"
        # Leave it where a property looks at more than one process, or a run has no end.
        self.narrow = narrow
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
            if self.narrow and search.cut and not run.findings(ended):
                return  # others tell more of a run without end
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
        picks = deviations(plan.judged(plan.recorded()).m, returning_last(recorder))
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


def returning_last(recorder: Recorder) -> list[Transition]:
    """Give the path of a class as the machine makes it.

    Once main has returned no deadline keeps a run going, which those of a class need not know: if
    one passes after that, main returns last, which no other event comes after.
    """
    path, m = recorder.made(), recorder.m
    if recorder.returned < 0:
        return path
    mine = Transition("do", m.root.pid)
    at = len(path) - 1 - path[::-1].index(mine)
    if any(step.kind in ("fire", "expire", "timeout") for step in path[at:]):
        path.append(path.pop(at))
    return path


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
