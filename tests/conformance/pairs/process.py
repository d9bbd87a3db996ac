"""Processes: signals, links, monitors, aliases, names, receive, timers, information."""

from __future__ import annotations

from itertools import product
from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    ErlangError,
    Exit,
    Throw,
    alias,
    alive,
    cancel_timer,
    demonitor,
    erase,
    ets,
    get,
    get_keys,
    link,
    make_ref,
    monitor,
    now,
    process_flag,
    process_info,
    put,
    read_timer,
    receive,
    register,
    self_,
    send,
    sleep,
    spawn,
    spawn_link,
    spawn_monitor,
    start_timer,
    to_ms,
    unalias,
    unlink,
    unregister,
    when,
    where,
    whereis,
)
from simkernel import exit as exit_of
from simkernel import hibernate as hibernate_
from simkernel import send_after as send_after_
from tests.conformance.lab import ended, idle, mailbox, next_, outcome, pair, say, settle, trap

NODE = "nonode"
REASONS = ("normal", "kill", "killed", "shutdown", "noproc", "boom")


async def nothing() -> None:
    pass


async def down_of(ref: Any) -> Any:
    return (await receive(("DOWN", ref, ANY, ANY, ANY)))[4]


async def a_dead() -> Any:
    pid = spawn(nothing)
    await ended(pid)
    return pid


def waiting() -> Any:
    return spawn(idle)


# -- exit signals ---------------------------------------------------------------------------------


@pair(
    "3.6",
    "3.7",
    "4.1",
    "4.2",
    "4.3",
    "4.4",
    "4.5",
    "4.6",
    "4.7",
    "4.8",
    "4.9",
    "4.10",
    "4.11",
    "4.12",
    "4.15",
    "1.14",
    cases=product(REASONS, ("call", "own", "link"), (False, True)),
    traps=(1, 2),
)
async def exit_signal(reason: Any, origin: Any, trapping: Any) -> Any:
    main = self_()

    async def victim() -> None:
        trap(trapping)
        send(main, "ready")
        match await receive():
            case ("link", pid):
                await link(pid)
            case "own":
                exit_of(self_(), reason)
        send(main, "set")
        say(("got", await next_(100)))

    pid, ref = spawn_monitor(victim)
    await receive("ready")
    if origin == "call":
        send(pid, "wait")
        await receive("set")
        exit_of(pid, reason)
    elif origin == "own":
        send(pid, "own")
    else:

        async def helper() -> None:
            await receive("die")
            raise Exit(reason)

        other = spawn(helper)
        send(pid, ("link", other))
        await receive("set")
        send(other, "die")
    return await down_of(ref)


async def dies_of(body: Any, *args: Any) -> Any:
    _, ref = spawn_monitor(body, *args)
    return await down_of(ref)


WAYS = {
    "exit": Exit("boom"),
    "exit_normal": Exit("normal"),
    "exit_kill": Exit("kill"),
    "exit_tuple": Exit(("shutdown", 1)),
    "raise": RuntimeError("boom"),
    "error": ErlangError("my_error"),
    "badarg": ErlangError("badarg"),
    "throw": Throw("ball"),
}


async def ends_by(how: Any) -> Any:
    if how != "return":
        raise WAYS[how]
    return "whatever"


@pair("3.1", "3.2", "3.3", "3.4", "3.5", "3.8", "3.13", cases=["return", *WAYS])
async def way_to_end(how: Any) -> Any:
    return await dies_of(ends_by, how)


@pair("3.9", "3.10", cases=["exit", "throw", "raise", "error"])
async def caught(how: Any) -> Any:
    return await outcome(lambda: ends_by(how))


@pair("4.16", "4.17", "4.18", cases=product(("boom", "kill", "normal"), (False, True)))
async def chain(reason: Any, trapping: Any) -> Any:
    main = self_()

    async def first() -> None:
        await receive("never")

    async def middle() -> None:
        send(main, spawn_link(first))
        await receive("never")

    async def last() -> None:
        trap(trapping)
        send(main, ("middle", spawn_link(middle)))
        say(("got", await next_(200)))

    _, ref = spawn_monitor(last)
    _, middle_pid = await receive(("middle", ANY))
    first_pid = await next_()
    middle_ref = monitor(middle_pid)
    exit_of(first_pid, reason)
    down = await receive(("DOWN", middle_ref, ANY, ANY, ANY), after=500)
    await settle()
    say("middle_lives" if down is TIMEOUT else ("middle", down[4]))
    return await down_of(ref)


