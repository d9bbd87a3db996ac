"""The arithmetic of restarts: how many crashes, and how fast, a supervision tree survives.

A supervisor restarts `intensity` times within `period_s` whole seconds and gives up at the next
crash (rules 16.19 and 16.20); giving up is a crash for the supervisor above. So the child of a
chain of supervisors has to crash (I1 + 1)(I2 + 1)… times until the topmost is gone, and level j
goes only if its I + 1 crashes lie close enough together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process
from simkernel.kernel.snapshot import body_of
from simkernel.otp.dynamic_supervisor import Flock, Member
from simkernel.otp.gen_server import Server
from simkernel.otp.supervision import Tree
from simkernel.terms import Pid, show


@dataclass(frozen=True)
class Level:
    """One supervisor above a child: its limits, and who goes down with the child below it.

    `restart` is how it is itself restarted by the one above; "permanent" for the topmost.
    """

    name: str
    strategy: str
    intensity: int
    period_s: int
    restart: str = "permanent"
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Branch:
    """A child with the supervisors above it, the nearest first; `restart` is the child's own."""

    child: str
    restart: str
    levels: tuple[Level, ...]

    @property
    def reach(self) -> tuple[Level, ...]:
        """The supervisors that crashes of the child can end.

        A supervisor that gives up ends with the reason shutdown: one that is transient or
        temporary is not started again, and so those above never hear of it as a crash.
        """
        if self.restart == "temporary":
            return ()
        for number, level in enumerate(self.levels):
            if level.restart != "permanent":
                return self.levels[: number + 1]
        return self.levels

    @property
    def escalates(self) -> bool:
        """Whether crashes of the child can end the topmost supervisor."""
        return bool(self.levels) and len(self.reach) == len(self.levels)

    def crashes(self, level: int) -> int:
        """Give how many crashes it takes to end the supervisor at a level, from 0."""
        return prod(one.intensity + 1 for one in self.levels[: level + 1])

    @property
    def crashes_to_root(self) -> int | None:
        """Give how many crashes it takes to end the topmost one; None if none do."""
        return self.crashes(len(self.levels) - 1) if self.escalates else None

    def slowest_ms(self, level: int) -> float:
        """Give the longest time between crashes at which a level surely goes; inf for any."""
        return min(self._limits_ms(level, 0))

    def never_ms(self, level: int) -> float:
        """Give the time between crashes from which on a level surely stays; inf for none.

        Between the two it depends on where the crashes fall in the clock's whole seconds.
        """
        return min(self._limits_ms(level, 1))

    def _limits_ms(self, level: int, more_s: int) -> Iterator[float]:
        yield float("inf")
        below = 1
        for one in self.levels[: level + 1]:
            if one.intensity:
                yield (one.period_s + more_s) * 1000 / (one.intensity * below)
            below *= one.intensity + 1


