"""The guide's application tree and its registry: what their docstrings say holds in many runs."""

from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from simkernel.loading import load
from tests.meta.house import ROOT

GUIDE = (ROOT / "specs" / "guide").relative_to(Path.cwd())
RUNS = Budget(runs=200, seconds=60.0)
FEW = Budget(runs=20, seconds=60.0)


def checked(name: str, **options: Any) -> Any:
    """Check a spec of the guide; options of `check` come with the parameters."""
    known = ("strategy_of_search", "network", "budget")
    given = {key: value for key, value in options.items() if key not in known}
    return check(
        load(str(GUIDE / name)),
        given,
        strategy=options.get("strategy_of_search", "walk"),
        network=options.get("network", "node"),
        budget=options.get("budget", RUNS),
    )


@pytest.mark.parametrize("name", ["application.py", "registry.py"])
def test_a_few_runs_hold(name: str) -> None:
    assert checked(name, budget=FEW).word == "Held"


@pytest.mark.slow
@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_the_tree_serves_every_client_through_a_crash(strategy: str, network: str) -> None:
    verdict = checked("application.py", strategy=strategy, network=network)
    assert (verdict.word, verdict.searched.runs) == ("Held", RUNS.runs)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["MyApp.Repo", "MyApp.TaskSupervisor", "MyAppWeb.Endpoint"])
def test_whichever_child_it_is(victim: str) -> None:
    assert checked("application.py", victim=victim).word == "Held"


@pytest.mark.slow
def test_two_crashes_that_take_another_child_along_are_too_many() -> None:
    """Each crash of the cache may cost the endpoint, too: 4 restarts where 3 are allowed."""
    verdict = checked("application.py", crashes=2, clients=4, budget=Budget(runs=60))
    assert verdict.word == "Violated"
    assert "AssertionError" in verdict.counterexample.findings[0].text


@pytest.mark.slow
@pytest.mark.parametrize("network", ["node", "cluster"])
def test_sessions_and_workers_are_found(network: str) -> None:
    assert checked("registry.py", network=network, visitors=3).word == "Held"


def test_a_session_and_a_visitor_in_every_order_of_events() -> None:
    verdict = checked(
        "registry.py",
        visitors=1,
        starters=0,
        strategy_of_search="dfs",
        budget=Budget(seconds=60.0),
    )
    assert verdict.word == "Held"
    assert verdict.complete
