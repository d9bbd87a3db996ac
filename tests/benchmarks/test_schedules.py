"""How often random searches find one rare order, and that the systematic ones always do."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.explore import explore
from checkers.search import Plan
from checkers.strategies import strategy
from simkernel.spec import of
from tests.benchmarks.schedules import lastmsg, relay, reorder, twostage

SMALL = [(reorder, {"n": 2}), (twostage, {"n": 1}), (lastmsg, {"n": 3}), (relay, {"d": 2})]
LARGE = [(reorder, {"n": 10}), (twostage, {"n": 5}), (lastmsg, {"n": 5}), (relay, {"d": 20})]


def hits(name: str, main: Any, given: dict[str, Any], runs: int) -> int:
    """Count the runs that find the bug."""
    search = strategy(name, Plan(of(main), given, runs=runs))
    return sum(
        any("found" in finding.text for finding in run.findings(ended))
        for run, ended in search.ends(lambda share: "")
    )


@pytest.mark.parametrize(("main", "given"), SMALL, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("name", ["dfs", "dpor", "rf"])
def test_what_sees_every_class_finds_it(name: str, main: Any, given: dict[str, Any]) -> None:
    found = explore(main, given, strategy=name)
    assert found.complete
    assert any("found" in finding.text for finding in found.findings)


@pytest.mark.parametrize(("main", "given"), LARGE, ids=lambda value: getattr(value, "__name__", ""))
def test_the_portfolio_finds_it_in_large(main: Any, given: dict[str, Any]) -> None:
    assert hits("portfolio", main, given, 800) > 0


def test_a_random_walk_does_not_starve_anybody_for_long_and_the_others_do() -> None:
    assert hits("walk", relay, {"d": 10}, 200) == 0
    assert hits("pct", relay, {"d": 10}, 200) > 0
    assert hits("pos", relay, {"d": 10}, 200) > 0
    assert hits("surw", relay, {"d": 10}, 200) > 20


def test_last_ones_first_is_found_by_surw_more_often_than_by_a_walk() -> None:
    assert hits("surw", lastmsg, {"n": 5}, 400) > 3 * hits("walk", lastmsg, {"n": 5}, 400)
