"""What a process may ask of the kernel.

Plain calls only note an effect, which leaves after the step, on its own. Awaited ones give an
operation: they wait, or see what others change, or can fail.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from sys import _getframe
from types import FunctionType
from typing import Any, NamedTuple

from simkernel.errors import UsageError
from simkernel.freezing import ATOMIC
from simkernel.kernel import codes
from simkernel.kernel.awaited import (
    RECEIVE_ANY,
    Awaited,
    Given,
    Operation,
    Receive,
    complain,
    context,
    expect,
    running,
)
from simkernel.kernel.patterns import NOTHING
from simkernel.terms import ArgumentError, Duration, Instant, Map, Pid, Ref, freeze, thaw
from simkernel.values import child_of, ref_of

MS = 1_000  # microseconds in a millisecond: the machine counts in microseconds

_SEND, _SPAWN, _TIMER = codes.SEND, codes.SPAWN, codes.TIMER


class Between(NamedTuple):
    """A duration that is only known to lie between two bounds, in ms."""

    low_ms: float
    high_ms: float


def between(low_ms: float, high_ms: float) -> Between:
    """Give the interval of durations from `low_ms` to `high_ms`.

    >>> between(10, 20)
    Between(low_ms=10, high_ms=20)
    """
    if not 0 <= low_ms <= high_ms:
        raise UsageError(
            f"between({low_ms}, {high_ms}) is no interval",
            hint="Give two numbers of ms, 0 <= low <= high.",
        )
    return Between(low_ms, high_ms)


class Again:
    """The tail call of a coroutine body: `return again(fn, *args)`."""

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], args: Any):
        self.function = function
        self.args = args


def again(function: Callable[..., Any], *args: Any) -> Again:
    """Go on as `function(*args)`, with nothing remembered of what ran before (rule 12.16)."""
    return Again(function, freeze(args, "again"))


# --- Local: immediate, nobody else can tell ------------------------------------------------------


def self_() -> Pid:
    """Give the pid of the running process (Elixir's `self()`)."""
    return running("self_()").pid


def now() -> Instant:
    """Give the instant at which this step began, as an opaque value; see `earlier` and `to_ms`."""
    process = running("now()")
    instant: Instant = _machine().local_input(process, _machine().clock.instant)
    return instant


def system_time() -> Instant:
    """Give the instant of the system clock, which in a simulation is the monotonic one."""
    return now()


def to_ms(time: Instant | Duration) -> float:
    """Give a time in ms; in a check this downgrades the verdict (it is noted where)."""
    process = running("to_ms()")
    machine = _machine()
    machine.clock_reads.add(_caller())
    result: float = machine.local_input(process, lambda: machine.clock.to_us(time) / MS)
    return int(result) if result == int(result) else result


def put(key: Any, value: Any) -> Any:
    """Set a key of the process dictionary; gives the previous value or None (rule 10.9)."""
    process = running("put()")
    if type(process.dictionary) is not dict:
        process.dictionary = dict(process.dictionary or ())
    previous = process.dictionary.get(freeze(key))
    process.dictionary[freeze(key)] = freeze(value, "put")
    return thaw(previous)


def get(key: Any, default: Any = None) -> Any:
    """Give the value of a key of the process dictionary."""
    process = running("get()")
    return thaw((process.dictionary or {}).get(freeze(key), default))


def erase(key: Any) -> Any:
    """Remove a key of the process dictionary; gives the removed value or None."""
    process = running("erase()")
    if type(process.dictionary) is not dict:
        process.dictionary = dict(process.dictionary or ())
    return thaw(process.dictionary.pop(freeze(key), None))


def share_dictionary(shared: Map) -> None:
    """Begin with a dictionary that other processes share, until one of them writes to its own.

    A behaviour's process has two keys in it for life, which its siblings have, too: 184 bytes each.
    """
    process = running("share_dictionary()")
    if not process.dictionary:
        process.dictionary = shared


def get_keys() -> list[Any]:
    """Give the keys of the process dictionary, in the order in which they were set."""
    return [thaw(key) for key in running("get_keys()").dictionary or {}]


def ancestors() -> tuple[Any, ...]:
    """Give the pids or names that started this process, nearest first."""
    return running("ancestors()").ancestors


def note(kind: str, **fields: Any) -> None:
    """Publish a note for judges and reports; it rides on the next effect or the end of the step."""
    machine = context.machine
    process = context.process
    if (
        machine is not None
        and process is not None
        and machine.listening
        and machine.replaying is None
    ):
        if machine.ear is not None:
            machine.ear.noted(machine, process, kind, fields)
        if machine.tape is None:
            return
        if process.notes is None:
            process.notes = []
        told = tuple((key, freeze(value)) for key, value in fields.items())
        process.notes.append((len(context.outbox), kind, told))


# --- Plain effects -------------------------------------------------------------------------------


def send(dest: Any, message: Any) -> Awaited[Any]:
    """Send `message` to a pid, an alias or a registered name; awaited, it gives the message.

    To a pid or an alias it cannot fail, and the result may be dropped. A name is looked up when
    the send happens: nobody there raises ArgumentError in the sender (rule 1.11).
    """
    ctx = context
    process = ctx.process
    if process is None or ctx.unawaited is not None:
        process = running("send()")
    # Inlined from freeze() and Given(): benchmarks/bench_machine.py. The effect has the shape of
    # the signal that it will be.
    kind = type(dest)
    if kind is not Pid and kind is not Ref:
        name = _name_or_destination(dest)
        return expect(Operation("send", (codes.SEND_NAME, name, freeze(message))))
    process.sent = serial = process.sent + 1
    frozen = message if type(message) in ATOMIC else freeze(message)
    alias = None if kind is Pid else dest
    ctx.outbox.append((_SEND, process.pid, serial, frozen, alias, dest))
    given: Given[Any] = Given()
    given.value = message
    return given


def post(dest: Pid | Ref, message: Any, part: Any) -> None:
    """Send to a pid or an alias a message that is solid if `part` is; gives nothing, for speed."""
    ctx = context
    process = ctx.process
    if process is None or ctx.unawaited is not None:
        process = running("send()")
    process.sent = serial = process.sent + 1
    frozen = message if type(part) in ATOMIC else freeze(message)
    alias = None if type(dest) is Pid else dest
    ctx.outbox.append((_SEND, process.pid, serial, frozen, alias, dest))


def cast_name(name: str, message: Any) -> None:
    """Send `message` to whoever holds `name` when this happens; to nobody it is lost.

    Unlike `send` to a name it cannot fail, so it is a plain call (rule 15.58).
    """
    running("cast_name()")
    context.outbox.append((codes.CAST_NAME, name, freeze(message)))


def exit(pid: Pid, reason: Any) -> bool:
    """Send an exit signal (Elixir's `Process.exit/2`); always True (rule 4.15)."""
    running("exit()")
    if type(pid) is not Pid:
        raise ArgumentError(f"exit() takes a pid, not {pid!r}")
    context.outbox.append((codes.EXIT, pid, freeze(reason, "reason")))
    return True


def monitor(target: Pid | str, alias: str | None = None) -> Ref:
    """Monitor a process or a name; gives the reference that its DOWN will carry (section 6)."""
    ctx = context
    process = ctx.process
    if process is None or ctx.unawaited is not None:
        process = running("monitor()")
    if alias not in (None, "explicit_unalias", "demonitor", "reply_demonitor"):
        raise ArgumentError(f"monitor(alias={alias!r}) is not a mode")
    if type(target) is not Pid and type(target) is not str:
        raise ArgumentError(f"monitor() takes a pid or a name, not {target!r}")
    process.made = made = process.made + 1
    ref = ref_of(process.pid, made)
    ctx.outbox.append((codes.MONITOR, target, ref, alias))
    return ref


def unlink(pid: Pid) -> bool:
    """Remove the link to `pid`, if there is one; always True (rule 5.7)."""
    running("unlink()")
    if type(pid) is not Pid:
        raise ArgumentError(f"unlink() takes a pid, not {pid!r}")
    context.outbox.append((codes.UNLINK, pid))
    return True


def demonitor(ref: Ref, *, flush: bool = False, info: bool = False) -> Any:
    """Stop a monitor. Plain it is an effect; with `flush` or `info` it must be awaited."""
    process = running("demonitor()")
    if type(ref) is not Ref:
        raise ArgumentError(f"demonitor() takes a reference, not {ref!r}")
    if ref.home is not process.pid and ref.home != process.pid:
        raise ArgumentError(f"demonitor(): {ref!r} is another process's reference")
    if flush or info:
        return expect(Operation("demonitor", (codes.DEMONITOR_NOW, ref, flush, info)))
    context.outbox.append((codes.DEMONITOR, ref))
    return True


def forget(ref: Ref) -> None:
    """Stop a monitor of one's own and remove its DOWN, as an effect: the end of a call."""
    context.outbox.append((codes.DEMONITOR, ref, True))


FLAGS: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "trap_exit": (False, lambda value: type(value) is bool),
    "priority": ("normal", lambda value: value in ("low", "normal", "high", "max")),
    "min_heap_size": (233, lambda value: type(value) is int and value >= 0),
    "max_heap_size": (0, lambda value: type(value) is int and value >= 0),
    "message_queue_data": ("on_heap", lambda value: value in ("on_heap", "off_heap")),
    "fullsweep_after": (65_535, lambda value: type(value) is int and value >= 0),
    "save_calls": (0, lambda value: type(value) is int and 0 <= value <= 10_000),
}


