"""Every scenario does here what it was recorded to do on the VM."""

from __future__ import annotations

import pytest

from tests.conformance import recording
from tests.conformance.lab import FAMILIES, Pair, all_here, pairs

ALL = pairs()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_recorded_is_what_there_is(family: str) -> None:
    header, logs = recording.read(family)
    assert header["otp"] == "25"
    assert set(logs) == {each.id for each in pairs(family)}


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.id)
def test_a_scenario_does_what_the_vm_did(scenario: Pair) -> None:
    there = recording.read(scenario.family)[1][scenario.id]
    for here in all_here(scenario):
        assert here == there
