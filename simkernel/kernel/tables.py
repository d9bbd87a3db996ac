"""ETS: tables that processes share, one row operation at a time (section 11)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from simkernel.kernel import codes, match_spec
from simkernel.terms import ArgumentError, Pid, Ref, equal, freeze, sort_key, strict_key, thaw

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Process

Row = tuple[Any, ...]


BAGS = ("bag", "duplicate_bag")
END = "$end_of_table"


class Table:
    """One table: by key a row, or in a bag a tuple of rows, in the order of insertion."""

    __slots__ = ("access", "heir", "keypos", "kind", "name", "named", "owner", "ref", "rows")

    def __init__(self, ref: Ref, name: str, owner: Pid, options: dict[str, Any]):
        self.ref = ref
        self.name = name
        self.owner = owner
        self.kind: str = options["type"]
        self.access: str = options["access"]
        self.named: bool = options["named"]
        self.heir: tuple[Pid, Any] | None = options["heir"]
        self.keypos: int = options["keypos"]
        self.rows: dict[Any, Any] = {}

    @property
    def is_bag(self) -> bool:
        """Keep several rows with one key."""
        return self.kind in BAGS

    def key(self, key: Any) -> Any:
        """Give what rows are stored under: keys compare strictly, in an ordered_set by value."""
        return sort_key(key) if self.kind == "ordered_set" else strict_key(key)

    def key_of(self, row: Row) -> Any:
        """Give the stored key of a row."""
        return self.key(row[self.keypos - 1])

    def keys(self) -> list[Any]:
        """Give the stored keys: by term order in an ordered_set, else in the order of insertion."""
        return sorted(self.rows) if self.kind == "ordered_set" else list(self.rows)

    def at(self, stored: Any) -> tuple[Row, ...]:
        """Give the rows under a stored key."""
        found = self.rows.get(stored)
        if found is None:
            return ()
        return found if self.is_bag else (found,)

    def keep(self, stored: Any, rows: tuple[Row, ...]) -> None:
        """Let these be the rows under a stored key."""
        if not rows:
            self.rows.pop(stored, None)
        else:
            self.rows[stored] = rows if self.is_bag else rows[0]

    def put(self, row: Row) -> None:
        """Insert a row: beside the others with its key in a bag, else in the place of the other."""
        stored, frozen = self.key_of(row), freeze(row)
        there = self.at(stored) if self.is_bag else ()
        if self.kind == "bag" and any(equal(frozen, other) for other in there):
            return
        self.keep(stored, (*there, frozen))

    def in_order(self) -> list[Row]:
        """Give all rows, key by key."""
        return [row for key in self.keys() for row in self.at(key)]


class Tables:
    """All tables, by reference and by name."""

    __slots__ = ("by_name", "by_ref")

    def __init__(self) -> None:
        self.by_ref: dict[Ref, Table] = {}
        self.by_name: dict[str, Table] = {}

    def find(self, where: Any) -> Table:
        """Give a table; one that does not exist raises badarg."""
        if type(where) is Ref:
            table = self.by_ref.get(where)
        else:
            table = self.by_name.get(where) if type(where) is str else None
        if table is None:
            raise ArgumentError(f"there is no table {where!r}")
        return table

    def add(self, table: Table) -> None:
        """Add a table; a taken name raises badarg."""
        if table.named and table.name in self.by_name:
            raise ArgumentError(f"a table named {table.name!r} exists already")
        self.by_ref[table.ref] = table
        if table.named:
            self.by_name[table.name] = table

    def drop(self, table: Table) -> None:
        """Remove a table with all its rows."""
        del self.by_ref[table.ref]
        if table.named:
            del self.by_name[table.name]

    def owner_died(self, m: Machine, p: Process) -> None:
        """Delete the tables of a process that ends, or hand them to their heirs (rule 11.4)."""
        if not self.by_ref:
            return
        for table in [table for table in self.by_ref.values() if table.owner == p.pid]:
            heir = table.heir
            if heir is None or heir[0] == p.pid or heir[0] not in m.processes:
                self.drop(table)
                continue
            table.owner = heir[0]
            transfer(m, table, p.pid, heir[1])


def transfer(m: Machine, table: Table, giver: Pid, gift: Any) -> None:
    """Tell the new owner of a table."""
    where = table.name if table.named else table.ref
    message = m.boxed(("ETS-TRANSFER", where, giver, gift))
    m.deliver(giver, table.owner, (codes.S_MESSAGE, giver, 0, message, None))


def perform(m: Machine, p: Process, name: str, args: tuple[Any, ...]) -> Any:
    """Do one operation for a process."""
    return OPERATIONS[name](m, p, *args)


def _readable(m: Machine, p: Process, where: Any) -> Table:
    table = m.tables.find(where)
    if table.access == "private" and table.owner != p.pid:
        raise ArgumentError(f"table {where!r} is private to {table.owner}")
    return table


def _writable(m: Machine, p: Process, where: Any) -> Table:
    table = m.tables.find(where)
    if table.access != "public" and table.owner != p.pid:
        raise ArgumentError(f"table {where!r} is {table.access}: only {table.owner} may write")
    return table


def _copies(rows: tuple[Row, ...]) -> Any:
    return freeze([thaw(row) for row in rows])


def _rows(table: Table, rows: Any) -> list[Row]:
    """Check the rows to insert; all or none of them go in."""
    rows = thaw(rows)
    listed = rows if type(rows) is list else [rows]
    for row in listed:
        if type(row) is not tuple or len(row) < table.keypos:
            raise ArgumentError(f"{row!r} is no row with a key at position {table.keypos}")
    return listed


def new(m: Machine, p: Process, ref: Ref, name: str, options: Any) -> Any:
    """Make a table that belongs to `p`."""
    table = Table(ref, name, p.pid, dict(options))
    m.tables.add(table)
    return name if table.named else ref


def insert(m: Machine, p: Process, where: Any, rows: Any) -> Any:
    """Insert a row or a list of rows."""
    table = _writable(m, p, where)
    for row in _rows(table, rows):
        table.put(row)
    return True


def insert_new(m: Machine, p: Process, where: Any, rows: Any) -> Any:
    """Insert all rows if no key exists, else none of them."""
    table = _writable(m, p, where)
    listed = _rows(table, rows)
    if any(table.key_of(row) in table.rows for row in listed):
        return False
    return insert(m, p, where, rows)


def lookup(m: Machine, p: Process, where: Any, key: Any) -> Any:
    """Give the rows of a key, as a list."""
    table = _readable(m, p, where)
    return _copies(table.at(table.key(thaw(key))))


def lookup_element(m: Machine, p: Process, where: Any, key: Any, position: Any) -> Any:
    """Give one field of the row of a key; in a bag a list, of every row's (rule 11.26)."""
    table = _readable(m, p, where)
    found = [thaw(row) for row in table.at(table.key(thaw(key)))]
    if not found:
        raise ArgumentError(f"no row has the key {thaw(key)!r}")
    if type(position) is not int or not all(0 < position <= len(row) for row in found):
        raise ArgumentError(f"a row of {len(found[0])} fields has none at position {position!r}")
    fields = [row[position - 1] for row in found]
    return freeze(fields if table.is_bag else fields[0])


