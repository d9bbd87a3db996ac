"""GenStateMachine: how it ends, its clients and its modules (17.39 to 17.52)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    ChangeCallbackModule,
    ErlangError,
    Exit,
    GenStateMachine,
    KeepStateAndData,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    StopAndReply,
    Throw,
    alive,
    exit,
    log,
    process_flag,
    receive,
    send,
    simulate,
    spawn,
)
from tests.otp.machines import Shown, callbacks, ending
from tests.otp.running import me, raising, run


@pytest.mark.rule("17.39")
@pytest.mark.parametrize(
    ("result", "reason", "data"),
    [("stop", "normal", 0), (("stop", "why"), "why", 0), (("stop", "why", 5), "why", 5)],
)
def test_a_machine_stops(result: Any, reason: Any, data: Any) -> None:
    assert ending({("a", "x"): result}, "x") == (
        reason,
        [("cast", "x", "a", 0), ("terminate", reason, "a", data)],
    )


class Slow(Shown):
    """It takes its time to terminate."""

    async def terminate(self, reason: Any, state: Any, data: Any) -> Any:
        await receive(("never",), after=50)
        log("terminated")


@pytest.mark.rule("17.40")
def test_stop_and_reply_replies_before_terminate() -> None:
    def act(type_: Any, _: Any) -> Any:
        return StopAndReply("why", [("reply", type_[1], "bye")], 5)

    async def main() -> None:
        _, pid = await GenStateMachine.start(Slow, (("ok", "a", 0), {("a", "x"): act}))
        log(await GenStateMachine.call(pid, "x"))
        await receive(("never",), after=100)

    assert list(simulate(main).logged) == [("call", "x", "a", 0), "bye", "terminated"]


@pytest.mark.rule("17.41")
def test_terminate_is_not_shown_the_stack_of_a_raise() -> None:
    reason, seen = ending({("a", "x"): raising(ErlangError("oops"))}, "x")
    assert (reason[0], len(reason), seen[1]) == ("oops", 2, ("terminate", "oops", "a", 0))


@pytest.mark.rule("17.42")
def test_an_exit_has_no_stack() -> None:
    reason, seen = ending({("a", "x"): raising(Exit("oops"))}, "x")
    assert (reason, seen[1]) == ("oops", ("terminate", "oops", "a", 0))


@pytest.mark.rule("17.43")
@pytest.mark.parametrize("result", ["nonsense", ("next_state", "b"), 7])
def test_what_is_no_result_ends_the_machine(result: Any) -> None:
    reason, seen = ending({("a", "x"): result}, "x")
    why = ("bad_return_from_state_function", result)
    assert (reason[0], seen[1]) == (why, ("terminate", why, "a", 0))


@pytest.mark.rule("17.44")
def test_the_parents_exit_ends_a_machine_that_traps() -> None:
    def start() -> Any:
        process_flag("trap_exit", True)
        return ("ok", "a", 0)

    async def main() -> Any:
        process_flag("trap_exit", True)
        _, pid = await GenStateMachine.start_link(Shown, (start, {}))
        exit(pid, "enough")
        return (await receive(("EXIT", pid, ANY)))[2]

    result = simulate(main)
    assert result.returned == "enough"
    assert list(result.logged) == [("terminate", "enough", "a", 0)]


class Raising(Shown):
    """Terminating raises what the data holds."""

    def terminate(self, reason: Any, state: Any, data: Any) -> Any:
        raise Throw("x") if data == "throw" else Exit("worse")


@pytest.mark.rule("17.46")
@pytest.mark.parametrize(("data", "reason"), [("throw", "why"), ("exit", "worse")])
def test_a_failing_terminate_replaces_the_reason(data: Any, reason: Any) -> None:
    table = {("a", "x"): ("stop", "why")}
    assert ending(table, "x", start=("ok", "a", data), cls=Raising)[0] == reason


class Plain(GenStateMachine):
    """Nothing of its own."""


@pytest.mark.rule("17.47")
def test_the_defaults_take_state_and_data_and_expect_nothing() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        _, pid = await GenStateMachine.start_link(Plain, ("a", 0))
        up = await alive(pid)
        GenStateMachine.cast(pid, "x")
        return up, (await receive(("EXIT", pid, ANY)))[2]

    assert run(main) == (True, "bad_event")


async def caught(awaited: Any) -> Any:
    """Give the reason with which a call exits."""
    try:
        return await awaited
    except Exit as exited:
        return exited.reason


@pytest.mark.rule("17.48")
def test_a_call_of_a_dead_machine_names_the_call() -> None:
    async def main() -> Any:
        return await caught(GenStateMachine.call("nobody", "x"))

    assert run(main) == ("noproc", (GenStateMachine, "call", ("nobody", "x", None)))


@pytest.mark.rule("17.49")
def test_stopping_a_dead_machine_exits_with_the_bare_reason() -> None:
    async def main() -> Any:
        return await caught(GenStateMachine.stop("nobody"))

    assert run(main) == "noproc"


@pytest.mark.rule("17.49")
def test_stop_waits_for_the_end() -> None:
    async def main() -> Any:
        _, pid = await GenStateMachine.start(Shown, (("ok", "a", 0), {}))
        return await GenStateMachine.stop(pid, "normal"), await alive(pid)

    result = simulate(main)
    assert result.returned == ("ok", False)
    assert list(result.logged) == [("terminate", "normal", "a", 0)]


class Second(Shown):
    """Another class for the same states."""

    def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
        log(("second", content, state, data))
        return KeepStateAndData(PopCallbackModule) if content == "pop" else "keep_state_and_data"


@pytest.mark.rule("17.50")
def test_a_pushed_class_serves_until_it_is_popped() -> None:
    table = {("a", "x"): NextState("b", 1, PushCallbackModule(Second))}
    assert callbacks(table, "x", "y", "pop", "z") == [
        ("cast", "x", "a", 0),
        ("second", "y", "b", 1),
        ("second", "pop", "b", 1),
        ("cast", "z", "b", 1),
    ]


@pytest.mark.rule("17.50")
def test_a_changed_class_goes_on() -> None:
    table = {("a", "x"): KeepStateAndData(ChangeCallbackModule(Second))}
    assert callbacks(table, "x", "y") == [("cast", "x", "a", 0), ("second", "y", "a", 0)]


@pytest.mark.rule("17.51")
def test_a_postponed_caller_exits_with_the_reason() -> None:
    async def client(pid: Any, main: Any) -> None:
        send(main, (await caught(GenStateMachine.call(pid, "x")))[0])

    async def main() -> Any:
        table = {("a", "x"): KeepStateAndData(Postpone), ("a", "end"): ("stop", "why")}
        _, pid = await GenStateMachine.start(Shown, (("ok", "a", 0), table))
        spawn(client, pid, me())
        await receive(("never",), after=10)
        GenStateMachine.cast(pid, "end")
        return await receive(ANY, after=10)

    assert run(main) == "why"


@pytest.mark.rule("17.52")
def test_an_event_without_a_clause_ends_the_machine() -> None:
    reason, seen = ending({("a", "x"): None}, "x")
    assert reason[0] == "function_clause"
    assert seen[1] == ("terminate", "function_clause", "a", 0)
