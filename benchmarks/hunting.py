"""How many runs each strategy needs to the first bug: `python -m benchmarks.hunting [--write]`.

Every number is a function of the programs, the strategies and the seed: measured again, it is the
same, on any machine. With `--write` the table goes to docs/reference/hunting.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from math import sqrt
from pathlib import Path

from benchmarks.sctbench import PROGRAMS, Program
from checkers.search import Plan
from checkers.strategies import strategy
from simkernel.spec import of

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "hunting.md"
RANDOM = ("walk", "pos", "pct", "surw", "portfolio")
CLASSES = ("rf", "dpor")
RUNS = 300
CLASSES_MAX = 2_000
Z = 1.96  # of a normal distribution, 95 % lie within so many deviations

HEAD = f"""# Hunting: runs to the first bug

Written by `python -m benchmarks.hunting --write`. The programs are the CS family of SCTBench as
programs of processes (`benchmarks/sctbench.py`): variables are cells of a table, a mutex is a
process.

For a random strategy: of {RUNS} runs, in how many the bug showed, as the runs that one needs on
average until the first (1/p), with the interval in which this number lies with 95 % (Wilson's,
for p). `–` means that no run showed it; then the number before the dash is what it is at least,
with the same certainty. `rf` and `dpor` say which of their runs was the first to show the bug;
`>` if it was none of the first {CLASSES_MAX:,}.

| program | {" | ".join((*RANDOM, *CLASSES))} |
| --- | {" | ".join("---:" for _ in (*RANDOM, *CLASSES))} |
"""


def hits(name: str, program: Program, runs: int = RUNS) -> int:
    """Count the runs of a random strategy that show the bug."""
    main, given = program
    search = strategy(name, Plan(of(main), given, runs=runs))
    return sum(bool(run.findings(ended)) for run, ended in search.ends(lambda share: ""))


def first(name: str, program: Program, runs_max: int = CLASSES_MAX) -> int | None:
    """Give which run of a systematic strategy shows the bug first; None if none of so many does."""
    main, given = program
    search = strategy(name, Plan(of(main), given))
    for number, (run, ended) in enumerate(search.ends(lambda share: ""), 1):
        if run.findings(ended):
            return number
        if number == runs_max:
            break
    return None


def interval(count: int, runs: int) -> tuple[float, float]:
    """Give Wilson's interval of a probability.

    >>> low, high = interval(30, 300)
    >>> round(low, 3), round(high, 3)
    (0.071, 0.139)
    """
    p, z = count / runs, Z * Z / runs
    middle = p + z / 2
    half = Z * sqrt(p * (1 - p) / runs + z / (4 * runs))
    return max(0.0, (middle - half) / (1 + z)), min(1.0, (middle + half) / (1 + z))


def needed(count: int, runs: int) -> str:
    """Say how many runs one needs to the first bug, and how sure that is.

    >>> needed(30, 300), needed(0, 300)
    ('10 (7.2–14)', '79 –')
    """
    low, high = interval(count, runs)
    if not count:
        return f"{1 / high:.2g} –"
    return f"{_short(runs / count)} ({_short(1 / high)}–{_short(1 / low)})"


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def called(program: Program) -> str:
    """Give the name of a program with its size."""
    main, given = program
    return "_".join([main.__name__, *map(str, given.values())])


def row(program: Program) -> str:
    """Measure a program, as a row of the table."""
    cells = [needed(hits(name, program), RUNS) for name in RANDOM]
    for name in CLASSES:
        number = first(name, program)
        cells.append(f"> {CLASSES_MAX:,}" if number is None else str(number))
    return f"| {called(program)} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all programs; print the table, or write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hunting", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} into the docs")
    chosen = parser.parse_args(arguments)
    rows = []
    for program in PROGRAMS:
        print(f"measuring {called(program)} …", file=sys.stderr)
        rows.append(row(program))
    text = HEAD + "\n".join(rows) + "\n"
    if chosen.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
