"""Section 4: what an exit signal does to its receiver."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ArgumentError
from simkernel.kernel import ets
from simkernel.kernel.effects import (
    alias,
    exit,
    link,
    process_flag,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_link,
    spawn_monitor,
    unlink,
    whereis,
)
from simkernel.kernel.exits import DELIVERED, DIES, IGNORED, exit_outcome
from simkernel.spec import simulate
from simkernel.terms import Pid
from tests.kernel.programs import (
    both,
    die,
    die_when_told,
    idle,
    look,
    machine,
    nothing,
    once,
    quiet,
    rest,
    returned,
    step,
    tell,
)

MAIN, CHILD = Pid(()), Pid((1,))

# --- 4.1 to 4.11: the table, every row with and without trapping ---------------------------------

ROWS = [
    # reason, origin, not trapping, trapping
    ("normal", "link", "lives", ("EXIT", "normal")),
    ("normal", "other", "lives", ("EXIT", "normal")),
    ("normal", "itself", ("ends", "normal"), ("EXIT", "normal")),
    ("kill", "other", ("ends", "killed"), ("ends", "killed")),
    ("kill", "itself", ("ends", "killed"), ("ends", "killed")),
    ("kill", "link", ("ends", "kill"), ("EXIT", "kill")),
    *[
        (why, origin, ("ends", why), ("EXIT", why))
        for why in ("killed", "shutdown", "noproc", "boom", ("shutdown", "x"), ("e", ["list"]))
        for origin in ("link", "other", "itself")
    ],
]


async def receiver(boss: Pid, traps: bool, reason: Any, origin: str) -> None:
    process_flag("trap_exit", traps)
    if origin == "link":
        source = spawn_link(die_when_told, reason)
    elif origin == "other":
        source = spawn(exit_it, self_(), reason)
    else:
        source = self_()
    send(boss, ("source", source))
    if origin == "itself":
        await receive("go")
        exit(self_(), reason)
    message = await receive(("EXIT", Pid, object), "ping")
    send(boss, "lives" if message == "ping" else (message[0], message[1] == source, message[2]))


async def exit_it(victim: Pid, reason: Any) -> None:
    await receive("go")
    exit(victim, reason)


async def row(reason: Any, origin: str, traps: bool) -> Any:
    pid, ref = spawn_monitor(receiver, self_(), traps, reason, origin)
    _, source = await receive(("source", Pid))
    send(source, "go")
    await quiet()
    send(pid, "ping")
    await quiet()
    first, down = await receive(), await look()
    if first[0] == "DOWN":
        return ("ends", first[4])
    assert down == ("DOWN", ref, "process", pid, "normal")
    if first == "lives":
        return "lives"
    kind, from_source, why = first
    assert from_source, "rule 4.12"
    return (kind, why)


@pytest.mark.rule("4.1", "4.3", "4.5", "4.7", "4.9", "4.11")
@pytest.mark.parametrize(("reason", "origin", "plain", "trapping"), ROWS)
def test_the_table_not_trapping(reason: Any, origin: str, plain: Any, trapping: Any) -> None:
    assert returned(row, reason, origin, False) == plain


@pytest.mark.rule("4.2", "4.4", "4.6", "4.8", "4.10", "4.11", "4.12")
@pytest.mark.parametrize(("reason", "origin", "plain", "trapping"), ROWS)
def test_the_table_trapping(reason: Any, origin: str, plain: Any, trapping: Any) -> None:
    assert returned(row, reason, origin, True) == trapping


@pytest.mark.rule("4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7", "4.8", "4.9", "4.10")
@pytest.mark.parametrize(("reason", "origin", "plain", "trapping"), ROWS)
def test_the_table_as_a_function(reason: Any, origin: str, plain: Any, trapping: Any) -> None:
    for traps, expected in ((False, plain), (True, trapping)):
        outcome, why = exit_outcome(
            reason, linked=origin == "link", to_itself=origin == "itself", trapping=traps
        )
        if expected == "lives":
            assert outcome == IGNORED
        else:
            assert (outcome, why) == ({"ends": DIES, "EXIT": DELIVERED}[expected[0]], expected[1])


# --- 4.12 to 4.15 --------------------------------------------------------------------------------


async def from_whom() -> Any:
    process_flag("trap_exit", True)
    caller = spawn(exits_after_end, self_())
    dead = spawn_link(die, "died")
    await quiet()
    messages = await rest()
    return [(why, {caller: "caller", dead: "dead"}[who]) for _, who, why in messages]


async def exits_after_end(to: Pid) -> None:
    exit(to, "called")


@pytest.mark.rule("4.12")
def test_from_is_who_died_or_who_called() -> None:
    assert sorted(returned(from_whom)) == [("called", "caller"), ("died", "dead")]


async def exit_the_dead() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    return exit(pid, "kill"), await look()


@pytest.mark.rule("4.13")
def test_exit_on_the_dead_does_nothing() -> None:
    assert both(exit_the_dead) == {(True, "timeout")}


async def exit_on(what: str) -> Any:
    await register(self_(), "me")
    target = {"name": "me", "alias": alias(), "none": None, "number": 7}[what]
    try:
        return exit(target, "x")
    except ArgumentError as error:
        return error.reason


@pytest.mark.rule("4.14")
@pytest.mark.parametrize("what", ["name", "alias", "none", "number"])
def test_exit_on_what_is_no_pid_raises(what: str) -> None:
    assert returned(exit_on, what) == "badarg"


async def exit_normal(linked: bool) -> Any:
    pid = spawn_link(once) if linked else spawn(once)
    exit(pid, "normal")
    send(pid, "go")
    await quiet()
    return "lives"


async def exit_kill(linked: bool) -> Any:
    process_flag("trap_exit", True)
    pid, _ = spawn_monitor(trap_and_wait)
    if linked:
        await link(pid)
    await quiet()
    exit(pid, "kill")
    return [message[-1] for message in [await receive()] if message[0] in ("DOWN", "EXIT")]


async def trap_and_wait() -> None:
    process_flag("trap_exit", True)
    await idle()


@pytest.mark.rule("4.15")
@pytest.mark.parametrize("linked", [False, True])
def test_a_link_changes_nothing_about_a_call(linked: bool) -> None:
    assert returned(exit_normal, linked) == "lives"
    assert returned(exit_kill, linked) == ["killed"]


# --- 4.16 to 4.18: chains ------------------------------------------------------------------------


async def chain(boss: Pid, length: int, traps_at: int) -> None:
    process_flag("trap_exit", length == traps_at)
    if length:
        spawn_link(chain, boss, length - 1, traps_at)
        await idle()
    send(boss, self_())
    await idle()


async def break_a_chain(reason: Any, traps_at: int) -> None:
    spawn(chain, self_(), 3, traps_at)
    last = await receive(Pid)
    exit(last, reason)
    await quiet()


def deaths(reason: Any, traps_at: int = -1) -> list[Any]:
    result = simulate(break_a_chain, reason, traps_at)
    return [why for pid, why in result.deaths]


@pytest.mark.rule("4.16")
def test_a_chain_of_links_ends_with_the_first_reason() -> None:
    assert deaths("boom") == ["boom"] * 4


@pytest.mark.rule("4.17")
def test_after_a_kill_the_chain_ends_with_killed() -> None:
    assert deaths("kill") == ["killed"] * 4


@pytest.mark.rule("4.18")
def test_a_chain_stops_at_who_traps() -> None:
    assert deaths("boom", traps_at=2) == ["boom"] * 2


@pytest.mark.rule("4.1", "4.16")
def test_a_chain_passes_no_normal_end_on() -> None:
    result = simulate(normal_end_in_a_chain)
    assert [why for _, why in result.deaths] == ["normal"]


async def normal_end_in_a_chain() -> None:
    pid = spawn_link(once)
    send(pid, "go")
    await quiet()


# --- 4.19 to 4.21: the first signal, and the flag ------------------------------------------------


async def two_signals() -> Any:
    pid, _ = spawn_monitor(idle)
    exit(pid, "first")
    exit(pid, "second")
    return (await receive())[4]


@pytest.mark.rule("4.19")
def test_the_first_terminating_signal_gives_the_reason() -> None:
    assert both(two_signals) == {"first"}


async def two_killers() -> Any:
    pid, _ = spawn_monitor(idle)
    spawn(exits_after_end, pid)
    exit(pid, "mine")
    return (await receive())[4]


@pytest.mark.rule("4.19")
def test_of_two_senders_either_may_be_the_first() -> None:
    assert both(two_killers) == {"called", "mine"}


async def traps_late(to: Pid) -> None:
    process_flag("trap_exit", True)
    send(to, (await receive())[2])


async def hit_one_that_traps_late() -> Any:
    pid, _ = spawn_monitor(traps_late, self_())
    exit(pid, "x")
    message = await receive()
    return message if type(message) is str else ("ended", message[4])


@pytest.mark.rule("4.20")
def test_trapping_is_looked_up_when_the_signal_is_handled() -> None:
    assert both(hit_one_that_traps_late) == {"x", ("ended", "x")}


async def trap_for_a_while(to: Pid) -> None:
    process_flag("trap_exit", True)
    send(to, "trapping")
    await receive("first")
    process_flag("trap_exit", False)
    send(to, (await receive())[2])
    await idle()


async def traps_no_more() -> Any:
    pid, _ = spawn_monitor(trap_for_a_while, self_())
    await receive("trapping")
    exit(pid, "one")
    send(pid, "first")
    kept = await receive()
    exit(pid, "two")
    return kept, (await receive())[4]


@pytest.mark.rule("4.21")
def test_trapping_off_leaves_messages_and_makes_signals_deadly() -> None:
    assert both(traps_no_more) == {("one", "two")}


# --- 4.22 to 4.25: between the sending of a signal and its handling ------------------------------


async def inserts(tab: Any) -> None:
    await ets.insert(tab, ("victim", "was here"))


async def victim_may_still_act() -> Any:
    tab = await ets.new("t", access="public")
    pid, _ = spawn_monitor(inserts, tab)
    exit(pid, "kill")
    seen = bool(await ets.lookup(tab, "victim"))
    reason = (await receive())[4]
    return seen, bool(await ets.lookup(tab, "victim")), reason


@pytest.mark.rule("4.22")
def test_a_victim_may_still_act_after_the_signal_was_sent() -> None:
    assert outcomes(victim_may_still_act) == {
        (False, False, "killed"),
        (False, True, "killed"),  # it acted after the signal had been sent
        (False, True, "normal"),  # ... and ended before it handled it
        (True, True, "killed"),
        (True, True, "normal"),
    }


async def named_victim(to: Pid) -> None:
    await register(self_(), "victim")
    send(to, "named")
    await idle()


async def looks_the_name_up(boss: Pid) -> None:
    await receive("go")
    send(boss, await whereis("victim") is not None)


async def third_process_asks() -> Any:
    third = spawn(looks_the_name_up, self_())
    pid = spawn(named_victim, self_())
    await receive("named")
    exit(pid, "kill")
    send(third, "go")
    return await receive(bool)


@pytest.mark.rule("4.23")
def test_a_waiting_victim_keeps_its_name_until_it_handles_the_signal() -> None:
    assert outcomes(third_process_asks) == {True, False}


async def killer_asks() -> Any:
    pid = spawn(named_victim, self_())
    await receive("named")
    exit(pid, "kill")
    return await whereis("victim") is not None


@pytest.mark.rule("4.24")
def test_the_killer_may_still_find_the_name() -> None:
    assert both(killer_asks) == {True, False}


async def takes_and_answers(to: Pid) -> None:
    await receive()
    send(to, "one")
    send(to, "two")


async def message_then_exit() -> Any:
    pid, _ = spawn_monitor(takes_and_answers, self_())
    send(pid, "m")
    exit(pid, "x")
    got = []
    while not got or type(got[-1]) is str:
        got.append(await receive())
    return tuple(each if type(each) is str else each[4] for each in got)


@pytest.mark.rule("4.25")
def test_how_far_a_victim_gets_with_the_message_before_is_open() -> None:
    assert outcomes(message_then_exit) == {
        ("x",),
        ("one", "x"),
        ("one", "two", "x"),
        ("one", "two", "normal"),  # the exit came after its end
    }


async def unlinked_in_time() -> Any:
    pid = spawn_link(die_when_told, "boom")
    unlink(pid)
    send(pid, "go")
    await quiet()
    return "lives"


@pytest.mark.rule("4.9", "5.11")
def test_without_the_link_there_is_no_signal() -> None:
    assert returned(unlinked_in_time) == "lives"


@pytest.mark.rule("4.22")
def test_the_victim_of_a_signal_can_take_steps() -> None:
    m = machine(hit_and_run)
    for kind, who in (("start", MAIN), ("do", MAIN), ("do", MAIN), ("start", CHILD), ("do", CHILD)):
        step(m, kind, who)
    assert list(m.processes[MAIN].arrived or ()) != []


async def hit_and_run() -> None:
    pid = spawn(tell, self_(), "still here")
    exit(pid, "kill")
    await idle()
