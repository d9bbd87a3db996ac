"""Predictions within bounds: what no times allow is none."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from checkers.judged import judged_run
from checkers.prediction import predict
from simkernel import receive, self_, send, spawn
from simkernel.kernel.bounded import BoundedClock
from simkernel.settings import Settings
from simkernel.spec import of
from tests.checkers.one_change import enumerated, main_of, predicted, sights_of, talk
from tests.checkers.test_prediction import ANY, recorded

STEP_US, WAY_US = (0, 10_000), (0, 10_000)


async def says(to: Any) -> None:
    send(to, "answer")


def changes(after: int, network: str, time: str) -> tuple[int, int]:
    """Predict from a run in which the answer comes in time; gives how often it could have come too
    late, and how many changes need other times."""

    async def main() -> Any:
        spawn(says, self_())
        return await receive("answer", after=after)

    settings = Settings(time="any", network=network)
    seed = next(seed for seed in range(99) if judged_run(
        of(main), {}, Settings(network=network, picker="walk", seed=seed))[0].m.returned == "answer"
        and not any(t.kind == "timeout" for t in recorded(of(main), seed, settings)))  # fmt: skip
    found, work = predict(of(main), {}, settings, recorded(of(main), seed, settings), time=time)
    late = [one for one in found if "is over before its message" in one.change]
    for one in late:
        assert str(judged_run(of(main), {}, one.settings)[0].m.returned) != "answer"
    assert (work.blocked, work.undecided) == (0, 0)
    return len(late), work.untimely


@pytest.mark.parametrize(("network", "possible"), [("node", 9), ("cluster", 19)])
def test_a_timeout_comes_first_only_where_it_is_shorter_than_what_is_slow(
    network: str, possible: int
) -> None:
    assert changes(possible, network, "bounded") == (1, 0)
    assert changes(50, network, "bounded") == (0, 1)
    assert changes(50, network, "any") == (1, 0)


def compared(network: str, seeds: range) -> tuple[int, int]:
    """Compare with every interleaving within the bounds; gives how many first sights there are, and
    how many changes no times allow."""
    settings = Settings(time="any", network=network)
    way = WAY_US if network == "cluster" else (0, 0)
    found = untimely = 0
    for seed in seeds:
        draw = random.Random(seed)
        bodies = tuple(
            tuple((*op[:2], draw.choice((3, 8, 40)) if op[2] else False) if op[0] == "take" else op
                  for op in body)
            for body in talk(draw, 6)
        )  # fmt: skip

        async def main(bodies: Any = bodies) -> None:
            await main_of(bodies)

        spec = of(main)
        path = recorded(spec, seed, settings)
        known = frozenset(sights_of(main, network, path))
        every = enumerated(
            main, known, network, clock=partial(BoundedClock, STEP_US, way), most=4_000
        )
        if every is None:
            continue
        ours, work = predicted(spec, settings, path, known, time="bounded")
        at_any_time, _ = predicted(spec, settings, path, known)
        assert work.found.blocked == 0
        assert ours <= every, (network, seed)
        if not work.found.undecided:
            assert at_any_time & every <= ours, (network, seed)
        found, untimely = found + len(every), untimely + work.found.untimely
    return found, untimely


def test_what_is_predicted_within_bounds_is_what_can_happen_within_them() -> None:
    found, _ = compared("node", range(4, 20))
    assert found > 1


@pytest.mark.long
@pytest.mark.parametrize("network", ["node", "cluster"])
def test_the_same_of_100_random_programs(network: str) -> None:
    found, untimely = compared(network, range(100))
    assert found >= 5  # few have so few situations
    assert untimely > 0


def test_times_as_slow_as_they_like_are_the_default_of_the_function() -> None:
    async def main() -> Any:
        spawn(says, self_())
        return await receive("answer", after=50)

    found, work = predict(of(main), {}, ANY, recorded(of(main), 1))
    assert all(one.settings.time == "any" for one in found)
    assert work.untimely == 0
