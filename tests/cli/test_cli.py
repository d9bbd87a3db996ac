"""The command line as its users meet it: outputs, exit codes, and every kind of bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.meta.house import ROOT
from tests.meta.pages import environment

GOOD = """
from simkernel import log, receive, self_, send, spawn

async def worker(parent, n):
    send(parent, n)

async def main(workers=2, greeting="hello"):
    log(greeting)
    for n in range(workers):
        spawn(worker, self_(), n)
    return [await receive() for _ in range(workers)]
"""

CRASH = """
from simkernel import receive, self_, send, spawn, register

async def worker():
    await send("main", "done")

async def main():
    spawn(worker)
    await register(self_(), "main")
    return await receive(after=1_000)
"""

STUCK = """
from simkernel import receive

async def main():
    await receive("never")
"""

BAD_SPECS = {
    "does not parse": ("async def main(:\n", ["does not parse", ":1"]),
    "raises on import": ("x = 1\nraise ValueError('no')\n", ["raises ValueError", ":2"]),
    "exits on import": ("import sys\nsys.exit(3)\n", ["SystemExit", ":2"]),
    "defines no spec": ("x = 1\n", ["defines no 'main'"]),
    "main is no coroutine": ("def main(): pass\n", ["not an `async def`"]),
    "main has no default": ("async def main(x): pass\n", ["'x'", "default"]),
    "unknown import": ("import nowhere_to_be_found\n", ["ModuleNotFoundError", ":1"]),
}

BAD_RUNS = {
    "a forgotten await": (
        "from simkernel import whereis\nasync def main():\n    whereis('x')\n    return 1\n",
        ["whereis", ":3", "await"],
    ),
    "a forgotten await of receive": (
        "from simkernel import receive\nasync def main():\n    receive()\n    return 1\n",
        ["receive", ":3", "await"],
    ),
    "an awaitable used as a value": (
        "from simkernel import alive, self_\nasync def main():\n    if alive(self_()): return 1\n",
        ["alive", "truth value", ":3"],
    ),
    "a message that cannot be copied": (
        "from simkernel import self_, send\nasync def main(): send(self_(), ('k', [object()]))\n",
        ["message[1][0]"],
    ),
    "real time": (
        "import time\nasync def main():\n    return time.time()\n",
        ["time.time", ":3", "now()"],
    ),
    "real time by another name": (
        "from time import monotonic\nasync def main():\n    return monotonic()\n",
        ["time.monotonic", ":3"],
    ),
    "a real date": (
        "from datetime import datetime\nasync def main():\n    return str(datetime.now())\n",
        ["datetime.now", ":3"],
    ),
    "real randomness": (
        "import random\nasync def main():\n    return random.random()\n",
        ["random.random", ":3", "choose"],
    ),
    "a thread": (
        "import threading\nasync def main():\n    threading.Thread(target=print).start()\n",
        ["Thread.start", ":3", "spawn"],
    ),
    "the event loop": (
        "import asyncio\nasync def main():\n    await asyncio.sleep(1)\n",
        ["asyncio.sleep", ":3", "work(ms)"],
    ),
    "a global changed by a run": (
        "seen = []\nasync def main():\n    seen.append(1)\n    return 1\n",
        ["global 'seen'", "in place"],
    ),
    "an unknown flag of a process": (
        "from simkernel import process_flag\nasync def main():\n    process_flag('no_such', 1)\n",
        ["badarg"],
    ),
}


def simkernel(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would."""
    return subprocess.run(
        [sys.executable, "-m", "simkernel", *args],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def here(tmp_path):
    for name, text in (("good", GOOD), ("crash", CRASH), ("stuck", STUCK)):
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def one_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert len(done.stdout.splitlines()) == 1, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["schema"].startswith("simkernel.")
    return found


def test_run_prints_the_log_the_result_and_why_it_ended(here):
    done = simkernel("run", "good.py", "--param", "workers=3", "--param", "greeting=hi", cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "  hi"
    assert "main has returned at 0 ms" in done.stdout
    assert "returned [" in done.stdout
    assert done.stderr == ""


def test_run_as_json_is_one_object_with_hash_and_blob(here):
    found = one_object(simkernel("run", "good.py", "--json", cwd=here))
    assert found["log"] == ["'hello'"]
    assert found["ended"] == "main has returned"
    assert found["blob"].startswith("sk1.")
    assert len(found["hash"]) == 32


def test_a_run_has_the_same_hash_under_every_hash_seed(here):
    hashes = {
        one_object(simkernel("run", "good.py", "--json", cwd=here, PYTHONHASHSEED=seed))["hash"]
        for seed in ("0", "1", "4242")
    }
    assert len(hashes) == 1


def test_check_finds_the_crash_shows_it_and_the_printed_command_replays_it(here):
    done = simkernel("check", "crash.py", cwd=here)
    assert done.returncode == 1, done.stderr
    assert "Violated" in done.stdout
    text = "'badarg', no process is registered as 'main', at worker:5"
    assert f"crash: worker ended with {text}" in done.stdout
    assert "looks up" not in done.stdout.splitlines()[0]
    replay = next(line for line in done.stdout.splitlines() if line.strip().startswith("replay"))
    again = simkernel(*replay.split()[2:], cwd=here)
    assert again.returncode == 0, again.stderr
    assert "every event as recorded" in again.stdout
    blob = next(line for line in done.stdout.splitlines() if line.strip().startswith("blob"))
    again = simkernel("replay", blob.split()[1], cwd=here)
    assert again.returncode == 0, again.stderr
    assert "every event as recorded" in again.stdout


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
@pytest.mark.parametrize("network", ["node", "cluster"])
def test_both_strategies_agree_on_both_networks(here, strategy, network):
    options = ("--strategy", strategy, "--network", network, "--runs", "200", "--json")
    done = simkernel("check", "crash.py", "good.py", *options, cwd=here)
    assert done.returncode == 1
    words = {Path(v["spec"]).stem: v["verdict"] for v in one_object(done)["verdicts"]}
    assert words == {"crash": "Violated", "good": "Held"}


def test_dfs_says_held_only_when_it_saw_everything(here):
    found = one_object(simkernel("check", "good.py", "--strategy", "dfs", "--json", cwd=here))
    assert found["verdicts"][0]["complete"] is True
    short = simkernel(
        "check", "good.py", "--strategy", "dfs", "--param", "workers=6", "--seconds", "0.3",
        "--require-complete", "--json", cwd=here,
    )  # fmt: skip
    assert short.returncode == 5
    assert one_object(short)["verdicts"][0]["verdict"] == "Inconclusive"


def test_a_walk_is_never_complete(here):
    done = simkernel("check", "good.py", "--runs", "50", "--require-complete", cwd=here)
    assert done.returncode == 5
    assert "within the budget" in done.stdout
    assert "50 runs" in done.stdout


def test_a_stuck_process_is_found_with_what_it_waits_for(here):
    done = simkernel("check", "stuck.py", "--strategy", "dfs", cwd=here)
    assert done.returncode == 1
    assert "stuck: main waits for ever for 'never'" in done.stdout


def test_check_takes_folders(here):
    done = simkernel("check", ".", "--runs", "20", "--json", cwd=here)
    assert [Path(v["spec"]).name for v in one_object(done)["verdicts"]] == [
        "crash.py", "good.py", "stuck.py",
    ]  # fmt: skip


def test_replay_at_a_step_shows_the_state(here):
    simkernel("run", "good.py", "--trace", "t.jsonl", "--picker", "first", cwd=here)
    done = simkernel("replay", "t.jsonl", "--at", "5", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "after 5 transitions" in done.stdout
    assert "<root.1>" in done.stdout
    found = one_object(simkernel("replay", "t.jsonl", "--at", "5", "--json", cwd=here))
    assert found["step"] == 5
    far = simkernel("replay", "t.jsonl", "--at", "5000", cwd=here)
    assert far.returncode == 2
    assert "Name an earlier step" in far.stderr


def test_replay_step_by_step_answers_to_n_s_a_number_and_q(here):
    simkernel("run", "good.py", "--trace", "t.jsonl", cwd=here)
    done = subprocess.run(
        [sys.executable, "-m", "simkernel", "replay", "t.jsonl", "--step"],
        cwd=here, input="n\ns\n6\nwhat\nq\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "starts" in done.stdout
    assert "after 1 transitions" in done.stdout
    assert done.stdout.count("n or Enter") == 2
    assert "step 6" in done.stdout


def test_a_changed_spec_makes_the_replay_diverge_with_code_3(here):
    simkernel("run", "good.py", "--trace", "t.jsonl", cwd=here)
    before = (here / "t.jsonl").read_bytes()
    (here / "good.py").write_text(GOOD.replace("log(greeting)", "log(greeting, 1)"))
    done = simkernel("replay", "t.jsonl", cwd=here)
    assert done.returncode == 3
    assert "has changed since the trace was made" in done.stderr
    found = one_object(simkernel("replay", "t.jsonl", "--json", cwd=here))
    assert found["error"]["kind"] == "ReplayDiverged"
    assert (here / "t.jsonl").read_bytes() == before


def test_trace_show_and_diff(here):
    for seed in ("1", "2"):
        simkernel(
            "run",
            "good.py",
            "--seed",
            seed,
            "--picker",
            "walk",
            "--trace",
            f"{seed}.jsonl",
            cwd=here,
        )
    shown = simkernel("trace", "show", "1.jsonl", cwd=here)
    assert "main returns" in shown.stdout
    assert simkernel("trace", "diff", "1.jsonl", "1.jsonl", cwd=here).returncode == 0
    differs = simkernel("trace", "diff", "1.jsonl", "2.jsonl", cwd=here)
    assert differs.returncode == 1
    assert "the same up to line" in differs.stdout


@pytest.mark.parametrize("kind", BAD_SPECS)
def test_a_broken_spec_is_refused_with_place_and_remedy(kind, tmp_path):
    text, words = BAD_SPECS[kind]
    (tmp_path / "bad.py").write_text(text)
    for command in ("run", "check", "doctor"):
        done = simkernel(command, "bad.py", cwd=tmp_path)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "next:" in done.stderr
        for word in words:
            assert word in done.stderr


@pytest.mark.rule("13.11")
@pytest.mark.parametrize("kind", BAD_RUNS)
def test_a_mistake_inside_a_run_is_named_with_place_and_remedy(kind, tmp_path):
    text, words = BAD_RUNS[kind]
    (tmp_path / "bad.py").write_text(text)
    for command in (("run", "bad.py"), ("check", "bad.py", "--runs", "3")):
        done = simkernel(*command, cwd=tmp_path)
        assert done.returncode in (1, 2), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        for word in words:
            assert word in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run", "nope.py"], ["no such file", "nope.py"]),
        (["check", "nope.py"], ["no such file"]),
        (["check", "."], ["has no spec"]),
        (["check", "good.py", "--strategy", "magic"], ["magic", "walk", "dfs"]),
        (["check", "good.py", "--param", "wrokers=3"], ["wrokers", "workers"]),
        (["run", "good.py", "--param", "workers=lots"], ["workers takes int", "2"]),
        (["run", "good.py", "--param", "workers"], ["name=value"]),
        (["run", "good.py", "--latency", "5"], ["latency", "cluster"]),
        (["run", "good.py", "--step", "fast"], ["fast", "0..10"]),
        (["run", "good.py:other"], ["other"]),
        (["check", "good.py", "--time", "any"], ["--time", "--strategy"]),
        (["replay", "nope.jsonl"], ["No such file"]),
        (["replay", "sk1.broken.00000000"], ["check sum"]),
        (["trace", "show", "good.py"], ["good.py:1", "JSON"]),
        (["frobnicate"], ["frobnicate"]),
        (["run", "good.py", "--bogus"], ["--bogus"]),
    ],
)
def test_wrong_use_is_code_2_with_a_remedy_and_as_json_too(args, words, tmp_path):
    if args[:2] != ["check", "."]:
        (tmp_path / "good.py").write_text(GOOD)
    done = simkernel(*args, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    found = one_object(simkernel(*args, "--json", cwd=tmp_path))
    assert found["exit"] == 2
    assert found["error"]["what"]


DEADLINE = """
from simkernel import TIMEOUT, receive, self_, send, spawn, work

async def worker(asker, ms):
    await work(ms)
    send(asker, "done")

async def main(ms=50):
    spawn(worker, self_(), ms)
    assert await receive("done", after=100) is not TIMEOUT, "too late"
"""


def test_with_bounds_only_deadlines_that_can_be_missed_are(tmp_path):
    (tmp_path / "deadline.py").write_text(DEADLINE)

    def checked(*args):
        done = simkernel("check", "deadline.py", "--strategy", "dfs", "--json", *args, cwd=tmp_path)
        (verdict,) = one_object(done)["verdicts"]
        return done.returncode, verdict

    assert checked("--time", "any")[0] == 1
    code, verdict = checked("--time", "bounded")
    assert (code, verdict["searched"]["time"]) == (0, "bounded (steps of 0 to 10 ms)")
    assert checked("--time", "bounded", "--param", "ms=79")[0] == 0
    code, verdict = checked("--time", "bounded", "--param", "ms=80")
    assert code == 1
    # What auto picked knew the same bounds, and the verdict says so: it does not hold at any time.
    code, verdict_of_auto = checked("--time", "bounded", "--strategy", "auto")
    assert (code, verdict_of_auto["searched"]["time"]) == (0, "bounded (steps of 0 to 10 ms)")
    again = simkernel("replay", verdict["blob"], cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert "every event as recorded" in again.stdout


def test_a_step_that_never_waits_is_cut_and_named(tmp_path):
    (tmp_path / "spin.py").write_text("async def main():\n    while True:\n        pass\n")
    script = (
        "from simkernel.kernel import watchdog\n"
        "watchdog.SECONDS_MAX = 1.0\n"
        "watchdog.watchdog.__wrapped__.__defaults__ = (1.0,)\n"
        "from simkernel.cli.main import main\n"
        "main(['check', 'spin.py', '--runs', '2'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Inconclusive" in done.stdout
    assert "spec.spin.main, line" in done.stdout


def test_an_endless_run_hits_the_budget_and_is_never_held(tmp_path):
    (tmp_path / "endless.py").write_text(
        "from simkernel import receive, self_, send\n"
        "async def main():\n    while True:\n        send(self_(), 1)\n        await receive()\n"
    )
    done = simkernel("check", "endless.py", "--effects", "500", "--runs", "5", cwd=tmp_path)
    assert "Inconclusive" in done.stdout
    assert "effect budget" in done.stdout


def test_ctrl_c_keeps_what_was_found_and_exits_130(here):
    command = [
        sys.executable,
        "-m",
        "simkernel",
        "check",
        "crash.py",
        "--seconds",
        "60",
        "--runs",
        "10000000",
    ]
    process = subprocess.Popen(
        command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "Violated" in out
    assert "replay" in out
    assert "Traceback" not in err


def test_doctor_finds_a_spec_that_depends_on_hash_order(tmp_path):
    (tmp_path / "sets.py").write_text(
        "from simkernel import log\n"
        "async def main():\n    for name in {'ann', 'bob', 'cy', 'dee'}:\n        log(name)\n"
    )
    done = simkernel("doctor", "sets.py", cwd=tmp_path)
    assert done.returncode == 3
    assert "PYTHONHASHSEED" in done.stderr
    assert "iteration over a set" in done.stderr


def test_doctor_advises_when_to_use_which(here):
    spec = str(ROOT / "specs" / "guide" / "when_to_use_which.py")
    done = simkernel("doctor", spec, "--runs", "20", cwd=here)
    assert done.returncode == 0
    assert "GenServer ApprovalServer is a state machine in disguise" in done.stdout
    assert "call 'submit': taken in 'draft' (40 times), without effect in" in done.stdout
    assert "GenStateMachine StoreMachine has no need to be a state machine" in done.stdout
    told = one_object(simkernel("doctor", spec, "--json", "--runs", "20", cwd=here))
    assert [one["module"] for one in told["advice"]] == ["ApprovalServer", "StoreMachine"]


def test_doctor_says_what_is_installed_and_that_a_spec_is_deterministic(here):
    done = simkernel("doctor", "good.py", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "the same run under 3 hash seeds" in done.stdout
    assert one_object(simkernel("doctor", "--json", cwd=here))["packages"]["click"]


def test_completion_prints_a_script_for_each_shell(here):
    for shell in ("bash", "zsh", "fish"):
        done = simkernel("completion", shell, cwd=here)
        assert done.returncode == 0
        assert "_SIMKERNEL_COMPLETE" in done.stdout


def test_help_starts_with_examples(here):
    for command in ("run", "check", "replay", "trace", "doctor", "completion"):
        done = simkernel(command, "--help", cwd=here)
        assert done.returncode == 0
        first = done.stdout.splitlines()[2].strip()
        assert first.startswith(f"simkernel {command}"), done.stdout


def test_a_reader_that_goes_away_is_no_error(here):
    simkernel("run", "good.py", "--trace", "t.jsonl", cwd=here)
    command = f"{sys.executable} -m simkernel trace show t.jsonl | head -1"
    done = subprocess.run(command, shell=True, cwd=here, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr


def test_a_run_loads_nothing_that_draws_or_searches_unless_it_is_asked_to(tmp_path):
    script = (
        "import sys\nfrom simkernel.cli.main import main\n"
        "try:\n    main(['run', 'good.py'])\nexcept SystemExit:\n    pass\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'reports', 'networkx', 'z3'}))"
    )
    (tmp_path / "good.py").write_text("async def main():\n    return 1\n")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
