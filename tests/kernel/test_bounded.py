"""The clock with bounds: what can happen when steps and signals take no longer than they may."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from checkers.dfs import Dfs
from simkernel import TIMEOUT, between, cancel_timer, receive, self_, send, send_after, spawn
from simkernel import work as be_busy
from simkernel.choice import Walk
from simkernel.kernel import driver
from simkernel.kernel.bounded import BoundedClock
from simkernel.kernel.clock import Clock, ConcreteClock
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import AT_REST
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import thaw
from tests.checkers import generated

STEP = (0, 10_000)
MOST = 6_000


def reached(
    main: Callable[..., Any], clock: Clock, *args: Any, network: str = "node", merge: bool = True,
    settle: bool = False,
) -> set[Any] | None:  # fmt: skip
    """Give what `main` returned and what was logged, over every run; None if they are too many."""
    m = Machine(main, args, network=network, clock=clock, snapshots=True, settle=settle)
    search = Dfs(m, merge=merge, history=lambda: repr(m.logged).encode())
    found = set()
    for _ in search.leaves(lambda: search.transitions > MOST):
        found.add(seen(m))
    m.close()
    return None if search.cut else found


def seen(m: Machine) -> Any:
    """Give what one run showed."""
    returned = thaw(m.returned) if m.root.status == AT_REST else "no return"
    return returned, repr([thaw(value) for value in m.logged])


def returned(main: Callable[..., Any], clock: Clock, **options: Any) -> set[Any]:
    """Give what `main` can return."""
    found = reached(main, clock, **options)
    assert found is not None
    return {value for value, _ in found}


def late(ms: Any, after: int) -> Callable[..., Any]:
    """Give a program that waits for an answer of somebody who works for `ms`."""

    async def worker(asker: Any) -> None:
        await be_busy(ms)
        send(asker, "done")

    async def main() -> Any:
        spawn(worker, self_())
        return (await receive("done", after=after)) is TIMEOUT

    return main


# The worker begins its work 0 to 10 ms after it was spawned, and answers 0 to 10 ms after the end
# of it. The wait begins up to 10 ms after the spawn. What arrives before the limit counts.
@pytest.mark.parametrize(
    ("ms", "outcomes"),
    [(79, {False}), (80, {False, True}), (110, {False, True}), (111, {True})],
)
def test_a_timeout_comes_first_exactly_if_the_bounds_let_it(ms: int, outcomes: set[bool]) -> None:
    assert returned(late(ms, 100), BoundedClock(STEP)) == outcomes
    assert returned(late(ms, 100), SymbolicClock()) == {False, True}


def test_declared_work_is_as_long_as_declared() -> None:
    assert returned(late(between(20, 79), 100), BoundedClock(STEP)) == {False}
    assert returned(late(between(20, 80), 100), BoundedClock(STEP)) == {False, True}
    assert returned(late(between(111, 120), 100), BoundedClock(STEP)) == {True}


def test_without_any_duration_it_is_the_concrete_clock() -> None:
    assert returned(late(99, 100), BoundedClock((0, 0))) == {False}
    assert returned(late(100, 100), BoundedClock((0, 0))) == {False, True}
    assert returned(late(101, 100), BoundedClock((0, 0))) == {True}


# A message is under way for 30 to 40 ms; so is nothing else of the race.
@pytest.mark.parametrize(
    ("after", "outcomes"), [(29, {True}), (30, {False, True}), (40, {False, True}), (41, {False})]
)
def test_a_signal_is_under_way_for_as_long_as_it_may(after: int, outcomes: set[bool]) -> None:
    async def sender(to: Any) -> None:
        send(to, "done")

    async def main() -> Any:
        spawn(sender, self_())
        return (await receive("done", after=after)) is TIMEOUT

    clock = BoundedClock((0, 0), (30_000, 40_000))
    assert returned(main, clock, network="cluster") == outcomes


# Three sends in three steps of 5 to 8 ms, two of them after a message that is handled within 8 ms;
# the wait begins at the end of a step that lasts 5 to 8 ms.
@pytest.mark.parametrize(
    ("after", "outcomes"), [(6, {True}), (7, {False, True}), (40, {False, True}), (41, {False})]
)
def test_a_step_lasts_no_less_than_its_lower_bound(after: int, outcomes: set[bool]) -> None:
    # Each goes on to wait, so that the send is what ends its step.
    async def relay(to: Any) -> None:
        send(to, await receive())
        await receive(idle=True)

    async def sender(to: Any) -> None:
        send(to, "done")
        await receive(idle=True)

    async def main() -> Any:
        last = spawn(relay, self_())
        spawn(sender, spawn(relay, last))
        return (await receive("done", after=after)) is TIMEOUT

    assert returned(main, BoundedClock((5_000, 8_000))) == outcomes


def test_two_timers_of_a_process_keep_their_order_and_equal_ones_do_not() -> None:
    async def main(first: int, second: int) -> Any:
        send_after(self_(), "a", first)
        send_after(self_(), "b", second)
        return (await receive(), await receive())

    def order(first: int, second: int) -> Any:
        found = reached(main, BoundedClock(STEP), first, second)
        return found and {value for value, _ in found}

    assert order(50, 61) == {("a", "b")}
    assert order(61, 50) == {("b", "a")}
    assert order(50, 50) == {("a", "b"), ("b", "a")}  # armed at one moment, if the step is short
    assert order(60, 50) == {("a", "b"), ("b", "a")}  # the second is armed up to 10 ms later


def test_a_timer_that_is_cancelled_in_time_never_fires() -> None:
    async def main(ms: int) -> Any:
        timer = send_after(self_(), "fired", ms)
        left = await cancel_timer(timer)
        return left is False

    def lost(ms: int) -> Any:
        found = reached(main, BoundedClock(STEP), ms)
        return found and {value for value, _ in found}

    assert lost(11) == {False}
    assert lost(10) == {False, True}


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("seed", range(4))
def test_random_runs_within_the_bounds_are_among_what_is_searched(seed: int, network: str) -> None:
    draw = random.Random(seed)
    latency = STEP if network == "cluster" else (0, 0)
    compared = narrower = 0
    for _ in range(40):
        ops = generated.written(draw, 5, timed=True)
        bounded = reached(
            generated.main, BoundedClock(STEP, latency), ops, network=network, settle=True
        )
        every = reached(generated.main, SymbolicClock(), ops, network=network, settle=True)
        if bounded is None or every is None:
            continue
        compared += 1
        narrower += bounded != every
        assert bounded <= every, ops
        for run in range(12):
            clock = ConcreteClock(run, STEP, latency)
            m = Machine(generated.main, (ops,), network=network, clock=clock, settle=True)
            driver.drive(m, Walk(run), 10_000)
            assert seen(m) in bounded, (ops, run)
            m.close()
    assert compared >= 15


@pytest.mark.parametrize("seed", range(3))
def test_merging_situations_loses_nothing(seed: int) -> None:
    draw = random.Random(seed)
    compared = 0
    for _ in range(60):
        ops = generated.written(draw, 4, timed=True)
        plain = reached(generated.main, BoundedClock(STEP), ops, settle=True, merge=False)
        if plain is not None:
            compared += 1
            assert reached(generated.main, BoundedClock(STEP), ops, settle=True) == plain, ops
    assert compared >= 15


def test_limit_a_step_without_effects_takes_no_time() -> None:
    async def counter(asker: Any) -> None:
        for _ in range(5):
            await receive("count")
        send(asker, "done")

    async def main() -> Any:
        pid = spawn(counter, self_())
        for _ in range(5):
            send(pid, "count")
        return (await receive("done", after=21)) is TIMEOUT

    # Were each of the five steps as long as others, the answer could come 40 ms later.
    assert returned(main, BoundedClock(STEP)) == {False}
