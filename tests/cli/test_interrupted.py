"""Ctrl-C in the commands that take long: what was found is printed, and the exit code is 130."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simkernel.cli.main import main as command
from tests.meta.house import ROOT

BREAKER = "specs/concurrency/circuit_breaker_fixed.py"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command."""
    with pytest.raises(SystemExit) as ended:
        command(list(arguments))
    return int(ended.value.code or 0), capsys.readouterr().out


def after(calls: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Press Ctrl-C in the call after so many."""
    left = [calls]

    def called(*args: Any, **options: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return function(*args, **options)

    return called


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def both(
    capsys: pytest.CaptureFixture[str], patch: Callable[[], None], *arguments: str
) -> tuple[Any, str]:
    """Interrupt a command twice, with and without --json."""
    patch()
    code, out = run(capsys, *arguments, "--json")
    found = json.loads(out)
    assert (code, found["exit"]) == (130, 130)
    patch()
    code, out = run(capsys, *arguments)
    assert code == 130
    return found, out


def test_learn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import checkers.machines.extraction as extraction

    driven = extraction.driven

    def patch() -> None:
        monkeypatch.setattr(extraction, "driven", after(8, driven))

    found, out = both(capsys, patch, "learn", f"{BREAKER}:Breaker")
    assert (found["stopped"], len(found["rows"]) > 0) == ("interrupted", True)
    assert "not all situations were seen: interrupted" in out


def test_learn_from_outputs_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import checkers.machines.extraction as extraction

    driven = extraction.driven

    def patch() -> None:
        monkeypatch.setattr(extraction, "driven", after(40, driven))

    found, out = both(capsys, patch, "learn", f"{BREAKER}:Breaker", "--black-box")
    assert (found["stopped"], len(found["moves"]) > 0) == ("interrupted", True)
    assert "interrupted: this is a guess" in out


def test_timing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import checkers.timing as timing

    farthest = timing.farthest

    def patch() -> None:
        monkeypatch.setattr(timing, "farthest", after(1, farthest))

    found, out = both(capsys, patch, "timing", "specs/guide/agent_fsm_fixed.py")
    assert len(found["deadlines"]) == 1
    assert "interrupted: 1 of 2 timeouts were looked at" in out


def test_timing_in_every_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import simkernel.cli.orders as orders

    def patch() -> None:
        monkeypatch.setattr(orders, "chains_everywhere", after(0, print))

    spec = "specs/guide/agent_fsm_fixed.py"
    found, out = both(capsys, patch, "timing", spec, "--param", "tasks=1", "--every-order")
    assert (len(found["deadlines"]), found["stopped"]) == (1, "interrupted")
    assert "not every order was seen: interrupted" in out


def test_supervision(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import simkernel.cli.supervision as supervision

    def patch() -> None:
        monkeypatch.setattr(supervision, "orphans", after(0, print))

    spec = "specs/guide/application.py"
    found, out = both(capsys, patch, "supervision", spec, "--child", "Cache")
    assert (len(found["children"]), found["orphans"]) == (1, [])
    assert "gone after 4 crashes" in out


def test_mutate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import simkernel.cli.mutate as mutate

    fate = mutate._fate

    def patch() -> None:
        monkeypatch.setattr(mutate, "_fate", after(2, fate))

    found, out = both(capsys, patch, "mutate", BREAKER, "--runs", "5")
    assert len(found["mutants"]) == 2
    assert "killed" in out


def test_predict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import checkers.prediction as prediction

    arranged = prediction.arranged
    trace = str(tmp_path / "run.jsonl")
    run(capsys, "run", "specs/tutorial/lost_increment.py", "--trace", trace, "--picker", "first")

    def patch() -> None:
        monkeypatch.setattr(prediction, "arranged", after(2, arranged))

    found, out = both(capsys, patch, "predict", trace, "--all")
    assert 0 < found["runs"] <= 2
    assert "other runs" in out
