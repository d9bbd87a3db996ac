"""Section 12, first half: steps, effects, arrival and handling."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.choice import Walk
from simkernel.kernel.driver import drive
from simkernel.kernel.effects import (
    exit,
    log,
    receive,
    self_,
    send,
    spawn,
    spawn_monitor,
    whereis,
)
from simkernel.kernel.patterns import ANY
from simkernel.terms import Pid
from tests.kernel.programs import (
    both,
    die,
    finish,
    idle,
    kinds,
    machine,
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
