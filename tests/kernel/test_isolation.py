"""Section 13: terms, and what processes do not share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import permutations
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ErlangError, Exit, StateChangedInPlace, TermError
from simkernel.kernel import ets
from simkernel.kernel.effects import (
    again,
    exit,
    get,
    hibernate,
    log,
    process_flag,
    put,
    receive,
    self_,
    send,
    send_after,
    spawn,
    spawn_monitor,
)
from simkernel.kernel.patterns import TIMEOUT, where
from simkernel.otp.gen_server import GenServer, NoReply, Ok
from simkernel.spec import simulate
from simkernel.terms import Map, Pid, Ref, equal, order, sort_key, stable_hash, strict_hash
from tests.kernel.programs import both, finish, idle, machine, quiet, rest, returned, tell

MAIN = Pid(())


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Basket:
    owner: str
    items: list[Any] = field(default_factory=list)


# --- 13.1: copies at every hand-over -------------------------------------------------------------


async def echoes_changed(boss: Pid) -> None:
    message = await receive()
    message[1].append("theirs")
    send(boss, message)
    message[1].append("later")


async def both_sides() -> Any:
    pid = spawn(echoes_changed, self_())
    mine = ("m", [1])
    send(pid, mine)
    mine[1].append("mine")
    theirs = await receive()
    await quiet()
    return mine, theirs


@pytest.mark.rule("13.1")
def test_a_message_is_a_copy_on_both_sides() -> None:
    assert returned(both_sides) == (("m", [1, "mine"]), ("m", [1, "theirs"]))


async def changes_before_the_send_leaves() -> Any:
    value = [1]
    send(self_(), value)
    value.append(2)
    return [await receive(), value]


@pytest.mark.rule("13.1")
def test_what_is_changed_after_the_call_is_not_sent() -> None:
    assert returned(changes_before_the_send_leaves) == [[1], [1, 2]]


async def sends_one_to_two() -> Any:
    value = {"list": [1]}
    for _ in range(2):
        send(self_(), value)
    first, second = await receive(), await receive()
    first["list"].append(2)
    return first, second, value


@pytest.mark.rule("13.1")
def test_two_receivers_share_nothing() -> None:
    assert returned(sends_one_to_two) == ({"list": [1, 2]}, {"list": [1]}, {"list": [1]})


async def takes_arguments(boss: Pid, value: Any) -> None:
    value.append("child")
    send(boss, value)


async def passes_arguments() -> Any:
    value = [1]
    spawn(takes_arguments, self_(), value)
    value.append("parent")
    return value, await receive()


@pytest.mark.rule("13.1")
def test_arguments_are_copies() -> None:
    assert returned(passes_arguments) == ([1, "parent"], [1, "child"])


async def dies_of_a_list(value: Any) -> None:
    raise Exit(("why", value))


async def reasons() -> Any:
    _, _first = spawn_monitor(dies_of_a_list, [1])
    reason = (await receive())[4]
    reason[1].append("changed")
    pid, _ = spawn_monitor(idle)
    why = ["x"]
    exit(pid, why)
    why.append("changed")
    return reason, (await receive())[4]


@pytest.mark.rule("13.1")
def test_exit_reasons_are_copies() -> None:
    assert returned(reasons) == (("why", [1, "changed"]), ["x"])


async def other_places() -> Any:
    value = [1]
    send_after(self_(), value, 5)
    put("k", value)
    log(value)
    value.append("changed")
    timed = await receive()
    return timed, get("k")


@pytest.mark.rule("13.1")
def test_timers_the_dictionary_and_the_log_keep_copies() -> None:
    result = simulate(other_places)
    assert (result.returned, result.logged) == (([1], [1]), ([1],))


async def goes_on_with(value: Any) -> Any:
    mine = [1]
    put("mine", mine)
    if value == "again":
        return again(shows, mine)
    await hibernate(shows, mine)


async def shows(value: Any) -> None:
    value.append("changed")
    log(value, get("mine"))


async def starts(how: str) -> None:
    send(spawn(goes_on_with, how), "wake")
    await quiet()


@pytest.mark.rule("13.1")
@pytest.mark.parametrize("how", ["again", "hibernate"])
def test_a_tail_call_and_hibernation_pass_copies(how: str) -> None:
    assert simulate(starts, how).logged == (([1, "changed"], [1]),)


async def selective_receive_sees_fresh_ones() -> Any:
    send(self_(), ["a"])

    def spoils(value: Any) -> bool:
        value.append("spoilt")
        return False

    missed = await receive(where(spoils), after=0) is TIMEOUT
    return missed, await receive()


@pytest.mark.rule("13.1", "2.5")
def test_a_guard_cannot_change_the_message_that_it_looks_at() -> None:
    assert returned(selective_receive_sees_fresh_ones) == (True, ["a"])


# --- 13.2: what is no term -----------------------------------------------------------------------


class Ordinary:
    def __init__(self) -> None:
        self.lock = threading.Lock()


NO_TERMS: list[tuple[Callable[[], Any], str]] = [
    (lambda: ("ok", [threading.Lock()]), "message[1][0]"),
    (lambda: {"k": iter([1])}, "message['k']"),
    (Ordinary, "message"),
    (lambda: ("a", (x for x in [1])), "message[1]"),
    (lambda: Basket("me", [idle()]), "message.items[0]"),
]


async def sends_no_term(case: int) -> None:
    value = NO_TERMS[case][0]()
    try:
        send(self_(), value)
    finally:
        if case == 4:
            value.items[0].close()


@pytest.mark.rule("13.2")
@pytest.mark.parametrize("case", range(len(NO_TERMS)))
def test_what_cannot_be_copied_is_refused_with_its_path(case: int) -> None:
    with pytest.raises(TermError) as caught:
        simulate(sends_no_term, case)
    assert caught.value.path == NO_TERMS[case][1]


async def inserts_no_term() -> None:
    await ets.insert(await ets.new("t"), ("k", threading.Lock()))


async def spawns_with_no_term() -> None:
    spawn(idle, threading.Lock())


async def returns_no_term() -> Any:
    return [threading.Lock()]


@pytest.mark.rule("13.2")
@pytest.mark.parametrize(
    ("main", "path"),
    [
        (inserts_no_term, "rows[1]"),
        (spawns_with_no_term, "arguments[0]"),
        (returns_no_term, "result of main[0]"),
    ],
)
def test_every_hand_over_refuses_it(main: Any, path: str) -> None:
    with pytest.raises(TermError) as caught:
        simulate(main)
    assert caught.value.path == path


# --- 13.3 to 13.8: equality, order, hashes, maps -------------------------------------------------


@pytest.mark.rule("13.3")
@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (1, True, False),
        (0, False, False),
        ((1, [2]), (1, [2.0]), False),
        (Map(a=1), Map(a=True), False),
        (Colour.RED, Colour.RED, True),
        (Colour.RED, 1, False),
        ("a", b"a", False),
        (None, False, False),
    ],
)
def test_equality_is_strict(a: Any, b: Any, same: bool) -> None:
    assert equal(a, b) is same
    if not same:
        return
    assert strict_hash(a) == strict_hash(b)


async def in_a_search(first: Any, second: Any) -> Any:
    spawn(tell, self_(), second)
    send(self_(), first)
    return type(await receive()).__name__


@pytest.mark.rule("13.3", "12.26")
def test_a_search_does_not_merge_states_that_python_would() -> None:
    assert outcomes(in_a_search, 1, True) == {"int", "bool"}
    assert outcomes(in_a_search, 1, 1.0) == {"int", "float"}


@pytest.mark.rule("13.6", "13.5")
def test_terms_of_different_kinds_have_one_order() -> None:
    kinds = [-1, 2.5, 3, None, Ref((), 1), len, MAIN, (), (9,), (1, 2), Map(a=1), [], [1], "text"]
    for mixed in (kinds[::-1], kinds[::2] + kinds[1::2], kinds[5:] + kinds[:5]):
        assert sorted(mixed, key=sort_key) == kinds


@pytest.mark.rule("13.4")
@pytest.mark.parametrize("atom", [None, True, False, Colour.RED, Colour.BLUE])
def test_none_the_booleans_and_enum_members_stand_where_atoms_do(atom: Any) -> None:
    assert order(atom, 10**9) > 0
    assert order(atom, Ref((), 1)) < 0
    assert order(atom, "aaa") < 0


@pytest.mark.rule("13.5")
@pytest.mark.parametrize("other", [1, None, Ref((), 1), len, MAIN, ("z",), Map(z=1), ["z"]])
def test_a_string_orders_after_all_other_terms(other: Any) -> None:
    assert order("", other) > 0
    assert order(other, "") < 0


@pytest.mark.rule("13.6")
def test_numbers_order_by_value_and_the_order_is_total() -> None:
    assert sorted([2, 1.5, 1, 2.5], key=sort_key) == [1, 1.5, 2, 2.5]
    assert order(1, 1.0) == 0
    for mixed in permutations([1, 1.5, "a", None]):
        assert sorted(mixed, key=sort_key) == [1, 1.5, None, "a"]


@pytest.mark.rule("13.7")
def test_equal_terms_have_equal_hashes_that_do_not_change() -> None:
    one = ("a", Map({"k": [1, 2], "l": None}), {"s": frozenset({"x", "y"})})
    other = ("a", Map({"l": None, "k": [1, 2]}), {"s": frozenset({"y", "x"})})
    assert stable_hash(one[:2]) == stable_hash(other[:2])
    assert strict_hash(one) == strict_hash(other)


async def maps() -> Any:
    config = Map(a=1)
    changed = config.put("b", [2])
    send(self_(), {config: "as a key"})
    held = await receive()
    try:
        config.replace("typo", 1)
    except ErlangError as error:
        return error.reason, config, changed, held[Map(a=1)], changed.replace("a", 3)


@pytest.mark.rule("13.8")
def test_a_map_is_immutable_and_can_be_a_key() -> None:
    reason, config, changed, held, replaced = returned(maps)
    assert reason == ("badkey", "typo")
    assert (config, held) == (Map(a=1), "as a key")
    assert (changed, replaced) == (Map({"a": 1, "b": [2]}), Map({"a": 3, "b": [2]}))
    with pytest.raises(TypeError):
        config["a"] = 2


# --- 13.10: state --------------------------------------------------------------------------------


class Tally(GenServer):
    """A server whose cast changes its state where it lies."""

    def init(self, arg: Any) -> Any:
        return Ok({"counts": {"a": [0]}, "other": 1})

    def handle_cast(self, request: Any, state: Any) -> Any:
        state["counts"]["a"].append(request)
        return NoReply(state)


async def has_a_tally() -> None:
    _, pid = await Tally.start_link(None)
    Tally.cast(pid, 7)
    await quiet()


@pytest.mark.rule("13.10")
def test_a_state_changed_in_place_is_reported_with_callback_and_key() -> None:
    m = machine(has_a_tally)
    m.checking = True
    with pytest.raises(StateChangedInPlace) as caught:
        finish(m)
    assert "Tally.handle_cast" in str(caught.value)
    assert "state['counts']['a']" in str(caught.value)


# --- 13.9: functions -----------------------------------------------------------------------------


async def runs_it(boss: Pid) -> None:
    function = await receive()
    send(boss, [function(), function()])


async def sends_a_function() -> Any:
    seen: list[int] = []

    def counts() -> int:
        seen.append(1)
        return len(seen)

    pid = spawn(runs_it, self_())
    counts()
    send(pid, counts)
    counts()
    theirs = await receive()
    return theirs, counts()


@pytest.mark.rule("13.9")
def test_a_function_crosses_with_cells_of_its_own() -> None:
    assert returned(sends_a_function) == ([2, 3], 3)


async def spawns_a_closure() -> Any:
    boss, count = self_(), 0

    async def child() -> None:
        nonlocal count
        count += 10
        send(boss, count)

    count = 1
    spawn(child)
    count = 2
    return await receive(), count


@pytest.mark.rule("13.9")
def test_a_closure_can_be_spawned() -> None:
    assert both(spawns_a_closure) == {(11, 2)}


async def sends_a_bad_function() -> None:
    lock = threading.Lock()
    send(self_(), lambda: lock)


@pytest.mark.rule("13.9", "13.2")
def test_a_function_that_captures_no_term_is_refused() -> None:
    with pytest.raises(TermError) as caught:
        simulate(sends_a_bad_function)
    assert "lock" in caught.value.path


async def trap_messages() -> Any:
    process_flag("trap_exit", True)
    reason = ["shared"]
    exit(self_(), reason)
    await quiet()
    ((_, _, got),) = await rest()
    got.append("mine")
    return got, reason


@pytest.mark.rule("13.1")
def test_a_trapped_reason_is_a_copy() -> None:
    assert returned(trap_messages) == (["shared", "mine"], ["shared"])
