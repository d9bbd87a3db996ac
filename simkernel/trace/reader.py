"""Reading a trace: line by line, whole or cut short."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simkernel.errors import TraceUnreadable, UsageError
from simkernel.settings import Settings
from simkernel.trace.writer import SCHEMA

PARSED_MAX = 100_000


@dataclass
class Trace:
    """A trace as it was read: header, event lines, and the last line if it is whole."""

    path: str
    header: dict[str, Any]
    settings: Settings
    lines: list[str] = field(default_factory=list)
    last: dict[str, Any] | None = None
    parsed: list[dict[str, Any]] = field(default_factory=list)  # of the first lines, as read

    @property
    def torn(self) -> bool:
        """Tell whether the trace was cut short."""
        return self.last is None or bool(self.last.get("cut"))

    def events(self) -> Iterator[dict[str, Any]]:
        """Give the events as dictionaries."""
        yield from self.parsed
        for number, line in enumerate(self.lines[len(self.parsed) :], 2 + len(self.parsed)):
            yield _object(line, self.path, number)


def read(path: str | Path) -> Trace:
    """Read a trace; a last line that was cut off is left out, anything else must be whole."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TraceUnreadable(
            f"it cannot be read: {error.strerror}", path=str(path), hint="Give the path of a trace."
        ) from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TraceUnreadable("it is no text", path=str(path)) from error
    whole, _, _torn = text.rpartition("\n")
    lines = whole.split("\n") if whole else []
    if not lines:
        raise TraceUnreadable("it has no header", path=str(path), line=1)
    trace = _headed(str(path), lines[0])
    for number, line in enumerate(lines[1:], 2):
        if trace.last is not None:
            raise TraceUnreadable("there is a line after the last one", path=str(path), line=number)
        event = _object(line, str(path), number)
        if event.get("e") == "ended":
            trace.last = event
        else:
            trace.lines.append(line)
            if number < PARSED_MAX:  # longer ones would be held twice
                trace.parsed.append(event)
    return trace


def _headed(path: str, line: str) -> Trace:
    header = _object(line, path, 1)
    schema = header.get("schema")
    if schema != SCHEMA:
        raise TraceUnreadable(
            f"its schema is {schema!r}; this version reads {SCHEMA!r}",
            path=path,
            line=1,
            hint="Record it again with this version, or read it with the one that wrote it.",
        )
    if not isinstance(header.get("spec"), str) or not isinstance(header.get("parameters"), dict):
        raise TraceUnreadable("its header names no spec and parameters", path=path, line=1)
    try:
        settings = Settings.from_json(header.get("settings"))
    except UsageError as error:
        raise TraceUnreadable(str(error).splitlines()[0], path=path, line=1) from error
    return Trace(path, header, settings)


def _object(line: str, path: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TraceUnreadable(f"it is no JSON: {error}", path=path, line=number) from error
    if not isinstance(value, dict):
        raise TraceUnreadable("it is no object", path=path, line=number)
    return value
