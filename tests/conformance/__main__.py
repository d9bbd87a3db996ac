"""Compare with the real VM: `python -m tests.conformance`; `--help` lists the options."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.conformance import beam, cases, compare, concurrent, recording, statems, together
from tests.conformance.compare import Summary
from tests.conformance.lab import FAMILIES

# Random kinds, with the cases of a sample (what CI runs), and those of a full run.
RANDOM = {
    "supervisor": (300, 5_000),
    "genserver": (300, 5_000),
    "tables": (400, 5_000),
    "concurrent": (20, 500),
    "statem": (150, 20_000),
}


def parser() -> argparse.ArgumentParser:
    """Give the options."""
    made = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    made.add_argument("--family", choices=[*FAMILIES, *(k for k in RANDOM if k not in FAMILIES)])
    made.add_argument("--cases", type=int, help="random programs of each kind")
    made.add_argument("--seed", type=int, default=1, help="of the random programs (default: 1)")
    made.add_argument("--runs", type=int, default=concurrent.RUNS, help="of a concurrent program")
    made.add_argument("--full", action="store_true", help="20,000 machines, 5,000 of each kind …")
    made.add_argument("--jobs", type=int, default=together.JOBS, help="processes for our side")
    made.add_argument("--times", type=int, default=1, help="runs of each scenario on the VM")
    made.add_argument("--record", action="store_true", help="keep what the VM does (10 runs each)")
    made.add_argument("--keep", action="store_true", help="keep the summary for the page")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def progress(line: str) -> None:
    """Say how far it is."""
    print(line, file=sys.stderr, flush=True)


def families(chosen: str | None) -> list[str]:
    """Give the families of pairs that were asked for."""
    return [each for each in FAMILIES if chosen in (None, each)]


def live(running: beam.Beam, options: argparse.Namespace) -> Iterator[Summary]:
    """Run random programs and scenario pairs against the VM."""
    for kind, (sample, full) in RANDOM.items():
        if options.family in (None, kind) and not options.record:
            count = options.cases or (full if options.full else sample)
            yield random_kind(running, kind, count, options)
    for family in families(options.family):
        times = compare.RECORD_TIMES if options.record else options.times
        progress(f"{family}: scenario pairs")
        yield compare.live(running, family, times, options.record)


def random_kind(running: beam.Beam, kind: str, count: int, options: argparse.Namespace) -> Summary:
    """Run one kind of random programs."""
    if kind == "statem":
        return statems.compare(count, options.seed, progress)
    if kind == "concurrent":
        return concurrent.compare(count, options.seed, options.runs, progress)
    return cases.compare(running, kind, count, options.seed, progress)


def recorded(options: argparse.Namespace) -> Iterator[Summary]:
    """Compare with the recordings."""
    for family in families(options.family):
        yield compare.recorded(family)


def main(arguments: list[str] | None = None) -> int:
    """Run it; 1 if anything differs."""
    options = parser().parse_args(arguments)
    together.JOBS = options.jobs
    progress(f"seed {options.seed}")
    started = time.monotonic()
    summaries: list[Summary] = []
    versions: dict[str, Any] = {}
    if beam.MISSING is not None:
        progress("The live comparison " + beam.REMEDY.format(tool=beam.MISSING))
        progress("What was recorded is compared all the same.")
    else:
        with beam.Beam() as running:
            versions = running.versions()
            for summary in live(running, options):
                summaries.append(summary)
                if options.keep:
                    recording.keep(summary.as_json(), versions)
    if not options.record:
        summaries += list(recorded(options))
    report = {
        "versions": versions,
        "seed": options.seed,
        "equal": not any(each.differences for each in summaries),
        "seconds": round(time.monotonic() - started),
        "summaries": [each.as_json() for each in summaries],
    }
    print(json.dumps(report, ensure_ascii=False) if options.json else told(report))
    return 0 if report["equal"] else 1


def told(report: dict[str, Any]) -> str:
    """Write a report for people."""
    lines = []
    for each in report["summaries"]:
        differences = each["differences"]
        result = "equal" if not differences else f"{len(differences)} DIFFERENT"
        lines.append(
            f"{each['family']:12} {each['kind']:20} {each['cases']:6}  {result}  {each['note']}"
        )
        for difference in differences[:5]:
            lines += [
                f"    {difference['id'][:2000]}: {difference['what']}",
                f"      here:  {difference['here']}",
                f"      there: {difference['there']}",
            ]
            lines += [f"      shrunk: {difference['shrunk']}"] if difference["shrunk"] else []
    seconds = report["seconds"]
    lines.append(
        f"{'All equal' if report['equal'] else 'NOT EQUAL'}, in {seconds} s, seed {report['seed']}."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
