"""Whether a mailbox grows for as long as a run lasts: judged on runs that were cut."""

from __future__ import annotations

from itertools import pairwise

from checkers.finding import Finding
from simkernel.kernel.machine import Machine
from simkernel.terms import Pid

EVERY = 32  # transitions between two looks, at first
SAMPLES_MAX = 64
SAMPLES_MIN = 16
LENGTH_MIN = 8


class Lengths:
    """Samples of the lengths of all mailboxes along a run, at equal distances."""

    def __init__(self) -> None:
        self.every = EVERY
        self.samples: list[dict[Pid, int]] = []

    def sample(self, m: Machine) -> None:
        """Look at all mailboxes; once there are many samples every other one is dropped."""
        self.samples.append(
            {
                p.pid: len(p.mailbox or ()) + len(p.arrived or ())
                for p in m.processes.values()
                if p.mailbox or p.arrived
            }
        )
        if len(self.samples) == SAMPLES_MAX:
            del self.samples[::2]
            self.every *= 2

    def findings(self) -> list[Finding]:
        """Give the mailboxes that were never again as short as in any quarter of the run before."""
        quarter = len(self.samples) // 4
        if len(self.samples) < SAMPLES_MIN:
            return []
        found = []
        for pid in sorted(self.samples[-1], key=lambda pid: pid.path):
            lengths = [sample.get(pid, 0) for sample in self.samples]
            least = [min(lengths[at * quarter : (at + 1) * quarter]) for at in range(4)]
            grows = all(before < after for before, after in pairwise(least))
            if grows and least[-1] >= LENGTH_MIN:
                text = f"the mailbox of {pid} grows without bound: more comes than it takes"
                found.append(Finding("mailbox", str(pid), text))
        return found
