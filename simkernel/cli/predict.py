"""`simkernel predict`: what else could have happened, from the trace of one run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

import click

from checkers import foreign
from checkers.finding import short
from checkers.judged import judged_run
from checkers.prediction import Predicted, Prediction, Predictor
from checkers.search import ANY_TIME, BOUNDED
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option, quiet_option
from simkernel.cli.terminal import Progress, emit
from simkernel.errors import UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.machine import Transition
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load, source_hash
from simkernel.spec import parameters_back
from simkernel.trace.blob import Blob
from simkernel.trace.line import transition_of
from simkernel.trace.reader import Trace, read
from simkernel.trace.replay import Replay
from simkernel.trace.writer import Recorder


@click.command("predict")
@click.argument("trace", type=click.Path(dir_okay=False))
@click.option("--candidates", type=click.IntRange(min=1), default=1_000, show_default=True,
              help="Most runs.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=0.1), default=30.0, show_default=True,
              help="Most time.")  # fmt: skip
@click.option("--all", "every", is_flag=True, help="List the runs without findings, too.")
@click.option("--network", type=click.Choice(["cluster", "node"]), default="cluster",
              show_default=True, help="Of a log made elsewhere.")  # fmt: skip
@click.option("--changes", type=click.IntRange(1, 4), default=1, show_default=True,
              help="Most changes of a run.")  # fmt: skip
@click.option("--time", "times", type=click.Choice([BOUNDED, ANY_TIME]), default=BOUNDED,
              show_default=True, help="bounded: steps, and signals on cluster, of at most 10 ms; "
              "any: as slow as they like.")  # fmt: skip
@quiet_option
@json_option
def command(
    trace: str, candidates: int, seconds: float, every: bool, network: str, times: str,
    changes: int, quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """\b
    simkernel run specs/guide/counter.py --trace run.jsonl
    simkernel predict run.jsonl
    simkernel predict messages.jsonl --network node

    Look at one recorded run, and make each run that differs from it by one change: a receive that
    takes another message, a time-out that comes first, a death, a signal or a choice that comes
    otherwise. Each is run to its end and judged, and printed with the blob that replays it.

    Of a log of messages that was made elsewhere (a line of JSON with sender, receiver and number
    for each message, and one with `received` for each that was taken) it says which other message
    each receive could have taken. There is no spec then, and nothing is run.
    """
    if not _ours(trace):
        return _elsewhere(trace, network, candidates, as_json)
    recorded = read(trace)
    spec = load(recorded.header["spec"])
    given = parameters_back(spec, recorded.header["parameters"])
    work = Predictor(spec, given, recorded.settings, times)
    progress, start = Progress(quiet or as_json), time.monotonic()
    found: list[Predicted] = []
    interrupted = False
    try:
        with guards(), watchdog():
            run = _transitions(recorded, spec, given)
            over = lambda: time.monotonic() - start > seconds  # noqa: E731
            for one in work.others(run, candidates, over, changes):
                found.append(one)
                progress.show(f"{len(found)} runs, {sum(bool(o.findings) for o in found)} bad")
    except KeyboardInterrupt:
        interrupted = True
    finally:
        progress.clear()
    bad = [one for one in found if one.findings]
    code = _code(bool(bad), interrupted)
    header = recorded.header
    source = source_hash(header["spec"].partition(":")[0])

    def blob(one: Predicted) -> str:
        keep = Recorder()
        with guards(), watchdog():
            judged_run(spec, given, one.settings, tape=keep)[0].m.close()
        return Blob(header["spec"], header["parameters"], one.settings, source, keep.hash).to_text()

    shown = found if every else bad
    if as_json:
        emit({"schema": "simkernel.predict/1", "exit": code, "time": times, **asdict(work.found),
              "runs": len(found), "bad": len(bad),
              "predicted": [_object(one, blob(one)) for one in shown]})  # fmt: skip
        return code
    _show(shown, blob)
    for line in _counted(work.found, len(found), len(bad)):
        click.echo(line)
    return code


def _counted(found: Prediction, runs: int, bad: int) -> Iterator[str]:
    why = f"; {found.stopped}" if found.stopped else ""
    yield f"{found.events} events, {runs} other runs, {bad} of them bad{why}"
    if found.untimely:
        yield f"{found.untimely} other changes need other times: see --time any"
    if found.undecided:
        yield f"{found.undecided} changes were not decided: too many orders"


def _code(bad: bool, interrupted: bool) -> int:
    if interrupted:
        return exit_codes.INTERRUPTED
    return exit_codes.VIOLATED if bad else exit_codes.HELD


def _show(shown: list[Predicted], blob: Callable[[Predicted], str]) -> None:
    for one in shown:
        click.echo(one.change)
        for finding in one.findings:
            click.echo(f"    {finding.kind}: {finding.text}")
        click.echo(f"    replay  simkernel replay {blob(one)}")


def _ours(path: str) -> bool:
    """Tell a trace of ours, or what cannot be read, from a log that was made elsewhere."""
    try:
        with open(path, encoding="utf-8") as file:
            first = json.loads(file.readline())
    except (OSError, ValueError):
        return True  # the reader of traces says what is wrong with it
    return not isinstance(first, dict) or "schema" in first


def _elsewhere(path: str, network: str, most: int, as_json: bool) -> int:
    """Say of each receive of a log what else it could have taken."""
    log = foreign.read(path)
    found = list(islice(foreign.others(log, network=network), most + 1))
    is_cut, found = len(found) > most, found[:most]
    if as_json:
        emit({"schema": "simkernel.predict/1", "exit": exit_codes.HELD, "elsewhere": True,
              "network": network, "events": len(log.lines), "runs": 0, "bad": 0,
              "stopped": f"{most} candidates" if is_cut else "",
              "predicted": [{
                  "process": one.receive.process, "received": one.receive.received,
                  "line": one.receive.line, "instead_of": _message(one.instead),
                  "takes": _message(one.takes), "order": [line.line for line in one.order],
              } for one in found]})  # fmt: skip
        return exit_codes.HELD
    for one in found:
        click.echo(
            f"{one.receive.process}, receive {one.receive.received} (line {one.receive.line}), "
            f"could have taken {_named(one.takes)} instead of {_named(one.instead)}"
        )
        click.echo(f"    lines {' '.join(str(line.line) for line in one.order)}")
    cut = f"; only the first {most} are given" if is_cut else ""
    click.echo(f"{len(log.lines)} lines, {len(found)} other messages that could have been taken, "
               f"on {network}; nothing was run{cut}")  # fmt: skip
    return exit_codes.HELD


def _named(line: foreign.Line) -> str:
    said = "" if line.message is None else f" ({short(line.message)})"
    return f"message {line.key[2]} of {line.key[0]}{said}"


def _message(line: foreign.Line) -> dict[str, Any]:
    return {"sender": line.key[0], "number": line.key[2], "line": line.line}


def _transitions(trace: Trace, spec: Any, given: dict[str, Any]) -> list[Transition]:
    """Replay the trace, and give its transitions."""
    recorder = Recorder(keep=True)
    m = spec.machine(given, trace.settings, tape=recorder)
    replay = Replay(m, recorder, trace)
    found = []
    while not replay.done:
        first = replay.forward()[0]
        found.append(_read(first, trace.path))
    m.close()
    return found


def _read(line: str, path: str) -> Transition:
    try:
        return transition_of(json.loads(line))
    except (KeyError, ValueError) as error:
        raise UsageError(f"it is no event: {error}", where=path, hint="Record it again.") from error


def _object(one: Predicted, blob: str) -> dict[str, Any]:
    return {
        "change": one.change, "transitions": one.transitions, "kept": one.kept, "blob": blob,
        "findings": [
            {"kind": f.kind, "process": f.process, "text": f.text} for f in one.findings
        ],
    }  # fmt: skip
