"""Faults: what an environment does to a system, as transitions with a budget.

A crash ends a process at any point between two of its events, so also after an effect and before
the answer that tells of it. On `cluster` a message may be dropped, come twice, or fall behind the
next one on its way: less than the language promises, as where messages cross a network of one's
own. A partition puts one process on the other side: messages between the sides that arrive
meanwhile are lost, until it heals, which it may do at any moment, or never. Who is on the other
side with it can still be reached, so that two faults part two processes from all others. Faults are
never the only thing that can happen: a run does not go on for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simkernel.choice import FAULTS
from simkernel.kernel import codes
from simkernel.kernel.channels import Channel, lost
from simkernel.kernel.ends import end
from simkernel.kernel.process import BUSY, WAITING, Process
from simkernel.terms import Pid

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine

KINDS = tuple(kind for kind in FAULTS if kind != "heal")
"""The kinds that a spec may allow."""


def anybody(p: Process) -> bool:
    """Let a crash come upon any process."""
    return True


class Faults:
    """The faults that may still happen to one machine."""

    def __init__(
        self,
        left: int,
        kinds: tuple[str, ...] = KINDS,
        victim: Callable[[Process], bool] = anybody,
    ):
        self.left = self.most = left
        self.kinds = kinds
        self.victim = victim
        self.apart: tuple[Pid, ...] = ()

    @property
    def happened(self) -> bool:
        """Whether any of them has happened."""
        return self.left < self.most

    @property
    def standing(self) -> tuple[int, tuple[Pid, ...]]:
        """What is left, and who is on the other side."""
        return self.left, self.apart

    @standing.setter
    def standing(self, saved: tuple[int, tuple[Pid, ...]]) -> None:
        self.left, self.apart = saved

    def between(self, way: Channel) -> bool:
        """Tell whether a partition lies between the two ends of a way."""
        apart = self.apart
        return bool(apart) and (way.sender in apart) != (way.dest in apart)

    def options(self, m: Machine) -> list[tuple[str, Any]]:
        """Give kind and place of the faults that may happen now, in a stable order."""
        found: list[tuple[str, Any]] = [("heal", pid) for pid in self.apart]
        if self.left <= 0:
            return found
        if "crash" in self.kinds:
            living = sorted(m.processes.values(), key=lambda p: p.pid.path)
            found += [("crash", p.pid) for p in living if self.may_crash(m, p)]
        if m.cluster:
            ways = [item for item in m.active if type(item) is Channel]
            for way in sorted(ways, key=lambda way: (way.dest.path, str(way.sender))):
                found += [(kind, (way.sender, way.dest)) for kind in self._on(way)]
            if "partition" in self.kinds:
                living = sorted(m.processes.values(), key=lambda p: p.pid.path)
                found += [("partition", p.pid) for p in living if self._may_be_cut_off(m, p)]
        return found

    def may_crash(self, m: Machine, p: Process) -> bool:
        """Tell whether a crash may come upon a process as it is, if any is left."""
        return p is not m.root and p.status in (BUSY, WAITING) and self.victim(p)

    def _may_be_cut_off(self, m: Machine, p: Process) -> bool:
        return self.may_crash(m, p) and p.pid not in self.apart

    def _on(self, way: Channel) -> list[str]:
        """Give what may be done to the next message on a way; other signals are safe."""
        if way.signals[0][0][0] != codes.S_MESSAGE:
            return []
        able = ["drop", "duplicate"]
        if len(way.signals) > 1 and way.signals[1][0][0] == codes.S_MESSAGE:
            able.append("delay")
        return [kind for kind in able if kind in self.kinds]

    def happen(self, m: Machine, kind: str, who: Any) -> None:
        """Let a fault happen, or its end."""
        if kind in ("partition", "heal"):
            self._part(m, kind, who)
            return
        self.left -= 1
        if kind == "crash":
            p = m.processes[who]
            p.cache = None
            if m.tape:
                m.tape(("crash", who))
            end(m, p, "killed", killed=True)
            m.refresh(p)
            return
        way = m.channels[who]
        if m.tape:
            m.tape((kind, way.dest, way.sender))
        if kind == "drop":
            lost(m, way)
        elif kind == "duplicate":
            way.signals.insert(1, way.signals[0])
        else:
            first, second = way.signals.popleft(), way.signals.popleft()
            way.signals.extendleft((first, second))

    def _part(self, m: Machine, kind: str, who: Pid) -> None:
        if kind == "heal":
            self.apart = tuple(pid for pid in self.apart if pid != who)
        else:
            self.left -= 1
            self.apart = tuple(sorted((*self.apart, who), key=lambda pid: pid.path))
        if m.tape:
            m.tape((kind, who))
