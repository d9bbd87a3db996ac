"""DynamicSupervisor: children that come and go, alike and without ids (section 18)."""

from functools import partial
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    ChildSpec,
    DynamicSupervisor,
    Exit,
    GenServer,
    Machine,
    Ok,
    Pid,
    Raised,
    Supervisor,
    Throw,
    alive,
    exit,
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
    to_ms,
)
from simkernel.kernel import driver
from simkernel.otp import sys
from tests.otp.children import Child, Flaky, Trapper, child, crash, gives, judge
from tests.otp.running import Told, down_of, logged, raising, run


async def flock(**flags: Any) -> Any:
    """Start a dynamic supervisor, which has to succeed."""
    match await DynamicSupervisor.start_link(**flags):
        case ("ok", pid):
            return pid
        case failed:
            raise AssertionError(failed)


async def added(sup: Any, spec: Any) -> Any:
    """Add a child, which has to succeed; gives its pid."""
    match await DynamicSupervisor.start_child(sup, spec):
        case ("ok", pid):
            return pid
        case failed:
            raise AssertionError(failed)


class Sessions(DynamicSupervisor):
    """One with a class of its own."""

    def init(self, argument: Any) -> Any:
        return DynamicSupervisor.init(strategy="one_for_one", max_children=argument)


class Gives(DynamicSupervisor):
    """One whose `init` gives its argument."""

    def init(self, argument: Any) -> Any:
        return argument


class Many(GenServer):
    """A child whose state is the arguments with which it was started."""

    @staticmethod
    def start_link(*args: Any) -> Any:
        return GenServer.start_link(Told, args)


def _entries(pids: Any) -> list[Any]:
    return [("undefined", pid, "worker", [Told]) for pid in pids]


@pytest.mark.rule("18.1")
def test_children_have_no_ids_and_may_be_alike() -> None:
    async def main() -> Any:
        sup = await flock()
        pids = [await added(sup, (Told, 0)) for _ in range(2)]
        listed = await DynamicSupervisor.which_children(sup)
        return [entry in listed for entry in _entries(pids)], len(listed), pids

    there, count, (one, two) = run(main)
    assert (there, count) == ([True, True], 2)
    assert one != two


@pytest.mark.rule("18.2")
def test_the_flags_unless_told_otherwise() -> None:
    async def main() -> Any:
        state = await sys.get_state(await flock())
        limits = state.limits
        return limits.intensity, limits.period_s, state.max_children, state.extra_arguments

    assert run(main) == (3, 5, "infinity", [])


@pytest.mark.rule("18.3")
@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"strategy": "one_for_all"}, ("invalid_strategy", "one_for_all")),
        ({"max_children": -1}, ("invalid_max_children", -1)),
        ({"extra_arguments": 1}, ("invalid_extra_arguments", 1)),
    ],
)
def test_a_wrong_flag_fails_the_start(flags: Any, reason: Any) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        return await DynamicSupervisor.start_link(**flags)

    assert run(main) == ("error", ("supervisor_data", reason))


@pytest.mark.rule("18.4")
def test_there_are_at_most_max_children() -> None:
    async def main() -> Any:
        _, sup = await Sessions.start_link(1)
        await added(sup, (Child, "a"))
        refused = await DynamicSupervisor.start_child(sup, (Child, "b"))
        return refused, await DynamicSupervisor.count_children(sup)

    counted = {"active": 1, "specs": 1, "supervisors": 0, "workers": 1}
    assert run(main) == (("error", "max_children"), counted)
    assert logged(main) == [("up", "a")]


@pytest.mark.rule("18.5")
def test_extra_arguments_come_before_those_of_the_child() -> None:
    async def main() -> Any:
        sup = await flock(extra_arguments=[1, 2])
        return await sys.get_state(await added(sup, (Many, 3)))

    assert run(main) == (1, 2, 3)


@pytest.mark.rule("18.6")
@pytest.mark.parametrize(
    ("verdict", "result"), [("fail", ("error", "failed")), ("ignore", "ignore")]
)
def test_of_a_start_that_fails_or_is_ignored_nothing_is_kept(verdict: str, result: Any) -> None:
    async def main() -> Any:
        spawn(judge, verdict)
        await sleep(1)
        sup = await flock()
        given = await DynamicSupervisor.start_child(sup, (Flaky, "x"))
        return given, await DynamicSupervisor.which_children(sup)

    assert run(main) == (result, [])


