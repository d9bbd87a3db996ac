"""`simkernel diff-machines`: whether two classes do the same, and on which events they differ."""

from __future__ import annotations

from typing import Any

import click

from checkers.machines.driven import Event
from checkers.machines.explicit import Limits
from checkers.machines.extraction import Compared, compare
from simkernel.cli import exit_codes
from simkernel.cli.learn import (
    argument_of,
    argument_option,
    event_option,
    machine_of,
    seconds_option,
    situations_option,
)
from simkernel.cli.options import json_option, quiet_option
from simkernel.cli.terminal import Progress, emit
from simkernel.kernel.guards import guards


@click.command("diff-machines")
@click.argument("first")
@click.argument("second")
@event_option
@argument_option
@seconds_option
@situations_option
@click.option("--require-complete", is_flag=True, help="Exit 5 unless all situations were seen.")
@quiet_option
@json_option
def command(first: str, second: str, **options: Any) -> int:
    """\b
    simkernel diff-machines old.py:Breaker new.py:Breaker
    simkernel diff-machines old.py:Door new.py:Door --event cast:push --event after:1000

    Drive two classes with the same events, and give a shortest sequence on which what comes out of
    them differs.
    """
    one, events = machine_of(first, options["events"])
    other, more = machine_of(second, options["events"])
    alphabet = tuple(dict.fromkeys((*events, *more)))
    found = _compared((one, other), alphabet, options)
    code = exit_codes.VIOLATED if found.word else exit_codes.HELD
    if found.stopped and options["require_complete"]:
        code = exit_codes.INCONCLUSIVE
    if found.stopped == "interrupted":
        code = exit_codes.INTERRUPTED
    if options["as_json"]:
        emit({"schema": "simkernel.diff-machines/1", "exit": code,
              "same": not found.word and not found.stopped, "stopped": found.stopped,
              "situations": found.situations, "events": [str(event) for event in found.word],
              "outputs": [[list(out) for out in said] for said in found.said]})  # fmt: skip
    elif found.word:
        click.echo(f"they differ after {len(found.word)} events")
        for event, left, right in zip(found.word, *found.said, strict=True):
            mark = "  " if left == right else "! "
            click.echo(f"{mark}{event}: {', '.join(left) or '-'} | {', '.join(right) or '-'}")
    elif found.stopped:
        click.echo(f"no difference was found, but not all was seen: {found.stopped}")
    else:
        click.echo(f"they do the same: {found.situations} pairs of situations")
    return code


def _compared(
    classes: tuple[type, type], alphabet: tuple[Event, ...], options: dict[str, Any]
) -> Compared:
    progress = Progress(options["quiet"] or options["as_json"])
    limits = Limits(options["seconds"], progress=progress.show)
    try:
        with guards():
            argument = argument_of(options["argument"])
            return compare(classes, argument, alphabet, limits, options["situations"])
    finally:
        progress.clear()
