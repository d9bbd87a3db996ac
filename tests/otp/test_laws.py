"""Laws of whole OTP systems: a run has one hash, replays to itself, and survives a snapshot.

They are tried on every spec of the guide, on random servers under random supervisors, and on
random state machines.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from simkernel.choice import Walk
from simkernel.kernel import driver
from simkernel.kernel.fingerprints import fingerprint
from simkernel.kernel.machine import Machine
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import Spec, of, run
from simkernel.trace.reader import Trace
from simkernel.trace.replay import Replay
from simkernel.trace.writer import Recorder
from tests.meta.house import ROOT, name
from tests.otp import systems, tables

BUDGET = 20_000
MAKERS: dict[str, Callable[[Random], Spec]] = {
    "servers": lambda random: _spec(systems.system, *systems.random_system(random)),
    "state machines": lambda random: _spec(tables.drive, tables.random_program(random)),
}
GUIDE = sorted((ROOT / "specs").rglob("*.py"))


def _spec(function: Any, *args: Any) -> Spec:
    async def main() -> Any:
        return await function(*args)

    return of(main)


def settings_of(seed: int, network: str) -> Settings:
    latency = (0.0, 10.0) if network == "cluster" else (0.0, 0.0)
    return Settings(
        network=network, seed=seed, picker="walk", step_ms=(0.0, 4.0), latency_ms=latency,
        effects_max=BUDGET,
    )  # fmt: skip


def taped(spec: Spec, settings: Settings, **options: Any) -> tuple[Machine, Recorder]:
    recorder = Recorder(keep=True)
    return spec.machine({}, settings, tape=recorder, **options), recorder


def has_one_hash_and_replays(spec: Spec, settings: Settings) -> None:
    hashes = []
    for _ in range(2):
        m, recorder = taped(spec, settings)
        run(m, settings)
        hashes.append(recorder.hash)
    assert hashes[0] == hashes[1]
    assert recorder.lines
    trace = Trace("memory", {}, settings, recorder.lines, {"hash": recorder.hash})
    again, tape = taped(spec, settings)
    Replay(again, tape, trace).finish()
    assert tape.lines == recorder.lines
    assert left_by(again) == left_by(m)


def left_by(m: Machine) -> Any:
    return m.logged, [(death.pid, death.reason) for death in m.deaths], fingerprint(m)


def survives_a_snapshot(spec: Spec, settings: Settings, random: Random) -> None:
    """Taken in the middle; what is done after it, is undone by restoring it."""
    whole = spec.machine({}, settings, snapshots=True)
    picks = driver_picks(whole, Walk(settings.seed))
    m = spec.machine({}, settings, snapshots=True)
    cut = random.randint(0, len(picks))
    for pick in picks[:cut]:
        assert pick in m.enabled()
        m.apply(pick)
    saved, there = snapshot(m), fingerprint(m)
    driver_picks(m, Walk(settings.seed + 1), 60)
    restore(m, saved)
    assert fingerprint(m) == there
    for pick in picks[cut:]:
        assert pick in m.enabled()
        m.apply(pick)
    m.enabled()  # where time may pass to the next deadline, as it did in the whole run
    assert left_by(m) == left_by(whole)


def driver_picks(m: Machine, walk: Walk, most: int = BUDGET) -> list[Any]:
    """Run a machine to its end, or so far; give what was picked."""
    picks: list[Any] = []
    while len(picks) < most and (options := m.enabled()) and driver.ended(m) != driver.RETURNED:
        picks.append(walk.pick(options))
        m.apply(picks[-1])
    return picks


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("path", [pytest.param(path, id=name(path)) for path in GUIDE])
def test_a_spec_has_one_hash_replays_and_survives_a_snapshot(path: Any, network: str) -> None:
    spec = load(str(path))
    for seed in (1, 2):
        settings = settings_of(seed, network)
        has_one_hash_and_replays(spec, settings)
        survives_a_snapshot(spec, settings, Random(seed))


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("systems", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_random_systems_have_one_hash_replay_and_survive_a_snapshot(
    kind: str, network: str, systems: int
) -> None:
    random = Random(f"{kind} {network} {systems}")
    for number in range(systems):
        settings = settings_of(number, network)
        spec = MAKERS[kind](random)
        has_one_hash_and_replays(spec, settings)
        survives_a_snapshot(spec, settings, random)
