"""The guide's processes, tasks and sessions: what holds, and what is found in the others."""

from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import result_of, run
from tests.meta.house import ROOT

GUIDE = (ROOT / "specs" / "guide").relative_to(Path.cwd())
BUDGET = Budget(runs=200, seconds=1e9)


def checked(name: str, strategy: str = "walk", **parameters: Any) -> Any:
    """Check a spec of the guide."""
    spec = load(str(GUIDE / f"{name}.py"))
    return check(spec, spec.arguments(parameters), strategy=strategy, budget=BUDGET)


def ran(name: str, seed: int, **parameters: Any) -> Any:
    """Run one once, with its steps mixed."""
    settings = Settings(seed=seed, step_ms=(0, 10), picker="walk")
    m = load(str(GUIDE / f"{name}.py")).machine(parameters, settings)
    return result_of(m, run(m, settings))


@pytest.mark.parametrize("name", ["spawning_fixed", "tasks_fixed", "session_supervisor"])
def test_it_holds_in_two_hundred_runs(name: str) -> None:
    verdict = checked(name)
    assert (verdict.word, verdict.searched.runs) == ("Held", 200)


def test_the_processes_of_the_guide_hold_in_every_run_once_exits_are_trapped() -> None:
    verdict = checked("spawning_fixed", "dfs")
    assert (verdict.word, verdict.complete) == ("Held", True)


@pytest.mark.parametrize(
    ("name", "process", "text"),
    [
        ("spawning", "<root.2>", "message='boom'"),
        ("tasks", "<root>", "'await'"),
        ("tasks_2", "<root>", "'Task.Supervised', 'stream', (5000,)"),
    ],
)
def test_its_failure_is_found(name: str, process: str, text: str) -> None:
    verdict = checked(name)
    (finding,) = verdict.counterexample.findings
    assert (finding.kind, finding.process) == ("crash", process)
    assert text in finding.text


def test_no_process_is_left_by_the_tasks() -> None:
    result = ran("tasks_fixed", 1)
    assert result.stuck == ()
    assert ("fetched", 12) in result.logged


def test_who_handles_the_crash_may_be_told_the_reason_or_that_it_is_gone() -> None:
    reasons = {str(ran("spawning_fixed", seed).logged[-1][-1]) for seed in range(100)}
    assert "noproc" in reasons
    assert any("boom" in reason for reason in reasons)


@pytest.mark.parametrize("seed", range(20))
def test_each_session_is_of_its_client_alone_and_none_is_left(seed: int) -> None:
    result = ran("session_supervisor", seed, clients=5)
    assert (result.reason, result.returned) == (None, 0)
    ends = {(id, "crashed" if id == 0 else "closed") for id in range(5)}
    assert set(result.logged) == ends
