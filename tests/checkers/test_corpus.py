"""What a check found before is run first the next time, and told apart from what is new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from simkernel.cli.check import command

RACE = """
from simkernel import receive, self_, send, spawn

async def sender(main, name):
    send(main, name)

async def main(n=3):
    for name in ("first", "second"):
        spawn(sender, self_(), name)
    assert await receive("first", "second") == "first", "the second was faster"
"""
MENDED = RACE.replace('== "first", "the', 'in ("first", "second"), "the')
TWO = (
    RACE
    + """    assert False, "the first was faster"
"""
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "race.py").write_text(RACE, encoding="utf-8")
    return tmp_path


def checked(*options: str) -> dict[str, Any]:
    done = CliRunner().invoke(
        command, ["race.py", "--json", "--runs", "40", *options], standalone_mode=False
    )
    assert done.exception is None, done.exception
    answer = json.loads(done.output)
    assert answer["schema"] == "simkernel.check/1"
    verdict: dict[str, Any] = answer["verdicts"][0]
    return verdict


def files(here: Path) -> list[Path]:
    return sorted((here / ".simkernel" / "corpus").glob("*"))


def test_a_violation_is_new_once_and_known_from_then_on(here: Path) -> None:
    first = checked()
    assert (first["verdict"], first["known"], first["since"]) == ("Violated", False, None)
    assert first["corpus"] == []
    (kept,) = files(here)
    before = kept.read_bytes()
    again = checked("--seed", "1000")
    assert again["known"]
    assert [one["status"] for one in again["corpus"]] == ["fails"]
    assert again["findings"] == first["findings"]
    assert kept.read_bytes() == before


def test_it_is_found_again_where_the_search_alone_would_not(here: Path) -> None:
    checked()
    again = checked("--runs", "1", "--strategy", "delay")
    assert again["searched"]["runs"] == 1
    assert (again["verdict"], again["known"]) == ("Violated", True)
    alone = checked("--runs", "1", "--strategy", "delay", "--no-corpus")
    assert (alone["verdict"], alone["corpus"]) == ("Held", [])


def test_what_was_mended_no_longer_fails_and_comes_back_as_known(here: Path) -> None:
    checked()
    (here / "race.py").write_text(MENDED, encoding="utf-8")
    mended = checked()
    assert mended["verdict"] == "Held"
    assert [one["status"] for one in mended["corpus"]] == ["gone"]
    assert len(files(here)) == 1
    (here / "race.py").write_text("\n\n" + RACE, encoding="utf-8")  # other lines, same failure
    assert checked()["known"]


def test_a_run_that_is_not_possible_any_more_is_named(here: Path) -> None:
    checked()
    (here / "race.py").write_text("async def main(n=3):\n    pass\n", encoding="utf-8")
    (lost,) = checked()["corpus"]
    assert lost["status"] == "lost"
    assert "the spec has changed" in lost["why"]
    (here / "race.py").write_text(RACE.replace("n=3", "m=3"), encoding="utf-8")
    (lost,) = checked()["corpus"]
    assert lost["why"] == "the spec has changed: there is no parameter 'n'"


def test_a_new_failure_is_shown_before_one_that_is_known(here: Path) -> None:
    assert "second" in checked("--strategy", "dfs")["findings"][0]["text"]
    (here / "race.py").write_text(TWO, encoding="utf-8")
    both = checked("--strategy", "dfs")
    assert [one["status"] for one in both["corpus"]] == ["fails"]
    assert not both["known"]
    assert "the first was faster" in both["findings"][0]["text"]
    last = checked("--strategy", "dfs")
    assert [one["status"] for one in last["corpus"]] == ["fails", "fails"]
    assert last["known"]


def test_other_parameters_networks_and_looser_times_are_other_questions(here: Path) -> None:
    checked("--strategy", "dfs", "--time", "any")
    assert [one["status"] for one in checked()["corpus"]] == ["not asked"]
    assert checked("--network", "cluster")["corpus"] == []
    assert checked("--param", "n=2")["corpus"] == []


def test_what_is_expected_now_is_not_run_again(here: Path) -> None:
    checked()
    expected = checked("--expect", "crash")
    assert expected["verdict"] == "Held"
    assert [one["status"] for one in expected["corpus"]] == ["expected"]


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b'{"schema": "simkernel.corpus/2"}',
        "cut", "kind", "settings", "asked", "parameters",
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_and_left_as_it_is(here: Path, damage: bytes | str) -> None:
    checked()
    (kept,) = files(here)
    if isinstance(damage, bytes):
        text = damage
    elif damage == "cut":
        text = kept.read_bytes()[:-40]
    else:
        key = "failure" if damage == "kind" else damage
        bad: Any = ["no such kind", "x"] if damage == "kind" else {"a": 1}
        text = json.dumps({**json.loads(kept.read_bytes()), key: bad}).encode()
    kept.write_bytes(text)
    verdict = checked()
    assert (verdict["verdict"], verdict["known"], verdict["corpus"]) == ("Violated", False, [])
    (problem,) = [note for note in verdict["notes"] if note.startswith("corpus: ")]
    assert f"{kept.name} cannot be read, and is left as it is: " in problem
    assert kept.read_bytes() == text
    assert files(here) == [kept]


def test_a_corpus_that_cannot_be_written_is_said(here: Path) -> None:
    (here / "full").write_text("a file, where a folder is needed", encoding="utf-8")
    verdict = checked("--corpus", "full/corpus")
    assert verdict["verdict"] == "Violated"
    assert [note for note in verdict["notes"] if "cannot be written: Not a directory" in note]


def test_many_checks_may_share_a_folder(here: Path) -> None:
    (here / "race-2.py").write_text(RACE, encoding="utf-8")
    done = CliRunner().invoke(command, ["race-2.py", "--corpus", "kept"], standalone_mode=False)
    assert done.exception is None
    assert checked("--corpus", "kept")["known"] is False
    assert len(list((here / "kept").iterdir())) == 2
