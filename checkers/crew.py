"""Processes that make one search of classes together, and the one that waits for them.

The members (`checkers.team`) run; this process carries what they tell each other, looks at the
clock, and takes in what they found. One that is killed takes runs along that others need, so all
are begun anew; after a few such deaths the search is given up.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from checkers.fleet import GRACE_S, Fleet
from checkers.judged import Judged
from checkers.reduction import Reduction
from checkers.search import Limit
from checkers.team import Member
from checkers.workers import ATTEMPTS, POLL_S, failed, sent
from simkernel.errors import InternalError, StepTooLong
from simkernel.kernel.watchdog import watchdog
from simkernel.leftovers import globals_kept
from simkernel.settings import Settings

REPORT_S = 0.5
FAREWELL_S = 3.0
_FRAME = struct.Struct("<cQ")


class Report(NamedTuple):
    """What a member has found since its last report, and how far all of them are."""

    judge: Any
    runs: int
    ended: int
    transitions: int
    blocked: int
    flags: frozenset[Any]
    cut: bool
    inside: int
    outside: int


class Classed(Protocol):
    """A strategy whose search several processes make."""

    reduction: Reduction
    runs: int
    transitions: int
    inside: int
    outside: int

    def judged(self) -> Iterator[tuple[Judged, str]]: ...
    def settings(self) -> Settings: ...


@dataclass
class _Link:
    """One end of the way between a member and this process."""

    socket: socket.socket
    pid: int = 0
    data: bytearray = field(default_factory=bytearray)
    inside: int = 0
    outside: int = 0

    def send(self, kind: bytes, content: bytes) -> None:
        self.socket.sendall(_FRAME.pack(kind, len(content)) + content)

    def receive(self, wait: Callable[[], None] = lambda: None) -> tuple[bytes, bytes]:
        """Give the next message; `wait` is called again and again meanwhile."""
        while True:
            if len(self.data) >= _FRAME.size:
                kind, length = _FRAME.unpack_from(self.data)
                end = _FRAME.size + length
                if len(self.data) >= end:
                    content = bytes(memoryview(self.data)[_FRAME.size : end])
                    del self.data[:end]
                    return kind, content
            try:
                more = self.socket.recv(1 << 20)
            except TimeoutError:
                wait()
                continue
            except ConnectionError:
                more = b""
            if not more:
                raise EOFError
            self.data += more


class Crew:
    """Members for one search: `together` lets them finish what `search` has begun."""

    def __init__(self, fleet: Fleet, search: Classed, limit: Limit):
        self.fleet = fleet
        self.search = search
        self.limit = limit
        self.cut = ""
        self.reports: list[Report] = []
        self.links: list[_Link] = []
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
            except _Killed as killed:
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
        pairs = [socket.socketpair() for _ in range(self.fleet.count)]
        for index, (ours, theirs) in enumerate(pairs):
            with warnings.catch_warnings():
                # The watchdog's thread holds nothing that a member needs, which starts its own.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                for one, other in pairs:
                    one.close()
                    if other is not theirs:
                        other.close()
                _work(self.fleet, self.search, index, theirs)
            theirs.close()
            ours.settimeout(POLL_S)
            self.links.append(
                _Link(ours, pid, inside=self.search.inside, outside=self.search.outside)
            )

    def _end(self) -> None:
        for link in self.links:
            link.socket.close()
            if link.pid:
                with suppress(ProcessLookupError):
                    os.kill(link.pid, signal.SIGKILL)
                os.waitpid(link.pid, 0)
        self.links = []

    # --- What they say -------------------------------------------------------------------------

    def _relay(self) -> None:
        """Carry messages until all are done."""
        stop = False
        while True:
            messages = [self._next(link) for link in self.links]
            kinds = {kind for kind, _ in messages}
            if kinds == {b"D"}:
                return
            if kinds != {b"S"}:
                raise InternalError("processes that make one search differ about its end")
            stop = stop or bool(self._cut())
            now = self.fleet.elapsed()
            due = now - self._asked_at > REPORT_S
            if due:
                self._asked_at = now
            told = [content for _, content in messages]
            for at, link in enumerate(self.links):
                others = None if stop else [*told[:at], b"", *told[at + 1 :]]
                with suppress(ConnectionError):  # who is gone is missed at its next message
                    link.send(b"R" if due else b"A", pickle.dumps(others))

    def _cut(self) -> str:
        self.cut = self.cut or self.limit(1.0)
        return self.cut

    def _next(self, link: _Link) -> tuple[bytes, bytes]:
        """Give what a member says next that is no report."""
        while True:
            try:
                kind, content = link.receive(self._wait)
            except EOFError:
                raise _Killed(_death(link)) from None
            if kind == b"F":
                _, error = pickle.loads(content)
                raise error
            if kind in b"RD":
                self._note(link, pickle.loads(content)[1])
            if kind != b"R":
                return kind, content

    def _wait(self) -> None:
        """Look at the clock while nobody says anything."""
        if self._cut() and self.fleet.elapsed() > self.fleet.seconds + GRACE_S:
            self.fleet.lost = "a worker did not answer in time, and was ended"
            raise StepTooLong(where="a worker that searches with others")

    def _note(self, link: _Link, report: Report) -> None:
        search = self.search
        search.inside += report.inside - link.inside
        search.outside += report.outside - link.outside
        link.inside, link.outside = report.inside, report.outside
        search.runs, search.transitions = report.runs, report.transitions
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
            reduction.transitions, reduction.blocked = last.transitions, last.blocked
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
            for link in self.links:
                with suppress(EOFError, OSError):
                    kind = b""
                    while kind not in (b"D", b"F"):
                        kind, content = link.receive(wait)
                        if kind in b"RD":
                            self._note(link, pickle.loads(content)[1])
                        elif kind == b"S":
                            link.send(b"R", over)


class _Killed(Exception):
    """A member has ended that should not."""


def _death(link: _Link) -> str:
    status = os.waitpid(link.pid, 0)[1]
    link.pid = 0
    how = f"signal {status & 0x7F}" if os.WIFSIGNALED(status) else f"exit code {status >> 8}"
    return f"a worker was ended by {how}"


def _work(fleet: Fleet, search: Classed, index: int, ours: socket.socket) -> None:
    """Be a member, to the end."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
        fleet.child = True
        link = _Link(ours)
        with suppress(EOFError, ConnectionError):  # of who waits for nobody, nobody wants to know
            try:
                with watchdog(), globals_kept(fleet.spec.main):
                    content = _searched(fleet, search, index, link)
                link.send(b"D", content)
            except (EOFError, ConnectionError):
                raise
            except BaseException as error:
                link.send(b"F", failed(_light(error)))
    finally:
        os._exit(0)


def _light(error: BaseException) -> BaseException:
    """Leave the runs behind that a traceback holds."""
    return MemoryError() if isinstance(error, MemoryError) else error


def _searched(fleet: Fleet, search: Classed, index: int, link: _Link) -> bytes:
    """Search with the others, and give the last report."""
    reduction = search.reduction
    judge = fleet.fresh()

    def report() -> bytes:
        nonlocal judge
        found, judge = judge, fleet.fresh()
        return sent((True, Report(
            found, reduction.runs, reduction.ended, reduction.transitions, reduction.blocked,
            reduction.flags, reduction.cut, search.inside, search.outside,
        )))  # fmt: skip

    def swap(message: bytes) -> list[bytes] | None:
        link.send(b"S", message)
        kind, content = link.receive()
        if kind == b"R":
            link.send(b"R", report())
        answers: list[bytes] | None = pickle.loads(content)
        if answers is not None:
            answers[index] = message
        return answers

    Member(reduction, index, fleet.count, swap)
    for run, ended in search.judged():
        judge.judge(run, ended, search.settings, reduction.ended)
    return report()
