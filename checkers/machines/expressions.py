"""The expressions of declared machines: variables, constants and operators, with their types.

An expression says what has to be computed; it is computed in three places: by `value_of` in one
situation, by the code that `compiled` writes, and by the formulas that `encoding` gives to z3.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkernel.errors import SpecError

_HERE = str(Path(__file__).parent)


def caller() -> tuple[str, int]:
    """Give file and line of whoever called into this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def mistake(what: str, hint: str, at: tuple[str, int] | None = None) -> SpecError:
    """Make the error that says what is wrong with a declaration, and at which line of it."""
    path, line = at or caller()
    return SpecError(what, path=path, line=line, hint=hint)


# --- Types ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Boolean:
    """True or false."""

    def __str__(self) -> str:
        return "a boolean"


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.values))


@dataclass(frozen=True)
class Integer:
    """A whole number, from `low` to `high`; None where there is no bound."""

    low: int | None = None
    high: int | None = None

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return "an integer"
        return f"an integer from {self.low} to {self.high}"


Type = Boolean | Choice | Integer
BOOLEAN = Boolean()
INTEGER = Integer()


# --- Expressions ----------------------------------------------------------------------------------


class Expression:
    """Something that has a value in every situation; operators make larger ones of them.

    `&`, `|`, `~` and `>>` (implies) are the words of logic, since Python keeps `and`, `or` and
    `not` for itself; `==`, `!=`, `<`, `<=`, `+` and `-` read as everywhere.
    """

    __slots__ = ("args", "kind", "type", "value")
    kind: str
    args: tuple[Expression, ...]
    type: Type
    value: Any

    def __init__(self, kind: str, args: tuple[Expression, ...], type_: Type, value: Any = None):
        self.kind = kind
        self.args = args
        self.type = type_
        self.value = value

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise mistake(
            f"{self} has no truth value of its own",
            "Write & for and, | for or, ~ for not, and if_else(c, a, b) for a choice; put "
            "comparisons in parentheses.",
        )

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return equals(self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return negation(equals(self, other))

    def __lt__(self, other: Any) -> Expression:
        return _compare("<", self, other)

    def __le__(self, other: Any) -> Expression:
        return _compare("<=", self, other)

    def __gt__(self, other: Any) -> Expression:
        return _compare("<", _integer(other), self)

    def __ge__(self, other: Any) -> Expression:
        return _compare("<=", _integer(other), self)

    def __and__(self, other: Any) -> Expression:
        return conjunction([self, other])

    def __rand__(self, other: Any) -> Expression:
        return conjunction([other, self])

    def __or__(self, other: Any) -> Expression:
        return disjunction([self, other])

    def __ror__(self, other: Any) -> Expression:
        return disjunction([other, self])

    def __invert__(self) -> Expression:
        return negation(self)

    def __rshift__(self, other: Any) -> Expression:
        return disjunction([negation(self), other])

    def __add__(self, other: Any) -> Expression:
        return _sum("+", self, other)

    def __radd__(self, other: Any) -> Expression:
        return _sum("+", _integer(other), self)

    def __sub__(self, other: Any) -> Expression:
        return _sum("-", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return _sum("-", _integer(other), self)

    def is_in(self, *values: Any) -> Expression:
        """Tell whether the value is one of these."""
        return disjunction([self == value for value in values])

    def __str__(self) -> str:
        return shown(self)

    __repr__ = __str__


class Variable(Expression):
    """A variable of a machine. `start` is None where it may start with any value of its type."""

    __slots__ = ("at", "name", "owner", "start")

    def __init__(
        self, name: str, type_: Type, start: tuple[Any, ...] | None, owner: str, at: tuple[str, int]
    ):
        super().__init__("variable", (), type_, name)
        self.name = name
        self.start = start
        self.owner = owner
        self.at = at


def constant(value: Any) -> Expression:
    """Make a constant of a Python value."""
    if isinstance(value, bool):
        return Expression("constant", (), BOOLEAN, value)
    if isinstance(value, int):
        return Expression("constant", (), Integer(value, value), value)
    return Expression("constant", (), Choice((value,)), value)


TRUE = constant(True)
FALSE = constant(False)


def lifted(value: Any) -> Expression:
    """Give an expression as it is, and anything else as a constant."""
    return value if isinstance(value, Expression) else constant(value)


def boolean(value: Any) -> Expression:
    """Give what has to be a boolean as an expression."""
    found = lifted(value)
    if type(found.type) is not Boolean:
        raise mistake(
            f"{found} is {found.type}, where a condition is needed",
            "Compare it with something: every condition is a boolean.",
        )
    return found


def _integer(value: Any) -> Expression:
    found = lifted(value)
    if type(found.type) is not Integer:
        raise mistake(
            f"{found} is {found.type}, where a number is needed",
            "Only integers and clocks are ordered, and can be added.",
        )
    return found


def fitting(value: Any, type_: Type, name: str) -> Expression:
    """Give `value` as an expression of a type, as far as types can tell; else say what is wrong."""
    found = lifted(value)
    if type(type_) is Choice:
        if type(found.type) is Choice and set(found.type.values) <= set(type_.values):
            same = found.kind != "constant"
            return found if same else Expression("constant", (), type_, found.value)
        if found.kind == "constant" and found.value in type_.values:  # a choice among numbers
            return Expression("constant", (), type_, found.value)
        if found.kind == "if":
            test, yes, no = found.args
            both = fitting(yes, type_, name), fitting(no, type_, name)
            return Expression("if", (test, *both), type_)
    elif type(found.type) is type(type_):
        return found
    raise mistake(f"{name} is {type_}, and cannot be {found}", f"Give {name} {type_}.")


def equals(left: Any, right: Any) -> Expression:
    """Say that two values are the same; they have to be of one type."""
    a, b = lifted(left), lifted(right)
    if b.kind != "constant" and a.kind == "constant":
        a, b = b, a
    if type(a.type) is Choice:
        if b.kind == "constant":
            b = fitting(b.value, a.type, str(a))
        elif type(b.type) is not Choice:
            raise mistake(f"{a} is {a.type}, and {b} is {b.type}", "Compare values of one type.")
    elif type(a.type) is not type(b.type):
        raise mistake(f"{a} is {a.type}, and {b} is {b.type}", "Compare values of one type.")
    if a.kind == "constant" and b.kind == "constant":
        return TRUE if a.value == b.value else FALSE
    if type(a.type) is Boolean and b.kind == "constant":
        return a if b.value else negation(a)
    return Expression("==", (a, b), BOOLEAN)


def _compare(kind: str, left: Any, right: Any) -> Expression:
    return Expression(kind, (_integer(left), _integer(right)), BOOLEAN)


def _sum(kind: str, left: Any, right: Any) -> Expression:
    a, b = _integer(left), _integer(right)
    if a.kind == "constant" and b.kind == "constant":
        return constant(a.value + b.value if kind == "+" else a.value - b.value)
    return Expression(kind, (a, b), INTEGER)


def negation(value: Any) -> Expression:
    """Say that a condition does not hold."""
    found = boolean(value)
    if found.kind == "constant":
        return FALSE if found.value else TRUE
    return found.args[0] if found.kind == "not" else Expression("not", (found,), BOOLEAN)


def conjunction(conditions: Iterable[Any]) -> Expression:
    """Say that all conditions hold."""
    return _joined("and", conditions, TRUE, FALSE)


def disjunction(conditions: Iterable[Any]) -> Expression:
    """Say that one of the conditions holds, or more."""
    return _joined("or", conditions, FALSE, TRUE)


def _joined(kind: str, conditions: Iterable[Any], none: Expression, one: Expression) -> Expression:
    args: list[Expression] = []
    for condition in conditions:
        found = boolean(condition)
        if found.kind == kind:
            args += found.args
        elif found.kind == "constant":
            if found.value is one.value:
                return one
        else:
            args.append(found)
    if len(args) < 2:
        return args[0] if args else none
    return Expression(kind, tuple(args), BOOLEAN)


def every(conditions: Iterable[Any]) -> Expression:
    """Say that all conditions hold; of none, that is true.

    >>> print(every([]))
    True
    """
    return conjunction(conditions)


def some(conditions: Iterable[Any]) -> Expression:
    """Say that one of the conditions holds, or more; of none, that is false.

    >>> print(some([]))
    False
    """
    return disjunction(conditions)


def if_else(condition: Any, yes: Any, no: Any) -> Expression:
    """Give one value where the condition holds, and the other where it does not.

    >>> print(if_else(True, 1, 2))
    1
    """
    found = boolean(condition)
    a, b = lifted(yes), lifted(no)
    if found.kind == "constant":
        return a if found.value else b
    if type(a.type) is not type(b.type):
        raise mistake(f"{a} is {a.type}, and {b} is {b.type}", "Give two values of one type.")
    type_: Type = a.type
    if type(type_) is Choice and type(b.type) is Choice:
        type_ = Choice((*type_.values, *(v for v in b.type.values if v not in type_.values)))
        a, b = fitting(a, type_, str(a)), fitting(b, type_, str(b))
    elif type(type_) is Integer:
        type_ = INTEGER
    return Expression("if", (found, a, b), type_)


# --- What is made of them -------------------------------------------------------------------------


def variables_of(expression: Expression) -> Iterator[Variable]:
    """Give the variables of an expression, each as often as it occurs."""
    if isinstance(expression, Variable):
        yield expression
    for arg in expression.args:
        yield from variables_of(arg)


def value_of(expression: Expression, state: Mapping[str, Any]) -> Any:
    """Compute the value of an expression in a situation: what every expression means.

    >>> value_of(if_else(True, constant(1) + 1, 0), {})
    2
    """
    kind, args = expression.kind, expression.args
    if kind == "constant":
        return expression.value
    if kind == "variable":
        return state[expression.value]
    if kind == "and":
        return all(value_of(arg, state) for arg in args)
    if kind == "or":
        return any(value_of(arg, state) for arg in args)
    if kind == "if":
        return value_of(args[1] if value_of(args[0], state) else args[2], state)
    if kind == "not":
        return not value_of(args[0], state)
    a, b = value_of(args[0], state), value_of(args[1], state)
    if kind == "==":
        return a == b
    if kind == "+":
        return a + b
    if kind == "-":
        return a - b
    return a < b if kind == "<" else a <= b


def bounds_of(expression: Expression) -> tuple[int | None, int | None]:
    """Give the least and the greatest number that an expression can be, by its shape alone."""
    if expression.kind == "constant":
        return expression.value, expression.value
    if isinstance(expression.type, Integer) and expression.kind == "variable":
        return expression.type.low, expression.type.high
    if expression.kind == "if":
        (a, b), (c, d) = bounds_of(expression.args[1]), bounds_of(expression.args[2])
        return (
            None if a is None or c is None else min(a, c),
            None if b is None or d is None else max(b, d),
        )
    (a, b), (c, d) = bounds_of(expression.args[0]), bounds_of(expression.args[1])
    if expression.kind == "-":
        c, d = None if d is None else -d, None if c is None else -c
    return (None if a is None or c is None else a + c, None if b is None or d is None else b + d)


_SIGNS = {"and": " & ", "or": " | "}


def shown(expression: Expression) -> str:
    """Write an expression as its author would."""
    kind, args = expression.kind, expression.args
    if kind in ("constant", "variable"):
        return str(expression.value) if kind == "variable" else repr(expression.value)
    if kind == "if":
        return f"if_else({', '.join(map(shown, args))})"
    inside = [shown(arg) if not arg.args else f"({shown(arg)})" for arg in args]
    if kind == "not":
        return "~" + inside[0]
    return _SIGNS.get(kind, f" {kind} ").join(inside)


def rewritten(expression: Expression, names: Mapping[str, Expression]) -> Expression:
    """Put other expressions in the place of variables."""
    if expression.kind == "variable":
        return names.get(expression.value, expression)
    if not expression.args:
        return expression
    args = tuple(rewritten(arg, names) for arg in expression.args)
    kind = expression.kind
    if kind in ("and", "or"):
        return conjunction(args) if kind == "and" else disjunction(args)
    if kind == "not":
        return negation(args[0])
    return Expression(kind, args, expression.type)


def normal(expression: Expression) -> str:
    """Write an expression so that the order of what may be swapped does not matter."""
    inside = [normal(arg) for arg in expression.args]
    if expression.kind in ("and", "or", "==", "+"):
        inside.sort()
    name = repr(expression.value) if not expression.args else ""
    return f"{expression.kind}{name}({' '.join(inside)})"
