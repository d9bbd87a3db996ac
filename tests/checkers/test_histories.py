"""What each process did and saw, step by step: what a history tells, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.histories import Entry, Histories
from simkernel import (
    GenServer,
    NoReply,
    Ok,
    alive,
    choose,
    ets,
    receive,
    register,
    self_,
    send,
    spawn,
    whereis,
)
from simkernel import exit as kill
from simkernel.choice import First, Walk
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import Pid

ROOT, FIRST = Pid(()), Pid((1,))


def told(main: Any, seed: int | None = None, network: str = "node") -> list[Entry]:
    """Run a program, by the default schedule or a random one, and give what is told of it."""
    m = Machine(main, network=network, clock=SymbolicClock(), snapshots=True)
    histories, chooser, found = Histories(m), First() if seed is None else Walk(seed), []
    while options := m.enabled():
        entry = histories.apply(chooser.pick(options))
        if entry is not None:
            found.append(entry)
    m.close()
    return found


def of(pid: Pid, found: list[Entry]) -> list[str]:
    """Give what is told of one process, which is numbered from 0 on."""
    own = [entry for entry in found if entry[0] == pid]
    assert [number for _, number, _ in own] == list(range(len(own)))
    return [text for _, _, text in own]


def test_a_message_is_told_with_what_it_says() -> None:
    async def main() -> None:
        send(self_(), "hello")
        await receive()

    assert of(ROOT, told(main)) == ["start", "do", "take message 'hello'", "do"]


def test_that_the_time_is_over_is_told() -> None:
    async def main() -> None:
        await receive(after=0)

    assert "timeout timeout None" in of(ROOT, told(main))


@pytest.mark.parametrize(("operation", "text"), [
    (lambda: choose([1, 2]), "do value 1"),
    (lambda: whereis("nobody"), "do value None"),
    (lambda: register(self_(), "one"), "do value True"),
    (lambda: register(self_(), "undefined"), "do error 'badarg'"),
    (lambda: ets.lookup("none", 1), "do error 'badarg'"),
])  # fmt: skip
def test_the_result_of_an_operation_is_told(operation: Any, text: str) -> None:
    async def main() -> None:
        await operation()

    assert of(ROOT, told(main))[1] == text


async def lives() -> None:
    await receive("never")


def test_a_question_counts_when_it_is_answered_and_in_whichever_way() -> None:
    async def main() -> None:
        await alive(spawn(lives))

    ways = {tuple(of(ROOT, told(main, seed))) for seed in range(20)}
    assert ways == {("start", "do", "do value True", "do")}


def test_who_was_killed_by_whom_and_why_is_told_once() -> None:
    async def main() -> None:
        kill(spawn(lives), "enough")

    assert of(FIRST, told(main)) == ["start", "is killed <root> 'enough'"]


def test_an_end_is_told_with_its_reason() -> None:
    async def fails() -> None:
        raise ValueError("no")

    async def main() -> None:
        spawn(fails)

    assert "ends (Raised(name='ValueError', message='no')" in of(FIRST, told(main))[-1]


def test_how_a_message_travels_is_not_told() -> None:
    async def says(to: Any) -> None:
        send(to, "hello")

    async def main() -> None:
        spawn(says, self_())
        await receive()

    for network in ("node", "cluster"):
        for seed in range(20):
            found = told(main, seed, network)
            assert of(ROOT, found) == ["start", "do", "take message 'hello'", "do"]
            assert of(FIRST, found) == ["start", "do", "do ends 'normal'"]


class Counts(GenServer):
    """Counts what it is told."""

    def init(self, count: int) -> Any:
        return Ok(count)

    def handle_cast(self, request: Any, count: int) -> Any:
        return NoReply(count + request)


def test_of_a_behaviour_at_rest_its_state_is_told() -> None:
    async def main() -> None:
        await GenServer.start(Counts, 41)

    assert [text for text in of(FIRST, told(main)) if "rests" in text and "41" in text]
