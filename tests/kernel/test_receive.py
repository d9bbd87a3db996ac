"""Section 2: the mailbox, selective receive, and where a message goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from checkers.dfs import outcomes
from checkers.findings import stuck_process
from simkernel.errors import ArgumentError, UsageError
from simkernel.kernel.effects import (
    alias,
    earlier,
    exit,
    log,
    now,
    process_info,
    receive,
    register,
    self_,
    send,
    send_after,
    sleep,
    spawn,
    spawn_monitor,
    unalias,
    unregister,
)
from simkernel.kernel.patterns import ANY, TIMEOUT, Taken, let, match, pin, when, where
from simkernel.kernel.view import view
from simkernel.spec import simulate
from simkernel.terms import Map, Pid, equal
from tests.kernel.programs import (
    both,
    finish,
    idle,
    kinds,
    look,
    machine,
    nothing,
    quiet,
    rest,
    returned,
    step,
    tell,
    until,
)

MAIN, CHILD = Pid(()), Pid((1,))

# --- 2.1 to 2.6: the mailbox ---------------------------------------------------------------------


async def three_arrive() -> Any:
    for n in (1, 2, 3):
        send(self_(), n)
    return (await process_info(self_(), "messages"))[1]


@pytest.mark.rule("2.1")
def test_an_arriving_message_goes_to_the_end() -> None:
    assert returned(three_arrive) == [1, 2, 3]


async def oldest_that_fits() -> Any:
    for message in ("a", 1, "b", 2):
        send(self_(), message)
    return await receive(int)


@pytest.mark.rule("2.2")
def test_the_oldest_fitting_message_is_taken() -> None:
    assert both(oldest_that_fits) == {1}


CLAUSES = [
    ((let("all"), ("x", let("n"))), 0),
    ((("x", let("n")), let("all")), 0),
    ((("y", let("n")), let("all")), 1),
]


async def clause_of(case: int) -> Any:
    send(self_(), ("x", 1))
    return (await receive(*CLAUSES[case][0])).clause


@pytest.mark.rule("2.3")
@pytest.mark.parametrize("case", range(len(CLAUSES)))
def test_patterns_are_tried_as_they_are_written(case: int) -> None:
    assert returned(clause_of, case) == CLAUSES[case][1]


async def older_for_the_last_pattern() -> Any:
    send(self_(), "old")
    send(self_(), 1)
    return await receive(int, str)


@pytest.mark.rule("2.4")
def test_an_older_message_comes_before_an_earlier_pattern() -> None:
    assert both(older_for_the_last_pattern) == {"old"}


async def priority_by_two_receives() -> Any:
    send(self_(), "old")
    send(self_(), 1)
    first = await receive(int, after=0)
    return first, await receive()


@pytest.mark.rule("2.4")
def test_a_priority_is_two_receives() -> None:
    assert both(priority_by_two_receives) == {(1, "old")}


async def skipped_keep_their_places() -> Any:
    for message in ("a", 1, "b", 2, "c"):
        send(self_(), message)
    return await receive(2), *(await rest())


@pytest.mark.rule("2.5")
def test_messages_that_fit_nothing_keep_their_places() -> None:
    assert both(skipped_keep_their_places) == {(2, "a", 1, "b", "c")}


async def all_of_two() -> Any:
    spawn(tell, self_(), "a")
    send(self_(), "b")
    got = [await receive() for _ in range(2)]
    return "".join(sorted(got)), await look()


@pytest.mark.rule("2.6")
def test_every_message_is_taken_exactly_once() -> None:
    assert both(all_of_two) == {("ab", "timeout")}


async def waits_for_a_fit() -> Any:
    spawn(tell, self_(), "no", "neither")
    return await receive(int)


@pytest.mark.rule("2.7")
def test_without_after_a_receive_waits_for_ever() -> None:
    assert both(waits_for_a_fit) == {("stuck", ())}
    result = simulate(waits_for_a_fit)
    assert (result.ended, result.stuck) == ("nothing is left to happen", ("<root>",))


# --- 2.8 to 2.13: after --------------------------------------------------------------------------


async def chatter() -> Any:
    for ms in (3, 6, 9):
        send_after(self_(), "chatter", ms)
    start = now()
    got = await receive(int, after=10)
    return got is TIMEOUT, now() - start


@pytest.mark.rule("2.8")
def test_messages_that_fit_nothing_do_not_restart_the_time() -> None:
    result = simulate(chatter)
    assert (result.returned[0], result.now_ms) == (True, 10)


async def late_entry() -> None:
    await sleep(5)
    await receive(after=10)


@pytest.mark.rule("2.8")
def test_the_time_runs_from_the_entry() -> None:
    assert simulate(late_entry).now_ms == 15


async def flush_behind_others() -> Any:
    for message in ("a", "b", 1):
        send(self_(), message)
    return await look(int), await look(int)


@pytest.mark.rule("2.9")
def test_after_0_looks_at_the_whole_mailbox() -> None:
    assert both(flush_behind_others) == {(1, "timeout")}


async def times_out() -> Any:
    send(self_(), "stays")
    timed_out = await receive(int, after=5) is TIMEOUT
    return timed_out, *(await rest())


@pytest.mark.rule("2.10")
def test_a_timeout_takes_nothing() -> None:
    assert both(times_out) == {(True, "stays")}


async def returns_the_timeout() -> Any:
    return await receive(after=0)


@pytest.mark.rule("2.10")
def test_no_message_equals_the_timeout_by_accident() -> None:
    returned = simulate(returns_the_timeout).returned
    assert returned is TIMEOUT
    assert not any(equal(returned, other) for other in ("TIMEOUT", "timeout", None, False, 0, ()))


async def flush_what_has_arrived() -> Any:
    pid = spawn(look_when_told, self_())
    send(pid, "m")
    send(pid, "go")
    return await receive()


async def look_when_told(to: Pid) -> None:
    await receive("go")
    send(to, await look())


@pytest.mark.rule("2.11")
def test_what_has_arrived_is_not_overlooked_by_after_0() -> None:
    assert both(flush_what_has_arrived) == {"m"}


async def flush_once() -> None:
    pid = spawn(look)
    send(pid, "m")


@pytest.mark.rule("2.11", "12.10")
def test_a_timeout_is_not_possible_while_something_has_arrived() -> None:
    m = machine(flush_once)
    step(m, "start", MAIN)
    step(m, "do", MAIN)
    step(m, "start", CHILD)
    assert kinds(m, CHILD) == ["timeout"]
    step(m, "do", MAIN)
    assert kinds(m, CHILD) == ["handle"]


async def handled_and_arrived() -> None:
    pid = spawn(wait_for_x)
    send(pid, "x")
    send(pid, "x")


async def wait_for_x() -> None:
    await receive("x")
    await idle()


@pytest.mark.rule("2.12")
def test_a_fit_among_the_handled_is_taken_without_handling_the_rest() -> None:
    m = machine(handled_and_arrived)
    for _ in ("spawn", "send", "send"):
        until(m, "do", MAIN)
        step(m, "do", MAIN)
    step(m, "start", CHILD)
    step(m, "handle", CHILD)
    assert kinds(m, CHILD) == ["take", "handle"]
    step(m, "take", CHILD)
    assert len(m.processes[CHILD].arrived or ()) == 1


async def at_the_deadline() -> Any:
    send_after(self_(), "m", 10)
    return "timeout" if await receive(after=10) is TIMEOUT else "message"


@pytest.mark.rule("2.13")
def test_at_the_very_deadline_message_and_timeout_are_both_possible() -> None:
    assert {returned(at_the_deadline, seed=seed) for seed in range(30)} == {"timeout", "message"}


# --- 2.14: guards --------------------------------------------------------------------------------


async def guarded() -> Any:
    for message in ("text", None, 7):
        send(self_(), message)
    return await receive(where(lambda n: n > 5)), *(await rest())


@pytest.mark.rule("2.14")
def test_a_guard_that_raises_says_no() -> None:
    assert both(guarded) == {(7, "text", None)}


@pytest.mark.rule("2.14")
def test_a_guard_over_captures_that_raises_says_no() -> None:
    assert not match(when(("x", let("n")), lambda n: 1 / n), ("x", 0))
    assert match(when(("x", let("n")), lambda n: 1 / n), ("x", 2))


# --- 2.15 to 2.21: sending -----------------------------------------------------------------------


async def what_send_gives() -> Any:
    return [await send(self_(), ("m", [1])), await send((("nobody"), "nonode"), 2)]


@pytest.mark.rule("2.15")
def test_send_gives_the_message() -> None:
    assert returned(what_send_gives) == [("m", [1]), 2]


async def to_the_dead() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    send(pid, "x")
    await send(pid, "y")
    return "fine"


@pytest.mark.rule("2.16")
def test_a_message_to_the_dead_vanishes() -> None:
    assert both(to_the_dead) == {"fine"}


async def take_over(name: str, boss: Pid) -> None:
    await receive()
    await register(self_(), name)
    send(boss, "registered")
    log(("got", await receive()))


async def name_moves() -> None:
    second = spawn(take_over, "db", self_())
    await register(self_(), "db")
    await unregister("db")
    send(second, "go")
    await receive("registered")
    await send("db", "hello")
    await quiet()


@pytest.mark.rule("2.17")
def test_a_message_to_a_name_goes_to_who_holds_it_at_the_send() -> None:
    assert simulate(name_moves).logged == (("got", "hello"),)


async def to_a_free_name() -> Any:
    log("before")
    try:
        await send("nobody", "x")
    except ArgumentError as error:
        return error.reason
    return "sent"


@pytest.mark.rule("2.18")
def test_a_send_to_a_free_name_raises_at_that_send() -> None:
    assert both(to_a_free_name) == {"badarg"}


async def to_a_free_name_elsewhere() -> Any:
    await send(("nobody", "nonode"), "lost")
    await register(self_(), "me")
    await send(("me", "nonode"), "found")
    return await rest()


@pytest.mark.rule("2.19")
def test_a_send_to_a_name_and_node_never_raises() -> None:
    assert both(to_a_free_name_elsewhere) == {("found",)}


async def make_alias(to: Pid) -> None:
    send(to, alias())
    await idle()


async def through_aliases() -> Any:
    ref = alias()
    await send(ref, "active")
    first = await receive()
    await unalias(ref)
    send(ref, "inactive")
    owner = spawn(make_alias, self_())
    others = await receive()
    exit(owner, "kill")
    await quiet()
    send(others, "dead owner")
    await quiet()
    return first, await look()


@pytest.mark.rule("2.20")
def test_a_send_to_an_alias_reaches_its_owner_while_it_is_active() -> None:
    assert returned(through_aliases) == ("active", "timeout")


async def dies_with_messages() -> Any:
    pid, _ = spawn_monitor(tell, self_())
    send(pid, "unread")
    await quiet()
    return [message[0] for message in await rest()]


@pytest.mark.rule("2.21")
def test_messages_of_the_dead_vanish_with_it() -> None:
    assert returned(dies_with_messages) == ["DOWN"]
    m = machine(dies_with_messages)
    finish(m)
    assert list(m.processes) == [Pid(())]


# --- 2.22 to 2.25: patterns ----------------------------------------------------------------------


class Colour(Enum):
    RED = 1


@dataclass(frozen=True)
class Point:
    x: int
    y: int


FITS = [
    pytest.param(1, 1, True, marks=pytest.mark.rule("2.22")),
    pytest.param(1, 1.0, False, marks=pytest.mark.rule("2.22")),
    pytest.param(1, True, False, marks=pytest.mark.rule("2.22")),
    pytest.param(True, 1, False, marks=pytest.mark.rule("2.22")),
    pytest.param(0.0, False, False, marks=pytest.mark.rule("2.22")),
    pytest.param(("x", 1), ("x", True), False, marks=pytest.mark.rule("2.22")),
    pytest.param(Colour.RED, Colour.RED, True, marks=pytest.mark.rule("2.22")),
    pytest.param(Colour.RED, 1, False, marks=pytest.mark.rule("2.22")),
    pytest.param(b"a", "a", False, marks=pytest.mark.rule("2.22")),
    pytest.param(Point(1, ANY), Point(1, 5), True, marks=pytest.mark.rule("2.22")),
    pytest.param(Point(1, ANY), Point(1.0, 5), False, marks=pytest.mark.rule("2.22")),
    pytest.param(int, 1, True, marks=pytest.mark.rule("2.23")),
    pytest.param(int, True, False, marks=pytest.mark.rule("2.23")),
    pytest.param(bool, True, True, marks=pytest.mark.rule("2.23")),
    pytest.param(float, 1, False, marks=pytest.mark.rule("2.23")),
    pytest.param((str, int), ("n", False), False, marks=pytest.mark.rule("2.23")),
    pytest.param(("x", ANY), ("x", 1), True, marks=pytest.mark.rule("2.24")),
    pytest.param(("x", ANY), ("x", 1, 2), False, marks=pytest.mark.rule("2.24")),
    pytest.param(("x", ANY), ("x",), False, marks=pytest.mark.rule("2.24")),
    pytest.param(("x", ANY), ["x", 1], False, marks=pytest.mark.rule("2.24")),
    pytest.param({"a": 1}, {"a": 1, "b": 2}, True, marks=pytest.mark.rule("2.24")),
    pytest.param({"a": 1}, Map(a=1, b=2), True, marks=pytest.mark.rule("2.24")),
    pytest.param({"a": 1, "c": ANY}, {"a": 1, "b": 2}, False, marks=pytest.mark.rule("2.24")),
    pytest.param({"a": 1}, {"a": True}, False, marks=pytest.mark.rule("2.24")),
    pytest.param({1: ANY}, {True: "x"}, False, marks=pytest.mark.rule("2.22", "2.24")),
    pytest.param({1: ANY}, {1.0: "x"}, False, marks=pytest.mark.rule("2.22", "2.24")),
    pytest.param({}, (), False, marks=pytest.mark.rule("2.24")),
    pytest.param(pin(int), 1, False, marks=pytest.mark.rule("2.25")),
    pytest.param(pin(int), int, True, marks=pytest.mark.rule("2.25")),
    pytest.param(pin(1), True, False, marks=pytest.mark.rule("2.25")),
    pytest.param((let("a"), let("a")), (1, 1), True, marks=pytest.mark.rule("2.25")),
    pytest.param((let("a"), let("a")), (1, 1.0), False, marks=pytest.mark.rule("2.25")),
]


@pytest.mark.parametrize(("pattern", "value", "fit"), FITS)
def test_a_pattern_fits_or_not(pattern: Any, value: Any, fit: bool) -> None:
    assert match(pattern, value) is fit


async def take_case(number: int) -> Any:
    pattern, value, _ = FITS[number].values
    send(self_(), value)
    return await receive(pattern, after=0) is not TIMEOUT


@pytest.mark.rule("2.22", "2.23", "2.24", "2.25")
@pytest.mark.parametrize("number", range(len(FITS)))
def test_a_receive_takes_what_its_pattern_fits(number: int) -> None:
    assert returned(take_case, number) is FITS[number].values[2]


async def captures() -> Any:
    wanted = 7
    send(self_(), ("reply", 6, "no"))
    send(self_(), ("reply", 7, ("yes", [1])))
    taken = await receive(("stop", let("why")), ("reply", pin(wanted), (let("word"), let("list"))))
    assert type(taken) is Taken
    return [taken.clause, taken["word"], taken["list"], taken.message, dict(taken)]


@pytest.mark.rule("2.25")
def test_let_captures_and_pin_asks_for_a_value() -> None:
    assert returned(captures) == [
        1,
        "yes",
        [1],
        ("reply", 7, ("yes", [1])),
        {"word": "yes", "list": [1]},
    ]


@pytest.mark.rule("2.13")
def test_a_search_finds_both_at_the_deadline() -> None:
    assert both(at_the_deadline) == {"timeout", "message"}


async def deadline_of_another() -> Any:
    start = now()
    await receive(after=10)
    return await earlier(start + 9, now())


@pytest.mark.rule("2.8")
def test_after_never_runs_out_early_in_a_search() -> None:
    assert outcomes(deadline_of_another) == {True}


@pytest.mark.rule("2.9")
def test_a_function_is_no_pattern_unless_it_says_of_which_kind() -> None:
    async def asks(how: str) -> Any:
        def big(n: int) -> bool:
            return n > 2

        send(self_(), 3)
        patterns = {"bare": big, "where": where(big), "pin": pin(big)}
        return await receive(patterns[how], after=0)

    with pytest.raises(UsageError, match=r"Write where\(fn\)"):
        simulate(asks, "bare")
    assert returned(asks, "where") == 3
    assert returned(asks, "pin") is TIMEOUT


async def waits_for(pattern: Any) -> None:
    await receive((pattern, 1), [str])


def test_what_is_waited_for_is_told_without_addresses() -> None:
    """Else one failure has another text in each run, and is taken for another."""
    m = machine(waits_for, lambda: 0)
    finish(m)
    told = stuck_process(m.root).text
    assert view(m)["processes"][0]["waits_for"] in told
    name = f"&{__name__}.test_what_is_waited_for_is_told_without_addresses.<locals>.<lambda>@"
    assert re.sub(r"@\d+", "@", told) == f"<root> waits for ever for ({name}, 1) or [<class 'str'>]"
