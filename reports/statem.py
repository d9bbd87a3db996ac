"""The state diagram of a state machine, as runs have shown it.

An edge is an event that was served in a state: `event → action`. What the class could do by its
source and no run has done is there as well, dotted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from checkers.coverage import Declared
from reports.cast import Cast
from reports.diagram import Box, Diagram, Edge
from reports.listing import QUOTE, Event

ACTIONS_MAX = 3
ENTER = "'enter'"
_NUMBERS = re.compile(r"(?<![\w'\"#<.])-?\d+(?:\.\d+)?(?![\w'\".>])")
_CALL = re.compile(r"\('call', .*\)")
_ATOM = re.compile(r"^'([^']*)'$")
_HEADED = re.compile(r"^\('([^']*)', .*\)$", re.DOTALL)
_REPLY = re.compile(r"^\((?:\('(?:alias|monitor)', #ref<[^>]*>\)|#ref<[^>]*>), (.*)\)$", re.DOTALL)


@dataclass
class Seen:
    """What runs have shown of one class: first states, and how often each edge was taken."""

    first: dict[str, None] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    taken: Counter[tuple[str, str, str, tuple[str, ...]]] = field(default_factory=Counter)


@dataclass
class _Turn:
    cls: str = ""
    state: str = ""
    event: str = ""
    actions: list[str] = field(default_factory=list)
    goal: str = ""


def seen(runs: Iterable[Sequence[Event]]) -> dict[str, Seen]:
    """Read off the notes of machines what events they served in which state, by class."""
    found: dict[str, Seen] = {}
    for events in runs:
        turns: dict[str, _Turn] = {}
        classes = _classes(events)
        for event in events:
            pid = event.get("p", "")
            if pid in classes:
                _follow(event, turns.setdefault(pid, _Turn(classes[pid])), found)
        for turn in turns.values():
            _closed(turn, found)
    return found


def _classes(events: Sequence[Event]) -> dict[str, str]:
    """Give the machines: the processes of which a callback was noted with an event's type."""
    return {
        e["p"]: str(e["fields"]["module"])
        for e in events
        if e.get("e") == "note" and e.get("kind") == "callback" and "type" in e["fields"]
    }


def _follow(event: Event, turn: _Turn, found: dict[str, Seen]) -> None:
    kind = event.get("e")
    if kind in ("send", "timer") and turn.event:
        told = _REPLY.match(str(event.get("m")))
        if kind == "send":
            turn.actions.append(f"reply {_content(told[1])}" if told else _sent(str(event["m"])))
        return
    if kind == "end" and turn.event:
        turn.goal = turn.goal or "ends"
        turn.actions.append("crash" if "stack[" in str(event["reason"]) else "stop")
        return
    if kind != "note":
        return
    told_of = event["fields"]
    match event["kind"]:
        case "callback" if str(told_of.get("type")) == ENTER:
            turn.goal = str(told_of["state"])  # of the same event: it is noted before the change
        case "callback" if "type" in told_of:
            _closed(turn, found)
            turn.state, turn.goal = str(told_of["state"]), ""
            turn.event = _event(str(told_of["type"]), str(told_of["argument"]))
        case "state entered":
            state = str(told_of["state"])
            mine = found.setdefault(turn.cls, Seen())
            mine.states[state] = mine.states.get(state, 0) + 1
            if "old" in told_of:
                turn.goal = state
            else:
                mine.first[state] = None
        case "event postponed":
            turn.actions.append("postpone")
        case "timeout set":
            turn.actions.append(f"{_event(str(told_of['type']), '')} in {told_of['ms']} ms")


def _closed(turn: _Turn, found: dict[str, Seen]) -> None:
    """Count what the machine did with its last event."""
    if turn.event:
        mine = found.setdefault(turn.cls, Seen())
        mine.states.setdefault(turn.state, 0)
        goal = turn.goal or turn.state
        mine.taken[turn.state, turn.event, goal, tuple(turn.actions[:ACTIONS_MAX])] += 1
    turn.event, turn.actions, turn.goal = "", [], ""


def _event(type_: str, content: str) -> str:
    if _CALL.fullmatch(type_):
        return f"call {_content(content)}"
    found = _HEADED.match(type_)
    plain = f"timeout {_content(found[0])}" if found else type_.strip(QUOTE)
    if plain.endswith("timeout") or found:
        return plain
    return f"{plain} {_content(content)}".rstrip()


def _content(text: str) -> str:
    """Say what an event is about, without the particulars that differ from one to the next.

    >>> _content("('submit', 17)"), _content("'status'"), _content("17")
    ('submit …', 'status', '…')
    """
    if found := _ATOM.match(text):
        return found[1]
    if found := _HEADED.match(text):
        return f"{found[1]} …"
    return _NUMBERS.sub("…", Cast().named(text))


def _sent(text: str) -> str:
    return f"send {_content(text)}"


def statem(found: Mapping[str, Seen], declared: Mapping[str, Declared], title: str) -> Diagram:
    """Draw the machines: every state and edge that was seen, and dotted what never was."""
    made = Diagram(title)
    for number, (cls, mine) in enumerate(sorted(found.items())):
        could = declared.get(cls, Declared())
        states = [*mine.states, *sorted(could.states - set(mine.states))]
        if any(goal == "ends" for _, _, goal, _ in mine.taken):
            states.append("ends")
        names = {state: f"m{number}s{at}" for at, state in enumerate(states)}
        made.groups[cls] = list(names.values())
        for state, name in names.items():
            kind = "first" if state in mine.first else "state"
            is_seen = state in mine.states or state == "ends"
            box = Box(name, (state.strip(QUOTE),), kind, is_seen, bad=state == "ends")
            made.boxes.append(box)
        gone = {(old, new) for old, _, new, _ in mine.taken}
        made.edges += _edges(mine, names)
        for old, new in sorted(could.changes - gone):
            made.edges.append(Edge(names[old], names[new], (), 0))
    if len(made.groups) == 1:
        made.title = f"{next(iter(made.groups))}: {title}"
        made.groups.clear()
    return made


def _edges(mine: Seen, names: Mapping[str, str]) -> list[Edge]:
    """Give the edges that were taken. What stays in a state is one edge: loops hide each other."""
    edges: list[Edge] = []
    stays: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for (old, event, new, actions), count in sorted(mine.taken.items()):
        does = (f"→ {', '.join(actions)}",) if actions else ()
        if old == new:
            stays.setdefault(old, []).append(f"{' '.join((event, *does))}, {count} ×")
            counts[old] += count
        else:
            edges.append(Edge(names[old], names[new], (event, *does), count))
    loops = [Edge(names[at], names[at], (*told,), counts[at]) for at, told in stays.items()]
    return edges + loops
