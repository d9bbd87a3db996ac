"""`simkernel report`: make a page of a run, or of what a check found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reports.case import Case
from reports.run_page import run_page
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option
from simkernel.cli.reel import case_of, write
from simkernel.cli.terminal import emit
from simkernel.errors import UsageError
from simkernel.trace.reader import read

CHECKED = "simkernel.check/1"
RAN = "simkernel.run/1"


@click.command("report")
@click.argument("what", metavar="TRACE|RESULT|SPECS", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", type=click.Path(), required=True, help="The page, or a folder.")
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Most runs of a spec.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    help="Most time for a spec.",
)
@json_option
def command(what: tuple[str, ...], output: str, runs: int, seconds: float, as_json: bool) -> int:
    """\b
    simkernel report .simkernel/agent_fsm.jsonl -o report.html
    simkernel check specs/guide/agent_fsm.py --json > result.json
    simkernel report result.json -o report.html
    simkernel report specs/guide specs/concurrency -o site/

    Make one HTML file of a trace, or of the JSON of `run --trace` or `check`: what went wrong and
    how it came to it, then the run to walk through. It needs no network, and works without script.

    Of SPECS: check them, and make an index over them with a page each.
    """
    if all(Path(one).is_dir() or one.partition(":")[0].endswith(".py") for one in what):
        from simkernel.cli.site import site

        entries = site(what, Path(output), runs, seconds)
        found = {entry.file: entry.case.word for entry in entries}
        if as_json:
            emit({"schema": "simkernel.report/1", "output": output, "verdicts": found})
        else:
            click.echo(f"report {Path(output) / 'index.html'}: {len(entries)} specs")
        return exit_codes.HELD
    if len(what) > 1:
        raise UsageError("a page is of one trace or result", where="TRACE", hint="Name one.")
    case = _case(what[0])
    write(Path(output), run_page(case))
    if as_json:
        emit({"schema": "simkernel.report/1", "output": output, "verdict": case.word})
    else:
        click.echo(f"report {output}")
    return exit_codes.HELD


def _case(what: str) -> Case:
    result = _result(what)
    if result is None:
        return case_of(read(what))
    told = result["verdicts"] if result["schema"] == CHECKED else [result]
    shown = [one for one in told if one.get("trace")]
    if len(shown) == 1:
        return case_of(read(shown[0]["trace"]), shown[0])
    if len(told) == 1:
        return _without_run(told[0])
    raise UsageError(
        f"the result has {len(told)} verdicts, {len(shown)} of them with a trace",
        where=what,
        hint="Make a page of one: give its trace, or check one spec.",
    )


def _without_run(told: dict[str, Any]) -> Case:
    return Case(
        spec=str(told.get("spec")),
        word=str(told.get("verdict", "Run")),
        sentence=str(told.get("sentence", "")),
        notes=tuple(map(str, told.get("notes", ()))),
    )


def _result(what: str) -> dict[str, Any] | None:
    """Read the JSON of a command; None if it is a trace, which has a line an event."""
    try:
        value = json.loads(Path(what).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(value, dict) and value.get("schema") in (CHECKED, RAN)
    return value if known else None
