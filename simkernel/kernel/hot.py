"""The loop of a plain simulation, inlined: what `Machine.burst` does, for the commonest case.

The commonest case is a process that waits for any message and has exactly one. Everything else goes
through the machine. Measured by benchmarks/bench_messages.py: 2.6 times the loop without it.
`tests/kernel/test_driver.py` holds both loops to the same runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from simkernel.kernel import codes
from simkernel.kernel.awaited import Receive, Rest, context, forgotten
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import BUSY, WAITING, Process
from simkernel.kernel.steps import settle, stopped
from simkernel.terms import Frozen, thaw

_SEND, _MESSAGE = codes.SEND, codes.S_MESSAGE


def simulate(m: Machine, random: Callable[[], float], budget: int) -> bool:
    """Run bursts while anything is active; False when the budget of transitions was hit."""
    context.careful = False
    try:
        return _run(m, random, budget)
    finally:
        context.careful = True
        context.process = None


def _run(m: Machine, random: Callable[[], float], budget: int) -> bool:
    active, spare, processes, ctx = m.active, m.spare, m.processes, context
    ctx.machine = m
    outbox: list[Any] = []
    ctx.outbox = outbox
    count = 0
    while active:
        if count > 1000 or m.count >= budget:
            m.count += count
            count = 0
            if m.count >= budget:
                return False
        size = len(active)
        p = active[0] if size == 1 else active[int(random() * size)]
        if type(p) is not Process or p.status != WAITING or p.mailbox is not None:
            m.burst(p, random)
            ctx.outbox = outbox
            continue
        want = p.want
        arrived = p.arrived
        kind = type(want)
        if arrived is None or not (kind is Receive or kind is Rest) or not want.plain:
            m.burst(p, random)
            ctx.outbox = outbox
            continue
        signal = arrived.popleft()
        if arrived or signal[0] != _MESSAGE or signal[4] is not None:
            arrived.appendleft(signal)
            m.burst(p, random)
            ctx.outbox = outbox
            continue
        # Handle and take in one.
        p.arrived = None
        spare.append(arrived)
        message = signal[3]
        if type(message) is Frozen:
            message = thaw(message)
        ctx.process = p
        try:
            want = p.body.send(message)
        except BaseException as stop:
            p.want = None
            want = stopped(m, p, stop)
        if ctx.unawaited is not None:
            forgotten()
        count += 2
        kind = type(want)
        if not (kind is Receive or kind is Rest) or want.after is not None or p.notes is not None:
            settle(m, p, want, outbox)
            outbox = []
            m.burst_effects(p, random)
            ctx.outbox = outbox
            continue
        p.want = want
        left = 0
        for effect in outbox:
            if effect[0] != _SEND or effect[4] is not None:
                p.effects = outbox
                p.cursor = left
                p.status = BUSY
                outbox = []
                m.burst_effects(p, random)
                ctx.outbox = outbox
                break
            left += 1
            target = processes.get(effect[5])
            if target is None:
                continue
            queue = target.arrived
            if queue is None:
                queue = target.arrived = spare.pop() if spare else deque()
            queue.append(effect)
            if target.slot < 0:
                target.slot = len(active)
                active.append(target)
        else:
            outbox.clear()
            if p.arrived is None:
                last = active.pop()
                if last is not p:
                    active[p.slot] = last
                    last.slot = p.slot
                p.slot = -1
        count += left
    m.count += count
    return True
