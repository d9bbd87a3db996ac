"""Starting, naming, calling, answering and stopping: rules 14.1 to 14.12 and 15.49 to 15.63."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    ArgumentError,
    Exit,
    GenServer,
    Ignore,
    NoReply,
    Ok,
    Pid,
    Raised,
    Reply,
    Stop,
    alive,
    exit,
    get,
    log,
    monitor,
    process_flag,
    process_info,
    receive,
    register,
    self_,
    send,
    simulate,
    spawn,
    spawn_link,
    unregister,
    whereis,
    work,
)
from simkernel.errors import ForgottenAwait
from tests.otp.running import Told, run, started, trapping


async def caught(operation: Any) -> Any:
    """Give the reason of the exit that an operation ends with."""
    try:
        return ("returned", await operation)
    except Exit as exit_:
        return exit_.reason


# --- Starting ------------------------------------------------------------------------------------


@pytest.mark.rule("14.1")
def test_a_start_under_a_name_that_is_held_gives_the_holder_and_spawns_nothing() -> None:
    async def main() -> Any:
        pid = await started(Told, 0, name="counter")
        again = await GenServer.start_link(Told, 0, name="counter")
        _, links = await process_info(self_(), "links")
        return again == ("error", ("already_started", pid)), links == [pid]

    assert run(main) == (True, True)


@pytest.mark.rule("14.2")
def test_the_name_is_registered_before_init_runs() -> None:
    class Named(GenServer):
        async def init(self, argument: Any) -> Any:
            return Ok(await whereis("server") == self_())

        def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
            return Reply(state, state)

    async def main() -> Any:
        return await GenServer.call(await started(Named, 0, name="server"), "state")

    assert run(main) is True


async def _starts(parent: Any) -> None:
    send(parent, await GenServer.start(Told, 0, name="server"))


@pytest.mark.rule("14.3")
def test_who_loses_the_race_for_a_name_answers_already_started_and_ends_normally() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        spawn(_starts, self_())
        mine = await GenServer.start_link(Told, 0, name="server")
        other = await receive((ANY, ANY))
        ended = await receive(("EXIT", ANY, ANY), after=0)
        reason = ended[2] if type(ended) is tuple else None
        return mine[0], other[0], reason

    assert outcomes(main) == {
        ("ok", "error", None),
        ("error", "ok", "normal"),
        ("error", "ok", None),
    }


@pytest.mark.rule("14.3")
def test_the_loser_of_the_race_does_not_harm_a_linked_starter() -> None:
    async def main() -> Any:
        spawn(_starts, self_())
        mine = await GenServer.start_link(Told, 0, name="server")
        other = await receive((ANY, ANY))
        return {mine[0], other[0]} == {"ok", "error"}

    assert outcomes(main) == {True}


@pytest.mark.rule("14.4")
def test_init_runs_in_the_new_process_while_the_starter_waits() -> None:
    class Slow(GenServer):
        async def init(self, starter: Any) -> Any:
            await work(10)
            log("init is over")
            return Ok(self_() != starter)

        def handle_call(self, request: Any, caller: Any, elsewhere: Any) -> Any:
            return Reply(elsewhere, elsewhere)

    async def main() -> Any:
        pid = await started(Slow, self_())
        log("start is over")
        return await GenServer.call(pid, "elsewhere")

    result = simulate(main)
    assert (result.returned, result.logged) == (True, ("init is over", "start is over"))


@pytest.mark.rule("14.5")
def test_a_continue_is_concurrent_with_the_starter() -> None:
    async def main() -> Any:
        me = self_()

        def to_starter(state: Any) -> Any:
            send(me, "continued")
            return NoReply(state)

        await started(Told, lambda: ("ok", 0, ("continue", to_starter)))
        return await receive("continued", after=0) == "continued"

    assert outcomes(main) == {True, False}


@pytest.mark.rule("14.6")
def test_the_dictionary_of_a_server_has_its_ancestors_and_its_initial_call() -> None:
    class Looks(GenServer):
        def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
            return Reply((get("$ancestors"), get("$initial_call")), state)

    async def main() -> Any:
        await register(self_(), "top")
        pid = await started(Looks, 0)
        ancestors, initial = await GenServer.call(pid, "dictionary")
        return ancestors, initial == (Looks, "init", 1)

    assert run(main) == (("top",), True)


@pytest.mark.rule("14.7")
def test_only_a_linked_starter_is_the_parent() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        linked = await started(Told, trapping(0))
        _, free = await GenServer.start(Told, trapping(0))
        exit(linked, "bye")
        exit(free, "bye")
        ended = await receive(("EXIT", linked, ANY))
        return ended[2], await alive(free)

    result = simulate(main)
    assert result.returned == ("bye", True)
    assert sorted(result.logged, key=repr) == [
        ("info", ("EXIT", Pid(()), "bye")),
        ("terminate", "bye", 0),
    ]


def _stops(reason: Any) -> Any:
    return lambda: Stop(reason)


@pytest.mark.rule("14.8")
def test_after_a_failed_start_a_starter_may_go_on_for_a_moment() -> None:
    async def starter(root: Any) -> None:
        failed = await GenServer.start_link(Told, _stops("no"))
        send(root, failed)

    async def main() -> Any:
        ref = monitor(spawn(starter, self_()))
        first = await receive()
        return first[0] if first[0] == "error" else (first[4], first[1] == ref)

    # The error was passed on before the exit signal acted, or the signal came first.
    assert outcomes(main) == {"error", ("no", True), ("noproc", True)}


@pytest.mark.rule("14.9")
def test_a_trapping_starter_gets_both_the_error_and_the_exit() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        failed = await GenServer.start_link(Told, _stops("no"))
        ended = await receive(("EXIT", ANY, ANY))
        return failed, ended[2]

    assert outcomes(main) == {(("error", "no"), "no")}


@pytest.mark.rule("14.10")
def test_a_start_that_fails_with_normal_does_not_harm_a_linked_starter() -> None:
    async def main() -> Any:
        return await GenServer.start_link(Told, _stops("normal"))

    assert outcomes(main) == {("error", "normal")}


@pytest.mark.rule("14.11")
@pytest.mark.parametrize(
    "init",
    [
        pytest.param(lambda: Stop("normal"), id="stop"),
        pytest.param(Ignore, id="ignore"),
    ],
)
def test_the_name_is_free_when_a_failed_start_is_acknowledged(init: Any) -> None:
    async def main() -> Any:
        await GenServer.start_link(Told, init, name="server")
        return await whereis("server")

    assert outcomes(main) == {None}


class Sleepy(GenServer):
    async def init(self, ms: Any) -> Any:
        await work(ms)
        return Ok(ms)


@pytest.mark.rule("14.12")
@pytest.mark.parametrize("start", [GenServer.start_link, GenServer.start])
def test_an_init_that_takes_too_long_is_killed_and_leaves_nothing(start: Any) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        result = await start(Sleepy, 1000, timeout=10)
        left = await receive(after=5000)
        return result, type(left).__name__

    result = simulate(main)
    assert result.returned == (("error", "timeout"), "Timeout")
    assert [reason for _, reason in result.deaths] == ["killed"]


def test_a_server_that_is_killed_while_it_starts_is_an_error_for_a_trapping_starter() -> None:
    async def killer(name: Any) -> None:
        await work(1)
        exit(await whereis(name), "kill")

    async def main() -> Any:
        process_flag("trap_exit", True)
        spawn(killer, "server")
        return await GenServer.start_link(Sleepy, 1000, name="server")

    assert run(main) == ("error", "killed")


class Table:
    """A via module: its names are registered names with a prefix."""

    @staticmethod
    async def whereis_name(term: Any) -> Any:
        return await whereis(f"via {term}")

    @staticmethod
    async def register_name(term: Any, pid: Any) -> Any:
        try:
            return await register(pid, f"via {term}")
        except ArgumentError:
            return False

    @staticmethod
    async def unregister_name(term: Any) -> None:
        await unregister(f"via {term}")


def test_a_via_name_goes_through_its_module() -> None:
    async def main() -> Any:
        name = ("via", Table, "counter")
        pid = await started(Told, 7, name=name)
        await GenServer.cast(name, 8)
        free = ("via", Table, "nobody")
        found = await GenServer.whereis(name) == pid, await GenServer.whereis(free)
        return found, await GenServer.call(name, "state"), await GenServer.cast(free, 1)

    assert run(main) == ((True, None), 8, "ok")


# --- Calling -------------------------------------------------------------------------------------


@pytest.mark.rule("15.49")
def test_a_call_waits_for_the_answer() -> None:
    async def main() -> Any:
        return await GenServer.call(await started(Told, 7), "state", timeout=None)

    assert outcomes(main) == {7}


@pytest.mark.rule("15.50")
@pytest.mark.parametrize("timeout", [5000, None])
def test_a_call_to_nobody_exits_with_noproc_and_the_call(timeout: Any) -> None:
    async def main() -> Any:
        _, dead = await GenServer.start(Told, 0)
        await GenServer.stop(dead)
        reasons = []
        for server in (dead, "free", ("via", Table, "free")):
            reason = await caught(GenServer.call(server, "state", timeout=timeout))
            call = (GenServer, "call", (server, "state", timeout))
            reasons.append(reason == ("noproc", call))
        return tuple(reasons)

    if timeout is None:
        assert outcomes(main) == {(True, True, True)}
    # When any time may pass, the answer for a dead pid can take longer than the call waits.
    assert {simulate(main, seed=seed).returned for seed in range(20)} == {(True, True, True)}


def _slowly(ms: int) -> Any:
    async def answer(caller: Any, state: Any) -> Any:
        await work(ms)
        return Reply(state, state + 1)

    return answer


@pytest.mark.rule("15.51", "15.54", "15.55", "15.56")
def test_after_a_timeout_the_request_is_served_and_its_answer_dropped() -> None:
    async def main() -> Any:
        pid = await started(Told, 7)
        request = _slowly(6000)
        reason = await caught(GenServer.call(pid, request))
        state = await GenServer.call(pid, "state", timeout=None)
        left = await receive(after=0)
        return reason == ("timeout", (GenServer, "call", (pid, request, 5000))), state, repr(left)

    result = simulate(main)
    assert (result.returned, result.now_ms) == ((True, 8, "TIMEOUT"), 6000)


@pytest.mark.rule("15.51")
def test_the_answer_and_the_timeout_may_come_at_the_same_instant() -> None:
    async def main() -> Any:
        pid = await started(Told, 7)
        reason = await caught(GenServer.call(pid, _slowly(10), timeout=10))
        return reason[0], repr(await receive(after=0))

    assert outcomes(main) == {("returned", "TIMEOUT"), ("timeout", "TIMEOUT")}


@pytest.mark.rule("15.52")
@pytest.mark.parametrize("reason", ["normal", "boom"])
@pytest.mark.parametrize("timeout", [5000, None])
def test_a_server_that_ends_before_it_answers_ends_the_call(reason: Any, timeout: Any) -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Told, 0)
        request = _stopping(reason)
        seen, shown = await caught(GenServer.call(pid, request, timeout=timeout))
        return seen, shown == (GenServer, "call", (pid, request, timeout))

    # In a check time may pass, unless there is no limit to it.
    assert outcomes(main) - {("timeout", True)} == {(reason, True)}
    assert run(main) == (reason, True)


def _stopping(reason: Any) -> Any:
    return lambda caller, state: Stop(reason, state)


@pytest.mark.rule("15.53")
def test_a_call_to_oneself_exits_at_once() -> None:
    async def main() -> Any:
        reason = await caught(GenServer.call(self_(), "state"))
        return reason[0], reason[1][1]

    assert outcomes(main) == {("calling_self", "call")}


@pytest.mark.rule("15.54")
def test_an_uncaught_exit_of_a_call_ends_the_caller_with_it() -> None:
    async def main() -> Any:
        await GenServer.call("nobody", "get", timeout=1)

    assert simulate(main).reason == ("noproc", (GenServer, "call", ("nobody", "get", 1)))


@pytest.mark.rule("15.57")
def test_without_a_time_limit_the_answer_goes_to_the_pid() -> None:
    async def main() -> Any:
        pid = await started(Told, 0)

        def tag(caller: Any, state: Any) -> Any:
            return Reply(type(caller[1]).__name__, state)

        return await GenServer.call(pid, tag), await GenServer.call(pid, tag, timeout=None)

    # A Ref is an alias; anything else is for the pid to know.
    assert run(main) == ("Ref", "tuple")


def test_a_call_made_by_hand_is_answered_to_the_pid() -> None:
    async def main() -> Any:
        send(await started(Told, 7), ("$gen_call", (self_(), "mine"), "state"))
        return await receive()

    assert run(main) == ("mine", 7)


@pytest.mark.rule("15.58")
def test_a_cast_succeeds_whatever_becomes_of_it() -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Told, 0)
        await GenServer.stop(pid)
        GenServer.cast(pid, 1)
        GenServer.cast("nobody", 1)
        return await GenServer.cast(pid, 1), await GenServer.cast("nobody", 1)

    assert outcomes(main) == {("ok", "ok")}


@pytest.mark.rule("15.58")
def test_a_cast_to_a_name_is_looked_up_when_it_happens() -> None:
    async def other(pid: Any) -> None:
        await unregister("server")

    async def main() -> Any:
        pid = await started(Told, 0, name="server")
        spawn(other, pid)
        GenServer.cast("server", 1)
        return await GenServer.call(pid, "state", timeout=None)

    assert outcomes(main) == {0, 1}


async def _answers(caller: Any) -> None:
    send(caller[0], "before")
    GenServer.reply(caller, "answer")
    send(caller[0], "after")


@pytest.mark.rule("15.59")
@pytest.mark.parametrize("network", ["node", "cluster"])
def test_any_process_may_answer_in_order_with_its_other_messages(network: str) -> None:
    async def main() -> Any:
        pid = await started(Told, 0)

        def passed_on(caller: Any, state: Any) -> Any:
            spawn(_answers, caller)
            return NoReply(state)

        answer = await GenServer.call(pid, passed_on, timeout=None)
        return answer, await receive(), await receive()

    assert outcomes(main, network=network) == {("answer", "before", "after")}


@pytest.mark.rule("15.60")
def test_stop_lets_the_queue_be_served_then_terminate_then_returns() -> None:
    async def main() -> Any:
        pid = await started(Told, 0)
        GenServer.cast(pid, 1)
        send(pid, "info")
        result = await GenServer.stop(pid)
        return result, await alive(pid)

    result = simulate(main)
    assert result.returned == ("ok", False)
    assert result.logged == (("info", "info"), ("terminate", "normal", 1))


@pytest.mark.rule("15.61")
def test_stop_on_nobody_exits_with_noproc() -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Told, 0)
        first = await GenServer.stop(pid, "shutdown")
        again = await caught(GenServer.stop(pid))
        free = await caught(GenServer.stop("free"))
        shown = (GenServer, "stop", (pid, "normal", None))
        return first, again == ("noproc", shown), free[0]

    assert outcomes(main) == {("ok", True, "noproc")}


class Lingers(GenServer):
    async def terminate(self, reason: Any, state: Any) -> None:
        await work(100)
        log("gone")


@pytest.mark.rule("15.62")
def test_a_stop_that_runs_out_of_time_exits_and_the_server_goes_on_stopping() -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Lingers, 0)
        ref = monitor(pid)
        reason = await caught(GenServer.stop(pid, "normal", 10))
        down = await receive()
        return reason == ("timeout", (GenServer, "stop", (pid, "normal", 10))), down[1] == ref

    result = simulate(main)
    assert (result.returned, result.logged, result.now_ms) == ((True, True), ("gone",), 100)


@pytest.mark.rule("15.63")
def test_a_stop_of_a_server_that_ends_otherwise_exits_with_that_reason() -> None:
    class Fails(GenServer):
        def terminate(self, reason: Any, state: Any) -> None:
            raise Exit("failed")

    async def main() -> Any:
        _, pid = await GenServer.start(Fails, 0)
        return (await caught(GenServer.stop(pid)))[0]

    assert outcomes(main) == {"failed"}


def test_a_forgotten_call_is_named_with_its_line() -> None:
    async def main() -> None:
        GenServer.call("server", "get")
        await receive(after=0)

    with pytest.raises(ForgottenAwait, match=r"call\(...\) was called and not awaited") as error:
        simulate(main)
    assert error.value.path == __file__


def test_a_caller_that_is_stuck_says_in_which_call() -> None:
    from simkernel.kernel.driver import simulate as drive
    from simkernel.kernel.machine import Machine

    async def main() -> None:
        pid = await started(Told, 0)
        await GenServer.call(pid, lambda caller, state: NoReply(state), timeout=None)

    m = Machine(main)
    drive(m, 0, 1000)
    assert m.root.want.why[:2] == ("call", m.root.pid.child(1))


def test_a_bad_timeout_is_the_callers_mistake() -> None:
    async def main() -> Any:
        with pytest.raises(ArgumentError, match="give ms from 0 on, or None for infinity"):
            GenServer.call("server", "get", timeout=-1)
        return "seen"

    assert run(main) == "seen"


def test_the_end_of_a_linked_caller_does_not_change_what_a_call_gives() -> None:
    async def client(pid: Any, root: Any) -> None:
        send(root, await GenServer.call(pid, "state", timeout=None))

    async def main() -> Any:
        pid = await started(Told, 7)
        spawn_link(client, pid, self_())
        return await receive()

    assert outcomes(main) == {7}


def test_a_raise_in_init_says_what_was_raised() -> None:
    class Bad(GenServer):
        def init(self, argument: Any) -> Any:
            raise ValueError("no")

    async def main() -> Any:
        process_flag("trap_exit", True)
        _, (error, _) = await GenServer.start_link(Bad, 0)
        return error

    assert run(main) == Raised("ValueError", "no")
