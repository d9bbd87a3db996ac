"""Who waits for whom: the wait-for graph of a situation, and its circles.

A process waits for another one if its receive takes only what names that one: the answer to a call,
the end of somebody whom it monitors, a message with a pinned pid. One that waits for any of several
waits for nobody in particular, and is part of no circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkers.finding import Finding, short
from simkernel.kernel import codes
from simkernel.kernel.machine import Machine
from simkernel.kernel.patterns import let, pin, when
from simkernel.kernel.process import WAITING, Process
from simkernel.otp.gen import Acknowledged, Answered
from simkernel.otp.task import Outcome
from simkernel.terms import Pid, Ref, thaw


def named(pattern: Any) -> Iterator[Pid | Ref]:
    """Give the pids and references that a pattern names.

    >>> list(named(("DOWN", Ref((), 3), str)))
    [#ref<root/3>]
    """
    kind = type(pattern)
    if kind is tuple:
        for part in pattern:
            yield from named(part)
    elif kind is Pid or kind is Ref:
        yield pattern
    elif kind is let or kind is when:
        yield from named(pattern.pattern)
    elif kind is pin:
        yield from named(pattern.value)
    elif kind is Answered:
        yield pattern.ref
    elif kind is Acknowledged:
        yield pattern.pid
    elif kind is Outcome:
        yield from pattern.waited


def awaited(p: Process) -> Pid | None:
    """Give the one process that `p` waits for, if there is one."""
    if p.status != WAITING or not p.want.patterns:
        return None
    monitors = p.monitors or {}
    found = dict.fromkeys(
        monitors[name][0] if type(name) is Ref and name in monitors else name
        for pattern in p.want.patterns
        for name in named(pattern)
    )
    others = [name for name in found if type(name) is Pid and name != p.pid]
    return others[0] if len(others) == 1 else None


def circles(m: Machine, waiting: list[Process]) -> list[list[Process]]:
    """Give the circles among processes that wait, each from its first process on."""
    among = {p.pid: p for p in waiting}
    after: dict[Pid, Pid] = {}
    for p in waiting:
        to = awaited(p)
        if to in among:
            after[p.pid] = to
    found: list[list[Process]] = []
    done: set[Pid] = set()
    for p in waiting:
        path: list[Pid] = []
        pid = p.pid
        while pid in after and pid not in done and pid not in path:
            path.append(pid)
            pid = after[pid]
        if pid in path:
            circle = path[path.index(pid) :]
            first = circle.index(min(circle, key=lambda one: one.path))
            found.append([among[one] for one in circle[first:] + circle[:first]])
        done.update(path)
    return found


def closed(m: Machine, circle: list[Process]) -> bool:
    """Tell whether nobody outside can answer: each request still lies where it was sent."""
    return all(
        _lies(circle[(at + 1) % len(circle)], p.want.patterns[0]) if _calls(p) else _ends(p)
        for at, p in enumerate(circle)
    )


def _calls(p: Process) -> bool:
    return type(p.want.patterns[0]) is Answered


def _ends(p: Process) -> bool:
    """Tell whether `p` waits for what only the other one can do: to start, or to stop."""
    why = getattr(p.want, "why", None)
    return why is not None and why[0] in ("start", "stop", "stopping", "killing", "shutdown")


def _lies(callee: Process, wanted: Answered) -> bool:
    """Tell whether the request of a call has not been taken yet."""
    arrived = [s[3] for s in callee.arrived or () if s[0] == codes.S_MESSAGE]
    for content in [*(callee.mailbox or ()), *arrived]:
        message = thaw(content)
        if type(message) is tuple and len(message) == 3 and type(message[1]) is tuple:
            caller = message[1]
            if len(caller) == 2 and caller[1] == wanted.tag:
                return True
    return False


def circle_at(m: Machine, p: Process) -> list[Process]:
    """Give the closed circle that `p` waits in, or an empty list."""
    path = [p]
    while True:
        to = awaited(path[-1])
        other = m.processes.get(to) if to is not None else None
        if other is None:
            return []
        if other is p:
            return path if closed(m, path) else []
        if other in path:
            return []
        path.append(other)


def deadlock(circle: list[Process], but: str = "") -> Finding:
    """Give the finding of a circle, from its first process on."""
    first = min(range(len(circle)), key=lambda at: circle[at].pid.path)
    turned = circle[first:] + circle[:first]
    texts = [
        f"{p.pid} waits for {turned[(at + 1) % len(turned)].pid}{_for_what(p)}"
        for at, p in enumerate(turned)
    ]
    return Finding("deadlock", str(turned[0].pid), ", ".join(texts) + but)


def _for_what(p: Process) -> str:
    why = getattr(p.want, "why", None)
    if why is None:
        return ""
    if why[0] == "call":
        return f" to answer {short(why[2], 60)}"
    return {"start": " to start", "stop": " to stop", "shutdown": " to stop"}.get(
        why[0], f" ({why[0]})"
    )
