"""Several processes that search depth first together: who has nothing to do gets a branch.

Each goes as `checkers.dfs` does, and a situation is searched by who comes to it first, which a
table that all have in common tells. What an edge leads to is told to this process, which puts the
graph together; its states and edges are the same whoever made them, and going through it depth
first (`checkers.dfs.Walk`) is the search that one process makes. What the transitions are called
depends on who made them, where situations differ in names only; so edges have no names, and a way
through the graph is gone again by a machine for those that it has there.
"""

from __future__ import annotations

import mmap
import pickle
import selectors
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from checkers.breadth import ASKED, LOOKED, Situations
from checkers.dfs import looks
from checkers.fleet import GRACE_S, Fleet
from checkers.graph import StateGraph
from checkers.judged import Ending
from checkers.link import DONE, FAILED, Killed, Link, forked
from checkers.workers import ATTEMPTS, POLL_S
from simkernel.errors import InternalError
from simkernel.kernel.machine import Transition
from simkernel.leftovers import globals_kept

FOUND, IDLE, GIVES, ASKS, TAKES = b"B", b"I", b"G", b"A", b"T"
"""Of a process: what it found, that it has nothing to do, a branch for another. To one: the
question for a branch, and a branch."""

OFTEN, SELDOM = 32, 256  # transitions: between two looks at what is asked, between two messages
SLOTS = 1 << 22

Label = tuple[Transition, bool]
"""A transition, and whether it is the one of the default schedule."""

Option = tuple[int, Transition]
"""Which of the ways out of a situation, and the transition."""


class Claims:
    """Situations that somebody searches, for processes that are forked later.

    Two that claim at the same moment may both succeed, and both search.

    >>> claims = Claims()
    >>> claims.claim(b"here"), claims.claim(b"here")
    (True, False)
    """

    def __init__(self) -> None:
        self._slots = memoryview(mmap.mmap(-1, 8 * SLOTS)).cast("Q")

    def claim(self, key: bytes) -> bool:
        """Tell whether nobody has claimed a situation before."""
        # Whoever was forked hashes alike. If two keys do, `Walk` meets one that nobody searched.
        mark = hash(key) & (1 << 63) - 1 | 1
        at = (mark >> 1) % SLOTS
        slots = self._slots
        for _ in range(SLOTS):
            found = slots[at]
            if found == mark:
                return False
            if not found:
                slots[at] = mark
                return True
            at = (at + 1) % SLOTS
        return True


class Branch(NamedTuple):
    """Ways out of a situation that another is to go: how it is reached, its name, the ways."""

    path: list[Label]
    key: bytes
    left: list[Option]
    usual: Transition


class Found(NamedTuple):
    """What a process found since its last message; situations go by its own numbers for them."""

    keys: list[bytes]  # of those that are new to it, in the order of their numbers
    opened: list[tuple[int, int]]  # a situation that it searches, and how many ways lead out
    edges: list[tuple[int, int, int]]  # from, which way, to
    stops: list[tuple[int, int, str]]  # from, which way, why the search is over there
    ends: list[tuple[int, Ending, list[Label]]]  # no way, if nothing is wrong there
    waiting: int  # branches that it could give away
    deep: bool  # whether a way was too long


