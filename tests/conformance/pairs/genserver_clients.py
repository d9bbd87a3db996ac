"""Calls, casts, replies and stop."""

from __future__ import annotations

from typing import Any

from simkernel import (
    GenServer,
    Hibernate,
    NoReply,
    Reply,
    Stop,
    process_info,
    self_,
    send,
    spawn,
    sys,
)
from simkernel import exit as exit_of
from tests.conformance.lab import ended, idle, mailbox, next_, outcome, pair, say, settle
from tests.conformance.pairs.genserver import (
    Ending,
    slowly,
    start,
    strip,
    try_call,
)

# -- the client -----------------------------------------------------------------------------------


@pair(
    "15.49",
    "15.50",
    "15.51",
    "15.53",
    "15.54",
    cases=["dead", "free_name", "itself", "not_a_server", "infinity"],
)
async def call_to(what: Any) -> Any:
    async def nothing() -> None:
        pass

    dead = spawn(nothing)
    await ended(dead)
    match what:
        case "dead":
            return await outcome(lambda: GenServer.call(dead, "hello"))
        case "free_name":
            return await outcome(lambda: GenServer.call("free_server_name", "hello", 100))
        case "itself":
            return await outcome(lambda: GenServer.call(self_(), "hello"))
        case "not_a_server":
            return await outcome(lambda: GenServer.call(spawn(idle), "hello", 20))
    return await outcome(lambda: GenServer.call(dead, "hello", None))


@pair("15.58", cases=["dead", "free_name"])
async def cast_to(what: Any) -> Any:
    async def nothing() -> None:
        pass

    dead = spawn(nothing)
    await ended(dead)
    return await GenServer.cast(dead if what == "dead" else "free_server_name", "hello")


@pair("15.51", "15.55", "15.56", "15.57", cases=[20, "infinity"], traps=(6,))
async def late_reply(timeout: Any) -> Any:
    pid = await start()
    request = slowly(60, lambda caller, s: Reply(("late", type(caller) is tuple), s + 1))
    say(await try_call(pid, request, None if timeout == "infinity" else timeout))
    await settle(120)
    say(await mailbox())
    return await GenServer.call(pid, "state")


@pair("15.52", cases=["boom", "kill", "shutdown"])
async def server_ends_in_call(reason: Any) -> Any:
    me, pid = self_(), await start()

    async def client() -> None:
        send(me, await try_call(pid, lambda _, s: NoReply(s)))

    spawn(client)
    await settle()
    exit_of(pid, reason)
    return await next_()


@pair("15.59")
async def reply_by_another() -> Any:
    pid = await start()

    def handle(caller: Any, s: Any) -> Any:
        async def other() -> None:
            say(await GenServer.reply(caller, "from_another"))

        spawn(other)
        return NoReply(s)

    answer = await GenServer.call(pid, handle)
    return answer


@pair("15.56", "7.9")
async def reply_twice() -> Any:
    def handle(caller: Any, s: Any) -> Any:
        GenServer.reply(caller, "one")
        return Reply("two", s)

    say(await GenServer.call(await start(), handle))
    await settle()
    return await mailbox()


@pair(
    "15.60",
    "15.61",
    "15.62",
    "15.63",
    cases=["dead", "free_name", "timeout", "other_reason", "queue"],
)
async def stop_of(what: Any) -> Any:
    async def nothing() -> None:
        pass

    match what:
        case "dead":
            dead = spawn(nothing)
            await ended(dead)
            return strip(await outcome(lambda: GenServer.stop(dead)))
        case "free_name":
            return strip(await outcome(lambda: GenServer.stop("free_server_name")))
        case "timeout":
            _, pid = await GenServer.start(Ending, "slow")
            say(strip(await outcome(lambda: GenServer.stop(pid, "normal", 20))))
            return await ended(pid)
        case "other_reason":
            pid = await start()
            await GenServer.cast(pid, slowly(30, lambda s: Stop("mine", s)))
            return strip(await outcome(lambda: GenServer.stop(pid, "normal")))
    pid = await start()
    await GenServer.cast(pid, slowly(20, lambda s: NoReply(s + 1)))
    await GenServer.cast(pid, ("put", "served"))
    return await GenServer.stop(pid)


@pair("15.64", "15.65", "23.10", "23.11", "23.12")
async def suspended() -> Any:
    pid = await start()
    say(await sys.suspend(pid))
    say(await sys.suspend(pid))
    await GenServer.cast(pid, ("put", 5))
    say(await try_call(pid, "state", 30))
    say(await sys.get_state(pid))
    say(await sys.resume(pid))
    say(await sys.resume(pid))
    await settle()
    say(await sys.replace_state(pid, lambda s: s + 1))
    return await GenServer.call(pid, "state")


@pair("15.32", "10.15")
async def hibernated() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s + 1, Hibernate()))
    await settle()
    say(await process_info(pid, "current_function"))
    return await GenServer.call(pid, "state")


@pair("15.49")
async def nested_calls() -> Any:
    a, b = await start("a"), await start("b")

    async def handle(_: Any, s: Any) -> Any:
        return Reply((s, await GenServer.call(b, "state")), s)

    return await GenServer.call(a, handle)


@pair("15.51", "15.56")
async def crossed_calls() -> Any:
    a, b, me = await start("a"), await start("b"), self_()

    async def back(_: Any, t: Any) -> Any:
        return Reply(await try_call(a, "state", 40), t)

    async def forth(s: Any) -> Any:
        send(me, ("a", await try_call(b, back, 400)))
        return NoReply(s)

    await GenServer.cast(a, forth)
    say(await next_())
    await settle()
    return [await GenServer.call(a, "state"), await GenServer.call(b, "state")]
