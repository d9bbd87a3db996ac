"""Section 1: what passes between processes, and in which order it arrives."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.choice import Walk
from simkernel.errors import Exit
from simkernel.kernel import codes
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
)
from simkernel.kernel.patterns import ANY, TIMEOUT
from simkernel.spec import simulate
from simkernel.terms import Pid
from tests.kernel.programs import (
    BOTH,
    both,
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
    tell,
    until,
)

MAIN, CHILD = Pid(()), Pid((1,))

# --- 1.1: everything is a signal -----------------------------------------------------------------


async def every_kind() -> None:
    pid = spawn(idle)
    ref = monitor(pid)
    demonitor(ref)
    send(pid, "m")
    await link(pid)
    unlink(pid)
    await process_info(pid, "status")
    await alive(pid)
    _, watched = spawn_monitor(once)
    exit(pid, "stop")
    await receive(("DOWN", watched, ANY, ANY, ANY))


@pytest.mark.rule("1.1")
def test_all_kinds_of_signals_use_the_same_channels() -> None:
    m = machine(every_kind, network="cluster")
    seen = []
    while options := m.enabled():
        if options[0].kind == "arrive":
            seen.append(m.channels[options[0].who].signals[0][0][0])
        m.apply(options[0])
    asked = [codes.S_ASK, codes.S_ANSWER]
    assert sorted(seen) == sorted(
        [
            codes.S_MONITOR,
            codes.S_DEMONITOR,
            codes.S_MESSAGE,
            codes.S_LINK,
            codes.S_UNLINK,
            *asked,
            *asked,
            codes.S_EXIT,
        ]
    )


# --- 1.2: sending does not wait ------------------------------------------------------------------


async def send_to_the_dead_and_the_living() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    return [await send(pid, "x"), await send(spawn(idle), "x"), exit(pid, "y")]


@pytest.mark.rule("1.2")
def test_a_sender_cannot_tell_whether_anybody_got_it() -> None:
    assert returned(send_to_the_dead_and_the_living) == ["x", "x", True]


@pytest.mark.rule("1.2")
def test_all_that_a_step_sends_can_leave_before_the_receiver_does_anything() -> None:
    m = machine(three_to_a_child)
    for _ in range(6):  # start, spawn, three sends, end
        m.apply(m.enabled()[0])
    assert len(m.processes[CHILD].arrived or ()) == 3


async def three_to_a_child() -> None:
    pid = spawn(idle)
    for n in range(3):
        send(pid, n)


# --- 1.3 to 1.7: one sender, one receiver --------------------------------------------------------


async def two_of_one() -> Any:
    spawn(tell, self_(), "one", "two", "three")
    return await receive(), await receive(), await receive()


@pytest.mark.rule("1.3")
def test_messages_of_one_sender_keep_their_order() -> None:
    assert both(two_of_one) == {("one", "two", "three")}


async def monitors_then_messages(to: Pid) -> None:
    monitor(to)
    send(to, "m")
    exit(to, "x")


async def mixed_kinds() -> Any:
    process_flag("trap_exit", True)
    spawn(monitors_then_messages, self_())
    first, second = await receive(), await receive()
    return first, second[0]


@pytest.mark.rule("1.3")
@pytest.mark.parametrize("network", BOTH)
def test_signals_of_different_kinds_keep_their_order_too(network: str) -> None:
    assert outcomes(mixed_kinds, network=network) == {("m", "EXIT")}


async def last_words() -> Any:
    spawn_monitor(tell, self_(), "one", "two")
    await quiet()
    return [message if type(message) is str else message[0] for message in await rest()]


async def last_words_of_a_link() -> Any:
    process_flag("trap_exit", True)
    spawn_link(tell, self_(), "word")
    first, second = await receive(), await receive()
    return first, second[0]


async def last_words_then_down() -> Any:
    spawn_monitor(tell, self_(), "word")
    first, second = await receive(), await receive()
    return first, second[0]


@pytest.mark.rule("1.4")
def test_messages_sent_before_the_end_come_before_down() -> None:
    assert both(last_words_then_down) == {("word", "DOWN")}


@pytest.mark.rule("1.4")
def test_messages_sent_before_the_end_come_before_exit() -> None:
    assert both(last_words_of_a_link) == {("word", "EXIT")}


async def say_and_exit(to: Pid) -> None:
    send(to, "m")
    exit(to, "x")


async def told_then_hit() -> Any:
    process_flag("trap_exit", True)
    spawn(say_and_exit, self_())
    first, second = await receive(), await receive()
    return first, second[0]


@pytest.mark.rule("1.5")
def test_a_message_and_then_an_exit_are_seen_in_that_order() -> None:
    assert both(told_then_hit) == {("m", "EXIT")}


async def say_and_exit_an_idle_one() -> None:
    pid = spawn(idle)
    send(pid, "m")
    exit(pid, "x")


@pytest.mark.rule("1.5")
@pytest.mark.parametrize("network", BOTH)
@pytest.mark.parametrize("seed", range(5))
def test_the_message_is_in_the_mailbox_when_the_exit_acts(network: str, seed: int) -> None:
    m = machine(say_and_exit_an_idle_one, network=network)
    chooser, boxes = Walk(seed), []
    while options := m.enabled():
        if CHILD in m.processes:
            boxes.append(list(m.processes[CHILD].mailbox or ()))
        m.apply(chooser.pick(options))
    assert CHILD not in m.processes
    assert boxes[-1] == ["m"]


async def exit_then_alive() -> Any:
    pid = spawn(idle)
    exit(pid, "x")
    return await alive(pid)


async def exit_then_info() -> Any:
    pid = spawn(idle)
    exit(pid, "x")
    return await process_info(pid, "status")


@pytest.mark.rule("1.6")
def test_alive_cannot_overtake_the_exit_before_it() -> None:
    assert both(exit_then_alive) == {False}


@pytest.mark.rule("1.7")
def test_process_info_cannot_overtake_the_exit_before_it() -> None:
    assert both(exit_then_info) == {None}


# --- 1.8 to 1.12: different senders --------------------------------------------------------------


async def two_senders() -> Any:
    spawn(tell, self_(), "a")
    spawn(tell, self_(), "b")
    return await receive(), await receive()


@pytest.mark.rule("1.8")
def test_messages_of_two_senders_come_in_either_order() -> None:
    assert both(two_senders) == {("a", "b"), ("b", "a")}


async def forward(to: Pid, message: Any) -> None:
    await receive()
    send(to, message)


async def cause_and_effect() -> Any:
    spawn(first_here_then_there, self_(), spawn(forward, self_(), "effect"))
    return await receive(), await receive()


async def first_here_then_there(here: Pid, there: Pid) -> None:
    send(here, "cause")
    send(there, "go")


@pytest.mark.rule("1.9")
def test_on_cluster_an_effect_can_come_before_its_cause() -> None:
    found = outcomes(cause_and_effect, network="cluster")
    assert found == {("cause", "effect"), ("effect", "cause")}


@pytest.mark.rule("1.10")
def test_on_node_the_cause_comes_first() -> None:
    assert outcomes(cause_and_effect) == {("cause", "effect")}


async def timer_against_its_setter() -> Any:
    send_after(self_(), "timer", 10)
    spawn(tell, self_(), "other")
    return await receive(), await receive()


async def set_and_send(to: Pid) -> None:
    send_after(to, "timer", 0)
    send(to, "sent")


async def timer_and_message_of_one() -> Any:
    spawn(set_and_send, self_())
    return await receive(), await receive()


@pytest.mark.rule("1.11")
def test_a_timer_and_its_setters_message_come_in_either_order() -> None:
    assert both(timer_and_message_of_one) == {("timer", "sent"), ("sent", "timer")}


async def two_timers_of_one_moment() -> Any:
    send_after(self_(), "a", 5)
    send_after(self_(), "b", 5)
    return await receive(), await receive()


@pytest.mark.rule("1.12")
def test_two_timers_of_one_moment_fire_in_either_order() -> None:
    m = machine(two_timers_of_one_moment)
    until(m, "fire")
    assert [option.kind for option in m.enabled()] == ["fire", "fire"]
    m.apply(m.enabled()[1])
    assert finish(m).returned == ("b", "a")


@pytest.mark.rule("1.12")
def test_the_order_of_one_moment_is_drawn_by_the_seed() -> None:
    orders = {returned(two_timers_of_one_moment, seed=seed) for seed in range(20)}
    assert orders == {("a", "b"), ("b", "a")}


# --- 1.13, 1.14: to oneself ----------------------------------------------------------------------


async def to_oneself() -> Any:
    send(self_(), "x")
    return await look()


@pytest.mark.rule("1.13")
def test_a_message_to_oneself_is_there_at_once() -> None:
    assert both(to_oneself) == {"x"}


async def exit_oneself() -> None:
    send(self_(), "before")
    exit(self_(), "gone")
    log("after")


@pytest.mark.rule("1.14")
def test_an_exit_to_oneself_acts_before_what_follows_it() -> None:
    result = simulate(exit_oneself)
    assert (result.reason, result.logged) == ("gone", ())


async def exit_oneself_after_a_kill(friend: Pid) -> None:
    send(friend, self_())
    await receive()
    exit(self_(), "own")


async def kill_and_tell() -> Any:
    pid, _ = spawn_monitor(exit_oneself_after_a_kill, self_())
    await receive()
    exit(pid, "kill")
    send(pid, "go")
    return (await receive())[4]


@pytest.mark.rule("1.14", "4.19")
def test_an_exit_to_oneself_acts_behind_what_has_arrived() -> None:
    assert both(kill_and_tell) == {"killed"}


# --- 1.15, 1.16: handling ------------------------------------------------------------------------


async def steps_without_a_receive(to: Pid) -> None:
    for n in range(2):
        await alive(self_())
        send(to, n)


async def hit_between_steps() -> Any:
    pid, _ = spawn_monitor(steps_without_a_receive, self_())
    exit(pid, "x")
    return tuple(message if type(message) is int else message[4] for message in await to_down())


async def to_down() -> list[Any]:
    got: list[Any] = []
    while not got or type(got[-1]) is int:
        got.append(await receive())
    return got


@pytest.mark.rule("1.15")
def test_an_exit_is_handled_between_any_two_steps_without_a_receive() -> None:
    assert both(hit_between_steps) == {("x",), (0, "x"), (0, 1, "x"), (0, 1, "normal")}


async def careful_body(to: Pid) -> None:
    try:
        await receive()
        send(to, "rest")
    except BaseException:
        send(to, "caught")
        raise
    finally:
        send(to, "finally")
        await receive(after=0)
        send(to, "more")


async def kill_a_careful_body() -> Any:
    pid = spawn(careful_body, self_())
    await quiet()
    exit(pid, "kill")
    await quiet()
    return await rest(), await alive(pid)


@pytest.mark.rule("1.16", "12.19")
def test_a_terminated_process_runs_no_code_of_any_kind() -> None:
    assert returned(kill_a_careful_body) == ((), False)


async def careful_body_hit_in_a_search(to: Pid) -> None:
    try:
        await receive()
    finally:
        send(to, "finally")


async def hit_in_a_search() -> Any:
    pid = spawn(careful_body_hit_in_a_search, self_())
    exit(pid, "x")
    if await receive(after=10) is TIMEOUT:
        return "nothing"
    return "something"


@pytest.mark.rule("1.16")
def test_no_schedule_lets_a_terminated_process_run_its_finally() -> None:
    assert both(hit_in_a_search) == {"nothing"}


async def raises_after_an_exit_was_sent() -> Any:
    process_flag("trap_exit", True)
    pid = spawn_link(die_when_told, "own")
    exit(pid, "sent")
    send(pid, "go")
    return (await receive())[2]


@pytest.mark.rule("1.3", "1.16")
def test_a_terminated_process_does_not_come_to_its_own_exit() -> None:
    assert both(raises_after_an_exit_was_sent) == {"sent"}


@pytest.mark.rule("1.16")
def test_exit_is_no_exception_in_the_victim() -> None:
    assert issubclass(Exit, BaseException)
    assert returned(kill_a_careful_body, seed=3) == ((), False)


# --- 1.17: looking instead of asking -------------------------------------------------------------


async def asks_and_is_hit(boss: Pid) -> None:
    victim = await receive(Pid)
    send(boss, await alive(victim))


async def hit_before_it_asks() -> Any:
    victim = spawn(idle)
    asker = spawn(asks_and_is_hit, self_())
    send(victim, "m")
    send(asker, victim)
    exit(victim, "kill")
    return await receive()


async def hits_and_asks() -> Any:
    victim = spawn(idle)
    exit(victim, "kill")
    return await alive(victim)


@pytest.mark.rule("1.17", "1.6")
def test_alive_may_look_where_nothing_but_messages_is_under_way() -> None:
    assert both(hit_before_it_asks) == {True, False}
    assert both(hits_and_asks) == {False}


async def looks_behind_a_message() -> Any:
    victim = spawn(reads_its_length, self_())
    send(victim, "m")
    await alive(victim)
    send(victim, "go")
    return await receive()


async def reads_its_length(boss: Pid) -> None:
    await receive("go", after=None)
    send(boss, "went")


@pytest.mark.rule("1.17")
def test_looking_is_a_transition_of_its_own() -> None:
    m = machine(looks_behind_a_message)
    until(m, "do", Pid(()))
    while not any(option.kind == "peek" for option in m.enabled()):
        step(m, "do", Pid(()))
    assert m.processes[Pid((1,))].arrived is not None
    step(m, "peek", Pid(()))
    assert m.processes[Pid((1,))].arrived is not None
    assert finish(m).returned == "went"