@pytest.mark.rule("18.7")
def test_a_spec_is_checked_in_the_caller() -> None:
    async def main() -> Any:
        return await DynamicSupervisor.start_child("nobody", child("a", restart="often"))

    assert run(main) == ("error", ("invalid_restart_type", "often"))


@pytest.mark.rule("18.8")
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_a_terminated_child_is_forgotten_whatever_its_restart_type(restart: str) -> None:
    async def main() -> Any:
        sup = await flock()
        pid = await added(sup, child("a", Trapper, restart=restart))
        first = await DynamicSupervisor.terminate_child(sup, pid)
        second = await DynamicSupervisor.terminate_child(sup, pid)
        return first, second, await DynamicSupervisor.which_children(sup)

    assert run(main) == ("ok", ("error", "not_found"), [])
    assert logged(main) == [("up", "a"), ("down", "a", "shutdown")]


@pytest.mark.rule("18.9")
@pytest.mark.parametrize(
    ("restart", "reason", "count"),
    [
        ("permanent", "normal", 1),
        ("permanent", "boom", 1),
        ("transient", "normal", 0),
        ("transient", "shutdown", 0),
        ("transient", "boom", 1),
        ("temporary", "boom", 0),
    ],
)
def test_a_child_that_is_not_restarted_is_forgotten(restart: str, reason: str, count: int) -> None:
    async def main() -> Any:
        sup = await flock()
        old = await added(sup, child("a", restart=restart))
        await crash("a", reason)
        listed = await DynamicSupervisor.which_children(sup)
        return [pid != old and await alive(pid) for _, pid, _, _ in listed]

    assert run(main) == [True] * count
    assert logged(main) == [("up", "a")] * (1 + count)


@pytest.mark.rule("18.10")
def test_a_failed_restart_is_tried_again_and_each_try_counts() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        spawn(judge, "start", "fail", "fail", "fail")
        await sleep(1)
        sup = await flock()
        await added(sup, (Flaky, "x"))
        monitor(sup)
        GenServer.cast("x", "boom")
        return await down_of(sup)

    assert run(main) == "shutdown"
    assert logged(main) == ["start", "fail", "fail", "fail"]


@pytest.mark.rule("18.11")
def test_a_restart_that_is_ignored_forgets_the_child() -> None:
    async def main() -> Any:
        spawn(judge, "start", "ignore")
        await sleep(1)
        sup = await flock()
        await added(sup, (Flaky, "x"))
        await crash("x")
        return await DynamicSupervisor.which_children(sup)

    assert run(main) == []


@pytest.mark.rule("18.12")
def test_all_children_are_told_to_stop_at_once() -> None:
    async def main() -> Any:
        sup = await flock()
        for name, ms in (("slow", 100), ("quick", 10)):
            start = (Trapper, "start_link", (name, ms))
            await added(sup, child(name, Trapper, start=start))
        begun = now()
        await DynamicSupervisor.stop(sup)
        return to_ms(now()) - to_ms(begun)

    assert run(main) == 100
    assert [line for line in logged(main) if line[0] == "down"] == [
        ("down", "quick", "shutdown"),
        ("down", "slow", "shutdown"),
    ]


@pytest.mark.rule("18.13")
@pytest.mark.parametrize("shutdown", [20, "brutal_kill"])
def test_each_child_is_killed_after_its_own_time(shutdown: Any) -> None:
    async def main() -> Any:
        sup = await flock()
        start = (Trapper, "start_link", ("slow", 100))
        pid = await added(sup, child("slow", Trapper, start=start, shutdown=shutdown))
        ref = monitor(pid)
        begun = now()
        await DynamicSupervisor.stop(sup)
        down = await receive(("DOWN", ref, ANY, ANY, ANY))
        return down[4], to_ms(now()) - to_ms(begun)

    assert run(main) == ("killed", 0 if shutdown == "brutal_kill" else 20)


@pytest.mark.rule("18.14")
def test_as_a_child_it_is_a_supervisor_whose_id_is_its_name_or_its_class() -> None:
    async def main() -> Any:
        children = [(DynamicSupervisor, {"name": "Plain"}), (Sessions, 3)]
        _, sup = await Supervisor.start_link(children, strategy="one_for_one")
        await register(self_(), "main")
        listed = await Supervisor.which_children(sup)
        return [(id == "Plain", id is Sessions, kind) for id, _, kind, _ in listed]

    assert run(main) == [(False, True, "supervisor"), (True, False, "supervisor")]


