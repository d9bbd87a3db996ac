"""What happened in a run, as a search that reduces sees it: events, and numbers that name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from checkers.dependency import COMMUTING, GATES, Access, clash, told
from simkernel.kernel.machine import Transition
from simkernel.terms import Pid, Ref

Actor = tuple[Any, ...]
"""Who an event belongs to: ("body", pid), ("queue", pid), ("way", sender, dest), ("timer", ref),
("wait", pid) for a deadline of a receive."""

Label = tuple[Any, ...]
"""Which way an event went: (kind, way), or ("take", the event that sent what was taken)."""


class Like(NamedTuple):
    """What is known of an event whatever came before it in other processes: see `Identities`."""

    label: Label
    roots: tuple[int, ...]  # what caused it directly
    others: tuple[int, ...]  # what it comes after besides, and touches nothing in common with
    accesses: tuple[Access, ...]
    victim: Pid | None  # who is killed by it


class Identities:
    """Numbers for what events are: who, which way, after which other events.

    The number of an event stands for everything that happened before it as well, so that a set of
    events closed under causes is known by its last ones. Shared by all runs of one search.
    """

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.next: dict[tuple[Actor, int], dict[Any, Like]] = {}

    def number(self, actor: Actor, label: Label, after: tuple[int, ...]) -> int | None:
        """Give the number of an event that comes right after these, if there was one."""
        return self.numbers.get((actor, label, after))

    def add(self, actor: Actor, previous: int, after: tuple[int, ...], like: Like) -> int:
        """Number a new event; `previous` is the number of its actor's event before it, or -1."""
        number = self.numbers[actor, like.label, after] = len(self.numbers)
        self.know(actor, previous, like)
        return number

    def know(self, actor: Actor, previous: int, like: Like) -> None:
        """Remember what such an event is like."""
        touched = tuple((thing, told(mode)) for thing, mode in like.accesses)
        key = (like.label, like.roots, like.others, like.victim, touched)
        self.next.setdefault((actor, previous), {}).setdefault(key, like)


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
        "accesses", "actor", "at", "base", "before", "born", "causes", "direct", "ends", "number",
        "options", "past", "plain", "previous", "races", "receive", "step", "tells",
    )  # fmt: skip

    actor: Actor
    step: Transition
    at: int  # its place in the path, which has more than the events
    number: int  # see Identities
    before: int  # the place of its actor's event before it, or -1
    previous: int  # the number of that event, or -1
    causes: int  # the events that caused it directly
    base: int  # what caused it, with all their pasts: never to be turned round
    past: int  # base, and all that it depends on, and itself
    direct: int  # those events of its past that it comes right after
    races: int  # what it depends on and might come before
    accesses: tuple[Access, ...]
    receive: Taken | None
    options: tuple[Transition, ...]  # what its actor could have done instead
    plain: bool  # `Recorder.repeat` can make it
    born: Pid | None  # whom it spawned
    ends: bool  # whether it is an effect that ends its process
    tells: Ref | None  # the monitor of which it tells, or brings a DOWN


def nearest(
    events: list[Event], touched: dict[Any, list[tuple[int, Any]]], found: Iterable[Access],
    base: int, keep: int = -1,
) -> tuple[int, int]:  # fmt: skip
    """Give what an event that touches `found` comes after, of those in `keep` and not in `base`.

    First the events at gates, all of them, then of the others the last ones.
    """
    gates = near = 0
    for thing, mode in found:
        spots = touched.get(thing)
        if spots is None:
            continue
        if thing[0] in GATES:
            for place, other in spots:
                if keep >> place & 1 and not base >> place & 1 and clash(mode, other):
                    gates |= 1 << place
        else:
            covered = base | ~keep
            alike = type(mode) is str and mode in COMMUTING
            for place, other in reversed(spots):
                if alike and other is mode:
                    continue  # these are most, and `clash` would say no
                if not covered >> place & 1 and clash(mode, other):
                    near |= 1 << place
                    covered |= events[place].past
    return gates, near


def last_of(events: list[Event], among: int) -> int:
    """Give those of a set of events that nothing in it comes after.

    >>> last_of([], 0)
    0
    """
    found = 0
    while among:
        place = among.bit_length() - 1
        found |= 1 << place
        among &= ~events[place].past
    return found


def numbers_of(events: list[Event], places: int) -> list[int]:
    """Give the numbers of a set of events."""
    found = []
    while places:
        place = places.bit_length() - 1
        found.append(events[place].number)
        places ^= 1 << place
    return found


def places(bits: int) -> Iterator[int]:
    """Give the places of a set.

    >>> list(places(0b1011))
    [0, 1, 3]
    """
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
