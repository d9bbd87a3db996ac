"""What a run leaves behind: events that stay postponed, monitors, timers and tables piled up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from checkers.finding import Finding, short
from simkernel.kernel import driver
from simkernel.kernel.awaited import Rest
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import AT_REST, WAITING, Process
from simkernel.kernel.snapshot import body_of
from simkernel.otp.statem_engine import StateMachine
from simkernel.terms import Renaming, canonical, thaw


def remains(m: Machine, ended: str) -> Iterator[Finding]:
    """Give what is left at the end of a run and should not be there.

    Whatever is piled up at the end would be so for as long as the system lived.
    """
    if ended in (driver.QUIET, driver.RETURNED) and not m.timers:
        yield from _postponed(m)
    if ended in (driver.QUIET, driver.RETURNED, driver.HORIZON):
        yield from _monitors(m)
        yield from _timers(m)
        yield from _tables(m)


def _living(m: Machine) -> list[Process]:
    return sorted(m.processes.values(), key=lambda p: p.pid.path)


def _rests(p: Process) -> bool:
    return p.status == WAITING and type(p.want) is Rest


def _postponed(m: Machine) -> Iterator[Finding]:
    """Nothing is left to happen, so that no state will come in which the event is handled."""
    for p in _living(m):
        body = body_of(m, p) if _rests(p) else None
        if not isinstance(body, StateMachine):
            continue
        for type_, content in body.postponed or ():
            kind = type_[0] if type(type_) is tuple else type_
            what = f"{short(kind)}, {short(thaw(content), 80)}"
            text = f"{p.pid} keeps {what} postponed for ever, in state {short(body.state, 80)}"
            yield Finding("postponed", str(p.pid), text)


def _monitors(m: Machine) -> Iterator[Finding]:
    """One process monitors another one twice: the first monitor was forgotten.

    Only of a process at rest: one in the middle of something may be about to end it.
    """
    for p in _living(m):
        if not _rests(p):
            continue
        counts = Counter(target for target, _ in (p.monitors or {}).values() if target is not None)
        for target, count in counts.items():
            if count > 1:
                text = f"{p.pid} monitors {target} more than once, and never demonitors it"
                yield Finding("leak", str(p.pid), text)


def _timers(m: Machine) -> Iterator[Finding]:
    """A process has set the same timer again, for itself, without cancelling the first."""
    found = Counter(
        (timer.owner.path, short(timer.message, 80))
        for timer in m.timers.values()
        if timer.owner is not None and timer.owner == timer.dest
    )
    for (owner, message), count in sorted(found.items()):
        p = next((p for p in m.processes.values() if p.pid.path == owner), None)
        if count > 1 and p is not None and _rests(p):
            text = f"{p.pid} has set more than one timer for {message}, and cancels none"
            yield Finding("leak", str(p.pid), text)


def _tables(m: Machine) -> Iterator[Finding]:
    """A table without a name is known by its reference, and nobody has that any more.

    What a coroutine has in its variables is not seen: while one runs, nothing is said.
    """
    nameless = [table for table in m.tables.by_ref.values() if not table.named]
    if not nameless or m.channels:
        return
    others = [p for p in m.processes.values() if p.status != AT_REST]
    if not all(_rests(p) for p in others):
        return
    reachable = Renaming()
    for p in others:
        held = (body_of(m, p).save(), tuple(p.mailbox or ()), tuple((p.dictionary or {}).items()))
        canonical(held, reachable)
    for timer in m.timers.values():
        canonical(timer.message, reachable)
    for table in m.tables.by_ref.values():
        canonical(tuple(table.in_order()), reachable)
    canonical(m.returned, reachable)
    for table in sorted(nameless, key=lambda one: (one.ref.owner, one.ref.index)):
        if table.ref not in reachable and table.owner != m.root.pid:
            text = f"{table.owner} owns a table {table.name!r} whose reference nobody has any more"
            yield Finding("leak", str(table.owner), text)
