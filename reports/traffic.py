"""Who sends to whom, and how often: the processes of runs, by what they run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from reports.arrows import arrows
from reports.cast import cast
from reports.diagram import Box, Diagram, Edge
from reports.listing import Event, spoken

_NUMBER = re.compile(r" \d+$")


def traffic(runs: Iterable[tuple[Sequence[Event], dict[int, int]]], title: str) -> Diagram:
    """Count the messages between processes; several that run the same are one box.

    >>> run = [
    ...     {"e": "spawn", "p": "<root>", "child": "<root.1>", "run": "spec.a.echo()"},
    ...     {"e": "send", "p": "<root>", "to": "<root.1>", "id": 1, "m": "'hello'"},
    ...     {"e": "handle", "p": "<root.1>", "s": "message", "from": "<root>", "id": 1},
    ... ]
    >>> [(edge.lines, edge.count) for edge in traffic([(run, {})], "").edges]
    [(('message, unread',), 1)]
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
                what = spoken(events[source].get("m"))
                sent[ends[0], ends[1], what if kind == "message" else f"{what}, unread"] += 1
    names = {kind: f"p{at}" for at, kind in enumerate(kinds)}
    boxes = [
        Box(names[kind], (f"{kind}{f' × {most[kind]}' if most[kind] > 1 else ''}",), of)
        for kind, of in kinds.items()
    ]
    edges = [
        Edge(names[one], names[other], (what,), count, dashed="unread" in what)
        for (one, other, what), count in sorted(sent.items())
    ]
    return Diagram(title, boxes, edges)


def _kind(label: str) -> str:
    return _NUMBER.sub("", label)
