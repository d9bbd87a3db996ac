"""A trace in the formats of other tools: Perfetto, ShiViz, Mermaid, ITF, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

from reports.arrows import arrows, steps_of
from reports.case import Reel
from reports.cast import Cast, cast
from reports.film import SYSTEM
from reports.listing import words

SHIVIZ = r"(?<host>\S+) (?<clock>{.*})\n(?<event>.*)"
_UNSAFE = re.compile(r"[^\w.-]+")
_SIGNS = {"#": "#35;", ";": "#59;", ":": "#58;", "<": "#lt;", ">": "#gt;", '"': "#quot;"}


def perfetto(reel: Reel) -> str:
    """Give trace events: a track a process, a slice an event, flows for what led to what.

    The time stamp is the step, since virtual time often stands still; it is in the arguments.
    """
    who, found = cast(reel.events), arrows(reel.events, _serials(reel))
    tracks = {pid: at + 1 for at, pid in enumerate(who.roles)}
    made: list[dict[str, Any]] = [
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": tid,
         "args": {"name": f"{who.label(pid)} {pid}"}}
        for pid, tid in tracks.items()
    ]  # fmt: skip
    steps = steps_of(reel.events)
    for row, event in enumerate(reel.events):
        place = {"pid": 1, "tid": tracks.get(event.get("p", ""), 0), "ts": steps[row]}
        text = who.named(words(event))
        if "n" in event:
            told = {"time_ms": event["t"] / 1000, "event": event["e"]}
            slice_ = {"ph": "X", "name": text, "cat": event["e"], "dur": 1}
            made.append({**slice_, **place, "args": told})
        else:
            made.append({"ph": "i", "s": "t", "name": text, "cat": "note", **place})
    for number, (source, target, kind) in enumerate(found.all):
        for ph, row in (("s", source), ("f", target)):
            tid = tracks.get(reel.events[row].get("p", ""), 0)
            flow = {"ph": ph, "id": number, "name": kind, "cat": kind, "pid": 1, "tid": tid}
            made.append({**flow, "ts": steps[row], **({"bp": "e"} if ph == "f" else {})})
    return json.dumps({"traceEvents": made, "displayTimeUnit": "ms"}, separators=(",", ":")) + "\n"


def shiviz(reel: Reel) -> str:
    """Give a log with vector clocks; SHIVIZ is the regular expression to read it with."""
    who, found = cast(reel.events), arrows(reel.events, _serials(reel))
    hosts = {pid: _UNSAFE.sub("_", who.label(pid)) for pid in who.roles}
    clocks: dict[str, dict[str, int]] = {}
    at: dict[int, dict[str, int]] = {}
    came = {target: source for source, target, _ in found.all}
    lines = []
    for row, event in enumerate(reel.events):
        host = hosts.get(event.get("p", ""))
        if host is None:  # a timer whose process is gone
            continue
        clock = dict(clocks.get(host, {}))
        for other, count in at.get(came.get(row, -1), {}).items():
            clock[other] = max(clock.get(other, 0), count)
        clock[host] = clock.get(host, 0) + 1
        clocks[host] = at[row] = clock
        lines += [f"{host} {json.dumps(clock)}", who.named(words(event)).replace("\n", " ")]
    return "\n".join(lines) + "\n"


def mermaid(reel: Reel) -> str:
    """Give a sequence diagram. Mermaid draws arrows level: where messages cross it cannot show."""
    who, found = cast(reel.events), arrows(reel.events, _serials(reel))
    names = {pid: f"p{at}" for at, pid in enumerate(who.roles)}
    lines = ["sequenceDiagram"]
    lines += [f"    participant {names[pid]} as {_said(who.label(pid))}" for pid in names]
    to = {target: (source, kind) for source, target, kind in found.all}
    for row, event in enumerate(reel.events):
        here = names.get(event.get("p", ""))
        if row in to:
            source, kind = to[row]
            start = names.get(reel.events[source].get("p", ""))
            if start and here and kind != "timer":
                arrow = {"exit": "-x", "down": "--x", "spawn": "-->>"}.get(kind, "->>")
                text = _said(who.named(words(reel.events[source])))
                lines.append(f"    {start}{arrow}{here}: {text}")
        if here and event["e"] in ("end", "timeout", "crash", "choose"):
            lines.append(f"    Note over {here}: {_said(who.named(words(event)))}")
    return "\n".join(lines) + "\n"


def _said(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in text.replace("\n", " "))[:300]


def itf(reel: Reel) -> str:
    """Give the states of a run in the Informal Trace Format; needs the replayed states."""
    who, states = cast(reel.events), []
    now: dict[str, dict[str, Any]] = {}
    for step, changes in enumerate(reel.film.steps if reel.film else ()):
        for pid, cell, value in changes:
            cells = now.setdefault(pid, {})
            cells.pop(cell, None)
            if value is not None:
                cells[cell] = value
        pairs = [[_host(who, pid), {"#map": sorted(map(list, cells.items()))}]
                 for pid, cells in sorted(now.items()) if cells]  # fmt: skip
        states.append(
            {"#meta": {"index": step}, "step": {"#bigint": str(step)}, "processes": {"#map": pairs}}
        )
    whole = {
        "#meta": {"format": "ITF", "source": reel.source_path},
        "vars": ["step", "processes"], "states": states,
    }  # fmt: skip
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n"


def _host(who: Cast, pid: str) -> str:
    return "system" if pid == SYSTEM else f"{who.label(pid)} {pid}"


def table(reel: Reel) -> str:
    """Give one line an event as CSV, with the step that it came from."""
    who, found = cast(reel.events), arrows(reel.events, _serials(reel))
    steps = steps_of(reel.events)
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["step", "time_us", "pid", "who", "event", "text", "from_step"])
    for row, e in enumerate(reel.events):
        cause = found.cause.get(row)
        write.writerow([
            steps[row], e.get("t", ""), e.get("p", ""), who.label(e.get("p", "")), e["e"],
            words(e), "" if cause is None else steps[cause],
        ])  # fmt: skip
    return out.getvalue()


def plain(reel: Reel) -> str:
    """Give events, processes and arrows as one JSON object."""
    who, found = cast(reel.events), arrows(reel.events, _serials(reel))
    return json.dumps({
        "schema": "simkernel.trace.export/1",
        "processes": [{"pid": r.pid, "label": r.label, "kind": r.kind} for r in who.roles.values()],
        "events": list(reel.events),
        "arrows": [{"from": a.source, "to": a.target, "kind": a.kind} for a in found.all],
    }, separators=(",", ":")) + "\n"  # fmt: skip


def _serials(reel: Reel) -> dict[int, int] | None:
    return reel.film.serials if reel.film is not None else None


FORMATS: dict[str, Callable[[Reel], str]] = {
    "perfetto": perfetto, "shiviz": shiviz, "mermaid": mermaid, "itf": itf, "csv": table,
    "json": plain,
}  # fmt: skip
