"""The canonical bytes of a term, modulo renaming of pids, refs and time points.

Two terms have the same bytes iff they are the same up to the numbers that `rename` gives, what a
Stack holds, and the order of sets. Every type has a tag and every collection its length, so that
neighbours cannot run into each other. The order of a dict is part of its bytes: bodies can see it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from simkernel.freezing import Frozen, pairs_of
from simkernel.maps import Map
from simkernel.ordering import Key, exact_key, identity
from simkernel.values import Duration, Instant, Pid, Ref, Stack

Named: TypeAlias = Pid | Ref | Instant
"""What has a name of the run's making. An Instant comes with offset 0: it stands for its point."""


class Renaming:
    """Number pids, refs and time points in the order in which they are first met.

    >>> rename = Renaming()
    >>> canonical((Pid((4,)), Pid((9,))), rename) == canonical((Pid((2,)), Pid((1,))), Renaming())
    True
    """

    __slots__ = ("numbers",)

    def __init__(self) -> None:
        self.numbers: dict[Named, int] = {}

    def __call__(self, name: Named) -> int:
        return self.numbers.setdefault(name, len(self.numbers))

    def __contains__(self, name: object) -> bool:
        return name in self.numbers


class _Rename(Protocol):
    def __call__(self, name: Named, /) -> int: ...


def canonical(term: Any, rename: _Rename) -> bytes:
    """Encode a term for fingerprints, calling `rename` for each pid, ref and time point it meets.

    `rename` may say by `in` which names already have a number (as `Renaming` does); otherwise those
    met in this call count as numbered. Maps and sets are encoded in an order that does not depend
    on names: entries whose names are all numbered first, by their bytes; then, one by one, the
    least of the rest with unnumbered names left blank, and by pid path where even that ties.

    >>> canonical(1, Renaming()), canonical(1.0, Renaming()) == canonical(True, Renaming())
    (b'i1;', False)
    """
    out: list[bytes] = []
    _encode(term, out, _Names(rename))
    return b"".join(out)


class _Names:
    """Number names by `rename`, and remember which are numbered."""

    __slots__ = ("known", "rename")

    def __init__(self, rename: _Rename) -> None:
        self.rename = rename
        self.known: Any = rename if hasattr(rename, "__contains__") else set()

    def number(self, name: Named) -> int:
        if type(self.known) is set:
            self.known.add(name)
        return self.rename(name)


class _Blank(_Names):
    """Leave names blank that have no number yet, and give none."""

    __slots__ = ("blanks",)

    def __init__(self, names: _Names) -> None:
        self.rename = names.rename
        self.known = names.known
        self.blanks = 0

    def number(self, name: Named) -> int:
        if name in self.known:
            return self.rename(name)
        self.blanks += 1
        return -1


def _encode(x: Any, out: list[bytes], names: _Names) -> None:
    _encode_all((x,), out, names)


def _encode_all(parts: Iterable[Any], out: list[bytes], names: _Names) -> None:
    """Encode one after the other: a call for each collection, not for each of its parts."""
    for x in parts:
        kind = type(x)
        if kind is str:
            out.append(_text(x))
        elif kind is int:
            out.append(_INTS[x] if 0 <= x < _FEW else b"i%x;" % x)
        elif kind is tuple:
            size = len(x)
            out.append(_TUPLES[size] if size < _FEW else b"t%d:" % size)
            _encode_all(x, out, names)
        elif kind is Pid:
            number = names.number(x)
            out.append(_PIDS[number] if 0 <= number < _FEW else b"p%d;" % number)
        elif kind is Ref:
            out.append(b"r%d;" % names.number(x))
        elif kind is list:
            out.append(b"l%d:" % len(x))
            _encode_all(x, out, names)
        else:
            _ENCODERS.get(kind, _encode_object)(x, out, names)


# The bytes of what is met all the time.
_FEW = 256
_INTS = [b"i%x;" % x for x in range(_FEW)]
_TUPLES = [b"t%d:" % size for size in range(_FEW)]
_PIDS = [b"p%d;" % number for number in range(_FEW)]


@lru_cache(maxsize=4096)
def _text(x: str) -> bytes:
    text = x.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(text), text)


