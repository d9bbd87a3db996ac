"""Freeze a value at hand-over, and thaw a fresh copy of it for whoever receives it.

What is immutable through and through is its own frozen form. Anything else becomes a `Frozen`: its
kind and its parts, each frozen in turn, so that what is kept can neither change nor be shared.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from enum import Enum
from functools import lru_cache, partial
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Never

from simkernel.errors import TermError
from simkernel.maps import Map, mark_solid
from simkernel.ordering import (
    EQUALS,
    FUN,
    HASHES,
    IDENTITIES,
    KEYS,
    LIST,
    MIXED,
    STRUCT,
    TUPLE,
    Identity,
    Key,
    equal,
    equal_maps,
    map_key,
    object_key,
    sequence_key,
    set_key,
    sort_key,
    state_of,
    strict_hash,
    strict_key,
)
from simkernel.values import Duration, Instant, Pid, Ref, Stack

DEPTH_MAX = 100
"""Values nested deeper are no terms: every walk over a term is a recursion."""

ATOMIC = frozenset({type(None), bool, int, float, str, bytes, Pid, Ref, Instant, Duration, Stack})
"""Types whose values hold nothing that could change."""


class Frozen:
    """Hold the image of a value that is mutable somewhere; `thaw` makes the value.

    `kind` is the type, `label` what else is needed to build it, `parts` what it holds.
    """

    __slots__ = ("_hash", "kind", "label", "parts")
    kind: Any
    label: Any
    parts: tuple[Any, ...]
    _hash: int | None

    def __init__(self, kind: Any, parts: tuple[Any, ...], label: Any = None) -> None:
        self.kind = kind
        self.parts = parts
        self.label = label
        self._hash = None

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is Frozen and _equal_frozen(self, other))

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = _hash_of(self)
        return self._hash

    def __repr__(self) -> str:
        from simkernel.text import show  # text knows Frozen; Frozen knows it only here

        return show(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Frozen, (self.kind, self.parts, self.label)


def freeze(value: Any, path: str = "message") -> Any:
    """Give what the machine keeps of `value`: the very same object if nothing in it can change.

    Raises TermError, with the path to the culprit, for what is no term: coroutines, locks, files,
    modules, iterators, instances of ordinary classes, cycles, nesting beyond `DEPTH_MAX`.
    A NaN is a term, the same as another one of the same bits.

    >>> message = ("ping", 17, 42)
    >>> freeze(message) is message
    True
    >>> freeze(("add", [1, {"size": len}]), path="message")
    ('add', [1, {'size': &builtins.len}])
    >>> freeze(("add", [1, {"all": iter([])}]))
    Traceback (most recent call last):
    simkernel.errors.TermError: message[1][1]['all'] is an iterator (list_iterator), which runs out
      where: message[1][1]['all']
      next: Send the items: `tuple(x)` or `list(x)`.
    """
    kind = type(value)
    if kind is tuple:
        for x in value:
            if type(x) not in ATOMIC:
                break
        else:
            return value
        if _is_plain(value, DEPTH_MAX):
            return value
    elif kind in ATOMIC:
        return value
    try:
        return _FREEZERS.get(kind, _frozen_object)(value, 0, None)
    except _Rejected as rejected:
        raise rejected.error(path) from None


def thaw(value: Any) -> Any:
    """Make a fresh value of a frozen one: new lists, dicts, sets, dataclasses, function cells.

    The order in which a set iterates is Python's; everything else comes back as it was frozen.

    >>> kept = freeze(["a", {"b": 1}])
    >>> first, second = thaw(kept), thaw(kept)
    >>> first.append("c")
    >>> second
    ['a', {'b': 1}]
    """
    if type(value) is not Frozen:
        return value
    return _thawed(value, None)


def captured(fn: FunctionType) -> dict[str, Any]:
    """List what a function carries besides its code: captured variables, defaults, attributes."""
    found: dict[str, Any] = {}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue  # not assigned yet
    if fn.__defaults__:
        found[_DEFAULTS] = fn.__defaults__
    if fn.__kwdefaults__:
        found[_KWDEFAULTS] = fn.__kwdefaults__
    found.update(vars(fn))
    return found


def is_named(fn: FunctionType) -> bool:
    """Tell whether module and qualified name lead back to this very function."""
    names = fn.__qualname__.split(".")
    if "<locals>" in names:
        return False
    module = sys.modules.get(fn.__module__ or "")
    found: Any = (vars(module) if module is not None else fn.__globals__).get(names[0])
    for name in names[1:]:
        found = getattr(found, name, None)
    return found is fn or getattr(found, "__func__", None) is fn


# -- Freezing --------------------------------------------------------------------------------------


class _Group:
    """The local functions met so far: one may capture itself, or another that captures it."""

    __slots__ = ("functions", "images")

    def __init__(self) -> None:
        self.functions: list[FunctionType] = []
        self.images: list[Frozen | None] = []


class _Rejected(Exception):
    """Carry the reason outwards, while every level adds its step to the path."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.steps: list[tuple[str, int]] = []  # innermost first: step, id of the value around it

    def error(self, path: str) -> TermError:
        steps = [step for step, _ in reversed(self.steps)]
        if self.what != _TOO_DEEP:
            return TermError(path + "".join(steps), self.what, hint=self.hint)
        seen: dict[int, int] = {}
        for at, (_, around) in enumerate(reversed(self.steps)):
            if around in seen:
                outer = path + "".join(steps[: seen[around]])
                inner = path + "".join(steps[:at])
                return TermError(
                    inner,
                    f"contains itself: it is {outer} again",
                    hint="Send data without cycles: let an entry name another by a key.",
                )
            seen[around] = at
        return TermError(path + "".join(steps[:8]) + "...", self.what, hint=self.hint)


