"""k-induction: what held for k situations in a row holds in the next, if they all differ."""

from __future__ import annotations

from dataclasses import dataclass

from checkers.machines.bounded import UNKNOWN, Unrolled
from checkers.machines.certificate import Certificate, written
from checkers.machines.declaration import Declaration
from checkers.machines.encoding import Encoding
from checkers.machines.explicit import Limits
from checkers.machines.semantics import Run, named, replay


@dataclass
class Proof:
    """What came of an attempt: a certificate, or a run that ends badly, or why it was given up."""

    certificate: Certificate | None = None
    run: Run | None = None
    stopped: str = ""
    depth: int = 0


def induction(declaration: Declaration, limits: Limits, encoding: Encoding | None = None) -> Proof:
    """Prove the invariants and lemmas together, or find a run that breaks one.

    For a machine of finitely many situations this ends, since a row of different ones does.

    >>> door = Declaration("door")
    >>> n = door.integer("visitors")
    >>> _ = door.action("enter", then={n: n + 1})
    >>> door.invariant("no fewer than none", n >= 0)
    >>> induction(door, Limits()).depth
    1
    """
    encoding = encoding or Encoding(declaration)
    z3 = encoding.z3
    base, step = Unrolled(encoding, limits), Unrolled(encoding, limits, starts=False)
    proof = Proof()
    while proof.depth < limits.depth:
        bad = z3.Not(encoding.condition(encoding.property, base.at[-1]))
        answer = base.asks(bad)
        if answer == z3.sat:
            assert base.states is not None
            proof.run = named(declaration, base.states)
            replay(declaration, proof.run)
            return proof
        step.solver.add(encoding.condition(encoding.property, step.at[-1]))
        step.unroll()
        for earlier in step.at[:-1]:
            step.solver.add(encoding.differ(earlier, step.at[-1]))
        ends = step.asks(z3.Not(encoding.condition(encoding.property, step.at[-1])))
        proof.depth += 1
        limits.progress(f"induction over {proof.depth} situations")
        if z3.unknown in (answer, ends):
            proof.stopped = UNKNOWN
            return proof
        if ends == z3.unsat:
            formula = encoding.condition(encoding.property, encoding.symbols())
            simple = proof.depth > 1
            proof.certificate = written(encoding, formula, proof.depth, simple)
            return proof
        if limits.left < 0:
            break
        base.unroll()
    proof.stopped = f"{limits.depth} situations" if limits.left > 0 else f"{limits.seconds:g} s"
    return proof
