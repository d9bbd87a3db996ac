"""Random gen_statem tables (tests/otp/tables.py) on both sides, many machines in one VM."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.conformance import shrinking, together
from tests.conformance.compare import ALONE, Difference, Summary, sorted_out, told_alone
from tests.otp import tables

SOURCES = Path(__file__).parent.parent / "otp" / "vm"
BATCH = 2_000
ROUNDS = 15  # of shrinking: each takes as long as the slowest machine
FEW = 10  # that run at once, where they differed beside many
# Each step of ours may take as long as this, and the sequence must stay as it is: what depends on
# less would be a race on the VM as well.
LATE_MS = (0, 4)
# So much longer may each sleep of the driver last there: a real one never ends early.
LONGER_MS = (1, 3)
# Schedules of ours: of every machine, and of one that differs before that counts.
SCHEDULES, MANY = 6, 200


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


def settled(program: Any, schedules: int = SCHEDULES) -> str | None:
    """Give what the driver sees, or None where that is a matter of a few milliseconds."""
    first = tables.run(program)
    for seed in range(schedules):
        if tables.run(program, seed=seed, step_ms=LATE_MS) != first:
            return None
    if any(tables.run(sleepier(program, ms)) != first for ms in LONGER_MS):
        return None
    return "[" + ",".join(first) + "]"


def sleepier(program: Any, ms: int) -> Any:
    """Give the program whose driver sleeps a little longer each time."""
    *machine, events = program
    longer = [("sleep", e[1] + ms) if e[0] == "sleep" else e for e in events]
    return (*machine, longer)


def compare(cases: int, seed: int, progress: Callable[[str], None] = lambda _: None) -> Summary:
    """Compare so many machines whose sequence is settled.

    Left out is what shows the baseline's defect (17.45): a raw timer message as an info, `#Ref`. A
    machine that still differs when it runs alone is tried here under many more schedules: six do
    not always tell that it depends on a few milliseconds.
    """
    random = Random(seed)
    compared = racing = lost = late = varied = 0
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
            (program, here)
            for (program, here), there in zip(batch, theirs, strict=True)
            if here != there and "#Ref" not in there
        ]
        found, equal, loose = sorted_out(differing, alone([program for program, _ in differing]))
        late += equal
        varied += loose
        still = [each for each in found if settled(each[0][0], MANY) is not None]
        racing += len(found) - len(still)
        compared -= len(found) - len(still) + loose
        for (program, here), there in still:
            different.append(told(program, here, there, shrinks=not different))
        progress(f"statem: {compared} of {cases} machines, {len(different)} different")
    note = (
        f"seed {seed}; {racing} more depended on a few milliseconds here; "
        f"{lost} more showed the baseline's defect there (rule 17.45)"
    )
    note, runs = told_alone(late, note, varied), compared + lost
    return Summary("statem", "random machines", compared, runs, tuple(different), note, late)


def told(program: Any, here: str, there: str, shrinks: bool) -> Difference:
    """Report a machine that differs, and a small one that does."""

    def differ(programs: Sequence[Any]) -> list[bool]:
        ours = [settled(each) for each in programs]
        pairs = zip(ours, on_the_vm(programs), strict=True)
        return [one is not None and "#Ref" not in vm and one != vm for one, vm in pairs]

    small = ""
    if shrinks:
        left = shrinking.shrunk(program, shrinking.of_machine, differ, ROUNDS)
        small = shrinking.described("statem", left)
    return Difference(tables.erlang(tuple(program)), "random machine", here, there, small)


def alone(programs: Sequence[Any]) -> list[list[str]]:
    """Run what differed again, a few at a time; give the logs of each."""
    logs: list[list[str]] = [[] for _ in programs]
    for first in [n for _ in range(ALONE) for n in range(0, len(programs), FEW)]:
        for n, there in enumerate(on_the_vm(programs[first : first + FEW]), first):
            logs[n].append(there)
    return logs
