"""Section 12, first half: steps, effects, arrival and handling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.choice import Walk
from simkernel.kernel.driver import drive
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
    until,
)

MAIN, CHILD, OTHER = Pid(()), Pid((1,)), Pid((2,))
P, Q = Pid((2,)), Pid((3,))


def do_all(m: Any, who: Pid) -> None:
    """Let all effects of a process leave that can leave now."""
    while kinds(m, who)[:1] == ["do"]:
        step(m, "do", who)


# --- 12.1 to 12.4: effects -----------------------------------------------------------------------


async def two_sends_and_a_rival() -> Any:
    spawn(tell, self_(), 1, 2)
    spawn(tell, self_(), "between")
    return await receive(), await receive(), await receive()


@pytest.mark.rule("12.1")
def test_events_of_others_fall_between_any_two_effects() -> None:
    assert outcomes(two_sends_and_a_rival) == {
        ("between", 1, 2),
        (1, "between", 2),
        (1, 2, "between"),
    }


@pytest.mark.rule("12.1")
def test_a_step_leaves_a_list_of_effects_that_leave_one_by_one() -> None:
    m = machine(two_sends_and_a_rival)
    until(m, "start", CHILD)
    step(m, "start", CHILD)
    assert len(m.processes[CHILD].effects or ()) == 3  # two sends and the end
    before = len(m.root.arrived or ())
    step(m, "do", CHILD)
    assert len(m.root.arrived or ()) == before + 1


def got_before_down(messages: list[Any]) -> Any:
    return tuple(message if type(message) is str else message[4] for message in messages)


async def cut_by_a_killer() -> Any:
    pid, _ = spawn_monitor(tell, self_(), "a", "b")
    exit(pid, "kill")
    got = []
    while not got or type(got[-1]) is str:
        got.append(await receive())
    return got_before_down(got)


@pytest.mark.rule("12.2")
def test_a_killer_cuts_the_effects_after_any_prefix() -> None:
    assert both(cut_by_a_killer) == {
        ("killed",),
        ("a", "killed"),
        ("a", "b", "killed"),
        ("a", "b", "normal"),
    }


async def kills_when_told(boss: Pid) -> None:
    exit(await receive(Pid), "kill")


async def tells_its_killer(killer: Pid, boss: Pid) -> None:
    send(killer, self_())
    send(boss, "b")


async def cut_by_its_own_effect() -> Any:
    killer = spawn(kills_when_told, self_())
    _pid, _ = spawn_monitor(tells_its_killer, killer, self_())
    got = []
    while not got or type(got[-1]) is str:
        got.append(await receive())
    return got_before_down(got)


@pytest.mark.rule("12.3")
def test_the_first_effect_may_cause_the_cut_before_the_second() -> None:
    assert both(cut_by_its_own_effect) == {("killed",), ("b", "killed"), ("b", "normal")}


async def forwards(to: Pid) -> None:
    send(to, await receive())


async def first_through_a_third(third: Pid, to: Pid) -> None:
    send(third, "w")
    send(to, "a")


async def overtaken() -> Any:
    spawn(first_through_a_third, spawn(forwards, self_()), self_())
    return await receive(), await receive()


@pytest.mark.rule("12.4")
def test_what_is_sent_next_can_be_overtaken_through_a_third() -> None:
    assert both(overtaken) == {("a", "w"), ("w", "a")}


# --- 12.5 to 12.7: the two networks --------------------------------------------------------------


@pytest.mark.rule("12.5")
def test_on_node_a_signal_has_arrived_when_its_effect_has_happened() -> None:
    m = machine(two_sends_and_a_rival)
    until(m, "start", CHILD)
    step(m, "start", CHILD)
    step(m, "do", CHILD)
    assert [signal[3] for signal in m.root.arrived or ()] == [1]
    assert m.channels == {}


async def first_of(pids: tuple[Pid, ...], word: str) -> None:
    for pid in pids:
        send(pid, word)


async def exits_with_its_first() -> None:
    await die(await receive())


async def opposite_orders() -> Any:
    other, ref = spawn_monitor(exits_with_its_first)
    spawn(first_of, (self_(), other), "p")
    spawn(first_of, (other, self_()), "q")
    mine = await receive("p", "q")
    return mine, (await receive(("DOWN", ref, ANY, ANY, ANY)))[4]


@pytest.mark.rule("12.5", "12.6")
def test_two_receivers_can_hear_two_senders_in_opposite_orders() -> None:
    # P sends here, then there; Q there, then here. Here Q first and there P first would need a
    # send before itself: on node there is one order of sends.
    found = set()
    for seed in range(150):  # a full search takes a second
        m = machine(opposite_orders)
        drive(m, Walk(seed), 1000)
        found.add(m.returned)
    assert found == {("p", "p"), ("q", "q"), ("p", "q")}


@pytest.mark.rule("12.6", "12.7")
def test_on_cluster_the_fourth_pair_of_orders_is_possible_too() -> None:
    m = machine(opposite_orders, network="cluster")
    do_all_of(m, MAIN)
    for sender in (P, Q):
        do_all_of(m, sender)
    step(m, "arrive", (Q, MAIN))
    step(m, "arrive", (P, CHILD))
    assert finish(m).returned == ("q", "p")


@pytest.mark.rule("12.7")
def test_on_cluster_a_signal_arrives_by_an_event_of_its_own() -> None:
    m = machine(two_sends_and_a_rival, network="cluster")
    do_all_of(m, MAIN)
    for child in (CHILD, OTHER):
        step(m, "start", child)
    for child in (CHILD, CHILD, OTHER):
        step(m, "do", child)
    way, rival = (CHILD, MAIN), (OTHER, MAIN)
    assert m.root.arrived is None
    assert [signal[3] for signal, _ in m.channels[way].signals] == [1, 2]
    assert [option.who for option in m.enabled() if option.kind == "arrive"] == [way, rival]
    step(m, "arrive", way)
    step(m, "arrive", rival)
    step(m, "arrive", way)
    assert [signal[3] for signal in m.root.arrived or ()] == [1, "between", 2]


def do_all_of(m: Any, who: Pid) -> None:
    step(m, "start", who)
    do_all(m, who)


# --- 12.8 to 12.10: handling ---------------------------------------------------------------------


async def sends_to_a_busy_one() -> None:
    pid = spawn(asks_and_waits)
    send(pid, "x")
    send(pid, "y")
    await idle()


async def asks_and_waits() -> None:
    await whereis("nobody")
    await receive("never")


@pytest.mark.rule("12.8")
def test_what_has_arrived_can_be_handled_at_any_point() -> None:
    m = machine(sends_to_a_busy_one)
    step(m, "start", MAIN)
    for _ in range(3):
        step(m, "do", MAIN)
    assert kinds(m, CHILD) == ["start", "handle"]
    step(m, "start", CHILD)
    assert kinds(m, CHILD) == ["do", "handle"]
    step(m, "do", CHILD)
    assert kinds(m, CHILD) == ["handle"]
    step(m, "handle", CHILD)
    assert list(m.processes[CHILD].mailbox or ()) == ["x"]  # in the order of arrival
    assert kinds(m, CHILD) == ["handle"]


@pytest.mark.rule("12.9")
def test_waiting_forces_no_handling() -> None:
    m = machine(waits_while_others_go_on)
    do_all_of(m, MAIN)
    step(m, "start", CHILD)
    step(m, "start", OTHER)
    while kinds(m, OTHER):
        step(m, "do", OTHER)
    assert OTHER not in m.processes  # it went all its way, and the first has handled nothing
    assert [signal[3] for signal in m.processes[CHILD].arrived or ()] == ["m", "late"]
    assert finish(m).logged == ["m"]


async def waits_while_others_go_on() -> None:
    pid = spawn(logs_one)
    spawn(tell, pid, "late")
    send(pid, "m")


async def logs_one() -> None:
    log(await receive())


async def finds_a_fit_behind_others() -> Any:
    spawn(tell, self_(), "no", "yes", "more")
    first = await receive("yes", after=10)
    return first if type(first) is str else "timeout"


@pytest.mark.rule("12.10")
def test_a_receive_takes_in_what_has_arrived_until_something_fits() -> None:
    m = machine(finds_a_fit_behind_others)
    do_all_of(m, MAIN)
    do_all_of(m, CHILD)
    assert kinds(m, MAIN) == ["handle"]
    step(m, "handle", MAIN)
    assert kinds(m, MAIN) == ["handle"]
    step(m, "handle", MAIN)
    assert kinds(m, MAIN) == ["take", "handle"]


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
