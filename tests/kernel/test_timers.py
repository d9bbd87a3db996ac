"""Section 9, first half: setting, cancelling and reading timers."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ArgumentError
from simkernel.kernel.effects import (
    between,
    cancel_timer,
    earlier,
    exit,
    log,
    make_ref,
    now,
    read_timer,
    receive,
    register,
    self_,
    send,
    send_after,
    send_interval,
    sleep,
    spawn,
    spawn_monitor,
    start_timer,
    to_ms,
    unregister,
    work,
)
from simkernel.spec import simulate
from simkernel.terms import Duration, Pid
from tests.kernel.programs import (
    both,
    finish,
    idle,
    look,
    machine,
    nothing,
    quiet,
    rest,
    returned,
)

MAIN, CHILD = Pid(()), Pid((1,))


async def clock() -> float:
    """Give the present in ms."""
    return to_ms(now())


# --- 9.1 to 9.5: setting -------------------------------------------------------------------------


async def after_ten() -> Any:
    send_after(self_(), "m", 10)
    send(self_(), "before")
    await sleep(20)
    send(self_(), "after")
    return await rest()


@pytest.mark.rule("9.1")
def test_a_timer_s_message_goes_to_the_end_of_the_mailbox() -> None:
    assert returned(after_ten) == ("before", "m", "after")


async def when_it_comes(ms: int) -> Any:
    send_after(self_(), "m", ms)
    log("set")
    return await receive(), await clock()


@pytest.mark.rule("9.1", "9.3", "9.4")
@pytest.mark.parametrize("ms", [0, 1, 10, 86_400_000])
def test_a_timer_fires_exactly_after_its_time(ms: int) -> None:
    assert returned(when_it_comes, ms) == ("m", ms)


async def started() -> Any:
    ref = start_timer(10, self_(), ("my", ["message"]))
    message = await receive()
    return message == ("timeout", ref, ("my", ["message"])), await clock()


@pytest.mark.rule("9.2")
def test_start_timer_delivers_timeout_with_its_reference() -> None:
    assert returned(started) == (True, 10)


async def never_early() -> Any:
    start = now()
    send_after(self_(), "m", 10)
    await receive()
    return await earlier(now(), start + 10)


@pytest.mark.rule("9.3")
def test_a_timer_never_fires_early() -> None:
    assert both(never_early) == {False}


async def late_by(ms: int) -> Any:
    start = now()
    send_after(self_(), "m", 10)
    await receive()
    return await earlier(start + 10 + ms, now())


@pytest.mark.rule("9.4", "9.15")
def test_what_may_be_late_is_the_process_not_the_timer() -> None:
    # The timer fires at its time; how late the process sees that is open.
    assert both(late_by, 5) == {False, True}


async def orders_of_one_time() -> Any:
    send_after(self_(), "first", 10)
    await quiet(10)
    start = now()
    await work(1)
    return await look(), await earlier(start, now())


@pytest.mark.rule("9.4")
def test_a_due_timer_fires_before_time_goes_on() -> None:
    assert returned(orders_of_one_time) == ("first", True)


async def absolute(at: int) -> Any:
    await sleep(10)
    send_after(self_(), "m", at, abs=True)
    await receive()
    return await clock()


@pytest.mark.rule("9.5")
@pytest.mark.parametrize(("at", "comes"), [(15, 15), (10, 10), (5, 10), (0, 10), (-3, 10)])
def test_an_absolute_time_is_on_the_clock_and_a_past_one_fires_at_once(at: int, comes: int) -> None:
    assert returned(absolute, at) == comes


async def absolute_start_timer() -> Any:
    await sleep(10)
    ref = start_timer(25, self_(), "x", abs=True)
    return await receive() == ("timeout", ref, "x"), await clock()


@pytest.mark.rule("9.5")
def test_start_timer_takes_an_absolute_time_too() -> None:
    assert returned(absolute_start_timer) == (True, 25)


async def from_an_instant(offset: int) -> Any:
    await sleep(10)
    start = now()
    await sleep(10)
    send_after(self_(), "m", offset, abs=start)
    await receive()
    return await clock()


@pytest.mark.rule("9.5")
@pytest.mark.parametrize(("offset", "comes"), [(25, 35), (10, 20), (5, 20)])
def test_a_time_can_count_from_an_instant(offset: int, comes: int) -> None:
    assert returned(from_an_instant, offset) == comes


async def periodic() -> Any:
    start = now()
    for n in (1, 2, 3):
        send_after(self_(), n, 10 * n, abs=start)
    got = [await receive() for _ in range(3)]
    return tuple(got), await earlier(now(), start + 30)


@pytest.mark.rule("9.5", "9.14")
def test_absolute_deadlines_that_are_past_when_they_are_set_are_equal() -> None:
    assert returned(periodic) == ((1, 2, 3), False)
    assert outcomes(periodic) == {(order, False) for order in permutations((1, 2, 3))}


async def past_in_a_search() -> Any:
    await work(20)
    send_after(self_(), "past", 10, abs=True)
    send_after(self_(), "later", 5)
    return await receive(), await receive()


@pytest.mark.rule("9.5")
def test_a_past_time_fires_at_once_in_a_search() -> None:
    assert outcomes(past_in_a_search) == {("past", "later")}


async def past_or_not() -> Any:
    start = now()
    await work(between(0, 20))
    then = now()
    send_after(self_(), "m", 10, abs=start)
    await receive()
    return await earlier(then, start + 10), await earlier(now(), start + 10)


@pytest.mark.rule("9.5", "9.19")
def test_a_search_tries_an_absolute_time_ahead_and_past() -> None:
    # Never early; and set before its time or after it.
    assert outcomes(past_or_not) == {(True, False), (False, False)}


async def past_or_not_of_the_clock() -> Any:
    start = now()
    await work(between(0, 20))
    send_after(self_(), "absolute", 10, abs=True)
    send_after(self_(), "relative", 1)
    first = await receive()
    await receive()
    return first, await earlier(start + 15, now())


@pytest.mark.rule("9.5", "12.18")
def test_an_absolute_time_against_a_relative_one() -> None:
    found = outcomes(past_or_not_of_the_clock)
    assert found == {(word, late) for word in ("absolute", "relative") for late in (True, False)}


# --- 9.6 to 9.12 ---------------------------------------------------------------------------------

BAD = [
    lambda: send_after(self_(), "m", -1),
    lambda: start_timer(-1, self_(), "m"),
    lambda: send_interval(0, self_(), "m"),
    lambda: send_interval(-5, self_(), "m"),
    lambda: send_after(self_(), "m", 1.5),  # type: ignore[arg-type]
    lambda: send_after(self_(), "m", True),
    lambda: send_after(7, "m", 1),  # type: ignore[arg-type]
]


async def sets_badly(case: int) -> Any:
    try:
        BAD[case]()
    except ArgumentError as error:
        return error.reason


@pytest.mark.rule("9.6")
@pytest.mark.parametrize("case", range(len(BAD)))
def test_a_bad_time_or_target_raises(case: int) -> None:
    assert returned(sets_badly, case) == "badarg"


async def target_dies() -> Any:
    pid = spawn(idle)
    ref = send_after(pid, "m", 100)
    exit(pid, "kill")
    await quiet()
    return await read_timer(ref), await clock()


@pytest.mark.rule("9.7")
def test_the_death_of_its_target_cancels_a_timer() -> None:
    assert returned(target_dies) == (False, 1)
    m = machine(target_dies)
    finish(m)
    assert m.timers == {}


async def target_is_dead() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    ref = send_after(pid, "m", 100)
    return await cancel_timer(ref)


@pytest.mark.rule("9.7")
def test_a_timer_for_the_dead_is_none() -> None:
    assert both(target_is_dead) == {False}


async def holds(name: str, ms: int, word: str) -> None:
    await register(self_(), name)
    await sleep(ms)
    await unregister(name)
    log((word, await rest()))


async def timer_for_a_name() -> None:
    spawn(holds, "server", 5, "first")
    send_after("server", "tick", 10)
    await sleep(7)
    spawn(holds, "server", 5, "second")
    await sleep(20)


@pytest.mark.rule("9.8")
def test_a_timer_for_a_name_looks_it_up_when_it_fires() -> None:
    assert simulate(timer_for_a_name).logged == (("first", ()), ("second", ("tick",)))


async def timer_for_nobody() -> Any:
    ref = send_after("nobody", "tick", 10)
    await sleep(20)
    return await read_timer(ref), await clock()


@pytest.mark.rule("9.8")
def test_a_timer_for_a_free_name_is_dropped_without_an_error() -> None:
    assert returned(timer_for_nobody) == (False, 20)


async def cancels_in_time() -> Any:
    ref = send_after(self_(), "m", 10)
    await sleep(4)
    left = await cancel_timer(ref)
    again = await cancel_timer(ref)
    await sleep(20)
    return type(left) is Duration, to_ms(left), again, await rest()


@pytest.mark.rule("9.9")
def test_cancel_gives_what_was_left_and_then_false() -> None:
    assert returned(cancels_in_time) == (True, 6, False, ())


async def cancels_too_late() -> Any:
    ref = send_after(self_(), "m", 10)
    await sleep(20)
    return await cancel_timer(ref), await cancel_timer(make_ref()), await rest()


@pytest.mark.rule("9.9", "9.10")
def test_cancel_of_a_fired_or_unknown_timer_is_false_and_removes_nothing() -> None:
    assert returned(cancels_too_late) == (False, False, ("m",))


async def cancels_in_a_race() -> Any:
    ref = send_after(self_(), "m", 10)
    await work(between(5, 15))
    left = await cancel_timer(ref)
    return left is False, await look()


@pytest.mark.rule("9.9", "9.10", "9.17")
def test_false_means_that_the_message_may_be_there() -> None:
    assert outcomes(cancels_in_a_race) == {(True, "m"), (False, "timeout")}


async def reads() -> Any:
    ref = send_after(self_(), "m", 10)
    await sleep(4)
    first, second = await read_timer(ref), await read_timer(ref)
    message = await receive()
    return to_ms(first), to_ms(second), message, await read_timer(ref), await clock()


@pytest.mark.rule("9.11")
def test_read_answers_as_cancel_would_and_changes_nothing() -> None:
    assert returned(reads) == (6, 6, "m", False, 10)


async def somebody_else_cancels(ref: Any, boss: Pid) -> None:
    send(boss, to_ms(await cancel_timer(ref)))


async def lets_another_cancel() -> Any:
    ref = send_after(self_(), "m", 10)
    spawn(somebody_else_cancels, ref, self_())
    left = await receive()
    await sleep(20)
    return left, await look()


@pytest.mark.rule("9.9")
def test_whoever_has_the_reference_can_cancel() -> None:
    assert returned(lets_another_cancel) == (10, "timeout")


async def ticks() -> Any:
    ref = send_interval(10, self_(), "tick")
    got = []
    for _ in range(3):
        await receive()
        got.append(await clock())
    left = to_ms(await cancel_timer(ref))
    await sleep(50)
    return got, left, await rest()


@pytest.mark.rule("9.12")
def test_an_interval_sends_again_and_again_until_it_is_cancelled() -> None:
    assert returned(ticks) == ([10, 20, 30], 10, ())


async def interval_for_one_that_dies() -> None:
    pid = spawn(takes_two)
    send_interval(10, pid, "tick")
    await receive(idle=True)


async def takes_two() -> None:
    await receive()
    await receive()


@pytest.mark.rule("9.12")
def test_an_interval_ends_with_its_target() -> None:
    result = simulate(interval_for_one_that_dies)
    assert (result.ended, result.now_ms) == ("nothing is left to happen", 20)


async def interval_for_a_name() -> None:
    pid = spawn(takes_two)
    await register(pid, "taker")
    send_interval(10, "taker", "tick")
    await receive(idle=True)


@pytest.mark.rule("9.12")
def test_an_interval_for_a_name_ends_when_nobody_holds_it() -> None:
    result = simulate(interval_for_a_name)
    assert (result.ended, result.now_ms) == ("nothing is left to happen", 30)


async def holds_for_one(word: str) -> None:
    await register(self_(), "taker")
    await receive()
    await unregister("taker")
    log(word)
    await receive("end")


async def interval_for_a_name_that_moves() -> None:
    first = spawn(holds_for_one, "first")
    send_interval(10, "taker", "tick")
    await sleep(15)
    spawn(holds_for_one, "second")
    await sleep(10)  # the second has had its tick
    spawn(holds_for_one, "third")
    await sleep(1)
    exit(first, "kill")
    await sleep(10)


@pytest.mark.rule("9.8", "9.12")
def test_an_interval_for_a_name_goes_on_with_its_successors() -> None:
    assert simulate(interval_for_a_name_that_moves).logged == ("first", "second", "third")