@pair("4.19", "1.3")
async def first_signal_decides() -> Any:
    pid, ref = spawn_monitor(idle)
    exit_of(pid, "one")
    exit_of(pid, "two")
    return await down_of(ref)


@pair("1.4", "1.5", cases=[False, True], traps=(5,))
async def message_before_exit(trapping: Any) -> Any:
    main = self_()

    async def victim() -> None:
        trap(trapping)
        send(main, "ready")
        await receive("go")
        say(await next_())
        say(await next_())

    pid, ref = spawn_monitor(victim)
    await receive("ready")
    send(pid, "m")
    exit_of(pid, "boom")
    if trapping:
        send(pid, "go")
    return await down_of(ref)


@pair("1.1", "1.2", "1.6", "1.7", "4.13", "10.2", "10.14", traps=(5,))
async def exit_then_ask() -> Any:
    victim = waiting()
    say(exit_of(victim, "boom"))
    say(await alive(victim))
    other = waiting()
    exit_of(other, "boom")
    say(await process_info(other, "message_queue_len"))
    return exit_of(victim, "again")


@pair("4.14", cases=["atom", "integer", "ref"])
async def exit_on(what: Any) -> Any:
    target = {"atom": "some_name", "integer": 7, "ref": make_ref()}[what]
    return await outcome(lambda: exit_of(target, "boom"))


@pair("4.20", "4.21")
async def trapping_off() -> Any:
    trap()
    me = self_()
    send(me, "first")

    async def hits() -> None:
        exit_of(me, "one")

    await ended(spawn(hits))
    await settle()

    async def victim() -> None:
        trap()
        send(me, ("victim", self_()))
        say((await receive(("EXIT", ANY, ANY)))[2])
        trap(False)
        send(me, "off")
        await idle()

    pid, ref = spawn_monitor(victim)
    await receive(("victim", pid))
    exit_of(pid, "converted")
    await receive("off")
    exit_of(pid, "deadly")
    say(await down_of(ref))
    return [m if type(m) is str else m[2] for m in await mailbox()]


@pair("1.16", "3.11", cases=["kill", "boom"])
async def killed_runs_nothing(reason: Any) -> Any:
    main = self_()

    async def victim() -> None:
        try:
            send(main, "in")
            await receive("never")
        finally:
            say("finally")

    pid, ref = spawn_monitor(victim)
    await receive("in")
    exit_of(pid, reason)
    return await down_of(ref)


@pair("3.2", "3.5", "3.14", cases=["exit", "throw"])
async def finally_runs_on(how: Any) -> Any:
    async def body() -> None:
        try:
            raise WAYS[how]
        finally:
            say("finally")

    return await dies_of(body)


# -- links ----------------------------------------------------------------------------------------


@pair("5.6", "5.7", cases=[False, True], traps=(3,))
async def link_to_the_dead(trapping: Any) -> Any:
    dead = await a_dead()
    trap(trapping)
    say(await outcome(lambda: link(dead)))
    await settle()
    return await mailbox()


@pair("5.8", traps=(3,))
async def link_to_the_dead_uncaught() -> Any:
    dead = await a_dead()

    async def body() -> None:
        await link(dead)

    return await dies_of(body)


@pair("5.2")
async def link_twice() -> Any:
    trap()
    pid = waiting()
    say([await link(pid), await link(pid)])
    say((await process_info(self_(), "links"))[1].count(pid))
    unlink(pid)
    exit_of(pid, "boom")
    await settle()
    return await mailbox()


@pair("5.3")
async def link_to_oneself() -> Any:
    say(await link(self_()))
    say(unlink(self_()))
    return await process_info(self_(), "links")


@pair("5.1", cases=["theirs", "mine"])
async def symmetric(who: Any) -> Any:
    trap()
    me = self_()

    async def peer() -> None:
        trap()
        await link(me)
        send(me, "linked")
        say(("theirs", await next_(200)))

    pid = spawn(peer)
    await receive("linked")
    if who == "mine":
        await ended(pid)
    else:
        exit_of(pid, "kill")
    await settle()
    return [reason for _, _, reason in await mailbox()]


