"""A sample of every kind against the real VM: what CI runs; the full run is a command.

Random machines are in tests/otp/test_statem_vm.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance import beam, cases, compare, concurrent
from tests.conformance.lab import FAMILIES

pytestmark = [
    pytest.mark.vm,
    pytest.mark.slow,  # alone, and not beside other tests: the VM has to be in time
    pytest.mark.skipif(beam.MISSING is not None, reason=f"there is no {beam.MISSING}"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[beam.Beam]:
    """Compile the sources once."""
    with beam.Beam() as found:
        yield found


@pytest.mark.parametrize("family", FAMILIES)
def test_scenarios_do_here_what_they_do_there_and_what_was_recorded(
    running: beam.Beam, family: str
) -> None:
    assert compare.live(running, family).differences == ()


@pytest.mark.parametrize(
    ("family", "count"), [("supervisor", 200), ("genserver", 200), ("tables", 300)]
)
def test_random_programs_do_the_same(running: beam.Beam, family: str, count: int) -> None:
    summary = cases.compare(running, family, count, seed=2)
    assert summary.cases >= count
    assert summary.differences == ()


def test_concurrent_programs_show_only_outcomes_of_ours() -> None:
    summary = concurrent.compare(15, seed=2)
    assert summary.cases == 15
    assert summary.runs_on_the_vm >= 15 * concurrent.RUNS
    assert summary.differences == ()
