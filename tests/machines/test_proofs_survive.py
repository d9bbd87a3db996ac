"""What z3 has proved survives random runs, and each of it is broken by some variant."""

from __future__ import annotations

import pytest

from checkers.machines.explicit import Limits
from checkers.machines.proving import prove
from tests.machines.test_specs import BROKEN, declared
from tests.machines.variants import broken, random_runs, variants


def proved(name: str) -> None:
    """Let both ways prove it."""
    machine = declared(f"{name}_fixed")
    machine.responses.clear()  # of which they say nothing
    for method in ("induction", "spacer"):
        assert prove(machine, method, Limits(seconds=120)).word == "Held"


def survives(name: str, runs: int) -> int:
    """Make random runs of what was proved; gives how many steps there were."""
    failed, steps = random_runs(declared(f"{name}_fixed"), runs)
    assert failed == ""
    return steps


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_proved_survives_random_runs(name: str) -> None:
    assert survives(name, 1_000) > 1_000


@pytest.mark.long
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_proved_survives_a_hundred_thousand_random_runs(name: str) -> None:
    proved(name)
    assert survives(name, 100_000) > 100_000


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "workflow_fsm"])
def test_random_runs_break_what_is_not_proved(name: str) -> None:
    failed, _ = random_runs(declared(name), 20_000)
    assert failed


@pytest.mark.parametrize("name", BROKEN)
def test_every_property_that_is_proved_is_broken_by_some_variant(name: str) -> None:
    """So none of them holds of whatever machine has these variables."""
    machine = declared(f"{name}_fixed")
    left = set(machine.promises)
    assert broken(machine) == set()
    killed = total = 0
    for _, variant in variants(machine):
        found = broken(variant)
        left -= found
        killed, total = killed + bool(found), total + 1
    assert left == set()
    assert total >= 10
    assert killed >= 3
