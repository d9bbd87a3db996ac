"""A small language for concurrent programs of two to five processes.

A program is straight-line code for each process. Every process exists, and knows the pid of every
other, before the first operation of any of them runs; so does one public table, owned by `main`.
Processes are named by a letter (or `main`), registered names are any other word. Only children are
not there from the start: an operation `spawn` starts one, whose pid is known to its parent from
then on, and to itself; it knows those that its parent knew.

An operation that can observe something, or fail, leaves one entry in the log of its process:

    recv            the message, or "timeout"
    send to a name  "sent" or "badarg"
    link            "ok" or "noproc" (raised)
    demonitor       True or False (with info only)
    register        True or "badarg"; unregister likewise
    whereis         a letter or None
    alive           True or False
    len             a number
    cancel          "left" or False
    insert, lookup, insert_new, delete, spin      the result, or "badarg" once the table is gone

Whatever always has the same result (send to a pid, exit, unlink, monitor, trap, plain demonitor,
spawn) leaves none. A raised error is caught, logged, and the process goes on. Messages are values
(words), ("EXIT", letter, reason) and ("DOWN", label, "process", letter or (name, "nonode"),
reason).

The outcome of a run is, for each process in program order, (letter, log, reason), where reason is
"stuck" for a process that is still alive when nothing can happen any more, and "unborn" for a child
that was never started.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

Op = tuple[Any, ...]
Outcome = tuple[tuple[str, tuple[Any, ...] | None, str], ...]

OWNER: Final = "main"
STUCK: Final = "stuck"
UNBORN: Final = "unborn"


@dataclass(frozen=True)
class Program:
    """Hold the code of each process, `main` included, in the order in which they are listed."""

    name: str
    bodies: tuple[tuple[str, tuple[Op, ...]], ...]

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(letter for letter, _ in self.bodies)

    @property
    def timed(self) -> bool:
        """Tell whether real time restricts the order of events: only exact timers do."""
        return any(op[0] == "send_after" for _, ops in self.bodies for op in ops)

    @cached_property
    def children(self) -> frozenset[str]:
        """Name the processes that others start."""
        return frozenset(op[1] for _, ops in self.bodies for op in ops if op[0] == "spawn")

    @property
    def roots(self) -> tuple[str, ...]:
        """List the processes that are there from the start."""
        return tuple(letter for letter in self.letters if letter not in self.children)

    @property
    def nested(self) -> tuple[tuple[str, tuple[Op, ...]], ...]:
        """Give the code of the roots, with that of a child in the operation that starts it."""
        bodies = dict(self.bodies)

        def whole(letter: str) -> tuple[Op, ...]:
            return tuple((*op, whole(op[1])) if op[0] == "spawn" else op for op in bodies[letter])

        return tuple((letter, whole(letter)) for letter in self.roots)

    def __str__(self) -> str:
        return " · ".join(f"{who}: {'; '.join(map(show, ops))}" for who, ops in self.bodies if ops)


def program(name: str, **bodies: list[Op]) -> Program:
    """Build a program; `main` is added with an empty body where it is not given."""
    bodies.setdefault(OWNER, [])
    order = sorted(bodies, key=lambda letter: (letter != OWNER, letter))
    return Program(name, tuple((letter, tuple(bodies[letter])) for letter in order))


def show(op: Op) -> str:
    """Write an operation as it is built."""
    return f"{op[0]}({', '.join(str(part) for part in op[1:] if part is not None)})"


def send(target: str, value: str) -> Op:
    return ("send", target, value)


def spawn(child: str, how: str = "plain", label: str | None = None) -> Op:
    """Start a process; `how` is plain, link or monitor, the last with a label."""
    return ("spawn", child, how, label)


def recv(*patterns: str, after: int | None = None) -> Op:
    """Take the first message that is one of `patterns` (words; "EXIT" and "DOWN" match by kind)."""
    return ("recv", tuple(patterns) or None, after)


def kill(target: str) -> Op:
    return ("exit", target, "kill")


def exit_(target: str, reason: str) -> Op:
    return ("exit", target, reason)


def end(reason: str) -> Op:
    """Leave by exit/1."""
    return ("end", reason)


def link(target: str) -> Op:
    return ("link", target)


def unlink(target: str) -> Op:
    return ("unlink", target)


def monitor(target: str, label: str = "m") -> Op:
    return ("monitor", target, label)


def demonitor(label: str = "m", mode: str = "plain") -> Op:
    """Remove a monitor; `mode` is plain, flush, info or flush_info."""
    return ("demonitor", label, mode)


def trap(flag: bool = True) -> Op:
    return ("trap", flag)


def register(name: str, target: str | None = None) -> Op:
    """Register `target`, or oneself."""
    return ("register", name, target)


def unregister(name: str) -> Op:
    return ("unregister", name)


def whereis(name: str) -> Op:
    return ("whereis", name)


def alive(target: str) -> Op:
    return ("alive", target)


def length() -> Op:
    """Read one's own message_queue_len."""
    return ("len",)


def send_after(target: str, value: str, ms: int, label: str = "t") -> Op:
    return ("send_after", target, value, ms, label)


def cancel(label: str = "t") -> Op:
    return ("cancel", label)


def insert(key: str, value: str) -> Op:
    return ("insert", key, value)


def lookup(key: str) -> Op:
    return ("lookup", key)


def insert_new(key: str, value: str) -> Op:
    return ("insert_new", key, value)


def delete(key: str) -> Op:
    return ("delete", key)


def spin(key: str) -> Op:
    """Look `key` up until it is there."""
    return ("spin", key)
