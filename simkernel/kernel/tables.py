"""ETS: tables that processes share, one row operation at a time (section 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simkernel.kernel import codes
from simkernel.terms import ArgumentError, Pid, Ref, freeze, sort_key, strict_key, thaw

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Process

Row = tuple[Any, ...]


class Table:
    """One table: rows by key, in the order of insertion."""

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
        self.rows: dict[Any, Row] = {}

    def key(self, key: Any) -> Any:
        """Give what rows are stored under: keys compare strictly, in an ordered_set by value."""
        return sort_key(key) if self.kind == "ordered_set" else strict_key(key)

    def key_of(self, row: Row) -> Any:
        """Give the stored key of a row."""
        return self.key(row[self.keypos - 1])

    def in_order(self) -> list[Row]:
        """Give all rows: by term order in an ordered_set, else in the order of insertion."""
        if self.kind == "ordered_set":
            return [self.rows[key] for key in sorted(self.rows)]
        return list(self.rows.values())


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
        table.rows[table.key_of(row)] = freeze(row)
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
    row = table.rows.get(table.key(thaw(key)))
    return freeze([] if row is None else [thaw(row)])


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
    return (table.owner, len(table.rows), table.kind, table.access, table.name, heir)


def update_counter(m: Machine, p: Process, where: Any, key: Any, update: Any, default: Any) -> Any:
    """Add to whole numbers of a row, with thresholds; gives the new value or values (rule 11.9)."""
    table = _writable(m, p, where)
    key, updates = thaw(key), thaw(update)
    stored = table.key(key)
    row = table.rows.get(stored)
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
        new, insert, insert_new, lookup, member, delete, delete_key, give_away, tab2list, info,
        update_counter,
    )
}  # fmt: skip
