"""A failing run beside one that passes: what is found near it, and what is told apart."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.judged import Judged
from checkers.neighbour import passing
from checkers.verdict import Counterexample
from reports.beside import beside, compare, sentence
from reports.run_page import run_page
from reports.scene import Scene, plain, scene
from simkernel import choose, receive, self_, send, spawn
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import Spec, chooser_of, of
from tests.reports.recorded import agrees_with_golden, at_root
from tests.reports.test_report import crashing


async def two_tell(order_matters: bool = True) -> None:
    spawn(tells, self_(), "a")
    spawn(tells, self_(), "b")
    first, second = await receive(), await receive()
    assert not order_matters or first == "a", (first, second)


async def tells(dest: Any, what: str) -> None:
    send(dest, what)


async def always_fails() -> None:
    raise ValueError(await choose([1, 2]))


def failing(spec: Spec) -> Counterexample:
    verdict = check(spec, {}, strategy="delay", budget=Budget(runs=100))
    assert verdict.counterexample is not None
    return verdict.counterexample


def findings(spec: Spec, settings: Settings) -> list[Any]:
    run = Judged(spec, {}, settings)
    found = run.findings(run.run(chooser_of(settings), 10_000))
    run.m.close()
    return found


def test_the_nearest_run_has_the_default_where_the_failing_one_leaves_it_last() -> None:
    spec = of(two_tell)
    example = failing(spec)
    near = passing(spec, {}, example.settings)
    assert near is not None
    assert near.picks == example.settings.picks[:-1]
    assert findings(spec, near) == []
    assert findings(spec, example.settings) != []


def test_where_the_default_fails_one_step_is_taken_otherwise() -> None:
    with at_root():
        spec = load("specs/concurrency/restart_race.py")
        example = failing(spec)
        near = passing(spec, {}, example.settings)
        assert near is not None
        assert findings(spec, near) == []
    assert example.settings.picks == ()
    assert len(near.picks) == 1


def test_where_every_run_fails_none_is_found() -> None:
    spec = of(always_fails)
    assert passing(spec, {}, failing(spec).settings) is None
    assert passing(spec, {}, Settings(picker="walk")) is None


def both(folder: Path) -> tuple[Scene, Scene]:
    case = crashing(folder)
    shown = scene(case)
    assert shown is not None
    assert case.passing is not None
    return shown, plain(case.passing)


def test_what_both_have_is_the_same_until_the_client_chooses(tmp_path: Path) -> None:
    shown, other = both(tmp_path)
    found = compare(shown, other)
    first = [found.first[0] or 0, found.first[1] or 0]
    assert [shown.reel.events[first[0]]["e"], other.reel.events[first[1]]["e"]] == ["choose"] * 2
    assert (found.first[0], found.first[1]) in found.rows  # beside each other
    for row in found.same[0]:
        assert row < first[0] or shown.reel.events[row]["p"] != "<root.2>"
    assert sentence(shown, other, found) == (
        "The two part here: in the one that passes, client ? chooses 'quick'; in the one that "
        "fails, client ? chooses 'slow'."
    )


def test_a_run_beside_itself_has_no_difference(tmp_path: Path) -> None:
    shown, _ = both(tmp_path)
    found = compare(shown, shown)
    assert found.first == (None, None)
    assert len(found.same[0]) == len(shown.reel.events)
    assert all(one == other for one, other in found.rows)
    assert sentence(shown, shown, found) == "The two differ in order only."


def test_golden_picture_of_both(tmp_path: Path) -> None:
    shown, other = both(tmp_path)
    svg = beside(shown, other, compare(shown, other))
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    agrees_with_golden("agent_crash-beside.svg", svg)


@pytest.mark.parametrize("cell", ["Both, side by side", "The two part here", 'id="beside"'])
def test_the_page_of_a_failing_run_has_both(cell: str, tmp_path: Path) -> None:
    assert cell in run_page(crashing(tmp_path))
