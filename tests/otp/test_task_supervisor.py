"""Task.Supervisor: tasks as children (19.28 to 19.32, 19.37, 19.48)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    DynamicSupervisor,
    Exit,
    Pid,
    Raised,
    Supervisor,
    Task,
    alive,
    exit,
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
    to_ms,
    work,
)
from simkernel.otp.task_process import replying
from tests.otp.running import logged, run
from tests.otp.working import logs, takes, trapping

# --- Supervised ----------------------------------------------------------------------------------


@pytest.mark.rule("19.28")
def test_supervised_tasks_are_children_temporary_unless_told_otherwise() -> None:
    async def main() -> Any:
        sup = await trapping()
        _, pid = await Task.Supervisor.start_child(sup, takes, 100)
        there = await Task.Supervisor.children(sup)
        exit(pid, "boom")
        await sleep(1)
        return there == [pid], await Task.Supervisor.children(sup)

    assert run(main) == (True, [])


@pytest.mark.rule("19.29")
def test_a_transient_one_is_started_again() -> None:
    async def main() -> Any:
        sup = await trapping()
        _, pid = await Task.Supervisor.start_child(sup, logs, 100, restart="transient")
        await sleep(1)
        exit(pid, "boom")
        await sleep(1)
        again = await Task.Supervisor.children(sup)
        return len(again), pid in again

    assert run(main) == (1, False)
    assert logged(main) == [100, 100]


@pytest.mark.rule("19.30")
def test_beyond_max_children_async_raises_and_start_child_is_refused() -> None:
    async def main() -> Any:
        _, sup = await Task.Supervisor.start_link(max_children=1)
        await Task.Supervisor.start_child(sup, takes, 100)
        refused = await Task.Supervisor.start_child(sup, takes, 100)
        try:
            await Task.Supervisor.async_(sup, takes, 100)
        except RuntimeError as error:
            return refused, str(error)

    text = "reached the maximum number of tasks for this task supervisor"
    assert run(main) == (("error", "max_children"), text)


@pytest.mark.rule("19.31")
def test_who_is_terminated_by_its_supervisor_is_an_exit() -> None:
    async def main() -> Any:
        sup = await trapping()
        task = await Task.Supervisor.async_nolink(sup, takes, 100)
        told = await Task.Supervisor.terminate_child(sup, task.pid)
        return told, await Task.yield_(task)

    assert run(main) == ("ok", ("exit", "shutdown"))


@pytest.mark.rule("19.32")
def test_a_task_as_a_plain_child_is_temporary() -> None:
    def job() -> None:
        log("job")

    async def main() -> Any:
        _, sup = await Supervisor.start_link([(Task, job)], strategy="one_for_one")
        await sleep(1)
        return await Supervisor.which_children(sup)

    assert run(main) == []
    assert logged(main) == ["job"]


@pytest.mark.rule("19.28")
def test_a_supervised_task_has_five_seconds_to_shut_down() -> None:
    async def main() -> Any:
        sup = await trapping()
        await Task.Supervisor.start_child(sup, deaf)
        await sleep(1)
        begun = now()
        await DynamicSupervisor.stop(sup)
        return to_ms(now()) - to_ms(begun)

    async def deaf() -> None:
        process_flag("trap_exit", True)
        await work(20_000)

    assert run(main) == 5_000


@pytest.mark.rule("19.30")
def test_async_nolink_beyond_max_children_raises_too() -> None:
    async def main() -> Any:
        _, sup = await Task.Supervisor.start_link(max_children=0)
        await Task.Supervisor.async_nolink(sup, takes, 1)

    (error, _) = simulate(main).reason
    text = "reached the maximum number of tasks for this task supervisor"
    assert error == Raised("RuntimeError", text)


@pytest.mark.rule("19.37")
def test_a_supervised_task_does_not_wait_for_work_from_the_dead() -> None:
    async def owner(main: Any) -> None:
        await receive("never")

    async def main() -> Any:
        pid = spawn(owner, self_())
        task = spawn(replying, pid, True)
        ref = monitor(task)
        await sleep(1)
        exit(pid, "boom")
        reasons = [(await receive(("DOWN", ref, ANY, ANY, ANY)))[4]]
        monitor(spawn(replying, self_(), True))
        down = await receive(("DOWN", ANY, ANY, ANY, ANY))
        return [*reasons, down[4], to_ms(now())]

    assert run(main) == [("shutdown", "boom"), "timeout", 5_001]


@pytest.mark.rule("19.37")
def test_once_it_has_its_work_it_outlives_its_owner() -> None:
    async def owner(main: Any, sup: Any) -> None:
        send(main, (await Task.Supervisor.async_nolink(sup, takes, 50)).pid)
        await sleep(10)
        raise Exit("boom")

    async def main() -> Any:
        spawn(owner, self_(), await trapping())
        pid = await receive(Pid)
        await sleep(20)
        return await alive(pid)

    assert run(main)


@pytest.mark.rule("19.48")
def test_as_a_child_a_task_supervisor_has_its_name_as_its_id() -> None:
    async def main() -> Any:
        children = [(Task.Supervisor, {"name": "Tasks"}), (Task.Supervisor, [])]
        _, sup = await Supervisor.start_link(children, strategy="one_for_one")
        value = await Task.await_(await Task.Supervisor.async_("Tasks", takes, 1))
        listed = await Supervisor.which_children(sup)
        return value, [(id, kind) for id, _, kind, _ in listed] == [
            (Task.Supervisor, "supervisor"),
            ("Tasks", "supervisor"),
        ]

    assert run(main) == ("done", True)
