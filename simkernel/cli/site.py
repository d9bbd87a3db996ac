"""The pages of many specs: each is checked, run at random for figures, and gets a page."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from checkers.check import Budget, check
from checkers.evidence import gather
from checkers.verdict import Verdict
from reports.case import Case
from reports.cast import Cast
from reports.run_page import run_page
from reports.site import Entry, coverage, index, outcomes
from reports.statem import seen
from simkernel.cli.reel import case_of, case_of_told, pictures, write
from simkernel.cli.views import declared_in, drawn_machines, traces
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import find, load, source_hash
from simkernel.settings import Settings
from simkernel.spec import Spec, result_of, run
from simkernel.terms import show
from simkernel.trace.blob import parameters_text
from simkernel.trace.reader import Trace, read
from simkernel.trace.writer import TraceFile

RUNS = 50  # for figures


def site(paths: tuple[str, ...], folder: Path, runs: int, seconds: float) -> list[Entry]:
    """Check the specs, write a page each and the index; gives what the index is of."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for path in find(list(paths)):
        with guards(), watchdog():
            entries.append(_entry(path, folder, runs, seconds))
        click.echo(f"{entries[-1].case.word:<12} {path}", err=True)
    write(folder / "index.html", index(entries))
    return entries


def told(verdicts: Sequence[dict[str, Any]], folder: Path) -> list[Entry]:
    """Write the index of what a check has concluded, and a page for each verdict."""
    entries = []
    for one in verdicts:
        case = case_of_told(one)
        searched = {key: one.get("searched", {}).get(key) for key in ("runs", "transitions")}
        shown = {key: value for key, value in searched.items() if value is not None}
        file = _file(case.spec)
        write(folder / file, run_page(replace(case, searched=shown), pictures(case)))
        entries.append(Entry(case, file, Counter(), (), shown))
    write(folder / "index.html", index(entries))
    return entries


def _file(path: str) -> str:
    return path.replace("/", "-").replace(":", "-").removesuffix(".py").lstrip("-.") + ".html"


def _entry(path: str, folder: Path, runs: int, seconds: float) -> Entry:
    spec, start = load(path), time.monotonic()
    verdict = check(
        spec, {}, strategy="portfolio", budget=Budget(runs, seconds),
        elapsed=lambda: time.monotonic() - start,
    )  # fmt: skip
    case = _case(path, spec, verdict, folder)
    shown = list(traces(spec, {}, Settings(step_ms=(0, 10), picker="walk"), RUNS))
    found = seen(list(trace.events()) for trace in shown)
    counts, seeds = _outcomes(spec)
    file = _file(path)
    extra = (outcomes(counts, seeds, path), *drawn_machines(found, spec, f"{RUNS} runs"))
    searched = {"runs": verdict.searched.runs, "steps": verdict.searched.transitions}
    write(folder / file, run_page(replace(case, searched=searched), extra))
    return Entry(case, file, counts, coverage(found, declared_in(spec)), searched)


def _case(path: str, spec: Spec, verdict: Verdict, folder: Path) -> Case:
    example = verdict.counterexample
    if example is not None:
        source = source_hash(path.partition(":")[0])
        return case_of(read(gather(path, spec, example, source, folder / "traces", verdict).trace))
    told = {"verdict": verdict.word, "sentence": verdict.sentence, "notes": verdict.notes}
    return case_of(_default(path, spec, folder), told)


def _default(path: str, spec: Spec, folder: Path) -> Trace:
    """Record the default schedule, to show what there is to see where nothing is wrong."""
    settings = Settings(picker="first", effects_max=2_000)
    header = {
        "spec": path, "parameters": parameters_text({}), "settings": settings.to_json(),
        "source": source_hash(path.partition(":")[0]),
    }  # fmt: skip
    with TraceFile(folder / "traces" / f"{spec.name}.jsonl", header) as file:
        m = spec.machine({}, settings, tape=file.recorder)
        file.close(run(m, settings))
    m.close()
    return read(file.path)


def _outcomes(spec: Spec) -> tuple[Counter[str], dict[str, int]]:
    """Count how so many random runs end; gives the first seed of each end, too."""
    counts: Counter[str] = Counter()
    seeds: dict[str, int] = {}
    for seed in range(RUNS):
        settings = Settings(seed=seed, step_ms=(0, 10), picker="walk", effects_max=100_000)
        m = spec.machine({}, settings)
        result = result_of(m, run(m, settings))
        m.close()
        ended = "" if result.reason is None else f"main ended: {show(result.reason)}"
        stuck = f"stuck: {', '.join(result.stuck)}" if result.stuck else ""
        logged = " ".join(map(show, result.logged[-3:]))
        told = ended or stuck or (show(result.returned) if result.returned is not None else logged)
        end = Cast().named(told or result.ended)
        counts[end] += 1
        seeds.setdefault(end, seed)
    return counts, seeds
