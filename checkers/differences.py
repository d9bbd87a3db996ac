"""Differences between times, bounded by numbers and one parameter: how far apart can two be?

An edge from a to b says that time b comes at most `fixed + slope * p` after time a. The farthest
that two times can be apart is then a shortest path; the least p at which they can be so far apart
is found along the paths that are in the way, one after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from simkernel.errors import InternalError


@dataclass(frozen=True)
class Edge:
    """`target` comes at most `fixed + slope * p` after `source`; negative: at least so long."""

    source: int
    target: int
    fixed: int
    slope: int = 0


Path = tuple[Fraction, Fraction]
"""The sums along a path: fixed, and slope."""


def farthest(edges: Sequence[Edge], source: int, target: int, p: Fraction) -> Path | None:
    """Give the shortest path (its sums) at a parameter; None where nothing bounds the distance.

    >>> farthest([Edge(0, 1, 5, 2), Edge(1, 2, 1)], 0, 2, Fraction(3))
    (Fraction(6, 1), Fraction(2, 1))
    """
    up, down = p.numerator, p.denominator  # whole numbers are compared, which is faster
    onward: dict[int, list[Edge]] = {}
    for edge in edges:
        onward.setdefault(edge.source, []).append(edge)
    known = {source: (0, 0, 0)}  # the sums, and how many edges they are of
    queue, waiting = deque([source]), {source}
    most = len({edge.target for edge in edges}) + 1
    while queue:
        node = queue.popleft()
        waiting.discard(node)
        fixed, slope, length = known[node]
        for edge in onward.get(node, ()):
            new = (fixed + edge.fixed, slope + edge.slope, length + 1)
            old = known.get(edge.target)
            if old is None or new[0] * down + new[1] * up < old[0] * down + old[1] * up:
                if new[2] > most:
                    raise InternalError("these times contradict each other")
                known[edge.target] = new
                if edge.target not in waiting:
                    waiting.add(edge.target)
                    queue.append(edge.target)
    found = known.get(target)
    return None if found is None else (Fraction(found[0]), Fraction(found[1]))


def least(edges: Sequence[Edge], source: int, target: int, apart: int) -> Fraction | None:
    """Give the least parameter at which two times can be `apart`; None if they never can.

    >>> least([Edge(0, 1, 5, 2), Edge(1, 2, 1)], 0, 2, 10)
    Fraction(2, 1)
    """
    p = Fraction(0)
    while True:
        path = farthest(edges, source, target, p)
        if path is None or path[0] + path[1] * p >= apart:
            return p
        if path[1] <= 0:
            return None
        p = (apart - path[0]) / path[1]


def least_by_z3(
    edges: Sequence[Edge], source: int, target: int, apart: int, milliseconds: int = 20_000
) -> Fraction | None:
    """Give the same as `least`, by z3's optimum over all times at once."""
    import z3

    best = z3.Optimize()
    best.set("timeout", milliseconds)
    times: dict[int, Any] = {}
    for edge in edges:
        for node in (edge.source, edge.target):
            times.setdefault(node, z3.Real(f"t{node}"))
    for node in (source, target):
        times.setdefault(node, z3.Real(f"t{node}"))
    p = z3.Real("p")
    best.add(p >= 0, times[target] - times[source] >= apart)
    for edge in edges:
        best.add(times[edge.target] - times[edge.source] <= edge.fixed + edge.slope * p)
    best.minimize(p)
    answer = best.check()
    if answer == z3.unsat:
        return None
    if answer != z3.sat:
        raise InternalError("z3 found no optimum in time")
    found = best.model().eval(p, model_completion=True)
    return Fraction(found.numerator_as_long(), found.denominator_as_long())
