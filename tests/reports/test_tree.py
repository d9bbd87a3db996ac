"""The supervision tree as lines, as a graph and as Mermaid."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports import render
from reports.tree import forest, graph, lines, mermaid, to_depth
from simkernel import (
    DynamicSupervisor,
    GenServer,
    GenStateMachine,
    Ok,
    Supervisor,
    exit,
    monitor,
    receive,
    spawn,
    whereis,
)
from simkernel.choice import First
from simkernel.errors import UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from tests.meta.house import ROOT
from tests.meta.pages import SIMKERNEL, environment


class Worker(GenServer):
    @staticmethod
    def start_link(name: Any) -> Any:
        return GenServer.start_link(Worker, name, name=name)

    def init(self, name: Any) -> Any:
        return Ok(name)


class Session(GenServer):
    @staticmethod
    def start_link(number: Any) -> Any:
        return GenServer.start_link(Session, number)

    def init(self, number: Any) -> Any:
        return Ok(number)


class Light(GenStateMachine):
    @staticmethod
    def start_link(_: Any) -> Any:
        return GenStateMachine.start_link(Light, None)

    def init(self, data: Any) -> Any:
        return ("ok", "red", data)

    def handle_event(self, event_type: Any, content: Any, state: Any, data: Any) -> Any:
        return "keep_state_and_data"


class Sessions(DynamicSupervisor):
    @staticmethod
    def start_link(_: Any) -> Any:
        return DynamicSupervisor.start_link(Sessions, None, name="sessions")

    def init(self, _: Any) -> Any:
        return DynamicSupervisor.init(strategy="one_for_one")


async def watcher(pid: Any) -> None:
    monitor(pid)
    await receive(idle=True)


async def house() -> None:
    children = [
        {"id": "a", "start": (Worker, "start_link", ("a",))},
        {"id": "b", "start": (Worker, "start_link", ("b",)), "restart": "transient"},
        (Light, None),
        (Sessions, None),
    ]
    await Supervisor.start_link(children, strategy="rest_for_one", name="top")
    for number in range(5):
        await DynamicSupervisor.start_child("sessions", (Session, number))
    a, b = await whereis("a"), await whereis("b")
    spawn(watcher, await whereis("top"))
    await GenServer.stop(b)
    exit(a, "boom")


def at_the_end(main: Callable[..., Any]) -> Any:
    m = Machine(main)
    driver.drive(m, First(), 100_000)
    return forest(m)


SHOWN = """\
▣ Supervisor <root.1>  name top, rest_for_one, 1 of 3 restarts in 5 s
├─ ● Worker <root.1.5>  permanent, name a
├─ ● Worker <root.1.6>  transient, name b
├─ ● Light <root.1.7>  permanent, state 'red'
└─ ▣ Supervisor <root.1.8>  permanent, name sessions, one_for_one, 0 of 3 restarts in 5 s
○ main <root>  at rest
○ watcher <root.2>  waiting
  <root> ── <root.1>  (link)
  <root.2> ─▸ <root.1>  (monitors)"""


def test_the_tree_as_lines() -> None:
    shown = list(lines(at_the_end(house)))
    assert shown[0].startswith("at 0 ms, after ")
    assert "\n".join(shown[1:]) == SHOWN


async def sessions() -> None:
    await Sessions.start_link(None)
    for number in range(5):
        await DynamicSupervisor.start_child("sessions", (Session, number))


def test_what_is_alike_is_folded() -> None:
    shown = list(lines(at_the_end(sessions)))
    assert "└─ ● Session × 5" in shown


def test_subtrees_fold_and_say_how_many_are_below() -> None:
    trees = at_the_end(sessions)
    shown = list(lines(to_depth(trees, 0)))
    assert any(line.startswith("▣ ") and line.endswith("… 5 below") for line in shown)
    assert not any("Session ×" in line for line in shown)
    assert list(lines(to_depth(trees, 1))) == list(lines(trees))
    # Nothing points at what is not there.
    folded = to_depth(at_the_end(house), 0)
    there = {pid for node in folded.roots for pid in node.pids}
    assert there.issuperset(pid for pair in folded.links + folded.monitors for pid in pair)
    assert "… 4 below" in graph(folded).source


async def ended() -> None:
    children = [{"id": "t", "start": (Worker, "start_link", ("t",)), "restart": "transient"}]
    await Supervisor.start_link(children, strategy="one_for_one")
    await GenServer.stop("t")


def test_a_child_that_has_ended_is_marked_in_word_and_shape() -> None:
    trees = at_the_end(ended)
    assert "└─ ● t ✖ dead  transient" in list(lines(trees))
    dot = graph(trees).source
    assert "t\\ndead\\ntransient" in dot
    assert "peripheries=2" in dot
    assert any(line.strip() == "class n1 dead" for line in mermaid(trees))


def test_mermaid_shows_each_node_edge_and_bond() -> None:
    shown = list(mermaid(at_the_end(sessions)))
    assert shown[0] == "flowchart TB"
    assert '    n1(["Session × 5"])' in shown
    assert "    n0 --> n1" in shown
    assert "    n2 -. link .- n0" in shown or "    n0 -. link .- n2" in shown


async def hostile() -> None:
    await Supervisor.start_link([], strategy="one_for_one", name='<b>"&\\n')


@pytest.mark.parametrize("program", render.PROGRAMS)
def test_both_programs_draw_what_was_written(program: str) -> None:
    try:
        render.program(program)
    except UsageError:
        pytest.skip(f"{program} is not here")
    svg = render.drawn(graph(at_the_end(hostile)).source, "svg", by=program)
    texts = "".join(ElementTree.fromstring(svg).itertext())
    assert 'name <b>"&\\n' in texts
    assert render.drawn(graph(at_the_end(house)).source, "png", by=program).startswith(b"\x89PNG")


def test_the_same_system_gives_the_same_graph() -> None:
    assert graph(at_the_end(house)).source == graph(at_the_end(house)).source


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIMKERNEL), "graph", str(ROOT / "specs/guide/application.py"), *words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_shows_and_writes_the_tree(tmp_path: Path) -> None:
    done = command("--seed", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "● Endpoint" in done.stdout
    done = command("--seed", "1", "-o", "tree.dot", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (told["schema"], told["output"]) == ("simkernel.graph/1", "tree.dot")
    assert (tmp_path / "tree.dot").read_text().startswith("digraph supervision {")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["-o", "tree.pdf"], "there is no format '.pdf'"), (["--at", "99999"], "the run has")],
)
def test_wrong_use_is_told(words: list[str], said: str, tmp_path: Path) -> None:
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