class Digger:
    """One of the processes."""

    def __init__(self, situations: Situations, claims: Claims, link: Link, depth_max: int):
        self.situations = situations
        self.run = situations.run
        self.claims = claims
        self.link = link
        self.depth_max = depth_max
        self.path: list[Label] = []
        self.known: dict[bytes, int] = {}
        self.keys: list[bytes] = []
        self.stack: list[tuple[Any, list[Option], int, int, Transition]] = []
        self.deep = False
        self._told = 0
        self._steps = 0
        self._empty()

    def _empty(self) -> None:
        self.opened: list[tuple[int, int]] = []
        self.edges: list[tuple[int, int, int]] = []
        self.stops: list[tuple[int, int, str]] = []
        self.ends: list[tuple[int, Ending, list[Label]]] = []

    def tell(self) -> None:
        """Say what was found."""
        keys = self.keys[self._told :]
        self._told = len(self.keys)
        found = Found(
            keys, self.opened, self.edges, self.stops, self.ends, len(self.stack), self.deep
        )
        self.link.send(FOUND, pickle.dumps(found))
        self._empty()

    def work(self) -> None:
        """Search what there is to search, until told that it is over."""
        while True:
            while self.stack:
                if not self._dig():
                    return
            self.tell()
            self.link.send(IDLE, b"")
            if not self._answer():
                return

    def _answer(self) -> bool:
        """Do what is asked; False if it is over."""
        kind, content = self.link.receive()
        if kind == DONE:
            return False
        if kind == ASKS:
            branch = self._give()
            self.tell()  # before another goes on from there
            self.link.send(GIVES, pickle.dumps(branch))
        else:
            self._take(pickle.loads(content))
        return True

    def _take(self, branch: Branch) -> None:
        """Go on from where another was, or begin if there is no way to be gone."""
        self.run.restore(self.situations.start)
        for transition, _ in branch.path:
            self.run.apply(transition)
        self.path = list(branch.path)
        here, left, usual = self._number(branch.key), branch.left, branch.usual
        if not left and (way := self._open(here, branch.key)) is not None:
            self.stack.clear()
            left, usual = list(enumerate(self.situations.options()[0])), way[3]
        if left:
            self.stack.append((self.run.snapshot(), left, len(self.path), here, usual))

    def _give(self) -> Branch | None:
        """Give away what would be searched last: the most is to be expected of it."""
        if not self.stack:
            return None
        _, left, depth, here, usual = self.stack.pop(0)
        return Branch(self.path[:depth], self.keys[here], left, usual)

    def _number(self, key: bytes) -> int:
        number = self.known.setdefault(key, len(self.keys))
        if number == len(self.keys):
            self.keys.append(key)
        return number

    def _dig(self) -> bool:
        """Go back to a branch and on from there, until nothing new comes; False if it is over."""
        saved, left, depth, here, usual = self.stack.pop()
        self.run.restore(saved)
        del self.path[depth:]
        if len(left) > 1:
            self.stack.append((saved, left[1:], depth, here, usual))
        way: tuple[int, Transition, int, Transition] | None = (*left[0], here, usual)
        while way is not None:
            way = self._go(*way)
            self._steps += 1
            if self._steps % OFTEN == 0 and not self._listens():
                return False
        return True

    def _listens(self) -> bool:
        """Say what was found, if it is much, and do what is asked; False if it is over."""
        if len(self.edges) > SELDOM:
            self.tell()
        return not self.link.is_told() or self._answer()

    def _go(
        self, at: int, transition: Transition, here: int, usual: Transition
    ) -> tuple[int, Transition, int, Transition] | None:
        """Go one way; give the next, if the situation there is nobody else's."""
        run, situations = self.run, self.situations
        if situations.early and looks(run.m, transition):
            self._stop(here, at, LOOKED)
            return None
        clock = run.m.clock
        if situations.timeless:
            clock.asked = False
        run.apply(transition)
        if situations.timeless and clock.asked:
            self._stop(here, at, ASKED)
            return None
        key = situations.key(None)
        to = self.known.get(key)
        if to is not None and not self.deep:  # else it may have been left for its depth
            self.edges.append((here, at, to))
            return None
        to = self._number(key)
        self.edges.append((here, at, to))
        self.path.append((transition, transition is usual))
        return self._open(to, key)

    def _stop(self, here: int, at: int, why: str) -> None:
        self.edges.append((here, at, here))
        self.stops.append((here, at, why))

    def _open(self, here: int, key: bytes) -> tuple[int, Transition, int, Transition] | None:
        if len(self.path) >= self.depth_max:
            self.deep = True
            return None
        if not self.claims.claim(key):
            return None
        options, usual = self.situations.options()
        self.opened.append((here, len(options)))
        if usual is None:
            ending = self.run.ending(self.run.ended())
            self.ends.append((here, ending, list(self.path) if ending.findings else []))
            return None
        if len(options) > 1:
            left = list(enumerate(options))[1:]
            self.stack.append((self.run.snapshot(), left, len(self.path), here, usual))
        return 0, options[0], here, usual


