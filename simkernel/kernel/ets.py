"""ETS for processes: every operation is awaited, and is one event (section 11).

tab = await ets.new("cache", named=True, access="public")
await ets.insert(tab, ("key", 1))
"""

from __future__ import annotations

from typing import Any

from simkernel.kernel import codes
from simkernel.kernel.awaited import Awaited, Operation, expect, running
from simkernel.kernel.match_spec import CONTINUATION, Field
from simkernel.kernel.patterns import ANY
from simkernel.terms import ArgumentError, Pid, Ref, freeze

TYPES = ("set", "ordered_set", "bag", "duplicate_bag")
ACCESS = ("private", "protected", "public")


def new(
    name: str,
    *,
    type: str = "set",
    access: str = "protected",
    named: bool = False,
    keypos: int = 1,
    heir: tuple[Pid, Any] | None = None,
) -> Awaited[Any]:
    """Make a table; gives its reference, or its name when it is `named`."""
    process = running("ets.new()")
    if type not in TYPES or access not in ACCESS or keypos < 1:
        raise ArgumentError(
            f"ets.new(type={type!r}, access={access!r}, keypos={keypos!r}): "
            f"type is one of {TYPES}, access one of {ACCESS}, keypos at least 1"
        )
    process.made += 1
    options = {"type": type, "access": access, "named": named, "keypos": keypos}
    heir = None if heir is None else (heir[0], freeze(heir[1]))
    listed = (*options.items(), ("heir", heir))
    return _table("new", Ref(process.pid.path, process.made), name, listed)


def insert(tab: Any, rows: Any) -> Awaited[bool]:
    """Insert a tuple, or a list of tuples; only bags keep other rows with the same key."""
    return _table("insert", tab, freeze(rows, "rows"))


def insert_new(tab: Any, rows: Any) -> Awaited[bool]:
    """Insert only if none of the keys exists; False otherwise."""
    return _table("insert_new", tab, freeze(rows, "rows"))


def lookup(tab: Any, key: Any) -> Awaited[list[Any]]:
    """Give the rows with `key`, as a list."""
    return _table("lookup", tab, freeze(key, "key"))


def lookup_element(tab: Any, key: Any, position: int) -> Awaited[Any]:
    """Give the field at `position` of the row with `key`; in a bag a list, of every row's."""
    return _table("lookup_element", tab, freeze(key, "key"), position)


def take(tab: Any, key: Any) -> Awaited[list[Any]]:
    """Give the rows with `key` and delete them."""
    return _table("take", tab, freeze(key, "key"))


def member(tab: Any, key: Any) -> Awaited[bool]:
    """Tell whether a row has `key`."""
    return _table("member", tab, freeze(key, "key"))


_NO_KEY = object()


def delete(tab: Any, key: Any = _NO_KEY) -> Awaited[bool]:
    """Delete the rows with `key`, or without a key the whole table."""
    if key is _NO_KEY:
        return _table("delete", tab)
    return _table("delete_key", tab, freeze(key, "key"))


def delete_object(tab: Any, row: Any) -> Awaited[bool]:
    """Delete the rows that equal `row` in every field, strictly."""
    return _table("delete_object", tab, freeze(row, "row"))


def delete_all_objects(tab: Any) -> Awaited[bool]:
    """Delete all rows and keep the table."""
    return _table("delete_all_objects", tab)


def match_delete(tab: Any, pattern: Any) -> Awaited[bool]:
    """Delete the rows that `pattern` fits, a row in which ANY and "$1" may stand for values."""
    return _table("match_delete", tab, freeze(fields(pattern), "pattern"))


_NO_SPEC = object()


def match(tab: Any, pattern: Any = _NO_SPEC, limit: Any = None) -> Awaited[Any]:
    """Give, for each row that `pattern` fits, the list of what "$1", "$2" … stand for.

    With a limit it gives a part of it: see `select`.
    """
    return _taking("match", tab, pattern, limit)


def match_object(tab: Any, pattern: Any = _NO_SPEC, limit: Any = None) -> Awaited[Any]:
    """Give the rows that `pattern` fits; with a limit a part of them, see `select`."""
    return _taking("match_object", tab, pattern, limit)


