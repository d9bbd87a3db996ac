"""Random programs for the real kernel: what the language of tests/reference cannot say.

Processes are spawned while the program runs, with links and monitors; there are aliases, questions
to processes, whole-table operations, choices and work. Every process logs what it sees, with a
number of its own, so that an outcome holds what each has seen in which order.
"""

from __future__ import annotations

import random
from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    ErlangError,
    Exit,
    Pid,
    Ref,
    alias,
    alive,
    cancel_timer,
    choose,
    demonitor,
    ets,
    link,
    log,
    monitor,
    process_flag,
    process_info,
    processes,
    receive,
    register,
    self_,
    send,
    send_after,
    spawn,
    spawn_link,
    spawn_monitor,
    unalias,
    unlink,
    unregister,
    whereis,
    work,
)
from simkernel.kernel.effects import cast_name
from simkernel.kernel.effects import exit as exit_signal

Op = tuple[Any, ...]
WORDS = ("a", "b")
NAMES = ("n", "q")
KEYS = ("k", "l")
# How often each operation is written; the last ones only where they are asked for.
WEIGHTS = {
    "send": 8, "recv": 8, "spawn": 6, "exit": 3, "end": 1, "link": 2, "unlink": 1, "monitor": 3,
    "demonitor": 2, "trap": 2, "register": 2, "unregister": 1, "whereis": 1, "send_name": 1,
    "cast_name": 1, "alive": 1, "alias": 2, "monitor_alias": 1, "to_alias": 2, "insert": 2,
    "lookup": 2, "insert_new": 1, "delete": 1, "counter": 1, "take": 1, "choose": 1,
}  # fmt: skip
RARE = {
    "unalias": 2, "info": 2, "info_of": 2, "processes": 2, "tab2list": 2, "delete_table": 1,
    "give_away": 1, "table_info": 1,
}  # fmt: skip
TIMED = {"send_after": 4, "cancel": 2, "work": 2}
# What is about monitors, and what makes something known of others.
WATCHING = {
    "spawn": 4, "monitor": 3, "demonitor": 5, "monitor_alias": 3, "to_alias": 3, "call": 4,
    "serve": 4, "end": 2, "exit": 2, "recv": 4, "send": 3, "alias": 1, "unalias": 1, "insert": 2,
    "lookup": 2, "link": 1, "trap": 1, "alive": 1,
}  # fmt: skip
# What is about ends, and who notices.
DYING = {
    "spawn": 5, "exit": 5, "end": 5, "link": 4, "monitor": 2, "trap": 2, "recv": 4, "send": 2,
}  # fmt: skip
ABOUT = {"": WEIGHTS, "watching": WATCHING, "dying": DYING}


