"""The pytest plugin, through pytest itself in a process of its own."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.meta.pages import environment

INSTALLED = any(
    one.value == "simkernel.testing.plugin"
    for one in importlib.metadata.entry_points(group="pytest11")
)
PLUGIN = [] if INSTALLED else ["-p", "simkernel.testing.plugin"]

RACE = """
import pytest
from simkernel import Exit, always, receive, self_, send, spawn, spec

async def sender(main, name):
    send(main, name)

async def race():
    for name in ("first", "second"):
        spawn(sender, self_(), name)
    assert await receive("first", "second") == "first", "the second was faster"

@pytest.mark.sim
async def test_race():
    await race()

@pytest.mark.sim(runs=50)
async def test_no_race():
    spawn(sender, self_(), "first")
    assert await receive() == "first"

@pytest.mark.sim(strategy="dfs", require_complete=True)
@pytest.mark.parametrize("name", ["a", "b"])
async def test_with_parameters(name):
    spawn(sender, self_(), name)
    assert await receive() == name

@pytest.mark.sim(expect=("crash",))
async def test_expected():
    raise Exit("on purpose")

@pytest.mark.sim(properties={"silence": always(lambda world: not world.logged)})
async def test_property():
    pass

def test_fixture(sim):
    assert sim.check(quiet, runs=20).word == "Held"
    assert sim.run(quiet).returned == 7

async def quiet():
    return 7

def test_ordinary():
    assert 1 + 1 == 2
"""


def pytest_run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PLUGIN, *options],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_race.py").write_text(RACE, encoding="utf-8")
    return tmp_path


def test_only_what_can_fail_fails(folder: Path) -> None:
    done = pytest_run(folder, "-q")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 7 passed" in done.stdout
    assert "FAILED test_race.py::test_race" in done.stdout


def test_a_failure_shows_the_run_and_how_to_have_it_again(folder: Path) -> None:
    done = pytest_run(folder, "-q", "test_race.py::test_race")
    assert "Violated on node, time with steps of 0 to 10 ms: crash" in done.stdout
    assert "the second was faster" in done.stdout
    assert "1 step away from the default schedule" in done.stdout
    assert "rule " in done.stdout
    (command,) = re.findall(r"replay  pytest '(\S+)' --sim-replay (\S+)", done.stdout)
    again = pytest_run(folder, "-q", command[0], "--sim-replay", command[1])
    assert again.returncode == 1
    assert "the second was faster" in again.stdout
    assert (folder / ".simkernel" / "test_race.py-test_race.jsonl").is_file()
    mended = RACE.replace('== "first", "the', 'in ("first", "second"), "the')
    (folder / "test_race.py").write_text(mended, encoding="utf-8")
    assert pytest_run(folder, "-q", command[0], "--sim-replay", command[1]).returncode == 0


def test_options_of_the_session_replace_those_of_the_mark(folder: Path) -> None:
    done = pytest_run(folder, "-q", "test_race.py::test_race", "--sim-runs", "1")
    assert done.returncode == 0, done.stdout
    done = pytest_run(folder, "-q", "test_race.py::test_no_race", "--sim-strategy", "sideways")
    assert done.returncode == 1
    assert "sideways" in done.stdout


def test_an_unknown_option_of_the_mark_is_named(folder: Path) -> None:
    text = RACE.replace("@pytest.mark.sim(runs=50)", "@pytest.mark.sim(rums=50)")
    (folder / "test_race.py").write_text(text, encoding="utf-8")
    done = pytest_run(folder, "-q", "test_race.py::test_no_race")
    assert "sim has no option 'rums'; it has runs, seconds, strategy" in done.stdout


WRONG = """
import pytest

@pytest.mark.sim("portfolio")
async def test_unnamed():
    pass

@pytest.mark.sim({option})
async def test_option():
    pass

@pytest.mark.sim
def test_not_async():
    pass

@pytest.mark.sim
async def test_argument(tmp_path):
    pass