def _encode_dict(pairs: list[tuple[Any, Any]], out: list[bytes], names: _Names) -> None:
    out.append(b"d%d:" % len(pairs))
    for pair in pairs:
        _encode_all(pair, out, names)


def _encode_unordered(
    tag: bytes, entries: list[tuple[Any, ...]], out: list[bytes], names: _Names
) -> None:
    out.append(b"%b%d:" % (tag, len(entries)))
    rest = entries
    if all(
        type(entry[0]) is str for entry in entries
    ):  # sorted already, if a map's: the usual case
        rest = []
        for entry in entries if tag == b"m" else sorted(entries):
            _encode_all(entry, out, names)
    while rest:
        ready: list[tuple[bytes, tuple[Any, ...]]] = []
        blank: list[tuple[Any, ...]] = []
        for entry in rest:
            text, blanks = _blanked(entry[0], names)
            if blanks:
                blank.append(entry)
            else:
                ready.append((text, entry))
        if ready:
            ready.sort(key=lambda pair: pair[0])
            chosen, rest = [entry for _, entry in ready], blank
        else:
            first = min(blank, key=lambda e: (_blanked(e, names)[0], exact_key(e[0])))
            chosen, rest = [first], [entry for entry in blank if entry is not first]
        for entry in chosen:
            _encode_all(entry, out, names)


def _blanked(x: Any, names: _Names) -> tuple[bytes, int]:
    out: list[bytes] = []
    blank = _Blank(names)
    _encode(x, out, blank)
    return b"".join(out), blank.blanks


def _encode_object(x: Any, out: list[bytes], names: _Names) -> None:
    if type(x) is type:
        out.append(_class_bytes(x))
        return
    name, parts = identity(x)
    out.append(_name_bytes(name, len(parts)))
    _encode_all(parts, out, names)


@lru_cache(maxsize=1024)
def _class_bytes(x: type) -> bytes:
    return _name_bytes(identity(x)[0], 0)


@lru_cache(maxsize=1024)
def _name_bytes(name: Key, size: int) -> bytes:
    out = [b"o%d:%d:" % (len(name), size)]
    for part in name:
        _encode(part, out, _Names(Renaming()))
    return b"".join(out)


def _encode_frozen(x: Frozen, out: list[bytes], names: _Names) -> None:
    if x.kind is list or x.kind is tuple:
        out.append(b"%b%d:" % (b"l" if x.kind is list else b"t", len(x.parts)))
        _encode_all(x.parts, out, names)
    elif x.kind is dict:
        _encode_dict(pairs_of(x), out, names)
    elif x.kind is Map:
        _encode_unordered(b"m", pairs_of(x), out, names)
    elif x.kind is set or x.kind is frozenset:
        tag = b"S" if x.kind is set else b"z"
        _encode_unordered(tag, [(part,) for part in x.parts], out, names)
    else:
        _encode_object(x, out, names)


def _encode_instant(x: Instant, out: list[bytes], names: _Names) -> None:
    out.append(b"I%d,%d;" % (names.number(Instant(x.point, 0)), x.offset_us))


def _encode_duration(x: Duration, out: list[bytes], names: _Names) -> None:
    since = names.number(Instant(x.since, 0))
    out.append(b"U%d,%d,%d;" % (since, names.number(Instant(x.until, 0)), x.offset_us))


_ENCODERS: dict[type, Callable[[Any, list[bytes], _Names], None]] = {
    type(None): lambda x, out, names: out.append(b"N"),
    bool: lambda x, out, names: out.append(b"T" if x else b"F"),
    float: lambda x, out, names: out.append(b"f" + struct.pack(">d", x)),
    bytes: lambda x, out, names: out.append(b"b%d:%b" % (len(x), x)),
    Stack: lambda x, out, names: out.append(b"k"),
    Instant: _encode_instant,
    Duration: _encode_duration,
    dict: lambda x, out, names: _encode_dict(list(x.items()), out, names),
    Map: lambda x, out, names: _encode_unordered(b"m", list(x.items()), out, names),
    set: lambda x, out, names: _encode_unordered(b"S", [(v,) for v in x], out, names),
    frozenset: lambda x, out, names: _encode_unordered(b"z", [(v,) for v in x], out, names),
    Frozen: _encode_frozen,
}
