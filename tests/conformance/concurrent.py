"""Concurrent programs: every outcome that the VM shows is one that a search of ours reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from tests.conformance import shrinking, together
from tests.conformance.compare import Difference, Summary
from tests.reference import brute, vm
from tests.reference.generate import random_program
from tests.reference.programs import Outcome, Program
from tests.reference.searched import TooLarge, searched

RUNS = 200
BATCH = 50
STATES_MAX = 1_500
TRANSITIONS_MAX = 40_000
RARE_MAX = 1_000_000  # of the search with what is rare, made only where the usual one is not enough
SHRUNK = 3  # so many differences are made small


def outcomes_of(program: Program) -> frozenset[Outcome] | None:
    """Give all outcomes of a program; None if it cannot be searched to its end."""
    try:
        brute.explore(program, rules=brute.MACHINE, limit=STATES_MAX)
        return searched(program, "node", TRANSITIONS_MAX)
    except (brute.TooManyStates, TooLarge):
        return None


def rarely(
    program: Program, counter: Mapping[Outcome, int], ours: frozenset[Outcome]
) -> set[Outcome]:
    """Give what only a search with rare orders reaches, of what the VM showed (3.24, 6.21)."""
    outside = counter.keys() - ours
    return outside & searched(program, "node", RARE_MAX, rare=True) if outside else outside


def drawn(random: Random, count: int) -> list[tuple[Program, frozenset[Outcome]]]:
    """Draw programs, and keep those that can be searched; about as many as were asked for."""
    candidates = [
        random_program(random, f"drawn-{n}", random.randint(5, 10), timers=False, spawns=True)
        for n in range(count)
    ]
    found = together.over(outcomes_of, candidates)
    return [(p, outcomes) for p, outcomes in zip(candidates, found, strict=True) if outcomes]


def shrunk(program: Program, runs: int) -> str:
    """Describe a small program that shows an outcome outside ours; it may need luck."""

    def differ(programs: Sequence[Program]) -> list[bool]:
        ours = [outcomes_of(each) for each in programs]
        counts = vm.run(programs, 5 * runs)
        return [
            known is not None and bool(counter.keys() - known - rarely(each, counter, known))
            for each, known, counter in zip(programs, ours, counts, strict=True)
        ]

    left = shrinking.shrunk(program, shrinking.of_concurrent, differ)
    return shrinking.described("concurrent", left)


def compare(
    cases: int, seed: int, runs: int = RUNS, progress: Callable[[str], None] = lambda _: None
) -> Summary:
    """Run each of so many programs at least `runs` times on the VM, with pauses of chance."""
    random = Random(seed)
    different: list[Difference] = []
    done = total = shown = reached = parents = rare = 0
    while done < cases:
        batch = drawn(random, min(2 * BATCH, 2 * (cases - done)))[: cases - done]
        counts = vm.run([program for program, _ in batch], runs + 8)
        for (program, ours), counter in zip(batch, counts, strict=True):
            total += sum(counter.values())
            shown += len(counter)
            reached += len(ours)
            parents += bool(program.children)
            seldom = rarely(program, counter, ours)
            rare += len(seldom)
            strange = sorted(counter.keys() - ours - seldom, key=repr)
            small = shrunk(program, runs) if strange and len(different) < SHRUNK else ""
            different += [
                Difference(str(program), "outcome outside ours", None, [repr(x), counter[x]], small)
                for x in strange
            ]
        done += len(batch)
        progress(f"concurrent: {done} of {cases} programs, {len(different)} outcomes outside")
    note = f"seed {seed}; {parents} start children; {shown} outcomes seen of {reached} possible"
    if rare:
        note += f"; {rare} of those seen are reached only with rare orders (3.24, 6.21)"
    return Summary("concurrent", "concurrent programs", done, total, tuple(different), note)
