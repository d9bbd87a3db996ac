"""Depth-first search with plain messages handled early: fewer situations, and the same ends."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.dfs import Dfs
from simkernel import process_info, receive, self_, send, spawn
from simkernel.choice import Recorded
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.spec import of
from simkernel.terms import thaw

# Of three senders to main: with messages handled early, and without.
SITUATIONS = {"node": (607, 948), "cluster": (1_290, 1_538)}


async def says(to: Any, word: Any) -> None:
    send(to, word)


async def fan_in(senders: int = 3) -> Any:
    for number in range(senders):
        spawn(says, self_(), number)
    return tuple([await receive() for _ in range(senders)])


async def looks() -> Any:
    spawn(says, self_(), "hello")
    _, length = await process_info(self_(), "message_queue_len")
    return length


def machine(main: Any, *args: Any, network: str = "node") -> Machine:
    return Machine(main, args, network=network, clock=SymbolicClock(), snapshots=True)


def searched(main: Any, *args: Any, early: bool, network: str = "node") -> tuple[Dfs, set[Any]]:
    m = machine(main, *args, network=network)
    search = Dfs(m, early=early)
    return search, {thaw(m.returned) for _ in search.leaves()}


@pytest.mark.parametrize("network", ["node", "cluster"])
def test_the_ends_are_the_same_and_the_situations_fewer(network: str) -> None:
    plain, every = searched(fan_in, 3, early=False, network=network)
    early, same = searched(fan_in, 3, early=True, network=network)
    assert same == every
    assert len(every) == 6
    few, many = SITUATIONS[network]
    assert (len(early.seen), len(plain.seen)) == (few, many)
    assert early.transitions < plain.transitions


def test_whoever_looks_at_a_queue_ends_the_search() -> None:
    early, _ = searched(looks, early=True)
    assert early.looked
    _, every = searched(looks, early=False)
    assert every == {0, 1}


def test_a_check_searches_again_without_when_somebody_looks() -> None:
    verdict = check(of(looks), {}, strategy="dfs", budget=Budget(seconds=60))
    assert (verdict.word, verdict.complete) == ("Held", True)
    plain, _ = searched(looks, early=False)
    assert verdict.searched.situations == len(plain.seen)


def test_a_check_handles_messages_early() -> None:
    verdict = check(of(fan_in), {"senders": 3}, strategy="dfs", budget=Budget(seconds=60))
    early, _ = searched(fan_in, 3, early=True)
    assert verdict.searched.situations == len(early.seen)


def test_an_end_is_reached_again_by_its_deviations() -> None:
    m = machine(fan_in, 3)
    search = Dfs(m, early=True)
    ends = 0
    for path in search.leaves():
        picks = {step: str(path[step]) for step in search.deviations()}
        again = machine(fan_in, 3)
        driver.drive(again, Recorded(picks.items()), 10_000)
        assert thaw(again.returned) == thaw(m.returned)
        ends += 1
    assert ends >= 6
