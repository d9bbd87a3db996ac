"""Search every equivalence class of runs once: the engines `dpor` and `rf`.

`dpor` tells runs apart by the order of all dependent events, `rf` (by_message) takes the order in a
mailbox for known once it is known which message each receive took. Both are the same search.

A run is made and recorded; then its plans are looked at. A plan that is part of a class that was
explored is dropped; any other is run to its end and gives a class that is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from checkers.again import Again
from checkers.classes import Classes
from checkers.events import Actor, Identities, Message
from checkers.footprints import Widen
from checkers.plans import Explored, Plan, arrangements, plans
from checkers.possible import described, prevented
from checkers.recorder import Recorder
from checkers.watched import Watched
from simkernel.errors import InternalError
from simkernel.kernel.driver import seldom_collected
from simkernel.kernel.machine import Machine, Transition


class Reduction:
    """One search. `ends()` runs machines to their ends and yields there."""

    def __init__(self, make: Callable[[], Watched], *, by_message: bool, depth_max: int = 100_000):
        self.make = make
        self.by_message = by_message
        self.depth_max = depth_max
        self.flags: frozenset[Any] = frozenset()
        self.begins_again()

    def begins_again(self) -> None:
        """Forget what was explored."""
        self.identities = Identities()
        self.classes = Classes()
        self.runs = 0
        self.transitions = 0
        self.blocked = 0
        self.cut = False
        self.recorder: Recorder | None = None
        # By how many crashes they have: a class says nothing of those in which fewer happen.
        self._waiting: dict[int, list[Plan]] = {}
        # Plans that were found impossible, or part of a class, which they will always be.
        self._settled: set[tuple[Any, ...]] = set()

    def ends(self, cut: Callable[[], bool] = lambda: False) -> Iterator[Machine]:
        """Yield the machine at the end of one run of every class.

        `cut` is asked before each run; once it says yes the search is over and `self.cut` is set.
        """
        with seldom_collected():
            yield from self._ends(cut)

    def _ends(self, cut: Callable[[], bool]) -> Iterator[Machine]:
        found: tuple[Plan, list[int]] | None = None
        while True:
            if cut():
                self.cut = True
                return
            try:
                recorder = self._run(found)
            except Widen as more:
                self.flags |= {more.flag}
                self.begins_again()
                found = None
                continue
            if recorder is None:
                assert found is not None
                raise InternalError(f"a run was begun in vain. {described(found[0])}")
            self.runs += 1
            self.classes.add([event.number for event in recorder.events])
            self.recorder = recorder
            yield recorder.m
            if self.cut:
                return
            explored = Explored(recorder)
            recorder.close()
            for one in plans(explored):
                if not self._known(one):
                    self._wait(one)
            found = self._next()
            if found is None:
                return

    # --- Plans ---------------------------------------------------------------------------------

    def _wait(self, plan: Plan) -> None:
        self._waiting.setdefault(plan.crashes, []).append(plan)

    def _next(self) -> tuple[Plan, list[int]] | None:
        """Give the next plan that is part of no class so far, with the order of its events; those
        with the fewest crashes first."""
        while self._waiting:
            fewest = min(self._waiting)
            plan = self._waiting[fewest].pop()
            if not self._waiting[fewest]:
                del self._waiting[fewest]
            if self._known(plan):
                continue
            if prevented(plan):
                self._settled.add(self._key(plan))
                continue
            if plan.place < 0:
                return plan, [*_places(plan.keep), -1]
            for order, keep in arrangements(plan):
                if keep == plan.keep:
                    return plan, order
                smaller = Plan(plan.run, keep, plan.actor, plan.want, plan.place)
                if not self._known(smaller):
                    self._wait(smaller)
            self._settled.add(self._key(plan))
        return None

    def _known(self, plan: Plan) -> bool:
        """Tell whether a plan need not be run."""
        last = plan.run.last_of(plan.keep)
        key = self._key(plan, last)
        if key in self._settled:
            return True
        if any(self.classes.has([number, *last]) for number in plan.expected(self.identities)):
            self._settled.add(key)
            return True
        return False

    def _key(self, plan: Plan, last: list[int] | None = None) -> Any:
        """Tell plans apart; `last` are the last events that it keeps, if they are known."""
        want = plan.want
        if last is None:
            last = plan.run.last_of(plan.keep)
        if type(want) is Message:
            want = plan.run.events[want.came].number
        return (plan.actor, want, *last)

    # --- Runs ----------------------------------------------------------------------------------

    def _run(self, found: tuple[Plan, list[int]] | None) -> Recorder | None:
        """Make a run that begins with the events of a plan; None if its last one cannot be."""
        m = self.make()
        m.checking = True
        recorder = Recorder(m, self.identities, self.flags, by_message=self.by_message)
        if found is not None and not self._begin(recorder, *found):
            self.blocked += 1
            self._settled.add(self._key(found[0]))
            recorder.close()
            return None
        self._go_on(recorder)
        self.transitions += len(recorder.path)
        return recorder

    def _begin(self, recorder: Recorder, plan: Plan, order: list[int]) -> bool:
        """Make the events of a plan; False if its last one cannot be."""
        again = Again(recorder, plan)
        for place in order:
            if place >= 0:
                again.make(place)
            elif self._new(recorder, plan):
                again.skip()
            else:
                return False
        return True

    def _new(self, recorder: Recorder, plan: Plan) -> bool:
        options = recorder.of(plan.actor)
        want = plan.want
        if not options:
            return False
        step = options[0]
        if type(want) is Transition:
            if want not in options:
                return False
            step = want
        elif want == "timeout":
            if step.kind != "timeout":
                return False
        elif want is not None:
            if step.kind != "take":
                return False
            box = recorder.boxes[step.who]
            wanted = plan.run.events[want.came].number
            found = box[recorder.m.processes[step.who].match]
            if recorder.events[found.came].number != wanted:
                return False
        recorder.do(plan.actor, step, options)
        return True

    def _go_on(self, recorder: Recorder) -> None:
        """Follow the default schedule to the end."""
        actor: Actor | None = None
        while True:
            start = actor[1] if actor is not None and actor[0] == "body" else None
            found = recorder.any(start)
            if found is None:
                return
            if len(recorder.path) >= self.depth_max:
                self.cut = True
                return
            actor, options = found
            recorder.do(actor, options[0], options)


def _places(keep: int) -> Iterator[int]:
    place = 0
    while keep >> place:
        if keep >> place & 1:
            yield place
        place += 1
