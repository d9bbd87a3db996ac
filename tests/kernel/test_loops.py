"""Both loops of a simulation give one run: with many timers, many children and long steps.

The fast loop keeps timers as the effects that they were until somebody looks for one, and lets long
lists of effects leave by a way of its own. Here random programs do all of that beside each other,
with cancels, deaths and equal deadlines between, and whatever can be seen of both runs is compared.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from simkernel import (
    cancel_timer,
    exit,
    log,
    monitor,
    process_flag,
    read_timer,
    receive,
    register,
    self_,
    send,
    send_after,
    send_interval,
    spawn,
    spawn_link,
    spawn_monitor,
    start_timer,
    to_ms,
    work,
)
from simkernel.kernel import driver
from simkernel.kernel.machine import BURST, Machine
from simkernel.kernel.process import Timer
from simkernel.terms import Duration, show

PROGRAMS = 120
BUDGET = 20_000
WORKERS = 4
DELAYS = (0, 1, 1, 2, 5, 5, 5, 9, 30)


def random_script(draw: random.Random) -> tuple[Any, ...]:
    """Write what one worker does, one operation after the other."""
    kinds = ("arm", "arm", "arm", "cancel", "read", "wait", "wait", "send", "children", "exit")
    rare = ("named", "every", "start", "work", "watch", "trap", "long", "end")
    script = []
    for _ in range(draw.randint(1, 9)):
        kind = draw.choice(rare) if draw.random() < 0.25 else draw.choice(kinds)
        other, ms = draw.randrange(WORKERS), draw.choice(DELAYS)
        count = draw.choice((1, 1, 2, 7))
        if kind == "long":
            count = draw.choice((BURST - 1, BURST, BURST + 1, 2 * BURST + 3))
        script.append((kind, other, ms, count, draw.random()))
    return tuple(script)


async def child(ends: bool) -> None:
    if not ends:
        await receive(after=20)


async def worker(number: int, script: tuple[Any, ...]) -> None:
    peers: Any = await receive()
    refs: list[Any] = []
    await register(self_(), f"w{number}")
    for step, (kind, other, ms, count, chance) in enumerate(script):
        to = peers[other]
        word = (number, step)
        if kind == "arm":
            refs += [send_after(to, (word, n), ms + n % 3) for n in range(count)]
        elif kind == "long":
            for n in range(count):
                if chance < 0.4:
                    send(to, (word, n))
                elif chance < 0.7:
                    send_after(to, (word, n), 1 + n % 7)
                else:
                    send_after(to, n, 1 + n % 2) if n % 3 else send(to, n)
        elif kind == "wait":
            log(word, await receive(after=None if chance < 0.2 else ms))
        elif kind == "send":
            for n in range(count):
                send(to, (word, n))
        elif kind == "children":
            start = (spawn, spawn_link, spawn_monitor)[int(chance * 3)]
            made: Any = [start(child, n % 2 == 0) for n in range(count)]
            if chance < 0.2:
                send(made[0], "go")
        else:
            await rarely(kind, to, other, ms, chance, refs, word)


async def rarely(
    kind: str, to: Any, other: int, ms: int, chance: float, refs: list[Any], word: Any
) -> None:
    """Do what needs more than a plain effect, or is seldom done."""
    if kind in ("cancel", "read") and refs:
        ref = refs[int(chance * len(refs))]
        left = await (cancel_timer(ref) if kind == "cancel" else read_timer(ref))
        log(word, to_ms(left) if type(left) is Duration else left)
    elif kind == "named":
        refs.append(send_after(f"w{other}", word, ms))
    elif kind == "every":
        refs.append(send_interval(max(1, ms), to, word))
    elif kind == "start":
        refs.append(start_timer(ms, to, word))
    elif kind == "work":
        await work(ms)
    elif kind == "watch":
        monitor(to)
    elif kind == "trap":
        process_flag("trap_exit", chance < 0.7)
    elif kind == "exit":
        exit(to, "kill" if chance < 0.5 else "x")
    elif kind == "end":
        raise RuntimeError("done")


async def system(scripts: tuple[Any, ...], waits: bool) -> None:
    pids = [spawn(worker, number, script) for number, script in enumerate(scripts)]
    for pid in pids:
        send(pid, pids)
    if waits:
        log("root", await receive(after=25))
    for n in range(40):
        send_after(pids[n % WORKERS], n, 1 + n % 4)


async def stormy(number: int, seeds: tuple[int, ...]) -> None:
    """Do something with each message that comes: what, is drawn from the seeds."""
    peers: Any = await receive()
    if number % 2:
        await register(self_(), f"w{number}")
    refs = [send_after(peers[seed % WORKERS], n, 5) for n, seed in enumerate(seeds)]
    for n, seed in enumerate(seeds):
        to, word = peers[seed % WORKERS], (number, n)
        log(word, await receive(after=7))
        match seed // WORKERS % 9:
            case 0 | 1:
                log(await cancel_timer(refs[seed % len(refs)]) is not False)
            case 2:
                log(await read_timer(refs[seed % len(refs)]) is not False)
            case 3 | 4:
                refs += [send_after(to, (word, k), 5 * (k % 2)) for k in range(3)]
            case 5:
                refs += [send_after(f"w{seed % WORKERS}", word, 0), send_after(to, word, 0)]
            case 6:
                refs += [send_interval(5, to, word), send_after(to, word, 5)]
            case 7:
                exit(to, "kill")
            case _:
                return


async def storm(all_seeds: tuple[tuple[int, ...], ...]) -> None:
    pids = [spawn(stormy, number, seeds) for number, seeds in enumerate(all_seeds)]
    for pid in pids:
        send(pid, pids)


def due_at(timer: Timer) -> int:
    due: int = timer.due
    return due


def seen_of(m: Machine, seed: int, budget: int, careful: bool) -> list[Any]:
    """Run a machine; give all that can be seen of it afterwards."""
    ended = driver.simulate(m, seed, budget, careful=careful)
    # Those of one deadline in the order in which they were armed; others are told by theirs.
    timers = [
        (str(t.ref), str(t.dest), show(t.message), t.due, t.slot)
        for t in sorted(m.timers.values(), key=due_at)
    ]
    records = [
        (str(p.pid), p.status, show(p.mailbox and [*p.mailbox]), show(p.arrived and [*p.arrived]))
        for p in m.processes.values()
    ]
    own = {
        str(p.pid): [str(t.ref) for t in sorted(p.timers.values(), key=due_at)]
        for p in m.processes.values()
        if p.timers
    }
    active = [(type(item).__name__, item.slot) for item in m.active]
    deaths = [show(tuple(death)) for death in m.deaths]
    seen = [ended, m.count, m.clock.now, deaths, show(tuple(m.logged)), m.returned]
    m.close()
    return [*seen, timers, own, records, active]


def agree(main: Any, args: Any, seed: int, budget: int = BUDGET, **how: Any) -> None:
    """Run a program by both loops, with a tape and without: it must be the same run four times."""
    runs, tapes = [], []
    for careful in (False, True):
        for taped in (False, True):
            events: list[Any] = []
            m = Machine(main, args, horizon_us=60_000, tape=events.append if taped else None, **how)
            runs.append(seen_of(m, seed, budget, careful))
            if taped:
                tapes.append([show(event) for event in events])
    assert runs[0] == runs[2], "without a tape"
    assert runs[1] == runs[3], "with a tape"
    assert runs[0] == runs[1], "with and without a tape"
    assert tapes[0] == tapes[1]


@pytest.mark.rule("12.21")
@pytest.mark.parametrize("number", range(PROGRAMS))
def test_both_loops_give_one_run_of_timers_children_and_long_steps(number: int) -> None:
    draw = random.Random(number)
    scripts = tuple(random_script(draw) for _ in range(WORKERS))
    budget = draw.choice((BUDGET, BUDGET, 500))
    how = {"settle": draw.random() < 0.7, "rare": draw.random() < 0.3}
    agree(system, (scripts, draw.random() < 0.5), number, budget, **how)


@pytest.mark.rule("12.21")
@pytest.mark.parametrize("number", range(PROGRAMS))
def test_both_loops_give_one_run_where_timers_of_one_deadline_are_looked_for(number: int) -> None:
    draw = random.Random(number)
    seeds = tuple(tuple(draw.choices(range(1000), k=8)) for _ in range(WORKERS))
    agree(storm, (seeds,), number, draw.choice((BUDGET, 100, 150, 200, 300)), settle=True)


async def many_then_a_wait(count: int, after: int | None) -> None:
    sink = spawn(child, False)
    send(self_(), "begin")
    await receive()
    for number in range(count):
        send(sink, number)
    await receive(after=after)


@pytest.mark.rule("12.21")
@pytest.mark.parametrize("after", [None, 3])
@pytest.mark.parametrize("count", [BURST - 1, BURST, BURST + 1, 2 * BURST, 2 * BURST + 1])
def test_both_loops_let_the_same_number_of_effects_leave_in_a_row(
    count: int, after: int | None
) -> None:
    for seed in range(4):
        agree(many_then_a_wait, (count, after), seed)


async def ticking() -> None:
    while True:
        await receive()


async def arming_in_time(to: Any) -> None:
    while True:
        send_after(self_(), "again", 5)
        send_after(to, "late", 5)
        await receive()


async def beside_an_interval() -> None:
    pid = spawn(ticking)
    spawn(arming_in_time, pid)
    send_interval(5, pid, "tick")


def test_an_interval_that_goes_on_is_listed_behind_what_was_armed_before() -> None:
    for budget in range(20, 60):
        agree(beside_an_interval, (), budget, budget, settle=True)


async def says(word: int) -> None:
    log(word)


async def alone_then_a_race() -> None:
    for number in range(3):
        send_after(self_(), number, 1)
        await receive()
    for number in range(6):
        spawn(says, number)


def test_both_loops_draw_nothing_where_one_thing_alone_can_happen() -> None:
    for seed in range(8):
        agree(alone_then_a_race, (), seed)


async def many_at_once() -> None:
    for number in range(12):
        send_after(self_(), number, 1)


def test_both_loops_end_at_the_same_transition_among_timers_of_one_deadline() -> None:
    for budget in range(10, 40):
        agree(many_at_once, (), budget, budget, settle=True)


def test_a_process_that_ends_at_once_gives_its_name_back_where_that_takes_time() -> None:
    async def named() -> None:
        await register(self_(), "n")
        await receive()

    async def main() -> None:
        pid = spawn(named)
        await receive(after=1)
        send(pid, "go")
        await receive(after=5)

    for seed in range(4):
        agree(main, (), seed, rare=True)
