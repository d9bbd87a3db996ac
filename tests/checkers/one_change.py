"""What can come first that a run did not show, by enumeration: the oracle of prediction.

Every interleaving is followed as long as all that is seen was seen in the recorded run, too; the
first thing that was not is what one change leads to. What is seen is told in two ways:

- *takes*: what each process took, or that its time was over, each with its number at that process;
- *deeds*: all that a tape tells of each process while it lives, and what it is about to do next.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from checkers.dfs import Dfs, Plain
from checkers.prediction import Predicted, Predictor
from simkernel import ANY, TIMEOUT, receive, self_, send, spawn
from simkernel.kernel import codes
from simkernel.kernel.clock import Clock
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.settings import Settings
from simkernel.spec import Spec
from simkernel.terms import Pid, show

Sight = tuple[str, int, str]


class Takes:
    """What the processes of a machine have taken, in order."""

    def __init__(self, main: Any, network: str, clock: Clock):
        self.m = Machine(main, (), network=network, clock=clock, snapshots=True)
        self.counts: Counter[str] = Counter()

    def apply(self, step: Transition) -> Sight | None:
        """Let a transition happen; give what is seen by it."""
        seen: Any = None
        if step.kind in ("take", "timeout"):
            p = self.m.processes[step.who]
            seen = p.mailbox[p.match] if step.kind == "take" and p.mailbox else "over"
        self.m.apply(step)
        return None if seen is None else self.counted(step.who, show(seen))

    def counted(self, who: Pid, seen: str) -> Sight:
        """Give something that was seen, with its number."""
        self.counts[str(who)] += 1
        return str(who), self.counts[str(who)], seen


class Deeds(Takes):
    """What the processes of a machine have done and seen, in order.

    A question counts when it is answered. Of a signal that kills, who sent it and why are told.
    """

    def __init__(self, main: Any, network: str, clock: Clock):
        self.tape: list[Any] = []
        self.m = Machine(
            main, (), network=network, clock=clock, snapshots=True, tape=self.tape.append
        )
        self.counts = Counter()

    def apply(self, step: Transition) -> Sight | None:
        """Let a transition happen; give what is seen by it."""
        m, who = self.m, step.who
        p = m.processes.get(who) if type(who) is Pid else None
        answer = p is not None and p.arrived and p.arrived[0][0] == codes.S_ANSWER
        self.tape.clear()
        m.apply(step)
        if p is None:
            return None
        said = [one for at, one in map(_deed, self.tape) if at == who and one is not None]
        dead = who not in m.processes
        if step.kind == "handle" and not dead:
            said = ["asked"] if answer else []
        if not dead and p.effects:
            said += ["next", show(tuple(p.effects[p.cursor :]))] if said else []
        elif said == ["asked"]:
            said = []  # the answer is still to come
        return self.counted(who, " ".join(said)) if said else None


def _deed(told: tuple[Any, ...]) -> tuple[Any, str | None]:
    """Say what a tape tells, and of whom."""
    kind, who, *rest = told
    if kind in ("note", "expire", "rest"):
        return who, None
    if kind in ("alive", "info", "peek"):
        return who, "asked"
    if kind == "handle":
        signal = rest[0]
        return who, show(signal[1:3])
    return who, show((kind, *rest))


class Agreeing(Plain):
    """A machine that stops at the first sight that a recorded run did not have."""

    def __init__(self, sights: Takes, known: frozenset[Sight]):
        super().__init__(sights.m)
        self.known = known
        self.sights = sights
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


class Search(Dfs):
    """Every interleaving of such a machine."""

    def __init__(self, run: Agreeing):
        super().__init__(run.m, history=run.history)
        self.run = run


def sights_of(
    main: Any, network: str, path: Sequence[Transition], kind: type[Takes] = Takes
) -> list[Sight]:
    """Give what is seen in a run, in order."""
    sights = kind(main, network, SymbolicClock())
    found = [sight for step in path if (sight := sights.apply(step)) is not None]
    sights.m.close()
    return found


def enumerated(
    main: Any, known: frozenset[Sight], network: str, *, kind: type[Takes] = Takes,
    most: int = 60_000, clock: Callable[[], Clock] = SymbolicClock,
) -> set[Sight] | None:  # fmt: skip
    """Give every first sight that is not of the run; None if there are too many situations."""
    run = Agreeing(kind(main, network, clock()), known)
    search = Search(run)
    for _ in search.leaves(cut=lambda: search.transitions > most):
        pass
    run.m.close()
    return None if search.cut else run.new


def predicted(
    spec: Spec, settings: Settings, path: Sequence[Transition], known: frozenset[Sight],
    *, time: str = "any", kind: type[Takes] = Takes,
) -> tuple[set[Sight], Predictor]:  # fmt: skip
    """Give the first sights that are not of the recorded run, of each predicted one."""
    work = Predictor(spec, {}, settings, time)
    found: set[Sight] = set()
    for one in work.others(path, 10_000):
        sights = sights_of(spec.main, settings.network, one.path, kind)
        found.update(_first(one, [sight for sight in sights if sight not in known], kind))
    assert not work.found.stopped
    return found, work


def _first(one: Predicted, new: list[Sight], kind: type[Takes]) -> list[Sight]:
    if kind is Takes:
        return new[:1]
    # Of those that the prediction itself names: none of them comes after another.
    return [next(sight for sight in new if sight[0] == str(who)) for who, *_ in one.first]


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
