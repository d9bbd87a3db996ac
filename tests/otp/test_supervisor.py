"""Supervisor: rules 16.1 to 16.44, and what the group strategies add."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    ArgumentError,
    ChildSpec,
    Exit,
    GenServer,
    Ignore,
    Ok,
    Raised,
    Stop,
    Supervisor,
    Throw,
    alive,
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
    where,
    whereis,
    work,
)
from simkernel.kernel import driver
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.machine import Machine
from simkernel.otp import sys
from tests.otp.running import logged, notes, run


class Child(GenServer):
    """A named child that logs its start and, if it traps, its end."""

    @staticmethod
    def start_link(name: Any) -> Any:
        return GenServer.start_link(Child, name, name=name)

    def init(self, name: Any) -> Any:
        log(("up", name))
        return Ok(name)

    def handle_cast(self, request: Any, name: Any) -> Any:
        raise Exit(request)


class Trapper(Child):
    """It traps exits, and takes `ms` to terminate."""

    @staticmethod
    def start_link(name: Any, ms: int = 0) -> Any:
        return GenServer.start_link(Trapper, (name, ms), name=name)

    def init(self, argument: Any) -> Any:
        process_flag("trap_exit", True)
        log(("up", argument[0]))
        return Ok(argument)

    def handle_cast(self, request: Any, argument: Any) -> Any:
        return Stop(request, argument)

    async def terminate(self, reason: Any, argument: Any) -> None:
        name, ms = argument
        await work(ms)
        log(("down", name, reason))


def child(name: str, cls: Any = Child, **options: Any) -> ChildSpec:
    """Give the spec of a named child."""
    return ChildSpec(**{"id": name, "start": (cls, "start_link", (name,)), **options})


async def supervised(*children: Any, **options: Any) -> Any:
    """Start a supervisor, which has to succeed."""
    flags = {"strategy": "one_for_one", **options}
    match await Supervisor.start_link(list(children), **flags):
        case ("ok", pid):
            return pid
        case failed:
            raise AssertionError(failed)


ANY_BUT_EXIT = where(lambda message: message[0] != "EXIT")


async def crash(name: str, reason: Any = "boom") -> Any:
    """Let a child exit, and give the supervisor 1 ms to deal with it; gives its pid."""
    pid = await whereis(name)
    ref = monitor(pid)
    GenServer.cast(pid, reason)
    await receive(("DOWN", ref, ANY, ANY, ANY))
    await receive(ANY_BUT_EXIT, after=1)
    return pid


async def pids(supervisor: Any) -> dict[Any, Any]:
    """Give id -> pid, in start order."""
    listed = await Supervisor.which_children(supervisor)
    return {id: pid for id, pid, _, _ in reversed(listed)}


async def refused(*children: Any, **flags: Any) -> Any:
    """Give the error of a start that fails."""
    process_flag("trap_exit", True)
    options = {"strategy": "one_for_one", **flags}
    error, reason = await Supervisor.start_link(list(children), **options)
    assert error == "error"
    return reason


# --- Specs and flags -----------------------------------------------------------------------------


@pytest.mark.rule("16.1")
def test_the_defaults_of_a_child() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"))
        tree = await sys.get_state(sup)
        spec = tree.children[0].spec
        return spec.restart, spec.type, spec.shutdown, spec.significant, spec.modules == [Child]

    assert run(main) == ("permanent", "worker", 5000, False, True)


class Inner(Supervisor):
    """A supervisor as a child."""

    def init(self, children: Any) -> Any:
        return Supervisor.init(children, strategy="one_for_one")


@pytest.mark.rule("16.1")
def test_a_supervisor_as_a_child_has_no_limit_to_shut_down() -> None:
    async def main() -> Any:
        sup = await supervised((Inner, []))
        spec = (await sys.get_state(sup)).children[0].spec
        return spec.type, spec.shutdown, spec.id is Inner

    assert run(main) == ("supervisor", "infinity", True)


@pytest.mark.rule("16.2")
def test_three_restarts_in_five_seconds_are_allowed_unless_told_otherwise() -> None:
    async def main() -> Any:
        tree = await sys.get_state(await supervised())
        return tree.intensity, tree.period_s

    assert run(main) == (3, 5)


class Plain(GenServer):
    """Has no start_link of its own."""


@pytest.mark.rule("16.3")
def test_a_child_is_a_class_a_pair_a_spec_or_a_dict() -> None:
    async def main() -> Any:
        spec = {"id": "dict", "start": (Child, "start_link", ("dict",)), "restart": "temporary"}
        sup = await supervised(Plain, (Child, "pair"), child("spec"), spec)
        states = [await sys.get_state(pid) for pid in (await pids(sup)).values()]
        return list(await pids(sup)) == [Plain, Child, "spec", "dict"], states

    assert run(main) == (True, [[], "pair", "spec", "dict"])


@pytest.mark.rule("16.3")
def test_overrides_replace_keys_of_a_child_and_know_them() -> None:
    spec = Supervisor.child_spec((Child, "a"), id="other", restart="temporary")
    assert (spec.id, spec.restart, spec.start) == (
        "other",
        "temporary",
        (Child, "start_link", ("a",)),
    )
    with pytest.raises(ArgumentError, match="unknown key 'foo' in child specification override"):
        Supervisor.child_spec((Child, "a"), foo=1)


@pytest.mark.rule("16.3")
@pytest.mark.parametrize("what", [1, "name", (1, 2), int])
def test_what_is_no_child_raises_in_the_caller(what: Any) -> None:
    with pytest.raises(ArgumentError):
        Supervisor.init([what], strategy="one_for_one")


def test_the_strategy_has_to_be_given() -> None:
    with pytest.raises(ArgumentError, match="expected the strategy option"):
        Supervisor.init([])


def _raises(error: type[BaseException], *args: Any) -> Any:
    raise error(*args)


def _gives(result: Any) -> Any:
    return result


async def _gives_later(result: Any) -> Any:
    await work(1)
    return result


@pytest.mark.rule("16.4")
@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ((_gives, (("error", "no"),)), "no"),
        ((_gives, (7,)), 7),
        ((_gives, (("ok", "no pid"),)), ("ok", "no pid")),
        ((_gives_later, (7,)), 7),
        ((_raises, (Exit, "bye")), ("EXIT", "bye")),
        ((_raises, (Throw, 7)), 7),
    ],
)
def test_what_else_a_start_function_gives_is_an_error(start: Any, reason: Any) -> None:
    async def main() -> Any:
        return await refused(ChildSpec("a", start))

    assert run(main) == ("shutdown", ("failed_to_start_child", "a", reason))


@pytest.mark.rule("16.4")
def test_an_exception_in_a_start_function_is_an_error_with_its_stack() -> None:
    async def main() -> Any:
        _, (_, _, why) = await refused(ChildSpec("a", (_raises, (ValueError, "no"))))
        _, (_, _, missing) = await refused(ChildSpec("a", (Child, "nothing", ())))
        return why[0], why[1][0], missing[1][0]

    assert run(main) == ("EXIT", Raised("ValueError", "no"), "undef")


@pytest.mark.rule("16.4")
def test_a_start_function_may_give_more_than_a_pid_and_may_throw_its_result() -> None:
    async def main() -> Any:
        sup = await supervised()
        pid = self_()
        info = await Supervisor.start_child(sup, ChildSpec("a", (_gives, (("ok", pid, "info"),))))
        thrown = await Supervisor.start_child(sup, ChildSpec("b", (_raises, (Throw, ("ok", pid)))))
        return info == ("ok", pid, "info"), thrown == ("ok", pid)

    assert run(main) == (True, True)


@pytest.mark.rule("16.5")
def test_a_supervisor_traps_exits() -> None:
    async def main() -> Any:
        return await process_info(await supervised(), "trap_exit")

    assert run(main) == ("trap_exit", True)


@pytest.mark.rule("16.6")
def test_a_child_that_is_not_linked_dies_unnoticed() -> None:
    async def main() -> Any:
        sup = await supervised(ChildSpec("a", (GenServer.start, (Plain, 0))))
        pid = (await pids(sup))["a"]
        exit(pid, "kill")
        return await alive(pid), (await pids(sup))["a"] == pid

    assert run(main) == (False, True)


# --- Boot ----------------------------------------------------------------------------------------


@pytest.mark.rule("16.7")
def test_children_start_in_order_each_through_its_init() -> None:
    class Slow(Child):
        @staticmethod
        def start_link(name: Any) -> Any:
            return GenServer.start_link(Slow, name)

        async def init(self, name: Any) -> Any:
            log(("starts", name))
            await work(10)
            log(("up", name))
            return Ok(name)

    async def main() -> Any:
        await supervised(child("a", Slow), child("b"), child("c", Slow))

    assert logged(main) == [
        ("starts", "a"), ("up", "a"), ("up", "b"), ("starts", "c"), ("up", "c"),
    ]  # fmt: skip


@pytest.mark.rule("16.8")
def test_a_child_that_ignores_is_kept_without_a_pid_unless_temporary() -> None:
    async def main() -> Any:
        ignored = (_gives, ("ignore",))
        sup = await supervised(
            ChildSpec("a", ignored), ChildSpec("b", ignored, restart="temporary"), child("c")
        )
        return {id: pid == "undefined" for id, pid in (await pids(sup)).items()}

    assert run(main) == {"a": True, "c": False}


@pytest.mark.rule("16.9")
def test_when_a_child_fails_to_start_those_before_it_are_stopped_in_reverse() -> None:
    async def main() -> Any:
        bad = ChildSpec("bad", (_gives, (("error", "no"),)))
        reason = await refused(child("a", Trapper), child("b", Trapper), bad, child("c"))
        ended = await receive()
        return reason, ended[2]

    failed = ("shutdown", ("failed_to_start_child", "bad", "no"))
    result = simulate(main)
    assert result.returned == (failed, failed)
    assert list(result.logged) == [
        ("up", "a"), ("up", "b"), ("down", "b", "shutdown"), ("down", "a", "shutdown"),
    ]  # fmt: skip


_START = (Child, "start_link", ("a",))


@pytest.mark.rule("16.10")
@pytest.mark.parametrize(
    ("specs", "why"),
    [
        ([{"start": _START}], "missing_id"),
        ([{"id": "a"}], "missing_start"),
        ([ChildSpec("a", "x")], ("invalid_mfa", "x")),
        ([ChildSpec("a", (Child, "start_link", "x"))], ("invalid_mfa", (Child, "start_link", "x"))),
        ([ChildSpec("a", _START, restart="x")], ("invalid_restart_type", "x")),
        ([ChildSpec("a", _START, shutdown="x")], ("invalid_shutdown", "x")),
        ([ChildSpec("a", _START, shutdown=-1)], ("invalid_shutdown", -1)),
        ([ChildSpec("a", _START, type="x")], ("invalid_child_type", "x")),
        ([ChildSpec("a", _START, modules="x")], ("invalid_modules", "x")),
        ([ChildSpec("a", _START, significant="x")], ("invalid_significant", "x")),
        (
            [ChildSpec("a", _START, restart="transient", significant=True)],
            ("bad_combination", [("auto_shutdown", "never"), ("significant", True)]),
        ),
        ([ChildSpec("a", _START), ChildSpec("a", _START)], ("duplicate_child_name", "a")),
    ],
)
def test_an_invalid_spec_fails_the_start_before_any_child(specs: Any, why: Any) -> None:
    async def main() -> Any:
        return await refused(child("first"), *specs)

    assert (run(main), logged(main)) == (("start_spec", why), [])


class Returns(Supervisor):
    """Its init returns the argument."""

    def init(self, argument: Any) -> Any:
        return argument


@pytest.mark.rule("16.11")
@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({"strategy": "x"}, ("invalid_strategy", "x")),
        ({"intensity": -1}, ("invalid_intensity", -1)),
        ({"period": 0}, ("invalid_period", 0)),
        ({"auto_shutdown": "x"}, ("invalid_auto_shutdown", "x")),
        ("junk", ("invalid_type", "junk")),
    ],
)
def test_invalid_flags_fail_the_start(flags: Any, why: Any) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        return await Supervisor.start_link(Returns, ("ok", (flags, [])))

    assert run(main) == ("error", ("supervisor_data", why))


@pytest.mark.rule("16.11")
def test_a_bad_return_of_init_fails_the_start_and_ignore_ends_it() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        bad = await Supervisor.start_link(Returns, 7)
        ignored = await Returns.start_link("ignore"), await Returns.start_link(Ignore())
        return bad == ("error", ("bad_return", (Returns, "init", 7))), ignored

    assert run(main) == (True, ("ignore", "ignore"))


@pytest.mark.rule("16.12")
def test_which_children_lists_the_last_started_first() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"), child("b"))
        return [
            (id, pid == await whereis(id), kind, modules == [Child])
            for id, pid, kind, modules in await Supervisor.which_children(sup)
        ]

    assert run(main) == [("b", True, "worker", True), ("a", True, "worker", True)]


# --- A child exits -------------------------------------------------------------------------------

REASONS = ["normal", "shutdown", ("shutdown", "x"), "boom", "killed"]


@pytest.mark.rule("16.13", "16.14", "16.15", "16.16", "16.17", "16.18")
@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_who_is_restarted(restart: str, reason: Any) -> None:
    async def main() -> Any:
        sup = await supervised(child("a"), child("b", restart=restart), child("c"))
        before = await pids(sup)
        await crash("b", reason)
        after = await pids(sup)
        siblings = all(before[id] == after[id] for id in ("a", "c"))
        if "b" not in after:
            return siblings, "forgotten"
        return siblings, after["b"] if after["b"] == "undefined" else "restarted"

    restarted = restart == "permanent" or (restart == "transient" and reason in ("boom", "killed"))
    kept = "forgotten" if restart == "temporary" else "undefined"
    assert run(main) == (True, "restarted" if restarted else kept)


@pytest.mark.rule("16.15")
def test_a_transient_child_that_is_killed_is_restarted() -> None:
    async def main() -> Any:
        sup = await supervised(child("a", restart="transient"))
        before = await whereis("a")
        exit(before, "kill")
        await receive(after=1)
        return before != (await pids(sup))["a"], await whereis("a") == (await pids(sup))["a"]

    assert run(main) == (True, True)


# --- Intensity -----------------------------------------------------------------------------------


def after_crashes(*at_ms: int, checking: bool = False, **flags: Any) -> Any:
    """Crash a child at these times; tell whether the supervisor still runs, or its reason."""

    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a"), **flags)
        now_ms = 0
        for at in at_ms:
            await receive(after=at - now_ms)
            await crash("a")
            now_ms = at + 1
        ended = await receive(("EXIT", sup, ANY), after=0)
        return ended[2] if type(ended) is tuple else "runs"

    return run(main)


@pytest.mark.rule("16.19", "16.22")
def test_one_restart_more_than_allowed_gives_up_with_shutdown() -> None:
    assert after_crashes(0, 1, 2) == "runs"
    assert after_crashes(0, 1, 2, 3) == "shutdown"


@pytest.mark.rule("16.20")
@pytest.mark.parametrize(
    ("at_ms", "ended"),
    [
        ((0, 1, 2, 5_999), "shutdown"),  # 5 whole seconds after second 0
        ((0, 1, 2, 6_000), "runs"),
        ((900, 901, 902, 5_999), "shutdown"),
        ((900, 901, 902, 6_000), "runs"),  # 5.1 s, but second 6 is out of the window of second 0
        ((1_000, 1_001, 1_002, 6_999), "shutdown"),
        ((0, 1, 2, 6_000, 6_001, 6_002), "runs"),
        ((0, 3_000, 5_000, 7_000, 7_500), "shutdown"),
    ],
)
def test_the_window_counts_whole_seconds(at_ms: Any, ended: str) -> None:
    assert after_crashes(*at_ms) == ended


@pytest.mark.rule("16.20")
def test_a_check_looks_at_every_place_where_the_seconds_may_fall() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a"), max_restarts=1, max_seconds=5)
        await crash("a")
        await receive(after=5_500)
        await crash("a")
        ended = await receive(("EXIT", sup, ANY), after=1)
        return ended[2] if type(ended) is tuple else "runs"

    ends = set()
    for seed in range(10):
        m = Machine(main, clock=ConcreteClock())
        m.checking = True
        driver.simulate(m, seed, 10_000)
        ends.add(m.returned)
    assert ends == {"runs", "shutdown"}


@pytest.mark.rule("16.21")
def test_with_no_restarts_allowed_the_first_crash_gives_up() -> None:
    assert after_crashes(0, max_restarts=0) == "shutdown"


@pytest.mark.rule("16.22")
def test_giving_up_stops_the_others_in_reverse_order() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a", Trapper), child("b"), child("c", Trapper), max_restarts=0)
        GenServer.cast("b", "boom")
        return (await receive(("EXIT", sup, ANY)))[2]

    result = simulate(main)
    assert result.returned == "shutdown"
    assert list(result.logged)[3:] == [("down", "c", "shutdown"), ("down", "a", "shutdown")]


@pytest.mark.rule("16.22")
def test_a_transient_supervisor_that_gave_up_stays_down() -> None:
    class Nested(Supervisor, restart="transient"):
        def init(self, children: Any) -> Any:
            return Supervisor.init(children, strategy="one_for_one", max_restarts=0)

    async def main() -> Any:
        sup = await supervised((Nested, [child("a")]))
        await crash("a")
        await receive(after=1)
        return list((await pids(sup)).values())

    assert run(main) == ["undefined"]


class Flaky(GenServer):
    """A child that starts once, and from then on as the process "judge" tells it."""

    @staticmethod
    async def start_link(name: Any) -> Any:
        judge = await whereis("judge")
        send(judge, ("may I?", self_()))
        return await GenServer.start_link(
            Flaky, await receive("ignore", "fail", "start"), name=name
        )

    def init(self, verdict: Any) -> Any:
        match verdict:
            case "start":
                return Ok(0)
            case "fail":
                return Stop("failed")
            case "ignore":
                return Ignore()

    def handle_cast(self, request: Any, state: Any) -> Any:
        return Stop(request, state)


async def judge(*verdicts: str) -> None:
    """Answer so many times, then for ever as the last time."""
    await register(self_(), "judge")
    given = list(verdicts)
    while True:
        _, asker = await receive(("may I?", ANY), idle=True)
        log(given[0])
        send(asker, given[0])
        if len(given) > 1:
            given.pop(0)


@pytest.mark.rule("16.23", "16.24")
def test_a_restart_that_fails_is_retried_at_once_and_each_retry_counts() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        spawn(judge, "start", "fail")
        sup = await supervised(child("a", Flaky))
        GenServer.cast("a", "boom")
        ended = await receive(("EXIT", sup, ANY))
        return ended[2], (await receive(after=0)) is not None

    result = simulate(main)
    assert (result.returned[0], result.now_ms) == ("shutdown", 0)
    assert list(result.logged) == ["start", "fail", "fail", "fail"]


@pytest.mark.rule("16.23")
def test_a_retry_waits_behind_what_is_in_the_mailbox() -> None:
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
        # Asked while the supervisor is inside the restart that fails.
        during = await Supervisor.which_children(sup)
        again = await Supervisor.restart_child(sup, "a"), await Supervisor.delete_child(sup, "a")
        return during[0][1], again

    assert run(main) == ("restarting", (("error", "running"), ("error", "running")))


@pytest.mark.rule("16.25")
def test_a_restart_that_ignores_leaves_the_child_without_a_pid() -> None:
    async def main() -> Any:
        spawn(judge, "start", "ignore")
        sup = await supervised(child("a", Flaky))
        await crash("a")
        await receive(after=1)
        return await pids(sup)

    result = simulate(main)
    assert (result.returned, result.logged) == ({"a": "undefined"}, ("start", "ignore"))


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
        ignored = (_gives, ("ignore",))
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
        start = (_gives, (("error", "no"),))
        failed = await Supervisor.start_child(sup, ChildSpec("b", start))
        record = ("child", "undefined", "b", start, "permanent", False, 5000, "worker", [_gives])
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


# --- Notes, snapshots ----------------------------------------------------------------------------


def test_a_supervisor_publishes_what_happens_to_its_children() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a"), child("b"), max_restarts=1)
        await crash("a")
        await crash("a")
        await receive(("EXIT", sup, ANY))

    found = [(kind, fields.get("id")) for kind, fields in notes(main)]
    words = ("child started", "child exited", "child stopped", "gave up")
    assert [each for each in found if each[0] in words] == [
        ("child started", "a"),
        ("child started", "b"),
        ("child exited", "a"),
        ("child started", "a"),
        ("child exited", "a"),
        ("gave up", "a"),
        ("child stopped", "b"),
    ]


class Mortal(GenServer):
    """Ends when told; has no name, so that a search of it is small."""

    def handle_cast(self, reason: Any, state: Any) -> Any:
        raise Exit(reason)


def test_a_supervisor_has_a_finite_graph() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        flags = {"strategy": "one_for_one", "max_restarts": 1}
        _, sup = await Supervisor.start_link([(Mortal, 0)], **flags)
        ((_, pid, _, _),) = await Supervisor.which_children(sup)
        GenServer.cast(pid, "boom")
        ((_, after, _, _),) = await Supervisor.which_children(sup)
        return after == pid

    assert outcomes(main) == {True, False}


# --- Group strategies ----------------------------------------------------------------------------


def moved(strategy: str, *children: Any) -> Any:
    """Let "b" crash; gives who has another pid afterwards, and what was logged since."""

    async def main() -> Any:
        sup = await supervised(*children, strategy=strategy)
        before = await pids(sup)
        log("crash")
        await crash("b")
        await receive(after=1)
        after = await pids(sup)
        return [id for id in after if after[id] != before[id]], list(after)

    result = simulate(main)
    lines = list(result.logged)
    return *result.returned, lines[lines.index("crash") + 1 :]


def test_one_for_all_stops_all_others_in_reverse_and_starts_all_in_order() -> None:
    children = [child(name, Trapper) for name in "abc"]
    changed, _, lines = moved("one_for_all", *children)
    assert changed == ["a", "b", "c"]
    assert [line[:2] for line in lines] == [
        ("down", "b"), ("down", "c"), ("down", "a"), ("up", "a"), ("up", "b"), ("up", "c"),
    ]  # fmt: skip


def test_rest_for_one_leaves_those_before_alone() -> None:
    children = [child(name, Trapper) for name in "abc"]
    changed, _, lines = moved("rest_for_one", *children)
    assert changed == ["b", "c"]
    assert [line[:2] for line in lines] == [("down", "b"), ("down", "c"), ("up", "b"), ("up", "c")]


def test_a_group_restart_drops_temporary_children() -> None:
    children = [child("a"), child("b"), child("c", restart="temporary")]
    assert moved("one_for_all", *children)[1] == ["a", "b"]


def test_a_group_restart_revives_a_transient_child_that_had_ended() -> None:
    async def main() -> Any:
        sup = await supervised(
            child("a", restart="transient"), child("b"), strategy="one_for_all", max_restarts=1
        )
        await crash("a", "normal")
        await crash("b")
        await receive(after=1)
        return await whereis("a") is not None, (await pids(sup))["a"] == await whereis("a")

    assert run(main) == (True, True)


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_group_restart_that_fails_is_tried_again(strategy: str) -> None:
    async def main() -> Any:
        spawn(judge, "start", "fail", "start")
        sup = await supervised(child("a"), child("b"), child("c", Flaky), strategy=strategy)
        await crash("b")
        await receive(after=1)
        listed = await pids(sup)
        return [id for id in listed if listed[id] == await whereis(id)]

    result = simulate(main)
    assert result.returned == ["a", "b", "c"]
    ups = [line[1] for line in result.logged if type(line) is tuple]
    # The second attempt of one_for_all starts all again, that of rest_for_one only the rest.
    assert ups == (["a", "b", "a", "b", "a", "b"] if strategy == "one_for_all" else ["a", "b", "b"])


@pytest.mark.parametrize(
    ("auto_shutdown", "ends", "reason"),
    [
        ("any_significant", ["a"], "shutdown"),
        ("all_significant", ["a"], "runs"),
        ("all_significant", ["a", "b"], "shutdown"),
        ("any_significant", ["c"], "runs"),
    ],
)
def test_the_end_of_significant_children_shuts_the_supervisor_down(
    auto_shutdown: str, ends: list[str], reason: str
) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        significant = {"restart": "transient", "significant": True}
        children = [child("a", **significant), child("b", **significant)]
        children.append(child("c", restart="transient"))
        sup = await supervised(*children, auto_shutdown=auto_shutdown)
        for name in ends:
            await crash(name, "normal")
        ended = await receive(("EXIT", sup, ANY), after=1)
        return ended[2] if type(ended) is tuple else "runs"

    assert run(main) == reason


def test_a_significant_child_that_is_terminated_by_hand_shuts_nothing_down() -> None:
    async def main() -> Any:
        significant = {"restart": "transient", "significant": True}
        sup = await supervised(child("a", **significant), auto_shutdown="any_significant")
        await Supervisor.terminate_child(sup, "a")
        return await alive(sup)

    assert run(main) is True
