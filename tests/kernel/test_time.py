"""Section 9, second half: both clocks, work, and instants."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import MisusedTime
from simkernel.kernel.effects import (
    alive,
    between,
    earlier,
    exit,
    log,
    now,
    process_info,
    read_timer,
    receive,
    self_,
    send,
    send_after,
    sleep,
    spawn,
    spawn_monitor,
    system_time,
    to_ms,
    work,
)
from simkernel.kernel.patterns import ANY, TIMEOUT
from simkernel.spec import simulate
from simkernel.terms import Pid
from tests.kernel.programs import (
    both,
    look,
    machine,
    rest,
    returned,
    step,
    tell,
)

MAIN, CHILD = Pid(()), Pid((1,))


async def clock() -> float:
    """Give the present in ms."""
    return to_ms(now())


async def when_it_comes(ms: int) -> Any:
    send_after(self_(), "m", ms)
    log("set")
    return await receive(), await clock()


# --- 9.13 to 9.15: the clocks --------------------------------------------------------------------


async def long_wait() -> Any:
    pid = spawn(tell, self_(), *range(50))
    got = [await receive() for _ in range(50)]
    before = await clock()
    await sleep(3_600_000)
    return got == list(range(50)), before, await clock(), await alive(pid)


@pytest.mark.rule("9.13")
def test_time_passes_only_when_nothing_else_can_happen_and_then_jumps() -> None:
    assert returned(long_wait) == (True, 0, 3_600_000, False)


async def three_timers() -> Any:
    for ms in (30, 10, 20):
        send_after(self_(), ms, ms)
    return [await receive() for _ in range(3)]


@pytest.mark.rule("9.14")
@pytest.mark.parametrize("seed", range(5))
def test_an_earlier_deadline_fires_before_a_later_one(seed: int) -> None:
    assert returned(three_timers, seed=seed) == [10, 20, 30]


async def sets_and_sends() -> Any:
    spawn(tell, self_(), "m")
    message = await receive(after=10)
    return "timeout" if message is TIMEOUT else message


@pytest.mark.rule("9.15")
def test_in_a_search_a_timer_may_fire_before_any_message() -> None:
    assert both(sets_and_sends) == {"m", "timeout"}


async def depends_on_its_setting() -> Any:
    spawn(sets_when_told, self_())
    return await receive(), await receive()


async def sets_when_told(boss: Pid) -> None:
    send(boss, "first")
    await process_info(boss, "status")  # by now it has arrived
    send_after(boss, "then", 0)


@pytest.mark.rule("9.15")
def test_a_timer_fires_only_after_what_its_setting_depends_on() -> None:
    assert both(depends_on_its_setting) == {("first", "then")}


async def one_after_another() -> Any:
    send_after(self_(), "ten", 10)
    send_after(self_(), "five", 5)
    return await receive(), await receive()


@pytest.mark.rule("9.15", "12.18")
def test_timers_of_one_process_fire_in_any_order_that_times_allow() -> None:
    # Any time may pass between the two settings, so the shorter one may be the later one.
    assert outcomes(one_after_another) == {("ten", "five"), ("five", "ten")}


async def shorter_first() -> Any:
    send_after(self_(), "five", 5)
    send_after(self_(), "ten", 10)
    return await receive(), await receive()


@pytest.mark.rule("12.18")
def test_a_timer_set_earlier_with_a_shorter_time_fires_first() -> None:
    assert outcomes(shorter_first) == {("five", "ten")}


async def same_time() -> Any:
    send_after(self_(), "a", 5)
    send_after(self_(), "b", 5)
    return await receive(), await receive()


@pytest.mark.rule("1.12", "12.18")
def test_equal_deadlines_are_unordered_in_a_search() -> None:
    assert outcomes(same_time) == {("a", "b"), ("b", "a")}


async def sets_for(boss: Pid, word: str, ms: int) -> None:
    send_after(boss, word, ms)


async def of_two_processes() -> Any:
    spawn(sets_for, self_(), "five", 5)
    spawn(sets_for, self_(), "ten", 10)
    return await receive(), await receive()


@pytest.mark.rule("12.18")
def test_timers_of_two_processes_fire_in_either_order() -> None:
    assert outcomes(of_two_processes) == {("five", "ten"), ("ten", "five")}


async def timer_against_work(timer: int, low: int, high: int) -> Any:
    start = now()
    send_after(self_(), "m", timer, abs=start)
    await work(between(low, high))
    return await look()


@pytest.mark.rule("12.18", "9.17")
def test_a_timer_against_work_from_one_instant() -> None:
    # Time may pass before the work begins, but none is taken off it.
    assert outcomes(timer_against_work, 10, 0, 5) == {"m", "timeout"}
    assert outcomes(timer_against_work, 10, 10, 12) == {"m", "timeout"}
    assert outcomes(timer_against_work, 10, 11, 12) == {"m"}


# --- 9.16, 9.17: work ----------------------------------------------------------------------------


async def works(ms: Any) -> Any:
    await work(ms)
    return await clock()


@pytest.mark.rule("9.16")
@pytest.mark.parametrize("ms", [0, 5, 2.5])
def test_work_takes_that_long(ms: float) -> None:
    assert returned(works, ms) == ms


async def busy(boss: Pid) -> None:
    await work(100)
    send(boss, "done")
    log(await rest())


async def interrupts(signal: Any) -> Any:
    pid, _ref = spawn_monitor(busy, self_())
    await sleep(10)
    send(pid, "m")
    if signal:
        exit(pid, signal)
    message = await receive()
    return message if type(message) is str else message[4], await clock()


@pytest.mark.rule("9.16")
def test_signals_still_reach_a_process_at_work() -> None:
    assert simulate(interrupts, None).returned == ("done", 100)
    assert simulate(interrupts, None, settle=True).logged == (("m",),)


@pytest.mark.rule("9.16")
def test_a_signal_ends_work() -> None:
    assert returned(interrupts, "boom") == ("boom", 10)


@pytest.mark.rule("9.17")
def test_work_between_bounds_takes_a_drawn_time() -> None:
    times = {returned(works, between(3, 5), seed=seed) for seed in range(30)}
    assert len(times) > 5
    assert all(3 <= ms <= 5 for ms in times)


async def work_and_compare(low: int, high: int, mark: int) -> Any:
    start = now()
    await work(between(low, high))
    return await earlier(now(), start + mark)


@pytest.mark.rule("9.17", "9.19")
def test_a_search_tries_every_time_of_an_interval() -> None:
    assert outcomes(work_and_compare, 3, 5, 4) == {True, False}


@pytest.mark.rule("9.16", "9.17")
def test_work_is_never_shorter_than_its_lower_bound() -> None:
    assert outcomes(work_and_compare, 3, 5, 3) == {False}


# --- 9.18 to 9.20: instants ----------------------------------------------------------------------

MISUSES = [
    lambda a, b: a < b,
    lambda a, b: a >= b,
    lambda a, b: max([a, b]),
    lambda a, b: bool(a),
    lambda a, b: int(a),
    lambda a, b: float(b),
    lambda a, b: (b - a) < (a - b),
    lambda a, b: bool(b - a),
    lambda a, b: int(b - a),
    lambda a, b: sorted([b, a]),
]


async def misuses(case: int) -> None:
    first = now()
    await sleep(5)
    MISUSES[case](first, now())


@pytest.mark.rule("9.18")
@pytest.mark.parametrize("case", range(len(MISUSES)))
def test_instants_and_durations_refuse_to_be_numbers(case: int) -> None:
    with pytest.raises(MisusedTime):
        simulate(misuses, case)


async def compares() -> Any:
    first = now()
    await sleep(5)
    second = now()
    return [
        await earlier(first, second),
        await earlier(second, first),
        await earlier(first, first),
        await earlier(second - first, second - second),
        await earlier(first + 5, second),
        await earlier(first + 4, second),
    ]


@pytest.mark.rule("9.19")
def test_earlier_answers_for_instants_and_durations() -> None:
    assert returned(compares) == [True, False, False, False, False, True]


async def which_came_first() -> Any:
    spawn(tell_now, self_(), "a")
    spawn(tell_now, self_(), "b")
    first, second = await receive(("a", ANY)), await receive(("b", ANY))
    answer = await earlier(first[1], second[1])
    return answer, await earlier(second[1], first[1]), await earlier(first[1], second[1])


async def tell_now(boss: Pid, word: str) -> None:
    send(boss, (word, now()))


@pytest.mark.rule("9.19")
def test_both_answers_are_tried_where_both_are_possible_and_stay_true() -> None:
    assert outcomes(which_came_first) == {
        (True, False, True),
        (False, True, False),
        (False, False, False),  # at one instant
    }


async def remaining_of_a_timer() -> Any:
    ref = send_after(self_(), "m", 10)
    await work(between(0, 5))
    left = await read_timer(ref)
    if left is False:
        return "fired"
    start = now()
    await receive()
    return await earlier(now() - start, left)


@pytest.mark.rule("9.11", "9.19")
def test_what_is_left_of_a_timer_is_never_more_than_it_takes() -> None:
    assert outcomes(remaining_of_a_timer) == {"fired", False}


async def never_back() -> Any:
    spawn(tell, self_(), "m")
    times = [now()]
    await receive()
    times.append(now())
    await work(between(0, 3))
    times.append(now())
    answers = [await earlier(b, a) for a, b in pairwise(times)]
    return tuple(answers)


@pytest.mark.rule("9.20")
def test_now_never_goes_back() -> None:
    assert both(never_back) == {(False, False)}
    assert returned(never_back) == (False, False)


async def in_one_step() -> Any:
    return now() == now()


@pytest.mark.rule("9.20")
def test_within_a_step_the_time_is_one() -> None:
    assert both(in_one_step) == {True}


async def both_clocks() -> Any:
    before, of_system = now(), system_time()
    await work(5)
    return before == of_system, now() == system_time(), to_ms(system_time())


@pytest.mark.rule("9.21")
def test_the_system_time_is_that_of_the_monotonic_clock() -> None:
    assert returned(both_clocks) == (True, True, 5)


@pytest.mark.rule("9.13", "9.20")
def test_a_horizon_ends_the_run_before_a_later_timer() -> None:
    result = simulate(when_it_comes, 10, horizon_ms=9)
    assert (result.ended, result.returned, result.now_ms) == ("the horizon was reached", None, 0)
    assert simulate(when_it_comes, 10, horizon_ms=10).returned == ("m", 10)


@pytest.mark.rule("9.15")
def test_in_a_search_a_timer_is_possible_from_the_moment_it_is_set() -> None:
    m = machine(when_it_comes, 1000, symbolic=True)
    step(m, "start", MAIN)
    step(m, "do", MAIN)
    assert [option.kind for option in m.enabled()] == ["do", "fire"]
