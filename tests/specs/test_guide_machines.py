"""The guide's two state machines: what a check finds in each port of them, and that the last holds.

Each port mends what was found in its predecessor. The rows name the finding by what ends, of what,
and in which callback: the type of the event, its content and the state of the machine.
"""

from difflib import ndiff
from itertools import pairwise
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.verdict import Verdict
from simkernel.loading import load
from simkernel.spec import Spec, run
from simkernel.terms import thaw
from tests.meta.house import ROOT

GUIDE = ROOT / "specs" / "guide"
RUNS = 300

FOUND = [
    ("agent_fsm", "<root.1>", "('badkey', 'error')", "state_timeout", "timeout", "processing"),
    ("agent_fsm_2", "<root.1>", "function_clause", "call", "submit", "error"),
    ("agent_fsm_3", "<root.1>", "function_clause", "call", "submit", "complete"),
    ("agent_fsm_4", "<root.1>", "function_clause", "info", "result", "complete"),
    ("workflow_fsm", "<root.1>", "('badkey', 'entered_at')", "enter", "pending", "pending"),
    ("workflow_fsm_2", "<root.1>", "function_clause", "call", "get_error", "pending"),
    ("workflow_fsm_3", "<root.1>", "('badkey', 'params')", "call", "start", "pending"),
    ("workflow_fsm_4", "<root.1>", "('badkey', 'result')", "info", "execute", "running"),
    ("workflow_fsm_5", "<root.1>", "function_clause", "call", "start", "complete"),
    ("workflow_fsm_6", "<root.1>", "function_clause", "call", "get_error", "complete"),
    # The client's patience is over: while the machine works in a callback its deadline cannot come.
    ("workflow_fsm_7", "<root.4>", "'timeout'", "info", "execute", "running"),
    (
        "workflow_fsm_8", "<root.1>", "('badkey', 'error')", "state_timeout", "execution_timeout",
        "running",
    ),
    ("workflow_fsm_9", "<root.1>", "function_clause", "call", "start", "failed"),
    ("workflow_fsm_10", "<root.1>", "function_clause", "call", "get_result", "failed"),
    ("workflow_fsm_11", "<root.1>", "function_clause", "info", "executed", "failed"),
]  # fmt: skip
HOLD = ["agent_fsm_fixed", "workflow_fsm_fixed", "actions", "timeouts"]
SMALL: list[tuple[str, dict[str, Any]]] = [
    ("agent_fsm_fixed", {"tasks": 1}),
    ("workflow_fsm_fixed", {"clients": 1, "watchers": 0, "patience_ms": None}),
    ("actions", {"clients": 1}),
    ("timeouts", {}),
]


def spec(name: str) -> Spec:
    """Load a spec of the guide."""
    return load(str(GUIDE / f"{name}.py"))


def walked(name: str) -> Verdict:
    """Check a spec by random walks."""
    return check(spec(name), {}, strategy="walk", budget=Budget(runs=RUNS))


def last_callback(name: str, verdict: Verdict) -> tuple[Any, Any, Any]:
    """Run the counterexample again; give type, content and state of its last callback, in short."""
    notes: list[dict[str, Any]] = []

    def listen(event: tuple[Any, ...]) -> None:
        if event[0] == "note" and event[2] == "callback":
            notes.append({key: thaw(value) for key, value in event[3]})

    assert verdict.counterexample is not None
    example = verdict.counterexample
    m = spec(name).machine(example.parameters, example.settings, tape=listen)
    run(m, example.settings)
    last = notes[-1]
    return _head(last["type"]), _head(last["argument"]), last["state"]


def _head(term: Any) -> Any:
    return term[0] if type(term) is tuple else term


@pytest.mark.parametrize(("name", "process", "reason", "type_", "content", "state"), FOUND)
def test_the_failure_of_each_port_is_found(
    name: str, process: str, reason: str, type_: str, content: str, state: str
) -> None:
    verdict = walked(name)
    assert verdict.word == "Violated"
    assert verdict.counterexample is not None
    first = verdict.counterexample.findings[0]
    kind = "no clause" if reason == "function_clause" else "crash"
    assert (first.kind, first.process) == (kind, process)
    assert reason in first.text
    assert last_callback(name, verdict) == (type_, content, state)


@pytest.mark.parametrize("name", HOLD)
def test_these_hold_in_random_runs(name: str) -> None:
    assert walked(name).word == "Held"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameters"), SMALL)
def test_these_hold_in_every_run_where_they_are_small(
    name: str, parameters: dict[str, Any]
) -> None:
    verdict = check(spec(name), parameters, strategy="dfs", budget=Budget(seconds=1e9))
    assert (verdict.word, verdict.complete) == ("Held", True)


@pytest.mark.parametrize("chain", ["agent_fsm", "workflow_fsm"])
def test_every_port_is_in_the_table(chain: str) -> None:
    ports = {path.stem for path in GUIDE.glob(f"{chain}*.py")}
    assert ports == {name for name, *_ in FOUND if name.startswith(chain)} | {f"{chain}_fixed"}


@pytest.mark.parametrize("chain", ["agent_fsm", "workflow_fsm"])
def test_each_port_differs_little_from_the_one_before(chain: str) -> None:
    names = [name for name, *_ in FOUND if name.startswith(chain)] + [f"{chain}_fixed"]
    texts = [(GUIDE / f"{name}.py").read_text("utf-8").splitlines() for name in names]
    for before, after in pairwise(texts):
        changed = [line for line in ndiff(before, after) if line[0] in "+-"]
        assert 0 < len(changed) <= 20
