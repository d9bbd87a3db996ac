"""The order of a run's events with the fewest context switches, of all orders of its class.

Given are the lane of each event (who acts by it, or nobody) and its past, as bits: the events that
have to come before it, and itself. An order is made of blocks, each of one lane; a context switch
is the place between two of them.

Three things keep the search small, and none of them costs a switch:

- A block goes on for as long as its lane can. An event that is brought forward to the end of a
  block of its lane leaves another block the shorter, or away. So what is left to choose after each
  block is whose block is next, and a set of events that are done says all that matters.
- What nobody acts by is done as early as it can be.
- A block is *due* if all that its lane has left waits for somebody else who waits for the block.
  The lane's next block cannot be longer then, so it may as well be now, and nothing else is tried.

The rest is a search for the shortest way (A*). What is left takes at least as many blocks as the
lanes have to be cut: of one lane, the longest chain of events between any two of which somebody
else has to act. Where the search grows beyond a limit, only the few sets with the smallest such
numbers are gone on with after each block.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

from checkers.events import places as places_of

SETS_MAX = 3_000
"""How many sets of events the search looks at before it gives up being exact."""

BEAM = 4_000
"""How many sets are gone on with after each block when it has, times the number of events."""


class Order(NamedTuple):
    """An order of events by their places, how many context switches it has, and whether no order
    of the class is known to have fewer."""

    places: tuple[int, ...]
    switches: int
    exact: bool


def count(lanes: Sequence[Hashable | None], order: Sequence[int]) -> int:
    """Count the context switches of an order.

    >>> count(["a", "b", None, "b", "a"], [0, 1, 2, 3, 4])
    2
    """
    acting = [lanes[place] for place in order if lanes[place] is not None]
    return sum(one != other for one, other in pairwise(acting))


def fewest(
    lanes: Sequence[Hashable | None], past: Sequence[int], sets_max: int = SETS_MAX
) -> Order:
    """Give an order with the fewest context switches; the given one is one of the class.

    >>> fewest(["a", "b", "a", "b"], [0b1, 0b10, 0b101, 0b1010])
    Order(places=(0, 2, 1, 3), switches=1, exact=True)
    """
    blocks = _Blocks(lanes, past)
    found = _exact(blocks, sets_max)
    exact = found is not None
    places = tuple(blocks.places(found if found is not None else _beam(blocks)))
    return Order(places, count(lanes, places), exact)


class _Blocks:
    """What can come next, for each set of events that are done; sets are bits."""

    def __init__(self, lanes: Sequence[Hashable | None], past: Sequence[int]):
        self.past = past
        self.all = (1 << len(past)) - 1
        self.free = [place for place, lane in enumerate(lanes) if lane is None]
        own: dict[Hashable, list[int]] = {}
        for place, lane in enumerate(lanes):
            if lane is not None:
                own.setdefault(lane, []).append(place)
        self.own = list(own.values())
        self.bits = [sum(1 << place for place in places) for places in self.own]
        # In the order of the run, so that to go through them once is enough.
        self.runs = [sorted([*places, *self.free]) for places in self.own]
        self.after = [0] * len(past)
        for later, before in enumerate(past):
            for place in places_of(before):
                self.after[place] |= 1 << later
        acting = sum(self.bits)
        self.others = [acting & ~bits for bits in self.bits]
        self.cuts = [self._cuts(lane) for lane in range(len(self.own))]

    def _cuts(self, lane: int) -> list[tuple[int, int]]:
        """Give the events of a lane, each with how many blocks it takes from there on at least;
        the most first."""
        others = self.others[lane]
        many: dict[int, int] = {}
        for place in reversed(self.own[lane]):
            later = places_of(self.after[place] & self.bits[lane] & ~(1 << place))
            between = self.after[place] & others
            many[place] = 1 + max((many[f] for f in later if self.past[f] & between), default=0)
        return sorted(((blocks, place) for place, blocks in many.items()), reverse=True)

    def least(self, done: int) -> int:
        """Give how many blocks are left at least."""
        total = 0
        for cuts in self.cuts:
            for blocks, place in cuts:
                if not done >> place & 1:
                    total += blocks
                    break
        return total

    def begin(self) -> int:
        """Do what nobody acts by and what waits for nothing."""
        return self._through(0, self.free)

    def _through(self, done: int, places: Sequence[int]) -> int:
        past = self.past
        for place in places:
            if not done >> place & 1 and not past[place] & ~done & ~(1 << place):
                done |= 1 << place
        return done

    def next(self, done: int) -> list[int]:
        """Give the sets after one block more: only that of a block that is due, if there is one."""
        found = []
        for lane, bits in enumerate(self.bits):
            if not bits & ~done:
                continue
            more = self._through(done, self.runs[lane])
            if not more & bits & ~done:
                continue
            if self._due(lane, done, more):
                return [more]
            found.append(more)
        return found

    def _due(self, lane: int, done: int, more: int) -> bool:
        left = self.bits[lane] & ~more
        if not left:
            return True
        waiting = 0
        for place in places_of(more & self.bits[lane] & ~done):
            waiting |= self.after[place]
        waiting &= self.others[lane] & ~done
        return all(self.past[place] & waiting for place in places_of(left))

    def places(self, way: Sequence[int]) -> Iterator[int]:
        """Give the events of a way of sets, each block in the order of the run."""
        for before, now in zip((0, *way), way, strict=False):
            yield from places_of(now & ~before)


def _exact(blocks: _Blocks, sets_max: int) -> list[int] | None:
    """Give the sets of a way with the fewest blocks; None if too many have to be looked at."""
    start = blocks.begin()
    came: dict[int, int] = {start: -1}
    cost = {start: 0}
    number = looked = 0
    heap = [(blocks.least(start), 0, 0, start)]
    while heap:
        _, less, _, done = heappop(heap)
        if cost[done] != -less:
            continue  # a shorter way to it was found meanwhile
        if done == blocks.all:
            return _way(came, done)
        looked += 1
        if looked > sets_max:
            return None
        for more in blocks.next(done):
            price = 1 - less
            if price < cost.get(more, price + 1):
                cost[more], came[more] = price, done
                number += 1
                heappush(heap, (price + blocks.least(more), -price, number, more))
    raise AssertionError("the events of a run have an order")


def _way(came: dict[int, int], done: int) -> list[int]:
    found = []
    while done >= 0:
        found.append(done)
        done = came[done]
    return found[::-1]


def _beam(blocks: _Blocks) -> list[int]:
    """Give a short way: block by block, those sets are kept that have the least left, as far as
    that is known."""
    width = max(1, BEAM // len(blocks.past))
    came = {blocks.begin(): -1}
    level = [*came]
    while blocks.all not in came:
        found: dict[int, None] = {}
        for done in level:
            for more in blocks.next(done):
                if more not in came:
                    came[more] = done
                    found[more] = None
        level = sorted(found, key=blocks.least)[:width]
    return _way(came, blocks.all)
