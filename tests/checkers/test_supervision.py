"""The arithmetic of restarts against closed forms, and against trees of real supervisors."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from checkers.crashes import agrees, slowest, survived
from checkers.supervision import Branch, Level, advice, branches, ends
from simkernel import ChildSpec, GenServer, Ok, Supervisor, receive, whereis
from simkernel.cli.main import main
from simkernel.kernel import driver
from simkernel.kernel.effects import exit
from simkernel.kernel.machine import Machine
from tests.meta.house import ROOT


def chain(*limits: tuple[int, int]) -> Branch:
    """Make a chain of supervisors: (intensity, period in s), the nearest first."""
    levels = (Level(f"level {n}", "one_for_one", i, p) for n, (i, p) in enumerate(limits))
    return Branch("child", "permanent", tuple(levels))


def loop(branch: Branch, every_ms: float, phase_ms: int = 0, rounds: int = 3) -> list[int]:
    """Crash at a steady pace."""
    count = branch.crashes(len(branch.levels) - 1) * rounds
    return [phase_ms + round(number * every_ms) for number in range(count)]


# --- The closed forms -----------------------------------------------------------------------------

DEFAULT = (3, 5)


@pytest.mark.rule("16.19", "16.20")
@pytest.mark.parametrize(
    ("depth", "crashes", "every_ms"), [(1, 4, 1666), (2, 16, 416), (3, 64, 104)]
)
def test_the_default_of_three_in_five(depth: int, crashes: int, every_ms: int) -> None:
    branch = chain(*[DEFAULT] * depth)
    top = depth - 1
    assert branch.crashes_to_root == crashes
    assert int(branch.slowest_ms(top)) == every_ms
    times = loop(branch, every_ms)
    assert ends(branch, times)[-1] == (crashes - 1, top)
    assert survived(branch, times) == crashes - 1


def test_a_tenth_of_a_second_kills_three_levels_and_three_tenths_never() -> None:
    branch = chain(DEFAULT, DEFAULT, DEFAULT)
    assert survived(branch, loop(branch, 100)) == 63
    assert survived(branch, loop(branch, 300)) is None


@pytest.mark.parametrize("seed", range(60))
def test_between_the_limits_and_outside_of_them(seed: int) -> None:
    random = Random(seed)
    branch = chain(*[(random.randint(1, 3), random.randint(1, 6))
                     for _ in range(random.randint(1, 3))])  # fmt: skip
    top = len(branch.levels) - 1
    phase = random.randint(0, 999)
    sure, never = branch.slowest_ms(top), branch.never_ms(top)
    assert ends(branch, loop(branch, int(sure), phase))[-1][1] == top
    assert all(level != top for _, level in ends(branch, loop(branch, int(never) + 1, phase, 6)))
    assert sure < never


def test_without_restarts_any_crash_is_the_last() -> None:
    branch = chain((0, 1), (0, 1))
    assert (branch.crashes_to_root, branch.slowest_ms(1)) == (1, float("inf"))
    assert survived(branch, [7]) == 0


# --- Against simulation ---------------------------------------------------------------------------


def random_branch(random: Random) -> Branch:
    """Make a chain with any limits and restart types."""
    depth = random.randint(1, 3)
    restarts = random.choices(["permanent", "transient", "temporary"], [6, 1, 1], k=depth)
    levels = tuple(
        Level(f"level {n}", random.choice(["one_for_one", "one_for_all", "rest_for_one"]),
              random.randint(0, 3), random.randint(1, 6),
              restarts[n] if n < depth - 1 else "permanent")
        for n in range(depth)
    )  # fmt: skip
    return Branch("child", random.choice(["permanent"] * 6 + ["transient", "temporary"]), levels)


def random_times(random: Random, branch: Branch) -> list[int]:
    """Make crashes at a pace that is about what decides."""
    at, times = random.randint(0, 999), []
    pace = random.choice([1, 50, 200, 500, 1000, 1700, 2500])
    for _ in range(branch.crashes(len(branch.levels) - 1) + 5):
        times.append(at)
        at += random.randint(pace // 2, pace)
    return times


def compared(seeds: range) -> int:
    """Compare arithmetic with simulations; gives how often the tree ended."""
    ended = 0
    for seed in seeds:
        random = Random(seed)
        branch = random_branch(random)
        times = random_times(random, branch)
        assert agrees(branch, times), (seed, branch, times)
        ended += survived(branch, times) is not None
    return ended


@pytest.mark.rule("16.19", "16.20", "16.21")
@pytest.mark.parametrize("start", range(0, 500, 100))
def test_arithmetic_and_500_simulations_say_the_same(start: int) -> None:
    assert 20 < compared(range(start, start + 100)) < 90


@pytest.mark.parametrize("seed", range(20))
def test_the_slowest_crashes_are_confirmed_and_none_are_slower(seed: int) -> None:
    random = Random(seed)
    branch = chain(*[(random.randint(0, 2), random.randint(1, 5))
                     for _ in range(random.randint(1, 2))])  # fmt: skip
    times = slowest(branch)
    assert times is not None
    assert survived(branch, times) == len(times) - 1
    if times[-1] > 0:
        later = [*times[:-1], times[-1] + 1]
        assert survived(branch, later) is None


def test_what_is_not_started_again_does_not_end_the_tree() -> None:
    quiet = Level("inner", "one_for_one", 1, 5, "transient")
    branch = Branch("child", "permanent", (quiet, Level("outer", "one_for_one", 1, 5)))
    assert (branch.crashes_to_root, slowest(branch)) == (None, None)
    assert ends(branch, [0, 1, 2, 3]) == [(1, 0)]
    assert "does not start it again" in advice(branch)[0]
    assert Branch("child", "temporary", branch.levels).reach == ()


# --- From a running tree --------------------------------------------------------------------------


class Worker(GenServer):
    def init(self, argument):
        return Ok(argument)


def worker(name: str) -> ChildSpec:
    """Give the spec of a named worker."""
    return ChildSpec(id=name, start=(_start, (name,)))


async def _start(name: Any) -> Any:
    return await GenServer.start_link(Worker, name, name=name)


async def tree(strategy: str) -> None:
    inner = ChildSpec(id="inner", start=(_inner, (strategy,)), type="supervisor")
    await Supervisor.start_link([worker("one"), inner, worker("two")], strategy="rest_for_one",
                                max_restarts=2, max_seconds=9, name="outer")  # fmt: skip
    await receive("never", idle=True)


async def _inner(strategy: Any) -> Any:
    return await Supervisor.start_link([worker(name) for name in "abc"], strategy=strategy,
                                       max_restarts=4, max_seconds=1, name="in")  # fmt: skip


def running(strategy: str) -> Machine:
    """Run the tree until it stands."""
    m = Machine(tree, (strategy,))
    driver.simulate(m, 0, 100_000)
    return m


def test_the_tree_is_read_off_the_machine() -> None:
    found = {branch.child: branch for branch in branches(running("one_for_all"))}
    assert list(found) == ["one", "inner", "a", "b", "c", "two"]
    outer = Level("outer", "rest_for_one", 2, 9, "permanent", ("inner", "two"))
    assert found["one"].levels == (outer,)
    assert found["two"].levels[0].lost == ()
    assert [(level.name, level.intensity, level.lost) for level in found["b"].levels] == [
        ("in", 4, ("a", "c")), ("outer", 2, ("two",)),
    ]  # fmt: skip
    assert found["b"].crashes_to_root == 15


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@pytest.mark.parametrize("victim", ["a", "b", "c"])
def test_who_is_lost_is_who_is_started_again(strategy: str, victim: str) -> None:
    branch = next(b for b in branches(running(strategy)) if b.child == victim)

    async def crashing() -> Any:
        await _inner(strategy)
        before = [await whereis(name) for name in "abc"]
        exit(before["abc".index(victim)], "crash")
        await receive("never", after=10)
        after = [await whereis(name) for name in "abc"]
        pairs = zip("abc", before, after, strict=True)
        return tuple(name for name, old, new in pairs if old != new)

    m = Machine(crashing)
    driver.simulate(m, 0, 100_000)
    assert set(m.returned) == {victim, *branch.levels[0].lost}


def test_advice_names_a_supervisor_that_forgets_too_soon() -> None:
    said = " ".join(advice(chain(DEFAULT, DEFAULT)))
    assert "level 1 forgets sooner than what is below it can fail" in said
    assert "20 s would see it" in said
    assert advice(chain(DEFAULT, (3, 20))) == []
    assert "restarts nothing" in advice(chain((0, 5)))[0]
    assert "started again for a long time" in advice(chain((100, 5)))[0]


# --- The command ----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command."""
    with pytest.raises(SystemExit) as ended:
        main(["supervision", *arguments])
    return int(ended.value.code or 0), capsys.readouterr().out


SPEC = str(ROOT / "specs/guide/application.py")


def test_the_command_reports_each_child(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, SPEC, "--json")
    found = json.loads(out)
    assert (code, found["schema"]) == (0, "simkernel.supervision/1")
    assert found["children"]
    for child in found["children"]:
        if child["crashes_to_root"] is not None:
            assert child["confirmed"] is True
            assert len(child["slowest_crashes_ms"]) == child["crashes_to_root"]
    code, out = run(capsys, SPEC)
    assert (code, "gone after" in out) == (0, True)


def test_an_unknown_child_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, SPEC, "--child", "nobody", "--json")
    assert (code, json.loads(out)["schema"]) == (2, "simkernel.error/1")
