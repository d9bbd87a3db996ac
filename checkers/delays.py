"""Delay-bounded search: the default schedule, then all that leave it once, then twice, and so on.

Skipping `n` of the enabled transitions at one step costs `n` delays. Most bugs need few. It hunts:
it finds short counterexamples first, and proves nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from checkers.judged import Judged
from simkernel.kernel import driver

Skips = tuple[tuple[int, int], ...]
"""(step, how many of the enabled transitions are skipped there), in the order of the steps."""


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
        self._waiting: list[deque[Skips]] = [deque([()])]

    def ends(self, cut: Callable[[], bool] = lambda: False) -> Iterator[tuple[Judged, str]]:
        """Yield each schedule's run at its end, and why it ended there."""
        while self.delays < len(self._waiting):
            if not self._waiting[self.delays]:
                self.delays += 1
                continue
            if cut():
                return
            skips = self._waiting[self.delays].popleft()
            run = self.make()
            ended = self._run(run, skips)
            self.runs += 1
            self.transitions += run.m.count
            yield run, ended
            run.m.close()

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
            elif step >= free_from:
                for more in range(1, len(options)):
                    self._plan(skips, step, more)
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
