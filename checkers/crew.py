"""Processes that make one search of classes together, and the one that waits for them.

The members (`checkers.team`) run; this process carries what they tell each other, looks at the
clock, and takes in what they found. One that is killed takes runs along that others need, so all
are begun anew; after a few such deaths the search is given up.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from checkers.fleet import Fleet
from checkers.judged import Judged
from checkers.link import DONE, FAILED, REPORT, STEP, Killed, Link, forked
from checkers.reduction import Reduction
from checkers.search import Limit
from checkers.team import Meanwhile, Member
from checkers.workers import ATTEMPTS, sent
from simkernel.errors import InternalError
from simkernel.leftovers import globals_kept
from simkernel.settings import Settings

REPORT_S = 0.5
FAREWELL_S = 3.0


class Report(NamedTuple):
    """What a member has found since its last report, and how far all of them are."""

    judge: Any
    runs: int
    ended: int
    transitions: int
    flags: frozenset[Any]
    cut: bool
    declined: str
    inside: int
    outside: int


class Classed(Protocol):
    """A strategy whose search several processes make."""

    reduction: Reduction
    runs: int
    transitions: int
    declined: str
    inside: int
    outside: int

    def judged(self) -> Iterator[tuple[Judged, str]]: ...
    def settings(self) -> Settings: ...


class Crew:
    """Members for one search: `together` lets them finish what `search` has begun."""

    def __init__(self, fleet: Fleet, search: Classed, limit: Limit):
        self.fleet = fleet
        self.search = search
        self.limit = limit
        self.cut = ""
        self.reports: list[Report] = []
        self.links: list[Link] = []
        self.told: list[tuple[int, int]] = []  # what each has said of inside and outside
        self._asked_at = 0.0

    def together(self) -> str:
        """Search until the end, or until something ends it: says what."""
        search = self.search
        before = search.inside, search.outside
        for attempt in range(ATTEMPTS):
            search.inside, search.outside = before
            self.reports = []
            try:
                self._begin()
                self._relay()
                self._take_in()
                return self.cut
            except Killed as killed:
                again = attempt + 1 < ATTEMPTS
                if again:
                    self.fleet.notes.append(f"{killed}, and the search was begun again")
                else:
                    self.fleet.lost = f"{ATTEMPTS} workers were lost: the last {killed}"
            except BaseException:
                self._farewell()
                self._take_in()
                raise
            finally:
                self._end()
        self._take_in()
        return self.fleet.lost

    # --- The members ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self.links = []
        self.told = [(self.search.inside, self.search.outside)] * self.fleet.count
        for index in range(self.fleet.count):
            self.links.append(forked(partial(self._searched, index), self.links))

    def _end(self) -> None:
        for link in self.links:
            link.end()
        self.links = []

    # --- What they say -------------------------------------------------------------------------

    def _relay(self) -> None:
        """Carry messages until all are done."""
        stop = False
        while True:
            messages = [self._next(index) for index in range(len(self.links))]
            kinds = {kind for kind, _ in messages}
            if self.search.declined:
                self._farewell()
            if self.search.declined or kinds == {DONE}:
                return
            if kinds != {STEP}:
                raise InternalError("processes that make one search differ about its end")
            stop = stop or bool(self._cut())
            now = self.fleet.elapsed()
            due = now - self._asked_at > REPORT_S
            if due:
                self._asked_at = now
            told = [content for _, content in messages]
            for at, link in enumerate(self.links):
                others = None if stop else [*told[:at], *told[at + 1 :]]
                with suppress(ConnectionError):  # who is gone is missed at its next message
                    link.send(REPORT if due else STEP, pickle.dumps(others))

    def _cut(self) -> str:
        self.cut = self.cut or self.limit(1.0)
        return self.cut

    def _next(self, index: int) -> tuple[bytes, bytes]:
        """Give what a member says next that is no report."""
        link = self.links[index]
        while True:
            kind, content = link.hear(self._wait)
            if kind in (REPORT, DONE):
                self._note(index, pickle.loads(content)[1])
            if kind != REPORT:
                return kind, content

    def _wait(self) -> None:
        """Look at the clock while nobody says anything."""
        self.fleet.over(bool(self._cut()))

    def _note(self, index: int, report: Report) -> None:
        search = self.search
        inside, outside = self.told[index]
        self.told[index] = report.inside, report.outside
        search.inside += report.inside - inside
        search.outside += report.outside - outside
        search.runs, search.transitions = report.runs, report.transitions
        search.declined = search.declined or report.declined
        self.reports.append(report)

    def _take_in(self) -> None:
        """Take in what was found, in the order in which one process would have found it."""
        for report in sorted(self.reports, key=lambda report: report.judge.best_at):
            self.fleet.absorb(report.judge)
        # Only now: the search stays as it was, if it has to be begun again.
        last = max(self.reports, key=lambda report: report.ended, default=None)
        if last is not None:
            reduction = self.search.reduction
            reduction.runs, reduction.ended = last.runs, last.ended
            reduction.transitions = last.transitions
            reduction.flags, reduction.cut = last.flags, last.cut
        self.reports = []

    def _farewell(self) -> None:
        """Ask for what they have."""
        until = self.fleet.elapsed() + FAREWELL_S
        over = pickle.dumps(None)

        def wait() -> None:
            if self.fleet.elapsed() > until:
                raise EOFError

        with suppress(KeyboardInterrupt):
            for index, link in enumerate(self.links):
                with suppress(EOFError, OSError):
                    kind = b""
                    while kind not in (DONE, FAILED):
                        kind, content = link.receive(wait)
                        if kind in (REPORT, DONE):
                            self._note(index, pickle.loads(content)[1])
                        elif kind == STEP:
                            link.send(STEP, over)

    # --- In a member ---------------------------------------------------------------------------

    def _searched(self, index: int, link: Link) -> bytes:
        """Search with the others, and give the last report."""
        fleet, search, reduction = self.fleet, self.search, self.search.reduction
        fleet.child = True
        judge = fleet.fresh()

        def report() -> bytes:
            nonlocal judge
            found, judge = judge, fleet.fresh()
            return sent((True, Report(
                found, reduction.runs, reduction.ended, reduction.transitions,
                reduction.flags, reduction.cut, search.declined, search.inside, search.outside,
            )))  # fmt: skip

        def swap(message: bytes, meanwhile: Meanwhile) -> list[bytes] | None:
            link.send(STEP, message)
            while not link.is_told() and meanwhile():
                pass
            kind, content = link.receive()
            if kind == REPORT:
                link.send(REPORT, report())
            answers: list[bytes] | None = pickle.loads(content)
            return answers

        Member(reduction, index, fleet.count, swap)
        with globals_kept(fleet.spec.main):
            for run, ended in search.judged():
                judge.judge(run, ended, search.settings, reduction.ended)
        return report()