@pytest.mark.sim(require_complete=True)
async def test_incomplete():
    pass
"""


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("runs='many'", "the option runs of sim is a whole number, not 'many'"),
        ("runs=0", "the option runs of sim is 0; it is at least 1"),
        ("seconds=True", "the option seconds of sim is a number, not True"),
        ("faults=-1", "the option faults of sim is -1; it is at least 0"),
        ("expect='crash'", "'crash' is no tuple"),
        ("horizon_ms=-5", "-5 is no time"),
    ],
)
def test_what_is_wrong_with_a_mark_is_said_without_a_traceback(
    tmp_path: Path, option: str, said: str
) -> None:
    text = WRONG.replace("{option}", option)
    (tmp_path / "test_wrong.py").write_text(text, encoding="utf-8")
    told = pytest_run(tmp_path, "-q").stdout
    assert "5 failed" in told, told
    assert "the mark sim takes options by name, not 'portfolio'" in told
    assert "marked sim, and no coroutine: nothing is checked" in told
    assert "argument tmp_path is an instance of pathlib.PosixPath" in told
    assert "not every run was seen, which require_complete asks for" in told
    assert said in told
    assert "plugin.py" not in told


METHODS = """
import pytest

pytestmark = pytest.mark.sim(runs=20)

class TestMany:
    def setup_method(self):
        self.seen = []

    @pytest.fixture
    def three(self):
        return 3

    async def test_each_run_has_an_object_of_its_own(self, three):
        self.seen.append(three)
        assert self.seen == [3]

    async def test_fails(self):
        assert self.seen

    def test_ordinary(self):
        pass

    @pytest.mark.sim
    def test_asks_for_the_fixture(self, sim):
        assert sim
"""


def test_methods_are_checked_as_functions_are(tmp_path: Path) -> None:
    (tmp_path / "test_methods.py").write_text(METHODS, encoding="utf-8")
    told = pytest_run(tmp_path, "-q").stdout
    assert "1 failed, 3 passed" in told, told
    assert "main ○ starts test_methods.TestMany.test_fails" in told
    (command,) = re.findall(r"replay  pytest '(\S+)' --sim-replay (\S+)", told)
    again = pytest_run(tmp_path, "-q", command[0], "--sim-replay", command[1])
    assert "1 failed" in again.stdout, again.stdout


def test_verdict_and_blob_are_properties_in_junit_xml(folder: Path) -> None:
    pytest_run(folder, "-q", "test_race.py", "--junit-xml", "out.xml", "-o", "junit_family=xunit1")
    cases = ElementTree.parse(folder / "out.xml").getroot().iter("testcase")
    found = {
        case.get("name"): {one.get("name"): one.get("value") for one in case.iter("property")}
        for case in cases
    }
    assert (found["test_no_race"]["simkernel"] or "").startswith("Held within the budget")
    assert (found["test_race"]["simkernel"] or "").startswith("Violated")
    assert (found["test_race"]["simkernel-replay"] or "").startswith("sk1.")
    assert found["test_ordinary"] == {}


def test_it_works_under_xdist(folder: Path) -> None:
    done = pytest_run(folder, "-q", "-n", "2")
    assert "1 failed, 7 passed" in done.stdout, done.stdout


def test_nothing_is_imported_before_a_test_needs_it(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\ndef test_plain():\n"
        "    ours = {n for n in sys.modules if n.startswith(('simkernel', 'checkers'))}\n"
        "    assert ours <= {'simkernel', 'simkernel.testing', 'simkernel.testing.plugin'}, ours\n",
        encoding="utf-8",
    )
    done = pytest_run(tmp_path, "-q")
    assert done.returncode == 0, done.stdout


def test_what_a_test_found_before_is_run_first(folder: Path) -> None:
    first = pytest_run(folder, "-q", "test_race.py::test_race")
    assert "known since" not in first.stdout
    again = pytest_run(folder, "-q", "test_race.py::test_race", "--sim-runs", "1")
    assert again.returncode == 1
    assert "the second was faster" in again.stdout
    assert ": still fails" in again.stdout
    alone = pytest_run(
        folder, "-q", "test_race.py::test_race", "--sim-runs", "1", "--sim-no-corpus"
    )
    assert alone.returncode == 0


TIMED = """
import pytest
from simkernel import sleep

