"""GenServer's callbacks and their results: rules 15.1 to 15.48 and 15.64 to 15.68."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    Continue,
    ErlangError,
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
    simulate,
    spawn,
    work,
)
from simkernel.errors import StateChangedInPlace, UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.otp import sys
from tests.otp.running import Told, logged, notes, run, started, tape, trapping


def after_start(start: Any) -> Any:
    """Give what a start gives, the exit reason, and what was logged."""

    async def main() -> Any:
        process_flag("trap_exit", True)
        result = await GenServer.start_link(Told, start)
        ended = await receive(("EXIT", ANY, ANY), after=0)
        return result, ended[2] if type(ended) is tuple else None

    result = simulate(main)
    return *result.returned, list(result.logged)


async def down_of(pid: Any) -> Any:
    """Wait for the end of a process; gives its exit reason."""
    return (await receive(("DOWN", ANY, "process", pid, ANY)))[4]


def end_of(request: Any, start: Any = 0) -> tuple[Any, list[Any]]:
    """Cast `request` to a server; give its exit reason and what was logged."""

    async def main() -> Any:
        _, pid = await GenServer.start(Told, start)
        monitor(pid)
        GenServer.cast(pid, request)
        return await down_of(pid)

    result = simulate(main)
    return result.returned, list(result.logged)


def effects_of_server(main: Any) -> list[str]:
    """Give the effects of the first process that main started, in order."""
    effects = ("send", "log", "end")
    return [what for what, pid, *_ in tape(main) if pid.path == (1,) and what in effects]


def raising(error: BaseException) -> Any:
    """Give a function that raises, whatever it is called with."""
    name, args = type(error), error.args

    def fail(*_: Any) -> Any:
        raise name(*args)

    return fail


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
    assert [function.split(".")[-2:] for _, function, _ in stack] == [["Picky", "handle_cast"]]
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


# --- terminate -----------------------------------------------------------------------------------


@pytest.mark.rule("15.33", "15.34", "15.41")
def test_terminate_gets_the_exception_with_its_stack_and_the_old_state() -> None:
    reason, log_ = end_of(raising(ValueError("no")), 7)
    assert reason[0] == Raised("ValueError", "no")
    assert log_ == [("terminate", reason, 7)]


@pytest.mark.rule("15.33")
def test_terminate_gets_the_reason_of_an_exit() -> None:
    assert end_of(raising(Exit("bye")), 7) == ("bye", [("terminate", "bye", 7)])


@pytest.mark.rule("15.33")
def test_terminate_gets_the_reason_of_a_stop_from_outside() -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Told, 7)
        return await GenServer.stop(pid, "shutdown")

    assert (run(main), logged(main)) == ("ok", [("terminate", "shutdown", 7)])


@pytest.mark.rule("15.35", "15.36", "15.37")
@pytest.mark.parametrize(
    ("start", "reason", "seen", "ended"),
    [
        pytest.param(trapping(7), "boom", [("terminate", "boom", 7)], "boom", id="it traps"),
        pytest.param(7, "boom", [], "boom", id="it does not trap"),
        pytest.param(trapping(7), "kill", [], "killed", id="it is killed"),
    ],
)
def test_terminate_runs_for_the_parents_exit_only_if_the_server_traps(
    start: Any, reason: str, seen: Any, ended: str
) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        exit(await started(Told, start), reason)
        return (await receive())[2]

    assert (run(main), logged(main)) == (ended, seen)


@pytest.mark.rule("15.38")
def test_a_trapped_exit_from_another_than_the_parent_is_an_info() -> None:
    async def other(pid: Any) -> None:
        exit(pid, "boom")

    async def main() -> Any:
        pid = await started(Told, trapping(7))
        stranger = spawn(other, pid)
        await receive(after=1)
        return await GenServer.call(pid, "state"), stranger

    result = simulate(main)
    state, stranger = result.returned
    assert (state, list(result.logged)) == (7, [("info", ("EXIT", stranger, "boom"))])


@pytest.mark.rule("15.39")
def test_without_a_parent_every_trapped_exit_is_an_info() -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Told, trapping(7))
        exit(pid, "boom")
        return await GenServer.call(pid, "state"), self_()

    result = simulate(main)
    state, me = result.returned
    assert (state, list(result.logged)) == (7, [("info", ("EXIT", me, "boom"))])


@pytest.mark.rule("15.42")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Throw("ignored"), "done"),
        (Exit("other"), "other"),
        (ErlangError("badarg"), "badarg"),
    ],
)
def test_what_terminate_raises_replaces_the_reason_but_a_throw(error: Any, reason: Any) -> None:
    fails = raising(error)

    class Fails(Told):
        def terminate(self, reason: Any, state: Any) -> Any:
            fails()

    async def main() -> Any:
        _, pid = await GenServer.start(Fails, 0)
        monitor(pid)
        GenServer.cast(pid, lambda state: Stop("done", state))
        ended = await down_of(pid)
        return ended[0] if type(ended) is tuple else ended

    assert run(main) == reason


@pytest.mark.rule("15.43")
@pytest.mark.parametrize(
    ("reason", "errors"),
    [("normal", 0), ("shutdown", 0), (("shutdown", "x"), 0), ("boom", 1), ("killed", 1)],
)
def test_only_an_end_that_was_not_asked_for_is_logged_as_an_error(reason: Any, errors: int) -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Told, 0)
        GenServer.cast(pid, lambda state: Stop(reason, state))
        await receive(after=1)

    found = [fields["reason"] for kind, fields in notes(main) if kind == "log"]
    assert found == [reason] * errors


@pytest.mark.rule("15.44")
@pytest.mark.parametrize(("reason", "ended"), [("normal", None), ("shutdown", "shutdown")])
def test_links_see_the_reason_however_quiet_it_is(reason: str, ended: Any) -> None:
    async def main() -> Any:
        pid = await started(Told, 0)
        GenServer.cast(pid, lambda state: Stop(reason, state))
        await receive(after=1)

    assert simulate(main).reason == ended


# --- Defaults ------------------------------------------------------------------------------------


class Bare(GenServer):
    """Defines nothing."""


@pytest.mark.rule("15.45")
@pytest.mark.parametrize("name", ["server", None])
def test_a_call_without_handle_call_crashes_the_server_and_says_so(name: Any) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        pid = await started(Bare, 0, name=name)
        try:
            await GenServer.call(pid, "get")
        except Exit as exit_:
            return exit_.reason[0][0], pid

    error, pid = run(main)
    text = "attempted to call GenServer {} but no handle_call/3 clause was provided"
    assert error == Raised("RuntimeError", text.format(name or pid))


@pytest.mark.rule("15.45")
def test_a_cast_without_handle_cast_crashes_the_server_and_says_so() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        GenServer.cast(await started(Bare, 0, name="server"), "go")
        return (await receive())[2][0]

    text = "attempted to cast GenServer server but no handle_cast/2 clause was provided"
    assert run(main) == Raised("RuntimeError", text)


@pytest.mark.rule("15.46")
def test_an_info_without_handle_info_is_logged_and_dropped() -> None:
    async def main() -> Any:
        pid = await started(Bare, 7)
        send(pid, "news")
        return await sys.get_state(pid)

    assert run(main) == 7
    assert [fields["message"] for kind, fields in notes(main) if kind == "log"] == ["news"]


def test_a_continue_without_handle_continue_is_undefined() -> None:
    class Goes(GenServer):
        def init(self, argument: Any) -> Any:
            return Ok(0, Continue("on"))

    async def main() -> Any:
        process_flag("trap_exit", True)
        await GenServer.start_link(Goes, 0)
        return (await receive())[2][0]

    assert run(main) == "undef"


@pytest.mark.rule("15.48")
def test_child_spec_names_the_class_and_what_it_declares() -> None:
    class Job(GenServer, restart="transient", shutdown=100):
        pass

    spec = Job.child_spec(7)
    assert (spec.id, spec.start) == (Job, (Job, "start_link", (7,)))
    assert (spec.restart, spec.shutdown, spec.type) == ("transient", 100, "worker")


def test_a_class_option_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'restrat'"):

        class Job(GenServer, restrat="transient"):
            pass


def test_a_subclass_starts_itself() -> None:
    async def main() -> Any:
        _, pid = await Bare.start_link(7, name="bare")
        _, free = await Bare.start(8)
        return await sys.get_state("bare"), await sys.get_state(free), pid == await _where("bare")

    async def _where(name: Any) -> Any:
        return await GenServer.whereis(name)

    assert run(main) == (7, 8, True)


# --- System messages -----------------------------------------------------------------------------


@pytest.mark.rule("15.64")
def test_a_suspended_server_serves_nothing_but_system_messages() -> None:
    async def main() -> Any:
        pid = await started(Told, 7)
        await sys.suspend(pid)
        GenServer.cast(pid, 8)
        try:
            await GenServer.call(pid, "state", timeout=100)
        except Exit as exit_:
            reason = exit_.reason[0]
        while_suspended = await sys.get_state(pid)
        await sys.resume(pid)
        return reason, while_suspended, await GenServer.call(pid, "state")

    assert run(main) == ("timeout", 7, 8)


@pytest.mark.rule("15.64")
def test_a_suspended_server_obeys_its_parent() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        pid = await started(Told, trapping(7))
        await sys.suspend(pid)
        send(pid, "news")
        exit(pid, "boom")
        return (await receive())[2]

    assert (run(main), logged(main)) == ("boom", [("terminate", "boom", 7)])


@pytest.mark.rule("15.65")
def test_a_replacement_that_fails_leaves_the_state() -> None:
    async def main() -> Any:
        pid = await started(Told, 7)
        try:
            await sys.replace_state(pid, raising(Exit("no")))
        except ErlangError as error:
            return error.reason, await sys.get_state(pid)

    assert run(main) == (("callback_failed", "no"), 7)


def test_a_system_message_to_nobody_exits_with_the_function() -> None:
    async def main() -> Any:
        try:
            await sys.get_state("free")
        except Exit as exit_:
            return exit_.reason

    assert run(main) == ("noproc", ("sys", "get_state", ("free",)))


# --- Steps ---------------------------------------------------------------------------------------


@pytest.mark.rule("15.66")
def test_the_callbacks_effects_leave_before_the_reply() -> None:
    async def main() -> Any:
        pid = await started(Told, 0)

        def request(caller: Any, state: Any) -> Any:
            log("own")
            return Reply("a", state)

        return await GenServer.call(pid, request)

    assert effects_of_server(main)[-2:] == ["log", "send"]


@pytest.mark.rule("15.66")
def test_a_kill_may_fall_between_an_effect_and_the_reply() -> None:
    async def killer(pid: Any) -> None:
        exit(pid, "kill")

    async def main() -> Any:
        root = self_()
        _, pid = await GenServer.start(Told, 0)

        def request(caller: Any, state: Any) -> Any:
            send(root, "own effect")
            return Reply("answer", state)

        spawn(killer, pid)
        try:
            answer = await GenServer.call(pid, request, timeout=None)
        except Exit as exit_:
            answer = exit_.reason[0]
        return answer, await receive(after=0) == "own effect"

    assert outcomes(main) == {
        ("answer", True), ("killed", True), ("killed", False), ("noproc", False),
    }  # fmt: skip


@pytest.mark.rule("15.67")
def test_the_new_state_is_the_servers_before_its_effects_leave() -> None:
    async def main() -> Any:
        pid = await started(Told, 1)
        await GenServer.call(pid, lambda caller, state: Reply("a", 2))

    m = Machine(main)
    states = []
    while options := m.enabled():
        server = next((p for p in m.processes.values() if p.pid.path == (1,)), None)
        if server is not None and server.effects and server.effects[-1][0] == 0:
            states.append(server.body.state)
        m.apply(options[0])
    assert states[-1] == 2


@pytest.mark.rule("15.68")
def test_after_an_exception_the_effects_leave_then_terminate_is_a_step_of_its_own() -> None:
    async def killer(pid: Any) -> None:
        exit(pid, "kill")

    class Fails(Told):
        def handle_cast(self, root: Any, state: Any) -> Any:
            send(root, "effect")
            raise ValueError

        def terminate(self, reason: Any, root: Any) -> None:
            send(root, "terminate")

    async def main() -> Any:
        _, pid = await GenServer.start(Fails, self_())
        ref = monitor(pid)
        GenServer.cast(pid, self_())
        spawn(killer, pid)
        seen = []
        while (message := await receive())[:1] != ("DOWN",):
            seen.append(message)
        return tuple(seen), message[1] == ref

    assert outcomes(main) == {
        ((), True), (("effect",), True), (("effect", "terminate"), True),
    }  # fmt: skip


# --- Snapshots, changes in place -----------------------------------------------------------------


class Cell(GenServer):
    """A small server whose callbacks wait, continue, time out and stop."""

    def handle_cast(self, request: Any, state: Any) -> Any:
        match request:
            case "double":
                return NoReply(state * 2, Continue("add"))
            case ("wait", number):
                return NoReply(state + number, 0)

    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case "read":
                return Reply(state, state)
            case "slow":
                await work(1)
                return Reply(state, state + 1)

    def handle_continue(self, argument: Any, state: Any) -> Any:
        return NoReply(state + 1)

    def handle_info(self, message: Any, state: Any) -> Any:
        return NoReply(state + 100)


async def _double(pid: Any) -> None:
    GenServer.cast(pid, "double")


async def _kill(pid: Any) -> None:
    exit(pid, "kill")


async def _slow(pid: Any, root: Any) -> None:
    send(root, ("slow", await GenServer.call(pid, "slow", timeout=None)))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("double", marks=pytest.mark.slow),
        "slow",
        "timeout",
        pytest.param("killed", marks=pytest.mark.slow),
    ],
)
def test_a_search_from_snapshots_gives_what_the_plain_search_gives(other: str) -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Cell, 1)
        match other:
            case "double":
                spawn(_double, pid)
            case "slow":
                GenServer.cast(pid, "double")
                spawn(_slow, pid, self_())
                return await receive()
            case "timeout":
                GenServer.cast(pid, ("wait", 1))
            case "killed":
                spawn(_kill, pid)
        try:
            return await GenServer.call(pid, "read", timeout=None)
        except Exit as exit_:
            return exit_.reason[0]

    merged = outcomes(main)
    assert merged == outcomes(main, merge=False)
    assert merged == {
        "double": {1, 3}, "slow": {("slow", 3)}, "timeout": {2, 102},
        "killed": {1, "killed", "noproc"},
    }[other]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "change", "key"),
    [
        ({"a": [1], "b": 2}, lambda state: state["a"].append(2), "state['a']"),
        ([1, [2]], lambda state: state[1].clear(), "state[1]"),
        ({"a": 1}, lambda state: state.update(b=2), "state['b']"),
    ],
)
def test_a_check_reports_a_state_that_was_changed_in_place(
    start: Any, change: Any, key: str
) -> None:
    class Mutates(Told):
        def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
            change(state)
            return Reply("a", state)

    async def main() -> Any:
        return await GenServer.call(await started(Mutates, start), "go")

    assert run(main) == "a"
    m = Machine(main)
    m.checking = True
    with pytest.raises(StateChangedInPlace) as error:
        driver.simulate(m, 0, 1000)
    assert (error.value.key, error.value.callback.split(".")[-2:]) == (
        key,
        ["Mutates", "handle_call"],
    )
    assert __file__ in str(error.value)


def test_a_check_allows_mutable_state_that_is_built_anew() -> None:
    async def main() -> Any:
        pid = await started(Told, {"a": [1]})
        return await GenServer.call(pid, lambda caller, s: Reply(s["a"] + [2], {**s, "b": 1}))

    m = Machine(main)
    m.checking = True
    driver.simulate(m, 0, 1000)
    assert m.mistake is None


def test_processes_of_one_class_share_no_attribute() -> None:
    class Keeps(GenServer):
        def init(self, argument: Any) -> Any:
            self.count = argument
            return Ok(argument)

    async def main() -> Any:
        return await GenServer.start_link(Keeps, 0)

    with pytest.raises(UsageError, match="all processes of the class would share"):
        simulate(main)
