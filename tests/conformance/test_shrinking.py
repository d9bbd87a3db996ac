"""A disagreement becomes a small program: shown with interpreters that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.conformance import cases, programs, shrinking
from tests.otp import tables
from tests.reference import brute
from tests.reference.generate import random_program
from tests.reference.programs import Program, length, program, recv, send, spawn


def replaced(term: Any, old: Any, new: Any) -> Any:
    """Put one term in the place of another, wherever it stands."""
    if term == old:
        return new
    kind = type(term)
    return kind(replaced(x, old, new) for x in term) if kind in (tuple, list) else term


class Wrong:
    """An interpreter that takes one thing for another, asked in the place of the VM."""

    def __init__(self, family: str, pause: int, old: Any, new: Any) -> None:
        self.family, self.pause, self.old, self.new = family, pause, old, new

    def differ(self, many: Sequence[Any]) -> list[bool]:
        return [self.differs(each) for each in many]

    def differs(self, each: Any) -> bool:
        there = cases.here(self.family, replaced(each, self.old, self.new), self.pause)
        return there is not None and cases.differs(cases.here(self.family, each, self.pause), there)


def first(draw: Any, wrong: Wrong, seed: int) -> Any:
    """Draw until a program differs."""
    random = Random(seed)
    return next(p for p in iter(lambda: draw(random)[0], None) if wrong.differs(p))


def test_a_server_that_answers_wrongly_is_shrunk_to_a_start_and_a_call() -> None:
    wrong = Wrong("genserver", 30, ("reply", "r"), ("reply", "q"))
    program = first(programs.peers_program, wrong, 4)
    start, call = shrinking.shrunk(program, shrinking.of_peers, wrong.differ)
    assert (start[0], call[0], call[-1]) == ("start", "call", [("reply", "r")])
    assert call[1] == start[1]
    assert len(program) > 2


def test_a_supervisor_that_restarts_the_temporary_is_shrunk_to_one_child_that_ends() -> None:
    wrong = Wrong("supervisor", 100, "temporary", "permanent")
    program = first(programs.tree_program, wrong, 2)
    tree, script = shrinking.shrunk(program, shrinking.of_tree, wrong.differ)
    assert wrong.differs((tree, script))
    assert len(script) <= 1
    assert repr(tree).count("worker") + repr(tree).count("sub") <= 2


def test_a_table_that_sorts_its_keys_is_shrunk_to_a_few_steps() -> None:
    wrong = Wrong("tables", 2, "duplicate_bag", "set")
    program = first(programs.actors_program, wrong, 3)
    _, steps = shrinking.shrunk(program, shrinking.of_actors, wrong.differ)
    assert len(steps) <= 4 < len(program[1])
    assert steps[0][:2] == ("new", "a")


def test_a_machine_that_forgets_to_postpone_is_shrunk() -> None:
    def differs(each: Any) -> bool:
        return tables.run(each) != tables.run(replaced(each, "postpone", ("postpone", False)))

    random = Random(1)
    program = next(p for p in iter(lambda: tables.random_program(random), None) if differs(p))
    small = shrinking.shrunk(
        program, shrinking.of_machine, lambda many: [differs(each) for each in many]
    )
    assert differs(small)
    assert len(small[2]) <= 3
    assert len(small[3]) <= 3
    assert "postpone" in repr(small)


def test_a_reference_without_children_is_shrunk_to_one_that_starts_a_child() -> None:
    """Wrong here is that a child's message never arrives."""

    def silent(tried: Program) -> Program:
        bodies = tuple(
            (who, tuple(op for op in ops if op[0] != "send" or who not in "XY"))
            for who, ops in tried.bodies
        )
        return Program(tried.name, bodies)

    def differ(many: Sequence[Program]) -> list[bool]:
        return [seen(each) != seen(silent(each)) for each in many]

    def seen(tried: Program) -> Any:
        try:
            return brute.explore(tried, limit=3_000).outcomes
        except brute.TooManyStates:
            return None

    random = Random(7)
    drawn = (random_program(random, "p", 7, timers=False, spawns=True) for _ in range(10_000))
    found = next(p for p in drawn if p.children and seen(p) and differ([p])[0])
    small = shrinking.shrunk(found, shrinking.of_concurrent, differ)
    ops = [op[0] for _, ops in small.bodies for op in ops]
    assert differ([small]) == [True]
    assert len(ops) <= 3
    assert {"spawn", "send"} <= set(ops)


def test_what_is_left_out_takes_along_who_is_never_started() -> None:
    tried = program("p", A=[spawn("X", "link"), send("X", "a"), recv()], X=[length()])
    candidates = list(shrinking.of_concurrent(tried))
    assert all("X" in each.children or "X" not in each.letters for each in candidates)
    assert program("p", A=[recv()]) in candidates
    assert not any(
        ("send", "X", "a") in ops and "X" not in each.children
        for each in candidates
        for _, ops in each.bodies
    )


@pytest.mark.parametrize("kind", shrinking.SMALLER)
def test_what_is_left_is_printed_with_the_place_where_a_pair_belongs(kind: str) -> None:
    assert "as a pair: " in shrinking.described(kind, ("x",))
