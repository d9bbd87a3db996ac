"""Random programs of which processes crash: the outcomes of `rf` and `dpor` against plain search.

    python -m tests.checkers.crashing --cases 1000

A program is that of the same number in `drawn`; of those that plain search goes through within its
limit all engines have to reach the same outcomes, whoever crashes where. A run of the machine does
not go on for a crash; here it does, because a class may have done already what is left to the
machine, the handling of a signal.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from checkers.dfs import Dfs
from checkers.reduction import Reduction
from checkers.watched import Watched
from simkernel.kernel.faults import Faults
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.symbolic import SymbolicClock
from tests.checkers import drawn
from tests.reference import searched
from tests.reference.programs import Program

STATES = 12  # of brute force without crashes
TRANSITIONS_MAX = 25_000
RUNS_MAX = 2_000


def crashing(m: Machine, crashes: int) -> Machine:
    """Let processes of a machine crash."""
    m.faults = Faults(crashes, ("crash",))
    return m


def by_classes(
    program: Program, network: str, engine: str, crashes: int, tally: Counter[str]
) -> drawn.Outcomes | None:
    """Search by `rf` or `dpor`; None if it was cut short."""

    def make() -> Watched:
        m = searched.machine(program, network, clock=SymbolicClock(), kind=Watched)
        assert isinstance(m, Watched)
        crashing(m, crashes)
        return m

    search = Reduction(make, by_message=drawn.BY_CLASSES[engine])
    ends = search.ends(lambda: search.runs > RUNS_MAX)
    found = frozenset(searched.outcome_of(program, m) for m in ends)
    tally["runs"] += search.runs
    return None if search.cut else found


class Crashing(drawn.Ended):
    """A run that goes on for crashes, and keeps the outcomes that it would have without them."""

    def __init__(self, m: Machine, program: Program):
        super().__init__(m, program)
        self.found: set[drawn.Outcome] = set()

        def enabled() -> list[Transition]:
            options = m.enabled()
            if options or m.faults is None:
                return options
            self.found.add(self.outcome())
            return [Transition(*fault) for fault in m.faults.options(m)]

        self.enabled = enabled


def plainly(program: Program, network: str, crashes: int) -> drawn.Outcomes | None:
    """Search every situation; None if it was cut short."""
    m = crashing(searched.machine(program, network, clock=SymbolicClock(), snapshots=True), crashes)
    run = Crashing(m, program)
    search = Dfs(run, history=run.history)
    ends = search.leaves(lambda: search.transitions > TRANSITIONS_MAX)
    for _ in ends:
        pass
    m.close()
    return None if search.cut else frozenset(run.found)


def wrong(number: int, tally: Counter[str], crashes: int = 1) -> Iterator[str]:
    """Say which engines differ from plain search on the program of a number."""
    program, network, reference = drawn.drawn(number)
    if reference.states > STATES:
        return
    expected = plainly(program, network, crashes)
    if expected is None:
        tally["too large"] += 1
        return
    tally["programs"] += 1
    tally["more outcomes than without"] += expected > reference.outcomes
    tally.update(drawn.operations(program))
    for engine in drawn.BY_CLASSES:
        found = by_classes(program, network, engine, crashes, tally)
        if found is None:
            tally[f"{engine} cut"] += 1
        elif found != expected:
            missed = sorted(expected - found, key=repr)[:2]
            invented = sorted(found - expected, key=repr)[:2]
            yield f"{number} {engine} {network} {program}: missed {missed}, invented {invented}"


def main(arguments: list[str]) -> int:
    """Compare as many as asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.checkers.crashing")
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--crashes", type=int, default=1)
    asked = parser.parse_args(arguments)
    tally: Counter[str] = Counter()
    failed = 0
    for number in range(asked.first, asked.first + asked.cases):
        for text in wrong(number, tally, asked.crashes):
            failed += 1
            print(text, flush=True)
    print(
        f"{failed} differ;", ", ".join(f"{name} {count}" for name, count in sorted(tally.items()))
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
