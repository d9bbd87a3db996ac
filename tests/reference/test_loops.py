"""The fast loop of simulations and the machine's own bursts give the same run, event by event."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.terms import show
from tests.reference.generate import random_program
from tests.reference.on_kernel import root

PROGRAMS = 120
BUDGET = 2_000


def run_of(main: Any, seed: int, careful: bool, taped: bool) -> tuple[Any, ...]:
    """Run once, and give all that can be seen of it."""
    events: list[str] = []
    m = Machine(main, tape=(lambda event: events.append(show(event))) if taped else None)
    ended = driver.simulate(m, seed, BUDGET, careful=careful)
    deaths = [show(tuple(death)) for death in m.deaths]
    seen = (ended, m.count, m.clock.now, deaths, show(tuple(m.logged)), m.returned)
    m.close()
    return (*seen, events)


@pytest.mark.rule("12.21")
@pytest.mark.parametrize("record", ["each", "end"])
@pytest.mark.parametrize("number", range(PROGRAMS))
def test_the_fast_loop_makes_the_events_of_the_bursts(number: int, record: str) -> None:
    draw = random.Random(number)
    main = root(random_program(draw, f"p{number}", size=3 + number % 9), record)
    for taped in (True, False):
        fast, careful = (run_of(main, number, careful, taped) for careful in (False, True))
        assert fast == careful
