"""Several processes that make one search of classes together.

Each has some of the lanes, with the plans in them and the runs these were read off; of everything
that decides which plans are made (classes, identities, what waits where) each has all. So after
every round they tell each other what they found. The search is the one that one process makes.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from checkers.classes import Classes
from checkers.events import Actor, Message
from checkers.plans import Explored, Plan
from checkers.reduction import Given, Reduction, Turn
from checkers.shared import News, Shared
from simkernel.kernel.machine import Transition

Swap = Callable[[bytes], list[bytes] | None]
"""Gives everybody's message for one's own, in the order of the processes; None to stop."""


class Recipe(NamedTuple):
    """A plan, with what its run is made from."""

    path: list[tuple[Actor, Transition, tuple[Transition, ...]]]
    keep: int
    actor: Actor
    want: Any  # of a message its number in the run
    place: int


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

    def exchange(self, made: Iterator[Turn]) -> list[Turn]:
        """Give the turns of all lanes, in order, as one process would have made them."""
        search = self.search
        own = {turn.lane: turn for turn in made}
        identities = search.identities
        assert isinstance(identities, Shared)
        bare = [replace(turn, recorder=None, plan=None) for turn in own.values()]
        sent = [_sent(gift, search) for gift in search.given]
        answers = self.swap(pickle.dumps(Told(bare, identities.news, sent)))
        identities.news = []
        turns: list[Turn] = []
        given: list[Given] = []
        for answer in answers or ():
            told: Told = pickle.loads(answer)
            turns += told.turns
            given += told.given
            for one in told.news:
                identities.take(one)
        if answers is None or not self._settles(own, turns):
            search.cut = True
            return []
        mine = {gift.taker: gift for gift in search.given if gift.taker in own}
        search.given = [mine.get(gift.taker) or _received(gift, search) for gift in given]
        return _as_one(turns)

    def _settles(self, own: dict[int, Turn], turns: list[Turn]) -> bool:
        """Find the plans that classes of lanes before theirs have; False to stop.

        Puts the own turns in the place of what the others were told of them.
        """
        turns.sort(key=lambda turn: turn.lane)
        at = {turn.lane: place for place, turn in enumerate(turns)}
        index = Classes()
        for turn in turns:
            index.add(turn.numbers)
        doubts = {}
        for lane, turn in own.items():
            turns[at[lane]] = turn
            if turn.plan is not None and (have := _having(index, turn.plan, self.search)):
                doubts[lane] = have & (1 << at[lane]) - 1
        answers = self.swap(pickle.dumps(doubts))
        if answers is None:
            return False
        for answer in answers:
            doubts |= pickle.loads(answer)
        for turn in turns:
            have = doubts.get(turn.lane, 0)
            if any(have >> place & 1 and turns[place].what == "run" for place in at.values()):
                turn.what = "known"
        return True


def _having(index: Classes, plan: Plan, search: Reduction) -> int:
    last = plan.run.last_of(plan.keep)
    found = 0
    for number in plan.expected(search.identities):
        found |= index.having([number, *last])
    return found


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
        return gift._replace(plan=None)
    plan: Plan = gift.plan
    want = plan.want.serial if type(plan.want) is Message else plan.want
    path = [(event.actor, event.step, event.options) for event in plan.run.events]
    return gift._replace(plan=Recipe(path, plan.keep, plan.actor, want, plan.place))


def _received(gift: Given, search: Reduction) -> Given:
    if gift.taker not in search.lanes:
        return gift._replace(plan=None)
    recipe: Recipe = gift.plan
    m = search.make()
    m.checking = True
    recorder = search.recorder_of(m)
    for actor, step, options in recipe.path:
        recorder.do(actor, step, list(options))
    run = Explored(recorder)
    recorder.close()
    want = recipe.want
    if type(want) is int:
        of = run.messages[recipe.actor[1]]
        want = next(message for message in of if message.serial == want)
    return gift._replace(plan=Plan(run, recipe.keep, recipe.actor, want, recipe.place))