_TOO_DEEP = f"is nested deeper than {DEPTH_MAX} levels"
_DEFAULTS, _KWDEFAULTS = "__defaults__", "__kwdefaults__"

# Kinds of images that are no types of their own.
FUNCTIONS = "functions"  # parts: one image for each function of a group; the first is the value
FUNCTION = "function"  # parts: captured values; label: the function and their names
MEMBER = "member"  # label: which function of the group around it


def _is_plain(x: tuple[Any, ...], depth: int) -> bool:
    # Nested tuples are what most messages are: 5 times quicker than collecting their parts.
    for part in x:
        kind = type(part)
        if kind not in ATOMIC and (
            kind is not tuple or depth <= 0 or not _is_plain(part, depth - 1)
        ):
            return False
    return True


def _frozen_parts(
    around: Any, parts: Iterable[Any], step: Callable[[int], str], depth: int, group: _Group | None
) -> tuple[Any, ...]:
    out: list[Any] = []
    try:
        if depth >= DEPTH_MAX:
            raise _Rejected(_TOO_DEEP, "Send it in pieces, or flat, with keys in place of nesting.")
        for x in parts:
            out.append(
                x
                if type(x) in ATOMIC
                else _FREEZERS.get(type(x), _frozen_object)(x, depth + 1, group)
            )
    except _Rejected as rejected:
        rejected.steps.append((step(len(out)), id(around)))
        raise
    return tuple(out)


def _is_solid(parts: Iterable[Any]) -> bool:
    return Frozen not in map(type, parts)


def _index(i: int) -> str:
    return f"[{i}]"


def _frozen_tuple(x: tuple[Any, ...], depth: int, group: _Group | None) -> Any:
    parts = _frozen_parts(x, x, _index, depth, group)
    return x if _is_solid(parts) else Frozen(tuple, parts)


def _frozen_list(x: list[Any], depth: int, group: _Group | None) -> Any:
    return Frozen(list, _frozen_parts(x, x, _index, depth, group))


def _frozen_dict(x: dict[Any, Any], depth: int, group: _Group | None) -> Any:
    return Frozen(dict, _frozen_items(x, list(x.items()), depth, group))


def _frozen_map(x: Map, depth: int, group: _Group | None) -> Any:
    if x.solid:
        return x
    parts = _frozen_items(x, list(x.items()), depth, group)
    if not _is_solid(parts):
        return Frozen(Map, parts)
    mark_solid(x, True)
    return x


