"""The fingerprint of a machine: equal for situations that differ in names only.

Pids, refs and time points are numbered in the order in which a walk from the root meets them. What
no walk meets is ordered by its content. Counters and unreachable references stay out of it;
deadlines are held relative to now; every collection has its length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from simkernel.kernel import codes
from simkernel.kernel.bounded import BoundedClock
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process, Timer
from simkernel.kernel.tables import Table
from simkernel.terms import Instant, Pid, Ref, Renaming, canonical


def fingerprint(m: Machine, marked: Iterable[Pid | Ref] = ()) -> bytes:
    """Give 16 bytes that tell this situation from every other one.

    Situations that differ in who is `marked` differ, too; of names that nobody can reach it is not
    told whether they are.
    """
    walk = _Walk(m)
    walk.all()
    known = walk.rename.numbers
    walk.out.append(b"marked %r" % sorted(known[name] for name in marked if name in known))
    return hashlib.blake2b(b"".join(walk.out), digest_size=16).digest()


class _Walk:
    """Encode every process once, in the order in which its pid is first met."""

    def __init__(self, m: Machine):
        self.m = m
        self.out: list[bytes] = []
        self.rename = Renaming()
        self.processes = {**m.dying, **m.processes}
        self.done: set[Pid] = set()
        self.followed = 0  # names whose processes have been walked

    def all(self) -> None:
        """Walk from the root, then from names and tables, then over what is left."""
        m = self.m
        self.rename(m.root.pid)
        self._reachable()
        for name in sorted(m.names):
            self._term(("name", name, m.names[name]))
            self._reachable()
        for table in sorted(m.tables.by_ref.values(), key=self._table_key):
            self._term(self._table(table))
            self._reachable()
        left = [p for pid, p in self.processes.items() if pid not in self.done]
        while left:
            first = min(left, key=self._blank_key)
            self.rename(first.pid)
            self._reachable()
            left = [p for p in left if p.pid not in self.done]
        self._channels()
        self._time()

    def _reachable(self) -> None:
        numbers = self.rename.numbers
        while self.followed < len(numbers):
            names = list(numbers)
            for name in names[self.followed :]:
                if type(name) is Pid:
                    self.done.add(name)
                    p = self.processes.get(name)
                    if p is None:
                        self._term(("dead", name))
                    else:
                        self._process(p)
            self.followed = len(names)

    def _process(self, p: Process) -> None:
        """Add a process: its own bytes, which stay as long as it does not change, and its names."""
        if p.cache is None:
            p.cache = [None, None]
        if p.cache[1] is None:
            p.cache[1] = (self._apart(_record(p)), self._body(p))
        for encoded, names in p.cache[1]:
            self.out.append(encoded)
            self._names(names)

    def _body(self, p: Process) -> Any:
        """Give the bytes and names of a body, which most changes of its process leave alone."""
        known = self.m.spelled.get(p.pid)
        if known is not None:
            base, inputs, created, made, told = known
            if base is p.base and inputs is p.inputs and (created, made) == (p.created, p.made):
                return told
        told = self._apart(_told(p))
        self.m.spelled[p.pid] = (p.base, p.inputs, p.created, p.made, told)
        return told

    def _apart(self, term: Any) -> tuple[bytes, list[Any]]:
        """Give the bytes of a term with names of its own numbering, and those names in its order.

        A name is always the same object, which a dict finds without comparing.
        """
        local, same = Renaming(), self.m.same
        encoded = canonical(term, local)
        names = [same.setdefault(name, name) for name in local.numbers]
        return b"%d:" % len(encoded) + encoded, names

    def _names(self, names: list[Any]) -> None:
        """Add the numbers of names; how many they are is known from what comes before."""
        numbers = self.rename.numbers
        found = [numbers.setdefault(name, len(numbers)) for name in names]
        self.out.append(bytes(found) if len(numbers) <= 256 else repr(found).encode())

    def _term(self, term: Any) -> None:
        self.out.append(canonical(term, self.rename))

    def _blank_key(self, p: Process) -> Any:
        # Without names; where that ties, by creation: two such situations may then be told apart
        # although they are equal, which costs a visit and hides nothing.
        return canonical((_record(p), _told(p)), _blank), p.pid.path

    def _table_key(self, table: Table) -> Any:
        return (table.named, table.name, table.ref.owner, table.ref.index)

    def _table(self, table: Table) -> Any:
        rows = tuple(table.in_order())
        options = (table.kind, table.access, table.keypos, table.heir, table.named, table.name)
        return ("table", table.ref, table.owner, options, rows)

    def _channels(self) -> None:
        for channel in sorted(
            (c for c in self.m.channels.values() if c.signals),
            key=lambda c: (self._number(c.sender), self._number(c.dest)),
        ):
            signals = tuple(_anonymous(signal) for signal, _ in channel.signals)
            self._term(("channel", channel.sender, channel.dest, signals))

    def _number(self, name: Any) -> tuple[int, Any]:
        known = self.rename.numbers.get(name)
        return (0, known) if known is not None else (1, name.path if type(name) is Pid else ())

    def _time(self) -> None:
        """Encode timers with their deadlines relative to now, and the instants still held."""
        m = self.m
        timers: list[tuple[Any, Timer]] = []
        for ref, timer in m.timers.items():
            known = self.rename.numbers.get(ref)
            # A timer whose reference nobody holds is known by where it goes and what it carries.
            place = (0, known, b"") if known is not None else (1, 0, self._loose(timer))
            timers.append((place, timer))
        timers.sort(key=lambda pair: (pair[0], pair[1].ref.owner, pair[1].ref.index))
        own = []
        if any(p.timer is not None for p in self.processes.values()):
            own = [p.timer for _, p in sorted(self._numbered()) if p.timer is not None]
        for _, timer in timers:
            held_by = timer.ref if timer.ref in self.rename else None
            self._term(("timer", held_by, timer.dest, timer.message, timer.every))
        held = [name for name in self.rename.numbers if type(name) is Instant]
        ordered = [timer for _, timer in timers] + own
        since = [] if m.bounded is None else self._going_on(m.bounded)
        self.out.append(repr(m.clock.key(ordered, held, since)).encode())
        self._term(("root", m.reached_horizon, m.faults.left if m.faults is not None else 0))

    def _going_on(self, clock: BoundedClock) -> list[int]:
        """Give the points since which something goes on."""
        processes = [p for _, p in sorted(self._numbered(), key=itemgetter(0))]
        ways = sorted(clock.sent, key=lambda way: (self._number(way[0]), self._number(way[1])))
        return clock.going_on(processes, ways)

    def _loose(self, timer: Timer) -> bytes:
        return canonical((timer.dest, timer.message, timer.every), self._peek)

    def _peek(self, name: Any) -> int:
        return self.rename.numbers.get(name, -1)

    def _numbered(self) -> list[tuple[int, Process]]:
        return [
            (number, self.processes[name])
            for name, number in self.rename.numbers.items()
            if type(name) is Pid and name in self.processes
        ]


def _blank(_: Any) -> int:
    return -1


def _record(p: Process) -> Any:
    """Give what the future of a process depends on besides its body; what is empty is left out."""
    flags = p.expired | (p.timer is not None) << 1 | p.trap_exit << 2
    record = [p.status * 8 + flags, p.pid, Pid(p.pid.path[:-1]), p.ancestors]
    if p.effects is not None:
        record += ["effects", tuple(_anonymous(effect) for effect in p.effects[p.cursor :])]
    if p.arrived:
        record += ["arrived", tuple(_anonymous(signal) for signal in p.arrived)]
    if p.mailbox:
        record += ["mailbox", tuple(p.mailbox)]
    for name in ("monitors", "watchers", "aliases", "flags", "dictionary"):
        held = getattr(p, name)
        if held:
            record += [name, tuple(held.items())]
    if p.links:
        record += ["links", tuple(p.links)]
    return tuple(record)


def _told(p: Process) -> Any:
    """A body at rest is its values; inside a coroutine it is its history since it last was."""
    if p.base is None:
        return ("no inputs are kept", p.pid.path)
    (function, args), created, made, dictionary, rest = p.base
    history = []
    inputs = p.inputs
    while inputs:
        inputs, tag, value = inputs
        history.append((tag, repr(value) if tag == "error" else value))
    # Pids and refs that a coroutine has made live on in its local variables; at rest none do.
    running = rest is None or bool(history)
    children = [p.pid.child(n) for n in range(created + 1, p.created + 1)] if running else []
    refs = [Ref(p.pid.path, n) for n in range(made + 1, p.made + 1)] if running else []
    made_here = (tuple(children), tuple(refs))
    body = (function, args, rest, tuple(history), made_here)
    return (*body, tuple(dictionary.items())) if dictionary else body


def _anonymous(signal: tuple[Any, ...]) -> Any:
    """A signal, or the effect that sends it, without the number that its sender gave it."""
    if signal[0] == codes.S_MESSAGE:
        return (signal[0], signal[1], *signal[3:])
    return signal
