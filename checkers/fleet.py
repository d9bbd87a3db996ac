"""Runs that several processes make, each some of the numbers, for one verdict.

A run of a random search is a function of its number, once the search has stopped to learn from its
runs. So it does not matter who makes it: what the processes have seen is put together in the order
of the numbers, and comes to what one process would have seen alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from checkers.judged import Ending, Judged
from checkers.search import Limit
from checkers.workers import Lost, Told, Workers
from simkernel.errors import Overrun, StepTooLong
from simkernel.kernel import driver
from simkernel.leftovers import globals_kept
from simkernel.settings import Settings
from simkernel.spec import Spec

GRACE_S = 30.0  # for the last run of a share, after the time of the search is over
SHARE_MIN, SHARE_MAX = 10, 250
SHARES = 4  # for each worker, of what is left


class Judge(Protocol):
    """What is found is told to it."""

    best_at: int

    def judge(
        self, run: Judged, ended: str, settings: Callable[[], Settings], at: int = 0
    ) -> None: ...


class Hunt(Protocol):
    """A search whose runs depend on their numbers alone; `more` is what one leads to."""

    def run(self, number: int) -> tuple[Judged, str]: ...
    def more(self) -> Any: ...
    def settings(self) -> Settings: ...


@dataclass
class Share:
    """What a worker has made of some numbers."""

    judge: Any
    runs: int = 0
    transitions: int = 0
    seen: Counter[bytes] = field(default_factory=Counter)
    more: list[Any] = field(default_factory=list)  # what each run leads to
    cut: str = ""
    ended: StepTooLong | MemoryError | None = None


@dataclass
class Fleet:
    """Workers for one check: `fresh` makes a judge of a share, `absorb` takes in what it found, and
    `end` what is told of a run."""

    count: int
    spec: Spec
    seconds: float
    elapsed: Callable[[], float]
    fresh: Callable[[], Any]
    absorb: Callable[[Any], None]
    found: Callable[[], bool]
    end: Callable[[Ending, int, Callable[[], Settings]], None]
    notes: list[str] = field(default_factory=list)
    lost: str = ""
    child: bool = False

    def over(self, cut: bool) -> None:
        """Give up on a worker that does not answer, long after its search was `cut`."""
        if cut and self.elapsed() > self.seconds + GRACE_S:
            self.lost = "a worker did not answer in time, and was ended"
            raise StepTooLong(where="a worker that searches with others")

    def shares(self, hunt: Hunt, first: int, end: int, limit: Limit) -> Iterator[Share]:
        """Give what was made of the numbers from `first` on, in their order."""
        workers: Workers[Share] = Workers(self.count, elapsed=self.elapsed)
        tasks = (partial(self._make, hunt, one, limit) for one in split(first, end, self.count))
        try:
            for share in workers.each(
                tasks, deadline=lambda: self.seconds + GRACE_S, tick=lambda: limit(1.0)
            ):
                if isinstance(share, Lost):
                    self.lost = share.why
                    continue
                self.absorb(share.judge)
                yield share
                if share.ended is not None:
                    raise share.ended
        finally:
            self.notes += workers.notes

    def _make(self, hunt: Hunt, numbers: range, limit: Limit) -> Share:
        """Make some runs, in a worker."""
        self.child = True
        share = Share(self.fresh())
        with globals_kept(self.spec.main):
            for number in numbers:
                share.cut = "interrupted" if Told.stop else limit(1.0)
                if share.cut:
                    break
                try:
                    run, ended = hunt.run(number)
                except (StepTooLong, Overrun) as cut:
                    share.ended = cut if isinstance(cut, StepTooLong) else StepTooLong()
                    break
                except MemoryError:
                    share.ended = MemoryError()  # without its traceback, which holds the run
                    break
                share.runs += 1
                share.transitions += run.m.count
                if ended != driver.LATE:
                    share.seen[run.judges.behaviour(run.m)] += 1
                share.more.append(hunt.more())
                share.judge.judge(run, ended, hunt.settings)
                run.m.close()
        return share


def split(first: int, end: int, workers: int) -> Iterator[range]:
    """Cut numbers into shares, which become smaller: at the end nobody waits for long.

    >>> [len(one) for one in split(0, 240, 2)]
    [30, 26, 23, 20, 17, 15, 13, 12, 10, 10, 10, 10, 10, 10, 10, 10, 4]
    """
    while first < end:
        size = max(SHARE_MIN, min(SHARE_MAX, (end - first) // (SHARES * workers)))
        yield range(first, min(end, first + size))
        first += size
