"""The checks that need no property: what a run that has ended shows to be wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from simkernel.kernel import driver
from simkernel.kernel.ends import Death
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process
from simkernel.spec import waiting
from simkernel.terms import Pid, show

KINDS = {
    "crash": "a process ends abnormally, and nobody traps its exit, supervises or monitors it",
    "caller stuck": "a caller never gets its reply",
    "stuck": "a process waits for a message that nothing can send",
}
_WHO = re.compile(r"<root[^>]*>")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what kind, where, and a sentence about it."""

    kind: str
    process: str
    text: str

    @property
    def identity(self) -> tuple[str, str]:
        """What makes two findings the same in different runs: all but which process it was.

        >>> Finding("crash", "<root.2>", "<root.2> ended with 'boom'").identity
        ('crash', "<> ended with 'boom'")
        """
        return self.kind, _WHO.sub("<>", self.text)


def findings(m: Machine, ended: str, expect: tuple[str, ...] = ()) -> list[Finding]:
    """Give what is wrong with a run that has ended, without the kinds that are expected."""
    found = [*_crashes(m), *_stuck(m, ended)]
    return [finding for finding in found if finding.kind not in expect]


def quiet(reason: Any) -> bool:
    """Tell whether an exit reason is an ordinary one (rule 15.43)."""
    if type(reason) is tuple and len(reason) == 2 and reason[0] == "shutdown":
        return True
    return reason in ("normal", "shutdown")


def _crashes(m: Machine) -> list[Finding]:
    by_pid = {death.pid: death for death in m.deaths}
    bad = [death for death in m.deaths if not quiet(death.reason)]
    found = [death for death in bad if not death.killed and not _noticed(death, by_pid)]
    # Nobody is above main: who monitors it, a stream's process say, is below. When a crash that
    # somebody noticed took main along (the owner of a task does), main is what shows it.
    main = by_pid.get(m.root.pid)
    if main in bad and main not in found and not (main.killed and found):
        found.append(main)
    return [
        Finding("crash", str(death.pid), f"{death.pid} ended with {_short(death.reason)}")
        for death in found
    ]


def crashes_so_far(m: Machine) -> bytes:
    """Give what the deaths so far can still contribute to findings, as a key."""
    return "".join(
        f"{death.pid} {_short(death.reason)} {death[2:]}\n"
        for death in m.deaths
        if death.killed or not quiet(death.reason)
    ).encode()


def _noticed(death: Death, by_pid: dict[Pid, Death]) -> bool:
    """Tell whether a death was noticed, by anybody whom it did not take along.

    Whoever is in a call monitors the server. If the server's links end that caller too, before it
    could fail, then nobody is left who knows.
    """
    taken_along, left = {death.pid: death}, [death]
    while left:
        for peer in left.pop().peers:
            taken = by_pid.get(peer)
            if taken is not None and taken.killed and peer not in taken_along:
                taken_along[peer] = taken
                left.append(taken)
    return any(
        one.trapped or any(watcher not in taken_along for watcher in one.watchers)
        for one in taken_along.values()
    )


def _stuck(m: Machine, ended: str) -> list[Finding]:
    # While a timer is armed somebody may still be answered.
    if ended not in (driver.QUIET, driver.RETURNED) or m.timers:
        return []
    return [_stuck_process(p) for p in waiting(m) if p.timer is None]


def _stuck_process(p: Process) -> Finding:
    why = getattr(p.want, "why", None)
    if why is not None:
        return Finding("caller stuck", str(p.pid), f"{p.pid} waits for ever in {why}")
    patterns = getattr(p.want, "patterns", None)
    if patterns is None:
        return Finding("stuck", str(p.pid), f"{p.pid} waits for ever in {p.want}")
    wanted = " or ".join(map(repr, patterns)) or "any message"
    kept = len(p.mailbox or ())
    others = f"; {kept} other messages lie in its mailbox" if kept else ""
    return Finding("stuck", str(p.pid), f"{p.pid} waits for ever for {wanted}{others}")


def _short(term: Any, most: int = 160) -> str:
    text = show(term)
    return text if len(text) <= most else text[: most - 1] + "…"
