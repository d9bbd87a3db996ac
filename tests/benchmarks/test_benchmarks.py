"""The peers do what they claim, and a ratio says what it is taken for. No timing is judged here."""

from typing import Literal

import pytest

from benchmarks import peers
from benchmarks.__main__ import found_cases, page, table
from benchmarks.case import Case, measure


def test_every_peer_does_its_job() -> None:
    peers.simpy_ping_pong(100)
    peers.loop_ping_pong(100)
    peers.simpy_round_trips(100)
    peers.simpy_spawns(100)
    peers.simpy_timeouts(100, distinct=7)


def test_timers_are_spread_over_all_times_evenly() -> None:
    counts = [0] * 5_000
    for number in range(200_000):
        counts[peers.spread(number, 5_000)] += 1
    assert set(counts) == {40}


@pytest.mark.parametrize(
    ("ours", "better", "target", "ratio", "met"),
    [
        pytest.param(50.0, "higher", 2.0, 2.0, True, id="twice as fast"),
        pytest.param(100.0, "higher", 2.0, 1.0, False, id="only as fast"),
        pytest.param(150.0, "lower", 2.0, 1.5, True, id="cheap enough"),
        pytest.param(250.0, "lower", 2.0, 2.5, False, id="too dear"),
        pytest.param(999.0, "higher", None, 0.1, True, id="nothing promised"),
    ],
)
def test_a_ratio_reads_in_the_direction_of_its_target(
    ours: float, better: Literal["higher", "lower"], target: float | None, ratio: float, met: bool
) -> None:
    case = Case("x", lambda: ours, lambda: 100.0, 1, target, better=better)
    measured = measure(case)
    assert measured.ratio == pytest.approx(ratio, abs=0.01)
    assert measured.met is met
    said = "" if target is None else "met" if met else "missed"
    assert table([measured])[-1].endswith(f"| {said} |")
    assert "CPU time" in page([measured])


def test_cases_are_found_by_a_part_of_their_name() -> None:
    assert [case.name for case in found_cases(["by hand"])] == [
        "messages: two processes, against a loop by hand"
    ]
