"""Büchi automata of temporal formulas: which infinite runs fulfil a formula.

A state of the automaton is the formulas that the rest of the run has to fulfil. Of an `until` that
is put off again and again it is remembered that it was: a run counts only if each is fulfilled, or
no longer asked for, infinitely often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from checkers.ltl import (
    FALSE,
    TRUE,
    Always,
    And,
    Constant,
    Formula,
    Next,
    Not,
    Now,
    Or,
    Until,
    negation,
)

Obligations = tuple[Formula, ...]  # in the order in which they came up
Values = Callable[[Any], bool]
"""Whether a predicate holds in a situation."""


def positive(of: Formula, *, negate: bool = False) -> Formula:
    """Push negations down to predicates; `Release` stands for a negated `until`."""
    match of:
        case Constant(value):
            return FALSE if value is negate else TRUE
        case Now():
            return negation(of) if negate else of
        case Not(one):
            return positive(one, negate=not negate)
        case And(several) | Or(several):
            parts = tuple(positive(one, negate=negate) for one in several)
            return And(parts) if isinstance(of, And) is not negate else Or(parts)
        case Next(one):
            return Next(positive(one, negate=negate))
        case Always(one):
            inner = positive(one, negate=negate)
            return Until(TRUE, inner) if negate else Release(FALSE, inner)
        case Until(meanwhile, goal):
            first, second = positive(meanwhile, negate=negate), positive(goal, negate=negate)
            return Release(first, second) if negate else Until(first, second)
    raise AssertionError(of)


class Release(Until):
    """`goal` holds until and with `meanwhile`, or for ever: what is left of a negated `until`."""

    def progress(self, world: Any) -> Formula:
        """Release formulas are for automata alone."""
        raise AssertionError("a release is never progressed")

    def forever(self, world: Any) -> bool:
        """Tell whether it holds if nothing ever changes any more."""
        return self.goal.forever(world)


def untils(of: Formula) -> Iterator[Until]:
    """Give the `until`s in a positive formula."""
    match of:
        case Until(meanwhile, goal):
            if not isinstance(of, Release):
                yield of
            yield from untils(meanwhile)
            yield from untils(goal)
        case And(several) | Or(several):
            for one in several:
                yield from untils(one)
        case Next(one):
            yield from untils(one)


Choice = tuple[Obligations, frozenset[Until]]
"""What the rest has to fulfil, and which `until`s were put off."""


def choices(of: Formula, values: Values) -> Iterator[Choice]:
    """Give the ways to fulfil a positive formula in a situation."""
    match of:
        case Constant(value):
            if value:
                yield (), frozenset()
        case Now(predicate):
            if values(predicate):
                yield (), frozenset()
        case Not(Now(predicate)):
            if not values(predicate):
                yield (), frozenset()
        case And(several):
            yield from every(several, values)
        case Or(several):
            for one in several:
                yield from choices(one, values)
        case Next(one):
            yield (one,), frozenset()
        case Release(meanwhile, goal):
            yield from every((meanwhile, goal), values)
            for rest, late in choices(goal, values):
                yield _with(rest, of), late
        case Until(meanwhile, goal):
            yield from choices(goal, values)
            for rest, late in choices(meanwhile, values):
                yield _with(rest, of), late | {of}


def every(several: Any, values: Values) -> Iterator[Choice]:
    """Give the ways to fulfil all of several formulas in a situation."""
    for picked in product(*(list(choices(one, values)) for one in several)):
        rest = tuple(dict.fromkeys(formula for listed, _ in picked for formula in listed))
        late = frozenset(until for _, put_off in picked for until in put_off)
        yield rest, late


def _with(rest: Obligations, one: Formula) -> Obligations:
    return rest if one in rest else (*rest, one)
