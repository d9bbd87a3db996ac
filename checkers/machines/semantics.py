"""What a declaration means, one step at a time: every other engine is measured by this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

from checkers.machines.declaration import ELAPSED, Action, Declaration, State
from checkers.machines.expressions import BOOLEAN, Choice, Integer, Variable, mistake, value_of
from simkernel.errors import InternalError


@dataclass(frozen=True)
class Step:
    """One step of a run: the action, for how long where it is that time passes, what it gave."""

    action: str
    state: Mapping[str, Any]
    elapsed: int = 1


@dataclass(frozen=True)
class Run:
    """A run: how it starts, and its steps. `back` is where an endless one goes round from."""

    start: Mapping[str, Any]
    steps: tuple[Step, ...] = field(default=())
    back: int | None = None

    @property
    def states(self) -> list[Mapping[str, Any]]:
        """All situations, in order."""
        return [self.start, *(step.state for step in self.steps)]


def enabled(action: Action, state: Mapping[str, Any], elapsed: int = 1) -> bool:
    """Tell whether an action may happen in a situation."""
    return bool(value_of(action.guard, {**state, ELAPSED: elapsed}))


def after(action: Action, state: Mapping[str, Any], elapsed: int = 1) -> State:
    """Give the situation after an action."""
    seen = {**state, ELAPSED: elapsed}
    changed = {variable.name: value_of(value, seen) for variable, value in action.effects}
    return {**state, **changed}


def successors(
    declaration: Declaration, state: Mapping[str, Any]
) -> Iterator[tuple[Action, State]]:
    """Give what may happen in a situation, and what comes of it; time passes by one."""
    for action in declaration.steps:
        if enabled(action, state):
            yield action, after(action, state)


def values_of(variable: Variable) -> list[Any]:
    """Give what a variable may start with."""
    if variable.start is not None:
        return list(variable.start)
    if variable.type == BOOLEAN:
        return [False, True]
    if isinstance(variable.type, Choice):
        return list(variable.type.values)
    assert isinstance(variable.type, Integer)
    low, high = variable.type.low, variable.type.high
    if low is None or high is None:
        raise mistake(f"{variable.name} starts with any of numbers without end",
                      "Give it a start, or bounds.", variable.at)  # fmt: skip
    return list(range(low, high + 1))


def initial_states(declaration: Declaration) -> Iterator[State]:
    """Give the situations that a run may start in."""
    names = list(declaration.variables)
    for values in product(*(values_of(one) for one in declaration.variables.values())):
        state = dict(zip(names, values, strict=True))
        if value_of(declaration.initial, state):
            yield state


def starts(declaration: Declaration, state: Mapping[str, Any]) -> bool:
    """Tell whether a run may start in a situation."""
    for name, variable in declaration.variables.items():
        if variable.start is not None and state[name] not in variable.start:
            return False
    return bool(value_of(declaration.initial, state))


def replay(declaration: Declaration, run: Run) -> None:
    """Go through a run step by step; a run that is none is a bug of whoever found it."""
    if not starts(declaration, run.start):
        raise InternalError(f"no run of {declaration.name} starts as {dict(run.start)}")
    by_name = {action.name: action for action in declaration.steps}
    state: Mapping[str, Any] = run.start
    for number, step in enumerate(run.steps, start=1):
        action = by_name[step.action]
        if not enabled(action, state, step.elapsed):
            raise InternalError(f"step {number}, {step.action}, may not happen in {dict(state)}")
        reached = after(action, state, step.elapsed)
        if reached != step.state:
            raise InternalError(f"step {number} leads to {reached}, not to {dict(step.state)}")
        state = reached


def named(declaration: Declaration, states: Sequence[Mapping[str, Any]]) -> Run:
    """Make a run of its situations: find the action of each step."""
    run = Run(states[0])
    for old, new in pairwise(states):
        run = Run(run.start, (*run.steps, between(declaration, old, new)))
    return run


def between(declaration: Declaration, old: Mapping[str, Any], new: Mapping[str, Any]) -> Step:
    """Find the action that leads from one situation to another."""
    for action in declaration.steps:
        amounts = [1]
        if action.elapses:
            amounts = sorted({1, *(new[name] - old[name] for name in declaration.clocks)})
        for amount in amounts:
            if amount > 0 and enabled(action, old, amount) and after(action, old, amount) == new:
                return Step(action.name, new, amount)
    raise InternalError(f"no action of {declaration.name} leads from {dict(old)} to {dict(new)}")


def failing(declaration: Declaration, state: Mapping[str, Any]) -> str | None:
    """Give the first of what has to hold in every situation, and does not in this one."""
    for name, condition in declaration.promises.items():
        if not value_of(condition, state):
            return name
    return None
