"""Who could act next in a machine, as a search that reduces sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkers.events import Actor
from checkers.watched import Watched
from simkernel.kernel import codes
from simkernel.kernel.channels import Channel
from simkernel.kernel.machine import Transition
from simkernel.kernel.process import AT_REST, DEAD, WAITING, Process
from simkernel.terms import Pid


class Actors:
    """The actors of a machine, and what each of them could do next.

    `clocked` says that deadlines pass in events of their own, because some are exact.
    """

    def __init__(self, m: Watched, *, clocked: bool):
        self.m = m
        self.clocked = clocked

    def body(self, pid: Pid) -> list[Transition]:
        """Give what the body of a process could do next."""
        m = self.m
        p = m.processes.get(pid) or m.dying.get(pid)
        if p is None or p.status in (AT_REST, DEAD):
            return []
        timer = p.timer
        if p.status == WAITING:
            if p.match >= 0:
                return [Transition("take", pid)]
            if p.arrived and p.arrived[0][0] == codes.S_ANSWER:
                return [Transition("handle", pid)]
            if timer is not None and timer.kind == "done":
                return [Transition("done", pid)] if m.clock.may(timer) else []
            if not p.arrived and (p.expired or self._may_expire(p)):
                return [Transition("timeout", pid)]
            return []
        options: list[Transition] = []
        m.transitions(p, options)
        return [t for t in options if t.kind != "handle"]

    def _may_expire(self, p: Process) -> bool:
        """Tell whether the deadline of a receive may pass: where none is exact, always."""
        return p.timer is not None and p.timer.kind == "expire" and not self.clocked

    def of(self, actor: Actor) -> list[Transition]:
        """Give what an actor could do next."""
        m = self.m
        kind, who = actor[0], actor[1]
        if kind == "body":
            return self.body(who)
        if kind == "queue":
            p = m.processes.get(who)
            ready = p is not None and p.arrived and p.arrived[0][0] != codes.S_ANSWER
            return [Transition("handle", who)] if ready else []
        if kind == "way":
            channel = m.channels.get((who, actor[2]))
            ready = channel is not None and channel.slot >= 0
            return [Transition("arrive", (who, actor[2]))] if ready else []
        if kind == "timer":
            timer = m.timers.get(who)
            return [Transition("fire", who)] if timer is not None and m.clock.may(timer) else []
        if kind == "fault":
            able = m.faults is not None and ("crash", who) in m.faults.options(m)
            return [Transition("crash", who)] if able else []
        p = m.processes.get(who)
        timer = p.timer if p is not None else None
        ready = timer is not None and timer.kind == "expire" and m.clock.may(timer)
        return [Transition("expire", who)] if ready else []

    def any(self, start: Pid | None) -> tuple[Actor, list[Transition]] | None:
        """Give the next actor of the default schedule with its options: bodies first, then signals
        under way, then what kills, then deadlines, then time-outs."""
        m = self.m
        late: tuple[int, Actor, list[Transition]] | None = None
        if start is not None:
            options = self.body(start)
            if options and options[0].kind not in ("timeout", "done"):
                return ("body", start), options
        for item in m.active:
            for rank, actor in self.ranked(item):
                if late is not None and late[0] <= rank:
                    continue
                options = self.of(actor)
                if not options:
                    continue
                if rank == 0 and options[0].kind in ("timeout", "done"):
                    rank = 4
                    if late is not None and late[0] <= rank:
                        continue
                if rank == 0:
                    return actor, options
                if rank < 3 or self._goes_on(options[0]):
                    late = rank, actor, options
        return None if late is None else late[1:]

    def ranked(self, item: Any) -> Iterator[tuple[int, Actor]]:
        if type(item) is Process:
            yield 0, ("body", item.pid)
            if item.arrived and item.status < AT_REST + 1:
                yield 2, ("queue", item.pid)
        elif type(item) is Channel:
            yield 1, ("way", item.sender, item.dest)
        elif item.kind == "fire":
            yield 3, ("timer", item.ref)
        elif item.kind == "expire":
            pid = item.process.pid
            yield (3, ("wait", pid)) if self.clocked else (4, ("body", pid))
        else:
            yield 4, ("body", item.process.pid)

    def _goes_on(self, step: Transition) -> bool:
        """Tell whether time may pass: not once main has returned, unless the run settles."""
        m = self.m
        if m.root.status != AT_REST or m.settle:
            return True
        if step.kind == "done":
            return True
        return step.kind == "timeout" and m.processes[step.who].expired
