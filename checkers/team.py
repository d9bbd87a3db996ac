"""Several processes that make one search of classes together.

Each has some of the lanes, with the plans in them and the runs these were read off; of everything
that decides which plans are made (classes, identities, what waits where) each has all. So after
every round they tell each other what they found. The search is the one that one process makes.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from checkers.events import Actor, Message
from checkers.plans import Explored, Plan
from checkers.reduction import Given, Reduction, Turn
from checkers.shared import News, Shared
from simkernel.kernel.machine import Transition

Meanwhile = Callable[[], bool]
"""Does a little of what has to be done some time; tells whether there was anything."""

Swap = Callable[[bytes, Meanwhile], list[bytes] | None]
"""Gives the messages of the others for one's own; None to stop."""


class Recipe(NamedTuple):
    """Plans, with what their run is made from."""

    path: list[tuple[Actor, Transition, tuple[Transition, ...]]]
    changes: list[tuple[int, Actor, Any, int]]  # a message that is wanted as its number in the run


class Told(NamedTuple):
    """What a process tells the others after a round."""

    turns: list[Turn]
    news: list[News]
    given: list[Given]


class Member:
    """One of the processes; `swap` reaches the others."""

    def __init__(self, search: Reduction, index: int, count: int, swap: Swap):
        self.search = search
        self.swap = swap
        lanes = search.lanes
        search.keep_lanes(lanes[index::count])
        search.given = [gift for gift in search.given if gift.taker in search.lanes]
        assert isinstance(search.identities, Shared)
        search.identities.news = []
        search.exchange = self.exchange
        self._ahead: list[Turn] = []

    def exchange(self, made: Iterator[Turn]) -> list[Turn]:
        """Give the turns of all lanes, in order, as one process would have made them."""
        search = self.search
        own = {turn.lane: turn for turn in made}
        identities = search.identities
        assert isinstance(identities, Shared)
        gifts = [_sent(gift, search) for gift in search.given]
        told = Told([turn.told() for turn in own.values()], identities.news, gifts)
        identities.news = []
        self._ahead = [turn for turn in own.values() if turn.what == "run"]
        answers = self.swap(pickle.dumps(told), self._look_ahead)
        turns, given = told.turns, told.given
        for answer in answers or ():
            other: Told = pickle.loads(answer)
            turns += other.turns
            given += other.given
            for one in other.news:
                identities.take(one)
        if answers is None or not self._settles(own, turns):
            search.cut = True
            return []
        mine = {gift.taker: gift for gift in search.given if gift.taker in own}
        search.given = [mine.get(gift.taker) or _received(gift, search) for gift in given]
        return _as_one(turns)

    def _look_ahead(self) -> bool:
        """Read off a run what it leads to, for the time when all agree that it counts."""
        if not self._ahead:
            return False
        self._ahead.pop().look_ahead()
        return True

    def _settles(self, own: dict[int, Turn], turns: list[Turn]) -> bool:
        """Find the plans that classes of lanes before theirs have; False to stop.

        Puts the own turns in the place of what the others were told of them.
        """
        turns.sort(key=lambda turn: turn.lane)
        at = {turn.lane: place for place, turn in enumerate(turns)}
        found = [(turn.lane, frozenset(turn.numbers)) for turn in turns if turn.numbers]
        doubts = {}
        for lane, turn in own.items():
            turns[at[lane]] = turn
            if turn.plan is not None and (have := self._having(turn, found)):
                doubts[lane] = have
        answers = self.swap(pickle.dumps(doubts), self._look_ahead)
        if answers is None:
            return False
        for answer in answers:
            doubts |= pickle.loads(answer)
        for turn in turns:
            if any(turns[at[lane]].what == "run" for lane in doubts.get(turn.lane, ())):
                turn.what = "known"
        return True

    def _having(self, turn: Turn, found: list[tuple[int, frozenset[int]]]) -> list[int]:
        """Give the lanes before one whose classes have the plan that it made."""
        plan = turn.plan
        assert plan is not None
        return [
            lane
            for number in plan.expected(self.search.identities)
            for lane, numbers in found
            if lane < turn.lane and number in numbers and numbers.issuperset(plan.last)
        ]


def _as_one(turns: list[Turn]) -> list[Turn]:
    """Leave out what one process would not have made."""
    for place, turn in enumerate(turns):
        if turn.what == "known" and turn.recorder is not None:
            turn.recorder.close()
            turn.recorder = None
        if turn.what == "widen" or (turn.what == "run" and turn.too_long):
            for later in turns[place + 1 :]:
                if later.recorder is not None:
                    later.recorder.close()
            return turns[: place + 1]
    return turns


def _sent(gift: Given, search: Reduction) -> Given:
    if gift.taker in search.lanes:
        return gift._replace(plans=None)
    given: list[Plan] = gift.plans
    path = [(event.actor, event.step, event.options) for event in given[0].run.events]
    changes = [
        (plan.keep, plan.actor,
         plan.want.serial if type(plan.want) is Message else plan.want, plan.place)
        for plan in given
    ]  # fmt: skip
    return gift._replace(plans=Recipe(path, changes))


def _received(gift: Given, search: Reduction) -> Given:
    if gift.taker not in search.lanes:
        return gift._replace(plans=None)
    recipe: Recipe = gift.plans
    m = search.make()
    m.checking = True
    recorder = search.recorder_of(m)
    for actor, step, options in recipe.path:
        recorder.do(actor, step, list(options))
    run = Explored(recorder)
    recorder.close()
    return gift._replace(plans=[_plan(run, *change) for change in recipe.changes])


def _plan(run: Explored, keep: int, actor: Actor, want: Any, place: int) -> Plan:
    if type(want) is int:
        want = next(message for message in run.messages[actor[1]] if message.serial == want)
    return Plan(run, keep, actor, want, place)
