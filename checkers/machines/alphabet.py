"""The inputs of a class, as its own clauses name them: what to drive it with if nothing is said."""

from __future__ import annotations

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from checkers.machines.driven import Event
from simkernel.errors import UsageError

# What stands for anything that a clause captures.
ANYTHING = 0
_SERVER = {"handle_call": "call", "handle_cast": "cast", "handle_info": "info"}
_TIMEOUTS = {"StateTimeout", "EventTimeout", "GenericTimeout"}
_TUPLES = {"state_timeout", "event_timeout", "timeout"}
_SENT = {"send_after", "start_timer", "send_interval"}


def alphabet_of(cls: type, constants: dict[str, Any]) -> tuple[Event, ...]:
    """Read the events off the patterns of a class, and the times off its timeouts.

    A capture becomes 0. `constants` are the names that the file defines.
    """
    found: dict[Event, None] = {}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        tree = ast.Module([], [])
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for match in ast.walk(function):
                if isinstance(match, ast.Match):
                    for case in match.cases:
                        for event in _events(function.name, case.pattern, constants):
                            found.setdefault(event)
    times = sorted(set(_times(tree, constants)))
    for ms in times:
        found.setdefault(Event("after", ms))
    if not found:
        raise UsageError(
            f"no event can be read off the clauses of {cls.__qualname__}",
            where=cls.__qualname__, hint='Name the events: --event "cast:go" --event "after:30".',
        )  # fmt: skip
    return tuple(found)


def _events(function: str, pattern: ast.pattern, constants: dict[str, Any]) -> Iterator[Event]:
    if function in _SERVER:
        for content in _values(pattern, constants):
            yield Event(_SERVER[function], content)
        return
    if not isinstance(pattern, ast.MatchSequence) or len(pattern.patterns) < 2:
        return
    for type_ in _values(pattern.patterns[0], constants):
        kind = type_[0] if isinstance(type_, tuple) and type_ else type_
        if kind in ("call", "cast", "info"):
            for content in _values(pattern.patterns[1], constants, wild=False):
                yield Event(kind, content)


def _values(pattern: ast.pattern, constants: dict[str, Any], *, wild: bool = True) -> Iterable[Any]:
    """Give the values that a pattern stands for; of a capture, one, or at the top level none."""
    if isinstance(pattern, ast.MatchValue):
        value = _constant(pattern.value, constants)
        return [] if value is None else [value]
    if isinstance(pattern, ast.MatchSingleton):
        return [pattern.value]
    if isinstance(pattern, ast.MatchOr):
        return [v for one in pattern.patterns for v in _values(one, constants, wild=wild)]
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            return _values(pattern.pattern, constants, wild=wild)
        return [ANYTHING] if wild else []
    if isinstance(pattern, ast.MatchSequence):
        rows: list[tuple[Any, ...]] = [()]
        for one in pattern.patterns:
            rows = [(*row, value) for row in rows for value in _values(one, constants)]
        return rows
    return [ANYTHING] if wild else []


def _times(tree: ast.AST, constants: dict[str, Any]) -> Iterator[int]:
    for node in ast.walk(tree):
        ms: Any = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in _TIMEOUTS:
                ms = _constant(node.args[0], constants)
            elif node.func.id in _SENT:
                at = 0 if node.func.id == "start_timer" else 2
                ms = _constant(node.args[at], constants) if len(node.args) > at else None
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3:
            kind, given = (_constant(part, constants) for part in node.elts[:2])
            ms = given if kind in _TUPLES else None
        if type(ms) is int and ms > 0:
            yield ms


def _constant(node: ast.expr, constants: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def event_of(text: str) -> Event:
    """Read an event: `cast:go`, `call:("submit", 1)`, `info:tick` or `after:30`.

    >>> event_of('call:("submit", 1)'), event_of("after:30")
    (Event(kind='call', content=('submit', 1)), Event(kind='after', content=30))
    """
    kind, colon, content = text.partition(":")
    value: Any = content
    with contextlib.suppress(ValueError, SyntaxError):
        value = ast.literal_eval(content)
    right = kind in ("call", "cast", "info") or (kind == "after" and type(value) is int)
    if not colon or not right:
        raise UsageError(
            f"{text!r} is no event", where="--event",
            hint='Write call:…, cast:… or info:… with a term or a word, or after:MS.',
        )  # fmt: skip
    return Event(kind, value)
