"""Supervisor: exits of others, stopping, managing children (16.26 to 16.44)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    ChildSpec,
    GenServer,
    Supervisor,
    exit,
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
    whereis,
    work,
)
from tests.otp.children import (
    Child,
    Flaky,
    Inner,
    Plain,
    Trapper,
    child,
    gives,
    pids,
    supervised,
)
from tests.otp.running import logged, run

# --- Exits of others -----------------------------------------------------------------------------


@pytest.mark.rule("16.26", "16.36")
@pytest.mark.parametrize("reason", ["normal", "boom", "shutdown"])
def test_exit_from_the_parent_stops_the_children_with_shutdown(reason: str) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a", Trapper))
        exit(sup, reason)
        return (await receive(("EXIT", sup, ANY)))[2]

    assert (run(main), logged(main)) == (reason, [("up", "a"), ("down", "a", "shutdown")])


@pytest.mark.rule("16.27")
def test_exit_from_a_stranger_is_ignored() -> None:
    async def stranger(pid: Any) -> None:
        exit(pid, "boom")

    async def main() -> Any:
        sup = await supervised(child("a"))
        before = await pids(sup)
        spawn(stranger, sup)
        await receive(after=1)
        return before == await pids(sup)

    assert run(main) is True


@pytest.mark.rule("16.28")
@pytest.mark.parametrize(("allowed", "ended"), [(1, "shutdown"), (2, None)])
def test_two_children_that_crash_at_once_count_twice(allowed: int, ended: Any) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a"), child("b"), max_restarts=allowed)
        exit(await whereis("a"), "boom")
        exit(await whereis("b"), "boom")
        got = await receive(("EXIT", sup, ANY), after=1)
        return got[2] if type(got) is tuple else None

    assert {run(main, seed=seed) for seed in range(5)} == {ended}


@pytest.mark.rule("16.29")
def test_while_it_stops_a_child_it_serves_nothing_else() -> None:
    async def stops(sup: Any) -> None:
        await Supervisor.terminate_child(sup, "a")
        log("stopped")

    async def main() -> Any:
        slow = ChildSpec("a", (Trapper, "start_link", ("a", 100)))
        sup = await supervised(slow)
        spawn(stops, sup)
        await receive(after=1)
        await Supervisor.count_children(sup)
        log("counted")
        await receive(after=1)

    assert logged(main)[1:] == [("down", "a", "shutdown"), "stopped", "counted"]


# --- Stopping one child --------------------------------------------------------------------------


def stopped_within(shutdown: Any, takes_ms: int) -> tuple[Any, Any, float]:
    """Stop a trapping child; gives its exit reason, what it logged, and when that was."""

    async def main() -> Any:
        slow = ChildSpec("a", (Trapper, "start_link", ("a", takes_ms)), shutdown=shutdown)
        sup = await supervised(slow)
        monitor("a")
        await Supervisor.terminate_child(sup, "a")
        return (await receive())[4]

    result = simulate(main)
    return result.returned, list(result.logged)[1:], result.now_ms


@pytest.mark.rule("16.30")
def test_a_child_is_asked_to_shut_down_and_waited_for() -> None:
    assert stopped_within(5000, 100) == ("shutdown", [("down", "a", "shutdown")], 100)


@pytest.mark.rule("16.31")
def test_a_child_that_takes_too_long_is_killed() -> None:
    assert stopped_within(50, 100) == ("killed", [], 50)


@pytest.mark.rule("16.31")
def test_without_a_limit_a_child_is_waited_for_as_long_as_it_takes() -> None:
    seen = ("shutdown", [("down", "a", "shutdown")], 100_000)
    assert stopped_within("infinity", 100_000) == seen


@pytest.mark.rule("16.32")
def test_a_brutal_kill_waits_for_nothing() -> None:
    assert stopped_within("brutal_kill", 100) == ("killed", [], 0)


@pytest.mark.rule("16.33")
def test_children_are_stopped_one_after_the_other_in_reverse_order() -> None:
    async def main() -> Any:
        slow = ChildSpec("b", (Trapper, "start_link", ("b", 100)))
        sup = await supervised(child("a", Trapper), slow, child("c", Trapper))
        return await Supervisor.stop(sup)

    assert run(main) == "ok"
    assert [line[1] for line in logged(main)] == ["a", "b", "c", "c", "b", "a"]


@pytest.mark.rule("16.34")
def test_a_child_that_does_not_trap_or_is_dead_already_is_fine() -> None:
    class Cleans(Child):
        @staticmethod
        def start_link(name: Any) -> Any:
            return GenServer.start_link(Cleans, name, name=name)

        def terminate(self, reason: Any, state: Any) -> None:
            log("terminate")

    async def main() -> Any:
        sup = await supervised(child("a", Cleans), ChildSpec("b", (GenServer.start, (Plain, 0))))
        exit((await pids(sup))["b"], "kill")
        first = await Supervisor.terminate_child(sup, "a")
        return first, await Supervisor.terminate_child(sup, "b"), await whereis("a")

    result = simulate(main)
    assert (result.returned, result.logged) == (("ok", "ok", None), (("up", "a"),))


@pytest.mark.rule("16.35")
@pytest.mark.parametrize("cls", [Child, Trapper])
def test_nothing_of_a_stopped_child_is_left(cls: Any) -> None:
    async def main() -> Any:
        sup = await supervised(child("a", cls), max_restarts=0)
        await Supervisor.terminate_child(sup, "a")
        keys = ["message_queue_len", "links", "monitors"]
        info = dict(await process_info(sup, keys))
        return info["message_queue_len"], info["links"] == [self_()], info["monitors"]

    assert run(main) == (0, True, [])


@pytest.mark.rule("16.36")
def test_stop_with_a_reason_stops_the_children_with_shutdown() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        return await Supervisor.stop(await supervised(child("a", Trapper)), "boom")

    assert (run(main), logged(main)) == ("ok", [("up", "a"), ("down", "a", "shutdown")])


@pytest.mark.rule("16.37")
def test_when_a_supervisor_is_killed_its_children_end_with_killed() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a"), child("b", Trapper))
        refs = {monitor("a"): "a", monitor("b"): "b"}
        exit(sup, "kill")
        downs = [await receive(("DOWN", ANY, ANY, ANY, ANY)) for _ in refs]
        return sorted((refs[down[1]], down[4]) for down in downs)

    result = simulate(main)
    assert result.returned == [("a", "killed"), ("b", "killed")]
    assert ("down", "b", "killed") in result.logged


# --- Managing children ---------------------------------------------------------------------------


@pytest.mark.rule("16.38")
def test_terminate_child_keeps_the_spec_but_for_a_temporary_one() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"), child("b", restart="temporary"), max_restarts=0)
        results = [await Supervisor.terminate_child(sup, id) for id in ("a", "a", "b")]
        return results, await pids(sup)

    assert run(main) == (["ok", "ok", "ok"], {"a": "undefined"})


@pytest.mark.rule("16.38")
def test_terminate_child_cancels_a_pending_retry() -> None:
    async def slow_judge() -> None:
        await register(self_(), "judge")
        for verdict in ("start", "fail"):
            _, asker = await receive(("may I?", ANY))
            await work(10)
            send(asker, verdict)

    async def main() -> Any:
        spawn(slow_judge)
        sup = await supervised(child("a", Flaky))
        GenServer.cast("a", "boom")
        await receive(after=5)
        result = await Supervisor.terminate_child(sup, "a")
        return result, await pids(sup)

    # The judge would not have answered a third time.
    assert run(main) == ("ok", {"a": "undefined"})


@pytest.mark.rule("16.39")
def test_restart_child_starts_one_that_does_not_run() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"))
        running = await Supervisor.restart_child(sup, "a")
        await Supervisor.terminate_child(sup, "a")
        started = await Supervisor.restart_child(sup, "a")
        return running, started == ("ok", await whereis("a"))

    assert run(main) == (("error", "running"), True)


def while_restarting(ask: Any) -> Any:
    """Ask a supervisor about a child whose retry is in its mailbox, behind the question."""

    async def slow_judge() -> None:
        await register(self_(), "judge")
        for verdict in ("start", "fail", "start"):
            _, asker = await receive(("may I?", ANY))
            await work(10)
            send(asker, verdict)

    async def main() -> Any:
        spawn(slow_judge)
        sup = await supervised(child("a", Flaky))
        GenServer.cast("a", "boom")
        await receive(after=5)
        return await ask(sup)

    return run(main)


@pytest.mark.rule("16.39", "16.40", "16.42")
def test_a_child_that_waits_for_its_retry_is_restarting() -> None:
    assert while_restarting(lambda s: Supervisor.restart_child(s, "a")) == ("error", "restarting")
    assert while_restarting(lambda s: Supervisor.delete_child(s, "a")) == ("error", "restarting")
    again = while_restarting(lambda s: Supervisor.start_child(s, child("a")))
    assert again == ("error", "already_present")


@pytest.mark.rule("16.40")
def test_delete_child_removes_one_that_does_not_run() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"))
        running = await Supervisor.delete_child(sup, "a")
        await Supervisor.terminate_child(sup, "a")
        return running, await Supervisor.delete_child(sup, "a"), await pids(sup)

    assert run(main) == (("error", "running"), "ok", {})


@pytest.mark.rule("16.41")
@pytest.mark.parametrize("name", ["terminate_child", "restart_child", "delete_child"])
def test_an_unknown_id_is_not_found(name: str) -> None:
    async def main() -> Any:
        return await getattr(Supervisor, name)(await supervised(child("a")), "b")

    assert run(main) == ("error", "not_found")


@pytest.mark.rule("16.42")
def test_start_child_appends_and_knows_ids_in_use() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"))
        new = await Supervisor.start_child(sup, child("b"))
        twice = await Supervisor.start_child(sup, child("b"))
        await Supervisor.terminate_child(sup, "b")
        present = await Supervisor.start_child(sup, child("b"))
        return twice == ("error", ("already_started", new[1])), present, list(await pids(sup))

    assert run(main) == (True, ("error", "already_present"), ["a", "b"])


@pytest.mark.rule("16.42")
def test_start_child_keeps_an_ignored_child_unless_temporary() -> None:
    async def main() -> Any:
        sup = await supervised()
        ignored = (gives, ("ignore",))
        results = (
            await Supervisor.start_child(sup, ChildSpec("a", ignored)),
            await Supervisor.start_child(sup, ChildSpec("b", ignored, restart="temporary")),
            await Supervisor.restart_child(sup, "a"),
        )
        return results, await pids(sup)

    ignored = ("ok", "undefined")
    assert run(main) == ((ignored, ignored, ignored), {"a": "undefined"})


@pytest.mark.rule("16.43")
def test_a_start_child_that_fails_shows_the_record_and_keeps_nothing() -> None:
    async def main() -> Any:
        sup = await supervised()
        start = (gives, (("error", "no"),))
        failed = await Supervisor.start_child(sup, ChildSpec("b", start))
        record = ("child", "undefined", "b", start, "permanent", False, 5000, "worker", [gives])
        bad = await Supervisor.start_child(sup, {"id": "b"})
        return failed == ("error", ("no", record)), bad, await pids(sup)

    assert run(main) == (True, ("error", "missing_start"), {})


@pytest.mark.rule("16.44")
def test_count_children_counts_specs_and_the_living() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"), (Inner, []), child("b"))
        await Supervisor.terminate_child(sup, "a")
        return await Supervisor.count_children(sup)

    assert run(main) == {"specs": 3, "active": 2, "supervisors": 1, "workers": 2}


def test_an_unknown_request_is_a_function_clause() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a", Trapper))
        GenServer.cast(sup, "junk")
        return (await receive(("EXIT", sup, ANY)))[2][0]

    assert (run(main), logged(main)[1][:2]) == ("function_clause", ("down", "a"))
