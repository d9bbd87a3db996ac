"""Random programs, and on each the outcomes of every engine against those of brute force.

    python -m tests.checkers.drawn --cases 100000 --progress FILE

goes on where the last call with that file stopped. A program is a function of its number, so that
one which fails is made again by `--first NUMBER --cases 1`.

All are searched by `rf` and `dpor`; those of few states by `dfs`, with messages handled early as
well, by `bfs`, and by `dfs` within bounds, whose searches go through every transition and cost ten
times as much. Where nobody waits for a deadline, bounds take no outcome away; elsewhere they may,
and must not add one.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from checkers.breadth import Situations
from checkers.dfs import Dfs, Plain
from checkers.graph import Search
from checkers.reduction import Reduction
from checkers.watched import Watched
from simkernel.kernel.bounded import BoundedClock
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import show
from tests.reference import brute, searched
from tests.reference.generate import TIMED, random_program
from tests.reference.programs import Outcome, Program, cancel, demonitor

NETWORKS = ("node", "cluster")
BY_CLASSES = {"rf": True, "dpor": False}
SIZES = (2, 3, 3, 4, 4, 5)
STATES, STATES_LARGE, LARGE = 30, 120, 0.01  # of brute force; the share of larger ones
STATES_TIMED = 16  # with exact timers searches compare every deadline with every other
STATES_PLAIN = 9  # what is searched transition by transition, too
# What a program has to do, in turn: these would be seldom otherwise, as they need others before.
WANTED = ("spawn", "send_after", "monitor", "insert_new", None, None, None, None)
RUNS_MAX, TRANSITIONS_MAX = 1_000, 20_000
STEP_MS = 10.0

Outcomes = frozenset[Outcome]


def drawn(number: int) -> tuple[Program, str, brute.Explored]:
    """Give the program of a number, its network, and what brute force says of it."""
    draw = random.Random(f"drawn {number}")
    states = STATES_LARGE if draw.random() < LARGE else STATES
    network, wanted = NETWORKS[number % 2], WANTED[number // 2 % len(WANTED)]
    while True:
        timers = wanted in TIMED or (wanted is None and draw.random() < 0.3)
        size = draw.choice(SIZES)
        program = random_program(draw, f"drawn-{number}", size, timers, wanted == "spawn")
        if wanted is not None and wanted not in operations(program):
            continue
        if wanted in ("send_after", "monitor") and draw.random() < 0.5:
            program = stopping(program)
        limit = min(states, STATES_TIMED) if program.timed else states
        try:
            return program, network, brute.explore(program, network, brute.MACHINE, limit=limit)
        except brute.TooManyStates:
            continue


def stopping(program: Program) -> Program:
    """Let every process stop its last timer, or else its last monitor, after all else."""
    bodies = []
    for letter, ops in program.bodies:
        armed = [op[4] for op in ops if op[0] == "send_after"]
        watching = [op[2] for op in ops if op[0] == "monitor"]
        if armed:
            ops = (*ops, cancel(armed[-1]))
        elif watching:
            ops = (*ops, demonitor(watching[-1], "info"))
        bodies.append((letter, ops))
    return Program(program.name, tuple(bodies))


class Case:
    """One program, and its searches; None for one that was cut short."""

    def __init__(self, program: Program, network: str):
        self.program = program
        self.network = network
        self.tally: Counter[str] = Counter()

    def by_classes(self, engine: str) -> Outcomes | None:
        """Search by `rf` or `dpor`."""

        def make() -> Watched:
            m = searched.machine(self.program, self.network, clock=SymbolicClock(), kind=Watched)
            assert isinstance(m, Watched)
            return m

        search = Reduction(make, by_message=BY_CLASSES[engine])
        ends = search.ends(lambda: search.runs > RUNS_MAX)
        found = frozenset(searched.outcome_of(self.program, m) for m in ends)
        self.tally[f"{engine} runs"] += search.runs
        return None if search.cut else found

    def early(self) -> Outcomes | None:
        """Search the same with messages handled early, unless somebody looks at a queue."""
        run = self._plain(bounded=False)
        search = Dfs(run, early=True, history=run.history)
        found = frozenset(run.outcome() for _ in search.leaves())
        self.tally["early transitions"] += search.transitions
        self.tally["early looked"] += search.looked
        return self.dfs() if search.looked else found

    def dfs(self, *, bounded: bool = False) -> Outcomes | None:
        """Search every situation, depth first."""
        run = self._plain(bounded)
        search = Dfs(run, history=run.history)
        ends = search.leaves(lambda: search.transitions > TRANSITIONS_MAX)
        found = frozenset(run.outcome() for _ in ends)
        self.tally["dfs transitions"] += search.transitions
        return None if search.cut else found

    def bfs(self) -> Outcomes | None:
        """Search every situation, the nearest first."""
        run = self._plain(bounded=False)
        search = Search(Situations(run))
        states = search.states(lambda: search.graph.generated > TRANSITIONS_MAX)
        found = frozenset(run.outcome() for _ in states if not run.enabled())
        return found if search.graph.complete else None

    def _plain(self, bounded: bool) -> Ended:
        latency = (0.0, STEP_MS) if self.network == "cluster" else (0.0, 0.0)
        clock = BoundedClock((0.0, STEP_MS), latency) if bounded else SymbolicClock()
        m = searched.machine(self.program, self.network, clock=clock, snapshots=True)
        return Ended(m, self.program)


class Ended(Plain):
    """A machine whose ends are read as outcomes."""

    def __init__(self, m: Machine, program: Program):
        super().__init__(m)
        self.program = program

    def outcome(self) -> Outcome:
        """Read what each process has seen and how it ended."""
        return searched.outcome_of(self.program, self.m)

    def history(self) -> bytes:
        """Give the outcome so far: ways that differ in it are not merged."""
        return show(self.outcome()).encode()


def wrong(number: int, tally: Counter[str]) -> Iterator[str]:
    """Say which engines differ from brute force on the program of a number."""
    program, network, expected = drawn(number)
    case = Case(program, network)
    tally["programs"] += 1
    found = {engine: case.by_classes(engine) for engine in BY_CLASSES}
    if expected.states <= STATES_PLAIN:
        found |= {"dfs": case.dfs(), "early": case.early()}
        if number % 3:
            found |= {"bfs": case.bfs()}
        else:
            found |= {"bounded": case.dfs(bounded=True)}
    for engine, outcomes in found.items():
        if outcomes is None:
            tally[f"{engine} cut"] += 1
            continue
        tally[engine] += 1
        fewer = engine == "bounded" and waits(program) and outcomes <= expected.outcomes
        if outcomes != expected.outcomes and not fewer:
            # The reference lets a process that ends tell its watchers in any order, the machine
            # tells them in the order in which they came: then the machine's own search decides.
            if engine in BY_CLASSES and outcomes == case.dfs():
                tally["decided by the machine"] += 1
                continue
            missed = sorted(expected.outcomes - outcomes, key=repr)[:2]
            invented = sorted(outcomes - expected.outcomes, key=repr)[:2]
            yield f"{number} {engine} {network} {program}: missed {missed}, invented {invented}"
    tally.update(case.tally)
    tally.update(operations(program))


def operations(program: Program) -> set[str]:
    """Name the operations in a program; a receive with a time limit counts as `after`, too."""
    found = {op[0] for _, ops in program.bodies for op in ops}
    timed = any(op[0] == "recv" and op[2] is not None for _, ops in program.bodies for op in ops)
    return found | {"after"} if timed else found


def waits(program: Program) -> bool:
    """Tell whether a process has a deadline that is not at once."""
    return program.timed or any(
        op[0] == "recv" and op[2] for _, ops in program.bodies for op in ops
    )


def main(arguments: list[str]) -> int:
    """Compare as many as asked for, and say how far it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.checkers.drawn")
    parser.add_argument("--cases", type=int, default=2_000, help="compare up to this number")
    parser.add_argument("--first", type=int, default=0, help="begin with this number")
    parser.add_argument("--progress", type=Path, help="keeps how far it came, to go on from there")
    asked = parser.parse_args(arguments)
    first, failed = asked.first, 0
    if asked.progress is not None and asked.progress.exists():
        first, failed = map(int, asked.progress.read_text("utf-8").split())
    tally: Counter[str] = Counter()
    end = asked.first + asked.cases
    for number in range(first, end):
        for text in wrong(number, tally):
            failed += 1
            print(text, flush=True)
        if (number + 1) % 1_000 == 0 or number + 1 == end:
            if asked.progress is not None:
                asked.progress.write_text(f"{number + 1} {failed}\n", "utf-8")
            print(f"{number + 1 - asked.first} of {asked.cases}, {failed} differ", flush=True)
    print(", ".join(f"{name} {count}" for name, count in sorted(tally.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
