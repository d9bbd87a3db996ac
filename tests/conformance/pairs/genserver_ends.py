"""Timeouts of servers, how they end, and what callbacks do that are not there."""

from __future__ import annotations

from itertools import product
from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    Exit,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Stop,
    Supervisor,
    alive,
    monitor,
    receive,
    self_,
    send,
    spawn,
    spawn_link,
    spawn_monitor,
    sys,
)
from simkernel import exit as exit_of
from tests.conformance.lab import ended, mailbox, next_, outcome, pair, say, settle, trap
from tests.conformance.pairs.genserver import (
    Bare,
    Ending,
    Partial,
    Told,
    down_of,
    raised,
    slowly,
    start,
    try_call,
)

# -- timeouts -------------------------------------------------------------------------------------


@pair("15.27", "15.28")
async def timeout_is_cancelled_by_a_message() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s, 200))
    await settle(30)
    send(pid, "message")
    await settle(300)
    return await GenServer.call(pid, "state")


@pair("15.28")
async def timeout_again() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s, 200))
    await settle(60)
    send(pid, lambda s: NoReply(s, 300))
    await settle(200)
    say("not_yet")
    await settle(200)
    return await GenServer.call(pid, "state")


@pair("15.29", traps=(11,))
async def zero_timeout_loses() -> Any:
    pid = await start()
    await GenServer.cast(pid, slowly(40, lambda s: NoReply(s, 0)))
    send(pid, "waiting")
    await settle(80)
    return await GenServer.call(pid, "state")


@pair("15.30")
async def timeout_looks_like_a_message() -> Any:
    pid = await start()
    send(pid, "timeout")
    return await GenServer.call(pid, "state")


@pair("15.31", "15.15", "23.10", "14.5")
async def system_message_keeps_the_timeout() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s, 100))
    await settle(60)
    say(await sys.get_state(pid))
    await settle(60)
    say("not_yet")
    await settle(80)
    return await GenServer.call(pid, "state")


# -- ends -----------------------------------------------------------------------------------------

ENDS = (
    "parent_exit",
    "parent_normal",
    "parent_shutdown",
    "kill",
    "stranger",
    "stop",
    "stop_reason",
    "stop_shutdown",
    "linked",
    "linked_normal",
    "cast_after_exit",
    "cast_before_exit",
)


async def links_to_one_that_dies(reason: Any, pid: Any) -> None:
    async def dies() -> None:
        raise Exit(reason)

    def handle(_: Any, s: Any) -> Any:
        spawn_link(dies)
        return Reply("ok", s)

    await GenServer.call(pid, handle)


@pair(
    "15.13",
    "15.14",
    "15.33",
    "15.35",
    "15.36",
    "15.37",
    "15.38",
    "15.60",
    "15.63",
    "14.7",
    "15.44",
    "15.43",
    cases=[
        (how, trapping)
        for how, trapping in product(ENDS, (True, False))
        if not (how == "cast_before_exit" and not trapping)
    ],
    traps=(7,),
)
async def end_by(how: Any, trapping: Any) -> Any:
    trap()
    me = self_()

    def begin() -> Any:
        trap(trapping)
        return Ok("before")

    async def stranger() -> None:
        exit_of(pid, "stranger_says")

    _, pid = await GenServer.start_link(Told, begin)
    match how:
        case "parent_exit":
            exit_of(pid, "parent_says")
        case "parent_normal":
            exit_of(pid, "normal")
        case "parent_shutdown":
            exit_of(pid, "shutdown")
        case "kill":
            exit_of(pid, "kill")
        case "stranger":
            await ended(spawn(stranger))
        case "stop":
            say(await GenServer.stop(pid))
        case "stop_reason":
            say(await outcome(lambda: GenServer.stop(pid, "my_reason")))
        case "stop_shutdown":
            say(await outcome(lambda: GenServer.stop(pid, ("shutdown", 1))))
        case "linked":
            await links_to_one_that_dies("linked_died", pid)
        case "linked_normal":
            await links_to_one_that_dies("normal", pid)
        case "cast_after_exit":
            exit_of(pid, "parent_says")
            await GenServer.cast(pid, ("put", "after"))
        case "cast_before_exit":
            await GenServer.cast(pid, ("put", "after"))
            exit_of(pid, "parent_says")
    await settle()
    say(await alive(pid))
    send(me, "last")
    return [m if type(m) is str else ("exit", m[2]) for m in await mailbox()]


