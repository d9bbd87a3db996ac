"""The tests of the linearizability checker notice when it is broken: its mutants are killed."""

from __future__ import annotations

import sys
from random import Random
from types import ModuleType
from typing import Any

import pytest

from tests.checkers.test_linearizable import KNOWN, Lossy, Register, orders, random_history
from tests.meta.house import ROOT

SOURCE = (ROOT / "checkers" / "linearizable.py").read_text("utf-8")
MUTANTS = {
    "one that ends as another begins comes before it": ("< operation.begun", "<= operation.begun"),
    "nothing comes before anything": ("        before.append(sofar)", "        before.append(0)"),
    "an unanswered operation never happens": (
        "in self._answers(state, operation):",
        "in operation.ended and self._answers(state, operation) or ():",
    ),
    "any answer will do": ("operation.ended is None or equal(answer, operation.answer)", "True"),
    "1 is true": ("equal(answer, operation.answer)", "answer == operation.answer"),
    "the memory forgets the state": (
        "there = (taken | 1 << at, exact_key(after))",
        "there = (taken | 1 << at, 0)",
    ),
    "the memory forgets what was taken": (
        "seen.add(there)",
        "seen.update((n, there[1]) for n in ALL)",
    ),
    "only the first answer of several": (
        "return given if type(given) is list else [given]",
        "return given[:1] if type(given) is list else [given]",
    ),
    "a client's order plays no part": (
        "            sofar[operation.client] = mine | 1 << at",
        "            sofar[operation.client] = mine",
    ),
}


def mutated(name: str) -> ModuleType:
    """Make the module with one change."""
    old, new = MUTANTS[name]
    assert SOURCE.count(old) == 1, old
    text = SOURCE.replace(old, new)
    module = ModuleType("mutant")
    module.__dict__["ALL"] = range(64)
    sys.modules["mutant"] = module
    exec(compile(text, "mutant", "exec"), module.__dict__)
    return module


def agrees(module: Any) -> bool:
    """Ask what the tests ask: known histories, brute force, both kinds of order."""
    for _, linear, sequential, history in KNOWN:
        if module.linearization(history, Register()).holds is not linear:
            return False
        if module.sequential_order(history, Register()).holds is not sequential:
            return False
    lossy = next(one for _, linear, _, one in KNOWN if not linear)
    if not module.linearization(lossy, Lossy()).holds:
        return False
    random = Random(5)
    for _ in range(400):
        history = random_history(random, random.randint(1, 5))
        if module.linearization(history, Register()).holds is not orders(history, real_time=True):
            return False
    return True


def test_the_checker_itself_agrees() -> None:
    from checkers import linearizable

    assert agrees(linearizable)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_noticed(name: str) -> None:
    assert not agrees(mutated(name))
