"""The views of `simkernel graph` that need more than one moment: many runs, or a search."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from checkers.breadth import Situations
from checkers.coverage import Declared, declared
from checkers.graph import Search
from checkers.judged import Judged
from reports.diagram import Diagram, dot
from reports.html import Markup, tag
from reports.render import svg_of
from reports.situations import Held, situations
from reports.statem import Seen, seen, statem
from reports.traffic import traffic
from simkernel.cli.reel import reel
from simkernel.errors import UsageError
from simkernel.kernel.snapshot import body_of
from simkernel.loading import source_hash
from simkernel.otp.gen_server import Server
from simkernel.otp.gen_statem import GenStateMachine
from simkernel.otp.statem_engine import StateMachine
from simkernel.otp.supervision import Tree
from simkernel.settings import Settings
from simkernel.spec import Spec, run, runs, waiting
from simkernel.terms import freeze, show
from simkernel.trace.blob import parameters_text
from simkernel.trace.reader import Trace
from simkernel.trace.writer import Recorder

STATES_MAX = 5_000


def processes(spec: Spec, given: dict[str, Any], settings: Settings, count: int) -> Diagram:
    """Draw who sends to whom in so many runs."""
    shown = [
        (made.events, made.film.serials if made.film else {})
        for made in (reel(trace) for trace in traces(spec, given, settings, count))
    ]
    return traffic(shown, f"who sends to whom in {_runs(count)}")


def machines(spec: Spec, given: dict[str, Any], settings: Settings, count: int) -> Diagram:
    """Draw the state machines of a spec as so many runs show them."""
    found = seen(list(trace.events()) for trace in traces(spec, given, settings, count))
    if not found:
        raise UsageError(
            "no run has a state machine in it", where=spec.path,
            hint="A state machine is a GenStateMachine; `--view processes` shows any process.",
        )  # fmt: skip
    return statem(found, declared_in(spec), f"state machines in {_runs(count)}")


def _runs(count: int) -> str:
    return f"{count} run{'s' if count > 1 else ''}"


def declared_in(spec: Spec) -> dict[str, Declared]:
    """Read what the state machines of a spec could do, by the names of their classes."""
    module = sys.modules.get(spec.main.__module__)
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, GenStateMachine)
    ]
    return {cls.__qualname__: declared(cls) for cls in classes if cls is not GenStateMachine}


def traces(spec: Spec, given: dict[str, Any], settings: Settings, count: int) -> Iterator[Trace]:
    """Make so many runs, each with the next seed, and give their traces."""
    header = {
        "spec": spec.path, "parameters": parameters_text(given),
        "source": source_hash(spec.path.partition(":")[0]),
    }  # fmt: skip
    for number in range(count):
        one = replace(settings, seed=settings.seed + number)
        recorder = Recorder(keep=True)
        m = spec.machine(given, one, tape=recorder)
        ended = run(m, one)
        last = {"e": "ended", "why": ended, "hash": recorder.hash}
        yield Trace("a run", header, one, list(recorder.lines or ()), last)
        m.close()


def states(spec: Spec, given: dict[str, Any], settings: Settings) -> Diagram:
    """Draw the situations that a search finds."""
    plain = replace(settings, step_ms=(0, 0), picker="first", time="any")
    judged = Judged(spec, given, plain, snapshots=True)
    search = Search(Situations(judged))
    held: list[Held] = []
    ends: dict[int, str] = {}
    for state, _ in search.states(lambda: len(held) >= STATES_MAX):
        held.append(_held(judged))
        if not judged.enabled():
            stuck = [str(p.pid) for p in _stuck(judged)]
            ends[state] = f"stuck: {', '.join(stuck)}" if stuck else "the end"
    for leaving in search.graph.edges:
        leaving[:] = [(str(move.transition), to) for move, to in leaving]
    return situations(search.graph, held, ends, spec.name)


def _stuck(judged: Judged) -> list[Any]:
    return waiting(judged.m)


def _held(judged: Judged) -> Held:
    """Say what each server, machine and function holds, in a line each."""
    lines = []
    for p in sorted(judged.m.processes.values(), key=lambda p: p.pid.path):
        what = runs(p)
        name = "main" if p.pid.path == () else getattr(what, "__qualname__", str(what))
        body = body_of(judged.m, p)
        if isinstance(body, StateMachine) and hasattr(body, "state"):
            lines.append(f"{name} {show(freeze(body.state))}")
        elif isinstance(body, Server) and not isinstance(getattr(body, "state", None), Tree):
            lines.append(f"{name} {show(freeze(getattr(body, 'state', None), 'state'))}")
    return (*lines,) or ("no server",)


def drawn_machines(found: dict[str, Seen], spec: Spec, what: str) -> tuple[Markup, ...]:
    """Draw state machines as a section of a page, if there are any and a program that draws."""
    if not found:
        return ()
    diagram = statem(found, declared_in(spec), what)
    svg = svg_of(dot(diagram).source)
    if svg is None:
        return ()
    picture = Markup(svg)
    title = tag("h2", f"State machines in {what}: wide is often, dotted is never")
    figure = tag("figure", picture, class_="picture", tabindex="0", role="group",
                 aria_label="State machines")  # fmt: skip
    return (tag("section", title, figure, aria_label="State machines"),)
