"""Laws of the kernel, tried on random programs.

A random program is a list of small scripts, one a process. Each operation of a script has results
that can be told apart, and each process logs what it saw, so that two runs that differ anywhere
differ in what they leave.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.dfs import Dfs, outcomes
from simkernel.choice import Walk
from simkernel.errors import ArgumentError, ErlangError
from simkernel.kernel import driver, ets
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.effects import (
    alive,
    choose,
    demonitor,
    exit,
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
    send_after,
    spawn,
    unlink,
    whereis,
    work,
)
from simkernel.kernel.fingerprints import fingerprint
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.patterns import TIMEOUT, match, where
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import Pid, show, thaw
from tests.kernel.programs import returned

# --- Random programs -----------------------------------------------------------------------------

FEW = settings().max_examples // 5  # for whole searches
WHO = st.integers(0, 2)

OPERATIONS = st.one_of(
    st.tuples(st.just("send"), WHO, st.sampled_from(["a", "b"])),
    st.tuples(st.just("send"), WHO, st.sampled_from(["a", "b"])),
    st.tuples(st.just("receive"), st.sampled_from([None, 0, 0, 5])),
    st.tuples(st.just("receive only"), st.sampled_from(["a", "b"]), st.sampled_from([0, 5])),
    st.tuples(st.just("exit"), WHO, st.sampled_from(["kill", "boom", "normal"])),
    st.tuples(st.just("link"), WHO),
    st.tuples(st.just("unlink"), WHO),
    st.tuples(st.just("monitor"), WHO),
    st.tuples(st.just("demonitor")),
    st.tuples(st.just("trap"), st.booleans()),
    st.tuples(st.just("alive"), WHO),
    st.tuples(st.just("length"), WHO),
    st.tuples(st.just("register"), st.sampled_from(["n", "m"])),
    st.tuples(st.just("send name"), st.sampled_from(["n", "m"])),
    st.tuples(st.just("whereis"), st.sampled_from(["n", "m"])),
    st.tuples(st.just("timer"), WHO, st.integers(0, 6)),
    st.tuples(st.just("work"), st.integers(0, 6)),
    st.tuples(st.just("insert"), st.integers(0, 3)),
    st.tuples(st.just("lookup")),
    st.tuples(st.just("choose")),
    st.tuples(st.just("put"), st.integers(0, 3)),
)

SCRIPTS = st.lists(st.lists(OPERATIONS, max_size=4), min_size=2, max_size=3)
TINY = st.tuples(st.lists(OPERATIONS, max_size=2), st.lists(OPERATIONS, max_size=1))
SMALL = st.lists(st.lists(OPERATIONS, max_size=2), min_size=2, max_size=2)


async def system(scripts: Any) -> Any:
    """Run script 0 as the root, and the others as its children, which know each other."""
    await ets.new("tab", named=True, access="public")
    pids = [self_(), *(spawn(child, script) for script in scripts[1:])]
    for pid in pids[1:]:
        send(pid, ("pids", pids))
    await acts(scripts[0], pids)
    return [await process_info(self_(), "messages"), await ets.tab2list("tab")]


async def child(script: Any) -> None:
    _, pids = await receive(("pids", list))
    await acts(script, pids)


async def acts(script: Any, pids: list[Pid]) -> None:
    refs = []
    for operation, *args in script:
        target = pids[args[0] % len(pids)] if args and type(args[0]) is int else None
        if operation == "monitor":
            refs.append(monitor(target))  # type: ignore[arg-type]
        elif operation == "demonitor":
            if refs:
                demonitor(refs.pop())
        elif operation == "log":
            log(*args)
        else:
            seen = await one(operation, args, target)
            if seen is not None:
                log(self_(), operation, "timeout" if seen is TIMEOUT else seen)


async def one(operation: str, args: list[Any], target: Any) -> Any:
    try:
        match operation:
            case "send":
                send(target, args[1])
            case "receive":
                return await receive(after=args[0], idle=True)
            case "receive only":
                return await receive(args[0], after=args[1], idle=True)
            case "exit":
                exit(target, args[1])
            case "link":
                return await link(target)
            case "unlink":
                unlink(target)
            case "trap":
                process_flag("trap_exit", args[0])
            case "alive":
                return await alive(target)
            case "length":
                return await process_info(target, "message_queue_len")
            case "register":
                return await register(self_(), args[0])
            case "send name":
                return await send(args[0], "by name")
            case "whereis":
                return await whereis(args[0])
            case "timer":
                send_after(target, "timer", args[1])
            case "work":
                return await work(args[0])
            case "insert":
                return await ets.insert("tab", (args[0], [args[0]]))
            case "lookup":
                return await ets.tab2list("tab")
            case "choose":
                return await choose(["x", "y"])
            case "put":
                put("k", [args[0]])
    except (ArgumentError, ErlangError) as error:
        return error.reason


def machine_of(scripts: Any, network: str, *, symbolic: bool = False) -> Machine:
    clock = SymbolicClock() if symbolic else ConcreteClock()
    return Machine(system, (scripts,), network=network, clock=clock, snapshots=True)


def run(m: Machine, walk: Walk, steps: int = 100_000) -> list[Transition]:
    """Let a walk pick; give what it picked."""
    picks: list[Transition] = []
    while steps and (options := m.enabled()):
        picks.append(walk.pick(options))
        m.apply(picks[-1])
        steps -= 1
    return picks


def left_by(m: Machine) -> Any:
    """Give all that a run has left, to compare it with another run of the same program."""
    return (m.logged, list(m.deaths), m.returned, m.root.status, m.clock.now, m.count)


NETWORKS = st.sampled_from(["node", "cluster"])
SEEDS = st.integers(0, 1000)

# --- The mailbox against a list ------------------------------------------------------------------

PATTERNS: dict[str, Any] = {
    "any": (),
    "int": (int,),
    "str": (str,),
    "pair": (("x", int),),
    "one or str": (1, str),
    "big": (where(lambda n: n > 2),),
    "none": (None,),
}
MESSAGES = st.one_of(
    st.integers(0, 4), st.sampled_from(["a", "b", None, True, 1.0]), st.tuples(st.just("x"), WHO)
)
MAILBOX_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), MESSAGES),
        st.tuples(st.just("take"), st.sampled_from(list(PATTERNS))),
    ),
    max_size=20,
)


async def mailbox(steps: Any) -> Any:
    got = []
    for what, value in steps:
        if what == "send":
            send(self_(), value)
        else:
            message = await receive(*PATTERNS[value], after=0)
            got.append("timeout" if message is TIMEOUT else ("took", message))
    return got, (await process_info(self_(), "messages"))[1]


def mailbox_as_a_list(steps: Any) -> Any:
    box: list[Any] = []
    got: list[Any] = []
    for what, value in steps:
        if what == "send":
            box.append(value)
            continue
        patterns = PATTERNS[value]
        at = next(
            (
                at
                for at, message in enumerate(box)
                if not patterns or any(match(pattern, message) for pattern in patterns)
            ),
            None,
        )
        got.append("timeout" if at is None else ("took", box.pop(at)))
    return got, box


@pytest.mark.rule("2.1", "2.2", "2.4", "2.5", "2.6", "2.9")
@given(MAILBOX_STEPS)
def test_a_mailbox_is_a_list_from_which_the_oldest_fit_is_taken(steps: Any) -> None:
    expected = mailbox_as_a_list(steps)
    assert repr(returned(mailbox, steps)) == repr(expected)


# --- One sender, one receiver --------------------------------------------------------------------


async def sends_numbers(boss: Pid, name: str, count: int) -> None:
    for n in range(count):
        send(boss, (name, n))
        if n % 2:
            await alive(self_())


async def hears_several(counts: list[int]) -> Any:
    for at, count in enumerate(counts):
        spawn(sends_numbers, self_(), f"s{at}", count)
    return [await receive() for _ in range(sum(counts))]


@pytest.mark.rule("1.3")
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), NETWORKS, SEEDS)
def test_what_one_sends_to_one_keeps_its_order(counts: Any, network: str, seed: int) -> None:
    m = Machine(hears_several, (counts,), network=network)
    run(m, Walk(seed))
    heard = thaw(m.returned)
    for at, count in enumerate(counts):
        assert [n for name, n in heard if name == f"s{at}"] == list(range(count))
    assert len(heard) == sum(counts)


# --- node and cluster ----------------------------------------------------------------------------


@pytest.mark.rule("12.20")
@settings(max_examples=FEW)
@given(SMALL)
def test_outcomes_on_node_are_outcomes_on_cluster(scripts: Any) -> None:
    assert outcomes(system, scripts) <= outcomes(system, scripts, network="cluster")


# --- Snapshots -----------------------------------------------------------------------------------


@pytest.mark.rule("12.27")
@given(SCRIPTS, NETWORKS, st.booleans(), SEEDS, st.floats(0, 1))
def test_going_on_after_a_restore_is_running_again(
    scripts: Any, network: str, symbolic: bool, seed: int, part: float
) -> None:
    whole = machine_of(scripts, network, symbolic=symbolic)
    picks = run(whole, Walk(seed), 300)
    expected, printed = left_by(whole), fingerprint(whole)

    m = machine_of(scripts, network, symbolic=symbolic)
    cut = int(part * len(picks))
    for pick in picks[:cut]:
        assert pick in m.enabled()
        m.apply(pick)
    saved, there = snapshot(m), fingerprint(m)
    for other in (seed + 1, seed + 2):
        run(m, Walk(other), 300)
        restore(m, saved)
        assert fingerprint(m) == there
    for pick in picks[cut:]:
        assert pick in m.enabled()
        m.apply(pick)
    m.enabled()  # where time may pass to the next deadline, as it did in the whole run
    assert left_by(m) == expected
    assert fingerprint(m) == printed


@pytest.mark.rule("12.27")
@given(SCRIPTS, NETWORKS, SEEDS)
def test_snapshots_can_be_restored_in_any_order(scripts: Any, network: str, seed: int) -> None:
    m = machine_of(scripts, network, symbolic=True)
    walk = Walk(seed)
    saved = []
    for _ in range(12):
        saved.append((snapshot(m), fingerprint(m), m.enabled()))
        if not run(m, walk, 4):
            break
    for state, printed, options in (*saved[::-1], *saved[::2], *saved[1::2]):
        restore(m, state)
        assert (fingerprint(m), m.enabled()) == (printed, options)
        run(m, walk, 3)


# --- Fingerprints --------------------------------------------------------------------------------


def independent(m: Machine, one: Transition, other: Transition) -> bool:
    """Starts and the handling of messages by two processes touch nothing that both have."""
    quiet_kinds = ("start", "take", "timeout")
    return one.kind in quiet_kinds and other.kind in quiet_kinds and one.who != other.who


@pytest.mark.rule("12.24", "12.26")
@given(SCRIPTS, NETWORKS, SEEDS, st.integers(0, 60))
def test_commuting_transitions_lead_to_one_fingerprint(
    scripts: Any, network: str, seed: int, steps: int
) -> None:
    m = machine_of(scripts, network)
    run(m, Walk(seed), steps)
    options = m.enabled()
    saved = snapshot(m)
    for at, one_of in enumerate(options):
        for other in options[at + 1 :]:
            if not independent(m, one_of, other):
                continue
            prints = []
            for pair in ((one_of, other), (other, one_of)):
                for pick in pair:
                    m.apply(pick)
                prints.append(fingerprint(m))
                restore(m, saved)
            assert prints[0] == prints[1]


def strictly(m: Machine) -> Any:
    """Give a situation as plain values, names and all: a comparison without any renaming."""

    def inputs_of(p: Any) -> Any:
        found, inputs = [], p.inputs
        while inputs:
            inputs, tag, value = inputs
            found.append((tag, repr(value) if tag == "error" else show(value)))
        return tuple(found)

    records = []
    for pid, p in sorted({**m.processes, **m.dying}.items(), key=lambda pair: pair[0].path):
        records.append(
            (
                str(pid),
                p.status,
                inputs_of(p),
                show([each[:2] + each[3:] for each in (p.effects or [])[p.cursor :]]),
                show([each[:2] + each[3:] for each in p.arrived or ()]),
                show(list(p.mailbox or ())),
                p.expired,
                p.trap_exit,
                show(list(p.links or ())),
                show(list((p.monitors or {}).items())),
                show(list((p.watchers or {}).items())),
                p.name,
            )
        )
    channels = sorted(
        (str(c.sender), str(c.dest), show([each[:2] + each[3:] for each, _ in c.signals]))
        for c in m.channels.values()
        if c.signals
    )
    timers = sorted(
        (str(t.ref), str(t.dest), show(t.message), t.due - m.clock.now) for t in m.timers.values()
    )
    own = [(str(p.pid), p.timer.due - m.clock.now) for p in m.processes.values() if p.timer]
    rows = [show(table.in_order()) for table in m.tables.by_ref.values()]
    return tuple(records), tuple(channels), tuple(timers), tuple(sorted(own)), tuple(rows)


@pytest.mark.rule("12.26")
@settings(max_examples=FEW)
@given(SMALL, NETWORKS)
def test_no_two_different_situations_share_a_fingerprint(scripts: Any, network: str) -> None:
    m = machine_of(scripts, network)
    seen: dict[bytes, set[Any]] = {}
    visited = set()
    stack = [snapshot(m)]
    while stack and len(visited) < 400:
        restore(m, stack.pop())
        situation = strictly(m)
        if situation in visited:
            continue
        visited.add(situation)
        seen.setdefault(fingerprint(m), set()).add(situation)
        here = snapshot(m)
        for option in m.enabled():
            restore(m, here)
            m.apply(option)
            stack.append(snapshot(m))
    for situations in seen.values():
        # A renaming may merge situations, but never such as differ in anything else.
        assert len({without_names(situation) for situation in situations}) == 1


def without_names(situation: Any) -> str:
    text = repr(situation)
    return "|".join(sorted(re.sub(r"<root[.\d]*>|#ref<root[.\d]*/\d+>", "_", text).split()))


def ends_of(scripts: Any, network: str, *, merge: bool) -> set[str] | None:
    """Give what all runs of a program leave; None if they are too many."""
    m = machine_of(scripts, network, symbolic=True)

    def left() -> str:
        return show((m.logged, [death[:2] for death in m.deaths], m.returned, m.root.status))

    search = Dfs(m, merge=merge, history=lambda: left().encode())
    found = {left() for _ in search.leaves(lambda: search.transitions > 3000)}
    m.close()
    return None if search.cut else found


@pytest.mark.rule("12.26", "12.27")
@settings(max_examples=FEW)
@given(TINY, NETWORKS)
def test_merging_equal_situations_loses_no_run(scripts: Any, network: str) -> None:
    every_run = ends_of(scripts, network, merge=False)
    if every_run is not None:
        assert ends_of(scripts, network, merge=True) == every_run


# --- The fast loop -------------------------------------------------------------------------------


@pytest.mark.rule("12.21")
@given(SCRIPTS, SEEDS)
def test_the_fast_loop_gives_what_careful_bursts_give(scripts: Any, seed: int) -> None:
    runs = []
    for careful in (False, True):
        m = Machine(system, (scripts,))
        ended = driver.simulate(m, seed, 10_000, careful=careful)
        runs.append((ended, m.logged, list(m.deaths), m.returned, m.count, m.clock.now))
        m.close()
    assert runs[0] == runs[1]


async def chats(other: Pid | None, count: int) -> None:
    for n in range(count):
        if other is not None:
            send(other, (self_(), n))
        message = await receive()
        if type(message) is tuple:
            send(message[0], [n])


async def much_talk(counts: list[int]) -> None:
    partners: list[Pid] = []
    for count in counts:
        partners.append(spawn(chats, partners[-1] if partners else None, count))


@pytest.mark.rule("12.21")
@given(st.lists(st.integers(0, 8), min_size=2, max_size=5), SEEDS)
def test_the_fast_loop_takes_messages_as_careful_bursts_do(counts: Any, seed: int) -> None:
    runs = []
    for careful in (False, True):
        m = Machine(much_talk, (counts,))
        ended = driver.simulate(m, seed, 10_000, careful=careful)
        runs.append((ended, list(m.deaths), m.count, len(m.processes)))
        m.close()
    assert runs[0] == runs[1]


@pytest.mark.rule("12.21")
@given(SCRIPTS, NETWORKS, SEEDS)
def test_the_same_picks_give_the_same_run(scripts: Any, network: str, seed: int) -> None:
    first = machine_of(scripts, network)
    picks = run(first, Walk(seed))
    second = machine_of(scripts, network)
    for pick in picks:
        assert pick in second.enabled()
        second.apply(pick)
    assert left_by(second) == left_by(first)
    assert second.enabled() == []
