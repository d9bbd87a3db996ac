"""What raced: the two events whose order a counterexample turns on, and the rule for them.

A shrunk run leaves the default schedule at a few steps. At the last of them something happened
before what the default schedule has there; had it come after, the run would have been another.
"""

from __future__ import annotations

from collections.abc import Sequence

from checkers.verdict import Turn
from reports.listing import Event, describe
from simkernel.choice import FAULTS, HOLD
from simkernel.trace.line import transition_of

TIMED = frozenset({"fire", "expire", "done", "timeout"})
Pick = tuple[int, str]
SENDS = frozenset({"send", "send_name", "cast_name", "exit", "tell_link", "tell_monitor"})


def turn_of(events: Sequence[Event], picks: Sequence[Pick], instead: str) -> Turn | None:
    """Give what a recorded run turns on: where it leaves the default schedule last."""
    if not picks or not instead:
        return None
    step, wanted = picks[-1]
    later = _later(events, step, instead)
    at = None if later is None else int(events[later]["n"])
    hold = HOLD.fullmatch(wanted)
    if hold is None:
        return Turn(step, at, instead)
    until = int(hold["until"]) if at is not None else step + 1
    before = [event["n"] for event in events if step <= event.get("n", -1) < until]
    return Turn(before[-1] if before else -1, at, instead, hold["who"], step)


def turning(events: Sequence[Event], turn: Turn | None) -> str:
    """Say what a run turns on: what came first, what it overtook, and why it may; or who is held
    back until when.

    >>> first = {"n": 0, "t": 0, "e": "send", "p": "<root.1>", "to": "<root>", "m": "1"}
    >>> other = {"n": 1, "t": 0, "e": "send", "p": "<root.2>", "to": "<root>", "m": "2"}
    >>> turning([first, other], Turn(0, 1, "do <root.2>"))
    'at step 0 <root.1> → <root>  1, before <root.2> → <root>  2: rule 1.8, signals of different \
senders have no order between them'
    """
    row, later = turning_rows(events, turn) if turn is not None else (None, None)
    if turn is None or row is None:
        return ""
    first = events[row]
    if turn.held and later is None:
        return f"from step {turn.since} on {turn.held} is held back; `{turn.over}` never happens"
    if turn.held and later is not None:
        return (
            f"from step {turn.since} to {turn.later} {turn.held} is held back: {describe(first)}, "
            f"before {describe(events[later])}: {_rule({'e': 'step'}, events[later])}"
        )
    said = f"at step {turn.first} {describe(first)}"
    if first["e"] == "heal":
        return f"{said}, which it may be at any moment"
    if first["e"] in FAULTS:
        return f"{said}, within the budget of faults"
    if first["e"] == "choose":
        return f"{said}: rule 12.30, each of the options may be chosen"
    if later is None:
        return f"{said}; `{turn.over}` never happens"
    return f"{said}, before {describe(events[later])}: {_rule(first, events[later])}"


def turning_rows(events: Sequence[Event], turn: Turn) -> tuple[int | None, int | None]:
    """Give the rows of the two that a run turns on: what came first, and what came later.

    Of a process that is held back these are what happened before it went on, and what it did.
    """
    row = _row(events, turn.first)
    if row is not None and not turn.held and events[row]["e"] in (*FAULTS, "choose"):
        return row, None
    return row, _row(events, turn.later)


def _row(events: Sequence[Event], step: int | None) -> int | None:
    return next((row for row, event in enumerate(events) if event.get("n", -1) == step), None)


def order(switches: int, instead_of: int) -> str:
    """Say how the run that is drawn differs from the one that replays.

    >>> order(1, 3)
    'drawn with 1 context switch instead of 3: an order of the same events that replays as well'
    """
    s = "" if switches == 1 else "es"
    return (
        f"drawn with {switches} context switch{s} instead of {instead_of}: an order of the same "
        "events that replays as well"
    )


def distance(picks: Sequence[Pick]) -> str:
    """Say how far a recorded run is from the default schedule.

    >>> distance([(4, "do <root.1>"), (7, "hold <root.2> until 30")])
    '2 steps away from the default schedule, at one of them <root.2> is held back'
    """
    if not picks:
        return "the default schedule"
    found = [hold["who"] for hold in (HOLD.fullmatch(wanted) for _, wanted in picks) if hold]
    away = f"{len(picks)} step{'' if len(picks) == 1 else 's'} away from the default schedule"
    if not found:
        return away
    who = ", ".join(dict.fromkeys(found))
    many = "one" if len(found) == 1 else f"{len(found)}"
    where = "where" if len(picks) == 1 else f"at {many} of them"
    return f"{away}, {where} {who} is held back"


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
