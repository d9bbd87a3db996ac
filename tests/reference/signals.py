"""What signals do in the brute-force reference: how they travel, are handled, and end a process."""

from __future__ import annotations

from typing import Any

from tests.reference.programs import OWNER, STUCK, UNBORN, Op, Outcome, Program
from tests.reference.states import (
    ANSWERED,
    NOTHING,
    TABLE_OPS,
    VM,
    Proc,
    Rules,
    Signal,
    State,
    put,
    set_,
    still_under_way,
)


class Signals:
    """Hold one program on one network under one set of rules.

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

    def outcome(self, state: State) -> Outcome:
        return tuple(
            (letter, self._final_log(p), p.reason or (UNBORN if p.unborn else STUCK))
            for letter, p in zip(self.letters, state.procs, strict=True)
        )

    def _final_log(self, p: Proc) -> tuple[Any, ...] | None:
        return None if self.record == "end" and p.reason is None else p.log

    def _op(self, p: Proc, who: int) -> Op:
        ops = self.ops[who]
        return ops[p.pc] if p.pc < len(ops) else ("end", "normal")

    def _next(self, state: State, who: int, seen: Any = NOTHING, **changes: Any) -> State:
        """Go on to the next operation, with what this one has observed."""
        p = state.procs[who]
        log = p.log if seen is NOTHING or p.log is None else (*p.log, seen)
        changes |= {"pc": p.pc + 1, "log": log, "fresh": seen is not NOTHING}
        return put(state, who, p._replace(**changes))

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
        return state._replace(wires=set_(state.wires, (src, dst), (*under_way, signal)))

    def _arrive(self, state: State, dst: int, signal: Signal) -> State:
        p = state.procs[dst]
        if p.reason is not None:
            return self._answer(state, dst, signal)
        return put(state, dst, p._replace(queue=(*p.queue, signal)))

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
                return self._handle_exit(put(state, who, p), who, src, reason, linked)
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
                return [self._deliver(put(state, who, p), who, src, ("answer", True))]
            case ("answer", answer):
                return [self._next(put(state, who, p._replace(asking=False)), who, answer)]
        return [put(state, who, p)]

    def _handle_exit(
        self, state: State, who: int, src: int, reason: str, linked: bool
    ) -> list[State]:
        p = state.procs[who]
        if linked and src not in p.links:
            return [state]
        p = p._replace(links=p.links - {src}) if linked else p
        state = put(state, who, p)
        if reason == "kill" and not linked:
            return self._die(state, who, "killed")
        if p.trap:
            message = ("EXIT", self.letters[src], reason)
            return [put(state, who, p._replace(box=(*p.box, message)))]
        harmless = reason == "normal" and src != who
        return [state] if harmless else self._die(state, who, reason)

    # -- the end of a process --------------------------------------------------------------------

    def _die(self, state: State, who: int, reason: str, own: bool = False) -> list[State]:
        """End a process: dead, its name free, its table and timers gone; nobody told yet."""
        p = state.procs[who]
        state = state._replace(
            timers=tuple(t for t in state.timers if t[2] != self.letters[who]),
            wires=tuple(still_under_way(state.wires, who)),
        )
        queue = tuple(signal for signal in p.queue if signal[0] in ANSWERED)
        dead = Proc(queue=queue, links=p.links, watchers=p.watchers, reason=reason)
        dead = dead._replace(leaving=self._owns_table(state, who) or self._named(state, who))
        out = [put(state, who, dead._replace(log=log)) for log in self._records(p, who, own)]
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
        return put(state, who, state.procs[who]._replace(leaving=still))

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
            return [self._deliver(put(state, who, q), who, peer, signal) for q, peer in told]
        if p.watchers:
            return [
                self._deliver(
                    put(state, who, p._replace(watchers=p.watchers - {w})),
                    who, w[0], ("down", w[1], w[2], p.reason),
                )
                for w in sorted(p.watchers, key=repr)
            ]  # fmt: skip
        if p.queue:
            rest = put(state, who, p._replace(queue=p.queue[1:]))
            return [self._answer(rest, who, p.queue[0])]
        return []
