"""Steps on tables, and the rows that most scenarios begin with."""

from __future__ import annotations

from typing import Any


def new(
    actor: str = "a",
    var: str = "t",
    type_: str = "set",
    access: str = "public",
    named: bool = False,
    keypos: int = 1,
    heir: Any = None,
) -> Any:
    return ("new", actor, var, type_, access, named, keypos, heir)


def op(name: str, *args: Any, by: str = "a", tab: str = "t") -> Any:
    return ("ets", by, name, tab, list(args))


ALL = op("tab2list")
KINDS = ("set", "ordered_set", "bag", "duplicate_bag")
ROWS = [op("insert", [("k", 1), ("k", 2), ("l", 3), ("k", 1), (1, "i"), (1.0, "f")])]
