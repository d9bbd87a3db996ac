"""Shrinking: the same failure, in a run that leaves the default schedule less often."""

from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.evidence import gather
from checkers.findings import findings
from checkers.shrink import Shrinker, shrink
from checkers.verdict import Counterexample
from simkernel import Exit, receive, self_, send, sleep, spawn, work
from simkernel.choice import Walk
from simkernel.kernel import driver
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import Spec, of, run
from tests.meta.house import ROOT


async def sender(main: Any, name: str) -> None:
    send(main, name)


async def noise(main: Any) -> None:
    for _ in range(4):
        await work(1)
        send(main, "noise")


async def wrong_order(others: int = 3, victims: int = 2) -> None:
    """Fail if the second sender is heard before the first, whatever the others do."""
    me = self_()
    for _ in range(others):
        spawn(noise, me)
    for number in range(victims):
        spawn(sender, me, f"s{number}")
    if await receive("s0", "s1") == "s1":
        raise Exit("wrong order")
    await sleep(10)


def example_of(spec: Spec, seed: int = 0, step_ms: Any = (0, 0)) -> Counterexample:
    """Walk until there is a failure."""
    for number in range(seed, seed + 1_000):
        settings = Settings(seed=number, picker="walk", step_ms=step_ms)
        m = spec.machine({}, settings)
        ended = driver.drive(m, Walk(number), 10_000)
        if found := findings(m, ended):
            return Counterexample(tuple(found), settings, m.count, ended)
    raise AssertionError("no failure in a thousand walks")


@pytest.mark.parametrize("seed", [0, 100, 200])
def test_one_deviation_is_left_of_many(seed: int) -> None:
    """The second sender has to start, and to send, before the first one does: it is held back."""
    spec = of(wrong_order)
    example = example_of(spec, seed)
    shrinker = Shrinker(spec, {}, example.findings[0].identity, example.settings)
    long = shrinker.made(example.settings, Walk(example.settings.seed).pick)
    assert len(long.before) >= 5
    small = shrink(spec, {}, example)
    assert small.findings == example.findings
    assert small.deviations == 1


def test_durations_become_zero_where_the_failure_does_not_need_them() -> None:
    spec = of(wrong_order)
    small = shrink(spec, {}, example_of(spec, step_ms=(0.0, 10.0)))
    assert small.settings.step_ms == (0, 0)
    assert small.deviations == 1


def test_what_is_given_back_replays() -> None:
    spec = of(wrong_order)
    small = shrink(spec, {}, example_of(spec))
    m = spec.machine({}, small.settings)
    assert tuple(findings(m, run(m, small.settings))) == small.findings
    assert m.count == small.transitions


def test_parameters_become_smaller() -> None:
    verdict = check(of(wrong_order), {"others": 4}, budget=Budget(runs=200, seconds=60))
    assert verdict.counterexample is not None
    # With one victim there is no wrong order, and 0 of anything would be another system.
    assert verdict.counterexample.parameters == {"others": 1}


def test_another_failure_is_not_taken_for_this_one() -> None:
    async def two_failures(crashes: int = 2) -> None:
        raise Exit("many" if crashes > 1 else "one")

    verdict = check(of(two_failures), {}, budget=Budget(runs=5))
    assert verdict.counterexample is not None
    assert verdict.counterexample.parameters == {}
    assert "'many'" in verdict.counterexample.findings[0].text


def test_a_failure_of_the_default_schedule_needs_no_deviation() -> None:
    async def always() -> None:
        spawn(sender, self_(), "x")
        raise Exit("always")

    verdict = check(of(always), {}, budget=Budget(runs=5))
    assert verdict.counterexample is not None
    assert verdict.counterexample.deviations == 0


@pytest.mark.parametrize("number", [2, 10])
def test_the_failure_may_be_another_than_the_first_of_its_run(number: int, tmp_path: Any) -> None:
    """With fewer clients the run ends others as well, and theirs is said before it."""
    spec = load(str(ROOT / "specs" / "guide" / f"workflow_fsm_{number}.py"))
    found = check(spec, {}, strategy="portfolio", budget=Budget(runs=400, seconds=300))
    assert found.counterexample is not None
    gather("x", spec, found.counterexample, "", tmp_path)


def test_no_try_is_made_when_there_is_no_time() -> None:
    spec = of(wrong_order)
    example = example_of(spec)
    small = shrink(spec, {}, example, enough=lambda: True)
    assert small.findings == example.findings
    assert small.transitions == example.transitions


def test_what_depth_first_search_found_is_shrunk_too() -> None:
    async def short() -> None:
        spawn(sender, self_(), "s0")
        spawn(sender, self_(), "s1")
        if await receive("s0", "s1") == "s1":
            raise Exit("wrong order")

    verdict = check(of(short), {}, strategy="dfs", budget=Budget(seconds=60))
    assert verdict.counterexample is not None
    assert verdict.counterexample.deviations == 1
    assert verdict.counterexample.settings.time == "bounded"


DEVIATIONS_MAX = 12


@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for path in (ROOT / "specs" / "guide").glob("*_fsm*.py")
        if not path.stem.endswith("_fixed")
    ),
)
def test_the_failures_of_the_guide_s_ports_take_few_deviations(name: str) -> None:
    spec = load(str(ROOT / "specs" / "guide" / f"{name}.py"))
    verdict = check(spec, {}, budget=Budget(runs=300, seconds=300))
    assert verdict.counterexample is not None
    assert verdict.counterexample.deviations <= DEVIATIONS_MAX
