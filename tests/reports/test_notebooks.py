"""What a notebook shows of results, verdicts, trees and graphs: whole, escaped, from no network."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from checkers.check import Budget, check
from reports import render
from reports.diagram import Box, Diagram, Edge
from reports.tree import Forest, forest
from simkernel import log, sleep
from simkernel.errors import UsageError
from simkernel.spec import of, simulate
from tests.reports.recorded import at_root

HOSTILE = "<script>alert('&')</script>"


async def evil(words: int = 30) -> str:
    for _ in range(words):
        log(HOSTILE)
    await sleep(5)
    raise ValueError(HOSTILE)


def whole(text: str) -> ElementTree.Element:
    found = ElementTree.fromstring(text)
    assert not [one for one in found.iter() if one.tag.endswith(("script", "img", "link"))]
    assert "http" not in text.replace("http://www.w3.org/", "")
    return found


def test_a_result_is_a_table_of_what_came_of_it() -> None:
    shown = whole(simulate(evil)._repr_html_())
    rows = {str(row[0].text): "".join(row[1].itertext()) for row in shown.iter("tr")}
    assert rows["ended"] == "nothing is left to happen, at 5 ms, after 35 steps"
    assert "ValueError" in rows["main ended with"]
    assert rows["logged"].startswith("… 10 before")
    assert HOSTILE in rows["logged"]


def test_a_verdict_has_its_sentence_and_findings() -> None:
    verdict = check(of(evil), {}, strategy="delay", budget=Budget(runs=3))
    rows = [str(row[0].text) for row in whole(verdict._repr_html_()).iter("tr")]
    assert rows[:2] == ["Violated", "crash"]


@pytest.fixture(params=["tree", "diagram"])
def drawn(request: pytest.FixtureRequest) -> Any:
    if request.param == "diagram":
        return Diagram(
            "two", [Box("a", (HOSTILE,)), Box("b", ("b",))], [Edge("a", "b", (HOSTILE,))]
        )
    return made()


def made() -> Forest:
    from simkernel.cli.graph import machine_at
    from simkernel.loading import load
    from simkernel.settings import Settings

    with at_root():
        return forest(machine_at(load("specs/guide/application.py"), {}, Settings(), 110))


def test_trees_and_graphs_are_pictures(drawn: Any) -> None:
    try:
        render.program()
    except UsageError:
        pytest.skip("needs graphviz-pure or dot")
    svg = drawn._repr_svg_()
    assert whole(svg).tag.endswith("svg")


def test_where_no_program_draws_there_is_the_text(
    drawn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "PROGRAMS", ("no-such-program",))
    assert drawn._repr_svg_() is None
    assert whole(drawn._repr_html_()).tag == "pre"
