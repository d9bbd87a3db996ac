"""Several processes come to what one comes to, whatever happens to them on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from checkers.workers import Lost, Workers
from simkernel.errors import InternalError, Nondeterminism
from tests.meta.pages import environment

RACE = """
from simkernel import receive, self_, send, spawn

async def sender(main, name):
    for word in range(3):
        send(main, (name, word))

async def main(n=3):
    for name in range(n):
        spawn(sender, self_(), name)
    got = [await receive(tuple) for _ in range(3 * n)]
    assert got[:3] != [(n - 1, 0), (n - 1, 1), (n - 1, 2)], "the last came first"
"""
HELD = RACE.replace("!=", "is not")
# A million of million digits: one step of C, which nobody can interrupt from within.
STUCK = "async def main():\n    7 ** (10 ** 9)\n"
SPINS = "async def main():\n    while True:\n        pass\n"
EATS = "async def main():\n    kept = []\n    while True:\n        kept.append(bytes(2**24))\n"
CHANCE = """
class Hidden:
    runs = 0

async def main():
    Hidden.runs += 1
    assert Hidden.runs % 7, "now and then"
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "race.py").write_text(RACE, encoding="utf-8")
    (tmp_path / "held.py").write_text(HELD, encoding="utf-8")
    return tmp_path


