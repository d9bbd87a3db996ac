"""Finding lemmas: guess many small ones, and drop those that a step can break, until none is.

Candidates are made from templates, by what the declaration itself compares: a literal, an
implication between two, and, within one key of the tables, a choice of three. What is false in some
situation that a few random runs reach is dropped before z3 sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, islice
from random import Random
from typing import Any

from checkers.machines.bounded import UNKNOWN
from checkers.machines.certificate import written
from checkers.machines.compiled import Compiled, Left
from checkers.machines.declaration import Declaration, State
from checkers.machines.encoding import Encoding, Symbols
from checkers.machines.explicit import Limits
from checkers.machines.expressions import (
    Boolean,
    Choice,
    Expression,
    Integer,
    disjunction,
    value_of,
    variables_of,
)
from checkers.machines.induction import Proof
from checkers.machines.semantics import initial_states

SAMPLES = 3_000
CANDIDATES = 12_000


def houdini(declaration: Declaration, limits: Limits, encoding: Encoding | None = None) -> Proof:
    """Prove the invariants and lemmas with what lemmas can be found besides.

    >>> pair = Declaration("pair")
    >>> a, b = pair.boolean("a"), pair.boolean("b")
    >>> _ = pair.action("both", then={a: ~a, b: ~a})
    >>> pair.invariant("equal", a == b)
    >>> houdini(pair, Limits()).certificate is not None
    True
    """
    encoding = encoding or Encoding(declaration)
    templates = _Templates(declaration, list(sampled(declaration)))
    wanted = list(encoding.properties.values())
    # Choices of three that a pair already implies are left out: so the pairs are tried alone first,
    # lest a pair that only the samples believe in keeps a good choice of three away.
    believed: set[tuple[int, int]] = set()
    proof = Proof()
    for triples in (False, True):
        guesses = [*wanted, *templates.small(), *(templates.triples(believed) if triples else ())]
        limits.progress(f"{len(guesses)} lemmas to try")
        work = _Dropping(encoding, guesses, limits)
        kept = work.fixpoint()
        if kept is None:
            return Proof(stopped=UNKNOWN)
        if set(range(len(wanted))) <= set(kept):
            return _proof(encoding, work, len(wanted), kept)
        first = len(wanted) + len(templates.units)
        places = [number - first for number in kept if number >= first]
        believed = {templates.pairs[place] for place in places if place < len(templates.pairs)}
    proof.stopped = "no lemmas of the templates prove it"
    return proof


def _proof(encoding: Encoding, work: _Dropping, wanted: int, kept: list[int]) -> Proof:
    needed = work.needed(range(wanted), kept)
    if needed is None:
        return Proof(stopped=UNKNOWN)
    symbols = encoding.symbols()
    parts = [encoding.condition(work.guesses[number], symbols) for number in needed]
    return Proof(certificate=written(encoding, encoding.z3.And(parts)), depth=len(needed))


def sampled(declaration: Declaration) -> Iterator[State]:
    """Give situations that some runs reach, the same ones each time.

    Each step takes one of the actions that were taken least, so that the rare ones come as well.
    """
    random = Random(0)
    code = Compiled(declaration)
    starts = [code.layout.encode(state) for state in islice(initial_states(declaration), 50)]
    seen = dict.fromkeys(starts)
    taken = [0] * len(code.actions)
    for number in range(300 if starts else 0):
        form = starts[number % len(starts)]
        for _ in range(80):
            options = _options(code, form)
            if not options or len(seen) > SAMPLES:
                break
            least = min(taken[action] for action, _ in options)
            action, form = random.choice([one for one in options if taken[one[0]] == least])
            taken[action] += 1
            seen.setdefault(form)
    for form in seen:
        yield code.layout.decode(form)


def _options(code: Compiled, form: Any) -> list[tuple[int, Any]]:
    try:
        return [one for one in code.successors(form) if one[1] != form]
    except Left:  # out of bounds: the proof will find it
        return []


# --- Templates ------------------------------------------------------------------------------------


def literals(declaration: Declaration) -> dict[str, list[Expression]]:
    """Give the literals of each variable."""
    found: dict[str, list[Expression]] = {}
    compared = _compared(declaration)
    for name, variable in declaration.variables.items():
        type_ = variable.type
        if isinstance(type_, Boolean):
            found[name] = [variable, ~variable]
        elif isinstance(type_, Choice):
            tests = [variable == value for value in type_.values]
            found[name] = tests if len(tests) == 2 else [*tests, *(~test for test in tests)]
        else:
            bounds = sorted(compared.get(name, set()))[:6]
            found[name] = [test for c in bounds for test in (variable <= c, variable >= c)]
            numbers = [
                other
                for other in declaration.variables.values()
                if isinstance(other.type, Integer) and other is not variable
            ]
            found[name] += [variable <= other for other in numbers[:6]]
    return found


def _compared(declaration: Declaration) -> dict[str, set[int]]:
    """Give the numbers that the declaration itself compares each variable with."""
    found: dict[str, set[int]] = {}

    def read(expression: Expression) -> None:
        if expression.kind in ("==", "<", "<="):
            constants = [arg.value for arg in expression.args if arg.kind == "constant"]
            for variable in variables_of(expression):
                for value in constants:
                    if type(value) is int:
                        found.setdefault(variable.name, set()).update({value - 1, value, value + 1})
        for arg in expression.args:
            read(arg)

    for action in declaration.steps:
        read(action.guard)
        for variable, value in action.effects:
            if value.kind == "constant" and type(value.value) is int:
                found.setdefault(variable.name, set()).add(value.value)
    for condition in (*declaration.invariants.values(), *declaration.ranges.values()):
        read(condition)
    for name, variable in declaration.variables.items():
        for value in variable.start or ():
            if type(value) is int:
                found.setdefault(name, set()).add(value)
    return found


class _Templates:
    """The candidates that hold in all samples."""

    def __init__(self, declaration: Declaration, states: list[State]):
        self.declaration = declaration
        self.everywhere = (1 << len(states)) - 1
        atoms: list[tuple[str, Expression, int]] = []
        for name, tests in literals(declaration).items():
            for test in tests:
                where = sum(1 << at for at, state in enumerate(states) if value_of(test, state))
                atoms.append((name, test, where))
        self.units = [test for _, test, where in atoms if where == self.everywhere]
        self.rest = [atom for atom in atoms if atom[2] != self.everywhere]
        self.pairs = list(self._pairs())

    def _pairs(self) -> Iterator[tuple[int, int]]:
        found = 0
        for (i, a), (j, b) in combinations(enumerate(self.rest), 2):
            if a[0] != b[0] and a[2] | b[2] == self.everywhere and found < CANDIDATES:
                found += 1
                yield i, j

    def small(self) -> list[Expression]:
        """Give the literals, and the choices of two."""
        return [*self.units, *(disjunction([self.rest[i][1], self.rest[j][1]])
                               for i, j in self.pairs)]  # fmt: skip

    def triples(self, good: set[tuple[int, int]]) -> Iterator[Expression]:
        """Give choices of three, within one key and what has no key."""
        keys = {one.name: key for table in self.declaration.tables.values()
                for key, one in zip(table, table.variables, strict=True)}  # fmt: skip
        rest = self.rest
        done: set[tuple[int, int, int]] = set()
        groups = [
            [i for i, (name, _, _) in enumerate(rest) if keys.get(name, key) == key]
            for key in dict.fromkeys(keys.values())
        ]
        for group in groups or [list(range(len(rest)))]:
            for i, j, k in combinations(group, 3):
                a, b, c = rest[i], rest[j], rest[k]
                if a[2] | b[2] | c[2] != self.everywhere or len({a[0], b[0], c[0]}) < 3:
                    continue
                if good & {(i, j), (i, k), (j, k)} or (i, j, k) in done or len(done) > CANDIDATES:
                    continue
                done.add((i, j, k))
                yield disjunction([a[1], b[1], c[1]])


# --- Dropping -------------------------------------------------------------------------------------


class _Dropping:
    """Candidates that are assumed before a step and asked for after it."""

    def __init__(self, encoding: Encoding, guesses: list[Expression], limits: Limits):
        self.encoding = encoding
        self.guesses = guesses
        self.limits = limits
        z3 = encoding.z3
        self.old, self.new = encoding.symbols("!0"), encoding.symbols("!1")
        self.solver = z3.Solver()
        self.solver.add(encoding.typed(self.old), encoding.typed(self.new))
        self.solver.add(encoding.step(self.old, self.new, encoding.amount("!0")))
        self.assumed = [z3.Bool(f"assumed#{number}") for number in range(len(guesses))]
        for flag, guess in zip(self.assumed, guesses, strict=True):
            self.solver.add(z3.Implies(flag, encoding.condition(guess, self.old)))

    def fixpoint(self) -> list[int] | None:
        """Drop until nothing can be broken; None where z3 gives up."""
        kept = self._initially(list(range(len(self.guesses))))
        z3, encoding = self.encoding.z3, self.encoding
        while kept:
            broken = z3.Or([z3.Not(encoding.condition(self.guesses[i], self.new)) for i in kept])
            state = self._state([self.assumed[i] for i in kept], broken, self.new)
            if state is None:
                return kept
            if isinstance(state, str):
                return None
            kept = [i for i in kept if value_of(self.guesses[i], state)]
            self.limits.progress(f"{len(kept)} lemmas are left")
        return kept

    def _initially(self, kept: list[int]) -> list[int]:
        z3, encoding = self.encoding.z3, self.encoding
        solver = z3.Solver()
        solver.add(encoding.initial(self.old))
        while kept:
            solver.push()
            solver.add(z3.Or([z3.Not(encoding.condition(self.guesses[i], self.old)) for i in kept]))
            if solver.check() != z3.sat:
                return kept
            state = encoding.read(solver.model(), self.old)
            kept = [i for i in kept if value_of(self.guesses[i], state)]
            solver.pop()
        return kept

    def _state(self, flags: list[Any], condition: Any, at: Symbols) -> State | str | None:
        """Give a situation of a model, None if there is no model, a text if z3 gives up."""
        z3, solver = self.encoding.z3, self.solver
        solver.push()
        solver.add(condition)
        solver.set("timeout", self.limits.milliseconds)
        answer = solver.check(*flags)
        found: State | str | None = UNKNOWN
        if answer == z3.sat:
            found = self.encoding.read(solver.model(), at)
        elif answer == z3.unsat:
            found = None
        solver.pop()
        return found

    def needed(self, wanted: Iterable[int], kept: list[int]) -> list[int] | None:
        """Give those that the proof of the wanted ones uses, by z3's cores."""
        z3, encoding, solver = self.encoding.z3, self.encoding, self.solver
        number_of = {str(self.assumed[i]): i for i in kept}
        found, todo = [], list(wanted)
        while todo:
            number = todo.pop()
            if number in found:
                continue
            found.append(number)
            solver.push()
            solver.add(z3.Not(encoding.condition(self.guesses[number], self.new)))
            solver.set("timeout", self.limits.milliseconds)
            if solver.check(*(self.assumed[i] for i in kept)) != z3.unsat:
                return None
            todo += [number_of[str(flag)] for flag in solver.unsat_core()]
            solver.pop()
        return sorted(found)
