"""The guide's counter: what its docstring says holds, in every run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simkernel.choice import Walk
from simkernel.kernel import driver
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import result_of
from tests.meta.house import ROOT

PATH = str((ROOT / "specs" / "guide" / "counter.py").relative_to(Path.cwd()))


def ran(seed: int, **parameters: Any) -> Any:
    """Run the spec once."""
    m = load(PATH).machine(parameters, Settings())
    return result_of(m, driver.simulate(m, seed, 100_000))


@pytest.mark.parametrize("seed", range(10))
def test_no_increment_is_lost(seed: int) -> None:
    result = ran(seed, clients=3, increments=4)
    assert (result.returned, result.ended) == (12, "main has returned")


def test_what_a_client_is_told_differs_from_run_to_run() -> None:
    told = {tuple(line[1:] for line in ran(seed).logged) for seed in range(10)}
    assert len(told) > 1


def test_the_tick_goes_on_for_as_long_as_one_waits() -> None:
    m = replace(load(PATH), settle=True).machine({}, Settings(horizon_ms=3_500))
    result = result_of(m, driver.simulate(m, 0, 100_000))
    assert (result.ended, result.now_ms) == ("the horizon was reached", 3_000)


@pytest.mark.parametrize("seed", range(20))
def test_no_increment_is_lost_in_fine_grained_runs(seed: int) -> None:
    m = load(PATH).machine({}, Settings())
    ended = driver.drive(m, Walk(seed), 100_000)
    assert result_of(m, ended).returned == 6
