"""Section 5: links, and what crosses with them."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ErlangError
from simkernel.kernel import codes
from simkernel.kernel.effects import (
    alive,
    exit,
    get,
    get_keys,
    link,
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
    unlink,
)
from simkernel.kernel.patterns import ANY, TIMEOUT
from simkernel.terms import Pid
from tests.kernel.programs import (
    BOTH,
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
    reason,
    rest,
    returned,
    step,
    until,
)

MAIN, CHILD = Pid(()), Pid((1,))


async def links_of(pid: Pid) -> Any:
    return (await process_info(pid, "links"))[1]


# --- 5.1 to 5.5: what a link is ------------------------------------------------------------------


async def linked_to(pid: Pid, told: Pid, why: Any) -> None:
    process_flag("trap_exit", True)
    await link(pid)
    send(told, "linked")
    message = await receive()
    if message == "die":
        await die(why)
    send(told, ("heard", message[2]))
    await idle()


async def either_end_dies(which: str) -> Any:
    other = spawn(die_when_told, "other")
    mine = spawn(linked_to, other, self_(), "mine")
    await receive("linked")
    if which == "other":
        send(other, "go")
        return await receive(("heard", ANY))
    watch = monitor(other)
    await alive(other)  # the monitor has arrived
    send(mine, "die")
    return (await receive(("DOWN", watch, ANY, ANY, ANY)))[4]


@pytest.mark.rule("5.1")
def test_whichever_end_dies_the_other_is_told() -> None:
    assert outcomes(either_end_dies, "other") == {("heard", "other")}
    # On cluster the link may find it dead.
    found = outcomes(either_end_dies, "other", network="cluster")
    assert found == {("heard", "other"), ("heard", "noproc")}
    assert both(either_end_dies, "mine") == {"mine"}


async def links_twice() -> Any:
    pid = spawn(once)
    await link(pid)
    await link(pid)
    listed = await links_of(self_()), await links_of(pid)
    unlink(pid)
    return [*listed, await links_of(self_()), await links_of(pid)]


@pytest.mark.rule("5.2")
def test_linking_twice_makes_one_link_that_one_unlink_removes() -> None:
    assert returned(links_twice) == [[CHILD], [MAIN], [], []]


async def links_twice_and_hears_once() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(die_when_told, "x")
    await link(pid)
    send(pid, "go")
    await quiet()
    return len(await rest())


@pytest.mark.rule("5.2")
def test_a_double_link_gives_one_signal() -> None:
    assert returned(links_twice_and_hears_once) == 1


async def links_itself() -> Any:
    answer = await link(self_())
    return answer, tuple(await links_of(self_())), unlink(self_())


@pytest.mark.rule("5.3")
def test_a_link_to_oneself_does_nothing() -> None:
    assert both(links_itself) == {(True, (), True)}


async def crashing_child() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(die, "at once")
    return await receive() == ("EXIT", pid, "at once")


@pytest.mark.rule("5.4")
def test_spawn_link_hears_of_a_child_that_crashes_at_once() -> None:
    assert both(crashing_child) == {True}


async def crashing_child_of_one_that_does_not_trap() -> Any:
    spawn_link(die, "at once")
    await idle()


@pytest.mark.rule("5.4")
def test_spawn_link_shares_the_fate_from_the_first_moment() -> None:
    assert both(crashing_child_of_one_that_does_not_trap) == {("exit", "at once")}


async def tells_what_it_has(boss: Pid) -> None:
    info = await process_info(
        self_(), ["links", "monitors", "monitored_by", "registered_name", "trap_exit", "dictionary"]
    )
    send(boss, (info, get("key"), get_keys()))


async def rich_parent() -> Any:
    process_flag("trap_exit", True)
    put("key", "value")
    await register(self_(), "parent")
    monitor(spawn_link(idle))
    spawn(tells_what_it_has, self_())
    info, *rest_of_it = await receive(tuple)
    return [value for _, value in info], rest_of_it


@pytest.mark.rule("5.5")
def test_a_child_inherits_nothing() -> None:
    assert returned(rich_parent) == ([[], [], [], [], False, []], [None, []])


# --- 5.6 to 5.8: linking to the dead -------------------------------------------------------------


async def links_the_dead(traps: bool) -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    process_flag("trap_exit", traps)
    answer = await link(pid)
    return answer, await receive() == ("EXIT", pid, "noproc")


@pytest.mark.rule("5.6")
def test_who_traps_is_told_noproc() -> None:
    assert both(links_the_dead, True) == {(True, True)}


async def catches_noproc() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    try:
        await link(pid)
    except ErlangError as error:
        return error.reason, await look()


@pytest.mark.rule("5.7")
def test_who_does_not_trap_gets_an_error_that_can_be_caught() -> None:
    assert both(catches_noproc) == {("noproc", "timeout")}


@pytest.mark.rule("5.8")
def test_uncaught_it_ends_the_caller_with_a_stack() -> None:
    error, stack = reason(links_the_dead, False)
    assert error == "noproc"
    assert [frame[1] for frame in stack] == ["links_the_dead"]


async def races_with_the_end() -> Any:
    process_flag("trap_exit", True)
    pid = spawn(die, "true")
    answer = await link(pid)
    return answer, (await receive())[2]


@pytest.mark.rule("5.6", "5.9")
def test_a_link_that_races_with_a_death_gives_one_exit() -> None:
    assert both(races_with_the_end) == {(True, "true"), (True, "noproc")}


async def links_or_says(pid: Pid, boss: Pid) -> None:
    try:
        await link(pid)
    except ErlangError as error:
        send(boss, error.reason)
    await idle()


async def races_without_trapping() -> Any:
    pid = spawn(die, "true")
    _, _ref = spawn_monitor(links_or_says, pid, self_())
    message = await receive()
    return message if type(message) is str else ("ended", message[4])


@pytest.mark.rule("5.9")
def test_a_link_looks_its_target_up_at_its_own_event_and_again_when_it_arrives() -> None:
    # Where it is dead at the look-up there is an error; else an exit signal, true or "noproc".
    # It is "noproc" too where the signal lay unhandled at the end.
    assert both(races_without_trapping) == {"noproc", ("ended", "true"), ("ended", "noproc")}


# --- 5.10 to 5.14: unlinking ---------------------------------------------------------------------


async def unlinks_anyone() -> Any:
    stranger = spawn(idle)
    dead, _ = spawn_monitor(nothing)
    await receive()
    return unlink(stranger), unlink(dead), unlink(self_()), await look()


@pytest.mark.rule("5.10")
def test_unlink_always_succeeds() -> None:
    assert both(unlinks_anyone) == {(True, True, True, "timeout")}


async def unlinks_in_a_race() -> Any:
    pid = spawn_link(die, "boom")
    unlink(pid)
    await alive(pid)
    return "lives"


@pytest.mark.rule("5.11")
def test_after_an_unlink_no_signal_of_the_link_acts() -> None:
    # Either the signal acted before the unlink, or never.
    assert both(unlinks_in_a_race) == {"lives", ("exit", "boom")}


async def unlinked_one(boss: Pid) -> None:
    await receive("go")
    raise ValueError


async def unlinks_then_lets_it_die() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(unlinked_one, self_())
    unlink(pid)
    send(pid, "go")
    watch = monitor(pid)
    return (await receive())[1] == watch, await look()


@pytest.mark.rule("5.11")
def test_an_unlinked_end_is_not_heard_of() -> None:
    assert both(unlinks_then_lets_it_die) == {(True, "timeout")}


@pytest.mark.rule("5.11")
def test_a_signal_that_is_under_way_is_dropped_by_an_unlink() -> None:
    m = machine(unlinks_in_a_race, network="cluster")
    for _ in ("start", "spawn"):
        m.apply(next(option for option in m.enabled() if option.who == MAIN))
    for _ in ("start", "end", "tell"):
        m.apply(next(option for option in m.enabled() if option.who == CHILD))
    assert [kind for kind, *_ in m.enabled()] == ["do", "arrive"]
    step(m, "do", MAIN)  # the unlink; the exit is in its channel
    finish(m)
    assert m.returned == "lives"


async def dead_link_unlinked() -> Any:
    process_flag("trap_exit", True)
    pid, _ = spawn_monitor(nothing)
    await receive()
    await link(pid)
    unlink(pid)
    message = await receive(after=1)
    return "nothing" if message is TIMEOUT else message[2]


@pytest.mark.rule("5.11")
def test_the_noproc_of_a_link_is_dropped_by_an_unlink_too() -> None:
    # The real machine showed no message after link and unlink of a dead process.
    assert both(dead_link_unlinked) == {"noproc", "nothing"}


async def idiom() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(die, "x")
    await quiet()
    unlink(pid)
    there = await look(("EXIT", pid, ANY))
    return there != "timeout", await look()


@pytest.mark.rule("5.12")
def test_an_exit_message_in_the_mailbox_stays() -> None:
    assert returned(idiom) == (True, "timeout")


async def kill_unlink_link() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(idle)
    exit(pid, "kill")
    unlink(pid)
    await link(pid)
    return (await receive())[2]


@pytest.mark.rule("5.13")
def test_an_exit_that_comes_after_linking_again_acts_on_the_new_link() -> None:
    # The real machine gave "killed": it knows a link by its two ends alone.
    assert both(kill_unlink_link) == {"killed", "noproc"}


async def relinked() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(die_when_told, "x")
    unlink(pid)
    await link(pid)
    mine = await links_of(self_())
    theirs = await links_of(pid)
    send(pid, "go")
    return mine == [pid], theirs == [MAIN], await receive() == ("EXIT", pid, "x"), await look()


@pytest.mark.rule("5.13")
def test_a_link_made_again_is_a_link() -> None:
    assert both(relinked) == {(True, True, True, "timeout")}


async def unlink_before_the_end(boss: Pid) -> None:
    await receive("go")


async def unlink_arrives_before_the_end() -> Any:
    pid = spawn_link(unlink_before_the_end, self_())
    process_flag("trap_exit", True)
    send(pid, "go")
    unlink(pid)
    await quiet()
    return tuple(message[2] for message in await rest())


@pytest.mark.rule("5.14", "12.12")
def test_an_end_may_leave_an_unlink_unhandled_and_its_exit_is_dropped() -> None:
    m = machine(unlink_arrives_before_the_end)
    until(m, "take", CHILD)
    while m.root.effects:
        step(m, "do", MAIN)
    step(m, "take", CHILD)
    assert m.processes[CHILD].arrived is not None
    step(m, "do", CHILD)
    assert m.dying[CHILD].effects == [(codes.TELL_LINK, MAIN, "normal")]
    finish(m)
    assert m.returned == ()


async def link_before_the_end() -> Any:
    process_flag("trap_exit", True)
    pid = spawn(die_when_told, "true")
    send(pid, "go")
    await link(pid)
    return (await receive())[2]


@pytest.mark.rule("5.14", "12.12")
def test_an_end_answers_the_link_that_it_has_handled_with_its_reason() -> None:
    assert both(link_before_the_end) == {"true", "noproc"}
    m = machine(link_before_the_end)
    until(m, "take", CHILD)
    while m.root.effects:
        step(m, "do", MAIN)
    step(m, "take", CHILD)
    step(m, "handle", CHILD)
    assert finish(m).returned == "true"


async def kill_then_link() -> Any:
    process_flag("trap_exit", True)
    pid = spawn(idle)
    exit(pid, "kill")
    await link(pid)
    return (await receive())[2]


@pytest.mark.rule("5.14")
def test_a_link_behind_a_kill_is_answered_noproc() -> None:
    # As the real machine does, whose signals behind the fatal one find nobody.
    assert both(kill_then_link) == {"noproc"}


# --- The smallest program in which death has to observe bookkeeping under way --------------------


async def b_links_c(c: Pid) -> None:
    await link(c)
    await idle()


async def c_crosses(boss: Pid) -> None:
    b = await receive(Pid)
    exit(b, "kill")
    unlink(b)
    try:
        await link(b)
    except ErlangError:
        send(boss, "raised")
    await idle()


async def crossing() -> Any:
    c, ref = spawn_monitor(c_crosses, self_())
    b = spawn(b_links_c, c)
    send(c, b)
    exit(c, "x")
    message = await receive("raised", ("DOWN", ref, ANY, ANY, ANY))
    return message if message == "raised" else message[4]


@pytest.mark.rule("12.16", "5.14")
def test_a_link_an_unlink_and_a_kill_that_cross() -> None:
    found = outcomes(crossing)
    assert found == {"raised", "x", "killed", "noproc"}


@pytest.mark.rule("5.1")
@pytest.mark.parametrize("network", BOTH)
def test_links_that_cross_make_one_link(network: str) -> None:
    m = machine(two_link_each_other, network=network)
    finish(m)
    assert list(m.processes[CHILD].links or ()) == [Pid((2,))]
    assert list(m.processes[Pid((2,))].links or ()) == [CHILD]


async def link_told() -> None:
    await link(await receive(Pid))
    await idle()


async def two_link_each_other() -> None:
    one, two = spawn(link_told), spawn(link_told)
    send(one, two)
    send(two, one)