class Writer:
    """Writes one program; `left` is how many operations it may still write."""

    def __init__(self, draw: random.Random, size: int, rare: bool, timed: bool, about: str = ""):
        self.draw = draw
        self.left = size
        self.weights = {**ABOUT[about], **(RARE if rare else {}), **(TIMED if timed else {})}
        self.timed = timed

    def body(self, depth: int) -> tuple[Op, ...]:
        """Write one process; it knows itself as 0, who spawned it as 1, and then its children."""
        ops: list[Op] = []
        length = self.draw.randint(1, 4) if depth else self.left
        known = 2 if depth else 1
        while self.left > 0 and len(ops) < length:
            self.left -= 1
            kind = self.draw.choices(list(self.weights), list(self.weights.values()))[0]
            if depth == 0 and self.draw.random() < 0.5:
                kind = "spawn"
            if kind == "spawn" and depth < 2:
                way = self.draw.choice(("plain", "plain", "link", "monitor"))
                ops.append(("spawn", way, self.body(depth + 1)))
                known += 1
            else:
                ops.append(self.op(kind, known))
        return tuple(ops)

    def op(self, kind: str, known: int) -> Op:
        """Write one operation."""
        draw = self.draw
        someone = draw.randrange(known)
        word = draw.choice(WORDS)
        match kind:
            case "send" | "to_alias":
                return (kind, someone, word)
            case "recv" | "spawn":
                after = draw.choice((None, None, 0, 5 if self.timed else 0))
                return ("recv", draw.choice((None, None, "a", "b", "EXIT", "DOWN")), after)
            case "exit":
                return (kind, someone, draw.choice(("kill", "x", "normal")))
            case "end":
                return (kind, draw.choice(("x", "normal")))
            case "trap":
                return (kind, draw.random() < 0.75)
            case "demonitor":
                return (kind, draw.choice(("plain", "flush", "info", "both")))
            case "register" | "unregister" | "whereis":
                return (kind, draw.choice(NAMES))
            case "send_name" | "cast_name":
                return (kind, draw.choice(NAMES), word)
            case "alias":
                return (kind, draw.choice(("explicit_unalias", "reply")))
            case "insert" | "insert_new":
                return (kind, draw.choice(KEYS), word)
            case "lookup" | "delete" | "counter" | "take":
                return (kind, draw.choice(KEYS))
            case "monitor_alias":
                return (kind, someone, draw.choice(("demonitor", "reply_demonitor")))
            case "call":
                return (kind, someone, draw.choice((None, None, 0)))
            case "info":
                return (kind, draw.choice(("message_queue_len", "links", "monitors", "messages")))
            case "info_of":
                return (kind, someone, draw.choice(("message_queue_len", "links", "status")))
            case "send_after":
                return (kind, someone, word, draw.choice((5, 10)))
            case "work":
                return (kind, *draw.choice(((5, 5), (0, 10))))
        return (kind, someone)


def written(
    draw: random.Random, size: int, *, rare: bool = False, timed: bool = False, about: str = ""
) -> Any:
    """Write one program of about `size` operations; `about` tells which are frequent."""
    return Writer(draw, size, rare, timed, about).body(0)


async def main(ops: tuple[Op, ...]) -> None:
    """Be the root of a program: make the table, be its first process, and wait for ever."""
    await ets.new("t", named=True, access="public")
    await acts(ops, None)
    await receive("never", idle=True)


async def acts(ops: tuple[Op, ...], parent: Pid | None) -> None:
    """Be one process of a program."""
    body = Body(parent)
    for op in ops:
        try:
            seen = await getattr(body, f"do_{op[0]}")(*op[1:])
        except ErlangError as error:
            seen = ("raised", error.reason)
        if seen is not None:
            log((self_(), body.seen, seen))
            body.seen += 1


