"""What the handling of each kind of signal does to its receiver (sections 1, 4 to 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simkernel.kernel import codes
from simkernel.kernel.ends import end
from simkernel.kernel.exits import DELIVERED, DIES, exit_outcome
from simkernel.kernel.information import information
from simkernel.kernel.mailbox import append, drop_monitor
from simkernel.kernel.steps import resume

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Process

Signal = tuple[Any, ...]


def message(m: Machine, p: Process, signal: Signal) -> None:
    """Append a message to the mailbox, unless its alias is inactive (rules 1.2, 7.1-7.5)."""
    if signal[4] is None or admits(m, p, signal[4]):
        append(m, p, signal[3])


def admits(m: Machine, p: Process, alias: Any) -> bool:
    """Tell whether an alias is active; one for a single answer has had it now."""
    mode = p.aliases.get(alias) if p.aliases else None
    if mode is None:
        return False
    if mode == "reply" or mode == "reply_demonitor":
        assert p.aliases is not None
        del p.aliases[alias]
        if mode == "reply_demonitor":
            drop_monitor(m, p, alias)
    return True


def exit_signal(m: Machine, p: Process, signal: Signal) -> None:
    """Terminate, drop or convert (the table of section 4)."""
    _, sender, reason, linked = signal
    if linked:
        # A link that has gone in the meantime takes its exit signal along (rule 5.7).
        if not p.links or sender not in p.links:
            return
        del p.own_links()[sender]
    outcome, reason = exit_outcome(
        reason, linked=linked, to_itself=sender == p.pid, trapping=p.trap_exit
    )
    if outcome is DELIVERED:
        append(m, p, m.boxed(("EXIT", sender, reason)))
    elif outcome is DIES:
        end(m, p, reason, killed=True)


def link(m: Machine, p: Process, signal: Signal) -> None:
    """Complete a link on this side."""
    p.own_links()[signal[1]] = None


def unlink(m: Machine, p: Process, signal: Signal) -> None:
    """Remove a link on this side."""
    if p.links:
        p.own_links().pop(signal[1], None)


def monitor(m: Machine, p: Process, signal: Signal) -> None:
    """Remember who watches. A watcher that died meanwhile took its monitor along (rule 6.6)."""
    _, sender, ref, target = signal
    if sender in m.processes:
        if p.watchers is None:
            p.watchers = {}
        p.watchers[ref] = (sender, target)


def demonitor(m: Machine, p: Process, signal: Signal) -> None:
    """Forget a watcher; an emptied dict would keep its 224 bytes while the process lives."""
    if p.watchers and p.watchers.pop(signal[2], None) and not p.watchers:
        p.watchers = None


def down(m: Machine, p: Process, signal: Signal) -> None:
    """Append DOWN if the monitor is still active; it fires once (rules 6.2, 6.5)."""
    _, _, ref, target, reason = signal
    if not p.monitors or ref not in p.monitors:
        return
    del p.monitors[ref]
    if p.aliases and p.aliases.get(ref) in ("demonitor", "reply_demonitor"):
        del p.aliases[ref]
    append(m, p, m.boxed(("DOWN", ref, "process", target, reason)))


def ask(m: Machine, p: Process, signal: Signal) -> None:
    """Answer what was asked: by now all that was sent earlier has taken effect (rule 1.5)."""
    _, sender, keys = signal
    answer = True if keys is None else information(m, p, keys)
    m.deliver(p.pid, sender, (codes.S_ANSWER, p.pid, answer))


def answer(m: Machine, p: Process, signal: Signal) -> None:
    """Resume the process that asked."""
    resume(m, p, signal[2])


# By signal number.
HANDLERS = (message, exit_signal, link, unlink, monitor, demonitor, down, ask, answer)
