"""Writing a trace: streamed in batches, bounded, hashed on the way."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from simkernel.kernel.machine import Machine
from simkernel.terms import Pid
from simkernel.trace.line import Event, is_transition, text_of

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
        self.count = 0
        self.transitions = 0
        self.cut = False
        self._file = file
        self._events_max = events_max
        self._batch: list[str] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._names: dict[Pid, str] = {}
        self._machine: Machine | None = None

    def attach(self, machine: Machine) -> None:
        """Read the time of this machine."""
        self._machine = machine

    def __call__(self, event: Event) -> None:
        machine = self._machine
        n = self.transitions
        text = text_of(event, n, 0 if machine is None else machine.clock.now, self._name)
        if is_transition(event):
            self.transitions = n + 1
        self.count += 1
        self._batch.append(text)
        if len(self._batch) >= BATCH:
            self.flush()

    def _name(self, pid: Pid) -> str:
        text = self._names.get(pid)
        if text is None:
            text = self._names[pid] = str(pid)
        return text

    def flush(self) -> None:
        """Hash and hand on what has gathered."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        text = "\n".join(batch) + "\n"
        self._hash.update(text.encode())
        if self.lines is not None:
            self.lines += batch
        if self._file is not None:
            if self.count > self._events_max:
                self.cut = True
                return
            self._file.write(text)

    @property
    def hash(self) -> str:
        """The hash of all events so far."""
        self.flush()
        return self._hash.hexdigest()


class TraceFile:
    """A trace on disk: written beside its place and moved there when it is whole.

    When a run is cut short by force, the part written so far stays beside it, and can be read.
    """

    def __init__(self, path: str | Path, header: dict[str, Any], events_max: int = EVENTS_MAX):
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + ".part")
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
