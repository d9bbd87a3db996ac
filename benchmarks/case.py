"""What a benchmark is: one job done by us and by a peer, and the ratio we promise."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """One promise: `ours` and `peer` each do `units` of the same job; compare their speeds.

    `better` says which way the promise points. `"higher"`: our speed must be at least
    `target_ratio` times the peer's. `"lower"`: one unit may cost us at most `target_ratio` times
    what it costs the peer. `target_ratio=None` measures and promises nothing.

    A job that is not time (bytes, say) returns a number; time jobs return None and are measured.
    """

    name: str
    ours: Callable[[], float | None]
    peer: Callable[[], float | None]
    units: int
    target_ratio: float | None
    better: Literal["higher", "lower"] = "higher"
    unit: str = "messages"
    peer_name: str = "SimPy"
    peer_units: int | None = None
    turns: int = 1  # of a job that tells what it costs


@dataclass(frozen=True)
class Measured:
    """A case with its costs per unit (CPU nanoseconds, or what the job returns) and verdict."""

    case: Case
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        """Ours over the peer's, in the direction that the target is stated in."""
        return self.peer / self.ours if self.case.better == "higher" else self.ours / self.peer

    @property
    def met(self) -> bool:
        target = self.case.target_ratio
        if target is None:
            return True
        return self.ratio >= target if self.case.better == "higher" else self.ratio <= target


def measure(case: Case) -> Measured:
    """Measure both sides in turns, so that a slow moment of the machine hits both alike.

    What a job tells itself, bytes for one, is mostly the same each time: then one round is enough.
    """
    ours, peer = [], []
    for turn in range(ROUNDS):
        peer.append(_cost(case.peer)[0])
        cost, told = _cost(case.ours)
        ours.append(cost)
        if told and turn + 1 >= case.turns:
            break
    peer_units = case.units if case.peer_units is None else case.peer_units
    return Measured(case, ours=min(ours) / case.units, peer=min(peer) / peer_units)


def _cost(job: Callable[[], float | None]) -> tuple[float, bool]:
    """Return what the job costs: the number it tells, or its CPU time in ns; and whether it told.

    CPU time and the best of a few rounds, because wall time on a shared machine measures the
    neighbours. The garbage collector stays as the user has it: its cost is ours.
    """
    start = time.process_time_ns()
    told = job()
    spent = time.process_time_ns() - start
    return (float(spent), False) if told is None else (told, True)