def take(m: Machine, p: Process, where: Any, key: Any) -> Any:
    """Give the rows of a key and delete them."""
    table = _writable(m, p, where)
    stored = table.key(thaw(key))
    found = table.at(stored)
    table.keep(stored, ())
    return _copies(found)


def member(m: Machine, p: Process, where: Any, key: Any) -> Any:
    """Tell whether there is a row with the key."""
    table = _readable(m, p, where)
    return table.key(thaw(key)) in table.rows


def delete(m: Machine, p: Process, where: Any) -> Any:
    """Delete a whole table."""
    m.tables.drop(_writable(m, p, where))
    return True


def delete_key(m: Machine, p: Process, where: Any, key: Any) -> Any:
    """Delete the rows of a key."""
    table = _writable(m, p, where)
    table.rows.pop(table.key(thaw(key)), None)
    return True


def delete_object(m: Machine, p: Process, where: Any, row: Any) -> Any:
    """Delete the rows that equal `row` strictly in every field (rule 11.28)."""
    table = _writable(m, p, where)
    row = thaw(row)
    if type(row) is not tuple:
        raise ArgumentError(f"{row!r} is no row")
    if len(row) >= table.keypos:
        stored = table.key_of(row)
        table.keep(stored, tuple(x for x in table.at(stored) if not equal(thaw(x), row)))
    return True


def delete_all_objects(m: Machine, p: Process, where: Any) -> Any:
    """Delete all rows."""
    _writable(m, p, where).rows.clear()
    return True


def match_delete(m: Machine, p: Process, where: Any, pattern: Any) -> Any:
    """Delete the rows that a pattern matches, in one event (rule 11.29)."""
    table = _writable(m, p, where)
    pattern = thaw(pattern)
    for stored in _keys_for(table, [pattern]):
        kept = (x for x in table.at(stored) if not match_spec.fits(thaw(x), pattern, {}))
        table.keep(stored, tuple(kept))
    return True


