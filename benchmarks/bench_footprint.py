"""What a process holds, what a step costs among many, and what starting costs."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.case import Case
from simkernel import receive, self_, send, spawn
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.settings import Settings
from simkernel.spec import of, run
from simkernel.trace.writer import TraceFile

ROOT = Path(__file__).parent.parent
IDLE = 100_000
STEPS = 20_000


async def _idle() -> None:
    await receive(idle=True)


async def _idles(number: int) -> None:
    for _ in range(number):
        spawn(_idle)


def coroutine_bytes(number: int) -> float:
    """Give the bytes of `number` coroutine processes that wait."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    m = Machine(_idles, (number,))
    driver.simulate(m, 0, 100 * number)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(m.processes) == number + 1
    m.close()
    return float(after - before)


async def _among(others: int, steps: int) -> None:
    for _ in range(others):
        spawn(_idle)
    await receive(after=1)
    me = self_()
    for number in range(steps):
        send(me, number)
        await receive()


def among(others: int, steps: int) -> float:
    """Give the CPU time of `steps` steps with `others` processes alive, without their start."""
    m = Machine(_among, (others, steps))
    driver.simulate(m, 0, 10**9)
    # Up to here the others have been made; the second run of the loop is measured alone.
    again = Machine(_among, (0, steps))
    again.processes.update(m.processes)
    again.processes[again.root.pid] = again.root
    start = time.process_time_ns()
    driver.simulate(again, 0, 10**9)
    spent = time.process_time_ns() - start
    m.close()
    return float(spent)


def traced(messages: int) -> None:
    """Play ping-pong with the trace on, into a file."""
    from benchmarks.bench_machine import player

    async def match(count: int = messages) -> Any:
        left, right = spawn(player, count, []), spawn(player, count, [])
        send(left, right)
        send(right, left)
        send(left, "ball")

    settings = Settings()
    path = ROOT / "build" / "bench.jsonl"
    path.parent.mkdir(exist_ok=True)
    file = TraceFile(path, {"spec": "x", "parameters": {}, "settings": {}})
    m = of(match).machine({}, settings, tape=file.recorder)
    file.close(run(m, settings))
    path.unlink()


def started(*arguments: str) -> float:
    """Give the wall time of a command in ns: the best of five."""
    best = []
    for _ in range(5):
        start = time.perf_counter_ns()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
        best.append(time.perf_counter_ns() - start)
    return float(min(best))


def cases() -> list[Case]:
    """Promise memory, steps among many, traced messages, and quick starts."""
    return [
        Case("traced messages against SimPy's Store", partial(traced, 100_000),
             partial(peers.simpy_ping_pong, 100_000), 100_000, 1.0),
        Case("memory of a waiting coroutine process, in bytes", partial(coroutine_bytes, IDLE),
             lambda: 1.0, IDLE, 1_300, "lower", "processes", "1 byte", 1),
        Case("a step among 1,000,000 processes, not 10", partial(among, 1_000_000, STEPS),
             partial(among, 10, STEPS), STEPS, 1.5, "lower", "steps", "10 processes"),
        Case("import simkernel, beyond an empty Python, in ms", partial(_import_cost),
             lambda: 1e6, 1, 100, "lower", "starts", "1 ms", 1),
        Case("simkernel run specs/guide/counter.py, in ms",
             partial(started, "-m", "simkernel", "run", "specs/guide/counter.py"),
             lambda: 1e6, 1, 500, "lower", "starts", "1 ms", 1),
    ]  # fmt: skip


def _import_cost() -> float:
    return started("-c", "import simkernel") - started("-c", "pass")
