"""The CS family of SCTBench: who sees every class finds every bug; the table is measured."""

from __future__ import annotations

import pytest

from benchmarks.hunting import CLASSES_MAX, PAGE, RANDOM, called, first, hits, interval, needed
from benchmarks.sctbench import PROGRAMS, SMALL, Program, account
from checkers.explore import explore


@pytest.mark.parametrize("program", SMALL, ids=called)
@pytest.mark.parametrize("name", ["rf", "dpor"])
def test_every_bug_is_found(program: Program, name: str) -> None:
    main, given = program
    found = explore(main, given, strategy=name)
    assert found.complete
    assert found.findings


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=called)
def test_in_the_measured_sizes_too(program: Program) -> None:
    number = first("rf", program)
    shown = cells(program)[-2]
    assert shown == (f"> {CLASSES_MAX:,}" if number is None else str(number))


def cells(program: Program) -> list[str]:
    """Read a row of the table."""
    for line in PAGE.read_text("utf-8").splitlines():
        head, *rest = [cell.strip() for cell in line.strip("|").split("|")]
        if head == called(program):
            return rest
    raise AssertionError(f"{called(program)} is not in {PAGE.name}: python -m benchmarks.hunting")


def test_the_table_has_every_program_and_what_is_measured_is_in_it() -> None:
    assert all(len(cells(program)) == len(RANDOM) + 2 for program in PROGRAMS)
    program = (account, {})
    assert cells(program)[:2] == [needed(hits(name, program), 300) for name in ("walk", "pos")]


def test_the_interval_holds_what_it_is_about() -> None:
    for count in (0, 1, 5, 150, 299, 300):
        low, high = interval(count, 300)
        assert 0 <= low <= count / 300 <= high + 1e-12 <= 1 + 1e-12
        assert high - low > 0
