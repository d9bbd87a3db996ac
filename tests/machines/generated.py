"""Small random machines, the same for the same seed."""

from __future__ import annotations

from random import Random
from typing import Any

from checkers.machines.declaration import Declaration
from checkers.machines.expressions import (
    BOOLEAN,
    Choice,
    Expression,
    Integer,
    Variable,
    every,
    if_else,
    some,
)


def machine(seed: int) -> Declaration:
    """Make a machine of two to four variables and two to five actions, with one invariant."""
    random = Random(seed)
    m = Declaration(f"random {seed}")
    for number in range(random.randint(2, 4)):
        name = f"v{number}"
        kind = random.choice(["boolean", "choice", "integer", "clock"])
        if kind == "boolean":
            m.boolean(name, random.choice([False, True, None]))
        elif kind == "choice":
            values = ["a", "b", "c", "d", "e"][: random.randint(1, 5)]
            m.choice(name, values, random.choice([values[0], None]))
        elif kind == "integer":
            low = random.randint(-2, 1)
            high = low + random.randint(0, 3)
            m.integer(name, low, high, random.choice([low, None, (low, high)]))
        else:
            m.clock(name, random.randint(1, 3))
    for number in range(random.randint(2, 5)):
        changed = random.sample(list(m.variables.values()), random.randint(1, 2))
        guard = condition(random, m, 2)
        m.action(f"a{number}", when=guard, then={v: value(random, m, v) for v in changed},
                 fair=random.random() < 0.3)  # fmt: skip
    if m.clocks and random.random() < 0.5:
        clock = next(iter(m.clocks.values()))
        m.deadline(clock, 2, when=clockless(random, m))
    m.invariant("whatever", condition(random, m, 3) | condition(random, m, 2))
    return m


def condition(random: Random, m: Declaration, depth: int) -> Expression:
    """Make a condition."""
    kind = random.choice(["test", "and", "or", "not"]) if depth else "test"
    if kind == "not":
        return ~condition(random, m, depth - 1)
    if kind in ("and", "or"):
        join = every if kind == "and" else some
        return join([condition(random, m, depth - 1) for _ in range(2)])
    return test_of(random, random.choice(list(m.variables.values())), m)


def test_of(random: Random, variable: Variable, m: Declaration) -> Expression:
    """Compare a variable with something of its type."""
    if variable.type == BOOLEAN:
        return random.choice([variable, ~variable])
    if isinstance(variable.type, Choice):
        return variable == random.choice(variable.type.values)
    others = [v for v in m.variables.values() if isinstance(v.type, Integer)]
    other: Any = random.choice([*others, random.randint(-2, 4), random.randint(-2, 4)])
    return random.choice([variable < other, variable <= other, variable == other, variable > other])


def value(random: Random, m: Declaration, variable: Variable) -> Any:
    """Make a value for a variable; of a number it may be out of bounds."""
    if variable.type == BOOLEAN:
        return random.choice([True, False, ~variable, condition(random, m, 1)])
    if isinstance(variable.type, Choice):
        one = random.choice(variable.type.values)
        return random.choice([one, if_else(condition(random, m, 1), one, variable)])
    low = variable.type.low or 0
    if variable.name in m.clocks:
        return 0
    step = if_else(variable < low + 1, variable + 1, variable - 1)
    return random.choice([low, low, step, variable + random.randint(0, 1)])


def clockless(random: Random, m: Declaration) -> Any:
    """Make a condition without clocks."""
    free = [v for name, v in m.variables.items() if name not in m.clocks]
    return test_of(random, random.choice(free), Declaration("none")) if free else True
