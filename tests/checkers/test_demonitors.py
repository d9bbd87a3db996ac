"""A demonitor that comes behind other signals, of which nobody can tell when it is handled."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from checkers.explore import explore
from simkernel import ANY, ChildSpec, GenServer, Ok, Supervisor, receive, self_, send, spawn


class Child(GenServer):
    def init(self, state: Any) -> Any:
        return Ok(state)


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
