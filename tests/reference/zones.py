"""Clocks that say which order of timers real time allows: one small zone per state.

A clock starts at 0 when a timer is set, or when a process enters a receive with a time-out. A zone
is the set of clock values that some assignment of times gives, as upper bounds on differences
(`bounds[i][j]` bounds clock i - clock j, clock 0 being the constant zero), always after any delay
that the pending timers leave room for. Events take as long as they like; only timers are punctual.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FREE = 10**9
Name = tuple[Any, ...]


class Zone(NamedTuple):
    names: tuple[Name, ...] = ()
    bounds: tuple[tuple[int, ...], ...] = ((0,),)


class Guard(NamedTuple):
    """Demand that a clock shows at least `least`, or exactly that."""

    clock: Name
    least: int
    exact: bool


def after(zone: Zone, guard: Guard | None, live: dict[Name, int], fresh: set[Name]) -> Zone | None:
    """Give the zone after an event, or None if it cannot come now.

    `live` holds the clocks that go on and what they may reach; those in `fresh` start at 0.
    """
    bounds = [list(row) for row in zone.bounds]
    if guard is not None:
        at = zone.names.index(guard.clock) + 1
        bounds[0][at] = min(bounds[0][at], -guard.least)
        if guard.exact:
            bounds[at][0] = min(bounds[at][0], guard.least)
    if not _close(bounds):
        return None
    names = tuple(sorted(live))
    old = {name: i + 1 for i, name in enumerate(zone.names)}
    places = [0, *(0 if name in fresh else old[name] for name in names)]
    moved = [[bounds[i][j] for j in places] for i in places]
    for at, name in enumerate(names, 1):
        moved[at][0] = live[name]
    _close(moved)
    return Zone(names, tuple(map(tuple, moved)))


def _close(bounds: list[list[int]]) -> bool:
    """Tighten by every path; tell whether anything is left."""
    size = range(len(bounds))
    for k in size:
        for i in size:
            for j in size:
                through = bounds[i][k] + bounds[k][j]
                if through < bounds[i][j]:
                    bounds[i][j] = through
    return all(bounds[i][i] >= 0 for i in size)
