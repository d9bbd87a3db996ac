"""The peers against each other: the scale that our own figures are read on."""

from functools import partial

from benchmarks import peers
from benchmarks.case import Case

MESSAGES = 200_000


def cases() -> list[Case]:
    """Compare the hand-written loop with SimPy's Store; nothing is promised here."""
    return [
        Case(
            name="peers: loop by hand against SimPy's Store",
            ours=partial(peers.loop_ping_pong, MESSAGES),
            peer=partial(peers.simpy_ping_pong, MESSAGES),
            units=MESSAGES,
            target_ratio=None,
        )
    ]
