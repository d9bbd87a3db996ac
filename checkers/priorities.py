"""Random schedules by priorities: PCT over chains of messages, and POS over pending events.

Both pick by what could happen and by what has, through the machine that they watch; what they pick
is recorded and replays without them. docs/explanation/search.md says what they are good at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Any

from checkers.dependency import Access, dependent
from checkers.pending import Entity, Pending, entity
from checkers.watched import Watched
from simkernel.kernel.machine import Transition
from simkernel.terms import Pid

Tag = tuple[int, int]
"""A chain, and how many events it had when it sent a message."""


class Chains:
    """Partitions the events of a run into chains of causes, as they happen.

    The handling of a message goes on with the chain that sent it, if that chain has done nothing
    since; otherwise it begins a chain. So two answers to two questions are two chains, though one
    server sends both.
    """

    def __init__(self, m: Watched):
        self.m = m
        self.count = 0
        self._of: dict[Entity, int] = {}
        self._events: dict[int, int] = {}
        self._begun: dict[tuple[Pid, Tag], int] = {}  # chains of receives that may still happen
        self._coming: dict[Pid, deque[Tag]] = {}
        self._boxes: dict[Pid, list[Tag]] = {}
        self._now = self._new()
        m.watching = self._came

    def _new(self) -> int:
        self.count += 1
        self._events[self.count] = 0
        return self.count

    def chain(self, transition: Transition) -> int:
        """Give the chain that a transition would belong to."""
        kind, who, _ = transition
        if kind == "handle":
            coming = self._coming.get(who)
            return coming[0][0] if coming else self._of_entity(("body", who))
        tag = self._taken(who) if kind == "take" else None
        if tag is None:
            return self._of_entity(entity(transition))
        if self._events[tag[0]] == tag[1]:
            return tag[0]
        if (who, tag) not in self._begun:
            self._begun[who, tag] = self._new()
        return self._begun[who, tag]

    def _of_entity(self, who: Entity) -> int:
        if who not in self._of:
            self._of[who] = self._new()
        return self._of[who]

    def _taken(self, pid: Pid) -> Tag | None:
        p, box = self.m.processes[pid], self._boxes.get(pid, [])
        # A mailbox can be emptied by other means than receives: then the tags are not known.
        if p.mailbox is None or len(box) != len(p.mailbox):
            return None
        return box[p.match]

    def perform(self, transition: Transition, apply: Any) -> None:
        """Let a transition happen by `apply`, and follow what it does to the chains."""
        kind, who, _ = transition
        self._now = chain = self.chain(transition)
        tag = self._taken(who) if kind == "take" else None
        if tag is not None:
            self._boxes[who].remove(tag)
            self._of["body", who] = chain
        coming = self._coming.get(who) if kind == "handle" else None
        came = coming.popleft() if coming else None
        before = self._length(who) if kind == "handle" else 0
        if kind != "handle":
            self._events[chain] += 1
        apply(transition)
        if came is not None and self._length(who) == before + 1:
            self._boxes.setdefault(who, []).append(came)

    def _length(self, pid: Pid) -> int:
        p = self.m.processes.get(pid)
        return 0 if p is None else len(p.mailbox or ())

    def _came(self, dest: Pid, signal: tuple[Any, ...]) -> None:
        if dest in self.m.processes:
            tag = self._now, self._events[self._now]
            self._coming.setdefault(dest, deque()).append(tag)


class PctScheduler:
    """Priorities over chains, with a few places at which the one that runs falls behind all others.

    A bug that needs `depth` events in one order is found with probability at least 1 / (w²
    n^(depth-1)) a run, of n events in w chains.
    """

    def __init__(self, m: Watched, random: Random, *, depth: int, length: int):
        self.chains = Chains(m)
        self._random = random
        self._priorities: dict[int, float] = {}
        self._changes = {random.randrange(max(1, length)) for _ in range(depth - 1)}
        self._lowest = 0.0
        self._m = m

    def pick(self, options: Sequence[Transition]) -> Transition:
        """Give an option of the chain that comes first; at a change it then falls behind."""
        priorities = [self._priority(self.chains.chain(option)) for option in options]
        best = max(priorities)
        ways = [o for o, priority in zip(options, priorities, strict=True) if priority == best]
        picked = ways[int(self._random.random() * len(ways))]
        # Who polls has made no progress: without this the others would starve.
        if self._m.count in self._changes or picked.kind == "timeout":
            self._lowest -= 1
            self._priorities[self.chains.chain(picked)] = self._lowest
        return picked

    def _priority(self, chain: int) -> float:
        if chain not in self._priorities:
            self._priorities[chain] = self._random.random()
        return self._priorities[chain]

    def perform(self, transition: Transition, apply: Any) -> None:
        """Let a transition happen."""
        self.chains.perform(transition, apply)


class PosScheduler:
    """A priority for each event that could be next, drawn anew for those that race with what is.

    So of two events that race each is first in half of the runs, whatever else happens.
    """

    def __init__(self, m: Watched, random: Random):
        self._random = random
        self._pending = Pending(m)
        self._drawn: dict[Transition, tuple[float, list[Access]]] = {}

    def pick(self, options: Sequence[Transition]) -> Transition:
        """Give the option with the highest priority."""
        for option in options:
            if option not in self._drawn:
                self._drawn[option] = self._random.random(), self._pending.of(option)
        return max(options, key=lambda option: self._drawn[option][0])

    def perform(self, transition: Transition, apply: Any) -> None:
        """Let a transition happen; forget the priorities of those that race with it."""
        who = entity(transition)
        touched = self._drawn.pop(transition, None)
        accesses = self._pending.of(transition) if touched is None else touched[1]
        apply(transition)
        self._drawn = {
            option: drawn
            for option, drawn in self._drawn.items()
            if entity(option) != who and not dependent(accesses, drawn[1])
        }
