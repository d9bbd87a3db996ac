"""The real gen_statem and ours call the same callbacks in the same order, on random tables."""

from __future__ import annotations

import pytest

from tests.conformance import statems


@pytest.mark.vm
@pytest.mark.slow
def test_random_machines_behave_as_on_the_vm() -> None:
    summary = statems.compare(1_000, 12)
    assert summary.cases >= 900
    assert summary.differences == ()