@pair("15.39", "14.7", cases=["normal", "shutdown", "boom"])
async def no_parent(reason: Any) -> Any:
    def begin() -> Any:
        trap()
        return Ok(0)

    pid = await start(begin)
    exit_of(pid, reason)
    await settle()
    return await try_call(pid, "state")


@pair("15.42", cases=["return", "raise", "exit", "throw"])
async def terminate_does(how: Any) -> Any:
    trap()
    _, pid = await GenServer.start_link(Ending, how)
    say(await outcome(lambda: GenServer.stop(pid, "asked")))
    await settle()
    return [("exit", why) for _, _, why in await mailbox()]


@pair("15.41", "15.33", cases=["stop", "raise"])
async def state_at_terminate(how: Any) -> Any:
    pid = await start("old")
    ref = monitor(pid)
    stop = (
        (lambda _: Stop("why", "new"))
        if how == "stop"
        else (lambda _: raised(RuntimeError("boom")))
    )
    await GenServer.cast(pid, stop)
    return await down_of(ref)


@pair(
    "15.44",
    cases=product(("normal", "shutdown", ("shutdown", 1), "boom"), (True, False)),
)
async def linked_to_a_stopping_server(reason: Any, trapping: Any) -> Any:
    async def peer() -> None:
        trap(trapping)
        _, pid = await GenServer.start_link(Told, 0)
        await GenServer.cast(pid, lambda s: Stop(reason, s))
        say(("peer", await next_(100)))

    _, ref = spawn_monitor(peer)
    return await down_of(ref)


@pair("15.19", traps=(10,))
async def reply_after_terminate() -> Any:
    me, pid = self_(), await start()

    async def client() -> None:
        request = lambda _, s: Stop("normal", "late_reply", s)  # noqa: E731
        send(me, ("answer", await outcome(lambda: GenServer.call(pid, request))))

    spawn(client)
    say((await next_())[1])
    await settle()
    return "ok"


# -- defaults -------------------------------------------------------------------------------------


@pair("15.45", "15.46", cases=["call", "cast", "info"])
async def without_callback(what: Any) -> Any:
    _, pid = await GenServer.start(Bare, 7)
    ref = monitor(pid)
    match what:
        case "call":
            say((await outcome(lambda: GenServer.call(pid, "unknown")))[0])
        case "cast":
            say(await GenServer.cast(pid, "unknown"))
        case "info":
            send(pid, "unknown")
    await settle()
    message = await receive(("DOWN", ref, ANY, ANY, ANY), after=0)
    if message is TIMEOUT:
        return await alive(pid)
    return ("down", message[4][0].name == "RuntimeError")


@pair("15.47", "15.23", cases=["call", "cast", "info"])
async def without_clause(what: Any) -> Any:
    _, pid = await GenServer.start(Partial, 7)
    ref = monitor(pid)
    match what:
        case "call":
            say((await outcome(lambda: GenServer.call(pid, "unknown")))[0])
        case "cast":
            await GenServer.cast(pid, "unknown")
        case "info":
            send(pid, "unknown")
    return await down_of(ref)


@pair("15.48", "16.1", "16.3")
async def child_specs() -> Any:
    specs = [
        Told.child_spec(1),
        Partial.child_spec(1),
        Supervisor.child_spec((Told, 2), id="other", restart="temporary"),
    ]
    shutdowns = [spec.shutdown if type(spec.shutdown) is int else 5000 for spec in specs]
    return [
        (spec.id, spec.restart, shutdown, list(spec.start[2]))
        for spec, shutdown in zip(specs, shutdowns, strict=True)
    ]
