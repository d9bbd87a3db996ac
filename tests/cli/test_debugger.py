"""`replay --step`: the debugger as a function of what is typed, and over its standard input."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.scene import scene
from reports.terminal import Look
from simkernel.cli.debugger import HELP, Debugger
from simkernel.cli.terminal import screen
from tests.meta.house import ROOT
from tests.meta.pages import SIMKERNEL, environment
from tests.reports.recorded import at_root
from tests.reports.test_report import crashing


@pytest.fixture
def stands(tmp_path: Path) -> Iterator[Debugger]:
    shown = scene(crashing(tmp_path))
    assert shown is not None

    def write(path: Path, step: int) -> str:
        path.write_text("a report", "utf-8")
        return f"{path}#step={step}"

    with at_root():
        yield Debugger(shown, Look(), write)


def told(debugger: Debugger, *lines: str) -> str:
    return "\n".join(text for line in lines for text in debugger.answer(line))


def test_forward_back_and_to_a_step(stands: Debugger) -> None:
    assert "main ○ starts main" in told(stands, "")
    assert stands.step == 1
    told(stands, "n", "n", "b")
    assert stands.step == 2
    assert "AgentFSM ○ starts" in told(stands, "5")
    assert told(stands, "3").startswith("    2 ")
    assert told(stands, "0") == ""
    assert told(stands, "b") == ""
    assert stands.prompt == "step 0"
    assert told(stands, "41") == "the run has 40 steps"
    assert told(stands, "40").endswith("the end of the trace")
    assert told(stands, "n") == "the end of the trace"


def test_what_is_shown_going_forward_is_shown_going_back(stands: Debugger) -> None:
    there = [told(stands, "n") for _ in range(39)]
    back = [told(stands, "b") for _ in range(38)]
    assert there[:-1] == back[::-1]


def test_it_goes_to_the_cause_and_on_to_its_cause(stands: Debugger) -> None:
    told(stands, "36")
    steps = []
    for _ in range(4):
        told(stands, "cause")
        steps.append(stands.step - 1)
    assert steps == [34, 32, 14, 12]  # taken, fired, set, asked
    told(stands, "1")
    assert told(stands, "cause") == "nothing is known that led to it"


def test_it_stops_at_processes_events_and_conditions(stands: Debugger) -> None:
    told(stands, "break dies", "break if AgentFSM state = 'processing'", "break client")
    assert told(stands, "breaks").splitlines() == [
        "break 1: dies", "break 2: if AgentFSM state = 'processing'", "break 3: client",
    ]  # fmt: skip
    told(stands, "delete 3")
    assert told(stands, "c").startswith("break if AgentFSM state = 'processing'")
    assert stands.step == 13
    assert told(stands, "c").startswith("break dies")
    assert stands.step == 36
    told(stands, "r")
    assert stands.step == 13
    told(stands, "r")
    assert stands.step == 0
    told(stands, "delete 1", "delete 1", "delete 1", "break if AgentFSM mailbox ~ status")
    assert told(stands, "c").startswith("break if AgentFSM mailbox ~ status")
    assert "'status'" in told(stands, "s AgentFSM")


def test_a_place_that_is_none_is_told_with_what_there_is(stands: Debugger) -> None:
    said = told(stands, "break nowhere")
    assert "there are: main, AgentFSM, client" in said
    assert "dies" in said
    assert "no place to stop" in told(stands, "break if client = 3")
    assert "delete takes" in told(stands, "delete 7")
    assert told(stands, "breaks") == "no breakpoints"
    assert "no process 'nobody'" in told(stands, "s nobody")
    assert told(stands, "what") == HELP


def test_it_shows_where_it_is_what_changed_and_how_all_are(stands: Debugger) -> None:
    told(stands, "13")
    where = told(stands, "w")
    assert re.search(r"^▶  12 .*takes call", where, re.MULTILINE)
    assert "~ AgentFSM state: 'idle' → 'processing'" in told(stands, "d")
    assert "├─ AgentFSM <root.1>  running · state 'processing'" in told(stands, "t")
    every = told(stands, "s")
    assert every.startswith("at 0 ms, after 13 transitions")
    assert "data › tasks: [0]" in every
    assert "client <root.2>" not in told(stands, "s AgentFSM").splitlines()


def test_it_writes_the_report_at_this_step(stands: Debugger, tmp_path: Path) -> None:
    told(stands, "13")
    path = tmp_path / "here.html"
    assert told(stands, f"o {path}") == f"report {path}#step=12"
    assert path.read_text("utf-8") == "a report"
    assert "cannot be written" in told(stands, f"o {tmp_path / 'no' / 'where.html'}")
    assert "takes the name" in told(stands, "o")


def commanded(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIMKERNEL), *words], cwd=ROOT, env=environment(), input=typed, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip


def test_over_standard_input_it_answers_until_the_end_of_it(tmp_path: Path) -> None:
    trace = tmp_path / "run.jsonl"
    commanded("run", "specs/guide/counter.py", "--trace", str(trace))
    typed = f"n\nbreak Counter\nc\nw\no {tmp_path / 'r.html'}\ncause\nt\n"
    done = commanded("replay", str(trace), "--step", typed=typed)
    assert "break 1: Counter" in done.stdout
    assert "Counter ○ starts GenServer Counter" in done.stdout
    assert "\x1b" not in done.stdout  # no terminal, no colour
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "<!doctype html>" in page
    assert "Traceback" not in done.stderr


def test_colour_and_width_are_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "77")
    assert screen() == Look(110, False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert screen() == Look(77, True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen() == Look(77, False)
    monkeypatch.setenv("COLUMNS", "20")
    assert screen().width == 60
