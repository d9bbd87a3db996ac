"""The loop of a simulation, inlined: what `Machine.burst` does, for the commonest cases.

These are a process that waits for any message and has exactly one, the first step and the end of a
process that nobody watches, the effects that most steps leave, and timers that only come. All else
goes through the machine. Measured by benchmarks/bench_machine.py. The two loops are held to the
same runs, event by event, by `tests/kernel/test_loops.py` and `tests/reference/test_loops.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from simkernel.kernel import codes
from simkernel.kernel.alarms import arm, ring
from simkernel.kernel.awaited import AT_REST as REST
from simkernel.kernel.awaited import RECEIVE_ANY as ANY
from simkernel.kernel.awaited import Receive, Rest, context, forgotten
from simkernel.kernel.ends import Death, end
from simkernel.kernel.machine import BURST, Machine
from simkernel.kernel.mailbox import append
from simkernel.kernel.patterns import taken, takes
from simkernel.kernel.perform import PERFORM
from simkernel.kernel.process import (
    AT_REST,
    BUSY,
    DEAD,
    EXITING,
    NEW,
    WAITING,
    Process,
)
from simkernel.kernel.signals import HANDLERS, admits
from simkernel.kernel.steps import begin, enter, settle, start, stopped, take, time_out, wait
from simkernel.terms import Frozen, Pid, thaw

_SEND, _MONITOR, _DEMONITOR, _TIMER = codes.SEND, codes.MONITOR, codes.DEMONITOR, codes.TIMER
_MESSAGE = codes.S_MESSAGE
# Plain effects that concern nobody whose turn it could be, and need no look at those behind them.
_SIMPLE = frozenset({codes.SPAWN, *codes.SILENT})
_new_tuple = tuple.__new__  # a Death by it is made at half the price
Signal = tuple[Any, ...]
Random = Callable[[], float]


def simulate(m: Machine, random: Random, budget: int) -> bool:
    """Run bursts while anything is active; False when the budget of transitions was hit."""
    # A run with a tape cannot be made again to find the line of a mistake: it is noted at once.
    taped = context.careful = m.tape is not None
    context.machine = m
    active: list[Any] = m.active
    try:
        while m.count < budget:
            size = len(active)
            if not size:
                return True
            at = 0 if size == 1 else int(random() * size)
            p = active[at]
            if type(p) is tuple and (p := ring(m, p, at, random, budget - m.count)) is None:
                continue
            if type(p) is not Process:
                m.burst(p, random)
            elif (status := p.status) == WAITING and p.mailbox is None and p.arrived is not None:
                if not taped and (p.want is ANY or p.want is REST) and len(p.arrived) == 1:
                    _hear(m, p, p.arrived, random, budget)
                elif p.want.takes_at_once:
                    signal = _last_message(m, p)
                    if signal is None:
                        _burst(m, p, random)
                    else:
                        _serve(m, p, _taken(m, p, signal[3]), random, budget)
                else:
                    _burst(m, p, random)
            elif status == NEW and p.arrived is None:
                if m.tape is not None:
                    m.tape(("start", p.pid, p.origin))
                _serve(m, p, None, random, budget)
            else:
                _burst(m, p, random)
        return not active
    finally:
        context.careful = True
        context.process = None
        context.outbox = []  # the last one may be long


def _hear(m: Machine, p: Process, arrived: deque[Signal], random: Random, budget: int) -> None:
    """Let a process that waits for anything take the only message that has arrived."""
    signal = arrived[0]
    if signal[0] != _MESSAGE or signal[4] is not None:
        _burst(m, p, random)
        return
    arrived.pop()
    p.arrived = None
    m.spare.append(arrived)
    m.count += 1
    message = signal[3]
    _serve(m, p, message if type(message) is not Frozen else thaw(message), random, budget)


def _burst(m: Machine, p: Process, random: Random) -> None:
    """Do what `Machine.burst` does, with effects that leave by `_common`."""
    if p.arrived is not None:
        _handle(m, p)
    status = p.status
    if status == AT_REST:
        m.deactivate(p)
        return
    if status == WAITING:
        if p.match >= 0:
            take(m, p)
            m.count += 1
        elif p.expired:
            time_out(m, p)
            m.count += 1
    elif status == NEW:
        start(m, p)
        m.count += 1
    _leave_some(m, p, random)


def _leave_some(m: Machine, p: Process, random: Random) -> None:
    """Let effects leave as far as a burst may."""
    left = 0
    if p.status == BUSY and p.notes is None and p.effects is not None:
        at = p.cursor
        left = _common(m, p, p.effects, at) - at
        p.cursor = at + left
        if p.cursor == len(p.effects):
            wait(m, p)
    m.burst_effects(p, random, left)


def _handle(m: Machine, p: Process) -> None:
    """Handle all that has arrived."""
    tape, count = m.tape, 0
    while (arrived := p.arrived) is not None and p.status != EXITING:
        if tape is None and p.mailbox is not None and p.status != WAITING:
            # Nobody listens, and no receive is open: messages only go from one queue to the other.
            count += _pass_on(arrived, p.mailbox)
        signal: Signal | None = arrived.popleft() if arrived else None
        if not arrived:
            p.arrived = None
            m.spare.append(arrived)
        if signal is not None:
            if tape is not None:
                tape(("handle", p.pid, signal))
            count += 1
            HANDLERS[signal[0]](m, p, signal)
    m.count += count


def _pass_on(arrived: deque[Signal], mailbox: deque[Any]) -> int:
    """Move messages up to the first other signal; gives how many there were."""
    take_off, put = arrived.popleft, mailbox.append
    waiting = len(arrived)
    for count in range(waiting):
        signal = take_off()
        if signal[0] != _MESSAGE or signal[4] is not None:
            arrived.appendleft(signal)
            return count
        put(signal[3])
    return waiting


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


def _serve(m: Machine, p: Process, value: Any, random: Random, budget: int) -> None:
    """Let `p` take a step; go on with whoever is then the only one active.

    That is so when a step left one message, for a process that waits for any: it is handed over
    without a queue between.
    """
    active, processes, ctx = m.active, m.processes, context
    tape = m.tape
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
        if (want is not ANY and want is not REST) or p.notes:
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


def _finish(m: Machine, p: Process, want: Any, outbox: list[Any], random: Random) -> None:
    """End a step in any other way than with the wait for a message."""
    m.count += 1
    if type(want) is tuple and not (outbox or p.notes) and _ends_alone(m, p, want[1]):
        return
    settle(m, p, want, outbox)
    _leave_some(m, p, random)


def _ends_alone(m: Machine, p: Process, reason: Any) -> bool:
    """End a process that has nobody to tell; False if there is somebody."""
    if p is m.root or p.links or p.watchers or p.arrived is not None:
        return False
    m.count += 1
    if (
        m.tape is not None
        or m.channels
        or m.tables.by_ref
        or p.name is not None
        or p.monitors
        or p.timers is not None
        or p.timer is not None
        or p.body is not None
    ):
        end(m, p, reason, killed=False)
        m.refresh(p)
    else:  # what `end` does, when that is all there is to do
        p.reason = reason
        p.effects = p.want = None
        p.status = DEAD
        del m.processes[p.pid]
        m.deaths.append(_new_tuple(Death, (p.pid, reason, False, False, (), ())))
        active = m.active
        last = active.pop()
        if last is not p:
            active[p.slot] = last
            if type(last) is not tuple:
                last.slot = p.slot
        p.slot = -1
    return True


def _limited(m: Machine, p: Process, want: Any, outbox: list[Any], random: Random) -> None:
    """Let the effects of a step leave, after which `p` waits for so long: as a call does."""
    p.want = want
    left = _common(m, p, outbox, 0)
    m.count += 1
    if left < len(outbox) or left >= BURST:
        outbox.append((codes.ENTER, want.after))
        p.effects, p.cursor, p.status = outbox, left, BUSY
        m.burst_effects(p, random, left)
        return
    m.count += 1
    if m.tape is not None:
        m.tape(("enter", p.pid, want.after))
    enter(m, p, want.after)
    if p.match < 0 and p.arrived is None:
        m.deactivate(p)


def _leave(m: Machine, p: Process, outbox: list[Any], random: Random) -> None:
    """Let the effects of a step leave, after which `p` waits for a message."""
    left = _common(m, p, outbox, 0) if outbox else 0
    if left < len(outbox):
        p.effects, p.cursor, p.status = outbox, left, BUSY
        m.burst_effects(p, random, left)
    elif p.arrived is None:
        m.deactivate(p)


def _common(m: Machine, p: Process, outbox: list[Any], at: int) -> int:
    """Let effects from `at` on leave while they are of the commonest kinds; gives where that ends.

    These are sends to pids and aliases, the monitor and demonitor of a call, and those that concern
    nobody else: new processes and timers. At most `BURST` leave in a row.
    """
    active, processes, spare, tape = m.active, m.processes, m.spare, m.tape
    left, stop = at, len(outbox)
    if at or stop > BURST:
        stop = min(at + BURST, stop)
    rest = iter(outbox[at:stop] if at or stop == BURST else outbox)
    for effect in rest:
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
        elif code == _TIMER and tape is None and (armed := arm(m, p, outbox, left, stop)) > left:
            next(islice(rest, armed - left - 1, armed - left - 1), None)
            left = armed
            continue
        elif code in _SIMPLE:
            left += 1
            if tape is not None:
                tape((codes.EFFECTS[code], p.pid, *effect[1:]))
            PERFORM[code](m, p, effect)
            continue
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
    m.count += left - at
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
