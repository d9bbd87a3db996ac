"""Time in whole milliseconds, one tick after the other: the oracle of times with bounds.

All bounds are whole numbers and none is strict, so that whatever some times allow, whole ones do.
What goes on has an age, and time may not pass what has reached its bound: a step, and the death
signals of a process, the bound of a step; so a signal that waits; a signal under way, too. Who is
ready begins before the next tick. Work ends between its bounds, a deadline exactly at its time.
There is no matrix here, and no difference of two times is ever looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checkers.dfs import Dfs
from checkers.slowness import Key, Watch
from simkernel.kernel.channels import Channel
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import BUSY, EXITING, NEW, WAITING, Process, Timer
from simkernel.spec import Spec
from simkernel.terms import Instant

TICK = Transition("tick", None)


class Ticking:
    """A clock that goes on when it is told to."""

    symbolic = True
    asked = True

    def __init__(self) -> None:
        self.now = 0
        self.ahead: dict[Timer, tuple[int, int]] = {}
        self.machine: Machine | None = None

    def attach(self, machine: Machine | None) -> None:
        self.machine = machine

    def arm(self, timer: Timer, low: int, high: int, since: bool | Instant) -> None:
        assert since is False
        assert low % 1_000 == high % 1_000 == 0
        self.ahead[timer] = timer.due = (self.now + low // 1_000, self.now + high // 1_000)
        assert self.machine is not None
        self.machine.activate(timer)

    def disarm(self, timer: Timer) -> None:
        self.ahead.pop(timer, None)

    def may(self, timer: Timer) -> bool:
        low, high = self.ahead[timer]
        return low <= self.now <= high

    def sides(self, since: Any, us: int) -> list[str | None]:
        return [None]

    def remaining(self, timer: Timer) -> Any:
        return "some"  # nobody looks at it

    def key(self, timers: list[Timer], instants: Any, since: Any) -> Any:
        assert not instants
        return tuple(tuple(at - self.now for at in timer.due) for timer in timers)

    def save(self) -> Any:
        return self.now, dict(self.ahead)

    def load(self, saved: Any) -> None:
        self.now, ahead = saved
        self.ahead = dict(ahead)

    def passes(self) -> None: ...
    def happens(self, timer: Timer) -> None: ...
    def works(self) -> bool:
        return False

    def advance(self) -> bool:
        return False


class Ticked(Watch):
    """A machine in such a time, with what goes on in it; `step` is the bound, in ms."""

    def __init__(self, spec: Spec, given: Mapping[str, Any], network: str, step: int):
        self.clock: Any = Ticking()
        super().__init__(spec, given, self.clock, network)
        self.step = step
        self.since: dict[Any, tuple[int, ...]] = {}
        self.wanted: Key | None = None
        self.seen: set[Key] = set()
        self.enabled = self._enabled  # type: ignore[assignment]

    def _enabled(self) -> list[Transition]:
        if self.wanted in self.seen:
            return []
        options = self.m.enabled()
        return [*options, TICK] if self._ticks() else options

    def _ticks(self) -> bool:
        """Tell whether a millisecond may pass, and whether anything would come of it."""
        now, ahead = self.clock.now, self.clock.ahead
        if any(high <= now for _, high in ahead.values()):
            return False
        if any(now - times[0] >= self.step for times in self.since.values()):
            return False
        return bool(ahead) and not any(map(_ready, self.m.processes.values()))

    def _apply(self, step: Transition) -> None:
        if step == TICK:
            self.clock.now += 1
            self.fired = []
            return
        super()._apply(step)
        self.seen.update(self.fired)
        since, self.since, now = self.since, {}, self.clock.now
        for item in self.m.active:
            if type(item) is Process:
                key: Any = item.pid
                waiting = since.get((key, "queue"), ())[step == ("handle", key, None) :]
                self._queue((key, "queue"), waiting, len(item.arrived or ()))
                if item.status in (BUSY, EXITING):
                    # Who acted, and has a list of effects of which none has left, has begun a step.
                    acted = step.who == key and step.kind != "handle"
                    begun = acted and item.status == BUSY and item.cursor == 0
                    stage = (key, item.status)
                    self.since[stage] = (now,) if begun else since.get(stage, (now,))
            elif type(item) is Channel:
                key = (item.sender, item.dest)
                waiting = since.get((key, "way"), ())[step[:2] == ("arrive", key) :]
                self._queue((key, "way"), waiting, len(item.signals))

    def _queue(self, key: Any, waiting: tuple[int, ...], length: int) -> None:
        if length:
            new = length - len(waiting)
            self.since[key] = (*waiting[:length], *[self.clock.now] * new)

    def history(self) -> bytes:
        """Give how old everything is."""
        now = self.clock.now
        ages = sorted((str(key[:2]), [now - at for at in times])
                      for key, times in self.since.items())  # fmt: skip
        return repr(ages).encode()

    def snapshot(self) -> Any:
        return super().snapshot(), dict(self.since)

    def restore(self, saved: Any) -> None:
        super().restore(saved[0])
        self.since = dict(saved[1])


def _ready(p: Process) -> bool:
    if p.status == NEW:
        return True
    return p.status == WAITING and (p.match >= 0 or (p.expired and not p.arrived))


def first_in(
    spec: Spec, given: Mapping[str, Any], network: str, step: int, wanted: Key | None = None,
    most: int = 200_000,
) -> set[Key] | None:  # fmt: skip
    """Give the deadlines that come first in some order, with steps of `step` ms at most; with one
    `wanted` no more is looked at once it does. None if there are too many situations."""
    run = Ticked(spec, given, network, step)
    run.wanted = wanted
    search = Dfs(run, history=run.history)
    for _ in search.leaves(lambda: len(search.seen) > most):
        pass
    run.m.close()
    return None if search.cut else run.seen
