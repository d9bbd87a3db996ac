"""Liveness: whether a run can go on for ever, fairly, without ever fulfilling a property.

The state graph is multiplied with the automaton of the property's opposite. A component of it that
can be gone round for ever is a counterexample if no `until` is put off for ever in it, and if it is
fair. Weak fairness, of every process, way and timer and none of faults: who could act in all of its
situations does act in it. Strong fairness: who could act in one of its situations does, again and
again. If somebody does not, a strongly fair round may still lie among the situations in which this
one cannot act, and is looked for there (the emptiness of a Streett automaton).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from checkers.automaton import Obligations, every, positive, untils
from checkers.graph import StateGraph
from checkers.ltl import Formula, Predicate, Until

Place = tuple[int, Obligations]
Edge = tuple[Place, Any, Place, frozenset[Until]]


@dataclass(frozen=True)
class Lasso:
    """A run without end: the labels that lead to a situation, and those that lead back to it.

    `states` are those of the graph that the labels lead to, one after the other.
    """

    stem: tuple[Any, ...]
    cycle: tuple[Any, ...]
    states: tuple[int, ...] = ()


def lasso(
    graph: StateGraph,
    formula: Formula,
    values: Callable[[int, Any], bool],
    *,
    actor: Callable[[Any], Any] = lambda label: None,
    stays: bool = True,
    strong: bool = False,
) -> Lasso | None:
    """Give a fair run of a graph that does not fulfil `formula`, or None if there is none.

    `values` says whether a predicate holds in a state, `actor` whose an edge is; None needs no
    fairness, and `strong` fairness excuses nobody who can act now and then. With `stays` a state
    without edges stays as it is for ever; else it is no matter here.
    """
    opposite = positive(formula, negate=True)
    wanted = list(dict.fromkeys(untils(opposite)))
    edges = _multiplied(graph, opposite, values, stays)
    if not edges:
        return None
    waiting = list(_components(edges))[::-1]
    while waiting:
        component = waiting.pop()
        inner = [edge for place in component for edge in edges[place] if edge[2] in component]
        if not inner or any(all(until in late for *_, late in inner) for until in wanted):
            continue
        idle = _idle(graph, component, inner, actor, strong)
        if not idle:
            return _round(edges, component, _needed(graph, inner, wanted, actor, strong))
        if strong:
            waiting += list(_components(_without(graph, edges, component, idle, actor)))[::-1]
    return None


def _without(
    graph: StateGraph,
    edges: dict[Place, list[Edge]],
    component: dict[Place, None],
    idle: set[Any],
    actor: Callable[[Any], Any],
) -> dict[Place, list[Edge]]:
    """Give the part of a component in which none of those can act who never do."""
    left = {
        place: None
        for place in component
        if not idle & {actor(label) for label, _ in graph.edges[place[0]]}
    }
    return {place: [edge for edge in edges[place] if edge[2] in left] for place in left}


def _multiplied(
    graph: StateGraph, opposite: Formula, values: Callable[[int, Any], bool], stays: bool
) -> dict[Place, list[Edge]]:
    edges: dict[Place, list[Edge]] = {}
    starts: list[Place] = [
        (state, (opposite,)) for state, came in enumerate(graph.came) if not came
    ]
    waiting: list[Place] = list(starts)
    while waiting:
        place = waiting.pop()
        if place in edges:
            continue
        state, obligations = place
        leaving = graph.edges[state] or ([(None, state)] if stays else [])

        def holds(asked: Predicate, state: int = state) -> bool:
            return values(state, asked)

        edges[place] = [
            (place, label, (to, rest), late)
            for rest, late in dict.fromkeys(every(obligations, holds))
            for label, to in leaving
        ]
        waiting += [edge[2] for edge in edges[place]]
    return edges


def _components(edges: dict[Place, list[Edge]]) -> Iterator[dict[Place, None]]:
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(edges)
    graph.add_edges_from((place, edge[2]) for place, leaving in edges.items() for edge in leaving)
    order = {place: at for at, place in enumerate(edges)}
    for component in networkx.strongly_connected_components(graph):
        # In the order in which they were reached: sets have none that is the same everywhere.
        yield dict.fromkeys(sorted(component, key=order.__getitem__))


def _idle(
    graph: StateGraph,
    component: dict[Place, None],
    inner: list[Edge],
    actor: Callable[[Any], Any],
    strong: bool,
) -> set[Any]:
    """Give who would have to act in a component, and does not."""
    acting = {actor(label) for _, label, _, _ in inner}
    able = [{actor(label) for label, _ in graph.edges[state]} for state, _ in component]
    owing = set.union(*able) if strong else set.intersection(*able)
    return owing - acting - {None}


def _needed(
    graph: StateGraph,
    inner: list[Edge],
    wanted: list[Until],
    actor: Callable[[Any], Any],
    strong: bool,
) -> list[Edge]:
    """Give edges that a round has to go: all others may be left out, and it still counts."""
    needed = [next(edge for edge in inner if until not in edge[3]) for until in wanted]
    able = {
        edge[0]: dict.fromkeys(actor(label) for label, _ in graph.edges[edge[0][0]])
        for edge in inner
    }
    for who in dict.fromkeys(one for here in able.values() for one in here):
        if who is not None:
            acts = [edge for edge in inner if actor(edge[1]) == who]
            idle = [edge for edge in inner if who not in able[edge[0]]]
            needed += acts[:1] if strong else (idle or acts)[:1]
    return list(dict.fromkeys(needed)) or inner[:1]


def _round(edges: dict[Place, list[Edge]], component: dict[Place, None], by: list[Edge]) -> Lasso:
    """Give a way into a component, and one round in it over some edges."""
    starts = [place for place in edges if place in component]
    first = next(iter(edges))
    stem = _way(edges, first, by[0][0])
    inside = {place: [edge for edge in edges[place] if edge[2] in component] for place in starts}
    cycle: list[Edge] = []
    for at, edge in enumerate(by):
        goal = by[(at + 1) % len(by)][0]
        cycle += [edge, *_way(inside, edge[2], goal)]
    return Lasso(
        tuple(edge[1] for edge in stem),
        tuple(edge[1] for edge in cycle),
        tuple(edge[2][0] for edge in (*stem, *cycle)),
    )


def _way(edges: dict[Place, list[Edge]], start: Place, goal: Place) -> list[Edge]:
    came: dict[Place, Edge | None] = {start: None}
    waiting = [start]
    for place in waiting:
        if place == goal:
            break
        for edge in edges.get(place, ()):
            if edge[2] not in came:
                came[edge[2]] = edge
                waiting.append(edge[2])
    way: list[Edge] = []
    at = goal
    while (last := came[at]) is not None:
        way.append(last)
        at = last[0]
    return way[::-1]
