"""GenStateMachine: what a call and its answer cost."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks import peers
from benchmarks.case import Case
from simkernel import GenStateMachine, simulate

CALLS = 50_000


class Counter(GenStateMachine):
    """Counts in its data, in one state."""

    def init(self, initial: Any) -> Any:
        return ("ok", "counting", initial)

    def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
        match type_, content:
            case ("call", caller), "increment":
                return ("keep_state", data + 1, [("reply", caller, data + 1)])


def calls(number: int) -> None:
    """Call one machine so many times."""

    async def main() -> Any:
        _, pid = await GenStateMachine.start_link(Counter, 0)
        answer = 0
        for _ in range(number):
            answer = await GenStateMachine.call(pid, "increment")
        return answer

    assert simulate(main, effects_max=100 * number).returned == number


def cases() -> list[Case]:
    """Promise a call for three of SimPy's round trips at most."""
    return [
        Case(
            name="gen_statem: call and reply against round trips through a Store",
            ours=partial(calls, CALLS),
            peer=partial(peers.simpy_round_trips, CALLS),
            units=CALLS,
            target_ratio=3.0,
            better="lower",
            unit="calls",
        ),
    ]
