"""The searches of classes: runs per second, on runs of 30 to 50 events.

The peers do the same job without the reduction: plain depth-first search, for one. What we mean to
reach is 2,000 runs/s for `rf` and 1,000 for `dpor`, on one core.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.case import Case
from checkers.dfs import Dfs
from checkers.recorder import Watched
from checkers.reduction import Reduction
from simkernel import ets, receive, self_, send, spawn
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock

SENDERS = 6
READERS = 8


async def says(to: Any, word: Any) -> None:
    """Send one message."""
    send(to, word)


async def fan_in(senders: int) -> None:
    """Take a message of each of the senders, in any order: `senders`! classes of 32 events."""
    for number in range(senders):
        spawn(says, self_(), number)
    for _ in range(senders):
        await receive()


async def _writes() -> None:
    await ets.insert("t", ("x", 42))


async def _reads(number: int) -> None:
    await ets.lookup("t", number)
    await ets.lookup("t", "x")


async def readers(count: int) -> None:
    """One writer and readers of one key: 2 ** `count` classes of 46 events."""
    await ets.new("t", named=True, access="public")
    spawn(_writes)
    for number in range(count):
        spawn(_reads, number)
    await receive("never", idle=True)


def classes(main: Callable[..., Any], size: int, count: int, *, by_message: bool) -> None:
    """Make one run of every class."""

    def make() -> Watched:
        return Watched(main, (size,), clock=SymbolicClock())

    search = Reduction(make, by_message=by_message)
    for _ in search.ends():
        pass
    assert (search.runs, search.blocked) == (count, 0), (search.runs, search.blocked)


def situations(main: Callable[..., Any], size: int) -> None:
    """Visit every situation once."""
    m = Machine(main, (size,), clock=SymbolicClock(), snapshots=True)
    for _ in Dfs(m).leaves():
        pass


def promised(runs: int, per_second: int) -> float:
    """Give the nanoseconds that so many runs may take."""
    return 1e9 * runs / per_second


def cases() -> list[Case]:
    """Measure; the peer of the first two is what we mean to reach."""
    return [
        Case(
            name="explore: rf, messages to one process",
            ours=partial(classes, fan_in, SENDERS, 720, by_message=True),
            peer=partial(promised, 720, 2_000),
            units=720,
            target_ratio=1,
            unit="runs",
            peer_name="2,000/s",
        ),
        Case(
            name="explore: dpor, one key of a table",
            ours=partial(classes, readers, READERS, 256, by_message=False),
            peer=partial(promised, 256, 1_000),
            units=256,
            target_ratio=1,
            unit="runs",
            peer_name="1,000/s",
        ),
        Case(
            name="explore: rf, four senders, against dfs",
            ours=partial(classes, fan_in, 4, 24, by_message=True),
            peer=partial(situations, fan_in, 4),
            units=24,
            target_ratio=10,
            unit="runs",
            peer_name="dfs",
        ),
    ]
