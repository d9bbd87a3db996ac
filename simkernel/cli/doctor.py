"""`simkernel doctor`: what is installed; of a spec, whether it is deterministic, and advice."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import click

from checkers.advice import Advice, advise
from simkernel import __version__
from simkernel.cli import exit_codes
from simkernel.cli.options import json_option, seed_option
from simkernel.cli.terminal import emit
from simkernel.errors import Nondeterminism, UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load

PACKAGES = ("click", "networkx", "z3-solver", "hypothesis", "pytest", "graphviz")
HASH_SEEDS = ("0", "1", "2")


@click.command("doctor")
@click.argument("spec", required=False, type=click.Path())
@click.option(
    "--runs", type=click.IntRange(min=1), default=50, show_default=True, help="Runs for the advice."
)
@seed_option
@json_option
def command(spec: str | None, runs: int, seed: int, as_json: bool) -> int:
    """\b
    simkernel doctor
    simkernel doctor specs/guide/counter.py

    Tell what is installed. With a SPEC: run it under three hash seeds, each in a process of its
    own, and compare the runs event by event. Then watch some random runs, and say of a GenServer
    that it is a state machine in disguise, or of a GenStateMachine that it has no need to be one.
    """
    facts = _facts()
    advice: list[Advice] = []
    if spec is not None:
        loaded = load(spec)
        facts["spec"] = spec
        facts["hash"] = _compare(spec, seed)
        with guards(), watchdog():
            advice = advise(loaded, {}, runs=runs, seed=seed)
        facts["runs"] = runs
        facts["advice"] = [asdict(one) for one in advice]
    if as_json:
        emit({"schema": "simkernel.doctor/1", **facts})
        return exit_codes.HELD
    click.echo(f"simkernel {facts['simkernel']}, Python {facts['python']} on {facts['platform']}")
    for name, version in facts["packages"].items():
        click.echo(f"  {name:<12} {version or 'not installed'}")
    for name, path in facts["programs"].items():
        click.echo(f"  {name:<12} {'found' if path else 'not found'}")
    if spec is not None:
        click.echo(f"{spec}: the same run under {len(HASH_SEEDS)} hash seeds; hash {facts['hash']}")
        _show(advice, runs)
    return exit_codes.HELD


def _show(advice: list[Advice], runs: int) -> None:
    if not advice:
        click.echo(f"no advice: in {runs} runs each behaviour was used for what it is for")
    for one in advice:
        click.echo(f"{one.behaviour} {one.module} {one.says}; seen in {runs} runs:")
        for line in one.evidence:
            click.echo(f"  {line}")


def _facts() -> dict[str, Any]:
    return {
        "simkernel": __version__,
        "python": platform.python_version(),
        "platform": platform.system(),
        "packages": {name: _version(name) for name in PACKAGES},
        "programs": {name: shutil.which(name) is not None for name in ("dot", "erl", "elixir")},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _compare(spec: str, seed: int) -> str:
    """Run the spec under each hash seed; the hash of the run, or Nondeterminism."""
    runs = [_run(spec, seed, hash_seed) for hash_seed in HASH_SEEDS]
    first = runs[0]
    for other, hash_seed in zip(runs[1:], HASH_SEEDS[1:], strict=True):
        if other["hash"] != first["hash"]:
            raise Nondeterminism(
                f"two runs with the same seed differ: {first['transitions']} and "
                f"{other['transitions']} transitions, {first['log']} and {other['log']} logged",
                where=f"{spec}, PYTHONHASHSEED {HASH_SEEDS[0]} and {hash_seed}",
                hint="Look for iteration over a set, hash(), id(), a global that keeps values "
                "between runs, or a file that is read.",
            )
    return str(first["hash"])


def _run(spec: str, seed: int, hash_seed: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "simkernel", "run", spec, "--seed", str(seed), "--json"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise UsageError(
            f"the spec could not be run: {done.stderr.strip()[-500:]}",
            where=spec,
            hint="Mend it first.",
        ) from error
    if "error" in result:
        raise UsageError(
            result["error"]["what"], where=result["error"]["where"], hint=result["error"]["next"]
        )
    return result