class Split:
    """The search by all of them: `together` gives the graph, `endings` and `stopping`."""

    def __init__(
        self, fleet: Fleet, situations: Situations, cut: Callable[[], bool], depth_max: int
    ):
        self.fleet = fleet
        self.situations = situations
        self.cut = cut
        self.depth_max = depth_max
        self.links: list[Link] = []
        self._begin()

    def _begin(self) -> None:
        self.graph = StateGraph()
        self.stopping: dict[tuple[int, int], str] = {}
        self.endings: dict[int, tuple[Ending, list[Label]]] = {}
        self.deep = False
        self._numbers: dict[bytes, int] = {}
        count = self.fleet.count
        self._opened: set[int] = set()
        self._states: list[list[int]] = [[] for _ in range(count)]  # by their numbers for them
        self._waiting = [0] * count
        self._idle: dict[int, None] = {}
        self._asked: dict[int, int] = {}  # who was asked for a branch, and for whom

    def together(self) -> None:
        """Search until all is searched, or `cut` says so."""
        for attempt in range(ATTEMPTS):
            claims = Claims()
            self._begin()
            try:
                for _ in range(self.fleet.count):
                    self.links.append(forked(partial(self._dig, claims), self.links))
                self._carry()
                return
            except Killed as killed:
                if attempt + 1 < ATTEMPTS:
                    self.fleet.notes.append(f"{killed}, and the search was begun again")
                else:
                    self.fleet.lost = f"{ATTEMPTS} workers were lost: the last {killed}"
            finally:
                self._over()

    @property
    def unsearched(self) -> AbstractSet[int]:
        """Give the states that nobody searched, because the ways to them were too long."""
        left = set(range(len(self.graph))) - self._opened
        if left and not self.deep and not self.stopping:
            raise InternalError("processes that search together have left a situation out")
        return left

    def labels(self, states: list[int]) -> list[Label]:
        """Go a way through the graph, from one state to the next; give its transitions.

        Situations that are alike may be told apart (`simkernel.kernel.fingerprints`), and then by
        names that the way here does not give: the way is that of who found what is at its end.
        """
        run, situations = self.situations.run, self.situations
        keys = list(self._numbers)
        labels: list[Label] = []
        run.restore(situations.start)
        for state in states:
            saved = run.snapshot()
            options, usual = situations.options()
            for transition in options:
                run.apply(transition)
                if situations.key(None) == keys[state]:
                    labels.append((transition, transition is usual))
                    break
                run.restore(saved)
            else:
                return self.endings[states[-1]][1]
        return labels

    def _carry(self) -> None:
        """Take in what they find, and give those that are idle a branch of the others."""
        first = self.situations.key(*self.situations.initial())
        self._reached(first)
        root: bytes | None = first
        with selectors.DefaultSelector() as selector:
            for index, link in enumerate(self.links):
                selector.register(link.socket, selectors.EVENT_READ, index)
            while True:
                ready = selector.select(POLL_S)
                for chosen, _ in ready:
                    self._hear(chosen.data)
                if self.cut():
                    return
                if len(self._idle) == len(self.links):
                    if root is None:
                        self.graph.complete = True
                        return
                    del self._idle[0]
                    self._send(0, TAKES, Branch([], root, [], Transition("start", None)))
                    root = None
                self._share()

    def _hear(self, index: int) -> None:
        link = self.links[index]
        while True:
            kind, content = link.hear(lambda: None)
            if kind == FOUND:
                self._note(index, pickle.loads(content))
            elif kind == IDLE:
                self._idle[index] = None
            else:
                branch = pickle.loads(content)
                taker = self._asked.pop(index)
                if branch is None:
                    self._waiting[index] = 0
                else:
                    self._waiting[index] -= 1
                    del self._idle[taker]
                    self._send(taker, TAKES, branch)
            if not link.data:
                return

    def _share(self) -> None:
        for taker in [one for one in self._idle if one not in self._asked.values()]:
            asked = [
                (self._waiting[index], -index)
                for index in range(len(self.links))
                if index not in self._idle and index not in self._asked and self._waiting[index]
            ]
            if not asked:
                return
            giver = -max(asked)[1]
            self._asked[giver] = taker
            self._send(giver, ASKS, None)

    def _send(self, index: int, kind: bytes, content: Any) -> None:
        with suppress(ConnectionError):  # who is gone is missed when it does not answer
            self.links[index].send(kind, pickle.dumps(content))

    def _reached(self, key: bytes) -> int:
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self.graph.edges):
            self.graph.edges.append([])
            self.graph.came.append(None)
        return number

    def _note(self, index: int, found: Found) -> None:
        states, edges = self._states[index], self.graph.edges
        states += map(self._reached, found.keys)
        self._waiting[index] = found.waiting
        self.deep = self.deep or found.deep
        self.graph.generated += len(found.edges)
        for here, ways in found.opened:
            if states[here] not in self._opened:
                self._opened.add(states[here])
                edges[states[here]] = [(None, -1)] * ways
        for here, at, to in found.edges:
            edges[states[here]][at] = (states[to], states[to])
        for here, at, why in found.stops:
            self.stopping[states[here], at] = why
        for here, ending, path in found.ends:
            self.endings.setdefault(states[here], (ending, path))

    def _over(self) -> None:
        """Ask for what was seen on the way, and end them."""
        until = self.fleet.elapsed() + GRACE_S

        def wait() -> None:
            if self.fleet.elapsed() > until:
                raise EOFError

        for link in self.links:  # all at once: each has to clear up
            with suppress(OSError):
                link.send(DONE, b"")
        for link in self.links:
            with suppress(EOFError, OSError):
                kind = b""
                while kind not in (DONE, FAILED):
                    kind, content = link.receive(wait)
                    if kind == DONE:
                        self.fleet.absorb(pickle.loads(content))
            link.end()
        self.links = []

    def _dig(self, claims: Claims, link: Link) -> bytes:
        """Be one of them; at the end give what was seen by the way."""
        self.fleet.child = True
        judge = self.fleet.fresh()
        with globals_kept(self.fleet.spec.main):
            Digger(self.situations, claims, link, self.depth_max).work()
        judge.note(self.situations.run)
        return pickle.dumps(judge)
