"""Match specifications: patterns, guards and bodies that are terms (rules 11.33 to 11.37).

A specification is a list of clauses (pattern, guards, body). In a pattern `"_"` (or ANY) fits
anything and `"$1"`, `"$2"` … hold what stands in their place, strictly the same wherever they stand
again. Guards and bodies are terms: `(">", "$1", 3)`, `("element", 1, "$_")`, `"$$"` (all that is
held, in order), `"$_"` (the whole row), `("const", x)`, and `((a, b),)` for the tuple `(a, b)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from simkernel.maps import Map
from simkernel.terms import ArgumentError, Pid, Ref, equal, order

CONTINUATION = "$continuation"  # the first field of what goes on with a part
_VARIABLE = re.compile(r"\$(\d+)")
Held = dict[int, Any]


class Field(Enum):
    """A field of a pattern that is no value: what ANY is once it is a term."""

    ANY = "ANY"


class _Fails(Exception):
    """A guard cannot be computed: it counts as false."""


def variable(term: Any) -> int | None:
    """Give the number of a variable of a pattern, or None.

    >>> variable("$12"), variable("x")
    (12, None)
    """
    found = _VARIABLE.fullmatch(term) if type(term) is str else None
    return int(found[1]) if found else None


def fits(value: Any, pattern: Any, held: Held) -> bool:
    """Match a value, and hold what stands for variables.

    >>> held = {}
    >>> fits(("k", 1, 1), ("_", "$1", "$1"), held), held
    (True, {1: 1})
    """
    if pattern is Field.ANY or (type(pattern) is str and pattern == "_"):
        return True
    number = variable(pattern)
    if number is not None:
        if number in held:
            return equal(value, held[number])
        held[number] = value
        return True
    kind = type(pattern)
    if kind is tuple or kind is list:
        return (
            type(value) is kind
            and len(value) == len(pattern)
            and all(fits(v, p, held) for v, p in zip(value, pattern, strict=True))
        )
    if kind in (dict, Map):
        # As maps in a match specification: the keys have to be there, others may be.
        return isinstance(value, (dict, Map)) and all(
            key in value and fits(value[key], part, held) for key, part in pattern.items()
        )
    return equal(value, pattern)


def is_bound(pattern: Any) -> bool:
    """Tell whether nothing in a pattern is open, so that it is one value."""
    if pattern is Field.ANY or pattern == "_" or variable(pattern) is not None:
        return False
    if type(pattern) in (tuple, list):
        return all(map(is_bound, pattern))
    return type(pattern) not in (dict, Map)


def bindings(row: Any, pattern: Any) -> list[Any] | None:
    """Give what a row holds for the variables of a pattern, in their order, or None."""
    held: Held = {}
    return [held[n] for n in sorted(held)] if fits(row, pattern, held) else None


def checked(spec: Any) -> list[tuple[Any, Any, Any]]:
    """Check the shape of a specification; what is none raises badarg."""
    if type(spec) is not list:
        raise ArgumentError(f"{spec!r} is no match specification")
    for clause in spec:
        if type(clause) is not tuple or len(clause) != 3:
            raise ArgumentError(f"{clause!r} is no (pattern, guards, body)")
        pattern, guards, body = clause
        if type(pattern) not in (str, tuple, Field) or type(guards) is not list:
            raise ArgumentError(f"{clause!r} is no (pattern, guards, body)")
        if type(body) is not list or not body:
            raise ArgumentError(f"{body!r} is no body of a match specification")
        known = _variables(pattern)
        for term in (*guards, *body):
            _check(term, known)
    return spec


def _variables(pattern: Any) -> set[int]:
    number = variable(pattern)
    if number is not None:
        return {number}
    if type(pattern) in (tuple, list):
        return set().union(*map(_variables, pattern))
    if type(pattern) in (dict, Map):
        return set().union(*map(_variables, pattern.values()))
    return set()


def _check(term: Any, known: set[int]) -> None:
    """Refuse unknown functions and unbound variables, as the VM does before it looks at a row."""
    number = variable(term)
    if number is not None and number not in known:
        raise ArgumentError(f"{term!r} is bound by no pattern")
    if type(term) is list:
        for part in term:
            _check(part, known)
    if type(term) is not tuple:
        return
    if len(term) == 1 and type(term[0]) is tuple:
        for part in term[0]:
            _check(part, known)
        return
    match term:
        case ("const", _):
            return
        case (str() as name, *args) if name in FUNCTIONS or name in CONTROL:
            least = 0 if name == "self" else 1
            if len(args) < least:
                raise ArgumentError(f"{term!r} has no arguments")
            for part in args:
                _check(part, known)
            return
    raise ArgumentError(f"{term!r} is no function of match specifications")


def run(row: Any, spec: list[tuple[Any, Any, Any]], me: Any) -> tuple[bool, Any]:
    """Give whether a clause takes a row, and the last term of its body."""
    for pattern, guards, body in spec:
        held: Held = {}
        if not fits(row, pattern, held):
            continue
        look = _Row(row, held, me)
        try:
            if not all(look.value(guard) is True for guard in guards):
                continue
        except _Fails:
            continue
        try:
            return True, [look.value(term) for term in body][-1]
        except _Fails:
            return True, "EXIT"
    return False, None


class _Row:
    """A row, what its variables hold, and who asks."""

    def __init__(self, row: Any, held: Held, me: Any):
        self.row = row
        self.held = held
        self.me = me

    def value(self, term: Any) -> Any:
        """Compute a guard or body."""
        if type(term) is str:
            if term == "$_":
                return self.row
            if term == "$$":
                return [self.held[n] for n in sorted(self.held)]
            number = variable(term)
            return term if number is None else self.held[number]
        if type(term) is list:
            return [self.value(part) for part in term]
        if type(term) is not tuple:
            return term
        if len(term) == 1 and type(term[0]) is tuple:
            return tuple(self.value(part) for part in term[0])
        name, *args = term
        if name == "const":
            return args[0]
        if name == "self":
            return self.me
        if name in CONTROL:
            return CONTROL[name](self, args)
        try:
            return FUNCTIONS[name](*[self.value(part) for part in args])
        except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError) as error:
            raise _Fails from error


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _Fails
    return value


def _and(row: _Row, args: list[Any]) -> bool:
    values = [_boolean(row.value(part)) for part in args]
    return all(values)


def _or(row: _Row, args: list[Any]) -> bool:
    values = [_boolean(row.value(part)) for part in args]
    return any(values)


def _andalso(row: _Row, args: list[Any]) -> Any:
    return all(_boolean(row.value(part)) for part in args)


def _orelse(row: _Row, args: list[Any]) -> Any:
    return any(_boolean(row.value(part)) for part in args)


CONTROL: dict[str, Callable[[_Row, list[Any]], Any]] = {
    "and": _and,
    "or": _or,
    "andalso": _andalso,
    "orelse": _orelse,
}


def _number(value: Any) -> Any:
    if type(value) not in (int, float):
        raise TypeError(value)
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _sized(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise TypeError(value)
    return value


def _element(position: Any, value: Any) -> Any:
    items = _sized(value, tuple)
    if not 0 < _whole(position) <= len(items):
        raise IndexError(position)
    return items[position - 1]


def _div(a: Any, b: Any) -> int:
    quotient = abs(_whole(a)) // abs(_whole(b))
    return quotient if (a < 0) == (b < 0) else -quotient


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in kinds


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "==": lambda a, b: order(a, b) == 0,
    "/=": lambda a, b: order(a, b) != 0,
    "=:=": equal,
    "=/=": lambda a, b: not equal(a, b),
    "<": lambda a, b: order(a, b) < 0,
    "=<": lambda a, b: order(a, b) <= 0,
    ">": lambda a, b: order(a, b) > 0,
    ">=": lambda a, b: order(a, b) >= 0,
    "+": lambda a, b: _number(a) + _number(b),
    "-": lambda a, b: _number(a) - _number(b),
    "*": lambda a, b: _number(a) * _number(b),
    "/": lambda a, b: _number(a) / _number(b),
    "div": _div,
    "rem": lambda a, b: _whole(a) - _whole(b) * _div(a, b),
    "abs": lambda a: abs(_number(a)),
    "trunc": lambda a: int(_number(a)),
    "round": lambda a: math.floor(abs(_number(a)) + 0.5) * (1 if a >= 0 else -1),
    "not": lambda a: not _boolean(a),
    "xor": lambda a, b: _boolean(a) != _boolean(b),
    "element": _element,
    "size": lambda a: len(_sized(a, tuple)),
    "length": lambda a: len(_sized(a, list)),
    "hd": lambda a: _sized(a, list)[0],
    "tl": lambda a: (_sized(a, list)[0], a[1:])[1],
    "map_size": lambda a: len(_sized(a, dict, Map)),
    "map_get": lambda key, a: _sized(a, dict, Map)[key],
    "is_map_key": lambda key, a: key in _sized(a, dict, Map),
    "is_integer": _is(int),
    "is_float": _is(float),
    "is_number": _is(int, float),
    "is_tuple": _is(tuple),
    "is_list": _is(list),
    "is_map": _is(dict, Map),
    "is_pid": _is(Pid),
    "is_reference": _is(Ref),
    # Text is atom and binary at once here; numbers, pids and the like are neither.
    "is_atom": _is(str, bool, type(None)),
    "is_binary": _is(bytes),
    "self": lambda: None,
}
