"""Spacer, z3's engine for rules: it looks for an inductive invariant by itself."""

from __future__ import annotations

from typing import Any

from checkers.machines.bounded import UNKNOWN, bounded
from checkers.machines.certificate import written
from checkers.machines.declaration import Declaration
from checkers.machines.encoding import Encoding, flat
from checkers.machines.explicit import Limits
from checkers.machines.induction import Proof
from checkers.machines.semantics import named, replay

# Measured on two-phase commit: these make the difference between seconds and no answer.
OPTIONS = {
    "engine": "spacer", "spacer.ground_pobs": False, "xform.slice": False,
    "xform.inline_linear": False, "xform.inline_eager": False,
}  # fmt: skip


def spacer(declaration: Declaration, limits: Limits, encoding: Encoding | None = None) -> Proof:
    """Prove the invariants and lemmas, or find a run that breaks one.

    >>> counter = Declaration("counter")
    >>> a, b = counter.integer("a"), counter.integer("b")
    >>> _ = counter.action("both", then={a: a + 1, b: b + 1})
    >>> counter.invariant("a is not below b", a >= b)
    >>> spacer(counter, Limits()).certificate is not None
    True
    """
    encoding = encoding or Encoding(declaration)
    z3 = encoding.z3
    rules = z3.Fixedpoint()
    rules.set(**OPTIONS, timeout=limits.milliseconds)
    old, new, amount = encoding.symbols("!0"), encoding.symbols("!1"), encoding.amount("!0")
    sorts = [one.sort() for one in flat(old)]
    reached = z3.Function("reached", *sorts, z3.BoolSort())
    rules.register_relation(reached)
    rules.declare_var(*flat(old), *flat(new), amount)
    rules.rule(reached(*flat(old)), encoding.initial(old))
    happens = [reached(*flat(old)), encoding.step(old, new, amount)]
    rules.rule(reached(*flat(new)), happens)
    bad = z3.And(reached(*flat(old)), z3.Not(encoding.condition(encoding.property, old)))
    try:
        answer = rules.query(bad)
    except z3.Z3Exception as error:
        return Proof(stopped=f"{UNKNOWN}: {error}")
    if answer == z3.unsat:
        body = _invariant(encoding, rules.get_answer())
        return Proof(certificate=written(encoding, body))
    if answer == z3.sat:
        return _broken(declaration, encoding, rules, limits)
    return Proof(stopped=UNKNOWN)


def _invariant(encoding: Encoding, answer: Any) -> Any:
    """Read the invariant off the answer, `reached(x) = body` for all x, over our symbols."""
    z3 = encoding.z3
    names = flat(encoding.symbols())
    if z3.is_quantifier(answer):
        body = answer.body()
        head, formula = body.arg(0), body.arg(1)
        given: list[Any] = [None] * answer.num_vars()
        for place in range(head.num_args()):
            given[z3.get_var_index(head.arg(place))] = names[place]
        return z3.substitute_vars(formula, *given)
    # Without variables: the relation is always true or always false.
    return answer.arg(1) if z3.is_app(answer) and answer.num_args() == 2 else answer


def _broken(declaration: Declaration, encoding: Encoding, rules: Any, limits: Limits) -> Proof:
    """Make a run of Spacer's derivation; where that cannot be read, search one."""
    z3 = encoding.z3
    facts: list[Any] = []

    def collect(term: Any) -> None:
        if z3.is_app(term):
            if term.decl().name() == "reached":
                facts.append(term)
            for child in term.children():
                collect(child)

    try:
        collect(rules.get_ground_sat_answer())
        symbols = encoding.symbols()
        states = []
        for fact in facts:
            solver = z3.Solver()
            solver.add([a == b for a, b in zip(flat(symbols), fact.children(), strict=True)])
            solver.check()
            state = encoding.read(solver.model(), symbols)
            if state not in states:
                states.append(state)
        for order in (states, states[::-1]):
            try:
                run = named(declaration, order)
                replay(declaration, run)
                return Proof(run=run, depth=len(run.steps))
            except Exception:
                continue
    except z3.Z3Exception:
        pass
    found = bounded(declaration, limits, encoding)
    return Proof(run=found.run, depth=found.depth, stopped="" if found.run else found.stopped)
