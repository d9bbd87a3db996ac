"""Section 6: monitors."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ArgumentError
from simkernel.kernel import ets
from simkernel.kernel.effects import (
    alive,
    demonitor,
    exit,
    link,
    make_ref,
    monitor,
    process_flag,
    process_info,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_link,
    spawn_monitor,
    unregister,
)
from simkernel.kernel.patterns import ANY, TIMEOUT
from simkernel.spec import simulate
from simkernel.terms import Pid, Ref
from tests.kernel.programs import (
    both,
    die,
    die_when_told,
    finish,
    idle,
    look,
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


async def dead() -> Pid:
    """Give a process that has died, of which nothing more will be heard."""
    pid, ref = spawn_monitor(nothing)
    await receive(("DOWN", ref, ANY, ANY, ANY))
    return pid


def why(message: Any) -> Any:
    """Give the reason of a DOWN, or what it is if it is none."""
    return message[4] if type(message) is tuple and message[0] == "DOWN" else message


# --- 6.1 to 6.5: what a monitor is ---------------------------------------------------------------


async def watcher_and_watched() -> Any:
    pid = spawn(idle)
    watcher = spawn(watch_and_die, pid, self_())
    await receive("watching")
    send(watcher, "die")
    await quiet()
    survived = await alive(pid)
    ref = monitor(pid)
    exit(pid, "boom")
    message = await receive()
    return survived, message == ("DOWN", ref, "process", pid, "boom"), await look()


async def watch_and_die(pid: Pid, boss: Pid) -> None:
    monitor(pid)
    send(boss, "watching")
    await receive("die")
    await die("watcher")


@pytest.mark.rule("6.1")
def test_a_monitor_changes_nothing_but_the_one_message() -> None:
    assert returned(watcher_and_watched) == (True, True, "timeout")


async def several() -> Any:
    pid = spawn(die_when_told, "x")
    refs = [monitor(pid) for _ in range(3)]
    send(pid, "go")
    await quiet()
    got = [message[1] for message in await rest()]
    return len(set(refs)), sorted(got, key=lambda ref: ref.index) == refs


@pytest.mark.rule("6.2")
def test_each_monitor_is_one_of_its_own() -> None:
    assert returned(several) == (3, True)


async def message_of(reason: Any) -> Any:
    pid, ref = spawn_monitor(die, reason)
    message = await receive()
    return message, message == ("DOWN", ref, "process", pid, reason)


@pytest.mark.rule("6.3")
@pytest.mark.parametrize("reason", ["normal", "kill", ("shutdown", ["list"])])
def test_the_message_is_down_with_the_reason(reason: Any) -> None:
    assert returned(message_of, reason) == (
        ("DOWN", Ref((), 1), "process", CHILD, reason),
        True,
    )


async def by_name() -> Any:
    pid = spawn(die_when_told, "x")
    await register(pid, "server")
    ref = monitor("server")
    listed = await process_info(self_(), "monitors")
    send(pid, "go")
    message = await receive()
    return message == ("DOWN", ref, "process", ("server", "nonode"), "x"), listed[1][0]


@pytest.mark.rule("6.4", "10.5")
def test_a_monitor_on_a_name_says_the_name() -> None:
    assert both(by_name) == {(True, ("process", ("server", "nonode")))}


async def name_moves() -> Any:
    first, second = spawn(die_when_told, "first"), spawn(die_when_told, "second")
    await register(first, "server")
    monitor("server")
    await alive(first)
    await unregister("server")
    await register(second, "server")
    send(second, "go")
    send(first, "go")
    return (await receive())[4]


@pytest.mark.rule("6.5")
def test_a_monitor_on_a_name_stays_with_the_process() -> None:
    assert both(name_moves) == {"first"}


# --- 6.6 to 6.9 ----------------------------------------------------------------------------------


async def monitors_the_dead() -> Any:
    pid = await dead()
    ref = monitor(pid)
    return type(ref) is Ref, await receive() == ("DOWN", ref, "process", pid, "noproc")


async def monitors_a_free_name() -> Any:
    ref = monitor("nobody")
    down = ("DOWN", ref, "process", ("nobody", "nonode"), "noproc")
    return type(ref) is Ref, await receive() == down


@pytest.mark.rule("6.6")
@pytest.mark.parametrize("main", [monitors_the_dead, monitors_a_free_name])
def test_a_monitor_on_nobody_gives_noproc(main: Any) -> None:
    assert both(main) == {(True, True)}


async def dead_and_then_a_message() -> Any:
    pid = await dead()
    monitor(pid)
    send(self_(), "sent later")
    return why(await receive())


@pytest.mark.rule("6.6")
def test_noproc_comes_asynchronously() -> None:
    # The real machine had the message before the DOWN each time.
    assert both(dead_and_then_a_message) == {"noproc", "sent later"}


async def fires_once() -> Any:
    pid, ref = spawn_monitor(nothing)
    await receive()
    listed = await process_info(self_(), "monitors")
    send(pid, "x")
    monitor(pid)
    second = await receive()
    return listed[1] == [], second[1] != ref, await look(), demonitor(ref)


@pytest.mark.rule("6.7")
def test_a_monitor_fires_once_and_is_gone() -> None:
    assert both(fires_once) == {(True, True, "timeout", True)}


async def watcher_dies() -> Any:
    pid = spawn(die_when_told, "x")
    watcher = spawn(watch_and_die, pid, self_())
    await receive("watching")
    send(watcher, "die")
    await quiet()
    watchers = await process_info(pid, "monitored_by")
    send(pid, "go")
    await quiet()
    return watchers[1], await rest()


@pytest.mark.rule("6.8")
def test_a_monitor_vanishes_with_its_watcher() -> None:
    assert returned(watcher_dies) == ([], ())


async def watches_itself(boss: Pid) -> None:
    ref = monitor(self_())
    await register(self_(), "me")
    named = monitor("me")
    listed = await process_info(self_(), ["monitors", "monitored_by"])
    send(boss, (type(ref), type(named), listed, await demonitor(ref, info=True)))


async def self_monitor() -> Any:
    pid = spawn(watches_itself, self_())
    await quiet()
    answer, *more = await rest()
    return answer == (Ref, Ref, [("monitors", []), ("monitored_by", [])], False), more, pid


@pytest.mark.rule("6.9")
def test_a_monitor_on_oneself_gives_a_reference_and_never_fires() -> None:
    assert returned(self_monitor) == (True, [], CHILD)


# --- 6.10 to 6.15: demonitor ---------------------------------------------------------------------


async def demonitors_in_a_race() -> Any:
    pid, ref = spawn_monitor(nothing)
    demonitor(ref)
    there = why(await look())
    await alive(pid)
    return there, why(await look())


@pytest.mark.rule("6.10")
def test_after_demonitor_no_new_down_arrives() -> None:
    assert both(demonitors_in_a_race) == {("timeout", "timeout"), ("normal", "timeout")}


@pytest.mark.rule("6.10")
def test_a_down_that_is_under_way_is_dropped() -> None:
    m = machine(demonitors_in_a_race, network="cluster")
    for _ in ("start", "spawn"):
        m.apply(next(option for option in m.enabled() if option.who == MAIN))
    for _ in ("start", "end", "tell"):
        m.apply(next(option for option in m.enabled() if option.who == CHILD))
    assert [option.kind for option in m.enabled()] == ["do", "arrive"]
    step(m, "do", MAIN)
    assert finish(m).returned == ("timeout", "timeout")


async def noproc_is_under_way() -> Any:
    ref = monitor(await dead())
    demonitor(ref)
    return why(await look())


@pytest.mark.rule("6.10")
def test_a_noproc_that_is_under_way_is_dropped_too() -> None:
    # The real machine dropped it each time.
    assert both(noproc_is_under_way) == {"timeout", "noproc"}


async def down_in_the_mailbox(flush: bool) -> Any:
    _, ref = spawn_monitor(nothing)
    send(self_(), "other")
    await quiet()
    if flush:
        await demonitor(ref, flush=True)
    else:
        demonitor(ref)
    return [why(message) for message in await rest()]


@pytest.mark.rule("6.11")
def test_a_down_in_the_mailbox_stays() -> None:
    assert returned(down_in_the_mailbox, False) == ["other", "normal"]


@pytest.mark.rule("6.11")
def test_flush_removes_it_as_well() -> None:
    assert returned(down_in_the_mailbox, True) == ["other"]


async def flushes_the_only_message() -> Any:
    _, ref = spawn_monitor(nothing)
    await quiet()
    await demonitor(ref, flush=True)
    return "timeout" if await receive(after=1) is TIMEOUT else "message"


@pytest.mark.rule("6.11")
def test_a_flushed_mailbox_is_empty() -> None:
    assert returned(flushes_the_only_message) == "timeout"


async def flush_removes_only_its_own() -> Any:
    pid, ref = spawn_monitor(nothing)
    other = monitor(pid)
    await quiet()
    await demonitor(ref, flush=True)
    return [message[1] == other for message in await rest()]


@pytest.mark.rule("6.11")
def test_flush_removes_only_the_down_of_its_reference() -> None:
    assert returned(flush_removes_only_its_own) == [True]


async def info_of(what: str, flush: bool) -> Any:
    if what == "active":
        ref = monitor(spawn(idle))
    elif what == "fired":
        _, ref = spawn_monitor(nothing)
        await quiet()
    elif what == "taken":
        _, ref = spawn_monitor(nothing)
        await receive()
    elif what == "removed":
        ref = monitor(spawn(idle))
        demonitor(ref)
    else:
        ref = make_ref()
    answer = await demonitor(ref, flush=flush, info=True)
    return answer, [why(message) for message in await rest()]


@pytest.mark.rule("6.12")
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("active", (True, [])),
        ("fired", (False, ["normal"])),
        ("taken", (False, [])),
        ("removed", (False, [])),
        ("unknown", (False, [])),
    ],
)
def test_info_tells_whether_the_monitor_was_there(what: str, expected: Any) -> None:
    assert returned(info_of, what, False) == expected


@pytest.mark.rule("6.13")
@pytest.mark.parametrize(
    ("what", "expected"),
    [("active", True), ("fired", False), ("taken", False), ("removed", False), ("unknown", False)],
)
def test_with_flush_false_means_that_it_had_fired_or_never_existed(
    what: str, expected: bool
) -> None:
    assert returned(info_of, what, True) == (expected, [])


async def unknown_reference() -> Any:
    ref = make_ref()
    return demonitor(ref), await demonitor(ref, flush=True)


@pytest.mark.rule("6.14")
def test_an_unknown_reference_is_fine() -> None:
    assert both(unknown_reference) == {(True, True)}


async def hands_its_reference_out(pid: Pid, boss: Pid) -> None:
    send(boss, monitor(pid))
    send(boss, why(await receive(("DOWN", ANY, ANY, ANY, ANY))))


async def demonitors_for_another(flush: bool) -> Any:
    pid = spawn(die_when_told, "x")
    spawn(hands_its_reference_out, pid, self_())
    ref = await receive(Ref)
    try:
        if flush:
            await demonitor(ref, flush=True)
        else:
            demonitor(ref)
    except ArgumentError as error:
        send(pid, "go")
        return error.reason, await receive()


@pytest.mark.rule("6.15")
@pytest.mark.parametrize("flush", [False, True])
def test_another_process_s_monitor_cannot_be_removed(flush: bool) -> None:
    assert returned(demonitors_for_another, flush) == ("badarg", "x")


# --- 6.16 to 6.19: races with the end ------------------------------------------------------------


async def spawns_and_monitors() -> Any:
    pid, ref = spawn_monitor(die, "at once")
    return await receive() == ("DOWN", ref, "process", pid, "at once")


@pytest.mark.rule("6.16")
def test_spawn_monitor_gives_the_true_reason() -> None:
    assert both(spawns_and_monitors) == {True}


async def says_and_ends(to: Pid) -> None:
    send(to, "last")
    await die("true")


async def monitors_after_the_last_effect() -> Any:
    pid = spawn(says_and_ends, self_())
    await receive("last")
    monitor(pid)
    return why(await receive())


@pytest.mark.rule("6.17", "3.21", "6.19")
def test_after_its_last_effect_a_process_can_still_be_monitored() -> None:
    assert both(monitors_after_the_last_effect) == {"true", "noproc"}


async def monitors_and_links_the_dead() -> Any:
    process_flag("trap_exit", True)
    pid = await dead()
    monitor(pid)
    await link(pid)
    return (await receive())[0], (await receive())[0]


async def links_and_monitors_the_dead() -> Any:
    process_flag("trap_exit", True)
    pid = await dead()
    await link(pid)
    monitor(pid)
    return (await receive())[0], (await receive())[0]


@pytest.mark.rule("6.18")
@pytest.mark.parametrize("main", [monitors_and_links_the_dead, links_and_monitors_the_dead])
def test_the_two_answers_of_the_dead_come_in_either_order(main: Any) -> None:
    assert both(main) == {("DOWN", "EXIT"), ("EXIT", "DOWN")}


async def races_with_a_death() -> Any:
    pid = spawn(die, "true")
    ref = monitor(pid)
    message = await receive()
    await alive(pid)
    return message[1] == ref, message[4], await look()


@pytest.mark.rule("6.19")
def test_a_monitor_that_races_with_a_death_gives_exactly_one_down() -> None:
    assert both(races_with_a_death) == {(True, "true", "timeout"), (True, "noproc", "timeout")}


async def kill_then_monitor() -> Any:
    pid = spawn(idle)
    exit(pid, "kill")
    monitor(pid)
    return why(await receive())


@pytest.mark.rule("6.19")
def test_a_monitor_behind_a_kill_finds_nobody() -> None:
    # As on the real machine: what stands behind the fatal signal is answered "noproc".
    assert both(kill_then_monitor) == {"noproc"}


async def kill_between_two_monitors() -> Any:
    pid = spawn(idle)
    first = monitor(pid)
    exit(pid, "kill")
    monitor(pid)
    got = [await receive(), await receive()]
    return tuple(("first" if message[1] == first else "second", message[4]) for message in got)


@pytest.mark.rule("6.19")
def test_a_monitor_before_the_kill_gets_its_reason() -> None:
    found = both(kill_between_two_monitors)
    assert {frozenset(each) for each in found} == {
        frozenset({("first", "killed"), ("second", "noproc")})
    }


async def linked_watcher() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(once)
    monitor(pid)
    send(pid, "go")
    await quiet()
    return [message[0] for message in await rest()]


@pytest.mark.rule("3.19", "6.1")
def test_link_and_monitor_are_two_relations() -> None:
    assert returned(linked_watcher) == ["EXIT", "DOWN"]


@pytest.mark.rule("6.6")
def test_a_bad_target_raises_at_once() -> None:
    result = simulate(monitors_a_number)
    assert result.returned == "badarg"


async def monitors_a_number() -> Any:
    try:
        monitor(7)  # type: ignore[arg-type]
    except ArgumentError as error:
        return error.reason


@pytest.mark.rule("6.17")
def test_the_last_step_is_over_before_the_end() -> None:
    m = machine(monitors_after_the_last_effect)
    until(m, "start", CHILD)
    step(m, "start", CHILD)
    step(m, "do", CHILD)  # its send, the last of its effects
    assert CHILD in m.processes
    assert outcomes(monitors_after_the_last_effect) >= {"true"}


async def watches_and_shows(victim: Pid, boss: Pid, tab: Any) -> None:
    ref = monitor(victim)
    await ets.insert(tab, ("shown", True))
    down = await receive(("DOWN", ref, ANY, ANY, ANY))
    send(boss, down[4])


async def kills_when_shown() -> Any:
    tab = await ets.new("t", access="public")
    victim = spawn(idle)
    spawn(watches_and_shows, victim, self_(), tab)
    if not await ets.lookup(tab, "shown"):
        return "not shown"
    exit(victim, "kill")
    return await receive()


@pytest.mark.rule("6.20")
def test_a_monitor_that_others_could_see_set_may_still_come_late_on_node() -> None:
    assert outcomes(kills_when_shown) == {"not shown", "killed", "noproc"}


async def starts_a_killer() -> Any:
    victim = spawn(idle)
    ref = monitor(victim)
    spawn(exit, victim, "kill")
    down = await receive(("DOWN", ref, ANY, ANY, ANY))
    return down[4]


@pytest.mark.rule("6.20")
def test_a_child_may_act_before_a_monitor_that_was_set_before_it_has_left() -> None:
    assert outcomes(starts_a_killer) == {"killed", "noproc"}
    assert outcomes(starts_a_killer, network="cluster") == {"killed", "noproc"}


async def watches_and_tells(victim: Pid, boss: Pid) -> None:
    ref = monitor(victim)
    send(boss, "watching")
    down = await receive(("DOWN", ref, ANY, ANY, ANY))
    send(boss, down[4])


async def kills_when_told() -> Any:
    victim = spawn(idle)
    spawn(watches_and_tells, victim, self_())
    await receive("watching")
    exit(victim, "kill")
    return await receive()


@pytest.mark.rule("6.20", "1.10")
def test_a_monitor_leaves_before_the_next_signal() -> None:
    assert outcomes(kills_when_told) == {"killed"}
    assert outcomes(kills_when_told, network="cluster") == {"killed", "noproc"}
