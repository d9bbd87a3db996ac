"""Section 3, second half: what happens around the end of a process, and tail calls."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ArgumentError, Exit
from simkernel.kernel import ets
from simkernel.kernel.effects import (
    again,
    alive,
    exit,
    get,
    hibernate,
    link,
    log,
    monitor,
    process_flag,
    process_info,
    put,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_link,
    spawn_monitor,
    unregister,
    whereis,
    work,
)
from simkernel.spec import simulate
from simkernel.terms import Pid
from tests.kernel.programs import (
    both,
    die,
    die_when_told,
    idle,
    kinds,
    machine,
    nothing,
    once,
    quiet,
    rest,
    returned,
    step,
    until,
)

MAIN, CHILD = Pid(()), Pid((1,))

# --- 3.14 to 3.22: the end and what surrounds it -------------------------------------------------


async def acts_then_raises(to: Pid) -> None:
    send(to, "one")
    send(to, "two")
    log("three")
    raise ValueError("late")


async def sees_effects_before_the_end() -> Any:
    spawn_monitor(acts_then_raises, self_())
    return await receive(), await receive(), (await receive())[0]


@pytest.mark.rule("3.14")
def test_effects_before_an_error_leave_before_the_end() -> None:
    assert both(sees_effects_before_the_end) == {("one", "two", "DOWN")}
    assert simulate(sees_effects_before_the_end).logged == ("three",)


async def after_down() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    send(pid, "lost")
    return await alive(pid), await process_info(pid, "messages")


@pytest.mark.rule("3.15")
def test_from_its_end_on_a_process_is_not_alive() -> None:
    assert both(after_down) == {(False, None)}


async def named_child(reason: Any) -> None:
    await register(self_(), "worker")
    raise Exit(reason)


async def take_the_name_over(how: str) -> Any:
    process_flag("trap_exit", True)
    if how == "link":
        spawn_link(named_child, "x")
    else:
        spawn_monitor(named_child, "x")
    await receive()
    return await register(self_(), "worker")


@pytest.mark.rule("3.16", "8.10")
@pytest.mark.parametrize("how", ["link", "monitor"])
def test_the_name_is_free_before_anybody_learns_of_the_end(how: str) -> None:
    assert both(take_the_name_over, how) == {True}


async def table_owner(heir: Pid | None) -> None:
    await ets.new("tab", named=True, heir=None if heir is None else (heir, "yours"))


async def table_after_down(how: str) -> Any:
    process_flag("trap_exit", True)
    if how == "link":
        spawn_link(table_owner, None)
    else:
        spawn_monitor(table_owner, None)
    await receive()
    return await ets.new("tab", named=True)


async def heir_after_down() -> Any:
    process_flag("trap_exit", True)
    spawn_link(table_owner, self_())
    await receive(("EXIT", Pid, str))
    return (await ets.info("tab"))[0] == self_()


@pytest.mark.rule("3.17")
@pytest.mark.parametrize("how", ["link", "monitor"])
def test_tables_are_gone_before_anybody_learns_of_the_end(how: str) -> None:
    assert both(table_after_down, how) == {"tab"}


@pytest.mark.rule("3.17")
def test_an_heir_has_the_table_before_anybody_learns_of_the_end() -> None:
    assert both(heir_after_down) == {True}


async def many_relations() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(die_when_told, "why")
    refs = [monitor(pid), monitor(pid)]
    send(pid, "go")
    await quiet()
    messages = await rest()
    exits = [message[1:] for message in messages if message[0] == "EXIT"]
    downs = [message[1:] for message in messages if message[0] == "DOWN"]
    return exits == [(pid, "why")] and downs == [(ref, "process", pid, "why") for ref in refs]


@pytest.mark.rule("3.18")
def test_every_relation_gets_one_signal_with_the_reason() -> None:
    assert returned(many_relations) is True


async def link_and_monitor(first: str) -> Any:
    process_flag("trap_exit", True)
    pid = spawn(die_when_told, "x")
    if first == "monitor":
        monitor(pid)
    await link(pid)
    if first == "link":
        monitor(pid)
    send(pid, "go")
    return (await receive())[0], (await receive())[0]


@pytest.mark.rule("3.19")
@pytest.mark.parametrize("first", ["link", "monitor"])
def test_exit_comes_before_down_whichever_was_first(first: str) -> None:
    assert both(link_and_monitor, first) == {("EXIT", "DOWN")}


async def linked_reporter(victim: Pid, boss: Pid, name: str) -> None:
    process_flag("trap_exit", True)
    await link(victim)
    send(boss, ("ready", name))
    await receive()
    send(boss, name)


async def watching_reporter(victim: Pid, boss: Pid, name: str) -> None:
    monitor(victim)
    await alive(victim)
    send(boss, ("ready", name))
    await receive()
    send(boss, name)


async def who_is_told_first(reporter: Any) -> None:
    victim = spawn(die_when_told, "x")
    spawn(reporter, victim, self_(), "a")
    spawn(reporter, victim, self_(), "b")
    await receive(("ready", "a"))
    await receive(("ready", "b"))
    send(victim, "go")
    log(await receive(str))


@pytest.mark.rule("3.20")
@pytest.mark.parametrize("reporter", [linked_reporter, watching_reporter])
def test_which_of_several_is_told_first_is_open(reporter: Any) -> None:
    first = {simulate(who_is_told_first, reporter, seed=seed).logged for seed in range(20)}
    assert first == {("a",), ("b",)}


async def last_send(to: Pid) -> None:
    send(to, "answer")


async def alive_after_the_answer() -> Any:
    pid = spawn(last_send, self_())
    await receive()
    return await alive(pid)


@pytest.mark.rule("3.21")
def test_a_process_can_be_found_alive_after_its_last_effect() -> None:
    assert both(alive_after_the_answer) == {True, False}


async def named_last_send(to: Pid) -> None:
    await register(self_(), "server")
    send(to, "answer")


async def name_after_the_answer() -> Any:
    spawn(named_last_send, self_())
    await receive()
    return await whereis("server") is not None


@pytest.mark.rule("3.22")
def test_its_name_can_be_found_after_its_last_effect() -> None:
    assert both(name_after_the_answer) == {True, False}


# --- 3.23: tail calls ----------------------------------------------------------------------------


async def first_life(boss: Pid) -> Any:
    await register(self_(), "me")
    process_flag("trap_exit", True)
    put("key", "kept")
    await link(boss)
    await receive("go")
    return again(second_life, boss, self_())


async def second_life(boss: Pid, before: Pid) -> None:
    found = (
        before == self_(),
        await whereis("me") == self_(),
        (await process_info(self_(), ["trap_exit", "links"]))
        == [
            ("trap_exit", True),
            ("links", [boss]),
        ],
        get("key"),
        await receive(),
    )
    send(boss, found)


async def lives_twice() -> Any:
    pid = spawn(first_life, self_())
    send(pid, "waiting")
    send(pid, "go")
    return await receive(tuple)


@pytest.mark.rule("3.23")
def test_a_tail_call_keeps_the_process_and_all_it_has() -> None:
    assert returned(lives_twice) == (True, True, True, "kept", "waiting")


async def reason_of_child(function: Any, *args: Any) -> Any:
    spawn_monitor(function, *args)
    return (await receive())[4]


async def counts_down(n: int) -> Any:
    return again(counts_down, n - 1) if n else log("done")


def plain_counts_down(n: int) -> Any:
    return again(plain_counts_down, n - 1) if n else log("done")


@pytest.mark.rule("3.23")
@pytest.mark.parametrize("function", [counts_down, plain_counts_down])
def test_tail_calls_do_not_nest(function: Any) -> None:
    result = simulate(reason_of_child, function, 3000)
    assert (result.returned, result.logged) == ("normal", ("done",))


async def loops() -> Any:
    await receive()
    return again(loops)


async def feeds_a_loop() -> Any:
    pid = spawn(loops)
    for _ in range(3):
        send(pid, "x")
    await idle()


@pytest.mark.rule("3.23")
def test_a_tail_call_makes_states_recur() -> None:
    m = machine(feeds_a_loop)
    seen = []
    for n in range(3):
        until(m, "take", CHILD)
        step(m, "take", CHILD)
        if n < 2:
            seen.append((m.root.status, list(m.processes[CHILD].inputs)))
    assert seen[0] == seen[1] == (2, [])


# --- A body that dies at odd moments -------------------------------------------------------------


async def busy() -> None:
    await work(1000)


async def kill_the_busy() -> Any:
    pid, _ = spawn_monitor(busy)
    await quiet(5)
    exit(pid, "kill")
    return (await receive())[4]


@pytest.mark.rule("3.7", "9.16")
def test_a_kill_ends_a_process_in_the_midst_of_work() -> None:
    result = simulate(kill_the_busy)
    assert (result.returned, result.now_ms) == ("killed", 5)


async def killed_before_it_starts() -> Any:
    pid, _ = spawn_monitor(die, "own")
    exit(pid, "kill")
    return (await receive())[4]


@pytest.mark.rule("3.7")
def test_a_kill_can_end_a_process_that_has_not_run() -> None:
    assert both(killed_before_it_starts) == {"killed", "own"}


async def finally_of_the_killed(to: Pid) -> None:
    try:
        await receive()
    finally:
        put("key", "changed")
        spawn(once)
        exit(to, "revenge")
        await register(self_(), "ghost")


async def kill_one_with_a_finally() -> Any:
    pid = spawn(finally_of_the_killed, self_())
    await quiet()
    exit(pid, "kill")
    await quiet()
    return await whereis("ghost"), spawn(nothing) == Pid((2,))


@pytest.mark.rule("1.16", "12.19")
def test_the_finally_of_a_killed_body_has_no_effect() -> None:
    result = simulate(kill_one_with_a_finally)
    assert result.returned == (None, True)
    assert result.deaths == ((CHILD, "killed"), (Pid((2,)), "normal"))


async def sleeps_in_a_try() -> None:
    try:
        await hibernate(tells_its_dictionary)
    finally:
        put("key", "changed")
        send(Pid(()), "ghost")


async def tells_its_dictionary() -> None:
    log(get("key", "untouched"))


async def wakes_it() -> None:
    pid = spawn(sleeps_in_a_try)
    send(pid, "wake")
    await quiet()
    log(await rest())


@pytest.mark.rule("10.15", "12.19")
def test_the_finally_around_a_hibernation_has_no_effect() -> None:
    assert simulate(wakes_it).logged == ("untouched", ())


async def frees_its_name_and_ends(to: Pid) -> None:
    await register(self_(), "n")
    await unregister("n")
    send(to, "free")


async def name_freed_by_hand() -> Any:
    spawn(frees_its_name_and_ends, self_())
    await receive()
    try:
        return await register(self_(), "n")
    except ArgumentError:
        return "taken"


@pytest.mark.rule("8.7")
def test_a_name_freed_by_hand_is_free_before_the_end() -> None:
    assert both(name_freed_by_hand) == {True}


async def watches_a_kill_in_mid_step() -> Any:
    pid, _ = spawn_monitor(last_send, self_())
    exit(pid, "kill")
    got = []
    while not got or type(got[-1]) is str:
        got.append(await receive())
    return tuple(each if type(each) is str else each[4] for each in got)


@pytest.mark.rule("3.14", "12.2")
def test_a_kill_may_come_between_the_last_effect_and_the_end() -> None:
    assert outcomes(watches_a_kill_in_mid_step) == {
        ("killed",),
        ("answer", "killed"),
        ("answer", "normal"),
    }


@pytest.mark.rule("3.15")
def test_a_process_that_exits_takes_nothing_any_more() -> None:
    m = machine(watches_a_kill_in_mid_step)
    until(m, "start", CHILD)
    step(m, "start", CHILD)
    step(m, "do", CHILD)
    step(m, "do", CHILD)  # its end
    assert kinds(m, CHILD) == ["do"]  # tells its watcher
    assert CHILD not in m.processes
