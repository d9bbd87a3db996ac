"""Strict equality and the term order.

Rules: reference otp-semantics §10 (number < atom < reference < fun < pid < tuple < map < list <
binary) and, for maps, Erlang's "by size, then keys, then values, with ints before floats in keys".
Every comparison below was run against OTP 25 (tests/terms/test_order_erlang.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property, lru_cache, partial
from operator import itemgetter
from types import BuiltinFunctionType, MethodType
from typing import Any, TypeAlias

from simkernel.values import Duration, Instant, Pid, Ref, Stack

Key: TypeAlias = tuple[Any, ...]
Identity: TypeAlias = tuple[Key, tuple[Any, ...]]

# Ranks of the term order. NaN does not exist in Erlang: it comes after every number. Dataclasses
# are structs, which are maps, and sets are Elixir's MapSet: both stay between map and list.
NUMBER, NAN, ATOM, REFERENCE, TIME, FUN, PID, TUPLE, MAP, STRUCT, SET, LIST, BINARY, OTHER = range(
    14
)

# These compare by `==` strictly, if the types are the same.
_PLAIN = frozenset({type(None), bool, int, str, bytes, Pid, Ref, Instant, Duration, Stack})
# A key of one of these types equals no key of another, so a dict may hold it as it is.
_OWN_KEY = frozenset({type(None), int, str, bytes, Pid, Ref})


class Strict:
    """Wrap a key so that a dict compares it strictly.

    >>> len({Strict(1), Strict(1.0), Strict(True)})
    3
    """

    __slots__ = ("_hash", "value")

    def __init__(self, value: object) -> None:
        self.value = value
        self._hash = strict_hash(value)

    def __eq__(self, other: object) -> bool:
        return type(other) is Strict and equal(self.value, other.value)

    def __hash__(self) -> int:
        return self._hash


def strict_key(key: object) -> Any:
    """Give what stands for `key` in a dict that compares strictly."""
    return key if type(key) in _OWN_KEY else Strict(key)


def equal(a: Any, b: Any) -> bool:
    """Tell whether two terms are the same term (Erlang's `=:=`).

    As on OTP 25, 0.0 and -0.0 are the same; a NaN is the same as one of the same bits.

    >>> equal(1, 1.0), equal(True, 1), equal([1], (1,)), equal({"a": [1]}, {"a": [1]})
    (False, False, False, True)
    """
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return MIXED[-1](a, b)
    if kind is tuple or kind is list:
        return len(a) == len(b) and all(map(equal, a, b))
    if kind in _PLAIN:
        return bool(a == b)
    if kind is float:
        return a == b or (a != a and b != b and _bits(a) == _bits(b))
    if kind is dict:
        return equal_maps(a.items(), b.items())
    if kind is set or kind is frozenset:
        return len(a) == len(b) and {*map(strict_key, a)} == {*map(strict_key, b)}
    if kind in EQUALS:
        return EQUALS[kind](a, b)
    return _equal_objects(a, b)


def equal_maps(a: Collection[tuple[Any, Any]], b: Collection[tuple[Any, Any]]) -> bool:
    """Tell whether two maps, given as their items, have the same keys with the same values."""
    if len(a) != len(b):
        return False
    strict = {strict_key(k): v for k, v in b}
    missing = object()
    return all(equal(v, strict.get(strict_key(k), missing)) for k, v in a)


def never_equal(a: object, b: object) -> bool:
    """Answer for two values of different types."""
    return False


# Modules that import this one put their types here: Map, Frozen, and functions (whose captured
# values are compared as frozen images, because a local function may capture itself).
EQUALS: dict[type, Callable[[Any, Any], bool]] = {}
HASHES: dict[type, Callable[[Any], int]] = {}
KEYS: dict[type, Callable[[Any, bool], Key]] = {}
IDENTITIES: dict[type, Callable[[Any], Identity]] = {}
MIXED: list[Callable[[Any, Any], bool]] = [never_equal]


def order(a: object, b: object) -> int:
    """Compare two terms: -1, 0 or 1. Numbers compare by value, so 1 and 1.0 give 0.

    >>> order(1, 1.0), order("b", None), order((9,), (1, 1)), order({}, [])
    (0, 1, -1, -1)
    """
    if a is b:
        return 0
    first, second = sort_key(a), sort_key(b)
    return (first > second) - (first < second)


def sort_key(x: object) -> Key:
    """Give what Python sorts as the term order sorts `x`.

    >>> sorted(["b", (), 2, [], None, 1.5], key=sort_key)
    [1.5, 2, None, (), [], 'b']
    """
    return _key(x, False)


def exact_key(x: object) -> Key:
    """Give the sort key that the keys of maps use: no int equals a float."""
    return _key(x, True)


def strict_hash(x: Any) -> int:
    """Hash a term so that equal terms have equal hashes, mutable ones included."""
    kind = type(x)
    if kind in _PLAIN:
        return hash(x)
    if kind is float:
        return hash(x) if x == x else 7  # Python hashes a NaN by its address
    if kind is tuple or kind is list:
        return hash((kind is list, *map(strict_hash, x)))
    if kind is dict:
        return hash(frozenset((strict_hash(k), strict_hash(v)) for k, v in x.items()))
    if kind is set or kind is frozenset:
        return hash(frozenset(map(strict_hash, x)))
    if kind in HASHES:
        return HASHES[kind](x)
    name, parts = identity(x)
    return hash((name, *map(strict_hash, parts)))


def state_of(x: object) -> dict[str, Any]:
    """List what a dataclass instance holds: its fields, and then what else was set on it.

    A cached property is no state: it can be computed again.
    """
    cls: Any = type(x)  # mypy takes no `type` for hashable
    state = {name: getattr(x, name) for name in _field_names(cls)}
    own = getattr(x, "__dict__", None)
    if own is not None and len(own) > len(state):
        for name in sorted(own.keys() - state.keys()):
            if type(getattr(cls, name, None)) is not cached_property:
                state[name] = own[name]
    return state


@lru_cache(maxsize=1024)
def _field_names(cls: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls))


def identity(x: Any) -> Identity:
    """Give what tells an enum member, class, function or dataclass apart: a name, and parts.

    The name holds strings and ints alone; the parts are terms.
    """
    if type(x) in IDENTITIES:
        return IDENTITIES[type(x)](x)
    if isinstance(x, Enum):
        cls = type(x)
        return (ATOM, x.name or str(x.value), cls.__module__, cls.__qualname__), ()
    if isinstance(x, type):
        return (ATOM, x.__qualname__, x.__module__, ""), ()
    if isinstance(x, MethodType):
        return (FUN, "method"), (x.__func__, x.__self__)
    if isinstance(x, partial):
        return (FUN, "partial"), (x.func, x.args, x.keywords)
    if isinstance(x, BuiltinFunctionType):
        owner = x.__self__
        bound = () if owner is None or type(owner).__name__ == "module" else (owner,)
        return (FUN, "builtin", x.__module__ or "", x.__qualname__), bound
    cls = type(x)
    if is_dataclass(x):
        state = state_of(x)
        return (STRUCT, cls.__qualname__, cls.__module__, *state), tuple(state.values())
    if isinstance(x, tuple):
        return (TUPLE, cls.__qualname__, cls.__module__), tuple(x)
    name = getattr(x, "__qualname__", "")
    return (OTHER, cls.__module__, cls.__qualname__, getattr(x, "__module__", "") or "", name), ()


def map_key(items: Iterable[tuple[Any, Any]], exact: bool, kind: str) -> Key:
    """Give the sort key of a map: size, keys, values; a dict and a Map differ only then."""
    pairs = sorted(((_key(k, True), v) for k, v in items), key=itemgetter(0))
    keys = tuple(key for key, _ in pairs)
    return (MAP, len(keys), keys, tuple(_key(v, exact) for _, v in pairs), kind)


def set_key(parts: Iterable[Any], kind: str) -> Key:
    """Give the sort key of a set: size, and then the elements in order."""
    keys = tuple(sorted(_key(x, True) for x in parts))
    return (SET, len(keys), keys, kind)


def sequence_key(rank: int, parts: Iterable[Any], exact: bool, kind: str) -> Key:
    """Give the sort key of a list (by elements) or tuple (by size, then by elements)."""
    keys = tuple(_key(x, exact) for x in parts)
    return (LIST, keys) if rank == LIST else (TUPLE, len(keys), keys, kind)


def identity_key(name: Key, parts: Iterable[Any], exact: bool) -> Key:
    """Give the sort key of what `identity` describes."""
    # Numbers in a name stand beside text in another: their texts are compared.
    return (name[0], tuple(map(str, name[1:])), tuple(_key(x, exact) for x in parts))


def object_key(x: Any, exact: bool) -> Key:
    """Give the sort key of a value whose type has no rule of its own."""
    name, parts = identity(x)
    if name[0] == TUPLE:  # a named tuple: a tuple that differs from a bare one only at the end
        return sequence_key(TUPLE, parts, exact, repr(name[1:]))
    return identity_key(name, parts, exact)


def _key(x: Any, exact: bool) -> Key:
    kind = type(x)
    if kind is int:
        return (NUMBER, 0, x)
    maker = _MAKERS.get(kind) or KEYS.get(kind)
    return maker(x, exact) if maker is not None else object_key(x, exact)


def _float_key(x: float, exact: bool) -> Key:
    if x != x:
        return (NAN, _bits(x))
    return (NUMBER, 1 if exact else 0, x)  # Python compares int with float exactly


def _atom_key(x: bool | None, exact: bool) -> Key:
    text = "nil" if x is None else "true" if x else "false"
    return (ATOM, (text, "", ""), ())


# Text is UTF-8 on the BEAM. Only then may "a" and b"a" differ.
_MAKERS: dict[type, Callable[[Any, bool], Key]] = {
    float: _float_key,
    bool: _atom_key,
    type(None): _atom_key,
    str: lambda x, _: (BINARY, x.encode("utf-8", "surrogatepass"), 0),
    bytes: lambda x, _: (BINARY, x, 1),
    Pid: lambda x, _: (PID, x.path),
    Ref: lambda x, _: (REFERENCE, x.owner, x.index),
    Instant: lambda x, _: (TIME, x.point, x.offset_us, 0),
    Duration: lambda x, _: (TIME, x.since, x.offset_us, 1, x.until),
    tuple: lambda x, exact: sequence_key(TUPLE, x, exact, ""),
    Stack: lambda x, exact: sequence_key(TUPLE, x, exact, "Stack"),
    list: lambda x, exact: sequence_key(LIST, x, exact, ""),
    dict: lambda x, exact: map_key(x.items(), exact, "dict"),
    set: lambda x, _: set_key(x, "set"),
    frozenset: lambda x, _: set_key(x, "frozenset"),
}


def _bits(x: float) -> bytes:
    return struct.pack(">d", x)


def _equal_objects(a: Any, b: Any) -> bool:
    (name, parts), (other_name, other_parts) = identity(a), identity(b)
    return name == other_name and equal(parts, other_parts)
