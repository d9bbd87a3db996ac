"""What is said where some runs go round for ever, by searches that judge those that end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from checkers.breadth import SURE
from checkers.check import Budget, check
from checkers.depth import ENDLESS
from checkers.verdict import Verdict
from simkernel import (
    GenServer,
    NoReply,
    Ok,
    Reply,
    again,
    always,
    choose,
    eventually,
    exit,
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
    note = SURE if strategy == "bfs" else ENDLESS
    assert (got.word, got.complete, got.notes[-1]) == ("Held", True, note)
    assert verdict(until_done, {"new": always(state("new"))}, strategy).word == "Violated"


def test_a_search_in_which_no_run_ends_says_so() -> None:
    assert verdict(mutely, {}).sentence == (
        "on node, time bounded (steps of 0 to 10 ms): no run ends, "
        "and only bfs judges runs that go round for ever after 0 runs"
    )
    assert verdict(mutely, {}, "bfs").notes == (SURE,)


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


# --- Who waits for ever while others go on -----------------------------------------------------


class Desk(GenServer):
    """Answers, or does not, or asks somebody else first."""

    def init(self, given: Any) -> Any:
        return Ok(given)

    async def handle_call(self, request: Any, caller: Any, other: Any) -> Any:
        match request:
            case "ignored":
                return NoReply(other)
            case "either" if await choose(["answered", "ignored"]) == "ignored":
                return NoReply(other)
            case "pass on":
                return Reply(await GenServer.call(other, "pass on", timeout=None), other)
        return Reply("here", other)


async def asks(request: str) -> Any:
    await GenServer.call("desk", request, timeout=None)
    return None


async def asks_again_and_again() -> Any:
    await GenServer.call("desk", "well?", timeout=None)
    await sleep(100)
    return again(asks_again_and_again)


async def is_ended_and_replaced(last: Any) -> Any:
    if last is not None:
        exit(last, "kill")
    one = spawn(asks, "ignored")
    await sleep(100)
    return again(is_ended_and_replaced, one)


def beside_ticks(*bodies: tuple[Any, ...], desk: Any = None) -> Any:
    async def main() -> Any:
        await GenServer.start_link(Desk, desk, name="desk")
        for body, *args in bodies:
            spawn(body, *args)
        return again(ticks)

    return main


WAITS = "<root.2> waits for ever in ('call', <root.1>, '{}'), while others go round from step"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("request_", ["ignored", "either"])
def test_a_caller_that_nobody_can_answer_is_found_while_others_go_on(
    request_: str, workers: int
) -> None:
    """Also beside one that calls again and again, and is answered."""
    main = beside_ticks((asks, request_), (asks_again_and_again,))
    for strategy in ("bfs", "auto"):
        got = verdict(main, {}, strategy, workers, time="any")
        assert got.word == "Violated"
        assert got.counterexample is not None
        (found,) = got.counterexample.findings
        assert found.kind == "caller stuck"
        assert found.text.startswith(WAITS.format(request_)), found.text


def test_a_circle_is_found_while_others_go_on() -> None:
    async def main() -> Any:
        for name, other in (("desk", "desk 2"), ("desk 2", "desk")):
            await GenServer.start_link(Desk, other, name=name)
        spawn(asks, "pass on")
        return again(ticks)

    got = verdict(main, {}, "bfs")
    assert got.counterexample is not None
    assert [one.kind for one in got.counterexample.findings] == ["deadlock", "caller stuck"]


@pytest.mark.parametrize(
    "bodies", [((asks, "well?"),), ((asks_again_and_again,),), ((is_ended_and_replaced, None),)]
)
def test_who_is_answered_or_ended_is_not_stuck(bodies: Any) -> None:
    got = verdict(beside_ticks(*bodies), {}, "bfs")
    assert (got.word, got.complete, got.notes) == ("Held", True, (SURE,))


def test_what_is_expected_is_not_found() -> None:
    declared = of(spec(expect=("caller stuck",))(beside_ticks((asks, "ignored"))))
    assert check(declared, {}, strategy="bfs").word == "Held"


def test_limit_a_message_that_never_comes_is_not_found_while_others_go_on() -> None:
    """It may be meant: a process that waits to be told to stop."""
    assert verdict(mutely, {}, "bfs").word == "Held"


def test_a_horizon_ends_only_runs_with_drawn_times_and_that_is_said() -> None:
    declared = of(spec(horizon_ms=1_000)(mutely))
    got = check(declared, {}, strategy="rf")
    assert (got.word, got.searched.why_stopped) == (
        "Inconclusive",
        (
            "the effect budget was hit: the horizon ends only runs with drawn times, "
            "as --strategy portfolio makes"
        ),
    )
    assert check(declared, {}, strategy="portfolio").word == "Held"
