"""Which properties `simkernel check` looks at, and where it writes what it found."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_cli import simkernel

SPEC = """
from simkernel import always, log, never, spec

@spec(properties={
    "quiet": never(lambda world: world.logged),
    "sound": always(lambda world: len(world.logged) < 9),
})
async def main():
    log("said")
"""


def checked(folder: Path, *options: str) -> tuple[int, str, str]:
    """Check the spec; gives the exit code, stdout and stderr."""
    (folder / "talks.py").write_text(SPEC, "utf-8")
    done = simkernel("check", "talks.py", "--runs", "3", "-q", *options, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def test_a_property_that_was_not_asked_for_is_not_looked_at(tmp_path: Path) -> None:
    assert checked(tmp_path)[:1] == (1,)
    code, out, _ = checked(tmp_path, "--property", "sound")
    assert (code, out.split()[0]) == (0, "Held")
    assert checked(tmp_path, "--property", "sound", "--property", "quiet")[0] == 1


def test_what_was_found_of_it_before_is_not_called_gone(tmp_path: Path) -> None:
    assert checked(tmp_path)[0] == 1
    code, out, _ = checked(tmp_path, "--property", "sound")
    assert code == 0
    assert "its property is not looked at" in out


def test_a_property_that_nobody_has_is_told(tmp_path: Path) -> None:
    code, _, err = checked(tmp_path, "--property", "silent")
    assert code == 2
    assert "no spec here has a property 'silent'" in err
    assert "There are: 'quiet', 'sound'." in err


def test_files_of_one_name_in_two_folders_have_a_trace_each(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        text = f"async def main():\n    raise ValueError({name!r})\n"
        (tmp_path / name / "fails.py").write_text(text, "utf-8")
    for _ in range(2):  # and the same ones when they are checked again
        done = simkernel("check", "a", "b", "--runs", "3", "--json", cwd=tmp_path)
        traces = [one["trace"] for one in json.loads(done.stdout)["verdicts"]]
        assert traces == [".simkernel/fails.jsonl", ".simkernel/fails-83cbef56.jsonl"]
    lines = [(tmp_path / trace).read_text("utf-8").splitlines() for trace in traces]
    headers = [json.loads(first)["spec"] for first, *_ in lines]
    assert headers == ["a/fails.py", "b/fails.py"]
    assert simkernel("replay", traces[1], cwd=tmp_path).returncode == 0


def test_what_is_found_is_shown_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("async def main():\n    raise ValueError(1)\n", "utf-8")
    (tmp_path / ".simkernel").write_text("a file", "utf-8")
    done = simkernel("check", "fails.py", "--runs", "3", "--json", cwd=tmp_path)
    (verdict,) = json.loads(done.stdout)["verdicts"]
    assert (done.returncode, verdict["verdict"]) == (1, "Violated")
    assert [note.partition(":")[0] for note in verdict["notes"]] == [
        "3 of 3 runs show something wrong", "corpus",
    ]  # fmt: skip
    assert simkernel("replay", verdict["trace"], cwd=tmp_path).returncode == 0
    assert (tmp_path / ".simkernel").read_text("utf-8") == "a file"