@pytest.mark.sim(strategy="dfs", time="bounded")
async def test_no_race():
    await sleep(1)
"""


def test_the_mark_takes_a_time_model(folder: Path) -> None:
    text = TIMED
    (folder / "test_race.py").write_text(text, encoding="utf-8")
    done = pytest_run(folder, "-q", "test_race.py::test_no_race", "--junit-xml", "out.xml")
    assert done.returncode == 0, done.stdout
    assert "in every run on node, time bounded" in (folder / "out.xml").read_text(encoding="utf-8")
    (folder / "test_race.py").write_text(text.replace('"bounded"', '"soon"'), encoding="utf-8")
    done = pytest_run(folder, "-q", "test_race.py::test_no_race")
    assert "'soon' is no time model of a search" in done.stdout


LAZY = """
import pytest
import simkernel

@pytest.mark.sim(runs=2)
async def test_lazy():
    # Each is imported when it is asked for: here, within a run.
    assert all(getattr(simkernel, name) for name in simkernel.__all__)
"""


def test_what_is_imported_within_a_run_may_be_compiled_there(tmp_path, monkeypatch) -> None:
    """pytest asks for the number of its process when it keeps what it has compiled."""
    (tmp_path / "test_lazy.py").write_text(LAZY, encoding="utf-8")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled"))
    done = pytest_run(tmp_path, "-q")
    assert "1 passed" in done.stdout, done.stdout
    assert [*tmp_path.rglob("registry.*-pytest-*.pyc")]


LEAVES = """
import pytest
from simkernel import receive, self_, send, spawn, where

async def leaves():
    pytest.skip("not today")

@pytest.mark.sim
@pytest.mark.parametrize("how", ["skip", "xfail"])
async def test_at_once(how):
    getattr(pytest, how)("not today")

@pytest.mark.sim
async def test_in_a_process():
    spawn(leaves)

@pytest.mark.sim
async def test_fails():
    pytest.fail("a finding")
"""


def test_a_test_may_leave_its_run(tmp_path: Path) -> None:
    """By pytest's own ways out: a failure is a finding, the others are no matter of the system."""
    (tmp_path / "test_leaves.py").write_text(LEAVES, encoding="utf-8")
    done = pytest_run(tmp_path, "-q", "-rsx")
    assert "1 failed, 2 skipped, 1 xfailed" in done.stdout, done.stdout
    assert "Violated on node" in done.stdout
    assert "a finding" in done.stdout


NAMES = """
import pytest

@pytest.mark.sim(runs=5)
@pytest.mark.parametrize("name", ["it's a/b::c"])
async def test_quoted(name):
    raise ValueError(name)

@pytest.mark.sim(runs=5)
async def test_defaults(times=3):
    assert times == 3
"""


def test_the_printed_command_is_one_that_a_shell_takes_whatever_the_test_is_called(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_names.py").write_text(NAMES, encoding="utf-8")
    told = pytest_run(tmp_path, "-q").stdout
    (command,) = re.findall(r"replay  (pytest .*)", told)
    words = shlex.split(command)
    assert words[:3] == ["pytest", "test_names.py::test_quoted[it's a/b::c]", "--sim-replay"]
    again = pytest_run(tmp_path, "-q", *words[1:])
    assert "1 failed" in again.stdout, again.stdout
    assert "trace   .simkernel/test_names.py-test_quoted-it-s-a-b-c-.jsonl" in told


def test_a_parameter_with_a_default_is_no_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_names.py").write_text(NAMES, encoding="utf-8")
    told = pytest_run(tmp_path, "-q", "-k", "defaults").stdout
    assert "1 passed" in told, told
