"""How a situation of a machine is kept while it is searched: one number, or a tuple of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from checkers.machines.declaration import Declaration, State
from checkers.machines.expressions import Boolean, Choice, Integer, Type, Variable


def size_of(type_: Type) -> int | None:
    """Give how many values a type has; None if there is no end of them."""
    if isinstance(type_, Boolean):
        return 2
    if isinstance(type_, Choice):
        return len(type_.values)
    if type_.low is None or type_.high is None:
        return None
    return type_.high - type_.low + 1


class Layout:
    """Where each variable is kept.

    A machine of finitely many situations is packed: a situation is one integer, each variable some
    bits of it. The variables of a key of a symmetric family lie side by side, so that two keys are
    swapped by swapping two blocks. Any other machine's situation is a tuple.
    """

    def __init__(self, declaration: Declaration):
        self.declaration = declaration
        self.blocks: list[tuple[int, int, int]] = []  # where a family begins, width, keys
        self.order = self._ordered()
        self.packed = all(size_of(one.type) is not None for one in self.order)
        self.place: dict[str, tuple[int, int]] = {}
        at = 0
        for one in self.order:
            size = size_of(one.type)
            width = max(1, ((size or 1) - 1).bit_length()) if self.packed else 1
            self.place[one.name] = (at, width)
            at += width
        for tables, first in self._families:
            start, _ = self.place[self.order[first].name]
            width = sum(self.place[table.variables[0].name][1] for table in tables)
            self.blocks.append((start, width, len(tables[0])))

    def _ordered(self) -> list[Variable]:
        inside = {
            one.name
            for tables in self.declaration.families
            for table in tables
            for one in table.variables
        }
        order = [one for name, one in self.declaration.variables.items() if name not in inside]
        self._families: list[tuple[Any, int]] = []
        for tables in self.declaration.families:
            self._families.append((tables, len(order)))
            rows = zip(*(table.variables for table in tables), strict=True)
            order += [one for row in rows for one in row]
        return order

    def code(self, variable: Variable, value: Any) -> int:
        """Give the number that stands for a value of a variable."""
        type_ = variable.type
        if isinstance(type_, Choice):
            return type_.values.index(value)
        if isinstance(type_, Integer) and self.packed:
            return int(value) - (type_.low or 0)
        return int(value)

    def encode(self, state: Mapping[str, Any]) -> Any:
        """Put a situation into the form that is searched."""
        if not self.packed:
            return tuple(self.code(one, state[one.name]) for one in self.order)
        return sum(self.code(one, state[one.name]) << self.place[one.name][0] for one in self.order)

    def decode(self, form: Any) -> State:
        """Read a situation, in the order of the declaration."""
        found = {}
        for number, one in enumerate(self.order):
            shift, width = self.place[one.name]
            code = form >> shift & ((1 << width) - 1) if self.packed else form[number]
            found[one.name] = self._value(one.type, code)
        return {name: found[name] for name in self.declaration.variables}

    def _value(self, type_: Type, code: int) -> Any:
        if isinstance(type_, Boolean):
            return bool(code)
        if isinstance(type_, Choice):
            return type_.values[code]
        return code + (type_.low or 0) if self.packed else code

    def canonical(self) -> Callable[[Any], Any]:
        """Give the function that renames the keys of symmetric families into one fixed order."""
        blocks = self.blocks

        def of_number(form: int) -> int:
            for start, width, keys in blocks:
                mask = (1 << width) - 1
                above = form >> start
                rows = sorted([above >> width * k & mask for k in range(keys)])
                sorted_ = above >> width * keys
                for row in rows:
                    sorted_ = sorted_ << width | row
                form = form & ((1 << start) - 1) | sorted_ << start
            return form

        def of_tuple(form: tuple[int, ...]) -> tuple[int, ...]:
            for start, width, keys in blocks:
                end = start + width * keys
                rows = sorted(form[at : at + width] for at in range(start, end, width))
                form = (*form[:start], *(code for row in rows for code in row), *form[end:])
            return form

        return of_number if self.packed else of_tuple
