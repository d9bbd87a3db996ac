"""The code of a declared machine: Python written for it, which finds successors fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from checkers.machines.declaration import ELAPSED, Action, Declaration, within
from checkers.machines.expressions import (
    Boolean,
    Choice,
    Expression,
    Integer,
    Type,
    Variable,
    bounds_of,
)
from checkers.machines.layout import Layout


class Left(Exception):
    """An action would take a variable out of its bounds; `place` is its number."""

    def __init__(self, place: int, form: Any):
        super().__init__(place, form)
        self.place = place
        self.form = form


class Compiled:
    """A machine as functions: `expand`, `check` and `successors`, over situations in a layout."""

    def __init__(self, declaration: Declaration, *, symmetry: bool = False):
        self.declaration = declaration
        self.layout = Layout(declaration)
        self.actions = declaration.steps
        self.symmetry = symmetry and bool(declaration.families)
        self.conditions = [*declaration.invariants.items(), *declaration.lemmas.items()]
        self.goals = list(declaration.goals.items())
        writer = Writer(self.layout)
        source = [*self._expand(writer), *self._check(writer), *self._successors(writer)]
        names: dict[str, Any] = {"Left": Left, "canonical": self.layout.canonical()}
        exec(compile("\n".join(source), f"<{declaration.name}>", "exec"), names)
        # frontier, seen, out -> number of successors, ends
        self.expand: Callable[[list[Any], dict[Any, Any], list[Any]], tuple[int, int]]
        self.expand = names["expand"]
        # states, goals reached -> the first bad one and the number of its invariant, or None
        self.check: Callable[[Iterable[Any], list[bool]], tuple[Any, int] | None] = names["check"]
        self.successors: Callable[[Any], list[tuple[int, Any]]] = names["successors"]

    def predicate(self, condition: Expression) -> Callable[[Any], bool]:
        """Compile a condition."""
        writer = Writer(self.layout)
        lines = ["def predicate(s):", *writer.opened("    "),
                 f"    return bool({writer.condition(condition)})"]  # fmt: skip
        names: dict[str, Any] = {}
        exec(compile("\n".join(lines), "<condition>", "exec"), names)
        found: Callable[[Any], bool] = names["predicate"]
        return found

    def _expand(self, writer: Writer) -> list[str]:
        lines = ["def expand(frontier, seen, out):", "    n = ends = 0", "    for s in frontier:",
                 "        m = n", *writer.opened("        ")]  # fmt: skip
        for number, action in enumerate(self.actions):
            body = writer.step(action, number, "            ")
            if body is None:
                continue
            lines += [*body, "            n += 1"]
            if self.symmetry:
                lines.append("            t = canonical(t)")
            lines += ["            if t not in seen:", "                seen[t] = s",
                      "                out.append(t)"]  # fmt: skip
        return [*lines, "        if n == m:", "            ends += 1", "    return n, ends"]

    def _check(self, writer: Writer) -> list[str]:
        lines = ["def check(states, reached):", "    for s in states:", *writer.opened("        ")]
        for number, (_, condition) in enumerate(self.conditions):
            lines += [f"        if not ({writer.condition(condition)}):",
                      f"            return s, {number}"]  # fmt: skip
        for number, (_, condition) in enumerate(self.goals):
            lines += [f"        if not reached[{number}] and ({writer.condition(condition)}):",
                      f"            reached[{number}] = True"]  # fmt: skip
        return [*lines, "        pass", "    return None"]

    def _successors(self, writer: Writer) -> list[str]:
        lines = ["def successors(s):", "    out = []", *writer.opened("    ")]
        for number, action in enumerate(self.actions):
            body = writer.step(action, number, "        ")
            if body is not None:
                lines += [*body, f"        out.append(({number}, t))"]
        return [*lines, "    return out"]


class Writer:
    """Writes expressions as Python over a situation `s`."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.slot = {one.name: number for number, one in enumerate(layout.order)}

    def opened(self, indent: str) -> list[str]:
        """Write what takes a tuple apart."""
        if self.layout.packed:
            return []
        names = "".join(f"v{number}, " for number in range(len(self.layout.order)))
        return [f"{indent}({names}) = s"]

    def step(self, action: Action, number: int, indent: str) -> list[str] | None:
        """Write `if guard:` and the successor `t` under it; None if the guard never holds."""
        known = self._pinned(action.guard)
        if known is None:
            return None
        lines = [f"{indent[4:]}if {self.condition(action.guard)}:"]
        fixed: dict[str, int] = {}
        computed: dict[str, str] = {}
        for variable, value in action.effects:
            if value.kind == "constant":
                fixed[variable.name] = self.layout.code(variable, value.value)
                continue
            name = computed[variable.name] = f"x{len(computed)}"
            lines.append(f"{indent}{name} = {self.coded(value, variable.type)}")
            outside = self._outside(variable.type, value, name)
            if outside:
                lines.append(f"{indent}if {outside}: raise Left({number}, s)")
        lines.append(f"{indent}t = {self._successor(known, fixed, computed)}")
        return lines

    def _successor(self, known: dict[str, int], fixed: dict[str, int],
                   computed: dict[str, str]) -> str:  # fmt: skip
        place = self.layout.place
        if not self.layout.packed:
            parts = []
            for number, one in enumerate(self.layout.order):
                code = fixed.get(one.name)
                if code is not None:
                    parts.append(str(code))
                elif one.name in computed:
                    parts.append(f"{computed[one.name]} + {_low(one)}")
                else:
                    parts.append(f"v{number}")
            return f"({', '.join(parts)},)"
        if not computed and all(name in known for name in fixed):
            moved = sum((code - known[name]) << place[name][0] for name, code in fixed.items())
            return f"s + {moved}" if moved else "s"
        cleared = 0
        for name in (*fixed, *computed):
            shift, width = place[name]
            cleared |= ((1 << width) - 1) << shift
        added = sum(code << place[name][0] for name, code in fixed.items())
        full = (1 << sum(width for _, width in place.values())) - 1
        text = f"s & {full & ~cleared}" + (f" | {added}" if added else "")
        for name, code_ in computed.items():
            text += f" | {code_} << {place[name][0]}"
        return text

    def _outside(self, type_: Type, value: Expression, name: str) -> str:
        """Write when a computed code is out of bounds; nothing if it cannot be."""
        if not isinstance(type_, Integer):
            return ""
        low, high = bounds_of(value)
        base = type_.low or 0
        tests = []
        if type_.low is not None and (low is None or low < type_.low):
            tests.append(f"{name} < {type_.low - base}")
        if type_.high is not None and (high is None or high > type_.high):
            tests.append(f"{name} > {type_.high - base}")
        return " or ".join(tests)

    # --- Conditions ------------------------------------------------------------------------------

    def _pinned(self, guard: Expression) -> dict[str, int] | None:
        """Give the codes that a guard fixes; None if it contradicts itself."""
        known: dict[str, int] = {}
        for part in guard.args if guard.kind == "and" else (guard,):
            if part.kind == "constant" and not part.value:
                return None
            pin = self._pin(part)
            if pin is not None and known.setdefault(pin[0], pin[1]) != pin[1]:
                return None
        return known

    def _pin(self, part: Expression) -> tuple[str, int] | None:
        if isinstance(part, Variable) and part.name != ELAPSED:
            return part.name, 1
        if part.kind == "not" and isinstance(part.args[0], Variable):
            return part.args[0].name, 0
        if part.kind == "==" and part.args[1].kind == "constant":
            variable = part.args[0]
            if isinstance(variable, Variable) and variable.name != ELAPSED:
                type_, value = variable.type, part.args[1].value
                if isinstance(type_, Integer) and not within(value, type_):
                    return None
                return variable.name, self.layout.code(variable, value)
        return None

    def condition(self, expression: Expression) -> str:
        """Write a condition."""
        kind, args = expression.kind, expression.args
        if kind == "constant":
            return str(expression.value)
        if kind in ("variable", "not", "==", "and") and self.layout.packed:
            masked = self._masked(expression)
            if masked is not None:
                return masked
        if kind == "variable":
            return self._read(expression)
        if kind == "not":
            return f"not ({self.condition(args[0])})"
        if kind in ("and", "or"):
            return "(" + f" {kind} ".join(self.condition(arg) for arg in args) + ")"
        if kind == "if":
            yes, no = self.condition(args[1]), self.condition(args[2])
            return f"({yes} if {self.condition(args[0])} else {no})"
        left = args[0].type
        if kind == "==" and isinstance(left, Choice):
            return f"{self.coded(args[0], left)} == {self.coded(args[1], left)}"
        if kind == "==" and isinstance(left, Boolean):
            a, b = self.condition(args[0]), self.condition(args[1])
            return f"bool({a}) == bool({b})"
        return f"{self.number(args[0])} {kind} {self.number(args[1])}"

    def _masked(self, expression: Expression) -> str | None:
        """Write what fixes some bits as one comparison."""
        parts = expression.args if expression.kind == "and" else (expression,)
        mask = wanted = 0
        rest = []
        known: dict[str, int] = {}
        for part in parts:
            pin = self._pin(part)
            if pin is None:
                rest.append(part)
                continue
            if known.setdefault(*pin) != pin[1]:
                return "False"
            shift, width = self.layout.place[pin[0]]
            mask |= ((1 << width) - 1) << shift
            wanted |= pin[1] << shift
        if not mask:
            return None
        tests = [f"s & {mask} == {wanted}", *(self.condition(part) for part in rest)]
        return tests[0] if len(tests) == 1 else f"({' and '.join(tests)})"

    # --- Values ----------------------------------------------------------------------------------

    def _read(self, variable: Expression) -> str:
        name = variable.value
        if not self.layout.packed:
            return f"v{self.slot[name]}"
        shift, width = self.layout.place[name]
        return f"(s >> {shift} & {(1 << width) - 1})"

    def number(self, expression: Expression) -> str:
        """Write a number."""
        kind, args = expression.kind, expression.args
        if kind == "constant":
            return f"({expression.value})"
        if kind == "variable":
            if expression.value == ELAPSED:
                return "1"
            low = _low(expression) if self.layout.packed else 0
            return f"({self._read(expression)} + {low})" if low else self._read(expression)
        if kind == "if":
            yes, no = self.number(args[1]), self.number(args[2])
            return f"({yes} if {self.condition(args[0])} else {no})"
        return f"({self.number(args[0])} {kind} {self.number(args[1])})"

    def coded(self, expression: Expression, type_: Type) -> str:
        """Write the code of a value of a type: the place of a choice, a number above its bound."""
        if isinstance(type_, Boolean):
            return f"({self.condition(expression)} and 1 or 0)"
        if isinstance(type_, Integer):
            low = type_.low or 0
            return f"{self.number(expression)} - {low}" if low else self.number(expression)
        kind, args = expression.kind, expression.args
        if kind == "constant":
            return str(type_.values.index(expression.value))
        if kind == "if":
            yes, no = self.coded(args[1], type_), self.coded(args[2], type_)
            return f"({yes} if {self.condition(args[0])} else {no})"
        assert isinstance(expression.type, Choice)
        own = expression.type.values
        if own == type_.values:
            return self._read(expression)
        # A value that the other type does not have gets a code that nothing else has.
        codes = tuple(type_.values.index(v) if v in type_.values else -1 - at
                      for at, v in enumerate(own))  # fmt: skip
        return f"{codes}[{self._read(expression)}]"


def _low(variable: Expression) -> int:
    return (variable.type.low or 0) if isinstance(variable.type, Integer) else 0
