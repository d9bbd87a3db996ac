"""A run in the terminal: the space-time diagram, the tree and what a step has changed.

As wide as it is asked to be. Colour only says again what signs and words say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.film import SYSTEM, Cells, cut
from reports.scene import Scene, books, kind_of

WIDTH = 110
GUTTER = 17  # step and time
LANE_MIN, LANE_MAX = 3, 13
TEXT_MIN = 34
COLORS = {"bad": "31", "good": "32", "warn": "33", "link": "36", "bold": "1", "dim": "2"}
MARKS = {
    "dies": "✖", "exit": "✖", "down": "✖", "fault": "⚡", "spawn": "+", "start": "○", "end": "■",
    "rest": "■", "state": "◇", "timer": "◆", "fire": "◆", "expire": "◆", "timeout": "◆",
    "done": "◆", "work": "◆", "enter": "◆", "log": "»", "choose": "?", "note": "·",
}  # fmt: skip
TONES = {"dies": "bad", "exit": "bad", "down": "bad", "fault": "bad", "spawn": "good",
         "start": "good", "timer": "warn", "fire": "warn", "expire": "warn", "timeout": "warn",
         "work": "warn", "done": "warn", "enter": "warn"}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How wide a line may be, and whether colours may be used."""

    width: int = WIDTH
    color: bool = False

    def paint(self, text: str, tone: str) -> str:
        """Give a text a colour, if colours may be used."""
        code = COLORS.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code and text.strip() else text


# --- The space-time diagram ----------------------------------------------------------------------