class Body:
    """Performs the operations of one process; each gives what it saw, or None."""

    def __init__(self, parent: Pid | None):
        self.known = [self_()] if parent is None else [self_(), parent]
        self.refs: list[Ref] = []
        self.timers: list[Ref] = []
        self.alias: Ref | None = None
        self.seen = 0

    async def do_spawn(self, way: str, ops: tuple[Op, ...]) -> Any:
        if way == "monitor":
            pid, ref = spawn_monitor(acts, ops, self_())
            self.refs.append(ref)
        else:
            pid = (spawn_link if way == "link" else spawn)(acts, ops, self_())
        self.known.append(pid)

    async def do_send(self, to: int, word: str) -> Any:
        send(self.known[to], word)

    async def do_recv(self, what: str | None, after: int | None) -> Any:
        shape = {"EXIT": ("EXIT", ANY, ANY), "DOWN": ("DOWN", ANY, ANY, ANY, ANY)}
        patterns = () if what is None else (shape.get(what, what),)
        heard = await receive(*patterns, after=after)
        if type(heard) is tuple and heard[0] == "alias":
            self.alias = heard[1]
        return "timeout" if heard is TIMEOUT else heard

    async def do_exit(self, to: int, reason: str) -> Any:
        exit_signal(self.known[to], reason)

    async def do_end(self, reason: str) -> Any:
        raise Exit(reason)

    async def do_link(self, to: int) -> Any:
        await link(self.known[to])

    async def do_unlink(self, to: int) -> Any:
        unlink(self.known[to])

    async def do_monitor(self, to: int) -> Any:
        self.refs.append(monitor(self.known[to]))

    async def do_monitor_alias(self, to: int, mode: str) -> Any:
        ref = monitor(self.known[to], alias=mode)
        self.refs.append(ref)
        send(self.known[to], ("alias", ref))

    async def do_call(self, to: int, after: int | None) -> Any:
        ref = monitor(self.known[to], alias="demonitor")
        send(self.known[to], ("alias", ref))
        heard = await receive("reply", ("DOWN", ref, ANY, ANY, ANY), after=after)
        await demonitor(ref, flush=True)
        return "timeout" if heard is TIMEOUT else heard

    async def do_serve(self, _: int) -> Any:
        _, self.alias = await receive(("alias", ANY))
        send(self.alias, "reply")

    async def do_demonitor(self, mode: str) -> Any:
        if not self.refs:
            return None
        ref = self.refs[-1]
        if mode == "plain":
            demonitor(ref)
            return None
        found = await demonitor(ref, flush=mode != "info", info=mode != "flush")
        return ("demonitor", found)

    async def do_trap(self, flag: bool) -> Any:
        process_flag("trap_exit", flag)

    async def do_register(self, name: str) -> Any:
        return await register(self_(), name)

    async def do_unregister(self, name: str) -> Any:
        return await unregister(name)

    async def do_whereis(self, name: str) -> Any:
        return ("whereis", await whereis(name))

    async def do_send_name(self, name: str, word: str) -> Any:
        return await send(name, word)

    async def do_cast_name(self, name: str, word: str) -> Any:
        cast_name(name, word)

    async def do_alive(self, whom: int) -> Any:
        return ("alive", await alive(self.known[whom]))

    async def do_alias(self, mode: str) -> Any:
        ref = alias(mode)
        self.refs.append(ref)
        send(self.known[-1], ("alias", ref))

    async def do_to_alias(self, _: int, word: str) -> Any:
        if self.alias is not None:
            send(self.alias, word)

    async def do_unalias(self, _: int) -> Any:
        return ("unalias", await unalias(self.refs[-1])) if self.refs else None

    async def do_info(self, key: str) -> Any:
        return await process_info(self_(), key)

    async def do_info_of(self, whom: int, key: str) -> Any:
        return await process_info(self.known[whom], key)

    async def do_processes(self, _: int) -> Any:
        return await processes()

    async def do_insert(self, key: str, word: str) -> Any:
        await ets.insert("t", (key, word))

    async def do_insert_new(self, key: str, word: str) -> Any:
        return await ets.insert_new("t", (key, word))

    async def do_lookup(self, key: str) -> Any:
        return await ets.lookup("t", key)

    async def do_take(self, key: str) -> Any:
        return await ets.take("t", key)

    async def do_delete(self, key: str) -> Any:
        await ets.delete("t", key)

    async def do_counter(self, key: str) -> Any:
        return await ets.update_counter("t", key, 1, (key, 0))

    async def do_tab2list(self, _: int) -> Any:
        return await ets.tab2list("t")

    async def do_table_info(self, _: int) -> Any:
        return await ets.info("t")

    async def do_delete_table(self, _: int) -> Any:
        return await ets.delete("t")

    async def do_give_away(self, to: int) -> Any:
        return await ets.give_away("t", self.known[to], "gift")

    async def do_choose(self, _: int) -> Any:
        return ("chosen", await choose([1, 2]))

    async def do_send_after(self, to: int, word: str, ms: int) -> Any:
        self.timers.append(send_after(self.known[to], word, ms))

    async def do_cancel(self, _: int) -> Any:
        if not self.timers:
            return None
        return ("left", await cancel_timer(self.timers[-1]) is not False)

    async def do_work(self, low: int, high: int) -> Any:
        from simkernel import between

        await work(between(low, high))
