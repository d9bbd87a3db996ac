"""Writing a trace: streamed in batches, bounded, hashed on the way."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from simkernel.kernel.clock import Clock, ConcreteClock
from simkernel.kernel.machine import Machine
from simkernel.trace.line import Event, texts_of

SCHEMA = "simkernel.trace/1"
EVENTS_MAX = 5_000_000
BATCH = 2_000


class Recorder:
    """The tape of a machine: turns events into lines, hashes them, and hands them on in batches.

    Without a file it only hashes, or keeps the lines if `keep` is set. The hash covers events,
    nothing of the header, so that the same run has the same hash wherever it was started.
    """

    def __init__(
        self, *, keep: bool = False, file: IO[bytes] | None = None, events_max: int = EVENTS_MAX
    ):
        self.lines: list[str] | None = [] if keep else None
        self.cut = False
        self._file = file
        self._events_max = events_max
        self._written = 0
        self._transitions = 0
        self._events: list[Event] = []
        self._now = 0  # when those happened
        self._batch: list[str] = []  # lines of events before
        self._hash = hashlib.blake2b(digest_size=16)
        self._names: dict[tuple[int, ...], str] = {}
        self._strings: dict[str, str] = {}
        self._clock: Clock = ConcreteClock()

    def attach(self, machine: Machine) -> None:
        """Read the time of this machine."""
        self._clock = machine.clock

    def __call__(self, event: Event) -> None:
        # Only kept: all that an event holds is frozen, so that it can be written later, in one go.
        events = self._events
        if self._clock.now != self._now:
            self._spell()
            if len(self._batch) >= BATCH:
                self._hand_on()
        events.append(event)
        if len(events) >= BATCH:
            self.flush()

    def _spell(self) -> None:
        """Write what has gathered of the time that is over."""
        if len(self._strings) > BATCH:
            self._strings.clear()
        lines, self._transitions = texts_of(
            self._events, self._now, self._transitions, self._names, self._strings
        )
        self._batch += lines
        self._events.clear()
        self._now = self._clock.now

    def flush(self) -> None:
        """Write, hash and hand on what has gathered."""
        self._spell()
        self._hand_on()

    def _hand_on(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        self._written += len(batch)
        text = ("\n".join(batch) + "\n").encode()
        self._hash.update(text)
        if self.lines is not None:
            self.lines += batch
        if self._file is not None:
            if self._written > self._events_max:
                self.cut = True
                return
            self._file.write(text)

    @property
    def count(self) -> int:
        """The number of events so far."""
        return self._written + len(self._batch) + len(self._events)

    @property
    def transitions(self) -> int:
        """The number of transitions so far."""
        self.flush()
        return self._transitions

    @property
    def hash(self) -> str:
        """The hash of all events so far."""
        self.flush()
        return self._hash.hexdigest()


def file_name(name: str) -> str:
    """Make of a name one that every system takes for a file.

    >>> file_name("tests/test_a.py::test_b[1]")
    'tests-test_a.py--test_b-1-'
    """
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)


class TraceFile:
    """A trace on disk: written beside its place and moved there when it is whole.

    When a run is cut short by force, the part written so far stays beside it, and can be read.
    """

    def __init__(self, path: str | Path, header: dict[str, Any], events_max: int = EVENTS_MAX):
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.part, "wb")  # noqa: SIM115
        self._line({"schema": SCHEMA, **header})
        self.recorder = Recorder(file=self._file, events_max=events_max)

    def close(self, ended: str, **more: Any) -> None:
        """Write the last line and put the file in its place."""
        digest = self.recorder.hash
        last = {
            "e": "ended", "why": ended, "transitions": self.recorder.transitions, "hash": digest,
            "cut": self.recorder.cut, **more,
        }  # fmt: skip
        self._line(last)
        self._file.close()
        os.replace(self.part, self.path)

    def _line(self, told: dict[str, Any]) -> None:
        self._file.write(json.dumps(told).encode() + b"\n")

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if not self._file.closed:
            self.close("interrupted" if error is not None else "ended")
