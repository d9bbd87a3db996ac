"""A run is over when main has returned and only deadlines are left: before which of them have
passed makes it another, for searches of classes as for plain search."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from math import inf
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.dfs import Dfs, Plain
from checkers.explore import Outcome, explore, outcome
from simkernel import (
    TIMEOUT,
    GenServer,
    NoReply,
    Ok,
    leads_to,
    log,
    process_flag,
    receive,
    self_,
    send,
    send_after,
    sleep,
    spawn,
    spawn_link,
    spawn_monitor,
    spec,
)
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.spec import of
from simkernel.terms import show


async def sleeps(ms: int) -> None:
    await sleep(ms)


async def links(ms: int, wait: int | None) -> None:
    spawn_link(sleeps, ms)
    if wait is not None:
        await receive(after=wait)


async def tells(to: Any, ms: int) -> None:
    await sleep(ms)
    send(to, "time")


async def ticks() -> None:
    send_after(self_(), "tick", 5)
    await receive("tick")


async def two_sleep() -> None:
    spawn(sleeps, 10)
    spawn(sleeps, 5)


async def three_sleep_for_one() -> None:
    spawn(tells, self_(), 10)
    spawn(sleeps, 5)
    spawn(sleeps, 20)
    await receive("time")


async def one_of_two_tells() -> None:
    spawn(tells, self_(), 10)
    spawn(tells, self_(), 10)
    await receive("time")


async def who_links_is_gone() -> None:
    spawn(links, 10, None)


async def both_are_late() -> None:
    spawn(links, 10, 5)


async def a_poll_is_no_deadline() -> None:
    spawn(sleeps, 10)
    spawn(sleeps, 0)
    spawn(links, 0, None)


async def timers_of_others() -> None:
    spawn(ticks)
    spawn(ticks)


async def hears_both() -> None:
    await receive("first", "time", after=20)
    await receive("time", after=5)


async def what_is_heard_first() -> None:
    listener = spawn(hears_both)
    spawn(tells, listener, 5)
    spawn(tells, listener, 0)
    send(listener, "first")


PROGRAMS = (
    two_sleep, three_sleep_for_one, one_of_two_tells, who_links_is_gone, both_are_late,
    a_poll_is_no_deadline, timers_of_others, what_is_heard_first,
)  # fmt: skip


def all_outcomes(main: Any, network: str, most: float = inf) -> frozenset[Outcome] | None:
    """Search every situation; two that differ in who has ended are told apart. None if there are
    more than `most` transitions."""
    m = Machine(main, (), network=network, clock=SymbolicClock(), snapshots=True)
    m.checking = True
    search = Dfs(Plain(m), history=lambda: show(outcome(m)).encode())
    found = frozenset(outcome(m) for _ in search.leaves(lambda: search.transitions > most))
    m.close()
    return None if search.cut else found


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("strategy", ["rf", "dpor"])
@pytest.mark.parametrize("main", PROGRAMS, ids=lambda main: main.__name__)
def test_classes_have_every_end(main: Any, strategy: str, network: str) -> None:
    found = explore(main, strategy=strategy, network=network)
    assert found.complete
    assert found.outcomes == all_outcomes(main, network)


def test_two_that_sleep_have_a_class_for_each_of_four_ends() -> None:
    assert explore(two_sleep, strategy="rf").runs == 4


class Idle(GenServer):
    def init(self, _: Any) -> Any:
        return Ok("new", 10)

    def handle_info(self, message: Any, state: Any) -> Any:
        return NoReply("idle")


def both_idle(first: str, second: str) -> Any:
    @spec(
        properties={
            "both": leads_to(
                lambda world: world.state(first) == "idle",
                lambda world: world.state(second) == "idle",
            )
        }
    )
    async def main() -> None:
        await GenServer.start(Idle, None, name="a")
        await GenServer.start(Idle, None, name="b")

    return main


@pytest.mark.parametrize("strategy", ["dfs", "rf", "dpor"])
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_what_one_deadline_promises_of_another_is_broken(strategy: str, names: str) -> None:
    verdict = check(
        of(both_idle(*names)), {}, strategy=strategy, time="any", budget=Budget(seconds=1e9)
    )
    assert verdict.word == "Violated"
    assert verdict.counterexample is not None
    assert verdict.counterexample.deviations == 1


@pytest.mark.parametrize("strategy", ["dfs", "rf", "dpor"])
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_within_bounds_it_is_broken_too(strategy: str, names: str) -> None:
    """b is idle, and a is not yet, in a run that is over at the very moment of both deadlines."""
    verdict = check(of(both_idle(*names)), {}, strategy=strategy, budget=Budget(seconds=1e9))
    assert verdict.word == "Violated"
    assert verdict.counterexample is not None
    assert verdict.counterexample.findings[0].text == "both: not fulfilled when the run ended"


# --- Random programs, of which main often returns while others wait ------------------------------

KINDS = ("sleep", "sleep", "sleep", "send", "receive", "receive", "spawn", "link", "watch", "trap")


def drawn(seed: int) -> Any:
    """Draw up to three processes and main, each of a few operations; some set timers."""
    draw = random.Random(f"over {seed}")
    kinds = KINDS + ("timer",) * (draw.random() < 0.25)

    def operations(most: int) -> list[tuple[str, int]]:
        return [
            (draw.choice(kinds), draw.choice((0, 5, 10))) for _ in range(draw.randrange(1, most))
        ]

    bodies = [(operations(4), draw.random() < 0.4) for _ in range(draw.choice((1, 2, 2, 3)))]
    of_main = operations(3)[draw.randrange(2) :]

    async def main() -> None:
        for body, linked in bodies:
            (spawn_link if linked else spawn)(acts, self_(), body)
        await acts(self_(), of_main)

    return main


async def acts(main: Any, operations: list[tuple[str, int]]) -> None:
    heard = []
    for kind, ms in operations:
        match kind:
            case "sleep":
                await sleep(ms)
            case "send":
                send(main, ms)
            case "receive":
                heard.append(await receive(after=ms) is TIMEOUT)
            case "spawn":
                spawn(sleeps, ms)
            case "link":
                spawn_link(sleeps, ms)
            case "watch":
                spawn_monitor(sleeps, ms)
            case "trap":
                process_flag("trap_exit", True)
            case "timer":
                send_after(self_(), "tick", ms)
    log(tuple(heard))


def compared(
    seeds: Iterable[int],
    drawn: Callable[[int], Any] = drawn,
    *,
    most: int = 6_000,
    seconds: float = 1_000.0,
    outcomes: int = 1,
) -> int:
    """Compare searches of classes with plain search on random programs, within bounds of the two;
    give how many of at least so many outcomes there were that both came to the end of."""
    done = 0
    for seed in seeds:
        network = ("node", "node", "cluster")[seed % 3]
        every = all_outcomes(drawn(seed), network, most=most)
        for strategy in ("rf", "dpor") if every is not None else ():
            found = explore(
                drawn(seed), strategy=strategy, network=network, seconds=seconds,
                elapsed=partial(next, count(0.0)),
            )  # fmt: skip
            if found.complete:
                assert found.outcomes == every, (seed, network, strategy)
                done += len(found.outcomes) >= outcomes
    return done


def test_classes_have_every_end_of_random_programs() -> None:
    assert compared(range(60)) > 40


@pytest.mark.slow
def test_classes_have_every_end_of_more_random_programs() -> None:
    assert compared(range(1_000, 1_400)) > 250
