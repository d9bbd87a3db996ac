"""The state graph of a search, as far as anybody cares: what the servers and machines hold.

Most transitions only bring a message on its way. Situations that differ in nothing but that are
one box here, so that a few hundred of them are a picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from checkers.graph import StateGraph
from reports.diagram import Box, Diagram, Edge

BOXES_MAX = 80
LABELS_MAX = 2

Held = tuple[str, ...]  # what each process holds, a line each


def situations(
    graph: StateGraph, held: Sequence[Held], ends: Mapping[int, str], title: str
) -> Diagram:
    """Draw the graph; `held` says what is held in each state, `ends` why nothing follows one.

    >>> graph = StateGraph([[("tick", 1)], []], [None, (0, "tick")], [0, 1], 2, True)
    >>> [box.lines for box in situations(graph, [("a",), ("b",)], {1: "over"}, "").boxes]
    [('a', '1 situation'), ('b', '1 situation', 'over')]
    """
    numbers: dict[Held, int] = {}
    of = [numbers.setdefault(lines, len(numbers)) for lines in held]
    counts = Counter(of)
    over: dict[int, set[str]] = {}
    for state, why in ends.items():
        over.setdefault(of[state], set()).add(why)
    boxes = []
    for lines, number in list(numbers.items())[:BOXES_MAX]:
        many = f"{counts[number]} situation{'s' if counts[number] > 1 else ''}"
        reasons = sorted(over.get(number, ()))
        kind = "first" if number == 0 else "state"
        bad = any(text.startswith("stuck") for text in reasons)
        boxes.append(Box(f"s{number}", (*lines, many, *reasons), kind, bad=bad))
    labels: dict[tuple[int, int], Counter[str]] = {}
    for state, leaving in enumerate(graph.edges):
        for label, to in leaving:
            ends_at = (of[state], of[to])
            if ends_at[0] != ends_at[1] and max(ends_at) < BOXES_MAX:
                labels.setdefault(ends_at, Counter())[str(label)] += 1
    edges = [
        Edge(f"s{one}", f"s{other}", _labels(told), told.total())
        for (one, other), told in labels.items()
    ]
    left = len(numbers) - len(boxes)
    more = f"; {left} boxes more are not drawn" if left > 0 else ""
    whole = "" if graph.complete else ", not all: the search was cut"
    return Diagram(f"{title}: {len(graph)} situations{whole}{more}", boxes, edges)


def _labels(told: Counter[str]) -> tuple[str, ...]:
    shown = sorted(told, key=lambda text: (-told[text], text))[:LABELS_MAX]
    return (*shown, f"and {len(told) - LABELS_MAX} others") if len(told) > LABELS_MAX else (*shown,)
