"""A declared machine as formulas of z3: enumerations as bits, one step as one disjunction."""

from __future__ import annotations

from typing import Any

from checkers.machines.declaration import ELAPSED, Action, Declaration, State
from checkers.machines.expressions import (
    BOOLEAN,
    Boolean,
    Choice,
    Expression,
    Integer,
    Variable,
    conjunction,
)

Symbols = dict[str, list[Any]]
"""The symbols of one situation: the bits of a choice, or the one symbol of anything else."""


class Encoding:
    """Formulas of a machine. z3 is loaded when the first is made."""

    def __init__(self, declaration: Declaration):
        import z3

        self.z3 = z3
        self.declaration = declaration
        self.actions = declaration.steps
        self.properties = declaration.promises
        self.property = conjunction(self.properties.values())
        self.finite = not any(isinstance(one.type, Integer)
                              for one in declaration.variables.values())  # fmt: skip

    def solver(self, milliseconds: int, *, incremental: bool = True) -> Any:
        """Make a solver with a time limit, the one that suits the machine."""
        z3 = self.z3
        if self.finite and incremental:
            solver = z3.SolverFor("QF_FD")
        else:
            solver = z3.Solver() if incremental else z3.SimpleSolver()
        solver.set("timeout", milliseconds)
        return solver

    # --- Situations ------------------------------------------------------------------------------

    def symbols(self, label: str = "") -> Symbols:
        """Make the symbols of a situation; the label tells one situation from another."""
        z3 = self.z3
        found: Symbols = {}
        for name, variable in self.declaration.variables.items():
            if isinstance(variable.type, Choice):
                width = (len(variable.type.values) - 1).bit_length()
                found[name] = [z3.Bool(f"{name}#{bit}{label}") for bit in range(width)]
            elif isinstance(variable.type, Boolean):
                found[name] = [z3.Bool(f"{name}{label}")]
            else:
                found[name] = [z3.Int(f"{name}{label}")]
        return found

    def amount(self, label: str) -> Any:
        """Make the symbol for how much time passes in a step."""
        return self.z3.Int(f"{ELAPSED}{label}")

    def read(self, model: Any, symbols: Symbols) -> State:
        """Read a situation off a model."""
        z3 = self.z3
        found: State = {}
        for name, variable in self.declaration.variables.items():
            values = [model.eval(one, model_completion=True) for one in symbols[name]]
            if isinstance(variable.type, Choice):
                code = sum(1 << bit for bit, one in enumerate(values) if z3.is_true(one))
                found[name] = variable.type.values[code]
            elif isinstance(variable.type, Boolean):
                found[name] = z3.is_true(values[0])
            else:
                found[name] = values[0].as_long()
        return found

    def differ(self, one: Symbols, other: Symbols) -> Any:
        """Say that two situations are not the same."""
        z3 = self.z3
        return z3.Or([a != b for name in one for a, b in zip(one[name], other[name], strict=True)])

    # --- The machine -----------------------------------------------------------------------------

    def typed(self, at: Symbols) -> Any:
        """Say that every choice is one of its values, and no clock is negative or beyond."""
        z3 = self.z3
        parts = []
        for name, variable in self.declaration.variables.items():
            type_ = variable.type
            if isinstance(type_, Choice):
                width, size = len(at[name]), len(type_.values)
                unused = range(size, 1 << width)
                parts += [z3.Not(self._is(at[name], code)) for code in unused]
            elif name in self.declaration.clocks:
                parts.append(at[name][0] >= 0)
                if isinstance(type_, Integer) and type_.high is not None:
                    parts.append(at[name][0] <= type_.high)
        return z3.And(parts)

    def initial(self, at: Symbols) -> Any:
        """Say how a run starts."""
        z3 = self.z3
        parts = [self.typed(at), self.condition(self.declaration.initial, at)]
        for variable in self.declaration.variables.values():
            if variable.start is not None:
                parts.append(z3.Or([self._starts(variable, value, at) for value in variable.start]))
            elif isinstance(variable.type, Integer):
                low, high = variable.type.low, variable.type.high
                parts += [] if low is None else [at[variable.name][0] >= low]
                parts += [] if high is None else [at[variable.name][0] <= high]
        return z3.And(parts)

    def _starts(self, variable: Variable, value: Any, at: Symbols) -> Any:
        if isinstance(variable.type, Choice):
            return self._is(at[variable.name], variable.type.values.index(value))
        return at[variable.name][0] == value

    def step(self, old: Symbols, new: Symbols, amount: Any) -> Any:
        """Say that one of the actions leads from one situation to the other."""
        return self.z3.Or([self.happens(action, old, new, amount) for action in self.actions])

    def happens(self, action: Action, old: Symbols, new: Symbols, amount: Any) -> Any:
        """Say that this action leads from one situation to the other."""
        z3 = self.z3
        at = {**old, ELAPSED: [amount]}
        parts = [self.condition(action.guard, at)]
        if action.elapses:
            parts.append(amount >= 1)
        changed = {variable.name: value for variable, value in action.effects}
        for name, variable in self.declaration.variables.items():
            if name not in changed:
                parts += [b == a for a, b in zip(old[name], new[name], strict=True)]
            elif isinstance(variable.type, Choice):
                bits = self.bits(changed[name], variable.type, at)
                parts += [b == a for a, b in zip(bits, new[name], strict=True)]
            elif isinstance(variable.type, Boolean):
                parts.append(new[name][0] == self.condition(changed[name], at))
            else:
                parts.append(new[name][0] == self.number(changed[name], at))
        return z3.And(parts)

    # --- Expressions -----------------------------------------------------------------------------

    def condition(self, expression: Expression, at: Symbols) -> Any:
        """Give a condition in a situation."""
        z3, kind, args = self.z3, expression.kind, expression.args
        if kind == "constant":
            return z3.BoolVal(expression.value)
        if kind == "variable":
            return at[expression.value][0]
        if kind == "not":
            return z3.Not(self.condition(args[0], at))
        if kind in ("and", "or"):
            parts = [self.condition(arg, at) for arg in args]
            return z3.And(parts) if kind == "and" else z3.Or(parts)
        if kind == "if":
            return z3.If(*(self.condition(arg, at) for arg in args))
        if kind == "==":
            return self._equal(args[0], args[1], at)
        a, b = self.number(args[0], at), self.number(args[1], at)
        return a < b if kind == "<" else a <= b

    def _equal(self, left: Expression, right: Expression, at: Symbols) -> Any:
        z3 = self.z3
        if isinstance(left.type, Choice):
            type_ = left.type
            if isinstance(right.type, Choice) and not set(right.type.values) <= set(type_.values):
                more = [v for v in right.type.values if v not in type_.values]
                type_ = Choice((*type_.values, *more))
            a, b = self.bits(left, type_, at), self.bits(right, type_, at)
            return z3.And([x == y for x, y in zip(a, b, strict=True)])
        if left.type == BOOLEAN:
            return self.condition(left, at) == self.condition(right, at)
        return self.number(left, at) == self.number(right, at)

    def number(self, expression: Expression, at: Symbols) -> Any:
        """Give a number in a situation."""
        z3, kind, args = self.z3, expression.kind, expression.args
        if kind == "constant":
            return z3.IntVal(expression.value)
        if kind == "variable":
            return at[expression.value][0]
        if kind == "if":
            yes, no = self.number(args[1], at), self.number(args[2], at)
            return z3.If(self.condition(args[0], at), yes, no)
        a, b = self.number(args[0], at), self.number(args[1], at)
        return a + b if kind == "+" else a - b

    def bits(self, expression: Expression, type_: Choice, at: Symbols) -> list[Any]:
        """Give the bits of a choice, in the code of a type that may have more values."""
        z3, kind, args = self.z3, expression.kind, expression.args
        width = (len(type_.values) - 1).bit_length()
        if kind == "constant":
            code = type_.values.index(expression.value)
            return [z3.BoolVal(bool(code >> bit & 1)) for bit in range(width)]
        if kind == "if":
            yes, no = self.bits(args[1], type_, at), self.bits(args[2], type_, at)
            test = self.condition(args[0], at)
            return [z3.If(test, a, b) for a, b in zip(yes, no, strict=True)]
        assert isinstance(expression.type, Choice)
        own, values = at[expression.value], expression.type.values
        if values == type_.values:
            return own
        found = []
        for bit in range(width):
            codes = [at_ for at_, value in enumerate(values)
                     if value in type_.values and type_.values.index(value) >> bit & 1]  # fmt: skip
            found.append(z3.Or([self._is(own, code) for code in codes]))
        return found

    def _is(self, bits: list[Any], code: int) -> Any:
        z3 = self.z3
        return z3.And([b if code >> bit & 1 else z3.Not(b) for bit, b in enumerate(bits)])


def flat(symbols: Symbols) -> list[Any]:
    """Give the symbols of a situation in one list."""
    return [one for parts in symbols.values() for one in parts]