@pair("5.4", "6.16")
async def spawn_link_crash() -> Any:
    async def crash() -> None:
        raise Exit("at_once")

    trap()
    spawn_link(crash)
    _, _, reason = await next_()
    return [reason, await dies_of(crash)]


@pair("5.5")
async def inherits_nothing() -> Any:
    trap()
    put("key", 1)
    await link(waiting())
    await register(self_(), "inherits_nothing")
    me = self_()

    async def child() -> None:
        keys = ["links", "monitors", "trap_exit", "registered_name", "dictionary"]
        send(me, await process_info(self_(), keys))

    spawn(child)
    return await next_()


@pair("5.10")
async def unlink_anyone() -> Any:
    return [unlink(await a_dead()), unlink(waiting()), unlink(self_())]


@pair("5.12")
async def unlink_leaves_the_message() -> Any:
    async def goes() -> None:
        raise Exit("gone")

    trap()
    pid = spawn_link(goes)
    await settle()
    unlink(pid)
    message = await receive(("EXIT", pid, ANY), after=0)
    say("none" if message is TIMEOUT else message[2])
    return await mailbox()


@pair("5.11")
async def unlink_before_the_end() -> Any:
    pid = spawn_link(idle)
    unlink(pid)
    exit_of(pid, "boom")
    await settle()
    return "survived"


@pair("5.13")
async def link_again() -> Any:
    trap()
    pid = spawn_link(idle)
    unlink(pid)
    await link(pid)
    send(pid, ("end", "boom"))
    _, _, reason = await receive(("EXIT", pid, ANY))
    await settle()
    return [reason, *await mailbox()]


@pair("3.19", "3.18", cases=["monitor_first", "link_first"])
async def exit_before_down(order: Any) -> Any:
    async def dies() -> None:
        await receive("die")
        raise Exit("gone")

    trap()
    pid = spawn(dies)
    if order == "monitor_first":
        monitor(pid)
    await link(pid)
    if order != "monitor_first":
        monitor(pid)
    await settle()
    send(pid, "die")
    await settle()
    return [message[0] for message in await mailbox()]


# -- monitors -------------------------------------------------------------------------------------


async def dies_when_told() -> None:
    await receive("die")
    raise Exit("gone")


@pair("6.3", "6.4", "6.6", "6.7", "6.9", cases=["live", "dead", "free_name", "name", "self"])
async def monitor_of(what: Any) -> Any:
    target: Any = None
    match what:
        case "live":
            target = spawn(dies_when_told)
        case "dead":
            target = await a_dead()
        case "free_name":
            target = "free_name_to_monitor"
        case "name":
            await register(spawn(dies_when_told), "monitored_name")
            target = "monitored_name"
        case "self":
            target = self_()
    monitor(target)
    say(True)
    await settle()
    if what in ("live", "name"):
        await send(target, "die")
    await settle()
    return await mailbox()


@pair("6.2", "6.10")
async def many_monitors() -> Any:
    pid = waiting()
    refs = [monitor(pid) for _ in range(3)]
    demonitor(refs[0])
    exit_of(pid, "boom")
    await settle()
    return sorted((refs.index(ref), reason) for _, ref, _, _, reason in await mailbox())


@pair("6.5", "6.4")
async def monitor_keeps_to_the_process() -> Any:
    first = waiting()
    await register(first, "moving_name")
    ref = monitor("moving_name")
    await unregister("moving_name")
    second = waiting()
    await register(second, "moving_name")
    exit_of(second, "boom")
    await settle()
    say(await mailbox())
    exit_of(first, "bang")
    _, _, _, shown, why = await receive(("DOWN", ref, ANY, ANY, ANY))
    return shown[0], why


@pair(
    "6.10",
    "6.11",
    "6.12",
    "6.13",
    "6.14",
    cases=product(
        ("running", "fired", "unknown", "twice"),
        ([], ["flush"], ["info"], ["flush", "info"]),
    ),
)
async def demonitor_when(state: Any, options: Any) -> Any:
    pid = waiting()
    ref = make_ref() if state == "unknown" else monitor(pid)
    if state == "fired":
        exit_of(pid, "boom")
        await settle()
    if state == "twice":
        demonitor(ref)
    say(
        await demonitor(ref, flush="flush" in options, info="info" in options)
        if options
        else demonitor(ref)
    )
    exit_of(pid, "boom")
    await settle()
    return [message[4] for message in await mailbox()]


