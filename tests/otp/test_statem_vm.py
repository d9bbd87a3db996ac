"""The real gen_statem and ours call the same callbacks in the same order, on random tables."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.otp import tables

SOURCES = Path(__file__).parent / "vm"
PROGRAMS = 1_000
TRIES = 3
# Each step of ours may take as long as this, and the sequence must stay as it is: what depends on
# less would be a race on the VM as well.
LATE_MS = (0, 4)


def on_the_vm(programs: list[Any], folder: Path) -> list[str]:
    """Run all programs in one virtual machine; give the line of each."""
    terms, results = folder / "programs.terms", folder / "results"
    terms.write_text("".join(tables.erlang(tuple(p)) + ".\n" for p in programs))
    sources = [str(path) for path in sorted(SOURCES.glob("*.erl"))]
    subprocess.run(["erlc", "-o", str(folder), *sources], check=True, timeout=120)
    call = f'statem_table:main(["{terms}", "{results}"]).'
    command = ["erl", "-noshell", "-noinput", "-pa", str(folder), "-eval", call]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    return results.read_text().splitlines()


def settled(program: Any) -> str | None:
    """Give what the driver sees, or None where that is a matter of a few milliseconds."""
    first = tables.run(program)
    for seed in range(4):
        if tables.run(program, seed=seed, step_ms=LATE_MS) != first:
            return None
    return "[" + ",".join(first) + "]"


@pytest.mark.vm
@pytest.mark.slow
def test_random_machines_behave_as_on_the_vm(tmp_path: Path) -> None:
    random = Random(12)
    programs = [tables.random_program(random) for _ in range(PROGRAMS)]
    ours = [settled(program) for program in programs]
    theirs = on_the_vm(programs, tmp_path)
    assert len(theirs) == PROGRAMS
    # Semantics 17.45: OTP 25 loses track of a pending zero timeout that is set again with a time;
    # its raw message comes as an info. That is a defect, and no rule.
    lost = sum("#Ref" in there for there in theirs)
    compared = [
        each
        for each in zip(programs, ours, theirs, strict=True)
        if each[1] is not None and "#Ref" not in each[2]
    ]
    assert len(compared) >= 900
    assert lost <= PROGRAMS // 10
    different = [each for each in compared if each[1] != each[2]]
    for _ in range(TRIES if different else 0):
        # Under load the VM is late by more than any unit: those run again, with few others.
        theirs = on_the_vm([program for program, _, _ in different], tmp_path)
        different = [
            (program, here, there)
            for (program, here, _), there in zip(different, theirs, strict=True)
            if here != there
        ]
    assert different == []
