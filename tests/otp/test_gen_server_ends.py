"""GenServer: how it ends, its defaults, system messages (15.33 to 15.48, 15.64, 15.65)."""

from typing import Any

import pytest

from simkernel import (
    Continue,
    ErlangError,
    Exit,
    GenServer,
    Ok,
    Raised,
    Stop,
    Throw,
    exit,
    monitor,
    process_flag,
    receive,
    self_,
    send,
    simulate,
    spawn,
)
from simkernel.errors import UsageError
from simkernel.otp import sys
from tests.otp.running import (
    Told,
    down_of,
    end_of,
    logged,
    notes,
    raising,
    run,
    started,
    trapping,
)

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
        failed = [
            await sys.replace_state(pid, raising(error))
            for error in (Exit("no"), Throw(1), ValueError("no"))
        ]
        return [(error, why[2]) for error, why in failed], await sys.get_state(pid)

    failures = [("exit", "no"), ("throw", 1), ("error", Raised("ValueError", "no"))]
    assert run(main) == ([("error", failure) for failure in failures], 7)


def test_a_system_message_to_nobody_exits_with_the_function() -> None:
    async def main() -> Any:
        try:
            await sys.get_state("free")
        except Exit as exit_:
            return exit_.reason

    assert run(main) == ("noproc", ("sys", "get_state", ("free",)))
