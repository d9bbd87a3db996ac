"""Small graphs whose edges rename who acts in them, and what is fair in them by simulation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from hypothesis import strategies as st

from checkers.fairness import Actors, Edge
from checkers.graph import StateGraph

STATES, NAMES = 4, 3
ROUNDS = 6  # after so many everybody who stays is where he was: the cycles of three names


class Arc(NamedTuple):
    """An edge: `who` acts, and of each name what its bearer is called after it, or None."""

    start: int
    who: int
    to: int
    called: tuple[int | None, ...]


@st.composite
def arcs(draw: st.DrawFn) -> Arc:
    """Draw an edge; no two are called alike after it."""
    called: list[int | None] = list(draw(st.permutations(range(NAMES))))
    for name in draw(st.sets(st.integers(0, NAMES - 1), max_size=2)):
        called[name] = None
    state, name = st.integers(0, STATES - 1), st.integers(0, NAMES - 1)
    return Arc(draw(state), draw(name), draw(state), tuple(called))


def graph_of(given: list[Arc]) -> StateGraph:
    """Make a graph in which each edge is its own label."""
    graph = StateGraph(complete=True)
    graph.edges = [[(arc, arc.to) for arc in given if arc.start == one] for one in range(STATES)]
    graph.came = [None, *[(0, given[0] if given else None)] * (STATES - 1)]
    return graph


def actors_of(graph: StateGraph, *, strong: bool) -> Actors:
    """Say who is who after an edge."""

    def after(edge: Edge, who: int) -> int | None:
        called: int | None = edge.label.called[who]
        return called

    return Actors(graph, lambda arc: arc.who, after, strong=strong)


def is_fair(given: list[Arc], cycle: list[Arc], *, strong: bool) -> bool:
    """Tell by going round whether a round owes nobody anything: each is a person of his own.

    Who lives through the last rounds lives for ever, and does the same again and again.
    """
    fresh = count()
    persons = [next(fresh) for _ in range(NAMES)]
    able: list[set[int]] = []
    acted: set[int] = set()
    for number in range(2 * ROUNDS):
        if number == ROUNDS:
            able, acted, first = [], set(), set(persons)
        for arc in cycle:
            able.append({persons[one.who] for one in given if one.start == arc.start})
            acted.add(persons[arc.who])
            after: list[int | None] = [None] * NAMES
            for name, called in enumerate(arc.called):
                if called is not None:
                    after[called] = persons[name]
            persons = [next(fresh) if person is None else person for person in after]
    owing = set.union(*able) if strong else set.intersection(*able)
    return not owing & first & set(persons) - acted


def rounds(given: list[Arc], length: int) -> Iterator[list[Arc]]:
    """Give all rounds of at most that many edges among states that can be reached."""
    near = {0}
    while more := {arc.to for arc in given if arc.start in near} - near:
        near |= more
    paths = [[arc] for arc in given if arc.start in near]
    for path in paths:
        if path[-1].to == path[0].start:
            yield path
        if len(path) < length:
            paths += [[*path, arc] for arc in given if arc.start == path[-1].to]
