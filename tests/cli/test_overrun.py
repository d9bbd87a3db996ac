"""What runs on for ever or takes all memory is cut, named, and costs nothing that was found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SHORT = (
    "from simkernel.kernel import watchdog\n"
    "watchdog.watchdog.__wrapped__.__defaults__ = ({patience},)\n"
    "watchdog.EFFECTS_MAX = 10_000\n"
    "from simkernel import loading\n"
    "loading.LOADING_S = 1.0\n"
    "from simkernel.cli.main import main\n"
)


def checked(
    folder: Path, text: str, *options: str, patience: float = 1.0
) -> tuple[int, dict[str, Any]]:
    """Check a spec with little patience; gives the exit code and what `--json` prints."""
    (folder / "spun.py").write_text(text, "utf-8")
    arguments = ["check", "spun.py", "--json", "--no-corpus", "--seconds", "2", *options]
    done = subprocess.run(
        [sys.executable, "-c", f"{SHORT.format(patience=patience)}main({arguments!r})"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout)


EFFECTS = """
from simkernel import self_, send
async def main():
    while True:
        send(self_(), "x")
"""
SWALLOWS = """
async def main():
    while True:
        try:
            int("x")
        except Exception:
            continue
"""
CLOSED = """
from simkernel import exit, receive, spawn
async def child():
    try:
        await receive()
    finally:
        while True:
            pass
async def main():
    exit(spawn(child), "kill")
    await receive(after=1)
"""
PROPERTY = """
from simkernel import always, receive, spec
def thinks(world):
    while True:
        pass
@spec(properties={"thought": always(thinks)})
async def main():
    await receive(after=1)
"""


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (EFFECTS, "<root> in spec.spun.main, line"),
        (SWALLOWS, "<root> in spec.spun.main, line"),
        (CLOSED, "<root.1> in spec.spun.child, line"),
    ],
)
@pytest.mark.rule("12.32")
def test_a_step_that_never_ends_is_named_whatever_it_does_meanwhile(
    text: str, where: str, tmp_path: Path
) -> None:
    code, answer = checked(tmp_path, text)
    (verdict,) = answer["verdicts"]
    why = verdict["searched"]["why_stopped"]
    assert (code, verdict["verdict"]) == (0, "Inconclusive")
    assert why.startswith(where)
    assert why.endswith(": a step ran on without ever waiting")


def test_a_property_that_never_answers_is_named(tmp_path: Path) -> None:
    code, answer = checked(tmp_path, PROPERTY)
    (verdict,) = answer["verdicts"]
    assert (code, verdict["verdict"]) == (0, "Inconclusive")
    assert verdict["searched"]["why_stopped"] == "property 'thought': it gave no answer"


def test_a_file_that_is_never_loaded_is_named(tmp_path: Path) -> None:
    code, answer = checked(tmp_path, "\nwhile True:\n    pass\n")
    assert code == 2
    assert answer["error"]["what"] == "it was still being loaded after 1 s"
    assert answer["error"]["where"].partition(":")[0] == "spun.py"


CHOOSES = """
from simkernel import choose, self_, send
async def main():
    match await choose(["eats", "b", "c", "d", "e", "fails"]):
        case "fails":
            raise ValueError("found")
        case "eats":
            kept = []
            while True:
                kept.append(send(self_(), bytes(100_000)))
"""


@pytest.mark.parametrize("seed", ["2", "4"])
def test_memory_that_is_full_while_shrinking_loses_no_violation(seed: str, tmp_path: Path) -> None:
    code, answer = checked(tmp_path, CHOOSES, "--memory", "150", "--seed", seed)
    (verdict,) = answer["verdicts"]
    assert (code, verdict["verdict"]) == (1, "Violated")
    assert verdict["findings"][0]["text"].startswith("<root> ended with (Raised")


def test_effects_that_take_all_memory_are_no_error_of_simkernel(tmp_path: Path) -> None:
    code, answer = checked(tmp_path, EFFECTS, "--memory", "100", patience=30.0)
    (verdict,) = answer["verdicts"]
    assert (code, verdict["verdict"]) == (0, "Inconclusive")
    full = "the memory that it may use is full (--memory)"
    assert verdict["searched"]["why_stopped"] == full


def test_an_exception_that_closes_coroutines_ends_a_body_that_raises_it(tmp_path: Path) -> None:
    code, answer = checked(tmp_path, "async def main():\n    raise GeneratorExit\n")
    (verdict,) = answer["verdicts"]
    assert (code, verdict["verdict"]) == (1, "Violated")
    assert [one["kind"] for one in verdict["findings"]] == ["crash"]
    assert "GeneratorExit" in verdict["findings"][0]["text"]


REPORTS = """
import os
from simkernel import always, choose, spec
told = set()
def watched(world):
    if os.getpid() not in told:
        told.add(os.getpid())
        with open("pids", "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\\n")
    return True
@spec(properties={"watched": always(watched)})
async def main():
    await choose(list(range(100)))
"""


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:1] not in ("", "Z")


def test_workers_end_soon_after_who_forked_them_was_killed(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):  # a worker has a whole spec, for a minute
        (tmp_path / name).write_text(REPORTS, "utf-8")
    options = ["--no-corpus", "--workers", "2", "--seconds", "60", "--runs", "100000000"]
    with subprocess.Popen(
        [sys.executable, "-m", "simkernel", "check", "one.py", "two.py", *options], cwd=tmp_path
    ) as parent:
        try:
            pids: set[int] = set()
            for _ in range(300):
                time.sleep(0.1)
                if (tmp_path / "pids").exists():
                    pids = {int(pid) for pid in (tmp_path / "pids").read_text("ascii").split()}
                if len(pids - {parent.pid}) >= 2:
                    break
            assert len(pids - {parent.pid}) >= 2
        finally:
            parent.send_signal(signal.SIGKILL)
    for _ in range(50):
        left = [pid for pid in pids if is_running(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


GROWS = """
from simkernel import GenServer, NoReply, Ok, receive, self_

class Hoards(GenServer):
    def init(self, _):
        return Ok([])

    def handle_cast(self, _, state):
        GenServer.cast(self_(), "more")
        return NoReply([*state, "more"])

async def main():
    _, pid = await GenServer.start_link(Hoards, None)
    GenServer.cast(pid, "more")
    await receive(idle=True)
"""


@pytest.mark.parametrize("strategy", ["portfolio", "walk", "pct", "delay"])
def test_the_time_for_a_search_ends_a_run_that_lasts_longer(tmp_path: Path, strategy: str) -> None:
    """It is no run that holds, either: nobody has seen its end."""
    _, answer = checked(tmp_path, GROWS, "--strategy", strategy, "--effects", "10000000")
    (verdict,) = answer["verdicts"]
    searched = verdict["searched"]
    assert (verdict["verdict"], searched["runs"]) == ("Inconclusive", 0)
    assert searched["why_stopped"] == "the budget of 2 s is spent"
    assert searched["transitions"] % 4_096 == 0
