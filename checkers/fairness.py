"""Who owes it to a round without end to act, and whether there is a way on which he does.

What an actor is called in one state he may not be called in the next, since states are merged
whatever the names in them are; and he may come to be and end. So each is followed along the edges:
a *duty* is an actor under the name that he has in some place. It is done with where he acts, where
he is no more and, if fairness is weak, where he cannot act. From where it cannot be done with, a
run that stays in the component owes it for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from checkers.graph import StateGraph

Place = tuple[int, Any]
"""A state, and what is left to be fulfilled there."""

Duty = tuple[Place, Hashable]


class Edge(NamedTuple):
    """One edge of a graph with obligations: `number` is its place among those of the state."""

    start: Place
    number: int
    label: Any
    to: Place
    late: frozenset[Any]  # what is put off by it


class Actors:
    """Who can act in the states of a graph, and what he is called after an edge.

    `whose` gives whose an edge is, from its label; None needs no fairness. `after(edge, who)` gives
    what an actor of the state before is called after it, or None if he is no more.
    """

    def __init__(
        self, graph: StateGraph, whose: Callable[[Any], Any],
        after: Callable[[Edge, Any], Any] = lambda edge, who: who, *, strong: bool = False,
    ):  # fmt: skip
        self.graph = graph
        self.whose = whose
        self.after = after
        self.strong = strong
        self._able: dict[int, dict[Any, None]] = {}

    def able(self, place: Place) -> dict[Any, None]:
        """Give who could act in a place."""
        known = self._able.get(place[0])
        if known is None:
            all_ = [self.whose(label) for label, _ in self.graph.edges[place[0]]]
            known = self._able[place[0]] = dict.fromkeys(who for who in all_ if who is not None)
        return known

    def heir(self, edge: Edge, who: Any) -> Any:
        """Give who owes after an edge what somebody owed before; None where it is done with."""
        if self.whose(edge.label) == who:
            return None
        who = self.after(edge, who)
        return who if self.strong or who in self.able(edge.to) else None


class Duties:
    """What is owed in a component that a run stays in."""

    def __init__(self, actors: Actors, component: Iterable[Place], inner: Iterable[Edge]):
        self.actors = actors
        leaving: dict[Place, list[Edge]] = {place: [] for place in component}
        for edge in inner:
            leaving[edge.start].append(edge)
        duties = dict.fromkeys((place, who) for place in leaving for who in actors.able(place))
        came: dict[Duty, list[tuple[Duty, Edge]]] = {}
        done: deque[tuple[Duty, Edge]] = deque()
        waiting = list(duties)
        for duty in waiting:
            place, who = duty
            for edge in leaving[place]:
                heir = actors.heir(edge, who)
                if heir is None:
                    done.append((duty, edge))
                    continue
                after = (edge.to, heir)
                came.setdefault(after, []).append((duty, edge))
                if after not in duties:
                    duties[after] = None
                    waiting.append(after)
        self.toward: dict[Duty, Edge] = {}  # the next edge of a shortest way to where it is done
        while done:
            duty, edge = done.popleft()
            if duty not in self.toward:
                self.toward[duty] = edge
                done += came.get(duty, ())
        self._never = [duty for duty in duties if duty not in self.toward]
        self._at: dict[Place, list[Any]] = {}
        for place, who in self.toward:
            self._at.setdefault(place, []).append(who)

    def owed(self) -> dict[Place, None]:
        """Give the places in which somebody can act who never does any more.

        No fair run comes by them again and again: whoever stands there would be owed that for ever.
        """
        able = self.actors.able
        return {place: None for place, who in self._never if who in able(place)}

    def at(self, place: Place) -> dict[Any, Any]:
        """Give what can be done of what is owed in a place: who owes it, under his name there."""
        return {who: who for who in self._at.get(place, ())}

    def left(self, owing: dict[Any, Any], edge: Edge) -> dict[Any, Any]:
        """Give what is left after an edge of what was owed before it.

        Who can act nowhere any more is not waited for.
        """
        heirs = {first: self.actors.heir(edge, who) for first, who in owing.items()}
        return {first: who for first, who in heirs.items() if (edge.to, who) in self.toward}