def diagram(shown: Scene, look: Look, rows: Sequence[int], current: int | None = None) -> list[str]:
    """Draw these rows: a lane a process, and a line from where a message was sent.

    The line is drawn where the message is taken, with the step at which it was sent.
    """
    events = shown.reel.events
    seen = {events[row].get("p", "") for row in rows}
    lanes = [pid for pid in shown.cast.roles if pid in seen]
    others = dict.fromkeys(events[row].get("p", "") for row in rows)
    lanes += [pid for pid in others if pid not in lanes]
    most = max(1, (look.width - GUTTER - TEXT_MIN) // LANE_MIN)
    folded = lanes[most:]  # where there is no room they share the last lane
    lanes = lanes[:most]
    room = (look.width - GUTTER - TEXT_MIN) // max(1, len(lanes))
    wide = max(LANE_MIN, min(LANE_MAX, room))
    at = {pid: place for place, pid in enumerate(lanes)} | dict.fromkeys(folded, len(lanes) - 1)
    return [
        *_head(shown, lanes, wide, look, len(folded)),
        *(_row(shown, row, at, wide, look, row == current) for row in rows),
    ]


def _head(shown: Scene, lanes: list[str], wide: int, look: Look, folded: int) -> Iterator[str]:
    def names(most: int) -> list[str]:
        found = [shown.cast.short(pid, most) or "timer" for pid in lanes]
        return [*found[:-1], f"+{folded + 1}"] if folded else found

    if wide > 6:
        row = "".join(name.ljust(wide) for name in names(wide - 1))
        yield look.paint(f"{'step':>5} {'time':>9}  {row}".rstrip(), "bold")
        pids = "".join(cut(pid, wide - 1).ljust(wide) for pid in (lanes[:-1] if folded else lanes))
        yield look.paint(f"{'':>15}  {pids}".rstrip(), "dim")
        return
    # Too narrow for names: each lane has a number, which is explained.
    row = "".join(str(place + 1).ljust(wide) for place in range(len(lanes)))
    yield look.paint(f"{'step':>5} {'time':>9}  {row}".rstrip(), "bold")
    told = ", ".join(f"{place + 1} {name}" for place, name in enumerate(names(LANE_MAX)))
    yield cut(f"{'':>15}  {told}", look.width)


def _row(
    shown: Scene, row: int, at: Mapping[str, int], wide: int, look: Look, is_current: bool
) -> str:
    event = shown.reel.events[row]
    kind, pid = kind_of(event), event.get("p", "")
    place = at[pid]
    cells = [" " * wide] * (max(at.values()) + 1)
    for other, lane in at.items():
        if _lives(shown, other, row):
            cells[lane] = "│".ljust(wide)
    mark = MARKS.get(kind, "●")
    sent = _source(shown, row)
    line = "".join(cells)
    x = place * wide
    if sent is not None and (start := at.get(shown.reel.events[sent].get("p", ""))) is not None:
        line = _drawn(line, start * wide, x)
    line = line[:x] + mark + line[x + 1 :]
    step = str(event.get("n", "")) if "n" in event else ""
    time = f"{event['t'] / 1000:g} ms" if "t" in event else ""
    head = f"{'▶' if is_current else ' '}{step:>4} {time:>9}  "
    origin = f"  (sent at {shown.steps[sent]})" if sent is not None and kind == "take" else ""
    said = f"{shown.cast.label(pid)} {shown.text(row).strip()}"
    text = cut(said, look.width - GUTTER - len(line) - len(origin)) + origin
    tone = "bad" if row == shown.finding else TONES.get(kind, "")
    if row == shown.finding:
        text = cut(f"★ {text}", look.width - GUTTER - len(line))
    head = look.paint(head, "bold" if is_current else "dim")
    return f"{head}{line}{look.paint(text, tone)}".rstrip()


def _drawn(line: str, start: int, end: int) -> str:
    if start == end:
        return line
    low, high = min(start, end), max(start, end)
    inside = ["┼" if sign == "│" else "─" for sign in line[low + 1 : high]]
    inside[-1 if end > start else 0] = "▶" if end > start else "◀"
    edge = "└" if end > start else "┘"
    line = line[: low + 1] + "".join(inside) + line[high:]
    return line[:start] + edge + line[start + 1 :]


def _source(shown: Scene, row: int) -> int | None:
    if shown.reel.events[row].get("e") in ("take", "start"):
        return shown.arrows.cause.get(row)
    if kind_of(shown.reel.events[row]) in ("exit", "down"):
        return shown.arrows.cause.get(row)
    return None


def _lives(shown: Scene, pid: str, row: int) -> bool:
    first, last = shown.lives.get(pid, (0, -1))
    return first <= row <= last


def around(shown: Scene, step: int, many: int, everything: bool = False) -> list[int]:
    """Give the rows up to a step, the last `many` of them that are worth to be seen."""
    events = shown.reel.events
    rows = [
        row
        for row in range(len(events))
        if shown.steps[row] <= step
        and (everything or not (books(events[row]) or events[row].get("e") == "note"))
    ]
    return rows[-many:]


# --- The tree, the states, and what has changed --------------------------------------------------


def tree(shown: Scene, cells: Mapping[str, Cells], look: Look) -> Iterator[str]:
    """Give who started whom, and how each is, at a moment."""
    alive = [pid for pid in shown.cast.roles if pid in cells]
    below: dict[str, list[str]] = {}
    for pid in alive:
        parent = pid
        while parent and (parent := _parent(parent)) not in alive and parent:
            pass
        below.setdefault(parent, []).append(pid)
    yield from _branches(shown, cells, below, "", "", look)


def _parent(pid: str) -> str:
    path = pid[1:-1]
    return f"<{path.rpartition('.')[0]}>" if "." in path else ""


def _branches(
    shown: Scene, cells: Mapping[str, Cells], below: Mapping[str, list[str]], parent: str,
    indent: str, look: Look,
) -> Iterator[str]:  # fmt: skip
    children = below.get(parent, [])
    for place, pid in enumerate(children):
        last = place == len(children) - 1
        branch = "" if not parent else indent + ("└─ " if last else "├─ ")
        name = look.paint(shown.cast.label(pid), "bold")
        yield cut_line(f"{branch}{name} {pid}  {_how(shown, pid, cells[pid])}".rstrip(), look)
        deeper = "" if not parent else indent + ("   " if last else "│  ")
        yield from _branches(shown, cells, below, pid, deeper, look)


def _how(shown: Scene, pid: str, own: Cells) -> str:
    facts = [str(own.get("status", ""))]
    if "name" in own:
        facts.append(f"“{own['name']}”")
    for cell in ("strategy", "state"):
        if cell in own:
            facts.append(f"{cell} {shown.cast.named(str(own[cell]))}")
    if "restarts" in own:
        facts.append(f"restarts {own['restarts']}")
    if own.get("mailbox"):
        facts.append(f"✉ {len(own['mailbox'])}")
    if "waits for" in own:
        facts.append(f"waits for {shown.cast.named(str(own['waits for']))}")
    return " · ".join(facts)


def cut_line(text: str, look: Look) -> str:
    """Shorten a line; with colours it is left, as a code must not be cut."""
    return text if look.color else cut(text, look.width)


def states(
    shown: Scene, cells: Mapping[str, Cells], look: Look, who: Sequence[str] | None = None
) -> Iterator[str]:
    """Give the cells of processes: of all, or of some."""
    for pid in cells if who is None else who:
        if pid not in cells:
            continue
        name = "names and tables" if pid == SYSTEM else f"{shown.cast.label(pid)} {pid}"
        yield look.paint(name, "bold")
        for cell, value in cells[pid].items():
            if cell != "children":
                yield cut_line(f"    {cell}: {_value(shown, value)}", look)


def difference(shown: Scene, step: int, look: Look) -> Iterator[str]:
    """Give what a step has changed: each cell, what it was, what it is."""
    film = shown.reel.film
    if film is None or not 0 <= step < len(film.steps):
        return
    before = film.at(step - 1) if step else {}
    for pid, cell, value in film.steps[step]:
        if cell == "children":
            continue
        name = "names and tables" if pid == SYSTEM else shown.cast.label(pid)
        was = _value(shown, before.get(pid, {}).get(cell))
        now = _value(shown, value)
        sign, tone = ("+", "good") if not was else ("-", "bad") if not now else ("~", "warn")
        change = now if sign == "+" else was if sign == "-" else f"{was} → {now}"
        yield look.paint(cut(f"  {sign} {name} {cell}: {change}", look.width), tone)


def _value(shown: Scene, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return shown.cast.named(value)
    held = value if isinstance(value, list | tuple) else [value]
    return f"[{', '.join(shown.cast.named(str(one)) for one in held)}]"
