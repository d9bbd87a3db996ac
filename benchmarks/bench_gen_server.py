"""GenServer: what a call and its answer cost, and what an idle server holds."""

from __future__ import annotations

import gc
import tracemalloc
from functools import partial
from typing import Any

from benchmarks import peers
from benchmarks.case import Case
from simkernel import GenServer, NoReply, Ok, Reply, simulate
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine

CALLS = 50_000
SERVERS = 100_000


class Counter(GenServer):
    """Counts."""

    def init(self, initial: Any) -> Any:
        return Ok(initial)

    def handle_cast(self, request: Any, count: Any) -> Any:
        match request:
            case "increment":
                return NoReply(count + 1)

    def handle_call(self, request: Any, caller: Any, count: Any) -> Any:
        match request:
            case "increment":
                return Reply(count + 1, count + 1)


def calls(number: int, timeout: int | None) -> None:
    """Call one server so many times."""

    async def main() -> Any:
        _, pid = await GenServer.start_link(Counter, 0)
        answer = 0
        for _ in range(number):
            answer = await GenServer.call(pid, "increment", timeout=timeout)
        return answer

    assert simulate(main, effects_max=100 * number).returned == number


async def _start_all(number: int) -> int:
    for _ in range(number):
        await GenServer.start_link(Counter, 0)
    return number


def idle_bytes(number: int) -> float:
    """Give the bytes that `number` idle linked servers hold, and their parent for them."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    m = Machine(_start_all, (number,))
    driver.simulate(m, 0, 100 * number)
    assert m.returned == number
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(m.processes) == number + 1
    return float(after - before)


def cases() -> list[Case]:
    """Promise a call for two of SimPy's round trips at most, and 1,000 bytes a server."""
    return [
        Case(
            name="gen_server: call and reply against round trips through a Store",
            ours=partial(calls, CALLS, 5_000),
            peer=partial(peers.simpy_round_trips, CALLS),
            units=CALLS,
            target_ratio=2.0,
            better="lower",
            unit="calls",
        ),
        Case(
            name="gen_server: call without a time limit",
            ours=partial(calls, CALLS, None),
            peer=partial(peers.simpy_round_trips, CALLS),
            units=CALLS,
            target_ratio=2.0,
            better="lower",
            unit="calls",
        ),
        Case(
            name="gen_server: memory of an idle server",
            ours=partial(idle_bytes, SERVERS),
            peer=lambda: 1_000.0 * SERVERS,
            units=SERVERS,
            target_ratio=1.0,
            better="lower",
            unit="servers",
            peer_name="bytes promised",
        ),
    ]
