"""What a proof leaves behind: an inductive invariant, which a plain solver checks again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from checkers.machines.declaration import Declaration
from checkers.machines.encoding import Encoding, Symbols, flat
from checkers.machines.explicit import Limits
from checkers.machines.expressions import value_of
from checkers.machines.layout import Layout


@dataclass(frozen=True)
class Certificate:
    """An invariant as text of SMT-LIB, over the variables of the machine.

    It holds at the start, no step leaves it, and where it holds, all properties do. With a
    `window` of k > 1 situations it is said of each k of them that follow each other (and, with
    `simple`, are all different): in such a row of which all but the last satisfy the formula, the
    last does too; and so do the first k of every run.
    """

    formula: str
    window: int = 1
    simple: bool = False


def written(encoding: Encoding, formula: Any, window: int = 1, simple: bool = False) -> Certificate:
    """Make a certificate of a formula over unlabelled symbols."""
    solver = encoding.z3.Solver()
    solver.add(formula)
    text = solver.to_smt2().replace("(check-sat)\n", "")
    if "(assert" not in text:  # z3 leaves out what is always true
        text = "(assert true)\n"
    return Certificate(text, window, simple)


def accepted(declaration: Declaration, certificate: Certificate, limits: Limits) -> bool | None:
    """Check a certificate with plain solvers, from the declaration and the text alone.

    None says that a solver has run out of time.
    """
    encoding = Encoding(declaration)
    z3 = encoding.z3
    base = encoding.symbols()
    # A text that asserts nothing certifies nothing.
    parts = list(z3.parse_smt2_string(certificate.formula))
    formula = z3.And(parts) if "(assert" in certificate.formula else z3.BoolVal(False)

    def holds(at: Symbols) -> Any:
        return z3.substitute(formula, *zip(flat(base), flat(at), strict=True))

    for question in _obligations(encoding, holds, certificate):
        solver = encoding.solver(limits.milliseconds, incremental=False)
        solver.add(question)
        answer = solver.check()
        if answer != z3.unsat:
            return None if answer == z3.unknown else False
    return True


def _obligations(encoding: Encoding, holds: Any, certificate: Certificate) -> Iterable[Any]:
    """Give what must have no model."""
    z3, k = encoding.z3, certificate.window
    at = [encoding.symbols(f"!{number}") for number in range(k + 1)]
    steps = [encoding.step(a, b, encoding.amount(f"!{n}"))
             for n, (a, b) in enumerate(itertools.pairwise(at))]  # fmt: skip
    for length in range(k):
        yield [encoding.initial(at[0]), *steps[:length], z3.Not(holds(at[length]))]
    kept = [encoding.typed(one) for one in at] if k > 1 else [encoding.typed(at[0])]
    different = [encoding.differ(a, b) for n, a in enumerate(at) for b in at[n + 1 :]]
    yield [*kept, *(holds(one) for one in at[:k]), *steps,
           *(different if certificate.simple else ()), z3.Not(holds(at[k]))]  # fmt: skip
    # A choice that was given a value has one of its values: typing is part of the invariant.
    yield [encoding.typed(at[0]), holds(at[0]), encoding.step(at[0], at[1], encoding.amount("!0")),
           z3.Not(encoding.typed(at[1]))]  # fmt: skip
    yield [encoding.typed(at[0]), holds(at[0]),
           z3.Not(encoding.condition(encoding.property, at[0]))]  # fmt: skip


def of_states(declaration: Declaration, forms: Iterable[int], layout: Layout) -> Certificate:
    """Make a certificate of all situations that a search has seen, as a decision diagram."""
    encoding = Encoding(declaration)
    z3 = encoding.z3
    symbols = encoding.symbols()
    tests: list[tuple[Any, list[int]]] = []  # what is asked, and the bit of each situation
    states = [layout.decode(form) for form in forms]
    for name, variable in declaration.variables.items():
        for test, answer in _tests(encoding, symbols, name, variable.type):
            tests.append((test, [answer(state) for state in states]))
    known: dict[tuple[int, tuple[int, ...]], Any] = {}

    def node(depth: int, members: tuple[int, ...]) -> Any:
        if not members or depth == len(tests):
            return z3.BoolVal(bool(members))
        key = (depth, members)
        if key not in known:
            test, bits = tests[depth]
            yes = node(depth + 1, tuple(one for one in members if bits[one]))
            no = node(depth + 1, tuple(one for one in members if not bits[one]))
            known[key] = yes if yes.eq(no) else z3.If(test, yes, no)
        return known[key]

    return written(encoding, node(0, tuple(range(len(states)))))


def _tests(encoding: Encoding, symbols: Symbols, name: str, type_: Any) -> Iterable[Any]:
    """Give the questions whose answers tell the values of a variable apart."""
    variable = encoding.declaration.variables[name]
    parts = symbols[name]
    if hasattr(type_, "values"):
        for bit, part in enumerate(parts):
            yield part, lambda state, bit=bit: type_.values.index(state[name]) >> bit & 1
    elif not hasattr(type_, "low"):
        yield parts[0], lambda state: int(state[name])
    else:
        for least in range(type_.low + 1, type_.high + 1):
            test = encoding.condition(variable >= least, symbols)
            yield test, lambda state, least=least: int(state[name] >= least)
        within = encoding.condition((variable >= type_.low) & (variable <= type_.high), symbols)
        yield within, lambda state: value_of((variable >= type_.low), state)
