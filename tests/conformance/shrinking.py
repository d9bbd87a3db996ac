"""Make a program on which the two sides differ small, so that a person can turn it into a pair.

Greedy deletion: each kind of program says which parts it can do without (`SMALLER`), the largest
first; of those candidates the first that still differs is taken, until none does. Candidates are
asked about many at once, because a virtual machine takes its time to start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from tests.reference.generate import CHILDREN
from tests.reference.programs import Op, Program

ROUNDS = 40
AT_ONCE = 40
# A script of a server ends with what its callback gives: that stays.
SCRIPTED = ("call", "cast", "info", "continue", "reply_continue", "ok_continue")

Smaller = Callable[[Any], Iterator[Any]]


def shrunk(
    program: Any,
    smaller: Smaller,
    differ: Callable[[Sequence[Any]], Sequence[bool]],
    rounds: int = ROUNDS,
) -> Any:
    """Give a program from which nothing can be taken away, as far as `rounds` questions tell.

    >>> shrunk([3, 8, 5, 9], without, lambda many: [8 in each and 9 in each for each in many])
    [8, 9]
    """
    seen, left = {repr(program)}, rounds
    candidates = smaller(program)
    while left > 0:
        some = [x for x in islice(candidates, AT_ONCE) if repr(x) not in seen]
        seen.update(map(repr, some))
        if not some:
            if (last := next(candidates, None)) is None:
                break
            some = [last]
        left -= 1
        found = next((x for x, yes in zip(some, differ(some), strict=True) if yes), None)
        if found is not None:
            program, candidates = found, smaller(found)
    return program


def without(items: Any, keep: int = 0) -> Iterator[Any]:
    """Give a list without some of its items: first halves, then less; the last `keep` stay.

    >>> list(without([1, 2, 3], keep=1))
    [[3], [2, 3], [1, 3]]
    """
    most = len(items) - keep
    size = most
    while size > 0:
        for at in range(0, most, size):
            yield items[:at] + items[min(at + size, most) :]
        size //= 2


def within(items: Any, smaller: Smaller) -> Iterator[Any]:
    """Give a list or tuple in which one item is smaller."""
    for at, item in enumerate(items):
        for less in smaller(item):
            yield items[:at] + type(items)([less]) + items[at + 1 :]


# -- what each kind can do without -----------------------------------------------------------------


def of_tree(program: Any) -> Iterator[Any]:
    """Leave out steps, then children, then starts."""
    tree, script = program
    yield from ((tree, less) for less in without(script))
    yield from ((less, script) for less in _child(tree))


def _child(child: Any) -> Iterator[Any]:
    match child:
        case ("sup", *before, children):
            for less in (*without(children), *within(children, _child)):
                yield ("sup", *before, less)
        case ("sub", *before, tree):
            for less in _child(tree):
                yield ("sub", *before, less)
        case ("worker", id_, restart, shutdown, significant, starts, traps, ms):
            for less in without(starts, keep=1):
                yield ("worker", id_, restart, shutdown, significant, less, traps, ms)


def of_peers(steps: Any) -> Iterator[Any]:
    """Leave out steps, then instructions."""
    yield from without(steps)
    yield from within(steps, _instruction)


def _instruction(one: Any) -> Iterator[Any]:
    if type(one) is not tuple:
        return
    if one[0] in SCRIPTED and type(one[-1]) is list:
        script = one[-1]
        for less in (*without(script, keep=1), *within(script, _instruction)):
            yield (*one[:-1], less)
    elif one[0] == "start":
        for less in _instruction(one[-1]):
            yield (*one[:-1], less)


def of_actors(program: Any) -> Iterator[Any]:
    """Leave out steps."""
    actors, steps = program
    yield from ((actors, less) for less in without(steps))


def of_machine(program: Any) -> Iterator[Any]:
    """Leave out what is sent, then entries of the table, then alternatives and actions."""
    modes, init, table, script = program
    yield from ((modes, init, table, less) for less in without(script))
    yield from ((modes, init, less, script) for less in without(table))
    yield from ((modes, less, table, script) for less in _result(init))
    yield from ((modes, init, less, script) for less in within(table, _entry))


def _entry(entry: Any) -> Iterator[Any]:
    *key, alternatives = entry
    for less in (*_fewer(alternatives), *within(alternatives, _result)):
        yield (*key, less)


def _fewer(alternatives: Any) -> Iterator[Any]:
    yield from (less for less in without(alternatives) if less)


def _result(result: Any) -> Iterator[Any]:
    if type(result) is tuple and type(result[-1]) is list:
        for less in without(result[-1]):
            yield (*result[:-1], less)


def of_concurrent(program: Program) -> Iterator[Program]:
    """Leave out operations, and with them those that speak of what is then unknown."""
    for at, (letter, ops) in enumerate(program.bodies):
        for less in without(ops):
            bodies = (*program.bodies[:at], (letter, less), *program.bodies[at + 1 :])
            yield known(Program(program.name, bodies))


def known(program: Program) -> Program:
    """Leave out operations that speak of a child or a label that is not known where they stand."""
    found: dict[str, tuple[Op, ...]] = {}
    letters = set(program.letters) - set(CHILDREN)
    for letter, ops in program.nested:
        if letter in letters:
            _keep(letter, ops, letters, found)
    return Program(program.name, tuple((x, found[x]) for x in program.letters if x in found))


def _keep(letter: str, ops: Any, letters: set[str], found: dict[str, tuple[Op, ...]]) -> None:
    there, labels, kept = {*letters, letter}, set(), []
    for op in ops:
        match op:
            case ("spawn", child, how, label, inner):
                there = {*there, child}
                labels |= {label} if how == "monitor" else set()
                _keep(child, inner, there, found)
                op = op[:-1]
            case ("monitor", target, label) if target in there or target not in [*CHILDREN]:
                labels.add(label)
            case ("demonitor", label, _) if label not in labels:
                continue
            case (_, target, *_) if target in [*CHILDREN] and target not in there:
                continue
            case ("register", _, target) if target in [*CHILDREN] and target not in there:
                continue
        kept.append(op)
    found[letter] = tuple(kept)


SMALLER: dict[str, Smaller] = {
    "supervisor": of_tree,
    "genserver": of_peers,
    "tables": of_actors,
    "statem": of_machine,
    "concurrent": of_concurrent,
}
# Where what is left is written down, to stay compared.
PLACES = {
    "supervisor": '("a label", tree, script) in a list of tests/conformance/pairs/supervisor.py',
    "genserver": '("a label", steps) in STEPS of tests/conformance/pairs/genserver.py',
    "tables": '("a label", steps) in a list of tests/conformance/pairs/ets.py or registry.py',
    "statem": '("a label", program) in MACHINES of tests/otp/test_statem_vm.py',
    "concurrent": "a lesson in SEEN of tests/reference/lessons.py",
}


def described(kind: str, program: Any) -> str:
    """Say what is left, and where a pair of it belongs."""
    left = str(program) if kind == "concurrent" else repr(program)
    return f"{left}\n      as a pair: {PLACES[kind]}"
