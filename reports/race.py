"""What raced: the two events whose order a counterexample turns on, and the rule for them.

A shrunk run leaves the default schedule at a few steps. At the last of them something happened
before what the default schedule has there; had it come after, the run would have been another.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.listing import Event, describe
from simkernel.choice import FAULTS, HOLD
from simkernel.trace.line import transition_of

TIMED = frozenset({"fire", "expire", "done", "timeout"})
Pick = tuple[int, str]
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
    if first["e"] == "heal":
        return f"at step {step} {describe(first)}, which it may be at any moment"
    if first["e"] in FAULTS:
        return f"at step {step} {describe(first)}, within the budget of faults"
    if first["e"] == "choose":
        return f"at step {step} {describe(first)}: rule 12.30, each of the options may be chosen"
    if later is None:
        return f"at step {step} {describe(first)}; `{instead}` never happens"
    second = events[later]
    return f"at step {step} {describe(first)}, before {describe(second)}: {_rule(first, second)}"


def turning(events: Sequence[Event], picks: Sequence[Pick], instead: str) -> str:
    """Say what a recorded run turns on: what raced where it leaves the default schedule last, or
    who is held back from there on."""
    if not picks or not instead:
        return ""
    step, wanted = picks[-1]
    hold = HOLD.fullmatch(wanted)
    if hold is None:
        return race(events, step, instead)
    row, later = turning_rows(events, picks, instead)
    if row is None:
        return ""
    said = f"{hold['who']} is held back"
    if later is None:
        return f"from step {step} on {said}; `{instead}` never happens"
    first, second = events[row], events[later]
    return (
        f"from step {step} to {hold['until']} {said}: {describe(first)}, before "
        f"{describe(second)}: {_rule({'e': 'step'}, second)}"
    )


def turning_rows(
    events: Sequence[Event], picks: Sequence[Pick], instead: str
) -> tuple[int | None, int | None]:
    """Give the rows of the two that a recorded run turns on: what came first, and what came later.

    Of a process that is held back these are what happened just before it went on, and what it did.
    """
    step, wanted = picks[-1]
    hold = HOLD.fullmatch(wanted)
    if hold is None:
        return racers(events, step, instead)
    later = _later(events, step, instead)
    until = int(hold["until"]) if later is not None else step + 1
    before = [row for row, event in enumerate(events) if step <= event.get("n", -1) < until]
    return (before[-1] if before else None), later


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
