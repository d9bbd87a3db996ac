"""Map: the immutable, hashable map of Elixir, with strict keys and term order."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Any

from simkernel.errors import ErlangError
from simkernel.ordering import (
    EQUALS,
    HASHES,
    KEYS,
    Strict,
    equal,
    exact_key,
    map_key,
    strict_hash,
    strict_key,
)


class Map(Mapping[Any, Any]):
    """Hold keys and values for good; every change gives a new Map.

    Keys are strict (1, 1.0 and True are three keys) and iterate in term order. A `str` key reads as
    an attribute too, except where a method has the name: `m["get"]`, `m["items"]`.

    >>> data = Map(step="plan", results=())
    >>> data.replace(results=("ok",)).results
    ('ok',)
    >>> data.replace(result=1)
    Traceback (most recent call last):
    simkernel.errors.ErlangError: ('badkey', 'result')
    >>> match data:
    ...     case {"step": step}:
    ...         print(step)
    plan
    """

    __slots__ = ("_entries", "_hash", "_sorted", "solid")
    _entries: dict[Any, Any]  # strict key -> value
    _sorted: tuple[Any, ...] | None  # the keys in term order, once somebody has asked
    _hash: int | None
    solid: bool  # freeze has found no mutable value in it

    def __init__(
        self, entries: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), /, **named: Any
    ) -> None:
        pairs = entries.items() if isinstance(entries, Mapping) else entries
        strict = {strict_key(k): v for k, v in pairs}
        strict.update(named)
        _fill(self, strict)

    def put(self, key: Any, value: Any) -> Map:
        """Give this map with `key` set to `value`, added where it is missing."""
        return _made({**self._entries, strict_key(key): value})

    def replace(self, *pair: Any, **named: Any) -> Map:
        """Give this map with present keys set, as `%{m | k: v}` does; badkey for a missing one."""
        if len(pair) not in (0, 2):
            raise TypeError(f"replace(key, value) or replace(key=value), not {len(pair)} arguments")
        changed = dict(self._entries)
        for key, value in [pair, *named.items()] if pair else named.items():
            slot = strict_key(key)
            if slot not in changed:
                raise ErlangError(("badkey", key))
            changed[slot] = value
        return _made(changed)

    def delete(self, key: Any) -> Map:
        """Give this map without `key`; a missing one is no error."""
        slot = strict_key(key)
        return _made({k: v for k, v in self._entries.items() if k != slot})

    def get(self, key: Any, default: Any = None) -> Any:
        """Look `key` up, or give `default`."""
        return self._entries.get(strict_key(key), default)

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._entries[strict_key(key)]
        except KeyError:
            raise ErlangError(("badkey", key)) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself looks for is no key
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Map is immutable: use `replace({name}=...)`")

    def __contains__(self, key: object) -> bool:
        return strict_key(key) in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        if self._sorted is None:
            keys = [k.value if type(k) is Strict else k for k in self._entries]
            if {*map(type, keys)} != {str}:  # str sorts by code point, as its UTF-8 does
                keys.sort(key=exact_key)
            else:
                keys.sort()
            _set_sorted(self, tuple(keys))
        assert self._sorted is not None
        return iter(self._sorted)

    def items(self) -> ItemsView[Any, Any]:
        """Give the pairs in term order of their keys."""
        return _Items(self)

    def __or__(self, other: Mapping[Any, Any]) -> Map:
        if not isinstance(other, Mapping):
            return NotImplemented
        return _made({**self._entries, **{strict_key(k): v for k, v in other.items()}})

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is Map and _equal(self, other))

    def __hash__(self) -> int:
        if self._hash is None:
            for value in self._entries.values():
                hash(value)  # a Map that holds a list is no key, as a tuple that holds one
            _set_hash(self, _strict_hash(self))
        assert self._hash is not None
        return self._hash

    def __repr__(self) -> str:
        from simkernel.text import show  # text knows maps; maps know it only here

        return show(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Map, (tuple(self.items()),)


class _Items(ItemsView[Any, Any]):
    def __repr__(self) -> str:
        return f"items({list(self)!r})"


_set_entries = Map.__dict__["_entries"].__set__
_set_sorted = Map.__dict__["_sorted"].__set__
_set_hash = Map.__dict__["_hash"].__set__
mark_solid = Map.__dict__["solid"].__set__


def _fill(m: Map, entries: dict[Any, Any]) -> None:
    _set_entries(m, entries)
    _set_sorted(m, None)
    _set_hash(m, None)
    mark_solid(m, False)


def _made(entries: dict[Any, Any]) -> Map:
    m = Map.__new__(Map)
    _fill(m, entries)
    return m


def _equal(a: Map, b: Map) -> bool:
    mine, theirs = a._entries, b._entries
    missing = object()
    return len(mine) == len(theirs) and all(
        equal(v, theirs.get(k, missing)) for k, v in mine.items()
    )


def _strict_hash(m: Map) -> int:
    return hash(frozenset((hash(k), strict_hash(v)) for k, v in m._entries.items()))


EQUALS[Map] = _equal
HASHES[Map] = _strict_hash
KEYS[Map] = lambda m, exact: map_key(m.items(), exact, "")
