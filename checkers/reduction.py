"""Search every equivalence class of runs once: the engines `dpor` and `rf`.

`dpor` tells runs apart by the order of all dependent events, `rf` (by_message) takes the order in a
mailbox for known once it is known which message each receive took. Both are the same search.

A run is made and recorded; then its plans are looked at. A plan that is part of a class that was
explored is dropped; any other is run to its end and gives a class that is new. That goes on in
rounds (`checkers.lanes`), which several processes may make together (`checkers.team`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from checkers.again import Again
from checkers.classes import Classes
from checkers.events import Actor, Identities, Message, places
from checkers.footprints import Widen
from checkers.lanes import LANES, Counts, Lane, gifts, level_of
from checkers.plans import Explored, Plan, arrangements, plans
from checkers.possible import described, prevented
from checkers.recorder import Recorder
from checkers.watched import Watched
from simkernel.errors import InternalError
from simkernel.kernel.driver import seldom_collected
from simkernel.kernel.machine import Transition


class Given(NamedTuple):
    """Plans of one run that go to another lane."""

    taker: int
    level: int  # the crashes in them
    plans: Any  # a list; what they are made from, if another process has them


Found = tuple[Plan, list[int]]
"""A plan that is part of no class so far, and an order of its events."""


@dataclass
class Turn:
    """What a lane did in a round."""

    lane: int
    what: str = ""  # "run", "known", "vain" if its plan could not be made, "widen", "cut"
    level: int = 0  # the crashes in its plan
    numbers: list[int] = field(default_factory=list)  # the class of its run
    transitions: int = 0
    too_long: bool = False
    flag: Any = None  # what more has to be told apart
    said: str = ""  # of a plan that could not be made
    settled: list[Any] = field(default_factory=list)  # plans that were found impossible on the way
    waiting: Counts = field(default_factory=dict)  # what is left in the lane
    over: bool = False  # whether its run is part of another, and over sooner
    # Of what follows other processes know nothing.
    recorder: Recorder | None = None
    plan: Plan | None = None
    leads: list[Plan] | None = None  # what its run leads to

    def told(self) -> Turn:
        """Give what other processes are told of it."""
        return Turn(
            self.lane, self.what, self.level, self.numbers, self.transitions, self.too_long,
            self.flag, self.said, self.settled, self.waiting,
            self.over,
        )  # fmt: skip

    def look_ahead(self) -> list[Plan]:
        """Read off its run what it leads to, if that is not done yet."""
        if self.leads is None:
            assert self.recorder is not None
            self.leads = [*plans(Explored(self.recorder))]
        return self.leads


Exchange = Callable[[Iterator[Turn]], list[Turn]]
"""Gives the turns of all lanes for those of some."""


class Reduction:
    """One search. `ends()` runs machines to their ends and yields there."""

    alone = 100
    """So many runs one lane makes before others get plans of it: it finds most bugs soonest."""

    def __init__(
        self, make: Callable[[], Watched], *, by_message: bool, depth_max: int = 100_000,
        identities: Callable[[], Identities] = Identities, coarse: bool = True,
    ):  # fmt: skip
        self.make = make
        self.new_identities = identities
        self.lanes = range(LANES)
        self.exchange: Exchange | None = None  # with other processes: `checkers.team`
        self.by_message = by_message
        self.coarse = coarse  # whether runs need not be those of the machine, event by event
        self.depth_max = depth_max
        self.flags: frozenset[Any] = frozenset()
        self.ended = 0  # runs, those before it began again too
        self.begins_again()

    def begins_again(self) -> None:
        """Forget what was explored."""
        self.identities = self.new_identities()
        self.classes = Classes()
        self.runs = 0
        self.transitions = 0
        self.cut = False
        self.recorder: Recorder | None = None
        # A class says nothing of those in which fewer crash, so that those come first.
        self.level: int | None = 0
        self._lanes = {lane: Lane() for lane in self.lanes}
        self.given: list[Given] = []  # on their way to another lane
        # Plans that were found impossible, or part of a class, which they will always be.
        self._settled: set[tuple[Any, ...]] = set()
        self._over_at: set[int] = set()  # all events of a class, where it is over with them

    def ends(self, cut: Callable[[], bool] = lambda: False, most: float = inf) -> Iterator[Watched]:
        """Yield the machine at the end of one run of every class.

        `cut` is asked before each run; once it says yes the search is over and `self.cut` is set.
        After `most` runs the search rests; called again it goes on.
        """
        with seldom_collected():
            while not self.over and self.runs < most:
                yield from self._round(cut)

    @property
    def over(self) -> bool:
        """Tell whether nothing is left to do."""
        return self.level is None or self.cut

    def keep_lanes(self, lanes: range) -> None:
        """Leave the other lanes to other processes."""
        self.lanes = lanes
        self._lanes = {lane: self._lanes[lane] for lane in lanes}

    # --- Rounds --------------------------------------------------------------------------------

    def _round(self, cut: Callable[[], bool]) -> Iterator[Watched]:
        """Let every lane make a run, and put together what they lead to."""
        turns: list[Turn] = []
        explored: list[Turn] = []
        made = self._turns(cut)
        for turn in made if self.exchange is None else self.exchange(made):
            turns.append(turn)
            self._settled.update(turn.settled)
            if turn.what == "widen":
                self.flags |= {turn.flag}
                self.begins_again()
                return
            if turn.what == "vain":
                raise InternalError(f"a run was begun in vain. {turn.said}")
            if turn.what == "run":
                yield from self._over(turn, explored)
            if self.cut:
                return
        if self.cut:  # told by another process, which ends the round
            return
        self._share(turns)
        for turn in explored:
            for plan in turn.look_ahead():
                if not self.known(plan):
                    self._lanes[turn.lane].push(plan)

    def _turns(self, cut: Callable[[], bool]) -> Iterator[Turn]:
        """Let every lane take a plan; then make them, one by one."""
        taken = [self._taken(lane) for lane in self._lanes]
        for turn, found in taken:
            if turn.what and cut():
                self.cut = True
                turn.what = "cut"
            elif found is not None and self.exchange is None and self.known(found[0]):
                turn.what = "known"  # by what lanes before it have come to
            elif turn.what:
                self._make(turn, found)
            yield turn

    def _over(self, turn: Turn, explored: list[Turn]) -> Iterator[Watched]:
        """Take note of a class that is new."""
        digest = _digest(turn.numbers)
        if turn.over and digest in self._over_at:  # by another process, in this round
            turn.what = "known"
            if turn.recorder is not None:
                turn.recorder.close()
            return
        self.runs += 1
        self.ended += 1
        self.transitions += turn.transitions
        self.classes.add(turn.numbers)
        self._over_at.add(digest)
        self.cut = self.cut or turn.too_long
        if turn.recorder is not None:
            recorder = self.recorder = turn.recorder
            yield recorder.m
            if not self.cut:
                turn.look_ahead()  # while the machine is as it ended
                explored.append(turn)
            recorder.close()

    def _share(self, turns: list[Turn]) -> None:
        """Let lanes have plans of others, and see with how many crashes to go on."""
        for gift in self.given:
            turns[gift.taker].waiting[gift.level] = 1
            if gift.taker in self._lanes:
                self._lanes[gift.taker].put_under(gift.plans)
        waiting = [turn.waiting for turn in turns]
        made = [{turn.level: 1} for turn in turns if turn.what]
        level = self.level = level_of([*waiting, *made])
        self.given = []
        if level is None or self.ended < self.alone:
            return
        for giver, taker in gifts(waiting, level):
            if giver in self._lanes:
                given = self._lanes[giver].give()
                self.given.append(Given(taker, given[0].crashes, given))

    # --- Plans ---------------------------------------------------------------------------------

    def _taken(self, at: int) -> tuple[Turn, Found | None]:
        """Take the next plan of a lane, if there is one."""
        turn = Turn(at)
        found = None
        if not self.classes.count:
            turn.what = "" if at else "run"  # the first run of all has no plan
        elif (found := self._next(self._lanes[at], turn.settled)) is not None:
            turn.what, turn.plan, turn.level = "run", found[0], found[0].crashes
        turn.waiting = self._lanes[at].counts()
        return turn, found

    def _next(self, lane: Lane, settled: list[Any]) -> Found | None:
        """Give the next plan that is part of no class so far, with the order of its events."""
        assert self.level is not None
        while (plan := lane.pop(self.level)) is not None:
            if self.known(plan):
                continue
            if prevented(plan):
                self._settled.add(self._key(plan))
                continue
            if plan.want == "over":
                return plan, [*plan.sooner(), -1]
            if plan.place < 0:
                return plan, [*places(plan.keep), -1]
            for order, keep in arrangements(plan):
                if keep == plan.keep:
                    return plan, order
                smaller = Plan(plan.run, keep, plan.actor, plan.want, plan.place)
                if not self.known(smaller):
                    lane.push(smaller)
            settled.append(self._key(plan))
        return None

    def known(self, plan: Plan) -> bool:
        """Tell whether a plan need not be run."""
        key = self._key(plan)
        if key in self._settled:
            return True
        if plan.want == "over":
            known = _digest(plan.numbers()) in self._over_at
        else:
            classes, last = self.classes, plan.last
            known = any(classes.has([number, *last]) for number in plan.expected(self.identities))
        if known:
            self._settled.add(key)
        return known

    def _key(self, plan: Plan) -> Any:
        """Tell plans apart."""
        want = plan.want
        if type(want) is Message:
            want = plan.run.events[want.came].number
        return (plan.actor, want, *plan.last)

    # --- Runs ----------------------------------------------------------------------------------

    def _make(self, turn: Turn, found: Found | None) -> None:
        """Make a run, and note in the turn what became of it."""
        turn.over = found is not None and found[0].want == "over"
        try:
            recorder = turn.recorder = self._run(found)
        except Widen as more:
            turn.what, turn.flag = "widen", more.flag
            return
        if recorder is None:
            assert found is not None
            if turn.over:
                turn.what = "known"  # somebody is at work, which other plans tell
                turn.settled.append(self._key(found[0]))
                self._settled.add(turn.settled[-1])
                return
            turn.what, turn.said = "vain", described(found[0])
            return
        turn.numbers = [event.number for event in recorder.events]
        turn.transitions = len(recorder.path)
        turn.too_long = recorder.too_long

    def _run(self, found: Found | None) -> Recorder | None:
        """Make a run that begins with the events of a plan; None if its last one cannot be."""
        m = self.make()
        m.checking = True
        recorder = self.recorder_of(m)
        if found is not None and not self._begin(recorder, *found):
            recorder.close()
            plan, order = found
            usual = [*places(plan.keep), -1]
            again = plan.want == "over" and order != usual
            return self._run((plan, usual)) if again else None
        self._go_on(recorder)
        return recorder

    def recorder_of(self, m: Watched) -> Recorder:
        """Give what records a run of a machine."""
        return Recorder(
            m, self.identities, self.flags, by_message=self.by_message, coarse=self.coarse
        )

    def _begin(self, recorder: Recorder, plan: Plan, order: list[int]) -> bool:
        """Make the events of a plan; False if its last one cannot be."""
        again = Again(recorder, plan)
        for place in order:
            if place >= 0:
                again.make(place)
            elif plan.want == "over":
                same = _digest(e.number for e in recorder.events) == _digest(plan.numbers())
                return same and recorder.any(None) is None
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
                recorder.too_long = True
                return
            actor, options = found
            recorder.do(actor, options[0], options)


def _digest(numbers: Iterable[int]) -> int:
    return hash(frozenset(numbers))
