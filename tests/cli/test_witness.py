"""A spec that depends on the hash seed is reported by `check`, which a search cannot see."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.meta.house import ROOT
from tests.meta.pages import environment

HELD = "async def main():\n    pass\n"
SET = """
from simkernel import log, self_, send, spawn

async def echo(to, what):
    send(to, what)

async def main():
    for name in {"a", "b", "c", "d"}:
        spawn(echo, self_(), name)
"""
# One choice in 2,000 is wrong, and what is said of it a set decides: only the search comes there.
FOUND = """
from simkernel import choose

async def main():
    if await choose(list(range(2_000))) == 1_234:
        raise ValueError([*{"a", "b", "c", "d", "e"}])
"""
KINDS = {"set": (SET, ()), "found": (FOUND, ("--strategy", "dfs", "--seconds", "60"))}
LETTER = re.compile(r"'[abc]'")


def checked(here: Path, *args: str, seed: str = "7") -> tuple[int, dict]:
    env = {**environment(), "PYTHONHASHSEED": seed}
    env.pop("SIMKERNEL_NO_WITNESS", None)
    done = subprocess.run(
        [sys.executable, "-m", "simkernel", "check", *args, "--json", "--runs", "20"],
        cwd=here, env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["set", "found"])
def test_a_set_that_is_iterated_is_named_with_the_event_that_differs(
    tmp_path: Path, kind: str
) -> None:
    text, options = KINDS[kind]
    (tmp_path / f"{kind}.py").write_text(text, encoding="utf-8")
    code, answer = checked(tmp_path, f"{kind}.py", *options)
    error = answer["error"]
    assert (code, error["kind"], error["where"]) == (3, "Nondeterminism", f"{kind}.py")
    assert error["what"].startswith("under another hash seed it is another run, from event ")
    assert "PYTHONHASHSEED=1" in error["what"]
    assert "sorted(...)" in error["next"]


def test_the_page_shows_what_is_said(tmp_path: Path) -> None:
    """But for the letters: with which one a set of them begins differs between Pythons."""
    text = SET.replace(', "d"', "")
    (tmp_path / "sets.py").write_text(text, encoding="utf-8")
    _, answer = checked(tmp_path, "sets.py", seed="0")
    error = answer["error"]
    told = f"error: {error['what']} where: {error['where']} next: {error['next']}"
    page = (ROOT / "docs/how-to/findings.md").read_text(encoding="utf-8")
    shown = page.partition("it says:\n\n    error: under another")[2].partition("\n\n")[0]
    shown = re.sub(r"\s+", "", "error: under another" + shown)
    assert LETTER.sub("'?'", shown) == LETTER.sub("'?'", re.sub(r"\s+", "", told))


SLOW = f"""
import os, time
if os.environ["PYTHONHASHSEED"] == "1":
    open("asked", "w").close()
    time.sleep(60)
{HELD}"""


def test_an_interruption_of_the_comparison_keeps_what_was_concluded(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    (tmp_path / "held.py").write_text(HELD, encoding="utf-8")
    env = {**environment(), "PYTHONHASHSEED": "7"}
    env.pop("SIMKERNEL_NO_WITNESS", None)
    words = [sys.executable, "-m", "simkernel", "check", "slow.py", "held.py", "--json"]
    with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.PIPE) as check:
        while not (tmp_path / "asked").exists():
            assert check.poll() is None
            time.sleep(0.05)
        check.send_signal(signal.SIGINT)
        out, _ = check.communicate(timeout=30)
    (verdict,) = json.loads(out)["verdicts"]
    assert check.returncode == 130
    assert (verdict["spec"], verdict["verdict"]) == ("slow.py", "Held")
    assert verdict["searched"]["why_stopped"] != "interrupted"


def test_what_no_hash_decides_is_concluded_without_a_word_of_it(tmp_path: Path) -> None:
    (tmp_path / "held.py").write_text(HELD, encoding="utf-8")
    for seed in ("1", "random"):
        code, answer = checked(tmp_path, "held.py", seed=seed)
        (verdict,) = answer["verdicts"]
        assert (code, verdict["verdict"], verdict["notes"]) == (0, "Held", [])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_other_specs_are_concluded(tmp_path: Path, workers: str) -> None:
    for name, text in (("a_set", SET), ("b_held", HELD)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    code, answer = checked(tmp_path, "a_set.py", "b_held.py", "--workers", workers)
    told = {one["spec"]: (one["verdict"], one.get("error", {}).get("kind")) for one in
            answer["verdicts"]}  # fmt: skip
    assert told == {"a_set.py": ("Inconclusive", "Nondeterminism"), "b_held.py": ("Held", None)}
    assert (code, answer["exit"]) == (3, 3)


def test_where_nothing_could_be_compared_a_note_says_so(tmp_path: Path) -> None:
    (tmp_path / "held.py").write_text(HELD, encoding="utf-8")
    broken = f"import os\nif os.environ['PYTHONHASHSEED'] == '1':\n    raise OSError('no')\n{HELD}"
    (tmp_path / "broken.py").write_text(broken, encoding="utf-8")
    _, answer = checked(tmp_path, "broken.py", "held.py")
    first, second = (verdict["notes"] for verdict in answer["verdicts"])
    (note,) = first
    assert note.startswith("not compared with runs under another hash seed: it raises OSError")
    assert second == []


def test_nobody_looks_if_nobody_is_asked_to(tmp_path: Path) -> None:
    (tmp_path / "set.py").write_text(SET, encoding="utf-8")
    code, answer = checked(tmp_path, "set.py", "--no-witness")
    assert (code, answer["verdicts"][0]["verdict"]) == (0, "Held")
    assert os.environ["SIMKERNEL_NO_WITNESS"] == "1"  # tests of other things need not pay for it
