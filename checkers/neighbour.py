"""A run near a failing one in which nothing goes wrong: what it has otherwise explains the failure.

The nearest is the same run up to the last step at which it leaves the default schedule, with the
default there and after it. Where that fails as well, deviations are left out from the end on, then
one step is taken otherwise, the latest first; at last runs are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from checkers.judged import Judged
from simkernel.errors import SimkernelError
from simkernel.kernel import driver
from simkernel.settings import Settings
from simkernel.spec import Spec, chooser_of

NEAR_MAX = 60  # runs that differ in a step
DRAWN_MAX = 100
STEPS_MAX = 100_000  # of all runs together

Picks = tuple[tuple[int, str], ...]


def passing(spec: Spec, parameters: Mapping[str, Any], settings: Settings) -> Settings | None:
    """Give the settings of a run near the one of `settings` in which nothing is wrong, or None.

    Only runs that are recorded by where they leave the default schedule have neighbours.
    """
    if settings.picker not in ("recorded", "first"):
        return None
    left = STEPS_MAX
    for near in _near(spec, parameters, settings):
        took, fine = _made(spec, parameters, near, left)
        if fine:
            return near
        left -= took
        if left <= 0:
            return None
    return None


def _near(spec: Spec, parameters: Mapping[str, Any], settings: Settings) -> Iterator[Settings]:
    picks = settings.picks
    ways: list[Picks] = [picks[:kept] for kept in range(len(picks) - 1, -1, -1)]
    for step, other in reversed(_others(spec, parameters, settings)):
        ways.append((*(pick for pick in picks if pick[0] < step), (step, other)))
    for way in ways[:NEAR_MAX]:
        yield replace(settings, picker="recorded", picks=way)
    for seed in range(DRAWN_MAX):
        yield replace(settings, picker="walk", picks=(), seed=seed)


def _others(spec: Spec, parameters: Mapping[str, Any], settings: Settings) -> list[tuple[int, str]]:
    """Give the ways that were not taken on the way of a run."""
    found: list[tuple[int, str]] = []
    run = Judged(spec, parameters, settings)
    chooser = chooser_of(settings)
    try:
        while run.m.count < STEPS_MAX and (options := run.enabled()):
            picked = chooser.pick(options)
            found += [(run.m.count, str(one)) for one in options if one != picked]
            run.apply(picked)
    except SimkernelError:
        return []
    finally:
        run.m.close()
    return found


def _made(
    spec: Spec, parameters: Mapping[str, Any], settings: Settings, most: int
) -> tuple[int, bool]:
    """Make a run; gives its length, and whether it came to its end with nothing wrong."""
    run = Judged(spec, parameters, settings)
    try:
        ended = run.run(chooser_of(settings), min(settings.effects_max, most))
        return run.m.count, ended != driver.BUDGET and not run.findings(ended)
    except SimkernelError:
        return run.m.count, False
    finally:
        run.m.close()
