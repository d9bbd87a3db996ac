"""What can come first that a run did not show, by enumeration: the oracle of prediction.

A *sight* is what a process took, that its time was over, or what it logged, with its number at that
process. Every interleaving is followed as long as all sights are those of the recorded run; the
first one that is not is what one change leads to.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from checkers.dfs import Dfs, Plain
from checkers.prediction import Predictor
from simkernel import ANY, TIMEOUT, receive, self_, send, spawn
from simkernel.kernel.clock import Clock
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.settings import Settings
from simkernel.spec import Spec
from simkernel.terms import show

Sight = tuple[str, int, str]


class Sights:
    """What the processes of a machine have seen, in order."""

    def __init__(self, m: Machine, *, logs: bool):
        self.m = m
        self.logs = logs
        self.counts: Counter[str] = Counter()

    def apply(self, step: Transition) -> Sight | None:
        """Let a transition happen; give what is seen by it."""
        m, logged = self.m, len(self.m.logged)
        seen: Any = None
        if not self.logs and step.kind in ("take", "timeout"):
            p = m.processes[step.who]
            seen = p.mailbox[p.match] if step.kind == "take" and p.mailbox else "over"
        m.apply(step)
        if self.logs and len(m.logged) > logged:
            seen = m.logged[-1]
        if seen is None:
            return None
        who = str(step.who)
        self.counts[who] += 1
        return who, self.counts[who], show(seen)


class Agreeing(Plain):
    """A machine that stops at the first sight that a recorded run did not have."""

    def __init__(self, m: Machine, known: frozenset[Sight], *, logs: bool):
        super().__init__(m)
        self.known = known
        self.sights = Sights(m, logs=logs)
        self.new: set[Sight] = set()
        self.over = False
        self.enabled = self._enabled
        self.apply = self._apply

    def _enabled(self) -> list[Transition]:
        return [] if self.over else self.m.enabled()

    def _apply(self, step: Transition) -> None:
        sight = self.sights.apply(step)
        if sight is not None and sight not in self.known:
            self.new.add(sight)
            self.over = True

    def history(self) -> bytes:
        """Tell situations apart by what was seen."""
        return repr((sorted(self.sights.counts.items()), self.over)).encode()

    def snapshot(self) -> Any:
        """Save the machine, and what was seen."""
        return snapshot(self.m), Counter(self.sights.counts), self.over

    def restore(self, saved: Any) -> None:
        """Go back."""
        restore(self.m, saved[0])
        self.sights.counts, self.over = Counter(saved[1]), saved[2]


def sights_of(m: Machine, path: Sequence[Transition], *, logs: bool) -> list[Sight]:
    """Give what is seen in a run, in order."""
    sights = Sights(m, logs=logs)
    found = [sight for step in path if (sight := sights.apply(step)) is not None]
    m.close()
    return found


class Search(Dfs):
    """Every interleaving of such a machine."""

    def __init__(self, run: Agreeing):
        super().__init__(run.m, history=run.history)
        self.run = run


def enumerated(
    main: Any, known: frozenset[Sight], network: str, *, logs: bool, most: int = 60_000,
    clock: Clock | None = None,
) -> set[Sight] | None:  # fmt: skip
    """Give every first sight that is not of the run; None if there are too many situations."""
    m = Machine(main, (), network=network, clock=clock or SymbolicClock(), snapshots=True)
    run = Agreeing(m, known, logs=logs)
    search = Search(run)
    for _ in search.leaves(cut=lambda: search.transitions > most):
        pass
    m.close()
    return None if search.cut else run.new


def predicted(
    spec: Spec, settings: Settings, path: Sequence[Transition], known: frozenset[Sight],
    *, logs: bool, time: str = "any", changes: int = 1,
) -> tuple[set[Sight], Predictor]:  # fmt: skip
    """Give the first sight of each predicted run that is not of the recorded one."""
    work = Predictor(spec, {}, settings, time)
    found = set()
    for one in work.others(path, 10_000, changes=changes):
        sights = sights_of(spec.machine({}, one.settings), one.path, logs=logs)
        found.update([sight for sight in sights if sight not in known][:1])
    return found, work


# --- Programs of messages -------------------------------------------------------------------------

WORDS = ("a", "b")


def talk(draw: random.Random, size: int) -> tuple[tuple[Any, ...], ...]:
    """Write three processes that send to each other, and receive any message, a word, or poll."""
    bodies: list[list[Any]] = [[], [], []]
    for _ in range(size):
        who = draw.randrange(3)
        if draw.random() < (0.3, 0.7, 0.7)[who]:
            bodies[who].append(("send", draw.randrange(3), draw.choice(WORDS)))
        else:
            bodies[who].append(("take", draw.choice((None, *WORDS)), draw.random() < 0.3))
    return tuple(map(tuple, bodies))


def _limit(given: Any) -> int | None:
    """Give a time limit: none for False, at once for True, or so many ms."""
    return int(given) if type(given) is int else 0 if given else None


async def spoken(me: int, ops: tuple[Any, ...], pids: Any) -> None:
    """Be one of them; each message says who sent it, and how many it had sent before."""
    known, sent = (*pids, self_()) if me else pids, 0
    for op in ops:
        if op[0] == "send":
            send(known[op[1] % len(known)], ("said", op[2], me, sent))
            sent += 1
        else:
            word = ANY if op[1] is None else op[1]
            found = await receive(("said", word, ANY, ANY), after=_limit(op[2]))
            if found is TIMEOUT:
                sent += 10  # what it says from now on is something else


async def main_of(bodies: tuple[tuple[Any, ...], ...]) -> None:
    """Be the first, and start the others; each knows those before it."""
    pids = [self_()]
    for number in (1, 2):
        pids.append(spawn(spoken, number, bodies[number], tuple(pids)))
    await spoken(0, bodies[0], pids)
