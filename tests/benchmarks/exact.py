"""How likely a random search finds the rare order of `reorder`, exactly.

Threads are lists of statements, each one event, and all are there at the beginning. A walk takes
each thread that has a statement left with the same probability. POS draws a priority for each
pending statement, takes the highest, and draws anew for those that race with it. All that matters
of the priorities is their order, and a new one is as likely at each place among all that were drawn
before: so what is remembered is the order of those that are pending, and how many lie in each gap
between them that are no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cache

Seen = tuple[int, int]
State = tuple[int, int, int, int]
"""The cells a and b, and what the reader saw of them; -1 before it has."""
Counters = tuple[int, ...]
Thread = tuple[str, ...]

BEGIN: State = (0, 0, -1, -1)


def threads_of(writers: int, *, starts: bool) -> tuple[Thread, ...]:
    """Give the threads: each writer writes a, then b, and the reader reads a, then b; each with an
    event before, if that its start is one."""
    start = ("start",) if starts else ()
    return (*[(*start, "write a", "write b")] * writers, (*start, "read a", "read b"))


def races(one: str, other: str, *, equal: bool) -> bool:
    """Tell whether two statements race; `equal` says whether two equal writes do."""
    if "start" in (one, other) or one[-1] != other[-1]:
        return False
    return "write" in one + other and (equal or one != other)


def after(state: State, statement: str) -> State:
    """Give what a statement leads to."""
    a, b, saw_a, saw_b = state
    match statement:
        case "write a":
            return 1, b, saw_a, saw_b
        case "write b":
            return a, 1, saw_a, saw_b
        case "read a":
            return a, b, a, saw_b
        case "read b":
            return a, b, saw_a, b
    return state


def of_a_walk(threads: tuple[Thread, ...], bad: Iterable[Seen]) -> Fraction:
    """Give the probability that a walk has the reader see one of these.

    >>> of_a_walk(threads_of(1, starts=False), [(1, 0)])
    Fraction(1, 8)
    """
    wanted = frozenset(bad)

    @cache
    def go_on(done: Counters, state: State) -> Fraction:
        if state[3] >= 0:
            return Fraction((state[2], state[3]) in wanted)
        able = [at for at, thread in enumerate(threads) if done[at] < len(thread)]
        ways = [go_on(_one_more(done, at), after(state, threads[at][done[at]])) for at in able]
        return sum(ways, Fraction(0)) / len(able)

    return go_on((0,) * len(threads), BEGIN)


def of_pos(threads: tuple[Thread, ...], bad: Iterable[Seen], *, equal: bool = False) -> Fraction:
    """Give the probability that POS has the reader see one of these.

    >>> of_pos(threads_of(1, starts=False), [(1, 0)])
    Fraction(1, 6)
    """
    wanted = frozenset(bad)

    @cache
    def drawn(
        order: Counters, gaps: Counters, done: Counters, state: State, new: Counters
    ) -> Fraction:
        """`order` are the pending threads from the lowest priority on."""
        if not new:
            return taken(order, gaps, done, state)
        whole = sum(gaps) + len(order) + 1
        total = Fraction(0)
        for at, gap in enumerate(gaps):
            for below in range(gap + 1):
                split = (*gaps[:at], below, gap - below, *gaps[at + 1 :])
                total += drawn((*order[:at], new[0], *order[at:]), split, done, state, new[1:])
        return total / whole

    def taken(order: Counters, gaps: Counters, done: Counters, state: State) -> Fraction:
        if state[3] >= 0:
            return Fraction((state[2], state[3]) in wanted)
        who = order[-1]
        statement = threads[who][done[who]]
        order, gaps = _gone(order, gaps, len(order) - 1)
        later = _one_more(done, who)
        new = [who] if later[who] < len(threads[who]) else []
        for other in order:
            if races(statement, threads[other][later[other]], equal=equal):
                new.append(other)
        for other in new:
            if other in order:
                order, gaps = _gone(order, gaps, order.index(other))
        return drawn(order, gaps, later, after(state, statement), tuple(sorted(new)))

    every = tuple(range(len(threads)))
    return drawn((), (0,), (0,) * len(threads), BEGIN, every)


def _one_more(done: Counters, at: int) -> Counters:
    return (*done[:at], done[at] + 1, *done[at + 1 :])


def _gone(order: Counters, gaps: Counters, at: int) -> tuple[Counters, Counters]:
    """Let a pending priority be one that is no more."""
    return (*order[:at], *order[at + 1 :]), (
        *gaps[:at],
        gaps[at] + gaps[at + 1] + 1,
        *gaps[at + 2 :],
    )
