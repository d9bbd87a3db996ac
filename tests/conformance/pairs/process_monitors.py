"""Monitors, aliases and names."""

from __future__ import annotations

from itertools import product
from typing import Any

from simkernel import (
    ANY,
    Exit,
    alias,
    alive,
    demonitor,
    ets,
    make_ref,
    monitor,
    process_info,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_monitor,
    unalias,
    unregister,
    whereis,
)
from simkernel import exit as exit_of
from tests.conformance.lab import ended, idle, mailbox, next_, outcome, pair, say, settle
from tests.conformance.pairs.process import NODE, a_dead, down_of, waiting

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
