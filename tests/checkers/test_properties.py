"""Properties: formulas along runs, goals that some run has to reach, histories of calls."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers import ltl
from checkers.check import Budget, check
from simkernel import (
    GenServer,
    Model,
    NoReply,
    Ok,
    Reply,
    always,
    ets,
    eventually,
    following,
    leads_to,
    linearizable,
    log,
    never,
    receive,
    self_,
    send,
    sequentially_consistent,
    sleep,
    sometimes,
    spawn,
    spec,
    until,
)
from simkernel.errors import UsageError
from simkernel.spec import of

# --- Formulas against their meaning --------------------------------------------------------------

P, Q = (lambda world: world[0]), (lambda world: world[1])
WORLDS = list(product([False, True], repeat=2))

FORMULAS = st.recursive(
    st.sampled_from([ltl.formula(P), ltl.formula(Q)]),
    lambda inner: st.one_of(
        st.builds(lambda a: ~a, inner),
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a, b: a >> b, inner, inner),
        st.builds(always, inner),
        st.builds(never, inner),
        st.builds(eventually, inner),
        st.builds(following, inner),
        st.builds(until, inner, inner),
        st.builds(leads_to, inner, inner),
    ),
    max_leaves=5,
)


def means(formula: Any, run: list[Any], at: int) -> bool:
    """Say what a formula means at a place of a run whose last situation stays for ever."""
    last = len(run) - 1
    at = min(at, last)
    later = range(at, last + 1)
    match formula:
        case ltl.Constant(value):
            return value
        case ltl.Now(predicate):
            return bool(predicate(run[at]))
        case ltl.Not(one):
            return not means(one, run, at)
        case ltl.And(several):
            return all(means(one, run, at) for one in several)
        case ltl.Or(several):
            return any(means(one, run, at) for one in several)
        case ltl.Next(one):
            return means(one, run, at + 1)
        case ltl.Always(one):
            return all(means(one, run, place) for place in later)
        case ltl.Until(meanwhile, goal):
            return any(
                means(goal, run, place)
                and all(means(meanwhile, run, before) for before in range(at, place))
                for place in later
            )
    raise AssertionError(formula)


@given(FORMULAS, st.lists(st.sampled_from(WORLDS), min_size=1, max_size=6))
def test_progression_gives_what_a_formula_means(formula: Any, run: list[Any]) -> None:
    left = formula
    for world in run:
        left = left.progress(world)
    assert left.forever(run[-1]) is means(formula, run, 0)


@given(FORMULAS, st.lists(st.sampled_from(WORLDS), min_size=1, max_size=4))
def test_false_on_the_way_is_false_however_the_run_goes_on(formula: Any, run: list[Any]) -> None:
    left = formula
    for world in run:
        left = left.progress(world)
    if left == ltl.FALSE:
        for rest in product(WORLDS, repeat=2):
            assert not means(formula, [*run, *rest], 0)


# --- Along runs ----------------------------------------------------------------------------------


class Lock(GenServer):
    """Gives itself to whoever asks, even if another has it."""

    def init(self, holders: Any) -> Any:
        return Ok(holders)

    def handle_call(self, request: Any, caller: Any, holders: Any) -> Any:
        match request:
            case "take":
                return Reply("yours", (*holders, caller[0]))
            case "give back":
                return Reply("ok", tuple(pid for pid in holders if pid != caller[0]))


async def user(main: Any, lock: Any) -> None:
    await GenServer.call(lock, "take", timeout=None)
    await GenServer.call(lock, "give back", timeout=None)
    send(main, "done")


async def users(count: int) -> None:
    _, lock = await GenServer.start_link(Lock, (), name="lock")
    for _ in range(count):
        spawn(user, self_(), lock)
    for _ in range(count):
        await receive("done")


def holders(world: Any) -> int:
    return len(world.state("lock", ()))


def verdict(properties: dict[str, Any], main: Any, strategy: str = "walk", **given: Any) -> Any:
    declared = spec(properties=properties)(main)
    return check(of(declared), given, strategy=strategy, budget=Budget(runs=100, seconds=60))


def failed(found: Any) -> list[str]:
    return [] if found.counterexample is None else [f.text for f in found.counterexample.findings]


async def two_users() -> None:
    await users(2)


async def one_user() -> None:
    await users(1)


EXCLUSION = {"one holder": always(lambda world: holders(world) <= 1)}


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
def test_what_has_to_hold_always_is_looked_at_in_every_situation(strategy: str) -> None:
    found = verdict(EXCLUSION, two_users, strategy)
    assert found.word == "Violated"
    (text,) = failed(found)
    assert text.startswith("one holder: false after ")
    # The run stops where it has failed, and does not go on to its end.
    assert text == f"one holder: false after {found.counterexample.transitions} transitions"
    held = verdict(EXCLUSION, one_user, strategy)
    assert held.word == "Held"
    assert held.complete is (strategy == "dfs")


ENDS: list[tuple[Any, bool]] = [
    (never(lambda world: holders(world) > 1), False),
    (eventually(lambda world: world.done), True),
    (eventually(lambda world: "never" in world.logged), False),
    (leads_to(lambda world: holders(world) > 0, lambda world: holders(world) == 0), True),
    (leads_to(lambda world: holders(world) > 0, lambda world: holders(world) == 3), False),
    (until(lambda world: not world.done, lambda world: holders(world) > 0), True),
    (until(lambda world: not world.alive("lock"), lambda world: world.done), False),
    (ltl.formula(lambda world: not world.done) & eventually(lambda world: world.done), True),
    (always(eventually(lambda world: holders(world) == 0)), True),
]


@pytest.mark.parametrize("strategy", ["walk", pytest.param("dfs", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("formula", "holds"), ENDS)
def test_temporal_properties(formula: Any, holds: bool, strategy: str) -> None:
    found = verdict({"it": formula}, two_users, strategy)
    assert found.word == ("Held" if holds else "Violated")
    assert bool(failed(found)) is not holds


@pytest.mark.parametrize(
    ("strategy", "goal", "word"),
    [
        ("walk", 2, "Held"), ("walk", 3, "Inconclusive"),
        ("dfs", 2, "Held"), ("dfs", 3, "Violated"),
    ],
)  # fmt: skip
def test_a_goal_has_to_be_reached_by_some_run(strategy: str, goal: int, word: str) -> None:
    found = verdict({"all": sometimes(lambda world: holders(world) == goal)}, two_users, strategy)
    assert found.word == word
    assert found.notes == (() if word == "Held" else ("sometimes, but never reached: all",))


def test_expected_failures_of_properties_are_expected() -> None:
    declared = spec(properties=EXCLUSION, expect=("property",))(two_users)
    assert check(of(declared), {}, budget=Budget(runs=50, seconds=60)).word == "Held"


def test_what_a_property_may_see() -> None:
    seen: list[Any] = []

    def look(world: Any) -> bool:
        if world.done:
            seen.append(
                (
                    world.alive("lock"), world.whereis("lock") is not None, world.states(Lock),
                    len(world.running(Lock)), world.mailbox("lock"), world.table("t"),
                    world.table("u"), world.logged, world.deaths, world.status("nobody"),
                    world.state(Lock),
                )
            )  # fmt: skip
        return True

    async def main() -> None:
        await GenServer.start_link(Lock, ("x",), name="lock")
        await ets.new("t", named=True)
        await ets.insert("t", ("k", [1]))
        log("here")

    assert verdict({"look": always(look)}, main).word == "Held"
    assert seen[0] == (
        True, True, [("x",)], 1, [], [("k", [1])], None, ["here"], [], None, ("x",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"p": always(lambda world: 1 / 0)}, "property 'p' raised ZeroDivisionError"),
        ({"p": always(lambda world: world.state(7))}, "7 names no process"),
        ({"p": lambda world: True}, "property 'p' is <function"),
    ],
)
def test_a_broken_property_is_told_by_its_name(broken: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        verdict(broken, one_user)


# --- Histories of calls --------------------------------------------------------------------------


class Register(Model):
    initial = 0

    def apply(self, state: Any, request: Any) -> Any:
        match request:
            case "read":
                return state, state
            case ("write", value):
                return "ok", value


class Cell(GenServer):
    """Answers a write before it is done: a read by another may still see the old value."""

    def init(self, value: Any) -> Any:
        return Ok((value, None))

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        value, _ = state
        match request:
            case "read":
                return Reply(value, state)
            case ("write", new):
                send(self_(), ("now", new))
                return Reply("ok", state)

    def handle_info(self, message: Any, state: Any) -> Any:
        match message:
            case ("now", new):
                return NoReply((new, None))


class TrueCell(Cell):
    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case ("write", new):
                return Reply("ok", (new, None))
        return super().handle_call(request, caller, state)


async def writer(main: Any) -> None:
    await GenServer.call("cell", ("write", 1), timeout=None)
    send(main, "done")


async def reader(main: Any) -> None:
    await GenServer.call("cell", "read", timeout=None)
    await GenServer.call("cell", "read", timeout=None)
    send(main, "done")


def cells(cls: Any) -> Any:
    async def main() -> None:
        await GenServer.start_link(cls, 0, name="cell")
        spawn(writer, self_())
        spawn(reader, self_())
        for _ in range(2):
            await receive("done")

    return main


ATOMIC = {"atomic": linearizable(Register(), "cell")}


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
def test_a_write_that_is_answered_too_early_is_not_linearizable(strategy: str) -> None:
    async def main() -> None:
        await GenServer.start_link(Cell, 0, name="cell")
        spawn(writer, self_())
        await receive("done")
        await GenServer.call("cell", "read", timeout=None)

    found = verdict(ATOMIC, main, strategy)
    assert found.word == "Held"  # a message to itself is taken before the next call

    async def late() -> None:
        await GenServer.start_link(Late, 0, name="cell")
        spawn(writer, self_())
        await receive("done")
        await GenServer.call("cell", "read", timeout=None)

    found = verdict(ATOMIC, late, strategy)
    assert found.word == "Violated"
    assert "('write', 1) -> 'ok'" in failed(found)[0]
    assert "? <root> 'read' -> 0, where the model answers 1" in failed(found)[0]


class Late(Cell):
    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case ("write", new):
                spawn(tells, self_(), new)
                return Reply("ok", state)
        return super().handle_call(request, caller, state)


async def tells(cell: Any, new: Any) -> None:
    await sleep(1)
    send(cell, ("now", new))


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
def test_a_true_register_is_linearizable(strategy: str) -> None:
    assert verdict(ATOMIC, cells(TrueCell), strategy).word == "Held"


def test_a_stale_read_of_another_is_sequentially_consistent() -> None:
    weaker = {"in order": sequentially_consistent(Register(), "cell")}
    assert verdict(weaker, cells(Late)).word == "Held"
