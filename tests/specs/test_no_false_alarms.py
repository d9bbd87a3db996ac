"""The judges that are always on have nothing to say of the guide's specs that hold."""

from pathlib import Path

import pytest

from checkers.check import Budget, check
from simkernel.loading import load
from tests.meta.house import ROOT

GUIDE = (ROOT / "specs" / "guide").relative_to(Path.cwd())
HOLD = [
    "actions", "agent_fsm_fixed", "application", "counter", "registry", "session_supervisor",
    "spawning_fixed", "tasks_fixed", "timeouts", "when_to_use_which", "workflow_fsm_fixed",
]  # fmt: skip
FEW = {"application": 40, "registry": 60, "tasks_fixed": 60}


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("name", HOLD)
def test_nothing_is_found_in_a_spec_that_holds(name: str, network: str) -> None:
    budget = Budget(runs=FEW.get(name, 100), seconds=1e9)
    verdict = check(load(str(GUIDE / f"{name}.py")), {}, network=network, budget=budget)
    assert verdict.counterexample is None
    assert verdict.word == "Held"


def test_every_spec_of_the_guide_that_is_mended_is_in_the_list() -> None:
    assert {path.stem for path in GUIDE.glob("*_fixed.py")} <= set(HOLD)
