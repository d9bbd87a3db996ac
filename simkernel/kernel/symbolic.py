"""The symbolic clock of `time="any"`: steps and signals take any time, timers are exact.

Nothing is drawn. The clock holds what is known of the real times: a matrix of upper bounds on the
differences between now, the deadlines of armed timers and the instants that were read (a zone). A
timer may be next exactly if some assignment of real times puts its deadline before all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simkernel.terms import Duration, Instant

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Timer

Bound = int | None  # None: unbounded
NOW = 0
BEGIN = 1


def _sum(a: Bound, b: Bound) -> Bound:
    return None if a is None or b is None else a + b


def _less(a: Bound, b: Bound) -> bool:
    return a is not None and (b is None or a < b)


class SymbolicClock:
    """Time as difference constraints: points are numbers, `bounds[a][b]` limits a - b."""

    symbolic = True

    def __init__(self) -> None:
        self.now = 0
        self.bounds: dict[int, dict[int, Bound]] = {NOW: {NOW: 0}}
        self.points: dict[int, Timer] = {}  # deadlines still ahead
        self._next = BEGIN
        self._machine: Machine | None = None
        self.asked = False
        self._past(0)

    def attach(self, machine: Machine | None) -> None:
        """Belong to a machine, or to none any more."""
        self._machine = machine

    # --- Timers ----------------------------------------------------------------------------------

    def arm(self, timer: Timer, low: int, high: int, since: bool | Instant) -> None:
        """Add a deadline between `low` and `high` after now, or after an instant."""
        self.asked = True
        base, offset = self._base(since)
        point = self._add(base, low + offset, high + offset)
        if base != NOW and not self._tighten(NOW, point, 0):
            # The time is past already: it fires at once (rule 9.3).
            self._remove(point)
            point = self._add(NOW, 0, 0)
        self.points[point] = timer
        timer.due = point
        assert self._machine is not None
        self._machine.activate(timer)

    def _base(self, since: bool | Instant) -> tuple[int, int]:
        if isinstance(since, Instant):
            return since.point, since.offset_us
        return (BEGIN if since else NOW), 0

    def sides(self, since: bool | Instant, us: int) -> list[str | None]:
        """Give where an absolute time may lie when it is set: both ways are tried (rule 9.5)."""
        found: list[str | None] = []
        saved = self.save()
        for side in ("ahead", "past"):
            self.passes()
            if self._lies(since, us, side):
                found.append(side)
            self.load(saved)
        return found if len(found) > 1 else [None]

    def take_side(self, since: bool | Instant, us: int, side: str) -> None:
        """Hold from now on that an absolute time is ahead, or past."""
        self._lies(since, us, side)

    def _lies(self, since: bool | Instant, us: int, side: str) -> bool:
        base, offset = self._base(since)
        if side == "ahead":
            return self._tighten(NOW, base, us + offset)
        return self._tighten(base, NOW, -us - offset - 1)

    def disarm(self, timer: Timer) -> None:
        """Forget a deadline."""
        if self.points.pop(timer.due, None) is not None:
            self._remove(timer.due)

    def may(self, timer: Timer) -> bool:
        """Tell whether the deadline of `timer` can be the next thing that happens."""
        point = timer.due
        return all(not _less(self.bounds[other][point], 0) for other in self.points)

    def happens(self, timer: Timer) -> None:
        """The deadline is now: it lies before all others."""
        point = timer.due
        for other in list(self.points):
            if other != point:
                possible = self._tighten(point, other, 0)
                assert possible, "a timer came that could not be next"
        for a in self.bounds:
            self.bounds[a][NOW] = self.bounds[a][point]
        self.bounds[NOW] = dict(self.bounds[point])
        self.bounds[NOW][NOW] = 0

    def passes(self) -> None:
        """Any time passes, as far as no deadline is overtaken."""
        bounds = self.bounds
        row: dict[int, Bound] = dict.fromkeys(bounds)
        for point in self.points:
            ahead = bounds[point]
            for b in bounds:
                if _less(ahead[b], row[b]):
                    row[b] = ahead[b]
            if _less(0, row[point]):
                row[point] = 0
        row[NOW] = 0
        bounds[NOW] = row

    def works(self) -> bool:
        """Steps and work end by transitions of their own."""
        return False

    def advance(self) -> bool:
        """Nothing to jump to: what may come is among the enabled."""
        return False

    # --- Instants --------------------------------------------------------------------------------

    def instant(self) -> Instant:
        """Give the present as a point that stays."""
        self.asked = True
        for point in self._pasts():
            if self.bounds[point][NOW] == 0 and self.bounds[NOW][point] == 0:
                return Instant(point, 0)
        return Instant(self._past(NOW), 0)

    def remaining(self, timer: Timer) -> Duration:
        """Give what is left of a timer, as a difference of two points."""
        since = self.instant().point
        low, high = self._range(since, timer.due)
        if low == high and low is not None:
            return Duration(since, since, low)
        until = self._next
        self._copy(timer.due)
        return Duration(since, until, 0)

    def to_us(self, time: Instant | Duration) -> int:
        """Settle on the least possible value, and hold it from now on."""
        since, until = self._ends(time)
        low, _ = self._range(since, until)
        low = 0 if low is None else low
        self._tighten(until, since, low)
        return low + time.offset_us

    def answers(self, first: Any, second: Any) -> list[bool]:
        """Give the answers to `earlier(first, second)` that are possible."""
        if type(first) is Duration and first.since != second.since and first.until != second.until:
            # Two differences of four points: no difference constraint, so both are tried.
            return [True, False]
        result = []
        for answer in (True, False):
            saved = self.save()
            self.assume(first, second, answer)
            if self._consistent():
                result.append(answer)
            self.load(saved)
        return result

    def assume(self, first: Any, second: Any, earlier: bool) -> None:
        """Hold an answer from now on."""
        if type(first) is Instant:
            a, b = first.point, second.point
        elif first.since == second.since:
            a, b = first.until, second.until
        elif first.until == second.until:
            a, b = second.since, first.since
        else:
            return
        if earlier:
            self._tighten(a, b, second.offset_us - first.offset_us - 1)
        else:
            self._tighten(b, a, first.offset_us - second.offset_us)

    # --- For fingerprints and snapshots ----------------------------------------------------------

    def key(self, timers: list[Timer], instants: list[Instant], since: list[int]) -> Any:
        """Give the closed matrix over the points that still matter, in the order given."""
        if not (timers or instants or since):
            return (0,), ()
        points = [NOW, *(timer.due for timer in timers), *(instant.point for instant in instants)]
        points += since
        offsets = tuple(instant.offset_us for instant in instants)
        return tuple(self.bounds[a].get(b) for a in points for b in points), offsets

    def save(self) -> Any:
        """Give what `load` needs."""
        return {a: dict(row) for a, row in self.bounds.items()}, dict(self.points), self._next

    def load(self, saved: Any) -> None:
        """Go back."""
        bounds, points, self._next = saved
        self.bounds = {a: dict(row) for a, row in bounds.items()}
        self.points = dict(points)
        for point, timer in points.items():
            timer.due = point

    # --- The matrix ------------------------------------------------------------------------------

    def _pasts(self) -> list[int]:
        return [point for point in self.bounds if point != NOW and point not in self.points]

    def _past(self, base: int) -> int:
        """Add a point that is exactly `base` and stays where it is."""
        return self._add(base, 0, 0)

    def _copy(self, point: int) -> int:
        return self._add(point, 0, 0)

    def _add(self, base: int, low: int, high: int) -> int:
        """Add a point x with low <= x - base <= high."""
        point = self._next
        self._next += 1
        bounds = self.bounds
        row: dict[int, Bound] = {b: _sum(high, bounds[base][b]) for b in bounds}
        for a in bounds:
            bounds[a][point] = _sum(bounds[a][base], -low)
        row[point] = 0
        bounds[point] = row
        return point

    def _remove(self, point: int) -> None:
        del self.bounds[point]
        for row in self.bounds.values():
            del row[point]

    def _tighten(self, a: int, b: int, bound: int) -> bool:
        """Add a - b <= bound and keep the matrix closed; False if that is impossible."""
        bounds = self.bounds
        if not _less(bound, bounds[a][b]):
            return True
        if _less(_sum(bounds[b][a], bound), 0):
            bounds[a][b] = bound
            return False
        for x in bounds:
            to_a = _sum(bounds[x][a], bound)
            if to_a is None:
                continue
            for y in bounds:
                through = _sum(to_a, bounds[b][y])
                if _less(through, bounds[x][y]):
                    bounds[x][y] = through
        return True

    def _consistent(self) -> bool:
        return not any(
            _less(_sum(self.bounds[a][b], self.bounds[b][a]), 0)
            for a in self.bounds
            for b in self.bounds
        )

    def _range(self, since: int, until: int) -> tuple[Bound, Bound]:
        lowest = self.bounds[since][until]
        return (None if lowest is None else -lowest), self.bounds[until][since]

    def _ends(self, time: Instant | Duration) -> tuple[int, int]:
        if type(time) is Instant:
            return BEGIN, time.point
        assert type(time) is Duration
        return time.since, time.until
