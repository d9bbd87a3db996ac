"""The judges that watch a run: what its end alone does not show.

They hear of notes and receives (`simkernel.kernel.ear`). What they remember is told by `key` and
`marks`, so that searches do not merge two situations that will be judged differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from zlib import crc32

from checkers.coverage import Coverage
from checkers.finding import Finding, short
from checkers.growth import Lengths
from checkers.waits import circle_at, deadlock, named
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import WAITING, Process
from simkernel.otp.statem_engine import StateMachine
from simkernel.terms import Pid, Ref, show, thaw


class Judges:
    """The ear of one run."""

    def __init__(self) -> None:
        self.found: tuple[Finding, ...] = ()
        self.given_up: dict[Ref, None] = {}
        self.children: dict[Pid, Pid] = {}  # by child, who supervises it
        self.lengths = Lengths()
        self.coverage = Coverage()
        self._taken: dict[tuple[int, ...], int] | None = None

    def remember(self) -> None:
        """Keep, as one number for each process, what it takes: `behaviour` tells runs apart by it.

        For runs that are not put back: searches of classes and situations have better names.
        """
        self._taken = {}

    def behaviour(self, m: Machine) -> bytes:
        """Give a name for what happened: what each process took in which order, and who ended."""
        ends = sorted((death.pid.path, short(death.reason)) for death in m.deaths)
        took = sorted((self._taken or {}).items())
        return blake2b(repr((took, ends)).encode(), digest_size=8).digest()

    # --- What they hear --------------------------------------------------------------------------

    def noted(self, m: Machine, p: Process, kind: str, fields: dict[str, Any]) -> None:
        """Hear a note."""
        if kind == "child started":
            self.children[fields["pid"]] = p.pid
        elif kind == "gave up":
            child = "a child" if fields["id"] == "undefined" else f"child {short(fields['id'], 60)}"
            text = f"{p.pid} gave up: {child} would have to be restarted too often"
            self._find(Finding("restart intensity", str(p.pid), text))
        elif kind == "child failed":
            self._failed(p, fields["id"], fields["reason"])
        elif isinstance(p.body, StateMachine):
            self.coverage.noted(p.body.modules[0].cls, kind, fields)

    def _failed(self, p: Process, id: Any, reason: Any) -> None:
        # A dynamic supervisor is asked by clients, who may well expect that somebody was faster.
        if id == "undefined" or type(reason) is not tuple or reason[:1] != ("already_started",):
            return
        text = f"{p.pid} cannot start child {short(id, 60)}: its name is held by {reason[-1]}"
        self._find(Finding("name taken", str(p.pid), text))

    def timed_out(self, m: Machine, p: Process) -> None:
        """Hear that a receive gives up."""
        if self._taken is not None:
            path = p.pid.path
            self._taken[path] = crc32(b"timeout", self._taken.get(path, 0))
        why = p.want.why
        circle = circle_at(m, p)
        if circle:
            self._find(deadlock(circle, but=", until the time of one is over"))
        if why is None or why[0] != "call":  # the answer to a call that was given up is dropped
            for name in _named(p):
                if type(name) is Ref and name.owner == p.pid.path:
                    self.given_up[name] = None

    def taken(self, m: Machine, p: Process, message: Any) -> None:
        """Hear that a receive takes a message."""
        if self._taken is not None:
            path = p.pid.path
            self._taken[path] = crc32(show(message).encode(), self._taken.get(path, 0))
        if not self.given_up:
            return
        late = [ref for ref in _inside(message) if ref in self.given_up]
        wanted = list(_named(p))
        for ref in late:
            if ref.owner != p.pid.path:
                continue
            if ref not in wanted:
                self._find(_late(p, message))
            del self.given_up[ref]

    def _find(self, finding: Finding) -> None:
        if finding not in self.found:
            self.found += (finding,)

    # --- What they say ---------------------------------------------------------------------------

    def findings(self, m: Machine, ended: str) -> list[Finding]:
        """Give what was wrong along the way, and what it has led to."""
        growing = self.lengths.findings() if ended in (driver.BUDGET, driver.HORIZON) else []
        if ended == driver.BUDGET:
            return growing
        return [*self.found, *self._unread(m), *self._orphans(m), *growing]

    def _unread(self, m: Machine) -> Iterator[Finding]:
        for p in sorted(m.processes.values(), key=lambda p: p.pid.path):
            for message in p.mailbox or ():
                late = [ref for ref in _inside(message) if ref in self.given_up]
                if any(ref.owner == p.pid.path and ref not in _named(p) for ref in late):
                    yield _late(p, message)

    def _orphans(self, m: Machine) -> Iterator[Finding]:
        for child in self._orphaned(m):
            p = m.processes[child]
            if p.timer is None:  # one that waits for a time may be about to end
                text = f"{child} lives on after its supervisor {self.children[child]}"
                yield Finding("orphan", str(child), text)

    def _orphaned(self, m: Machine) -> list[Pid]:
        found = [
            child
            for child, supervisor in self.children.items()
            if child in m.processes and supervisor not in m.processes and supervisor not in m.dying
        ]
        return sorted(found, key=lambda pid: pid.path)

    # --- For searches ----------------------------------------------------------------------------

    def key(self) -> bytes:
        """Tell findings along the way apart."""
        return "".join(f"{one.kind} {one.text}\n" for one in self.found).encode()

    def marks(self, m: Machine) -> list[Pid | Ref]:
        """Give who is remembered, by name: as far as nobody can reach it, it does not matter."""
        self.children = {
            child: by
            for child, by in self.children.items()
            if child in m.processes or _is_busy(m.processes.get(by))
        }
        return [*self.given_up, *self._orphaned(m)]

    def save(self) -> Any:
        """Give what `load` takes back."""
        return self.found, tuple(self.given_up), tuple(self.children.items())

    def load(self, saved: Any) -> None:
        """Go back to where `save` was called. What has been covered stays covered."""
        self.found, given_up, children = saved
        self.given_up = dict.fromkeys(given_up)
        self.children = dict(children)
        self.lengths = Lengths()  # what was sampled was another run


def _is_busy(p: Process | None) -> bool:
    """Tell whether effects of `p` are to leave, the birth of a child perhaps."""
    return p is not None and p.effects is not None


def _named(p: Process) -> Iterator[Pid | Ref]:
    """Give the names in what a process waits for."""
    patterns = p.want.patterns if p.status == WAITING else None
    for pattern in patterns or ():
        yield from named(pattern)


def _inside(message: Any) -> list[Ref]:
    """Give the references in a message that is an answer; a DOWN is none."""
    message = thaw(message)
    if type(message) is not tuple or message[:1] == ("DOWN",):
        return []
    return [part for part in message if type(part) is Ref]


def _late(p: Process, message: Any) -> Finding:
    said = ", ".join(short(part, 60) for part in thaw(message) if type(part) is not Ref)
    text = f"{p.pid} gave up waiting for an answer, and then it came: {said}"
    return Finding("late reply", str(p.pid), text)
