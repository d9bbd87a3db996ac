"""Classes within bounds: what `rf` finds there is what depth-first search finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.findings import KINDS
from checkers.judged import judged_run
from checkers.verdict import Verdict
from simkernel import GenServer, Pid, receive, send, sleep, spawn
from simkernel.spec import Spec, of
from tests.reference.generate import random_program
from tests.reference.programs import Op, Program
from tests.reference.searched import acts

TABLE = frozenset({"insert", "insert_new", "lookup", "delete", "spin"})
ALL = Budget(runs=100, seconds=1e9, effects=2_000, situations=2_000)


async def begins(letter: str, ops: tuple[Op, ...]) -> Any:
    """Be told who the others are, and then be one process of a program."""
    return await acts(letter, ops, await receive())


def spec_of(program: Program) -> Spec:
    """Make a spec of a program, in which only a crash that nobody notices is wrong."""

    async def main() -> None:
        pids: tuple[tuple[str, Pid], ...] = tuple(
            (letter, spawn(begins, letter, ops)) for letter, ops in program.bodies
        )
        for _, pid in pids:
            send(pid, pids)

    return replace(of(main), expect=tuple(kind for kind in KINDS if kind != "crash"), settle=True)


def verdict(spec: Spec, strategy: str, time: str) -> Verdict:
    return check(spec, {}, strategy=strategy, time=time, budget=ALL)


def drawn(seed: int) -> Program:
    """Draw a program that may have timers."""
    random = Random(seed)
    return random_program(random, f"bounds-{seed}", random.randint(2, 4))


def agree(seeds: Iterable[int]) -> Counter[str]:
    """Compare the strategies on programs; counts what they conclude."""
    told: Counter[str] = Counter()
    for program in map(drawn, seeds):
        assert not any(op[0] in TABLE for _, ops in program.bodies for op in ops)
        spec = spec_of(program)
        expected = verdict(spec, "dfs", "bounded")
        assert expected.complete or expected.word == "Violated", program
        got = verdict(spec, "auto", "bounded")
        assert got.word == expected.word, program
        if got.counterexample is not None:
            settings = got.counterexample.settings
            assert settings.time != "any"
            assert judged_run(spec, {}, settings)[2], program
        told[got.word] += 1
        told["only beyond the bounds"] += (
            got.word == "Held" and verdict(spec, "dfs", "any").word == "Violated"
        )
    return told


def test_auto_and_depth_first_search_agree_within_bounds() -> None:
    # Those of the first sixty that use no table, which nobody would own here, and are small.
    told = agree((1, 2, 3, 4, 10, 18, 19, 23, 36, 37, 42, 44, 47, 56, 59))
    assert told == {"Held": 11, "Violated": 4, "only beyond the bounds": 1}


class Slow(GenServer):
    """Answers after its time."""

    async def init(self, arg: Any) -> Any:
        return ("ok", arg)

    async def handle_call(self, request: Any, frm: Any, ms: int) -> Any:
        await sleep(ms)
        return ("reply", "done", ms)


async def a_call(works_ms: int = 100, timeout_ms: int = 200) -> Any:
    _, server = await GenServer.start(Slow, works_ms)
    return await GenServer.call(server, "work", timeout_ms)


@pytest.mark.parametrize("strategy", ["auto", "rf"])
def test_a_deadline_that_cannot_be_missed_is_missed_only_at_any_time(strategy: str) -> None:
    spec = of(a_call)
    assert check(spec, {}, strategy=strategy, time="any", budget=ALL).word == "Violated"
    within = check(spec, {}, strategy=strategy, budget=ALL)
    assert within.word == ("Inconclusive" if strategy == "rf" else "Held")
    near = check(spec, {"timeout_ms": 105}, strategy=strategy, budget=ALL)
    assert near.word == "Violated"
    assert near.counterexample is not None
    assert near.counterexample.settings.time == "bounded"


async def taking() -> None:
    await receive()


def test_what_holds_at_any_time_is_said_to() -> None:
    async def main() -> None:
        send(spawn(taking), "hello")

    got = check(of(main), {}, strategy="rf", budget=ALL)
    assert (got.word, got.complete, got.searched.time) == ("Held", True, "any")


def test_classes_that_fit_no_bounds_leave_a_search_of_classes_undecided() -> None:
    spec = of(a_call)
    got = check(spec, {}, strategy="rf", budget=ALL)
    assert not got.complete
    assert "no order of their events was found" in got.searched.why_stopped
