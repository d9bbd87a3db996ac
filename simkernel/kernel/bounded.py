"""The symbolic clock of `time="bounded"`: what goes on takes its time, and no more than that.

A step lasts between two bounds: its effects leave in order within them, the last one ends it, and a
step without effects takes no time. Whoever is ready begins at once. A signal that has arrived is
handled within the upper bound of a step; on `cluster` it is under way for a time between two bounds
of its own. Timers are exact. An event may be next exactly if some assignment of real times
satisfies all of this at once.

Each bound is one on the time that has passed since a point of the matrix: since a step began, since
a signal was sent or arrived. Time may not pass the least of the upper ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simkernel.kernel.channels import Channel
from simkernel.kernel.process import BUSY, EXITING, NEW, WAITING, Process
from simkernel.kernel.symbolic import BEGIN, NOW, SymbolicClock
from simkernel.terms import Duration, Instant, Pid

if TYPE_CHECKING:
    from simkernel.kernel.machine import Transition
    from simkernel.kernel.process import Timer

# What a process is about: it begins something at once, is in a step, or sends its death signals.
READY, STEP, ENDING = "ready", "step", "ending"


class BoundedClock(SymbolicClock):
    """A symbolic clock with bounds, in microseconds, for steps and for the way of a signal."""

    def __init__(self, step_us: tuple[int, int], latency_us: tuple[int, int] = (0, 0)):
        super().__init__()
        self.step = step_us
        self.latency = latency_us
        self.guarded = bool(step_us[0] or latency_us[0])
        self.stages: dict[Pid, tuple[str, int]] = {}  # what each process is about, and since when
        self.arrived: dict[Pid, tuple[int, ...]] = {}  # when each signal of its queue arrived
        self.sent: dict[Any, tuple[int, ...]] = {}  # when each signal under way was sent
        self.held: set[int] = {BEGIN}  # points that instants name

    # --- What is going on ------------------------------------------------------------------------

    def follow(self, transition: Transition | None) -> None:
        """Take note of what has become possible, or is over, by what just happened."""
        m = self._machine
        assert m is not None
        stages, arrived, sent = self.stages, self.arrived, self.sent
        self.stages, self.arrived, self.sent = {}, {}, {}
        for item in m.active:
            if type(item) is Process:
                self._follow(item, transition, stages.get(item.pid), arrived.get(item.pid, ()))
            elif type(item) is Channel:
                way = (item.sender, item.dest)
                gone = transition is not None and transition[:2] == ("arrive", way)
                self.sent[way] = self._queue(sent.get(way, ())[gone:], len(item.signals))
        self._forget()

    def _follow(
        self,
        p: Process,
        transition: Transition | None,
        known: tuple[str, int] | None,
        arrived: tuple[int, ...],
    ) -> None:
        kind, who = ("", None) if transition is None else transition[:2]
        handled = kind == "handle" and who == p.pid
        if p.arrived:
            self.arrived[p.pid] = self._queue(arrived[handled:], len(p.arrived))
        stage = _stage(p)
        if stage is None:
            return
        # Whoever acted and has done nothing of its list yet has begun a step.
        begun = who == p.pid and not handled and stage is STEP and p.cursor == 0
        if known is None or known[0] is not stage or begun:
            known = (stage, self._present())
        self.stages[p.pid] = known

    def _queue(self, since: tuple[int, ...], length: int) -> tuple[int, ...]:
        """Give since when each of `length` signals waits: the new ones since now."""
        if len(since) >= length:
            return since[:length]
        return (*since, *[self._present()] * (length - len(since)))

    def _present(self) -> int:
        """Give a point that is now and stays."""
        return super().instant().point

    def _forget(self) -> None:
        """Drop the points that nothing names any more."""
        named = {NOW, *self.points, *self.held, *(since for _, since in self.stages.values())}
        for queue in (*self.arrived.values(), *self.sent.values()):
            named.update(queue)
        for point in [point for point in self.bounds if point not in named]:
            self._remove(point)

    # --- What may be next ------------------------------------------------------------------------

    def limits(self) -> list[tuple[int, int]]:
        """Give the (point, us) for which now may be at most the point and so many microseconds."""
        last, slowest = self.step[1], max(self.latency[1], self.step[1])
        found = {(since, 0 if stage is READY else last) for stage, since in self.stages.values()}
        found |= {(queue[0], last) for queue in self.arrived.values()}
        found |= {(queue[0], slowest) for queue in self.sent.values()}
        return sorted(found)

    def may(self, timer: Timer) -> bool:
        """Tell whether a deadline can come before everything that has to."""
        return super().may(timer) and self._reaches(timer.due, 0)

    def _reaches(self, point: int, us: int) -> bool:
        """Tell whether now can be `us` after a point, or later, before everything that has to."""
        bounds = self.bounds
        ahead = [(bounds[deadline][point], 0) for deadline in self.points if deadline != point]
        ahead += [(bounds[since][point], last) for since, last in self.limits()]
        return all(bound is None or bound + last >= us for bound, last in ahead)

    def permits(self, transition: Transition) -> bool:
        """Tell whether a transition of a process or a channel can be next."""
        guard = self._guard(transition) if self.guarded else None
        return guard is None or self._reaches(*guard)

    def _guard(self, transition: Transition) -> tuple[int, int] | None:
        """Give the (point, us) that have to have passed before a transition."""
        kind, who = transition[:2]
        if kind == "arrive":
            return (self.sent[who][0], self.latency[0])
        if kind in ("handle", "start", "take", "timeout") or who not in self.stages:
            return None
        assert self._machine is not None
        p = self._machine.processes.get(who)
        if p is None or p.effects is None or p.cursor + 1 < len(p.effects):
            return None
        return (self.stages[who][1], self.step[0])

    def before(self, transition: Transition) -> None:
        """Let time pass up to a transition that `permits` allows."""
        self.passes()
        guard = self._guard(transition) if self.guarded else None
        if guard is not None:
            self._tighten(guard[0], NOW, -guard[1])

    def passes(self) -> None:
        """Any time passes, as far as nothing is overtaken."""
        super().passes()
        bounds = self.bounds
        row = bounds[NOW]
        for since, last in self.limits():
            for point, bound in bounds[since].items():
                held = row[point]
                if bound is not None and (held is None or bound + last < held):
                    row[point] = bound + last
        row[NOW] = 0

    def happens(self, timer: Timer) -> None:
        """The deadline is now: nothing that has to come before it was left out."""
        for since, last in self.limits():
            self._tighten(timer.due, since, last)
        super().happens(timer)

    def instant(self) -> Instant:
        """Give the present as a point that stays."""
        found = super().instant()
        self.held.add(found.point)
        return found

    def remaining(self, timer: Timer) -> Duration:
        """Give what is left of a timer, as a difference of two points that stay."""
        left = super().remaining(timer)
        self.held |= {left.since, left.until}
        return left

    # --- For fingerprints and snapshots ----------------------------------------------------------

    def going_on(self, processes: list[Process], ways: list[Any]) -> list[int]:
        """Give the points since which something goes on, in the order given."""
        found: list[int] = []
        for p in processes:
            found += [self.stages[p.pid][1]] if p.pid in self.stages else []
            found += self.arrived.get(p.pid, ())
        for way in ways:
            found += self.sent.get(way, ())
        return found

    def save(self) -> Any:
        """Give what `load` needs."""
        going_on = dict(self.stages), dict(self.arrived), dict(self.sent), set(self.held)
        return super().save(), going_on

    def load(self, saved: Any) -> None:
        """Go back."""
        matrix, (stages, arrived, sent, held) = saved
        super().load(matrix)
        self.stages, self.arrived, self.sent = dict(stages), dict(arrived), dict(sent)
        self.held = set(held)


def _stage(p: Process) -> str | None:
    if p.status == BUSY:
        return STEP
    if p.status == EXITING:
        return ENDING
    if p.status == NEW:
        return READY
    waits = p.status == WAITING and (p.match >= 0 or (p.expired and not p.arrived))
    return READY if waits else None
