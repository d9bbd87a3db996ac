"""The state of a system at one moment, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SHOWN = ("state", "mailbox", "links", "monitors", "dictionary")


def moment(state: dict[str, Any]) -> Iterator[str]:
    """Give the lines: each process with what it does, names, tables, timers, what may be next."""
    yield f"at {state['now_ms']:g} ms, after {state['transitions']} transitions"
    for process in state["processes"]:
        name = f" {process['name']!r}" if "name" in process else ""
        wait = f", waits for {process['waits_for']}" if "waits_for" in process else ""
        yield f"  {process['pid']}{name} {process['runs']}: {process['status']}{wait}"
        for key in SHOWN:
            if key in process:
                yield f"      {key}: {_text(process[key])}"
        if "arrived" in process:
            yield f"      arrived, not handled: {process['arrived']} signals"
    for title in ("names", "tables"):
        if state[title]:
            yield f"  {title}: {_text(state[title])}"
    for timer in state["timers"]:
        yield f"  timer {timer['ref']}: {timer['message']} to {timer['to']}"
    yield f"  next: {', '.join(state['enabled']) or 'nothing'}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
