"""SURW: random schedules that are uniform over the orders of what is interesting.

Before each interesting event it is decided whose it will be, with a probability in proportion to
how many are left of each; the others go on as far as they do nothing interesting. Interesting is
what touches one object, a mailbox or a table; runs take turns over the objects of earlier runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from checkers.pending import Entity, Pending, entity
from checkers.watched import Watched
from simkernel.kernel.machine import Transition

Thing = tuple[Any, ...]


class Profile:
    """How often each process touched each object, in the run that had most of it."""

    def __init__(self) -> None:
        self.most: dict[Thing, Counter[Entity]] = {}

    def add(self, seen: dict[Thing, Counter[Entity]]) -> None:
        """Take in what one run showed."""
        for thing, counts in seen.items():
            self.most[thing] = self.most.get(thing, Counter()) | counts

    def shared(self) -> list[Thing]:
        """Give the objects that more than one process touches, the first seen first."""
        return [thing for thing, counts in self.most.items() if len(counts) > 1]


class SurwScheduler:
    """One run, with one object of interest; without one it is a random walk."""

    def __init__(self, m: Watched, random: Random, profile: Profile, thing: Thing | None):
        self._m = m
        self._random = random
        self._pending = Pending(m)
        self._thing = thing
        self._left = Counter(profile.most[thing]) if thing is not None else Counter()
        self._intent: Entity | None = None
        self.seen: dict[Thing, Counter[Entity]] = {}

    def pick(self, options: Sequence[Transition]) -> Transition:
        """Give an option that does nothing interesting, or the interesting one that was decided."""
        if self._thing is None:
            return self._any(options)
        interesting = [o for o in options if self._thing in self._things(o)]
        if self._intent is None:
            self._intent = self._decide(interesting)
        free = [o for o in options if o not in interesting or entity(o) == self._intent]
        if not free:  # whose turn it should be cannot go on: it waits for one of these, or is gone
            self._intent = self._decide(interesting, now=True)
            free = [o for o in interesting if entity(o) == self._intent]
        return self._any(free)

    def _any(self, options: Sequence[Transition]) -> Transition:
        return options[int(self._random.random() * len(options))]

    def _decide(self, interesting: Sequence[Transition], *, now: bool = False) -> Entity | None:
        """Decide whose interesting event is next, among all that have some left, ready or not."""
        weights = {entity(o): max(1, self._left[entity(o)]) for o in interesting}
        if not now:
            weights |= {who: left for who, left in self._left.items() if self._lives(who, left)}
        if not weights:
            return None
        at = self._random.random() * sum(weights.values())
        for who, weight in weights.items():
            at -= weight
            if at < 0:
                return who
        return who

    def _lives(self, who: Entity, left: int) -> bool:
        """Tell whether somebody may come to what is left of it; who is not born yet may."""
        if who[0] != "body" or left <= 0:
            return left > 0
        pid = who[1]
        return pid in self._m.processes or not any(death.pid == pid for death in self._m.deaths)

    def _things(self, option: Transition) -> list[Thing]:
        """Give the objects of interest that an option touches: mailboxes, names and tables."""
        found: dict[Thing, None] = {}
        for thing, mode in self._pending.of(option):
            if thing[0] == "row":
                found["tab", thing[1]] = None
            elif thing[0] in ("tab", "name") or (thing[0] == "mb" and mode[0] == "app"):
                found[thing] = None
        return list(found)

    def perform(self, transition: Transition, apply: Any) -> None:
        """Let a transition happen."""
        who = entity(transition)
        things = self._things(transition) if transition.kind != "handle" else []
        apply(transition)
        for thing in things:
            self.seen.setdefault(thing, Counter())[who] += 1
        if self._thing in things:
            self._left[who] -= 1
            if who == self._intent:
                self._intent = None
