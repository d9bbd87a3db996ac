"""The slowest crashes that still end a supervision tree: found by z3, confirmed by a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from checkers.supervision import Branch, Level, ends
from simkernel.kernel.effects import exit, now, process_flag, receive, sleep, to_ms, whereis
from simkernel.kernel.patterns import TIMEOUT
from simkernel.otp.gen_server import GenServer, Ok
from simkernel.otp.supervisor import ChildSpec, Supervisor
from simkernel.spec import simulate

LEAF = "leaf"
# So often it looks whether a restart is through, in turns with those who do it.
PATIENCE = 1_000


def slowest(branch: Branch, milliseconds: int = 20_000) -> list[int] | None:
    """Find times of crashes, in ms, that end the topmost supervisor after as long as can be.

    As few crashes as it takes, the first at the start of a second. None where no crashes do, or
    where z3 gives up.
    """
    import z3

    count = branch.crashes_to_root
    if count is None:
        return None
    best = z3.Optimize()
    best.set("timeout", milliseconds)
    at = [z3.Int(f"crash{number}") for number in range(count)]
    second = [z3.Int(f"second{number}") for number in range(count)]
    best.add(at[0] == 0)
    for time, whole in zip(at, second, strict=True):
        best.add(whole * 1000 <= time, time < whole * 1000 + 1000)
    best.add(*(a <= b for a, b in pairwise(at)))
    for first, last, level in _windows(branch):
        best.add(second[last] - second[first] <= level.period_s)
    best.maximize(at[-1])
    if best.check() != z3.sat:
        return None
    model = best.model()
    return [model.eval(time, model_completion=True).as_long() for time in at]


def _windows(branch: Branch) -> list[tuple[int, int, Level]]:
    """Give which two crashes have to lie in one period of which supervisor.

    The first crash of a group is restarted by the level; the last one is the one too many.
    """
    found = []
    size = 1
    total = branch.crashes(len(branch.levels) - 1)
    for level in branch.levels:
        group = size * (level.intensity + 1)
        for start in range(0, total, group):
            if level.intensity:
                found.append((start + size - 1, start + group - 1, level))
        size = group
    return found


# --- By simulation --------------------------------------------------------------------------------


class Leaf(GenServer):
    """A child that does nothing."""

    def init(self, argument: Any) -> Any:
        """Start."""
        return Ok(argument)


def survived(branch: Branch, times_ms: Sequence[int]) -> int | None:
    """Crash a child in a tree of real supervisors with the limits of `branch`.

    Gives the number of the crash, from 0, at which the topmost supervisor ended; None if it did
    not.

    >>> top = Level("top", "one_for_one", 1, 5)
    >>> survived(Branch("child", "permanent", (top,)), [0, 3000])
    1
    """
    levels = tuple((one.strategy, one.intensity, one.period_s, one.restart)
                   for one in branch.levels)  # fmt: skip
    result: int | None = simulate(_crashing, branch.restart, levels, tuple(times_ms)).returned
    return result


def agrees(branch: Branch, times_ms: Sequence[int]) -> bool:
    """Tell whether arithmetic and simulation say the same of these crashes."""
    top = len(branch.levels) - 1
    said = next((crash for crash, level in ends(branch, times_ms) if level == top), None)
    return said == survived(branch, times_ms)


async def _crashing(restart: str, levels: Any, times_ms: Any) -> int | None:
    process_flag("trap_exit", True)
    strategy, intensity, period_s, _ = levels[-1]
    inner = _below(restart, levels[:-1])
    _, top = await Supervisor.start_link(
        [inner], strategy=strategy, max_restarts=intensity, max_seconds=period_s
    )
    for number, at in enumerate(times_ms):
        await sleep(max(0, at - to_ms(now())))
        leaf = await whereis(LEAF)
        if leaf is None:
            return None  # it was not started again
        exit(leaf, "crash")
        if await _settled(top, leaf):
            return number
    return None


async def _settled(top: Any, leaf: Any) -> bool:
    """Wait, without time passing, for what follows from a crash; True if the topmost ended."""
    for _ in range(PATIENCE):
        if await receive(("EXIT", top, "shutdown"), after=0) is not TIMEOUT:
            return True
        if await whereis(LEAF) not in (None, leaf):
            return False
    return False  # nobody starts it again


def _below(restart: str, levels: Any) -> ChildSpec:
    if not levels:
        return ChildSpec(id=LEAF, start=(_start_leaf, ()), restart=restart)
    strategy, intensity, period_s, own = levels[-1]
    return ChildSpec(
        id=len(levels), restart=own, type="supervisor",
        start=(_start_level, (_below(restart, levels[:-1]), strategy, intensity, period_s)),
    )  # fmt: skip


async def _start_leaf() -> Any:
    return await GenServer.start_link(Leaf, None, name=LEAF)


async def _start_level(child: ChildSpec, strategy: str, intensity: int, period_s: int) -> Any:
    return await Supervisor.start_link(
        [child], strategy=strategy, max_restarts=intensity, max_seconds=period_s
    )
