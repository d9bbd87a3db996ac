"""Section 12, end: mistakes that are reported, and the end of a run."""

from __future__ import annotations

import asyncio
import datetime
import os
import random
import socket
import subprocess
import threading
import time
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.choice import First, Walk
from simkernel.errors import (
    Exit,
    ForbiddenCall,
    ForgottenAwait,
    MisusedAwaitable,
    StepTooLong,
    UsageError,
)
from simkernel.kernel.effects import (
    alive,
    choose,
    exit,
    log,
    monitor,
    note,
    receive,
    register,
    self_,
    send,
    sleep,
    spawn,
    spawn_link,
    spawn_monitor,
    unlink,
    whereis,
)
from simkernel.kernel.guards import guards
from simkernel.kernel.machine import Machine
from simkernel.kernel.watchdog import watchdog
from simkernel.spec import simulate
from simkernel.terms import Pid
from tests.kernel.programs import (
    both,
    idle,
    look,
    machine,
    once,
    quiet,
    rest,
    returned,
    tell,
)

MAIN, CHILD, OTHER = Pid(()), Pid((1,)), Pid((2,))

# --- 12.28, 12.29: mistakes ----------------------------------------------------------------------


async def forgets_before_a_call() -> None:
    whereis("x")
    self_()


async def forgets_at_the_end() -> None:
    register(self_(), "x")


async def forgets_a_receive() -> None:
    receive()
    await alive(self_())


async def forgets_and_catches() -> None:
    try:
        whereis("x")
        self_()
    except Exception:
        await receive()


async def forgets_a_named_send() -> None:
    send("x", 1)
    log("next")


FORGOTTEN = [
    (forgets_before_a_call, "whereis", 1),
    (forgets_at_the_end, "register", 1),
    (forgets_a_receive, "receive", 1),
    (forgets_and_catches, "whereis", 2),
    (forgets_a_named_send, "send", 1),
]


@pytest.mark.rule("12.28")
@pytest.mark.parametrize(("main", "operation", "line"), FORGOTTEN)
def test_a_forgotten_await_names_its_line(main: Any, operation: str, line: int) -> None:
    with pytest.raises(ForgottenAwait) as caught:
        simulate(main)
    assert caught.value.operation == f"{operation}(...)"
    assert caught.value.path == main.__code__.co_filename
    assert caught.value.line == main.__code__.co_firstlineno + line


@pytest.mark.rule("12.28")
@pytest.mark.parametrize(("main", "operation", "line"), FORGOTTEN)
def test_a_search_reports_it_too(main: Any, operation: str, line: int) -> None:
    with pytest.raises(ForgottenAwait) as caught:
        outcomes(main)
    assert caught.value.line == main.__code__.co_firstlineno + line


async def takes_then_forgets() -> None:
    await receive()
    whereis("x")


async def forgets_in_the_fast_loop() -> None:
    send(spawn(takes_then_forgets), "go")
    await quiet()


@pytest.mark.rule("12.28")
def test_the_fast_loop_reports_the_line_as_well() -> None:
    with pytest.raises(ForgottenAwait) as caught:
        simulate(forgets_in_the_fast_loop)
    assert caught.value.line == takes_then_forgets.__code__.co_firstlineno + 2


async def plain() -> Any:
    send(self_(), "x")
    return await receive()


@pytest.mark.rule("12.28")
def test_the_next_run_knows_nothing_of_the_mistake() -> None:
    for main, *_ in FORGOTTEN:
        with pytest.raises(ForgottenAwait):
            simulate(main)
        assert returned(plain) == "x"


MISUSES = {
    "a truth value": bool,
    "something to iterate over": list,
    "a value to compare": lambda op: op == 1,
    "something with items": lambda op: op[0],
    "something with a field 'reason'": lambda op: op.reason,
    "a number": lambda op: op + 1,
}


async def misuses(how: str) -> None:
    MISUSES[how](whereis("x"))


async def misuses_and_catches(how: str) -> None:
    try:
        MISUSES[how](receive())
    except Exception:
        log("hidden")


@pytest.mark.rule("12.29")
@pytest.mark.parametrize("how", MISUSES)
@pytest.mark.parametrize("main", [misuses, misuses_and_catches])
def test_an_operation_refuses_to_be_anything_but_awaited(how: str, main: Any) -> None:
    with pytest.raises(MisusedAwaitable, match=how.split(" ", maxsplit=1)[0]) as caught:
        simulate(main, how)
    assert caught.value.used_as == how
    assert returned(plain) == "x"


