"""Section 23: the timer module, and system messages to any behaviour."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    TIMEOUT,
    ErlangError,
    Exit,
    GenServer,
    NoReply,
    Ok,
    exit,
    log,
    make_ref,
    monitor,
    now,
    process_flag,
    receive,
    register,
    self_,
    send,
    simulate,
    sleep,
    spawn,
    sys,
    timer,
    to_ms,
    whereis,
)
from tests.otp.children import child, supervised
from tests.otp.running import Told, down_of, logged, run, started


async def idle() -> None:
    await receive(idle=True)


async def at_ms() -> float:
    """Give the time now."""
    return to_ms(now())


async def arrivals(count: int) -> list[tuple[Any, float]]:
    """Take so many messages, each with the time at which it came."""
    return [(await receive(), await at_ms()) for _ in range(count)]


# --- 23.1 to 23.4: sending -----------------------------------------------------------------------


@pytest.mark.rule("23.1")
def test_the_server_is_started_when_it_is_needed_and_outlives_who_asked() -> None:
    async def asks(boss: Any) -> None:
        await timer.exit_after(5, boss, "late")

    async def main() -> Any:
        process_flag("trap_exit", True)
        before = await whereis("timer_server")
        monitor(spawn(asks, self_()))
        await receive(("DOWN", ANY, ANY, ANY, ANY))
        _, sender, reason = await receive(("EXIT", ANY, ANY))
        return before, sender == await whereis("timer_server"), reason, await at_ms()

    assert run(main) == (None, True, "late", 5)


async def first_users() -> Any:
    me = self_()
    process_flag("trap_exit", True)

    async def user(what: str) -> None:
        send(me, ("asked", (await timer.apply_after(1, send, [me, what]))[0]))

    for what in ("a", "b"):
        spawn(user, what)
    answers = [(await receive(("asked", ANY)))[1] for _ in range(2)]
    return tuple(answers)


@pytest.mark.rule("23.1")
@pytest.mark.parametrize("seed", range(20))
def test_two_may_need_it_first(seed: int) -> None:
    assert simulate(first_users, seed=seed).returned == ("ok", "ok")


@pytest.mark.rule("23.2")
def test_send_after_to_a_pid_is_a_timer_of_the_kernel() -> None:
    async def main() -> Any:
        answer, (kind, _ref) = await timer.send_after(5, self_(), "hello")
        return answer, kind, await arrivals(1), await whereis("timer_server")

    assert run(main) == ("ok", "send_local", [("hello", 5)], None)


@pytest.mark.rule("23.3")
def test_send_after_to_a_name_looks_it_up_when_it_is_time() -> None:
    async def main() -> Any:
        answer, (kind, _ref) = await timer.send_after(5, "me", "hello")
        await timer.send_after(1, "nobody", "lost")
        await sleep(2)
        await register(self_(), "me")
        return answer, kind, await arrivals(1), await whereis("timer_server") is not None

    assert run(main) == ("ok", "once", [("hello", 5)], True)


@pytest.mark.rule("23.4")
def test_a_time_of_0_acts_at_once_in_the_caller() -> None:
    async def main() -> Any:
        answer, (kind, _ref) = await timer.send_after(0, self_(), "hello")
        there = await receive(after=0)
        victim = spawn(idle)
        monitor(victim)
        exited = await timer.exit_after(0, victim, "boom")
        try:
            await timer.send_after(0, "nobody", "lost")
        except ErlangError as error:
            failed = error.reason
        done = (answer, kind, there, exited[1][0], await down_of(victim))
        return *done, failed, await whereis("timer_server")

    assert run(main) == ("ok", "instant", "hello", "instant", "boom", "badarg", None)


@pytest.mark.rule("23.4")
def test_exit_after_0_comes_from_the_caller() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        await timer.exit_after(0, self_(), "boom")
        return await receive() == ("EXIT", self_(), "boom")

    assert run(main)


# --- 23.5 to 23.7 --------------------------------------------------------------------------------


class Tools:
    """What apply_after may name."""

    @staticmethod
    async def tell(boss: Any, what: Any) -> None:
        send(boss, (what, self_()))

    @staticmethod
    def crash() -> None:
        raise ValueError("boom")


@pytest.mark.rule("23.5")
def test_apply_after_runs_in_a_process_of_its_own() -> None:
    async def main() -> Any:
        kinds = [
            (await timer.apply_after(3, Tools, "tell", [self_(), "named"]))[1][0],
            (await timer.apply_after(5, Tools.tell, [self_(), "function"]))[1][0],
            (await timer.apply_after(0, Tools.tell, [self_(), "at once"]))[1][0],
        ]
        await timer.apply_after(1, Tools, "crash", [])
        got = await arrivals(3)
        server = await whereis("timer_server")
        others = {pid not in (self_(), server) for (_, pid), _ in got}
        return kinds, [(what, ms) for (what, _), ms in got], others, server is not None

    assert run(main) == (
        ["once", "once", "instant"],
        [("at once", 0), ("named", 3), ("function", 5)],
        {True},
        True,
    )


@pytest.mark.rule("23.6")
def test_exit_after_comes_from_the_server() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        await timer.exit_after(5, self_(), "normal")
        got = await receive()
        return got == ("EXIT", await whereis("timer_server"), "normal"), await at_ms()

    assert run(main) == (True, 5)


@pytest.mark.rule("23.6")
def test_exit_after_with_normal_does_not_end_the_caller() -> None:
    async def main() -> Any:
        await timer.exit_after(5, self_(), "normal")
        await sleep(10)
        return "alive"

    assert run(main) == "alive"


@pytest.mark.rule("23.6")
def test_exit_after_to_a_name_and_kill_after() -> None:
    async def main() -> Any:
        first, second = spawn(idle), spawn(idle)
        await register(first, "first")
        monitor(first)
        monitor(second)
        await timer.exit_after(2, "first", "boom")
        await timer.exit_after(1, "nobody", "boom")
        await timer.kill_after(4, second)
        return await down_of(first), await at_ms(), await down_of(second), await at_ms()

    assert run(main) == ("boom", 2, "killed", 4)


@pytest.mark.rule("23.7")
def test_an_interval_counts_from_when_it_was_asked_for() -> None:
    async def main() -> Any:
        answer, (kind, _ref) = await timer.send_interval(10, self_(), "tick")
        return answer, kind, await arrivals(3)

    assert run(main) == ("ok", "interval", [("tick", 10), ("tick", 20), ("tick", 30)])


@pytest.mark.rule("23.7")
def test_an_interval_for_a_name_that_nobody_holds_ends_at_once() -> None:
    async def main() -> Any:
        answer = await timer.send_interval(5, "me", "tick")
        await register(self_(), "me")
        return answer[0], await receive(after=50)

    assert run(main) == ("ok", TIMEOUT)


@pytest.mark.rule("23.7")
def test_an_interval_ends_with_its_target() -> None:
    async def main() -> Any:
        target = spawn(idle)
        await timer.send_interval(5, target, "tick")
        _, before = "", await sys.get_state("timer_server")
        await sleep(12)
        return len(before), len(await sys.get_state("timer_server"))

    assert run(main) == (1, 0)


@pytest.mark.rule("23.7", "23.5")
def test_apply_interval_ends_with_the_caller() -> None:
    async def asks(boss: Any) -> None:
        await timer.apply_interval(5, Tools.tell, [boss, "tick"])
        await sleep(12)

    async def main() -> Any:
        spawn(asks, self_())
        got = await arrivals(2)
        return [ms for _, ms in got], await receive(after=50)

    assert run(main) == ([5, 10], TIMEOUT)


# --- 23.8, 23.9 ----------------------------------------------------------------------------------

DONE = ("ok", "cancel")


@pytest.mark.rule("23.8")
def test_cancel_keeps_it_from_happening() -> None:
    async def main() -> Any:
        me = self_()
        process_flag("trap_exit", True)
        trefs = [
            await timer.send_after(5, me, "sent"),
            await timer.exit_after(5, me, "exit"),
            await timer.apply_after(5, Tools.tell, [me, "applied"]),
            await timer.send_interval(5, me, "tick"),
            await timer.apply_interval(5, Tools, "tell", [me, "tock"]),
            await timer.send_after(0, me, "instant"),
        ]
        done = [await timer.cancel(tref) for _, tref in trefs]
        again = [await timer.cancel(tref) for _, tref in trefs]
        return done, again, await receive(after=50), await receive(after=50)

    assert run(main) == ([DONE] * 6, [DONE] * 6, "instant", TIMEOUT)


@pytest.mark.rule("23.8")
def test_an_interval_can_be_cancelled_while_it_runs() -> None:
    async def main() -> Any:
        _, tref = await timer.send_interval(5, self_(), "tick")
        await arrivals(2)
        return await timer.cancel(tref), await receive(after=50)

    assert run(main) == (DONE, TIMEOUT)


@pytest.mark.rule("23.8")
def test_what_is_over_is_cancelled_too() -> None:
    async def main() -> Any:
        _, tref = await timer.send_after(1, self_(), "sent")
        await receive()
        return await timer.cancel(tref), await timer.cancel(("once", make_ref()))

    assert run(main) == (DONE, DONE)


async def cancels_in_time() -> Any:
    _, tref = await timer.apply_after(1, Tools.tell, [self_(), "applied"])
    await timer.cancel(tref)
    return await receive(after=1) is TIMEOUT


@pytest.mark.rule("23.8")
def test_in_a_search_a_timer_may_come_before_it_is_cancelled() -> None:
    assert outcomes(cancels_in_time) == {True, False}


BAD = [
    lambda: timer.send_after(-1, self_(), "x"),
    lambda: timer.send_after(1.5, self_(), "x"),  # type: ignore[arg-type]
    lambda: timer.send_after(1, 7, "x"),
    lambda: timer.exit_after(-1, self_(), "x"),
    lambda: timer.exit_after(1, 7, "x"),
    lambda: timer.kill_after(-1, self_()),
    lambda: timer.apply_after(1, "nothing"),
    lambda: timer.apply_after(-1, idle, []),
    lambda: timer.send_interval(-1, self_(), "x"),
    lambda: timer.send_interval(1, 7, "x"),
    lambda: timer.apply_interval(-1, idle, []),
    lambda: timer.cancel("junk"),
    lambda: timer.cancel(("once", 7)),
]


@pytest.mark.rule("23.9")
@pytest.mark.parametrize("at", range(len(BAD)))
def test_bad_arguments_are_an_answer(at: int) -> None:
    async def main() -> Any:
        return await BAD[at]()

    assert run(main) == ("error", "badarg")


# --- 23.10 to 23.13: sys -------------------------------------------------------------------------


@pytest.mark.rule("23.10")
def test_the_state_of_a_supervisor_is_its_tree() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"))
        tree = await sys.get_state(sup)

        def allow_more(tree: Any) -> Any:
            from dataclasses import replace

            return replace(tree, intensity=7)

        await sys.replace_state(sup, allow_more)
        return tree.intensity, (await sys.get_state(sup)).intensity

    assert run(main) == (3, 7)


@pytest.mark.rule("23.10")
def test_a_suspended_supervisor_restarts_when_it_is_resumed() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"))
        await sys.suspend(sup)
        exit(await whereis("a"), "kill")
        await sleep(1)
        while_suspended = await whereis("a")
        await sys.resume(sup)
        await sleep(1)
        return while_suspended, await whereis("a") is not None

    assert run(main) == (None, True)


@pytest.mark.rule("23.10")
def test_the_state_of_a_registry_s_partition_can_be_read() -> None:
    from simkernel import Registry

    async def main() -> Any:
        await Registry.start_link(keys="unique", name="R")
        return type(await sys.get_state("R.PIDPartition0")).__name__

    assert run(main) == "Ref"


@pytest.mark.rule("23.11")
def test_what_came_while_suspended_is_served_in_order() -> None:
    async def main() -> None:
        pid = await started(Told, 0)
        await sys.suspend(pid)
        for number in range(3):
            send(pid, number)
        GenServer.cast(pid, "cast")
        await sleep(5)
        log("resumed")
        await sys.resume(pid)
        log(await GenServer.call(pid, "state"))

    assert logged(main) == ["resumed", ("info", 0), ("info", 1), ("info", 2), "cast"]


class Ticking(GenServer):
    """Stops when nothing has come for 10 ms."""

    def init(self, argument: Any) -> Any:
        return Ok(argument, 10)

    def handle_info(self, message: Any, state: Any) -> Any:
        log((message, to_ms(now())))
        return NoReply(state)


@pytest.mark.rule("23.11", "15.31")
def test_a_timeout_starts_again_in_full_when_it_is_resumed() -> None:
    async def main() -> None:
        pid = await started(Ticking, 0)
        await sleep(8)
        await sys.suspend(pid)
        await sleep(50)
        await sys.resume(pid)
        await sleep(50)

    assert logged(main) == [("timeout", 68)]


@pytest.mark.rule("23.12")
def test_suspending_twice_is_suspending_once() -> None:
    async def main() -> Any:
        pid = await started(Told, 1)
        done = [await sys.suspend(pid), await sys.suspend(pid), await sys.resume(pid)]
        done.append(await GenServer.call(pid, "state"))
        return [*done, await sys.resume(pid), await GenServer.call(pid, "state")]

    assert run(main) == ["ok", "ok", "ok", 1, "ok", 1]


@pytest.mark.rule("23.12")
def test_a_suspended_server_can_be_looked_into_and_changed() -> None:
    async def main() -> Any:
        pid = await started(Told, 1)
        await sys.suspend(pid)
        new = await sys.replace_state(pid, lambda state: state + 1)
        await sys.resume(pid)
        return new, await GenServer.call(pid, "state")

    assert run(main) == (2, 2)


async def busy() -> None:
    await receive("never", idle=True)


@pytest.mark.rule("23.13")
def test_a_system_call_fails_as_a_call_does() -> None:
    async def main() -> Any:
        found = []
        for operation in (
            lambda: sys.get_state("nobody"),
            lambda: sys.suspend("nobody"),
            lambda: sys.replace_state("nobody", log),
            lambda: sys.resume(spawn(busy), 5),
        ):
            try:
                await operation()
            except Exit as exited:
                found.append((exited.reason[0], exited.reason[1][:2]))
        return found

    assert run(main) == [
        ("noproc", ("sys", "get_state")),
        ("noproc", ("sys", "suspend")),
        ("noproc", ("sys", "replace_state")),
        ("timeout", ("sys", "resume")),
    ]


@pytest.mark.rule("23.13")
def test_a_server_that_ends_while_it_is_asked() -> None:
    async def main() -> Any:
        await supervised(child("a"))
        pid = await whereis("a")
        GenServer.cast(pid, "boom")
        try:
            await sys.get_state(pid)
        except Exit as exited:
            return exited.reason[0]

    assert run(main) == "boom"
