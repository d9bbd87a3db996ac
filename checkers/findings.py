"""The checks that need no property: what the end of a run shows to be wrong."""

from __future__ import annotations

from typing import Any

from checkers.finding import KINDS, Finding, short
from checkers.remains import remains
from checkers.waits import circles, closed, deadlock
from simkernel.kernel import driver
from simkernel.kernel.ends import Death
from simkernel.kernel.machine import Machine
from simkernel.kernel.patterns import any_of
from simkernel.kernel.process import WAITING, Process
from simkernel.spec import waiting
from simkernel.terms import Pid, Stack, show, thaw

__all__ = ["KINDS", "Finding", "crashes_so_far", "findings", "quiet", "so_far"]


def findings(m: Machine, ended: str) -> list[Finding]:
    """Give what is wrong with a run that has ended."""
    return [*_deadlocks(m, ended), *_crashes(m), *_stuck(m, ended), *remains(m, ended)]


def so_far(m: Machine) -> list[Finding]:
    """Give what is wrong already while a run goes on: deaths, and circles that nothing can open.

    A death that takes others along may still be noticed by one of these.
    """
    return [*_deadlocks(m, driver.BUDGET), *_crashes(m)]


def quiet(reason: Any) -> bool:
    """Tell whether an exit reason is an ordinary one (rule 15.43)."""
    if type(reason) is tuple and len(reason) == 2 and reason[0] == "shutdown":
        return True
    return reason in ("normal", "shutdown")


# --- Deaths --------------------------------------------------------------------------------------


def _crashes(m: Machine) -> list[Finding]:
    by_pid = {death.pid: death for death in m.deaths}
    bad = [death for death in m.deaths if not quiet(death.reason)]
    found: list[Death] = []
    explained: set[Pid] = set()  # who only followed another that is found
    for death in bad:
        if death.killed or death.pid in explained:
            continue
        along = _taken_along(death, by_pid)
        if not _noticed(along, by_pid):
            found.append(death)
            explained.update(pid for pid, one in along.items() if one.reason == death.reason)
    # Nobody is above main: who monitors it, a stream's process say, is below. When a crash that
    # somebody noticed took main along (the owner of a task does), main is what shows it.
    main = by_pid.get(m.root.pid)
    followed = main is not None and main.killed and found
    if main is not None and (_could_not_start(m, main) or (main in bad and not followed)):
        found += [main] if main not in found else []
    # Whether somebody notices or not: to be restarted is no answer to a message.
    found += [death for death in bad if _unanswered(death) and death not in found]
    return [
        Finding(
            "no clause" if _unanswered(death) else "crash",
            str(death.pid),
            f"{death.pid} ended with {short(death.reason)}",
        )
        for death in found
    ]


def _could_not_start(m: Machine, death: Death) -> bool:
    """Tell whether a supervisor that could not start a child took its starter along.

    It ends with a shutdown, which is quiet; but then nothing of what main is for has happened.
    That faults keep a system from starting is what they are for.
    """
    reason = death.reason
    return (
        death.killed
        and not (m.faults and m.faults.happened)
        and quiet(reason)
        and type(reason) is tuple
        and type(reason[1]) is tuple
        and reason[1][:1] == ("failed_to_start_child",)
    )


def _unanswered(death: Death) -> bool:
    """Tell whether a callback had no clause: then the stack begins with what for, and where."""
    reason = death.reason
    if death.killed or type(reason) is not tuple or len(reason) != 2:
        return False
    what, stack = reason
    if what != "function_clause" or type(stack) is not Stack or not stack:
        return False
    return not stack[0][0] and stack[0][1].startswith("no clause")


def crashes_so_far(m: Machine) -> bytes:
    """Give what the deaths so far can still contribute to findings, as a key.

    One by a signal only explains an earlier one, of somebody whom its process was linked to or
    watched, or is that of main. Whose a death was is no matter once nobody has to do with him any
    more: then a child that crashes in each round is told from the one before by nothing.
    """
    told: list[Death] = []
    near = {m.root.pid}
    for death in m.deaths:
        if death.pid in near if death.killed else not quiet(death.reason):
            told.append(death)
            near.update(death.peers, death.watchers)
    if not told:
        return b""
    near.update(peer for p in m.processes.values() for peer in p.links or ())
    lines = [
        f"{death.pid if death.pid in near else ''} {show(thaw(death.reason))} {death[2:]}"
        for death in told
    ]
    return "\n".join(dict.fromkeys(lines)).encode()


def _taken_along(death: Death, by_pid: dict[Pid, Death]) -> dict[Pid, Death]:
    """Give a death with all that followed from it: whom the links ended, and who traps exits and
    ended of the same reason, as a supervisor does whose parent is gone."""
    along, left = {death.pid: death}, [death]
    while left:
        one = left.pop()
        for peer in one.peers:
            taken = by_pid.get(peer)
            follows = taken is not None and (taken.killed or taken.reason == one.reason)
            if taken is not None and follows and peer not in along:
                along[peer] = taken
                left.append(taken)
    return along


def _noticed(along: dict[Pid, Death], by_pid: dict[Pid, Death]) -> bool:
    """Tell whether a death was noticed, by anybody whom it did not take along.

    Whoever is in a call monitors the server. If the server's links end that caller too, before it
    could fail, then nobody is left who knows; nor is if the caller fails of nothing else.
    """
    return any(
        (one.trapped and any(peer not in along for peer in one.peers))
        or any(watcher not in along and not _fails_of(by_pid.get(watcher), one)
               for watcher in one.watchers)
        for one in along.values()
    )  # fmt: skip


def _fails_of(death: Death | None, other: Death) -> bool:
    """Tell whether a process ended because its call to another failed (rule 15.52)."""
    reason = death.reason if death is not None else None
    return type(reason) is tuple and len(reason) == 2 and reason[0] == other.reason


# --- Waits ---------------------------------------------------------------------------------------


def _is_over(m: Machine, ended: str) -> bool:
    # While a timer is armed, or a wait is limited, somebody may still be answered.
    if ended not in (driver.QUIET, driver.RETURNED) or m.timers:
        return False
    return all(p.timer is None for p in m.processes.values())


def _deadlocks(m: Machine, ended: str) -> list[Finding]:
    """Give the circles. Where something may still happen, those that nothing can open."""
    stuck = [p for p in m.processes.values() if p.status == WAITING and p.timer is None]
    found = circles(m, sorted(stuck, key=lambda p: p.pid.path))
    if not _is_over(m, ended):
        found = [circle for circle in found if closed(m, circle)]
    return [deadlock(circle) for circle in found]


def _stuck(m: Machine, ended: str) -> list[Finding]:
    if not _is_over(m, ended):
        return []
    stuck = waiting(m)
    in_circles = [p for circle in circles(m, stuck) for p in circle]
    return [stuck_process(p) for p in stuck if p not in in_circles]


def stuck_process(p: Process) -> Finding:
    """Give the finding of a process that waits for what never comes."""
    why = getattr(p.want, "why", None)
    if why is not None:
        return Finding("caller stuck", str(p.pid), f"{p.pid} waits for ever in {why}")
    patterns = getattr(p.want, "patterns", None)
    if patterns is None:
        return Finding("stuck", str(p.pid), f"{p.pid} waits for ever in {p.want}")
    wanted = any_of(patterns, "any message")
    kept = len(p.mailbox or ())
    others = f"; {kept} other messages lie in its mailbox" if kept else ""
    return Finding("stuck", str(p.pid), f"{p.pid} waits for ever for {wanted}{others}")
