"""Liveness: whether a run can go on for ever, fairly, without ever fulfilling a property.

The state graph is multiplied with the automaton of the property's opposite. A component of it that
can be gone round for ever is a counterexample if no `until` is put off for ever in it, and if it is
fair. Weak fairness, of every process, way and timer and none of faults: who can act from some point
on for ever does act. Strong fairness: who can act again and again acts again and again. Where
somebody could act who never does (`checkers.fairness`), no fair run comes by again and again; a
fair round may still lie among the other situations, and is looked for there (the emptiness of a
Streett automaton).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checkers.automaton import every, positive, untils
from checkers.fairness import Actors, Duties, Edge, Place
from checkers.graph import StateGraph
from checkers.ltl import Formula, Predicate, Until


def left_open(properties: Mapping[str, Any], ends: int) -> str:
    """Say what a search that judges `ends` alone leaves open where some runs go round for ever.

    >>> from checkers.ltl import always, eventually, never, until
    >>> left_open({"safe": never(bool) & ~until(bool, bool)}, 1)
    ''
    >>> left_open({"late": always(eventually(bool))}, 1)
    "some runs go round for ever, and only bfs tells whether 'late' holds in them"
    """
    for name, what in properties.items():
        if isinstance(what, Formula) and any(untils(positive(what))):
            return f"some runs go round for ever, and only bfs tells whether {name!r} holds in them"
    return "" if ends else "no run ends, and only bfs judges runs that go round for ever"


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
    actors: Actors | None = None,
    stays: bool = True,
) -> Lasso | None:
    """Give a fair run of a graph that does not fulfil `formula`, or None if there is none.

    `values` says whether a predicate holds in a state, `actors` who owes it to act; without them
    nobody does. With `stays` a state without edges stays as it is for ever; else it is no matter
    here.
    """
    opposite = positive(formula, negate=True)
    wanted = list(dict.fromkeys(untils(opposite)))
    edges = _multiplied(graph, opposite, values, stays)
    if not edges:
        return None
    owing = Actors(graph, lambda label: None) if actors is None else actors
    waiting = list(_components(edges))[::-1]
    while waiting:
        component = waiting.pop()
        inner = [edge for place in component for edge in edges[place] if edge.to in component]
        if not inner or any(all(until in edge.late for edge in inner) for until in wanted):
            continue
        duties = Duties(owing, component, inner)
        shut = duties.owed()
        if not shut:
            return _round(edges, component, inner, wanted, duties)
        left = {place: None for place in component if place not in shut}
        among = {place: [edge for edge in edges[place] if edge.to in left] for place in left}
        waiting += list(_components(among))[::-1]
    return None


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
            Edge(place, number, label, (to, rest), late)
            for rest, late in dict.fromkeys(every(obligations, holds))
            for number, (label, to) in enumerate(leaving)
        ]
        waiting += [edge.to for edge in edges[place]]
    return edges


def _components(edges: dict[Place, list[Edge]]) -> Iterator[dict[Place, None]]:
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(edges)
    graph.add_edges_from((place, edge.to) for place, leaving in edges.items() for edge in leaving)
    order = {place: at for at, place in enumerate(edges)}
    for component in networkx.strongly_connected_components(graph):
        # In the order in which they were reached: sets have none that is the same everywhere.
        yield dict.fromkeys(sorted(component, key=order.__getitem__))


def _round(
    edges: dict[Place, list[Edge]],
    component: dict[Place, None],
    inner: list[Edge],
    wanted: list[Until],
    duties: Duties,
) -> Lasso:
    """Give a way into a component, and one round in it that puts nothing off.

    What can be done of what is owed where it begins is done before it ends: then whoever lives
    through one round after the other does it in each.
    """
    needed = [next(edge for edge in inner if until not in edge.late) for until in wanted]
    start = here = (needed or inner)[0].start
    inside = {place: [edge for edge in edges[place] if edge.to in component] for place in component}
    owing = duties.at(start)
    cycle: list[Edge] = []

    def go(*way: Edge) -> None:
        nonlocal here, owing
        for edge in way:
            owing, here = duties.left(owing, edge), edge.to
            cycle.append(edge)

    for edge in dict.fromkeys(needed):
        if edge not in cycle:
            go(*_way(inside, here, edge.start), edge)
    while owing:
        go(duties.toward[here, next(iter(owing.values()))])
    if not cycle:
        go(inner[0])
    go(*_way(inside, here, start))
    stem = _way(edges, next(iter(edges)), start)
    return Lasso(
        tuple(edge.label for edge in stem),
        tuple(edge.label for edge in cycle),
        tuple(edge.to[0] for edge in (*stem, *cycle)),
    )


def _way(edges: dict[Place, list[Edge]], start: Place, goal: Place) -> list[Edge]:
    came: dict[Place, Edge | None] = {start: None}
    waiting = [start]
    for place in waiting:
        if place == goal:
            break
        for edge in edges.get(place, ()):
            if edge.to not in came:
                came[edge.to] = edge
                waiting.append(edge.to)
    way: list[Edge] = []
    at = goal
    while (last := came[at]) is not None:
        way.append(last)
        at = last.start
    return way[::-1]
