"""What `check` and a failing test print: the space-time diagram, with what went wrong marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkers.check import Budget, check
from checkers.evidence import gather
from reports import violation as page
from reports.violation import violation
from simkernel.loading import load

SPEC = "specs/concurrency/late_reply.py"


def lines(folder: Path) -> list[str]:
    spec = load(SPEC)
    verdict = check(spec, {}, strategy="walk", budget=Budget(runs=50, seconds=1e9))
    assert verdict.counterexample is not None
    evidence = gather(SPEC, spec, verdict.counterexample, "", folder)
    return list(violation(verdict.counterexample, evidence))


def test_the_lanes_have_names_and_pids_and_the_end_is_marked(tmp_path: Path) -> None:
    found = lines(tmp_path)
    head = next(at for at, line in enumerate(found) if line.lstrip().startswith("step "))
    assert found[head].split() == ["step", "time", "main", "server"]
    assert found[head + 1].split() == ["<root>", "<root.1>"]
    marked = [line for line in found if "★" in line]
    assert len(marked) == 1
    assert "main ✖ ends with AssertionError" in marked[0]
    assert any("●◀──" in line and "(sent at " in line for line in found)
    assert found[-1] == ""
    assert all(len(line) <= 110 for line in found[head:])


def test_a_long_run_is_cut_and_says_where_the_rest_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "LISTED_MAX", 5)
    found = lines(tmp_path)
    assert found[-2].startswith("  … ")
    assert "more lines: simkernel trace show" in found[-2]
