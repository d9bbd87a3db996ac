"""What the runs of a search have shown of its state machines, and what they have not.

Which states and changes a machine can have is read from its class: the states that its clauses are
for, and those that `NextState` names there. What is computed is not seen.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import dedent
from types import FunctionType
from typing import Any

from simkernel.terms import show

TIMEOUTS = ("state_timeout", "timeout")


Named = tuple[str, str]
"""The module and the name of a class."""


@dataclass
class Coverage:
    """By class, as text: states entered, changes of state, timeouts set and fired.

    A class of a spec cannot be sent from one process to another, so that it stands for itself by
    name; what its source declares is sent along.
    """

    entered: dict[Named, set[str]] = field(default_factory=dict)
    changed: dict[Named, set[tuple[str, str]]] = field(default_factory=dict)
    armed: dict[Named, set[str]] = field(default_factory=dict)
    fired: dict[Named, set[str]] = field(default_factory=dict)
    read: dict[Named, Declared] = field(default_factory=dict)
    _classes: dict[Named, type] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        for named in self._classes:
            self._read(named)
        return {**vars(self), "_classes": {}}

    def noted(self, of: type, kind: str, fields: dict[str, Any]) -> None:
        """Take a note of a machine of this class."""
        cls = of.__module__, of.__qualname__
        self._classes[cls] = of
        if kind == "state entered":
            state = show(fields["state"])
            self.entered.setdefault(cls, set()).add(state)
            if "old" in fields:
                self.changed.setdefault(cls, set()).add((show(fields["old"]), state))
        elif kind == "timeout set":
            self.armed.setdefault(cls, set()).add(show(fields["type"]))
        elif kind == "callback":
            type_ = fields.get("type")
            if type_ in TIMEOUTS or (type(type_) is tuple and type_[0] == "timeout"):
                self.fired.setdefault(cls, set()).add(show(type_))

    def add(self, other: Coverage) -> None:
        """Add what another run has shown."""
        for mine, theirs in (
            (self.entered, other.entered), (self.armed, other.armed), (self.fired, other.fired),
        ):  # fmt: skip
            for cls, texts in theirs.items():
                mine.setdefault(cls, set()).update(texts)
        for cls, pairs in other.changed.items():
            self.changed.setdefault(cls, set()).update(pairs)
        self.read.update(other.read)
        self._classes.update(other._classes)

    def _read(self, cls: Named) -> Declared:
        """Give what the source of a class declares."""
        if cls not in self.read:
            self.read[cls] = declared(self._classes[cls])
        return self.read[cls]

    def gaps(self) -> Iterator[tuple[str, str]]:
        """Give what has not been seen: the kind, and a sentence."""
        for cls in sorted(self.entered):
            machine = self._read(cls)
            name, entered = cls[1], self.entered[cls]
            for state in sorted(machine.states - entered):
                yield "never reached", f"{name}: state {state} was never reached"
            for old, new in sorted(machine.changes - self.changed.get(cls, set())):
                if old in entered and new in entered:
                    yield "never reached", f"{name}: no run goes from {old} to {new}"
            for type_ in sorted(self.armed.get(cls, set()) - self.fired.get(cls, set())):
                yield "never fired", f"{name}: timeout {type_} was set, and never fired"


@dataclass
class Declared:
    """What the source of a class names: its states, and changes from one to another."""

    states: set[str] = field(default_factory=set)
    changes: set[tuple[str, str]] = field(default_factory=set)


def declared(cls: type) -> Declared:
    """Read the callbacks of a machine's class; nothing is known of one without source."""
    found = Declared()
    by_state = "state_functions" in _modes(cls)
    for name, function in cls.__dict__.items():
        if type(function) is not FunctionType:
            continue
        node = _parsed(function)
        if node is None:
            continue
        goals = {to for part in node.body for to in _goals(part)}
        found.states |= goals
        if name == "handle_event" and not by_state:
            _clauses(node, found)
        elif by_state and goals and name not in ("init", "terminate"):
            found.states.add(show(name))
            found.changes |= {(show(name), to) for to in goals if to != show(name)}
    return found


def _modes(cls: type) -> tuple[str, ...]:
    modes = getattr(cls, "callback_mode", ())
    return (modes,) if type(modes) is str else tuple(modes)


def _parsed(function: FunctionType) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        node = ast.parse(dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _goals(node: ast.AST) -> Iterator[str]:
    """Give the states that `NextState("x", ...)` and `("next_state", "x", ...)` name."""
    for each in ast.walk(node):
        match each:
            case ast.Call(func=ast.Name(id="NextState"), args=[ast.Constant(value=state), *_]):
                yield show(state)
            case ast.Tuple(elts=[ast.Constant(value="next_state"), ast.Constant(value=state), *_]):
                yield show(state)


def _clauses(node: ast.FunctionDef | ast.AsyncFunctionDef, found: Declared) -> None:
    """Read the cases that a match over the state has."""
    if len(node.args.args) < 4:
        return
    state = node.args.args[3].arg
    for each in ast.walk(node):
        if not isinstance(each, ast.Match):
            continue
        place = _place(each.subject, state)
        for case in each.cases if place is not None else []:
            froms = set(_literals(_part(case.pattern, place)))
            goals = {to for part in case.body for to in _goals(part)}
            found.states |= froms
            found.changes |= {(old, to) for old in froms for to in goals if old != to}


def _place(subject: ast.expr, state: str) -> int | None:
    """Tell where in the subject of a match the state is; -1 if it is all of it."""
    if isinstance(subject, ast.Name) and subject.id == state:
        return -1
    if isinstance(subject, ast.Tuple):
        for at, part in enumerate(subject.elts):
            if isinstance(part, ast.Name) and part.id == state:
                return at
    return None


def _part(pattern: ast.pattern, place: int | None) -> ast.pattern | None:
    if place == -1:
        return pattern
    if isinstance(pattern, ast.MatchSequence) and place is not None:
        return pattern.patterns[place] if place < len(pattern.patterns) else None
    return None


def _literals(pattern: ast.pattern | None) -> Iterator[str]:
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=value)):
            yield show(value)
        case ast.MatchOr(patterns=several):
            for one in several:
                yield from _literals(one)
        case ast.MatchAs(pattern=ast.pattern() as inner):
            yield from _literals(inner)
