"""`simkernel graph`: draw the supervision tree of a system at a moment of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from reports.render import drawn
from reports.tree import Forest, forest, graph, lines, mermaid
from simkernel.choice import Walk
from simkernel.cli import exit_codes
from simkernel.cli.options import (
    json_option,
    network_option,
    param_option,
    parameters_of,
    seed_option,
)
from simkernel.cli.terminal import emit
from simkernel.errors import UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.machine import Machine
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load
from simkernel.settings import EFFECTS_MAX, Settings
from simkernel.spec import Spec

FORMS = (".svg", ".png", ".dot", ".mmd", ".txt")


@click.command("graph")
@click.argument("spec", type=click.Path())
@click.option("-o", "--output", type=click.Path(dir_okay=False), help=f"One of {', '.join(FORMS)}.")
@click.option("--at", type=click.IntRange(min=0), help="After so many transitions, not at the end.")
@seed_option
@param_option
@network_option
@json_option
def command(
    spec: str, output: str | None, at: int | None, seed: int, params: tuple[str, ...],
    network: str, as_json: bool,
) -> int:  # fmt: skip
    """\b
    simkernel graph specs/guide/application.py --at 120
    simkernel graph specs/guide/application.py --at 120 -o tree.svg

    Run SPEC and show who supervises whom: strategies and restarts used, states, mailboxes, names,
    links and monitors, dead and restarting children. Without --at: the fullest moment of the run.
    """
    form = Path(output).suffix if output else ".txt"
    if form not in FORMS:
        raise UsageError(
            f"there is no format {form or 'without an ending'!r}",
            where="-o", hint=f"End the name in one of {', '.join(FORMS)}.",
        )  # fmt: skip
    loaded = load(spec)
    given = parameters_of(loaded, params)
    settings = Settings(network=network, seed=seed, step_ms=(0, 10), picker="walk")
    with guards(), watchdog():
        trees = forest(machine_at(loaded, given, settings, at))
    text = _written(trees, form)
    if output:
        Path(output).write_bytes(text)
    if as_json:
        emit({
            "schema": "simkernel.graph/1", "spec": spec, "transitions": trees.transitions,
            "now_ms": trees.now_ms, "output": output,
            "text": None if output else text.decode(),
        })  # fmt: skip
    else:
        click.echo(
            f"{output}: at {trees.now_ms:g} ms" if output else text.decode(), nl=bool(output)
        )
    return exit_codes.HELD


def machine_at(spec: Spec, given: dict[str, object], settings: Settings, at: int | None) -> Machine:
    """Run a spec for so many transitions; without a number, to the fullest moment of the run."""
    m = spec.machine(given, settings)
    if at is None:
        at = _fullest(m, settings)
        m = spec.machine(given, settings)
    for _ in _steps(m, settings, at):
        pass
    if m.count < at:
        raise UsageError(
            f"the run has {m.count} transitions", where="--at", hint="Name an earlier one."
        )
    return m


def _fullest(m: Machine, settings: Settings) -> int:
    """Find the last moment at which most processes were alive."""
    best = (0, 0)
    for _ in _steps(m, settings, EFFECTS_MAX):
        best = max(best, (len(m.processes), m.count))
    return best[1]


def _steps(m: Machine, settings: Settings, most: int) -> Iterator[Machine]:
    walk = Walk(settings.seed)
    while m.count < most and (options := m.enabled()):
        m.apply(walk.pick(options))
        yield m


def _written(trees: Forest, form: str) -> bytes:
    if form == ".txt":
        return ("\n".join(lines(trees)) + "\n").encode()
    if form == ".mmd":
        return ("\n".join(mermaid(trees)) + "\n").encode()
    dot = graph(trees).source
    return dot.encode() if form == ".dot" else drawn(dot, form[1:])
