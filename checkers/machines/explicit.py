"""Searching all situations of a declared machine, nearest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from checkers.machines.compiled import Compiled, Left
from checkers.machines.declaration import Declaration
from checkers.machines.expressions import mistake
from checkers.machines.semantics import (
    Run,
    Step,
    between,
    failing,
    initial_states,
    successors,
)
from checkers.machines.symmetry import check_symmetry

CHUNK = 4_000


def stopwatch() -> Callable[[], float]:
    """Give what tells the seconds from now on."""
    start = monotonic()
    return lambda: monotonic() - start


@dataclass
class Limits:
    """How much may be spent; `spent` gives the seconds so far, from when this was made."""

    seconds: float = 60.0
    states: int = 20_000_000
    depth: int = 50
    spent: Callable[[], float] = field(default_factory=stopwatch)
    progress: Callable[[str], None] = lambda text: None

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self.seconds - self.spent()

    @property
    def milliseconds(self) -> int:
        """The same, as z3 wants it; never nothing, which would mean without end."""
        return max(1, int(self.left * 1000))


@dataclass
class Explored:
    """What a search has seen. `stopped` says why it was cut, and is empty if it was not."""

    states: int = 0
    generated: int = 0
    depth: int = 0
    ends: int = 0
    stopped: str = ""
    failed: str | None = None
    run: Run | None = None
    never: list[str] = field(default_factory=list)
    seen: dict[Any, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every situation was seen."""
        return not self.stopped and self.failed is None


class Explorer:
    """One search, breadth first, so that the run it finds is a shortest one."""

    def __init__(self, declaration: Declaration, limits: Limits, *, symmetry: bool = False):
        if symmetry:
            check_symmetry(declaration)
        self.declaration = declaration
        self.limits = limits
        self.code = Compiled(declaration, symmetry=symmetry)
        self.canonical = self.code.layout.canonical() if self.code.symmetry else lambda form: form
        self.found = Explored()
        self.reached = [False] * len(self.code.goals)

    def search(self) -> Explored:
        """See all situations, or stop at the first bad one, or at a limit."""
        found = self.found
        frontier = self._start()
        while frontier and found.failed is None and not found.stopped:
            frontier = self._level(frontier)
            if frontier and found.failed is None and not found.stopped:
                found.depth += 1
        found.states = len(found.seen)
        if found.complete:
            found.never = [
                name for (name, _), met in zip(self.code.goals, self.reached, strict=True)
                if not met
            ]  # fmt: skip
        return found

    def _start(self) -> list[Any]:
        seen = self.found.seen
        for state in initial_states(self.declaration):
            if failing(self.declaration, state) in self.declaration.ranges:
                self.found.failed, self.found.run = failing(self.declaration, state), Run(state)
                return []
            self.found.generated += 1
            seen.setdefault(self.canonical(self.code.layout.encode(state)), None)
        if not seen:
            raise mistake(
                "no situation is initial",
                "The starts of the variables and what is said with initially exclude each other.",
                self.declaration.at,
            )
        frontier = list(seen)
        self._judge(frontier)
        if self.found.failed is None and not any(map(self._moves, frontier)):
            raise mistake("no action can happen initially, so nothing ever happens",
                          "Look at the guards of the actions.", self.declaration.at)  # fmt: skip
        return frontier

    def _moves(self, form: Any) -> bool:
        try:
            return bool(self.code.successors(form))
        except Left:  # it does, and out of bounds
            return True

    def _level(self, frontier: list[Any]) -> list[Any]:
        found, limits = self.found, self.limits
        out: list[Any] = []
        for at in range(0, len(frontier), CHUNK):
            before = len(out)
            try:
                generated, ends = self.code.expand(frontier[at : at + CHUNK], found.seen, out)
            except Left as left:
                self._left(left)
                return []
            except KeyboardInterrupt:
                found.stopped = "interrupted"
                return []
            found.generated += generated
            found.ends += ends
            self._judge(out[before:])
            if found.failed is not None:
                return []
            limits.progress(f"{len(found.seen)} situations, depth {found.depth}")
            if len(found.seen) > limits.states:
                found.stopped = f"{limits.states} situations"
            elif limits.left < 0:
                found.stopped = f"{limits.seconds:g} s"
            if found.stopped:
                return []
        return out

    def _judge(self, states: list[Any]) -> None:
        bad = self.code.check(states, self.reached)
        if bad is not None:
            form, number = bad
            self.found.failed = self.code.conditions[number][0]
            self.found.run = self.run_to(form)

    def _left(self, left: Left) -> None:
        """Show the step that leaves the bounds of a variable, of whatever name its key is."""
        run = self.run_to(left.form)
        ranges = self.declaration.ranges
        action, state = next(
            (action, state) for action, state in successors(self.declaration, run.states[-1])
            if failing(self.declaration, state) in ranges
        )  # fmt: skip
        self.found.failed = failing(self.declaration, state)
        self.found.run = Run(run.start, (*run.steps, Step(action.name, state)))

    def run_to(self, form: Any) -> Run:
        """Give the run by which a situation was found."""
        chain = [form]
        while self.found.seen[chain[-1]] is not None:
            chain.append(self.found.seen[chain[-1]])
        chain.reverse()
        return self._along(chain)

    def _along(self, chain: list[Any]) -> Run:
        """Make a run of situations that are known up to names."""
        declaration, encode = self.declaration, self.code.layout.encode
        decode = self.code.layout.decode
        state = next(
            state for state in initial_states(declaration)
            if self.canonical(encode(state)) == chain[0]
        )  # fmt: skip
        run = Run(state)
        for wanted in chain[1:]:
            form = next(
                t for _, t in self.code.successors(encode(run.states[-1]))
                if self.canonical(t) == wanted
            )  # fmt: skip
            step = between(declaration, run.states[-1], decode(form))
            run = Run(run.start, (*run.steps, step))
        return run


def explore(
    declaration: Declaration, limits: Limits | None = None, *, symmetry: bool = False
) -> Explored:
    """Search all situations of a machine.

    >>> light = Declaration("light")
    >>> color = light.choice("color", "red green", start="red")
    >>> _ = light.action("go", when=color == "red", then={color: "green"})
    >>> explore(light).states
    2
    """
    declaration.ready()
    return Explorer(declaration, limits or Limits(), symmetry=symmetry).search()
