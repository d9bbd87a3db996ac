"""Timers that carry a message, as the fast loop keeps them: by their deadline alone.

A machine lists a timer by its reference, and with the process that it is for, so that it can be
cancelled, read, or freed when that process ends. Most timers just come, and are never looked for.
So of those that the fast loop arms it keeps what their message needs, by deadline, and when they
are due the signals that they will be, among the active. They are made timers when somebody looks.
Whoever does calls `enlist` first: every timer is then where it belongs, and those of one deadline
are in the order in which they were armed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappush
from itertools import repeat
from typing import TYPE_CHECKING, Any

from simkernel.kernel import codes
from simkernel.kernel.process import Process, Timer
from simkernel.terms import Pid, Ref

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine

Effect = tuple[Any, ...]
_TIMER = codes.TIMER


class Alarms:
    """Those of one machine."""

    __slots__ = ("ahead", "due")

    def __init__(self) -> None:
        # By deadline, and never beside listed timers of it: reference, message, receiver of each.
        self.ahead: dict[int, list[Any]] = {}
        self.due: list[Any] = []  # the last of these lists, some of which may be active still


def arm(m: Machine, p: Process, effects: list[Effect], at: int, stop: int) -> int:
    """Arm timers for living pids and list them nowhere; gives where in `effects` that ends.

    It ends at `stop`, or at the first that is not a timer or asks for more than a delay.
    """
    clock: Any = m.clock
    now, buckets, alarms = clock.now, clock.buckets, m.alarms.ahead
    near: Any = None  # the receiver of the last one, which often is that of the next
    target: Process | None = None
    for this in range(at, stop):
        effect = effects[this]
        if effect[0] != _TIMER:
            return this
        _, ref, dest, message, ms, since, every = effect
        if not ms or since is not False or every is not None:
            return this
        if dest is not near:
            if type(dest) is not Pid:
                return this
            near = dest
            target = p if dest is p.pid else m.processes.get(dest)
            if target is not None and target.timers is None:
                target.timers = {}  # tells its end that it may have some
        if target is not None:
            due = now + ms * 1000
            if due in alarms:
                ahead = alarms[due]
                ahead.append(ref)
                ahead.append(message)
                ahead.append(dest)
            elif due in buckets:
                return this
            else:
                alarms[due] = [ref, message, dest]
                heappush(clock.times, due)
    return stop


def ripen(m: Machine, ahead: list[Any]) -> None:
    """Put all of one deadline among the active, each as the signal that it will be."""
    m.active += zip(
        repeat(codes.S_MESSAGE),
        ahead[0::3],
        repeat(0),
        ahead[1::3],
        repeat(None),
        ahead[2::3],
        strict=False,
    )
    m.alarms.due = ahead


def ring(m: Machine, alarm: Any, at: int, random: Callable[[], float], room: int) -> Any:
    """Let an alarm come that is `at` the active, and those which are picked after it.

    Gives whatever else is picked; None after `room` of them. Each does what `Machine.come` does.
    """
    active, size, count = m.active, len(m.active), 0
    near: Any = None  # to whom the last one went: the next one often does, too
    queue: Any = None
    while type(alarm) is tuple:
        count += 1
        size -= 1
        last = active.pop()
        if last is not alarm:
            active[at] = last
            if type(last) is not tuple:
                last.slot = at
        if alarm[5] is not near:
            near = alarm[5]
            target = m.processes[near]
            queue = target.arrived
            if queue is None:
                queue = target.arrived = m.spare.pop() if m.spare else deque()
            if target.slot < 0:
                target.slot = size
                active.append(target)
                size += 1
        queue.append(alarm)
        if count == room:
            alarm = None
            break
        at = 0 if size == 1 else int(random() * size)
        alarm = active[at]
    m.count += count
    return alarm


def enlist(m: Machine) -> None:
    """Make timers of all alarms, and list them."""
    alarms, clock = m.alarms, m.clock
    if alarms.due:
        # Once for each time that some become due, and nothing was active then: never too often.
        rank = {ref: number for number, ref in enumerate(alarms.due[0::3])}
        alarms.due = []
        active = [(slot, item) for slot, item in enumerate(m.active) if type(item) is tuple]
        for slot, item in sorted(active, key=lambda pair: rank[pair[1][1]]):
            timer = m.active[slot] = _listed(m, item[1], item[3], item[5], clock.now)
            timer.slot = slot
    if alarms.ahead:
        buckets: Any = clock.buckets  # type: ignore[attr-defined]
        for due, ahead in alarms.ahead.items():
            items = iter(ahead)
            every = zip(items, items, items, strict=True)
            buckets[due] = {_listed(m, *each, due): None for each in every}
        alarms.ahead.clear()


def _listed(m: Machine, ref: Ref, message: Any, dest: Pid, due: int) -> Timer:
    """Make a timer of an alarm, and list it. The receiver is alive: its end would have done so."""
    timer = Timer(ref, "fire", dest, message, None)
    timer.owner = ref.home
    timer.due = due
    target = m.processes[dest]
    assert target.timers is not None
    m.timers[ref] = target.timers[ref] = timer
    return timer
