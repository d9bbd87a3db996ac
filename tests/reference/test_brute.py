"""The brute-force reference against the facts of the lessons, and against itself."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.reference import brute
from tests.reference.generate import programs, random_programs
from tests.reference.lessons import LESSONS, Lesson
from tests.reference.programs import Outcome, Program, end, kill, program, recv, send, spawn

SMALL = [lesson for lesson in LESSONS if len(str(lesson.program)) < 60]
BY_NAME = [lesson.program.name for lesson in LESSONS]


@pytest.mark.parametrize("lesson", LESSONS, ids=BY_NAME)
def test_lesson_has_its_outcomes(lesson: Lesson) -> None:
    for network, count in zip(("node", "cluster"), lesson.counts, strict=True):
        outcomes = brute.outcomes(lesson.program, network)
        assert len(outcomes) == count, network
        for fact in lesson.facts:
            assert network not in fact.networks or fact.holds(outcomes), (network, fact)


def test_rule_6_loses_outcomes_if_the_end_waits_or_the_kill_acts_at_once() -> None:
    victim = next(lesson.program for lesson in LESSONS if lesson.rule == "6")
    rule_7 = brute.outcomes(victim, rules=brute.LESSONS)
    assert len(brute.outcomes(victim)) == 7
    assert len(rule_7) == 6
    at_once = {o for o in rule_7 if "v" not in (o[2][1] or ())}
    assert len(at_once) == 4


@pytest.mark.parametrize("lesson", LESSONS, ids=BY_NAME)
def test_stricter_rules_and_networks_only_take_outcomes_away(lesson: Lesson) -> None:
    assert_nested(lesson.program)


@settings(deadline=None, max_examples=60)
@given(programs(5))
def test_drawn_programs_nest(drawn: Program) -> None:
    assert_nested(drawn, limit=2000)


def assert_nested(tried: Program, limit: int = 100_000) -> None:
    try:
        cluster = brute.explore(tried, "cluster", limit=limit).outcomes
        node = brute.explore(tried, limit=limit).outcomes
        prompt = brute.explore(tried, rules=brute.PROMPT, limit=limit).outcomes
        prompt_answers = replace(brute.LESSONS, late_noproc=False)
        rule_7 = brute.explore(tried, rules=prompt_answers, limit=limit).outcomes
    except brute.TooManyStates:
        return
    assert rule_7 <= prompt <= node <= cluster


@pytest.mark.parametrize("lesson", SMALL, ids=[lesson.program.name for lesson in SMALL])
def test_without_the_visited_set_the_outcomes_are_the_same(lesson: Lesson) -> None:
    for network in ("node", "cluster"):
        count, found = brute.runs(lesson.program, network, limit=200_000)
        if count is not None:
            assert found == brute.outcomes(lesson.program, network)
            assert count >= len(found)


def test_three_senders_have_six_orders() -> None:
    bodies = {letter: [send("main", letter.lower())] for letter in "ABC"}
    three = program("three", main=[recv(), recv(), recv()], **bodies)
    for network in ("node", "cluster"):
        assert len(brute.outcomes(three, network)) == 6


def test_logs_that_get_out_at_the_end_are_a_coarser_picture() -> None:
    tried = program("cut", A=[recv(), recv()], B=[send("A", "a"), kill("A"), end("x")])
    rows = {outcome[1] for outcome in brute.outcomes(tried, record="end")}
    assert rows == {("A", None, "killed")}
    tried = program("may be cut", A=[recv()], B=[send("A", "a"), kill("A")])
    rows = {outcome[1] for outcome in brute.outcomes(tried, record="end")}
    assert rows == {("A", None, "killed"), ("A", ("a",), "killed"), ("A", ("a",), "normal")}


def test_random_programs_are_the_same_each_time_and_small() -> None:
    first, again = random_programs(7, 20), random_programs(7, 20)
    assert first == again
    assert len({str(p) for p in first}) == 20
    kinds = {op[0] for p in random_programs(1, 150) for _, ops in p.bodies for op in ops}
    assert len(kinds) == 20
    kinds = {
        op[0] for p in random_programs(1, 60, spawns=True) for _, ops in p.bodies for op in ops
    }
    assert "spawn" in kinds


def test_a_child_that_nobody_starts_is_unborn() -> None:
    tried = program("child", A=[recv(), spawn("X", "link")], X=[end("x")])
    (only,) = brute.outcomes(tried)
    assert only == (("main", (), "normal"), ("A", (), "stuck"), ("X", (), "unborn"))
    started = program("child", A=[spawn("X", "link"), recv()], X=[end("x")])
    assert {outcome[1:] for outcome in brute.outcomes(started)} == {
        (("A", (), "x"), ("X", (), "x")),
    }


def test_hash_order_decides_nothing() -> None:
    code = (
        "from tests.reference import brute, generate\n"
        "for p in generate.random_programs(3, 5):\n"
        "    e = brute.explore(p, 'cluster')\n"
        "    print(p, e.states, e.listed)\n"
    )
    shown = {_python(code, seed) for seed in ("0", "1")}
    assert len(shown) == 1


def _python(code: str, hash_seed: str) -> str:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, cwd=root, check=True, capture_output=True, text=True
    ).stdout


def test_an_outcome_names_every_process() -> None:
    (only,) = brute.outcomes(program("stuck", A=[recv()]))
    wanted: Outcome = (("main", (), "normal"), ("A", (), "stuck"))
    assert only == wanted
