"""POS and the walk on `reorder`, against their exact probabilities."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from random import Random
from typing import Any

import pytest

from checkers.hunting import WalkScheduler
from checkers.priorities import PosScheduler
from checkers.watched import Watched
from simkernel import ets, receive, self_, send, spawn
from simkernel.kernel.process import BUSY
from tests.benchmarks.exact import of_a_walk, of_pos, threads_of

SWAPPED = [(1, 0)]  # a was written and b was not
EITHER = [(1, 0), (0, 1)]  # or the other way round: the reader came between two others
RUNS = 3_000


@pytest.mark.parametrize(
    ("writers", "starts", "walk", "pos"),
    [(3, False, 0.2227, 0.2859), (2, True, 0.1866, 0.2242), (1, False, 0.25, 1 / 3)],
)
def test_the_figures_of_the_literature_are_those_of_either_order(
    writers: int, starts: bool, walk: float, pos: float
) -> None:
    """They are 0.22 and 0.277 (of 2,000 runs) for 3 writers: of threads without an event before,
    the reader between any two writes, and equal writes racing."""
    threads = threads_of(writers, starts=starts)
    assert float(of_a_walk(threads, EITHER)) == pytest.approx(walk, abs=1e-4)
    assert float(of_pos(threads, EITHER, equal=True)) == pytest.approx(pos, abs=1e-4)


def test_one_of_two_that_race_is_first_in_half_of_the_runs() -> None:
    """Of a write and a read with nothing else: the reader sees the write, or not."""
    threads = (("write b",), ("read b",))
    assert of_pos(threads, [(-1, 1)]) == Fraction(1, 2)


async def _writes(table: Any, main: Any) -> None:
    await receive("go")
    await ets.insert(table, ("a", 1))
    await ets.insert(table, ("b", 1))


async def _reads(table: Any, main: Any) -> None:
    await receive("go")
    a = await ets.lookup_element(table, "a", 2)
    send(main, (a, await ets.lookup_element(table, "b", 2)))


async def at_a_gate(writers: int) -> Any:
    """All are there and wait at a gate: what comes after it is what the literature has."""
    table = await ets.new("cells", access="public")
    await ets.insert(table, [("a", 0), ("b", 0)])
    for body in (*[_writes] * writers, _reads):
        send(spawn(body, table, self_()), "go")
    return await receive(tuple)


def seen(writers: int, scheduler: Any, seed: int) -> Any:
    """Make a run that is random from where all stand before their first statement."""
    m = Watched(at_a_gate, (writers,))
    m.checking = True

    def are_there() -> bool:
        children = [p for p in m.processes.values() if p is not m.root]
        return len(children) == writers + 1 and all(
            p.status == BUSY and p.effects is not None for p in children
        )

    while not are_there():
        # Who is there waits for the others.
        waits = [p.pid for p in m.processes.values() if p is not m.root and p.status == BUSY]
        m.apply(next(one for one in m.enabled() if one.who not in waits))
    picks = scheduler(m, Random(seed))
    while options := m.enabled():
        picks.perform(picks.pick(options), m.apply)
    m.close()
    return m.returned


@pytest.mark.parametrize("writers", [1, 3])
@pytest.mark.parametrize(
    ("scheduler", "exact"), [(PosScheduler, of_pos), (WalkScheduler, of_a_walk)]
)
def test_the_search_hits_as_often_as_is_exact(writers: int, scheduler: Any, exact: Any) -> None:
    """Within three standard deviations of 3,000 runs; what comes after the statements is no
    matter."""
    expected = float(exact(threads_of(writers, starts=False), SWAPPED))
    found = sum(seen(writers, scheduler, seed) == (1, 0) for seed in range(RUNS)) / RUNS
    assert abs(found - expected) < 3 * sqrt(expected * (1 - expected) / RUNS)
