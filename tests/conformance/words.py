"""The words in which both sides write terms: `Words` in vm/lab.ex writes the same.

Atoms and binaries are both text, since both are `str` here. Pids and references are numbered in the
order in which a log mentions them. A stack, a function and a task are named by their kind alone.
A Python exception and an Elixir one are both `%Name{message}`, and an ArgumentError is `badarg`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from simkernel import Map, Pid, Raised, Ref, Stack, Task

_PLAIN = re.compile(r"[^\W\d][\w!?@.$]*|\$[\w!?@.$]*")
# Modules that have other names there.
_MODULES = {"GenStateMachine": "gen_statem", "TaskSupervisor": "Supervisor"}


def words(log: Iterable[Any]) -> list[str]:
    """Write each entry of a log.

    >>> words([("EXIT", Pid((1,)), "normal"), Pid((2,)), Pid((1,)), [1, None, {"b": 1.5}]])
    ['{EXIT, pid1, normal}', 'pid2', 'pid1', '[1, nil, %{b: 1.5}]']
    """
    seen: dict[Any, str] = {}
    return [word(entry, seen) for entry in log]


def word(value: Any, seen: dict[Any, str]) -> str:
    """Write one term; `seen` numbers pids and references."""
    match value:
        case None | True | False:
            return {None: "nil", True: "true", False: "false"}[value]
        case str():
            return text(value)
        case int() | float():
            return repr(value)
        case bytes():
            return text(value.decode())
        case Pid():
            return symbol(value, "pid", seen)
        case Ref():
            return symbol(value, "ref", seen)
        case Stack():
            return "stack"
        case Raised():
            return f"%{value.name}{{{value.message}}}"
        case Task():
            return "task"
        case list():
            return f"[{', '.join(word(part, seen) for part in value)}]"
        case ("Task.Supervised", str() as name, tuple() as args):
            return word(("Supervised", name, list(args)), seen)
        case (type() as module, str() as name, tuple() as args):
            # Of a call that has failed: a list there, and `None` stands for infinity.
            shown = ["infinity" if part is None else part for part in args]
            return word((_MODULES.get(module.__name__, module.__name__), name, shown), seen)
        case tuple():
            return f"{{{', '.join(word(part, seen) for part in value)}}}"
        case dict() | Map():
            return mapping(value.items(), seen)
        case type():
            return _MODULES.get(value.__name__, value.__name__)
    if callable(value):
        return "fun"
    if is_dataclass(value):
        return mapping([(f.name, getattr(value, f.name)) for f in fields(value)], seen)
    raise TypeError(f"no words for {value!r}")


def mapping(items: Iterable[tuple[Any, Any]], seen: dict[Any, str]) -> str:
    """Write a map, sorted by the words of its keys."""
    ordered = sorted(items, key=lambda pair: word(pair[0], {}))
    parts = [f"{word(key, seen)}: {word(value, seen)}" for key, value in ordered]
    return f"%{{{', '.join(parts)}}}"


def symbol(name: Any, kind: str, seen: dict[Any, str]) -> str:
    """Number a pid or reference by where it is first mentioned."""
    if name not in seen:
        number = 1 + sum(known.startswith(kind) for known in seen.values())
        seen[name] = f"{kind}{number}"
    return seen[name]


def text(string: str) -> str:
    """Write an atom or a string; quoted where it is not a plain word."""
    return string if _PLAIN.fullmatch(string) else json.dumps(string, ensure_ascii=False)


def erlang(value: Any) -> str:
    """Write a term for the VM to read: text becomes an atom.

    >>> erlang(("exit", 1, [None, True], "a b"))
    "{'exit',1,[nil,true],'a b'}"
    """
    match value:
        case None | True | False:
            return {None: "nil", True: "true", False: "false"}[value]
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case int() | float():
            return repr(value)
        case tuple():
            return "{" + ",".join(map(erlang, value)) + "}"
        case list():
            return "[" + ",".join(map(erlang, value)) + "]"
        case dict():
            return "#{" + ",".join(f"{erlang(k)} => {erlang(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"no Erlang for {value!r}")