def _keys_for(table: Table, patterns: list[Any]) -> list[Any]:
    """Give the stored keys whose rows a pattern may fit: with a key in it, that one alone."""
    if len(patterns) == 1 and type(patterns[0]) is tuple and len(patterns[0]) >= table.keypos:
        key = patterns[0][table.keypos - 1]
        if match_spec.is_bound(key):
            return [table.key(key)]
    return table.keys()


def _rows_for(table: Table, patterns: list[Any]) -> list[Any]:
    return [thaw(row) for stored in _keys_for(table, patterns) for row in table.at(stored)]


def match(m: Machine, p: Process, where: Any, pattern: Any) -> Any:
    """Give what rows hold for the variables of a pattern (rule 11.33)."""
    table = _readable(m, p, where)
    pattern = thaw(pattern)
    found = [match_spec.bindings(row, pattern) for row in _rows_for(table, [pattern])]
    return freeze([each for each in found if each is not None])


def match_object(m: Machine, p: Process, where: Any, pattern: Any) -> Any:
    """Give the rows that a pattern fits."""
    table = _readable(m, p, where)
    pattern = thaw(pattern)
    rows = _rows_for(table, [pattern])
    return freeze([row for row in rows if match_spec.fits(row, pattern, {})])


def select(m: Machine, p: Process, where: Any, spec: Any) -> Any:
    """Give what a match specification makes of the rows that it takes (rule 11.34)."""
    table = _readable(m, p, where)
    spec = match_spec.checked(thaw(spec))
    rows = _rows_for(table, [clause[0] for clause in spec])
    found = [match_spec.run(row, spec, p.pid) for row in rows]
    return freeze([value for taken, value in found if taken])


def select_count(m: Machine, p: Process, where: Any, spec: Any) -> Any:
    """Count the rows for which a match specification gives true (rule 11.35)."""
    found = thaw(select(m, p, where, spec))
    return sum(value is True for value in found)


def select_delete(m: Machine, p: Process, where: Any, spec: Any) -> Any:
    """Delete the rows for which it gives true; gives how many (rule 11.35)."""
    table = _writable(m, p, where)
    spec = match_spec.checked(thaw(spec))
    deleted = 0
    for stored in _keys_for(table, [clause[0] for clause in spec]):
        rows = table.at(stored)
        kept = [x for x in rows if match_spec.run(thaw(x), spec, p.pid) != (True, True)]
        deleted += len(rows) - len(kept)
        table.keep(stored, tuple(kept))
    return deleted


def select_replace(m: Machine, p: Process, where: Any, spec: Any) -> Any:
    """Replace rows by what it gives, under the same key; gives how many (rule 11.36)."""
    table = _writable(m, p, where)
    spec = match_spec.checked(thaw(spec))
    if table.kind == "bag":
        raise ArgumentError("select_replace() of a bag")
    replaced = 0
    for stored in _keys_for(table, [clause[0] for clause in spec]):
        rows = []
        for row in table.at(stored):
            taken, value = match_spec.run(thaw(row), spec, p.pid)
            rows.append(freeze(value) if taken else row)
            replaced += taken
            if taken and (type(value) is not tuple or table.key_of(value) != stored):
                raise ArgumentError(f"select_replace() gave {value!r}, which has another key")
        table.keep(stored, tuple(rows))
    return replaced


# --- In parts: a limit, and a continuation for the rest (rules 11.38 to 11.41) ------------------


def part(m: Machine, p: Process, where: Any, kind: str, spec: Any, limit: Any) -> Any:
    """Give the first part of what `select`, `match` … gives, and what goes on from there."""
    table = _readable(m, p, where)
    spec = thaw(spec)
    if type(limit) is not int or limit < 1:
        raise ArgumentError(f"{limit!r} is no number of rows")
    keys = [key for key, _ in _walk(table, _patterns(kind, spec), kind)]
    if table.kind != "ordered_set":
        where = table.ref  # found after a renaming too; only the other keeps what it was called by
    return _part(table, (where, kind, spec, limit), keys, [], p)


def part_after(m: Machine, p: Process, where: Any, continuation: Any) -> Any:
    """Give the next part; the end goes on as the end."""
    if continuation == END:
        return END
    _, _, kind, spec, limit, place, over = thaw(continuation)
    table = _readable(m, p, where)
    if table.kind == "ordered_set":
        found = _walk(table, _patterns(kind, spec), kind)
        at, back = table.key(place), kind == "select_reverse"
        keys = [key for key, stored in found if (stored < at if back else stored > at)]
    else:
        keys = place
    return _part(table, (where, kind, spec, limit), keys, over, p)


