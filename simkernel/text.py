"""The text of a term, for traces and messages: the same on every machine, in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from simkernel.errors import TermError
from simkernel.freezing import (
    FUNCTION,
    FUNCTIONS,
    MEMBER,
    Frozen,
    freeze,
    is_named,
    pairs_of,
)
from simkernel.maps import Map
from simkernel.ordering import exact_key, state_of
from simkernel.values import Duration, Instant, Pid, Ref, Stack

# Types whose `repr` is the text, if that is ASCII: which other characters `repr` escapes depends
# on Python's version.
_REPR = frozenset({type(None), bool, int, str, bytes, Pid, Ref})
_INT_BITS_MAX = 10_000  # Python refuses to write much longer ones in decimal


def show(term: Any) -> str:
    """Write a term as one line; different terms have different texts.

    Two classes, or two lambdas of one line, that share all their names look alike.

    >>> print(show(("greet", "Mi\\nchael", 1.0, [True], Pid((2, 1)), Map(b=1, a=None))))
    ('greet', 'Mi\\nchael', 1.0, [True], <root.2.1>, %{'a': None, 'b': 1})
    """
    if type(term) is tuple:
        for x in term:
            if type(x) not in _REPR:
                break
        else:
            try:
                text = repr(term)
            except ValueError:  # an int too long for decimal
                return _show_tuple(term)
            return text if text.isascii() else _show_tuple(term)
    return _show(term)


def _show(x: Any) -> str:
    return _SHOWERS.get(type(x), _show_object)(x)


def _joined(parts: Iterable[Any]) -> str:
    return ", ".join([_SHOWERS.get(type(x), _show_object)(x) for x in parts])


def _show_tuple(x: tuple[Any, ...]) -> str:
    return f"({_joined(x)},)" if len(x) == 1 else f"({_joined(x)})"


def _show_items(items: Iterable[tuple[Any, Any]]) -> str:
    return "{" + ", ".join([f"{_show(k)}: {_show(v)}" for k, v in items]) + "}"


def _show_set(x: set[Any]) -> str:
    return "{" + _joined(sorted(x, key=exact_key)) + "}" if x else "set()"


def _show_int(x: int) -> str:
    return repr(x) if x.bit_length() < _INT_BITS_MAX else hex(x)


def _show_float(x: float) -> str:
    if x == x:
        return repr(x)
    import struct

    bits = struct.pack(">d", x).hex()
    return "nan" if bits == "7ff8000000000000" else f"nan_{bits}"


def _show_str(x: str) -> str:
    text = repr(x)
    if text.isascii():
        return text
    quote = '"' if "'" in x and '"' not in x else "'"
    return quote + "".join([_show_char(c, quote) for c in x]) + quote


def _show_char(c: str, quote: str) -> str:
    if c.isascii():
        return "\\" + c if c == quote else repr(c)[1:-1] if c not in "'\"" else c
    from unicodedata import ucd_3_2_0  # the one Unicode version that every Python carries

    known = c.isprintable() and ucd_3_2_0.category(c)[0] in "LMNPS"
    return c if known else ascii(c)[1:-1]


def _show_function(fn: FunctionType) -> str:
    if is_named(fn):
        return f"&{fn.__module__}.{fn.__qualname__}"
    try:
        image = freeze(fn)
    except TermError as error:
        return f"{_local_name(fn)}<no term: {error.path}>"
    return _local_name(fn) if image is fn else _show_frozen(image)


def _local_name(fn: FunctionType) -> str:
    return f"&{fn.__module__}.{fn.__qualname__}@{fn.__code__.co_firstlineno}"


def _show_frozen(x: Frozen) -> str:
    kind, parts = x.kind, x.parts
    if kind is list:
        return f"[{_joined(parts)}]"
    if kind is tuple:
        return _show_tuple(parts)
    if kind is dict:
        return _show_items(pairs_of(x))
    if kind is Map:
        return "%" + _show_items(pairs_of(x))
    if kind is set or kind is frozenset:
        shown = "{" + _joined(parts) + "}" if parts else "set()"
        return shown if kind is set else f"frozenset({shown})"
    if kind is MethodType:
        return _show_method(*parts)
    if kind is partial:
        return _show_partial(*parts)
    if kind == FUNCTIONS:  # `&2` in one of them is the third of the group
        return " with ".join(map(_show_frozen, parts))
    if kind == FUNCTION:
        fn, names = x.label
        return f"{_local_name(fn)}{{{_show_fields(names, parts)}}}"
    if kind == MEMBER:
        return f"&{x.label}"
    return _show_record(kind, x.label if x.label is not None else kind._fields, parts)


def _show_fields(names: Iterable[str], parts: Iterable[Any]) -> str:
    return ", ".join([f"{n}={_show(p)}" for n, p in zip(names, parts, strict=True)])


def _show_record(cls: type, names: Iterable[str], parts: Iterable[Any]) -> str:
    return f"{cls.__qualname__}({_show_fields(names, parts)})"


def _show_method(fn: Any, owner: Any) -> str:
    return f"{_show(fn)} of {_show(owner)}"


def _show_partial(fn: Any, args: Any, keywords: Any) -> str:
    return f"partial({_show(fn)}, {_show(args)}, {_show(keywords)})"


def _show_builtin(x: BuiltinFunctionType) -> str:
    owner = x.__self__
    if owner is None or type(owner) is ModuleType:
        module = (x.__module__ or "").lstrip("_")  # `io` or `_io`: it depends on the version
        return f"&{module}.{x.__qualname__}"
    return _show_method(x.__qualname__, owner)


def _show_object(x: Any) -> str:
    cls = type(x)
    if isinstance(x, Enum):
        return f"{cls.__qualname__}.{x.name if x.name is not None else x.value}"
    if isinstance(x, type):
        return f"<class {x.__module__}.{x.__qualname__}>"
    if isinstance(x, tuple) and hasattr(cls, "_fields"):
        return _show_record(cls, cls._fields, x)
    if is_dataclass(x):
        try:
            state = state_of(x)
        except AttributeError as unset:
            return f"<{cls.__qualname__} without {unset.name}>"
        return _show_record(cls, state, state.values())
    return f"<no term: {cls.__module__}.{cls.__qualname__}>"


_SHOWERS: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((type(None), bool, bytes, Pid, Ref, Instant, Duration, Stack), repr),
    **dict.fromkeys(
        (MethodDescriptorType, WrapperDescriptorType),
        lambda x: f"&{x.__objclass__.__module__}.{x.__qualname__}",
    ),
    int: _show_int,
    float: _show_float,
    str: _show_str,
    tuple: _show_tuple,
    list: lambda x: f"[{_joined(x)}]",
    dict: lambda x: _show_items(x.items()),
    Map: lambda x: "%" + _show_items(x.items()),
    set: _show_set,
    frozenset: lambda x: f"frozenset({_show_set(x)})",
    Frozen: _show_frozen,
    FunctionType: _show_function,
    MethodType: lambda x: _show_method(x.__func__, x.__self__),
    partial: lambda x: _show_partial(x.func, x.args, x.keywords),
    BuiltinFunctionType: _show_builtin,
}
