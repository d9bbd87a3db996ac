"""The page on which a person drives a system: what may happen next, beside the run so far.

The run is the report's own: the same diagram, tree and states, moved by the same script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from checkers.finding import KINDS, Finding
from reports.cast import Cast
from reports.html import Markup, page, tag
from reports.options import Option
from reports.run_page import page_data, player, table
from reports.scene import Scene

SIGNS = {"failed": "✖", "fulfilled": "✔", "reached": "✔", "holds so far": "✔", "not yet": "…"}


def explore_page(spec: str, told: Sequence[str]) -> str:
    """Give the page of a spec; `told` says how it is run. All else is asked of the server."""
    banner = tag(
        "header",
        tag("span", "simkernel explore", class_="brand"),
        tag("span", spec, class_="path"),
        tag("span", ", ".join(told), class_="told"),
        tag("button", "◐ theme", id="theme", type="button"),
        class_="banner",
    )
    bar = tag(
        "div",
        tag("output", id="here", aria_live="polite"),
        tag("button", "↶ undo", type="button", id="undo", title="u"),
        tag("button", "run on", type="button", id="run-on", title="r: the default, to the end"),
        tag("button", "back to the shown step", type="button", id="back-to", title="b"),
        tag("button", "start again", type="button", id="restart"),
        tag("button", "search from here", type="button", id="seek"),
        tag("button", "save as regression", type="button", id="save"),
        class_="controls",
        role="toolbar",
        aria_label="The path",
    )
    main = tag(
        "main",
        tag("h1", f"{spec.rpartition('/')[2]}: you decide what happens"),
        tag("p", "This page needs script.", class_="noscript"),
        bar,
        tag("div", id="error", role="alert"),
        tag("div", id="answer", role="status"),
        tag(
            "div",
            tag("section", id="choices", class_="choices", aria_label="What may happen next"),
            tag("section", id="watch", class_="watch", aria_label="Findings and properties"),
            class_="next",
        ),
        tag("div", id="run"),
        tag("p", "1 … 9 choose · u undoes · r runs on · b back to the shown step · j k look along "
            "the run", class_="keys"),
        id="main",
    )  # fmt: skip
    return page(
        f"explore {spec}", banner, main, scripts=("report.js", "explore.js"),
        styles=("report.css", "explore.css"), connect=True,
    )  # fmt: skip


def choices(options: Sequence[Option], who: Cast, ended: str) -> Markup:
    """Give what may happen next as buttons, grouped by whom it happens to."""
    if not options:
        return tag("p", tag("b", "■ The run is over"), f": {ended}.", class_="over")
    groups: dict[str, list[Option]] = {}
    for option in options:
        groups.setdefault(option.who, []).append(option)
    parts = [
        tag(
            "div",
            tag("h3", who.label(pid) if pid else "nobody's", tag("small", f" {pid}")),
            *map(_button, group),
            class_="group",
        )
        for pid, group in groups.items()
    ]
    return tag("div", tag("h2", "What may happen next"), tag("div", *parts, class_="groups"))


def _button(option: Option) -> Markup:
    key = tag("kbd", str(option.place + 1)) if option.place < 9 else None
    usual = tag("small", " default") if option.place == 0 else None
    return tag(
        "button", key, " ", option.text, usual,
        type="button", class_=f"choice {option.kind}", data_choice=option.place,
    )  # fmt: skip


def watch(
    findings: Sequence[tuple[Finding, int]],
    standing: Mapping[str, tuple[str, int]],
    logged: Sequence[str],
    who: Cast,
) -> Markup:
    """Give what is wrong so far, how the properties stand and since when, and what was logged."""
    wrong = [
        tag("li", tag("b", f"✖ {one.kind}", title=KINDS.get(one.kind, "")), ": ",
            who.named(one.text), tag("small", f" since step {step}"), class_="failed")
        for one, step in findings
    ]  # fmt: skip
    properties = [
        tag("li", tag("b", f"{SIGNS[word]} {name}"), f": {word}", tag("small", f" since step {at}"),
            class_=word.split(maxsplit=1)[0])
        for name, (word, at) in standing.items()
    ]  # fmt: skip
    parts: list[Any] = [tag("h2", "Wrong so far")]
    parts.append(tag("ul", *wrong) if wrong else tag("p", "✔ nothing", class_="none"))
    if properties:
        parts += [tag("h2", "Properties"), tag("ul", *properties)]
    if logged:
        lines = [tag("li", line) for line in logged[-8:]]
        parts += [tag("h2", "Logged"), tag("ul", *lines, class_="logged")]
    return tag("div", *parts)


def run(shown: Scene | None) -> tuple[Markup, dict[str, Any] | None]:
    """Give the run so far as the report shows it, and what its script draws from."""
    if shown is None:
        return tag("p", "Nothing has happened yet: only main is there, about to start."), None
    return tag("div", player(shown), table(shown)), page_data(shown)


def error(what: str, where: str, hint: str) -> Markup:
    """Give a mistake of the spec, as the command line tells it."""
    parts = [tag("b", f"✖ {what}")]
    if where:
        parts.append(tag("div", f"where: {where}"))
    if hint:
        parts.append(tag("div", f"next: {hint}"))
    return tag("div", *parts)


def answer(
    path: str, findings: Sequence[tuple[str, str]], steps: Sequence[str], told: str
) -> Markup:
    """Give what a search from a situation has found, and the way to it."""
    if not findings:
        return tag("p", told)
    wrong = [
        tag("p", tag("b", f"✖ {kind}"), f": {text}", class_="failed") for kind, text in findings
    ]
    way = tag("ol", *(tag("li", step) for step in steps))
    go = tag("a", f"go there: {len(steps)} steps", href=f"#path={path}", class_="go")
    return tag("div", *wrong, tag("p", told), go, tag("details", tag("summary", "the way"), way))


def saved(trace: str, blob: str) -> Markup:
    """Say where a run went, and how it is run again."""
    line = tag("details", tag("summary", "as one line"), tag("pre", f"simkernel replay {blob}"))
    return tag(
        "div", tag("p", "Saved. Run it again, compared event by event:"),
        tag("pre", f"simkernel replay {trace}\nsimkernel report {trace} -o report.html"), line,
    )  # fmt: skip
