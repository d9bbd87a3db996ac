"""`simkernel replay`: run a trace or a blob again, to its end, to a step, or step by step."""

from __future__ import annotations

import json
from typing import Any

import click

from reports.listing import listing
from reports.moment import moment
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option
from simkernel.cli.terminal import emit
from simkernel.errors import ReplayDiverged, SpecError, UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.view import view
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load, source_hash
from simkernel.spec import Spec, parameters_back, run
from simkernel.trace.blob import is_blob, parse
from simkernel.trace.reader import Trace, read
from simkernel.trace.replay import Replay
from simkernel.trace.writer import Recorder

HELP = "n or Enter: next · NUMBER: go on to that step · s: state · q: quit"


@click.command("replay")
@click.argument("what", metavar="TRACE-OR-BLOB")
@click.option("--at", type=click.IntRange(min=0), help="Stop before this step and show the state.")
@click.option("--step", "stepping", is_flag=True, help="Step by step, asking for what to do.")
@json_option
def command(what: str, at: int | None, stepping: bool, as_json: bool) -> int:
    """\b
    simkernel replay .simkernel/counter.jsonl
    simkernel replay .simkernel/counter.jsonl --at 41
    simkernel replay sk1.eNqLVip… --step

    Run a recorded run again and compare every event; the first difference is explained.
    """
    if stepping and as_json:
        raise UsageError("stepping is a dialogue", where="--step --json", hint="Use --at N --json.")
    trace = _of_blob(what) if is_blob(what) else read(what)
    spec = _load(trace)
    given = parameters_back(spec, trace.header["parameters"])
    changed = trace.header.get("source") != source_hash(trace.header["spec"].partition(":")[0])
    recorder = Recorder(keep=True)
    m = spec.machine(given, trace.settings, tape=recorder)
    replay = Replay(m, recorder, trace, changed)
    with guards(), watchdog():
        if stepping:
            _dialogue(replay)
            return exit_codes.HELD
        while not replay.done and (at is None or replay.step < at):
            replay.forward()
        if at is not None:
            if replay.step < at:
                raise UsageError(
                    f"the trace has {replay.step} steps", where="--at", hint="Name an earlier step."
                )
            _show_state(replay, as_json)
            return exit_codes.HELD
        replay.finish()
    _print_end(replay, as_json)
    return exit_codes.HELD


def _load(trace: Trace) -> Spec:
    try:
        return load(trace.header["spec"])
    except SpecError as error:
        raise UsageError(
            f"the spec of the trace cannot be loaded: {error.what}",
            where=error.where,
            hint="Run the command where the spec's path is right, as it was when it was recorded.",
        ) from error


def _of_blob(text: str) -> Trace:
    """Make the run that a blob describes, and give it as a trace to follow."""
    blob = parse(text)
    header = {"spec": blob.spec, "parameters": blob.parameters, "source": blob.source}
    trace = Trace("blob", header, blob.settings)
    spec = _load(trace)
    recorder = Recorder(keep=True)
    m = spec.machine(parameters_back(spec, blob.parameters), blob.settings, tape=recorder)
    with guards(), watchdog():
        ended = run(m, blob.settings)
    recorder.flush()  # a blob without a hash has lines as well
    if blob.trace and blob.trace != recorder.hash:
        changed = blob.source != source_hash(blob.spec.partition(":")[0])
        raise ReplayDiverged(
            recorder.transitions,
            f"a run with hash {blob.trace}",
            f"one with hash {recorder.hash}",
            "The spec file has changed since the blob was made." if changed else
            "The spec is the same: it reads something outside the run. `simkernel doctor SPEC` "
            "looks for it.",
        )  # fmt: skip
    trace.lines = recorder.lines or []
    trace.last = {"e": "ended", "why": ended, "hash": recorder.hash}
    return trace


def _print_end(replay: Replay, as_json: bool) -> None:
    torn = replay.trace.torn
    if as_json:
        emit({
            "schema": "simkernel.replay/1", "steps": replay.step, "same": True, "torn": torn,
            "hash": replay.recorder.hash,
        })  # fmt: skip
        return
    part = " (the trace was cut short: as far as it goes)" if torn else ""
    click.echo(f"{replay.step} steps, every event as recorded{part}")
    click.echo(f"hash {replay.recorder.hash}")


def _show_state(replay: Replay, as_json: bool) -> None:
    state = view(replay.machine)
    if as_json:
        emit({"schema": "simkernel.state/1", "step": replay.step, **state})
        return
    lines = replay.recorder.lines or []
    for line in list(listing([json.loads(text) for text in lines]))[-12:]:
        click.echo(line)
    for line in moment(state):
        click.echo(line)


def _dialogue(replay: Replay) -> None:
    click.echo(HELP)
    while not replay.done:
        answer = click.prompt(f"step {replay.step}", default="n", show_default=False).strip()
        if answer == "q":
            return
        if answer == "s":
            for line in moment(view(replay.machine)):
                click.echo(line)
            continue
        if answer not in ("n", "") and not answer.isdigit():
            click.echo(HELP)
            continue
        goal = int(answer) if answer.isdigit() else replay.step + 1
        while not replay.done and replay.step < goal:
            _print_lines(replay.forward(), replay)
    click.echo("the end of the trace")


def _print_lines(made: list[str], replay: Replay) -> None:
    lines = replay.recorder.lines or []
    every: list[dict[str, Any]] = [json.loads(line) for line in lines]
    rows = list(listing(every, everything=True))[1:-1]
    for row in rows[len(rows) - len(made) :]:
        click.echo(row)
