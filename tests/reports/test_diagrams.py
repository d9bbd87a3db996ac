"""Diagrams: who sends to whom, state machines with coverage, situations; in every format."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from reports import render
from reports.diagram import Box, Diagram, Edge, dot, lines, mermaid, state_diagram
from simkernel.errors import UsageError
from tests.meta.house import ROOT
from tests.meta.pages import SIMKERNEL, environment
from tests.reports.recorded import agrees_with_golden

HOSTILE = '<b>"&\\n;#:'


def command(spec: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIMKERNEL), "graph", spec, *words], cwd=ROOT, env=environment(),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def some() -> Diagram:
    boxes = [
        Box("a", (HOSTILE, "second"), "first"),
        Box("b", ("never",), "state", seen=False),
        Box("c", ("bad",), "supervisor", bad=True),
    ]
    edges = [Edge("a", "b", (HOSTILE,), 0), Edge("a", "c", ("often",), 100), Edge("c", "a")]
    return Diagram("title", boxes, edges, {"group": ["a", "b"]})


@pytest.mark.parametrize("form", ["txt", "dot", "mmd"])
@pytest.mark.parametrize(
    ("view", "spec"),
    [
        ("processes", "specs/guide/agent_fsm.py"), ("statem", "specs/guide/agent_fsm.py"),
        ("statem", "specs/guide/workflow_fsm.py"), ("states", "specs/concurrency/restart_race.py"),
    ],
)  # fmt: skip
def test_golden_views(view: str, spec: str, form: str, tmp_path: Path) -> None:
    out = tmp_path / f"picture.{form}"
    done = command(spec, "--view", view, "--runs", "10", "-o", str(out))
    assert done.returncode == 0, done.stderr
    agrees_with_golden(f"{Path(spec).stem}-{view}.{form}", out.read_bytes())


def test_a_state_machine_is_drawn_with_what_was_and_what_never_was() -> None:
    done = command("specs/guide/agent_fsm.py", "--view", "statem", "--runs", "10")
    said = done.stdout.splitlines()
    assert "  ··▸ error  never" in said
    assert "error  (never reached)" in said
    assert any(line.startswith("  ──▸ ends  state_timeout, → crash") for line in said)
    assert any(
        line.startswith("  ──▸ processing  call submit …, → reply accepted") for line in said
    )


def test_a_change_of_state_with_an_enter_call_is_an_edge() -> None:
    """The enter call is noted before the change that it belongs to."""
    done = command("specs/guide/workflow_fsm_11.py", "--view", "statem", "--runs", "10")
    said = done.stdout.splitlines()
    assert not any(line.startswith("  ··▸ running") for line in said)
    assert any(line.startswith("  ──▸ running  call start …") for line in said)
    assert any(line.startswith("  ──▸ failed  state_timeout") for line in said)


def test_the_command_gives_its_numbers() -> None:
    done = command("specs/guide/agent_fsm.py", "--view", "processes", "--runs", "3", "--json")
    told = json.loads(done.stdout)
    assert (told["view"], told["boxes"]) == ("processes", 3)
    assert "who sends to whom in 3 runs" in told["text"]


def test_a_spec_without_a_state_machine_says_so() -> None:
    done = command("specs/concurrency/late_reply.py", "--view", "statem")
    assert done.returncode == 2
    assert "no run has a state machine in it" in done.stderr


def test_what_was_taken_often_is_wide_and_what_never_was_is_dotted() -> None:
    source = dot(some()).source
    assert "penwidth=4.0" in source
    assert "style=dotted" in source
    shown = list(lines(some()))
    assert f"  ··▸ never  {HOSTILE}, never" in shown
    assert "  ──▸ bad  often, 100 ×" in shown


@pytest.mark.parametrize("program", render.PROGRAMS)
def test_both_programs_draw_hostile_labels_as_text(program: str) -> None:
    try:
        render.program(program)
    except UsageError:
        pytest.skip(f"{program} is not here")
    svg = render.drawn(dot(some()).source, "svg", by=program)
    assert svg == render.drawn(dot(some()).source, "svg", by=program)
    texts = "".join(ElementTree.fromstring(svg).itertext())
    assert HOSTILE in texts


def test_mermaid_has_entities_for_what_it_would_read_as_its_own() -> None:
    wanted = "#lt;b#gt;#quot;#amp;\\n#59;#35;#58;"
    assert any(wanted in line for line in mermaid(some()))
    assert any(wanted in line for line in state_diagram(some()))
    assert not any("<b>" in line for line in [*mermaid(some()), *state_diagram(some())])