def ends(branch: Branch, times_ms: Sequence[int]) -> list[tuple[int, int]]:
    """Give which supervisors go at which of the crashes: (number of the crash, level), from 0.

    >>> three_in_five = Level("top", "one_for_one", 3, 5)
    >>> ends(Branch("child", "permanent", (three_in_five,)), [0, 1000, 2000, 5999])
    [(3, 0)]
    >>> ends(Branch("child", "permanent", (three_in_five,)), [0, 1000, 2000, 6000])
    []
    """
    reach = branch.reach
    restarts: list[list[int]] = [[] for _ in reach]
    found: list[tuple[int, int]] = []
    for number, at in enumerate(times_ms):
        for level, one in enumerate(reach):
            kept = restarts[level]
            full = len(kept) == one.intensity
            if not full or (kept and at // 1000 - kept[0] // 1000 > one.period_s):
                kept.append(at)
                del kept[: max(0, len(kept) - one.intensity)]
                break
            found.append((number, level))
            kept.clear()
        if found and found[-1] == (number, len(reach) - 1):
            break  # nobody is left who would start the child again
    return found


# --- From a running tree --------------------------------------------------------------------------


def branches(m: Machine) -> list[Branch]:
    """Read every child of every supervisor off a machine."""
    limits = {p.pid: found for p in m.processes.values() if (found := _limits(m, p)) is not None}
    above: dict[Pid, tuple[Pid, Any, str, tuple[str, ...]]] = {}
    for pid, found in limits.items():
        for child, name, restart, lost in _children(m, found):
            above[child] = (pid, name, restart, lost)
    result = []
    for pid in sorted(above, key=lambda one: one.path):
        levels: list[Level] = []
        here, restart = pid, above[pid][2]
        while here in above:
            parent, _, _, lost = above[here]
            found = limits[parent]
            own = above[parent][2] if parent in above else "permanent"
            levels.append(Level(_name(m, parent), found.strategy, found.intensity,
                                found.period_s, own, lost))  # fmt: skip
            here = parent
        result.append(Branch(above[pid][1], restart, tuple(levels)))
    return result


def children_of(m: Machine) -> dict[Pid, str]:
    """Give the running children of all supervisors, with their names."""
    found: dict[Pid, str] = {}
    for p in m.processes.values():
        limits = _limits(m, p)
        if limits is not None:
            found |= {pid: name for pid, name, _, _ in _children(m, limits)}
    return found


@dataclass(frozen=True)
class _Limits:
    strategy: str
    intensity: int
    period_s: int
    state: Any


def _limits(m: Machine, p: Process) -> _Limits | None:
    body = body_of(m, p)
    state = getattr(body, "state", None) if isinstance(body, Server) else None
    if isinstance(state, Tree):
        return _Limits(state.strategy, state.intensity, state.period_s, state)
    if isinstance(state, Flock):
        flags = state.limits
        return _Limits("one_for_one", flags.intensity, flags.period_s, state)
    return None


def _children(m: Machine, found: _Limits) -> Iterator[tuple[Pid, str, str, tuple[str, ...]]]:
    """Give the running children: pid, name, restart, and who is restarted with each."""
    if isinstance(found.state, Flock):
        for pid, child in found.state.children.items():
            kind = child.kind if isinstance(child, Member) else child
            yield pid, _name(m, pid), kind.restart, ()
        return
    running = [child for child in found.state.children if type(child.pid) is Pid]
    names = [_of_id(child.spec.id) for child in running]
    for place, child in enumerate(running):
        lost: tuple[str, ...] = ()
        if found.strategy == "one_for_all":
            lost = (*names[:place], *names[place + 1 :])
        elif found.strategy == "rest_for_one":
            lost = tuple(names[place + 1 :])
        yield child.pid, names[place], child.spec.restart, lost


def _of_id(id: Any) -> str:
    return id.__name__ if isinstance(id, type) else id if type(id) is str else show(id)


def _name(m: Machine, pid: Pid) -> str:
    p = m.processes.get(pid)
    return str(p.name) if p is not None and p.name is not None else str(pid)


# --- Advice ---------------------------------------------------------------------------------------


def advice(branch: Branch) -> list[str]:
    """Say where a chain breaks a rule of thumb, and why that is one."""
    said = []
    for level, one in enumerate(branch.reach):
        if one.restart != "permanent" and level + 1 < len(branch.levels):
            said.append(
                f"{one.name} is {one.restart}: once it has given up, which ends it with the reason "
                f"shutdown, {branch.levels[level + 1].name} does not start it again"
            )
        if one.intensity == 0:
            said.append(f"{one.name} restarts nothing: its first crash ends it")
        if level and one.intensity:
            below = branch.crashes(level - 1)
            inner, own = branch.slowest_ms(level - 1), one.period_s * 1000
            if own < inner * one.intensity * below and inner != float("inf"):
                said.append(
                    f"{one.name} forgets sooner than what is below it can fail: at a crash every "
                    f"{inner:g} ms {branch.levels[level - 1].name} gives up every "
                    f"{inner * below:g} ms, and {one.name} allows {one.intensity} in {own} ms; "
                    f"{-(-int(inner * one.intensity * below) // 1000)} s would see it"
                )
        if one.period_s and one.intensity / one.period_s > 2:
            said.append(
                f"{one.name} allows {one.intensity} restarts in {one.period_s} s: a child that "
                "fails at once is started again for a long time"
            )
    return said
