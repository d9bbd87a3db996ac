"""What a receive declares that it takes: patterns, as values that a checker can read.

>>> match(("greet", str), ("greet", "Michael"))
True
>>> match((let("op"), where(lambda n: n > 3)), ("add", 2))
False
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from simkernel.errors import UsageError
from simkernel.terms import Frozen, equal, show, thaw


class Timeout(Enum):
    """The result of a receive whose `after` has run out; `case Timeout():` matches it."""

    TIMEOUT = "TIMEOUT"

    def __repr__(self) -> str:
        return "TIMEOUT"


TIMEOUT = Timeout.TIMEOUT


class Wildcard:
    """The wildcard: matches everything, keeps nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ANY"


ANY = Wildcard()


class Pattern:
    """A pattern with a rule of its own."""

    __slots__ = ()

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Tell whether `value` matches; add its captures to `found`."""
        raise UsageError(f"{type(self).__name__} has no bind()", hint="Define bind(value, found).")


class let(Pattern):
    """Capture what stands here under a name; the same name twice has to be equal."""

    __slots__ = ("name", "pattern")

    def __init__(self, name: str, pattern: Any = ANY):
        self.name = name
        self.pattern = pattern

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Keep `value` under the name."""
        if not _bind(self.pattern, value, found):
            return False
        if self.name in found:
            return equal(found[self.name], value)
        found[self.name] = value
        return True

    def __repr__(self) -> str:
        return f"let({self.name!r})"


class pin(Pattern):
    """Match one value, even if it is a type or holds patterns (Elixir's `^value`)."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Compare strictly."""
        return equal(self.value, value)

    def __repr__(self) -> str:
        return f"pin({spelled(self.value)})"


class when(Pattern):
    """A pattern with a guard over its captures or, without captures, over the value.

    A guard that raises counts as false (rule 2.9).
    """

    __slots__ = ("guard", "pattern")

    def __init__(self, pattern: Any, guard: Callable[..., Any]):
        self.pattern = pattern
        self.guard = guard

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Match the pattern, then ask the guard."""
        mine: dict[str, Any] = {}
        if not _bind(self.pattern, value, mine):
            return False
        try:
            accepted = bool(self.guard(**mine) if mine else self.guard(value))
        except Exception:
            return False
        return accepted and all(
            let(name, pin(item)).bind(item, found) for name, item in mine.items()
        )

    def __repr__(self) -> str:
        guard = getattr(self.guard, "__name__", None) or show(self.guard)
        return f"when({spelled(self.pattern)}, {guard})"


class Nothing(Pattern):
    """Matches no message: for waiting until something else happens."""

    __slots__ = ()

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Never match."""
        return False

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = Nothing()


def where(guard: Callable[[Any], Any]) -> when:
    """Match a value for which `guard(value)` holds."""
    return when(ANY, guard)


class Taken(Mapping[str, Any]):
    """A received message together with its captures and the number of the clause that took it."""

    __slots__ = ("_found", "clause", "message")

    def __init__(self, message: Any, clause: int, found: dict[str, Any]):
        self.message = message
        self.clause = clause
        self._found = found

    def __getitem__(self, name: str) -> Any:
        return self._found[name]

    def __iter__(self) -> Any:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Taken(clause={self.clause}, {self._found!r})"


def spelled(pattern: Any) -> str:
    """Write a pattern on one line, the same in every run: no function has its address in it.

    >>> spelled(("greet", str, where(callable))), spelled([lambda: 0])
    ("('greet', <class 'str'>, when(ANY, callable))", '[&simkernel.kernel.patterns.<lambda>@1]')
    """
    kind = type(pattern)
    if kind is tuple or kind is list:
        parts = ", ".join(map(spelled, pattern))
        if kind is list:
            return f"[{parts}]"
        return f"({parts},)" if len(pattern) == 1 else f"({parts})"
    if kind is dict:
        return "{" + ", ".join(f"{k!r}: {spelled(part)}" for k, part in pattern.items()) + "}"
    return show(pattern) if callable(pattern) and not isinstance(pattern, type) else repr(pattern)


def any_of(patterns: Iterable[Any], nothing: str) -> str:
    """Write what a receive takes; `nothing` is said where it has no pattern."""
    return " or ".join(map(spelled, patterns)) or nothing


def match(pattern: Any, value: Any) -> bool:
    """Tell whether `value` matches `pattern`."""
    return _bind(pattern, value, {})


def takes(patterns: tuple[Any, ...], message: Any) -> bool:
    """Tell whether one of the clauses takes a (frozen) message."""
    if not patterns:
        return True
    if type(message) is Frozen:
        message = thaw(message)
    for pattern in patterns:  # noqa: SIM110 (a generator costs as much as the match)
        if _bind(pattern, message, {}):
            return True
    return False


def taken(patterns: tuple[Any, ...], message: Any) -> Any:
    """Give what the receive gives for a message that it takes."""
    message = thaw(message)
    for pattern in patterns:
        if type(pattern) in _CAPTURING and _captures(pattern):
            break
    else:
        return message
    for clause, pattern in enumerate(patterns):
        found: dict[str, Any] = {}
        if _bind(pattern, message, found):
            return Taken(message, clause, found) if _captures(pattern) else message
    return message


def _captures(pattern: Any) -> bool:
    kind = type(pattern)
    if kind not in _CAPTURING:
        return False
    if kind is let:
        return True
    if kind is when:
        return _captures(pattern.pattern)
    if kind is tuple or kind is list:
        return any(_captures(part) for part in pattern)
    return any(_captures(part) for part in pattern.values())


_CAPTURING = frozenset({let, when, tuple, list, dict})


def _bind(pattern: Any, value: Any, found: dict[str, Any]) -> bool:
    if pattern is ANY:
        return True
    if isinstance(pattern, Pattern):
        return pattern.bind(value, found)
    kind = type(pattern)
    if kind is tuple or kind is list:
        if type(value) is not kind or len(value) != len(pattern):
            return False
        return all(_bind(part, item, found) for part, item in zip(pattern, value, strict=True))
    if kind is str:
        return type(value) is str and value == pattern
    if isinstance(pattern, type):
        # bool is an int to Python and not to anybody else.
        return isinstance(value, pattern) and (type(value) is not bool or pattern is bool)
    if kind is dict:
        return _bind_map(pattern, value, found)
    if is_dataclass(pattern):
        return type(value) is kind and all(
            _bind(getattr(pattern, f.name), getattr(value, f.name), found) for f in fields(pattern)
        )
    return equal(pattern, value)


def _bind_map(pattern: dict[Any, Any], value: Any, found: dict[str, Any]) -> bool:
    if not isinstance(value, Mapping):
        return False
    for key, part in pattern.items():
        # `in` alone would take True for 1: keys compare strictly, as all values do.
        if key not in value or not any(equal(key, each) for each in value):
            return False
        if not _bind(part, value[key], found):
            return False
    return True
