"""Whether the keys that a declaration calls symmetric are: swapping two must change nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping

from checkers.machines.declaration import Action, Declaration, Table
from checkers.machines.expressions import Expression, mistake, normal, rewritten


def check_symmetry(declaration: Declaration) -> None:
    """Swap each two neighbours of each family; what is then another machine is a mistake."""
    for tables in declaration.families:
        keys = list(tables[0])
        for one, other in itertools.pairwise(keys):
            _check_swap(declaration, tables, one, other)


def _check_swap(
    declaration: Declaration, tables: tuple[Table, ...], one: object, other: object
) -> None:
    swap: dict[str, Expression] = {}
    for table in tables:
        a, b = table[one], table[other]
        swap |= {str(a.value): b, str(b.value): a}
    before = Counter(_of_action(action, {}) for action in declaration.steps)
    for action in declaration.steps:
        if _of_action(action, swap) not in before:
            raise _not_symmetric(f"action {action.name!r}", one, other)
    conditions = {"what holds initially": declaration.initial, **declaration.promises,
                  **declaration.goals}  # fmt: skip
    known = {normal(condition) for condition in conditions.values()}
    for name, condition in conditions.items():
        if normal(rewritten(condition, swap)) not in known:
            raise _not_symmetric(repr(name), one, other)
    for table in tables:
        if len({variable.start for variable in table.variables}) > 1:
            raise _not_symmetric(f"the start of {table.name!r}", one, other)


def _of_action(action: Action, swap: Mapping[str, Expression]) -> tuple[str, ...]:
    effects = sorted(
        f"{swap.get(variable.name, variable)} := {normal(rewritten(value, swap))}"
        for variable, value in action.effects
    )
    return (normal(rewritten(action.guard, swap)), str(action.fair), *effects)


def _not_symmetric(what: str, one: object, other: object) -> Exception:
    return mistake(
        f"{what} tells {one!r} from {other!r}, which the declaration calls symmetric",
        "Leave `symmetric` out, or say the same of every key.",
    )
