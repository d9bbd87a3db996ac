"""Which timeouts of a run can come first, and how slow something would have to be for that.

The events of one run, in their order, are times with bounds: a step lasts at most so long, and what
it does lies within it; a signal is handled within a step's time of its arrival; work lasts as long
as declared; timers are exact. A timeout that was set and then cancelled (by the answer that came)
can come first exactly if setting and cancelling can be as far apart as it is long. What is said
holds for runs with the same events in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from checkers.differences import Edge, farthest, least
from checkers.finding import short
from simkernel.kernel import codes
from simkernel.kernel.bounded import ENDING
from simkernel.kernel.bounded import STEP as STEP_STAGE
from simkernel.kernel.machine import Machine
from simkernel.terms import Pid, thaw

READ = ("start", "handle", "take", "expire", "timeout", "done")
STEP, LATENCY = "a step", "the way of a signal"
_OPERATIONS = frozenset(codes.EFFECTS[codes.FIRST_OPERATION :]) - {"enter", "end", "work"}


@dataclass(frozen=True)
class Bounds:
    """How long a step, and on `cluster` the way of a signal, may take, in µs."""

    step_us: int = 10_000
    latency_us: int = 10_000


@dataclass(frozen=True)
class Deadline:
    """A timeout of a run: whose, for what, how long, and when it was set and cancelled (events)."""

    process: str
    what: str
    us: int
    set_at: int
    gone_at: int | None
    fired: bool
    under: int | None = None  # the deadline of whoever waits for this process meanwhile


@dataclass(frozen=True)
class Judgement:
    """What is known of a deadline.

    `at_most_us` is how long it is set at most; None if nothing bounds that. `needs` says for each
    thing that may be slow how slow it has to be, in µs, for the deadline to come first, all else
    being as declared; what cannot bring that about is not in it.
    """

    deadline: Deadline
    at_most_us: Fraction | None
    needs: Mapping[str, Fraction] = field(default_factory=dict)

    @property
    def may_fire(self) -> bool:
        """Whether it can come first within the bounds."""
        return self.at_most_us is None or self.at_most_us >= self.deadline.us


class Timed:
    """The tape of a run, kept for its times."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def __call__(self, event: tuple[Any, ...]) -> None:
        """Keep an event."""
        self.events.append(event)


