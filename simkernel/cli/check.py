"""`simkernel check`: search the runs of specs, conclude, and show the shortest bad run."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from checkers.check import Budget, check
from checkers.corpus import Corpus, Question
from checkers.evidence import Evidence, gather
from checkers.finding import known_kinds, listed
from checkers.search import ANY_TIME, BOUNDED, Plan
from checkers.strategies import STRATEGIES, known_time
from checkers.verdict import Again, Searched, Verdict
from checkers.workers import Lost, Told, Workers
from reports.violation import raced, violation
from simkernel.cli import exit_codes
from simkernel.cli.memory import memory_kept
from simkernel.cli.options import (
    json_option,
    network_option,
    param_option,
    parameters_of,
    quiet_option,
    report_option,
    seed_option,
)
from simkernel.cli.reel import verdict_page, write
from simkernel.cli.terminal import Progress, color, emit, failure, screen
from simkernel.cli.witness import Compared, Witness, ways_of
from simkernel.errors import Nondeterminism, UnknownStrategy, UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import find, load, source_hash
from simkernel.spec import Spec
from simkernel.trace.blob import parameters_text

PATIENCE_S = 60.0  # after the time for search and shrinking, until a worker is ended
TRACES = Path(".simkernel")
CORPUS = TRACES / "corpus"
Job = tuple[str, Spec, dict[str, Any]]
COLORS = {"Held": "green", "Violated": "red", "Inconclusive": "yellow"}


@click.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option(
    "--strategy",
    default="portfolio",
    show_default=True,
    help="portfolio: at random, by walk, pct, pos and surw in turn; dpor or rf: every class of "
    "runs once; dfs: every interleaving; bfs: the same, nearest first, and runs without end; "
    "delay: few deviations first; auto: rf if it can, then the portfolio.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=1_000,
    show_default=True,
    help="Most runs of a spec (random strategies, delay).",
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
    type=click.Choice([ANY_TIME, BOUNDED]),
    default=BOUNDED,
    show_default=True,
    help="Steps take up to 10 ms (bounded), or any time; on cluster signals too.",
)
@seed_option
@param_option
@click.option(
    "--faults",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Most faults of one run: crashes, and on cluster lost, doubled and delayed messages, "
    "partitions.",
)
@click.option(
    "--rare",
    is_flag=True,
    help="With what the real VM does a few times in 100,000: ends in stages, very late monitors.",
)
@click.option(
    "--expect",
    "expected",
    multiple=True,
    metavar="KIND",
    help="Do not report findings of this kind; may be given again.",
)
@click.option(
    "--judge",
    "judged",
    multiple=True,
    metavar="KIND",
    help="Report findings of this kind, though the spec expects them; may be given again.",
)
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="NAME",
    help="Look at this property of the spec alone, and at what is never right; may be given again.",
)
@click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(file_okay=False, path_type=Path),
    default=CORPUS,
    show_default=True,
    help="Where violations are kept, and run again before the next search.",
)
@click.option(
    "--no-corpus",
    is_flag=True,
    envvar="SIMKERNEL_NO_CORPUS",
    show_envvar=True,
    help="Keep no violations, and run none again.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that search: each another spec, or one spec together.",
)
@click.option(
    "--memory",
    type=click.IntRange(min=64),
    default=None,
    metavar="MB",
    help="Most memory for the runs of a worker; three quarters of the machine's for all, if left "
    "out. A spec that needs more is reported.",
)
@click.option("--require-complete", is_flag=True, help="Exit 5 unless every verdict is complete.")
@click.option(
    "--no-witness",
    is_flag=True,
    envvar="SIMKERNEL_NO_WITNESS",
    show_envvar=True,
    help="Make no runs in a second Python, whose hash seed is another, to compare with.",
)
@report_option
@quiet_option
@json_option
def command(paths: tuple[str, ...], **options: Any) -> int:
    """\b
    simkernel check specs/guide
    simkernel check specs/guide/counter.py --strategy rf --seconds 60
    simkernel check specs/guide/counter.py --network cluster --runs 5000

    Check spec files, or folders of them, for their properties and, without any, for what is never
    right: crashes that nobody notices, deadlocks, callers without a reply, events without a clause
    or postponed for ever, late replies, orphans, leaks, mailboxes and runs without end.
    """
    if options["strategy"] not in STRATEGIES:
        raise UnknownStrategy(options["strategy"], known=STRATEGIES, where="--strategy")
    known_time(options["time_model"], options["strategy"])
    where = list(find(list(paths)))
    for kinds in (options["expected"], options["judged"]):
        known_kinds(kinds)
    loaded = [(path, load(path)) for path in where]
    _known_properties(loaded, options["properties"])
    specs = [(path, _expecting(spec, options)) for path, spec in loaded]
    given = [parameters_of(spec, options["params"]) for _, spec in specs]
    if options["report_path"] is not None and len(specs) > 1:
        raise UsageError(
            f"a report is of one spec, and there are {len(specs)}",
            where="--report",
            hint="`simkernel report PATHS -o FOLDER/` makes an index, with a page each.",
        )
    report = _Report(options["as_json"], options["report_path"])
    jobs = [(path, spec, parameters) for (path, spec), parameters in zip(specs, given, strict=True)]
    other = nullcontext() if options["no_witness"] else closing(Witness(options["memory"]))
    with other as witness, memory_kept(options["memory"], options["workers"]):
        for job, verdict in _verdicts(jobs, options):
            path, spec, parameters = job
            if isinstance(verdict, Verdict) and verdict.searched.why_stopped == "interrupted":
                report.interrupted = True
            elif isinstance(verdict, Verdict) and witness is not None:
                try:
                    verdict = _witnessed(job, verdict, options, witness)
                except KeyboardInterrupt:  # what was found is not lost with it
                    report.interrupted = True
            if isinstance(verdict, Nondeterminism):
                if len(jobs) == 1:
                    raise verdict
                report.refuse(path, verdict)
                continue
            report.add(path, spec, verdict, parameters)
            if report.interrupted:
                break
    return report.finish(options["require_complete"])


def _witnessed(
    job: Job, verdict: Verdict, options: dict[str, Any], witness: Witness
) -> Verdict | Nondeterminism:
    """Compare runs of a spec, and the one that was found, with those under another hash seed."""
    path, spec, parameters = job
    plan = Plan(
        spec, parameters, options["network"], effects=options["effects"], seed=options["seed"],
        time=options["time_model"], rare=options["rare"],
    )  # fmt: skip
    compared = [Compared(path, spec, parameters, ways_of(plan))]
    example = verdict.counterexample
    if example is not None:
        compared.append(Compared(path, spec, example.parameters, [example.settings]))
    try:
        notes = dict.fromkeys(note for one in compared if (note := witness.compare(one)))
    except Nondeterminism as error:
        return error
    return replace(verdict, notes=(*verdict.notes, *notes))


def _expecting(spec: Spec, options: dict[str, Any]) -> Spec:
    """Switch judges off and on, and leave out properties that were not asked for."""
    kinds = dict.fromkeys((*spec.expect, *options["expected"]))
    asked = options["properties"]
    return replace(
        spec,
        expect=tuple(kind for kind in kinds if kind not in options["judged"]),
        properties={k: v for k, v in spec.properties.items() if not asked or k in asked},
    )


def _known_properties(specs: list[tuple[str, Spec]], asked: tuple[str, ...]) -> None:
    """Refuse a property that none of the specs has."""
    known = dict.fromkeys(name for _, spec in specs for name in spec.properties)
    for name in asked:
        if name not in known:
            raise UsageError(
                f"no spec here has a property {name!r}",
                where="--property",
                hint=f"There are: {', '.join(map(repr, known)) or 'none'}.",
            )


Checked = tuple[Job, Verdict | Nondeterminism]


def _verdicts(jobs: list[Job], options: dict[str, Any]) -> Iterator[Checked]:
    """Check specs one after the other, or each in a worker; an interrupted one is the last."""
    if options["workers"] > 1 and len(jobs) > 1:
        yield from _by_workers(jobs, options)
        return
    for job in jobs:
        verdict = _sure(job, options)
        yield job, verdict
        if isinstance(verdict, Verdict) and verdict.searched.why_stopped == "interrupted":
            return


def _sure(job: Job, options: dict[str, Any]) -> Verdict | Nondeterminism:
    """Check a spec; that it is not deterministic is an answer too."""
    try:
        return _with_corpus(*job, options)
    except Nondeterminism as error:
        return error


def _by_workers(jobs: list[Job], options: dict[str, Any]) -> Iterator[Checked]:
    start = time.monotonic()
    workers: Workers[tuple[int, Verdict | Nondeterminism]] = Workers(
        options["workers"], elapsed=lambda: time.monotonic() - start
    )

    def checked(at: int) -> tuple[int, Verdict | Nondeterminism]:
        verdict = _sure(jobs[at], {**options, "workers": 1, "quiet": True})
        if isinstance(verdict, Nondeterminism):
            return at, verdict
        searched = replace(verdict.searched, workers=options["workers"])
        return at, replace(verdict, searched=searched)

    patience = 2 * options["seconds"] + PATIENCE_S
    tasks = (partial(checked, at) for at in range(len(jobs)))
    said = 0
    try:
        for result in workers.each(tasks, deadline=lambda: time.monotonic() - start + patience):
            at, verdict = (
                (result.at, _lost(jobs[result.at], options, result.why))
                if isinstance(result, Lost)
                else result
            )
            if isinstance(verdict, Verdict):
                verdict = replace(verdict, notes=(*verdict.notes, *workers.notes[said:]))
                said = len(workers.notes)
            yield jobs[at], verdict
    except KeyboardInterrupt:
        job = jobs[-1]
        yield job, _lost(job, options, "interrupted")


def _lost(job: Job, options: dict[str, Any], why: str) -> Verdict:
    """Conclude nothing of a spec whose worker gave no answer."""
    searched = Searched(
        options["strategy"], options["network"], options["time_model"], 0, 0, None, 0.0,
        why, options["faults"], workers=options["workers"],
    )  # fmt: skip
    return Verdict(job[1].name, "Inconclusive", searched, complete=False)


def _with_corpus(
    path: str, spec: Spec, parameters: dict[str, Any], options: dict[str, Any]
) -> Verdict:
    """Check a spec, what is known of it first, and keep what is found."""
    if options["no_corpus"]:
        return _check(spec, parameters, options)
    question = Question(
        _address(path), spec.name, parameters, options["network"], options["time_model"],
        options["faults"], options["rare"],
    )  # fmt: skip
    corpus = Corpus(options["corpus_path"], question)
    source = source_hash(path.partition(":")[0])
    verdict = _check(spec, parameters, options, corpus.runs(spec, source))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    corpus.keep(verdict, since=today, source=source)
    return replace(verdict, notes=(*verdict.notes, *corpus.problems))


def _address(path: str) -> str:
    """Name a spec in one way, from wherever below the current folder it is named."""
    full = os.path.abspath(path)
    here = os.path.relpath(full)
    return (full if here.startswith("..") else here).replace(os.sep, "/")


def _check(
    spec: Spec,
    parameters: dict[str, Any],
    options: dict[str, Any],
    known: Sequence[Callable[[], Again]] = (),
) -> Verdict:
    start = time.monotonic()
    progress = Progress(options["quiet"] or options["as_json"])

    def show(runs: int, transitions: int, found: bool) -> None:
        spent = time.monotonic() - start
        bad = ", a bad one found" if found else ""
        progress.show(f"{spec.name}: {runs} runs, {transitions} transitions, {spent:.1f} s{bad}")

    def elapsed() -> float:
        if Told.stop:
            raise KeyboardInterrupt
        return time.monotonic() - start

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
                faults=options["faults"],
                time=options["time_model"],
                rare=options["rare"],
                known=known,
                workers=options["workers"],
                elapsed=elapsed,
                progress=show,
            )
    finally:
        progress.clear()


class _Report:
    """What has been concluded so far; printed as it comes, or as one object at the end."""

    def __init__(self, as_json: bool, page: str | None = None):
        self.as_json = as_json
        self.page = page
        self.objects: list[dict[str, Any]] = []
        self.verdicts: list[Verdict] = []
        self.interrupted = False
        self.refused = 0

    def add(self, path: str, spec: Spec, verdict: Verdict, parameters: dict[str, Any]) -> None:
        """Keep a verdict; print it, and for a violation write and list its run."""
        self.verdicts.append(verdict)
        shown = None
        if verdict.counterexample is not None:
            shown = _evidence(path, spec, verdict)
        if self.as_json:
            self.objects.append(_object(path, verdict, shown))
        else:
            for line in _lines(path, verdict, shown):
                click.echo(line)
        if self.page is not None:
            trace = shown.trace if shown is not None else None
            write(Path(self.page), verdict_page(path, verdict, trace, parameters))
            if not self.as_json:
                click.echo(f"report {self.page}")

    def refuse(self, path: str, error: Nondeterminism) -> None:
        """Keep that nothing can be concluded of a spec, since its runs are not the same again."""
        self.refused += 1
        if self.as_json:
            told = failure(error, exit_codes.DIVERGED)["error"]
            self.objects.append({"spec": path, "verdict": "Inconclusive", "error": told})
        else:
            click.echo(f"error: {error}", err=True)

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
        if self.refused:
            code = exit_codes.DIVERGED
        if self.interrupted:
            code = exit_codes.INTERRUPTED
        if self.as_json:
            emit({"schema": "simkernel.check/1", "exit": code, "verdicts": self.objects})
        elif len(words) + self.refused > 1:
            counts = [f"{words.count(word)} {word.lower()}" for word in COLORS if word in words]
            counts += [f"{self.refused} not deterministic"] if self.refused else []
            click.echo(f"{len(words) + self.refused} specs: {', '.join(counts)}")
        return code


def _evidence(path: str, spec: Spec, verdict: Verdict) -> Evidence:
    source = source_hash(path.partition(":")[0])
    assert verdict.counterexample is not None
    with guards(), watchdog():
        return gather(path, spec, verdict.counterexample, source, TRACES, verdict)


def _lines(path: str, verdict: Verdict, shown: Evidence | None) -> Iterator[str]:
    word = color(verdict.word, fg=COLORS[verdict.word], bold=True)
    yield f"{word:<12} {path}  {verdict.sentence}"
    for note in (*(one.sentence for one in verdict.known), *verdict.notes):
        yield f"    {note}"
    if verdict.counterexample is not None and shown is not None:
        yield from violation(verdict.counterexample, shown, screen())
        yield f"    replay  simkernel replay {shown.trace}"
        yield f"    blob    {shown.blob}"
        yield ""


def _object(path: str, verdict: Verdict, shown: Evidence | None) -> dict[str, Any]:
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
            "why_stopped": searched.why_stopped, "faults": searched.faults, "hits": searched.hits,
            "behaviours": searched.behaviours, "unseen": searched.unseen, "rare": searched.rare,
            "workers": searched.workers,
        },
        "notes": list(verdict.notes),
        "corpus": [
            {
                "failure": list(one.kept.failure), "text": one.kept.text, "since": one.kept.since,
                "status": one.status, "why": one.why, "file": one.kept.path,
            }
            for one in verdict.known
        ],
    }  # fmt: skip
    if verdict.counterexample is not None and shown is not None:
        found["findings"] = listed(verdict.counterexample.findings)
        found["known"] = bool(verdict.since)
        found["since"] = verdict.since or None
        found["transitions"] = verdict.counterexample.transitions
        found["deviations"] = verdict.counterexample.deviations
        order = verdict.counterexample.shown
        found["context_switches"] = (
            None if order is None else {"shown": order.switches, "instead_of": order.instead_of}
        )
        found["parameters"] = parameters_text(verdict.counterexample.parameters)
        found["race"] = raced(verdict.counterexample, shown)
        found["trace"] = shown.trace
        found["blob"] = shown.blob
        found["replay"] = f"simkernel replay {shown.trace}"
    return found
