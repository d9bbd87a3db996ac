"""Every engine reaches exactly the outcomes that plain search reaches, on random programs.

An outcome is what main returned, who ended with which reason, and what was logged; the programs log
all that each process sees, with a number of its own. The first part compares with the brute-force
reference and its own language, the second with `checkers.dfs` on programs that use what only the
kernel has. To repeat a failure, run the seed that is printed with it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.dfs import Dfs
from checkers.explore import Outcome, outcome
from checkers.reduction import Reduction
from checkers.watched import Watched
from simkernel import process_info, self_
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.spec import of
from tests.checkers import drawn, generated
from tests.reference import brute, searched
from tests.reference.generate import KINDS as KINDS_OF_OPS
from tests.reference.generate import random_programs
from tests.reference.lessons import LESSONS
from tests.reference.programs import Program

NETWORKS = ("node", "cluster")
ENGINES = {"dpor": False, "rf": True}
RUNS_MAX = 1_000


def reference_outcomes(
    program: Program, network: str, engine: str, most: int = RUNS_MAX
) -> frozenset[Any] | None:
    """Give the outcomes of a program of the reference; None if they take too many runs."""

    def make() -> Watched:
        m = searched.machine(program, network, clock=SymbolicClock(), kind=Watched)
        assert isinstance(m, Watched)
        return m

    search = Reduction(make, by_message=ENGINES[engine])
    ends = search.ends(lambda: search.runs > most)
    found = frozenset(searched.outcome_of(program, m) for m in ends)
    return None if search.cut else found


def compared(programs: list[Program]) -> list[str]:
    """Say where an engine and the reference differ."""
    wrong = []
    for number, program in enumerate(programs):
        network = NETWORKS[number % 2]
        expected = brute.outcomes(program, network, brute.MACHINE)
        for engine in ENGINES:
            reached = reference_outcomes(program, network, engine)
            if reached is None or reached == expected:
                continue
            # The reference lets a process that ends tell its watchers in any order, the machine
            # tells them in the order in which they came: then the machine's own search decides.
            if reached != searched.searched(program, network, 10_000_000):
                wrong.append(f"{engine} {network} {program}: {program.name}")
    return wrong


@pytest.mark.parametrize("engine", ENGINES)
def test_limit_a_search_that_sees_a_length_is_not_called_complete(engine):
    """No program is known any more in which it misses an outcome; no proof that there is none."""
    program = random_programs(102, 80, 6, states=150, timers=False)[67]
    assert ("len",) in dict(program.bodies)["main"]
    assert reference_outcomes(program, "node", engine) == searched.searched(program)

    async def reads():
        return await process_info(self_(), "message_queue_len")

    verdict = check(of(reads), {}, strategy=engine, budget=Budget(seconds=60))
    assert (verdict.word, verdict.complete) == ("Inconclusive", False)
    assert "looks at its queue" in verdict.searched.why_stopped


@pytest.mark.parametrize("part", range(4))
def test_two_thousand_random_programs_have_the_outcomes_of_the_reference(part):
    """`python -m tests.checkers.drawn --cases 100000` does the same for a release."""
    tally = Counter()
    numbers = range(500 * part, 500 * (part + 1))
    assert [text for number in numbers for text in drawn.wrong(number, tally)] == []
    assert tally["programs"] == 500
    assert not [name for name in tally if name.endswith(" cut")]
    assert min(tally[engine] for engine in ("dfs", "bfs", "bounded")) >= 20
    written = {*KINDS_OF_OPS, "spawn", "after"} - {"send_name"}  # which is a send
    assert min(tally[kind] for kind in sorted(written)) >= 5


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200, 204))
def test_more_random_programs_have_the_outcomes_of_the_reference(seed):
    timed = seed % 2 == 0
    size = 4 if timed else 4 + seed % 3
    assert compared(random_programs(seed, 100, size, states=100, timers=timed)) == []


# More classes than can be run here in a test.
TOO_LARGE = ("8 death observes bookkeeping", "open two noproc answers")
SMALL = [
    (lesson.program, network)
    for lesson in LESSONS
    for network in NETWORKS
    if not any(op[0] == "spin" for _, ops in lesson.program.bodies for op in ops)
    and lesson.program.name not in TOO_LARGE
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("program", "network"), SMALL, ids=lambda value: getattr(value, "name", value)
)
def test_lessons_have_the_outcomes_of_the_reference(program, engine, network):
    expected = brute.outcomes(program, network, brute.MACHINE)
    assert reference_outcomes(program, network, engine, 3_000) == expected


# --- Against the machine's own search ------------------------------------------------------------


def oracle(ops: Any, network: str, settle: bool) -> set[Outcome] | None:
    """Give the outcomes by plain search; None where it would take too long."""
    m = Machine(
        generated.main, (ops,), network=network, clock=SymbolicClock(), snapshots=True,
        settle=settle,
    )  # fmt: skip
    m.checking = True
    search = Dfs(m, history=lambda: repr(outcome(m)).encode())
    found = {outcome(m) for _ in search.leaves(lambda: search.transitions > 4_000)}
    return None if search.cut else found


def early_outcomes(ops: Any, network: str, settle: bool) -> set[Outcome] | None:
    """Give the outcomes by plain search with messages handled early; None where somebody looks."""
    m = Machine(
        generated.main, (ops,), network=network, clock=SymbolicClock(), snapshots=True,
        settle=settle,
    )  # fmt: skip
    m.checking = True
    search = Dfs(m, early=True, history=lambda: repr(outcome(m)).encode())
    found = {outcome(m) for _ in search.leaves()}
    return None if search.looked else found


def engine_outcomes(ops: Any, network: str, settle: bool, engine: str) -> set[Outcome] | None:
    """Give the outcomes by one engine."""

    def make() -> Watched:
        return Watched(
            generated.main, (ops,), network=network, clock=SymbolicClock(), settle=settle
        )

    search = Reduction(make, by_message=ENGINES[engine])
    found = {outcome(m) for m in search.ends(lambda: search.runs > RUNS_MAX)}
    return None if search.cut else found


def differences(seed: int, count: int, size: int, **kinds: Any) -> Iterator[str]:
    """Say where an engine and plain search differ on `count` programs of a seed."""
    draw = random.Random(seed)
    for number in range(count):
        ops = generated.written(draw, size, **kinds)
        network, settle = draw.choice(NETWORKS), draw.random() < 0.5
        expected = oracle(ops, network, settle)
        if expected is None:
            continue
        early = early_outcomes(ops, network, settle)
        if early is not None and early != expected:
            yield f"seed {seed}, program {number}: early {network} {settle} {ops}"
        for engine in ENGINES:
            reached = engine_outcomes(ops, network, settle, engine)
            if reached is not None and reached != expected:
                yield f"seed {seed}, program {number}: {engine} {network} {settle} {ops}"


KINDS = (
    {}, {"about": "watching"}, {"rare": True}, {"timed": True}, {"rare": True, "timed": True},
)  # fmt: skip


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "+".join(kinds) or "plain")
def test_programs_of_the_kernel_have_the_outcomes_of_plain_search(kinds):
    assert list(differences(301, 20, 6, **kinds)) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(400, 402))
@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "+".join(kinds) or "plain")
def test_more_programs_of_the_kernel_have_the_outcomes_of_plain_search(kinds, seed):
    assert list(differences(seed, 25, 6 + seed % 2, **kinds)) == []
