"""`simkernel mutate`: how many small errors in an implementation its spec would notice."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from checkers.check import Budget, check
from checkers.machines.alphabet import alphabet_of
from checkers.machines.driven import Event, check_class
from checkers.machines.equivalence import equivalent, widened
from checkers.machines.explicit import Limits
from checkers.mutation import Mutant, mutants, read
from checkers.verdict import Verdict
from simkernel.choice import First
from simkernel.cli import exit_codes
from simkernel.cli.options import (
    json_option,
    network_option,
    param_option,
    parameters_of,
    quiet_option,
    seed_option,
)
from simkernel.cli.terminal import Progress, emit
from simkernel.errors import SimkernelError, UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load, loaded
from simkernel.otp.gen_server import Server
from simkernel.otp.statem_engine import StateMachine
from simkernel.settings import Settings
from simkernel.spec import Spec
from simkernel.terms import show, thaw

KILLED, SURVIVED, STILLBORN = "killed", "survived", "stillborn"
EQUIVALENT = "equivalent"
ARGUMENTS_OF = 5_000  # transitions of the run that shows what classes are started with


@click.command("mutate")
@click.argument("spec", type=click.Path())
@click.option("--runs", type=click.IntRange(min=1), default=200, show_default=True,
              help="Most runs of a mutant.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True,
              help="Most time for a mutant.")  # fmt: skip
@click.option("--no-equivalence", is_flag=True,
              help="Do not look whether a survivor does the same as the original.")  # fmt: skip
@seed_option
@network_option
@param_option
@quiet_option
@json_option
def command(spec: str, **options: Any) -> int:
    """\b
    simkernel mutate specs/concurrency/circuit_breaker_fixed.py
    simkernel mutate specs/guide/agent_fsm_fixed.py --runs 500

    Change the classes of SPEC in one place after the other, check each mutant, and show those that
    nobody notices: what else would have to be said, or driven, to kill them? A mutant that survives
    may do the same as the original: where a search of all that can happen to its class shows that,
    it is equivalent, and counts for nothing. One that is stillborn is refused when it is loaded.
    """
    path = spec.partition(":")[0]
    original = load(spec)
    given = parameters_of(original, options["params"])
    before = _checked(spec, given, options)
    if before.word != "Held":
        raise UsageError(f"the spec itself is {before.word}", where=spec,
                         hint=f"See simkernel check {spec}.")  # fmt: skip
    report: list[tuple[Mutant, str, str]] = []
    progress, interrupted = Progress(options["quiet"] or options["as_json"]), False
    found = list(mutants(read(path)))
    try:
        for number, mutant in enumerate(found, start=1):
            progress.show(f"mutant {number} of {len(found)}: {mutant.what}")
            report.append((mutant, *_fate(mutant, spec, given, options)))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        progress.clear()
    return _shown(spec, report, interrupted, options["as_json"])


def _fate(
    mutant: Mutant, spec: str, given: dict[str, Any], options: dict[str, Any]
) -> tuple[str, str]:
    """Check a mutant; gives what became of it, and by what."""
    path, colon, name = spec.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(path).name
        copy.write_text(mutant.source, encoding="utf-8")
        try:
            verdict = _checked(f"{copy}{colon}{name}", given, options)
        except SimkernelError as error:
            return STILLBORN, error.what
        if verdict.word == "Held":
            same = not options["no_equivalence"] and _same(mutant, spec, str(copy), given, options)
            return (EQUIVALENT if same else SURVIVED), ""
    if verdict.counterexample is None:
        return KILLED, "; ".join(verdict.notes) or verdict.word
    return KILLED, verdict.counterexample.findings[0].kind


def _same(
    mutant: Mutant, spec: str, copy: str, given: dict[str, Any], options: dict[str, Any]
) -> bool:
    """Tell whether the class of a mutant is known to do the same as the original one."""
    path = spec.partition(":")[0]
    if "restart=" in mutant.what:
        return False  # which its supervisor sees
    try:
        with guards(), watchdog():
            started = _arguments(load(spec), given, mutant.owner)
            pair: list[type] = []
            events: dict[Event, None] = {}
            for where in (path, copy):
                cls = check_class(loaded(f"{where}:{mutant.owner}", "", "")[0], where)
                names = vars(sys.modules[f"spec.{Path(where).stem}"])
                events |= dict.fromkeys(alphabet_of(cls, names))
                pair.append(cls)
            alphabet = widened(events)
            limits = Limits(options["seconds"])
            return bool(started) and all(
                equivalent(pair[0], pair[1], argument, alphabet, limits) for argument in started
            )
    except SimkernelError:
        return False


def _arguments(spec: Spec, given: dict[str, Any], name: str) -> list[Any]:
    """Give what a class is started with in a run by the default schedule."""
    m = spec.machine(given, Settings())
    found: dict[str, Any] = {}
    seen: set[Any] = set()
    first = First()
    while m.count < ARGUMENTS_OF and (options := m.enabled()):
        m.apply(first.pick(options))
        for pid in [pid for pid in m.processes if pid not in seen]:
            seen.add(pid)
            function, args = (thaw(part) for part in m.processes[pid].origin[:2])
            if function in (Server, StateMachine) and args[0].__name__ == name:
                found.setdefault(show(args[1]), args[1])
    m.close()
    return list(found.values())


def _checked(where: str, given: dict[str, Any], options: dict[str, Any]) -> Verdict:
    start = time.monotonic()
    budget = Budget(options["runs"], options["seconds"])
    with guards(), watchdog():
        return check(load(where), given, network=options["network"], budget=budget,
                     seed=options["seed"], elapsed=lambda: time.monotonic() - start)  # fmt: skip


def _shown(
    spec: str, report: list[tuple[Mutant, str, str]], interrupted: bool, as_json: bool
) -> int:
    counts = {fate: sum(one == fate for _, one, _ in report)
              for fate in (KILLED, SURVIVED, EQUIVALENT, STILLBORN)}  # fmt: skip
    tried = counts[KILLED] + counts[SURVIVED]
    code = exit_codes.INTERRUPTED if interrupted else exit_codes.HELD
    if as_json:
        emit({"schema": "simkernel.mutate/1", "exit": code, "spec": spec, **counts,
              "score": round(counts[KILLED] / tried, 3) if tried else None,
              "mutants": [{"line": mutant.line, "what": mutant.what, "fate": fate, "by": by}
                          for mutant, fate, by in report]})  # fmt: skip
        return code
    for mutant, fate, _ in report:
        if fate in (SURVIVED, EQUIVALENT):
            click.echo(f"{fate:<10} {spec.partition(':')[0]}:{mutant.line}  {mutant.what}")
    score = f", score {counts[KILLED] / tried:.0%}" if tried else ""
    click.echo(f"{counts[KILLED]} killed, {counts[SURVIVED]} survived, {counts[EQUIVALENT]} "
               f"equivalent, {counts[STILLBORN]} stillborn{score}")  # fmt: skip
    return code
