"""How it came to something: the events that led there, back through mailboxes, timers and spawns.

Not everything that happened before it: of each process only what it did in the step that counts,
so that a stranger can read the chain from top to bottom.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.arrows import Arrows
from reports.listing import Event
from simkernel.choice import FAULTS

LINKS_MAX = 9
# A process goes on after one of these: the effects that follow are of one step of its code.
RESUMES = frozenset({"start", "take", "timeout", "expire", "done", "choose", "earlier"})
TURNS = frozenset({*FAULTS, "cut"})
DEEDS = frozenset({"send", "send_name", "cast_name", "exit", "spawn", "timer", "work"})
DEEDS_MAX = 4
ENDS = frozenset({"'normal'", "'shutdown'"})
STUCK = frozenset({"deadlock", "stuck", "caller stuck", "postponed"})


def finding_row(events: Sequence[Event], kind: str, process: str) -> int | None:
    """Give the row in which a finding shows: the end of its process, or the last it ever did."""
    last = None
    for row, event in enumerate(events):
        if event.get("p") == process:
            last = row
            if event.get("e") == "end" and kind not in STUCK:
                return row
    if last is None and events:
        return len(events) - 1
    return last


def chain(events: Sequence[Event], arrows: Arrows, row: int) -> list[int]:
    """Give the rows that led to `row`, and itself, in the order in which they happened."""
    found = [row]
    while len(found) < LINKS_MAX:
        cause = cause_of(events, arrows, found[-1])
        if cause is None or cause in found:
            break
        found.append(cause)
    return sorted({*found, *_turns(events, found), *_deeds(events, found)})


def _deeds(events: Sequence[Event], found: Sequence[int]) -> list[int]:
    """Give what the process did to others in the very step in which it shows."""
    row, start = found[0], found[1] if len(found) > 1 else found[0]
    who = events[row].get("p")
    if events[start].get("p") != who:
        return []
    own = [at for at in range(start + 1, row) if events[at].get("p") == who]
    return [at for at in own if events[at].get("e") in DEEDS][-DEEDS_MAX:]


def _turns(events: Sequence[Event], found: Sequence[int]) -> list[int]:
    """Give what else turned the run on the way: receives given up, deaths, faults."""
    who = {events[row].get("p") for row in found}
    turns = [
        row
        for row in range(min(found), max(found))
        if events[row].get("e") in TURNS
        or (events[row].get("e") == "timeout" and events[row].get("p") in who)
        or (events[row].get("e") == "end" and events[row].get("reason") not in ENDS)
    ]
    turns = turns[-LINKS_MAX:]
    last = max(found)
    return turns + [at for row in turns for at in _instead(events, row) if at < last]


def _instead(events: Sequence[Event], row: int) -> list[int]:
    """Give what a process that gave up waiting did then."""
    event = events[row]
    if event.get("e") != "timeout":
        return []
    for at in range(row + 1, len(events)):
        if events[at].get("p") == event["p"] and events[at].get("e") != "note":
            return [at] if events[at].get("e") in DEEDS else []
    return []


def cause_of(events: Sequence[Event], arrows: Arrows, row: int) -> int | None:
    """Give the row from which a row came: the send of what is taken, or what its process took."""
    if row in arrows.cause:
        return arrows.cause[row]
    who = events[row].get("p")
    for before in range(row - 1, -1, -1):
        event = events[before]
        if event.get("p") == who and event.get("e") in RESUMES and event.get("m", "") is not None:
            return before
    return None
