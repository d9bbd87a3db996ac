"""The run in the terminal: diagram, tree and what changes, in any width, with colour or not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.scene import Scene, plain, scene
from reports.terminal import Look, around, diagram, difference, states, tree
from simkernel.cli.reel import reel
from tests.reports.recorded import agrees_with_golden, at_root, recorded
from tests.reports.test_report import crashing

CODES = re.compile(r"\x1b\[\d+m")


@pytest.fixture
def crash(tmp_path: Path) -> Scene:
    shown = scene(crashing(tmp_path))
    assert shown is not None
    return shown


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_golden_diagram_fits_its_width(crash: Scene, width: int) -> None:
    lines = diagram(crash, Look(width), around(crash, 39, 100))
    assert max(map(len, lines)) <= width
    agrees_with_golden(f"agent_crash-{width}.txt", "\n".join(lines) + "\n")


def test_a_message_is_a_line_from_who_sent_it_with_the_step_of_the_send(crash: Scene) -> None:
    lines = diagram(crash, Look(120), around(crash, 12, 100))
    (taken,) = [line for line in lines if "AgentFSM ● takes call ('submit', 0)" in line]
    assert "●◀─" in taken
    assert "┘" in taken
    assert taken.endswith("(sent at 10)")


def test_who_has_ended_has_no_lane_any_more(crash: Scene) -> None:
    lines = diagram(crash, Look(120), around(crash, 39, 100))
    assert lines[-1].count("│") == 0


def test_many_processes_share_the_last_lane(tmp_path: Path) -> None:
    with at_root():
        shown = plain(reel(recorded("specs/guide/tasks.py", tmp_path, picker="first")))
    rows = around(shown, 10**9, 200)
    for width in (60, 80, 110):
        lines = diagram(shown, Look(width), rows)
        assert max(map(len, lines)) <= width
    assert "+" in diagram(shown, Look(60), rows)[1]


def test_colours_say_nothing_that_the_text_does_not(crash: Scene) -> None:
    rows = around(crash, 39, 100)
    plainly, colored = (diagram(crash, Look(110, color), rows) for color in (False, True))
    assert [CODES.sub("", line) for line in colored] == plainly
    assert any("\x1b[31m" in line for line in colored)
    assert not any("\x1b" in line for line in plainly)


def test_the_tree_and_the_states_are_those_of_the_step(crash: Scene) -> None:
    film = crash.reel.film
    assert film is not None
    lines = list(tree(crash, film.at(31), Look()))
    assert lines[0].startswith("main <root>  waiting")
    assert lines[1].startswith("├─ AgentFSM <root.1>  waiting · state 'processing'")
    assert lines[2].startswith("└─ client <root.2>")
    assert list(tree(crash, film.at(39), Look())) == []
    told = list(states(crash, film.at(31), Look(), ["<root.1>"]))
    assert told[0] == "AgentFSM <root.1>"
    assert "    state: 'processing'" in told


def test_a_supervision_tree_shows_strategy_and_restarts(tmp_path: Path) -> None:
    with at_root():
        shown = plain(reel(recorded("specs/guide/application.py", tmp_path, picker="first")))
    assert shown.reel.film is not None
    lines = list(tree(shown, shown.reel.film.at(120), Look(200)))
    assert any("strategy one_for_one · restarts 0 of" in line for line in lines)
    assert any("restarts 1 of" in line for line in lines)


def test_what_a_step_changes_has_what_it_was(crash: Scene) -> None:
    lines = list(difference(crash, 12, Look()))
    assert "  ~ AgentFSM state: 'idle' → 'processing'" in lines
    assert "  ~ AgentFSM data › tasks: [] → [0]" in lines
    assert list(difference(crash, 9_999, Look())) == []
