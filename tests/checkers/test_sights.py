"""Properties of the states of processes, decided by searches of classes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.ltl import always, following, never
from checkers.monitor import sometimes
from simkernel import GenServer
from simkernel.errors import UsageError
from simkernel.spec import Spec
from tests.checkers.sights import Counter, main, random_system

HELD, VIOLATED = ("Held", True), ("Violated", True)
# `dfs` sees a thousand situations where `rf` makes a class: these are left to the long test.
SMALL = 4_000


def disagreements(seeds: range, network: str, situations: int) -> tuple[list[int], set[Any]]:
    """Give the systems of which the engines do not say the same, and what was said of all that
    plain search goes through within a limit."""
    wrong, said = [], set()
    for seed in seeds:
        words = set()
        for name in ("dfs", "rf", "dpor"):
            budget = Budget(runs=1, seconds=1e9, situations=situations)
            verdict = check(random_system(random.Random(seed)), {}, strategy=name, time="any",
                            network=network, budget=budget)  # fmt: skip
            if name == "dfs" and not verdict.complete:
                break
            words.add((verdict.word, verdict.complete))
        else:
            said |= words
            if len(words) > 1:
                wrong.append(seed)
    return wrong, said


def test_engines_agree_on_what_properties_see() -> None:
    assert disagreements(range(24), "node", SMALL) == ([], {HELD, VIOLATED})


@pytest.mark.slow
def test_engines_agree_on_what_properties_see_on_cluster() -> None:
    assert disagreements(range(8), "cluster", SMALL) == ([], {HELD, VIOLATED})


@pytest.mark.long
@pytest.mark.parametrize("network", ["node", "cluster"])
def test_engines_agree_on_what_very_many_properties_see(network: str) -> None:
    assert disagreements(range(30, 600), network, 100_000) == ([], {HELD, VIOLATED})


def classes(property: Any, *clients: Any, name: str = "rf") -> int:
    """Count the classes of clients that cast."""
    given = Spec("cast", main, {"clients": clients}, properties={"drawn": property})
    verdict = check(given, {}, strategy=name)
    assert verdict.complete
    return verdict.searched.runs


TO_EACH = ((("a", ("add", 1)),), (("b", ("add", 1)),))


def test_states_of_one_process_tell_no_more_classes_apart() -> None:
    assert classes(never(lambda world: world.state("a") == 3), *TO_EACH) == 1


def test_of_two_processes_it_is_told_whose_state_changed_first() -> None:
    both = never(lambda world: (world.state("a"), world.state("b")) == (3, 3))
    assert classes(both, *TO_EACH) == 2


def test_auto_takes_classes_where_a_property_looks_at_one_process() -> None:
    given = Spec("cast", main, {"clients": TO_EACH},
                 properties={"one": never(lambda world: world.state("a") == 3)})  # fmt: skip
    notes = check(given, {}, strategy="auto").notes
    assert notes == ("auto picked rf, because one run of every class is enough",)


def test_auto_takes_situations_where_a_property_looks_at_two() -> None:
    both = never(lambda world: (world.state("a"), world.state("b")) == (3, 3))
    given = Spec("cast", main, {"clients": TO_EACH}, properties={"both": both})
    notes = check(given, {}, strategy="auto").notes
    assert notes == ("auto picked dfs, because the property 'both' looks at situations",)


@pytest.mark.parametrize("name", ["dpor", "rf"])
@pytest.mark.parametrize(
    "property",
    [
        pytest.param(always(following(lambda world: True)), id="the next situation"),
        pytest.param(sometimes(lambda world: True), id="sometimes"),
        pytest.param(never(lambda world: world.mailbox("a")), id="a mailbox"),
        pytest.param(never(lambda world: world.states(Counter) == [1, 1]), id="all of a class"),
    ],
)
def test_limit_classes_do_not_decide_what_looks_at(property: Any, name: str) -> None:
    given = Spec("cast", main, {"clients": TO_EACH}, properties={"wide": property})
    with pytest.raises(UsageError, match="'wide' looks at situations"):
        check(given, {}, strategy=name)


async def starts_slowly() -> None:
    await GenServer.start(Counter, 1, name="a")


def test_a_server_that_has_not_begun_has_no_state() -> None:
    has_none = always(lambda world: world.state("a", "none") in ("none", 1))
    given = Spec("starts", starts_slowly, properties={"it is 1": has_none})
    assert check(given, {}, strategy="rf").complete
