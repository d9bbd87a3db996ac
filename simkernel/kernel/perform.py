"""What each effect does when it leaves its process.

A plain effect returns nothing. An operation returns its result, raises an ErlangError into the
body, or returns WAITS when something else will resume it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simkernel.kernel import codes, tables
from simkernel.kernel.alarms import enlist
from simkernel.kernel.channels import catch_up, travel
from simkernel.kernel.ends import is_ending
from simkernel.kernel.information import information
from simkernel.kernel.mailbox import drop_monitor
from simkernel.kernel.process import NO_REF, Process, Timer
from simkernel.terms import ArgumentError, ErlangError, Pid, Ref, freeze, thaw

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine

Effect = tuple[Any, ...]
NODE = "nonode"


class Waits:
    """The operation stays open: a signal or a timer will resume the body."""


WAITS = Waits()


def send(m: Machine, p: Process, e: Effect) -> None:
    """Send to a pid, or to the owner of an alias; the effect is the signal."""
    dest = e[5]
    m.deliver(p.pid, dest if e[4] is None else dest.home, e)


def exit(m: Machine, p: Process, e: Effect) -> None:
    """Send an exit signal; behind a deadly one to oneself nothing more is done (rule 1.14)."""
    _, dest, reason = e
    m.deliver(p.pid, dest, (codes.S_EXIT, p.pid, reason, False))
    if dest == p.pid and (reason == "kill" or not p.trap_exit):
        p.effects, p.cursor, p.notes = [(codes.DOOMED,)], 0, None


def monitor(m: Machine, p: Process, e: Effect) -> None:
    """Start a monitor; a name is bound to whoever holds it now (rules 6.1-6.8)."""
    _, target, ref, alias = e
    pid, shown = target, target
    if type(target) is str:
        pid, shown = m.names.get(target), (target, NODE)
    if pid is not None and pid.path == p.pid.path:
        return  # never fires, and its alias is not active either, as on the VM
    if alias is not None:
        _aliases(p)[ref] = alias
    if p.monitors is None:
        p.monitors = {}
    p.monitors[ref] = (pid, shown)
    if pid is None:
        # At once, unlike the answer for a dead pid: so 300,000 times of 300,000 on the VM.
        m.deliver(p.pid, p.pid, (codes.S_DOWN, p.pid, ref, shown, "noproc"))
    else:
        signal = (codes.S_MONITOR, p.pid, ref, shown)
        if m.cluster or not _keeps_back(m, p):
            m.deliver(p.pid, pid, signal)
        else:
            catch_up(m, p.pid)
            travel(m, p.pid, pid, signal)


def _keeps_back(m: Machine, p: Process) -> bool:
    """Tell whether a monitor may leave late: the next thing done looks, and sends nothing (6.20).

    Where the next thing is a signal or an end, a late monitor could not be told from a late
    process. Where it is a wait for a message without a limit, it can, but seldom (rule 6.21).
    """
    effects = p.effects
    assert effects is not None
    for at in range(p.cursor, len(effects)):
        code = effects[at][0]
        if code not in codes.SILENT:
            return code in codes.LOOKING or (code == codes.INFO and effects[at][1] == p.pid)
    return p.expired or m.rare


def unlink(m: Machine, p: Process, e: Effect) -> None:
    """Remove a link at once on this side, by signal on the other."""
    if p.links and e[1] in p.links:
        del p.own_links()[e[1]]
        m.deliver(p.pid, e[1], (codes.S_UNLINK, p.pid))


def demonitor(m: Machine, p: Process, e: Effect) -> None:
    """Stop a monitor; a DOWN in the mailbox stays, unless it is flushed."""
    if not drop_monitor(m, p, e[1]) and len(e) > 2:
        _flush(p, e[1])


def flag(m: Machine, p: Process, e: Effect) -> None:
    """Set a flag."""
    _, name, value = e
    if name == "trap_exit":
        p.trap_exit = value
        return
    if p.flags is None:
        p.flags = {}
    p.flags[name] = value


def spawn(m: Machine, p: Process, e: Effect) -> None:
    """Create a process, with its link or its monitor from the first moment."""
    _, pid, origin, linked, ref = e
    head = p.name or p.pid
    if p.lineage is None or (p.lineage[0] is not head and p.lineage[0] != head):
        p.lineage = (head, *p.ancestors)
    child = m.create(pid, origin, p.lineage)
    if linked:
        if p.kin is None:
            p.kin = (p.pid,)
        child.links = p.kin
        p.own_links()[pid] = None
    if ref is not None:
        child.watchers = {ref: (p.pid, pid)}
        if p.monitors is None:
            p.monitors = {}
        p.monitors[ref] = (pid, pid)


def timer(m: Machine, p: Process, e: Effect) -> None:
    """Arm a timer for a pid, which must be alive, or for a name, looked up when it fires."""
    _, ref, dest, message, ms, since, every = e
    enlist(m)
    timer = Timer(ref, "fire", dest, message, None)
    timer.owner = p.pid
    timer.every = None if every is None else every * 1000
    if type(dest) is Pid:
        target = m.processes.get(dest)
        if target is None:
            return
        if target.timers is None:
            target.timers = {}
        target.timers[ref] = timer
        target.cache = None
    m.timers[ref] = timer
    m.clock.arm(timer, ms * 1000, ms * 1000, since)


def alias(m: Machine, p: Process, e: Effect) -> None:
    """Activate an alias."""
    _aliases(p)[e[1]] = e[2]


def log(m: Machine, p: Process, e: Effect) -> None:
    """Keep a line of output."""
    m.logged.append(e[1])


def cast_name(m: Machine, p: Process, e: Effect) -> None:
    """Look the name up and send; nobody there is no error (rule 15.58)."""
    _, name, message = e
    pid = m.names.get(name)
    if pid is not None:
        p.sent += 1
        m.deliver(p.pid, pid, (codes.S_MESSAGE, p.pid, p.sent, message, None))


# --- Operations ----------------------------------------------------------------------------------


def send_name(m: Machine, p: Process, e: Effect) -> Any:
    """Look the name up and send; nobody there raises, except for (name, node) (rule 1.11)."""
    _, name, message = e
    pid = m.names.get(name if type(name) is str else name[0])
    if pid is None:
        if type(name) is str:
            raise ArgumentError(f"no process is registered as {name!r}")
        return message
    p.sent += 1
    m.deliver(p.pid, pid, (codes.S_MESSAGE, p.pid, p.sent, message, None))
    return message


def link(m: Machine, p: Process, e: Effect) -> Any:
    """Link; the target is looked up now, on both networks (rules 5.1, 5.2, 5.6)."""
    pid = e[1]
    if pid == p.pid:
        return True
    if pid not in m.processes and not p.trap_exit:
        raise ErlangError("noproc")
    links = p.own_links()
    linked = pid in links
    links[pid] = None
    if pid in m.processes:
        if not linked:
            m.deliver(p.pid, pid, (codes.S_LINK, p.pid))
    else:
        travel(m, p.pid, p.pid, (codes.S_EXIT, pid, "noproc", True))
    return True


def register(m: Machine, p: Process, e: Effect) -> Any:
    """Give a name, where OTP allows it (rules 8.1-8.3)."""
    _, pid, name = e
    if type(name) is not str or name == "undefined":
        raise ArgumentError(f"{name!r} cannot be a registered name")
    target = m.processes.get(pid) if type(pid) is Pid else None
    if target is None:
        raise ArgumentError(f"register(): {pid} is no process that is alive")
    if target.name is not None:
        raise ArgumentError(f"register(): {pid} is registered already, as {target.name!r}")
    if name in m.names:
        raise ArgumentError(f"register(): {name!r} is taken by {m.names[name]}")
    m.names[name] = pid
    target.name = name
    target.cache = None
    return True


def unregister(m: Machine, p: Process, e: Effect) -> Any:
    """Take a name away."""
    pid = m.names.pop(e[1], None) if type(e[1]) is str else None
    if pid is None:
        raise ArgumentError(f"unregister(): no process is registered as {e[1]!r}")
    holder = m.processes.get(pid) or m.dying[pid]
    holder.name = holder.cache = None
    return True


def whereis(m: Machine, p: Process, e: Effect) -> Any:
    """Look a name up."""
    if type(e[1]) is not str and e[1] is not None:
        raise ArgumentError(f"whereis() takes a name, not {e[1]!r}")
    return None if e[1] is None else m.names.get(e[1])


def alive(m: Machine, p: Process, e: Effect) -> Any:
    """Ask a process whether it lives."""
    return _ask(m, p, e[1], None)


def info(m: Machine, p: Process, e: Effect) -> Any:
    """Ask a process for information; of oneself it is known here."""
    return _ask(m, p, e[1], e[2])


def peeks(m: Machine, p: Process, pid: Pid) -> bool:
    """Tell whether `alive` may look instead of asking: only messages lie ahead (rule 1.17)."""
    target = m.processes.get(pid)
    if target is None or pid == p.pid:
        return False
    ahead = m.channels.get((p.pid, pid))
    waiting = [*(p.arrived or ()), *(target.arrived or ())]
    if ahead is not None:
        waiting += [signal for signal, _ in ahead.signals]
    return all(signal[0] == codes.S_MESSAGE for signal in waiting)


def asks_the_ending(m: Machine, e: Effect) -> bool:
    """Tell whether this asks one that is dead, and answers when all it had is free (rule 3.24)."""
    return e[0] in (codes.ALIVE, codes.INFO) and is_ending(m, e[1])


def _ask(m: Machine, p: Process, pid: Pid, keys: Any) -> Any:
    if pid == p.pid:
        return True if keys is None else information(m, p, keys)
    if pid not in m.processes:
        return False if keys is None else None
    m.deliver(p.pid, pid, (codes.S_ASK, p.pid, keys))
    return WAITS


def demonitor_now(m: Machine, p: Process, e: Effect) -> Any:
    """Stop a monitor, remove its DOWN from the mailbox, tell whether it was there."""
    _, ref, flush, info_asked = e
    existed = drop_monitor(m, p, ref)
    if flush and not existed:
        _flush(p, ref)
    # With flush, False also says that the DOWN had come (rule 6.12).
    return existed if info_asked else True


def _flush(p: Process, ref: Ref) -> None:
    """Remove the DOWN of a monitor from the mailbox."""
    for at, content in enumerate(p.mailbox or ()):
        message = thaw(content)
        if type(message) is tuple and message[:2] == ("DOWN", ref) and len(message) == 5:
            del p.mailbox[at]  # type: ignore[union-attr]
            if not p.mailbox:
                p.mailbox = None  # an empty one would count as one with a message
            return


def unalias(m: Machine, p: Process, e: Effect) -> Any:
    """Deactivate an alias; one made by a monitor leaves the monitor (rule 7.6)."""
    if not p.aliases or e[1] not in p.aliases:
        return False
    del p.aliases[e[1]]
    return True


def cancel(m: Machine, p: Process, e: Effect) -> Any:
    """Stop a timer, with what was left of it."""
    enlist(m)
    timer = m.timers.get(e[1])
    if timer is None:
        return False
    left = m.clock.remaining(timer)
    m.disarm(timer)
    return left


def read(m: Machine, p: Process, e: Effect) -> Any:
    """Read a timer."""
    enlist(m)
    timer = m.timers.get(e[1])
    return False if timer is None else m.clock.remaining(timer)


def work(m: Machine, p: Process, e: Effect) -> Any:
    """Be busy until a timer of one's own says that it is done."""
    timer = Timer(NO_REF, "done", None, None, p)
    p.timer = timer
    m.arm(timer, e[1], e[2], False)
    return WAITS


def table(m: Machine, p: Process, e: Effect) -> Any:
    """Do one operation on a table."""
    return tables.perform(m, p, e[1], e[2])


def list_processes(m: Machine, p: Process, e: Effect) -> Any:
    """List the living."""
    return freeze(sorted(m.processes, key=lambda pid: pid.path))


def _aliases(p: Process) -> dict[Ref, str]:
    if p.aliases is None:
        p.aliases = {}
    return p.aliases


def unused(m: Machine, p: Process, e: Effect) -> Any:
    """Effects that the machine itself performs never come here."""
    raise AssertionError(f"effect {codes.EFFECTS[e[0]]} has no function")


# By effect number: `choose`, `earlier`, `hibernate`, `enter` and `end` belong to the machine.
PERFORM = (
    send, exit, monitor, unlink, demonitor, flag, spawn, timer, alias, log,
    cast_name, send_name, link, register, unregister, whereis, alive, info, demonitor_now,
    unalias, cancel, read, unused, work, unused, table, unused, list_processes,
)  # fmt: skip
