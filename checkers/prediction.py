"""What else could have happened, from one run: each receive's other messages, timeouts and deaths.

The run is followed event by event; its causes and orders then say what could have come otherwise,
one change at a time (`plans`). Each candidate is made by a run: the events that do not depend on
the change, as they were, then the change, then the default schedule to the end, which is judged. So
nothing is claimed that did not happen in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checkers.events import Message
from checkers.finding import short
from checkers.findings import Finding
from checkers.fitting import Fitting
from checkers.following import CannotFollow, follow
from checkers.footprints import Widen
from checkers.forced import arranged
from checkers.judged import Judged
from checkers.plans import Explored, Plan, plans
from checkers.recorder import Recorder
from checkers.reduction import Reduction
from checkers.search import ANY_TIME, BOUNDED
from checkers.search import Plan as SearchPlan
from checkers.strategies import deviations
from checkers.watched import Watched
from simkernel.choice import First
from simkernel.errors import UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings
from simkernel.spec import Spec
from simkernel.terms import thaw


@dataclass(frozen=True)
class Predicted:
    """One other run: what is changed, what is wrong with it, and the settings that replay it."""

    change: str
    findings: tuple[Finding, ...]
    settings: Settings
    path: tuple[Transition, ...]
    kept: int  # events of the run that come first, as they were

    @property
    def transitions(self) -> int:
        """How long the run is."""
        return len(self.path)


@dataclass
class Prediction:
    """What came of a run: how many changes were looked at, and how many could not be made."""

    events: int = 0
    candidates: int = 0
    impossible: int = 0  # another event stands in the way of each order
    blocked: int = 0  # an order was found, and the run did not follow it: a false alarm
    untimely: int = 0  # no times within the bounds allow it
    undecided: int = 0  # none were found, and not all orders of its events were tried
    stopped: str = ""


class Predictor(Reduction):
    """Follows one run, and makes the runs that differ from it by one change."""

    def __init__(
        self, spec: Spec, parameters: Mapping[str, Any], settings: Settings, time: str = ANY_TIME
    ):  # fmt: skip
        self.bounded = time == BOUNDED
        self.plan = SearchPlan(spec, parameters, settings.network, time=time)
        self.spec = spec
        self.parameters = parameters
        self.settings = Settings(network=settings.network, time="any", picker="recorded")
        self.found = Prediction()
        super().__init__(self._made, by_message=True)

    def _made(self) -> Watched:
        self.judged = Judged(self.spec, self.parameters, self.settings, kind=Watched)
        m = self.judged.m
        assert isinstance(m, Watched)
        return m

    def follow(self, transitions: Sequence[Transition]) -> Explored:
        """Make the recorded run again, and take down its causes."""
        while True:
            try:
                return self._followed(transitions)
            except Widen as more:
                self.flags |= {more.flag}
                self.begins_again()

    def _followed(self, transitions: Sequence[Transition]) -> Explored:
        m = self.make()
        m.checking = True
        recorder = Recorder(m, self.identities, self.flags, by_message=True)
        try:
            follow(recorder, transitions)
        except CannotFollow as stopped:
            raise UsageError(
                f"{stopped} cannot be followed under time any",
                where="trace", hint="Record the run with `check --strategy rf`, or by "
                "`simkernel run` without durations.",
            ) from stopped  # fmt: skip
        self.found.events = len(recorder.events)
        self.classes.add([event.number for event in recorder.events])
        explored = Explored(recorder)
        recorder.close()
        return explored

    def others(
        self, transitions: Sequence[Transition], most: int,
        over: Callable[[], bool] = lambda: False, changes: int = 1,
    ) -> Iterator[Predicted]:  # fmt: skip
        """Make a run of each candidate; those of a kind that was not seen before come first.

        With more `changes` than one those runs are changed again, so many times, once all runs of
        fewer changes are made.
        """
        given: set[Any] = set()
        while True:
            self.found = Prediction()
            try:
                for one in self._others(self.follow(transitions), most, over, changes):
                    if one.settings.picks not in given:
                        given.add(one.settings.picks)
                        yield one
                return
            except Widen as more:
                # A run showed that more has to be told apart: all is looked at again.
                self.flags |= {more.flag}
                self.begins_again()

    def _others(
        self, run: Explored, most: int, over: Callable[[], bool], changes: int
    ) -> Iterator[Predicted]:  # fmt: skip
        runs = [run]
        for left in range(changes - 1, -1, -1):
            self._made_runs: list[Explored] | None = [] if left else None
            for one in runs:
                yield from self._changed(one, most, over)
                if self.found.stopped:
                    return
            runs = self._made_runs or []

    def _changed(self, run: Explored, most: int, over: Callable[[], bool]) -> Iterator[Predicted]:
        for plan in self._novel(run):
            if self.found.candidates >= most or over():
                self.found.stopped = f"{self.found.candidates} candidates were made"
                return
            if self.known(plan):
                continue
            self.found.candidates += 1
            arrangement = arranged(plan)
            if arrangement is None:
                self.found.impossible += 1
                continue
            order, keep = arrangement
            recorder = self._run((plan, order))
            if recorder is None:
                self.found.blocked += 1
                continue
            self.classes.add([event.number for event in recorder.events])
            if self._made_runs is not None:
                self._made_runs.append(Explored(recorder))
            if self.bounded:
                recorder.m.close()
                one = self._within(plan, recorder, order)
                if one is not None:
                    yield one
                continue
            ended = driver.BUDGET if recorder.too_long else self.judged.ended()
            found = tuple(self.judged.findings(ended))
            path = list(recorder.path)
            recorder.close()
            fresh = Judged(self.spec, self.parameters, self.settings).m
            picks = deviations(fresh, path)
            fresh.close()
            yield Predicted(
                _change(plan), found, replace(self.settings, picks=picks), tuple(path),
                keep.bit_count(),
            )  # fmt: skip

    def _within(self, plan: Plan, recorder: Recorder, order: list[int]) -> Predicted | None:
        """Make the kept events and the change within the bounds, and go on from there."""
        change = recorder.events[order.index(-1)]
        undecided = False
        # What is kept besides the causes of the change may be of a time that is later than it.
        for only in dict.fromkeys(((1 << len(order)) - 1, change.past)):
            run = self.plan.judged(self.plan.recorded(), snapshots=True)
            fitting = Fitting(run, recorder, only)
            if fitting.fits():
                break
            undecided = undecided or fitting.gave_up
            run.m.close()
        else:
            self.found.undecided += undecided
            self.found.untimely += not undecided
            return None
        path, first = list(fitting.path), First()
        while run.m.count < self.plan.effects and (options := run.enabled()):
            path.append(first.pick(options))
            run.apply(path[-1])
        ended = run.ended() if not run.enabled() else driver.BUDGET
        found = tuple(run.findings(ended))
        run.m.close()
        fresh = self.plan.judged(self.plan.recorded()).m
        picks = deviations(fresh, path)
        fresh.close()
        return Predicted(_change(plan), found, replace(self.plan.recorded(), picks=picks),
                         tuple(path), only.bit_count() - 1)  # fmt: skip

    def _novel(self, run: Explored) -> list[Plan]:
        """Order the plans: first one for each pair of who receives and who sends, then the rest."""
        first: dict[Any, Plan] = {}
        rest = []
        for plan in plans(run):
            sender = None
            if isinstance(plan.want, Message):
                sender = run.events[plan.want.came].actor[:2]
            key = (plan.actor, sender, str(plan.want) if sender is None else "")
            if first.setdefault(key, plan) is not plan:
                rest.append(plan)
        return [*first.values(), *rest]


def _change(plan: Plan) -> str:
    """Say what is changed."""
    kind, who = plan.actor[0], plan.actor[1]
    name = str(who) if kind != "way" else f"a signal from {who} to {plan.actor[2]}"
    want = plan.want
    if isinstance(want, Message):
        got = plan.run.events[plan.place].receive
        before = "" if got is None or got.got is None else (
            f" instead of {short(thaw(got.got.content))}")  # fmt: skip
        return f"{name} takes {short(thaw(want.content))}{before}"
    if want == "timeout":
        return f"the time of {name} is over before its message is there"
    if isinstance(want, Transition):
        return f"{name}: {want}"
    what = {"timer": "the timer fires", "queue": "a signal is handled", "way": "it arrives"}
    return f"{name}: {what.get(kind, 'its next step comes')} earlier"


def predict(
    spec: Spec, parameters: Mapping[str, Any], settings: Settings,
    transitions: Sequence[Transition], *, most: int = 1_000, time: str = ANY_TIME,
) -> tuple[list[Predicted], Prediction]:  # fmt: skip
    """Give the runs that differ from a recorded one by one change, and what was looked at.

    With `time="bounded"` steps, and signals on `cluster`, take no longer than in a check: a change
    that no times allow is none.
    """
    work = Predictor(spec, parameters, settings, time)
    return list(work.others(transitions, most)), work.found