def _frozen_items(
    around: Any, items: Sequence[tuple[Any, Any]], depth: int, group: _Group | None
) -> tuple[Any, ...]:
    def step(i: int) -> str:
        from simkernel.text import show

        key = show(items[i // 2][0])
        return f"[{key}]" if i % 2 else f".<key {key}>"

    flat = [half for item in items for half in item]
    return _frozen_parts(around, flat, step, depth, group)


def _frozen_set(x: set[Any] | frozenset[Any], depth: int, group: _Group | None) -> Any:
    # Sorted: the image, and what thaws from it, then owe nothing to the order of insertion.
    def step(i: int) -> str:
        return ".<element>"

    parts = _frozen_parts(x, x, step, depth, group)
    if type(x) is frozenset and _is_solid(parts):
        return x
    return Frozen(type(x), tuple(sorted(parts, key=sort_key)))


def _frozen_image(x: Any, depth: int, group: _Group | None) -> Any:
    return x


def _frozen_function(fn: FunctionType, depth: int, group: _Group | None) -> Any:
    if not (fn.__closure__ or fn.__defaults__ or fn.__kwdefaults__ or fn.__dict__) or is_named(fn):
        return fn
    members = _Group() if group is None else group
    for at, known in enumerate(members.functions):
        if known is fn:
            return Frozen(MEMBER, (), at)
    at = len(members.functions)
    members.functions.append(fn)
    members.images.append(None)
    found = captured(fn)
    names = tuple(found)

    def step(i: int) -> str:
        return f".<captured {names[i]}>"

    parts = _frozen_parts(fn, found.values(), step, depth, members)
    members.images[at] = Frozen(FUNCTION, parts, (fn, names))
    return Frozen(MEMBER, (), at) if group is not None else Frozen(FUNCTIONS, tuple(members.images))


def _frozen_method(x: MethodType, depth: int, group: _Group | None) -> Any:
    pair = (x.__func__, x.__self__)
    parts = _frozen_parts(x, pair, (".__func__", ".__self__").__getitem__, depth, group)
    return x if _is_solid(parts) else Frozen(MethodType, parts)


def _frozen_partial(x: partial[Any], depth: int, group: _Group | None) -> Any:
    three = (x.func, x.args, x.keywords)
    parts = _frozen_parts(x, three, (".func", ".args", ".keywords").__getitem__, depth, group)
    return Frozen(partial, parts)


def _frozen_builtin(x: BuiltinFunctionType, depth: int, group: _Group | None) -> Any:
    owner = x.__self__
    if owner is None or type(owner) is ModuleType:
        return x
    if not _is_solid(_frozen_parts(x, (owner,), lambda _: ".__self__", depth, group)):
        raise _Rejected(f"is a method of a mutable {type(owner).__name__}", "Send the value.")
    return x


def _frozen_object(x: Any, depth: int, group: _Group | None) -> Any:
    cls: Any = type(x)  # mypy takes no `type` for hashable
    return _freezer_of(cls)(x, depth, group)


@lru_cache(maxsize=1024)
def _freezer_of(cls: type) -> Callable[[Any, int, _Group | None], Any]:
    if issubclass(cls, Enum | type):
        return _frozen_image
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _frozen_named_tuple
    return _frozen_record if is_dataclass(cls) and _why_not(cls) is None else _reject


def _frozen_named_tuple(x: Any, depth: int, group: _Group | None) -> Any:
    parts = _frozen_parts(x, x, lambda i: f".{x._fields[i]}", depth, group)
    return x if _is_solid(parts) else Frozen(type(x), parts)


def _frozen_record(x: Any, depth: int, group: _Group | None) -> Any:
    cls = type(x)
    try:
        state = state_of(x)
    except AttributeError as unset:
        what = f"is a {cls.__qualname__} whose field {unset.name!r} was never set"
        raise _Rejected(what) from None
    names = tuple(state)
    parts = _frozen_parts(x, state.values(), lambda i: f".{names[i]}", depth, group)
    # A subclass without the decorator inherits `frozen`, and yet takes new attributes.
    params = cls.__dict__.get("__dataclass_params__")
    if params is not None and params.frozen and _is_solid(parts):
        return x
    return Frozen(cls, parts, names)


_FREEZERS: dict[type, Callable[[Any, int, _Group | None], Any]] = {
    **dict.fromkeys(ATOMIC, lambda x, depth, group: x),
    **dict.fromkeys((MethodDescriptorType, WrapperDescriptorType), lambda x, depth, group: x),
    tuple: _frozen_tuple,
    list: _frozen_list,
    dict: _frozen_dict,
    set: _frozen_set,
    frozenset: _frozen_set,
    Map: _frozen_map,
    Frozen: _frozen_image,
    FunctionType: _frozen_function,
    MethodType: _frozen_method,
    partial: _frozen_partial,
    BuiltinFunctionType: _frozen_builtin,
}


def _reject(x: Any, depth: int, group: _Group | None) -> Never:
    cls = type(x)
    name = f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")
    if isinstance(x, ModuleType):
        raise _Rejected(f"is the module {x.__name__}", "Import it where it is used.")
    what, hint = _why_not(cls) or (
        "is an instance of {name}, which is no term",
        "Make it a dataclass, or send what it holds.",
    )
    raise _Rejected(what.format(name=name), hint)


def _why_not(cls: type) -> tuple[str, str] | None:
    if hasattr(cls, "__await__"):
        return "is an awaitable ({name}) that was not awaited", "Write `await` before the call."
    if hasattr(cls, "__anext__"):
        return "is an asynchronous iterator ({name})", "Send the items: `[x async for x in it]`."
    if hasattr(cls, "read") and hasattr(cls, "close"):
        return "is a file ({name})", "Send its path or its content."
    if hasattr(cls, "__next__"):
        return "is an iterator ({name}), which runs out", "Send the items: `tuple(x)` or `list(x)`."
    if hasattr(cls, "acquire") and hasattr(cls, "release"):
        return "is a lock ({name})", "A process owns its state: nothing needs a lock."
    if issubclass(cls, BaseException):
        return "is an exception ({name})", "Send what it says: `(type(e).__name__, str(e))`."
    for plain in (bool, int, float, str, bytes, list, dict, frozenset, set, tuple):
        if issubclass(cls, plain):
            return (
                f"is a {{name}}, a subclass of {plain.__name__}, which copies would not keep",
                f"Send a plain one: `{plain.__name__}(x)`.",
            )
    if issubclass(cls, bytearray | memoryview):
        return "is a {name}, which can change", "Send `bytes(x)`."
    return None


# -- Thawing ---------------------------------------------------------------------------------------


def _thawed(x: Frozen, group: list[FunctionType] | None) -> Any:
    kind = x.kind
    if kind is MEMBER:
        assert group is not None
        return group[x.label]
    if kind is FUNCTIONS:
        return _thawed_functions(x)
    parts = [_thawed(p, group) if type(p) is Frozen else p for p in x.parts]
    if kind is list:
        return parts
    if kind is dict or kind is Map:
        halves = iter(parts)
        return kind(zip(halves, halves, strict=True))
    if kind is tuple or kind is set or kind is frozenset:
        return kind(parts)
    if kind is MethodType:
        return MethodType(*parts)
    if kind is partial:
        return partial(parts[0], *parts[1], **parts[2])
    if x.label is None:
        return tuple.__new__(kind, parts)
    return _rebuilt(kind, zip(x.label, parts, strict=True))


def _rebuilt(cls: type, state: Iterable[tuple[str, Any]]) -> Any:
    # Not through `__init__`, which may compute, count or refuse.
    made: Any = object.__new__(cls)
    for name, value in state:
        object.__setattr__(made, name, value)
    return made


def _thawed_functions(x: Frozen) -> FunctionType:
    group: list[FunctionType] = []
    for image in x.parts:
        fn, _ = image.label
        cells = tuple(CellType() for _ in fn.__code__.co_freevars)
        made = FunctionType(fn.__code__, fn.__globals__, fn.__name__, None, cells)
        made.__qualname__, made.__module__ = fn.__qualname__, fn.__module__
        made.__annotations__, made.__doc__ = fn.__annotations__, fn.__doc__
        group.append(made)
    for image, made in zip(x.parts, group, strict=True):
        for name, part in zip(image.label[1], image.parts, strict=True):
            value = _thawed(part, group) if type(part) is Frozen else part
            if name == _DEFAULTS:
                made.__defaults__ = value
            elif name == _KWDEFAULTS:
                made.__kwdefaults__ = value
            elif name in made.__code__.co_freevars:
                assert made.__closure__ is not None
                made.__closure__[made.__code__.co_freevars.index(name)].cell_contents = value
            else:
                made.__dict__[name] = value
    return group[0]


# -- Frozen images in equality and order -----------------------------------------------------------


def pairs_of(x: Frozen) -> list[tuple[Any, Any]]:
    """Give the items of a frozen dict or Map."""
    halves = iter(x.parts)
    return list(zip(halves, halves, strict=True))


def _equal_frozen(a: Frozen, b: Frozen) -> bool:
    if a.kind is not b.kind or len(a.parts) != len(b.parts):
        return False
    if a.kind is dict or a.kind is Map:
        return equal_maps(pairs_of(a), pairs_of(b))
    if a.kind is set or a.kind is frozenset:
        return {*map(strict_key, a.parts)} == {*map(strict_key, b.parts)}
    return _name_of(a) == _name_of(b) and all(map(equal, a.parts, b.parts))


def _equal_mixed(a: object, b: object) -> bool:
    if type(a) is Frozen:
        return type(frozen := freeze(b)) is Frozen and _equal_frozen(a, frozen)
    return type(b) is Frozen and _equal_mixed(b, a)


def _hash_of(x: Frozen) -> int:
    if x.kind is dict or x.kind is Map:
        return hash(frozenset((strict_hash(k), strict_hash(v)) for k, v in pairs_of(x)))
    if x.kind is set or x.kind is frozenset:
        return hash(frozenset(map(strict_hash, x.parts)))
    return hash((_name_of(x), *map(strict_hash, x.parts)))


def _name_of(x: Frozen) -> Key:
    kind = x.kind
    if kind is FUNCTION:
        fn, names = x.label
        return (*_local_name(fn), *names)
    if kind is FUNCTIONS or kind is MEMBER:
        return (FUN, kind, x.label)
    if kind is MethodType or kind is partial:
        return (FUN, "method" if kind is MethodType else "partial")
    if x.label is not None:
        return (STRUCT, kind.__qualname__, kind.__module__, *x.label)
    return (TUPLE, kind.__qualname__, kind.__module__)


def _local_name(fn: FunctionType) -> Key:
    code = fn.__code__
    constants = [(type(c).__name__, "" if type(c) is CodeType else repr(c)) for c in code.co_consts]
    # The code too: two lambdas of one line differ in nothing else.
    inner = (code.co_firstlineno, code.co_code, repr(constants), repr(code.co_names))
    return (FUN, "function", fn.__module__ or "", fn.__qualname__, *inner)


def _function_identity(fn: FunctionType) -> Identity:
    if is_named(fn):
        return (FUN, "function", fn.__module__, fn.__qualname__), ()
    image = freeze(fn, fn.__qualname__)
    return (_local_name(fn), ()) if image is fn else (_name_of(image), image.parts)


def _frozen_key(x: Frozen, exact: bool) -> Key:
    kind = x.kind
    if kind is list:
        return sequence_key(LIST, x.parts, exact, "")
    if kind is tuple:
        return sequence_key(TUPLE, x.parts, exact, "")
    if kind is dict or kind is Map:
        return map_key(pairs_of(x), exact, "dict" if kind is dict else "")
    if kind is set or kind is frozenset:
        return set_key(x.parts, kind.__name__)
    return object_key(x, exact)


IDENTITIES[FunctionType] = _function_identity
IDENTITIES[Frozen] = lambda x: (_name_of(x), x.parts)
EQUALS[Frozen] = _equal_frozen
HASHES[Frozen] = hash
KEYS[Frozen] = _frozen_key
MIXED.append(_equal_mixed)
