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
    alive,
    link,
    make_ref,
    monitor,
    process_info,
    put,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_link,
    spawn_monitor,
    unlink,
)
from simkernel import exit as exit_of
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