def begun(here: Path, *args: str, before: str = "") -> subprocess.Popen[str]:
    script = f"import sys\n{before}\nfrom simkernel.cli.main import main\nmain(sys.argv[1:])\n"
    return subprocess.Popen(
        [sys.executable, "-c", script, "check", *args, "--json"],
        cwd=here,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def checked(here: Path, *args: str, before: str = "") -> dict[str, Any]:
    out, err = begun(here, *args, before=before).communicate(timeout=100)
    assert "Traceback" not in err, err
    answer: dict[str, Any] = json.loads(out)
    return answer


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what may differ: how long it took, and how many workers there were."""
    for verdict in answer["verdicts"]:
        verdict["searched"] = {
            key: value
            for key, value in verdict["searched"].items()
            if key not in ("seconds", "workers")
        }
    return answer


# --- The same as one --------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["portfolio", "pct"])
def test_runs_shared_by_workers_come_to_the_same(here: Path, strategy: str) -> None:
    options = ("race.py", "--strategy", strategy, "--runs", "300", "--seconds", "60")
    one = checked(here, *options)
    assert one["verdicts"][0]["verdict"] == "Violated"
    two = checked(here, *options, "--workers", "2")
    assert two["verdicts"][0]["searched"]["workers"] == 2
    assert comparable(two) == comparable(one)


SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.mark.parametrize("spec", ["guide/agent_fsm_fixed", "guide/application", "guide/agent_fsm"])
def test_what_was_seen_of_state_machines_and_supervisors_comes_along(here: Path, spec: str) -> None:
    options = (str(SPECS / f"{spec}.py"), "--no-corpus", "--runs", "200", "--seconds", "60")
    assert comparable(checked(here, *options, "--workers", "2")) == comparable(
        checked(here, *options)
    )


def test_with_faults_too(here: Path) -> None:
    options = ("race.py", "--faults", "1", "--runs", "600", "--seconds", "60")
    three = checked(here, *options, "--workers", "3")
    assert comparable(three) == comparable(checked(here, *options))


def test_specs_shared_by_workers_come_to_the_same(here: Path) -> None:
    options = ("held.py", "race.py", "held.py", "--strategy", "auto", "--param", "n=2",
               "--runs", "200", "--seconds", "60")  # fmt: skip
    one = checked(here, *options)
    assert [verdict["verdict"] for verdict in one["verdicts"]] == ["Held", "Violated", "Held"]
    assert comparable(checked(here, *options, "--workers", "2")) == comparable(one)


# --- Whatever happens -------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(child) for child in found.split()]


def test_a_worker_that_is_killed_costs_nothing(here: Path) -> None:
    options = ("held.py", "--runs", "1500", "--seconds", "60", "--workers", "2")
    check = begun(here, *options)
    until = time.monotonic() + 30
    killed: list[int] = []
    while not killed and time.monotonic() < until and check.poll() is None:
        for child in children(check.pid):
            os.kill(child, signal.SIGKILL)
            killed.append(child)
            break
    out, _ = check.communicate(timeout=60)
    (verdict,) = json.loads(out)["verdicts"]
    assert killed
    assert verdict["notes"] == ["a worker was ended by signal 9, and its share was done again"]
    assert (verdict["verdict"], verdict["searched"]["runs"]) == ("Held", 1500)


def test_a_share_that_kills_every_worker_is_never_held(here: Path) -> None:
    # Run 200 ends whoever makes it, as the kernel does when memory is over.
    before = (
        "import os\nfrom checkers.hunting import Mixed\nmade = Mixed.run\n"
        "def run(self, number):\n"
        "    if number == 200:\n        os.kill(os.getpid(), 9)\n"
        "    return made(self, number)\n"
        "Mixed.run = run\n"
    )
    answer = checked(here, "held.py", "--runs", "400", "--workers", "2", before=before)
    (verdict,) = answer["verdicts"]
    assert verdict["verdict"] == "Inconclusive"
    lost = "3 workers were ended by signal 9 at the same share"
    assert verdict["searched"]["why_stopped"] == lost
    assert 300 <= verdict["searched"]["runs"] < 400


@pytest.mark.slow
def test_what_hangs_in_one_spec_keeps_nothing_from_the_others(here: Path) -> None:
    for name, text in (("stuck", STUCK), ("spins", SPINS), ("eats", EATS)):
        (here / f"{name}.py").write_text(text, encoding="utf-8")
    before = (
        "from simkernel.cli import check\ncheck.PATIENCE_S = 4.0\n"
        "from simkernel.kernel import watchdog\n"
        "watchdog.watchdog.__wrapped__.__defaults__ = (1.0,)\n"
    )
    answer = checked(
        here, "stuck.py", "eats.py", "held.py", "spins.py", "race.py", "--seconds", "2",
        "--runs", "50", "--workers", "2", "--memory", "200", before=before,
    )  # fmt: skip
    told = {
        verdict["spec"]: (verdict["verdict"], verdict["searched"]["why_stopped"])
        for verdict in answer["verdicts"]
    }
    assert told.pop("held.py")[0] == "Held"
    assert told.pop("race.py")[0] == "Violated"
    assert told.pop("spins.py")[1].startswith("<root> in spec.spins.main, line")
    assert told == {
        "stuck.py": ("Inconclusive", "a worker did not answer in time, and was ended"),
        "eats.py": ("Inconclusive", "the memory that it may use is full (--memory)"),
    }


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_spec_that_eats_memory_is_reported(here: Path, workers: str) -> None:
    (here / "eats.py").write_text(EATS, encoding="utf-8")
    answer = checked(here, "eats.py", "--memory", "200", "--workers", workers)
    (verdict,) = answer["verdicts"]
    assert verdict["verdict"] == "Inconclusive"
    assert verdict["searched"]["why_stopped"] == "the memory that it may use is full (--memory)"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_spec_that_leaves_something_to_chance_is_reported(here: Path, workers: str) -> None:
    (here / "chance.py").write_text(CHANCE, encoding="utf-8")
    check = begun(here, "chance.py", "--runs", "200", "--workers", workers)
    out, _ = check.communicate(timeout=60)
    error = json.loads(out)["error"]
    assert (check.returncode, error["kind"]) == (3, "Nondeterminism")
    assert "made again, and was another" in error["what"]


@pytest.mark.parametrize("specs", [["race.py"], ["race.py", "held.py"]])
def test_ctrl_c_keeps_what_was_found(here: Path, specs: list[str]) -> None:
    options = ("--runs", "1000000", "--seconds", "90", "--workers", "2")
    check = begun(here, *specs, *options)
    until = time.monotonic() + 30
    while not children(check.pid) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1)
    check.send_signal(signal.SIGINT)
    out, err = check.communicate(timeout=30)
    assert check.returncode == 130, out + err
    assert "Traceback" not in err
    found = {verdict["spec"]: verdict for verdict in json.loads(out)["verdicts"]}
    assert found["race.py"]["verdict"] == "Violated"
    assert found["race.py"]["searched"]["why_stopped"] == "interrupted"


# --- The workers alone ------------------------------------------------------------------------


def slow_then(value: int) -> int:
    time.sleep(0.05 if value % 2 else 0)
    return value


def test_results_come_in_the_order_of_the_tasks() -> None:
    workers: Workers[int] = Workers(2, elapsed=lambda: 0.0)
    tasks = (partial(slow_then, value) for value in range(12))
    assert list(workers.each(tasks, deadline=lambda: 60.0)) == list(range(12))


def fails() -> int:
    raise Nondeterminism("a", where="b")


def test_an_error_of_a_task_is_raised_after_the_results_before_it() -> None:
    workers: Workers[int] = Workers(2, elapsed=lambda: 0.0)
    results = workers.each(iter([partial(slow_then, 1), fails]), deadline=lambda: 60.0)
    assert next(results) == 1
    with pytest.raises(Nondeterminism):
        next(results)


def unreadable() -> Any:
    return lambda: 0


def test_a_result_that_cannot_be_sent_is_our_error() -> None:
    workers: Workers[Any] = Workers(1, elapsed=lambda: 0.0)
    with pytest.raises(InternalError, match="answer cannot be sent"):
        list(workers.each(iter([unreadable]), deadline=lambda: 60.0))


def test_no_task_is_begun_once_there_is_a_reason_to_stop() -> None:
    asked: Iterator[str] = iter(["", "", "enough", *["enough"] * 100])
    workers: Workers[int] = Workers(1, elapsed=lambda: 0.0)
    tasks = (partial(slow_then, value) for value in range(12))
    assert list(workers.each(tasks, deadline=lambda: 60.0, tick=lambda: next(asked))) == [0, 1]


def test_no_child_is_left_behind() -> None:
    seconds = iter([0.0, *[100.0] * 100])
    workers: Workers[Any] = Workers(2, elapsed=lambda: next(seconds))
    tasks = [partial(time.sleep, 60), partial(time.sleep, 60)]
    results = list(workers.each(iter(tasks), deadline=lambda: 50.0))
    assert [type(result) for result in results] == [Lost, Lost]
    assert not children(os.getpid())
