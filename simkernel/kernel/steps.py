"""A step of a process: from where it waited, through its code, to its next wait.

The code leaves an ordered list of effects. They leave the process one by one, each as an event of
its own; an operation, the entry to a wait or the end of the process is the last of them.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from simkernel.errors import Overrun, UsageError
from simkernel.kernel import codes
from simkernel.kernel.awaited import Awaited, Hibernated, Receive, Rest, context, forgotten
from simkernel.kernel.effects import Again
from simkernel.kernel.ends import close, end, tell, too_long
from simkernel.kernel.patterns import TIMEOUT, taken, takes
from simkernel.kernel.perform import PERFORM, WAITS
from simkernel.kernel.process import BUSY, NO_REF, WAITING, Process, Timer, copied
from simkernel.terms import ErlangError, Frozen, freeze, raised_reason, reason_of, thaw

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine

FOREVER = 1 << 62
_NORMAL = (codes.END, "normal")


def start(m: Machine, p: Process) -> None:
    """Run the first step of a process."""
    if m.tape:
        m.tape(("start", p.pid, p.origin))
    run(m, p, None, None)


def take(m: Machine, p: Process) -> None:
    """Let the receive take the oldest message that it matches."""
    mailbox = p.mailbox
    want = p.want
    assert mailbox is not None
    if type(want) is Hibernated:
        wake(m, p, want)
        return
    if p.match == 0:
        message = mailbox.popleft()
    else:
        message = mailbox[p.match]
        del mailbox[p.match]
    if not mailbox:
        p.mailbox = None
        m.spare.append(mailbox)
    if m.tape:
        m.tape(("take", p.pid, message))
    if m.ear is not None:
        m.ear.taken(m, p, message)
    p.match = -1
    if p.timer is not None:
        m.disarm(p.timer)
    p.expired = False
    if p.inputs is not None:
        p.inputs = (p.inputs, "message", message)
    value = taken(want.patterns, message) if want.patterns else thaw(message)
    run(m, p, value, None)


def time_out(m: Machine, p: Process) -> None:
    """Let the receive give TIMEOUT."""
    if m.tape:
        m.tape(("timeout", p.pid))
    if m.ear is not None:
        m.ear.timed_out(m, p)
    p.expired = False
    if p.inputs is not None:
        p.inputs = (p.inputs, "timeout", None)
    run(m, p, TIMEOUT, None)


def resume(m: Machine, p: Process, value: Any) -> None:
    """Go on with the (frozen) result of an operation."""
    if p.inputs is not None:
        p.inputs = (p.inputs, "value", value)
    run(m, p, thaw(value), None)


def fail(m: Machine, p: Process, error: BaseException) -> None:
    """Go on with the error of an operation."""
    if p.inputs is not None:
        p.inputs = (p.inputs, "error", error)
    run(m, p, None, error)


def answer(m: Machine, p: Process, kind: str, way: Any) -> None:
    """Answer a `choose`, an `earlier` or an `alive` in one of the possible ways."""
    assert p.effects is not None
    effect = p.effects[p.cursor]
    p.effects = None
    if kind == "choose":
        value = freeze(thaw(effect[1])[way])
    elif kind == "peek":
        value = True
    else:
        m.clock.assume(effect[1], effect[2], way)
        value = way
    if m.tape:
        m.tape((kind, p.pid, way, value))
    resume(m, p, value)


def wake(m: Machine, p: Process, want: Hibernated) -> None:
    if m.tape:
        m.tape(("take", p.pid, None))
    p.match = -1
    p.origin = want.origin
    rebase(m, p, want.origin)
    p.body = None
    run(m, p, None, None)


def rebase(m: Machine, p: Process, origin: Any, rest: Any = None) -> None:
    """Forget the inputs: from here a re-run starts at `origin`, or at rest."""
    if p.inputs is not None:
        p.base = (origin, p.created, p.made, copied(p.dictionary) or None, rest)
        p.inputs = ()


# --- A step ----------------------------------------------------------------------------------


def run(m: Machine, p: Process, value: Any, error: BaseException | None) -> None:
    """Run code of `p` to its next wait; keep what it leaves."""
    p.want = None
    ctx = context
    outer = ctx.process
    ctx.machine = m
    ctx.process = p
    outbox: list[Any] = []
    ctx.outbox = outbox
    try:
        body = p.body
        if body is None:
            want = begin(m, p)
        elif error is None:
            want = body.send(value)
        else:
            want = body.throw(error)
    except BaseException as stop:
        want = stopped(m, p, stop)
    finally:
        ctx.process = outer
    if ctx.unawaited is not None:
        forgotten()
    settle(m, p, want, outbox)


def begin(m: Machine, p: Process) -> Any:
    """Make the body and run it to its first wait."""
    function, args = p.origin
    try:
        if type(function) is Frozen or type(args) is Frozen:
            function, args = thaw(function), thaw(args)
        body = function(*args)
    except StopIteration as error:
        # Of a plain function it is an error like any other; of a coroutine it is the end.
        raise RuntimeError("StopIteration") from error
    if type(body) is CoroutineType:
        p.body = body
        return body.send(None)
    if type(body) is Again:
        raise StopIteration(body)  # a plain function goes on as a coroutine does: see `stopped`
    if not hasattr(body, "send"):
        return returned(m, p, body)
    p.body = body
    return body.send(None)


def stopped(m: Machine, p: Process, stop: BaseException) -> Any:
    """Give the effect of the end of a body, or go on where it asked for a tail call."""
    if type(stop) is StopIteration and p is not m.root and type(stop.value) is not Again:
        p.body = None  # most often; the rest of this function would say the same
        return _NORMAL
    while True:  # no recursion: a loop of tail calls may never wait
        p.body = None
        if type(stop) is not StopIteration:
            if isinstance(stop, Overrun):
                raise too_long(p, stop) from stop
            if isinstance(stop, MemoryError):
                # What the step has taken is given back at once: whoever says so needs some, too.
                context.outbox.clear()
                raise stop.with_traceback(None)
            # Who closes a body does not come by here: this one was raised by the body itself.
            reason = raised_reason if isinstance(stop, GeneratorExit) else reason_of
            return (codes.END, freeze(reason(stop), "reason"))
        if type(stop.value) is not Again:
            return returned(m, p, stop.value)
        p.origin = (freeze(stop.value.function, "function"), stop.value.args)
        rebase(m, p, p.origin)
        try:
            return begin(m, p)
        except BaseException as again:
            stop = again


def returned(m: Machine, p: Process, result: Any) -> tuple[Any, ...]:
    if p is m.root:
        m.returned = freeze(result, "result of main")
    return _NORMAL


def settle(m: Machine, p: Process, want: Any, outbox: list[Any]) -> None:
    """Note what the step left and what it waits for."""
    kind = type(want)
    if kind is tuple:
        outbox.append(want)
    elif kind is Receive or kind is Rest or isinstance(want, Receive):
        p.want = want
        if kind is Rest and p.inputs is not None:
            rebase(m, p, p.origin, freeze(p.body.save(), "state"))
        if want.after is not None:
            if want.after:
                outbox.append((codes.ENTER, want.after))
            else:
                p.expired = True
    elif isinstance(want, Awaited):
        p.want = want
        outbox.append(want.effect)
    else:
        raise UsageError(
            f"{p.pid} awaited {want!r}, which is no operation of simkernel",
            hint="Await only what simkernel gives: no asyncio future, no other library's object.",
        )
    if outbox:
        p.effects = outbox
        p.cursor = 0
        p.status = BUSY
        if m.slow:
            hold(m, p)
    else:
        wait(m, p)
    if p.notes is not None:
        publish(m, p)


def hold(m: Machine, p: Process) -> None:
    """Let the next effect of a slow step come later."""
    assert p.effects is not None
    if p.cursor == 0:
        total = m.clock.draw(m.clock.step_us)  # type: ignore[attr-defined]
        p.pace = total // len(p.effects)
    if p.pace:
        p.held = True
        p.timer = Timer(NO_REF, "hold", None, None, p)
        m.arm(p.timer, p.pace, p.pace, False)


def wait(m: Machine, p: Process) -> None:
    """All effects have left: wait."""
    p.effects = None
    p.status = WAITING
    want = p.want.patterns
    if p.mailbox is None:
        return
    if not want:
        p.match = 0
        return
    for at, message in enumerate(p.mailbox):
        if takes(want, message):
            p.match = at
            return


def enter(m: Machine, p: Process, ms: int) -> None:
    """Enter a receive with a time limit."""
    if m.spare_timers:
        timer = p.timer = m.spare_timers.pop()
        timer.process = p
    else:
        timer = p.timer = Timer(NO_REF, "expire", None, None, p)
    wait(m, p)
    m.clock.arm(timer, ms * 1000, ms * 1000, False)


def publish(m: Machine, p: Process) -> None:
    """Give out the notes that ride on what happens now."""
    notes = p.notes
    assert notes is not None
    at = p.cursor if p.effects is not None else FOREVER
    while notes and notes[0][0] <= at:
        _, kind, fields = notes.pop(0)
        if m.tape:
            m.tape(("note", p.pid, kind, fields))
    if not notes:
        p.notes = None


# --- Effects ---------------------------------------------------------------------------------


def leave(m: Machine, p: Process) -> None:
    """Let the next effect of `p` leave."""
    effects = p.effects
    assert effects is not None
    effect = effects[p.cursor]
    p.cursor += 1
    code = effect[0]
    if code < codes.FIRST_OPERATION:
        if m.tape:
            m.tape((codes.EFFECTS[code], p.pid, *effect[1:]))
        PERFORM[code](m, p, effect)
        if p.effects is effects:
            if p.cursor == len(effects):
                wait(m, p)
            elif m.slow:
                hold(m, p)
            if p.notes is not None:
                publish(m, p)
        return
    last(m, p, code, effect)


def last(m: Machine, p: Process, code: int, effect: tuple[Any, ...]) -> None:
    """Let the operation, the entry to a wait, or the end of a process happen."""
    if code >= codes.TELL_LINK:
        tell(m, p, code, effect)
        return
    if m.tape and code != codes.END:
        m.tape((codes.EFFECTS[code], p.pid, *effect[1:]))
    if code == codes.END:
        end(m, p, effect[1], killed=False)
    elif code == codes.ENTER:
        enter(m, p, effect[1])
    elif code == codes.HIBERNATE:
        close(m, p)
        p.want = Hibernated(effect[1])
        wait(m, p)
    else:
        p.effects = None
        try:
            result = PERFORM[code](m, p, effect)
        except ErlangError as error:
            fail(m, p, error)
            return
        if result is WAITS:
            p.status = WAITING
            p.match = -1
        else:
            resume(m, p, result)
