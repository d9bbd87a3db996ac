"""The fingerprint of a machine: equal for situations that differ in names only.

Pids, refs and time points are numbered in the order in which a walk from the root meets them. What
no walk meets is ordered by its content. Counters and unreachable references stay out of it;
deadlines are held relative to now; every collection has its length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from copy import copy
from operator import itemgetter
from typing import Any, TypeVar

from simkernel.kernel import codes
from simkernel.kernel.bounded import BoundedClock
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process, Timer
from simkernel.kernel.tables import Table
from simkernel.terms import Instant, Map, Pid, Ref, Renaming, canonical

Told = TypeVar("Told")

SITUATIONS_MAX = 300_000  # remembered by their plain names, of some 200 bytes each
PIECES_MAX = 300_000  # of one process
TIED_MAX = 8  # of processes that are alike, whose times are compared each with each


def fingerprint(m: Machine, marked: Iterable[Pid | Ref] = ()) -> bytes:
    """Give 16 bytes that tell this situation from every other one.

    Situations that differ in who is `marked` differ, too; of names that nobody can reach it is not
    told whether they are.
    """
    return _remembered(m, list(marked), m.spelled.situations, _renamed)


def called(m: Machine, marked: Iterable[Pid | Ref] = ()) -> tuple[bytes, tuple[Pid | Ref, ...]]:
    """Give a fingerprint that tells whose the timers are, too, and who is who in it.

    That is: pids and timers, each at the place that it has in all situations of this fingerprint.
    """
    return _remembered(m, list(marked), m.spelled.called, _called)


def _remembered(
    m: Machine, marked: list[Pid | Ref], known: dict[Any, Told],
    make: Callable[[Machine, list[Pid | Ref]], Told],
) -> Told:  # fmt: skip
    plain = _Plain(m).key(marked)
    told = known.get(plain)
    if told is None:
        if len(known) >= SITUATIONS_MAX:
            known.clear()
        told = known[plain] = make(m, marked)
    return told


def _renamed(m: Machine, marked: list[Pid | Ref]) -> bytes:
    walk = _Walk(m)
    walk.all()
    walk.marks(marked)
    return _digest(walk.out)


def _called(m: Machine, marked: list[Pid | Ref]) -> tuple[bytes, tuple[Pid | Ref, ...]]:
    walk = _Walk(m)
    walk.all()
    walk.marks(marked)
    timers = walk.timers()
    owners = [walk.rename(Pid(timer.ref.owner)) for timer in timers]
    walk.out.append(b"owners %r" % owners)
    names: list[Any] = [one for one in walk.rename.numbers if type(one) is Pid or one in m.timers]
    names += [timer.ref for timer in timers if timer.ref not in walk.rename]
    return _digest(walk.out), tuple(names)


def _digest(out: list[bytes]) -> bytes:
    return hashlib.blake2b(b"".join(out), digest_size=16).digest()


class _Plain:
    """Tell situations apart by the names that things happen to have.

    That is quicker than a walk and most often enough: most ways to a situation give the same names.
    What is alike in this is alike; of what is not, a walk has to tell.
    """

    __slots__ = ("held", "m", "out")

    def __init__(self, m: Machine):
        self.m = m
        self.out: list[Any] = []
        self.held: dict[Instant, None] = {}

    def key(self, marked: list[Pid | Ref]) -> Any:
        """Give a key: a number for each process, bytes for what else there is, and the times."""
        m, out = self.m, self.out
        processes = [*m.processes.values(), *m.dying.values()]
        processes.sort(key=_path)
        own = []
        for p in processes:
            cache = p.cache
            known = cache[1] if cache is not None and cache[1] is not None else _parts(m, p)
            out.append(known[2])
            if known[3]:
                self.held.update(known[3])
            if p.timer is not None:
                own.append(p.timer)
        if m.names:
            self._term(("names", tuple(sorted(m.names.items()))))
        for ref in sorted(m.tables.by_ref, key=_age):
            self._term(_table(m.tables.by_ref[ref]))
        for way, channel in sorted(m.channels.items(), key=_way):
            if channel.signals:
                signals = tuple(_anonymous(signal) for signal, _ in channel.signals)
                self._term(("channel", *way, signals))
        timers = [m.timers[ref] for ref in sorted(m.timers, key=_age)]
        for timer in timers:
            self._term(("timer", timer.ref, timer.dest, timer.message, timer.every))
        if marked:
            self._term(("marked", tuple(sorted(marked, key=_age))))
        since = []
        if m.bounded is not None:
            since = m.bounded.going_on(processes, sorted(m.bounded.sent, key=_ends))
        times = m.clock.key([*timers, *own], list(self.held), since)
        left = m.faults.standing if m.faults is not None else 0
        out.append((times, m.reached_horizon, left, len(m.dying)))
        return tuple(out)

    def _term(self, term: Any) -> None:
        self.out.append(canonical(term, self._number))

    def _number(self, name: Any) -> int:
        if type(name) is Instant:
            self.held[name] = None
        return _same(self.m, name)[1]


def _same(m: Machine, name: Any) -> tuple[Any, int]:
    """Give the one object and the one number that a name has in this machine."""
    found: tuple[Any, int] = m.spelled.same.setdefault(name, (name, len(m.spelled.same)))
    return found


def _path(p: Process) -> tuple[int, ...]:
    return p.pid.path


def _age(name: Pid | Ref) -> Any:
    if type(name) is Pid:
        return name.path, -1
    return name.owner, name.index  # type: ignore[union-attr]


def _ends(way: Any) -> Any:
    return tuple(end.path if type(end) is Pid else () for end in way)


def _way(item: Any) -> Any:
    return _ends(item[0])


def _parts(m: Machine, p: Process) -> Any:
    """Give (bytes, names, number, instants): what stays as long as the process does not change.

    The bytes have names of their own numbering, and the names are in its order, once for each of
    the three pieces that they are made of. The number stands for both, with the names as they are;
    the instants are those among the names.
    """
    if p.cache is None:
        p.cache = [None, None]
    if p.cache[1] is None:
        one, two, three = _origin(m, p), _apart(m, _record(p)), _body(m, p)
        names = [*one[1], *two[1], *three[1]]
        number = _number(m, b"%b%b%b" % (one[2], two[2], three[2]))
        held = [name for name in names if type(name) is Instant]
        p.cache[1] = (b"%b%b%b" % (one[0], two[0], three[0]), names, number, dict.fromkeys(held))
    return p.cache[1]


def _number(m: Machine, encoded: bytes) -> int:
    """Give the number of a process as it is; none is given twice."""
    spelled = m.spelled
    if len(spelled.pieces) >= PIECES_MAX:
        spelled.pieces.clear()  # who had a number gets another one, and is walked once more
    number = spelled.pieces.get(encoded)
    if number is None:
        number = spelled.pieces[encoded] = spelled.given
        spelled.given += 1
    return number


def _origin(m: Machine, p: Process) -> Any:
    """Give the bytes and names of what a process is from its start, as long as that stays."""
    origin = p.base[0] if p.base is not None else None
    shared = p.dictionary if type(p.dictionary) is Map else None
    known = m.spelled.origins.get(p.pid)
    if known is not None and known[0] is origin and known[1] is p.ancestors and known[2] is shared:
        return known[3]
    told = _apart(m, (p.pid, Pid(p.pid.path[:-1]), p.ancestors, shared, origin))
    m.spelled.origins[p.pid] = (origin, p.ancestors, shared, told)
    return told


def _apart(m: Machine, term: Any) -> tuple[bytes, list[Any], bytes]:
    """Give the bytes of a term with names of its own numbering, those names in its order, and the
    bytes that tell the names as well.

    A name is always the same object, which a dict finds without comparing.
    """
    local = Renaming()
    encoded = canonical(term, local)
    known = [_same(m, name) for name in local.numbers]
    encoded = b"%d:" % len(encoded) + encoded
    return encoded, [name for name, _ in known], encoded + repr([at for _, at in known]).encode()


def _body(m: Machine, p: Process) -> Any:
    """Give the bytes and names of a body, which most changes of its process leave alone."""
    known = m.spelled.bodies.get(p.pid)
    if known is not None:
        base, inputs, created, made, dictionary, told = known
        if (
            base is p.base
            and inputs is p.inputs
            and dictionary is p.dictionary
            and created == p.created
            and made == p.made
        ):
            return told
    told = _apart(m, _told(p))
    m.spelled.bodies[p.pid] = (p.base, p.inputs, p.created, p.made, p.dictionary, told)
    return told


class _Walk:
    """Encode every process once, in the order in which its pid is first met."""

    def __init__(self, m: Machine):
        self.m = m
        self.out: list[bytes] = []
        self.rename = Renaming()
        self.processes = {**m.dying, **m.processes} if m.dying else m.processes
        self.done: set[Pid] = set()
        self.dead = 0  # of those that are done
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
            self._term(_table(table))
            self._reachable()
        left: list[Process] = []
        if len(self.done) < len(self.processes) + self.dead:
            left = [p for pid, p in self.processes.items() if pid not in self.done]
        while left:
            self.rename(self._first(left).pid)
            self._reachable()
            left = [p for p in left if p.pid not in self.done]
        self._channels()
        self._time()

    def _reachable(self) -> None:
        numbers, processes, m, out = self.rename.numbers, self.processes, self.m, self.out
        while self.followed < len(numbers):
            names = list(numbers)
            for name in names[self.followed :]:
                if type(name) is not Pid:
                    continue
                self.done.add(name)
                p = processes.get(name)
                if p is None:
                    self.dead += 1
                    self._term(("dead", name))
                    continue
                encoded, known, _, _ = _parts(m, p)
                out.append(encoded)
                # How many names there are is known from the bytes.
                found = [numbers.setdefault(one, len(numbers)) for one in known]
                out.append(bytes(found) if len(numbers) <= 256 else repr(found).encode())
            self.followed = len(names)

    def _term(self, term: Any) -> None:
        self.out.append(canonical(term, self.rename))

    def _first(self, left: list[Process]) -> Process:
        """Choose who is walked next of those that nobody knows, by as little as tells them apart:
        what they are, what is seen from them, and their times."""
        tied = _least(left, self._blank)
        if len(tied) > 1:
            seen = {p.pid: self._seen_from(p) for p in tied}
            tied = _least(tied, lambda p: seen[p.pid][0])
            if 1 < len(tied) <= TIED_MAX:
                groups = {p.pid: seen[p.pid][1] for p in tied}
                tied = _least(tied, lambda p: self._moments(p.pid, groups))
        # By creation: two such situations may be told apart although they are equal, which costs a
        # visit and hides nothing. Known are pairs that only a third can tell apart.
        return min(tied, key=_path)

    def _blank(self, p: Process) -> bytes:
        """Encode a process by itself, with the names that have a number."""
        origin = p.base[0] if p.base is not None else None
        return canonical((_record(p), p.ancestors, origin, _told(p)), self._peek)

    def _seen_from(self, p: Process) -> tuple[bytes, list[Any]]:
        """Give what a walk would encode that goes on from a process, and whom it would number."""
        walk = copy(self)
        walk.out, walk.done, walk.rename = [], set(self.done), Renaming()
        walk.rename.numbers = dict(self.rename.numbers)
        walk.rename(p.pid)
        walk._reachable()
        return b"".join(walk.out), list(walk.rename.numbers)[len(self.rename.numbers) :]

    def _moments(self, pid: Pid, groups: dict[Pid, list[Any]]) -> tuple[str, list[str]]:
        """Tell how the times of a group are to those that have a number, and to other groups."""
        own = groups[pid]
        others = (self._clocked([*own, *group]) for other, group in groups.items() if other != pid)
        return self._clocked([*self.rename.numbers, *own]), sorted(others)

    def _clocked(self, names: list[Any]) -> str:
        """Give the times that belong to names."""
        m = self.m
        processes = [self.processes[name] for name in names if name in self.processes]
        timers = [m.timers[name] for name in names if name in m.timers]
        timers += [p.timer for p in processes if p.timer is not None]
        since = [] if m.bounded is None else m.bounded.going_on(processes, [])
        held = [name for name in names if type(name) is Instant]
        return repr(m.clock.key(timers, held, since))

    def _table_key(self, table: Table) -> Any:
        return (table.named, table.name, table.ref.owner, table.ref.index)

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
        if (
            not (m.timers or m.faults is not None or m.bounded is not None)
            and all(p.timer is None for p in self.processes.values())
            and Instant not in map(type, self.rename.numbers)
        ):
            self.out.append(b"still, %d" % m.reached_horizon)
            return
        timers = self.timers()
        own = []
        if any(p.timer is not None for p in self.processes.values()):
            own = [p.timer for _, p in sorted(self._numbered()) if p.timer is not None]
        for timer in timers:
            held_by = timer.ref if timer.ref in self.rename else None
            self._term(("timer", held_by, timer.dest, timer.message, timer.every))
        held = [name for name in self.rename.numbers if type(name) is Instant]
        ordered = timers + own
        since = [] if m.bounded is None else self._going_on(m.bounded)
        self.out.append(repr(m.clock.key(ordered, held, since)).encode())
        left, apart = m.faults.standing if m.faults is not None else (0, ())
        self._term(("root", m.reached_horizon, left, *sorted(apart, key=self._number)))

    def timers(self) -> list[Timer]:
        """Give the timers that send something, in an order that names do not decide."""
        timers: list[tuple[Any, Timer]] = []
        for ref, timer in self.m.timers.items():
            known = self.rename.numbers.get(ref)
            # A timer whose reference nobody holds is known by where it goes and what it carries.
            place = (0, known, b"") if known is not None else (1, 0, self._loose(timer))
            timers.append((place, timer))
        timers.sort(key=lambda pair: (pair[0], pair[1].ref.owner, pair[1].ref.index))
        return [timer for _, timer in timers]

    def marks(self, marked: list[Pid | Ref]) -> None:
        """Encode who is marked, of those that have a number."""
        known = self.rename.numbers
        self.out.append(b"marked %r" % sorted(known[name] for name in marked if name in known))

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


def _table(table: Table) -> Any:
    rows = tuple(table.in_order())
    options = (table.kind, table.access, table.keypos, table.heir, table.named, table.name)
    return ("table", table.ref, table.owner, options, rows)


def _least(processes: list[Process], key: Callable[[Process], Any]) -> list[Process]:
    """Give those whose key is the least."""
    keys = [key(p) for p in processes]
    least = min(keys)
    return [p for p, one in zip(processes, keys, strict=True) if one == least]


def _record(p: Process) -> Any:
    """Give what the future of a process depends on besides its body; what is empty is left out."""
    flags = p.expired | (p.timer is not None) << 1 | p.trap_exit << 2
    record: list[Any] = [p.status * 8 + flags]
    if p.effects is not None:
        record += ["effects", tuple(_anonymous(effect) for effect in p.effects[p.cursor :])]
    if p.arrived:
        record += ["arrived", tuple(_anonymous(signal) for signal in p.arrived)]
    if p.mailbox:
        record += ["mailbox", tuple(p.mailbox)]
    if p.monitors:
        record += ["monitors", tuple(p.monitors.items())]
    if p.watchers:
        record += ["watchers", tuple(p.watchers.items())]
    if p.aliases:
        record += ["aliases", tuple(p.aliases.items())]
    if p.flags:
        record += ["flags", tuple(p.flags.items())]
    if p.dictionary and type(p.dictionary) is dict:
        record += ["dictionary", tuple(p.dictionary.items())]
    if p.links:
        record += ["links", tuple(p.links)]
    return tuple(record)


def _told(p: Process) -> Any:
    """A body at rest is its values; inside a coroutine it is its history since it last was."""
    if p.base is None:
        return ("no inputs are kept", p.pid.path)
    _, created, made, dictionary, rest = p.base
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
    body = (rest, tuple(history), made_here)
    if not dictionary or dictionary is p.dictionary:
        return body
    return (*body, tuple(dictionary.items()))


def _anonymous(signal: tuple[Any, ...]) -> Any:
    """A signal, or the effect that sends it, without the number that its sender gave it."""
    if signal[0] == codes.S_MESSAGE:
        return (signal[0], signal[1], *signal[3:])
    return signal
