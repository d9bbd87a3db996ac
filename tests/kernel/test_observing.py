"""Section 12: what observes arrivals, and what matters among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.kernel.effects import (
    alive,
    demonitor,
    exit,
    link,
    log,
    monitor,
    process_flag,
    process_info,
    receive,
    self_,
    send,
    send_after,
    spawn,
    spawn_link,
    spawn_monitor,
    unlink,
    whereis,
)
from simkernel.kernel.machine import Machine
from simkernel.kernel.patterns import ANY
from simkernel.terms import Pid
from tests.kernel.programs import (
    BOTH,
    both,
    die,
    die_when_told,
    finish,
    idle,
    kinds,
    look,
    machine,
    nothing,
    step,
    tell,
)
from tests.kernel.test_machine import (
    CHILD,
    MAIN,
    cut_by_its_own_effect,
    do_all_of,
    overtaken,
)

# --- 12.11 to 12.15: what observes arrivals ------------------------------------------------------


async def acts(how: str) -> None:
    pid = await receive(Pid)
    await whereis("nobody")
    if how == "end":
        return
    if how == "demonitor":
        demonitor(monitor(pid))
    elif how == "demonitor now":
        await demonitor(monitor(pid), flush=True)
    elif how == "unlink":
        unlink(pid)
    elif how == "link":
        await link(pid)
    elif how == "trap off":
        process_flag("trap_exit", False)
    elif how == "trap on":
        process_flag("trap_exit", True)
    elif how == "priority":
        process_flag("priority", "low")
    elif how == "exit itself":
        exit(self_(), "x")
    elif how == "exit another":
        exit(pid, "x")
    elif how == "length":
        await process_info(self_(), "message_queue_len")
    elif how == "several":
        await process_info(self_(), ["links", "messages"])
    elif how == "links":
        await process_info(self_(), "links")
    elif how == "send":
        send(pid, "m")
    elif how == "log":
        log("m")
    await idle()


async def disturbs(how: str) -> None:
    pid = spawn(acts, how)
    send(pid, self_())
    send(pid, "disturbance")
    await idle()


FORCING_NOTHING = (
    "end", "demonitor", "demonitor now", "unlink", "link", "trap off", "length", "several",
    "trap on", "priority", "exit itself", "exit another", "links", "send", "log",
)  # fmt: skip


def acting(how: str) -> Machine:
    """Give a machine whose child acts, with a message that it has not handled."""
    m = machine(disturbs, how)
    step(m, "start", MAIN)
    step(m, "do", MAIN)
    step(m, "do", MAIN)
    for kind in ("start", "handle", "take", "do"):
        step(m, kind, CHILD)
    if how.startswith("demonitor"):
        step(m, "do", CHILD)  # the monitor
    step(m, "do", MAIN)  # the disturbance arrives
    return m


@pytest.mark.rule("12.11", "12.12", "12.13", "12.14", "12.15")
@pytest.mark.parametrize("how", FORCING_NOTHING)
def test_what_is_done_forces_no_handling(how: str) -> None:
    m = acting(how)
    assert kinds(m, CHILD) == ["do", "handle"]
    step(m, "handle", CHILD)
    assert kinds(m, CHILD) == ["do"]


@pytest.mark.rule("1.14", "12.15")
def test_behind_a_deadly_signal_to_itself_a_process_only_handles() -> None:
    m = acting("exit itself")
    step(m, "do", CHILD)
    assert kinds(m, CHILD) == ["handle"]
    step(m, "handle", CHILD)
    assert kinds(m, CHILD) == ["handle"]
    step(m, "handle", CHILD)
    assert CHILD not in m.processes


async def looks_at_its_own() -> Any:
    spawn(tell, self_(), "m")
    send(self_(), "own")
    return (await process_info(self_(), "message_queue_len"))[1]


@pytest.mark.rule("12.11")
def test_the_own_length_counts_what_one_sent_oneself() -> None:
    assert both(looks_at_its_own) == {1, 2}


async def end_after_a_kill_has_arrived() -> Any:
    pid, _ = spawn_monitor(nothing)
    exit(pid, "x")
    return (await receive())[4]


@pytest.mark.rule("12.12")
def test_a_process_may_end_with_a_deadly_signal_unhandled() -> None:
    assert both(end_after_a_kill_has_arrived) == {"x", "normal"}
    m = machine(end_after_a_kill_has_arrived)
    step(m, "start", MAIN)
    step(m, "do", MAIN)
    step(m, "start", CHILD)
    step(m, "do", MAIN)
    assert kinds(m, CHILD) == ["do", "handle"]
    step(m, "handle", CHILD)
    assert finish(m).returned == "x"


async def trap_on_and_off() -> Any:
    spawn(exits, self_())
    spawn(tell, self_(), "m")
    process_flag("trap_exit", True)
    process_flag("trap_exit", False)
    first, second = await receive(), await receive()
    return tuple(each if type(each) is str else each[0] for each in (first, second))


async def exits(pid: Pid) -> None:
    exit(pid, "x")


@pytest.mark.rule("12.13")
def test_a_signal_that_came_while_trapping_may_be_deadly_afterwards() -> None:
    assert both(trap_on_and_off) == {("exit", "x"), ("m", "EXIT"), ("EXIT", "m")}


async def to_oneself_among_others() -> Any:
    spawn(tell, self_(), "m")
    send(self_(), "s")
    return await receive()


@pytest.mark.rule("1.13")
@pytest.mark.parametrize("network", BOTH)
def test_what_others_sent_may_come_before_what_one_sends_oneself(network: str) -> None:
    assert outcomes(to_oneself_among_others, network=network) == {"m", "s"}


@pytest.mark.rule("1.13")
def test_on_cluster_what_has_arrived_stays_before_a_send_to_oneself() -> None:
    m = machine(to_oneself_among_others, network="cluster")
    step(m, "start", MAIN)
    step(m, "do", MAIN)
    do_all_of(m, CHILD)
    step(m, "arrive", (CHILD, MAIN))
    assert finish(m).returned == "m"


# --- 12.16 to 12.20 ------------------------------------------------------------------------------


async def victim_of_two(boss: Pid) -> None:
    pid = await receive(Pid)
    await link(pid)
    unlink(pid)
    send(boss, "through")
    await idle()


async def hit_between_bookkeeping() -> Any:
    friend = spawn(idle)
    pid, ref = spawn_monitor(victim_of_two, self_())
    send(pid, friend)
    exit(pid, "boom")
    await receive(("DOWN", ref, ANY, ANY, ANY))
    return await alive(friend), await look("through")


@pytest.mark.rule("12.16")
def test_an_exit_acts_between_two_pieces_of_bookkeeping() -> None:
    # Between link and unlink it takes the friend along; before or after, it does not.
    found = outcomes(hit_between_bookkeeping)
    assert found == {(True, "timeout"), (False, "timeout"), (True, "through")}


async def non_matching_matter() -> Any:
    spawn(tell, self_(), "x", "y")
    spawn(tell, self_(), "z")
    await receive("y")
    return await receive("x", "z")


async def non_matching_that_cannot() -> Any:
    spawn(tell, self_(), "x", "y")
    spawn(tell, self_(), "z")
    return await receive("y", "z"), await receive("x", "z")


@pytest.mark.rule("12.17")
@pytest.mark.parametrize("network", BOTH)
def test_the_order_of_arrival_matters_among_those_that_fit_nothing_yet(network: str) -> None:
    assert outcomes(non_matching_matter, network=network) == {"x", "z"}


@pytest.mark.rule("12.17")
@pytest.mark.parametrize("network", BOTH)
def test_an_older_one_that_fits_is_not_passed_over(network: str) -> None:
    found = outcomes(non_matching_that_cannot, network=network)
    assert found == {("y", "x"), ("z", "x")}


async def dropped_body(boss: Pid) -> None:
    try:
        await receive()
    finally:
        send(boss, "ghost")
        log("ghost")


async def drops_bodies() -> Any:
    pid = spawn(dropped_body, self_())
    exit(pid, "kill")
    message = await receive(after=5)
    return message if type(message) is str else "quiet"


@pytest.mark.rule("12.19")
def test_no_body_dropped_by_a_search_or_a_run_has_effects() -> None:
    assert both(drops_bodies) == {"quiet"}


async def stays_suspended() -> None:
    try:
        await receive(idle=True)
    finally:
        CLOSED.append("closed")


CLOSED: list[str] = []


async def leaves_one_suspended() -> None:
    spawn(stays_suspended)


@pytest.mark.rule("12.19")
def test_a_body_that_is_left_over_is_closed_with_its_machine() -> None:
    CLOSED.clear()
    m = machine(leaves_one_suspended)
    finish(m)
    assert CLOSED == []
    m.close()
    assert CLOSED == ["closed"]


async def linked_to_a_quick_one() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(die, "x")
    monitor(pid)
    first, second = await receive(), await receive()
    return first[0], second[0], second[-1]


async def timer_or_message() -> Any:
    spawn(tell, self_(), "m")
    send_after(self_(), "t", 5)
    return await receive(), await receive()


async def asks_a_dying_one() -> Any:
    pid = spawn(die_when_told, "x")
    spawn(tell, pid, "go")
    info = await process_info(pid, "message_queue_len")
    return "dead" if info is None else info[1]


@pytest.mark.rule("12.20")
@pytest.mark.parametrize(
    "main",
    [
        cut_by_its_own_effect,
        overtaken,
        trap_on_and_off,
        linked_to_a_quick_one,
        timer_or_message,
        asks_a_dying_one,
    ],
)
def test_every_outcome_on_node_is_one_on_cluster(main: Callable[..., Any]) -> None:
    assert outcomes(main) <= outcomes(main, network="cluster")


@pytest.mark.rule("12.18")
def test_causes_and_times_are_checked_apart() -> None:
    # The timer is set after the first message was taken, so it cannot be before it; and it is
    # due before the later one, whatever time the steps take.
    assert outcomes(caused_timers) == {("first", "five", "ten")}


async def caused_timers() -> Any:
    send(self_(), "first")
    first = await receive()
    send_after(self_(), "five", 5)
    send_after(self_(), "ten", 10)
    return first, await receive(), await receive()
