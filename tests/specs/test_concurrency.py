"""Concurrent systems: the bug of each is found, and its mended twin holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from simkernel.loading import load
from tests.meta.house import ROOT

FOLDER = (ROOT / "specs" / "concurrency").relative_to(Path.cwd())
# What is found first: its kind, words of it, and with how many faults.
FOUND = {
    "abd_register": ("property", "no order explains all answers", 0),
    "agent_tools": ("property", "at most one booking", 0),
    "bounded_buffer": ("caller stuck", "'put'", 0),
    "circuit_breaker": ("property", "one probe at a time", 0),
    "late_reply": ("crash", "AssertionError", 0),
    "lock_server": ("caller stuck", "'take'", 1),
    "paxos": ("crash", "two values are chosen", 0),
    "philosophers": ("caller stuck", "'take'", 0),
    "raft_election": ("crash", "two leaders in one term", 1),
    "rate_limiter": ("property", "no more than the limit", 0),
    "restart_race": ("crash", "already_started", 0),
    "ring_election": ("property", "at most one leader", 0),
    "two_phase_commit": ("property", "all do the same", 0),
    "work_queue": ("crash", "AssertionError", 1),
}
# Of all of them every run is seen: by which search, and with how many faults.
EVERY = {
    "abd_register": ("rf", 0), "bounded_buffer": ("rf", 0), "circuit_breaker": ("rf", 0),
    "late_reply": ("rf", 0), "paxos": ("rf", 0), "philosophers": ("rf", 0),
    "raft_election": ("rf", 0), "restart_race": ("rf", 0), "agent_tools": ("dfs", 0),
    "ring_election": ("dfs", 0), "two_phase_commit": ("dfs", 0), "work_queue": ("dfs", 0),
}  # fmt: skip
# As well, in some ten seconds.
EVERY_SLOW = {"rate_limiter": ("dfs", 0), "raft_election": ("rf", 1)}
# As well, in a minute or more.
EVERY_LONG = {"lock_server": ("dfs", 0), "work_queue": ("dfs", 1)}


def checked(name: str, strategy: str, faults: int, runs: int, network: str = "node") -> Any:
    """Check a spec."""
    budget = Budget(runs=runs, seconds=1e9)
    return check(load(str(FOLDER / f"{name}.py")), {}, strategy=strategy, faults=faults,
                 network=network, budget=budget)  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_its_bug_is_found(name: str) -> None:
    kind, words, faults = FOUND[name]
    found = checked(name, "portfolio", faults, 400).counterexample
    assert found is not None
    assert found.findings[0].kind == kind
    assert any(words in finding.text for finding in found.findings)
    assert found.deviations <= 3


@pytest.mark.parametrize("name", [name for name in FOUND if FOUND[name][2]])
def test_without_faults_it_holds(name: str) -> None:
    assert checked(name, "portfolio", 0, 100).word == "Held"


@pytest.mark.parametrize("name", FOUND)
def test_its_mended_twin_holds(name: str) -> None:
    faults = FOUND[name][2]
    verdict = checked(f"{name}_fixed", "portfolio", faults, 200)
    assert (verdict.word, verdict.counterexample) == ("Held", None)


def in_every_run(name: str, strategy: str, faults: int) -> None:
    """Show that a mended twin holds in every run."""
    verdict = checked(f"{name}_fixed", strategy, faults, 1)
    assert (verdict.word, verdict.complete) == ("Held", True)


@pytest.mark.parametrize("name", EVERY)
def test_its_mended_twin_holds_in_every_run(name: str) -> None:
    in_every_run(name, *EVERY[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_SLOW)
def test_its_mended_twin_holds_in_all_of_its_many_runs(name: str) -> None:
    in_every_run(name, *EVERY_SLOW[name])


@pytest.mark.long
@pytest.mark.parametrize("name", EVERY_LONG)
def test_its_mended_twin_holds_in_very_many_runs(name: str) -> None:
    in_every_run(name, *EVERY_LONG[name])


def test_of_all_of_them_every_run_is_seen() -> None:
    assert {*EVERY, *EVERY_SLOW, *EVERY_LONG} == set(FOUND)


def test_the_register_is_linearizable_on_cluster_as_well() -> None:
    verdict = checked("abd_register_fixed", "rf", 0, 1, network="cluster")
    assert (verdict.word, verdict.complete, verdict.searched.network) == ("Held", True, "cluster")


@pytest.mark.parametrize("strategy", ["dpor", "rf"])
def test_a_stale_read_of_the_register_is_found_in_classes(strategy: str) -> None:
    verdict = checked("abd_register", strategy, 0, 1)
    assert verdict.counterexample is not None
    assert "no order explains all answers" in verdict.counterexample.findings[0].text
    assert verdict.counterexample.deviations <= 3


def test_every_spec_is_in_the_table_and_has_a_twin() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == {*FOUND, *(f"{name}_fixed" for name in FOUND)}
