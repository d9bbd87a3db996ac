"""`simkernel graph`: draw a system: its tree, its traffic, its state machines, its situations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from reports.diagram import Diagram, dot, state_diagram
from reports.diagram import lines as text_of
from reports.diagram import mermaid as mermaid_of
from reports.render import drawn
from reports.tree import Forest, forest, graph, lines, mermaid, to_depth
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

VIEWS = ("processes", "states", "statem")
FORMS = (".svg", ".png", ".dot", ".mmd", ".txt")


@click.command("graph")
@click.argument("spec", type=click.Path())
@click.option("-o", "--output", type=click.Path(dir_okay=False), help=f"One of {', '.join(FORMS)}.")
@click.option("--at", type=click.IntRange(min=0), help="After so many transitions, not at the end.")
@click.option("--depth", type=click.IntRange(min=0), help="Fold what lies deeper (supervision).")
@click.option(
    "--view",
    type=click.Choice(["supervision", *VIEWS]),
    default="supervision",
    show_default=True,
    help="Who supervises whom; who sends to whom; state machines; situations of a search.",
)
@click.option(
    "--runs", type=click.IntRange(min=1), default=20, show_default=True,
    help="How many runs (processes, statem).",
)  # fmt: skip
@seed_option
@param_option
@network_option
@json_option
def command(
    spec: str, output: str | None, at: int | None, depth: int | None, view: str, runs: int,
    seed: int, params: tuple[str, ...], network: str, as_json: bool,
) -> int:  # fmt: skip
    """\b
    simkernel graph specs/guide/application.py --at 120 -o tree.svg
    simkernel graph specs/guide/agent_fsm.py --view statem -o agent.svg

    Run SPEC and show who supervises whom: strategies and restarts used, states, mailboxes, names,
    links and monitors, dead and restarting children. Without --at: the fullest moment of the run.

    --view processes shows who sends to whom, with counts; statem each state machine with what its
    runs have taken (wide: often; dotted: never); states the situations that a search finds.
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
    told: dict[str, object]
    with guards(), watchdog():
        if view == "supervision":
            trees = forest(machine_at(loaded, given, settings, at))
            trees = trees if depth is None else to_depth(trees, depth)
            text, title = _written(trees, form), f"at {trees.now_ms:g} ms"
            told = {"transitions": trees.transitions, "now_ms": trees.now_ms}
        else:
            diagram = _diagram(view, loaded, given, settings, runs)
            text, title = _of_diagram(diagram, view, form), diagram.title
            told = {"boxes": len(diagram.boxes), "edges": len(diagram.edges)}
    if output:
        Path(output).write_bytes(text)
    if as_json:
        emit({
            "schema": "simkernel.graph/1", "spec": spec, "view": view, **told, "output": output,
            "text": None if output else text.decode(),
        })  # fmt: skip
    else:
        click.echo(f"{output}: {title}" if output else text.decode(), nl=bool(output))
    return exit_codes.HELD


def _diagram(
    view: str, spec: Spec, given: dict[str, object], settings: Settings, runs: int
) -> Diagram:
    from simkernel.cli import views

    if view == "states":
        return views.states(spec, given, settings)
    draw = views.processes if view == "processes" else views.machines
    return draw(spec, given, settings, runs)


def _of_diagram(diagram: Diagram, view: str, form: str) -> bytes:
    if form == ".txt":
        return ("\n".join(text_of(diagram)) + "\n").encode()
    if form == ".mmd":
        written = state_diagram(diagram) if view == "statem" else mermaid_of(diagram)
        return ("\n".join(written) + "\n").encode()
    source = dot(diagram).source
    return source.encode() if form == ".dot" else drawn(source, form[1:])


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
