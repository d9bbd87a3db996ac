"""A run as a picture that stands still: lanes, slanted arrows, time; for pages without script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from reports.film import cut
from reports.scene import Scene, books, kind_of, milliseconds

ROW, LANE, LEFT, TOP, TEXT = 22, 110, 76, 44, 430
COLORS = {
    "message": "#0b5cad", "unread": "#0b5cad", "timer": "#7a5200", "exit": "#b3261e",
    "down": "#b3261e", "spawn": "#1b6e36",
}  # fmt: skip
DASHES = {"unread": "2 4", "timer": "3 3", "spawn": "5 3", "down": "6 3"}
CROSSES = frozenset({"dies", "exit", "down", "fault"})


def spacetime(shown: Scene, title: str, *, rows: Sequence[int] | None = None) -> str:
    """Give the diagram as SVG: all but the book-keeping, or these rows.

    An arrow starts where a message was sent and ends where it was taken: its slant is the wait.
    """
    events = shown.reel.events
    picked = [row for row in range(len(events)) if not books(events[row])]
    picked = [row for row in picked if events[row].get("e") != "note"] if rows is None else [*rows]
    lanes = list(dict.fromkeys(events[row].get("p", "") for row in picked))
    x = {pid: LEFT + LANE * at + LANE // 2 for at, pid in enumerate(lanes)}
    y = {row: TOP + ROW * at + ROW // 2 for at, row in enumerate(picked)}
    width, height = LEFT + LANE * len(lanes) + TEXT, TOP + ROW * len(picked) + 8
    parts = [svg_start(title, width, height)]
    parts += [_head(shown, pid, x[pid]) for pid in lanes]
    parts += [_row(shown, row, y[row], width, LEFT + LANE * len(lanes)) for row in picked]
    parts += [_life(shown, pid, x[pid], y, height) for pid in lanes]
    for source, target, kind in shown.arrows.all:
        if source in y and target in y:
            one, other = events[source]["p"], events[target]["p"]
            parts.append(arrow_line(x[one], y[source], x[other], y[target], kind))
    parts += [
        event_mark(kind_of(events[row]), x[events[row].get("p", "")], y[row]) for row in picked
    ]
    parts += _times(shown, picked, y)
    return "\n".join([*parts, "</svg>", ""])


def svg_start(title: str, width: int, height: int) -> str:
    heads = "".join(
        f'<marker id="to-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
        f'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z" '
        f'fill="{color}"/></marker>'
        for kind, color in COLORS.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="13" role="img">'
        f"\n<title>{escape(title)}</title>\n<defs>{heads}</defs>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    )


def _head(shown: Scene, pid: str, x: int) -> str:
    return (
        f'<text x="{x}" y="18" text-anchor="middle" font-weight="bold">'
        f"{escape(cut(shown.cast.label(pid), 15))}</text>"
        f'<text x="{x}" y="33" text-anchor="middle" font-size="10" fill="#565d66">'
        f"{escape(pid)}</text>"
    )


def _row(shown: Scene, row: int, y: int, width: int, left: int) -> str:
    color = "#fdeceb" if row == shown.finding else "#fff3d6" if row in shown.chain else ""
    back = (
        f'<rect x="0" y="{y - ROW // 2}" width="{width}" height="{ROW}" fill="{color}"/>'
        if color
        else ""
    )
    who = shown.cast.label(shown.reel.events[row].get("p", ""))
    bold = row == shown.finding  # and wider
    text = escape(cut(f"{who} {shown.text(row)}", 54 if bold else 66))
    weight = ' font-weight="bold"' if bold else ""
    return f'{back}<text x="{left + 8}" y="{y + 4}"{weight}>{text}</text>'


def _times(shown: Scene, picked: Sequence[int], y: dict[int, int]) -> list[str]:
    before, parts = -1, []
    for row in picked:
        if shown.times[row] != before:
            before = shown.times[row]
            parts.append(
                f'<text x="{LEFT - 8}" y="{y[row] + 4}" text-anchor="end" font-size="11" '
                f'fill="#565d66">{milliseconds(before)}</text>'
            )
    return parts


def _life(shown: Scene, pid: str, x: int, y: dict[int, int], height: int) -> str:
    events = shown.reel.events
    own = [row for row in y if events[row].get("p", "") == pid]
    ended = any(events[row].get("e") == "end" for row in own)
    end = y[own[-1]] if ended else height
    return (
        f'<line x1="{x}" x2="{x}" y1="{y[own[0]]}" y2="{end}" stroke="#b9c0c8" stroke-width="2"/>'
    )


def arrow_line(x1: int, y1: int, x2: int, y2: int, kind: str) -> str:
    if x1 == x2:
        d = f"M{x1},{y1} C{x1 + 26},{y1} {x1 + 26},{y2} {x1 + 6},{y2}"
    else:
        d = f"M{x1},{y1} L{x2 + (-6 if x1 < x2 else 6)},{y2}"
    dash = f' stroke-dasharray="{DASHES[kind]}"' if kind in DASHES else ""
    return (
        f'<path d="{d}" fill="none" stroke="{COLORS[kind]}" stroke-width="1.8"{dash} '
        f'marker-end="url(#to-{kind})"/>'
    )


def event_mark(kind: str, x: int, y: int) -> str:
    if kind in CROSSES:
        d = f"M{x - 5},{y - 5} l10,10 m0,-10 l-10,10"
        return f'<path d="{d}" stroke="#b3261e" stroke-width="2.6"/>'
    if kind in ("timer", "fire", "expire", "timeout", "done", "work", "enter"):
        return f'<path d="M{x},{y - 5} l5,5 l-5,5 l-5,-5 z" fill="#7a5200"/>'
    fill = "#1b6e36" if kind in ("spawn", "start", "state") else "#16191d"
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{fill}"/>'
