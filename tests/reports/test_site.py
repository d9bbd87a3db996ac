"""An index over specs, with a page each."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.meta.house import ROOT
from tests.meta.pages import SIMKERNEL, environment
from tests.reports.test_report import Parsed

SPECS = ["specs/guide/agent_fsm.py", "specs/guide/counter.py"]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIMKERNEL), "report", *words], cwd=ROOT, env=environment(),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_specs_get_an_index_and_a_page_each(tmp_path: Path) -> None:
    done = command(*SPECS, "-o", str(tmp_path / "site"), "--runs", "20", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdicts"] == {
        "specs-guide-agent_fsm.html": "Violated", "specs-guide-counter.html": "Held",
    }  # fmt: skip
    index = (tmp_path / "site" / "index.html").read_text("utf-8")
    parsed = Parsed(index)
    assert parsed.inside["h1"] == ["2 specs: 1 held, 1 violated"]
    links = [str(attrs["href"]) for tag, attrs in parsed.tags if tag == "a"]
    assert [(tmp_path / "site" / link).is_file() for link in links] == [True, True]
    assert "AgentFSM: 3 of 4 states" in index
    assert "50 × 6" in "".join(parsed.inside["div"])
    page = (tmp_path / "site" / "specs-guide-agent_fsm.html").read_text("utf-8")
    assert "simkernel run specs/guide/agent_fsm.py --picker walk --step 0..10 --seed 0" in page


def test_a_spec_that_holds_is_shown_with_its_default_run_and_how_runs_end(tmp_path: Path) -> None:
    command(*SPECS[1:], "-o", str(tmp_path), "--runs", "20")
    page = (tmp_path / "specs-guide-counter.html").read_text("utf-8")
    assert "counter.py: nothing wrong was found" in page
    assert "How 50 random runs end" in page
    assert page.count("<tr id=") > 50


def test_a_page_is_of_one_trace(tmp_path: Path) -> None:
    done = command("a.jsonl", "b.jsonl", "-o", str(tmp_path / "x.html"))
    assert done.returncode == 2
    assert "a page is of one trace or result" in done.stderr


def test_a_result_with_several_verdicts_gets_an_index_and_a_page_each(tmp_path: Path) -> None:
    checked = subprocess.run(
        [str(SIMKERNEL), "check", *SPECS, "--runs", "20", "--json"], cwd=ROOT, env=environment(),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    result = tmp_path / "result.json"
    result.write_text(checked.stdout, "utf-8")
    done = command(str(result), "-o", str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "2 specs: 1 held, 1 violated" in index
    page = (tmp_path / "site" / "specs-guide-agent_fsm.html").read_text("utf-8")
    assert Parsed(page).inside["h1"] == ["AgentFSM: crash"]
    assert "State machines in this run" in page
    wrong = command(str(result), "-o", str(tmp_path / "one.html"))
    assert wrong.returncode == 2
    assert "2 verdicts, which are a page each" in wrong.stderr


def test_a_result_of_one_verdict_is_a_page(tmp_path: Path) -> None:
    told = {"spec": SPECS[1], "verdict": "Held", "sentence": "in every run: 3 ends", "notes": []}
    result = tmp_path / "result.json"
    result.write_text(json.dumps({"schema": "simkernel.check/1", "verdicts": [told]}), "utf-8")
    done = command(str(result), "-o", str(tmp_path / "one.html"), "--json")
    assert json.loads(done.stdout)["verdict"] == "Held"
    assert "in every run: 3 ends" in (tmp_path / "one.html").read_text("utf-8")
