"""GenServer: how it starts, what reaches which callback, what a result means (15.1 to 15.32)."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    Continue,
    Exit,
    GenServer,
    Hibernate,
    Ignore,
    NoReply,
    Ok,
    Raised,
    Reply,
    Stop,
    Throw,
    alive,
    exit,
    log,
    monitor,
    process_flag,
    receive,
    self_,
    send,
    spawn,
    work,
)
from simkernel.otp import sys
from tests.otp.running import (
    Told,
    after_start,
    down_of,
    effects_of_server,
    end_of,
    logged,
    notes,
    raising,
    run,
    started,
    trapping,
)

# --- Results of init -----------------------------------------------------------------------------


@pytest.mark.rule("15.1")
@pytest.mark.parametrize("result", [Ok(7), ("ok", 7)])
def test_ok_starts_a_server_that_waits_for_messages(result: Any) -> None:
    async def main() -> Any:
        return await GenServer.call(await started(Told, lambda: result), "state")

    assert run(main) == 7


@pytest.mark.rule("15.2")
@pytest.mark.parametrize(
    ("result", "seen"),
    [
        (Ok(7, 10), [("info", "timeout")]),
        (("ok", 7, 10), [("info", "timeout")]),
        (Ok(7, "infinity"), []),
        (Ok(7, "hibernate"), []),
        (Ok(7, Hibernate), []),
        (Ok(7, Continue("load")), [("continue", "load")]),
        (("ok", 7, ("continue", "load")), [("continue", "load")]),
    ],
)
def test_init_may_ask_for_a_timeout_hibernation_or_a_continue(result: Any, seen: Any) -> None:
    async def main() -> Any:
        pid = await started(Told, lambda: result)
        await receive(after=20)
        return await GenServer.call(pid, "state")

    assert (run(main), logged(main)) == (7, seen)


@pytest.mark.rule("15.3")
@pytest.mark.parametrize("result", [Ignore(), "ignore"])
def test_ignore_ends_normally_without_terminate(result: Any) -> None:
    assert after_start(lambda: result) == ("ignore", "normal", [])


@pytest.mark.rule("15.4", "15.40")
@pytest.mark.parametrize("result", [Stop("no"), ("stop", "no")])
def test_stop_from_init_is_an_error_and_the_exit_reason(result: Any) -> None:
    assert after_start(lambda: result) == (("error", "no"), "no", [])


@pytest.mark.rule("15.5", "15.40")
def test_an_exception_in_init_is_an_error_with_its_stack() -> None:
    (error, shown), reason, log_ = after_start(raising(ValueError("no")))
    assert (error, shown[0], log_) == ("error", Raised("ValueError", "no"), [])
    assert [function for _, function, _ in shown[1]][:1] == ["raising.<locals>.fail"]
    assert reason == shown


@pytest.mark.rule("15.6", "15.40")
def test_an_exit_in_init_is_an_error_with_its_reason() -> None:
    assert after_start(raising(Exit("no"))) == (("error", "no"), "no", [])


@pytest.mark.rule("15.7")
def test_a_throw_in_init_counts_as_returned() -> None:
    (ok, _), reason, log_ = after_start(raising(Throw(Ok(7))))
    assert (ok, reason, log_) == ("ok", None, [])


@pytest.mark.rule("15.8", "15.40")
@pytest.mark.parametrize(
    "result", [7, ("ok",), NoReply(1), Ok(1, -1), Ok("ok", -1), Stop("a", "b")]
)
def test_anything_else_from_init_is_a_bad_return_value(result: Any) -> None:
    bad = ("bad_return_value", result)
    assert after_start(lambda: result) == (("error", bad), bad, [])


# --- Dispatch ------------------------------------------------------------------------------------


@pytest.mark.rule("15.9")
def test_messages_are_taken_in_mailbox_order() -> None:
    async def main() -> Any:
        pid = await started(Told, 0)
        for number in (1, 2, 3):
            send(pid, number)
        await GenServer.call(pid, "state")

    assert logged(main) == [("info", 1), ("info", 2), ("info", 3)]


class Names(GenServer):
    """Logs which callback got what."""

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        log(("call", request, caller[0]))
        return Reply("answer", state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        log(("cast", request))
        return NoReply(state)

    def handle_info(self, message: Any, state: Any) -> Any:
        log(("info", message[0]))
        return NoReply(state)


@pytest.mark.rule("15.10", "15.11", "15.12")
def test_each_kind_of_message_reaches_its_callback() -> None:
    async def main() -> Any:
        pid = await started(Names, 0)
        await GenServer.call(pid, "a")
        GenServer.cast(pid, "b")
        send(pid, ("DOWN", 1, "process", 2, 3))
        send(pid, ("EXIT", pid, "x"))
        await GenServer.call(pid, "c")
        return self_()

    me = run(main)
    assert logged(main) == [
        ("call", "a", me), ("cast", "b"), ("info", "DOWN"), ("info", "EXIT"), ("call", "c", me),
    ]  # fmt: skip


@pytest.mark.rule("15.13", "15.33")
@pytest.mark.parametrize("reason", ["normal", "shutdown", "boom"])
def test_exit_from_the_parent_terminates_a_trapping_server(reason: str) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        pid = await started(Told, trapping(7))
        exit(pid, reason)
        return (await receive())[2]

    assert (outcomes(main), logged(main)) == ({reason}, [("terminate", reason, 7)])


@pytest.mark.rule("15.14")
def test_the_parents_exit_acts_in_queue_order() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        pid = await started(Told, trapping(0))
        send(pid, "before")
        exit(pid, "boom")
        send(pid, "after")
        await receive()

    assert logged(main) == [("info", "before"), ("terminate", "boom", 0)]


@pytest.mark.rule("15.15", "15.65")
def test_system_messages_reach_no_callback() -> None:
    async def main() -> Any:
        pid = await started(Told, 7)
        read = await sys.get_state(pid)
        new = await sys.replace_state(pid, lambda state: state + 1)
        return read, new, await GenServer.call(pid, "state")

    assert (run(main), logged(main)) == ((7, 8, 8), [])


# --- Results -------------------------------------------------------------------------------------


@pytest.mark.rule("15.16")
@pytest.mark.parametrize("result", [Reply("a", 2), ("reply", "a", 2), Reply("a", 2, "infinity")])
def test_reply_answers_and_goes_on_with_the_new_state(result: Any) -> None:
    async def main() -> Any:
        pid = await started(Told, 1)
        return await GenServer.call(pid, lambda caller, state: result), await sys.get_state(pid)

    assert run(main) == ("a", 2)


@pytest.mark.rule("15.17")
@pytest.mark.parametrize("result", [NoReply(2), ("noreply", 2), ("noreply", 2, "hibernate")])
def test_noreply_goes_on_without_an_answer(result: Any) -> None:
    async def main() -> Any:
        pid = await started(Told, 1)

        def later(caller: Any, state: Any) -> Any:
            spawn(_answer_later, caller)
            return result

        return await GenServer.call(pid, later), await sys.get_state(pid)

    assert run(main) == ("later", 2)


async def _answer_later(caller: Any) -> None:
    await work(10)
    GenServer.reply(caller, "later")


@pytest.mark.rule("15.18", "15.33", "15.41")
@pytest.mark.parametrize("result", [Stop("done", 2), ("stop", "done", 2), Stop("done", state=2)])
def test_stop_runs_terminate_with_the_returned_state_and_ends(result: Any) -> None:
    assert end_of(lambda state: result, 1) == ("done", [("terminate", "done", 2)])


@pytest.mark.rule("15.19")
@pytest.mark.parametrize(
    "result", [Stop("done", "bye", 2), Stop("done", 2, reply="bye"), ("stop", "done", "bye", 2)]
)
def test_stop_with_an_answer_terminates_then_answers_then_exits(result: Any) -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Told, 1)
        answer = await GenServer.call(pid, lambda caller, state: result, timeout=None)
        return answer, await alive(pid)

    # The answer comes before the exit, so that the server may still be alive.
    assert outcomes(main) == {("bye", True), ("bye", False)}
    assert effects_of_server(main)[-3:] == ["log", "send", "end"]
    assert logged(main) == [("terminate", "done", 2)]


@pytest.mark.rule("15.19", "15.42")
def test_the_answer_is_sent_even_if_terminate_fails() -> None:
    class Fails(Told):
        def terminate(self, reason: Any, state: Any) -> None:
            raise Exit("failed")

    async def main() -> Any:
        _, pid = await GenServer.start(Fails, 1)
        monitor(pid)
        answer = await GenServer.call(pid, lambda caller, state: Stop("done", "bye", 2))
        return answer, await down_of(pid)

    assert run(main) == ("bye", "failed")


@pytest.mark.rule("15.20")
def test_a_continue_may_not_reply() -> None:
    result = end_of(lambda state: NoReply(state, Continue(lambda state: Reply(1, state))))
    assert result[0] == ("bad_return_value", Reply(1, 0))
    assert end_of(lambda s: NoReply(s, Continue(lambda s: Stop("done", s))))[0] == "done"


@pytest.mark.rule("15.21")
def test_a_throw_counts_as_returned() -> None:
    async def main() -> Any:
        return await GenServer.call(await started(Told, 1), raising(Throw(Reply("thrown", 2))))

    assert run(main) == "thrown"


@pytest.mark.rule("15.22", "15.33")
@pytest.mark.parametrize(
    "result",
    [
        7, Ok(1), Reply("a", 1), ("reply", "a", 1), NoReply(1, -1), NoReply(1, 1.5),
        NoReply(1, True),
        ("noreply", 1, -1), ("noreply",), Stop("a"), Stop("a", "b", 1), ("stop", "a", "b", 1),
        NoReply("noreply", -1),
        NoReply(1, "soon"), NoReply(1, ("continue",)),
    ],
)  # fmt: skip
def test_anything_else_is_a_bad_return_value(result: Any) -> None:
    reason = ("bad_return_value", result)
    assert end_of(lambda state: result) == (reason, [("terminate", reason, 0)])


@pytest.mark.rule("15.23", "15.47")
def test_a_callback_without_a_fitting_clause_is_a_function_clause() -> None:
    class Picky(Told):
        def handle_cast(self, request: Any, state: Any) -> Any:
            match request:
                case "known":
                    return NoReply(state)

    async def main() -> Any:
        _, pid = await GenServer.start(Picky, 0)
        monitor(pid)
        GenServer.cast(pid, "unknown")
        return await down_of(pid)

    error, stack = run(main)
    assert error == "function_clause"
    (_, said, _), (_, function, _) = stack
    assert said == "no clause of handle_cast for 'unknown' in state 0"
    assert function.split(".")[-2:] == ["Picky", "handle_cast"]
    assert logged(main) == [("terminate", (error, stack), 0)]


# --- Continue, timeout, hibernation --------------------------------------------------------------


@pytest.mark.rule("15.24")
def test_a_continue_runs_before_messages_that_came_during_init() -> None:
    class Slow(Told):
        async def init(self, argument: Any) -> Any:
            send(self_(), "early")
            await work(10)
            return Ok(0, Continue("load"))

    async def main() -> Any:
        await GenServer.call(await started(Slow, 0), "state")

    assert logged(main) == [("continue", "load"), ("info", "early")]


@pytest.mark.rule("15.25")
def test_the_answer_is_sent_before_the_continue_runs() -> None:
    async def main() -> Any:
        pid = await started(Told, 0)
        await GenServer.call(pid, lambda caller, state: Reply("a", state, Continue("more")))

    # First comes the acknowledgement of the start.
    assert effects_of_server(main) == ["send", "send", "log"]


@pytest.mark.rule("15.26")
def test_a_continue_may_ask_for_another() -> None:
    async def main() -> Any:
        first = lambda state: NoReply(state, Continue("second"))  # noqa: E731
        return await GenServer.call(await started(Told, lambda: Ok(7, Continue(first))), "state")

    assert run(main) == 7
    assert logged(main)[1:] == [("continue", "second")]


@pytest.mark.rule("15.27", "15.30")
def test_a_timeout_is_an_info_like_a_message_that_says_so() -> None:
    async def main() -> Any:
        pid = await started(Told, lambda: Ok(0, 100))
        await receive(after=99)
        log("99 ms")
        await receive(after=2)
        send(pid, "timeout")
        await receive(after=500)

    assert logged(main) == ["99 ms", ("info", "timeout"), ("info", "timeout")]


@pytest.mark.rule("15.28")
def test_any_message_cancels_the_timeout() -> None:
    async def main() -> Any:
        pid = await started(Told, lambda: Ok(0, 100))
        await receive(after=50)
        send(pid, "news")
        await receive(after=500)

    assert logged(main) == [("info", "news")]


@pytest.mark.rule("15.29")
def test_a_timeout_of_0_loses_against_a_message_that_waits() -> None:
    class Busy(Told):
        def init(self, argument: Any) -> Any:
            send(self_(), "waiting")
            return Ok(0, 0)

    async def main() -> Any:
        await GenServer.call(await started(Busy, 0), "state")

    async def idle() -> Any:
        await started(Told, lambda: Ok(0, 0))
        await receive(after=1)

    assert (logged(main), logged(idle)) == ([("info", "waiting")], [("info", "timeout")])


@pytest.mark.rule("15.31")
def test_after_a_system_message_the_full_timeout_starts_again() -> None:
    async def main() -> Any:
        pid = await started(Told, lambda: Ok(0, 100))
        await receive(after=50)
        await sys.get_state(pid)
        await receive(after=99)
        log("149 ms")
        await receive(after=2)

    assert logged(main) == ["149 ms", ("info", "timeout")]


@pytest.mark.rule("15.32")
@pytest.mark.parametrize("how", ["hibernate", Hibernate, Hibernate()])
def test_messages_that_wait_wake_a_hibernating_server_at_once(how: Any) -> None:
    async def main() -> Any:
        pid = await started(Told, 0)
        GenServer.cast(pid, lambda state: NoReply(1, how))
        return await GenServer.call(pid, "state", timeout=None)

    assert outcomes(main) == {1}
    assert "hibernated" in [kind for kind, _ in notes(main)]
