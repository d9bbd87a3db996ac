"""A failing run beside one that passes, aligned by cause: what both have is grey.

Two events are the same if their processes have done the same until then, whatever has come into
their mailboxes. So an order that makes no difference is none here, and the first difference of a
process is where it was told, or chose, something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape

from reports.film import cut
from reports.listing import Event
from reports.scene import Scene, books, kind_of, milliseconds
from reports.spacetime import arrow_line, event_mark, svg_start

ROW, LANE, LEFT, TOP, TEXT, GAP = 22, 78, 66, 66, 330, 26
BEFORE = 5  # rows that both have, shown before the first difference
ROWS_MAX = 120
LABEL_MAX = 12
_REF = re.compile(r"#ref<[^>]*>")
HIDDEN = frozenset({"n", "t"})


@dataclass(frozen=True)
class Comparison:
    """Two runs: of each the rows that the other has too, and the first that it has not."""

    same: tuple[frozenset[int], frozenset[int]]
    first: tuple[int | None, int | None]
    rows: tuple[tuple[int | None, int | None], ...]  # beside each other


def compare(failing: Scene, passing: Scene) -> Comparison:
    """Find out what two runs have in common."""
    scenes = (failing, passing)
    own = [_by_process(scene) for scene in scenes]
    same: tuple[set[int], set[int]] = (_arrivals(failing), _arrivals(passing))
    for pid in own[0].keys() & own[1].keys():
        for one, other in zip(own[0][pid], own[1][pid], strict=False):
            if one[1] != other[1]:
                break
            same[0].add(one[0])
            same[1].add(other[0])
    picked = [_shown(scene) for scene in scenes]
    keys = [
        [_key(scene, row, row in common) for row in rows]
        for scene, rows, common in zip(scenes, picked, same, strict=True)
    ]
    rows: list[tuple[int | None, int | None]] = []
    for _, a, b, c, d in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
        lefts: list[int | None] = [*picked[0][a:b]]
        rights: list[int | None] = [*picked[1][c:d]]
        many = max(len(lefts), len(rights))
        lefts += [None] * (many - len(lefts))
        rights += [None] * (many - len(rights))
        rows += zip(lefts, rights, strict=True)
    first = tuple(
        next((row for row in rows_of if row not in common), None)
        for rows_of, common in zip(picked, same, strict=True)
    )
    return Comparison((frozenset(same[0]), frozenset(same[1])), (first[0], first[1]), tuple(rows))


def _arrived(event: Event) -> bool:
    """Tell whether an event is that a message becomes readable: nobody sees when it does."""
    return event.get("e") == "handle" and books(event)


def _arrivals(scene: Scene) -> set[int]:
    return {row for row, event in enumerate(scene.reel.events) if _arrived(event)}


def _by_process(scene: Scene) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for row, event in enumerate(scene.reel.events):
        if _arrived(event):
            continue
        told = str([(key, value) for key, value in event.items() if key not in HIDDEN])
        text = _REF.sub("#ref", told)  # their numbers say how many were made before
        found.setdefault(event.get("p", ""), []).append((row, text))
    return found


def _shown(scene: Scene) -> list[int]:
    events = scene.reel.events
    return [
        row
        for row, event in enumerate(events)
        if not books(event) and event.get("e") not in ("note", "start")
    ]


def _key(scene: Scene, row: int, is_same: bool) -> tuple[str, str, bool]:
    event = scene.reel.events[row]
    return event.get("p", ""), scene.text(row), is_same


# --- The picture ---------------------------------------------------------------------------------


def beside(failing: Scene, passing: Scene, found: Comparison) -> str:
    """Draw the two: the one that passes on the left, the one that fails on the right."""
    rows, left_out, cut_off = _window(found)
    halves = (_Half(passing, 1, found, rows), _Half(failing, 0, found, rows))
    height = TOP + ROW * len(rows) + 24
    width = halves[0].width + GAP + halves[1].width
    title = "A run that passes beside the one that fails; grey is what both have"
    parts = [svg_start(title, width, height)]
    for half, x, name, color in (
        (halves[0], 0, "✔ passes", "#1b6e36"),
        (halves[1], halves[0].width + GAP, "✖ fails", "#b3261e"),
    ):
        parts.append(f'<g transform="translate({x},0)">')
        parts.append(
            f'<text x="6" y="20" font-size="16" font-weight="bold" fill="{color}">{name}</text>'
        )
        parts += half.drawn(height - 24, left_out)
        parts.append("</g>")
    middle = halves[0].width + GAP // 2
    parts.append(f'<line x1="{middle}" x2="{middle}" y1="6" y2="{height - 6}" stroke="#d5d9de"/>')
    if cut_off:
        parts.append(f'<text x="6" y="{height - 8}" fill="#565d66">… {cut_off} rows more</text>')
    return "\n".join([*parts, "</svg>"])


def _window(found: Comparison) -> tuple[list[tuple[int | None, int | None]], int, int]:
    """Give the rows to draw, and how many are left out before and after them."""
    rows = list(found.rows)
    start = next(
        (at for at, pair in enumerate(rows) if _differs(pair, found)), max(0, len(rows) - 1)
    )
    before = max(0, start - BEFORE)
    return rows[before : before + ROWS_MAX], before, max(0, len(rows) - before - ROWS_MAX)


def _differs(pair: tuple[int | None, int | None], found: Comparison) -> bool:
    return any(
        row is not None and row not in same for row, same in zip(pair, found.same, strict=True)
    )


class _Half:
    """One of the two runs."""

    def __init__(
        self, scene: Scene, side: int, found: Comparison,
        rows: Sequence[tuple[int | None, int | None]],
    ):  # fmt: skip
        self.scene = scene
        self.same, self.first = found.same[side], found.first[side]
        self.y = {
            row: TOP + ROW * at + ROW // 2
            for at, pair in enumerate(rows)
            if (row := pair[side]) is not None
        }
        events = scene.reel.events
        lanes = list(dict.fromkeys(events[row].get("p", "") for row in self.y))
        order = [pid for pid in scene.cast.roles if pid in lanes]
        lanes = [*order, *(pid for pid in lanes if pid not in order)]
        self.x = {pid: LEFT + LANE * at + LANE // 2 for at, pid in enumerate(lanes)}
        self.text_at = LEFT + LANE * len(lanes) + 6
        self.width = self.text_at + TEXT

    def drawn(self, bottom: int, left_out: int) -> list[str]:
        """Give the elements: lanes, then what is the same, then what differs on top of it."""
        parts = [self._mark()] if self.first in self.y else []
        parts += [self._lane(pid, bottom) for pid in self.x]
        if left_out:
            parts.append(
                f'<text x="{self.text_at}" y="{TOP - 8}" fill="#565d66" font-size="11">'
                f"… before this both are the same</text>"
            )
        for is_same in (True, False):
            parts.append(f'<g opacity="{0.4 if is_same else 1}">')
            parts += self._arrows(is_same)
            parts += [self._row(row) for row in self.y if self._is_faint(row) == is_same]
            parts.append("</g>")
        return [*parts, *self._times()]

    def _is_faint(self, row: int) -> bool:
        return row in self.same and row != self.scene.finding

    def _mark(self) -> str:
        assert self.first is not None
        y = self.y[self.first]
        return (
            f'<rect x="0" y="{y - ROW // 2}" width="{self.width}" height="{ROW}" fill="#fff3d6"/>'
            f'<text x="{self.width - 4}" y="{y - ROW // 2 - 3}" text-anchor="end" font-size="11" '
            f'fill="#7a5200" font-weight="bold">first difference</text>'
        )

    def _lane(self, pid: str, bottom: int) -> str:
        x, events = self.x[pid], self.scene.reel.events
        own = [row for row in self.y if events[row].get("p", "") == pid]
        ended = any(events[row].get("e") == "end" for row in own)
        end = self.y[own[-1]] if ended else bottom
        label = escape(self.scene.cast.short(pid, LABEL_MAX) or "timer")
        return (
            f'<text x="{x}" y="42" text-anchor="middle" font-weight="bold" font-size="12">'
            f'{label}</text><line x1="{x}" x2="{x}" y1="48" y2="{end}" stroke="#b9c0c8" '
            f'stroke-width="2"/>'
        )

    def _arrows(self, is_same: bool) -> list[str]:
        events = self.scene.reel.events
        return [
            arrow_line(
                self.x[events[source]["p"]], self.y[source],
                self.x[events[target]["p"]], self.y[target], kind,
            )
            for source, target, kind in self.scene.arrows.all
            if source in self.y and target in self.y and (target in self.same) == is_same
        ]  # fmt: skip

    def _row(self, row: int) -> str:
        event, y = self.scene.reel.events[row], self.y[row]
        is_finding = row == self.scene.finding
        said = f"{self.scene.cast.label(event.get('p', ''))} {self.scene.text(row)}"
        look = ' font-weight="bold" fill="#b3261e"' if is_finding else ""
        text = escape(cut(said, 42 if is_finding else 48))
        mark = event_mark(kind_of(event), self.x[event.get("p", "")], y)
        return f'{mark}<text x="{self.text_at}" y="{y + 4}"{look}>{text}</text>'

    def _times(self) -> list[str]:
        before, parts = -1, []
        for row in sorted(self.y, key=lambda row: self.y[row]):
            if self.scene.times[row] != before:
                before = self.scene.times[row]
                parts.append(
                    f'<text x="{LEFT - 6}" y="{self.y[row] + 4}" text-anchor="end" font-size="11" '
                    f'fill="#565d66">{milliseconds(before)}</text>'
                )
        return parts


def sentence(failing: Scene, passing: Scene, found: Comparison) -> str:
    """Say where the two part."""
    said = []
    for scene, row, word in (
        (passing, found.first[1], "passes"),
        (failing, found.first[0], "fails"),
    ):
        if row is not None:
            events = scene.reel.events
            who = scene.cast.label(events[row].get("p", ""))
            source = scene.arrows.cause.get(row)
            of = ""
            if events[row].get("e") == "take" and source is not None:
                of = f" of {scene.cast.label(events[source].get('p', ''))}"
            said.append(f"in the one that {word}, {who} {cut(scene.text(row), 100)}{of}")
    return f"The two part here: {'; '.join(said)}." if said else "The two differ in order only."