@pair("6.8", "2.21")
async def watcher_dies() -> Any:
    pid, me = waiting(), self_()

    async def watcher() -> None:
        monitor(pid)
        send(me, "watching")
        await idle()

    watching = spawn(watcher)
    await receive("watching")
    exit_of(watching, "kill")
    await ended(watching)
    await settle()
    return await process_info(pid, "monitored_by")


@pair("1.4", "1.3", "6.1")
async def messages_before_down() -> Any:
    me = self_()

    async def tells() -> None:
        for n in (1, 2, 3):
            send(me, n)
        raise Exit("done")

    spawn_monitor(tells)
    await settle()
    return [m if type(m) is int else ("down", m[4]) for m in await mailbox()]


# -- aliases --------------------------------------------------------------------------------------

MODES = ("explicit", "reply", "monitor_explicit", "monitor_demonitor", "monitor_reply")
ACTIONS = ("nothing", "unalias", "message", "demonitor", "down")


def short(messages: Any) -> Any:
    return [("down", m[4]) if type(m) is tuple else m for m in messages]


@pair(
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "7.7",
    "7.8",
    "2.20",
    cases=[
        (mode, action)
        for mode, action in product(MODES, ACTIONS)
        if mode.startswith("monitor") or action not in ("demonitor", "down")
    ],
)
async def alias_after(mode: Any, action: Any) -> Any:
    pid = waiting()
    match mode:
        case "explicit":
            ref = alias("explicit_unalias")
        case "reply":
            ref = alias("reply")
        case _:
            kinds = {"explicit": "explicit_unalias", "reply": "reply_demonitor"}
            kind = mode.removeprefix("monitor_")
            ref = monitor(pid, alias=kinds.get(kind, kind))
    match action:
        case "unalias":
            say(await unalias(ref))
        case "message":
            send(ref, "first")
        case "demonitor":
            demonitor(ref)
        case "down":
            exit_of(pid, "boom")
    await settle()
    send(ref, "probe")
    await settle()
    say(short(await mailbox()))
    say(await unalias(ref))
    exit_of(pid, "bang")
    await settle()
    return short(await mailbox())


@pair("7.8", "2.20")
async def alias_of_another() -> Any:
    me = self_()

    async def owner() -> None:
        send(me, alias())
        say(("theirs", await next_()))

    other = spawn(owner)
    ref = await next_()
    say(await unalias(ref))
    send(ref, "hello")
    await ended(other)
    send(ref, "late")
    return await mailbox()


# -- names ----------------------------------------------------------------------------------------


@pair(
    "8.2",
    "8.3",
    "8.4",
    "8.5",
    cases=["taken", "named", "dead", None, True, "undefined", "number"],
)
async def register_bad(why: Any) -> Any:
    pid, name = waiting(), why
    match why:
        case "taken":
            await register(waiting(), "taken_name")
            name = "taken_name"
        case "named":
            await register(pid, "one_name")
            name = "another_name"
        case "dead":
            exit_of(pid, "kill")
            await ended(pid)
            name = "name_of_the_dead"
        case "number":
            name = 7
    return (await outcome(lambda: register(pid, name)))[0]


@pair("8.1", "8.6", "8.7", "8.8", "8.10", "10.8")
async def name_life() -> Any:
    pid = waiting()
    say(await whereis("name_life"))
    say(await register(pid, "name_life"))
    say(await whereis("name_life") == pid)
    say(await process_info(pid, "registered_name"))
    say(await unregister("name_life"))
    say(await process_info(pid, "registered_name"))
    say(await outcome(lambda: unregister("name_life")))
    say(await register(pid, "name_life_2"))
    exit_of(pid, "kill")
    await ended(pid)
    say(await whereis("name_life_2"))
    return await register(self_(), "name_life_2")


@pair("3.16", "3.17", "3.15", traps=(4,))
async def name_is_free_at_down() -> Any:
    me, results = self_(), []

    async def holder() -> None:
        await register(self_(), "free_at_down")
        await ets.new("table_free_at_down", named=True)
        send(me, "named")
        await receive("die")

    for _ in range(20):
        pid, ref = spawn_monitor(holder)
        await receive("named")
        send(pid, "die")
        await down_of(ref)
        gone = await ets.info("table_free_at_down") is None
        results.append((await whereis("free_at_down"), gone, await alive(pid)))
    return [results[0]] if results.count(results[0]) == len(results) else results


