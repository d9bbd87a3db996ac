"""Supervisor: specs, boot, who is restarted, and how often (16.1 to 16.25)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    ArgumentError,
    ChildSpec,
    Exit,
    GenServer,
    Ignore,
    Ok,
    Raised,
    Supervisor,
    Throw,
    alive,
    exit,
    log,
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
from simkernel.kernel import driver
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.machine import Machine
from simkernel.otp import sys
from tests.otp.children import (
    Child,
    Flaky,
    Inner,
    Plain,
    Trapper,
    child,
    crash,
    gives,
    judge,
    pids,
    refused,
    supervised,
)
from tests.otp.running import logged, run

# --- Specs and flags -----------------------------------------------------------------------------


@pytest.mark.rule("16.1")
def test_the_defaults_of_a_child() -> None:
    async def main() -> Any:
        sup = await supervised(child("a"))
        tree = await sys.get_state(sup)
        spec = tree.children[0].spec
        return spec.restart, spec.type, spec.shutdown, spec.significant, spec.modules == [Child]

    assert run(main) == ("permanent", "worker", 5000, False, True)


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


def test_a_supervisor_without_a_class_is_a_child_of_another() -> None:
    async def main() -> Any:
        inner = {
            "id": "inner",
            "start": (
                Supervisor, "start_link",
                ([(Child, "a")], {"strategy": "one_for_one", "max_restarts": 0, "name": "inner"}),
            ),
            "type": "supervisor",
        }  # fmt: skip
        await Supervisor.start_link([inner], strategy="one_for_one")
        return await Supervisor.count_children("inner")

    assert simulate(main).returned["active"] == 1


def test_flags_after_the_children_are_a_map() -> None:
    async def main() -> Any:
        await Supervisor.start_link([], "one_for_one")

    assert "expected a map of flags after the children, not 'one_for_one'" in str(
        simulate(main).reason
    )


def _raises(error: type[BaseException], *args: Any) -> Any:
    raise error(*args)


async def _gives_later(result: Any) -> Any:
    await work(1)
    return result


@pytest.mark.rule("16.4")
@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ((gives, (("error", "no"),)), "no"),
        ((gives, (7,)), 7),
        ((gives, (("ok", "no pid"),)), ("ok", "no pid")),
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
        info = await Supervisor.start_child(sup, ChildSpec("a", (gives, (("ok", pid, "info"),))))
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
        ignored = (gives, ("ignore",))
        sup = await supervised(
            ChildSpec("a", ignored), ChildSpec("b", ignored, restart="temporary"), child("c")
        )
        return {id: pid == "undefined" for id, pid in (await pids(sup)).items()}

    assert run(main) == {"a": True, "c": False}


@pytest.mark.rule("16.9")
def test_when_a_child_fails_to_start_those_before_it_are_stopped_in_reverse() -> None:
    async def main() -> Any:
        bad = ChildSpec("bad", (gives, (("error", "no"),)))
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


@pytest.mark.rule("16.10", "16.54")
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


def test_a_child_spec_may_give_the_options_of_a_start_as_in_elixir() -> None:
    async def main() -> Any:
        started = {
            "id": "a",
            "start": (GenServer, "start_link", (Child, "a", {"name": "the a", "timeout": 50})),
        }
        _, sup = await Supervisor.start_link([started], strategy="one_for_one")
        return await whereis("the a") == (await Supervisor.which_children(sup))[0][1]

    assert simulate(main).returned is True


def test_options_of_a_start_are_a_map_of_those_there_are() -> None:
    async def main(options: Any) -> Any:
        await GenServer.start_link(Child, "a", options)

    for wrong in ({"nam": "a"}, "a"):
        assert "expected a map of name and timeout, not" in str(simulate(main, wrong).reason)
