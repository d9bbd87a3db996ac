"""Who picks from what is enabled.

A chooser is asked with the enabled transitions in their stable order and gives one of them. It
knows nothing of the machine; the machine knows nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Protocol, TypeVar

from simkernel.errors import ReplayDiverged

T = TypeVar("T")

FAULTS = ("crash", "drop", "duplicate", "delay", "partition", "heal")
"""The kinds of transitions that no default schedule has."""

HOLD = re.compile(r"hold (?P<who>[^ ]+) until (?P<until>[0-9]{1,9})", re.ASCII)

OF_NOBODY = frozenset({"arrive", "fire", "expire", "done"})
"""The kinds of transitions by which no process acts."""


class Chooser(Protocol):
    """Picks one of the options, which are never empty."""

    def pick(self, options: Sequence[T]) -> T: ...


class First:
    """The default schedule: always the first, so a function of the state alone.

    >>> First().pick(["a", "b"])
    'a'
    """

    def pick(self, options: Sequence[T]) -> T:
        """Give the first option."""
        return options[0]


class Walk:
    """A seeded random walk: each option with the same probability.

    >>> Walk(7).pick(["a", "b", "c"]) == Walk(7).pick(["a", "b", "c"])
    True
    """

    def __init__(self, seed: int):
        self._random = Random(seed)

    def pick(self, options: Sequence[T]) -> T:
        """Give a random option."""
        if len(options) == 1:
            return options[0]
        return options[int(self._random.random() * len(options))]


class Recorded:
    """The default schedule, except at some steps: (step, the identity of what happens there).

    `(step, "hold P until N")` holds a process back from that step until step N: what it could do
    comes after all else that is not a fault. Several such may begin at one step.

    Steps count from 0. What is recorded and not possible is a ReplayDiverged.

    >>> held = Recorded([(0, "hold <root.1> until 2")])
    >>> options = ["do <root.1>", "do <root.2>"]
    >>> held.pick(options), held.pick(options), held.pick(options)
    ('do <root.2>', 'do <root.2>', 'do <root.1>')
    """

    def __init__(self, picks: Iterable[tuple[int, str]]):
        self._picks: dict[int, str] = {}
        self._holds: dict[int, list[tuple[str, int]]] = {}
        for step, wanted in picks:
            hold = HOLD.fullmatch(wanted)
            if hold is not None:
                self._holds.setdefault(step, []).append((hold["who"], int(hold["until"])))
            else:
                self._picks[step] = wanted
        self._held: list[tuple[str, int]] = []
        self._step = 0

    def usual(self, options: Sequence[T]) -> T:
        """Begin a step, and give what it has if nothing else is recorded."""
        step = self._step
        self._step += 1
        if step in self._holds:
            self._held += self._holds[step]
        if not self._held:
            return options[0]
        self._held = [one for one in self._held if step < one[1]]
        return first_of(options, {who for who, _ in self._held})

    def wanted(self, options: Sequence[T]) -> T | None:
        """Give what is recorded for the step that was begun, if anything is; raises as `pick`."""
        step = self._step - 1
        wanted = self._picks.get(step)
        if wanted is None:
            return None
        for option in options:
            if str(option) == wanted:
                return option
        raise ReplayDiverged(step, wanted, ", or ".join(map(str, options)))

    def pick(self, options: Sequence[T]) -> T:
        """Give the first option, or the recorded one."""
        usual = self.usual(options)
        found = self.wanted(options)
        return usual if found is None else found


def owner(option: str) -> str | None:
    """Give who acts by a transition, by its text; None for faults, arrivals and deadlines.

    >>> owner("take <root.1>"), owner("expire <root.1>")
    ('<root.1>', None)
    """
    kind, who, *_ = option.split(" ")
    return None if kind in OF_NOBODY or kind in FAULTS else who


def instead(picks: Sequence[tuple[int, str]], step: int, options: Sequence[T]) -> T:
    """Give what would come first at a step of a recorded run without what begins there last.

    >>> instead(
    ...     [(0, "hold <root.1> until 9"), (3, "do <root.3>")],
    ...     3,
    ...     ["do <root.1>", "do <root.2>", "do <root.3>"],
    ... )
    'do <root.2>'
    """
    begun = [one for one in picks if one[0] <= step]
    holds = [HOLD.fullmatch(wanted) for _, wanted in begun[:-1]]
    held = {hold["who"] for hold in holds if hold is not None and int(hold["until"]) > step}
    return first_of(options, held)


def first_of(options: Sequence[T], held: AbstractSet[str]) -> T:
    """Give the first option that is no fault and of nobody who is held; else the first of all."""
    for option in options if held else ():
        text = str(option)
        if owner(text) not in held:
            return options[0] if text.partition(" ")[0] in FAULTS else option
    return options[0]
