"""Plans that wait, in lanes: what several processes can take from without changing the result.

A search of classes goes on in rounds. In each round every lane gives one plan, and what the runs of
a round lead to is put together in the order of the lanes. The number of lanes is fixed, so that it
does not matter how many processes share them: a search by one is the same search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from checkers.plans import Plan

LANES = 32

Counts = dict[int, int]
"""How many plans wait, by the number of crashes in them."""


class Lane:
    """A stack of plans, of which those with the fewest crashes come first."""

    def __init__(self) -> None:
        self._plans: dict[int, list[Plan]] = {}

    def push(self, plan: Plan) -> None:
        """Let a plan be the next of those with so many crashes."""
        self._plans.setdefault(plan.crashes, []).append(plan)

    def put_under(self, plans: list[Plan]) -> None:
        """Let plans be the last of those with so many crashes."""
        self._plans.setdefault(plans[0].crashes, [])[:0] = plans

    def pop(self, level: int) -> Plan | None:
        """Take the next plan that has no more crashes than `level`."""
        fewest = min(self._plans, default=level + 1)
        if fewest > level:
            return None
        plans = self._plans[fewest]
        plan = plans.pop()
        if not plans:
            del self._plans[fewest]
        return plan

    def give(self) -> list[Plan]:
        """Take the plans that have waited longest, which most is expected of: up to half of all,
        and all of one run, since another process has to make that again."""
        crashes = min(self._plans)
        plans = self._plans[crashes]
        most = max(1, len(plans) // 2)
        count = next((at for at in range(most) if plans[at].run is not plans[0].run), most)
        given, plans[:count] = plans[:count], []
        if not plans:
            del self._plans[crashes]
        return given

    def counts(self) -> Counts:
        """Count what waits."""
        return {crashes: len(plans) for crashes, plans in self._plans.items()}


class Gift(NamedTuple):
    """Plans are to go from one lane to another."""

    giver: int
    taker: int


def level_of(waiting: Iterable[Counts]) -> int | None:
    """Give the fewest crashes of any plan; None if there is no plan."""
    return min((crashes for counts in waiting for crashes in counts), default=None)


def gifts(waiting: Sequence[Counts], level: int) -> list[Gift]:
    """Share: who has most at a level gives to a lane that has nothing to do, and rather to one that
    is likely to be with the same process; what it gives counts as half of what it has.

    >>> gifts([{0: 3}, {}, {1: 4}, {}, {0: 9}, {}], 0)
    [Gift(giver=4, taker=1), Gift(giver=4, taker=2), Gift(giver=0, taker=3), Gift(giver=4, taker=5)]
    """
    ready = [_ready(counts, level) for counts in waiting]
    takers = [lane for lane, count in enumerate(ready) if not count]
    found = []
    while takers and max(ready) > 1:
        giver = ready.index(max(ready))
        ready[giver] -= ready[giver] // 2
        taker = max(takers, key=lambda lane: (_near(giver, lane), -lane))
        takers.remove(taker)
        found.append(Gift(giver, taker))
    return found


def _near(lane: int, other: int) -> int:
    """Tell how likely it is that one process has both, whose lanes are as far apart as there are
    processes."""
    return sum((lane - other) % count == 0 for count in (2, 3, 4, 8))


def _ready(counts: Counts, level: int) -> int:
    return sum(count for crashes, count in counts.items() if crashes <= level)
