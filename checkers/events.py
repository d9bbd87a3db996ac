"""What happened in a run, as a search that reduces sees it: events, and numbers that name them."""

from __future__ import annotations

from typing import Any

from checkers.dependency import Access
from simkernel.errors import InternalError
from simkernel.kernel.machine import Transition
from simkernel.terms import Pid

Actor = tuple[Any, ...]
"""Who an event belongs to: ("body", pid), ("queue", pid), ("way", sender, dest), ("timer", ref),
("wait", pid) for a deadline of a receive."""


class Identities:
    """Numbers for what events are: who, which way, after which other events.

    The number of an event stands for everything that happened before it as well, so that a set of
    events closed under causes is known by its last ones. Shared by all runs of one search.
    """

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.accesses: list[tuple[Access, ...]] = []
        self.causes: list[tuple[int, ...]] = []
        self.labels: list[Any] = []  # (kind, way), or ("take", the event that sent it)
        self.victims: dict[int, Pid] = {}  # who is killed by the event
        self.next: dict[tuple[Any, int], list[int]] = {}

    def number(
        self, actor: Actor, label: Any, previous: int, causes: tuple[int, ...],
        accesses: tuple[Access, ...], victim: Pid | None,
    ) -> int:  # fmt: skip
        """Give the number of an event; `previous` is that of its actor's event before it."""
        key = (actor, label, causes)
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.accesses)
            self.accesses.append(accesses)
            self.causes.append(causes)
            self.labels.append(label)
            if victim is not None:
                self.victims[number] = victim
            self.next.setdefault((actor, previous), []).append(number)
        elif len(self.accesses[number]) != len(accesses):
            raise InternalError(f"{actor} {label} touches {accesses} and {self.accesses[number]}")
        return number


class Message:
    """One message of a mailbox: which event brought it, which made it readable, what it says."""

    __slots__ = ("came", "content", "readable", "serial")

    def __init__(self, serial: int, came: int, readable: int, content: Any):
        self.serial = serial
        self.came = came
        self.readable = readable
        self.content = content


class Taken:
    """What a receive did: its patterns, whether it may time out, the message it took or None.

    `polls` says that it times out at once, without a deadline.
    """

    __slots__ = ("got", "patterns", "pid", "polls", "timed")

    def __init__(self, pid: Pid, patterns: Any, timed: bool, polls: bool, got: Message | None):
        self.pid = pid
        self.patterns = patterns
        self.polls = polls
        self.timed = timed
        self.got = got


class Event:
    """One event of a run; sets of events are whole numbers, one bit for each place in the run."""

    __slots__ = (
        "accesses", "actor", "at", "base", "number", "options", "past", "previous", "races",
        "receive", "step",
    )  # fmt: skip

    actor: Actor
    step: Transition
    at: int  # its place in the path, which has more than the events
    number: int  # see Identities
    previous: int  # the number of its actor's event before it, or -1
    base: int  # what caused it, with all their pasts: never to be turned round
    past: int  # base, and all that it depends on, and itself
    races: int  # what it depends on and might come before
    accesses: tuple[Access, ...]
    receive: Taken | None
    options: tuple[Transition, ...]  # what its actor could have done instead
