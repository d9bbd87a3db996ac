"""The real gen_statem and ours call the same callbacks in the same order, on random tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance import statems


@pytest.mark.vm
@pytest.mark.slow
def test_random_machines_behave_as_on_the_vm() -> None:
    summary = statems.compare(300, 12)
    assert summary.cases >= 270
    assert summary.differences == ()


# What random machines are shrunk to stands here: a label and the program.
MACHINES: list[tuple[str, Any]] = [
    (
        "an event is postponed, and comes again in the next state",
        (
            [("statem_a", ["handle_event_function"]), ("statem_b", ["handle_event_function"])],
            ("ok", "s0", 0),
            [
                ("statem_a", "s0", "x", [("keep_state_and_data", ["postpone"])]),
                ("statem_a", "s0", "y", [("next_state", "s1", 1)]),
            ],
            [("cast", "x"), ("cast", "y")],
        ),
    ),
]


@pytest.mark.vm
@pytest.mark.slow
def test_single_machines_behave_as_on_the_vm() -> None:
    programs = [program for _, program in MACHINES]
    assert [statems.settled(each) for each in programs] == statems.on_the_vm(programs)
