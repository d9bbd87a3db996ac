"""Variants of a declaration, one change each, what they break; and random runs of one."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Any

from checkers.machines.compiled import Compiled, Left
from checkers.machines.declaration import Action, Declaration
from checkers.machines.expressions import (
    TRUE,
    Boolean,
    Choice,
    Expression,
    Integer,
    Variable,
    conjunction,
    constant,
    fitting,
)
from checkers.machines.semantics import failing, initial_states, successors


def variants(m: Declaration) -> Iterator[tuple[str, Declaration]]:
    """Drop or turn a part of a guard, drop an update or give it another value, drop a deadline."""
    for number, action in enumerate(m.actions):
        for what, other in (*_of_action(action), *_besides(m, action)):
            changed = copy.copy(m)
            changed.actions = [*m.actions[:number], other, *m.actions[number + 1 :]]
            yield f"{action.name}: {what}", changed
    for number in range(len(m.deadlines)):
        changed = copy.copy(m)
        changed.deadlines = [*m.deadlines[:number], *m.deadlines[number + 1 :]]
        yield f"no deadline {number}", changed


def _of_action(action: Action) -> Iterator[tuple[str, Action]]:
    parts = list(action.guard.args) if action.guard.kind == "and" else [action.guard]
    for at, part in enumerate(parts):
        if part is not TRUE:
            yield f"without {part}", _guarded(action, [*parts[:at], *parts[at + 1 :]])
        if part.kind in ("<", "<="):
            other = "<=" if part.kind == "<" else "<"
            turned = Expression(other, part.args, part.type)
            yield f"{turned}", _guarded(action, [*parts[:at], turned, *parts[at + 1 :]])
    for at, (variable, value) in enumerate(action.effects):
        rest = (*action.effects[:at], *action.effects[at + 1 :])
        yield f"{variable.name} stays", _with(action, rest)
        for new in _others(variable, value):
            yield f"{variable.name} becomes {new}", _with(action, (*rest, (variable, new)))


def _besides(m: Declaration, action: Action) -> Iterator[tuple[str, Action]]:
    """Let an action change a flag that it leaves alone."""
    known = {variable.name for variable, _ in action.effects}
    for variable in m.variables.values():
        if variable.name not in known and isinstance(variable.type, Boolean):
            effects = (*action.effects, (variable, ~variable))
            yield f"{variable.name} is turned", _with(action, effects)


def _guarded(action: Action, parts: list[Expression]) -> Action:
    return Action(action.name, conjunction(parts), action.effects, action.fair, action.elapses)


def _with(action: Action, effects: Any) -> Action:
    return Action(action.name, action.guard, effects, action.fair, action.elapses)


def _others(variable: Variable, value: Expression) -> Iterator[Expression]:
    if value.kind != "constant":
        return
    type_ = variable.type
    if isinstance(type_, Choice):
        for other in type_.values:
            if other != value.value:
                yield fitting(other, type_, "a variant")
    elif isinstance(type_, Boolean):
        yield constant(not value.value)
    else:
        yield constant(value.value + 1)
        if isinstance(type_, Integer) and type_.high is not None:
            yield variable + (type_.high + 1)  # a constant out of bounds is refused at once


def broken(m: Declaration, most: int = 3_000) -> set[str]:
    """Give which of its promises a machine breaks in the situations nearest to its start."""
    code = Compiled(m)
    tests = {name: code.predicate(promise) for name, promise in m.promises.items()}
    found: set[str] = set()
    queue = deque(code.layout.encode(state) for state in initial_states(m))
    seen = set(queue)
    while queue and len(seen) < most:
        form = queue.popleft()
        found |= {name for name, holds in tests.items() if not holds(form)}
        try:
            moves = code.successors(form)
        except Left as left:
            found.add(_out_of_bounds(m, code, left))
            continue
        for _, new in moves:
            if new not in seen:
                seen.add(new)
                queue.append(new)
    return found


def _out_of_bounds(m: Declaration, code: Compiled, left: Left) -> str:
    """Give whose bounds a step leaves."""
    states = (state for _, state in successors(m, code.layout.decode(left.form)))
    found = (failing(m, state) for state in states)
    return next((failed for failed in found if failed in m.ranges), "bounds of a clock")


def random_runs(m: Declaration, runs: int, steps: int = 25, seed: int = 0) -> tuple[str, int]:
    """Make random runs; gives the first promise that is broken, or "", and how many steps there
    were."""
    code, random, taken = Compiled(m), Random(seed), 0
    starts = [code.layout.encode(state) for state in initial_states(m)]
    for _ in range(runs):
        form = random.choice(starts)
        forms = [form]
        for _ in range(steps):
            try:
                options = code.successors(form)
            except Left as left:
                return _out_of_bounds(m, code, left), taken
            if not options:
                break
            form = random.choice(options)[1]
            forms.append(form)
        taken += len(forms) - 1
        bad = code.check(forms, [True] * len(code.goals))
        if bad is not None:
            return code.conditions[bad[1]][0], taken
    return "", taken
