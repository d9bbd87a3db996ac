"""What led to what in a trace: from where a message, a timer, a death or a spawn came.

A send says to whom and with which number, a take says only what was taken; between the two lies
the mailbox. It is followed here, so that a trace can be drawn without its spec.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reports.listing import Event

NAMED = frozenset({"send_name", "cast_name"})


class Arrow(NamedTuple):
    """From one event to another, by their rows in the trace."""

    source: int
    target: int
    kind: str  # "message", "unread", "timer", "exit", "down", "spawn"


@dataclass
class Arrows:
    """All arrows of a trace; `cause` has the row from which each row came.

    `lengths` says how many messages lie in a mailbox from a row on: (row, pid, how many).
    """

    all: list[Arrow] = field(default_factory=list)
    cause: dict[int, int] = field(default_factory=dict)
    lengths: list[tuple[int, str, int]] = field(default_factory=list)


def arrows(events: Sequence[Event], serials: Mapping[int, int] | None = None) -> Arrows:
    """Follow every message, signal, timer and spawn.

    `serials` has the numbers of messages sent to names, by row, where they are known: a trace does
    not hold them, and without them every such send is taken to have found somebody.
    """
    return _Post(serials).follow(events)


class _Post:
    """The mailboxes and signals under way at a row of the trace."""

    def __init__(self, serials: Mapping[int, int] | None):
        self.serials = serials
        self.found = Arrows()
        self.sent: dict[tuple[str, int], int] = {}
        self.counts: dict[str, int] = defaultdict(int)
        self.told: dict[tuple[str, str, str], deque[int]] = defaultdict(deque)
        self.boxes: dict[str, list[tuple[str, int, int, str]]] = defaultdict(list)
        self.asked: dict[str, int] = {}  # monitors by reference, links by both ends
        self.timers: dict[str, int] = {}
        self.fired: dict[str, int] = {}
        self.spawned: dict[str, int] = {}
        self.lying: dict[str, int] = defaultdict(int)  # messages in each mailbox

    def follow(self, events: Sequence[Event]) -> Arrows:
        """Go through the trace from its start to its end."""
        for row, e in enumerate(events):
            kind = e.get("e", "")
            step = _FOLLOWED.get(kind)
            if kind in NAMED:
                self._named(row, e)
            elif kind.startswith("tell_") or kind == "exit":
                self.told[_way(kind), e["p"], str(e.get("ref", e["to"]))].append(row)
            elif step is not None:
                step(self, row, e, events)
        for box in self.boxes.values():
            for _, source, handled, kind in box:
                if kind == "message":
                    self._arrow(source, handled, "unread")
        self.found.all.sort()
        return self.found

    def _arrow(self, source: int, target: int, kind: str) -> None:
        self.found.all.append(Arrow(source, target, kind))
        self.found.cause.setdefault(target, source)

    def _named(self, row: int, e: Event) -> None:
        if self.serials is None:
            self.counts[e["p"]] += 1
            self.sent[e["p"], self.counts[e["p"]]] = row
        elif row in self.serials:
            self.sent[e["p"], self.serials[row]] = row

    def _send(self, row: int, e: Event, events: Sequence[Event]) -> None:
        self.sent[e["p"], e["id"]] = row
        self.counts[e["p"]] = e["id"]

    def _monitor(self, row: int, e: Event, events: Sequence[Event]) -> None:
        self.asked[str(e["ref"])] = row

    def _link(self, row: int, e: Event, events: Sequence[Event]) -> None:
        self.asked[str((e["p"], e["of"]))] = row

    def _spawn(self, row: int, e: Event, events: Sequence[Event]) -> None:
        self.spawned[e["child"]] = row

    def _start(self, row: int, e: Event, events: Sequence[Event]) -> None:
        if e["p"] in self.spawned:
            self._arrow(self.spawned[e["p"]], row, "spawn")

    def _timer(self, row: int, e: Event, events: Sequence[Event]) -> None:
        self.timers[e["ref"]] = row

    def _enter(self, row: int, e: Event, events: Sequence[Event]) -> None:
        self.timers[e["p"]] = row

    def _fire(self, row: int, e: Event, events: Sequence[Event]) -> None:
        self.fired[e["ref"]] = row
        if e["ref"] in self.timers:
            self._arrow(self.timers[e["ref"]], row, "timer")

    def _expire(self, row: int, e: Event, events: Sequence[Event]) -> None:
        if e["p"] in self.timers:
            self._arrow(self.timers[e["p"]], row, "timer")

    def _handle(self, row: int, e: Event, events: Sequence[Event]) -> None:
        signal, sender, box = e["s"], e["from"], self.boxes[e["p"]]
        if signal == "message":
            source = self.sent.get((sender, e.get("id", 0)), self.fired.get(sender))
            if source is not None:
                text = str(events[source].get("m"))
                kind = "message" if events[source]["e"] != "fire" else "timer"
                box.append((text, source, row, kind))
                self._count(row, e["p"], 1)
        elif signal in ("exit", "down"):
            place = e["p"] if signal == "exit" else str(e.get("ref"))
            waiting = self.told.get((signal, sender, place))
            # For one who was dead before, the runtime answers in place of a last word.
            asked = self.asked.get(str(e.get("ref", (e["p"], sender))))
            source = waiting.popleft() if waiting else asked
            if source is not None:
                self._arrow(source, row, signal)
                start = f"('EXIT', {sender}" if signal == "exit" else f"('DOWN', {e.get('ref')}"
                box.append((start, source, row, signal))

    def _take(self, row: int, e: Event, events: Sequence[Event]) -> None:
        box, text = self.boxes[e["p"]], str(e["m"])
        for place, (held, source, handled, kind) in enumerate(box):
            if held == text or (kind in ("exit", "down") and text.startswith(held)):
                del box[place]
                if kind in ("exit", "down"):
                    self.found.cause[row] = handled
                else:
                    self._arrow(source, row, kind)
                    self._count(row, e["p"], -1)
                return

    def _count(self, row: int, pid: str, by: int) -> None:
        self.lying[pid] += by
        self.found.lengths.append((row, pid, self.lying[pid]))

    def _end(self, row: int, e: Event, events: Sequence[Event]) -> None:
        """A death by a signal comes from the signal, which its process handled just before."""
        if e.get("killed"):
            before = next(
                (at for at in range(row - 1, -1, -1) if events[at].get("p") == e["p"]), None
            )
            if before is not None:
                self.found.cause.setdefault(row, before)


_FOLLOWED = {
    "send": _Post._send, "spawn": _Post._spawn, "start": _Post._start, "timer": _Post._timer,
    "enter": _Post._enter, "work": _Post._enter, "fire": _Post._fire, "expire": _Post._expire,
    "done": _Post._expire, "handle": _Post._handle, "take": _Post._take, "end": _Post._end,
    "monitor": _Post._monitor, "link": _Post._link,
}  # fmt: skip


def _way(kind: str) -> str:
    return "down" if kind == "tell_monitor" else "exit"


def steps_of(events: Sequence[Event]) -> list[int]:
    """Give the step that each row belongs to: notes go before theirs, deaths by a signal after.

    >>> steps_of([{"n": 0}, {"e": "note"}, {"n": 1}, {"e": "end"}])
    [0, 1, 1, 1]
    """
    steps: list[Any] = [event.get("n") for event in events]
    last = steps[-1] = steps[-1] if steps and steps[-1] is not None else _last(steps)
    for row in range(len(steps) - 1, -1, -1):
        if steps[row] is None:
            steps[row] = last
        last = steps[row]
    before = 0
    for row, event in enumerate(events):
        if event.get("e") == "end" and "n" not in event:
            steps[row] = before
        before = steps[row]
    return steps


def _last(steps: Sequence[Any]) -> int:
    return max((step for step in steps if step is not None), default=0)
