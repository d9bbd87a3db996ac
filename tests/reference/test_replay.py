"""A thousand random programs: run, recorded, replayed from the recording, and run again."""

from __future__ import annotations

import random

import pytest

from simkernel.choice import Walk
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.kernel.tables import Table
from simkernel.settings import Settings
from simkernel.terms import Pid, Ref
from simkernel.trace.reader import Trace
from simkernel.trace.replay import Replay
from simkernel.trace.writer import Recorder
from tests.reference.generate import random_program
from tests.reference.programs import OWNER, Program
from tests.reference.searched import TABLE, starts

BUDGET = 500


def taped(program: Program, network: str) -> tuple[Machine, Recorder]:
    """Make a machine for a program, with a tape that keeps its lines."""
    recorder = Recorder(keep=True)
    m = Machine(starts, (program.bodies,), network=network, settle=True, tape=recorder)
    recorder.attach(m)
    owner = Pid((1 + program.letters.index(OWNER),))
    kind = {"type": "set", "access": "public", "named": True, "heir": None, "keypos": 1}
    m.tables.add(Table(Ref(owner.path, 0), TABLE, owner, kind))
    return m, recorder


@pytest.mark.parametrize("network", ["node", "cluster"])
def test_five_hundred_random_programs_replay_to_the_same_trace(network: str) -> None:
    draw = random.Random(41)
    for number in range(500):
        program = random_program(draw, f"replayed-{number}", 10)
        hashes = []
        for _ in range(2):
            m, recorder = taped(program, network)
            driver.drive(m, Walk(number), BUDGET)
            hashes.append(recorder.hash)
        assert hashes[0] == hashes[1], program
        lines = recorder.lines
        assert lines
        trace = Trace("memory", {}, Settings(), lines, {"hash": recorder.hash})
        again, tape = taped(program, network)
        Replay(again, tape, trace).finish()
        assert (tape.hash, tape.lines) == (recorder.hash, lines), program
        assert again.logged == m.logged
