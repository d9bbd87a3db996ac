"""The `timer` module."""

from __future__ import annotations

from typing import Any

from simkernel import exit as exit_of
from simkernel import monitor, now, register, self_, sleep, spawn, sys, timer, to_ms
from simkernel import system_time as system_clock
from tests.conformance.lab import ended, idle, mailbox, outcome, pair, say, settle, trap

ONCE: dict[Any, Any] = {
    "send": lambda _: timer.send_after(20, self_(), "tick"),
    "send_self": lambda _: timer.send_after(20, "tick"),
    "send_zero": lambda _: timer.send_after(0, self_(), "tick"),
    "send_name": lambda _: timer.send_after(20, "timed", "tick"),
    "send_free_name": lambda _: timer.send_after(20, "nobody_here", "tick"),
    "send_negative": lambda _: timer.send_after(-1, self_(), "tick"),
    "send_bad_target": lambda _: timer.send_after(10, 7, "tick"),
    "exit": lambda victim: timer.exit_after(20, victim, "boom"),
    "kill": lambda victim: timer.kill_after(20, victim),
    "exit_negative": lambda victim: timer.exit_after(-5, victim, "boom"),
    "apply": lambda _: timer.apply_after(20, say, ["applied"]),
    "apply_zero": lambda _: timer.apply_after(0, say, ["applied"]),
    "apply_bad": lambda _: timer.apply_after("soon", say, ["applied"]),
    "exit_self": lambda _: timer.exit_after(20, self_(), "boom"),
}


def shown(message: Any) -> Any:
    match message:
        case ("DOWN", _, _, _, why):
            return ("down", why)
        case ("EXIT", _, why):
            return ("exit", why)
    return message


@pair("23.1", "23.2", "23.3", "23.4", "23.5", "23.6", "23.9", cases=ONCE)
async def once(how: Any) -> Any:
    trap()
    victim = spawn(idle)
    monitor(victim)
    if how == "send_name":
        await register(self_(), "timed")
    match await ONCE[how](victim):
        case ("ok", (kind, _)):
            say(("ok", kind, True))
        case other:
            say(other)
    await settle(60)
    return [shown(message) for message in await mailbox()]


STARTS: dict[Any, Any] = {
    "sent": lambda: timer.send_after(30, self_(), "tick"),
    "applied": lambda: timer.apply_after(30, say, ["applied"]),
    "interval": lambda: timer.send_interval(120, self_(), "tick"),
    "over": lambda: timer.send_after(1, self_(), "tick"),
    "instant": lambda: timer.send_after(0, self_(), "tick"),
}


@pair("23.8", "23.7", cases=STARTS)
async def cancelled(when: Any) -> Any:
    _, tref = await STARTS[when]()
    if when == "over":
        await settle()
    if when == "interval":
        await settle(300)
    say(await timer.cancel(tref))
    await settle(180 if when == "interval" else 60)
    say(await timer.cancel(tref))
    return await mailbox()


@pair("23.9")
async def cancel_junk() -> Any:
    return [await timer.cancel(junk) for junk in ("junk", ("once", 7), 7)]


@pair("23.7", "23.9", cases=["ticks", "self", "target_dies", "apply", "bad"])
async def interval(how: Any) -> Any:
    victim = spawn(idle)
    starts: dict[Any, Any] = {
        "ticks": lambda: timer.send_interval(120, self_(), "tick"),
        "self": lambda: timer.send_interval(120, "tick"),
        "target_dies": lambda: timer.send_interval(120, victim, ("say", "told")),
        "apply": lambda: timer.apply_interval(120, say, ["applied"]),
        "bad": lambda: timer.send_interval(-1, self_(), "tick"),
    }
    answer = await starts[how]()
    say(answer[0])
    if how == "target_dies":
        await sleep(180)
        exit_of(victim, "kill")
    await settle(420)
    messages = await mailbox()
    if answer[0] == "ok":
        await timer.cancel(answer[1])
    return messages


@pair("23.14")
async def units() -> Any:
    return [timer.seconds(2), timer.minutes(1), timer.hours(1), timer.hms(1, 2, 3)]


@pair("9.21")
async def system_time() -> Any:
    real, steady = to_ms(system_clock()), to_ms(now())
    await sleep(20)
    passed, other = to_ms(system_clock()) - real, to_ms(now()) - steady
    return [20 <= passed < 500, abs(passed - other) <= 1]


@pair("23.13", cases=["dead", "free_name", "no_server"])
async def sys_call(what: Any) -> Any:
    async def nothing() -> None:
        pass

    dead = spawn(nothing)
    await ended(dead)
    calls: dict[Any, Any] = {
        "dead": lambda: sys.get_state(dead),
        "free_name": lambda: sys.suspend("free_sys_name"),
        "no_server": lambda: sys.get_state(spawn(idle), 20),
    }
    match await outcome(calls[what]):
        case ("exit", (reason, (_, name, _))):
            return ("exit", reason, name)
        case other:
            return other
