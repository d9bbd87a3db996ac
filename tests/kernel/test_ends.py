"""Section 3, first half: the ways in which a process ends, and its reason."""

from __future__ import annotations

from typing import Any

import pytest

from simkernel.errors import ErlangError, Exit, Throw
from simkernel.kernel.effects import (
    again,
    choose,
    exit,
    receive,
    self_,
    send,
    spawn,
    spawn_monitor,
)
from simkernel.kernel.fingerprints import fingerprint
from simkernel.spec import simulate
from simkernel.terms import Pid, Raised, Stack
from tests.kernel.programs import (
    both,
    finish,
    idle,
    machine,
    quiet,
    reason,
    rest,
    returned,
    step,
    until,
)

MAIN, CHILD = Pid(()), Pid((1,))

# --- 3.1 to 3.8: reasons -------------------------------------------------------------------------


async def gives(value: Any) -> Any:
    return value


async def raises_exit() -> None:
    raise Exit(("shutdown", "why"))


async def raises_python() -> None:
    raise ValueError("boom")


async def raises_nested() -> None:
    {}["missing"]


async def raises_runtime() -> None:
    raise ErlangError(("badmatch", 7))


async def calls_wrongly() -> None:
    await send("nobody", "x")


async def throws() -> None:
    raise Throw(("early", 1))


async def raises_kill() -> None:
    raise Exit("kill")


async def stops_iterating() -> None:
    raise StopIteration(7)


def plain_end() -> str:
    return "value"


def plain_error() -> None:
    raise ValueError("plain")


def plain_stop() -> None:
    raise StopIteration(7)


async def reason_of_child(function: Any, *args: Any) -> Any:
    spawn_monitor(function, *args)
    return (await receive())[4]


def ends_with(function: Any, *args: Any) -> Any:
    return returned(reason_of_child, function, *args)


@pytest.mark.rule("3.1")
@pytest.mark.parametrize("value", [None, 7, "kill", ("error", "x")])
def test_a_body_that_returns_ends_normally(value: Any) -> None:
    assert ends_with(gives, value) == "normal"


@pytest.mark.rule("3.1")
def test_a_plain_function_is_a_body_too() -> None:
    assert ends_with(plain_end) == "normal"


@pytest.mark.rule("3.2")
def test_an_exit_is_the_reason_without_a_stack() -> None:
    assert ends_with(raises_exit) == ("shutdown", "why")


@pytest.mark.rule("3.3", "3.13")
def test_a_python_exception_becomes_a_value_with_its_stack() -> None:
    error, stack = ends_with(raises_python)
    assert error == Raised("ValueError", "boom")
    assert type(stack) is Stack
    assert [frame[:2] for frame in stack] == [("tests.kernel.test_ends", "raises_python")]


@pytest.mark.rule("3.3")
def test_a_python_exception_of_a_plain_function_too() -> None:
    error, stack = ends_with(plain_error)
    assert error == Raised("ValueError", "plain")
    assert [frame[1] for frame in stack] == ["plain_error"]


@pytest.mark.rule("3.3")
@pytest.mark.parametrize("function", [stops_iterating, plain_stop])
def test_a_stop_iteration_is_an_error_not_an_end(function: Any) -> None:
    assert ends_with(function)[0].name == "RuntimeError"


@pytest.mark.rule("3.4")
def test_an_error_of_the_runtime_is_its_bare_term_with_a_stack() -> None:
    error, stack = ends_with(raises_runtime)
    assert error == ("badmatch", 7)
    assert [frame[1] for frame in stack] == ["raises_runtime"]


@pytest.mark.rule("3.4")
def test_a_failed_operation_is_such_an_error() -> None:
    error, stack = ends_with(calls_wrongly)
    assert (error, [frame[1] for frame in stack]) == (
        "badarg",
        ["no process is registered as 'nobody'", "calls_wrongly"],
    )


@pytest.mark.rule("3.5")
def test_an_uncaught_throw_says_nocatch() -> None:
    error, stack = ends_with(throws)
    assert error == ("nocatch", ("early", 1))
    assert [frame[1] for frame in stack] == ["throws"]


