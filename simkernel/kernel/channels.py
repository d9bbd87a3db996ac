"""Signals under way: on `cluster` one queue for each ordered pair of processes.

On `node` only two things are ever under way: what the runtime answers for the dead (rules 5.6,
6.6), and a monitor that its process keeps back (rule 6.20).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from simkernel.kernel import codes
from simkernel.kernel.process import NO_REF, Timer
from simkernel.terms import Pid

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine


class Channel:
    """The signals under way from one process to another."""

    __slots__ = ("dest", "due", "sender", "signals", "slot", "timer")

    def __init__(self, sender: Any, dest: Pid):
        self.sender = sender
        self.dest = dest
        self.signals: deque[tuple[Any, ...]] = deque()
        self.slot = -1
        self.timer: Timer | None = None
        self.due = 0


def travel(m: Machine, sender: Any, dest: Pid, signal: tuple[Any, ...]) -> None:
    channel = m.channels.get((sender, dest))
    if channel is None:
        channel = m.channels[sender, dest] = Channel(sender, dest)
    if m.delayed:
        sent = m.clock.now + m.clock.draw(m.clock.latency_us)  # type: ignore[attr-defined]
        # A signal never overtakes the one before it on the same way.
        channel.due = max(channel.due, sent)
    channel.signals.append((signal, channel.due))
    if len(channel.signals) == 1:
        depart(m, channel)


def depart(m: Machine, channel: Channel) -> None:
    """Let the oldest signal of a channel become one that may arrive."""
    wait = channel.signals[0][1] - m.clock.now
    if wait <= 0:
        m.activate(channel)
        return
    channel.timer = Timer(NO_REF, "land", channel, None, None)
    m.arm(channel.timer, wait, wait, False)


def arrive(m: Machine, channel: Channel) -> None:
    """Let the oldest signal of a channel arrive."""
    cut = m.faults is not None and m.faults.between(channel)
    signal = _next(m, channel)
    if cut and signal[0] == codes.S_MESSAGE:
        if m.tape:
            m.tape(("cut", channel.dest, channel.sender))
        return
    if m.tape:
        m.tape(("arrive", channel.sender, channel.dest, signal))
    m.into(channel.dest, signal)


def _next(m: Machine, channel: Channel) -> tuple[Any, ...]:
    signal: tuple[Any, ...] = channel.signals.popleft()[0]
    m.deactivate(channel)
    if channel.signals:
        depart(m, channel)
    elif channel.due <= m.clock.now:
        del m.channels[channel.sender, channel.dest]
    return signal


def lost(m: Machine, channel: Channel) -> None:
    """Let the oldest signal of a channel be lost on its way."""
    _next(m, channel)


def kept_back(m: Machine, sender: Any) -> Channel | None:
    """Give the way of the monitor that a living process keeps back on `node` (rule 6.20)."""
    if m.cluster or sender not in m.processes:
        return None
    return next((c for c in m.channels.values() if c.sender == sender != c.dest), None)


def catch_up(m: Machine, sender: Any) -> None:
    """Let a monitor that is kept back arrive before the next signal, as part of that."""
    channel = kept_back(m, sender)
    if channel is not None:
        m.into(channel.dest, _next(m, channel))
