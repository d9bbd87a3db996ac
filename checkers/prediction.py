"""What else could have happened, from one run: each receive's other messages, timeouts and deaths.

The run is followed event by event; its causes and orders then say what could have come otherwise,
one change at a time (`plans`). Each candidate is made by a run: the events that do not depend on
the change, as they were, then the change, then the default schedule to the end, which is judged. So
nothing is claimed that did not happen in a run.

What counts as a change is what a process notices (`histories`). To get to one, others may have to
happen in another order that nobody notices: of every run that was made, the part in which each
process has done and seen what it did in the recorded run is looked at again. So whatever a process
can notice first is found.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checkers.by_classes import deviations
from checkers.events import Message
from checkers.finding import short
from checkers.findings import Finding
from checkers.fitting import Fitting
from checkers.following import CannotFollow, follow
from checkers.footprints import Widen
from checkers.forced import arranged
from checkers.histories import Entry, Histories
from checkers.judged import Judged
from checkers.plans import Explored, Plan, plans
from checkers.possible import prevented
from checkers.recorder import Recorder
from checkers.reduction import Reduction
from checkers.search import ANY_TIME, BOUNDED
from checkers.search import Plan as SearchPlan
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
    first: tuple[Entry, ...]  # what is noticed first, by one process or by several at once

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


UNTIMELY, UNDECIDED = "untimely", "undecided"
TRIES = 50  # at runs within bounds in which the same is noticed first
KEPT_MAX = 300_000  # events of runs that wait to be looked at again, of 400 bytes each
RUN_MAX = 2_000  # transitions of a run beyond the number of the recorded one, which may never end

Noticed = list[list[Entry]]
"""For each event of a run, the entries of histories that it is."""


class Base:
    """A run that is to be changed, and what was noticed first in those that differ from it.

    Each of its own plans gives a run. Of those that unnoticed changes lead to, only what is noticed
    for the first time is given: many of them say the same.
    """

    def __init__(self, run: Explored, noticed: Noticed):
        self.run = run
        self.known = frozenset(entry for entries in noticed for entry in entries)
        self.given: set[Entry] = set()
        # What is noticed first in runs that were not made within the bounds: how many, and why not.
        self.tried: dict[tuple[Entry | int, ...], tuple[int, str]] = {}


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
        super().__init__(self._made, by_message=True, depth_max=RUN_MAX, coarse=False)

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
        recorder = self.recorder_of(m)
        plain = self.spec.machine(self.parameters, self.settings)
        plain.checking = True
        try:
            follow(recorder, transitions, plain)
        except CannotFollow as stopped:
            raise UsageError(
                f"{stopped} cannot be followed under time any",
                where="trace", hint="Record the run with `check --strategy rf`, or by "
                "`simkernel run` without durations.",
            ) from stopped  # fmt: skip
        plain.close()
        self.found.events = len(recorder.events)
        self.depth_max = len(recorder.path) + RUN_MAX
        self.classes.add([event.number for event in recorder.events])
        explored = Explored(recorder)
        self._noticed = self._notices(recorder)
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
        bases = [Base(run, self._noticed)]
        self._bases: list[Base] = []
        for left in range(changes - 1, -1, -1):
            made: list[Base] = []
            for base in bases:
                self._bases.append(base)
                yield from self._changed(base, made if left else None, most, over)
                if self.found.stopped:
                    return
            bases = made

    def _changed(
        self, base: Base, made: list[Base] | None, most: int, over: Callable[[], bool]
    ) -> Iterator[Predicted]:  # fmt: skip
        """Make the runs that differ from one by a change; what nobody notices in them leads on."""
        base.run.all = (1 << len(base.run.events)) - 1
        waiting = deque([base.run])
        kept = 0  # events of those that wait
        crowded = False
        while waiting:
            looked_at = waiting.popleft()
            kept -= len(looked_at.events) if looked_at is not base.run else 0
            for plan in self._novel(looked_at):
                if self.found.candidates >= most or over():
                    self.found.stopped = f"{self.found.candidates} candidates were made"
                    return
                if self.known(plan):
                    continue
                one = self._made_of(plan)
                if one is None:
                    continue
                recorder, order = one
                run, noticed = Explored(recorder), self._notices(recorder)
                first = run.without(base.known, noticed)
                crowded = crowded or kept + len(run.events) > KEPT_MAX
                if not crowded:
                    waiting.append(run)
                    kept += len(run.events)
                direct = plan.run is base.run
                if direct or not base.given.issuperset(first):
                    if made is not None:
                        made.append(Base(run, noticed))
                    make = self._timely if self.bounded else self._judged
                    given = make(base, plan, recorder, order, first)
                    recorder.close()
                    if given is not None:
                        base.given.update(first)
                        yield given
                else:
                    recorder.close()
        if crowded:
            self.found.stopped = "not all runs were looked at again, there are too many"

    def _timely(
        self, base: Base, plan: Plan, recorder: Recorder, order: list[int],
        first: tuple[Entry, ...],
    ) -> Predicted | None:  # fmt: skip
        """Make a run like one that was made within the bounds; take note if there is none."""
        recorder.m.close()
        key = (self.found.candidates,) if plan.run is base.run else first
        count, why = base.tried.pop(key, (0, UNTIMELY))
        given: Predicted | str = why
        if count < TRIES:
            given = self._within(plan, recorder, order, first)
            count += 1
        if isinstance(given, str):
            # What is given up after so many tries was not decided.
            sure = why == given == UNTIMELY and count < TRIES
            base.tried[key] = count, UNTIMELY if sure else UNDECIDED
        reasons = Counter(why for one in self._bases for _, why in one.tried.values())
        self.found.untimely, self.found.undecided = reasons[UNTIMELY], reasons[UNDECIDED]
        return None if isinstance(given, str) else given

    def _judged(
        self, base: Base, plan: Plan, recorder: Recorder, order: list[int],
        first: tuple[Entry, ...],
    ) -> Predicted:  # fmt: skip
        ended = driver.BUDGET if recorder.too_long else self.judged.ended()
        found = tuple(self.judged.findings(ended))
        fresh = Judged(self.spec, self.parameters, self.settings).m
        picks = deviations(fresh, recorder.path)
        fresh.close()
        settings = replace(self.settings, picks=picks)
        path, kept = tuple(recorder.path), len(order) - 1
        return Predicted(_change(plan), found, settings, path, kept, first)

    def _made_of(self, plan: Plan) -> tuple[Recorder, list[int]] | None:
        """Make the run of a plan, and give the order in which it begins; None if none can be."""
        self.found.candidates += 1
        arrangement = None if prevented(plan) else arranged(plan)
        if arrangement is None:
            self.found.impossible += 1
            self._settled.add(self._key(plan))
            return None
        order, _ = arrangement
        recorder = self._run((plan, order))
        if recorder is None:
            self.found.blocked += 1
            return None
        self.classes.add([event.number for event in recorder.events])
        return recorder, order

    def _notices(self, recorder: Recorder) -> Noticed:
        """Give the entries of the histories that each event of a run is, from the run itself."""
        m = self.spec.machine(self.parameters, self.settings, snapshots=True)
        m.checking = True
        histories, found = Histories(m), []
        ends = [event.at for event in recorder.events[1:]] + [len(recorder.path)]
        place = 0
        for end in ends:
            steps, place = recorder.path[place:end], end
            found.append([entry for step in steps if (entry := histories.apply(step)) is not None])
        m.close()
        return found

    def _within(
        self, plan: Plan, recorder: Recorder, order: list[int], first: tuple[Entry, ...]
    ) -> Predicted | str:
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
            return UNDECIDED if undecided else UNTIMELY
        path, default = list(fitting.path), First()
        while run.m.count < self.plan.effects and (options := run.enabled()):
            path.append(default.pick(options))
            run.apply(path[-1])
        ended = run.ended() if not run.enabled() else driver.BUDGET
        found = tuple(run.findings(ended))
        run.m.close()
        fresh = self.plan.judged(self.plan.recorded()).m
        picks = deviations(fresh, path)
        fresh.close()
        return Predicted(_change(plan), found, replace(self.plan.recorded(), picks=picks),
                         tuple(path), only.bit_count() - 1, first)  # fmt: skip

    def _novel(self, run: Explored) -> list[Plan]:
        """Order the plans: first one for each pair of who receives and who sends, then the rest."""
        first: dict[Any, Plan] = {}
        rest = []
        for plan in plans(run):
            if plan.want == "over":
                continue  # nothing is changed in it
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