async def hit_with(signal: Any) -> Any:
    pid, _ = spawn_monitor(idle)
    exit(pid, signal)
    return (await receive())[4]


@pytest.mark.rule("3.6")
@pytest.mark.parametrize("signal", ["boom", ("shutdown", 1), ("x", ["list"])])
def test_a_terminating_signal_gives_its_reason(signal: Any) -> None:
    assert returned(hit_with, signal) == signal


@pytest.mark.rule("3.7")
def test_the_untrappable_kill_gives_killed() -> None:
    assert both(hit_with, "kill") == {"killed"}


@pytest.mark.rule("3.8")
def test_an_exit_with_kill_is_an_ordinary_reason() -> None:
    assert ends_with(raises_kill) == "kill"


# --- 3.9 to 3.12: catching -----------------------------------------------------------------------


async def catches_errors(raised: str) -> Any:
    try:
        if raised == "exit":
            raise Exit("out")
        if raised == "throw":
            raise Throw("out")
        if raised == "erlang":
            raise ErlangError("noproc")
        raise KeyError("k")
    except Exception as error:
        return type(error).__name__


@pytest.mark.rule("3.9")
def test_except_exception_catches_errors() -> None:
    assert returned(catches_errors, "erlang") == "ErlangError"
    assert returned(catches_errors, "python") == "KeyError"


@pytest.mark.rule("3.9")
def test_except_exception_catches_neither_exit_nor_throw() -> None:
    assert reason(catches_errors, "exit") == "out"
    assert reason(catches_errors, "throw")[0] == ("nocatch", "out")


async def catches_by_name() -> Any:
    got = []
    try:
        raise Exit("a")
    except Exit as caught:
        got.append(caught.reason)
    try:
        raise Throw("b")
    except Throw as caught:
        got.append(caught.value)
    return got


@pytest.mark.rule("3.10")
def test_exit_and_throw_can_be_caught_by_name() -> None:
    assert returned(catches_by_name) == ["a", "b"]


async def catches_everything(to: Pid) -> None:
    try:
        await receive()
    except BaseException:
        send(to, "caught")


async def hit_one_that_catches_everything() -> Any:
    pid, _ = spawn_monitor(catches_everything, self_())
    await quiet()
    exit(pid, "x")
    await quiet()
    return [message[4] for message in await rest()]


@pytest.mark.rule("3.11")
def test_nothing_in_a_body_catches_an_exit_signal() -> None:
    assert returned(hit_one_that_catches_everything) == ["x"]


async def interrupts() -> None:
    raise KeyboardInterrupt


async def runs_out() -> None:
    raise MemoryError


async def parent_of(function: Any) -> None:
    spawn(function)


@pytest.mark.rule("3.12")
@pytest.mark.parametrize(
    ("function", "error"), [(interrupts, KeyboardInterrupt), (runs_out, MemoryError)]
)
def test_an_interrupt_and_lack_of_memory_are_no_reasons(function: Any, error: Any) -> None:
    with pytest.raises(error):
        simulate(parent_of, function)
    m = machine(parent_of, function)
    with pytest.raises(error):
        finish(m)
    assert m.deaths == []


# --- 3.13: stacks --------------------------------------------------------------------------------


async def fails_here(to: Pid) -> None:
    raise ValueError("same")


async def fails_there(to: Pid) -> None:
    raise ValueError("same")


async def watch_either() -> None:
    return again(keep_down, await choose(["here", "there"]))


async def keep_down(which: str) -> Any:
    spawn_monitor(fails_here if which == "here" else fails_there, self_())
    reason = (await receive())[4]
    return again(hold_reason, reason)


async def hold_reason(reason: Any) -> None:
    await idle()


@pytest.mark.rule("3.13", "12.25")
def test_two_ways_to_one_error_meet() -> None:
    seen, stacks = set(), set()
    for way in (0, 1):
        m = machine(watch_either)
        until(m, "choose")
        step(m, "choose", MAIN, way)
        finish(m)
        seen.add(fingerprint(m))
        stacks.add(tuple(m.root.origin[1][0][1]))
    assert (len(seen), len(stacks)) == (1, 2)
