"""Several processes that visit the situations of a machine together, layer by layer.

A situation is left by the process that reached it first, which has its snapshot; this process has
the graph, and numbers what they reach in the order in which one process would have. So the graph is
the one of `checkers.graph`, whoever made it. A situation can be handed to another process by the
way to it: so the work is levelled out, and the part of one that was killed is taken over.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from checkers.fleet import Fleet
from checkers.graph import Search
from checkers.judged import Judged
from checkers.link import DONE, STEP, Killed, Link, forked
from checkers.workers import ATTEMPTS
from simkernel.kernel.machine import Transition
from simkernel.leftovers import globals_kept

CHUNK = 32
"""So many situations are left before a process says what it found."""

WIDE = 200
"""From a layer with more situations on it is worth while to ask others."""


class Move(NamedTuple):
    """A transition, whether it is the one of the default schedule, and who is who after it, if that
    is asked for."""

    transition: Transition
    usual: bool
    names: tuple[Any, ...] = ()


class Reached(NamedTuple):
    """What an edge led to: `seen` is what the search notes of a situation when it is new."""

    label: Move
    key: bytes
    seen: Any


class Visits(Protocol):
    """Situations that are visited; the machine stands in one of them."""

    run: Judged
    start: Any  # the snapshot of the first one

    def leave(self, node: Any) -> Iterator[Move]: ...
    def key(self, node: Any) -> bytes: ...
    def seen(self) -> Any: ...


class Lost(Exception):
    """Too many processes were killed."""


class Order(NamedTuple):
    """What a process is to do: take situations over, keep some of those it reached, leave some."""

    adopt: list[tuple[int, list[Transition]]]
    keep: list[tuple[int, int]]  # (which of its edges since it last left any, the situation)
    leave: list[int]


class Spread:
    """Situations, left by the processes of a fleet."""

    def __init__(self, fleet: Fleet, search: Search[Any], visits: Visits, cut: Callable[[], bool]):
        self.fleet = fleet
        self.search = search
        self.graph = search.graph
        self.visits = visits
        self.cut = cut
        self.links: list[Link] = []
        self._deaths = 0
        self._owner: dict[int, int] = {}
        self._keep: list[list[tuple[int, int]]] = []
        self._adopt: list[list[int]] = []
        self._edges: list[int] = []
        self._labels: dict[Move, Move] = {}  # one object for all edges that are named alike

    def states(self) -> Iterator[tuple[int, Any]]:
        """Yield each new situation with what was seen of it, as one process would reach them."""
        count = self.fleet.count
        self._nodes = self.search.rest()
        layer = [state for state, _ in self._nodes]
        self._owner = {state: at % count for at, state in enumerate(layer)}
        self._keep, self._adopt = [[] for _ in range(count)], [[] for _ in range(count)]
        try:
            for index in range(count):
                self.links.append(forked(partial(self._visit, index), self.links))
            while layer:
                reached: list[int] = []
                for state, seen in self._layer(layer):
                    reached.append(state)
                    yield state, seen
                if self.cut():
                    return
                layer = reached
                self._level(layer)
            self.graph.complete = True
        except Lost:
            return
        finally:
            self._over()

    # --- A layer -------------------------------------------------------------------------------

    def _layer(self, layer: list[int]) -> Iterator[tuple[int, Any]]:
        """Let every situation of a layer be left; yield those that are new."""
        parts: list[list[int]] = [[] for _ in self.links]
        for state in layer:
            parts[self._owner[state]].append(state)
        told: list[Iterator[list[Reached]]] = []
        for index, part in enumerate(parts):
            self._order(index, part)
            told.append(self._answers(index, part))
        self._edges = [0] * len(self.links)
        for state in layer:
            if self.cut():
                return
            owner = self._owner.pop(state)
            for one in next(told[owner]):
                label = self._labels.setdefault(one.label, one.label)
                number, new = self.search.reached(one.key, (state, label))
                if new:
                    self._owner[number] = owner
                    self._keep[owner].append((self._edges[owner], number))
                    yield number, one.seen
                self._edges[owner] += 1
        for answers in told:
            assert next(answers, None) is None

    def _order(self, index: int, leave: list[int]) -> None:
        adopt = [(state, self._way(state)) for state in self._adopt[index]]
        order = Order(adopt, self._keep[index], leave)
        self._adopt[index], self._keep[index] = [], []
        with suppress(ConnectionError):  # who is gone is missed when it does not answer
            self.links[index].send(STEP, pickle.dumps(order))

    def _answers(self, index: int, part: list[int]) -> Iterator[list[Reached]]:
        """Give what a process found, situation by situation; another takes over if it is gone."""
        at = 0
        while at < len(part):
            try:
                chunk = self._next(index)
            except Killed as killed:
                self._replace(index, part[at:], killed)
                continue
            yield from chunk
            at += len(chunk)

    def _next(self, index: int) -> list[list[Reached]]:
        _, content = self.links[index].hear(self._wait)
        found: list[list[Reached]] = pickle.loads(content)
        return found

    def _wait(self) -> None:
        self.fleet.over(self.cut())

    def _replace(self, index: int, left: list[int], killed: Killed) -> None:
        """Let another process take over what one had that is gone."""
        self._deaths += 1
        if self._deaths >= ATTEMPTS:
            self.fleet.lost = f"{ATTEMPTS} workers were lost: the last {killed}"
            raise Lost
        self.fleet.notes.append(f"{killed}, and another took over")
        self.links[index].end()
        others = [link for at, link in enumerate(self.links) if at != index]
        self._nodes = []
        self.links[index] = forked(partial(self._visit, index), others)
        kept = [number for _, number in self._keep[index]]
        self._keep[index] = []
        self._adopt[index] = [*left, *kept]
        self._edges[index] = 0
        self._order(index, left)

    def _level(self, layer: list[int]) -> None:
        """Hand situations on from who has most to who has least."""
        parts: list[list[int]] = [[] for _ in self.links]
        for state in layer:
            parts[self._owner[state]].append(state)
        most = max(range(len(parts)), key=lambda index: len(parts[index]))
        least = min(range(len(parts)), key=lambda index: len(parts[index]))
        more = len(parts[most]) - len(parts[least])
        if more < 2 * CHUNK or more < len(parts[most]) // 4:
            return
        given = set(parts[most][-more // 4 :])
        self._keep[most] = [one for one in self._keep[most] if one[1] not in given]
        self._adopt[most] = [state for state in self._adopt[most] if state not in given]
        self._adopt[least] += sorted(given)
        for state in given:
            self._owner[state] = least

    def _way(self, state: int) -> list[Transition]:
        return [label.transition for label in self.graph.path(state)]

    def _over(self) -> None:
        """Ask for what was seen on the way, and end them."""
        for link in self.links:
            # What one has seen that is gone, those see who took over.
            with suppress(EOFError, OSError):
                link.send(DONE, b"")
                kind, content = link.receive(self._wait)
                while kind == STEP:
                    kind, content = link.receive(self._wait)
                if kind == DONE:
                    self.fleet.absorb(pickle.loads(content))
            link.end()
        self.links = []

    # --- In a process --------------------------------------------------------------------------

    def _visit(self, index: int, link: Link) -> bytes:
        """Do what is ordered; at the end give what was seen by the way."""
        fleet, visits, run = self.fleet, self.visits, self.visits.run
        fleet.child = True
        judge = fleet.fresh()
        nodes = dict(self._nodes)
        self._nodes = []
        reached: dict[int, Any] = {}
        known: set[bytes] = set()
        with globals_kept(fleet.spec.main):
            while True:
                kind, content = link.receive()
                if kind == DONE:
                    judge.note(run)
                    return pickle.dumps(judge)
                order: Order = pickle.loads(content)
                nodes |= {state: reached[edge] for edge, state in order.keep}
                for state, way in order.adopt:
                    run.restore(visits.start)
                    for transition in way:
                        run.apply(transition)
                    nodes[state] = run.snapshot()
                reached = {}
                edge = 0
                for first in range(0, len(order.leave), CHUNK):
                    chunk = []
                    for state in order.leave[first : first + CHUNK]:
                        found = self._left(nodes.pop(state), known, reached, edge)
                        edge += len(found)
                        chunk.append(found)
                    link.send(STEP, pickle.dumps(chunk))
                    if link.is_told():
                        break  # it is over

    def _left(
        self, node: Any, known: set[bytes], reached: dict[int, Any], edge: int
    ) -> list[Reached]:
        """Go every way from a situation; keep snapshots of those that are new here."""
        visits = self.visits
        found: list[Reached] = []
        for label in visits.leave(node):
            key = visits.key(node)
            seen = None
            if key not in known:
                known.add(key)
                seen = visits.seen()
                reached[edge + len(found)] = visits.run.snapshot()
            found.append(Reached(label, key, seen))
        return found
