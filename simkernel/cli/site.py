"""The pages of many specs: each is checked, run at random for figures, and gets a page."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click

from checkers.check import Budget, check
from checkers.evidence import gather
from checkers.verdict import Verdict
from reports.case import Case
from reports.cast import Cast
from reports.diagram import dot
from reports.html import Markup, tag
from reports.render import drawn
from reports.run_page import run_page
from reports.site import Entry, coverage, index, outcomes
from reports.statem import Seen, seen, statem
from simkernel.cli.reel import case_of, write
from simkernel.cli.views import declared_in, traces
from simkernel.errors import UsageError
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


def _entry(path: str, folder: Path, runs: int, seconds: float) -> Entry:
    spec, start = load(path), time.monotonic()
    verdict = check(
        spec, {}, strategy="portfolio", budget=Budget(runs, seconds),
        elapsed=lambda: time.monotonic() - start,
    )  # fmt: skip
    case = _case(path, spec, verdict, folder)
    shown = list(traces(spec, {}, Settings(step_ms=(0, 10), picker="walk"), RUNS))
    found = seen(list(trace.events()) for trace in shown)
    counts = _outcomes(spec)
    file = path.replace("/", "-").replace(":", "-").removesuffix(".py").lstrip("-.") + ".html"
    extra = (outcomes(counts), *_machines(found, spec))
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


def _outcomes(spec: Spec) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in range(RUNS):
        settings = Settings(seed=seed, step_ms=(0, 10), picker="walk", effects_max=100_000)
        m = spec.machine({}, settings)
        result = result_of(m, run(m, settings))
        m.close()
        ended = "" if result.reason is None else f"main ended: {show(result.reason)}"
        stuck = f"stuck: {', '.join(result.stuck)}" if result.stuck else ""
        logged = " ".join(map(show, result.logged[-3:]))
        told = ended or stuck or (show(result.returned) if result.returned is not None else logged)
        counts[Cast().named(told or result.ended)] += 1
    return counts


def _machines(found: dict[str, Seen], spec: Spec) -> tuple[Markup, ...]:
    """Draw the state machines, if there is a program that draws."""
    if not found:
        return ()
    diagram = statem(found, declared_in(spec), f"{RUNS} runs")
    try:
        svg = drawn(dot(diagram).source, "svg").decode()
    except UsageError:
        return ()
    picture = Markup(svg[svg.index("<svg") :])
    title = tag("h2", "State machines: wide is often, dotted is never")
    return (tag("section", title, tag("figure", picture, class_="picture", tabindex="0"),
                aria_label="State machines"),)  # fmt: skip
