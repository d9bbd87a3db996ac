"""The end of a process: its resources at once, then its death signals one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simkernel.errors import Overrun, StepTooLong
from simkernel.kernel import codes
from simkernel.kernel.alarms import enlist
from simkernel.kernel.awaited import context
from simkernel.kernel.channels import catch_up
from simkernel.kernel.mailbox import ANSWERED, refuse
from simkernel.kernel.process import AT_REST, DEAD, EXITING, Process, copied
from simkernel.terms import Pid, stack_of

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine

CLOSINGS_MAX = 100  # waits in the `finally` blocks of one body, each of which has to be closed


class Death(NamedTuple):
    """How a process ended: whether a signal did it, and whether anybody was there to notice."""

    pid: Pid
    reason: Any
    killed: bool
    trapped: bool  # a linked process traps exits
    peers: tuple[Pid, ...]
    watchers: tuple[Pid, ...]  # who monitored it


def trapped(m: Machine, p: Process) -> bool:
    """Tell whether the exit signal of `p` will be a message to somebody."""
    living = [m.processes[peer] for peer in p.links or () if peer in m.processes]
    return any(peer.trap_exit for peer in living)


def _watchers(p: Process) -> tuple[Pid, ...]:
    return tuple(pid for pid, _ in (p.watchers or {}).values())


def end(m: Machine, p: Process, reason: Any, *, killed: bool) -> None:
    """End a process: resources first, then one signal after the other (rules 3.8, 3.9)."""
    if p is m.root and not killed and reason == "normal":
        p.effects = None
        p.status = AT_REST
        p.want = None
        p.body = None
        if m.tape:
            m.tape(("rest", p.pid))
        return
    if m.channels:
        catch_up(m, p.pid)
    if m.tape:
        m.tape(("end", p.pid, reason, killed))
    if p.body is not None:
        close(m, p)
    p.reason = reason
    p.held = False  # or a process killed in the middle of a slow step could never say that it ended
    if p.timers is not None:
        enlist(m)
    del m.processes[p.pid]
    alone = not p.links and not p.watchers
    m.deaths.append(
        Death(p.pid, reason, killed, False, (), ())
        if alone
        else Death(p.pid, reason, killed, trapped(m, p), tuple(p.links or ()), _watchers(p))
    )
    if p.timers or p.monitors or p.timer is not None:
        _forget(m, p)
    stages = _stages(m, p) if m.tables.by_ref or p.name is not None else []
    if not m.rare:
        for code in stages:
            free(m, p, code)
        stages = []
    if alone and p.arrived is None and not stages:
        p.effects = p.notes = None
        p.status = DEAD
        return
    p.status = EXITING
    _notify(m, p, reason, [(code,) for code in stages])


def _notify(m: Machine, p: Process, reason: Any, signals: list[Any]) -> None:
    """List the death signals: links before monitors, then answers to what had arrived (3.19)."""
    signals += [(codes.TELL_LINK, peer, reason) for peer in p.links or ()]
    for ref, (watcher, target) in (p.watchers or {}).items():
        signals.append((codes.TELL_MONITOR, watcher, ref, target, reason))
    for signal in p.arrived or ():
        if signal[0] in ANSWERED:
            signals.append((codes.REFUSE, signal))
    p.arrived = p.mailbox = p.links = p.watchers = p.want = None
    p.match = -1
    if signals:
        p.effects = signals
        p.cursor = 0
        m.dying[p.pid] = p
    else:
        p.effects = None
        p.status = DEAD


def _stages(m: Machine, p: Process) -> list[int]:
    """List what a process that ends has to give back: its tables, then its name (rule 3.24)."""
    owns = any(table.owner == p.pid for table in m.tables.by_ref.values())
    return [codes.FREE_TABLES] * owns + [codes.FREE_NAME] * (p.name is not None)


def free(m: Machine, p: Process, code: int) -> None:
    """Take away the tables or the name of a process that ends."""
    if code == codes.FREE_TABLES:
        m.tables.owner_died(m, p)
    elif p.name is not None:  # nobody has unregistered it since
        del m.names[p.name]
        p.name = None


def is_ending(m: Machine, pid: Pid) -> bool:
    """Tell whether a process is dead, and has not yet given back all that it had."""
    p = m.dying.get(pid)
    return p is not None and p.effects is not None and p.effects[p.cursor][0] >= codes.FREE_TABLES


def _forget(m: Machine, p: Process) -> None:
    """Free the timers and the monitors of a process that ends."""
    for timer in list((p.timers or {}).values()):
        m.disarm(timer)
    if p.timer is not None:
        m.disarm(p.timer)
    for ref, (target, _) in (p.monitors or {}).items():
        watched = m.processes.get(target) if target is not None else None
        if watched is not None and watched.watchers:
            watched.watchers.pop(ref, None)
            watched.cache = None
    p.monitors = p.timers = None


def tell(m: Machine, p: Process, code: int, effect: tuple[Any, ...]) -> None:
    """Send the next death signal."""
    if m.tape:
        m.tape((codes.EFFECTS[code], p.pid, *effect[1:]))
    if code >= codes.FREE_TABLES:
        free(m, p, code)
    elif code == codes.TELL_LINK:
        m.deliver(p.pid, effect[1], (codes.S_EXIT, p.pid, effect[2], True))
    elif code == codes.TELL_MONITOR:
        _, watcher, ref, target, reason = effect
        m.deliver(p.pid, watcher, (codes.S_DOWN, p.pid, ref, target, reason))
    else:
        refuse(m, p.pid, effect[1])
    assert p.effects is not None
    if p.cursor == len(p.effects):
        p.effects = None
        p.status = DEAD
        del m.dying[p.pid]


def close(m: Machine, p: Process) -> None:
    """Close the body with the kernel shut: what its `finally` asks for does not count."""
    body, p.body = p.body, None
    if body is None:
        return
    kept = (context.machine, context.process, context.outbox, context.unawaited)
    context.machine, context.process, context.outbox = None, p, []
    created, made, sent, notes = p.created, p.made, p.sent, p.notes
    dictionary = copied(p.dictionary)
    try:
        _shut(body)
    except Overrun as cut:
        raise too_long(p, cut) from cut
    finally:
        context.machine, context.process, context.outbox, context.unawaited = kept
        p.created, p.made, p.sent, p.notes = created, made, sent, notes
        p.dictionary = dictionary


def too_long(p: Process, cut: Overrun) -> StepTooLong:
    """Say where the body of `p` was cut."""
    frames = stack_of(cut)
    where = f"{frames[0][0]}.{frames[0][1]}, line {frames[0][2]}" if frames else "its body"
    return StepTooLong(f"{p.pid} in {where}")


def _shut(body: Any) -> None:
    """Close a body for good: where its `finally` waits, closing goes on from there."""
    for _ in range(CLOSINGS_MAX):
        context.unawaited = None
        try:
            body.close()
        except (KeyboardInterrupt, MemoryError, Overrun):
            raise
        except BaseException:
            continue
        return
