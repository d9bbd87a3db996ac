"""Section 12, second half: identity, fingerprints and snapshots."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.choice import Walk
from simkernel.errors import Exit
from simkernel.kernel import driver, ets
from simkernel.kernel.effects import (
    again,
    alias,
    cancel_timer,
    choose,
    hibernate,
    link,
    log,
    make_ref,
    monitor,
    process_flag,
    put,
    receive,
    register,
    self_,
    send,
    send_after,
    send_interval,
    spawn,
    spawn_link,
    start_timer,
    work,
)
from simkernel.kernel.fingerprints import fingerprint
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.patterns import where
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import Pid, Ref, show
from tests.kernel.programs import (
    die,
    finish,
    idle,
    machine,
    nothing,
    once,
    quiet,
    step,
    tell,
)

MAIN, CHILD, OTHER = Pid(()), Pid((1,)), Pid((2,))
ROOT = Path(__file__).resolve().parents[2]

# --- 12.21 to 12.23: runs and names --------------------------------------------------------------


async def lively() -> Any:
    tab = await ets.new("t", access="public")
    pids = [spawn(worker, self_(), tab, n) for n in range(3)]
    await register(pids[0], "zero")
    process_flag("trap_exit", True)
    spawn_link(die, ("error", {"b": 1, "a": frozenset({"x", "y", "z"})}))
    send_after(self_(), {"set": {"p", "q", "r"}}, 5)
    for pid in pids:
        monitor(pid)
        send(pid, ("go", {"k": [1, 2]}))
    for _ in range(8):
        log(await receive())
    return await ets.tab2list(tab)


async def worker(boss: Pid, tab: Any, n: int) -> None:
    await receive()
    await ets.insert(tab, (n, await choose(["a", "b"])))
    send(boss, (make_ref(), n))


def traced(seed: int) -> list[str]:
    """Give the tape of a run, line by line."""
    lines: list[str] = []
    m = Machine(lively, (), tape=lambda event: lines.append(show(event)))
    driver.drive(m, Walk(seed), 10_000)
    m.close()
    return lines


@pytest.mark.rule("12.21")
def test_the_same_picks_give_the_same_trace() -> None:
    first = traced(7)
    assert len(first) > 60
    assert traced(7) == first
    assert traced(8) != first


@pytest.mark.rule("12.21", "13.7")
def test_the_trace_is_the_same_under_every_hash_seed() -> None:
    code = "from tests.kernel.test_situations import traced; print('\\n'.join(traced(7)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == traced(7)


async def two_children() -> Any:
    spawn(tell, self_(), "a")
    spawn(tell, self_(), "b")
    return await receive(), await receive()


async def two_children_and_a_stranger() -> Any:
    spawn(tell, self_(), "a")
    spawn(tells_and_spawns, self_(), "b")
    return await receive(), await receive()


async def tells_and_spawns(boss: Pid, word: str) -> None:
    send(boss, word)
    spawn(idle)


def do_root(m: Machine, times: int) -> None:
    step(m, "start", MAIN)
    for _ in range(times):
        step(m, "do", MAIN)


@pytest.mark.rule("12.22")
def test_the_order_of_the_enabled_depends_on_the_state_alone() -> None:
    orders = []
    for first, second in ((CHILD, OTHER), (OTHER, CHILD)):
        m = machine(two_children)
        do_root(m, 2)
        step(m, "start", first)
        step(m, "start", second)
        orders.append(m.enabled())
    assert orders[0] == orders[1] == [Transition("do", CHILD), Transition("do", OTHER)]


@pytest.mark.rule("12.22")
@pytest.mark.parametrize("seed", range(5))
def test_a_recording_survives_a_stranger_beside_it(seed: int) -> None:
    m = machine(two_children)
    picks, chooser = [], Walk(seed)
    while options := m.enabled():
        picks.append(chooser.pick(options))
        m.apply(picks[-1])
    other = machine(two_children_and_a_stranger)
    for pick in picks:
        step(other, *pick)
    finish(other)
    assert other.returned == m.returned


async def names_its_child(boss: Pid) -> None:
    send(boss, (spawn(idle), make_ref(), spawn(idle)))


async def names_of_two() -> Any:
    spawn(names_its_child, self_())
    spawn(names_its_child, self_())
    return frozenset({await receive(), await receive()})


@pytest.mark.rule("12.23")
def test_names_are_given_by_the_creator_and_its_own_count() -> None:
    one = (Pid((1, 1)), Ref((1,), 1), Pid((1, 2)))
    two = (Pid((2, 1)), Ref((2,), 1), Pid((2, 2)))
    found = {frozenset(driven(names_of_two, seed).returned) for seed in range(20)}
    assert found == {frozenset({one, two})}


def driven(main: Any, seed: int) -> Machine:
    m = machine(main)
    driver.drive(m, Walk(seed), 10_000)
    return m


# --- 12.24 to 12.26: fingerprints ----------------------------------------------------------------


async def client(server: Pid) -> Any:
    ref = make_ref()
    send(server, ("ask", self_(), ref))
    await receive(("answer", ref))
    return again(client, server)


async def server() -> Any:
    _, pid, ref = await receive()
    send(pid, ("answer", ref))
    return again(server)


async def client_and_server() -> None:
    spawn(client, spawn(server))
    await idle()


def seen_on_the_way(m: Machine, length: int) -> list[bytes]:
    found = []
    for _ in range(length):
        found.append(fingerprint(m))
        options = m.enabled()
        if not options:
            break
        m.apply(options[0])
    return found


@pytest.mark.rule("12.24", "12.25")
def test_a_server_of_fresh_references_comes_back_to_its_states() -> None:
    seen = seen_on_the_way(machine(client_and_server), 200)
    assert len(seen) == 200
    assert len(set(seen)) < 30
    assert seen[-1] in seen[:-20]


@pytest.mark.rule("12.24")
def test_situations_that_differ_in_names_alone_are_one() -> None:
    found = set()
    for first in (CHILD, OTHER):
        m = machine(symmetric)
        do_root(m, 2)
        step(m, "start", first)
        found.add(fingerprint(m))
    assert len(found) == 1


async def symmetric() -> None:
    spawn(once)
    spawn(once)
    return again(idle)  # type: ignore[return-value]


async def ticker() -> Any:
    send_after(self_(), "tick", 10)
    await receive()
    return again(ticker)


@pytest.mark.rule("12.25")
def test_deadlines_count_relative_to_now() -> None:
    m = machine(ticker)
    seen = seen_on_the_way(m, 60)
    assert m.clock.now > 100_000
    assert len(set(seen)) < 10


async def forgets_a_reference(n: int) -> Any:
    for _ in range(n):
        make_ref()
        spawn(nothing)
    await quiet()
    return again(idle)


@pytest.mark.rule("12.25")
def test_counters_and_references_that_nobody_holds_play_no_part() -> None:
    assert len({fingerprint(finish(machine(forgets_a_reference, n))) for n in range(3)}) == 1


WAYS: dict[str, Any] = {}


async def starts_two_who_wait(told: bool) -> None:
    for _ in range(2):
        await starts_one_who_waits() if not told else spawn(starts_one_who_waits)


async def starts_one_who_waits() -> None:
    spawn(idle_for_a_while)


async def idle_for_a_while() -> None:
    await receive(after=5)


async def leaves_two_who_wait(told: bool) -> None:
    spawn(starts_two_who_wait, told)


@pytest.mark.parametrize("told", [False, True])
def test_two_who_are_alike_are_one_situation_whoever_of_them_waits_longer(told: bool) -> None:
    """Nobody knows them, so that only their times tell which of them is which."""
    found = []
    for last in (0, -1):
        m = Machine(leaves_two_who_wait, (told,), clock=SymbolicClock(), snapshots=True)
        m.checking = True
        while ready := [one for one in m.enabled() if one.kind in ("start", "do")]:
            few = min(len(one.who.path) for one in ready)
            m.apply([one for one in ready if len(one.who.path) == few][last])
        assert [p.timer is not None for p in m.processes.values()].count(True) == 2
        found.append(fingerprint(m))
    assert found[0] == found[1]


def way(function: Any) -> Any:
    WAYS[function.__name__] = function
    return function


@way
async def has_a_message(which: int) -> None:
    send(self_(), ("a", "b")[which])
    await quiet()


@way
async def has_messages_in_an_order(which: int) -> None:
    for message in ("ab", "ba")[which]:
        send(self_(), message)
    await quiet()


@way
async def has_a_message_of_a_type(which: int) -> None:
    send(self_(), (1, True)[which])
    await quiet()


@way
async def has_handled_or_not(which: int) -> None:
    send(self_(), "x")
    if which:
        await quiet()


@way
async def traps(which: int) -> None:
    process_flag("trap_exit", bool(which))


@way
async def is_linked(which: int) -> None:
    pid = spawn(idle)
    if which:
        await link(pid)
    await quiet()


@way
async def watches(which: int) -> None:
    pid = spawn(idle)
    if which:
        monitor(pid)
    await quiet()


@way
async def has_a_name(which: int) -> None:
    await register(self_(), ("a", "b")[which])


@way
async def has_an_alias(which: int) -> Any:
    ref = alias() if which else make_ref()
    return ref


@way
async def has_a_dictionary(which: int) -> None:
    put("k", which)


@way
async def has_a_priority(which: int) -> None:
    process_flag("priority", ("low", "high")[which])


@way
async def has_a_timer(which: int) -> None:
    send_after(self_(), "x", 10 + which)


@way
async def has_a_timer_message(which: int) -> None:
    send_after(self_(), which, 10)


@way
async def has_a_table(which: int) -> None:
    await ets.new("t", type=("set", "ordered_set")[which], named=True)


@way
async def has_a_row(which: int) -> None:
    await ets.insert(await ets.new("t", named=True), ("k", which))


@way
async def has_rows_in_an_order(which: int) -> None:
    tab = await ets.new("t", named=True)
    for key in ("ab", "ba")[which]:
        await ets.insert(tab, (key,))


@way
async def which_timer_is_armed(which: int) -> Any:
    refs = [send_after(self_(), "x", 10), send_after(self_(), "x", 10)]
    await cancel_timer(refs[which])
    return refs[0], refs[1]


@way
async def which_of_two_is_linked(which: int) -> Any:
    pids = spawn(idle), spawn(idle)
    await link(pids[which])
    await quiet()
    return pids


@way
async def has_children(which: int) -> None:
    for _ in range(1 + which):
        spawn(idle)
    await quiet()


@way
async def who_is_the_ancestor(which: int) -> None:
    if which:
        await register(self_(), "m")
    spawn(idle)
    await quiet()
    if not which:
        await register(self_(), "m")


@way
async def an_interval_or_a_timer(which: int) -> None:
    if which:
        send_interval(10, self_(), "x")
    else:
        send_after(self_(), "x", 10)


async def goes_a_way(name: str, which: int) -> Any:
    held = await WAYS[name](which)
    return again(ends_in_one_place, held)


async def ends_in_one_place(held: Any) -> None:
    await receive(where(lambda _: False), idle=True)


def settled(name: str, which: int) -> Machine:
    """Run until the root waits in the one place, and all that costs no time has happened."""
    m = machine(goes_a_way, name, which)
    until_there = 1000
    while until_there and not (m.root.origin[0] is ends_in_one_place and m.root.status == 2):
        m.apply(m.enabled()[0])
        until_there -= 1
    if name != "has_handled_or_not":
        while m.active and (options := m.enabled()):
            if options[0].kind in ("fire", "expire"):
                break
            m.apply(options[0])
    return m


@pytest.mark.rule("12.26")
@pytest.mark.parametrize("name", sorted(WAYS))
def test_situations_that_can_go_on_differently_have_different_fingerprints(name: str) -> None:
    prints = [fingerprint(settled(name, which)) for which in (0, 1, 0)]
    assert prints[0] == prints[2]
    assert prints[0] != prints[1]


# --- 12.27: snapshots ----------------------------------------------------------------------------


@pytest.mark.rule("12.27")
@pytest.mark.parametrize("seed", range(4))
def test_restoring_gives_what_the_same_picks_give(seed: int) -> None:
    chooser, picks, saved, prints = Walk(seed), [], [], []
    m = machine(lively)
    while options := m.enabled():
        saved.append(snapshot(m))
        prints.append(fingerprint(m))
        picks.append(chooser.pick(options))
        m.apply(picks[-1])
    end, logged = fingerprint(m), list(m.logged)
    for at in (len(picks) // 2, 0, len(picks) - 1, len(picks) // 3):
        restore(m, saved[at])
        assert fingerprint(m) == prints[at]
        for pick in picks[at:]:
            step(m, *pick)
        assert (fingerprint(m), m.logged) == (end, logged)


async def guarded_by_a_local() -> Any:
    spawn(tell, self_(), 1)
    send(self_(), 2)
    count, got = 0, []
    while count < 2:
        message = await receive(where(lambda n: n > count))  # noqa: B023 (this is what it tests)
        count = message
        got.append(message)
    return tuple(got)


@pytest.mark.rule("12.27")
@pytest.mark.parametrize("merge", [True, False])
def test_a_guard_over_local_variables_is_restored_with_them(merge: bool) -> None:
    assert outcomes(guarded_by_a_local, merge=merge) == {(1, 2), (2,)}


async def changes_its_lists() -> Any:
    mine = [0]
    spawn(tell, self_(), [1])
    send(self_(), [2])
    for _ in range(2):
        message = await receive()
        message.append("changed")
        mine.append(message)
    return tuple(each[0] for each in mine[1:])


@pytest.mark.rule("12.27", "13.1")
def test_a_message_is_handed_over_afresh_in_each_rerun() -> None:
    assert outcomes(changes_its_lists, merge=False) == {(1, 2), (2, 1)}


async def waits_in_everything() -> Any:
    pid = spawn(once)
    await register(pid, "x")
    ref = start_timer(10, self_(), "t")
    await work(3)
    await receive(after=2)
    left = await cancel_timer(ref)
    send(pid, "go")
    await hibernate(wakes_up, left is False)


async def wakes_up(fired: bool) -> None:
    log(fired, await receive())


@pytest.mark.rule("12.27")
def test_every_kind_of_waiting_can_be_restored() -> None:
    m = machine(waits_in_everything)
    saved = []
    while options := m.enabled():
        saved.append((snapshot(m), fingerprint(m), len(m.logged)))
        m.apply(options[0])
    end = fingerprint(m)
    for state, printed, _ in reversed(saved):
        restore(m, state)
        assert fingerprint(m) == printed
        assert fingerprint(finish(m)) == end


async def takes_one_of_two_ways() -> None:
    spawn(quiet, 20)
    if await choose([False, True]):
        log("a way of two deaths")
        spawn(die, "first")
        await receive(after=5)
        raise Exit("second")
    log("a way of none")


@pytest.mark.rule("12.27")
def test_a_search_may_go_on_in_a_longer_branch_after_a_shorter_one() -> None:
    """What is past, and whether main has ended, are those of the branch that is restored."""
    m = machine(takes_one_of_two_ways)
    while len(m.enabled()) == 1 or m.enabled()[0].kind != "choose":
        m.apply(m.enabled()[0])
    start, saved = snapshot(m), []
    m.apply(Transition("choose", MAIN, 1))
    while options := m.enabled():
        saved.append((snapshot(m), options, list(m.logged), list(m.deaths)))
        m.apply(options[0])
    restore(m, start)
    m.apply(Transition("choose", MAIN, 0))
    assert finish(m).logged == ["a way of none"]
    for state, options, logged, deaths in saved:
        restore(m, state)
        assert (m.enabled(), m.logged, m.deaths) == (options, logged, deaths)
    assert [death.reason for death in finish(m).deaths] == ["first", "second", "normal"]
