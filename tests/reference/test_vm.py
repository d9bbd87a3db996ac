"""What the real VM does is among the outcomes of the brute-force reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.reference import brute, vm
from tests.reference.generate import random_programs
from tests.reference.lessons import LESSONS
from tests.reference.programs import Outcome, Program, end, insert, kill, program, recv, spin

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(vm.MISSING is not None, reason=str(vm.MISSING)),
]

# The VM may be late, the reference never is: deadlines that lie close together prove nothing.
TIGHT = frozenset({"12 equal deadlines", "12 the later set may come first"})


def assert_within(programs: Sequence[Program], counts: Sequence[Counter[Outcome]]) -> None:
    strange = [
        (str(tried), count, outcome)
        for tried, counter in zip(programs, counts, strict=True)
        for outcome, count in sorted(counter.items(), key=repr)
        if outcome not in brute.outcomes(tried)
    ]
    assert not strange


def test_lessons() -> None:
    programs = [lesson.program for lesson in LESSONS if not lesson.program.timed]
    assert_within(programs, vm.run(programs, 2000))


def test_lessons_with_timers() -> None:
    programs = [lesson.program for lesson in LESSONS if lesson.program.timed]
    programs = [tried for tried in programs if tried.name not in TIGHT]
    assert_within(programs, vm.run(programs, 100))


def test_random_programs() -> None:
    programs = random_programs(1, 60, timers=False)
    assert_within(programs, vm.run(programs, 2000))


def test_an_end_with_an_unhandled_kill_is_normal() -> None:
    """Of the rules for the end of a process, the VM shows the weaker one."""
    tried = program(
        "end", main=[recv("zz")], A=[kill("B"), insert("k", "v")], B=[spin("k"), end("x")]
    )
    (counts,) = vm.run([tried], 4000)
    reasons = Counter[str]()
    for outcome, count in counts.items():
        _, log, reason = outcome[2]
        if log == ("v",):
            reasons[reason] += count
    assert reasons["x"] > 0


def test_death_signals_are_not_one_event() -> None:
    """P is linked to A, many others and B; a message that A sent on its EXIT reaches B first."""
    # Both have to run at once: on a busy machine that may take some rounds.
    rounds = (vm.script("deaths", ["100", "2000"]).replace(" ", "") for _ in range(20))
    assert any(",m,exit}" in seen for seen in rounds)
