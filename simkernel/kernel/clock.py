"""The concrete clock: it decides which timers may be next, and draws times between bounds."""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from simkernel.kernel.alarms import enlist, ripen
from simkernel.terms import Duration, Instant

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Timer


class Clock(Protocol):
    """What the machine asks of time. All amounts are microseconds."""

    symbolic: bool
    now: int
    asked: bool  # whether a deadline was set or the time read: before that no run depends on it

    def attach(self, machine: Machine | None) -> None: ...
    def arm(self, timer: Timer, low: int, high: int, since: bool | Instant) -> None: ...
    def disarm(self, timer: Timer) -> None: ...
    def sides(self, since: bool | Instant, us: int) -> list[str | None]: ...
    def take_side(self, since: bool | Instant, us: int, side: str) -> None: ...
    def may(self, timer: Timer) -> bool: ...
    def passes(self) -> None: ...
    def happens(self, timer: Timer) -> None: ...
    def works(self) -> bool: ...
    def advance(self) -> bool: ...
    def instant(self) -> Instant: ...
    def remaining(self, timer: Timer) -> Duration: ...
    def to_us(self, time: Instant | Duration) -> int: ...
    def answers(self, first: Any, second: Any) -> list[bool]: ...
    def assume(self, first: Any, second: Any, earlier: bool) -> None: ...
    def key(self, timers: list[Timer], instants: list[Instant], since: list[int]) -> Any: ...
    def save(self) -> Any: ...
    def load(self, saved: Any) -> None: ...


class ConcreteClock:
    """Virtual time that jumps to the next deadline when nothing else can happen.

    `step_us` and `latency_us` are (low, high) intervals, or functions of a random generator, for
    the duration of a step and, on `cluster`, of a signal's way. Drawn with `seed` alone.
    """

    symbolic = False
    asked = True  # it has the time all along

    def __init__(self, seed: int = 0, step_us: Any = (0, 0), latency_us: Any = (0, 0)):
        self.now = 0
        self.step_us = step_us
        self.latency_us = latency_us
        self._random = Random(seed)
        self.buckets: dict[int, dict[Timer, None]] = {}
        self.times: list[int] = []
        self.alarms: dict[int, list[Any]] = {}
        self._machine: Machine | None = None

    def attach(self, machine: Machine | None) -> None:
        """Belong to a machine, or to none any more."""
        self._machine = machine
        self.alarms = machine.alarms.ahead if machine is not None else {}

    def draw(self, interval: Any) -> int:
        """Draw a duration from an interval or a distribution."""
        if callable(interval):
            drawn: float = interval(self._random)
            return max(0, round(drawn))
        low, high = interval
        return int(low) if low == high else self._random.randint(low, high)

    def arm(self, timer: Timer, low: int, high: int, since: bool | Instant) -> None:
        """Let `timer` come between `low` and `high` from now, or from an instant."""
        start = self.now
        if since is not False:
            start = 0 if since is True else since.offset_us
        due = start + (low if low == high else self.draw((low, high)))
        if due <= self.now:
            timer.due = self.now
            assert self._machine is not None
            self._machine.ripe(timer)
            return
        timer.due = due
        if due in self.alarms:
            assert self._machine is not None
            enlist(self._machine)
        bucket = self.buckets.get(due)
        if bucket is None:
            self.buckets[due] = {timer: None}
            heappush(self.times, due)
        else:
            bucket[timer] = None

    def disarm(self, timer: Timer) -> None:
        """Forget `timer`, of which nothing is kept: most timeouts never run out."""
        bucket = self.buckets.get(timer.due)
        if bucket is not None:
            bucket.pop(timer, None)
        timer.due = -1

    def sides(self, since: bool | Instant, us: int) -> list[str | None]:
        """Whether an absolute time is past is known here."""
        return [None]

    def take_side(self, since: bool | Instant, us: int, side: str) -> None:
        """Nothing is open."""

    def may(self, timer: Timer) -> bool:
        """An active timer is due."""
        return True

    def passes(self) -> None:
        """Time stands still while something can happen."""

    def happens(self, timer: Timer) -> None:
        """The timer was due now."""

    def works(self) -> bool:
        """Tell whether a step or some work is under way; who only waits is not asked."""
        timers = (timer for bucket in self.buckets.values() for timer in bucket)
        return any(timer.kind == "hold" or timer.kind == "done" for timer in timers)

    def advance(self) -> bool:
        """Jump to the next deadline and activate its timers; False when there is none."""
        machine = self._machine
        assert machine is not None
        while self.times:
            due = self.times[0]
            if due > machine.horizon_us:
                machine.reached_horizon = True
                return False
            heappop(self.times)
            if due in self.alarms:
                self.now = due
                ripen(machine, self.alarms.pop(due))
                return True
            live = self.buckets.pop(due)
            if live:
                self.now = due
                for timer in live:
                    machine.ripe(timer)
                return True
        return False

    def instant(self) -> Instant:
        """Give the present."""
        return Instant(0, self.now)

    def remaining(self, timer: Timer) -> Duration:
        """Give what is left of a timer."""
        return Duration(0, 0, max(0, timer.due - self.now))

    def to_us(self, time: Instant | Duration) -> int:
        """Give an instant or duration as a number."""
        offset: int = time.offset_us
        return offset

    def answers(self, first: Any, second: Any) -> list[bool]:
        """Give the possible answers to `earlier`: here there is one."""
        return [bool(first.offset_us < second.offset_us)]

    def assume(self, first: Any, second: Any, earlier: bool) -> None:
        """Nothing is open."""

    def key(self, timers: list[Timer], instants: list[Instant], since: list[int]) -> Any:
        """Give the times that a fingerprint holds, relative to now."""
        return (
            tuple(timer.due - self.now for timer in timers),
            tuple(instant.offset_us - self.now for instant in instants),
        )

    def save(self) -> Any:
        """Give what `load` needs."""
        buckets = {due: tuple(bucket) for due, bucket in self.buckets.items()}
        return self.now, buckets, list(self.times), self._random.getstate()

    def load(self, saved: Any) -> None:
        """Go back to a saved time."""
        self.now, buckets, times, state = saved
        self.buckets = {due: dict.fromkeys(bucket) for due, bucket in buckets.items()}
        self.times = list(times)
        self._random.setstate(state)
