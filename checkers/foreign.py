"""What else could have happened, from a log that was made elsewhere: messages, and who took which.

One line of JSON for each message that was sent, and one for each that was taken:

    {"sender": "a", "receiver": "b", "number": 1}
    {"sender": "a", "receiver": "b", "number": 1, "received": 1}

`number` counts the messages of one sender, `received` the receives of one receiver. The lines of
each process stand in the order in which it did these things; how the lines of different processes
are mixed says nothing. A send may carry a `message`, and a receive `accepts`, a list of those that
it would have taken; without it a receive takes any.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from checkers.events import Event, Message, Taken
from checkers.forced import arranged
from checkers.plans import Change, History
from simkernel.errors import TraceUnreadable
from simkernel.kernel.patterns import takes

Key = tuple[str, str, int]
"""Sender, receiver, number."""


@dataclass(frozen=True)
class Line:
    """One line: who did it, which message, and of a receive its number and what it accepts."""

    line: int
    key: Key
    received: int | None
    message: Any
    accepts: tuple[Any, ...] = ()

    @property
    def process(self) -> str:
        """Whose line it is."""
        return self.key[0] if self.received is None else self.key[1]


@dataclass(frozen=True)
class Other:
    """A receive that could have taken another message, and an order in which it would have."""

    receive: Line
    instead: Line  # the sending of what it took
    takes: Line  # the sending of what it could have taken
    order: tuple[Line, ...]


class Log:
    """A log as it was read, line by line.

    >>> log = Log(
    ...     "log",
    ...     [
    ...         '{"sender": "a", "receiver": "c", "number": 1}',
    ...         '{"sender": "b", "receiver": "c", "number": 1}',
    ...         '{"sender": "a", "receiver": "c", "number": 1, "received": 1}',
    ...     ],
    ... )
    >>> [(other.receive.line, other.takes.key) for other in others(log, network="cluster")]
    [(3, ('b', 'c', 1))]
    """

    def __init__(self, path: str, lines: list[str]):
        self.path = path
        self.lines: list[Line] = []
        self.sends: dict[Key, Line] = {}
        self.receives: dict[Key, Line] = {}
        self._taken: Counter[str] = Counter()
        self._latest: dict[tuple[str, str], int] = {}
        for number, text in enumerate(lines, 1):
            if text.strip():
                self._keep(self._read(number, text))
        for key, line in self.receives.items():
            if key not in self.sends:
                self._wrong(line.line, f"message {key[2]} of {key[0]} was received and never sent",
                            "Add the line of its sending, without `received`.")  # fmt: skip
        if not self.lines:
            self._wrong(1, "it has no line", "Write a line for each message sent, and received.")

    def _wrong(self, line: int, what: str, hint: str) -> NoReturn:
        raise TraceUnreadable(what, path=self.path, line=line, hint=hint)

    def _read(self, number: int, text: str) -> Line:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            self._wrong(number, f"it is no JSON: {error}", "Write one object on each line.")
        if not isinstance(found, dict):
            self._wrong(number, "it is no object", 'Write {"sender": …, "receiver": …, …}.')
        for field, kind, example in (
            ("sender", str, '"a"'), ("receiver", str, '"b"'), ("number", int, "1")
        ):  # fmt: skip
            if type(found.get(field)) is not kind:
                got = repr(found[field]) if field in found else "missing"
                self._wrong(number, f"`{field}` is {got}", f'Write "{field}": {example}.')
        received = found.get("received")
        if received is not None and type(received) is not int:
            self._wrong(number, f"`received` is {received!r}",
                        "Write which receive of the receiver it is: 1, 2, ….")  # fmt: skip
        accepts = found.get("accepts", [])
        if not isinstance(accepts, list):
            self._wrong(number, f"`accepts` is {accepts!r}", "Write a list of messages.")
        key = (found["sender"], found["receiver"], found["number"])
        return Line(
            number, key, received, _plain(found.get("message")), tuple(map(_plain, accepts))
        )

    def _keep(self, line: Line) -> None:
        sender, receiver, number = line.key
        if line.received is None:
            if number <= self._latest.get((sender, receiver), number - 1):
                self._wrong(line.line, f"{sender} sends {receiver} number {number} after "
                            f"{self._latest[sender, receiver]}",
                            "Number the messages of a sender in the order of sending.")  # fmt: skip
            self._latest[sender, receiver] = number
            self.sends[line.key] = line
        else:
            self._taken[receiver] += 1
            if line.key in self.receives:
                self._wrong(line.line, f"message {number} of {sender} is received twice, first in "
                            f"line {self.receives[line.key].line}",
                            "Give each message a number of its own.")  # fmt: skip
            if line.received != self._taken[receiver]:
                self._wrong(line.line, f"`received` is {line.received} and should be "
                            f"{self._taken[receiver]}: {receiver} has received "
                            f"{self._taken[receiver] - 1} before",
                            "Count the receives of each receiver from 1 on.")  # fmt: skip
            self.receives[line.key] = line
        self.lines.append(line)


def read(path: str) -> Log:
    """Read a log."""
    try:
        return Log(path, Path(path).read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise TraceUnreadable("it cannot be read as text", path=path) from error


def _plain(value: Any) -> Any:
    """Make of what JSON gave a value that compares by what is in it."""
    return value if isinstance(value, str | int | type(None)) else json.dumps(value, sort_keys=True)


class Elsewhere(History):
    """The events of a log: its lines and, on `cluster`, the arrivals of messages."""

    def __init__(self, log: Log, network: str):
        self.log = log
        self.cluster = network == "cluster"
        self._nodes: list[tuple[Line, str]] = []
        self._number: dict[tuple[Key, str], int] = {}
        for line in log.lines:
            if line.received is not None:
                self._add(line, "receive")
                continue
            self._add(line, "send")
            if self.cluster:
                self._add(line, "arrive")
        causes, forced = self._causes(), self._forces()
        order = self._sorted(causes, forced)
        self.place = {node: place for place, node in enumerate(order)}
        self.nodes = [self._nodes[node] for node in order]
        pasts: list[int] = []
        super().__init__([self._event(node, causes[node], pasts) for node in order], {}, {})
        for place, event in enumerate(self.events):
            event.before = self.last.get(event.actor, -1)
            self.last[event.actor] = place
        self.keys: dict[tuple[str, int], Key] = {}
        self._exchanged(self.messages, self.consumed)

    def _add(self, line: Line, kind: str) -> None:
        self._number[line.key, kind] = len(self._nodes)
        self._nodes.append((line, kind))

    def _came(self, key: Key) -> int:
        return self._number[key, "arrive" if self.cluster else "send"]

    def _causes(self) -> list[list[int]]:
        """Give what each node comes after by itself."""
        last: dict[Any, int] = {}
        found: list[list[int]] = [[] for _ in self._nodes]
        for node, (line, kind) in enumerate(self._nodes):
            chain: Any = line.process if kind != "arrive" else ("way", *line.key[:2])
            if chain in last:
                found[node].append(last[chain])
            last[chain] = node
            if kind == "arrive":
                found[node].append(self._number[line.key, "send"])
            elif kind == "receive":
                found[node].append(self._came(line.key))
        return found

    def _forces(self) -> list[list[int]]:
        """Give the arrivals that each arrival comes after because of what receives took."""
        found: list[list[int]] = [[] for _ in self._nodes]
        unread: dict[str, list[Line]] = {}
        for line in self.log.sends.values():
            unread.setdefault(line.key[1], []).append(line)
        for line in self.log.lines:
            if line.received is None:
                continue
            box = unread[line.key[1]]
            box.remove(self.log.sends[line.key])
            for other in box:
                if not line.accepts or takes(line.accepts, other.message):
                    found[self._came(other.key)].append(self._came(line.key))
        return found

    def _sorted(self, causes: list[list[int]], forced: list[list[int]]) -> list[int]:
        """Order all nodes; where that is impossible the log contradicts itself."""
        later: list[list[int]] = [[] for _ in self._nodes]
        left = [0] * len(self._nodes)
        for node in range(len(self._nodes)):
            before = {*causes[node], *forced[node]}
            left[node] = len(before)
            for one in before:
                later[one].append(node)
        ready = [node for node, count in enumerate(left) if not count]
        found = []
        while ready:
            node = heapq.heappop(ready)
            found.append(node)
            for other in later[node]:
                left[other] -= 1
                if not left[other]:
                    heapq.heappush(ready, other)
        if len(found) < len(self._nodes):
            stuck = min(self._nodes[node][0].line for node, count in enumerate(left) if count)
            raise TraceUnreadable(
                "no order of sendings and arrivals gives these receives", path=self.log.path,
                line=stuck, hint="Write the lines of each process in the order in which it acted, "
                "give what a selective receive accepts, or use --network cluster if the "
                "processes were on different machines.",
            )  # fmt: skip
        return found

    def _event(self, node: int, causes: list[int], pasts: list[int]) -> Event:
        line, kind = self._nodes[node]
        event = Event()
        event.actor = ("body", line.process) if kind != "arrive" else ("way", *line.key[:2])
        event.receive, event.past, event.direct = None, 1 << self.place[node], 0
        for cause in causes:
            event.past |= pasts[self.place[cause]]
            event.direct |= 1 << self.place[cause]
        pasts.append(event.past)
        return event

    def _exchanged(self, messages: dict[Any, list[Message]], consumed: dict[Any, Any]) -> None:
        """Say which messages there are, and which receive took which."""
        by_key: dict[Key, Message] = {}
        for key, line in self.log.sends.items():
            came = self.place[self._came(key)]
            box = messages.setdefault(key[1], [])
            by_key[key] = Message(len(box), came, came, line.message)
            box.append(by_key[key])
            self.keys[key[1], len(box) - 1] = key
        for key, line in self.log.receives.items():
            place, got, pid = self.place[self._number[key, "receive"]], by_key[key], key[1]
            consumed.setdefault(pid, []).append((place, got))
            whose: Any = pid  # a name, where our own runs have a pid
            self.events[place].receive = Taken(whose, line.accepts, False, False, got)


def others(log: Log, *, network: str) -> Iterator[Other]:
    """Give each message that each receive could have taken instead, with an order that says how.

    That order holds what the change needs and no more. `network` is `cluster`, where only messages
    of one sender to one receiver keep their order, or `node`, where a message arrives when it is
    sent.
    """
    run = Elsewhere(log, network)
    for place, event in enumerate(run.events):
        receive = event.receive
        if receive is None:
            continue
        pid: Any = receive.pid
        after = run.after(place)
        for message in run.unread(pid, place):
            if message is receive.got or after >> message.came & 1:
                continue
            if receive.patterns and not takes(receive.patterns, message.content):
                continue
            at = run.previous(event.actor, run.all & ~after)
            keep = run.events[message.came].past | (run.events[at].past if at >= 0 else 0)
            found = arranged(Change(run, keep, event.actor, message, place))
            if found is None:
                continue
            lines = [run.nodes[at] for at in found[0] if at >= 0]
            line = run.nodes[place][0]
            yield Other(
                line, log.sends[line.key], log.sends[run.keys[pid, message.serial]],
                (*(one for one, kind in lines if kind != "arrive"), line),
            )  # fmt: skip
