"""Pages of documentation as programs: their Python blocks, and their console sessions.

A ```python block is run; the blocks of one page share a namespace, as one script would. In a
```console block every line `$ simkernel …` is run from the project's root through the installed
command, and what follows it, up to the next `$` line, is what it prints (both streams, without
colour). A line `...` stands for any number of lines. Other `$` lines (`$ make demo`) are only
shown.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.meta.house import ROOT, files

SIMKERNEL = Path(sys.executable).with_name("simkernel")
ANYTHING = "..."
# With these pytest prints more, or in another way: a test run says the same here and there.
TALKATIVE = frozenset({"CI", "BUILD_NUMBER", "PYTEST_ADDOPTS", "FORCE_COLOR"})
# A page that takes longer is no page for a newcomer.
SECONDS_MAX = 60


def pages() -> list[Path]:
    """List the pages whose examples are run."""
    return [ROOT / "README.md", *files("docs", suffix=".md")]


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the line after its fence (from 0), and its lines."""

    language: str
    start: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """One command of a console block: what is run, where its output starts, what it prints."""

    line: str
    output_start: int
    output: tuple[str, ...]

    @property
    def runs(self) -> bool:
        return self.line.split()[:1] == ["simkernel"]


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page.

    >>> [block.language for block in blocks("```python\\n1\\n```\\n")]
    ['python']
    """
    language, start, inside = "", 0, False
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if inside:
            yield Block(language, start, tuple(lines[start:number]))
        language, start, inside = line[3:].strip(), number + 1, not inside


def script(text: str) -> str:
    """Make one script of a page's Python blocks, each at the line where the page has it."""
    lines = [""] * len(text.splitlines())
    for block in blocks(text):
        if block.language == "python":
            lines[block.start : block.start + len(block.lines)] = block.lines
    return "\n".join(lines).rstrip() + "\n" if any(lines) else ""


def commands(text: str) -> list[Command]:
    """List the commands of a page's console blocks.

    >>> commands("```console\\n$ simkernel --version\\n1.0\\n```\\n")
    [Command(line='simkernel --version', output_start=2, output=('1.0',))]
    """
    found = []
    for block in blocks(text):
        if block.language != "console":
            continue
        starts = [at for at, line in enumerate(block.lines) if line.startswith("$ ")]
        for at, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
            output = block.lines[at + 1 : end]
            found.append(Command(block.lines[at][2:], block.start + at + 1, output))
    return found


def environment() -> dict[str, str]:
    """Describe a plain terminal, and this tree rather than another one that may be installed."""
    plain = {"NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    plain["SIMKERNEL_NO_CORPUS"] = "1"  # what was found yesterday is no matter
    plain["SIMKERNEL_NO_WITNESS"] = (
        "1"  # a second Python for each: tests/cli/test_witness.py has it
    )
    inherited = {name: text for name, text in os.environ.items() if name not in TALKATIVE}
    return inherited | plain


def printed_by(command: Command) -> list[str]:
    """Run the command through the installed program and return the lines that it prints."""
    done = subprocess.run(
        [str(SIMKERNEL), *shlex.split(command.line)[1:]],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return [line.rstrip() for line in done.stdout.rstrip().splitlines()]


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Tell whether a page shows what was printed.

    >>> agrees(["a", "...", "d"], ["a", "b", "c", "d"])
    True
    >>> agrees(["a", "..."], ["b"])
    False
    """
    if not shown:
        return not printed
    if shown[0].strip() == ANYTHING:
        return any(agrees(shown[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and shown[0].rstrip() == printed[0] and agrees(shown[1:], printed[1:])
