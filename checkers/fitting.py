"""A run of a class within bounds: the events of a recorded run, in an order that has such times.

A search of classes makes one run of each, whatever its times. Others of the class differ from it in
the order of events that do not depend on each other, and of these one may be possible within bounds
where the one that was made is not. Steps are tried as they came and deadlines late, which is how
time orders them most often; the other orders of the two are tried up to a limit.
"""

from __future__ import annotations

from typing import Any

from checkers.events import Event
from checkers.judged import Judged
from checkers.monitors import told_by
from checkers.recorder import Recorder
from simkernel.kernel.machine import Transition

DEADLINES = frozenset({"fire", "expire", "done", "timeout"})
TURNS_MAX = 200
"""So many times a way is given up for another one."""

Unit = tuple[int, list[Transition]]  # the event as a bit, or none; what happens by it


class Fitting:
    """The events of `recorder`, or only some of them (one bit each, closed under causes), to be
    performed by `run`, whose clock has bounds."""

    def __init__(self, run: Judged, recorder: Recorder, only: int | None = None):
        self.run = run
        self.path: list[Transition] = []
        self.gave_up = False  # whether orders were left that were not tried
        self._events = recorder.events
        self._return = 1 << recorder.returned if recorder.returned >= 0 else 0
        self._is_part = only is not None
        self._all = (1 << len(recorder.events)) - 1 if only is None else only
        ends = [event.at for event in recorder.events[1:]] + [len(recorder.path)]
        ghosts = recorder.monitors.ghosts
        # Deadlines of receives that pass on the way to a time-out are no events of the class.
        self._steps = [
            [event.step, *(
                recorder.path[at]
                for at in range(event.at + 1, end)
                if recorder.path[at].kind != "expire" and (event.tells or at not in ghosts)
            )]
            for event, end in zip(recorder.events, ends, strict=True)
        ]  # fmt: skip

    def fits(self) -> bool:
        """Perform them all, or until a property fails; tells whether that is possible, as far as
        was tried."""
        done, turns = 0, 0
        stack: list[tuple[Any, int, int, list[Unit]]] = []
        units = self._units(done)
        longer: tuple[Any, list[Transition]] | None = None
        while not self._is_made(done):
            if done == self._all:
                longer, units = longer or (self.run.snapshot(), list(self.path)), []
            while not units:
                turns += 1
                if not stack or turns > TURNS_MAX:
                    return self._last_resort(longer, bool(stack))
                saved, done, depth, units = stack.pop()
                self.run.restore(saved)
                del self.path[depth:]
            if len(units) > 1:
                stack.append((self.run.snapshot(), done, len(self.path), units[1:]))
            event, steps = units[0]
            done |= event
            units = self._units(done) if self._perform(event, steps) else []
        return True

    def _is_made(self, done: int) -> bool:
        """Tell whether the run is the one that was asked for: where more can happen after its
        events, it may be another that begins with them."""
        if not self.run.ok:
            return True
        return done == self._all and (self._is_part or not self.run.enabled())

    def _last_resort(self, longer: tuple[Any, list[Transition]] | None, left: bool) -> bool:
        if longer is None:
            self.gave_up = left
            return False
        saved, self.path = longer
        self.run.restore(saved)
        return True

    def _perform(self, event: int, steps: list[Transition]) -> bool:
        if event and self._is_vain(self._events[event.bit_length() - 1]):
            return True
        for step in steps:
            if step not in self.run.enabled() or not self._takes(event, step):
                return False
            self.run.apply(step)
            self.path.append(step)
        return True

    def _is_vain(self, event: Event) -> bool:
        """Tell whether it tells of an end somebody whom in this order the machine has forgotten."""
        return event.tells is not None and told_by(self.run.m, event.step) != event.tells

    def _takes(self, event: int, step: Transition) -> bool:
        """Tell whether a receive takes what it took: the order of arrivals may be another one."""
        if step.kind != "take" or not event:
            return True
        receive = self._events[event.bit_length() - 1].receive
        if receive is None or receive.got is None:
            return True
        p = self.run.m.processes[step.who]
        return bool(p.mailbox and p.mailbox[p.match] == receive.got.content)

    def _units(self, done: int) -> list[Unit]:
        """List what may come next: a step, a deadline, main's return, then the other steps."""
        enabled = self.run.enabled()
        left = self._all & ~done
        ready = [
            (1 << place, self._steps[place])
            for place, event in enumerate(self._events)
            if left >> place & 1
            and event.past & ~done == 1 << place
            and (event.step in enabled or self._is_vain(event))
        ]
        back = [unit for unit in ready if unit[0] == self._return]
        late = [unit for unit in ready if unit[1][0].kind in DEADLINES]
        steps = [unit for unit in ready if unit not in back and unit not in late]
        known = [unit[1][0] for unit in late]
        passing = [(0, [t]) for t in enabled if t.kind == "expire" and t not in known]
        return [*steps[:1], *late, *back, *passing, *steps[1:]]
