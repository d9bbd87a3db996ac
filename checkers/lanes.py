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

    def put_under(self, plan: Plan) -> None:
        """Let a plan be the last of those with so many crashes."""
        self._plans.setdefault(plan.crashes, []).insert(0, plan)

    def pop(self, level: int) -> Plan | None:
        """Take the next plan that has no more crashes than `level`."""
        fewest = min(self._plans, default=level + 1)
        return self._take(fewest, -1) if fewest <= level else None

    def give(self) -> Plan:
        """Take the plan that has waited longest, which most is expected of."""
        return self._take(min(self._plans), 0)

    def counts(self) -> Counts:
        """Count what waits."""
        return {crashes: len(plans) for crashes, plans in self._plans.items()}

    def _take(self, crashes: int, at: int) -> Plan:
        plans = self._plans[crashes]
        plan = plans.pop(at)
        if not plans:
            del self._plans[crashes]
        return plan


class Gift(NamedTuple):
    """A plan is to go from one lane to another."""

    giver: int
    taker: int


def level_of(waiting: Iterable[Counts]) -> int | None:
    """Give the fewest crashes of any plan; None if there is no plan."""
    return min((crashes for counts in waiting for crashes in counts), default=None)


def gifts(waiting: Sequence[Counts], level: int) -> list[Gift]:
    """Share: each lane that has nothing to do at a level gets a plan of the one that has most.

    >>> gifts([{0: 3}, {}, {1: 4}, {}], 0)
    [Gift(giver=0, taker=1), Gift(giver=0, taker=2)]
    """
    left = [_ready(counts, level) for counts in waiting]
    found = []
    for taker, counts in enumerate(waiting):
        if _ready(counts, level):
            continue
        giver = max(range(len(left)), key=lambda lane: (left[lane], -lane))
        if left[giver] < 2:
            break
        left[giver] -= 1
        found.append(Gift(giver, taker))
    return found


def _ready(counts: Counts, level: int) -> int:
    return sum(count for crashes, count in counts.items() if crashes <= level)
