"""async_stream: some of many tasks at a time (19.21 to 19.27, 19.38 to 19.51)."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ArgumentError,
    Exit,
    Pid,
    Task,
    alive,
    log,
    now,
    process_flag,
    processes,
    receive,
    self_,
    send,
    simulate,
    sleep,
    spawn,
    to_ms,
    work,
)
from simkernel.errors import UsageError
from tests.otp.running import logged, run
from tests.otp.working import ends, left, logs, takes_itself, trapping


def itself(x: int) -> int:
    return x


# --- Streams -------------------------------------------------------------------------------------


@pytest.mark.rule("19.21")
@pytest.mark.parametrize(("ordered", "order"), [(True, [30, 10, 20]), (False, [10, 20, 30])])
def test_results_come_in_the_order_of_the_items_or_of_their_ends(
    ordered: bool, order: list[int]
) -> None:
    async def main() -> Any:
        return await Task.async_stream([30, 10, 20], takes_itself, ordered=ordered).to_list()

    assert run(main) == [("ok", ms) for ms in order]


@pytest.mark.rule("19.22")
def test_at_most_max_concurrency_run_and_items_are_pulled_on_demand() -> None:
    def items() -> Any:
        for ms in (30, 10, 10):
            log(("pulled", ms, to_ms(now())))
            yield ms

    async def main() -> Any:
        return await Task.async_stream(items(), takes_itself, max_concurrency=2).to_list()

    assert logged(main) == [("pulled", 30, 0), ("pulled", 10, 0), ("pulled", 10, 10)]


@pytest.mark.rule("19.23")
def test_nothing_runs_before_it_is_asked_and_the_rest_is_killed_when_it_is_left() -> None:
    async def main() -> Any:
        stream = Task.async_stream([1, 50, 60], logs, max_concurrency=2)
        await sleep(5)
        log("asked")
        first = await stream.take(1)
        return first, to_ms(now())

    assert run(main) == ([("ok", 1)], 6)
    assert logged(main) == ["asked", 1, 50]


@pytest.mark.rule("19.24")
def test_a_task_that_takes_too_long_ends_the_caller() -> None:
    async def main() -> Any:
        await Task.async_stream([5, 100], takes_itself, timeout=20).to_list()

    assert simulate(main).reason == ("timeout", ("Task.Supervised", "stream", (20,)))


@pytest.mark.rule("19.25")
def test_or_it_is_killed_and_the_others_go_on() -> None:
    async def main() -> Any:
        return await Task.async_stream(
            [5, 100, 6], takes_itself, timeout=20, on_timeout="kill_task"
        ).to_list()

    assert run(main) == [("ok", 5), ("exit", "timeout"), ("ok", 6)]


@pytest.mark.rule("19.26")
def test_a_crash_ends_a_caller_that_does_not_trap() -> None:
    async def main() -> Any:
        await Task.async_stream(["boom"], ends).to_list()

    assert simulate(main).reason == "boom"


@pytest.mark.rule("19.27")
@pytest.mark.parametrize("zipped", [False, True])
def test_for_a_trapping_caller_and_without_links_a_crash_is_a_result(zipped: bool) -> None:
    async def main() -> Any:
        sup = await trapping()
        options = {"zip_input_on_exit": zipped}
        found = await Task.async_stream(["boom"], ends, **options).to_list()
        process_flag("trap_exit", False)
        stream = Task.Supervisor.async_stream_nolink(sup, ["boom"], ends, **options)
        return found, await stream.to_list(), await left()

    crash = ("exit", ("boom", "boom") if zipped else "boom")
    assert run(main) == ([crash], [crash], [])


@pytest.mark.rule("19.38")
def test_an_ordered_slot_is_free_when_its_task_has_ended() -> None:
    async def timed(ms: int) -> int:
        log((ms, to_ms(now())))
        await work(ms)
        return ms

    async def main() -> Any:
        items = [100, 10, 11, 12]
        return await Task.async_stream(items, timed, max_concurrency=2).to_list()

    assert run(main) == [("ok", 100), ("ok", 10), ("ok", 11), ("ok", 12)]
    assert logged(main) == [(100, 0), (10, 0), (11, 10), (12, 21)]


@pytest.mark.rule("19.39")
@pytest.mark.parametrize("seed", range(10))
def test_a_stream_leaves_nothing_in_the_mailbox(seed: int) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        all_of_it = await Task.async_stream(["boom", "boom"], ends).to_list()
        first = await Task.async_stream([1, 2, 1], takes_itself, ordered=False).take(1)
        await sleep(10)
        return all_of_it, first, await left()

    assert run(main, seed=seed) == ([("exit", "boom")] * 2, [("ok", 1)], [])


@pytest.mark.rule("19.40")
@pytest.mark.parametrize(
    ("name", "reason", "lives"),
    [
        ("async_stream", "boom", False),
        ("async_stream", "shutdown", False),
        ("async_stream", "normal", True),
        ("async_stream_nolink", "boom", True),
    ],
)
def test_linked_tasks_end_with_the_caller(name: str, reason: str, lives: bool) -> None:
    async def task(item: int, main: Any) -> None:
        if item > 0:
            send(main, self_())
            await receive("never", idle=True)

    async def caller(main: Any, sup: Any) -> None:
        start = getattr(Task.Supervisor, name)
        async for _ in start(sup, [0, 1, 2], task, main, max_concurrency=3):
            await sleep(10)
            raise Exit(reason)

    async def main() -> Any:
        spawn(caller, self_(), await trapping())
        tasks = [await receive(Pid) for _ in range(2)]
        await sleep(1)
        before = [await alive(task) for task in tasks]
        await sleep(20)
        return before, [await alive(task) for task in tasks]

    assert run(main) == ([True, True], [lives, lives])


@pytest.mark.rule("19.41")
@pytest.mark.parametrize("seed", range(3))
def test_eight_run_at_a_time_unless_told_otherwise(seed: int) -> None:
    async def main() -> Any:
        await Task.async_stream([10] * 17, logs).to_list()
        return to_ms(now())

    assert run(main, seed=seed) == 30


@pytest.mark.rule("19.42")
def test_a_stream_beyond_max_children_stops_its_tasks_and_raises() -> None:
    async def main() -> Any:
        _, sup = await Task.Supervisor.start_link(max_children=1)
        stream = Task.Supervisor.async_stream(sup, [50, 50], takes_itself, max_concurrency=2)
        try:
            await stream.to_list()
        except RuntimeError as error:
            return str(error), await Task.Supervisor.children(sup), await left()

    text = "reached the maximum number of tasks for this task supervisor"
    assert run(main) == (text, [], [])


@pytest.mark.rule("19.43")
def test_an_exception_of_the_source_stops_the_tasks_and_is_raised() -> None:
    def items() -> Any:
        yield 50
        raise ValueError("dry")

    async def main() -> Any:
        try:
            await Task.async_stream(items(), logs).to_list()
        except ValueError as error:
            return str(error), to_ms(now()), len(await processes()), await left()

    assert run(main) == ("dry", 0, 1, [])


@pytest.mark.rule("19.44")
def test_results_of_tasks_that_end_at_once_come_in_any_order() -> None:
    async def main() -> Any:
        stream = Task.async_stream([1, 2], itself, ordered=False, max_concurrency=2, timeout=None)
        return tuple(value for _, value in await stream.to_list())

    assert outcomes(main) == {(1, 2), (2, 1)}


@pytest.mark.rule("19.45")
def test_the_timeout_counts_for_each_task_from_its_start() -> None:
    async def main() -> Any:
        stream = Task.async_stream([15, 15, 15], takes_itself, max_concurrency=1, timeout=20)
        return await stream.to_list(), to_ms(now())

    assert run(main) == ([("ok", 15)] * 3, 45)


@pytest.mark.rule("19.49")
def test_options_are_checked() -> None:
    async def main() -> Any:
        try:
            await Task.async_stream([1], takes_itself, max_concurrency=0).to_list()
        except ArgumentError as error:
            return str(error)

    assert "greater than zero" in run(main)
    with pytest.raises(UsageError, match="no option 'max'"):
        Task.async_stream([1], takes_itself, max=3)


@pytest.mark.rule("19.50")
def test_on_cluster_the_end_of_a_task_may_overtake_its_reply() -> None:
    async def main() -> Any:
        return (await Task.async_stream([1], itself, timeout=None).to_list())[0]

    assert outcomes(main) == {("ok", 1)}
    overtaken = {("exit", "normal"), ("exit", "noproc")}
    assert outcomes(main, network="cluster") == {("ok", 1)} | overtaken


@pytest.mark.rule("19.51")
def test_limit_after_a_plain_break_the_tasks_run_on() -> None:
    async def main() -> Any:
        async for _ in Task.async_stream([1, 50], logs):
            break
        before = len(await processes())
        await sleep(60)
        return before, len(await processes())

    assert run(main) == (3, 2)


@pytest.mark.rule("19.23")
def test_the_end_of_an_open_stream_kills_the_rest() -> None:
    async def main() -> Any:
        async with Task.async_stream([1, 50], takes_itself) as results:
            async for first in results:
                found = first
                break
        return found, to_ms(now()), len(await processes()), await left()

    assert run(main) == (("ok", 1), 1, 1, [])


def test_a_stream_may_be_the_source_of_another() -> None:
    async def twice(result: Any) -> Any:
        return result[1] * 2

    async def main() -> Any:
        return await Task.async_stream(Task.async_stream([1, 2], takes_itself), twice).to_list()

    assert run(main) == [("ok", 2), ("ok", 4)]


def test_a_stream_that_is_looped_over_without_async_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="plain `for`"):
        list(Task.async_stream([1], takes_itself))
