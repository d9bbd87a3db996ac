"""The `:timer` module: things that happen later, done by a server process (section 23).

`Process.send_after` and `start_timer` of the kernel cost less. What is here can do more than send,
and its timers outlive the process that started them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simkernel.kernel import effects
from simkernel.kernel.awaited import routine
from simkernel.kernel.effects import (
    cancel_timer,
    demonitor,
    exit,
    make_ref,
    monitor,
    now,
    process_flag,
    self_,
    send,
    spawn,
    start_timer,
    whereis,
)
from simkernel.otp import gen
from simkernel.otp.gen_server import GenServer, NoReply, Ok, Reply
from simkernel.otp.results import Absent
from simkernel.terms import Exit, Instant, Map, Pid, Ref

SERVER = "timer_server"
BADARG = ("error", "badarg")
SEND, EXIT = "send", "exit"

sleep = effects.sleep


def seconds(n: int) -> int:
    """Give n seconds in ms.

    >>> seconds(2), minutes(1), hours(1), hms(1, 0, 1)
    (2000, 60000, 3600000, 3601000)
    """
    return 1_000 * n


def minutes(n: int) -> int:
    """Give n minutes in ms."""
    return 60_000 * n


def hours(n: int) -> int:
    """Give n hours in ms."""
    return 3_600_000 * n


def hms(h: int, m: int, s: int) -> int:
    """Give hours, minutes and seconds in ms."""
    return hours(h) + minutes(m) + seconds(s)


# --- Calls ---------------------------------------------------------------------------------------


@routine
async def apply_after(ms: int, *call: Any) -> Any:
    """Run a function in a process of its own after `ms` (rule 23.5).

    `apply_after(ms, function, args)` or `apply_after(ms, cls, "function", args)`; gives
    ("ok", tref), or ("error", "badarg").
    """
    match call:
        case (function, list() | tuple() as args) if callable(function):
            return await _once(ms, ("apply", function, None, tuple(args)))
        case (module, str(name), list() | tuple() as args):
            return await _once(ms, ("apply", module, name, tuple(args)))
    return BADARG


@routine
async def send_after(ms: int, dest: Any, message: Any = Absent) -> Any:
    """Send `message` to a pid or a name, or to oneself, after `ms` (rules 23.2 to 23.4)."""
    if message is Absent:
        dest, message = self_(), dest
    if not _is_time(ms) or type(dest) not in (Pid, str):
        return BADARG
    if ms and type(dest) is Pid:
        return ("ok", ("send_local", effects.send_after(dest, message, ms)))
    return await _once(ms, (SEND, dest, message))


@routine
async def exit_after(ms: int, target: Any, reason: Any = Absent) -> Any:
    """Send an exit signal to a pid, a name, or oneself, after `ms`: the server does (rule 23.6)."""
    if reason is Absent:
        target, reason = self_(), target
    if type(target) not in (Pid, str):
        return BADARG
    return await _once(ms, (EXIT, target, reason))


@routine
async def kill_after(ms: int, target: Any = Absent) -> Any:
    """Kill a process, or oneself, after `ms`."""
    target = self_() if target is Absent else target
    return await gen.result_of(exit_after(ms, target, "kill"))


@routine
async def send_interval(ms: int, dest: Any, message: Any = Absent) -> Any:
    """Send `message` every `ms`, for as long as `dest`, or oneself, is there (rule 23.7)."""
    if message is Absent:
        dest, message = self_(), dest
    if not _is_time(ms) or type(dest) not in (Pid, str):
        return BADARG
    return await _asked(("interval", now(), ms, dest, (SEND, dest, message)))


@routine
async def apply_interval(ms: int, *call: Any) -> Any:
    """Run a function every `ms`, each time in a process of its own, while the caller lives."""
    match call:
        case (function, list() | tuple() as args) if _is_time(ms) and callable(function):
            what: Any = ("apply", function, None, tuple(args))
        case (module, str(name), list() | tuple() as args) if _is_time(ms):
            what = ("apply", module, name, tuple(args))
        case _:
            return BADARG
    return await _asked(("interval", now(), ms, self_(), what))


@routine
async def cancel(tref: Any) -> Any:
    """Cancel what any of the calls above gave; ("ok", "cancel") even if it is over (rule 23.8)."""
    match tref:
        case ("instant", Ref()):
            return ("ok", "cancel")
        case ("send_local", Ref() as ref):
            await cancel_timer(ref)
            return ("ok", "cancel")
        case ("once" | "interval", Ref()):
            return await _asked(("cancel", tref))
    return BADARG


def _is_time(ms: Any) -> bool:
    return type(ms) is int and ms >= 0


async def _once(ms: int, what: Any) -> Any:
    if not _is_time(ms):
        return BADARG
    if ms == 0:
        await perform(what, careful=False)
        return ("ok", ("instant", make_ref()))
    return await _asked(("once", now(), ms, what))


async def _asked(request: Any) -> Any:
    """Ask the server, which is started when it is first needed (rule 23.1)."""
    while True:
        if await whereis(SERVER) is None:
            await gen.result_of(GenServer.start(TimerServer, None, name=SERVER))
        try:
            return await gen.result_of(GenServer.call(SERVER, request, timeout=None))
        except Exit as exited:
            match exited.reason:
                case ("noproc", _):
                    continue
            raise


# --- What happens --------------------------------------------------------------------------------


async def perform(what: Any, careful: bool) -> None:
    """Do what a timer is for; `careful` is the server, which survives what the caller would not."""
    match what:
        case ("send", dest, message):
            if type(dest) is Pid:
                send(dest, message)
            elif careful:
                effects.cast_name(dest, message)
            else:
                await send(dest, message)
        case ("exit", target, reason):
            pid = target if type(target) is Pid else await whereis(target)
            if pid is not None:
                exit(pid, reason)
        case ("apply", function, name, args):
            spawn(_apply, function, name, args)


async def _apply(function: Any, name: str | None, args: tuple[Any, ...]) -> None:
    await gen.result_of((function if name is None else getattr(function, name))(*args))


# --- The server ----------------------------------------------------------------------------------


class Interval(NamedTuple):
    """An interval that runs: its present timer, when that is due, and what it is for."""

    timer: Ref
    due: Instant
    ms: int
    what: Any


class TimerServer(GenServer):
    """Keeps what is to be done: for "once" by its timer, for an interval by its monitor."""

    def init(self, argument: Any) -> Any:
        """Begin with nothing to do."""
        process_flag("trap_exit", True)
        return Ok(Map())

    async def handle_call(self, request: Any, caller: Any, timers: Any) -> Any:
        """Start a timer or cancel one."""
        match request:
            case ("once", started, ms, what):
                ref = start_timer(ms, self_(), "once", abs=started)
                return Reply(("ok", ("once", ref)), timers.put(ref, what))
            case ("interval", started, ms, target, what):
                ref = monitor(target)
                interval = _next(ref, started, ms, what)
                return Reply(("ok", ("interval", ref)), timers.put(ref, interval))
            case ("cancel", (_, ref)):
                return Reply(("ok", "cancel"), await _cancelled(timers, ref))

    async def handle_info(self, message: Any, timers: Any) -> Any:
        """Do what is due; an interval ends with its target."""
        match message:
            case ("timeout", ref, "once") if ref in timers:
                await perform(timers[ref], careful=True)
                return NoReply(timers.delete(ref))
            case ("timeout", _, ("interval", ref)) if ref in timers:
                interval = timers[ref]
                following = _next(ref, interval.due, interval.ms, interval.what)
                await perform(interval.what, careful=True)
                return NoReply(timers.put(ref, following))
            case ("DOWN", ref, _, _, _):
                return NoReply(await _cancelled(timers, ref))
            case _:
                return NoReply(timers)


def _next(ref: Ref, since: Instant, ms: int, what: Any) -> Interval:
    due = since + ms
    return Interval(start_timer(ms, self_(), ("interval", ref), abs=since), due, ms, what)


async def _cancelled(timers: Any, ref: Ref) -> Any:
    if ref not in timers:
        return timers
    found = timers[ref]
    if type(found) is Interval:
        demonitor(ref)
        await cancel_timer(found.timer)
    else:
        await cancel_timer(ref)
    return timers.delete(ref)
