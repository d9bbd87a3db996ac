"""Supervisor: what it costs to restart a child that crashed."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks import peers
from benchmarks.case import Case
from simkernel import GenServer, Ok, Supervisor, receive, self_, send, simulate

CRASHES = 10_000


class Fragile(GenServer):
    """Tells who started the system that it is up, and crashes of any message."""

    def init(self, root: Any) -> Any:
        send(root, self_())
        return Ok(root)

    def handle_info(self, message: Any, state: Any) -> Any:
        raise RuntimeError("crash")


def restarts(number: int) -> None:
    """Crash one child so many times, each time that it is up again."""

    async def main() -> Any:
        await Supervisor.start_link(
            [(Fragile, self_())], strategy="one_for_one", max_restarts=number, max_seconds=1
        )
        pids = [await receive()]
        for _ in range(number):
            send(pids[-1], "crash")
            pids.append(await receive())
        return len(set(pids))

    assert simulate(main, effects_max=200 * number).returned == number + 1


def cases() -> list[Case]:
    """Promise nothing: a peer spawns a process anew, and nobody watches it."""
    return [
        Case(
            name="supervisor: restart of a crashed child, against SimPy's process",
            ours=partial(restarts, CRASHES),
            peer=partial(peers.simpy_spawns, CRASHES),
            units=CRASHES,
            target_ratio=None,
            better="lower",
            unit="restarts",
        ),
    ]
