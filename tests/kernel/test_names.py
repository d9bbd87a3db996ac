"""Section 8: registered names."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ArgumentError
from simkernel.kernel.effects import (
    monitor,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_monitor,
    unregister,
    whereis,
)
from simkernel.kernel.patterns import ANY
from simkernel.terms import Pid
from tests.kernel.programs import both, idle, look, nothing, once, returned


class Colour(Enum):
    RED = 1


async def attempt(operation: Any) -> Any:
    """Give the result of an operation, or the reason of its error."""
    try:
        return await operation
    except ArgumentError as error:
        return error.reason


async def named_and_found() -> Any:
    pid = spawn(once)
    answer = await register(pid, "db")
    found = await whereis("db")
    await send("db", "x")
    return answer, found == pid


@pytest.mark.rule("8.1", "8.8")
def test_a_name_leads_to_its_process() -> None:
    assert both(named_and_found) == {(True, True)}


async def taken() -> Any:
    first, second = spawn(idle), spawn(idle)
    await register(first, "db")
    return await attempt(register(second, "db")), await whereis("db") == first


@pytest.mark.rule("8.2")
def test_a_taken_name_is_refused() -> None:
    assert both(taken) == {("badarg", True)}


async def has_one_already() -> Any:
    await register(self_(), "one")
    return (
        await attempt(register(self_(), "two")),
        await attempt(register(self_(), "one")),
        await whereis("two"),
    )


@pytest.mark.rule("8.3")
def test_a_process_has_one_name() -> None:
    assert both(has_one_already) == {("badarg", "badarg", None)}


async def names_the_dead() -> Any:
    pid, _ = spawn_monitor(nothing)
    await receive()
    return await attempt(register(pid, "ghost")), await whereis("ghost")


@pytest.mark.rule("8.4")
def test_the_dead_get_no_name() -> None:
    assert both(names_the_dead) == {("badarg", None)}


NAMES = [None, True, False, "undefined", 7, ("a",), ["a"], b"a", Colour.RED]


async def odd_name(number: int) -> Any:
    return await attempt(register(self_(), NAMES[number]))


@pytest.mark.rule("8.5")
@pytest.mark.parametrize("number", range(len(NAMES)))
def test_what_is_no_atom_or_has_a_meaning_is_no_name(number: int) -> None:
    assert returned(odd_name, number) == "badarg"


async def unregisters(name: Any) -> Any:
    return await attempt(unregister(name))


@pytest.mark.rule("8.6")
@pytest.mark.parametrize("name", ["nobody", None, 7])
def test_unregister_of_a_free_name_raises(name: Any) -> None:
    assert returned(unregisters, name) == "badarg"


async def renames() -> Any:
    other = spawn(idle)
    await register(self_(), "one")
    freed = await unregister("one"), await whereis("one")
    await register(self_(), "two")
    await register(other, "one")
    return *freed, await whereis("two") == self_(), await whereis("one") == other


@pytest.mark.rule("8.7")
def test_unregister_frees_the_name_and_the_process() -> None:
    assert both(renames) == {(True, None, True, True)}


async def looks_up(name: Any) -> Any:
    return await attempt(whereis(name))


@pytest.mark.rule("8.8")
def test_whereis_of_a_free_name_is_none() -> None:
    assert returned(looks_up, "nobody") is None


@pytest.mark.rule("8.8")
@pytest.mark.parametrize("name", [7, ["a"], ("a", "nonode")])
def test_whereis_of_what_is_no_name_raises(name: Any) -> None:
    assert returned(looks_up, name) == "badarg"


async def registers_when_told(boss: Pid) -> None:
    await receive("go")
    await register(self_(), "n")
    send(boss, ("got", await receive(str)))


async def send_to_a_name_in_a_race() -> Any:
    other = spawn(registers_when_told, self_())
    send(other, "go")
    try:
        await send("n", "hello")
    except ArgumentError:
        return "nobody"
    return (await receive(("got", ANY)))[1]


@pytest.mark.rule("8.9", "12.1")
def test_a_name_is_looked_up_when_the_send_happens() -> None:
    assert outcomes(send_to_a_name_in_a_race) == {"nobody", "hello"}


async def first_the_push_then_the_name(other: Pid, boss: Pid) -> None:
    try:
        send(other, "go")
        await send("n", "hello")
    except ArgumentError:
        send(boss, "nobody")


async def lookup_within_a_step() -> Any:
    other = spawn(registers_when_told, self_())
    spawn(first_the_push_then_the_name, other, self_())
    message = await receive()
    return message if type(message) is str else message[1]


@pytest.mark.rule("8.9")
def test_others_may_register_between_two_effects_of_one_step() -> None:
    assert both(lookup_within_a_step) == {"nobody", "hello"}


async def holds_a_name_and_ends() -> None:
    await register(self_(), "db")


async def successor() -> Any:
    _, ref = spawn_monitor(holds_a_name_and_ends)
    await receive(("DOWN", ref, ANY, ANY, ANY))
    answer = await register(self_(), "db")
    return answer, await whereis("db") == self_()


@pytest.mark.rule("8.10")
def test_after_its_holder_s_end_a_name_can_be_taken() -> None:
    assert both(successor) == {(True, True)}


async def monitors_by_name_after_the_end() -> Any:
    _, ref = spawn_monitor(holds_a_name_and_ends)
    await receive(("DOWN", ref, ANY, ANY, ANY))
    monitor("db")
    return (await receive())[3:], await look()


@pytest.mark.rule("8.10")
def test_a_name_leads_nowhere_after_its_holder_s_end() -> None:
    assert both(monitors_by_name_after_the_end) == {((("db", "nonode"), "noproc"), "timeout")}
