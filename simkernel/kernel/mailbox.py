"""The mailbox, and the bookkeeping that messages and monitors share."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from simkernel.kernel import codes
from simkernel.kernel.channels import travel
from simkernel.kernel.patterns import takes
from simkernel.kernel.process import WAITING

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Process

# Signals that are answered when they reach a dead process.
ANSWERED = frozenset({codes.S_LINK, codes.S_MONITOR, codes.S_ASK})


def append(m: Machine, p: Process, content: Any) -> None:
    """Put a message at the end of the mailbox; see whether the receive takes it."""
    if p.mailbox is None:
        p.mailbox = m.spare.pop() if m.spare else deque()
    p.mailbox.append(content)
    if p.status == WAITING and p.match < 0:
        want = p.want.patterns
        if want is not None and (not want or takes(want, content)):
            p.match = len(p.mailbox) - 1


def drop_monitor(m: Machine, p: Process, ref: Any) -> bool:
    """Remove a monitor of `p` and tell the other side; False when there was none."""
    found = p.monitors.pop(ref, None) if p.monitors else None
    if found is None:
        return False
    target = found[0]
    if p.aliases and p.aliases.get(ref) in ("demonitor", "reply_demonitor"):
        del p.aliases[ref]
    if target is not None and target.path != p.pid.path:
        m.deliver(p.pid, target, (codes.S_DEMONITOR, p.pid, ref))
    return True


def refuse(m: Machine, dead: Any, signal: tuple[Any, ...]) -> None:
    """Answer a signal that reached a dead process, where an answer is due (1.9, 5.6, 6.4)."""
    kind, sender = signal[0], signal[1]
    if kind == codes.S_LINK:
        m.deliver(dead, sender, (codes.S_EXIT, dead, "noproc", True))
    elif kind == codes.S_MONITOR:
        # By a way of its own on `node` too: on the VM what is sent later can come before it.
        travel(m, dead, sender, (codes.S_DOWN, dead, signal[2], signal[3], "noproc"))
    elif kind == codes.S_ASK:
        m.deliver(dead, sender, (codes.S_ANSWER, dead, False if signal[2] is None else None))
