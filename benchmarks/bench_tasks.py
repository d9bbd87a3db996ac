"""Tasks and dynamic supervisors: what a stream costs per item, and what a child holds."""

from __future__ import annotations

import gc
import tracemalloc
from functools import partial
from typing import Any

from benchmarks import peers
from benchmarks.case import Case
from simkernel import DynamicSupervisor, GenServer, Ok, Task, simulate
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine

ITEMS = 10_000
CHILDREN = 100_000


class Session(GenServer):
    """Holds a number."""

    def init(self, number: Any) -> Any:
        return Ok(number)


def _twice(number: int) -> int:
    return 2 * number


def streamed(number: int, ordered: bool) -> None:
    """Map a function over so many items, ten at a time."""

    async def main() -> Any:
        stream = Task.async_stream(range(number), _twice, max_concurrency=10, ordered=ordered)
        return len(await stream.to_list())

    assert simulate(main, effects_max=100 * number).returned == number


async def _start_all(number: int) -> int:
    _, supervisor = await DynamicSupervisor.start_link(strategy="one_for_one")
    for each in range(number):
        await DynamicSupervisor.start_child(supervisor, (Session, each))
    return number


def started(number: int) -> None:
    """Start so many children."""
    assert simulate(_start_all, number, effects_max=100 * number).returned == number


def children_bytes(number: int) -> float:
    """Give the bytes that `number` idle children hold, and their supervisor for them."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    m = Machine(_start_all, (number,))
    driver.simulate(m, 0, 100 * number)
    assert m.returned == number
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(m.processes) == number + 2
    return float(after - before)


def cases() -> list[Case]:
    """Measure; a child costs what a server costs, and what its supervisor keeps of it."""
    return [
        *(
            Case(
                name=f"tasks: async_stream, {'ordered' if ordered else 'unordered'}",
                ours=partial(streamed, ITEMS, ordered),
                peer=partial(peers.simpy_round_trips, ITEMS),
                units=ITEMS,
                target_ratio=None,
                better="lower",
                unit="items",
            )
            for ordered in (True, False)
        ),
        Case(
            name="dynamic supervisor: start of a child",
            ours=partial(started, CHILDREN),
            peer=partial(peers.simpy_round_trips, CHILDREN),
            units=CHILDREN,
            target_ratio=None,
            better="lower",
            unit="children",
        ),
        Case(
            name="dynamic supervisor: memory of an idle child",
            ours=partial(children_bytes, CHILDREN),
            peer=lambda: 1_000.0 * CHILDREN,
            units=CHILDREN,
            target_ratio=1.0,
            better="lower",
            unit="children",
            peer_name="bytes promised",
        ),
    ]
