"""Run every benchmark and print how we compare: `python -m benchmarks [NAME …] [--json] [--write]`.

Each module `benchmarks/bench_*.py` has a function `cases()` that returns a list of `Case`. Ratios
are against the peer in the same run; the exit code is 1 when a promised ratio is missed.
"""

import argparse
import importlib
import json
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.case import Case, Measured, measure

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reference" / "benchmarks.md"


def found_cases(words: Sequence[str]) -> list[Case]:
    """Collect the cases of all modules whose name contains one of `words`, or all of them."""
    modules = sorted(path.stem for path in HERE.glob("bench_*.py"))
    every = [case for m in modules for case in importlib.import_module(f"benchmarks.{m}").cases()]
    return [case for case in every if not words or any(word in case.name for word in words)]


def row(measured: Measured) -> dict[str, object]:
    """Put one result into plain values, for `--json` and for the table alike."""
    case = measured.case
    return {
        "name": case.name,
        "units": case.units,
        "unit": case.unit,
        "ours": round(measured.ours, 1),
        "peer": round(measured.peer, 1),
        "peer_name": case.peer_name,
        "ratio": round(measured.ratio, 2),
        "target_ratio": case.target_ratio,
        "better": case.better,
        "met": measured.met,
    }


def table(results: Sequence[Measured]) -> list[str]:
    """Render the results as a Markdown table."""
    lines = [
        "| job | ours | peer | ratio | target | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for measured in results:
        case, cells = measured.case, row(measured)
        sign = "≥" if case.better == "higher" else "≤"
        target = verdict = ""
        if case.target_ratio is not None:
            target, verdict = f"{sign} {case.target_ratio:g}", "met" if measured.met else "missed"
        lines.append(
            f"| {case.name}, {case.units:,} {case.unit} | {cells['ours']:,} "
            f"| {cells['peer']:,} ({case.peer_name}) | {measured.ratio:.2f} | {target} "
            f"| {verdict} |"
        )
    return lines


def page(results: Sequence[Measured]) -> str:
    """Render docs/reference/benchmarks.md."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`. Cost per unit in nanoseconds of CPU time, best of three",
            "rounds in turns with the peer in one process (rows about memory: bytes per unit;",
            "rows about a start of Python: the best of five).",
            "`ratio` is our speed over the peer's where the target reads ≥, our cost over the",
            "peer's where it reads ≤. Ratios carry over to other machines; the costs do not.",
            "",
            f"{python}, SimPy {version('simpy')}, {platform.machine()}.",
            "",
            *table(results),
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and tell by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="only the cases whose name contains one of these")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} into the docs")
    chosen = parser.parse_args(arguments)

    cases = found_cases(chosen.names)
    if not cases:
        print("no benchmark found: add benchmarks/bench_NAME.py with cases()", file=sys.stderr)
        return 2
    results = []
    for case in cases:
        print(f"measuring {case.name} …", file=sys.stderr)
        results.append(measure(case))
    if chosen.json:
        print(json.dumps({"schema": "simkernel.benchmarks/1", "rows": [*map(row, results)]}))
    else:
        print("\n".join(table(results)))
    if chosen.write:
        PAGE.write_text(page(results), encoding="utf-8")
    return 0 if all(measured.met for measured in results) else 1


if __name__ == "__main__":
    sys.exit(main())