SENT_TO = ("pid", "dead", "name", "free_name", "node_name", "own_node_name", "unknown_alias")


@pair("2.15", "2.16", "2.17", "2.18", "2.19", "2.20", "8.9", "1.13", cases=SENT_TO)
async def send_to(what: Any) -> Any:
    target: Any = None
    match what:
        case "pid":
            target = self_()
        case "dead":
            target = await a_dead()
        case "name" | "own_node_name":
            await register(self_(), "sent_to")
            target = "sent_to" if what == "name" else ("sent_to", NODE)
        case "free_name":
            target = "free_name_to_send_to"
        case "node_name":
            target = ("free_name_to_send_to", NODE)
        case "unknown_alias":
            target = make_ref()

    async def sends() -> Any:
        return await send(target, ("hello", 1))

    say(await outcome(sends))
    await settle()
    return await mailbox()


# -- receive --------------------------------------------------------------------------------------


@pair("2.2", "2.4", "2.1")
async def mailbox_order_first() -> Any:
    for m in ("x", "b", "a"):
        send(self_(), m)
    say(await receive("a", "b"))
    return await mailbox()


@pair("2.3")
async def clause_order_for_one_message() -> Any:
    send(self_(), ("k", 1))
    taken = await receive(("k", where(lambda n: n > 1)), ("k", ANY))
    return "big" if taken[1] > 1 else "any"


@pair("2.2", "2.5", "2.6", "2.12")
async def selective() -> Any:
    for n in range(1, 6):
        send(self_(), n)
    say(await receive(3))
    send(self_(), 6)
    say(await receive(where(lambda n: n > 4)))
    return await mailbox()


@pair("2.9", "2.10", "2.11")
async def after_zero() -> Any:
    for n in range(1, 6):
        send(self_(), n)
    say("timeout" if await receive(5, after=0) is TIMEOUT else "found")
    say("timeout" if await receive(9, after=0) is TIMEOUT else "found")
    return await mailbox()


@pair("2.8", "2.7")
async def after_is_not_restarted() -> Any:
    me = self_()

    async def noise() -> None:
        for _ in range(8):
            await sleep(160)
            send(me, "noise")

    spawn(noise)
    late = send_after_(me, "late", 1040)
    say("timeout" if await receive("late", after=640) is TIMEOUT else "late")
    say(await cancel_timer(late) is not False)
    await receive("never", after=1600)
    return len(await mailbox())


@pair("2.22", "2.23", "13.3", cases=[1, 1.0, True, None])
async def strict_match(message: Any) -> Any:
    send(self_(), message)
    taken = await receive(1, 1.0, True, None, ANY)
    return {int: "integer", float: "float", bool: True, type(None): None}[type(taken)]


@pair("2.14")
async def guard_that_raises() -> Any:
    send(self_(), "atom")
    await receive(when(ANY, lambda m: m[0][0].missing == 1), str)
    return "atom"


@pair("2.24")
async def map_and_tuple_patterns() -> Any:
    send(self_(), ("a", 1, 2))
    send(self_(), {"k": 1, "extra": 2})
    taken = await receive(("a", ANY), ("a", ANY, ANY))
    say("pair" if len(taken) == 2 else "triple")
    return (await receive({"k": ANY}))["k"]


# -- timers ---------------------------------------------------------------------------------------


@pair("9.1", "9.3", "9.6", cases=[0, 20])
async def send_after(ms: Any) -> Any:
    send_after_(self_(), "tick", ms)
    say(True)
    say(await next_(3000))
    return await outcome(lambda: send_after_(self_(), "tick", -1))


@pair("9.2")
async def start_timer_message() -> Any:
    start_timer(20, self_(), "msg")
    return say(await next_())


@pair("9.9", "9.10", "9.11", cases=["running", "fired", "cancelled", "unknown"])
async def cancel(state: Any) -> Any:
    ref = make_ref() if state == "unknown" else send_after_(self_(), "tick", 1)
    if state == "fired":
        await settle()
    elif state in ("running", "cancelled"):
        await cancel_timer(ref)
        ref = send_after_(self_(), "tick", 5000)
    if state == "cancelled":
        await cancel_timer(ref)
    say(number(await read_timer(ref)))
    say(number(await cancel_timer(ref)))
    await settle()
    return await mailbox()


