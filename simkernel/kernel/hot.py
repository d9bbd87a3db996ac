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
    context.machine = m
    try:
        while m.active:
            if m.count >= budget:
                return False
            _bursts(m, random, 1_000)
        return True
    finally:
        context.careful = True
        context.process = None


def _bursts(m: Machine, random: Callable[[], float], most: int) -> None:
    """Run so many bursts, unless nothing is left before that."""
    active, processes, spare, ctx = m.active, m.processes, m.spare, context
    outbox: list[Any] = []
    ctx.outbox = outbox
    count = 0
    for _ in range(most):
        size = len(active)
        if size < 2:
            if not size:
                break
            p = active[0]
        else:
            p = active[int(random() * size)]
        signal = arrived = None
        if type(p) is Process and p.status == WAITING and p.mailbox is None:
            arrived, want = p.arrived, p.want
            kind = type(want)
            if arrived is not None and (kind is Receive or kind is Rest) and want.plain:
                signal = arrived.popleft()
                if arrived or signal[0] != _MESSAGE or signal[4] is not None:
                    arrived.appendleft(signal)
                    signal = None
        if signal is None or arrived is None:
            m.burst(p, random)
            ctx.outbox = outbox
            continue
        # Handle and take in one.
        p.arrived = None
        spare.append(arrived)
        message = signal[3]
        ctx.process = p
        try:
            want = p.body.send(message if type(message) is not Frozen else thaw(message))
        except BaseException as stop:
            p.want = None
            want = stopped(m, p, stop)
        if ctx.unawaited is not None:
            forgotten()
        kind = type(want)
        if (kind is Receive or kind is Rest) and want.after is None and p.notes is None:
            p.want = want
            left = _sends(processes, active, spare, outbox)
            count += 2 + left
            if left == len(outbox):
                outbox.clear()
                if p.arrived is None:
                    m.deactivate(p)
                continue
            p.effects, p.cursor, p.status = outbox, left, BUSY
        else:
            count += 2
            settle(m, p, want, outbox)
        outbox = []
        m.burst_effects(p, random)
        ctx.outbox = outbox
    m.count += count


def _sends(processes: Any, active: list[Any], spare: list[Any], outbox: list[Any]) -> int:
    """Let the sends to pids at the head of `outbox` leave; gives how many there were."""
    left = 0
    for effect in outbox:
        if effect[0] != _SEND or effect[4] is not None:
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
    return left