@pytest.mark.rule("18.23")
def test_a_message_that_nobody_expects_changes_nothing() -> None:
    async def main() -> Any:
        sup = await flock()
        await added(sup, (Told, Ok(0)))
        GenServer.cast(sup, "what?")
        return await DynamicSupervisor.count_children(sup)

    assert run(main)["active"] == 1


@pytest.mark.rule("18.3")
@pytest.mark.parametrize(
    ("returned", "ended"),
    [
        ("nonsense", ("error", ("bad_return", (Gives, "init", "nonsense")))),
        ("ignore", "ignore"),
        (("ok", {"period": 0}), ("error", ("supervisor_data", ("invalid_period", 0)))),
    ],
)
def test_what_init_gives_decides_the_start(returned: Any, ended: Any) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        return await Gives.start_link(returned)

    assert run(main) == ended


@pytest.mark.rule("18.15")
def test_children_are_listed_in_the_order_of_their_starts() -> None:
    async def main() -> Any:
        sup = await flock()
        pids = [await added(sup, (Told, n)) for n in range(5)]
        await DynamicSupervisor.terminate_child(sup, pids.pop(1))
        return [pid for _, pid, _, _ in await DynamicSupervisor.which_children(sup)] == pids

    assert run(main)


@pytest.mark.rule("18.16")
def test_a_child_whose_restart_has_failed_keeps_its_place() -> None:
    async def held() -> Any:
        """Let a restart fail after requests have come, which are then before the next try."""
        await register(self_(), "judge")
        _, asker = await receive(("may I?", ANY), idle=True)
        send(asker, "start")
        _, asker = await receive(("may I?", ANY), idle=True)
        await sleep(10)
        send(asker, "fail")
        _, asker = await receive(("may I?", ANY), idle=True)
        send(asker, "start")

    async def asks(main: Any, what: str, request: Any, *args: Any) -> None:
        send(main, (what, await request(*args)))

    async def main() -> Any:
        spawn(held)
        await sleep(1)
        sup = await flock(max_children=1)
        await added(sup, (Flaky, "x"))
        GenServer.cast("x", "boom")
        await sleep(5)
        spawn(asks, self_(), "start", DynamicSupervisor.start_child, sup, (Told, 0))
        spawn(asks, self_(), "list", DynamicSupervisor.which_children, sup)
        spawn(asks, self_(), "count", DynamicSupervisor.count_children, sup)
        return [(await receive((what, ANY)))[1] for what in ("start", "list", "count")]

    refused, ((_, pid, _, _),), counted = run(main)
    assert refused == ("error", "max_children")
    assert pid == "restarting"
    assert counted == {"active": 0, "specs": 1, "supervisors": 0, "workers": 1}


@pytest.mark.rule("18.17")
def test_the_fourth_restart_in_five_seconds_stops_all() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await flock()
        await added(sup, child("other", Trapper))
        await added(sup, child("a"))
        for _ in range(3):
            await crash("a")
        ref = monitor(sup)
        GenServer.cast("a", "boom")
        return (await receive(("DOWN", ref, ANY, ANY, ANY)))[4]

    assert run(main) == "shutdown"
    assert logged(main) == [("up", "other"), *[("up", "a")] * 4, ("down", "other", "shutdown")]


@pytest.mark.rule("18.18")
@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (raising(ValueError("boom")), Raised("ValueError", "boom")),
        (raising(Throw("ball")), ("nocatch", "ball")),
    ],
)
def test_an_exception_in_a_start_function_is_the_error(start: Any, reason: Any) -> None:
    async def main() -> Any:
        return await DynamicSupervisor.start_child(await flock(), {"id": 1, "start": (start, ())})

    error, (found, _) = run(main)
    assert (error, found) == ("error", reason)


@pytest.mark.rule("18.18")
@pytest.mark.parametrize("start", [raising(Exit("strange")), partial(gives, "strange")])
def test_an_exit_and_any_other_result_are_themselves_the_error(start: Any) -> None:
    async def main() -> Any:
        return await DynamicSupervisor.start_child(await flock(), {"id": 1, "start": (start, ())})

    assert run(main) == ("error", "strange")


