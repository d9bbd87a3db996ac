"""A supervisor and its children at several moments, side by side: who stayed, who is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from reports.film import cut

WIDTH, GAP, ROW, TOP, BOX, LEFT = 236, 18, 40, 92, 30, 34
LOOKS = {
    "": ("#16191d", "#ffffff", ""),
    "stays": ("#16191d", "#ffffff", "stays"),
    "new": ("#1b6e36", "#e8f5ec", "↻ new"),
    "dead": ("#b3261e", "#fdeceb", "✖ crashed"),
}


@dataclass(frozen=True)
class Moment:
    """One panel: its title, the supervisor, and for each child its name and how it fared."""

    title: str
    supervisor: str
    children: tuple[tuple[str, str], ...]  # name; "", "stays", "new" or "dead"
    told: str = ""


def family(moments: Sequence[Moment], title: str) -> str:
    """Draw the moments from left to right, as SVG."""
    rows = max(len(moment.children) for moment in moments)
    width = len(moments) * (WIDTH + GAP) - GAP + 16
    height = TOP + rows * ROW + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"',
        f'height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="13"',
        'role="img">',
        f'<title>{escape(title)}</title><rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for place, moment in enumerate(moments):
        x = 8 + place * (WIDTH + GAP)
        parts.append(f'<g transform="translate({x},0)">')
        parts += _panel(moment)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(moment: Moment) -> list[str]:
    parts = [
        f'<text x="0" y="20" font-size="15" font-weight="bold">{escape(moment.title)}</text>',
        f'<text x="0" y="37" font-size="11" fill="#565d66">{escape(moment.told)}</text>',
        (
            f'<rect x="0" y="48" width="{WIDTH}" height="{BOX}" fill="#f6f7f9" stroke="#16191d" '
            f'stroke-width="2"/><text x="10" y="68">{escape(cut(moment.supervisor, 32))}</text>'
        ),
    ]
    for place, (name, how) in enumerate(moment.children):
        y = TOP + place * ROW
        color, fill, word = LOOKS[how]
        weight = ' font-weight="bold"' if how in ("new", "dead") else ""
        before = TOP - 14 if place == 0 else y - ROW + BOX // 2
        parts.append(
            f'<path d="M14,{before} V{y + BOX // 2} H{LEFT}" fill="none" stroke="#b9c0c8" '
            f'stroke-width="2"/><rect x="{LEFT}" y="{y}" width="{WIDTH - LEFT}" height="{BOX}" '
            f'rx="14" fill="{fill}" stroke="{color}" stroke-width="1.5"/>'
            f'<text x="{LEFT + 12}" y="{y + 20}" fill="{color}"{weight}>{escape(cut(name, 15))}'
            f'</text><text x="{WIDTH - 12}" y="{y + 20}" text-anchor="end" font-size="11" '
            f'fill="{color}"{weight}>{word}</text>'
        )
    return parts
