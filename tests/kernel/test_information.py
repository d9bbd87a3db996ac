"""Section 10: information, flags, the dictionary, hibernation."""

from __future__ import annotations

from typing import Any

import pytest

from simkernel.errors import ArgumentError
from simkernel.kernel.effects import (
    alive,
    erase,
    exit,
    get,
    get_keys,
    hibernate,
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
    sleep,
    spawn,
    spawn_link,
    spawn_monitor,
    work,
)
from simkernel.kernel.patterns import ANY
from simkernel.spec import simulate
from simkernel.terms import Pid
from tests.kernel.programs import (
    both,
    die,
    finish,
    idle,
    kinds,
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

MAIN, CHILD, OTHER = Pid(()), Pid((1,)), Pid((2,))


async def of(pid: Pid, key: str) -> Any:
    name, value = await process_info(pid, key)
    assert name == key
    return value


# --- 10.1 to 10.8: process_info ------------------------------------------------------------------


async def asks() -> Any:
    pid = spawn(idle)
    await register(pid, "idler")
    return [
        await process_info(pid, "trap_exit"),
        await process_info(pid, ["registered_name", "trap_exit", "registered_name"]),
        await process_info(self_(), ["priority", "trap_exit"]),
        await process_info(pid, []),
    ]


@pytest.mark.rule("10.1")
def test_one_key_gives_a_pair_and_several_give_pairs_in_their_order() -> None:
    assert returned(asks) == [
        ("trap_exit", False),
        [("registered_name", "idler"), ("trap_exit", False), ("registered_name", "idler")],
        [("priority", "normal"), ("trap_exit", False)],
        [],
    ]


async def asks_badly(what: str) -> Any:
    try:
        if what == "key":
            await process_info(self_(), "shoe_size")
        else:
            await process_info("me", "links")  # type: ignore[arg-type]
    except ArgumentError as error:
        return error.reason


@pytest.mark.rule("10.1")
@pytest.mark.parametrize("what", ["key", "pid"])
def test_an_unknown_key_or_what_is_no_pid_raises(what: str) -> None:
    assert returned(asks_badly, what) == "badarg"


async def asks_the_dead() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    return await process_info(pid, "links"), await process_info(pid, ["links"])


@pytest.mark.rule("10.2")
def test_of_the_dead_it_is_none() -> None:
    assert both(asks_the_dead) == {(None, None)}


async def length_of_its_own() -> Any:
    send(self_(), "a")
    before = await of(self_(), "message_queue_len")
    await receive()
    return before, await of(self_(), "message_queue_len")


async def length_of_another() -> Any:
    pid = spawn(idle)
    send(pid, "a")
    send(pid, "b")
    return await of(pid, "message_queue_len")


@pytest.mark.rule("10.3", "12.11")
def test_the_length_counts_what_one_has_sent() -> None:
    assert both(length_of_its_own) == {(1, 0)}
    assert both(length_of_another) == {2}


async def looks_after_a_send(partner: Pid) -> None:
    send(partner, "m")
    await die(await of(self_(), "message_queue_len"))


async def two_that_look() -> Any:
    pid, ref = spawn_monitor(looks_after_a_send, self_())
    send(pid, "m")
    mine = await of(self_(), "message_queue_len")
    down = await receive(("DOWN", ref, ANY, ANY, ANY))
    return mine > 0, down[4] > 0


@pytest.mark.rule("12.11")
def test_a_length_may_leave_out_what_others_have_sent() -> None:
    # Of two that send to each other and then look both may see nothing, as on the VM.
    every = {(True, True), (True, False), (False, True), (False, False)}
    assert both(two_that_look) == every


async def watches(whom: Pid) -> None:
    monitor(whom)


async def tells(whom: Pid, message: Any) -> None:
    send(whom, message)


async def looks_behind_a_request() -> Any:
    spawn(watches, self_())
    send(self_(), "own")
    return await of(self_(), "message_queue_len")


async def looks_behind_a_message() -> Any:
    spawn(tells, self_(), "other's")
    send(self_(), "own")
    return await of(self_(), "message_queue_len")


@pytest.mark.rule("12.11")
def test_a_length_leaves_out_what_one_sent_oneself_behind_a_signal_that_is_no_message() -> None:
    assert both(looks_behind_a_request) == {0, 1}
    assert both(looks_behind_a_message) == {1, 2}


async def lists_messages() -> Any:
    for message in ("b", ("a", [1])):
        send(self_(), message)
    mine = await of(self_(), "messages")
    pid = spawn(idle)
    send(pid, 1)
    send(pid, 2)
    return [mine, await of(pid, "messages"), await of(pid, "message_queue_len"), await rest()]


@pytest.mark.rule("10.4")
def test_messages_are_listed_from_the_oldest_on_and_stay() -> None:
    assert returned(lists_messages) == [["b", ("a", [1])], [1, 2], 2, ("b", ("a", [1]))]


async def relations() -> Any:
    first, second = spawn(idle), spawn(idle)
    await register(first, "named")
    await link(second)
    await link(first)
    monitor(second)
    monitor("named")
    mine = await process_info(self_(), ["links", "monitors", "monitored_by"])
    theirs = await process_info(first, ["links", "monitors", "monitored_by"])
    return [dict(mine), dict(theirs)]


@pytest.mark.rule("10.5", "10.6")
def test_links_and_monitors_are_listed_as_they_were_set_up() -> None:
    assert returned(relations) == [
        {
            "links": [OTHER, CHILD],
            "monitors": [("process", OTHER), ("process", ("named", "nonode"))],
            "monitored_by": [],
        },
        {"links": [MAIN], "monitors": [], "monitored_by": [MAIN]},
    ]


async def watched_by_several() -> Any:
    pid = spawn(idle)
    for _ in range(2):
        spawn(watcher, pid)
        await sleep(1)
    return await of(pid, "monitored_by")


async def watcher(pid: Pid) -> None:
    monitor(pid)
    await idle()


@pytest.mark.rule("10.6")
def test_watchers_are_listed_as_they_came() -> None:
    assert returned(watched_by_several) == [Pid((2,)), Pid((3,))]


async def shows_itself(boss: Pid) -> None:
    put("k", [1])
    process_flag("trap_exit", True)
    process_flag("priority", "high")
    send(boss, await process_info(self_(), ["status", "dictionary"]))
    await receive("work")
    await work(100)


async def sees_it() -> Any:
    pid = spawn(shows_itself, self_())
    mine = await receive()
    waiting = await process_info(pid, ["trap_exit", "priority", "dictionary", "status"])
    return [mine, waiting]


@pytest.mark.rule("10.7")
def test_flags_dictionary_and_status_are_told() -> None:
    assert returned(sees_it) == [
        [("status", "running"), ("dictionary", [("k", [1])])],
        [
            ("trap_exit", True),
            ("priority", "high"),
            ("dictionary", [("k", [1])]),
            ("status", "waiting"),
        ],
    ]


async def status_before_it_runs() -> Any:
    pid = spawn(once)
    return (await process_info(pid, "status"))[1]


@pytest.mark.rule("10.7")
def test_a_process_may_be_runnable_or_waiting() -> None:
    assert both(status_before_it_runs) == {"runnable", "waiting"}


async def names() -> Any:
    before = await process_info(self_(), "registered_name")
    await register(self_(), "me")
    return [before, await process_info(self_(), "registered_name")]


@pytest.mark.rule("10.8")
def test_without_a_name_it_is_an_empty_list() -> None:
    assert returned(names) == [("registered_name", []), ("registered_name", "me")]


# --- 10.9 to 10.11: flags ------------------------------------------------------------------------


async def sets_flags() -> Any:
    found = [process_flag("trap_exit", True), process_flag("trap_exit", False)]
    await alive(self_())
    found += [process_flag("trap_exit", True), process_flag("priority", "max")]
    await alive(self_())
    found += [process_flag("trap_exit", False), process_flag("priority", "low")]
    found.append(process_flag("priority", "normal"))
    return found


@pytest.mark.rule("10.9")
def test_process_flag_gives_the_previous_value() -> None:
    assert returned(sets_flags) == [False, True, False, "normal", True, "max", "low"]


FLAGS = [
    ("no_such_flag", True),
    ("trap_exit", 1),
    ("trap_exit", "true"),
    ("trap_exit", None),
    ("priority", "urgent"),
    ("min_heap_size", -1),
]


async def sets_badly(flag: str, value: Any) -> Any:
    try:
        process_flag(flag, value)
    except ArgumentError as error:
        return error.reason, await of(self_(), "trap_exit")


@pytest.mark.rule("10.10")
@pytest.mark.parametrize(("flag", "value"), FLAGS)
def test_an_unknown_flag_or_a_bad_value_raises(flag: str, value: Any) -> None:
    assert returned(sets_badly, flag, value) == ("badarg", False)


async def with_priority(boss: Pid, level: str) -> None:
    process_flag("priority", level)
    await alive(self_())
    send(boss, level)


async def priorities() -> Any:
    spawn(with_priority, self_(), "low")
    spawn(with_priority, self_(), "max")
    return await receive(), await receive()


@pytest.mark.rule("10.11")
def test_a_priority_excludes_no_schedule() -> None:
    assert both(priorities) == {("low", "max"), ("max", "low")}


async def keeps_its_priority() -> Any:
    process_flag("priority", "low")
    return await of(self_(), "priority")


@pytest.mark.rule("10.11")
def test_a_priority_is_kept_and_reported() -> None:
    assert both(keeps_its_priority) == {"low"}


# --- 10.12 to 10.14 ------------------------------------------------------------------------------


async def dictionary() -> Any:
    return [
        put("k", 1),
        put("k", [2]),
        get("k"),
        get("missing"),
        get("missing", "default"),
        get_keys(),
        erase("k"),
        erase("k"),
        get("k"),
    ]


@pytest.mark.rule("10.12")
def test_put_and_erase_give_what_was_there() -> None:
    assert returned(dictionary) == [None, 1, [2], None, "default", ["k"], [2], None, None]


async def tries_to_change() -> None:
    log(get("k"))
    put("k", "mine")


async def private() -> Any:
    put("k", "yours")
    spawn(tries_to_change)
    await quiet()
    return get("k")


@pytest.mark.rule("10.13")
def test_the_dictionary_is_private() -> None:
    result = simulate(private)
    assert (result.returned, result.logged) == ("yours", (None,))


async def values_are_copies() -> Any:
    value = [1]
    put("k", value)
    value.append(2)
    get("k").append(3)
    return get("k")


@pytest.mark.rule("10.12", "13.1")
def test_the_dictionary_keeps_copies() -> None:
    assert returned(values_are_copies) == [1]


async def alive_or_not() -> Any:
    pid = spawn(idle)
    before = await alive(pid), await alive(self_())
    exit(pid, "kill")
    return *before, await alive(pid)


@pytest.mark.rule("10.14")
def test_alive_tells_whether_a_process_has_not_ended() -> None:
    assert both(alive_or_not) == {(True, True, False)}


# --- 10.15 to 10.18: hibernation -----------------------------------------------------------------


async def sleeper(boss: Pid) -> None:
    try:
        await hibernate(woken, boss, ["argument"])
        send(boss, "after the call")
    except BaseException:
        send(boss, "caught")
    finally:
        send(boss, "finally")


async def woken(boss: Pid, argument: Any) -> None:
    send(boss, (argument, await receive()))


async def wakes_a_sleeper(before: bool) -> Any:
    pid, ref = spawn_monitor(sleeper, self_())
    if not before:
        await quiet()
        log(await of(pid, "current_function"), await of(pid, "status"))
    send(pid, "wake")
    got = await receive()
    down = await receive(("DOWN", ref, ANY, ANY, ANY))
    return [got, down[4], await rest()]


@pytest.mark.rule("10.15", "10.17")
@pytest.mark.parametrize("before", [True, False])
def test_hibernation_drops_the_stack_and_leaves_the_message(before: bool) -> None:
    result = returned(wakes_a_sleeper, before)
    assert result == [(["argument"], "wake"), "normal", ()]


@pytest.mark.rule("10.18", "10.7")
def test_a_sleeper_is_in_hibernate() -> None:
    assert simulate(wakes_a_sleeper, False).logged == ((("erlang", "hibernate", 3), "waiting"),)


async def wakes_without_taking(boss: Pid) -> None:
    send(boss, await of(self_(), "message_queue_len"))


async def hibernates_with(boss: Pid, message: bool) -> None:
    if message:
        send(self_(), "already here")
    await hibernate(wakes_without_taking, boss)


async def wakes_by(message: bool) -> Any:
    pid = spawn(hibernates_with, self_(), message)
    await quiet()
    early = await look()
    send(pid, "now")
    await quiet()
    return early, await look()


@pytest.mark.rule("10.16", "10.17")
def test_it_wakes_at_once_if_a_message_is_there_and_else_at_the_next() -> None:
    assert returned(wakes_by, True) == (1, "timeout")
    assert returned(wakes_by, False) == ("timeout", 1)


@pytest.mark.rule("10.15")
def test_a_sleeper_holds_no_body() -> None:
    m = machine(wakes_by, False)
    until(m, "handle", CHILD)
    asleep = m.processes[CHILD]
    assert asleep.body is None
    step(m, "handle", CHILD)
    assert kinds(m, CHILD) == ["take"]
    finish(m)
    assert m.returned == ("timeout", 1)


async def sleeper_is_hit() -> Any:
    pid, _ = spawn_monitor(sleeper, self_())
    await quiet()
    exit(pid, "x")
    return (await receive())[4], await look()


@pytest.mark.rule("10.16")
def test_a_signal_ends_a_sleeper() -> None:
    assert returned(sleeper_is_hit) == ("x", "timeout")


async def keeps_what_it_has(boss: Pid) -> None:
    put("k", "v")
    process_flag("trap_exit", True)
    await link(boss)
    await hibernate(shows_what_it_has, boss)


async def shows_what_it_has(boss: Pid) -> None:
    send(boss, (get("k"), await process_info(self_(), ["trap_exit", "links"])))


async def sleeper_keeps() -> Any:
    pid = spawn(keeps_what_it_has, self_())
    send(pid, "wake")
    return await receive()


@pytest.mark.rule("10.15")
def test_a_sleeper_keeps_its_flags_links_and_dictionary() -> None:
    assert returned(sleeper_keeps) == ("v", [("trap_exit", True), ("links", [MAIN])])


async def after_restart() -> Any:
    process_flag("trap_exit", True)
    spawn_link(tell, self_(), "x")
    await quiet()
    return len(await rest())


@pytest.mark.rule("10.7")
def test_trap_exit_shows_in_what_is_received() -> None:
    assert returned(after_restart) == 2
