"""How slow steps have to be for a deadline to come first, against every order and every time."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from checkers.slowness import judged_everywhere
from checkers.timing import STEP, Bounds
from tests.checkers.test_slowness import PROGRAM, written
from tests.checkers.ticks import first_in

MOST = 4_000  # situations of one program: the rest of it is left to others


def scaled(seed: int, times: int) -> dict[str, Any]:
    """Write two processes; all that lasts is so many times as long, so that a threshold that is no
    whole number of ms may become one."""
    bodies = [
        tuple(op if op[0] in ("send", "stop") else (op[0], *(ms * times for ms in op[1:]))
              for op in body)
        for body in written(Random(seed))[:2]
    ]  # fmt: skip
    return {"bodies": tuple(bodies)}


def compared(seeds: range | tuple[int, ...], network: str, times: int) -> tuple[int, int, int]:
    """Compare; gives how many deadlines come first at once, how many thresholds were compared, and
    how many of these are whole."""
    fired = thresholds = whole = 0
    for seed in seeds:
        given = scaled(seed, times)
        report = judged_everywhere(
            PROGRAM, given, Bounds(0, 0), network, lambda count: "enough" if count > MOST else "",
            slow=[STEP],
        )  # fmt: skip
        if report.stopped:
            continue
        at_once = {one.key for one in report.deadlines if one.fires}
        assert first_in(PROGRAM, given, network, 0) == at_once, seed
        fired += len(at_once)
        for one in report.deadlines:
            if one.fires:
                continue
            need = one.needs[STEP]
            assert need.exact
            least = -(-need.us // 1_000)  # of times in whole ms
            enough = first_in(PROGRAM, given, network, least, one.key)
            less = first_in(PROGRAM, given, network, least - 1, one.key)
            assert enough is not None, seed
            assert less is not None, seed
            assert one.key in enough, (seed, one)
            assert one.key not in less, (seed, one)
            thresholds, whole = thresholds + 1, whole + (need.us % 1_000 == 0)
    return fired, thresholds, whole


@pytest.mark.parametrize("network", ["node", "cluster"])
def test_slow_steps_agree_with_every_order_in_ticks(network: str) -> None:
    seeds = (2, 3, 5, 9, 10, 13, 14, 18, 26, 29) if network == "node" else (2, 3, 8, 9, 12, 13, 18)
    fired, thresholds, _ = compared(seeds, network, 1)
    assert fired > 3
    assert thresholds >= (7 if network == "node" else 2)


def test_thresholds_between_two_ms_agree_with_finer_ticks() -> None:
    _, thresholds, whole = compared((3, 8, 13, 26, 29), "node", 6)
    assert (thresholds, whole) == (4, 4)  # of 500 and 334 µs, before they were scaled


@pytest.mark.long
@pytest.mark.parametrize(("network", "times", "most"), [
    ("node", 1, 200), ("cluster", 1, 120), ("node", 6, 60)
])  # fmt: skip
def test_slow_steps_agree_with_every_order_of_random_programs(
    network: str, times: int, most: int
) -> None:
    fired, thresholds, _ = compared(range(most), network, times)
    assert fired > most // 3
    assert thresholds > most // 8


@pytest.mark.parametrize("step", [1, 2])
def test_what_comes_first_within_bounds_comes_first_in_ticks(step: int) -> None:
    found = 0
    for seed in (3, 8, 9, 13, 17, 18, 20, 26, 27, 29):
        given = scaled(seed, 1)
        report = judged_everywhere(PROGRAM, given, Bounds(step * 1_000), slow=[])
        first = {one.key for one in report.deadlines if one.fires}
        assert not report.stopped
        assert first == first_in(PROGRAM, given, "node", step), (seed, step)
        found += len(first)
    assert found > 10
