"""Which deadlines can come first in any order of events, and how slow something has to be for that.

A search of all situations within bounds (`simkernel.kernel.bounded`) says which deadlines come
first in some order. For each of the others, and each thing that may be slow, the search is made
again with that thing as slow as it likes. The order in which the deadline then comes first is a
system of differences, whose least parameter is how slow it has to be in *that* order; a search just
below it finds an order that needs less, or there is none, and that is the least of all orders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from checkers.dfs import Dfs, Plain
from checkers.differences import least_feasible
from checkers.finding import short
from checkers.timing import LATENCY, STEP, Bounds, Timed, Times
from simkernel.errors import InternalError
from simkernel.kernel.bounded import BoundedClock
from simkernel.kernel.clock import Clock
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import Timer
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.settings import Settings
from simkernel.spec import Spec
from simkernel.terms import Instant, Pid, thaw

WORK = "work of "
FOREVER_US = 60_000_000
EACH_MAX = 20_000
"""So many situations are looked at in one search with something slow; steps make the most."""


class Key(NamedTuple):
    """A deadline, however often it is set: of which process, for what, how long."""

    process: str
    what: str
    us: int


class Slowed(BoundedClock):
    """A clock with bounds under which the work of one process takes as long as is said, at most."""

    def __init__(self, bounds: Bounds, network: str, name: str | None, us: int):
        step = us if name == STEP else bounds.step_us
        way = us if name == LATENCY else bounds.latency_us
        super().__init__((0, step), (0, way if network == "cluster" else 0))
        self._worker = name[len(WORK) :] if name is not None and name.startswith(WORK) else None
        self._us = us

    def arm(self, timer: Timer, low: int, high: int, since: bool | Instant) -> None:
        """Arm a timer; that of the slow work has another end."""
        process = timer.process if timer.kind == "done" else None
        if process is not None and str(process.pid) == self._worker:
            high = max(low, self._us)  # it is no quicker than declared
        super().arm(timer, low, high, since)


class Watch(Plain):
    """A machine whose deadlines are watched, as a search wants it."""

    def __init__(self, spec: Spec, given: Mapping[str, Any], clock: Clock, network: str):
        self.events: list[tuple[Any, ...]] = []
        settings = Settings(network=network, time="any", picker="recorded")
        super().__init__(spec.machine(given, settings, snapshots=True, tape=self.events.append,
                                      clock=clock))  # fmt: skip
        self.m.checking = True
        self.apply = self._apply  # type: ignore[assignment]
        self.known: dict[Key, None] = {}
        self.workers: dict[str, None] = {}
        self.fired: list[Key] = []  # by the last transition
        self._asks: dict[Pid, str] = {}
        self._armed: dict[Any, Key] = {}
        self._waits: dict[Pid, Key] = {}

    def _apply(self, step: Transition) -> None:
        """Let a transition happen, and see which deadlines it sets, or lets come first."""
        self.events.clear()
        self.fired = []
        self.m.apply(step)
        for event in self.events:
            self._read(event)

    def _read(self, event: tuple[Any, ...]) -> None:
        kind, who = event[0], event[1]
        if kind == "note" and event[2] == "call":
            said = dict(event[3])
            self._asks[who] = f"call {short(thaw(said['request']))} to {said['server']}"
        elif kind == "timer" and event[6] is False and type(event[5]) is int and event[5]:
            key = Key(str(who), f"timer {short(thaw(event[4]))}", event[5] * 1000)
            self._armed[event[2]] = key
            self.known[key] = None
        elif kind == "enter" and type(event[2]) is int and event[2] > 0:
            key = Key(str(who), self._asks.get(who, "receive"), event[2] * 1000)
            self._waits[who] = key
            self.known[key] = None
        elif kind == "work":
            self.workers[WORK + str(who)] = None
        elif kind == "take":
            self._waits.pop(who, None)
            self._asks.pop(who, None)
        elif kind in ("fire", "timeout"):
            gone = self._armed if kind == "fire" else self._waits
            key_of = gone.pop(who, None)
            self.fired += [] if key_of is None else [key_of]

    def snapshot(self) -> Any:
        """Save the machine, and what is set in it."""
        return snapshot(self.m), dict(self._asks), dict(self._armed), dict(self._waits)

    def restore(self, saved: Any) -> None:
        """Go back."""
        restore(self.m, saved[0])
        self._asks, self._armed, self._waits = dict(saved[1]), dict(saved[2]), dict(saved[3])


class Seen:
    """What one search saw: which deadlines were set, and a first run to each that came first."""

    def __init__(self) -> None:
        self.known: dict[Key, None] = {}
        self.workers: dict[str, None] = {}
        self.first: dict[Key, tuple[Transition, ...]] = {}
        self.complete = True


class _Firing(Watch):
    """One that keeps the way to each deadline that comes first, and stops at the one wanted."""

    def begin(self, seen: Seen, wanted: Key | None) -> Dfs:
        """Make the search of it."""
        self.seen, self.wanted = seen, wanted
        self.over = False
        self.search = Dfs(self, history=self.history)
        return self.search

    def history(self) -> bytes:
        """Situations are all that counts."""
        return b""

    def _apply(self, step: Transition) -> None:
        """Keep a way that is new."""
        super()._apply(step)
        for key in self.fired:
            self.seen.first.setdefault(key, tuple(self.search.path))
            self.over = self.over or key == self.wanted


@dataclass(frozen=True)
class Slowness:
    """How slow something has to be for a deadline to come first, over all orders.

    `exact` says that no order needs less; else the search was cut, and some order may.
    """

    us: Fraction
    exact: bool


@dataclass
class Judged:
    """What is known of a deadline over all orders.

    `fires`: it comes first in some order within the bounds; `within`: all of those orders were
    seen. `needs`: what would have to be how slow; what is not in it cannot bring it about.
    """

    key: Key
    fires: bool
    within: bool = True
    needs: dict[str, Slowness] = field(default_factory=dict)
    open: tuple[str, ...] = ()  # of which the search was cut before anything was known


@dataclass
class Report:
    """All deadlines, and of how many situations; `stopped` says why not all orders were seen."""

    deadlines: list[Judged]
    situations: int = 0
    stopped: str = ""


class Orders:
    """One program within bounds, searched for its deadlines."""

    def __init__(
        self, spec: Spec, given: Mapping[str, Any], bounds: Bounds, network: str = "node",
        over: Callable[[int], str] = lambda situations: "", slow: Sequence[str] | None = None,
    ):  # fmt: skip
        self.slow = slow  # what to make slow; None for whatever may be
        self.spec = spec
        self.given = given
        self.bounds = bounds
        self.network = network
        self.over = over
        self.result = Report([])  # as far as it has come

    def report(self) -> Report:
        """Judge every deadline of the program."""
        within = self.search(None, 0)
        found = {key: Judged(key, key in within.first, within.complete) for key in within.known}
        self.result.deadlines = list(found.values())
        asked = [key for key, one in found.items() if not one.fires and one.within]
        names = [STEP, *([LATENCY] if self.network == "cluster" else []), *within.workers]
        # Far more than all deadlines together: what does not come first then never does.
        most = 4 * sum(key.us for key in found) + FOREVER_US
        for name in names if asked else []:
            if self.slow is not None and name not in self.slow:
                continue
            slow = self.search(name, most)
            for key in asked:
                if key in slow.first:
                    found[key].needs[name] = self._least(key, name, most, slow.first[key])
                elif not slow.complete:
                    found[key].open += (name,)
        return self.result

    def _least(self, key: Key, name: str, us: int, path: Sequence[Transition]) -> Slowness:
        """Find the least of all orders, from the order of one run to one that needs less."""
        while True:
            us = self.of_order(key, name, us, path)
            if us == 0:
                return Slowness(Fraction(0), True)
            below = self.search(name, us - 1, key)
            if key not in below.first:
                return Slowness(Fraction(us), below.complete)
            us, path = us - 1, below.first[key]

    def of_order(self, key: Key, name: str, us: int, path: Sequence[Transition]) -> int:
        """Give the least whole number of µs at which these transitions can be made in this order.

        It is computed from differences of times, and asked of the clock: of both sides. They may
        disagree on `cluster`, where the clock lets a signal be under way for as long as a step
        lasts, too; the clock is right then.
        """
        guess = self.by_differences(name, us, path)
        high = us
        if guess is not None and guess <= us:
            whole = -(-guess.numerator // guess.denominator)
            if self.made(name, whole, path):
                if whole == 0 or not self.made(name, whole - 1, path):
                    return whole
                high = whole - 1
        low = -1  # the two disagree: a bisection by the clock alone
        if not self.made(name, high, path):
            raise InternalError(f"a run with {name} of {us} µs cannot be made again")
        while high - low > 1:
            middle = (low + high) // 2
            if self.made(name, middle, path):
                high = middle
            else:
                low = middle
        return high

    def by_differences(
        self, name: str, us: int, path: Sequence[Transition]
    ) -> Fraction | None:  # fmt: skip
        """Give the least parameter of the differences between the times of these events."""
        tape = Timed()
        m = self._machine(name, us, tape)
        for step in path:
            m.apply(step)
        times = Times(tape, self.bounds)
        times.still(m)
        m.close()
        return least_feasible(times.ordered(name))

    def made(self, name: str, us: int, path: Sequence[Transition]) -> bool:
        """Tell whether these transitions can be made in this order, with something so slow."""
        m = self._machine(name, us, None)
        try:
            for step in path:
                if step not in m.enabled():
                    return False
                m.apply(step)
            return True
        finally:
            m.close()

    def _machine(self, name: str, us: int, tape: Any) -> Machine:
        settings = Settings(network=self.network, time="any", picker="recorded")
        clock = Slowed(self.bounds, self.network, name, us)
        m = self.spec.machine(self.given, settings, tape=tape, clock=clock)
        m.checking = True
        return m

    def search(self, name: str | None, us: int, wanted: Key | None = None) -> Seen:
        """See all situations with `name` as slow as that, or stop where the deadline wanted comes
        first."""
        seen = Seen()
        clock = Slowed(self.bounds, self.network, name, us)
        run = _Firing(self.spec, self.given, clock, self.network)
        search = run.begin(seen, wanted)
        stopped = ""

        def cut() -> bool:
            nonlocal stopped
            stopped = self.over(self.result.situations + len(search.seen))
            if name is not None and len(search.seen) > EACH_MAX:
                stopped = stopped or f"{EACH_MAX} situations for {name}"
            return run.over or bool(stopped)

        for _ in search.leaves(cut):
            if run.over:
                break
        run.m.close()
        self.result.situations += len(search.seen)
        seen.known, seen.workers = run.known, run.workers
        seen.complete = not search.cut and not run.over
        if search.cut and not run.over:
            self.result.stopped = stopped or f"a run is longer than {search.depth_max} transitions"
        return seen


def judged_everywhere(
    spec: Spec, given: Mapping[str, Any], bounds: Bounds, network: str = "node",
    over: Callable[[int], str] = lambda situations: "", slow: Sequence[str] | None = None,
) -> Report:  # fmt: skip
    """Judge the deadlines of a program over all orders of its events.

    `over` is given the number of situations so far, and says why to stop, or nothing. `slow` names
    what to make slow, if not everything: "a step", "the way of a signal", "work of <root.1>".

    >>> from simkernel import receive, self_, send, spawn
    >>> from simkernel.spec import of
    >>> async def answers(to):
    ...     send(to, "answer")
    >>> async def main():
    ...     spawn(answers, self_())
    ...     return await receive("answer", after=50)
    >>> (one,) = judged_everywhere(of(main), {}, Bounds(10_000)).deadlines
    >>> one.fires, one.needs["a step"].us, one.needs["a step"].exact
    (False, Fraction(50000, 1), True)
    """
    return Orders(spec, given, bounds, network, over, slow).report()
