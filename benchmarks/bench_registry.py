"""Registry: what a lookup costs, in the process that looks up."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks import peers
from benchmarks.case import Case
from simkernel import Registry, simulate

LOOKUPS = 100_000
KEYS = 100


def lookups(number: int, partitions: int) -> None:
    """Look so many times for keys that are there."""

    async def main() -> Any:
        await Registry.start_link(keys="unique", name="R", partitions=partitions)
        for key in range(KEYS):
            await Registry.register("R", key, None)
        found = 0
        for at in range(number):
            found += len(await Registry.lookup("R", at % KEYS))
        return found

    assert simulate(main, effects_max=100 * number).returned == number


def cases() -> list[Case]:
    """Promise nothing: a lookup is two or three table operations and a question to the holder."""
    return [
        Case(
            name=f"registry: {LOOKUPS:,} lookups, {partitions} partitions against round trips",
            ours=partial(lookups, LOOKUPS, partitions),
            peer=partial(peers.simpy_round_trips, LOOKUPS),
            units=LOOKUPS,
            target_ratio=None,
            better="lower",
            unit="lookups",
        )
        for partitions in (1, 4)
    ]
