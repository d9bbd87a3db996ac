"""The engines agree: with the interpreter, with each other, and on 500 random machines."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from checkers.machines.bounded import bounded
from checkers.machines.certificate import Certificate, accepted
from checkers.machines.declaration import Declaration
from checkers.machines.explicit import Explored, Limits, explore
from checkers.machines.houdini import houdini
from checkers.machines.induction import induction
from checkers.machines.proving import prove
from checkers.machines.semantics import failing, initial_states, replay, starts, successors
from checkers.machines.spacer import spacer
from simkernel.errors import InternalError, SpecError
from tests.machines.generated import machine

PLENTY = Limits(seconds=1e6, depth=300)


def frozen(state: Any) -> tuple[Any, ...]:
    """Make a key of a situation."""
    return tuple(state.items())


def by_interpreter(m: Declaration) -> tuple[int, int | None]:
    """Give how many situations there are, and in how many steps the first bad one is reached."""
    depth = {frozen(state): 0 for state in initial_states(m)}
    queue = deque(depth)
    shortest = None
    for key in depth:
        if failing(m, dict(key)):
            return len(depth), 0
    while queue:
        key = queue.popleft()
        for _, state in successors(m, dict(key)):
            if failing(m, state) and shortest is None:
                shortest = depth[key] + 1
            if frozen(state) not in depth and not failing(m, state):
                depth[frozen(state)] = depth[key] + 1
                queue.append(frozen(state))
    return len(depth), shortest


def agree(seed: int) -> str:
    """Compare all engines on one machine; gives what they say."""
    m = machine(seed)
    try:
        found: Explored = explore(m)
    except SpecError as error:
        if "nothing ever happens" not in error.what:
            raise
        return "nothing happens"
    states, shortest = by_interpreter(m)
    length = None if found.run is None else len(found.run.steps)
    assert length == shortest, seed
    assert found.complete == (shortest is None)
    # z3 lets time pass by more than one in a step, so its runs may be shorter, never longer.
    exact = not m.clocks
    checked = bounded(m, replace(PLENTY, depth=(found.depth if shortest is None else shortest)))
    proof = induction(m, PLENTY)
    if shortest is None:
        assert found.states == states
        assert checked.run is None, seed
        assert not checked.stopped
        assert proof.certificate is not None, seed
        assert accepted(m, proof.certificate, PLENTY) is True, seed
        return "held"
    assert found.run is not None
    assert checked.run is not None, seed
    assert proof.run is not None, seed
    for run in (found.run, checked.run, proof.run):
        replay(m, run)
        assert failing(m, run.states[-1]) is not None
        assert len(run.steps) <= shortest
        assert len(run.steps) == shortest or not exact
    return "violated"


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_engines_agree_on_random_machines(start: int) -> None:
    said = [agree(seed) for seed in range(start, start + 20)]
    assert said.count("held") > 1
    assert said.count("violated") > 1


@pytest.mark.slow
@pytest.mark.parametrize("start", range(60, 560, 50))
def test_engines_agree_on_500_random_machines(start: int) -> None:
    said = [agree(seed) for seed in range(start, start + 50)]
    assert said.count("held") > 5
    assert said.count("violated") > 5


@pytest.mark.parametrize("seed", range(20))
def test_spacer_and_houdini_never_contradict_the_search(seed: int) -> None:
    m = machine(seed)
    answer = agree(seed)
    for attempt in (spacer, houdini):
        proof = attempt(m, Limits(seconds=20))
        if proof.certificate is not None:
            assert answer in ("held", "nothing happens"), seed
            assert accepted(m, proof.certificate, PLENTY) is True, seed
        if proof.run is not None:
            assert answer == "violated", seed
            replay(m, proof.run)


def counter(step: int = 1) -> Declaration:
    """Count without end."""
    m = Declaration("counter")
    n = m.integer("n")
    m.action("up", then={n: n + step})
    m.invariant("not negative", n >= 0)
    return m


def test_a_wrong_certificate_is_refused() -> None:
    m = counter()
    for formula in ("", "(assert true)", "(declare-const n Int)(assert (< n 3))",
                    "(declare-const n Int)(assert (> n 0))"):  # fmt: skip
        assert accepted(m, Certificate(formula), PLENTY) is False
    assert accepted(m, Certificate("(declare-const n Int)(assert (>= n 0))"), PLENTY) is True


def test_a_certificate_is_of_one_machine_only() -> None:
    proof = induction(counter(), PLENTY)
    assert proof.certificate is not None
    assert accepted(counter(-1), proof.certificate, PLENTY) is False


def test_a_search_without_end_says_what_it_has_seen_and_no_more() -> None:
    answer = prove(counter(), "explicit", Limits(states=5_000))
    assert (answer.word, answer.complete) == ("Inconclusive", False)
    assert "5000 situations were spent" in answer.text


def test_time_that_runs_out_is_inconclusive() -> None:
    m = counter()
    n = m["n"]
    m.invariant("hard", n != 1_000_000)
    for method in ("induction", "bmc", "spacer"):
        answer = prove(m, method, Limits(seconds=0.05, depth=100_000))
        assert answer.word == "Inconclusive", method


def test_a_run_that_is_none_is_our_bug() -> None:
    found = bounded(counter(-1), PLENTY)
    assert found.run is not None
    assert starts(counter(-1), found.run.start)
    with pytest.raises(InternalError):
        replay(counter(), found.run)
