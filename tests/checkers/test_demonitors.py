"""A demonitor that comes behind other signals, of which nobody can tell when it is handled."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from checkers.explore import explore
from simkernel import (
    ANY,
    ChildSpec,
    Exit,
    GenServer,
    Ok,
    Reply,
    Supervisor,
    Task,
    exit,
    receive,
    self_,
    send,
    spawn,
    spawn_link,
    whereis,
)


class Child(GenServer):
    def init(self, state: Any) -> Any:
        return Ok(state)

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        return Reply("here", state)


async def start_child() -> Any:
    return await GenServer.start_link(Child, None)


async def stops(main: Any, supervisor: Any) -> None:
    send(main, await Supervisor.terminate_child(supervisor, "child"))


async def two_stop_a_child() -> Any:
    child = ChildSpec("child", (start_child, ()))
    _, supervisor = await Supervisor.start_link([child], strategy="one_for_one")
    for _ in range(2):
        spawn(stops, self_(), supervisor)
    return [await receive(ANY) for _ in range(2)]


@pytest.mark.parametrize("strategy", ["rf", "dpor"])
def test_it_is_handled_with_what_it_is_behind(strategy: str) -> None:
    """It was an event of its own, or none, by the order of others: the search failed."""
    looks = count()
    found = explore(
        two_stop_a_child, strategy=strategy, seconds=300.0, elapsed=lambda: float(next(looks))
    )
    assert {outcome.returned for outcome in found.outcomes} == {"['ok', 'ok']"}


async def call() -> Any:
    return await GenServer.call("child", "where are you?")


async def has_a_task_call(main: Any) -> None:
    task = Task.async_(call)
    try:
        send(main, await Task.await_(task, 5_000))
    except Exit:
        send(main, "late")


async def stops_the_child() -> None:
    child = await whereis("child")
    if child is not None:
        exit(child, "shutdown")


async def a_child_is_stopped_that_a_task_calls() -> Any:
    await GenServer.start(Child, None, name="child")
    spawn_link(has_a_task_call, self_())
    spawn(stops_the_child)
    return await receive()


def test_it_counts_at_the_end_of_a_child_that_has_not_handled_it() -> None:
    """Of the end that came first the monitor was told, and not where the demonitor came first."""
    looks = count()
    found = explore(
        a_child_is_stopped_that_a_task_calls, strategy="rf", seconds=5_000.0,
        elapsed=lambda: float(next(looks)),
    )  # fmt: skip
    assert found.complete
    assert {one.returned for one in found.outcomes} == {"'here'", "'late'", "main has ended"}
