"""Run programs of the reference language on the simulated kernel.

`root(program)` is a main for `simulate` and for the checkers. It starts the processes, watches
their ends, and returns the outcome once all have ended. Where some may be stuck, it never returns:
read the outcome from what was logged (`from_logged`).

With record="each" every observation is a `log` effect right after its operation, and the outcome is
in the log only. With record="end" a process reports all of its observations in one message before
it ends; the root logs and returns them. Compare with brute.outcomes of the same `record`.

A process that refers only to processes started before it is given their pids as arguments; another
one waits for a message of the root. Neither can be observed: no process knows the root.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    ErlangError,
    Exit,
    Pid,
    Ref,
    alive,
    cancel_timer,
    demonitor,
    ets,
    link,
    log,
    monitor,
    process_flag,
    process_info,
    receive,
    register,
    self_,
    send,
    send_after,
    spawn_monitor,
    unlink,
    unregister,
    whereis,
)
from simkernel import exit as exit_signal
from tests.reference.programs import OWNER, STUCK, Op, Outcome, Program

SILENT = ("silent",)
TABLE_OPS = frozenset({"insert", "insert_new", "lookup", "delete", "spin"})


def root(program: Program, record: str = "end") -> Callable[[], Coroutine[Any, Any, Outcome]]:
    """Give the main that runs `program`."""

    async def main() -> Outcome:
        return await supervise(program, record)

    return main


def from_logged(program: Program, logged: Iterable[Any]) -> Outcome:
    """Read the outcome of a run from what was logged; who has not ended is stuck."""
    seen: dict[str, list[Any]] = {letter: [] for letter in program.letters}
    entries = list(logged)
    letters = {what: letter for kind, letter, what in entries if kind == "pid"}
    each = ("record", "root", "each") in entries
    whole = {letter: named(what, letters) for kind, letter, what in entries if kind == "report"}
    reasons = {letter: what for kind, letter, what in entries if kind == "end"}
    for kind, letter, what in entries:
        if kind == "seen":
            seen[letter].append(named(what, letters))
    return tuple(
        (
            letter,
            tuple(seen[letter]) if each else whole.get(letter) if letter in reasons else None,
            reasons.get(letter, STUCK),
        )
        for letter in program.letters
    )


def named(value: Any, letters: dict[Pid, str]) -> Any:
    """Write the letters of processes for their pids."""
    if isinstance(value, Pid):
        return letters[value]
    return tuple(named(part, letters) for part in value) if isinstance(value, tuple) else value


async def supervise(program: Program, record: str) -> Outcome:
    """Start every process, then wait for every end."""
    log(("record", "root", record))
    code = dict(program.bodies)
    order, early = start_order(program)
    tabled = any(op[0] in TABLE_OPS for ops in code.values() for op in ops)
    pids: dict[str, Pid] = {}
    letters: dict[Pid, str] = {}
    table: Any = None
    for letter in order:
        known = tuple(pids.items()) if letter in early else None
        makes_table = tabled and letter == OWNER
        arguments = (letter, code[letter], known, table, makes_table, self_(), record)
        pid, _ = spawn_monitor(process, *arguments)
        pids[letter], letters[pid] = pid, letter
        log(("pid", letter, pid))
        if makes_table:
            _, table = await receive(("table", ANY))
    for letter in order:
        if letter not in early:
            send(pids[letter], ("go", tuple(pids.items())))
    return await ends(program, letters)


async def ends(program: Program, letters: dict[Pid, str]) -> Outcome:
    """Collect reports and ends until no process is left."""
    logs: dict[str, tuple[Any, ...]] = {}
    reasons: dict[str, str] = {}
    while len(reasons) < len(letters):
        message = await receive(("report", ANY, ANY), ("DOWN", ANY, "process", ANY, ANY), idle=True)
        if message[0] == "report":
            log(message)
            logs[message[1]] = named(message[2], letters)
        else:
            letter = letters[message[3]]
            reasons[letter] = message[4]
            log(("end", letter, message[4]))
    return tuple((letter, logs.get(letter), reasons[letter]) for letter in program.letters)


def start_order(program: Program) -> tuple[tuple[str, ...], frozenset[str]]:
    """Choose an order in which few processes need pids of later ones; name those that need none."""
    needs = {
        letter: {op[i] for op in ops for i in places(op)} & set(program.letters) - {letter}
        for letter, ops in program.bodies
    }
    tabled = any(op[0] in TABLE_OPS for _, ops in program.bodies for op in ops)
    order: list[str] = [OWNER] if tabled else []
    early: set[str] = set()
    while len(order) < len(needs):
        left = [letter for letter in program.letters if letter not in order]
        ready = [letter for letter in left if needs[letter] <= set(order)]
        order.append((ready or left)[0])
        early |= set(ready[:1])
    return tuple(order), frozenset(early)


def places(op: Op) -> tuple[int, ...]:
    """Say where in an operation a letter may stand."""
    match op[0]:
        case "register":
            return (2,)
        case "send" | "exit" | "link" | "unlink" | "monitor" | "alive" | "send_after":
            return (1,)
    return ()


async def process(
    letter: str,
    ops: tuple[Op, ...],
    known: tuple[tuple[str, Pid], ...] | None,
    table: Any,
    makes_table: bool,
    starter: Pid,
    record: str,
) -> None:
    """Be one process of a program."""
    if makes_table:
        table = await ets.new("shared", access="public")
        send(starter, ("table", table))
    if known is None:
        _, known = await receive(("go", ANY))
    body = Body(letter, dict(known), table)
    for op in ops:
        if op[0] == "end":
            break
        seen = await body.perform(op)
        if seen is not SILENT:
            body.seen.append(seen)
            if record == "each":
                log(("seen", letter, seen))
    if record == "end":
        send(starter, ("report", letter, tuple(body.seen)))
    if ops and ops[-1][0] == "end":
        raise Exit(ops[-1][1])


class Body:
    """Perform operations; knows the pids and labels that they are written with."""

    def __init__(
        self, letter: str, pids: dict[str, Pid], table: Any, refs: dict[str, Ref] | None = None
    ) -> None:
        self.pids = {**pids, letter: self_()}
        self.table = table
        self.refs = refs or {}
        self.labels = {ref: label for label, ref in self.refs.items()}
        self.seen: list[Any] = []

    async def perform(self, op: Op) -> Any:
        """Perform one operation; give what it has observed, or SILENT."""
        try:
            return await getattr(self, f"_{op[0]}")(*op[1:])
        except ErlangError as error:
            return error.reason

    async def _send(self, target: str, value: str) -> Any:
        if target in self.pids:
            send(self.pids[target], value)
            return SILENT
        await send(target, value)
        return "sent"

    async def _recv(self, patterns: tuple[str, ...] | None, after: int | None) -> Any:
        if patterns is None:
            message = await receive(ANY, after=after)
        else:
            message = await receive(*map(pattern, patterns), after=after)
        return "timeout" if message is TIMEOUT else self._plain(message)

    def _plain(self, message: Any) -> Any:
        """Write the label of a monitor for its reference; pids become letters at the root."""
        match message:
            case ("DOWN", ref, kind, thing, reason):
                return ("DOWN", self.labels[ref], kind, thing, reason)
        return message

    async def _exit(self, target: str, reason: str) -> Any:
        exit_signal(self.pids[target], reason)
        return SILENT

    async def _link(self, target: str) -> Any:
        await link(self.pids[target])
        return "ok"

    async def _unlink(self, target: str) -> Any:
        unlink(self.pids[target])
        return SILENT

    async def _monitor(self, target: str, label: str) -> Any:
        ref = monitor(self.pids.get(target, target))
        self.refs[label], self.labels[ref] = ref, label
        return SILENT

    async def _demonitor(self, label: str, mode: str) -> Any:
        ref = self.refs[label]
        if mode == "plain":
            demonitor(ref)
            return SILENT
        found = await demonitor(ref, flush="flush" in mode, info="info" in mode)
        return found if "info" in mode else SILENT

    async def _trap(self, flag: bool) -> Any:
        process_flag("trap_exit", flag)
        return SILENT

    async def _register(self, name: str, target: str | None) -> Any:
        await register(self_() if target is None else self.pids[target], name)
        return True

    async def _unregister(self, name: str) -> Any:
        await unregister(name)
        return True

    async def _whereis(self, name: str) -> Any:
        return await whereis(name)

    async def _alive(self, target: str) -> Any:
        return await alive(self.pids[target])

    async def _len(self) -> Any:
        return (await process_info(self_(), "message_queue_len"))[1]

    async def _send_after(self, target: str, value: str, ms: int, label: str) -> Any:
        self.refs[label] = send_after(self.pids.get(target, target), value, ms)
        return SILENT

    async def _cancel(self, label: str) -> Any:
        left = await cancel_timer(self.refs[label])
        return False if left is False else "left"

    async def _insert(self, key: str, value: str) -> Any:
        return await ets.insert(self.table, (key, value))

    async def _insert_new(self, key: str, value: str) -> Any:
        return await ets.insert_new(self.table, (key, value))

    async def _delete(self, key: str) -> Any:
        return await ets.delete(self.table, key)

    async def _lookup(self, key: str) -> Any:
        rows = await ets.lookup(self.table, key)
        return rows[0][1] if len(rows) else None

    async def _spin(self, key: str) -> Any:
        value = None
        while value is None:
            value = await self._lookup(key)
        return value


def pattern(word: str) -> Any:
    """Give the kernel's pattern for a word of the language."""
    match word:
        case "EXIT":
            return ("EXIT", ANY, ANY)
        case "DOWN":
            return ("DOWN", ANY, "process", ANY, ANY)
    return word
