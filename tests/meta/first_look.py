"""What the page of a failing run says first, for docs/explanation/first-look.md.

`python -m tests.meta.first_look --write` checks the specs again and writes the quoted blocks anew;
tests/meta/test_first_look.py compares. Read the difference before committing it.
"""

from __future__ import annotations

import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from checkers.check import Budget, check
from checkers.evidence import gather
from reports.run_page import run_page
from simkernel.cli.reel import case_of
from simkernel.kernel.guards import guards
from simkernel.loading import load, source_hash
from simkernel.trace.reader import read
from tests.meta.house import ROOT
from tests.reports.recorded import at_root

PAGE = ROOT / "docs" / "explanation" / "first-look.md"
QUOTE = re.compile(r"(<!-- the page of (\S+) -->\n\n```text\n)(.*?)(```\n)", re.DOTALL)
RUNS = 200
WIDTH = 110
# Elements that begin a new line, and what stands before them there.
LINES = {"p": "", "h1": "# ", "h2": "## ", "li": "- ", "figcaption": "  | ", "mark": "  | "}


class Verdict(HTMLParser):
    """The text of the section that a page begins with, in lines; of a source what is marked."""

    def __init__(self, page: str):
        super().__init__()
        self.lines: list[str] = []
        self._open: list[tuple[str, str]] = []  # tags inside the section, with their classes
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if not self._open and found.get("id") != "verdict":
            return
        look = found.get("class") or ""
        self._open.append((tag, look))
        if tag in LINES:
            self.lines.append(LINES[tag])
        elif look.startswith("sign"):
            self.lines[-1] += "  ◀ "

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            _, look = self._open.pop()
            if look == "when" and not self.lines[-1].endswith("- "):
                self.lines[-1] += "  "

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        shown = tags and "details" not in tags and ("pre" not in tags or "mark" in tags)
        if shown and data.strip():
            self.lines[-1] += data.rstrip("\n")


def told(spec: str) -> str:
    """Check a spec, and give what its page says first."""
    with at_root(), tempfile.TemporaryDirectory() as folder, guards():
        loaded = load(spec)
        verdict = check(loaded, {}, strategy="portfolio", budget=Budget(RUNS, seconds=1e9))
        example = verdict.counterexample
        assert example is not None, spec
        made = gather(spec, loaded, example, source_hash(spec), Path(folder), verdict)
        page = run_page(case_of(read(made.trace)))
    return "\n".join(_wrapped(Verdict(page).lines)) + "\n"


def _wrapped(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("  | "):
            yield line[:WIDTH]
        elif line.strip():
            yield from textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def quoted(text: str) -> str:
    """Give the page of the documentation with each quoted block as it is now."""
    return QUOTE.sub(lambda found: f"{found[1]}{told(found[2])}{found[4]}", text)


def main() -> None:
    """Write the page."""
    PAGE.write_text(quoted(PAGE.read_text("utf-8")), "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__" and "--write" in sys.argv:
    main()
