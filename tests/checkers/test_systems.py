"""What searches of classes make of small systems with links, monitors, tasks and supervisors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest

from checkers.explore import explore
from simkernel import (
    ANY,
    TIMEOUT,
    Exit,
    Task,
    demonitor,
    ets,
    monitor,
    receive,
    self_,
    send,
    spawn_link,
    unlink,
)
from tests.checkers import systems
from tests.checkers.test_over import all_outcomes, compared

DOWN = ("DOWN", ANY, ANY, ANY, ANY)


async def ends() -> None:
    pass


async def crashes() -> None:
    raise Exit("x")


async def is_killed_behind_a_down() -> Any:
    monitor(spawn_link(ends))
    spawn_link(crashes)
    await receive(DOWN)
    return await receive(after=0)


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("strategy", ["rf", "dpor"])
def test_one_who_polls_is_killed_by_what_came_before_the_message_it_took(
    strategy: str, network: str
) -> None:
    """Without that arrival it had not come so far: such a plan was made in vain."""
    found = explore(is_killed_behind_a_down, strategy=strategy, network=network)
    assert found.complete
    assert found.outcomes == all_outcomes(is_killed_behind_a_down, network)


async def leaves_a_table(heir: Any) -> None:
    ref = await receive()
    await ets.new("t", heir=(heir, "gift"))
    send(ref, "done")


async def ignores_who_leaves_a_table() -> Any:
    pid = spawn_link(leaves_a_table, self_())
    ref = monitor(pid, alias="demonitor")
    send(pid, ref)
    unlink(pid)
    await demonitor(ref, flush=True)
    return await receive(after=0) is TIMEOUT


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("strategy", ["rf", "dpor"])
def test_a_demonitor_is_not_of_the_event_that_handles_what_is_before_it(
    strategy: str, network: str
) -> None:
    """Behind an unlink it was: whether the other told of its end then hung on the order in which
    independent events were made again, and the search failed."""
    found = explore(
        ignores_who_leaves_a_table, strategy=strategy, network=network, seconds=3_000.0,
        elapsed=partial(next, count(0.0)),
    )  # fmt: skip
    assert found.complete
    assert found.outcomes == all_outcomes(ignores_who_leaves_a_table, network)


async def awaits_whom_it_ignores() -> Any:
    task = Task.async_(ends)
    await Task.ignore(task)
    return await Task.await_(task, 5)


@pytest.mark.parametrize("strategy", ["rf", "dpor"])
def test_what_is_flushed_twice_is_gone_at_the_first_time(strategy: str) -> None:
    """It was thought to be there until the second: a plan to take it was made in vain."""
    found = explore(awaits_whom_it_ignores, strategy=strategy)
    assert found.complete
    assert found.outcomes == all_outcomes(awaits_whom_it_ignores, "node")


# --- Random systems ------------------------------------------------------------------------------


several = partial(compared, most=1_000, seconds=200.0, outcomes=2)


def test_classes_have_every_end_of_random_owners() -> None:
    assert several(range(370, 394), systems.tasks) > 10


def test_classes_have_every_end_of_random_trees() -> None:
    assert several(range(4), systems.trees) > 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drawn", "seeds", "least"),
    [(systems.tasks, range(1_000, 1_080), 40), (systems.trees, range(100, 130), 8)],
)
def test_classes_have_every_end_of_more_random_systems(
    drawn: Callable[[int], Any], seeds: range, least: int
) -> None:
    assert several(seeds, drawn) > least
