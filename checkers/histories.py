"""What each process did and saw in a run, step by step: its history.

An entry is a step of a process with what it was given (the message it took, that its time was over,
the result of an operation, what was chosen), an effect of its that left, or its end. How a signal
travels, when it arrives, in which order others wrote what nobody read: of that no process knows,
and no history tells it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from simkernel.kernel import codes
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import BUSY
from simkernel.terms import Pid, show

Entry = tuple[Pid, int, str]
"""Whose, which of its own (from 0 on), and what it says; equal if what was given is equal."""

_WAIT = frozenset({codes.ALIVE, codes.INFO, codes.WORK})


class Histories:
    """The histories of the processes of a machine that is built for snapshots."""

    def __init__(self, m: Machine):
        self.m = m
        self.counts: Counter[Pid] = Counter()  # how many entries each process has

    def apply(self, step: Transition) -> Entry | None:
        """Let a transition happen; give the entry that it is, if it is one of a living process.

        >>> from simkernel import log
        >>> async def main():
        ...     log("here")
        >>> from simkernel.kernel.symbolic import SymbolicClock
        >>> histories = Histories(Machine(main, clock=SymbolicClock(), snapshots=True))
        >>> while options := histories.m.enabled():
        ...     print(histories.apply(options[0]))
        (<root>, 0, 'start')
        (<root>, 1, 'do')
        (<root>, 2, 'do')
        """
        m = self.m
        kind, who, _ = step
        p = m.processes.get(who) if type(who) is Pid and kind != "expire" else None
        if p is None:  # a signal under way, a deadline, or what the dead still send
            m.apply(step)
            return None
        signal = p.arrived[0] if kind == "handle" and p.arrived else None
        asks = kind == "do" and p.status == BUSY and p.effects and p.effects[p.cursor][0] in _WAIT
        inputs, since = p.inputs, p.base
        m.apply(step)
        given = _given(p, inputs) if p.base is since else [f"rests {show(p.base[4])}"]
        dead = who not in m.processes
        if signal is not None:
            if dead:
                given = ["killed", *map(show, signal[1:3])]
            elif not given:
                return None
        elif asks and not given:
            return None  # the answer is the entry
        elif dead:
            given.append(f"ends {show(p.reason)}")
        # Nobody can tell in which way an answer came.
        word = kind if kind in ("start", "take", "timeout", "crash") else "do"
        word = "is" if signal is not None and dead else word
        place = self.counts[who]
        self.counts[who] += 1
        return who, place, " ".join([word, *given])


def _given(p: Any, inputs: Any) -> list[str]:
    """Give what a process was given since its inputs were these."""
    found, left = [], p.inputs
    while left and left is not inputs:
        left, tag, value = left
        found.append(f"{tag} {show(value.reason if tag == 'error' else value)}")
    return found[::-1]