def process_flag(flag: str, value: Any) -> Any:
    """Set a process flag; gives the previous value. A bad flag or value raises (rule 10.7)."""
    process = running("process_flag()")
    if flag not in FLAGS or not FLAGS[flag][1](value):
        raise ArgumentError(f"process_flag({flag!r}, {value!r}) is not a flag and its value")
    previous = flag_of(process, flag)
    for effect in context.outbox:
        if effect[0] == codes.FLAG and effect[1] == flag:
            previous = effect[2]
    context.outbox.append((codes.FLAG, flag, value))
    return previous


def flag_of(process: Any, flag: str) -> Any:
    """Give the value that a flag of a process has."""
    if flag == "trap_exit":
        return process.trap_exit
    return (process.flags or {}).get(flag, FLAGS[flag][0])


def spawn(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process that runs `function(*args)`; gives its pid (Elixir's `spawn`)."""
    return _spawn(function, args, False, None)


def spawn_link(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process and link to it, in one (rule 5.4)."""
    return _spawn(function, args, True, None)


def spawn_monitor(function: Callable[..., Any], *args: Any) -> tuple[Pid, Ref]:
    """Start a process and monitor it, in one; gives its pid and the reference."""
    ref = _new_ref(running("spawn_monitor()"))
    return _spawn(function, args, False, ref), ref


def _spawn(function: Callable[..., Any], args: Any, link: bool, ref: Ref | None) -> Pid:
    ctx = context
    process = ctx.process
    if process is None or ctx.unawaited is not None:
        process = running("spawn()")
    process.created = created = process.created + 1
    pid = child_of(process.pid, created)
    kept = freeze(function, "function")
    origin = ctx.origin
    if args or origin[0] is not kept or origin[1]:
        origin = ctx.origin = (kept, freeze(args, "arguments"))
    ctx.outbox.append((_SPAWN, pid, origin, link, ref))
    return pid


def send_after(dest: Pid | str, message: Any, ms: int, *, abs: bool | Instant = False) -> Ref:
    """Send `message` to a pid or a name after `ms`; gives the timer's reference (section 9).

    `abs=True` takes `ms` as an absolute time on the monotonic clock; `abs=instant` counts from it.
    """
    # Inlined from _start_timer(), as `send` is: benchmarks/bench_machine.py.
    kept = message if type(message) in ATOMIC else freeze(message)
    ctx = context
    process = ctx.process
    if (
        process is None
        or ctx.unawaited is not None
        or type(ms) is not int
        or ms < 0
        or type(dest) is not Pid
    ):
        return _start_timer(dest, ms, abs, None, kept, "send_after")
    process.made = made = process.made + 1
    ref = ref_of(process.pid, made)
    ctx.outbox.append((_TIMER, ref, dest, kept, ms, abs, None))
    return ref


def start_timer(ms: int, dest: Pid | str, message: Any, *, abs: bool | Instant = False) -> Ref:
    """Send ("timeout", ref, message) after `ms` (Erlang's `start_timer`)."""
    ref = _new_ref(running("start_timer()"))
    wrapped = freeze(("timeout", ref, message))
    return _start_timer(dest, ms, abs, None, wrapped, "start_timer", ref)


def send_interval(ms: int, dest: Pid | str, message: Any) -> Ref:
    """Send `message` every `ms`, until it is cancelled or `dest` has died."""
    if type(ms) is int and ms < 1:
        raise ArgumentError(f"send_interval() takes a positive number of ms, not {ms!r}")
    return _start_timer(dest, ms, False, ms, freeze(message), "send_interval")


def _start_timer(
    dest: Any,
    ms: Any,
    abs: bool | Instant,
    every: int | None,
    message: Any,
    call: str,
    ref: Ref | None = None,
) -> Ref:
    process = context.process
    if process is None or context.unawaited is not None:
        process = running(f"{call}()")
    if type(ms) is not int or (ms < 0 and abs is False):
        raise ArgumentError(f"{call}() takes ms as a whole number from 0 on, not {ms!r}")
    if type(dest) is not Pid and type(dest) is not str:
        raise ArgumentError(f"{call}() takes a pid or a name, not {dest!r}")
    if ref is None:
        ref = _new_ref(process)
    context.outbox.append((codes.TIMER, ref, dest, message, ms, abs, every))
    return ref


def alias(mode: str = "explicit_unalias") -> Ref:
    """Make a reference that others can send to (section 7)."""
    process = running("alias()")
    if mode not in ("explicit_unalias", "reply"):
        raise ArgumentError(f"alias({mode!r}) is not a mode")
    ref = _new_ref(process)
    context.outbox.append((codes.ALIAS, ref, mode))
    return ref


def make_ref() -> Ref:
    """Make a fresh reference."""
    return _new_ref(running("make_ref()"))


def log(*values: Any) -> None:
    """Write a line of output: an effect that only the trace and the reader see."""
    running("log()")
    value = values[0] if len(values) == 1 else values
    context.outbox.append((codes.LOG, freeze(value, "log")))


# --- Awaited -------------------------------------------------------------------------------------


def receive(*patterns: Any, after: int | None = None, idle: bool = False) -> Awaited[Any]:
    """Take the oldest message that one of `patterns` matches, waiting for it (section 2).

    No pattern takes anything. `after` is in ms, from when the receive is entered: with it the
    result may be TIMEOUT. `idle=True` says that waiting here for ever is no fault.
    """
    ctx = context
    if ctx.process is None or ctx.unawaited is not None:
        running("receive()")
    if patterns or after is not None or idle:
        if after is not None and (type(after) is not int or after < 0):
            raise ArgumentError(f"receive(after=...) takes ms from 0 on or None, not {after!r}")
        if FunctionType in map(type, patterns):
            raise UsageError(
                "a function is no pattern",
                where="receive()",
                hint="Write where(fn) for what it holds of, pin(fn) for the function itself.",
            )
        return expect(Receive(patterns, after, idle))
    # Inlined from expect(), which is dear here: benchmarks/bench_machine.py.
    ctx.unawaited = RECEIVE_ANY
    if ctx.careful:
        frame = _getframe(1)
        ctx.code = frame.f_code
        ctx.lasti = frame.f_lasti
    return RECEIVE_ANY


def link(pid: Pid) -> Awaited[bool]:
    """Link to `pid`. A dead one raises noproc, or sends EXIT to a trapping caller (rule 5.6)."""
    if type(pid) is not Pid:
        raise ArgumentError(f"link() takes a pid, not {pid!r}")
    return _operation("link", codes.LINK, pid)


def register(pid: Pid, name: str) -> Awaited[bool]:
    """Give `pid` a name; raises ArgumentError where OTP raises badarg (rule 8.1)."""
    return _operation("register", codes.REGISTER, pid, name)


def unregister(name: str) -> Awaited[bool]:
    """Take a name away; an unknown one raises ArgumentError."""
    return _operation("unregister", codes.UNREGISTER, name)


def whereis(name: str) -> Awaited[Pid | None]:
    """Give the pid behind a name, or None."""
    return _operation("whereis", codes.WHEREIS, name)


def alive(pid: Pid) -> Awaited[bool]:
    """Tell whether `pid` lives, after all that was sent to it before has taken effect."""
    if type(pid) is not Pid:
        raise ArgumentError(f"alive() takes a pid, not {pid!r}")
    return _operation("alive", codes.ALIVE, pid)


def process_info(pid: Pid, keys: str | Sequence[str]) -> Awaited[Any]:
    """Give (key, value), or a list of them for several keys; None for a dead process (10.1)."""
    from simkernel.kernel.information import KEYS

    if type(pid) is not Pid:
        raise ArgumentError(f"process_info() takes a pid, not {pid!r}")
    for key in [keys] if isinstance(keys, str) else keys:
        if key not in KEYS:
            raise ArgumentError(f"process_info() knows no {key!r}; it knows {', '.join(KEYS)}")
    asked = keys if isinstance(keys, str) else tuple(keys)
    return _operation("process_info", codes.INFO, pid, asked)


def processes() -> Awaited[list[Pid]]:
    """Give the pids of all processes that are alive, in the order of their paths."""
    return _operation("processes", codes.PROCESSES)


def unalias(ref: Ref) -> Awaited[bool]:
    """Deactivate an alias of one's own; True if it was active (rule 7.6)."""
    return _operation("unalias", codes.UNALIAS, ref)


def cancel_timer(ref: Ref) -> Awaited[Duration | bool]:
    """Stop a timer; gives what was left of it, or False (rule 9.6)."""
    return _operation("cancel_timer", codes.CANCEL, ref)


def read_timer(ref: Ref) -> Awaited[Duration | bool]:
    """Give what is left of a timer, or False."""
    return _operation("read_timer", codes.READ, ref)


def choose(options: Sequence[Any]) -> Awaited[Any]:
    """Pick one of `options`: every pick is a run of its own in a search."""
    if not options:
        raise ArgumentError("choose() needs at least one option")
    return _operation("choose", codes.CHOOSE, freeze(tuple(options), "options"))


def work(ms: float | Between) -> Awaited[None]:
    """Be busy for `ms`, or for a time between two bounds; signals are still received."""
    low, high = (ms.low_ms, ms.high_ms) if isinstance(ms, Between) else (ms, ms)
    if not 0 <= low <= high:
        raise ArgumentError(f"work() takes ms from 0 on, not {ms!r}")
    return _operation("work", codes.WORK, round(low * MS), round(high * MS))


def sleep(ms: int) -> Awaited[Any]:
    """Wait for `ms`, as `Process.sleep` does: a receive that takes nothing."""
    return receive(NOTHING, after=ms, idle=True)


def earlier(first: Instant | Duration, second: Instant | Duration) -> Awaited[bool]:
    """Tell whether `first` is the smaller of two instants or durations; both may be possible."""
    if type(first) is not type(second):
        raise ArgumentError("earlier() compares two instants or two durations")
    return _operation("earlier", codes.EARLIER, first, second)


def hibernate(function: Callable[..., Awaitable[Any]], *args: Any) -> Awaited[Any]:
    """Drop the whole stack, wait for a message, then run `function(*args)` (rule 10.11)."""
    origin = (freeze(function, "function"), freeze(args, "arguments"))
    return _operation("hibernate", codes.HIBERNATE, origin)


# --- Shared by the calls above -------------------------------------------------------------------


def _operation(name: str, *effect: Any) -> Awaited[Any]:
    running(f"{name}()")
    return expect(Operation(name, effect), depth=3)


def _new_ref(process: Any) -> Ref:
    process.made = made = process.made + 1
    return ref_of(process.pid, made)


def _machine() -> Any:
    machine = context.machine
    assert machine is not None
    return machine


def _name_or_destination(dest: Any) -> Any:
    """A name, or (name, node) which never raises; anything else is a mistake of the caller."""
    if type(dest) is str or (type(dest) is tuple and len(dest) == 2 and type(dest[0]) is str):
        return dest
    if isinstance(dest, Awaited):
        complain(
            UsageError(
                f"send() was given {dest!r}, which was not awaited",
                hint="Await it, then send to it.",
            )
        )
    raise ArgumentError(f"send() takes a pid, an alias or a name, not {dest!r}")


def _caller() -> str:
    frame = _getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
