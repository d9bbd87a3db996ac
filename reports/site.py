"""An index over many specs: what was concluded of each, how its runs end, what they reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from checkers.coverage import Declared
from reports.case import Case
from reports.film import cut
from reports.html import Markup, page, tag
from reports.run_page import WORDS
from reports.statem import Seen

OUTCOMES_MAX = 12


@dataclass(frozen=True)
class Entry:
    """One spec: its case, the file of its page, how so many runs ended, and its coverage."""

    case: Case
    file: str
    outcomes: Counter[str]
    coverage: tuple[str, ...] = ()
    searched: Mapping[str, Any] = field(default_factory=dict)


def index(entries: Sequence[Entry]) -> str:
    """Give the index page."""
    counts = Counter(entry.case.word for entry in entries)
    summary = ", ".join(f"{counts[word]} {word.lower()}" for word in WORDS if counts[word])
    heads = ("verdict", "spec", "what was found", "searched", "runs end with", "coverage")
    head = tag("tr", *(tag("th", name, scope="col") for name in heads))
    rows = [_row(entry) for entry in entries]
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="grid")
    many = f"{len(entries)} spec{'' if len(entries) == 1 else 's'}: {summary}"
    main = tag("main", tag("h1", many), tag("div", table, class_="scrolls", tabindex="0",
               role="region", aria_label="Verdicts"))  # fmt: skip
    banner = tag("header", tag("span", "simkernel", class_="brand"), class_="banner")
    return page(many, banner, main)


def _row(entry: Entry) -> Markup:
    case = entry.case
    sign = tag("span", f"{WORDS[case.word]} {case.word}", class_=f"word {case.word.lower()}")
    kinds = ", ".join(dict.fromkeys(kind for kind, _, _ in case.findings)) or "nothing"
    searched = ", ".join(f"{key} {value}" for key, value in entry.searched.items())
    shown = [tag("div", f"{count} × {cut(text, 80)}") for text, count in _most(entry.outcomes)]
    return tag(
        "tr", tag("td", sign), tag("th", tag("a", case.spec, href=entry.file), scope="row"),
        tag("td", kinds), tag("td", searched), tag("td", *shown),
        tag("td", *(tag("div", line) for line in entry.coverage)),
    )  # fmt: skip


def outcomes(counts: Counter[str], seeds: Mapping[str, int], path: str) -> Markup:
    """Give the table of how runs end, with a seed of each end, for the page of a spec."""
    runs = counts.total()
    head = tag(
        "tr",
        tag("th", "runs", scope="col"),
        tag("th", "end with", scope="col"),
        tag("th", "such a run", scope="col"),
    )
    rows = [
        tag("tr", tag("td", str(n)), tag("td", cut(text)), tag("td", _again(path, seeds.get(text))))
        for text, n in _most(counts)
    ]
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="grid")
    return tag("section", tag("h2", f"How {runs} random runs end"), table, aria_label="Outcomes")


def _again(path: str, seed: int | None) -> Markup | str:
    if seed is None:
        return ""
    return tag("code", f"simkernel run {path} --picker walk --step 0..10 --seed {seed}")


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    """Give the outcomes, the most frequent first, and how many are left out.

    >>> _most(Counter(a=1, b=2))
    [('b', 2), ('a', 1)]
    """
    order = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    left = order[OUTCOMES_MAX:]
    more = [(f"{len(left)} other outcomes", sum(n for _, n in left))] if left else []
    return order[:OUTCOMES_MAX] + more


def coverage(found: Mapping[str, Seen], declared: Mapping[str, Declared]) -> tuple[str, ...]:
    """Say of each state machine how many of its states and changes of state runs have shown."""
    lines = []
    for cls, mine in sorted(found.items()):
        could = declared.get(cls, Declared())
        states = could.states | set(mine.states)
        went = {(old, new) for old, _, new, _ in mine.taken}
        changes = could.changes | {pair for pair in went if pair[0] != pair[1]}
        taken = sum(pair in went for pair in changes)
        lines.append(
            f"{cls}: {len(mine.states)} of {len(states)} states, {taken} of {len(changes)} changes"
        )
    return tuple(lines)
