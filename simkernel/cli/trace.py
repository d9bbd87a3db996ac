"""`simkernel trace`: show a trace, the first difference of two, or write it for other tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from reports.exports import FORMATS, SHIVIZ
from reports.listing import listing
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option
from simkernel.cli.reel import reel, write
from simkernel.cli.terminal import emit
from simkernel.errors import UsageError
from simkernel.trace.diff import difference
from simkernel.trace.reader import read


@click.group("trace")
def command() -> None:
    """\b
    simkernel trace show run.jsonl
    simkernel trace diff passing.jsonl failing.jsonl
    simkernel trace export run.jsonl --format perfetto -o run.json

    Look at traces.
    """


@command.command("show")
@click.argument("file", type=click.Path())
@click.option("-a", "--all", "everything", is_flag=True, help="Also the book-keeping signals.")
@json_option
def show(file: str, everything: bool, as_json: bool) -> int:
    """\b
    simkernel trace show run.jsonl

    Show a trace as a space-time listing.
    """
    trace = read(file)
    events = list(trace.events())
    if as_json:
        emit({
            "schema": "simkernel.trace.show/1", "header": trace.header, "events": events,
            "last": trace.last, "torn": trace.torn,
        })  # fmt: skip
        return exit_codes.HELD
    width = max(80, shutil.get_terminal_size((110, 24)).columns)
    for line in listing(events, everything=everything, width=width):
        click.echo(line)
    if trace.last is None:
        click.echo("the trace was cut short here")
    else:
        click.echo(f"{trace.last.get('why')}; hash {trace.last.get('hash')}")
    return exit_codes.HELD


@command.command("diff")
@click.argument("left", type=click.Path())
@click.argument("right", type=click.Path())
@json_option
def diff(left: str, right: str, as_json: bool) -> int:
    """\b
    simkernel trace diff passing.jsonl failing.jsonl

    Show where two runs part. Exit code 1 says that they do.
    """
    found = difference(read(left), read(right))
    code = exit_codes.HELD if found is None else exit_codes.VIOLATED
    if as_json:
        parts = None if found is None else {
            "at": found.at, "before": [json.loads(x) for x in found.before],
            "left": [json.loads(x) for x in found.left],
            "right": [json.loads(x) for x in found.right],
        }  # fmt: skip
        emit({"schema": "simkernel.trace.diff/1", "same": found is None, "difference": parts})
        return code
    if found is None:
        click.echo("the same events")
        return code
    click.echo(f"the same up to line {found.at + 1}, then")
    for title, lines in (("both", found.before), (left, found.left), (right, found.right)):
        click.echo(f"{title}:")
        for line in list(listing([json.loads(text) for text in lines], everything=True))[1:-1]:
            click.echo(line)
        if not lines:
            click.echo("  (ends here)")
    return code


@command.command("export")
@click.argument("file", type=click.Path())
@click.option("--format", "form", type=click.Choice(list(FORMATS)), required=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Not to stdout, but there.")
@json_option
def export(file: str, form: str, output: str | None, as_json: bool) -> int:
    """\b
    simkernel trace export run.jsonl --format perfetto -o run.json
    simkernel trace export run.jsonl --format mermaid

    Write a trace as other tools read it: Perfetto's trace events, a ShiViz log, a Mermaid sequence
    diagram, the states as ITF, a table (csv), or events with what led to what (json).
    """
    made = reel(read(file))
    if form == "itf" and made.film is None:
        raise UsageError(made.why_no_film, where=file, hint="ITF is states: replay needs the spec.")
    text = FORMATS[form](made)
    if output is not None:
        write(Path(output), text)
    if as_json:
        shown = None if output else text
        emit({"schema": "simkernel.export/1", "format": form, "output": output, "text": shown})
    elif output is None:
        click.echo(text, nl=False)
    else:
        pattern = f"; ShiViz reads it with {SHIVIZ}" if form == "shiviz" else ""
        click.echo(f"{output}: {len(made.events)} events{pattern}")
    return exit_codes.HELD
