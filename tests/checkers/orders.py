"""All orders of the events of a class, by trying: what `checkers.switches` is compared with."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence


def every_order(past: Sequence[int], most: int = 100_000) -> Iterator[list[int]]:
    """Give every order in which each event comes after its past; at most so many."""
    made = 0
    order: list[int] = []

    def go_on(done: int) -> Iterator[list[int]]:
        nonlocal made
        if len(order) == len(past):
            made += 1
            yield list(order)
            return
        for place, before in enumerate(past):
            if made < most and not done >> place & 1 and not before & ~done & ~(1 << place):
                order.append(place)
                yield from go_on(done | 1 << place)
                order.pop()

    yield from go_on(0)


def respects(past: Sequence[int], order: Sequence[int]) -> bool:
    """Tell whether an order has all events, each after its past."""
    done = 0
    for place in order:
        if past[place] & ~done & ~(1 << place):
            return False
        done |= 1 << place
    return done == (1 << len(past)) - 1 and len(order) == len(past)


def drawn_class(
    draw: random.Random, events: int, lanes: int, crossing: float
) -> tuple[list[int | None], list[int]]:
    """Draw who acts by each event, nobody for some, and what each comes after; a lane's own events
    are mostly in order."""
    of: list[int | None] = [
        None if draw.random() < 0.1 else draw.randrange(lanes) for _ in range(events)
    ]
    in_order = draw.random() < 0.7
    past: list[int] = []
    last: dict[int, int] = {}
    for place, lane in enumerate(of):
        before = 1 << place
        if in_order and lane is not None and lane in last:
            before |= past[last[lane]]
        for other in range(place):
            if draw.random() < crossing:
                before |= past[other]
        past.append(before)
        if lane is not None:
            last[lane] = place
    return of, past
