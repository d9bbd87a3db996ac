"""What a run that is recorded knows of those who could have acted, and what took that away."""

from __future__ import annotations

from collections import deque
from typing import Any

from checkers.events import Actor
from checkers.footprints import Footprints
from checkers.mailboxes import Mailboxes
from checkers.watched import Watched
from simkernel.kernel import codes
from simkernel.kernel.process import AT_REST, BUSY, WAITING, Process
from simkernel.terms import Pid


class Losses(Mailboxes):
    """Notes what an event takes away from others, who would have needed which events for it."""

    def __init__(self, m: Watched, footprints: Footprints):
        super().__init__(m, footprints)
        self.last: dict[Actor, int] = {}
        self.spawned: dict[Pid, int] = {}
        self.woken: dict[Pid, int] = {}
        self.armed: dict[Any, int] = {}
        self.queues: dict[Pid, deque[tuple[int, bool]]] = {}
        self.ways: dict[tuple[Any, Pid], deque[tuple[int, Any]]] = {}
        self.handles: dict[Pid, int] = {}  # the last event that handled something
        # (event, who could act before it and not after, what that would have come after)
        self.lost: list[tuple[int, Actor, int]] = []

    def kills(self, p: Process, at: int) -> int:
        """Note who cannot act any more; give the last event of the victim."""
        pid = p.pid
        body: Actor = ("body", pid)
        if p.status < AT_REST:
            if self.body(pid):
                self.lose(at, body)
            elif self.looks(p):
                # Without what has arrived it could go on.
                for came, soft in self.queues.get(pid, ()):
                    if not soft:
                        self.lose(came, body)
        self.lose_timers(p, at)
        self.woken[pid] = at
        last = self.last.get(body)
        victim = 0 if last is None else 1 << last
        if pid in self.spawned:
            victim |= 1 << self.spawned[pid]
        return victim

    def lose_timers(self, p: Process, at: int) -> None:
        """Note the timers of a process that an event stops."""
        if p.status != WAITING or p.match < 0:
            for ref in p.timers or ():
                self.lose(at, ("timer", ref))
        if self.clocked and p.timer is not None and p.timer.kind == "expire":
            self.lose(at, ("wait", p.pid))

    def lose(self, at: int, actor: Actor) -> None:
        """Note that somebody could have acted, and what has to be there for that."""
        kind, who = actor[0], actor[1]
        needs: list[int | None] = [self.last.get(actor)]
        if kind == "body":
            p = self.m.processes[who]
            needs += [self.spawned.get(who), self.woken.get(who)]
            if p.status == WAITING and p.match >= 0:
                message = self.boxes[who][p.match]
                needs += [message.came, message.readable]
            elif p.status == WAITING and p.arrived and p.arrived[0][0] == codes.S_ANSWER:
                needs.append(self.queues[who][0][0])
        elif kind == "queue":
            needs += [self.handles.get(who), self.queues[who][0][0]]
        elif kind == "way":
            needs.append(self.ways[who, actor[2]][0][0])
        else:
            needs.append(self.armed[who] if kind == "timer" else self.last["body", who])
        self.lost.append((at, actor, sum(1 << place for place in {*needs} if place is not None)))

    def looks(self, p: Process) -> bool:
        """Tell whether what `p` does next waits until all that has arrived is handled."""
        if p.status == WAITING:
            return p.match < 0 and (p.expired or self._may_expire(p))
        if p.status != BUSY:
            return False
        assert p.effects is not None
        return self.m.observes(p, p.effects[p.cursor])
