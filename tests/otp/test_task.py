"""Task: work in a process of its own, and what its owner may do with it (19.1 to 19.20)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    ArgumentError,
    Exit,
    Raised,
    Task,
    alive,
    exit,
    get,
    log,
    monitor,
    now,
    process_flag,
    receive,
    self_,
    send,
    simulate,
    sleep,
    spawn,
    spawn_monitor,
    to_ms,
)
from tests.otp.running import down_of, logged, run
from tests.otp.working import asked_to_stop, boom, ends, left, stubborn, takes, throws, trapping

# --- Kinds ---------------------------------------------------------------------------------------


@pytest.mark.rule("19.1")
def test_a_task_replies_and_then_ends() -> None:
    async def main() -> Any:
        task = Task.async_(takes, 5)
        found = [await receive(ANY), await receive(ANY)]
        return found == [(task.ref, "done"), ("DOWN", task.ref, "process", task.pid, "normal")]

    assert run(main)


@pytest.mark.rule("19.1")
def test_a_task_that_crashes_sends_only_the_down() -> None:
    async def main() -> Any:
        sup = await trapping()
        task = await Task.Supervisor.async_nolink(sup, ends, "boom")
        await sleep(1)
        return await left() == [("DOWN", task.ref, "process", task.pid, "boom")]

    assert run(main)


@pytest.mark.rule("19.2")
def test_a_trapping_owner_gets_the_exit_also_after_an_await() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        task = Task.async_(takes, 5)
        value = await Task.await_(task)
        await sleep(1)
        return value, await left() == [("EXIT", task.pid, "normal")]

    assert run(main) == ("done", True)


@pytest.mark.rule("19.3")
@pytest.mark.parametrize(
    ("start", "lives"),
    [("async_", False), ("start_link", False), ("start", True)],
)
def test_a_linked_task_dies_with_its_starter(start: str, lives: bool) -> None:
    async def starter(main: Any) -> None:
        made = getattr(Task, start)(takes, 1_000)
        send(main, made[1] if type(made) is tuple else made.pid)
        raise Exit("boom")

    async def main() -> Any:
        spawn(starter, self_())
        pid = await receive(ANY)
        await sleep(1)
        return await alive(pid)

    assert run(main) is lives


@pytest.mark.rule("19.3")
@pytest.mark.parametrize(("start", "lives"), [("async_", False), ("async_nolink", True)])
def test_so_does_a_linked_one_of_a_supervisor(start: str, lives: bool) -> None:
    async def starter(main: Any, sup: Any) -> None:
        send(main, (await getattr(Task.Supervisor, start)(sup, takes, 1_000)).pid)
        await sleep(1)
        raise Exit("boom")

    async def main() -> Any:
        spawn(starter, self_(), await trapping())
        pid = await receive(ANY)
        await sleep(2)
        return await alive(pid)

    assert run(main) is lives


@pytest.mark.rule("19.4")
def test_a_normal_end_of_the_starter_ends_no_task() -> None:
    async def starter(main: Any) -> None:
        send(main, Task.async_(takes, 1_000).pid)

    async def main() -> Any:
        spawn(starter, self_())
        pid = await receive(ANY)
        await sleep(1)
        return await alive(pid)

    assert run(main)


@pytest.mark.rule("19.5")
def test_the_crash_of_a_linked_task_ends_an_owner_that_does_not_trap() -> None:
    async def main() -> Any:
        Task.async_(ends, "boom")
        await sleep(10)

    assert simulate(main).reason == "boom"


@pytest.mark.rule("19.6")
def test_a_task_knows_who_called() -> None:
    async def inner() -> Any:
        return get("$callers")

    async def outer() -> Any:
        return self_(), await Task.await_(Task.async_(inner))

    async def main() -> Any:
        pid, callers = await Task.await_(Task.async_(outer))
        return callers == (pid, self_())

    assert run(main)


# --- Collecting ----------------------------------------------------------------------------------


@pytest.mark.rule("19.7")
def test_await_gives_the_value_and_leaves_nothing() -> None:
    async def main() -> Any:
        value = await Task.await_(Task.async_(takes, 5))
        await sleep(1)
        return value, await left()

    assert run(main) == ("done", [])


@pytest.mark.rule("19.8")
@pytest.mark.parametrize(
    ("fails", "reason"),
    [(boom, Raised("ValueError", "boom")), (throws, ("nocatch", "ball"))],
)
def test_await_exits_with_the_reason_of_the_task(fails: Any, reason: Any) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        await Task.await_(Task.async_(fails))

    (found, _), (_, what, (_, timeout)) = simulate(main).reason
    assert (found, what, timeout) == (reason, "await", 5_000)


@pytest.mark.rule("19.8")
def test_an_end_without_a_reply_is_a_failure_even_if_normal() -> None:
    async def main() -> Any:
        await Task.await_(Task.async_(ends, "normal"))

    reason, (_, what, _) = simulate(main).reason
    assert (reason, what) == ("normal", "await")


@pytest.mark.rule("19.9")
def test_after_an_await_in_vain_the_task_runs_on_and_its_reply_is_dropped() -> None:
    async def main() -> Any:
        task = Task.async_(takes, 100)
        try:
            await Task.await_(task, 10)
        except Exit as error:
            reason, (_, what, _) = error.reason
        lives = await alive(task.pid)
        await sleep(200)
        return reason, what, lives, await left()

    assert run(main) == ("timeout", "await", True, [])


@pytest.mark.rule("19.10")
def test_a_task_is_collected_once() -> None:
    async def main() -> Any:
        task = Task.async_(takes, 5)
        first = await Task.yield_(task)
        return first, await Task.yield_(task, 10), await Task.shutdown(task)

    assert run(main) == (("ok", "done"), None, ("exit", "noproc"))


@pytest.mark.rule("19.11")
@pytest.mark.parametrize("name", ["await_", "yield_", "shutdown", "ignore"])
def test_only_the_owner_may_collect(name: str) -> None:
    async def other(task: Any) -> Any:
        try:
            await getattr(Task, name)(task)
        except ArgumentError:
            log("refused")

    async def main() -> Any:
        spawn(other, Task.async_(takes, 5))
        await sleep(10)

    assert logged(main) == ["refused"]


@pytest.mark.rule("19.12")
def test_yield_gives_the_outcome_or_none_so_far() -> None:
    async def main() -> Any:
        sup = await trapping()
        good = await Task.Supervisor.async_nolink(sup, takes, 50)
        bad = await Task.Supervisor.async_nolink(sup, ends, "boom")
        return [await Task.yield_(task, 30) for task in (good, bad, good)]

    assert run(main) == [None, ("exit", "boom"), ("ok", "done")]


@pytest.mark.rule("19.13")
def test_await_many_gives_the_values_in_the_given_order() -> None:
    async def main() -> Any:
        return await Task.await_many([Task.async_(takes, ms, ms) for ms in (30, 10, 20)])

    assert run(main) == [30, 10, 20]


@pytest.mark.rule("19.14")
def test_await_many_exits_at_the_first_failure_and_for_all_at_the_timeout() -> None:
    async def fails() -> None:
        process_flag("trap_exit", True)
        await Task.await_many([Task.async_(takes, 30), Task.async_(ends, "boom")])

    async def late() -> None:
        await Task.await_many([Task.async_(takes, 8), Task.async_(takes, 30)], 10)

    reasons = [simulate(main).reason for main in (fails, late)]
    assert [(reason, what) for reason, (_, what, _) in reasons] == [
        ("boom", "await_many"),
        ("timeout", "await_many"),
    ]


@pytest.mark.rule("19.15")
def test_yield_many_gives_each_with_its_outcome() -> None:
    async def main() -> Any:
        sup = await trapping()
        start = Task.Supervisor.async_nolink
        tasks = [await start(sup, takes, 5), await start(sup, takes, 90), await start(sup, ends, 1)]
        found = await Task.yield_many(tasks, 20)
        return [task for task, _ in found] == tasks, [outcome for _, outcome in found]

    assert run(main) == (True, [("ok", "done"), None, ("exit", 1)])


# --- Stopping ------------------------------------------------------------------------------------


@pytest.mark.rule("19.16")
@pytest.mark.parametrize("timeout", [5_000, "brutal_kill", None])
def test_who_dies_of_the_shutdown_gives_none(timeout: Any) -> None:
    async def main() -> Any:
        task = Task.async_(takes, 100)
        await sleep(1)
        return await Task.shutdown(task, timeout), await alive(task.pid)

    assert run(main) == (None, False)


@pytest.mark.rule("19.17")
def test_a_reply_that_is_there_or_comes_while_it_stops_is_given() -> None:
    async def main() -> Any:
        early, late = Task.async_(takes, 1, "early"), Task.async_(asked_to_stop)
        await sleep(10)
        return await Task.shutdown(early), await Task.shutdown(late)

    assert run(main) == (("ok", "early"), ("ok", "saved"))


@pytest.mark.rule("19.18")
def test_who_refuses_is_killed_after_the_timeout_and_that_is_an_exit() -> None:
    async def main() -> Any:
        task = Task.async_(stubborn)
        await sleep(1)
        begun = now()
        return await Task.shutdown(task, 20), to_ms(now()) - to_ms(begun)

    assert run(main) == (("exit", "killed"), 20)


@pytest.mark.rule("19.19")
def test_a_completed_task_has_its_value_and_no_process() -> None:
    async def main() -> Any:
        task = Task.completed(7)
        return task.pid, await Task.await_(task)

    assert run(main) == (None, 7)


@pytest.mark.rule("19.20")
def test_an_ignored_task_runs_on_without_link_and_reply() -> None:
    async def main() -> Any:
        task, over = Task.async_(takes, 50), Task.async_(takes, 1)
        await sleep(10)
        given = [await Task.ignore(task), await Task.ignore(over)]
        exit(task.pid, "boom")
        await sleep(100)
        return given, await left()

    assert run(main) == ([None, ("ok", "done")], [])


def test_a_task_that_nobody_waits_for_crashes_alone() -> None:
    async def main() -> Any:
        _, pid = Task.start(boom)
        monitor(pid)
        (reason, _) = await down_of(pid)
        _, ref = spawn_monitor(takes, 1)
        await receive(("DOWN", ref, ANY, ANY, ANY))
        return reason

    assert run(main) == Raised("ValueError", "boom")
