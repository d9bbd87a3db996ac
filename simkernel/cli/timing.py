"""`simkernel timing`: which timeouts of a run can come first, and what would have to be slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from checkers.timing import Bounds, Judgement, Timed, Times
from simkernel.choice import First
from simkernel.cli import exit_codes, orders
from simkernel.cli.options import (
    json_option,
    milliseconds,
    network_option,
    param_option,
    parameters_of,
    quiet_option,
)
from simkernel.cli.terminal import emit
from simkernel.kernel import driver
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load
from simkernel.settings import Settings

# The bounds are compared for each deadline: quadratic in the events of the run.
EVENTS_MAX = 4_000


@click.command("timing")
@click.argument("spec", type=click.Path())
@click.option("--step", callback=milliseconds, default="10", show_default=True,
              help="Most time of a step, in ms.")  # fmt: skip
@click.option("--latency", callback=milliseconds, default="10", show_default=True,
              help="Most time of a signal's way on cluster, in ms.")  # fmt: skip
@click.option("--every-order", is_flag=True,
              help="Search all orders of events, not only that of one run.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=0.1), default=30.0, show_default=True,
              help="Most time for all orders.")  # fmt: skip
@network_option
@param_option
@quiet_option
@json_option
def command(
    spec: str, step: tuple[float, float], latency: tuple[float, float], network: str,
    params: tuple[str, ...], every_order: bool, seconds: float, quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """\b
    simkernel timing specs/guide/tasks.py
    simkernel timing specs/guide/tasks.py --step 50 --network cluster --latency 200
    simkernel timing specs/guide/agent_fsm_fixed.py --param tasks=1 --every-order

    Run SPEC by the default schedule, and say of each timeout of that run whether it can come before
    what cancelled it, events in the same order, and how slow a step, a signal or some work would
    have to be. Calls whose time is shorter than what is allowed to the calls below them are listed.
    With --every-order the same is said of all orders of events.
    """
    loaded = load(spec)
    given = parameters_of(loaded, params)
    bounds = Bounds(round(step[1] * 1000), round(latency[1] * 1000))
    if every_order:
        return orders.shown(loaded, given, bounds, network, seconds, quiet, as_json)
    tape = Timed()
    m = loaded.machine(given, Settings(network=network), tape=tape)
    with guards(), watchdog():
        ended = driver.drive(m, First(), EVENTS_MAX)
    m.close()
    times = Times(tape, bounds)
    judged: list[Judgement] = []
    code = exit_codes.HELD
    try:
        judged.extend(times.each())
    except KeyboardInterrupt:
        code = exit_codes.INTERRUPTED
    if as_json:
        chains = [
            {"deadline": outer.what, "process": outer.process, "ms": outer.us / 1000,
             "inner": count, "inner_ms": total / 1000}
            for outer, count, total in times.chains()
        ]  # fmt: skip
        deadlines = [_object(one) for one in judged]
        emit({"schema": "simkernel.timing/1", "exit": code, "spec": spec, "network": network,
              "ended": ended, "deadlines": deadlines, "chains": chains})  # fmt: skip
        return code
    for one in judged:
        for line in _lines(one):
            click.echo(line)
    for outer, count, total in times.chains():
        click.echo(
            f"{outer.process}: {outer.what} allows {outer.us / 1000:g} ms, the {count} calls below "
            f"it {total / 1000:g} ms: it gives up first, and their answers come too late"
        )
    if code == exit_codes.INTERRUPTED:
        click.echo(f"interrupted: {len(judged)} of {len(times.deadlines)} timeouts were looked at")
    elif judged:
        click.echo(f"for runs with the {len(tape.events)} events of this one, in their order")
    else:
        click.echo("no timeout was set in this run")
    return code


def _lines(one: Judgement) -> Iterator[str]:
    deadline = one.deadline
    yield f"{deadline.process}: {deadline.what}, {deadline.us / 1000:g} ms"
    if deadline.fired:
        yield "    it came first in this run"
    elif deadline.gone_at is None:
        yield "    it was still set when the run ended"
    elif one.at_most_us is None:
        yield "    it can come first: nothing says how long what cancels it may take"
    elif one.may_fire:
        yield f"    it can come first: what cancels it may take {_ms(one.at_most_us)} ms"
    else:
        yield f"    it cannot come first: what cancels it takes {_ms(one.at_most_us)} ms at most"
        for name, us in one.needs.items():
            yield f"    unless {name} takes {_ms(us)} ms or more"


def _ms(us: Any) -> str:
    return f"{float(us) / 1000:,.3f}".rstrip("0").rstrip(".")


def _object(one: Judgement) -> dict[str, Any]:
    deadline = one.deadline
    return {
        "process": deadline.process, "what": deadline.what, "ms": deadline.us / 1000,
        "came_first": deadline.fired, "may_come_first": deadline.fired or one.may_fire,
        "at_most_ms": None if one.at_most_us is None else float(one.at_most_us) / 1000,
        "needs_ms": {name: float(us) / 1000 for name, us in one.needs.items()},
    }  # fmt: skip
