"""Who sends to whom, and how often: the processes of runs, by what they run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reports.arrows import arrows
from reports.cast import cast
from reports.diagram import Box, Diagram, Edge
from reports.listing import Event, message_words, spoken

LINES_MAX = 4
_WORD = re.compile(r"^\(*'([\w ]{1,24})'")
_NUMBER = re.compile(r" \d+$")


def traffic(runs: Iterable[tuple[Sequence[Event], dict[int, int]]], title: str) -> Diagram:
    """Count the messages between processes; several that run the same are one box.

    >>> run = [
    ...     {"e": "spawn", "p": "<root>", "child": "<root.1>", "run": "spec.a.echo()"},
    ...     {"e": "send", "p": "<root>", "to": "<root.1>", "id": 1, "m": "'hello'"},
    ...     {"e": "handle", "p": "<root.1>", "s": "message", "from": "<root>", "id": 1},
    ... ]
    >>> [(edge.lines, edge.count) for edge in traffic([(run, {})], "").edges]
    [(('hello, unread',), 1)]
    """
    kinds: dict[str, str] = {}
    most: Counter[str] = Counter()
    sent: Counter[tuple[str, str, str]] = Counter()
    for events, serials in runs:
        who = cast(events)
        many = Counter(_kind(role.label) for role in who.roles.values())
        for role in who.roles.values():
            kinds.setdefault(_kind(role.label), role.kind)
        most |= many
        for source, target, kind in arrows(events, serials).all:
            if kind in ("message", "unread"):
                ends = [_kind(who.label(events[row]["p"])) for row in (source, target)]
                what = _what(events[source].get("m"))
                sent[ends[0], ends[1], what if kind == "message" else f"{what}, unread"] += 1
    names = {kind: f"p{at}" for at, kind in enumerate(kinds)}
    boxes = [
        Box(names[kind], (f"{kind}{f' × {most[kind]}' if most[kind] > 1 else ''}",), of)
        for kind, of in kinds.items()
    ]
    return Diagram(title, boxes, [*_edges(sent, names)])


def _edges(sent: Counter[tuple[str, str, str]], names: dict[str, str]) -> Iterator[Edge]:
    """Give an arrow from each to each, with what was sent, the most frequent first."""
    told: dict[tuple[str, str, bool], Counter[str]] = {}
    for (one, other, what), count in sorted(sent.items()):
        told.setdefault((one, other, what.endswith(", unread")), Counter())[what] = count
    for (one, other, unread), found in told.items():
        most = sorted(found, key=lambda what: (-found[what], what))
        several = len(most) > 1
        lines = [f"{what}, {found[what]} ×" if several else what for what in most[:LINES_MAX]]
        if len(most) > LINES_MAX:
            lines.append(f"and {len(most) - LINES_MAX} others")
        yield Edge(names[one], names[other], tuple(lines), found.total(), dashed=unread)


def _what(message: Any) -> str:
    """Say what a message is: a call, a cast or a reply, and the word it begins with."""
    kind, text = spoken(message), message_words(message)
    found = _WORD.match(text.removeprefix(kind).strip())
    word = found[1] if found else ""
    return " ".join(filter(None, ["" if kind == "message" and word else kind, word]))


def _kind(label: str) -> str:
    return _NUMBER.sub("", label)
