"""Bounded model checking: whether some run of k steps ends badly, for k = 0, 1, 2, …"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from checkers.machines.declaration import Declaration
from checkers.machines.encoding import Encoding, Symbols
from checkers.machines.explicit import Limits
from checkers.machines.expressions import Expression, value_of
from checkers.machines.semantics import Run, named, replay

UNKNOWN = "z3 gave up within the time"


@dataclass
class Searched:
    """How far a search by z3 has come. `run` is one that ends badly, if there is one."""

    depth: int = -1
    run: Run | None = None
    stopped: str = ""


class Unrolled:
    """A machine, unrolled step by step in one solver that is never started again."""

    def __init__(self, encoding: Encoding, limits: Limits, *, starts: bool = True):
        self.encoding = encoding
        self.limits = limits
        self.solver = encoding.solver(limits.milliseconds)
        self.at: list[Symbols] = [encoding.symbols("!0")]
        first = encoding.initial(self.at[0]) if starts else encoding.typed(self.at[0])
        self.solver.add(first)

    def unroll(self) -> None:
        """Add one step."""
        number = len(self.at)
        new = self.encoding.symbols(f"!{number}")
        amount = self.encoding.amount(f"!{number}")
        self.solver.add(self.encoding.step(self.at[-1], new, amount))
        self.solver.add(self.encoding.typed(new))
        self.at.append(new)

    def asks(self, condition: Any) -> Any:
        """Ask whether there is such a run: z3's answer."""
        solver = self.solver
        solver.push()
        solver.add(condition)
        solver.set("timeout", self.limits.milliseconds)
        answer = solver.check()
        self.states = None
        if answer == self.encoding.z3.sat:
            model = solver.model()
            self.states = [self.encoding.read(model, one) for one in self.at]
        solver.pop()
        return answer


def find(
    declaration: Declaration, wanted: Expression, limits: Limits, encoding: Encoding | None = None
) -> Searched:
    """Find a shortest run that ends where `wanted` holds."""
    encoding = encoding or Encoding(declaration)
    unrolled = Unrolled(encoding, limits)
    z3 = encoding.z3
    found = Searched()
    while found.depth < limits.depth:
        if limits.left < 0:
            found.stopped = f"{limits.seconds:g} s"
            break
        answer = unrolled.asks(encoding.condition(wanted, unrolled.at[-1]))
        if answer == z3.unknown:
            found.stopped = UNKNOWN
            break
        found.depth += 1
        limits.progress(f"runs of {found.depth} steps")
        if answer == z3.sat:
            assert unrolled.states is not None
            found.run = named(declaration, unrolled.states)
            replay(declaration, found.run)
            assert value_of(wanted, found.run.states[-1])
            break
        unrolled.unroll()
    return found


def bounded(declaration: Declaration, limits: Limits, encoding: Encoding | None = None) -> Searched:
    """Find a shortest run that breaks an invariant or a lemma, or leaves the bounds of a variable.

    >>> counter = Declaration("counter")
    >>> n = counter.integer("n")
    >>> _ = counter.action("up", then={n: n + 2})
    >>> counter.invariant("small", n < 5)
    >>> found = bounded(counter, Limits())
    >>> len(found.run.steps), found.run.states[-1]
    (3, {'n': 6})
    """
    encoding = encoding or Encoding(declaration)
    return find(declaration, ~encoding.property, limits, encoding)
