"""Random gen_statem tables (tests/otp/tables.py) on both sides, many machines in one VM."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.conformance import together
from tests.conformance.compare import Difference, Summary
from tests.otp import tables

SOURCES = Path(__file__).parent.parent / "otp" / "vm"
BATCH = 2_000
TRIES = 4
# Each step of ours may take as long as this, and the sequence must stay as it is: what depends on
# less would be a race on the VM as well.
LATE_MS = (0, 4)


def on_the_vm(programs: Sequence[Any]) -> list[str]:
    """Run all programs in one virtual machine; give the line of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        terms, results = folder / "programs.terms", folder / "results"
        terms.write_text("".join(tables.erlang(tuple(p)) + ".\n" for p in programs))
        sources = [str(path) for path in sorted(SOURCES.glob("*.erl"))]
        subprocess.run(["erlc", "-o", name, *sources], check=True, timeout=120)
        call = f'statem_table:main(["{terms}", "{results}"]).'
        command = ["erl", "-noshell", "-noinput", "-pa", name, "-eval", call]
        subprocess.run(command, check=True, timeout=600, capture_output=True)
        return results.read_text().splitlines()


def settled(program: Any) -> str | None:
    """Give what the driver sees, or None where that is a matter of a few milliseconds."""
    first = tables.run(program)
    for seed in range(2):
        if tables.run(program, seed=seed, step_ms=LATE_MS) != first:
            return None
    return "[" + ",".join(first) + "]"


def compare(cases: int, seed: int, progress: Callable[[str], None] = lambda _: None) -> Summary:
    """Compare so many machines whose sequence is settled.

    Left out is what shows the baseline's defect (17.45): a raw timer message as an info, `#Ref`.
    """
    random = Random(seed)
    compared = racing = lost = 0
    different: list[Difference] = []
    while compared < cases:
        drawn = [tables.random_program(random) for _ in range(min(BATCH, cases - compared))]
        ran = together.over(settled, drawn)
        batch = [(each, ours) for each, ours in zip(drawn, ran, strict=True) if ours is not None]
        racing += len(drawn) - len(batch)
        theirs = on_the_vm([program for program, _ in batch])
        defects = sum("#Ref" in there for there in theirs)
        lost += defects
        compared += len(batch) - defects
        differing = [
            (program, here, there)
            for (program, here), there in zip(batch, theirs, strict=True)
            if here != there and "#Ref" not in there
        ]
        for _ in range(TRIES if differing else 0):
            # Under load the VM is late by more than any unit: those run again, with few others.
            again = on_the_vm([program for program, _, _ in differing])
            differing = [
                (program, here, there)
                for (program, here, _), there in zip(differing, again, strict=True)
                if here != there
            ]
            if not differing:
                break
        different += [
            Difference(tables.erlang(tuple(p)), "random machine", h, t) for p, h, t in differing
        ]
        progress(f"statem: {compared} of {cases} machines, {len(different)} different")
    note = (
        f"seed {seed}; {racing} more depended on a few milliseconds here; "
        f"{lost} more showed the baseline's defect there (rule 17.45)"
    )
    return Summary("statem", "random machines", compared, compared + lost, tuple(different), note)
