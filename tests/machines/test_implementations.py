"""The implementations in specs/refinement: the correct ones refine their machines, no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.machines.declaration import Declaration
from checkers.machines.files import made, maker
from checkers.machines.proving import prove
from checkers.verdict import Verdict
from simkernel.loading import load
from tests.meta.house import ROOT

FOLDER = (ROOT / "specs" / "refinement").relative_to(Path.cwd())
# The first step that is not allowed: what was handled, what it changed, what might have happened.
FIRST = {
    "agent_fsm": ("('result', 0)", "from {'state': 'error'} to {'state': 'complete'}",
                  "it accepts a task, to {'state': 'processing'}"),
    "circuit_breaker": ("'may I'", "from {'probes': 1} to {'probes': 2}",
                        "the probe fails, to {'state': 'open', 'probes': 0}"),
    "lease": ("'it has run out'", "from {'client[1]': 'asking'} to {'client[1]': 'granted'}",
              "0 stops, to {'client[0]': 'idle'}"),
    "rate_limiter": ("'a new period'", "from {'tokens': 1, 'passed': 1} to {'tokens': 3, ",
                     "a new period, to {'tokens': 2, 'passed': 0}"),
    "retry": ("'they connect'", "to {'state': 'connected', 'retries': 0}",
              "the other side connects, to {'state': 'connected', 'retries': 0, 'timer is "),
    "two_phase_commit": ("'count'", "from {'manager': 'init'} to {'manager': 'committed'}",
                         "manager aborts, to {'manager': 'aborted'}"),
    "workflow_fsm": ("('executed', 42)", "from {'state': 'failed'} to {'state': 'complete'}",
                     "allowed are nothing"),
}  # fmt: skip
SITUATIONS = 3_000
# Of these every situation is seen.
SMALL: dict[str, dict[str, Any]] = {
    "agent_fsm": {"tasks": 1}, "rate_limiter": {"clients": 1}, "retry": {"events": 0},
    "workflow_fsm": {"watchers": 1},
}  # fmt: skip


def checked(name: str, strategy: str, budget: Budget, **parameters: Any) -> Verdict:
    """Check one of them."""
    spec = load(str(FOLDER / f"{name}.py"))
    return check(spec, spec.arguments(parameters), strategy=strategy, budget=budget)


def named(name: str, strategy: str, budget: Budget, **parameters: Any) -> None:
    """See that the counterexample names the step."""
    example = checked(name, strategy, budget, **parameters).counterexample
    assert example is not None
    (finding,) = example.findings
    assert finding.kind == "property"
    for part in FIRST[name]:
        assert part in finding.text


@pytest.mark.parametrize("name", FIRST)
def test_the_first_step_that_is_not_allowed_is_named_by_random_runs(name: str) -> None:
    named(name, "portfolio", Budget(runs=400, seconds=1e9))


@pytest.mark.parametrize("name", FIRST)
def test_the_first_step_that_is_not_allowed_is_named_by_a_search(name: str) -> None:
    parameters = {} if name in ("rate_limiter", "retry") else SMALL.get(name, {})
    named(name, "dfs", Budget(seconds=1e9, situations=SITUATIONS), **parameters)


@pytest.mark.parametrize("name", FIRST)
def test_its_twin_refines_the_machine_in_random_runs(name: str) -> None:
    verdict = checked(f"{name}_fixed", "portfolio", Budget(runs=100, seconds=1e9))
    assert (verdict.word, verdict.counterexample) == ("Held", None)


@pytest.mark.parametrize("name", SMALL)
def test_its_twin_refines_the_machine_in_every_run(name: str) -> None:
    verdict = checked(f"{name}_fixed", "dfs", Budget(seconds=1e9), **SMALL[name])
    assert (verdict.word, verdict.complete) == ("Held", True)


def declared(folder: str, name: str) -> Declaration:
    """Make a machine of a spec file."""
    path = (ROOT / "specs" / folder / f"{name}.py").relative_to(Path.cwd())
    return made(maker(str(path)), {})


def written(m: Declaration) -> tuple[Any, ...]:
    """Give the whole of a declaration as text."""
    said = [*m.invariants.items(), *m.lemmas.items(), *m.goals.items()]
    return (
        [(one.name, str(one.type), one.start) for one in m.variables.values()],
        [(a.name, str(a.guard), [(v.name, str(to)) for v, to in a.effects], a.fair)
         for a in m.steps],
        [(name, str(condition)) for name, condition in said],
        [(name, str(one.cause), str(one.goal)) for name, one in m.responses.items()],
    )  # fmt: skip


@pytest.mark.parametrize("name", [name for name in FIRST if name != "retry"])
def test_what_it_is_compared_with_is_the_machine_that_is_proved(name: str) -> None:
    proved = written(declared("machines", f"{name}_fixed"))
    assert written(declared("refinement", name)) == proved
    assert written(declared("refinement", f"{name}_fixed")) == proved


def test_the_retry_that_is_followed_has_clocks_that_stop_and_is_proved_too() -> None:
    assert written(declared("refinement", "retry")) == written(
        declared("refinement", "retry_fixed")
    )
    answer = prove(declared("refinement", "retry_fixed"))
    assert (answer.word, answer.complete) == ("Held", True)


def test_every_implementation_is_in_the_table_and_has_a_twin() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == {*FIRST, *(f"{name}_fixed" for name in FIRST)}
