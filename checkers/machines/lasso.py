"""Runs in which what was asked for never comes, by z3: `leads_to` is refuted, not proved.

Such a run stops where nothing can happen, or goes round: some situation comes again, the goal is
open all the way round, and every fair action happens on it, or cannot happen in some situation of
it. Time passes by one unit in a step, as in a search; so both find the same runs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from checkers.machines.bounded import UNKNOWN
from checkers.machines.declaration import ELAPSED, Action, Declaration, LeadsTo
from checkers.machines.encoding import Encoding, Symbols
from checkers.machines.explicit import Limits
from checkers.machines.expressions import Expression, disjunction, equals, negation, value_of
from checkers.machines.semantics import Run, after, enabled, named, replay
from simkernel.errors import InternalError


def can(action: Action) -> Expression:
    """Give: the action can happen, and would change something."""
    changes = disjunction(negation(equals(v, value)) for v, value in action.effects)
    return action.guard & changes


class Lasso:
    """The runs of a machine of so many steps, in one solver that is never started again."""

    def __init__(self, declaration: Declaration, wanted: LeadsTo, limits: Limits):
        self.declaration = declaration
        self.wanted = wanted
        self.limits = limits
        self.encoding = Encoding(declaration)
        self.z3 = self.encoding.z3
        self.solver = self.encoding.solver(limits.milliseconds)
        self.at: list[Symbols] = [self.encoding.symbols("!0")]
        self.solver.add(self.encoding.initial(self.at[0]))
        self.waits = [self._holds(wanted.cause, 0, ~wanted.goal)]  # the goal is open since before

    def _says(self, expression: Expression, place: int) -> Any:
        at = {**self.at[place], ELAPSED: [self.z3.IntVal(1)]}
        return self.encoding.condition(expression, at)

    def _holds(self, cause: Expression, place: int, open_: Expression) -> Any:
        return self.z3.And(self._says(cause, place), self._says(open_, place))

    def longer(self) -> None:
        """Add one step, which changes something."""
        z3, encoding, number = self.z3, self.encoding, len(self.at)
        self.at.append(encoding.symbols(f"!{number}"))
        old, new = self.at[-2:]
        self.solver.add(encoding.step(old, new, z3.IntVal(1)), encoding.typed(new),
                        encoding.differ(old, new))  # fmt: skip
        goal = self._says(self.wanted.goal, number)
        cause = self._says(self.wanted.cause, number)
        self.waits.append(z3.And(z3.Not(goal), z3.Or(self.waits[-1], cause)))

    def asks(self) -> tuple[Any, Run | None]:
        """Ask whether a run of just so many steps waits for ever."""
        z3, solver = self.z3, self.solver
        last = len(self.at) - 1
        stops = [z3.Not(self._says(can(action), last)) for action in self.declaration.steps]
        ways = [z3.And(self.waits[last], *stops)]
        ways += [self._round(back, last) for back in range(last)]
        solver.push()
        solver.add(z3.Or(ways))
        solver.set("timeout", self.limits.milliseconds)
        answer = solver.check()
        run = None
        if answer == z3.sat:
            model = solver.model()
            states = [self.encoding.read(model, one) for one in self.at]
            run = named(self.declaration, states)
            if not stuck(self.declaration, states[-1]):
                backs = [at for at in range(last) if states[at] == states[-1]]
                run = next(
                    found
                    for at in backs
                    if waits_for_ever(
                        self.declaration, found := Run(run.start, run.steps, at), self.wanted
                    )
                )
        solver.pop()
        return answer, run

    def _round(self, back: int, last: int) -> Any:
        z3, encoding = self.z3, self.encoding
        parts = [z3.Not(encoding.differ(self.at[back], self.at[last]))]
        parts += self.waits[back : last + 1]
        for action in self.declaration.steps:
            if action.fair:
                ways = []
                for place in range(back, last):
                    old, new = self.at[place], self.at[place + 1]
                    ways.append(z3.Not(self._says(can(action), place)))
                    ways.append(encoding.happens(action, old, new, z3.IntVal(1)))
                parts.append(z3.Or(ways))
        return z3.And(parts)


def stuck(declaration: Declaration, state: Any) -> bool:
    """Tell whether nothing can happen any more."""
    return not any(value_of(can(one), {**state, ELAPSED: 1}) for one in declaration.steps)


def waits_for_ever(declaration: Declaration, run: Run, wanted: LeadsTo) -> bool:
    """Tell by the meaning of the machine, without z3, whether the goal never comes in a run."""
    states = run.states
    waits = False
    held = []
    for state in states:
        goal = value_of(wanted.goal, state)
        waits = not goal and (waits or bool(value_of(wanted.cause, state)))
        held.append(waits)
    if run.back is None:
        return held[-1] and stuck(declaration, states[-1])
    if states[run.back] != states[-1] or not all(held[run.back :]):
        return False
    circle = list(pairwise(states[run.back :]))
    return all(
        any(not value_of(can(action), {**old, ELAPSED: 1})
            or (enabled(action, old) and after(action, old) == new) for old, new in circle)
        for action in declaration.steps if action.fair
    )  # fmt: skip


def lasso(
    declaration: Declaration, wanted: LeadsTo, limits: Limits
) -> tuple[Run | None, int, str]:  # fmt: skip
    """Give a shortest run in which a goal never comes, up to how many steps it was looked for, and
    why it was given up.

    >>> lamp = Declaration("lamp")
    >>> lit = lamp.boolean("lit")
    >>> _ = lamp.action("on", when=~lit, then={lit: True})
    >>> _ = lamp.action("off", when=lit, then={lit: False})
    >>> broken = lamp.boolean("broken")
    >>> run, depth, stopped = lasso(lamp, LeadsTo(lit, broken), Limits(depth=5))
    >>> run.back, depth, stopped
    (1, 3, '')
    """
    work = Lasso(declaration, wanted, limits)
    z3 = work.z3
    for depth in range(limits.depth + 1):
        if limits.left < 0:
            return None, depth - 1, f"{limits.seconds:g} s"
        answer, run = work.asks()
        if answer == z3.unknown:
            return None, depth - 1, UNKNOWN
        if run is not None:
            replay(declaration, run)
            if not waits_for_ever(declaration, run, wanted):
                raise InternalError(f"a run of {declaration.name} does not wait for ever")
            return run, depth, ""
        limits.progress(f"runs that go round in {depth} steps")
        work.longer()
    return None, limits.depth, ""
