"""The loops that run a machine: one for any chooser, one that is only fast.

Both end for the same reasons, and both can be cut by a budget of transitions.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from simkernel.choice import Chooser
from simkernel.kernel import hot
from simkernel.kernel.alarms import enlist
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import AT_REST

# Why a run ended.
QUIET = "nothing is left to happen"
RETURNED = "main has returned"
HORIZON = "the horizon was reached"
BUDGET = "the effect budget was hit"
LATE = "the time for the search was over"
FAILED = "a property failed"
ROUND = "it goes round for ever"


def drive(m: Machine, chooser: Chooser, budget: int) -> str:
    """Let `chooser` pick every transition until the run ends; says why it did."""
    while m.count < budget:
        options = m.enabled()
        if not options:
            return ended(m)
        m.apply(chooser.pick(options))
    return ended(m) if not m.enabled() else BUDGET


def ended(m: Machine) -> str:
    """Say why nothing is enabled."""
    if m.reached_horizon:
        return HORIZON
    return RETURNED if m.root.status == AT_REST else QUIET


def simulate(m: Machine, seed: int, budget: int, *, careful: bool = False) -> str:
    """Run with seeded picks of whole bursts: fast, and coarser than `drive`."""
    plain = not (careful or m.cluster or m.snapshots or m.slow or m.ear or m.clock.symbolic)
    run = hot.simulate if plain else bursts
    random = Random(seed).random
    with seldom_collected():
        try:
            while True:
                if not run(m, random, budget):
                    enlist(m)
                    return BUDGET if m.enabled() else ended(m)
                if not m.advance():
                    return ended(m)
        finally:
            enlist(m)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let the cyclic collector come less often: a machine makes many objects and few cycles.

    It still comes, for the cycles that bodies make. Measured: benchmarks/bench_machine.py, spawn;
    what it may leave lying for longer is in docs/explanation/decisions.md.
    """
    thresholds = gc.get_threshold()
    if thresholds[0]:
        gc.set_threshold(max(thresholds[0], 500_000), *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def bursts(m: Machine, random: Callable[[], float], budget: int) -> bool:
    """Run bursts while anything is active; False when the budget of transitions was hit."""
    active = m.active
    while active:
        if m.count >= budget:
            return False
        size = len(active)
        m.burst(active[0] if size == 1 else active[int(random() * size)], random)
    return True
