"""What searches of classes make of small systems with links, monitors, tasks and supervisors."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.explore import explore
from simkernel import ANY, Exit, monitor, receive, spawn_link
from tests.checkers.test_over import all_outcomes

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
