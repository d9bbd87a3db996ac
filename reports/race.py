"""What raced: the two events whose order a counterexample turns on, and the rule for them.

A shrunk run leaves the default schedule at a few steps. At the last of them something happened
before what the default schedule has there; had it come after, the run would have been another.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.listing import Event, describe
from simkernel.trace.line import transition_of

TIMED = frozenset({"fire", "expire", "done", "timeout"})
FAULTS = frozenset({"crash", "drop", "duplicate", "delay"})
SENDS = frozenset({"send", "send_name", "cast_name", "exit", "tell_link", "tell_monitor"})


def race(events: Sequence[Event], step: int, instead: str) -> str:
    """Say in a sentence what came first at `step`, what it overtook, and why it may.

    >>> first = {"n": 0, "t": 0, "e": "send", "p": "<root.1>", "to": "<root>", "m": "1"}
    >>> other = {"n": 1, "t": 0, "e": "send", "p": "<root.2>", "to": "<root>", "m": "2"}
    >>> race([first, other], 0, "do <root.2>")
    'at step 0 <root.1> → <root>  1, before <root.2> → <root>  2: rule 1.8, signals of different \
senders have no order between them'
    """
    row, later = racers(events, step, instead)
    if row is None:
        return ""
    first = events[row]
    if first["e"] in FAULTS:
        return f"at step {step} {describe(first)}, within the budget of faults"
    if first["e"] == "choose":
        return f"at step {step} {describe(first)}: rule 12.30, each of the options may be chosen"
    if later is None:
        return f"at step {step} {describe(first)}; `{instead}` never happens"
    second = events[later]
    return f"at step {step} {describe(first)}, before {describe(second)}: {_rule(first, second)}"


def racers(events: Sequence[Event], step: int, instead: str) -> tuple[int | None, int | None]:
    """Give the rows of the two: what came first at `step`, and what the default has there."""
    row = next((row for row, event in enumerate(events) if event.get("n") == step), None)
    if row is None or events[row]["e"] in FAULTS or events[row]["e"] == "choose":
        return row, None
    return row, _later(events, step, instead)


def _later(events: Sequence[Event], step: int, instead: str) -> int | None:
    for row, event in enumerate(events):
        if event.get("n", -1) > step and str(transition_of(event)) == instead:
            return row
    return None


def _rule(first: Event, second: Event) -> str:
    kinds = {first["e"], second["e"]}
    if "work" in kinds or "done" in kinds:
        return "rule 9.17, work takes any time in its interval"
    if kinds & TIMED:
        return "rule 9.15, a deadline may pass before or after what others do meanwhile"
    if kinds <= SENDS and first.get("to") == second.get("to"):
        return "rule 1.8, signals of different senders have no order between them"
    if "arrive" in kinds:
        return "rule 12.7, on cluster a signal arrives by an event of its own"
    if "handle" in kinds:
        return "rule 12.8, what has arrived is handled at any point of the receiver's own"
    if "table" in kinds or kinds & {"register", "unregister", "whereis"}:
        return "rule 12.1, each effect is an event of its own, and others fall between two of them"
    return "rule 12.1, nothing orders the steps of two processes but the signals between them"
