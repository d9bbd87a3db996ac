"""Checks by two workers: they say what one says, stop in time, and keep what they found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.checkers.test_workers import begun, checked, comparable

SPECS = Path(__file__).resolve().parents[2] / "specs"
# Others help early.
SOON = """
import checkers.breadth, checkers.spread, checkers.strategies
checkers.depth.PROBE, checkers.breadth.WIDE, checkers.spread.CHUNK = 100, 10, 4
checkers.by_classes.ALONE = checkers.strategies.ALONE = checkers.by_classes.Reduction.alone = 5
"""
# Ctrl-C comes once the workers have told something for the fortieth time.
INTERRUPTED = (
    SOON
    + """
import os, signal
from checkers.link import Link
hear, here, heard = Link.hear, os.getpid(), 0
def hears(self, wait):
    global heard
    heard += 1
    if heard == 40:
        os.kill(here, signal.SIGINT)
    return hear(self, wait)
Link.hear = hears
"""
)
MANY = """
from simkernel import receive, self_, send, spawn

async def says(main, name):
    send(main, name)

async def main(n=7):
    for name in range(n):
        spawn(says, self_(), name)
    got = [await receive() for _ in range(n)]
    assert got[:2] != [n - 1, n - 2], "the last two came first"
"""
LIMITER = str(SPECS / "concurrency/rate_limiter.py")
ENDLESS = [
    ("many.py", "--strategy", "rf", "--param", "n=8"),
    (LIMITER, "--strategy", "dfs", "--network", "cluster"),
    (LIMITER, "--strategy", "bfs"),
]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    (tmp_path / "many.py").write_text(MANY, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("concurrency/bounded_buffer", ("--strategy", "rf")),
        ("concurrency/restart_race", ("--strategy", "dpor", "--network", "cluster")),
        ("concurrency/late_reply", ("--strategy", "auto")),
        ("concurrency/late_reply", ("--strategy", "delay", "--runs", "400")),
        ("concurrency/restart_race_fixed", ("--strategy", "rf", "--faults", "1")),
        ("concurrency/agent_tools", ("--strategy", "dfs")),
        ("concurrency/late_reply", ("--strategy", "bfs", "--network", "cluster")),
        ("guide/timeouts", ("--strategy", "dfs", "--faults", "1")),
    ],
)
def test_verdict_counts_and_counterexample_are_those_of_one(
    tmp_path: Path, spec: str, options: tuple[str, ...]
) -> None:
    asked = (str(SPECS / f"{spec}.py"), "--no-corpus", "--seconds", "100", *options)
    one = checked(tmp_path, *asked, before=SOON)
    assert one["verdicts"][0]["verdict"] == "Violated"
    two = checked(tmp_path, *asked, "--workers", "2", before=SOON)
    assert comparable(two) == comparable(one)


@pytest.mark.parametrize("asked", ENDLESS)
def test_it_stops_when_its_time_is_over(many: Path, asked: tuple[str, ...]) -> None:
    options = ("--no-corpus", "--seconds", "4", "--workers", "2")
    found = checked(many, *asked, *options, before=SOON)["verdicts"][0]
    assert found["searched"]["why_stopped"] == "the budget of 4 s is spent"
    assert not found["complete"]
    assert found["verdict"] == "Violated" or asked[0] != "many.py"


@pytest.mark.parametrize("asked", ENDLESS[:2])
def test_what_was_found_is_kept_when_it_is_interrupted(many: Path, asked: tuple[str, ...]) -> None:
    options = ("--no-corpus", "--seconds", "100", "--workers", "2")
    process = begun(many, *asked, *options, before=INTERRUPTED)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    found = json.loads(out)["verdicts"][0]
    assert found["searched"]["why_stopped"] == "interrupted"
    if asked[0] == "many.py":
        assert found["verdict"] == "Violated"
        assert found["searched"]["runs"] > 50  # beyond those that one process made
    else:
        assert found["searched"]["situations"] > 1_000
