"""What a run looks like in numbers: mailboxes and calls over virtual time, and what was restarted.

A curve for each mailbox that ever held more than one message, a mark for each call. They are drawn
only where there is something to see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from reports.html import Markup, tag
from reports.scene import Scene, milliseconds, restarted

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 170, 54, 28, 12, 130
CURVES_MAX, POINTS_MAX = 6, 600
STYLES = ("c0", "c1", "c2", "c3", "c4", "c5")


@dataclass(frozen=True)
class Call:
    """One call: by whom, to whom, when it was made, how long it took, and whether it failed."""

    client: str
    server: str
    request: str
    at_us: int
    took_us: int | None  # None: not answered
    failed: bool


def mailboxes(scene: Scene) -> dict[str, list[tuple[int, int]]]:
    """Give how many messages lay where, by pid: (when, how many from then on).

    Of one instant it is the most, then what is left.
    """
    when = _when(scene)
    found: dict[str, list[tuple[int, int]]] = {}
    for row, pid, many in scene.arrows.lengths:
        curve = found.setdefault(pid, [])
        at = when[row]
        same = [one for one in curve[-2:] if one[0] == at]
        del curve[len(curve) - len(same) :]
        most = max(many, *(one[1] for one in same), 0)
        curve += [(at, most), (at, many)] if most > many else [(at, many)]
    return found


def _when(scene: Scene) -> list[int]:
    """Give the time of each row; its step where no time passes."""
    return scene.times if max(scene.times) else [1000 * step for step in scene.steps]


def calls(scene: Scene) -> list[Call]:
    """Give the calls of a run, in the order in which they were made."""
    found: list[Call] = []
    waiting: dict[str, int] = {}
    for row, event in enumerate(scene.reel.events):
        if event.get("e") != "note" or event.get("kind") not in ("call", "called", "call failed"):
            continue
        client, now = event["p"], scene.times[row]
        if event["kind"] == "call":
            told = event["fields"]
            waiting[client] = len(found)
            request = scene.cast.named(str(told.get("request", "")))
            server = scene.cast.named(str(told.get("server", "")))
            found.append(Call(client, server, request, now, None, False))
        elif client in waiting:
            place = waiting.pop(client)
            one = found[place]
            failed = event["kind"] == "call failed"
            found[place] = Call(
                one.client, one.server, one.request, one.at_us, now - one.at_us, failed
            )
    return found


def restarts(scene: Scene) -> list[tuple[int, int, str, str]]:
    """Give what was started again: step, time, supervisor, child."""
    found = []
    for row in restarted(scene.reel.events):
        event = scene.reel.events[row]
        child = scene.cast.named(str(event["fields"].get("id")).strip("'"))
        if child == "undefined":  # of a DynamicSupervisor: they have no ids
            child = scene.cast.label(str(event["fields"].get("pid")))
        found.append((scene.steps[row], scene.times[row], scene.cast.label(event["p"]), child))
    return found


def numbers(scene: Scene) -> Markup | None:
    """Give the section: plots and restarts, where there are any."""
    parts = [part for part in (_mailboxes(scene), _calls(scene), _restarts(scene)) if part]
    if not parts:
        return None
    return tag(
        "section", tag("h2", "In numbers"), tag("div", *parts, class_="numbers"),
        aria_label="In numbers",
    )  # fmt: skip


def _mailboxes(scene: Scene) -> Markup | None:
    curves = {pid: curve for pid, curve in mailboxes(scene).items() if _most(curve) > 1}
    if not curves:
        return None
    shown = sorted(curves, key=lambda pid: -_most(curves[pid]))[:CURVES_MAX]
    end, top = max(_when(scene)), max(_most(curves[pid]) for pid in shown)
    unit = milliseconds(end) if max(scene.times) else f"step {end // 1000}"
    parts = [*_axes(str(top), unit)]
    for number, pid in enumerate(shown):
        label = scene.cast.label(pid)
        points = _stairs(curves[pid], end, top)
        parts.append(f'<path class="curve {STYLES[number]}" d="{points}"/>')
        y = TOP + 14 + 18 * number
        x = WIDTH - RIGHT + 12
        parts.append(
            f'<path class="curve {STYLES[number]}" d="M{x},{y - 4} h18"/>'
            f'<text x="{x + 24}" y="{y}">{escape(label[:14])}</text>'
        )
    most = scene.cast.label(shown[0])
    told = f"Messages lying in mailboxes; at most {_most(curves[shown[0]])}, of {most}"
    return _figure(told, parts)


def _most(curve: list[tuple[int, int]]) -> int:
    return max(many for _, many in curve)


def _stairs(curve: list[tuple[int, int]], end: int, top: int) -> str:
    step = max(1, len(curve) // POINTS_MAX)
    path = f"M{_x(curve[0][0], end)},{_y(0, top)}"
    for at, many in [*curve[::step], (end, curve[-1][1])]:
        path += f" H{_x(at, end)} V{_y(many, top)}"
    return path


def _calls(scene: Scene) -> Markup | None:
    every = calls(scene)
    took = [call.took_us for call in every if call.took_us]
    if not took:
        return None
    end, top = max(scene.times), max(took)
    parts = [*_axes(milliseconds(top), milliseconds(end))]
    step = max(1, len(every) // POINTS_MAX)
    for call in every[::step]:
        x = float(_x(call.at_us, end))
        said = escape(f"{scene.cast.label(call.client)} calls {call.server}: {call.request}")
        if call.failed or call.took_us is None:
            y = TOP if call.took_us is None else _y(call.took_us, top)
            end_of = (
                "no answer" if call.took_us is None else f"failed, {milliseconds(call.took_us)}"
            )
            d = f"M{x - 4},{y - 4} l8,8 m0,-8 l-8,8"
            parts.append(f'<path class="failed" d="{d}"><title>{said}: {end_of}</title></path>')
        else:
            y = _y(call.took_us, top)
            parts.append(
                f'<circle class="call" cx="{x}" cy="{y}" r="3.5"><title>{said}: '
                f"{milliseconds(call.took_us)}</title></circle>"
            )
    failed = sum(call.failed for call in every)
    open_ = sum(call.took_us is None for call in every)
    told = f"How long {len(every)} calls took; at most {milliseconds(top)}"
    told += f"; ✖ {failed} failed" if failed else ""
    told += f"; {open_} never answered" if open_ else ""
    return _figure(told, parts)


def _restarts(scene: Scene) -> Markup | None:
    every = restarts(scene)
    if not every:
        return None
    rows = [
        tag("tr", tag("td", tag("a", str(step), href=f"#step={step}")), tag("td", milliseconds(at)),
            tag("td", who), tag("td", child))
        for step, at, who, child in every[:40]
    ]  # fmt: skip
    heads = [
        tag("th", name, scope="col") for name in ("step", "time", "supervisor", "started again")
    ]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="grid")
    many = f"{len(every)} restart{'s' if len(every) > 1 else ''}"
    more = f", the first {len(rows)} are shown" if len(every) > len(rows) else ""
    return tag("figure", tag("figcaption", many + more), table, class_="plot")


# --- Axes ----------------------------------------------------------------------------------------


def _x(us: int, end: int) -> str:
    return f"{LEFT + (WIDTH - LEFT - RIGHT) * us / max(1, end):.1f}"


def _y(value: int, top: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / max(1, top), 1)


def _axes(label: str, end: str) -> Iterator[str]:
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    yield f'<path class="axis" d="M{LEFT},{TOP} V{base} H{right}"/>'
    yield f'<text x="{LEFT - 6}" y="{TOP + 8}" text-anchor="end">{escape(label)}</text>'
    yield f'<text x="{LEFT - 6}" y="{base}" text-anchor="end">0</text>'
    yield f'<text x="{LEFT}" y="{base + 18}">0</text>'
    yield f'<text x="{right}" y="{base + 18}" text-anchor="end">{escape(end)}</text>'


def _figure(told: str, parts: list[str]) -> Markup:
    svg = Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(told)}</title>'
        f"{''.join(parts)}</svg>"
    )
    return tag("figure", tag("figcaption", told), svg, class_="plot")
