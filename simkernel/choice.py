"""Who picks from what is enabled.

A chooser is asked with the enabled transitions in their stable order and gives one of them. It
knows nothing of the machine; the machine knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

from simkernel.errors import ReplayDiverged

T = TypeVar("T")


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
    """The default schedule, except at some steps: {step: the identity of what happens there}.

    Steps count from 0. What is recorded and not possible is a ReplayDiverged.
    """

    def __init__(self, picks: dict[int, str]):
        self._picks = picks
        self._step = 0

    def pick(self, options: Sequence[T]) -> T:
        """Give the first option, or the recorded one."""
        step = self._step
        self._step += 1
        wanted = self._picks.get(step)
        if wanted is None:
            return options[0]
        for option in options:
            if str(option) == wanted:
                return option
        raise ReplayDiverged(step, wanted, ", or ".join(map(str, options)))