def _patterns(kind: str, spec: Any) -> list[Any]:
    selects = kind.startswith("select")
    return [clause[0] for clause in match_spec.checked(spec)] if selects else [spec]


def _is_bounded(table: Table, patterns: list[Any]) -> bool:
    """Tell whether patterns name the keys: then it is known after them that nothing is left."""
    keys = [x[table.keypos - 1] for x in patterns if type(x) is tuple and len(x) >= table.keypos]
    bound = len(keys) == len(patterns) and all(map(match_spec.is_bound, keys))
    return bound and (len(patterns) == 1 or table.kind != "ordered_set")


def _walk(table: Table, patterns: list[Any], kind: str) -> list[tuple[Any, Any]]:
    """Give the keys to look at, as they are and as they are stored."""
    found = [key for key in _keys_for(table, patterns) if key in table.rows]
    if _is_bounded(table, patterns):
        stored = [table.key(pattern[table.keypos - 1]) for pattern in patterns]
        found = [key for key in table.rows if key in stored]
    elif kind == "select_reverse" and table.kind == "ordered_set":
        found.reverse()
    return [(thaw(table.at(key)[0])[table.keypos - 1], key) for key in found]


def _part(table: Table, what: tuple[Any, ...], keys: list[Any], over: list[Any], p: Process) -> Any:
    _, kind, spec, limit = what
    found, rest, place = list(over), list(keys), None
    bounded = _is_bounded(table, _patterns(kind, spec))
    while rest and len(found) < limit + bounded:
        place = rest.pop(0)
        rows = map(thaw, table.at(table.key(place)))
        found += [value for taken, value in (_made(kind, spec, row, p) for row in rows) if taken]
    if len(found) < limit or (bounded and len(found) == limit):
        return freeze((found, END)) if found else END
    given, over = found[:limit], found[limit:]
    if table.kind != "ordered_set":
        place = rest
    return freeze((given, (match_spec.CONTINUATION, *what, place, over)))


def _made(kind: str, spec: Any, row: Any, p: Process) -> tuple[bool, Any]:
    if kind == "match":
        bound = match_spec.bindings(row, spec)
        return bound is not None, bound
    if kind == "match_object":
        return match_spec.fits(row, spec, {}), row
    return match_spec.run(row, spec, p.pid)


def select_reverse(m: Machine, p: Process, where: Any, spec: Any) -> Any:
    """Select from the last row to the first, where a table has an order (rule 11.40)."""
    found = thaw(select(m, p, where, spec))
    ordered = _readable(m, p, where).kind == "ordered_set"
    return freeze(found[::-1] if ordered else found)


def rename(m: Machine, p: Process, where: Any, name: Any) -> Any:
    """Give a table another name; one that is known by it is found under the new one (11.32)."""
    table = _writable(m, p, where)
    if type(name) is not str:
        raise ArgumentError(f"{name!r} is no name for a table")
    if table.named:
        if name in m.tables.by_name:
            raise ArgumentError(f"a table named {name!r} exists already")
        m.tables.by_name[name] = m.tables.by_name.pop(table.name)
    table.name = name
    return name if table.named else table.ref


def first(m: Machine, p: Process, where: Any) -> Any:
    """Give the first key."""
    table = _readable(m, p, where)
    return _key_at(table, table.keys(), 0)


def last(m: Machine, p: Process, where: Any) -> Any:
    """Give the last key of an ordered_set; in other tables the first (rule 11.31)."""
    table = _readable(m, p, where)
    keys = table.keys()
    return _key_at(table, keys, len(keys) - 1 if table.kind == "ordered_set" else 0)


def next_key(m: Machine, p: Process, where: Any, key: Any) -> Any:
    """Give the key after `key`, which has to be there unless the table is an ordered_set."""
    table = _readable(m, p, where)
    keys, stored = table.keys(), table.key(thaw(key))
    if table.kind == "ordered_set":
        return _key_at(table, keys, bisect_right(keys, stored))
    if stored not in table.rows:
        raise ArgumentError(f"no row has the key {thaw(key)!r}")
    return _key_at(table, keys, keys.index(stored) + 1)


def prev(m: Machine, p: Process, where: Any, key: Any) -> Any:
    """Give the key before `key` in an ordered_set; in other tables the next (rule 11.31)."""
    table = _readable(m, p, where)
    if table.kind != "ordered_set":
        return next_key(m, p, where, key)
    keys = table.keys()
    return _key_at(table, keys, bisect_left(keys, table.key(thaw(key))) - 1)


