"""State search over processes: known counts, with and without symmetry, and no collisions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import product
from random import Random
from typing import Any

import pytest

from checkers.dfs import Plain
from checkers.graph import StateGraph, explored
from simkernel import ets, receive, register, spawn
from simkernel.kernel import codes
from simkernel.kernel.fingerprints import fingerprint
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import thaw

# --- The lost increment --------------------------------------------------------------------------


async def increments(name: Any) -> None:
    """Read the cell, and write what was read plus one; `name` is never looked at. Who is done keeps
    what it has read, as the model's threads do."""
    value = await ets.lookup_element("cell", "x", 2)
    await ets.insert("cell", ("x", value + 1))
    await receive("stop")


async def threads(names: tuple[Any, ...]) -> None:
    await ets.new("cell", access="public", named=True)
    await ets.insert("cell", ("x", 0))
    spawn(starts, names)


async def starts(names: tuple[Any, ...]) -> None:
    """Start them, and end: then nobody knows their pids, and which is which is told by nothing."""
    for name in names:
        spawn(increments, name)


class Cells:
    """The situations between two operations on the cell: a start touches nothing, so that it is no
    step of the model."""

    def __init__(self, names: tuple[Any, ...]):
        self.m = Machine(threads, (names,), clock=SymbolicClock(), snapshots=True)
        first = (self.m.root.pid, self.m.root.pid.child(1))
        while begun := [t for t in self.m.enabled() if t.who in first]:
            self.m.apply(begun[0])
        self.run = Plain(self.m)
        self._settle()

    def _settle(self) -> None:
        m = self.m
        while loose := [t for t in m.enabled() if not self._visible(t)]:
            m.apply(loose[0])

    def _visible(self, transition: Transition) -> bool:
        p = self.m.processes.get(transition.who)
        if transition.kind != "do" or p is None or p.effects is None:
            return False
        return bool(p.effects[p.cursor][0] == codes.TABLE)

    def initial(self) -> list[Any]:
        """Give the situation in which nobody has read."""
        return [self.run.snapshot()]

    def key(self, node: Any) -> bytes:
        """Name the situation in which the machine stands: it is always the node's."""
        return fingerprint(self.m)

    def successors(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Let one process do its next operation."""
        self.run.restore(node)
        for transition in self.m.enabled():
            self.run.restore(node)
            self.m.apply(transition)
            self._settle()
            yield transition, self.run.snapshot()


def searched(names: tuple[Any, ...]) -> StateGraph:
    """Search the situations of as many processes as there are names."""
    return explored(Cells(names))


KNOWN = [(2, 13, 8), (3, 84, 22), (4, 755, 63)]
SLOW = [pytest.param(5, 8_638, 184, marks=pytest.mark.slow)]
LONG = [pytest.param(6, 118_509, 539, marks=pytest.mark.long)]


@pytest.mark.parametrize(("count", "states", "orbits"), [*KNOWN, *SLOW, *LONG])
def test_the_lost_increment_by_processes(count: int, states: int, orbits: int) -> None:
    """Processes that are told apart by their argument; and that nothing tells apart."""
    assert len(searched(tuple(range(count)))) == states
    assert len(searched((None,) * count)) == orbits


def test_with_symmetry_the_bug_is_as_near() -> None:
    """Somebody is done and the cell has less than there are done: at four steps, as is known."""
    cells = Cells((None, None))
    graph = explored(cells)
    short = []
    for state in range(len(graph)):
        cells = Cells((None, None))
        for transition in graph.path(state):
            cells.m.apply(transition)
            cells._settle()
        m = cells.m
        done = (
            sum(len(p.mailbox or ()) == 0 and p.effects is None for p in m.processes.values()) - 1
        )
        [table] = m.tables.by_ref.values()
        [(_, value)] = [thaw(row) for row in table.in_order()]
        if done > value:
            short.append(graph.depths[state])
    assert min(short) == 4


# --- Collisions ----------------------------------------------------------------------------------

# What a careless encoding takes for one another.
TERMS = (0, 0.0, False, None, "", b"", (), (0,), ((),), "0")
MAILS = tuple(mail for size in range(4) for mail in product(TERMS, repeat=size))


async def waits() -> None:
    await receive("stop")


async def two() -> None:
    await register(spawn(waits), "a")
    await register(spawn(waits), "b")


def fingerprints(pairs: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Give the fingerprints of situations that differ in what lies in two mailboxes."""
    m = Machine(two, clock=SymbolicClock(), snapshots=True)
    while options := m.enabled():
        m.apply(options[0])
    first, second = (m.processes[m.names[name]] for name in ("a", "b"))
    before = -1
    for one, other in pairs:
        if one != before:
            first.mailbox, first.cache, before = deque(MAILS[one]), None, one
        second.mailbox, second.cache = deque(MAILS[other]), None
        yield fingerprint(m)


def test_no_two_of_many_situations_have_one_fingerprint() -> None:
    draw = Random(0)
    every = range(len(MAILS) ** 2)
    pairs = [divmod(number, len(MAILS)) for number in draw.sample(every, 30_000)]
    assert len(set(fingerprints(sorted(pairs)))) == len(pairs)


@pytest.mark.long
def test_no_two_of_a_million_situations_have_one_fingerprint() -> None:
    pairs = product(range(len(MAILS)), repeat=2)
    assert len(set(fingerprints(pairs))) == len(MAILS) ** 2 == 1_234_321
