"""Receive, timers, information, flags, the dictionary and hibernation."""

from __future__ import annotations

from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    Exit,
    alias,
    alive,
    cancel_timer,
    demonitor,
    erase,
    get,
    get_keys,
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
    when,
    where,
)
from simkernel import exit as exit_of
from simkernel import hibernate as hibernate_
from simkernel import send_after as send_after_
from tests.conformance.lab import ended, idle, mailbox, next_, outcome, pair, say, settle, trap
from tests.conformance.pairs.process import down_of, waiting

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
