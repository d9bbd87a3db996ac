"""Histories of calls as a search of classes sees them: neither too few are told apart, nor more."""

from __future__ import annotations

import random
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.dfs import Dfs
from checkers.judged import Judged
from checkers.monitor import linearizable, sequentially_consistent
from checkers.search import Plan
from checkers.strategies import strategy
from simkernel import log, register, self_, spawn
from simkernel.kernel.effects import note
from simkernel.spec import Spec
from simkernel.terms import Pid
from tests.checkers.histories import Register, Registers, random_system

HELD, VIOLATED = ("Held", True), ("Violated", True)
# Among n calls, each open for a while: which had returned before which was made. These are the
# interval orders of n labelled intervals (OEIS A079144).
INTERVAL_ORDERS = {1: 1, 2: 3, 3: 19, 4: 207}


async def calls(box: Pid, key: int) -> None:
    """Make a call that lasts for one effect."""
    note("call", server=box, request=("write", key, 1))
    log("at it")
    note("called", server=box, answer="ok")


async def overlapping(keys: Any) -> None:
    await register(self_(), "box")
    for key in keys:
        spawn(calls, self_(), key)


def searched(keys: Any, property: Any, name: str = "rf") -> Any:
    given = Spec("overlapping", overlapping, {"keys": keys}, properties={"register": property})
    return check(given, {}, strategy=name)


@pytest.mark.parametrize("name", ["dpor", "rf"])
@pytest.mark.parametrize("count", INTERVAL_ORDERS)
def test_classes_of_overlapping_calls_are_interval_orders(count: int, name: str) -> None:
    verdict = searched((1,) * count, linearizable(Register(), "box"), name)
    assert (verdict.word, verdict.complete) == ("Held", True)
    assert verdict.searched.runs == INTERVAL_ORDERS[count]


def test_calls_of_two_keys_are_not_ordered() -> None:
    assert searched((1, 2), linearizable(Registers(), "box")).searched.runs == 1
    assert searched((1, 1, 2, 2), linearizable(Registers(), "box")).searched.runs == 3 * 3


def test_calls_to_another_server_are_not_ordered() -> None:
    assert searched((1, 1, 1), linearizable(Register(), "chest")).searched.runs == 1


def test_sequential_consistency_sees_no_order_of_two_clients() -> None:
    assert searched((1, 1, 1), sequentially_consistent(Register(), "box")).searched.runs == 1


# --- Random systems -------------------------------------------------------------------------------


def verdicts(seed: int) -> frozenset[tuple[str, bool]]:
    """Check one system by each engine."""
    found = set()
    for name in ("rf", "dpor", "dfs"):
        verdict = check(random_system(random.Random(seed)), {}, strategy=name, time="any",
                        budget=Budget(runs=1, seconds=1e9))  # fmt: skip
        found.add((verdict.word, verdict.complete))
    return frozenset(found)


def disagreements(seeds: range) -> list[int]:
    """Give the systems of which the engines do not say the same, each having seen every run."""
    said = {seed: verdicts(seed) for seed in seeds}
    assert {*said.values()} >= {frozenset({HELD}), frozenset({VIOLATED})}
    return [seed for seed, of in said.items() if of not in ({HELD}, {VIOLATED})]


def test_engines_agree_on_histories() -> None:
    assert disagreements(range(20)) == []


@pytest.mark.long
def test_engines_agree_on_very_many_histories() -> None:
    assert disagreements(range(20, 1_000)) == []


def histories_of_classes(spec: Spec, name: str) -> set[Any]:
    """Give the history of each class."""
    search = strategy(name, Plan(spec, {}))
    return {run.monitor.history() for run, _ in search.ends(lambda share: "")}


def histories_of_situations(spec: Spec) -> set[Any]:
    """Give the histories of all runs; messages are handled at any time."""
    plan = Plan(spec, {})
    run: Judged = plan.judged(plan.recorded(), snapshots=True)
    return {run.monitor.history() for _ in Dfs(run, history=run.history).leaves()}


@pytest.mark.parametrize("seed", range(100, 112))
def test_classes_have_the_histories_of_all_runs(seed: int) -> None:
    drawn = random_system(random.Random(seed))
    one_register = {"register": linearizable(Register(), "box")}
    spec = Spec(drawn.name, drawn.main, drawn.parameters, properties=one_register)
    wanted = histories_of_situations(spec)
    assert len(wanted) > 1
    assert histories_of_classes(spec, "rf") == wanted
    assert histories_of_classes(spec, "dpor") == wanted
