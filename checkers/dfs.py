"""Plain depth-first search over the machine: the oracle for every cleverer search.

Every transition that `enabled()` gives is tried, from every situation. With `merge=True` (the
default) a situation whose fingerprint has been seen is not searched again; without it every single
interleaving is run, which is the same set of outcomes at a far greater cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from checkers.graph import StateGraph
from checkers.judged import Judged
from simkernel.kernel import codes
from simkernel.kernel.driver import seldom_collected
from simkernel.kernel.fingerprints import fingerprint
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import AT_REST
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import show, thaw


class Dfs:
    """One search. `leaves()` runs the machine to every end and yields there.

    Two ways to one situation are merged only if `history()` is the same too: what will be judged at
    the end and is no part of the situation, such as a death long ago.

    With `early` a plain message is handled as soon as it can be, and nothing else is tried there:
    nobody can tell, as long as no process looks at a queue. Ends are the same, with fewer
    situations. When one looks the search is over, and `looked` is set: it has to be made without.
    """

    def __init__(
        self,
        run: Judged | Plain | Machine,
        *,
        merge: bool = True,
        early: bool = False,
        timeless: bool = False,
        depth_max: int = 100_000,
        history: Callable[[], bytes] = bytes,
    ):
        self.early = early
        self.looked = False
        self.timeless = timeless
        self.asked = False
        self.run = Plain(run) if isinstance(run, Machine) else run
        self.m = self.run.m
        self.history = history
        self.merge = merge
        self.depth_max = depth_max
        self.seen: set[bytes] = set()
        self.path: list[Transition] = []
        self.cut = False
        self.round = False  # whether a way led back to a situation on it, with `merge`
        self._deviates: tuple[Any, ...] = ()  # (earlier, step)
        self._way: dict[bytes, None] = {}  # the situations on the path
        self.runs = 0
        self.transitions = 0

    def leaves(self, cut: Callable[[], bool] = lambda: False) -> Iterator[list[Transition]]:
        """Yield the path to every end; the machine stands there meanwhile.

        `cut` is asked now and then; once it says yes the search is over and `self.cut` is set.
        """
        with seldom_collected():
            yield from self._leaves(cut)

    def _leaves(self, cut: Callable[[], bool]) -> Iterator[list[Transition]]:
        run = self.run
        stack: list[tuple[Any, list[Transition], int]] = []
        options = self._options()
        while True:
            if self.transitions % 256 == 0 and cut():
                self.cut = True
                return
            if not options:
                if options is not None:
                    self.runs += 1
                    yield self.path
                options, saved = self._back(stack)
                if options is None:
                    return
                run.restore(saved)
            elif len(options) > 1:
                stack.append((run.snapshot(), options[1:], len(self.path)))
            if self.early and looks(self.m, options[0]):
                self.looked = True
                return
            self.path.append(options[0])
            self.transitions += 1
            run.apply(options[0])
            if self.timeless and self.m.clock.asked:
                self.asked = True
                return
            options = self._options()

    def deviations(self) -> list[int]:
        """Give the steps of the path that are not those of the default schedule."""
        found, left = [], self._deviates
        while left:
            left, step = left
            if step < len(self.path):
                found.append(step)
        return found[::-1]

    def _back(self, stack: list[Any]) -> tuple[list[Transition] | None, Any]:
        if not stack:
            return None, None
        saved, left, depth = stack.pop()
        del self.path[depth:]
        while len(self._way) > depth + 1:
            self._way.popitem()
        while self._deviates and self._deviates[1] >= depth:
            self._deviates = self._deviates[0]
        self._deviates = (self._deviates, depth)
        if len(left) > 1:
            stack.append((saved, left[1:], depth))
        return left[:1], saved

    def _options(self) -> list[Transition] | None:
        """Give what to try here; None where there is nothing new to see."""
        if len(self.path) >= self.depth_max:
            self.cut = True
            return None
        if self.merge:
            key = fingerprint(self.m, self.run.marks()) + self.history()
            if key in self.seen:
                self.round = self.round or key in self._way
                return None
            self.seen.add(key)
            self._way[key] = None
        options = self.run.enabled()
        if not self.early or len(options) < 2:
            return options
        taken = earliest(self.m, options)
        if taken[0] is not options[0]:
            self._deviates = (self._deviates, len(self.path))
        return taken


def earliest(m: Machine, options: list[Transition]) -> list[Transition]:
    """Leave only the handling of a plain message, if there is one: an ample set.

    It touches the queue and the mailbox of its process alone. Others only append to the queue; its
    own process takes what stands before it, times out once all is handled, or ends, and then the
    message is lost either way.
    """
    for option in options:
        if option.kind == "handle":
            arrived = m.processes[option.who].arrived
            if arrived and arrived[0][0] == codes.S_MESSAGE and arrived[0][4] is None:
                return [option]
    return options


def looks(m: Machine, transition: Transition) -> bool:
    """Tell whether a transition could tell a message that is handled from one that is not."""
    p = m.processes.get(transition.who) if transition.kind == "do" else None
    return p is not None and p.effects is not None and p.effects[p.cursor][0] == codes.INFO


class Walk:
    """The same search of a graph that is known: `leaves()` yields the labels to every end.

    `stopping` says at which edges it is over, by state and place, and why. `unsearched`
    are the states that the graph does not go on from, because the ways to them were too long.
    """

    def __init__(
        self, graph: StateGraph, stopping: Mapping[tuple[int, int], str], depth_max: int = 100_000,
        *, unsearched: AbstractSet[int] = frozenset(),
    ):  # fmt: skip
        self.graph = graph
        self.stopping = stopping
        self.depth_max = depth_max
        self.unsearched = unsearched
        self.seen: set[int] = set()
        self.state = 0
        self.cut = False
        self.stopped = ""
        self.transitions = 0

    def leaves(self) -> Iterator[list[Any]]:
        """Go every way; `state` is the one at the end meanwhile."""
        edges = self.graph.edges
        path: list[Any] = []
        stack: list[tuple[int, int, int]] = []  # state, the next of its edges, depth
        new = self._new(0, 0)
        while True:
            if new:
                if edges[self.state]:
                    stack.append((self.state, 0, len(path)))
                else:
                    yield path
            if not stack:
                return
            state, at, depth = stack.pop()
            del path[depth:]
            if at + 1 < len(edges[state]):
                stack.append((state, at + 1, depth))
            if (state, at) in self.stopping:
                self.stopped = self.stopping[state, at]
                return
            label, to = edges[state][at]
            path.append(label)
            self.transitions += 1
            new = self._new(to, len(path))

    def _new(self, state: int, depth: int) -> bool:
        self.state = state
        if depth >= self.depth_max:
            self.cut = True
            return False
        if state in self.seen:
            return False
        self.seen.add(state)
        if state in self.unsearched:
            self.cut = True
            return False
        return True


class Plain:
    """A machine alone, for who looks at its ends himself."""

    def __init__(self, m: Machine):
        self.m = m
        self.enabled = m.enabled
        self.apply = m.apply

    def marks(self) -> list[Any]:
        """Nobody is told apart."""
        return []

    def snapshot(self) -> Any:
        """Save the machine."""
        return snapshot(self.m)

    def restore(self, saved: Any) -> None:
        """Go back to a snapshot."""
        restore(self.m, saved)


def outcomes(
    main: Callable[..., Any], *args: Any, network: str = "node", merge: bool = True
) -> frozenset[Any]:
    """Give the set of what `main` can return, over every interleaving and timing.

    A run in which main does not return counts as ("stuck", what it had logged) or
    ("exit", reason). Values that Python cannot hash are given by their text.
    """
    m = Machine(main, args, network=network, clock=SymbolicClock(), snapshots=True)
    m.checking = True
    found = set()

    def history() -> bytes:
        return show((m.returned, tuple(m.logged), tuple(death[:2] for death in m.deaths))).encode()

    for _ in Dfs(m, merge=merge, history=history).leaves():
        found.add(_hashable(_outcome(m)))
    m.close()
    return frozenset(found)


def _outcome(m: Machine) -> Any:
    for death in m.deaths:
        if death.pid == m.root.pid:
            return ("exit", death.reason)
    if m.root.status == AT_REST:
        return thaw(m.returned)
    return ("stuck", tuple(thaw(line) for line in m.logged))


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return show(value)
    return value
