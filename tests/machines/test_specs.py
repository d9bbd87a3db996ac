"""The machines in specs/machines: each seeded error is found, each proof passes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.machines.certificate import accepted
from checkers.machines.declaration import Declaration
from checkers.machines.explicit import Limits, explore
from checkers.machines.files import made, maker
from checkers.machines.proving import prove
from simkernel.loading import load
from tests.meta.house import ROOT

FOLDER = (ROOT / "specs" / "machines").relative_to(Path.cwd())
# What is broken, and in how many steps at the least, where time passes one by one.
BROKEN = {
    "agent_fsm": ("no result of another task", 7),
    "circuit_breaker": ("one probe at a time", 7),
    "lease": ("one at a time", 10),
    "rate_limiter": ("bounds of tokens", 6),
    "retry": ("a timer is set only to wait", 3),
    "two_phase_commit": ("all do the same", 7),
    "workflow_fsm": ("whoever asks is answered", None),
}
FINITE = [name for name in BROKEN if name != "retry"]


def declared(name: str, **parameters: Any) -> Declaration:
    """Make the machine of a spec file."""
    return made(maker(str(FOLDER / f"{name}.py")), parameters)


@pytest.mark.parametrize("name", BROKEN)
def test_its_error_is_found(name: str) -> None:
    answer = prove(declared(name))
    assert (answer.word, answer.failed) == ("Violated", BROKEN[name][0])
    assert answer.run is not None
    if BROKEN[name][1] is not None:
        assert len(answer.run.steps) == BROKEN[name][1]


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "workflow_fsm"])
def test_its_error_is_found_by_z3(name: str) -> None:
    answer = prove(declared(name), "bmc", Limits(depth=12))
    assert (answer.word, answer.failed) == ("Violated", BROKEN[name][0])


@pytest.mark.parametrize("name", BROKEN)
def test_its_mended_twin_is_proved(name: str) -> None:
    machine = declared(f"{name}_fixed")
    answer = prove(machine)
    assert (answer.word, answer.complete) == ("Held", True)
    assert answer.certificate is not None
    assert accepted(machine, answer.certificate, Limits()) is True


@pytest.mark.parametrize("name", FINITE)
def test_z3_proves_the_invariants_of_its_twin(name: str) -> None:
    machine = declared(f"{name}_fixed")
    machine.responses.clear()  # of which z3 says nothing
    words = {method: prove(machine, method, Limits(seconds=60)).word
             for method in ("induction", "spacer")}  # fmt: skip
    assert words == {"induction": "Held", "spacer": "Held"}


@pytest.mark.parametrize("method", ["bmc", "induction"])
def test_z3_finds_a_run_in_which_what_was_asked_for_never_comes(method: str) -> None:
    answer = prove(declared("workflow_fsm"), method, Limits(depth=12))
    assert (answer.word, answer.failed) == ("Violated", BROKEN["workflow_fsm"][0])
    assert answer.run is not None
    assert "never, in a run that" in answer.text


def test_limit_what_leads_to_what_is_not_proved_by_z3() -> None:
    answer = prove(declared("workflow_fsm_fixed"), "induction", Limits(depth=4))
    assert (answer.word, answer.complete) == ("Inconclusive", False)
    assert "leads_to is proved by explicit search only; no run that goes round in" in answer.text


def test_the_retry_that_has_no_bounds_is_proved_quickly() -> None:
    machine = declared("retry_fixed")
    start = time.process_time()
    words = [prove(machine, method).word for method in ("induction", "spacer")]
    assert words == ["Held", "Held"]
    assert time.process_time() - start < 2 * 2


def test_every_machine_is_in_the_table_and_has_a_twin() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == {*BROKEN, *(f"{name}_fixed" for name in BROKEN)}


# --- Two-phase commit: published counts -----------------------------------------------------------

COUNTS = {
    3: (288, 1_146, 11, 80), 4: (1_568, 8_258, 14, 166), 5: (8_832, 58_146, 17, 314),
    6: (50_816, 402_306, 20, 553), 7: (296_448, 2_744_706, 23, 920),
}  # fmt: skip


@pytest.mark.parametrize("participants", COUNTS)
def test_two_phase_commit_has_the_published_counts(participants: int) -> None:
    machine = declared("two_phase_commit_fixed", participants=participants)
    states, generated, depth, orbits = COUNTS[participants]
    start = time.process_time()
    found = explore(machine)
    spent = time.process_time() - start
    # The published depth counts situations, ours steps.
    assert (found.states, found.generated, found.depth + 1) == (states, generated, depth)
    assert found.complete
    assert spent < 9
    reduced = explore(machine, symmetry=True)
    assert (reduced.states, reduced.depth + 1) == (orbits, depth)


def test_eight_participants_with_symmetry_take_less_than_a_second() -> None:
    machine = declared("two_phase_commit_fixed", participants=8)
    start = time.process_time()
    found = explore(machine, symmetry=True)
    assert (found.complete, found.depth + 1) == (True, 26)
    assert time.process_time() - start < 1


def test_twenty_participants_are_proved_with_lemmas() -> None:
    machine = declared("two_phase_commit_fixed", participants=20)
    machine.goals.clear()  # far away for z3
    start = time.process_time()
    answer = prove(machine, "induction")
    assert (answer.word, answer.depth) == ("Held", 1)
    assert "participants = 20" in answer.machine
    assert time.process_time() - start < 10


# --- As processes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lease", "two_phase_commit", "retry", "rate_limiter"])
def test_a_machine_runs_as_a_process_and_its_error_shows(name: str) -> None:
    verdict = check(load(str(FOLDER / f"{name}.py")), {}, budget=Budget(runs=600, seconds=1e9))
    assert verdict.counterexample is not None
    assert any("AssertionError" in finding.text for finding in verdict.counterexample.findings)


@pytest.mark.parametrize("name", BROKEN)
def test_its_twin_runs_as_a_process_and_nothing_is_found(name: str) -> None:
    where = str(FOLDER / f"{name}_fixed.py")
    assert check(load(where), {}, budget=Budget(runs=60, seconds=1e9)).word == "Held"
