"""`simkernel learn`: the machine that a GenServer or GenStateMachine really is."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from checkers.machines.alphabet import alphabet_of, event_of
from checkers.machines.driven import Event, check_class
from checkers.machines.explicit import Limits
from checkers.machines.extraction import Extracted, extract, joined, learner
from checkers.machines.mealy import Mealy
from reports import machines as written
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option, quiet_option
from simkernel.cli.terminal import Progress, emit
from simkernel.errors import UsageError
from simkernel.kernel.guards import guards
from simkernel.loading import loaded

FORMS: dict[str, Callable[[Extracted], Iterator[str]]] = {
    "table": written.table, "mermaid": written.mermaid, "dot": written.dot,
    "spec": written.declaration,
}  # fmt: skip

event_option = click.option(
    "--event", "events", multiple=True, metavar="KIND:TERM",
    help="An input, as call:get, cast:('add', 1), info:tick or after:30; repeatable. Without any "
    "they are read off the clauses of the class.",
)  # fmt: skip
argument_option = click.option(
    "--argument", default="None", show_default=True, help="What init is given, as Python writes it."
)
seconds_option = click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="Most time."
)
situations_option = click.option(
    "--situations", type=click.IntRange(min=1), default=500, show_default=True,
    help="Most situations; beyond, data are no longer told apart.",
)  # fmt: skip


@click.command("learn")
@click.argument("machine")
@event_option
@argument_option
@seconds_option
@situations_option
@click.option(
    "--black-box", is_flag=True, help="Ask for outputs alone (L*); gives the smallest machine."
)
@click.option("--form", type=click.Choice(sorted(FORMS)), default="table", show_default=True)
@quiet_option
@json_option
def command(machine: str, **options: Any) -> int:
    """\b
    simkernel learn specs/concurrency/circuit_breaker_fixed.py:Breaker
    simkernel learn specs/guide/agent_fsm_fixed.py:AgentFSM --form mermaid
    simkernel learn door.py:Door --event cast:push --event after:1000 --form spec

    Drive MACHINE (path.py:Class) with all events in all situations, and show what it does: the
    table, states without a clause for an event, states never left, timeouts that outlive theirs.
    """
    cls, alphabet = machine_of(machine, options["events"])
    if options["black_box"]:
        return _black_box(cls, alphabet, options)
    found = extracted(cls, alphabet, options)
    code = exit_codes.INTERRUPTED if found.stopped == "interrupted" else exit_codes.HELD
    if options["as_json"]:
        emit({"schema": "simkernel.learn/1", "exit": code, "machine": machine, **as_object(found)})
    else:
        for line in FORMS[options["form"]](found):
            click.echo(line)
    return code


def machine_of(where: str, events: tuple[str, ...]) -> tuple[type, tuple[Event, ...]]:
    """Load `path.py:Class`, and give what to drive it with."""
    path, colon, name = where.partition(":")
    if not colon or not name:
        raise UsageError(f"{where!r} names no class", where="MACHINE",
                         hint="Write path.py:Class.")  # fmt: skip
    found, _ = loaded(where, name, "Name a class of the file")
    cls = check_class(found, where)
    if events:
        return cls, tuple(dict.fromkeys(map(event_of, events)))
    return cls, alphabet_of(cls, vars(sys.modules[f"spec.{Path(path).stem}"]))


def extracted(cls: type, alphabet: tuple[Event, ...], options: dict[str, Any]) -> Extracted:
    """Extract with data, and, where there are too many of them, again without."""
    progress = Progress(options.get("quiet", False) or options["as_json"])
    argument = argument_of(options["argument"])

    def drive(data: bool) -> Extracted:
        limits = Limits(options["seconds"] / 2, progress=progress.show)
        return extract(cls, argument, alphabet, limits, most=options["situations"], data=data)

    try:
        with guards():
            found = drive(True)
            if not found.stopped or found.stopped == "interrupted":
                return found
            return joined(found, drive(False))
    finally:
        progress.clear()


def argument_of(text: str) -> Any:
    """Read the argument of init."""
    from simkernel.terms import Map

    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise UsageError(
            f"{text!r} is no term",
            where="--argument",
            hint="Write it as Python does: 3, ('a', 1), {'k': 2}.",
        ) from error
    return Map(value) if isinstance(value, dict) else value


def as_object(found: Extracted) -> dict[str, Any]:
    """Give a machine as the object that --json prints."""
    rows = [
        {"state": row.state, "event": str(row.event), "next": row.target,
         "output": list(row.output), "data": list(row.data), "clause": row.clause,
         "postponed": row.postponed}
        for row in found.rows
    ]  # fmt: skip
    return {
        "states": found.states, "rows": rows, "situations": found.situations,
        "missing": [list(one) for one in found.missing], "never_left": found.never_left,
        "outliving": found.outliving, "stopped": found.stopped, "by_data": found.by_data,
    }  # fmt: skip


def _listed(output: Any) -> list[str]:
    return list(output)


def _black_box(cls: type, alphabet: tuple[Event, ...], options: dict[str, Any]) -> int:
    code, work = exit_codes.HELD, learner(cls, argument_of(options["argument"]), alphabet)
    try:
        with guards():
            work.learn()
    except KeyboardInterrupt:
        code = exit_codes.INTERRUPTED
    found = work.guess or Mealy(alphabet, {})
    moves: list[dict[str, Any]] = [
        {"state": state, "event": str(event), "output": _listed(output), "next": new}
        for (state, event), (output, new) in found.moves.items()
    ]  # fmt: skip
    stopped = "interrupted" if code == exit_codes.INTERRUPTED else ""
    if options["as_json"]:
        emit({"schema": "simkernel.learn/1", "exit": code, "states": found.states, "moves": moves,
              "stopped": stopped})  # fmt: skip
        return code
    for move in moves:
        said = ", ".join(move["output"]) or "-"
        click.echo(f"{move['state']}  {move['event']}  {said}  {move['next']}")
    if stopped:
        click.echo("interrupted: this is a guess, of which not all words were tried")
    else:
        click.echo("as far as the words that were tried can tell")
    return code
