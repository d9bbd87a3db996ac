"""State graphs: every situation once, breadth first, so that the way to each is a shortest one.

What is searched is any system that can name its states: a model in a few lines, or a machine
(`checkers.breadth`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, Generic, Protocol, TypeVar

Node = TypeVar("Node")


class System(Protocol[Node]):
    """A transition system. Two nodes with one key are one state."""

    def initial(self) -> Iterable[Node]: ...
    def key(self, node: Node) -> Hashable: ...
    def successors(self, node: Node) -> Iterable[tuple[Any, Node]]: ...


@dataclass
class StateGraph:
    """What a search found: states by number, edges with labels, and how each was first reached."""

    edges: list[list[tuple[Any, int]]] = field(default_factory=list)  # by the state they leave
    came: list[tuple[int, Any] | None] = field(default_factory=list)  # None for an initial one
    depths: list[int] = field(default_factory=list)
    generated: int = 0  # initial states, and one for each successor
    complete: bool = False

    def __len__(self) -> int:
        return len(self.came)

    @property
    def depth(self) -> int:
        """The longest of the shortest ways: how many states are on it."""
        return max(self.depths, default=0) + 1

    @property
    def goes_round(self) -> bool:
        """Tell whether some way leads back to where it was: then some run has no end.

        >>> (
        ...     StateGraph([[("on", 1)], []]).goes_round,
        ...     StateGraph([[("on", 1)], [("b", 0)]]).goes_round,
        ... )
        (False, True)
        """
        ways_in = [0] * len(self.edges)
        for leaving in self.edges:
            for _, to in leaving:
                ways_in[to] += 1
        waiting = [state for state, ways in enumerate(ways_in) if not ways]
        for state in waiting:
            for _, to in self.edges[state]:
                ways_in[to] -= 1
                if not ways_in[to]:
                    waiting.append(to)
        return len(waiting) < len(self.edges)

    def path(self, state: int) -> list[Any]:
        """Give the labels of a shortest way to a state."""
        labels: list[Any] = []
        while (came := self.came[state]) is not None:
            state, label = came
            labels.append(label)
        return labels[::-1]

    def networkx(self) -> Any:
        """Give the graph as a `networkx.MultiDiGraph`, with the labels on its edges."""
        import networkx

        graph = networkx.MultiDiGraph()
        graph.add_nodes_from(range(len(self)))
        for state, leaving in enumerate(self.edges):
            graph.add_edges_from((state, to, {"label": label}) for label, to in leaving)
        return graph


class Search(Generic[Node]):
    """One search. `states()` yields each new state, with its number, when it is first reached."""

    def __init__(self, system: System[Node]):
        self.system = system
        self.graph = StateGraph()
        self._numbers: dict[Hashable, int] = {}
        self._waiting: list[tuple[int, Node]] = []

    def states(
        self, cut: Callable[[], bool] = lambda: False, wide: float = inf
    ) -> Iterator[tuple[int, Node]]:
        """Reach every state; `cut` is asked before each is left, and ends the search.

        Where a layer is wider than `wide` the search rests, for others to go on: see `rest`.
        """
        graph = self.graph
        for node in self.system.initial():
            yield from self._reached(node, None)
        while self._waiting:
            if len(self._waiting) > wide:
                return
            layer, self._waiting = self._waiting, []
            for state, node in layer:
                if cut():
                    return
                for label, after in self.system.successors(node):
                    yield from self._reached(after, (state, label))
        graph.complete = True

    def _reached(self, node: Node, came: tuple[int, Any] | None) -> Iterator[tuple[int, Node]]:
        number, new = self.reached(self.system.key(node), came)
        if new:
            self._waiting.append((number, node))
            yield number, node

    def rest(self) -> list[tuple[int, Node]]:
        """Hand out the states that are reached and not yet left."""
        layer, self._waiting = self._waiting, []
        return layer

    def number_of(self, key: Hashable) -> int:
        """Give the number of a state that was reached."""
        return self._numbers[key]

    def reached(self, key: Hashable, came: tuple[int, Any] | None) -> tuple[int, bool]:
        """Number the state with a key, reached by an edge; tells whether it is new."""
        graph = self.graph
        graph.generated += 1
        number = self._numbers.get(key)
        new = number is None
        if number is None:
            number = self._numbers[key] = len(graph)
            graph.came.append(came)
            graph.edges.append([])
            graph.depths.append(0 if came is None else graph.depths[came[0]] + 1)
        if came is not None:
            graph.edges[came[0]].append((came[1], number))
        return number, new


def explored(system: System[Any]) -> StateGraph:
    """Search a system to its end.

    >>> class Counter:
    ...     def initial(self):
    ...         return [0]
    ...
    ...     def key(self, node):
    ...         return node
    ...
    ...     def successors(self, node):
    ...         return [("add", (node + 1) % 3)]
    >>> graph = explored(Counter())
    >>> len(graph), graph.generated, graph.depth, graph.path(2)
    (3, 4, 3, ['add', 'add'])
    """
    search = Search(system)
    for _ in search.states():
        pass
    return search.graph
