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
from simkernel.trace.line import Event, Names, Strings, texts_of

SCHEMA = "simkernel.trace/1"
EVENTS_MAX = 5_000_000
BATCH = 2_000


class Recorder:
    """The tape of a machine: turns events into lines, hashes them, and hands them on in batches.

    Without a file it only hashes, or keeps the lines if `keep` is set. The hash covers events,
    nothing of the header, so that the same run has the same hash wherever it was started.
    """

    def __init__(
        self, *, keep: bool = False, file: IO[str] | None = None, events_max: int = EVENTS_MAX
    ):
        self.lines: list[str] | None = [] if keep else None
        self.cut = False
        self._file = file
        self._events_max = events_max
        self._written = 0
        self._transitions = 0
        self._events: list[Event] = []
        self._times: list[int] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._names = Names()
        self._strings = Strings()
        self._clock: Clock = ConcreteClock()

    def attach(self, machine: Machine) -> None:
        """Read the time of this machine."""
        self._clock = machine.clock

    def __call__(self, event: Event) -> None:
        # Only kept: all that an event holds is frozen, so that it can be written later, in one go.
        events = self._events
        events.append(event)
        self._times.append(self._clock.now)
        if len(events) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write, hash and hand on what has gathered."""
        events, self._events = self._events, []
        times, self._times = self._times, []
        if not events:
            return
        if len(self._strings) > BATCH:
            self._strings.clear()
        batch, self._transitions = texts_of(
            events, times, self._transitions, self._names, self._strings
        )
        self._written += len(batch)
        text = "\n".join(batch) + "\n"
        self._hash.update(text.encode())
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
        return self._written + len(self._events)

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
        self._file = open(self.part, "w", encoding="utf-8", newline="\n")  # noqa: SIM115
        self._file.write(json.dumps({"schema": SCHEMA, **header}) + "\n")
        self.recorder = Recorder(file=self._file, events_max=events_max)

    def close(self, ended: str, **more: Any) -> None:
        """Write the last line and put the file in its place."""
        digest = self.recorder.hash
        last = {
            "e": "ended", "why": ended, "transitions": self.recorder.transitions, "hash": digest,
            "cut": self.recorder.cut, **more,
        }  # fmt: skip
        self._file.write(json.dumps(last) + "\n")
        self._file.close()
        os.replace(self.part, self.path)

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
