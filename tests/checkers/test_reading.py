"""Properties that read the log, or the deaths: situations do not have them, and are told apart."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.reading import names_in
from simkernel import ANY, TIMEOUT, again, always, choose, log, receive, sometimes, spawn_monitor
from simkernel.errors import UsageError
from simkernel.spec import Spec

SEARCHES = ("dfs", "bfs")


async def logs_and_goes_on() -> Any:
    """Perhaps log something, and go on in the same way."""
    if await choose([False, True]):
        log("x")
    return again(goes_on)


async def goes_on() -> None:
    log("y")
    await receive(after=0)
    await receive(after=0)


async def buries_and_goes_on() -> Any:
    """Let one process end, or none, and go on in the same way."""
    if await choose([False, True]):
        spawn_monitor(ends)
        await receive(("DOWN", ANY, ANY, ANY, ANY))
    return again(waits)


async def ends() -> None:
    pass


async def waits() -> None:
    assert await receive(after=0) is TIMEOUT


def few(world: Any, most: int) -> bool:
    """Tell whether there are few lines, by a way of one's own."""
    return len(world.logged) <= most


class Few:
    """Tells the same."""

    def __init__(self, most: int):
        self.most = most

    def __call__(self, world: Any) -> bool:
        return len(world.logged) <= self.most


def verdict(main: Any, strategy: str, property: Any) -> Any:
    spec = Spec("reads", main, properties={"p": property})
    return check(spec, {}, strategy=strategy, budget=Budget(seconds=30))


@pytest.mark.parametrize("strategy", SEARCHES)
@pytest.mark.parametrize(
    "predicate",
    [
        lambda world: len(world.logged) < 2,
        lambda world: not world.done or len(world.logged) < 2,
        lambda world: not world.done or few(world, 1),
        partial(few, most=1),
        Few(1),
    ],
    ids=["itself", "late", "by a function", "partial", "object"],
)
def test_what_was_logged_is_told_apart(strategy: str, predicate: Any) -> None:
    assert verdict(logs_and_goes_on, strategy, always(predicate)).word == "Violated"


@pytest.mark.parametrize("strategy", SEARCHES)
def test_a_goal_that_reads_the_log_is_reached(strategy: str) -> None:
    def both(world: Any) -> bool:
        return bool(world.done and len(world.logged) == 2)

    assert verdict(logs_and_goes_on, strategy, sometimes(both)).word == "Held"


@pytest.mark.parametrize("strategy", SEARCHES)
def test_who_has_ended_quietly_is_told_apart(strategy: str) -> None:
    found = verdict(
        buries_and_goes_on, strategy, always(lambda world: not (world.done and world.deaths))
    )
    assert found.word == "Violated"


@pytest.mark.parametrize("strategy", SEARCHES)
def test_without_such_a_property_the_log_is_no_matter(strategy: str) -> None:
    without, reading = (
        verdict(logs_and_goes_on, strategy, always(predicate)).searched.situations
        for predicate in (lambda world: True, lambda world: len(world.logged) < 5)
    )
    assert without < reading


@pytest.mark.parametrize("strategy", SEARCHES)
def test_what_is_read_late_by_a_hidden_way_is_an_error(strategy: str) -> None:
    lines = operator.attrgetter("logged")
    with pytest.raises(UsageError, match=r"reads world\.logged only in some situations"):
        verdict(logs_and_goes_on, strategy, always(lambda world: not world.done or lines(world)))


def test_names_are_those_of_all_functions_that_are_named() -> None:
    def outer(world: Any) -> Any:
        return [few(one, 1) for one in (world,)]

    assert "logged" in names_in([outer])
    assert "logged" in names_in([Few(1)])
    assert "deaths" not in names_in([outer, Few(1)])
