"""The report of one run as a page: what went wrong and how, then the run to walk through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from checkers.finding import KINDS
from reports.beside import Comparison, beside, compare, sentence
from reports.case import Case, Reel
from reports.film import SYSTEM, cut
from reports.html import Markup, data, joined, page, tag
from reports.listing import Event
from reports.plots import numbers
from reports.race import distance, order
from reports.scene import Scene, books, kind_of, milliseconds, plain, restarted, scene
from simkernel.kernel.driver import seldom_collected

WORDS = {"Held": "✔", "Violated": "✖", "Inconclusive": "?", "Run": "▶"}
ROW_TEXT_MAX = 280
SOURCE_AROUND = 4
_PLACE = re.compile(r"spec\.[\w.]+:(\d+)")


def run_page(case: Case, extra: Sequence[Markup] = ()) -> str:
    """Give the page of a case; `extra` are sections of their own between the run and its events."""
    with seldom_collected():  # it makes many small things, and no cycles
        return _run_page(case, extra)


def _run_page(case: Case, extra: Sequence[Markup]) -> str:
    shown = scene(case)
    title = f"{case.word}: {case.spec}"
    parting, compared = "", None
    if shown is not None and case.passing is not None:
        other = plain(case.passing)
        found = compare(shown, other)
        parting, compared = sentence(shown, other, found), _beside(shown, other, found)
    parts: list[Any] = [_verdict(case, shown, parting)]
    if shown is not None:
        parts += [player(shown), compared, numbers(shown), *extra, table(shown)]
    main = tag("main", *parts, id="main")
    scripts = ("report.js",) if shown is not None else ()
    inside = data(page_data(shown)) if shown is not None else None
    return page(title, _banner(case), main, inside, scripts=scripts)


def _banner(case: Case) -> Markup:
    return tag(
        "header",
        tag("span", "simkernel", class_="brand"),
        tag("span", case.spec, class_="path"),
        tag("button", "◐ theme", id="theme", class_="script", type="button"),
        class_="banner",
    )


# --- What went wrong, and how it came to it ------------------------------------------------------


def _verdict(case: Case, shown: Scene | None, parting: str = "") -> Markup:
    sign = WORDS.get(case.word, "")
    parts: list[Any] = [
        tag("p", f"{sign} {case.word}", class_=f"word {case.word.lower()}"),
        tag("h1", headline(case, shown)),
    ]
    if case.findings:
        parts.append(_findings(case, shown))
    elif case.sentence:
        parts.append(tag("p", case.sentence, class_="lead"))
    story = _story(case, shown, parting) if shown is not None and shown.chain else None
    return tag(
        "section", tag("div", *parts, _facts(case), class_="what"), story,
        id="verdict", class_="verdict", aria_label="Verdict",
    )  # fmt: skip


def headline(case: Case, shown: Scene | None) -> str:
    """Say in a few words what was found: of whom, and what kind of thing it is."""
    name = case.spec.rpartition("/")[2]
    if not case.findings:
        held = {"Held": "nothing wrong was found", "Run": "one run", "Inconclusive": "not decided"}
        return f"{name}: {held.get(case.word, case.word)}"
    kind, process, _ = case.findings[0]
    who = shown.cast.label(process) if shown is not None else process
    return f"{who}: {kind}" if process else kind


def _findings(case: Case, shown: Scene | None) -> Markup:
    said: list[Any] = []
    given: set[str] = set()  # of two that are stuck at one line it is shown once
    for kind, process, text in case.findings:
        told = shown.cast.named(text) if shown is not None else text
        said.append(tag("p", told, class_="lead"))
        more = [tag("p", f"{kind}: {KINDS[kind]}.", class_="kind") if kind in KINDS else None]
        more.append(_excerpt(case, text, process))
        said += [each for each in more if each is not None and each not in given]
        given |= {each for each in more if each is not None}
    return joined(*said)


def _excerpt(case: Case, text: str, process: str) -> Markup | None:
    """Show the lines of the spec at which it happened, or at which the process waits."""
    reel = case.reel
    if reel is None or not reel.source:
        return None
    found = _PLACE.search(text)
    lines = reel.source.splitlines()
    line = int(found[1]) if found else _waits_at(reel, process) or _declared_at(lines, process)
    if line is None or not 1 <= line <= len(lines):
        return None
    first = max(1, line - SOURCE_AROUND)
    rows = [
        tag(
            "mark" if number == line else "span",
            f"{number:>4} {'▶' if number == line else ' '} {lines[number - 1]}\n",
        )
        for number in range(first, min(len(lines), line + 1) + 1)
    ]
    label = f"{reel.source_path}, line {line}"
    return tag(
        "figure", tag("figcaption", label), tag("pre", *rows, tabindex="0", aria_label=label)
    )


def _declared_at(lines: Sequence[str], name: str) -> int | None:
    """Give the line that declares a property, by its name."""
    quoted = (f'"{name}"', f"'{name}'")
    found = (at for at, line in enumerate(lines, 1) if name and any(one in line for one in quoted))
    return next(found, None)


def _waits_at(reel: Reel, process: str) -> int | None:
    if reel.film is None or not process:
        return None
    place = reel.film.at(len(reel.film.steps)).get(process, {}).get("at", "")
    _, _, number = str(place).rpartition(" ")
    return int(number) if number.isdigit() else None


def _story(case: Case, shown: Scene, parting: str) -> Markup:
    items = []
    before = -1
    for row in shown.chain:
        event = shown.reel.events[row]
        signs = []
        if row in shown.race:
            signs.append(
                tag("span", "raced" if len(shown.race) > 1 else "decides", class_="sign race")
            )
        if row == shown.finding:
            signs.append(tag("span", "here it shows", class_="sign finding"))
        now = shown.times[row]
        items.append(
            tag(
                "li",
                tag("span", milliseconds(now) if now != before else "", class_="when"),
                tag(
                    "a",
                    tag("b", shown.cast.label(event.get("p", "")) or "timer"),
                    " ",
                    cut(shown.text(row), 200),
                    href=f"#step={shown.steps[row]}",
                ),
                *signs,
            )
        )
        before = now
    parts = [tag("h2", "How it came to this"), tag("ol", *items, class_="chain")]
    if shown.sentence:
        parts += [tag("h2", "What it turns on"), tag("p", shown.cast.named(shown.sentence))]
    elif case.findings:
        parts.append(
            tag("p", "It happens in the default schedule: nothing has to go out of its way for it.")
        )
    if parting:
        link = tag("a", "Both, side by side", href="#beside")
        parts += [tag("h2", "A run that passes"), tag("p", parting, " ", link)]
    return tag("div", *parts, class_="how")


def _beside(shown: Scene, other: Scene, found: Comparison) -> Markup:
    title = tag("h2", "Beside a run that passes: what both have is grey")
    picture = tag("figure", Markup(beside(shown, other, found)), class_="picture", tabindex="0",
                  role="group", aria_label="Two runs side by side")  # fmt: skip
    return tag("section", title, picture, id="beside", aria_label="Beside a run that passes")


def _facts(case: Case) -> Markup:
    s = case.settings
    told: list[tuple[str, str]] = []
    if case.findings and case.sentence:
        told.append(("search", case.sentence))
    told += [("note", note) for note in case.notes]
    told.append(("network", s.network + (f", up to {s.faults} faults" if s.faults else "")))
    if case.findings:
        told.append(("distance", distance(s.picks)))
    if case.reel is not None and (other := case.reel.other) is not None:
        told.append(("order", order(other.switches, other.instead_of)))
    if case.parameters:
        told.append(("parameters", ", ".join(f"{k}={v}" for k, v in case.parameters.items())))
    told += [(key, str(value)) for key, value in case.searched.items()]
    if case.replay:
        told.append(("replay", case.replay))
    rows = [(tag("dt", key), tag("dd", value)) for key, value in told]
    return tag("details", tag("summary", "About this run"), tag("dl", *rows))


# --- The run -------------------------------------------------------------------------------------


def player(shown: Scene) -> Markup:
    """Give what the script moves: controls, diagram, tree and states."""
    missing = shown.reel.why_no_film
    controls = [
        tag("button", "|◀", type="button", id="first", aria_label="First event"),
        tag("button", "◀", type="button", id="back", aria_label="Back (k)"),
        tag("button", "▶ play", type="button", id="play", aria_label="Play"),
        tag("button", "▶", type="button", id="on", aria_label="On (j)"),
        tag("button", "▶|", type="button", id="last", aria_label="Last event"),
        tag("output", id="where", aria_live="off"),
        tag("input", type="search", id="search", placeholder="search  /", aria_label="Search"),
        tag("output", id="hits", aria_live="polite"),
        _check("only", "only matches"),
        _check("books", "book-keeping"),
        tag("details", tag("summary", "processes"), tag("div", id="who"), class_="menu"),
        tag("button", "★ what went wrong", type="button", id="goal", hidden=not shown.chain),
    ]
    scrub = tag(
        "div",
        tag("div", id="marks", aria_hidden="true"),
        tag("input", type="range", id="scrub", min="0", value="0", aria_label="Step"),
        class_="scrub",
    )
    stage = tag(
        "section",
        tag("div", id="lanes", aria_hidden="true"),
        tag("div", tag("div", id="space"), id="stage", tabindex="0", role="listbox",
            aria_label="Events in order; j and k move"),
        class_="stage", aria_label="Space-time diagram",
    )  # fmt: skip
    side = tag(
        "div",
        tag("section", tag("h2", "Processes"), tag("div", id="tree", tabindex="0", role="group",
            aria_label="Supervision tree"), aria_label="Supervision tree at this step"),
        tag("section", tag("h2", "State"), tag("p", missing, class_="missing") if missing else None,
            tag("div", id="states", tabindex="0", role="group", aria_label="State of processes"),
            aria_label="State at this step"),
        class_="side",
    )  # fmt: skip
    keys = tag("p", "j k ← → one event · Home End · space plays · / searches, n N next · g what "
               "went wrong", class_="keys")  # fmt: skip
    return tag(
        "section", tag("div", *controls, class_="controls"), scrub,
        tag("div", stage, side, class_="panes"), keys,
        id="player", class_="script player", aria_label="The run, step by step",
    )  # fmt: skip


def _check(id: str, text: str) -> Markup:
    return tag("label", tag("input", type="checkbox", id=id), f" {text}", for_=id)


def table(shown: Scene) -> Markup:
    """Give the table of all events, which is all there is without script."""
    rows = [_row(shown, row, event) for row, event in enumerate(shown.reel.events)]
    heads = tag("tr", *(tag("th", name, scope="col") for name in ("step", "time", "who", "what")))
    grid = tag("table", tag("thead", heads), tag("tbody", *rows), id="events")
    return tag(
        "section",
        tag("h2", f"All {len(rows)} events"),
        tag("button", "show as a table", type="button", id="show-table", class_="script"),
        tag("div", grid, class_="scrolls", id="all"),
        class_="all", aria_label="All events",
    )  # fmt: skip


def _row(shown: Scene, row: int, event: Event) -> Markup:
    # Not by `tag`: five elements an event were a third of the time that a page takes.
    signs = " ".join(_signs(shown, row))
    told = f' class="{signs}"' if signs else ""
    number = escape(str(event.get("n", "")))
    who = escape(shown.cast.label(event.get("p", "")))
    time = milliseconds(shown.times[row]) if "t" in event else ""
    return Markup(
        f'<tr id="e{row}"{told}><td>{number}'
        f'</td><td>{time}</td><th scope="row">{who}</th>'
        f"<td>{escape(cut(shown.text(row), ROW_TEXT_MAX))}</td></tr>"
    )


def _signs(shown: Scene, row: int) -> Iterator[str]:
    if row == shown.finding:
        yield "finding"
    if row in shown.race:
        yield "race"
    if row in shown.chain:
        yield "led"


# --- Data for the script -------------------------------------------------------------------------


class _Numbers(dict[Any, int]):
    """Numbers things in the order in which they come."""

    def __missing__(self, thing: Any) -> int:
        number = self[thing] = len(self)
        return number


def page_data(shown: Scene) -> dict[str, Any]:
    """Give what the script draws from."""
    events = shown.reel.events
    lanes = _Numbers()
    for pid in shown.cast.roles:
        lanes[pid]
    return {
        "steps": shown.steps,
        "times": shown.times,
        "who": [lanes[event.get("p", "")] for event in events],
        "kinds": [kind_of(event) for event in events],
        "books": [row for row, event in enumerate(events) if books(event)],
        "arrows": [list(arrow) for arrow in shown.arrows.all],
        "finding": shown.finding,
        "race": list(shown.race),
        "chain": list(shown.chain),
        "marks": list(_marks(events)),
        "lanes": [_lane(shown, pid) for pid in lanes],
        **_film(shown, lanes),
    }


def _lane(shown: Scene, pid: str) -> list[str]:
    role = shown.cast.roles.get(pid)
    return [pid, role.label, role.kind] if role is not None else [pid, pid or "?", "process"]


def _marks(events: Sequence[Event]) -> Iterator[tuple[int, str]]:
    """Give what the eye looks for on the way: deaths, faults and restarts."""
    again = frozenset(restarted(events))
    for row, event in enumerate(events):
        kind = kind_of(event)
        if kind in ("dies", "fault"):
            yield row, kind
        elif row in again:
            yield row, "restart"


def _film(shown: Scene, lanes: _Numbers) -> dict[str, Any]:
    film = shown.reel.film
    if film is None:
        return {"film": [], "cells": [], "texts": [], "values": []}
    cells, texts, values = _Numbers(), _Numbers(), _Numbers()
    named = shown.cast.named

    def value(of: Any) -> int:
        if of is None:
            return -1
        parts = (of,) if isinstance(of, str) else tuple(of)
        key = (isinstance(of, str), *(texts[part] for part in parts))
        return values[key]

    steps = [
        [
            number
            for who, cell, of in changes
            for number in (-1 if who == SYSTEM else lanes[who], cells[cell], value(of))
        ]
        for changes in film.steps
    ]
    return {
        "film": steps,
        "cells": list(cells),
        "texts": [named(text) if not _is_child(text) else text for text in texts],
        "values": [key[1] if key[0] else list(key[1:]) for key in values],
    }


def _is_child(text: str) -> bool:
    """Tell whether a text begins with a pid, by which the script finds a child or a link."""
    return text.startswith("<root")
