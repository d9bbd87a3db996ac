"""Every outcome of a program, by trying every order of its events: slow, plain and independent.

Each effect, each arrival (cluster), each handling of a signal, each end of a process, each death
signal and each timer is an event of its own. A state is an immutable value, `successors` gives
what can come next, and `explore` visits every state.

Rules are a value, because the documents and the real VM differ in what makes a process handle all
that has arrived (see FINDINGS.md): `LESSONS` is rule 7 of the kernel lessons,
`VM` what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tests.reference import zones
from tests.reference.programs import Op, Outcome, Program
from tests.reference.signals import Signals
from tests.reference.states import (
    LESSONS,
    MACHINE,
    NOTHING,
    PLAIN,
    PROMPT,
    RARE,
    SENDING,
    VM,
    Move,
    Proc,
    Rules,
    State,
    counts_its_own,
    matches,
    put,
    set_,
)
from tests.reference.zones import Guard

__all__ = ["LESSONS", "MACHINE", "PROMPT", "RARE", "VM", "explore", "outcomes", "runs"]


class TooManyStates(Exception):
    """Say that the budget of states ran out."""


class Model(Signals):
    """Give the transition system of a program."""

    def initial(self) -> State:
        children = self.program.children
        state = State(tuple(Proc(unborn=letter in children) for letter in self.letters))
        return self._clocked(state, state, None, start=True) or state

    def successors(self, state: State) -> list[State]:
        """List what can come next, in a fixed order."""
        out = []
        for after, guard in self._moves(state):
            clocked = self._clocked(state, after, guard) if self.timed else after
            if clocked is not None:
                out.append(clocked)
        return out

    # -- what can come next ----------------------------------------------------------------------

    def _moves(self, state: State) -> Iterator[Move]:
        for who, p in enumerate(state.procs):
            if p.unborn:
                continue
            if p.reason is not None:
                yield from ((after, None) for after in self._farewell(state, who))
                continue
            if p.held is not None:
                yield self._deliver(put(state, who, p._replace(held=None)), who, *p.held), None
            if p.queue:
                yield from ((after, None) for after in self._handle(state, who))
            if not p.asking:
                yield from self._act(state, who)
        for pair, signals in state.wires:
            rest = set_(state.wires, pair, signals[1:] or None)
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
        if kind == "len" and counts_its_own(p.queue, who):
            return
        for after in getattr(self, f"_{kind}")(state, who, *op[1:]):
            yield after, None

    def _receive(self, state: State, who: int, op: Op) -> Iterator[Move]:
        p, (_, patterns, wait) = state.procs[who], op
        for i, message in enumerate(p.box):
            if matches(patterns, message):
                box = p.box[:i] + p.box[i + 1 :]
                yield self._next(state, who, message, box=box), None
                return
        if wait is not None and not p.queue:
            guard = Guard(("wait", who), wait, False) if self.timed and wait else None
            yield self._next(state, who, "timeout"), guard

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

    def _spawn(
        self, state: State, who: int, child: str, how: str, label: str | None
    ) -> list[State]:
        peer = self.at[child]
        born = Proc()
        if how == "link":
            born = born._replace(links=frozenset({who}))
            links = state.procs[who].links | {peer}
            return [put(self._next(state, who, links=links), peer, born)]
        if how == "monitor":
            born = born._replace(watchers=frozenset({(who, label or "", child)}))
            watching = state.procs[who].watching | {(label or "", peer)}
            return [put(self._next(state, who, watching=watching), peer, born)]
        return [put(self._next(state, who), peer, born)]

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
        return [self._next(state, who, True)._replace(names=set_(state.names, name, holder))]

    def _unregister(self, state: State, who: int, name: str) -> list[State]:
        if name not in dict(state.names):
            return [self._next(state, who, "badarg")]
        return [self._next(state, who, True)._replace(names=set_(state.names, name, None))]

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
        asking = put(state, who, p._replace(asking=True, fresh=False))
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
        return [self._next(state, who, True)._replace(table=set_(state.table, key, value))]

    def _insert_new(self, state: State, who: int, key: str, value: str) -> list[State]:
        if state.table is not None and key in dict(state.table):
            return [self._next(state, who, False)]
        return self._insert(state, who, key, value)

    def _delete(self, state: State, who: int, key: str) -> list[State]:
        if state.table is None:
            return [self._next(state, who, "badarg")]
        return [self._next(state, who, True)._replace(table=set_(state.table, key, None))]

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
            if p.reason is None and not p.unborn and op[0] == "recv" and op[2]:
                live["wait", who] = zones.FREE
                if start or before.procs[who].unborn or p.pc != before.procs[who].pc:
                    fresh.add(("wait", who))
        zone = zones.after(before.zone, guard, live, fresh)
        return None if zone is None else state._replace(zone=zone)


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
