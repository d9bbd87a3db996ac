"""Random small programs over the whole language: the same seed gives the same programs."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.reference import brute
from tests.reference.programs import (
    Op,
    Program,
    alive,
    cancel,
    delete,
    demonitor,
    end,
    exit_,
    insert,
    insert_new,
    kill,
    length,
    link,
    lookup,
    monitor,
    program,
    recv,
    register,
    send,
    send_after,
    spawn,
    trap,
    unlink,
    unregister,
    whereis,
)

NAMES = ("n", "q")
VALUES = ("a", "b", "c")
REASONS = ("kill", "x", "y", "normal")
KINDS = {
    "send": 8, "recv": 9, "send_name": 2, "exit": 4, "end": 1, "link": 4, "unlink": 2, "monitor": 4,
    "demonitor": 2, "trap": 3, "register": 2, "unregister": 1, "whereis": 2, "alive": 2, "len": 2,
    "insert": 2, "lookup": 2, "insert_new": 1, "delete": 1, "send_after": 3, "cancel": 2,
}  # fmt: skip
TIMED = frozenset({"send_after", "cancel"})
CHILDREN = "XY"
SPAWNS = 5  # the weight of `spawn` where there are children


class _Writer:
    """Write the code of one process; it knows what it has set up so far.

    `unborn` has the letters of children that nobody starts yet, and `born` gets their code; None
    for both where there are to be none.
    """

    def __init__(
        self,
        draw: random.Random,
        me: str,
        letters: Sequence[str],
        timers: bool,
        unborn: list[str] | None = None,
        born: dict[str, list[Op]] | None = None,
    ) -> None:
        self.draw, self.me, self.letters, self.timers = draw, me, letters, timers
        self.unborn, self.born = unborn, born
        self.monitors: list[str] = []
        self.linked: list[str] = []
        self.armed: list[str] = []

    def body(self, size: int) -> list[Op]:
        kinds = [kind for kind in KINDS if self.timers or kind not in TIMED]
        weights = [KINDS[kind] for kind in kinds]
        if self.unborn is not None:
            kinds.append("spawn")
            weights.append(SPAWNS)
        ops: list[Op] = []
        while len(ops) < size:
            ops += self.op(self.draw.choices(kinds, weights)[0])
            if ops[-1][0] == "end":
                break
        return ops

    def other(self) -> str:
        """Choose a process, seldom oneself."""
        others = [letter for letter in self.letters if letter != self.me]
        return self.me if self.draw.random() < 0.08 else self.draw.choice(others)

    def op(self, kind: str) -> list[Op]:
        draw = self.draw
        match kind:
            case "send":
                return [send(self.other(), draw.choice(VALUES))]
            case "spawn":
                return self.child()
            case "send_name":
                return [send(draw.choice(NAMES), draw.choice(VALUES))]
            case "recv":
                return [self.receive()]
            case "exit":
                target = self.other()
                return [
                    kill(target) if draw.random() < 0.4 else exit_(target, draw.choice(REASONS))
                ]
            case "end":
                return [end(draw.choice(REASONS))]
            case "trap":
                return [trap(draw.random() < 0.75)]
            case "len":
                return [length()]
            case "alive":
                return [alive(self.other())]
            case "link" | "unlink" | "monitor" | "demonitor":
                return self.bond(kind)
            case "send_after" | "cancel":
                return self.timer(kind)
            case "register" | "unregister" | "whereis":
                return [self.naming(kind)]
            case _:
                return [self.table(kind)]

    def child(self) -> list[Op]:
        """Start a child, or do something with one if all are started."""
        draw, started = self.draw, [x for x in self.letters if x in CHILDREN]
        if not self.unborn:
            return [send(draw.choice(started) if started else self.other(), draw.choice(VALUES))]
        child, how = self.unborn.pop(0), draw.choice(("plain", "link", "link", "monitor"))
        self.letters = (*self.letters, child)
        assert self.born is not None
        writer = _Writer(draw, child, self.letters, self.timers, self.unborn, self.born)
        self.born[child] = writer.body(draw.choice((1, 1, 2, 3)))
        if how == "link":
            self.linked.append(child)
        if how != "monitor":
            return [spawn(child, how)]
        self.monitors.append(f"m{len(self.monitors) + 1}")
        return [spawn(child, how, self.monitors[-1])]

    def receive(self) -> Op:
        draw = self.draw
        finite = (5, 10) if self.timers else (0, 1, 3) if self.unborn is not None else (0,)
        after = draw.choice((None, None, 0, finite[0] if len(finite) == 1 else draw.choice(finite)))
        if draw.random() < 0.6:
            return recv(after=after)
        choice = sorted(draw.sample((*VALUES, "EXIT", "DOWN"), draw.choice((1, 2))))
        return recv(*choice, after=after)

    def bond(self, kind: str) -> list[Op]:
        draw = self.draw
        if kind == "demonitor" and self.monitors:
            mode = draw.choice(("plain", "flush", "info", "flush_info"))
            return [demonitor(draw.choice(self.monitors), mode)]
        if kind == "unlink":
            return [unlink(draw.choice(self.linked or [self.other()]))]
        if kind == "link":
            self.linked.append(self.other())
            return [link(self.linked[-1])]
        self.monitors.append(f"m{len(self.monitors) + 1}")
        by_name = draw.random() < 0.2
        return [monitor(draw.choice(NAMES) if by_name else self.other(), self.monitors[-1])]

    def timer(self, kind: str) -> list[Op]:
        draw = self.draw
        if kind == "cancel" and self.armed:
            return [cancel(draw.choice(self.armed))]
        self.armed.append(f"t{len(self.armed) + 1}")
        target = draw.choice(NAMES) if draw.random() < 0.15 else self.other()
        ms = draw.choice((5, 10, 20))
        return [send_after(target, draw.choice(VALUES), ms, self.armed[-1])]

    def naming(self, kind: str) -> Op:
        name = self.draw.choice(NAMES)
        if kind == "register":
            return register(name, self.other() if self.draw.random() < 0.2 else None)
        return unregister(name) if kind == "unregister" else whereis(name)

    def table(self, kind: str) -> Op:
        key, value = self.draw.choice(("k", "l")), self.draw.choice(VALUES)
        if kind == "insert":
            return insert(key, value)
        if kind == "insert_new":
            return insert_new(key, value)
        return lookup(key) if kind == "lookup" else delete(key)


def random_program(
    draw: random.Random, name: str, size: int, timers: bool = True, spawns: bool = False
) -> Program:
    """Write one program of about `size` operations in two to five processes, children included.

    With `spawns` there are up to two children, and receives that wait a while.
    """
    letters = ("main", *"ABC"[: draw.choice((1, 2, 2, 3))])
    shares = [draw.random() + 0.2 for _ in letters]
    each = [max(1, round(size * share / sum(shares))) for share in shares]
    unborn = list(CHILDREN[: 5 - len(letters)]) if spawns else None
    born: dict[str, list[Op]] = {}
    bodies = {
        letter: _Writer(draw, letter, letters, timers, unborn, born).body(count)
        for letter, count in zip(letters, each, strict=True)
    }
    if draw.random() < 0.7:  # or else the table is gone early most of the time
        bodies["main"].append(recv("zz"))
    return program(name, **bodies, **born)


def random_programs(
    seed: int,
    count: int,
    size: int = 7,
    *,
    timers: bool = True,
    states: int = 2000,
    network: str = "node",
    spawns: bool = False,
) -> list[Program]:
    """Give `count` programs whose brute-force search takes at most `states` states."""
    draw = random.Random(seed)
    found: list[Program] = []
    while len(found) < count:
        candidate = random_program(draw, f"random-{seed}-{len(found)}", size, timers, spawns)
        try:
            brute.explore(candidate, network, limit=states)
        except brute.TooManyStates:
            continue
        found.append(candidate)
    return found


def programs(size: int = 7, *, timers: bool = True) -> st.SearchStrategy[Program]:
    """Give random programs to Hypothesis; they shrink with its stream of choices."""
    return st.builds(
        lambda draw, n: random_program(draw, "drawn", n, timers),
        st.randoms(use_true_random=False),
        st.integers(2, size),
    )
