"""`simkernel prove`: search or prove what declared machines promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from checkers.machines.declaration import ELAPSED, Declaration
from checkers.machines.explicit import Limits
from checkers.machines.files import made, maker
from checkers.machines.proving import METHODS, Answer, prove
from checkers.machines.semantics import Run
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option, param_option, parameters_of, quiet_option
from simkernel.cli.terminal import Progress, color, emit
from simkernel.errors import UnknownStrategy
from simkernel.loading import find

COLORS = {"Held": "green", "Violated": "red", "Inconclusive": "yellow"}


@click.command("prove")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option(
    "--method",
    default="auto",
    show_default=True,
    help="explicit: every situation; bmc: runs of few steps; induction, houdini, spacer: proofs; "
    "auto: explicit where there are finitely many situations, else the others in turn.",
)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=60.0, show_default=True,
              help="Most time for a machine.")  # fmt: skip
@click.option("--states", type=click.IntRange(min=1), default=20_000_000, show_default=True,
              help="Most situations of an explicit search.")  # fmt: skip
@click.option("--depth", type=click.IntRange(min=1), default=50, show_default=True,
              help="Most steps of bmc, most situations in a row of induction.")  # fmt: skip
@click.option("--no-symmetry", is_flag=True, help="Tell all situations apart in a search.")
@click.option("--certificate", type=click.Path(dir_okay=False),
              help="Write the inductive invariant there, as SMT-LIB.")  # fmt: skip
@param_option
@click.option("--require-complete", is_flag=True, help="Exit 5 unless every answer is complete.")
@quiet_option
@json_option
def command(paths: tuple[str, ...], **options: Any) -> int:
    """\b
    simkernel prove specs/machines
    simkernel prove specs/machines/two_phase_commit_fixed.py --param participants=5
    simkernel prove specs/machines/lease_fixed.py --method spacer --certificate lease.smt2

    Find out whether declared machines (files with a `def machine`) keep what they promise: their
    invariants, lemmas, goals and what leads to what. A run that breaks a promise is shown; a proof
    leaves a certificate, which has been checked again.
    """
    if options["method"] not in METHODS:
        raise UnknownStrategy(options["method"], known=METHODS, where="--method")
    makers = [(path, maker(path)) for path in find(list(paths))]
    machines = [(path, made(spec, parameters_of(spec, options["params"])))
                for path, spec in makers]  # fmt: skip
    report = Report(options["as_json"])
    for path, machine in machines:
        try:
            answer = _prove(machine, options)
        except KeyboardInterrupt:
            report.interrupted = True
            break
        report.add(path, machine, answer, options["certificate"])
        if answer.text.startswith("interrupted"):
            report.interrupted = True
            break
    return report.finish(options["require_complete"])


def _prove(machine: Declaration, options: Mapping[str, Any]) -> Answer:
    progress = Progress(options["quiet"] or options["as_json"])
    limits = Limits(
        options["seconds"], options["states"], options["depth"],
        progress=lambda text: progress.show(f"{machine.name}: {text}"),
    )  # fmt: skip
    try:
        return prove(machine, options["method"], limits, symmetry=not options["no_symmetry"])
    finally:
        progress.clear()


class Report:
    """The answers so far; printed as they come, or as one object at the end."""

    def __init__(self, as_json: bool):
        self.as_json = as_json
        self.objects: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.interrupted = False

    def add(self, path: str, machine: Declaration, answer: Answer, keep: str | None) -> None:
        """Keep an answer; print it, and write its certificate."""
        self.answers.append(answer)
        if keep is not None and answer.certificate is not None:
            Path(keep).write_text(answer.certificate.formula, encoding="utf-8")
        if self.as_json:
            self.objects.append(_object(path, answer))
        else:
            for line in _lines(path, answer):
                click.echo(line)

    def finish(self, require_complete: bool) -> int:
        """Print the end; give the exit code."""
        words = [answer.word for answer in self.answers]
        code = exit_codes.VIOLATED if "Violated" in words else exit_codes.HELD
        complete = all(answer.complete for answer in self.answers)
        if code == exit_codes.HELD and require_complete and not complete:
            code = exit_codes.INCONCLUSIVE
        if self.interrupted:
            code = exit_codes.INTERRUPTED
        if self.as_json:
            emit({"schema": "simkernel.prove/1", "exit": code, "answers": self.objects})
        elif len(words) > 1:
            counts = [f"{words.count(word)} {word.lower()}" for word in COLORS if word in words]
            click.echo(f"{len(words)} machines: {', '.join(counts)}")
        return code


def _lines(path: str, answer: Answer) -> Iterator[str]:
    word = color(answer.word, fg=COLORS[answer.word], bold=True)
    yield f"{word:<12} {path}  {answer.machine}: {answer.text}"
    if answer.certificate is not None:
        yield "    an inductive invariant certifies it; a plain solver has checked it"
    for note in answer.notes:
        yield f"    {note}"
    if answer.run is not None:
        yield from run_lines(answer.run)


def run_lines(run: Run) -> Iterator[str]:
    """Write a run: how it starts, and what each step changes."""
    yield "    start  " + ", ".join(f"{name} = {value}" for name, value in run.start.items())
    before = run.start
    for number, step in enumerate(run.steps, start=1):
        changed = [f"{k} = {v}" for k, v in step.state.items() if before[k] != v]
        name = step.action if step.elapsed == 1 else f"{step.action}: {step.elapsed}"
        mark = "  (from here on for ever)" if run.back == number - 1 else ""
        yield f"    {number:>5}  {name}  →  {', '.join(changed) or 'as before'}{mark}"
        before = step.state


def _object(path: str, answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {
        "spec": path, "machine": answer.machine, "verdict": answer.word, "method": answer.method,
        "complete": answer.complete, "sentence": answer.text, "failed": answer.failed,
        "states": answer.states, "generated": answer.generated, "depth": answer.depth,
        "notes": list(answer.notes), "certificate": None, "run": None,
    }  # fmt: skip
    if answer.certificate is not None:
        one = answer.certificate
        found["certificate"] = {"smt2": one.formula, "window": one.window, "simple": one.simple}
    if answer.run is not None:
        steps = [{"action": step.action, ELAPSED: step.elapsed, "state": dict(step.state)}
                 for step in answer.run.steps]  # fmt: skip
        found["run"] = {"start": dict(answer.run.start), "steps": steps, "back": answer.run.back}
    return found