@pytest.mark.rule("18.6")
def test_a_start_function_may_give_more_than_the_pid() -> None:
    async def start() -> Any:
        ok, pid = await GenServer.start_link(Told, 0)
        return ok, pid, "info"

    async def main() -> Any:
        sup = await flock()
        ok, pid, info = await DynamicSupervisor.start_child(sup, {"id": 1, "start": (start, ())})
        ((_, listed, _, _),) = await DynamicSupervisor.which_children(sup)
        return ok, pid == listed, info

    assert run(main) == ("ok", True, "info")


@pytest.mark.rule("18.7")
@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (child("a", shutdown=0), ("invalid_shutdown", 0)),
        (ChildSpec(start=(Child, "start_link", ())), None),
        (child("a", significant=True, type="what"), ("invalid_child_type", "what")),
    ],
)
def test_the_faults_of_a_spec(spec: Any, why: Any) -> None:
    async def main() -> Any:
        return await DynamicSupervisor.start_child("nobody", spec)

    assert run(main) == ("error", why or ("invalid_child_spec", spec))


@pytest.mark.rule("18.7")
def test_what_is_no_spec_raises_in_the_caller() -> None:
    async def main() -> Any:
        await DynamicSupervisor.start_child(await flock(), "nothing")

    assert simulate(main).reason[0] == "badarg"


@pytest.mark.rule("18.19")
def test_children_stop_in_any_order() -> None:
    async def main() -> Any:
        sup = await flock()
        refs = [monitor(await added(sup, (Told, n))) for n in range(2)]
        await DynamicSupervisor.stop(sup)
        first = await receive(("DOWN", ANY, "process", ANY, ANY))
        return refs.index(first[1])

    assert outcomes(main) == {0, 1}


@pytest.mark.rule("18.20")
def test_flags_that_are_given_as_a_map_have_the_defaults_of_erlang() -> None:
    async def main() -> Any:
        _, sup = await Gives.start_link(("ok", {}))
        limits = (await sys.get_state(sup)).limits
        return limits.intensity, limits.period_s

    assert run(main) == (1, 5)


@pytest.mark.rule("18.21")
@pytest.mark.parametrize("stranger", [False, True])
def test_it_stops_with_its_parent_and_not_for_strangers(stranger: bool) -> None:
    async def parent(main: Any) -> None:
        sup = await flock()
        await added(sup, child("a", Trapper))
        send(main, sup)
        if stranger:
            await receive("never", idle=True)
        await sleep(10)
        raise Exit("boom")

    async def main() -> Any:
        spawn(parent, self_())
        sup = await receive(Pid)
        ref = monitor(sup)
        if stranger:
            exit(sup, "go")
        down = await receive(("DOWN", ref, ANY, ANY, ANY), after=50)
        return down[4] if type(down) is tuple else "lives"

    assert run(main) == ("lives" if stranger else "boom")
    assert logged(main) == [("up", "a"), ("down", "a", "shutdown")][: 1 if stranger else 2]


@pytest.mark.rule("18.22")
def test_a_child_that_has_ended_by_itself_is_not_restarted_by_who_stops_it() -> None:
    async def dies(name: str) -> Any:
        ok, pid = await Child.start_link(name)
        exit(pid, "boom")
        return ok, pid

    async def main() -> Any:
        sup = await flock()
        await DynamicSupervisor.start_child(sup, {"id": 1, "start": (dies, ("a",))})
        return await DynamicSupervisor.stop(sup)

    for seed in range(20):
        assert run(main, seed=seed) == "ok"


@pytest.mark.rule("18.24")
def test_siblings_share_what_they_have_in_common() -> None:
    async def main() -> Any:
        sup = await flock()
        for n in range(100):
            await added(sup, (Told, n))
        return sup

    m = Machine(main, ())
    driver.simulate(m, 0, 100_000)
    state = m.processes[m.returned].body.state
    assert len(state.children) == 100
    assert len({id(member.kind) for member in state.children.values()}) == 1


def test_a_check_lets_it_change_its_state_in_place_and_goes_back() -> None:
    async def main() -> Any:
        sup = await flock()
        one = await added(sup, (Told, 1))
        spawn(added, sup, (Told, 2))
        told = await DynamicSupervisor.terminate_child(sup, one)
        count = await DynamicSupervisor.count_children(sup)
        return told, count["active"]

    assert outcomes(main) == {("ok", 0), ("ok", 1)}