def _key_at(table: Table, keys: list[Any], at: int) -> Any:
    if not 0 <= at < len(keys):
        return END
    return freeze(thaw(table.at(keys[at])[0])[table.keypos - 1])


def give_away(m: Machine, p: Process, where: Any, pid: Any, gift: Any) -> Any:
    """Hand a table of one's own to another process, which has to be alive (rule 11.3)."""
    table = m.tables.find(where)
    if table.owner != p.pid or pid == p.pid:
        raise ArgumentError(f"table {where!r} belongs to {table.owner}")
    if type(pid) is not Pid or pid not in m.processes:
        raise ArgumentError(f"give_away(): {pid!r} is no process that is alive")
    table.owner = pid
    transfer(m, table, p.pid, gift)
    return True


def tab2list(m: Machine, p: Process, where: Any) -> Any:
    """Give all rows."""
    return freeze([thaw(row) for row in _readable(m, p, where).in_order()])


def info(m: Machine, p: Process, where: Any) -> Any:
    """Give (owner, size, type, access, name, heir) of a table, or None."""
    try:
        table = m.tables.find(where)
    except ArgumentError:
        return None
    heir = table.heir[0] if table.heir else None
    size = len(table.in_order()) if table.is_bag else len(table.rows)
    return (table.owner, size, table.kind, table.access, table.name, heir)


def _row_to_update(table: Table, stored: Any) -> Any:
    if table.is_bag:
        raise ArgumentError(f"a row of a {table.kind} cannot be updated")
    return table.rows.get(stored)


def update_element(m: Machine, p: Process, where: Any, key: Any, update: Any) -> Any:
    """Set fields of a row, all or none; False where no row has the key (rule 11.30)."""
    table = _writable(m, p, where)
    stored, updates = table.key(thaw(key)), thaw(update)
    row = _row_to_update(table, stored)
    if row is None:
        return False  # whatever the update is
    fields = list(thaw(row))
    for one in updates if type(updates) is list else [updates]:
        if type(one) is not tuple or len(one) != 2 or type(one[0]) is not int:
            raise ArgumentError(f"{one!r} is no pair of a position and a value")
        position, value = one
        if position == table.keypos or position < 1:
            raise ArgumentError(f"a field at position {position} cannot be set")
        if position > len(fields):
            raise ArgumentError(f"a row of {len(fields)} fields has none at {position}")
        fields[position - 1] = value
    table.rows[stored] = freeze(tuple(fields))
    return True


def update_counter(m: Machine, p: Process, where: Any, key: Any, update: Any, default: Any) -> Any:
    """Add to whole numbers of a row, with thresholds; gives the new value or values (rule 11.9)."""
    table = _writable(m, p, where)
    key, updates = thaw(key), thaw(update)
    stored = table.key(key)
    row = _row_to_update(table, stored)
    if row is None:
        if default is None:
            raise ArgumentError(f"no row has the key {key!r}")
        # The key of the default row does not count: the new row gets the key asked for.
        fields = list(thaw(default))
        fields[table.keypos - 1] = key
    else:
        fields = list(thaw(row))
    several = type(updates) is list
    results = [_count(table, fields, one) for one in (updates if several else [updates])]
    table.rows[stored] = freeze(tuple(fields))
    return freeze(results) if several else results[0]


def _count(table: Table, fields: list[Any], update: Any) -> int:
    """Do one increment: n, (pos, n) or (pos, n, threshold, set_value)."""
    if type(update) is int:
        update = (table.keypos + 1, update)
    if (
        type(update) is not tuple
        or len(update) not in (2, 4)
        or any(type(x) is not int for x in update)
    ):
        raise ArgumentError(f"{update!r} is no increment of a counter")
    position, increment = update[:2]
    if position == table.keypos or not 0 < position <= len(fields):
        raise ArgumentError(f"a row of {len(fields)} fields has no counter at position {position}")
    value = fields[position - 1]
    if type(value) is not int:
        raise ArgumentError(f"{value!r} is no whole number to count with")
    value += increment
    if len(update) == 4:
        threshold, reset = update[2:]
        if (increment >= 0 and value > threshold) or (increment < 0 and value < threshold):
            value = reset
    fields[position - 1] = value
    return int(value)


OPERATIONS: dict[str, Any] = {
    operation.__name__: operation
    for operation in (
        new, insert, insert_new, lookup, lookup_element, take, member, delete, delete_key,
        delete_object, delete_all_objects, match_delete, match, match_object, select, select_count,
        select_delete, select_replace, select_reverse, part, part_after, rename, first, last,
        next_key, prev,
        give_away, tab2list, info, update_counter, update_element,
    )
}  # fmt: skip
