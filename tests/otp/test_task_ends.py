"""Task: how tasks end, are stopped and are shown (19.12, 19.18, 19.33 to 19.36, 19.45 to 19.47)."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    TIMEOUT,
    Exit,
    Machine,
    Pid,
    Task,
    exit,
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
)
from simkernel.choice import Walk
from simkernel.kernel import driver
from simkernel.spec import result_of
from tests.otp.running import notes, run
from tests.otp.working import ends, left, stubborn, takes


@pytest.mark.rule("19.33")
def test_a_task_is_a_value_that_says_what_it_does() -> None:
    async def main() -> Any:
        task = Task.async_(takes, 5)
        _, _, (same, _) = await exits(task, 1)
        return task.mfa, task.owner == self_(), same == task

    async def exits(task: Any, timeout: int) -> Any:
        try:
            await Task.await_(task, timeout)
        except Exit as error:
            return error.reason[1]

    assert run(main) == (("tests.otp.working", "takes", 1), True, True)


@pytest.mark.rule("19.18")
def test_a_brutal_kill_of_one_that_traps_gives_none() -> None:
    async def main() -> Any:
        task = Task.async_(stubborn)
        await sleep(1)
        return await Task.shutdown(task, "brutal_kill"), await left()

    assert run(main) == (None, [])


@pytest.mark.rule("19.34")
def test_another_reason_is_given_by_shutdown() -> None:
    async def other() -> None:
        process_flag("trap_exit", True)
        await receive(("EXIT", ANY, "shutdown"))
        raise Exit("other")

    async def main() -> Any:
        process_flag("trap_exit", True)
        early, late = Task.async_(ends, "early"), Task.async_(other)
        await sleep(1)
        return await Task.shutdown(early), await Task.shutdown(late)

    assert run(main) == (("exit", "early"), ("exit", "other"))


@pytest.mark.rule("19.35")
@pytest.mark.parametrize("name", ["shutdown", "ignore"])
def test_a_completed_task_cannot_be_stopped(name: str) -> None:
    async def main() -> Any:
        await getattr(Task, name)(Task.completed(1))

    assert simulate(main).reason[0] == "badarg"


@pytest.mark.rule("19.36")
def test_an_owner_that_is_killed_while_it_stops_a_task_takes_it_along() -> None:
    async def owner(main: Any) -> None:
        task = Task.async_(receive, "never")
        send(main, task.pid)
        await Task.shutdown(task)

    async def main() -> Any:
        pid = spawn(owner, self_())
        task = await receive(Pid)
        exit(pid, "kill")
        ref = monitor(task)
        return await receive(("DOWN", ref, ANY, ANY, ANY), after=1_000) is not TIMEOUT

    # The kill falls on every place between two effects of the owner.
    assert {run_walk(main, seed) for seed in range(300)} == {True}


@pytest.mark.rule("19.45")
@pytest.mark.parametrize("collect", [Task.await_many, Task.yield_many])
def test_the_time_counts_once_for_all_and_leaves_no_message(collect: Any) -> None:
    async def main() -> Any:
        await collect([Task.async_(takes, ms) for ms in (5, 10)], 20)
        await sleep(50)
        found = await left()
        try:
            tasks = await collect([Task.async_(takes, ms) for ms in (15, 25, 35)], 20)
            outcomes = [outcome for _, outcome in tasks]
        except Exit as error:
            outcomes = [error.reason[0]]
        return found, to_ms(now()), outcomes

    outcomes = ["timeout"] if collect is Task.await_many else [("ok", "done"), None, None]
    assert run(main) == ([], 80, outcomes)


@pytest.mark.rule("19.46")
def test_functions_are_plain_or_async_and_what_they_take_along_is_copied() -> None:
    async def main() -> Any:
        seen = [1]

        def plain(by: int) -> Any:
            seen.append(by)
            return seen

        async def waits(by: int) -> Any:
            await sleep(1)
            return plain(by)

        found = [await Task.await_(Task.async_(f, 2)) for f in (plain, waits)]
        asked = await Task.await_(Task.async_(lambda: receive(after=1)))
        return found, seen, asked is TIMEOUT

    assert run(main) == ([[1, 2], [1, 2]], [1], True)


@pytest.mark.rule("19.47")
@pytest.mark.parametrize(
    ("reason", "texts"), [("boom", ["terminating"]), ("shutdown", []), (("shutdown", 1), [])]
)
def test_a_crash_is_logged_and_a_quiet_end_is_not(reason: Any, texts: list[str]) -> None:
    async def main() -> Any:
        Task.start(ends, reason)

    assert [fields["text"] for kind, fields in notes(main) if kind == "log"] == texts


def run_walk(main: Any, seed: int) -> Any:
    """Give what main returned in one fine-grained run."""
    m = Machine(main, ())
    return result_of(m, driver.drive(m, Walk(seed), 100_000)).returned


@pytest.mark.rule("19.12")
def test_a_reply_and_the_end_of_the_time_are_both_possible() -> None:
    async def main() -> Any:
        return await Task.yield_(Task.async_(takes, 10), 10)

    assert outcomes(main) == {None, ("ok", "done")}
