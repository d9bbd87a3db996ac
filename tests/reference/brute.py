"""Every outcome of a program, by trying every order of its events: slow, plain and independent.

Each effect, each arrival (cluster), each handling of a signal, each end of a process, each death
signal and each timer is an event of its own. A state is an immutable value, `successors` gives
what can come next, and `explore` visits every state.

Rules are a value, because the documents and the real VM differ in what makes a process handle all
that has arrived (see FINDINGS.md): `LESSONS` is rule 7 of the kernel lessons,
`VM` what was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

from tests.reference import zones
from tests.reference.programs import OWNER, STUCK, Op, Outcome, Program
from tests.reference.zones import Guard, Zone

Signal = tuple[Any, ...]
Message = Any


@dataclass(frozen=True)
class Rules:
    """Choose between the readings of the documents.

    `observing`: operations before which all that has arrived is handled (those of `RULE_7`); an
    exit/2 to oneself that is not among them is a signal in one's own queue, and unless it is
    trapped, nothing else is done until it is handled. `lazy_monitor`: on a node, a monitor may
    leave as late as just before the next signal of the same process. `peeking`: where nothing but
    messages has reached either, a process may find another alive without waiting for an answer.
    `late_release`: a process is dead for link and monitor a moment before its table is gone, and
    that a moment before its name is free. `late_noproc`: what the runtime answers for the dead, to
    a monitor or a link, arrives by an event of its own, on a node too. `waits_send`: a monitor has
    left before its process waits for a message without a limit.
    """

    observing: frozenset[str]
    lazy_monitor: bool
    peeking: bool
    late_release: bool
    late_noproc: bool = False
    waits_send: bool = False


RULE_7: Final = frozenset(
    {"timeout", "exit_self", "end", "len", "trap_off", "demonitor", "unlink", "link"}
)
VM: Final = Rules(frozenset({"timeout"}), lazy_monitor=True, peeking=True, late_release=True)
PROMPT: Final = Rules(VM.observing, lazy_monitor=False, peeking=False, late_release=False)
LESSONS: Final = Rules(
    RULE_7, lazy_monitor=False, peeking=False, late_release=False, late_noproc=True
)
MACHINE: Final = replace(VM, late_release=False, late_noproc=True, waits_send=True)


class Proc(NamedTuple):
    """Hold one process; `links` and `watchers` of a dead one are those not yet told."""

    pc: int = 0
    queue: tuple[Signal, ...] = ()  # arrived, not handled
    box: tuple[Message, ...] = ()  # handled messages
    trap: bool = False
    links: frozenset[int] = frozenset()
    watchers: frozenset[tuple[int, str, Any]] = frozenset()
    watching: frozenset[tuple[str, int]] = frozenset()
    held: tuple[int, Signal] | None = None  # a monitor signal that has not left yet
    asking: bool = False  # waits for an answer, or for its own exit signal
    log: tuple[Any, ...] | None = ()
    fresh: bool = False  # the last observation is not surely on record yet
    reason: str | None = None
    leaving: bool = False  # dead, with its name and table still there


class State(NamedTuple):
    procs: tuple[Proc, ...]
    names: tuple[tuple[str, int], ...] = ()
    table: tuple[tuple[str, str], ...] | None = ()
    wires: tuple[tuple[tuple[int, int], tuple[Signal, ...]], ...] = ()
    timers: tuple[tuple[int, str, str, str, int], ...] = ()  # owner, label, target, value, ms
    zone: Zone = Zone()


Move = tuple[State, Guard | None]
NOTHING: Final = object()
SENDING: Final = frozenset(
    {"send", "exit", "link", "unlink", "monitor", "demonitor", "alive", "end"}
)
TABLE_OPS: Final = frozenset({"insert", "insert_new", "lookup", "delete", "spin"})
PLAIN: Final = frozenset({"msg", "own"})  # a message of another, and one to oneself
ANSWERED: Final = frozenset({"link", "monitor", "ask"})


class TooManyStates(Exception):
    """Say that the budget of states ran out."""


class Model:
    """Give the transition system of one program on one network under one set of rules.

    `record` says how the log of a process gets out: "each" (after each observation, as an event of
    its own: the last one may be lost when a signal ends the process) or "end" (all at once, after
    the last operation: logs of others are None).
    """

    def __init__(
        self, program: Program, network: str = "node", rules: Rules = VM, record: str = "each"
    ) -> None:
        self.program, self.network, self.rules, self.record = program, network, rules, record
        self.letters = program.letters
        self.at = {letter: i for i, letter in enumerate(self.letters)}
        self.ops = tuple(ops for _, ops in program.bodies)
        self.timed = program.timed
        self.tabled = any(op[0] in TABLE_OPS for ops in self.ops for op in ops)
        self.lazy = rules.lazy_monitor and network == "node"

    def initial(self) -> State:
        state = State((Proc(),) * len(self.letters))
        return self._clocked(state, state, None, start=True) or state

    def successors(self, state: State) -> list[State]:
        """List what can come next, in a fixed order."""
        out = []
        for after, guard in self._moves(state):
            clocked = self._clocked(state, after, guard) if self.timed else after
            if clocked is not None:
                out.append(clocked)
        return out

    def outcome(self, state: State) -> Outcome:
        return tuple(
            (letter, self._final_log(p), p.reason or STUCK)
            for letter, p in zip(self.letters, state.procs, strict=True)
        )

    def _final_log(self, p: Proc) -> tuple[Any, ...] | None:
        return None if self.record == "end" and p.reason is None else p.log

    # -- what can come next ----------------------------------------------------------------------

    def _moves(self, state: State) -> Iterator[Move]:
        for who, p in enumerate(state.procs):
            if p.reason is not None:
                yield from ((after, None) for after in self._farewell(state, who))
                continue
            if p.held is not None:
                yield self._deliver(_put(state, who, p._replace(held=None)), who, *p.held), None
            if p.queue:
                yield from ((after, None) for after in self._handle(state, who))
            if not p.asking:
                yield from self._act(state, who)
        for pair, signals in state.wires:
            rest = _set(state.wires, pair, signals[1:] or None)
            yield self._arrive(state._replace(wires=rest), pair[1], signals[0]), None
        for timer in state.timers:
            yield self._fire(state, timer), Guard(("timer", *timer[:2]), timer[4], True)

    def _act(self, state: State, who: int) -> Iterator[Move]:
        p = state.procs[who]
        op: Op = self._op(p, who)
        kind = op[0]
        waits = kind == "recv" and op[2] is None and self.rules.waits_send
        if p.held is not None and (kind in SENDING or waits):
            return
        if kind == "recv":
            yield from self._receive(state, who, op)
            return
        if kind == "exit" and self.at[op[1]] == who:
            kind = "exit_self"
        need = "trap_off" if op == ("trap", False) else kind
        if need in self.rules.observing and p.queue:
            return
        if kind == "len" and any(_own(signal, who) for signal in p.queue):
            return
        for after in getattr(self, f"_{kind}")(state, who, *op[1:]):
            yield after, None

    def _op(self, p: Proc, who: int) -> Op:
        ops = self.ops[who]
        return ops[p.pc] if p.pc < len(ops) else ("end", "normal")

    def _receive(self, state: State, who: int, op: Op) -> Iterator[Move]:
        p, (_, patterns, wait) = state.procs[who], op
        for i, message in enumerate(p.box):
            if _matches(patterns, message):
                box = p.box[:i] + p.box[i + 1 :]
                yield self._next(state, who, message, box=box), None
                return
        if wait is not None and not p.queue:
            guard = Guard(("wait", who), wait, False) if self.timed and wait else None
            yield self._next(state, who, "timeout"), guard

    def _next(self, state: State, who: int, seen: Any = NOTHING, **changes: Any) -> State:
        """Go on to the next operation, with what this one has observed."""
        p = state.procs[who]
        log = p.log if seen is NOTHING or p.log is None else (*p.log, seen)
        changes |= {"pc": p.pc + 1, "log": log, "fresh": seen is not NOTHING}
        return _put(state, who, p._replace(**changes))

    # -- signals ---------------------------------------------------------------------------------

    def _deliver(
        self, state: State, src: int, dst: int, signal: Signal, late: bool = False
    ) -> State:
        """Let a signal leave: on a node, and to oneself, it has arrived then, unless it is late."""
        if not late and (self.network == "node" or src == dst):
            return self._arrive(state, dst, signal)
        if state.procs[dst].reason is not None and signal[0] not in ANSWERED:
            return state
        under_way = dict(state.wires).get((src, dst), ())
        return state._replace(wires=_set(state.wires, (src, dst), (*under_way, signal)))

    def _arrive(self, state: State, dst: int, signal: Signal) -> State:
        p = state.procs[dst]
        if p.reason is not None:
            return self._answer(state, dst, signal)
        return _put(state, dst, p._replace(queue=(*p.queue, signal)))

    def _answer(self, state: State, dead: int, signal: Signal) -> State:
        """Answer for a process that is no more."""
        match signal:
            case ("link", src):
                return self._deliver(state, dead, src, ("exit", dead, "noproc", True))
            case ("monitor", src, label, thing):
                down = ("down", label, thing, "noproc")
                return self._deliver(state, dead, src, down, late=self.rules.late_noproc)
            case ("ask", src):
                return self._deliver(state, dead, src, ("answer", False))
        return state

    def _handle(self, state: State, who: int) -> list[State]:
        p = state.procs[who]
        signal, p = p.queue[0], p._replace(queue=p.queue[1:])
        match signal:
            case ("msg" | "own", message):
                p = p._replace(box=(*p.box, message))
            case ("exit", src, reason, linked):
                return self._handle_exit(_put(state, who, p), who, src, reason, linked)
            case ("down", label, thing, reason):
                for watch in p.watching:
                    if watch[0] == label:
                        message = ("DOWN", label, "process", thing, reason)
                        p = p._replace(watching=p.watching - {watch}, box=(*p.box, message))
            case ("link", src):
                p = p._replace(links=p.links | {src})
            case ("unlink", src):
                p = p._replace(links=p.links - {src})
            case ("monitor", src, label, thing):
                p = p._replace(watchers=p.watchers | {(src, label, thing)})
            case ("demonitor", src, label):
                p = p._replace(watchers=frozenset(w for w in p.watchers if w[:2] != (src, label)))
            case ("ask", src):
                return [self._deliver(_put(state, who, p), who, src, ("answer", True))]
            case ("answer", answer):
                return [self._next(_put(state, who, p._replace(asking=False)), who, answer)]
        return [_put(state, who, p)]

    def _handle_exit(
        self, state: State, who: int, src: int, reason: str, linked: bool
    ) -> list[State]:
        p = state.procs[who]
        if linked and src not in p.links:
            return [state]
        p = p._replace(links=p.links - {src}) if linked else p
        state = _put(state, who, p)
        if reason == "kill" and not linked:
            return self._die(state, who, "killed")
        if p.trap:
            message = ("EXIT", self.letters[src], reason)
            return [_put(state, who, p._replace(box=(*p.box, message)))]
        harmless = reason == "normal" and src != who
        return [state] if harmless else self._die(state, who, reason)

    # -- the end of a process --------------------------------------------------------------------

    def _die(self, state: State, who: int, reason: str, own: bool = False) -> list[State]:
        """End a process: dead, its name free, its table and timers gone; nobody told yet."""
        p = state.procs[who]
        state = state._replace(
            timers=tuple(t for t in state.timers if t[2] != self.letters[who]),
            wires=tuple(_still_under_way(state.wires, who)),
        )
        queue = tuple(signal for signal in p.queue if signal[0] in ANSWERED)
        dead = Proc(queue=queue, links=p.links, watchers=p.watchers, reason=reason)
        dead = dead._replace(leaving=self._owns_table(state, who) or self._named(state, who))
        out = [_put(state, who, dead._replace(log=log)) for log in self._records(p, who, own)]
        while not self.rules.late_release and out[0].procs[who].leaving:
            out = [self._release(after, who) for after in out]
        return out

    def _owns_table(self, state: State, who: int) -> bool:
        return self.tabled and self.letters[who] == OWNER and state.table is not None

    def _named(self, state: State, who: int) -> bool:
        return who in dict(state.names).values()

    def _release(self, state: State, who: int) -> State:
        """Take away the table of a process that ends, or its name if the table is gone."""
        if self._owns_table(state, who):
            state, still = state._replace(table=None), self._named(state, who)
        else:
            names = tuple(name for name in state.names if name[1] != who)
            state, still = state._replace(names=names), False
        return _put(state, who, state.procs[who]._replace(leaving=still))

    def _records(self, p: Proc, who: int, own: bool) -> list[tuple[Any, ...] | None]:
        """List what may be on record of a process that ends now."""
        if own:
            return [p.log]
        if self.record == "end":
            return [p.log, None] if self._op(p, who)[0] == "end" else [None]
        return [p.log, p.log[:-1]] if p.fresh and p.log else [p.log]

    def _farewell(self, state: State, who: int) -> list[State]:
        """Tell links, then monitors, then those with unhandled requests: one at a time."""
        p = state.procs[who]
        if p.leaving:
            return [self._release(state, who)]
        if p.links:
            told = ((p._replace(links=p.links - {peer}), peer) for peer in sorted(p.links))
            signal = ("exit", who, p.reason, True)
            return [self._deliver(_put(state, who, q), who, peer, signal) for q, peer in told]
        if p.watchers:
            return [
                self._deliver(
                    _put(state, who, p._replace(watchers=p.watchers - {w})),
                    who, w[0], ("down", w[1], w[2], p.reason),
                )
                for w in sorted(p.watchers, key=repr)
            ]  # fmt: skip
        if p.queue:
            rest = _put(state, who, p._replace(queue=p.queue[1:]))
            return [self._answer(rest, who, p.queue[0])]
        return []

    # -- operations: each gives the states after it, none while it has to wait -------------------

    def _send(self, state: State, who: int, target: str, value: str) -> list[State]:
        message = ("own" if self.at.get(target) == who else "msg", value)
        if target in self.at:
            return [self._deliver(self._next(state, who), who, self.at[target], message)]
        holder = dict(state.names).get(target)
        if holder is None:
            return [self._next(state, who, "badarg")]
        message = ("own" if holder == who else "msg", value)
        return [self._deliver(self._next(state, who, "sent"), who, holder, message)]

    def _exit(self, state: State, who: int, target: str, reason: str) -> list[State]:
        signal = ("exit", who, reason, False)
        return [self._deliver(self._next(state, who), who, self.at[target], signal)]

    def _exit_self(self, state: State, who: int, _: str, reason: str) -> list[State]:
        signal, p = ("exit", who, reason, False), state.procs[who]
        if "exit_self" in self.rules.observing:
            return self._handle_exit(self._next(state, who), who, *signal[1:])
        lethal = reason == "kill" or not p.trap
        return [self._arrive(self._next(state, who, asking=lethal), who, signal)]

    def _end(self, state: State, who: int, reason: str) -> list[State]:
        return self._die(state, who, reason, own=True)

    def _link(self, state: State, who: int, target: str) -> list[State]:
        p, peer = state.procs[who], self.at[target]
        if peer == who:
            return [self._next(state, who, "ok")]
        if state.procs[peer].reason is not None:
            if not p.trap:
                return [self._next(state, who, "noproc")]
            if self.rules.late_noproc:
                state = self._next(state, who, "ok", links=p.links | {peer})
                return [self._deliver(state, who, who, ("exit", peer, "noproc", True), late=True)]
            message = ("msg", ("EXIT", target, "noproc"))
            return [self._arrive(self._next(state, who, "ok"), who, message)]
        state = self._next(state, who, "ok", links=p.links | {peer})
        return [state if peer in p.links else self._deliver(state, who, peer, ("link", who))]

    def _unlink(self, state: State, who: int, target: str) -> list[State]:
        p, peer = state.procs[who], self.at[target]
        state = self._next(state, who, links=p.links - {peer})
        return [self._deliver(state, who, peer, ("unlink", who)) if peer in p.links else state]

    def _monitor(self, state: State, who: int, target: str, label: str) -> list[State]:
        p = state.procs[who]
        named = target not in self.at
        peer = dict(state.names).get(target) if named else self.at[target]
        thing = (target, "nonode") if named else target
        if peer == who:
            return [self._next(state, who)]
        watching = p.watching | {(label, -1 if peer is None else peer)}
        if peer is None:
            state = self._next(state, who, watching=watching)
            return [self._arrive(state, who, ("down", label, thing, "noproc"))]
        signal = ("monitor", who, label, thing)
        if self.lazy:
            return [self._next(state, who, watching=watching, held=(peer, signal))]
        return [self._deliver(self._next(state, who, watching=watching), who, peer, signal)]

    def _demonitor(self, state: State, who: int, label: str, mode: str) -> list[State]:
        p = state.procs[who]
        gone = [watch for watch in p.watching if watch[0] == label]
        box = p.box
        if "flush" in mode:
            box = tuple(m for m in box if not (m[0] == "DOWN" and m[1] == label))
        seen = bool(gone) if "info" in mode else NOTHING
        state = self._next(state, who, seen, watching=p.watching - set(gone), box=box)
        for _, peer in gone:
            if peer != -1:
                state = self._deliver(state, who, peer, ("demonitor", who, label))
        return [state]

    def _trap(self, state: State, who: int, flag: bool) -> list[State]:
        return [self._next(state, who, trap=flag)]

    def _register(self, state: State, who: int, name: str, target: str | None) -> list[State]:
        held = dict(state.names)
        holder = who if target is None else self.at[target]
        if name in held or holder in held.values() or state.procs[holder].reason is not None:
            return [self._next(state, who, "badarg")]
        return [self._next(state, who, True)._replace(names=_set(state.names, name, holder))]

    def _unregister(self, state: State, who: int, name: str) -> list[State]:
        if name not in dict(state.names):
            return [self._next(state, who, "badarg")]
        return [self._next(state, who, True)._replace(names=_set(state.names, name, None))]

    def _whereis(self, state: State, who: int, name: str) -> list[State]:
        holder = dict(state.names).get(name)
        return [self._next(state, who, None if holder is None else self.letters[holder])]

    def _alive(self, state: State, who: int, target: str) -> list[State]:
        peer = self.at[target]
        if state.procs[peer].leaving:
            return []  # a process that is asked while it ends answers when it has ended
        if peer == who or state.procs[peer].reason is not None:
            return [self._next(state, who, peer == who)]
        p = state.procs[who]
        asking = _put(state, who, p._replace(asking=True, fresh=False))
        out = [self._deliver(asking, who, peer, ("ask", who))]
        ahead = (*state.procs[peer].queue, *dict(state.wires).get((who, peer), ()))
        if self.rules.peeking and all(signal[0] in PLAIN for signal in (*p.queue, *ahead)):
            out.append(self._next(state, who, True))
        return out

    def _len(self, state: State, who: int) -> list[State]:
        return [self._next(state, who, len(state.procs[who].box))]

    def _insert(self, state: State, who: int, key: str, value: str) -> list[State]:
        if state.table is None:
            return [self._next(state, who, "badarg")]
        return [self._next(state, who, True)._replace(table=_set(state.table, key, value))]

    def _insert_new(self, state: State, who: int, key: str, value: str) -> list[State]:
        if state.table is not None and key in dict(state.table):
            return [self._next(state, who, False)]
        return self._insert(state, who, key, value)

    def _delete(self, state: State, who: int, key: str) -> list[State]:
        if state.table is None:
            return [self._next(state, who, "badarg")]
        return [self._next(state, who, True)._replace(table=_set(state.table, key, None))]

    def _lookup(self, state: State, who: int, key: str) -> list[State]:
        if state.table is None:
            return [self._next(state, who, "badarg")]
        return [self._next(state, who, dict(state.table).get(key))]

    def _spin(self, state: State, who: int, key: str) -> list[State]:
        if state.table is not None and key not in dict(state.table):
            return []
        return self._lookup(state, who, key)

    # -- timers ----------------------------------------------------------------------------------

    def _send_after(
        self, state: State, who: int, target: str, value: str, ms: int, label: str
    ) -> list[State]:
        state = self._next(state, who)
        if target in self.at and state.procs[self.at[target]].reason is not None:
            return [state]
        timer = (who, label, target, value, ms)
        return [state._replace(timers=tuple(sorted((*state.timers, timer))))]

    def _cancel(self, state: State, who: int, label: str) -> list[State]:
        rest = tuple(t for t in state.timers if t[:2] != (who, label))
        left = "left" if len(rest) < len(state.timers) else False
        return [self._next(state, who, left)._replace(timers=rest)]

    def _fire(self, state: State, timer: tuple[int, str, str, str, int]) -> State:
        state = state._replace(timers=tuple(t for t in state.timers if t != timer))
        holder = self.at.get(timer[2], dict(state.names).get(timer[2]))
        return state if holder is None else self._arrive(state, holder, ("msg", timer[3]))

    def _clocked(
        self, before: State, state: State, guard: Guard | None, start: bool = False
    ) -> State | None:
        """Check that real time allows this event now, and carry the clocks over it."""
        live: dict[zones.Name, int] = {("timer", *t[:2]): t[4] for t in state.timers}
        fresh: set[zones.Name] = {("timer", *t[:2]) for t in state.timers if t not in before.timers}
        for who, p in enumerate(state.procs):
            op = self._op(p, who)
            if p.reason is None and op[0] == "recv" and op[2]:
                live["wait", who] = zones.FREE
                if start or p.pc != before.procs[who].pc:
                    fresh.add(("wait", who))
        zone = zones.after(before.zone, guard, live, fresh)
        return None if zone is None else state._replace(zone=zone)


def _put(state: State, who: int, p: Proc) -> State:
    return state._replace(procs=(*state.procs[:who], p, *state.procs[who + 1 :]))


def _set(pairs: tuple[tuple[Any, Any], ...], key: Any, value: Any) -> tuple[tuple[Any, Any], ...]:
    """Set a key of a sorted map of pairs; None removes it."""
    rest = [pair for pair in pairs if pair[0] != key]
    return tuple(sorted([*rest, (key, value)] if value is not None else rest))


def _still_under_way(wires: Iterable[Any], dead: int) -> Iterator[Any]:
    """Keep what still matters on the way to a process that has died."""
    for pair, signals in wires:
        left = tuple(s for s in signals if pair[1] != dead or s[0] in ANSWERED)
        if left:
            yield pair, left


def _own(signal: Signal, who: int) -> bool:
    """Tell whether a process has sent this to itself: its length counts it (FINDINGS, 9)."""
    return signal[0] == "own" or (signal[0] == "exit" and signal[1] == who)


def _matches(patterns: tuple[str, ...] | None, message: Message) -> bool:
    return patterns is None or (message[0] if isinstance(message, tuple) else message) in patterns


@dataclass(frozen=True)
class Explored:
    """Hold what a search has found."""

    outcomes: frozenset[Outcome]
    states: int

    @cached_property
    def listed(self) -> tuple[Outcome, ...]:
        return tuple(sorted(self.outcomes, key=repr))


def explore(
    program: Program,
    network: str = "node",
    rules: Rules = VM,
    record: str = "each",
    limit: int = 2_000_000,
) -> Explored:
    """Visit every state of `program` once and collect the outcomes of the final ones."""
    model = Model(program, network, rules, record)
    start = model.initial()
    seen, stack, outcomes = {start}, [start], set()
    while stack:
        state = stack.pop()
        following = model.successors(state)
        if not following:
            outcomes.add(model.outcome(state))
        for after in following:
            if after not in seen:
                if len(seen) >= limit:
                    raise TooManyStates(f"more than {limit} states: {program}")
                seen.add(after)
                stack.append(after)
    return Explored(frozenset(outcomes), len(seen))


def outcomes(
    program: Program, network: str = "node", rules: Rules = VM, record: str = "each"
) -> frozenset[Outcome]:
    """Give every outcome of `program`."""
    return explore(program, network, rules, record).outcomes


def runs(
    program: Program, network: str = "node", rules: Rules = VM, limit: int = 10_000_000
) -> tuple[int | None, frozenset[Outcome]]:
    """Count the runs of `program`, without remembering states: only for the smallest ones.

    The count is None when the search was cut short after `limit` events.
    """
    model = Model(program, network, rules)
    count = 0
    found: set[Outcome] = set()
    stack = [model.initial()]
    for _ in range(limit):
        if not stack:
            return count, frozenset(found)
        state = stack.pop()
        following = model.successors(state)
        stack.extend(following)
        if not following:
            count += 1
            found.add(model.outcome(state))
    return None, frozenset(found)
