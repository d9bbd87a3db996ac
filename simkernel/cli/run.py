"""`simkernel run`: one seeded run, with figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from checkers.finding import Finding, listed
from checkers.judged import judgement
from checkers.judges import Judges
from simkernel.cli import exit_codes
from simkernel.cli.options import (
    json_option,
    milliseconds,
    network_option,
    param_option,
    parameters_of,
    report_option,
    seed_option,
)
from simkernel.cli.terminal import color, emit
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.leftovers import globals_kept
from simkernel.loading import load, source_hash
from simkernel.settings import EFFECTS_MAX, Settings
from simkernel.spec import Result, Spec, result_of, run
from simkernel.terms import show
from simkernel.trace.blob import Blob, parameters_text
from simkernel.trace.writer import Recorder, TraceFile


@click.command("run")
@click.argument("spec", type=click.Path())
@seed_option
@param_option
@click.option(
    "--trace", "trace_path", type=click.Path(dir_okay=False), help="Write the trace there."
)
@network_option
@click.option(
    "--step", callback=milliseconds, default="0", help="Duration of a step: ms or low..high."
)
@click.option("--latency", callback=milliseconds, default="0", help="Of a signal, on cluster.")
@click.option(
    "--picker",
    type=click.Choice(["bursts", "walk", "first"]),
    default="bursts",
    show_default=True,
    help="Whole bursts (fast), single transitions, or the default schedule.",
)
@click.option(
    "--horizon", "horizon_ms", type=click.IntRange(min=1), help="End at this virtual time, ms."
)
@click.option(
    "--effects",
    "effects_max",
    type=click.IntRange(min=1),
    default=EFFECTS_MAX,
    show_default=True,
    help="Most transitions of the run.",
)
@report_option
@json_option
def command(
    spec: str, seed: int, params: tuple[str, ...], trace_path: str | None, network: str,
    step: tuple[float, float], latency: tuple[float, float], picker: str, horizon_ms: int | None,
    effects_max: int, report_path: str | None, as_json: bool,
) -> int:  # fmt: skip
    """\b
    simkernel run specs/guide/counter.py
    simkernel run specs/guide/counter.py --seed 7 --param clients=3 --trace run.jsonl

    Run SPEC (a file with an `async def main`) once.
    """
    loaded = load(spec)
    given = parameters_of(loaded, params)
    settings = Settings(
        network=network, seed=seed, step_ms=step, latency_ms=latency, picker=picker,
        horizon_ms=horizon_ms, effects_max=effects_max,
    )  # fmt: skip
    source = source_hash(spec.partition(":")[0])
    if report_path is not None and trace_path is None:
        from simkernel.cli.reel import beside

        trace_path = str(beside(report_path))
    result, found, digest = _run(loaded, given, settings, trace_path, spec, source)
    blob = Blob(spec, parameters_text(given), settings, source, digest).to_text()
    if as_json:
        emit(_object(loaded, result, found, digest, trace_path, blob))
    else:
        _print(loaded, result, found, trace_path)
    if report_path is not None and trace_path is not None:
        _report(report_path, trace_path)
        if not as_json:
            click.echo(f"report {report_path}")
    if result.ended == INTERRUPTED:
        return exit_codes.INTERRUPTED
    return exit_codes.VIOLATED if found else exit_codes.HELD


INTERRUPTED = "interrupted"


def _report(path: str, trace: str) -> None:
    """Write the page of a run; who asks for none does not load what makes it."""
    from reports.run_page import run_page
    from simkernel.cli.reel import case_of, pictures, write
    from simkernel.trace.reader import read

    case = case_of(read(trace))
    write(Path(path), run_page(case, pictures(case)))


def _run(
    spec: Spec, given: dict[str, Any], settings: Settings, path: str | None, where: str, source: str
) -> tuple[Result, list[Finding], str]:
    """Run with a trace file, or with a recorder that only hashes."""
    file = None
    if path is not None:
        header = {
            "spec": where, "parameters": parameters_text(given), "settings": settings.to_json(),
            "source": source,
        }  # fmt: skip
        file = TraceFile(path, header)
    recorder = file.recorder if file is not None else Recorder()
    m = spec.machine(given, settings, tape=recorder)
    judges = Judges()
    m.listens(judges)
    try:
        with guards(), watchdog(), globals_kept(spec.main):
            ended = run(m, settings)
    except KeyboardInterrupt:
        ended = INTERRUPTED
    except BaseException:
        if file is not None:
            file.close("failed")
        raise
    found = judgement(m, ended, judges, spec.expect)
    if file is not None:
        file.close(ended, findings=listed(found))
    return result_of(m, ended), found, recorder.hash


def _object(
    spec: Spec, result: Result, found: list[Finding], digest: str, path: str | None, blob: str
) -> dict[str, Any]:
    return {
        "schema": "simkernel.run/1",
        "spec": spec.name,
        "ended": result.ended,
        "now_ms": result.now_ms,
        "transitions": result.transitions,
        "returned": show(result.returned),
        "log": [show(line) for line in result.logged],
        "deaths": [{"pid": str(pid), "reason": show(reason)} for pid, reason in result.deaths],
        "findings": listed(found),
        "hash": digest,
        "trace": path,
        "blob": blob,
    }


def _print(spec: Spec, result: Result, found: list[Finding], path: str | None) -> None:
    for line in result.logged:
        click.echo(f"  {line if isinstance(line, str) else show(line)}")
    deaths = len(result.deaths)
    ends = f"{deaths or 'no'} process{'es' if deaths > 1 else ''} ended"
    click.echo(
        f"{spec.name}: {result.ended} at {result.now_ms:g} ms, "
        f"after {result.transitions} transitions; {ends}"
    )
    if result.returned is not None:
        click.echo(f"returned {show(result.returned)}")
    for finding in found:
        click.echo(f"{color(finding.kind, fg='red')}: {finding.text}")
    if path is not None:
        click.echo(f"trace {path}; show it: simkernel trace show {path}")
