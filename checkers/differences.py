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


def least_feasible(edges: Sequence[Edge]) -> Fraction | None:
    """Give the least parameter at which some times satisfy all bounds; None if none ever do.

    Slopes may not be negative: a greater parameter then allows more. A circle of bounds whose sum
    is negative is in the way; the parameter grows until it is not, one circle after the other.

    >>> least_feasible([Edge(0, 1, 0, 1), Edge(1, 0, -7)])
    Fraction(7, 1)
    """
    p = Fraction(0)
    while True:
        circle = _negative(edges, p)
        if circle is None:
            return p
        fixed, slope = sum(edge.fixed for edge in circle), sum(edge.slope for edge in circle)
        if slope <= 0:
            return None
        p = Fraction(-fixed, slope)


def _negative(edges: Sequence[Edge], p: Fraction) -> list[Edge] | None:
    """Give a circle of bounds that contradict each other at a parameter."""
    up, down = p.numerator, p.denominator
    onward: dict[int, list[tuple[int, Edge]]] = {}
    for edge in edges:
        onward.setdefault(edge.source, []).append((edge.fixed * down + edge.slope * up, edge))
    distance = dict.fromkeys([node for edge in edges for node in (edge.source, edge.target)], 0)
    by: dict[int, Edge] = {}
    length = dict.fromkeys(distance, 0)
    queue, waiting = deque(distance), set(distance)
    while queue:
        node = queue.popleft()
        waiting.discard(node)
        for weight, edge in onward.get(node, ()):
            if distance[node] + weight < distance[edge.target]:
                distance[edge.target] = distance[node] + weight
                by[edge.target], length[edge.target] = edge, length[node] + 1
                if length[edge.target] > len(distance):
                    return _circle(by, edge.target)
                if edge.target not in waiting:
                    waiting.add(edge.target)
                    queue.append(edge.target)
    return None


def _circle(by: dict[int, Edge], node: int) -> list[Edge]:
    for _ in by:  # far enough back one is in the circle
        node = by[node].source
    found, first = [by[node]], node
    while found[-1].source != first:
        found.append(by[found[-1].source])
    return found


def least_feasible_by_z3(edges: Sequence[Edge], milliseconds: int = 20_000) -> Fraction | None:
    """Give the same as `least_feasible`, by z3's optimum over all times at once."""
    return least_by_z3([*edges, Edge(-1, -1, 0)], -1, -1, 0, milliseconds)


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
