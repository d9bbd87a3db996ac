"""Temporal properties: linear temporal logic over the situations of a run, in plain Python.

A property is a formula over predicates of the world (`checkers.world.World`). It is carried along a
run by *progression*: after each situation the formula is replaced by what the rest of the run has
to fulfil. Where that is false, the run is a counterexample, whatever comes. A run that has ended
stays in its last situation for ever: there the rest can be decided.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Predicate = Callable[[Any], Any]


class Formula(ABC):
    """What a run may fulfil. Formulas combine with `&`, `|`, `~` and `>>` (implies)."""

    def __and__(self, other: Any) -> Formula:
        return both(self, formula(other))

    def __or__(self, other: Any) -> Formula:
        return either(self, formula(other))

    def __rshift__(self, other: Any) -> Formula:
        return either(negation(self), formula(other))

    def __invert__(self) -> Formula:
        return negation(self)

    @abstractmethod
    def progress(self, world: Any) -> Formula:
        """Give what the rest of the run has to fulfil, once this situation has been seen."""

    @abstractmethod
    def forever(self, world: Any) -> bool:
        """Tell whether it holds if nothing ever changes any more."""


@dataclass(frozen=True)
class Constant(Formula):
    """True or false, whatever comes."""

    value: bool

    def progress(self, world: Any) -> Formula:
        return self

    def forever(self, world: Any) -> bool:
        return self.value


TRUE, FALSE = Constant(True), Constant(False)


@dataclass(frozen=True)
class Now(Formula):
    """A predicate holds in this situation."""

    predicate: Predicate

    def progress(self, world: Any) -> Formula:
        return TRUE if self.predicate(world) else FALSE

    def forever(self, world: Any) -> bool:
        return bool(self.predicate(world))


@dataclass(frozen=True)
class Not(Formula):
    """It does not hold."""

    of: Formula

    def progress(self, world: Any) -> Formula:
        return negation(self.of.progress(world))

    def forever(self, world: Any) -> bool:
        return not self.of.forever(world)


@dataclass(frozen=True)
class And(Formula):
    """All of them hold."""

    of: tuple[Formula, ...]

    def progress(self, world: Any) -> Formula:
        return both(*(one.progress(world) for one in self.of))

    def forever(self, world: Any) -> bool:
        return all(one.forever(world) for one in self.of)


@dataclass(frozen=True)
class Or(Formula):
    """At least one of them holds."""

    of: tuple[Formula, ...]

    def progress(self, world: Any) -> Formula:
        return either(*(one.progress(world) for one in self.of))

    def forever(self, world: Any) -> bool:
        return any(one.forever(world) for one in self.of)


@dataclass(frozen=True)
class Next(Formula):
    """It holds in the next situation; the last one has itself for next."""

    of: Formula

    def progress(self, world: Any) -> Formula:
        return self.of

    def forever(self, world: Any) -> bool:
        return self.of.forever(world)


@dataclass(frozen=True)
class Until(Formula):
    """`goal` holds some time, and `meanwhile` holds until then."""

    meanwhile: Formula
    goal: Formula

    def progress(self, world: Any) -> Formula:
        return either(self.goal.progress(world), both(self.meanwhile.progress(world), self))

    def forever(self, world: Any) -> bool:
        return self.goal.forever(world)


@dataclass(frozen=True)
class Always(Formula):
    """It holds in every situation from now on."""

    of: Formula

    def progress(self, world: Any) -> Formula:
        return both(self.of.progress(world), self)

    def forever(self, world: Any) -> bool:
        return self.of.forever(world)


# --- Making them ---------------------------------------------------------------------------------


def formula(given: Formula | Predicate) -> Formula:
    """Take a formula as it is, and a predicate as one about this situation."""
    return given if isinstance(given, Formula) else Now(given)


def both(*formulas: Formula) -> Formula:
    """Give the conjunction, without what says nothing."""
    parts: dict[Formula, None] = {}
    for one in formulas:
        if one == FALSE:
            return FALSE
        if one != TRUE:
            parts.update(dict.fromkeys(one.of if isinstance(one, And) else (one,)))
    if not parts:
        return TRUE
    return And(tuple(parts)) if len(parts) > 1 else next(iter(parts))


def either(*formulas: Formula) -> Formula:
    """Give the disjunction, without what says nothing."""
    parts: dict[Formula, None] = {}
    for one in formulas:
        if one == TRUE:
            return TRUE
        if one != FALSE:
            parts.update(dict.fromkeys(one.of if isinstance(one, Or) else (one,)))
    if not parts:
        return FALSE
    return Or(tuple(parts)) if len(parts) > 1 else next(iter(parts))


def negation(of: Formula) -> Formula:
    """Give the opposite."""
    if isinstance(of, Constant):
        return Constant(not of.value)
    return of.of if isinstance(of, Not) else Not(of)


# --- What a spec writes --------------------------------------------------------------------------


def always(of: Formula | Predicate) -> Formula:
    """Give: it holds in this and every later situation.

    >>> always(lambda world: world > 0).progress(1).progress(0)
    Constant(value=False)
    """
    return Always(formula(of))


def never(of: Formula | Predicate) -> Formula:
    """Give: it holds in no situation from now on."""
    return Always(negation(formula(of)))


def eventually(goal: Formula | Predicate) -> Formula:
    """Give: it holds in this or a later situation."""
    return Until(TRUE, formula(goal))


def until(meanwhile: Formula | Predicate, goal: Formula | Predicate) -> Formula:
    """Give: `goal` holds some time, and `meanwhile` until then."""
    return Until(formula(meanwhile), formula(goal))


def leads_to(cause: Formula | Predicate, effect: Formula | Predicate) -> Formula:
    """Give: whenever `cause` holds, `effect` holds then or later."""
    return Always(either(negation(formula(cause)), eventually(effect)))


def following(of: Formula | Predicate) -> Formula:
    """Give: it holds in the next situation."""
    return Next(formula(of))


def predicates(properties: Iterable[Any]) -> list[Predicate]:
    """Give the predicates in formulas, each once."""
    found: dict[Predicate, None] = {}
    waiting = [one for one in properties if isinstance(one, Formula)]
    while waiting:
        match waiting.pop():
            case Now(predicate):
                found[predicate] = None
            case Not(one) | Next(one) | Always(one):
                waiting.append(one)
            case And(several) | Or(several):
                waiting += several
            case Until(meanwhile, goal):
                waiting += [meanwhile, goal]
    return list(found)
