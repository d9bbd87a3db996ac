"""Going back: the state of a whole machine, kept and restored in place.

A behaviour at rest is its values. A body inside a coroutine is a function, its arguments and its
inputs since it started or last rested: restoring runs that one body again on its inputs, muted. It
does so only when the process goes on, and not at all if nothing had run in between.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from simkernel.errors import InternalError, Nondeterminism
from simkernel.freezing import ATOMIC
from simkernel.kernel.awaited import Awaited, Receive, Rest, context
from simkernel.kernel.channels import Channel
from simkernel.kernel.ends import close
from simkernel.kernel.machine import Machine
from simkernel.kernel.patterns import ANY, NOTHING, TIMEOUT, let, pin, taken, when
from simkernel.kernel.process import Process, Timer, copied
from simkernel.terms import thaw


class Stale:
    """The body of a restored process: rebuilt when it is needed."""

    __slots__ = ("inputs", "machine", "process")

    def __init__(self, machine: Machine, process: Process):
        self.machine = machine
        self.process = process
        self.inputs = process.inputs  # before the one that it is resumed with

    def send(self, value: Any, /) -> Any:
        """Rebuild, then resume."""
        return rebuild(self.machine, self.process, self.inputs).send(value)

    def throw(self, error: BaseException, /) -> Any:
        """Rebuild, then fail."""
        return rebuild(self.machine, self.process, self.inputs).throw(error)

    def close(self) -> None:
        """Nothing runs."""


def body_of(m: Machine, p: Process) -> Any:
    """Give the body of a process, for who looks at it from outside: rebuilt if it is stale."""
    return rebuild(m, p, p.body.inputs) if type(p.body) is Stale else p.body


def snapshot(m: Machine) -> Any:
    """Keep the state of `m`, which was made with `snapshots=True`."""
    if not m.snapshots:
        raise InternalError("snapshot() of a machine that keeps no inputs")
    timers = list(m.timers.values())
    processes = [*m.processes.values(), *m.dying.values()]
    timers += [p.timer for p in processes if p.timer is not None]
    timers += [c.timer for c in m.channels.values() if c.timer is not None]
    return (
        processes,
        [_kept(p) for p in processes],
        len(m.processes),
        dict(m.names),
        [(t, t.owner, t.name, dict(t.rows)) for t in m.tables.by_ref.values()],
        [(timer, timer.due) for timer in timers],
        dict(m.timers),
        [(c, tuple(c.signals), c.due, c.timer) for c in m.channels.values()],
        list(m.active),
        # Whole, not by their lengths: a search goes from one branch to another that was longer.
        (tuple(m.logged), tuple(m.deaths)),
        # A main that has ended is no process any more, and still says whether the run is over.
        (m.count, m.returned, m.faults and m.faults.standing, m.root.status, m.reached_horizon),
        m.clock.save(),
    )


def restore(m: Machine, saved: Any) -> None:
    """Put `m` back into a state that `snapshot` gave for it."""
    (processes, caches, living, names, tables, timers, by_ref, channels, active, past, marks,
     clock) = saved  # fmt: skip
    present = [*m.processes.values(), *m.dying.values()]
    if present != processes or len(m.processes) != living:
        _populate(m, processes, living)
    for p, cache in zip(processes, caches, strict=True):
        p.slot = -1
        if p.cache is not cache:
            _put_back(m, p, cache[0])
            p.cache = cache
    m.names = dict(names)
    m.tables.by_ref.clear()
    m.tables.by_name.clear()
    for table, owner, name, rows in tables:
        table.owner = owner
        table.name = name
        table.rows = dict(rows)
        m.tables.add(table)
    m.timers = dict(by_ref)
    m.clock.load(clock)
    for timer, due in timers:
        timer.due = due
        timer.slot = -1
    m.channels = {}
    for channel, signals, due, timer in channels:
        _put_back_channel(m, channel, signals, due, timer)
    m.active = list(active)
    for slot, item in enumerate(m.active):
        item.slot = slot
    m.logged[:], m.deaths[:] = past
    m.count, m.returned, faults_left, m.root.status, m.reached_horizon = marks
    if m.faults is not None:
        m.faults.standing = faults_left


def _populate(m: Machine, processes: list[Process], living: int) -> None:
    """Let exactly these processes be there, so many of them alive and the others dying."""
    staying = set(processes)
    for p in (*m.processes.values(), *m.dying.values()):
        if p not in staying:
            _drop(m, p)
    m.processes.clear()
    m.dying.clear()
    m.processes.update((p.pid, p) for p in processes[:living])
    m.dying.update((p.pid, p) for p in processes[living:])


def _drop(m: Machine, p: Process) -> None:
    """Close the body of `p` now, not when it is collected: nothing goes back to it (12.19)."""
    if p.body is not None and type(p.body) is not Stale:
        close(m, p)
        p.body = Stale(m, p)


def _put_back_channel(m: Machine, c: Channel, signals: Any, due: int, timer: Timer | None) -> None:
    c.signals = deque(signals)
    c.due = due
    c.timer = timer
    c.slot = -1
    m.channels[c.sender, c.dest] = c


def _kept(p: Process) -> Any:
    """Give [what restores `p`, its key]: the same object as long as `p` does not change."""
    if p.cache is None:
        p.cache = [None, None]
    if p.cache[0] is None:
        p.cache[0] = _keep(p)
    return p.cache


def _keep(p: Process) -> Any:
    """Give the values of the slots, and copies of the containers that change."""
    return (
        (
            p.ancestors, p.base, p.created, p.cursor, p.effects, p.expired, p.held, p.inputs,
            p.lineage, p.made, p.match, p.name, p.origin, p.pace, p.reason, p.sent, p.status,
            p.timer, p.trap_exit, p.want,
        ),
        (
            copied(p.aliases), copied(p.dictionary), copied(p.flags), copied(p.monitors),
            copied(p.timers), copied(p.watchers),
        ),
        None if p.links is None else tuple(p.links),
        None if p.arrived is None else tuple(p.arrived),
        None if p.mailbox is None else tuple(p.mailbox),
        None if p.notes is None else list(p.notes),
        p.body,
    )  # fmt: skip


def _put_back(m: Machine, p: Process, kept: Any) -> None:
    values, dicts, p.links, arrived, mailbox, notes, body = kept
    unchanged = p.body is body and p.inputs is values[7] and p.base is values[1]
    if not unchanged:
        _drop(m, p)
    (
        p.ancestors, p.base, p.created, p.cursor, p.effects, p.expired, p.held, p.inputs,
        p.lineage, p.made, p.match, p.name, p.origin, p.pace, p.reason, p.sent, p.status,
        p.timer, p.trap_exit, p.want,
    ) = values  # fmt: skip
    aliases, dictionary, flags, monitors, timers, watchers = dicts
    p.aliases = None if aliases is None else dict(aliases)
    p.dictionary = copied(dictionary)
    p.flags = None if flags is None else dict(flags)
    p.monitors = None if monitors is None else dict(monitors)
    p.timers = None if timers is None else dict(timers)
    p.watchers = None if watchers is None else dict(watchers)
    p.arrived = None if arrived is None else deque(arrived)
    p.mailbox = None if mailbox is None else deque(mailbox)
    p.notes = None if notes is None else list(notes)
    if not unchanged:
        p.body = None if body is None else Stale(m, p)
        if body is not None and type(p.want) is Receive and not _steady(p.want.patterns):
            rebuild(m, p, p.inputs)


def _steady(pattern: Any) -> bool:
    """Tell whether a pattern cannot change with the body that made it, as a closure does."""
    kind = type(pattern)
    if kind is tuple:
        return all(map(_steady, pattern))
    if kind is when:
        guard = pattern.guard
        parts = [getattr(guard, name, True) for name in ("__closure__", "__defaults__")]
        return parts == [None, None] and _steady(pattern.pattern)
    if kind is let:
        return _steady(pattern.pattern)
    if kind is pin:
        return _steady(pattern.value)
    return pattern is ANY or pattern is NOTHING or kind in ATOMIC or isinstance(pattern, type)


def rebuild(m: Machine, p: Process, inputs: Any) -> Any:
    """Run the body of `p` again on its inputs, with effects muted, up to where it waits."""
    origin, created, made, dictionary, rest = p.base
    kept = (p.created, p.made, p.dictionary, p.sent)
    outer = (context.machine, context.process, context.outbox)
    p.created, p.made = created, made
    p.dictionary = copied(dictionary)
    context.machine, context.process, context.outbox = m, p, []
    m.replaying = listed = _listed(inputs)
    try:
        p.body = body = thaw(origin[0])(*thaw(origin[1]))
        if rest is None:
            want = body.send(None)
        else:
            body.load(thaw(rest))
            want = Rest()
        while listed:
            want = _feed(body, want, *listed.popleft())
    except (StopIteration, IndexError, ValueError) as end:
        raise _diverged(p) from end
    finally:
        m.replaying = None
        context.machine, context.process, context.outbox = outer
    if (p.created, p.made) != kept[:2] or not isinstance(want, Awaited):
        raise _diverged(p)
    p.dictionary, p.sent = kept[2:]
    if type(p.want) is Receive and type(want) is Receive:
        p.want = want  # the patterns of this body, not of the one that went on
    return body


def _feed(body: Any, want: Any, tag: str, value: Any) -> Any:
    if tag == "message":
        return body.send(taken(want.patterns, value))
    if tag == "timeout":
        return body.send(TIMEOUT)
    if tag == "value":
        return body.send(thaw(value))
    if tag == "error":
        return body.throw(value.with_traceback(None))
    raise ValueError(f"an input of kind {tag} where a message or a result was due")


def _listed(inputs: Any) -> deque[Any]:
    """Give the chained inputs, oldest first."""
    listed: deque[Any] = deque()
    while inputs:
        inputs, tag, value = inputs
        listed.appendleft((tag, value))
    return listed


def _diverged(p: Process) -> Nondeterminism:
    return Nondeterminism(
        "a body that was run again on the same inputs did something else",
        where=f"process {p.pid}",
        hint="It reads something outside the run: a global, a clock, the order of a set. "
        "`simkernel doctor SPEC` looks for it.",
    )
