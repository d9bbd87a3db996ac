"""`simkernel supervision`: how many crashes a supervision tree survives, and how fast."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor
from typing import Any

import click

from checkers.crashes import slowest, survived
from checkers.orphans import Orphan, orphans
from checkers.supervision import Branch, advice, branches
from simkernel.cli import exit_codes
from simkernel.cli.graph import machine_at
from simkernel.cli.options import (
    json_option,
    network_option,
    param_option,
    parameters_of,
    quiet_option,
    seed_option,
)
from simkernel.cli.terminal import Progress, emit
from simkernel.errors import UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load
from simkernel.settings import Settings

# z3 and a simulation take long for more.
CRASHES_MAX = 300


@click.command("supervision")
@click.argument("spec", type=click.Path())
@click.option("--at", type=click.IntRange(min=0), help="After so many transitions of the run.")
@click.option("--child", "children", multiple=True, help="Only children of this name; repeatable.")
@seed_option
@param_option
@network_option
@quiet_option
@json_option
def command(
    spec: str, at: int | None, children: tuple[str, ...], seed: int, params: tuple[str, ...],
    network: str, quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """\b
    simkernel supervision specs/guide/application.py
    simkernel supervision specs/guide/application.py --child SessionSupervisor

    Run SPEC to the fullest moment of its tree (or --at), and say of each child: how many crashes
    end the topmost supervisor, how close together they have to be, from which distance on nobody
    ever notices, and who goes down with it. z3 finds the slowest crashes that still end it, and a
    simulation of a tree with these limits confirms them. What hangs on a child when it dies (calls
    to it, work that others do for it, processes it has started, rows of its tables) is found along
    the whole run, and confirmed by a run in which it is killed there.
    """
    loaded = load(spec)
    given = parameters_of(loaded, params)
    settings = Settings(network=network, seed=seed, step_ms=(0, 10), picker="walk")
    with guards(), watchdog():
        found = branches(machine_at(loaded, given, settings, at))
    known = list(dict.fromkeys(branch.child for branch in found))
    for name in children:
        if name not in known:
            raise UsageError(f"no supervisor has a child {name!r}", where="--child",
                             hint=f"Known: {', '.join(known) or 'none'}.")  # fmt: skip
    chosen = [branch for branch in found if not children or branch.child in children]
    chosen = list(dict.fromkeys(chosen))  # children that are alike are one
    report, interrupted = [], False
    lost: list[Orphan] = []
    progress = Progress(quiet or as_json)
    try:
        for branch in chosen:
            progress.show(branch.child)
            report.append((branch, *_worst(branch)))
        progress.show("what is orphaned")
        with guards(), watchdog():
            lost = orphans(loaded, given, settings)
    except KeyboardInterrupt:
        interrupted = True
    progress.clear()
    lost = [one for one in lost if not children or one.child in children]
    code = exit_codes.INTERRUPTED if interrupted else exit_codes.HELD
    if as_json:
        emit({"schema": "simkernel.supervision/1", "exit": code, "spec": spec,
              "children": [_object(*one) for one in report],
              "orphans": [{"child": one.child, "kind": one.kind, "who": one.who, "what": one.what,
                           "at": one.at} for one in lost]})  # fmt: skip
    else:
        for one in report:
            for line in _lines(*one):
                click.echo(line)
        for orphan in lost:
            click.echo(_said(orphan))
        if not chosen:
            click.echo("no supervisor has a child at that moment")
    return code


_ORPHANED = {
    "call": "the call {what} of {who} fails",
    "served": "{who} goes on with {what}, which nobody waits for any more",
    "worker": "{what} ({who}), which it started, goes on without it",
    "task": "the task {what} ({who}) goes on, and nobody wants it any more",
    "rows": "{what} of the table {who} are lost",
}


def _said(one: Orphan) -> str:
    what = _ORPHANED[one.kind].format(what=one.what, who=one.who)
    return f"if {one.child} dies after {one.at} transitions: {what} (confirmed)"


def _worst(branch: Branch) -> tuple[list[int] | None, bool]:
    """Give the slowest crashes that end the tree, and whether a simulation confirms it."""
    count = branch.crashes_to_root
    if count is None or count > CRASHES_MAX:
        return None, False
    times = slowest(branch)
    if times is None:
        return None, False
    with guards():
        return times, survived(branch, times) == len(times) - 1


def _lines(branch: Branch, times: list[int] | None, confirmed: bool) -> Iterator[str]:
    yield f"{branch.child} ({branch.restart})"
    if branch.restart == "temporary":
        yield "    it is not started again, and nobody above goes"
    for level, one in enumerate(branch.reach):
        who = f", with {', '.join(one.lost)}" if one.lost else ""
        yield f"    {one.name}: {one.strategy}, {one.intensity} in {one.period_s} s{who}"
        crashes = branch.crashes(level)
        slow, never = branch.slowest_ms(level), branch.never_ms(level)
        if slow == float("inf"):
            yield f"        gone after {crashes} crash{'es' if crashes > 1 else ''}, however slow"
        else:
            yield (f"        gone after {crashes} crashes if one comes every {floor(slow)} ms or "
                   f"faster; never if every {ceil(never)} ms or slower")  # fmt: skip
    if times is not None:
        sure = "confirmed by a simulation" if confirmed else "NOT confirmed by a simulation"
        yield (f"    the slowest {len(times)} crashes that end {branch.levels[-1].name} take "
               f"{times[-1]} ms ({sure})")  # fmt: skip
    for text in advice(branch):
        yield f"    advice: {text}"


def _object(branch: Branch, times: list[int] | None, confirmed: bool) -> dict[str, Any]:
    def bounded(ms: float) -> float | None:
        return None if ms == float("inf") else round(ms, 3)

    return {
        "child": branch.child, "restart": branch.restart,
        "crashes_to_root": branch.crashes_to_root,
        "levels": [
            {"name": one.name, "strategy": one.strategy, "intensity": one.intensity,
             "period_s": one.period_s, "restart": one.restart, "lost": list(one.lost),
             "reached": level < len(branch.reach), "crashes": branch.crashes(level),
             "slowest_ms": bounded(branch.slowest_ms(level)),
             "never_ms": bounded(branch.never_ms(level))}
            for level, one in enumerate(branch.levels)
        ],
        "slowest_crashes_ms": times, "confirmed": confirmed, "advice": advice(branch),
    }  # fmt: skip
