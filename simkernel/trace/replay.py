"""Running a trace again: every event is compared, the first difference explained."""

from __future__ import annotations

import json
from typing import Any

from simkernel.errors import ReplayDiverged, TraceUnreadable, UsageError
from simkernel.kernel.machine import Machine
from simkernel.trace.line import transition_of
from simkernel.trace.reader import Trace
from simkernel.trace.writer import Recorder


class Replay:
    """A machine that follows a trace, transition by transition.

    The machine must be made as the trace's header says, with `recorder` as its tape.
    """

    def __init__(self, machine: Machine, recorder: Recorder, trace: Trace, changed: bool = False):
        assert recorder.lines is not None, "a replay compares lines: Recorder(keep=True)"
        self.machine = machine
        self.recorder = recorder
        self.trace = trace
        self.step = 0
        self._line = 0
        self._changed = changed

    @property
    def done(self) -> bool:
        """Tell whether all of the trace has been followed."""
        return self._line >= len(self.trace.lines)

    def forward(self) -> list[str]:
        """Let the next transition happen; gives the lines that it made."""
        expected = self.trace.lines[self._line]
        transition = self._transition(expected, self._line)
        if not self.machine.allows(transition):
            self._diverged(expected, "which is not possible here")
        lines = self.recorder.lines
        assert lines is not None
        before = len(lines)
        self.machine.apply(transition)
        self.recorder.flush()
        made = lines[before:]
        for line in made:
            recorded = self.trace.lines[self._line] if not self.done else "the end of the trace"
            if line != recorded:
                if self.done and self.trace.torn:
                    break
                self._diverged(recorded, line)
            self._line += 1
        self.step += 1
        return made

    def finish(self) -> None:
        """Follow the trace to its end, and see that the run ends there as well."""
        while not self.done:
            self.forward()
        last = self.trace.last
        if last is None or self.trace.torn:
            return
        if last.get("hash") != self.recorder.hash:
            self._diverged(f"hash {last.get('hash')}", f"hash {self.recorder.hash}")

    def _transition(self, line: str, number: int) -> Any:
        parsed = self.trace.parsed
        try:
            return transition_of(parsed[number] if number < len(parsed) else json.loads(line))
        except (KeyError, ValueError, TypeError, UsageError) as error:
            raise TraceUnreadable(
                f"it is no event that can be replayed: {error}",
                path=self.trace.path,
                line=self._line + 2,
            ) from error

    def _diverged(self, expected: str, found: str) -> None:
        hint = (
            "The spec file has changed since the trace was made."
            if self._changed
            else "The spec is the same, so the trace was changed, or the spec reads something "
            "outside the run: `simkernel doctor SPEC` looks for it."
        )
        raise ReplayDiverged(self.step, expected, found, hint)