async def awaits_an_event_loop() -> None:
    await asyncio.sleep(0)


@pytest.mark.rule("12.31")
def test_what_an_event_loop_would_serve_is_refused() -> None:
    with pytest.raises(UsageError, match="no operation of simkernel"):
        simulate(awaits_an_event_loop)


@pytest.mark.rule("12.28")
def test_a_call_outside_of_a_process_says_so() -> None:
    with pytest.raises(UsageError, match="outside of a process"):
        self_()


async def does_outside_things(what: str) -> Any:
    if what == "clock":
        return time.time()
    if what == "date":
        return datetime.datetime.now()  # noqa: DTZ005 (this is what it tests)
    if what == "chance":
        return random.random()
    if what == "end":
        os._exit(0)
    if what == "program":
        return subprocess.run(["true"], check=False)
    if what == "started program":
        return subprocess.Popen(["true"])
    if what == "network":
        return socket.socket()
    if what == "terminal":
        return input()
    if what == "thread":
        return threading.Thread(target=print).start()
    if what == "process":
        return os.fork() or os._exit(0)
    return asyncio.new_event_loop()


@pytest.mark.rule("12.31")
@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("clock", "time.time"),
        ("date", "datetime.now"),
        ("chance", "random.random"),
        ("end", "os._exit"),
        ("program", "subprocess.run"),
        ("started program", "Popen.__init__"),
        ("network", "socket.__init__"),
        ("terminal", "builtins.input"),
        ("thread", "Thread.start"),
        ("process", "os.fork"),
        ("loop", "asyncio.new_event_loop"),
    ],
)
def test_what_lies_outside_of_the_run_is_refused_by_name(what: str, call: str) -> None:
    with guards(), pytest.raises(ForbiddenCall, match=call):
        simulate(does_outside_things, what)
    assert returned(plain) == "x"


async def never_waits() -> None:
    n = 0
    while True:
        n += 1


@pytest.mark.rule("12.32")
def test_a_step_that_never_ends_is_cut() -> None:
    with watchdog(0.03), pytest.raises(StepTooLong):
        simulate(never_waits)
    assert returned(plain) == "x"


# --- 12.30 ---------------------------------------------------------------------------------------


async def chooses() -> Any:
    return await choose(["a", "b", ("c", 1)])


@pytest.mark.rule("12.30")
def test_choose_may_give_each_of_the_options() -> None:
    assert both(chooses) == {"a", "b", ("c", 1)}
    assert {returned(chooses, seed=seed) for seed in range(30)} == {"a", "b", ("c", 1)}


# --- 12.33 to 12.37: the end of a run ------------------------------------------------------------


async def ticks_for_ever() -> None:
    while True:
        await sleep(10)
        log("tick")


async def leaves_a_ticker() -> str:
    spawn(ticks_for_ever)
    await sleep(25)
    return "done"


@pytest.mark.rule("12.33")
def test_a_run_ends_when_main_has_returned_and_only_timers_are_left() -> None:
    result = simulate(leaves_a_ticker)
    assert (result.ended, result.now_ms, len(result.logged)) == ("main has returned", 25, 2)


@pytest.mark.rule("12.33")
def test_settle_runs_on_to_the_horizon() -> None:
    result = simulate(leaves_a_ticker, settle=True, horizon_ms=100)
    assert (result.ended, result.now_ms) == ("the horizon was reached", 100)
    assert len(result.logged) == 10


async def leaves_messages() -> str:
    spawn(logs_all)
    await quiet()
    for n in range(3):
        send(CHILD, n)
    return "done"


async def logs_all() -> None:
    while True:
        log(await receive(idle=True))


@pytest.mark.rule("12.33")
def test_what_needs_no_time_still_happens_after_main_has_returned() -> None:
    assert simulate(leaves_messages).logged == (0, 1, 2)


async def waits_for_nothing() -> None:
    await receive()


@pytest.mark.rule("12.33")
def test_a_run_ends_when_nothing_is_enabled() -> None:
    assert simulate(waits_for_nothing).ended == "nothing is left to happen"


async def ping(other: Pid | None) -> None:
    if other is not None:
        send(other, self_())
    while True:
        send(await receive(Pid), self_())


async def ping_pong() -> None:
    spawn(ping, spawn(ping, None))


async def plain_ping(other: Pid | None) -> None:
    if other is not None:
        send(other, self_())
    while True:
        send(await receive(), self_())


