"""The loop of a simulation, inlined: what `Machine.burst` does, for the commonest case.

The commonest case is a process that waits for any message and has exactly one. Everything else goes
through the machine. Measured by benchmarks/bench_machine.py. The two loops are held to the same
runs, event by event, by `tests/kernel/test_laws.py` and `tests/reference/test_loops.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from simkernel.kernel import codes
from simkernel.kernel.awaited import Receive, Rest, context, forgotten
from simkernel.kernel.ends import end
from simkernel.kernel.machine import Machine
from simkernel.kernel.mailbox import append
from simkernel.kernel.patterns import taken, takes
from simkernel.kernel.process import BUSY, EXITING, NEW, WAITING, Process, Timer
from simkernel.kernel.signals import HANDLERS, admits
from simkernel.kernel.steps import begin, enter, settle, stopped
from simkernel.terms import Frozen, Pid, thaw

_SEND, _MONITOR, _DEMONITOR = codes.SEND, codes.MONITOR, codes.DEMONITOR
_MESSAGE = codes.S_MESSAGE
Signal = tuple[Any, ...]


def simulate(m: Machine, random: Callable[[], float], budget: int) -> bool:
    """Run bursts while anything is active; False when the budget of transitions was hit."""
    # A run with a tape cannot be made again to find the line of a mistake: it is noted at once.
    context.careful = m.tape is not None
    context.machine = m
    active = m.active
    try:
        while m.count < budget:
            size = len(active)
            if not size:
                return True
            p = active[0] if size == 1 else active[int(random() * size)]
            if type(p) is Timer:
                m.count += 1
                m.come(p)
            elif type(p) is not Process or p.mailbox is not None:
                m.burst(p, random)
            elif p.status == WAITING and p.arrived is not None and p.want.takes_at_once:
                signal = _last_message(m, p)
                if signal is None:
                    m.burst(p, random)
                else:
                    _serve(m, p, _taken(m, p, signal[3]), random, budget)
            elif p.status == NEW and p.arrived is None:
                if m.tape is not None:
                    m.tape(("start", p.pid, p.origin))
                _serve(m, p, None, random, budget)
            else:
                m.burst(p, random)
        return not active
    finally:
        context.careful = True
        context.process = None


def _last_message(m: Machine, p: Process) -> Signal | None:
    """Handle what has arrived; give its last message if that is the one which is then taken.

    It need not go through the mailbox, which is empty. Whatever else there is to do, a burst does.
    """
    tape, spare = m.tape, m.spare
    while (arrived := p.arrived) is not None and p.status != EXITING:
        signal: Signal = arrived.popleft()
        if not arrived:
            p.arrived = None
            spare.append(arrived)
        if tape is not None:
            tape(("handle", p.pid, signal))
        m.count += 1
        if signal[0] != _MESSAGE:
            HANDLERS[signal[0]](m, p, signal)
        elif signal[4] is None or admits(m, p, signal[4]):
            content = signal[3]
            if p.arrived is None and p.mailbox is None and p.status == WAITING:
                patterns = p.want.patterns
                if patterns == () or takes(patterns, content):
                    return signal
                p.mailbox = spare.pop() if spare else deque()
                p.mailbox.append(content)
            else:
                append(m, p, content)
    return None


def _taken(m: Machine, p: Process, message: Any) -> Any:
    """Take a message out of the hand of `_last_message`; gives what the receive gives."""
    if m.tape is not None:
        m.tape(("take", p.pid, message))
    timer = p.timer
    if timer is not None:
        p.timer = None
        m.clock.disarm(timer)
        if timer.slot >= 0:
            m.deactivate(timer)
        m.spare_timers.append(timer)
    p.expired = False
    patterns = p.want.patterns
    return taken(patterns, message) if patterns else thaw(message)


def _is_alone(m: Machine, p: Process) -> bool:
    """Tell whether `p` can end without a signal to anybody."""
    return p is not m.root and not p.links and not p.watchers and p.arrived is None


def _serve(m: Machine, p: Process, value: Any, random: Callable[[], float], budget: int) -> None:
    """Let `p` take a step; go on with whoever is then the only one active.

    That is so when a step left one message, for a process that waits for any: it is handed over
    without a queue between.
    """
    active, processes, ctx = m.active, m.processes, context
    tape: Any = m.tape
    if tape is not None:
        tape = tape.__call__  # a bound method is called faster than an object
    outbox: list[Any] = []
    ctx.outbox = outbox
    sender: Process | None = None  # who handed `p` the message
    while True:
        ctx.process = p
        body = p.body
        try:
            want = body.send(value) if body is not None else begin(m, p)
        except BaseException as stop:
            p.want = None
            want = stopped(m, p, stop)
        if ctx.unawaited is not None:
            forgotten()
        kind = type(want)
        if kind is Receive and want.after and p.notes is None:
            _limited(m, p, want, outbox, random)
            return
        if (kind is not Receive and kind is not Rest) or want.after is not None or p.notes:
            _finish(m, p, want, outbox, random)
            return
        p.want = want
        p.status = WAITING
        m.count += 1
        if len(outbox) != 1 or len(active) != 1 or m.count + 1 >= budget:
            break
        signal = outbox[0]
        # Most often it is an answer: then nothing need be looked up.
        target = sender
        if signal[0] != _SEND or signal[4] is not None:
            break
        if sender is None or signal[5] is not sender.pid:
            target = processes.get(signal[5])
        if target is None or target.status != WAITING or not target.want.plain:
            break
        if target.mailbox is not None or target.arrived is not None:
            break
        if tape is not None:
            tape(("send", p.pid, *signal[1:]))
            tape(("handle", target.pid, signal))
        m.count += 2
        outbox.clear()
        active[0], p.slot, target.slot = target, -1, 0
        sender, p = p, target
        message = signal[3]
        if tape is not None:
            tape(("take", p.pid, message))
        value = message if type(message) is not Frozen else thaw(message)
    _leave(m, p, outbox, random)


def _finish(
    m: Machine, p: Process, want: Any, outbox: list[Any], random: Callable[[], float]
) -> None:
    """End a step in any other way than with the wait for a message."""
    m.count += 1
    if not (outbox or p.notes) and type(want) is tuple and _is_alone(m, p):
        m.count += 1
        end(m, p, want[1], killed=False)
        m.refresh(p)
    else:
        settle(m, p, want, outbox)
        m.burst_effects(p, random)


def _limited(
    m: Machine, p: Process, want: Any, outbox: list[Any], random: Callable[[], float]
) -> None:
    """Let the effects of a step leave, after which `p` waits for so long: as a call does."""
    p.want = want
    left = _common(m, p, outbox)
    m.count += 1
    if left < len(outbox):
        outbox.append((codes.ENTER, want.after))
        p.effects, p.cursor, p.status = outbox, left, BUSY
        m.burst_effects(p, random)
        return
    m.count += 1
    if m.tape is not None:
        m.tape(("enter", p.pid, want.after))
    enter(m, p, want.after)
    if p.match < 0 and p.arrived is None:
        m.deactivate(p)


def _leave(m: Machine, p: Process, outbox: list[Any], random: Callable[[], float]) -> None:
    """Let the effects of a step leave, after which `p` waits for a message."""
    left = _common(m, p, outbox)
    if left < len(outbox):
        p.effects, p.cursor, p.status = outbox, left, BUSY
        m.burst_effects(p, random)
    elif p.arrived is None:
        m.deactivate(p)


def _common(m: Machine, p: Process, outbox: list[Any]) -> int:
    """Let the commonest effects at the head of `outbox` leave; gives how many there were.

    They are sends to pids and aliases, and the monitor and demonitor of a call.
    """
    active, processes, spare, tape = m.active, m.processes, m.spare, m.tape
    left = 0
    for effect in outbox:
        code = effect[0]
        signal = effect
        if code == _SEND:
            dest = effect[5]
            target = processes.get(dest if effect[4] is None else dest.home)
        elif code == _MONITOR:
            target = processes.get(effect[1]) if type(effect[1]) is Pid else None
            if target is None or target is p:
                break
            # One that no send follows may leave late (rule 6.20).
            if left + 1 == len(outbox) or outbox[left + 1][0] != _SEND:
                break
            signal = _monitor(p, effect)
        elif code == _DEMONITOR:
            ref = effect[1]
            found = p.monitors.pop(ref, None) if p.monitors else None
            if found is None:
                break
            if p.aliases and p.aliases.get(ref) in ("demonitor", "reply_demonitor"):
                del p.aliases[ref]
            target = None if found[0] is None else processes.get(found[0])
            signal = (codes.S_DEMONITOR, p.pid, ref)
        else:
            break
        left += 1
        if tape is not None:
            tape((codes.EFFECTS[code], p.pid, *effect[1:]))
        if target is None:
            continue
        queue = target.arrived
        if queue is None:
            queue = target.arrived = spare.pop() if spare else deque()
        queue.append(signal)
        if target.slot < 0:
            target.slot = len(active)
            active.append(target)
    m.count += left
    return left


def _monitor(p: Process, effect: Signal) -> Signal:
    """Start a monitor; gives its signal."""
    _, dest, ref, alias = effect
    if alias is not None:
        if p.aliases is None:
            p.aliases = {}
        p.aliases[ref] = alias
    if p.monitors is None:
        p.monitors = {}
    p.monitors[ref] = (dest, dest)
    return (codes.S_MONITOR, p.pid, ref, dest)
