"""Whether what was asked for comes: `leads_to` over the graph of all situations."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from checkers.machines.compiled import Compiled
from checkers.machines.declaration import Declaration, LeadsTo
from checkers.machines.explicit import Explorer, Limits
from checkers.machines.semantics import Run, Step, between

Edge = tuple[int, Any]
"""The number of an action, and where it leads."""


class Waiting:
    """The situations in which a goal is still open, and the steps between them.

    A run is as long as it can be: it stops only where nothing can happen. A step that changes
    nothing is none. A fair action that can happen from some point on without end happens.
    """

    def __init__(self, explorer: Explorer, wanted: LeadsTo):
        self.explorer = explorer
        self.code: Compiled = explorer.code
        cause, goal = self.code.predicate(wanted.cause), self.code.predicate(wanted.goal)
        self.edges: dict[Any, list[Edge]] = {}
        self.parent: dict[Any, Edge | None] = {}
        self.ends: list[Any] = []
        queue: deque[Any] = deque()
        for form in explorer.found.seen:
            if cause(form) and not goal(form):
                self.parent[form] = None
                queue.append(form)
        while queue:
            form = queue.popleft()
            moves = [(number, t) for number, t in self.code.successors(form) if t != form]
            if not moves:
                self.ends.append(form)
            self.edges[form] = [(number, t) for number, t in moves if not goal(t)]
            for number, t in self.edges[form]:
                if t not in self.parent:
                    self.parent[t] = (number, form)
                    queue.append(t)
        self.fair = [number for number, action in enumerate(self.code.actions) if action.fair]

    def counterexample(self) -> Run | None:
        """Give a run in which the goal never comes."""
        if self.ends:
            return self._to(self.ends[0])
        import networkx

        graph = networkx.DiGraph()
        graph.add_nodes_from(self.edges)
        graph.add_edges_from((a, b) for a, moves in self.edges.items() for _, b in moves)
        place = {form: number for number, form in enumerate(self.edges)}
        parts = networkx.strongly_connected_components(graph)
        for part in sorted(parts, key=lambda one: min(place[form] for form in one)):
            if len(part) > 1:
                stops = self._stops(part, place)
                if stops is not None:
                    return self._round(part, stops, place)
        return None

    def _stops(self, part: set[Any], place: dict[Any, int]) -> list[Any] | None:
        """Give what a fair round has to pass: situations, or steps; None if there is none."""
        members = sorted(part, key=place.__getitem__)
        stops: list[Any] = []
        for number in self.fair:
            inside = next(((form, number, t) for form in members for n, t in self.edges[form]
                           if n == number and t in part), None)  # fmt: skip
            idle = next((form for form in members if not self._can(form, number)), None)
            if inside is None and idle is None:
                return None
            stops.append(inside if inside is not None else (idle, None, None))
        return stops

    def _can(self, form: Any, number: int) -> bool:
        return any(n == number and t != form for n, t in self.code.successors(form))

    def _round(self, part: set[Any], stops: list[Any], place: dict[Any, int]) -> Run:
        first = min(part, key=place.__getitem__)
        run = self._to(first)
        back = len(run.steps)
        here = first
        for form, number, t in stops:
            run, here = self._walk(run, part, here, form), form
            if number is not None:
                run, here = self._add(run, here, t), t
        if here == first:  # any step, and then back
            t = next(t for _, t in self.edges[here] if t in part)
            run, here = self._add(run, here, t), t
        run = self._walk(run, part, here, first)
        return Run(run.start, run.steps, back)

    def _walk(self, run: Run, part: set[Any], here: Any, there: Any) -> Run:
        for old, new in _path(here, there, lambda form: (t for _, t in self.edges[form]
                                                         if t in part)):  # fmt: skip
            run = self._add(run, old, new)
        return run

    def _add(self, run: Run, old: Any, new: Any) -> Run:
        decode = self.code.layout.decode
        step: Step = between(self.explorer.declaration, decode(old), decode(new))
        return Run(run.start, (*run.steps, step))

    def _to(self, form: Any) -> Run:
        chain = [form]
        while (edge := self.parent[chain[-1]]) is not None:
            chain.append(edge[1])
        chain.reverse()
        run = self.explorer.run_to(chain[0])
        for old, new in itertools.pairwise(chain):
            run = self._add(run, old, new)
        return run


def _path(here: Any, there: Any, onward: Callable[[Any], Iterable[Any]]) -> list[tuple[Any, Any]]:
    """Give the steps of a shortest way."""
    parent: dict[Any, Any] = {here: None}
    queue = deque([here])
    while queue and there not in parent:
        form = queue.popleft()
        for t in onward(form):
            if t not in parent:
                parent[t] = form
                queue.append(t)
    steps = []
    while there != here:
        steps.append((parent[there], there))
        there = parent[there]
    return steps[::-1]


def answered(declaration: Declaration, limits: Limits) -> tuple[str, Run] | str | None:
    """Give the first `leads_to` that fails, with a run; a text where the search was cut."""
    explorer = Explorer(declaration, limits)
    explored = explorer.search()
    if not explored.complete:
        return explored.stopped or f"{explored.failed} fails before"
    for name, wanted in declaration.responses.items():
        run = Waiting(explorer, wanted).counterexample()
        if run is not None:
            return name, run
    return None
