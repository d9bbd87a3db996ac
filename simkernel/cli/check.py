"""`simkernel check`: search the runs of specs, conclude, and show the shortest bad run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from checkers.check import STRATEGIES, Budget, check
from checkers.findings import findings
from checkers.verdict import Counterexample, Verdict
from reports.listing import listing
from reports.race import race
from simkernel.cli import exit_codes
from simkernel.cli.options import (
    json_option,
    network_option,
    param_option,
    parameters_of,
    parameters_text,
    quiet_option,
    seed_option,
)
from simkernel.cli.terminal import Progress, color, emit
from simkernel.errors import UnknownStrategy, UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import find, load, source_hash
from simkernel.spec import Spec, run
from simkernel.trace.blob import Blob
from simkernel.trace.writer import Recorder, TraceFile

TRACES = Path(".simkernel")
COLORS = {"Held": "green", "Violated": "red", "Inconclusive": "yellow"}
LISTED_MAX = 200


@click.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option(
    "--strategy",
    default="walk",
    show_default=True,
    help=f"{' or '.join(STRATEGIES)}: random walks, or every interleaving.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=1_000,
    show_default=True,
    help="Most runs of a spec (walk).",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Most time for a spec.",
)
@click.option(
    "--effects",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Most transitions of one run.",
)
@network_option
@click.option(
    "--time",
    "time_model",
    type=click.Choice(["any"]),
    default=None,
    help="Only with dfs, which has no other: steps take any time, timers are exact.",
)
@seed_option
@param_option
@click.option("--require-complete", is_flag=True, help="Exit 5 unless every verdict is complete.")
@quiet_option
@json_option
def command(paths: tuple[str, ...], **options: Any) -> int:
    """\b
    simkernel check specs/guide
    simkernel check specs/guide/counter.py --strategy dfs --seconds 60
    simkernel check specs/guide/counter.py --network cluster --runs 5000

    Check spec files, or folders of them, without a property: crashes that nobody notices, callers
    without a reply, processes that wait for ever, runs without end.
    """
    if options["strategy"] not in STRATEGIES:
        raise UnknownStrategy(options["strategy"], known=STRATEGIES, where="--strategy")
    if options["time_model"] and options["strategy"] != "dfs":
        raise UsageError(
            "a walk draws its times", where="--time", hint="Use --strategy dfs with --time any."
        )
    where = list(find(list(paths)))
    specs = [(path, load(path)) for path in where]
    given = [parameters_of(spec, options["params"]) for _, spec in specs]
    report = _Report(options["as_json"])
    for (path, spec), parameters in zip(specs, given, strict=True):
        verdict = _check(spec, parameters, options)
        report.add(path, spec, verdict)
        if verdict.searched.why_stopped == "interrupted":
            report.interrupted = True
            break
    return report.finish(options["require_complete"])


def _check(spec: Spec, parameters: dict[str, Any], options: dict[str, Any]) -> Verdict:
    start = time.monotonic()
    progress = Progress(options["quiet"] or options["as_json"])

    def show(runs: int, transitions: int, found: bool) -> None:
        spent = time.monotonic() - start
        bad = ", a bad one found" if found else ""
        progress.show(f"{spec.name}: {runs} runs, {transitions} transitions, {spent:.1f} s{bad}")

    budget = Budget(options["runs"], options["seconds"], options["effects"])
    try:
        with guards(), watchdog():
            return check(
                spec,
                parameters,
                strategy=options["strategy"],
                network=options["network"],
                budget=budget,
                seed=options["seed"],
                elapsed=lambda: time.monotonic() - start,
                progress=show,
            )
    finally:
        progress.clear()


class _Report:
    """What has been concluded so far; printed as it comes, or as one object at the end."""

    def __init__(self, as_json: bool):
        self.as_json = as_json
        self.objects: list[dict[str, Any]] = []
        self.verdicts: list[Verdict] = []
        self.interrupted = False

    def add(self, path: str, spec: Spec, verdict: Verdict) -> None:
        """Keep a verdict; print it, and for a violation write and list its run."""
        self.verdicts.append(verdict)
        shown = None
        if verdict.counterexample is not None:
            shown = _record(path, spec, verdict.counterexample)
        if self.as_json:
            self.objects.append(_object(path, verdict, shown))
        else:
            for line in _lines(path, verdict, shown):
                click.echo(line)

    def finish(self, require_complete: bool) -> int:
        """Print the end; give the exit code."""
        words = [verdict.word for verdict in self.verdicts]
        code = exit_codes.VIOLATED if "Violated" in words else exit_codes.HELD
        if (
            code == exit_codes.HELD
            and require_complete
            and not all(v.complete for v in self.verdicts)
        ):
            code = exit_codes.INCONCLUSIVE
        if self.interrupted:
            code = exit_codes.INTERRUPTED
        if self.as_json:
            emit({"schema": "simkernel.check/1", "exit": code, "verdicts": self.objects})
        elif len(words) > 1:
            counts = ", ".join(
                f"{words.count(word)} {word.lower()}" for word in COLORS if word in words
            )
            click.echo(f"{len(words)} specs: {counts}")
        return code


def _record(path: str, spec: Spec, example: Counterexample) -> dict[str, Any]:
    """Run the counterexample again, with a trace: what is shown has been replayed."""
    TRACES.mkdir(exist_ok=True)
    name = spec.name.replace(":", "-")
    source = source_hash(path.partition(":")[0])
    header = {
        "spec": path, "parameters": parameters_text(example.parameters),
        "settings": example.settings.to_json(), "source": source,
    }  # fmt: skip
    file = TraceFile(TRACES / f"{name}.jsonl", header)
    keep = Recorder(keep=True)
    m = spec.machine(example.parameters, example.settings, tape=_both(file.recorder, keep))
    file.recorder.attach(m)
    keep.attach(m)
    with guards(), watchdog():
        ended = run(m, example.settings)
    digest = file.recorder.hash
    file.close(ended)
    again = findings(m, ended, spec.expect)
    assert again == list(example.findings), "a counterexample did not come again"
    keep.flush()
    blob = Blob(path, parameters_text(example.parameters), example.settings, source, digest)
    events = [json.loads(line) for line in keep.lines or ()]
    picks = example.settings.picks
    raced = race(events, picks[-1][0], example.instead) if picks and example.instead else ""
    return {"trace": str(file.path), "blob": blob.to_text(), "events": events, "race": raced}


def _both(first: Recorder, second: Recorder) -> Any:
    def tape(event: tuple[Any, ...]) -> None:
        first(event)
        second(event)

    return tape


def _lines(path: str, verdict: Verdict, shown: dict[str, Any] | None) -> Iterator[str]:
    word = color(verdict.word, fg=COLORS[verdict.word], bold=True)
    yield f"{word:<12} {path}  {verdict.sentence}"
    for note in verdict.notes:
        yield f"    {note}"
    if verdict.counterexample is None or shown is None:
        return
    for finding in verdict.counterexample.findings:
        yield f"    {finding.kind}: {finding.text}"
    yield f"    {_size(verdict.counterexample)}"
    if shown["race"]:
        yield f"    {shown['race']}"
    yield ""
    events = shown["events"]
    rows = list(listing(events))
    yield from rows[:LISTED_MAX]
    if len(rows) > LISTED_MAX:
        yield f"  … {len(rows) - LISTED_MAX} more lines: simkernel trace show {shown['trace']}"
    yield f"    replay  simkernel replay {shown['trace']}"
    yield f"    blob    {shown['blob']}"
    yield ""


def _size(example: Counterexample) -> str:
    """Say how large the shown run is, and with which parameters."""
    given = ", ".join(f"{k}={v}" for k, v in parameters_text(example.parameters).items())
    leaves = {0: "the default schedule", 1: "1 step away from the default schedule"}.get(
        example.deviations, f"{example.deviations} steps away from the default schedule"
    )
    return f"shown with {given}: {leaves}" if given else f"shown: {leaves}"


def _object(path: str, verdict: Verdict, shown: dict[str, Any] | None) -> dict[str, Any]:
    searched = verdict.searched
    found: dict[str, Any] = {
        "spec": path,
        "verdict": verdict.word,
        "complete": verdict.complete,
        "sentence": verdict.sentence,
        "searched": {
            "strategy": searched.strategy, "network": searched.network, "time": searched.time,
            "runs": searched.runs, "transitions": searched.transitions,
            "situations": searched.situations, "seconds": round(searched.seconds, 3),
            "why_stopped": searched.why_stopped,
        },
        "notes": list(verdict.notes),
    }  # fmt: skip
    if verdict.counterexample is not None and shown is not None:
        found["findings"] = [
            {"kind": f.kind, "process": f.process, "text": f.text}
            for f in verdict.counterexample.findings
        ]
        found["transitions"] = verdict.counterexample.transitions
        found["deviations"] = verdict.counterexample.deviations
        found["parameters"] = parameters_text(verdict.counterexample.parameters)
        found["race"] = shown["race"]
        found["trace"] = shown["trace"]
        found["blob"] = shown["blob"]
        found["replay"] = f"simkernel replay {shown['trace']}"
    return found