async def plain_ping_pong() -> None:
    spawn(plain_ping, spawn(plain_ping, None))


@pytest.mark.rule("12.33")
@pytest.mark.parametrize("main", [ping_pong, plain_ping_pong])
def test_a_run_without_an_end_is_cut_by_its_budget(main: Any) -> None:
    result = simulate(main, effects_max=5000)
    assert result.ended == "the effect budget was hit"
    assert 5000 <= result.transitions < 8000


async def polls() -> int:
    spawn(registers_itself)
    polled = 0
    while await whereis("late") is None:
        polled += 1
    return polled


async def registers_itself() -> None:
    await register(self_(), "late")
    await idle()


@pytest.mark.rule("12.33")
def test_a_process_that_polls_does_not_starve_the_others() -> None:
    assert returned(polls) >= 0


async def returns_with_links() -> str:
    spawn_link(once)
    monitor(spawn(watches_the_root, self_()))
    await quiet()
    return "done"


async def watches_the_root(root: Pid) -> None:
    monitor(root)
    await quiet(5)
    log(await alive(root), await rest())
    await idle()


@pytest.mark.rule("12.34")
def test_the_root_stays_at_rest_and_sends_no_signal() -> None:
    result = simulate(returns_with_links, settle=True)
    assert (result.returned, result.reason, result.deaths) == ("done", None, ())
    assert result.logged == ((True, ()),)


async def raises_with_links() -> None:
    spawn_link(idle)
    spawn(logs_the_down, self_())
    await quiet()
    raise Exit("failed")


async def logs_the_down(root: Pid) -> None:
    monitor(root)
    log((await receive())[4])


@pytest.mark.rule("12.35")
def test_a_main_that_raises_ends_as_any_process_does() -> None:
    result = simulate(raises_with_links)
    assert result.reason == "failed"
    assert result.deaths == ((MAIN, "failed"), (CHILD, "failed"), (OTHER, "normal"))
    assert result.logged == ("failed",)
    assert result.ended == "nothing is left to happen"


async def leaves_waiting() -> str:
    spawn(once)
    spawn(idle)
    spawn(asks_for_ever)
    return "done"


async def asks_for_ever() -> None:
    await receive(("answer", int))


@pytest.mark.rule("12.36")
def test_stuck_is_who_waits_without_being_idle() -> None:
    assert simulate(leaves_waiting).stuck == ("<root.1>", "<root.3>")


async def notes_things() -> Any:
    note("begun", what=1)
    spawn(tell, self_(), "a")
    note("between")
    spawn(tell, self_(), "b")
    note("ended", which=[1])
    return await receive(), await receive()


@pytest.mark.rule("12.37")
@pytest.mark.parametrize("seed", range(3))
def test_notes_are_no_transitions(seed: int) -> None:
    runs = []
    notes: list[Any] = []

    def listen(event: tuple[Any, ...]) -> None:
        if event[0] == "note":
            notes.append(event[2])

    for tape in (None, listen):
        m = Machine(notes_things, (), tape=tape)
        picks, chooser = [], Walk(seed)
        while options := m.enabled():
            picks.append(chooser.pick(options))
            m.apply(picks[-1])
        runs.append((picks, m.returned, m.count))
    assert runs[0] == runs[1]
    assert notes == ["begun", "between", "ended"]


async def one_of_many() -> None:
    pid, _ = spawn_monitor(once)
    unlink(pid)
    exit(pid, "x")
    await look()


@pytest.mark.rule("12.22")
def test_the_default_schedule_is_a_function_of_the_state() -> None:
    firsts = []
    for _ in range(2):
        m = machine(one_of_many)
        picks = []
        while options := m.enabled():
            picks.append(First().pick(options))
            m.apply(picks[-1])
        firsts.append(picks)
    assert firsts[0] == firsts[1]


async def never_ready() -> None:
    while True:
        for n in range(5):
            log(n)
        await sleep(1)


async def kills_a_slow_one(after_ms: int) -> Any:
    pid, ref = spawn_monitor(never_ready)
    await sleep(after_ms)
    exit(pid, "x")
    return await receive(("DOWN", ref, "process", pid, str))


@pytest.mark.rule("3.8")
@pytest.mark.parametrize("after_ms", [5, 12, 33, 40])
def test_a_process_killed_in_the_middle_of_a_slow_step_says_that_it_ended(after_ms: int) -> None:
    result = simulate(kills_a_slow_one, after_ms, step_ms=20, effects_max=5_000)
    assert result.returned[4] == "x"