def select(tab: Any, spec: Any = _NO_SPEC, limit: Any = None) -> Awaited[Any]:
    """Give what a match specification makes of the rows: a list of (pattern, guards, body).

    `await ets.select(tab, [(("$1", "$2"), [(">", "$2", 3)], ["$1"])])` gives the keys of the rows
    whose second field is over 3; see `simkernel.kernel.match_spec`.

    With a limit it gives `(values, continuation)`, at most so many values, or "$end_of_table" where
    nothing is left; `await ets.select(continuation)` gives the next part (rules 11.38 to 11.41).
    """
    return _taking("select", tab, spec, limit)


def select_reverse(tab: Any, spec: Any = _NO_SPEC, limit: Any = None) -> Awaited[Any]:
    """Select as `select` does, in an ordered_set from the last row to the first."""
    return _taking("select_reverse", tab, spec, limit)


def _taking(name: str, tab: Any, spec: Any, limit: Any) -> Awaited[Any]:
    if spec is not _NO_SPEC:
        spec = freeze(fields(spec), "spec")
        if limit is None:
            return _table(name, tab, spec, depth=4)
        return _table("part", tab, name, spec, limit, depth=4)
    if tab != "$end_of_table" and not (type(tab) is tuple and tab[:1] == (CONTINUATION,)):
        raise ArgumentError(f"ets.{name}(): {tab!r} is no continuation")
    table = tab if type(tab) is str else tab[1]
    return _table("part_after", table, freeze(tab, "continuation"), depth=4)


def select_count(tab: Any, spec: Any) -> Awaited[int]:
    """Count the rows for which a match specification gives True."""
    return _table("select_count", tab, freeze(fields(spec), "spec"))


def select_delete(tab: Any, spec: Any) -> Awaited[int]:
    """Delete the rows for which a match specification gives True; gives how many."""
    return _table("select_delete", tab, freeze(fields(spec), "spec"))


def select_replace(tab: Any, spec: Any) -> Awaited[int]:
    """Replace the rows that a match specification takes, keys as they are; gives how many."""
    return _table("select_replace", tab, freeze(fields(spec), "spec"))


def fields(pattern: Any) -> Any:
    """Make a term of a pattern in which ANY stands."""
    if pattern is ANY:
        return Field.ANY
    if type(pattern) in (tuple, list):
        return type(pattern)(map(fields, pattern))
    return {k: fields(v) for k, v in pattern.items()} if type(pattern) is dict else pattern


def rename(tab: Any, name: str) -> Awaited[Any]:
    """Give a table another name; gives what it is known by from then on."""
    return _table("rename", tab, name)


def first(tab: Any) -> Awaited[Any]:
    """Give the first key, or "$end_of_table"."""
    return _table("first", tab)


def last(tab: Any) -> Awaited[Any]:
    """Give the last key, which only an ordered_set has: elsewhere it is the first."""
    return _table("last", tab)


def next(tab: Any, key: Any) -> Awaited[Any]:
    """Give the key after `key`, or "$end_of_table"."""
    return _table("next_key", tab, freeze(key, "key"))


def prev(tab: Any, key: Any) -> Awaited[Any]:
    """Give the key before `key`, or "$end_of_table"; elsewhere than in an ordered_set the next."""
    return _table("prev", tab, freeze(key, "key"))


def give_away(tab: Any, pid: Pid, gift: Any) -> Awaited[bool]:
    """Make `pid` the owner; it gets ("ETS-TRANSFER", tab, giver, gift) (rule 11.3)."""
    return _table("give_away", tab, pid, freeze(gift, "gift"))


def tab2list(tab: Any) -> Awaited[list[Any]]:
    """Give all rows."""
    return _table("tab2list", tab)


def info(tab: Any) -> Awaited[Any]:
    """Give (owner, size, type, access, name, heir), or None where there is no table."""
    return _table("info", tab)


def update_counter(tab: Any, key: Any, update: Any, default: Any = None) -> Awaited[Any]:
    """Add to counters of a row in one event; gives the new value or values."""
    return _table("update_counter", tab, freeze(key, "key"), freeze(update), freeze(default))


def update_element(tab: Any, key: Any, update: Any) -> Awaited[bool]:
    """Set fields of a row, (position, value) or a list of them; False without such a row."""
    return _table("update_element", tab, freeze(key, "key"), freeze(update, "update"))


def _table(name: str, *args: Any, depth: int = 3) -> Awaited[Any]:
    running(f"ets.{name}()")
    return expect(Operation(f"ets.{name}", (codes.TABLE, name, args)), depth=depth)