def number(value: Any) -> Any:
    return value if value is False else "number"


@pair("9.7", "9.8", cases=["name_taken_later", "free_name", "dead", "already_dead"])
async def timer_for(what: Any) -> Any:
    pid = waiting()
    match what:
        case "name_taken_later":
            send_after_("timer_name", "tick", 400)
            await register(self_(), "timer_name")
            return await next_(3000)
        case "free_name":
            send_after_("timer_free_name", "tick", 20)
            return await next_(100)
    if what == "already_dead":
        exit_of(pid, "kill")
        await ended(pid)
    ref = send_after_(pid, "tick", 5000)
    exit_of(pid, "kill")
    await ended(pid)
    await settle()
    return await cancel_timer(ref)


@pair("9.5", cases=[-50, 0, 40])
async def absolute(delta: Any) -> Any:
    await sleep(60)
    send_after_(self_(), "tick", to_ms(now()) + delta, abs=True)
    return await next_(3000)


@pair("9.14")
async def timers_in_order() -> Any:
    send_after_(self_(), 3, 150)
    send_after_(self_(), 1, 20)
    send_after_(self_(), 2, 80)
    return [await next_(), await next_(), await next_()]


# -- information ----------------------------------------------------------------------------------


@pair("10.1", "10.2", "10.3", "10.4", "10.5", "10.7", "10.8")
async def information() -> Any:
    trap()
    pid = spawn_link(idle)
    ref = monitor(pid)
    await register(self_(), "informed")
    send(self_(), "a")
    send(self_(), ("b", 1))
    say(await process_info(self_(), "message_queue_len"))
    say(await process_info(self_(), "messages"))
    say(await process_info(self_(), ["trap_exit", "registered_name", "priority"]))
    say([watcher == self_() for watcher in (await process_info(pid, "monitored_by"))[1]])
    say(await process_info(self_(), "monitors"))
    say([peer == self_() for peer in (await process_info(pid, "links"))[1]])
    say(await process_info(pid, "status"))
    demonitor(ref)
    unlink(pid)
    exit_of(pid, "kill")
    await settle()
    links = await process_info(pid, "links")
    return [None, links, await alive(pid), await alive(self_())]


@pair("10.1")
async def info_bad_key() -> Any:
    return await outcome(lambda: process_info(self_(), "no_such_key"))


@pair("10.9", "10.7", "10.11")
async def flags() -> Any:
    return [
        process_flag("trap_exit", True),
        process_flag("trap_exit", False),
        process_flag("trap_exit", True),
        process_flag("priority", "high"),
        process_flag("priority", "normal"),
    ]


@pair("10.10", cases=[("trap_exit", "maybe"), ("priority", "huge"), ("no_such_flag", True)])
async def bad_flag(flag: Any, value: Any) -> Any:
    return await outcome(lambda: process_flag(flag, value))


@pair("10.12", "10.13")
async def dictionary() -> Any:
    say([put("a", 1), put("a", 2), get("a"), get("b"), get("b", "default")])
    say([erase("a"), erase("a"), get("a")])
    put("z", None)
    return [get("z", "default"), [key for key in get_keys() if key == "z"]]


@pair("10.15", "10.16", "10.17", "10.18", cases=[False, True])
async def hibernate(full: Any) -> Any:
    me = self_()

    async def sleeper() -> None:
        send(me, "ready")
        await receive("go")
        try:
            await hibernate_(woken, "arg")
        except BaseException:
            say("not_reached")

    pid, ref = spawn_monitor(sleeper)
    await receive("ready")
    if full:
        send(pid, "early")
    send(pid, "go")
    await settle()
    if not full:
        say(await process_info(pid, "current_function"))
        send(pid, "late")
    return await down_of(ref)


async def woken(arg: Any) -> None:
    say(("woken", arg, await next_()))
    raise Exit("slept")


@pair("7.10")
async def alias_message_stays() -> Any:
    ref = alias("explicit_unalias")
    send(ref, "through")
    await settle()
    say(await unalias(ref))
    return await mailbox()
