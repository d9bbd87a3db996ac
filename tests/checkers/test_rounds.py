"""What is said where some runs go round for ever, by searches that judge those that end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.search import ENDLESS
from checkers.verdict import Verdict
from simkernel import (
    GenServer,
    Ok,
    Reply,
    again,
    always,
    choose,
    eventually,
    never,
    receive,
    self_,
    send,
    sleep,
    spawn,
    spec,
)
from simkernel.spec import of


class Job(GenServer):
    def init(self, given: Any) -> Any:
        return Ok("new")

    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case "poll":
                now = await choose(["done", "wait"])
                return Reply(now, now)


async def polls() -> Any:
    if await GenServer.call("job", "poll", timeout=None) != "done":
        return again(polls)
    return None


async def until_done() -> Any:
    await GenServer.start_link(Job, None, name="job")
    return again(polls)


async def neighbour(to: Any) -> None:
    for number in range(2):
        send(to, number)


async def with_neighbours() -> Any:
    for _ in range(2):
        spawn(neighbour, self_())
    for _ in range(4):
        await receive()
    return await until_done()


async def ticks() -> Any:
    await sleep(100)
    return again(ticks)


async def mutely() -> None:
    spawn(ticks)
    await receive("never")


def state(wanted: str) -> Any:
    return lambda world: world.state("job") == wanted


def verdict(
    main: Any, properties: Mapping[str, Any], strategy: str = "dfs", workers: int = 1, **more: Any
) -> Verdict:
    declared = of(spec(properties=properties)(main))
    budget = Budget(seconds=1e9)
    return check(declared, {}, strategy=strategy, budget=budget, workers=workers, **more)


LATER, SAFE = {"done": eventually(state("done"))}, {"good": never(state("bad"))}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("main", [until_done, with_neighbours])
def test_dfs_does_not_say_that_a_promise_is_kept_in_runs_that_go_round(
    main: Any, workers: int
) -> None:
    """It said Held in every run, of a promise that bfs shows to be broken."""
    got = verdict(main, LATER, workers=workers)
    assert (got.word, got.complete) == ("Inconclusive", False)
    assert "only bfs tells whether 'done' holds in them" in got.sentence
    if main is until_done:
        assert verdict(main, LATER, "bfs").word == "Violated"


@pytest.mark.parametrize("strategy", ["dfs", "bfs"])
def test_what_is_never_to_be_is_seen_in_them(strategy: str) -> None:
    got = verdict(until_done, SAFE, strategy)
    assert (got.word, got.complete, got.notes[-1]) == ("Held", True, ENDLESS)
    assert verdict(until_done, {"new": always(state("new"))}, strategy).word == "Violated"


def test_a_search_in_which_no_run_ends_says_so() -> None:
    assert verdict(mutely, {}).sentence == (
        "on node, time bounded (steps of 0 to 10 ms): no run ends, "
        "and only bfs judges runs that go round for ever after 0 runs"
    )
    assert verdict(mutely, {}, "bfs").notes == (ENDLESS,)


def test_where_every_run_ends_a_promise_is_decided() -> None:
    async def once() -> None:
        await GenServer.start_link(Job, None, name="job")
        await GenServer.call("job", "poll", timeout=None)

    answered = {"answered": eventually(lambda world: world.state("job") in ("done", "wait"))}
    got = verdict(once, answered)
    assert (got.word, got.complete, got.notes) == ("Held", True, ())


def test_with_faults_the_search_goes_on_to_them() -> None:
    got = verdict(until_done, LATER, faults=1)
    assert (got.word, got.counterexample is not None) == ("Violated", True)


async def first_waits() -> Any:
    await GenServer.start_link(Job, None, name="job")
    if await GenServer.call("job", "poll", timeout=None) == "wait":
        return again(round_and_round)
    return None


async def round_and_round() -> Any:
    await GenServer.call("job", "poll", timeout=None)
    return again(round_and_round)


@pytest.mark.parametrize("main", [until_done, first_waits])
def test_auto_turns_to_bfs_for_what_dfs_leaves_open(main: Any) -> None:
    """First it searches classes, of which there is no end, or one has none."""
    for promised, word in (("done", "Violated"), ("new", "Held")):
        declared = of(spec(properties={"in time": eventually(state(promised))})(main))
        start = time.monotonic()
        got = check(
            declared, {}, strategy="auto", budget=Budget(seconds=4),
            elapsed=lambda start=start: time.monotonic() - start,
        )  # fmt: skip
        assert (got.word, got.searched.strategy) == (word, "auto")
        assert "auto picked bfs, because some runs go round for ever" in got.notes
        if word == "Held":
            assert got.complete
