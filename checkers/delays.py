"""Delay-bounded search: the default schedule, then all that leave it once, then twice, and so on.

Skipping `n` of the enabled transitions at one step costs `n` delays. Most bugs need few. It hunts:
it finds short counterexamples first, and proves nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from math import inf

from checkers.judged import Judged
from simkernel.kernel import driver

Skips = tuple[tuple[int, int], ...]
"""(step, how many of the enabled transitions are skipped there), in the order of the steps."""

Branch = tuple[int, int]
"""(step, how many transitions were enabled there)."""


class Delays:
    """One search. `ends()` makes every schedule once, those with the fewest delays first."""

    def __init__(self, make: Callable[[], Judged], *, depth_max: int, delays_max: int = 1 << 30):
        self.make = make
        self.depth_max = depth_max
        self.delays_max = delays_max
        self.delays = 0
        self.runs = 0
        self.transitions = 0
        self.picks: tuple[tuple[int, str], ...] = ()
        self.last: Judged | None = None
        self._waiting: list[deque[Skips]] = [deque([()])]

    def ends(
        self, cut: Callable[[], bool] = lambda: False, most: float = inf
    ) -> Iterator[tuple[Judged, str]]:
        """Yield each schedule's run at its end, and why it ended there; rest after so many."""
        while self.runs < most and (level := self.level()):
            if cut():
                return
            skips = level.popleft()
            run, ended = self.run(skips)
            self.made(skips, run.m.count, self.branches)
            yield run, ended
            run.m.close()

    def level(self) -> deque[Skips]:
        """Give the schedules that wait, with the fewest delays of all; none at the end."""
        while self.delays < len(self._waiting) and not self._waiting[self.delays]:
            self.delays += 1
        return self._waiting[self.delays] if self.delays < len(self._waiting) else deque()

    def made(self, skips: Skips, transitions: int, branches: list[Branch]) -> None:
        """Note that a schedule was made; those that leave it once more wait then."""
        self.runs += 1
        self.transitions += transitions
        for step, options in branches:
            for more in range(1, options):
                self._plan(skips, step, more)

    def run(self, skips: Skips) -> tuple[Judged, str]:
        """Make a schedule; `branches` and `picks` are its own then."""
        run = self.last = self.make()
        self.branches: list[Branch] = []
        return run, self._run(run, skips)

    def _run(self, run: Judged, skips: Skips) -> str:
        planned = dict(skips)
        free_from = skips[-1][0] + 1 if skips else 0
        picks: list[tuple[int, str]] = []
        step = 0
        while step < self.depth_max:
            options = run.enabled()
            if not options:
                self.picks = tuple(picks)
                return run.ended()
            skipped = planned.get(step, 0)
            if skipped:
                picks.append((step, str(options[skipped])))
            elif step >= free_from and len(options) > 1:
                self.branches.append((step, len(options)))
            run.apply(options[skipped])
            step += 1
        self.picks = tuple(picks)
        return driver.BUDGET

    def _plan(self, skips: Skips, step: int, more: int) -> None:
        total = self.delays + more
        if total > self.delays_max:
            return
        while len(self._waiting) <= total:
            self._waiting.append(deque())
        self._waiting[total].append((*skips, (step, more)))
