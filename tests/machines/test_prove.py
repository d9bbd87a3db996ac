"""The command `simkernel prove`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simkernel.cli.main import main
from tests.meta.house import ROOT

FOLDER = "specs/machines/"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; gives its code and what it prints."""
    with pytest.raises(SystemExit) as ended:
        main(["prove", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Run the command with --json."""
    code, out, _ = run(capsys, *arguments, "--json")
    return code, json.loads(out)


def test_a_machine_that_holds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = tmp_path / "lease.smt2"
    code, found = as_json(capsys, FOLDER + "lease_fixed.py", "--certificate", str(kept))
    (answer,) = found["answers"]
    assert (code, found["schema"], found["exit"]) == (0, "simkernel.prove/1", 0)
    assert (answer["verdict"], answer["complete"], answer["states"]) == ("Held", True, 753)
    assert kept.read_text("utf-8") == answer["certificate"]["smt2"]


def test_a_machine_that_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, FOLDER + "two_phase_commit.py")
    (answer,) = found["answers"]
    assert (code, answer["failed"]) == (1, "all do the same")
    assert len(answer["run"]["steps"]) == 7
    code, out, _ = run(capsys, FOLDER + "two_phase_commit.py", "--method", "bmc")
    assert code == 1
    assert "manager commits" in out


def test_what_is_not_decided_exits_5_if_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (FOLDER + "workflow_fsm_fixed.py", "--method", "spacer")
    assert run(capsys, *arguments)[0] == 0
    code, out, _ = run(capsys, *arguments, "--require-complete")
    assert code == 5
    assert out.startswith("Inconclusive")
    # Runs of few steps are not all runs.
    held = (FOLDER + "lease_fixed.py", "--method", "bmc", "--depth", "3", "--require-complete")
    assert run(capsys, *held)[0] == 5


def test_a_folder_is_proved_file_by_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("lease", "agent_fsm_fixed"):
        text = (ROOT / FOLDER / f"{name}.py").read_text("utf-8")
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    code, out, _ = run(capsys, str(tmp_path))
    assert code == 1
    assert out.splitlines()[-1] == "2 machines: 1 held, 1 violated"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("specs/nowhere.py",), "there is no such file"),
        (("specs/guide/counter.py",), "defines no 'machine'"),
        ((FOLDER + "lease.py", "--method", "magic"), "no strategy 'magic'"),
        ((FOLDER + "lease.py", "--param", "term=x"), "term takes int"),
        ((FOLDER + "lease.py", "--param", "terms=1"), "no parameter 'terms'"),
    ],
)
def test_bad_input_is_told(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], what: str
) -> None:
    code, found = as_json(capsys, *arguments)
    assert (code, found["schema"]) == (2, "simkernel.error/1")
    assert what in found["error"]["what"]
    assert found["error"]["next"]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert what in err


def test_ctrl_c_keeps_what_was_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import simkernel.cli.prove as command

    proved = command.prove

    def interrupted(machine: Any, *more: Any, **options: Any) -> Any:
        if machine.name == "lease":
            raise KeyboardInterrupt
        return proved(machine, *more, **options)

    monkeypatch.setattr(command, "prove", interrupted)
    paths = (FOLDER + "agent_fsm.py", FOLDER + "lease.py")
    code, found = as_json(capsys, *paths)
    assert (code, len(found["answers"])) == (130, 1)