class Times:
    """The events of a run as times with bounds, and its deadlines."""

    def __init__(self, tape: Timed, bounds: Bounds):
        self.bounds = bounds
        self.events = tape.events
        # (source, target, fixed, what may be slow instead of `fixed`)
        self.limits: list[tuple[int, int, int, str | None]] = []
        self.deadlines: list[Deadline] = []
        self._last: dict[Pid, int] = {}
        self._began: dict[Pid, int] = {}
        self._sent: dict[Any, int] = {}
        self._armed: dict[Any, tuple[int, int, Pid, str, int | None]] = {}
        self._waits: dict[Pid, tuple[int, int, str]] = {}
        self._passed: dict[Pid, tuple[int, int, str]] = {}
        self._asks: dict[Pid, str] = {}
        self._serves: dict[Pid, int] = {}
        self._calls: dict[tuple[Pid, Any], int] = {}
        self._working: dict[Pid, int] = {}
        self._boxes: dict[Pid, list[tuple[Any, int]]] = {}  # messages, and when they arrived
        for at, event in enumerate(self.events):
            self._read(at, event)
        self._pending = list(self._armed.values())
        for ref in list(self._armed):
            self._disarm(ref, None, fired=False)

    # --- Reading ---------------------------------------------------------------------------------

    def _read(self, at: int, event: tuple[Any, ...]) -> None:
        kind, who = event[0], event[1]
        if kind == "note":
            if event[2] == "call":
                said = dict(event[3])
                self._asks[who] = f"call {short(thaw(said['request']))} to {said['server']}"
            return
        if kind == "fire":
            start, us, *_ = self._armed[who]
            self._exactly(start, at, us, us, None)
            self._sent[who] = at
            self._disarm(who, at, fired=True)
            return
        reader: Callable[[int, Pid, tuple[Any, ...]], None] | None
        reader = getattr(self, f"_{kind}", None)
        if kind == "arrive":
            self._arrive(at, event)
            return
        before = self._last.get(who)
        if before is not None:
            self._later(before, at)
        if reader is not None and kind in READ:
            reader(at, who, event)
        else:
            self._effect(at, who, event)
        self._last[who] = at

    def _start(self, at: int, who: Pid, event: tuple[Any, ...]) -> None:
        source = self._sent.get(("spawn", who))
        if source is not None:
            self._within(source, at, 0, None)
        self._began[who] = at

    def _handle(self, at: int, who: Pid, event: tuple[Any, ...]) -> None:
        signal = event[2]
        source = self._source(who, signal)
        if source is not None:
            self._later(source, at)
            self._within(source, at, self.bounds.step_us, STEP)
        if signal[0] == codes.S_MESSAGE:
            came = at if source is None else source
            self._boxes.setdefault(who, []).append((signal[3], came))

    def _take(self, at: int, who: Pid, event: tuple[Any, ...]) -> None:
        self._ready(at, who)
        message = event[2]
        self._wait_over(who, self._came(who, message, at))
        if type(message) is tuple and len(message) == 3 and message[0] == "$gen_call":
            caller = message[1][0]
            outer = self._calls.get((caller, who))
            if outer is not None:
                self._serves[who] = outer
        self._began[who] = at

    def _came(self, who: Pid, message: Any, at: int) -> int:
        """Give when a message arrived: from then on it comes before a time-out (rule 2.11)."""
        box = self._boxes.get(who, [])
        for place, (content, came) in enumerate(box):
            if content == message:
                del box[place]
                return came
        return at

    def _expire(self, at: int, who: Pid, event: tuple[Any, ...]) -> None:
        wait = self._waits.pop(who, None)
        if wait is not None:
            start, us, what = wait
            self._exactly(start, at, us, us, None)
            self._passed[who] = (start, us, what)

    def _timeout(self, at: int, who: Pid, event: tuple[Any, ...]) -> None:
        self._ready(at, who)  # once what had arrived is handled
        passed = self._passed.pop(who, None)
        if passed is not None:
            start, us, what = passed
            self._add(who, what, us, start, at, fired=True)
        self._began[who] = at

    def _done(self, at: int, who: Pid, event: tuple[Any, ...]) -> None:
        start = self._working.pop(who, None)
        if start is not None:
            _, _, low, high = self.events[start]
            self._exactly(start, at, low, high, f"work of {who}")
        self._began[who] = at

    def _ready(self, at: int, who: Pid) -> None:
        """Bound when a message is taken: at once, by who waits for it when it has been handled, or
        has done the last of its step when it is there."""
        last = self._last.get(who)
        if last is not None:
            self._within(last, at, 0, None)

    def _effect(self, at: int, who: Pid, event: tuple[Any, ...]) -> None:
        kind = event[0]
        began = self._began.get(who)
        if began is not None:
            self._within(began, at, self.bounds.step_us, STEP)
        if kind == "send":
            self._sent[event[2], event[3]] = at
        elif kind == "spawn":
            self._sent["spawn", event[2]] = at
        elif kind == "timer":
            us = event[5] * 1000 if type(event[5]) is int else 0
            if event[6] is False and us:
                outer = self._serves.get(who)
                self._armed[event[2]] = (at, us, who, f"timer {short(thaw(event[4]))}", outer)
        elif kind == "work":
            self._working[who] = at
        elif kind == "cancel":
            self._disarm(event[2], at, fired=False)
        elif kind == "enter":
            if type(event[2]) is int and event[2] > 0:
                self._waits[who] = (at, event[2] * 1000, self._asks.get(who, "receive"))
                self._remember(who, at)
        elif kind == "monitor":
            self._sent["monitor", event[2], who] = at
        if kind in _OPERATIONS:
            self._began[who] = at

    def _remember(self, who: Pid, at: int) -> None:
        """Keep which deadline stands over the server that is being called."""
        for back in range(at, max(-1, at - 6), -1):
            event = self.events[back]
            if event[0] == "send" and event[1] == who and type(event[-1]) is Pid:
                self._calls[who, event[-1]] = at
                return

    def _arrive(self, at: int, event: tuple[Any, ...]) -> None:
        signal = event[3]
        source = self._sent.get(signal[1:3]) if signal[0] == codes.S_MESSAGE else None
        if source is not None:
            self._later(source, at)
            self._within(source, at, self.bounds.latency_us, LATENCY)
            self._sent[event[2], signal[1:3]] = at

    # --- Deadlines -------------------------------------------------------------------------------

    def _wait_over(self, who: Pid, at: int) -> None:
        passed = self._passed.pop(who, None)  # and yet a message was there
        wait = self._waits.pop(who, passed)
        if wait is not None:
            start, us, what = wait
            self._add(who, what, us, start, at, fired=False)
        self._asks.pop(who, None)

    def _disarm(self, ref: Any, at: int | None, fired: bool) -> None:
        armed = self._armed.pop(ref, None)
        if armed is not None:
            start, us, who, what, under = armed
            self.deadlines.append(Deadline(str(who), what, us, start, at, fired, under))

    def _add(self, who: Pid, what: str, us: int, start: int, at: int, fired: bool) -> None:
        under = self._serves.get(who)
        self.deadlines.append(Deadline(str(who), what, us, start, at, fired, under))

    # --- Bounds ----------------------------------------------------------------------------------

    def _later(self, source: int, target: int) -> None:
        self.limits.append((target, source, 0, None))

    def _within(self, source: int, target: int, us: int, slow: str | None) -> None:
        self.limits.append((source, target, us, slow))

    def _exactly(self, source: int, target: int, low: int, high: int, slow: str | None) -> None:
        self.limits += [(target, source, -low, None), (source, target, high, slow)]

    def still(self, m: Machine) -> None:
        """Add what has to come soon after the last event: what `m`, which made them, is about."""
        last = len(self.events) - 1
        assert m.bounded is not None
        for pid, (stage, _) in m.bounded.stages.items():
            if stage == STEP_STAGE:
                self._within(self._began.get(pid, self._last[pid]), last, self.bounds.step_us, STEP)
            elif pid in self._last:
                slow = STEP if stage == ENDING else None
                us = self.bounds.step_us if stage == ENDING else 0
                self._within(self._last[pid], last, us, slow)
            elif ("spawn", pid) in self._sent:
                self._within(self._sent["spawn", pid], last, 0, None)
        for pid in m.bounded.arrived:
            p = m.processes.get(pid)
            if p is not None and p.arrived:
                source = self._source(pid, p.arrived[0])
                if source is not None:
                    self._within(source, last, self.bounds.step_us, STEP)
        for (_, dest), channel in m.channels.items():
            if channel.signals:
                source = self._source(dest, channel.signals[0][0])
                if source is not None:
                    self._within(source, last, self.bounds.latency_us, LATENCY)
        for start, us, *_ in self._pending:
            self._within(start, last, us, None)
        for start, us, _ in self._waits.values():
            self._within(start, last, us, None)
        for who, start in self._working.items():
            self._within(start, last, self.events[start][3], f"work of {who}")

    def _source(self, who: Pid, signal: tuple[Any, ...]) -> int | None:
        """Give when a signal was sent, or on cluster when it arrived."""
        if signal[0] == codes.S_MESSAGE:
            key = signal[1:3]  # and where it comes from a timer, that
            return self._sent.get((who, key), self._sent.get(key, self._sent.get(signal[1])))
        if signal[0] == codes.S_MONITOR:
            return self._sent.get(("monitor", who, signal[1]))
        return None

    def edges(self, parameter: str | None = None) -> list[Edge]:
        """Give the bounds; what `parameter` names takes as long as it says, and not as declared."""
        return [
            Edge(source, target, 0, 1) if slow == parameter and slow is not None
            else Edge(source, target, fixed)
            for source, target, fixed, slow in self.limits
        ]  # fmt: skip

    @property
    def parameters(self) -> list[str]:
        """What may be slow."""
        return list(dict.fromkeys(slow for *_, slow in self.limits if slow is not None))

    def judged(self) -> list[Judgement]:
        """Judge every deadline that did not fire and was cancelled."""
        return list(self.each())

    def each(self) -> Iterator[Judgement]:
        """Judge them one after the other."""
        for deadline in self.deadlines:
            if deadline.fired or deadline.gone_at is None:
                yield Judgement(deadline, None)
                continue
            ends = (deadline.set_at, deadline.gone_at)
            path = farthest(self.edges(), *ends, Fraction(0))
            needs: dict[str, Fraction] = {}
            if path is not None and path[0] < deadline.us:
                for name in self.parameters:
                    one = self._needs(name, ends, deadline.us)
                    if one is not None:
                        needs[name] = one
            yield Judgement(deadline, None if path is None else path[0], needs)

    def ordered(self, parameter: str) -> list[Edge]:
        """Give the bounds, and that the events come in this order, as one order of many."""
        later = [Edge(at + 1, at, 0) for at in range(len(self.events) - 1)]
        return [*self.edges(parameter), *later]

    def _needs(self, name: str, ends: tuple[int, int], us: int) -> Fraction | None:
        return least(self._freed(name), *ends, us)

    def _freed(self, name: str) -> list[Edge]:
        # Work that lasts at least so long contradicts a parameter of 0: its least is set free.
        free = {(target, source) for source, target, _, slow in self.limits if slow == name}
        return [
            Edge(edge.source, edge.target, 0, edge.slope)
            if edge.fixed < 0 and (edge.source, edge.target) in free
            else edge
            for edge in self.edges(name)
        ]

    def chains(self) -> list[tuple[Deadline, int, int]]:
        """Give the deadlines that are shorter than what is allowed below them.

        (the outer one, how many inner ones there were while it stood, their sum in µs)
        """
        by_start = {deadline.set_at: deadline for deadline in self.deadlines}
        inner: dict[int, list[int]] = {}
        for deadline in self.deadlines:
            if deadline.under is not None and deadline.under in by_start:
                inner.setdefault(deadline.under, []).append(deadline.us)
        return [
            (by_start[start], len(all_us), sum(all_us))
            for start, all_us in sorted(inner.items())
            if by_start[start].us <= sum(all_us)
        ]
