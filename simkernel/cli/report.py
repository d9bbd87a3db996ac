"""`simkernel report`: make a page of a run, or of what a check found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reports.run_page import run_page
from reports.site import Entry
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option
from simkernel.cli.reel import case_of, case_of_told, pictures, write
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

    Of a result with several verdicts: a folder, with an index and a page each.

    Of SPECS: check them, and make an index over them with a page each.
    """
    if all(Path(one).is_dir() or one.partition(":")[0].endswith(".py") for one in what):
        from simkernel.cli.site import site

        return _indexed(site(what, Path(output), runs, seconds), output, as_json)
    if len(what) > 1:
        raise UsageError("a page is of one trace or result", where="TRACE", hint="Name one.")
    result = _result(what[0])
    if result is None:
        case = case_of(read(what[0]))
    else:
        told = result["verdicts"] if result["schema"] == CHECKED else [result]
        if len(told) != 1:
            return _pages(told, output, as_json)
        case = case_of_told(told[0])
    write(Path(output), run_page(case, pictures(case)))
    if as_json:
        emit({"schema": "simkernel.report/1", "output": output, "verdict": case.word})
    else:
        click.echo(f"report {output}")
    return exit_codes.HELD


def _pages(told: list[dict[str, Any]], output: str, as_json: bool) -> int:
    """Write an index of several verdicts, with a page each."""
    from simkernel.cli.site import told as pages

    if Path(output).suffix == ".html":
        raise UsageError(
            f"the result has {len(told)} verdicts, which are a page each",
            where="-o",
            hint="Name a folder: it gets an index, and the pages.",
        )
    return _indexed(pages(told, Path(output)), output, as_json)


def _indexed(entries: list[Entry], output: str, as_json: bool) -> int:
    """Say what an index was made of."""
    found = {entry.file: entry.case.word for entry in entries}
    if as_json:
        emit({"schema": "simkernel.report/1", "output": output, "verdicts": found})
    else:
        click.echo(f"report {Path(output) / 'index.html'}: {len(entries)} specs")
    return exit_codes.HELD


def _result(what: str) -> dict[str, Any] | None:
    """Read the JSON of a command; None if it is a trace, which has a line an event."""
    try:
        value = json.loads(Path(what).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(value, dict) and value.get("schema") in (CHECKED, RAN)
    return value if known else None
