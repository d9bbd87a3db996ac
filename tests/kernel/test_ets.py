"""Section 11: tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ArgumentError
from simkernel.kernel import ets
from simkernel.kernel.effects import exit, log, make_ref, receive, self_, send, spawn, spawn_monitor
from simkernel.kernel.patterns import ANY
from simkernel.spec import simulate
from simkernel.terms import Map, Pid, Ref
from tests.kernel.programs import both, idle, look, nothing, quiet, rest, returned

MAIN, CHILD = Pid(()), Pid((1,))


async def attempt(operation: Any) -> Any:
    """Give the result of an operation, or the reason of its error."""
    try:
        return await operation
    except ArgumentError as error:
        return error.reason


# --- 11.1 to 11.4: owners and heirs --------------------------------------------------------------


async def owns(boss: Pid, heir: Any = None, how: str = "die") -> None:
    tab = await ets.new("t", access="public", heir=heir)
    await ets.insert(tab, ("k", [1]))
    send(boss, tab)
    await receive()
    if how == "delete":
        await ets.delete(tab)
        await receive()


async def owner_dies() -> Any:
    pid, ref = spawn_monitor(owns, self_())
    tab = await receive()
    owner = (await ets.info(tab))[0]
    send(pid, "go")
    await receive(("DOWN", ref, ANY, ANY, ANY))
    return owner == pid, await ets.info(tab), await attempt(ets.lookup(tab, "k"))


@pytest.mark.rule("11.1")
def test_a_table_is_deleted_with_its_owner() -> None:
    assert both(owner_dies) == {(True, None, "badarg")}


async def heir_of(how: str, dead: bool = False) -> Any:
    heir = self_()
    if dead:
        heir, _ = spawn_monitor(nothing)
        await receive()
    pid, _ref = spawn_monitor(owns, self_(), (heir, ["data"]), how)
    tab = await receive()
    send(pid, "go")
    await quiet()
    messages = await rest()
    info = await ets.info(tab)
    expected = ("ETS-TRANSFER", tab, pid, ["data"])
    got = [message == expected for message in messages if message[0] == "ETS-TRANSFER"]
    return got, info and info[0], info and await ets.lookup(tab, "k")


@pytest.mark.rule("11.2")
def test_an_heir_gets_the_table_and_is_told() -> None:
    assert returned(heir_of, "die") == ([True], MAIN, [("k", [1])])


@pytest.mark.rule("11.2")
def test_a_dead_heir_gets_nothing() -> None:
    assert returned(heir_of, "die", True) == ([], None, None)


@pytest.mark.rule("11.4")
def test_a_table_that_is_deleted_outright_goes_to_no_heir() -> None:
    assert returned(heir_of, "delete") == ([], None, None)


async def takes_a_gift(boss: Pid) -> None:
    message = await receive()
    send(boss, (message, (await ets.info(message[1]))[0]))
    await idle()


async def gives_away() -> Any:
    tab = await ets.new("t", access="private")
    pid = spawn(takes_a_gift, self_())
    answer = await ets.give_away(tab, pid, ["gift"])
    message, owner = await receive()
    expected = ("ETS-TRANSFER", tab, self_(), ["gift"])
    return answer, message == expected, owner == pid, await attempt(ets.lookup(tab, "k"))


@pytest.mark.rule("11.3")
def test_give_away_hands_a_table_over() -> None:
    assert both(gives_away) == {(True, True, True, "badarg")}


async def gives_away_badly(what: str) -> Any:
    mine = await ets.new("mine")
    if what == "dead":
        pid, _ = spawn_monitor(nothing)
        await receive()
        return await attempt(ets.give_away(mine, pid, "gift")), (await ets.info(mine))[0] == self_()
    if what == "foreign":
        pid = spawn(owns, self_())
        tab = await receive()
        return await attempt(ets.give_away(tab, self_(), "g")), (await ets.info(tab))[0] == pid
    return await attempt(ets.give_away(mine, self_(), "g")), (await ets.info(mine))[0] == self_()


@pytest.mark.rule("11.3")
@pytest.mark.parametrize("what", ["dead", "foreign", "itself"])
def test_give_away_to_the_dead_or_of_another_s_table_is_badarg(what: str) -> None:
    assert returned(gives_away_badly, what) == ("badarg", True)


async def named_gift() -> Any:
    pid = spawn(takes_a_gift, self_())
    await ets.new("cache", named=True)
    await ets.give_away("cache", pid, None)
    message, owner = await receive()
    return message[1], owner == pid


@pytest.mark.rule("11.3")
def test_a_named_table_is_handed_over_by_its_name() -> None:
    assert both(named_gift) == {("cache", True)}


# --- 11.5 to 11.8: access ------------------------------------------------------------------------


async def tries(tab: Any, boss: Pid) -> None:
    read = await attempt(ets.lookup(tab, "k"))
    wrote = await attempt(ets.insert(tab, ("k", 2)))
    counted = await attempt(ets.update_counter(tab, "k", 1))
    removed = await attempt(ets.delete(tab, "k"))
    send(boss, (read, wrote, counted, removed))


async def access(kind: str) -> Any:
    tab = await ets.new("t", access=kind) if kind else await ets.new("t")
    await ets.insert(tab, ("k", 1))
    spawn(tries, tab, self_())
    theirs = await receive()
    await ets.insert(tab, ("own", 1))
    return [*theirs], len(await ets.lookup(tab, "own"))


@pytest.mark.rule("11.5")
def test_a_private_table_is_for_its_owner_alone() -> None:
    assert returned(access, "private") == (["badarg"] * 4, 1)


@pytest.mark.rule("11.6")
@pytest.mark.parametrize("kind", ["protected", ""])
def test_a_protected_table_is_written_by_its_owner_and_read_by_all(kind: str) -> None:
    assert returned(access, kind) == ([[("k", 1)], "badarg", "badarg", "badarg"], 1)


@pytest.mark.rule("11.7")
def test_a_public_table_is_read_and_written_by_all() -> None:
    assert returned(access, "public") == ([[("k", 1)], True, 3, True], 1)


async def violations() -> Any:
    await ets.new("taken", named=True)
    gone = await ets.new("gone")
    await ets.delete(gone)
    return [
        await attempt(ets.new("taken", named=True)),
        await attempt(ets.lookup("missing", 1)),
        await attempt(ets.insert(gone, ("k", 1))),
        await attempt(ets.lookup(make_ref(), 1)),
        await attempt(ets.insert("taken", "no row")),
        await attempt(ets.insert("taken", [("a", 1), ()])),
        await ets.tab2list("taken"),
        await ets.info("missing"),
    ]


@pytest.mark.rule("11.8")
def test_a_missing_table_a_taken_name_and_a_bad_row_are_badarg() -> None:
    assert returned(violations) == ["badarg"] * 6 + [[], None]


# --- 11.9 to 11.12: keys -------------------------------------------------------------------------


async def keys(kind: str) -> Any:
    tab = await ets.new("t", type=kind)
    for row in ((1, "int"), (1.0, "float"), (True, "true")):
        await ets.insert(tab, row)
    return [await ets.lookup(tab, 1), await ets.lookup(tab, 1.0), await ets.lookup(tab, True)]


@pytest.mark.rule("11.9")
def test_a_set_compares_keys_strictly() -> None:
    assert returned(keys, "set") == [[(1, "int")], [(1.0, "float")], [(True, "true")]]


@pytest.mark.rule("11.10")
def test_an_ordered_set_compares_keys_by_value() -> None:
    found = returned(keys, "ordered_set")
    assert found == [[(1.0, "float")], [(1.0, "float")], [(True, "true")]]
    assert type(found[0][0][0]) is float


async def keys_in_order() -> Any:
    pid, ref = self_(), make_ref()
    rows = ["text", [1], Map(a=1), (1, 2), pid, len, ref, True, 2.5, 1, None, (9,), b"bytes"]
    tab = await ets.new("t", type="ordered_set")
    for key in rows:
        await ets.insert(tab, (key,))
    found = [key for (key,) in await ets.tab2list(tab)]
    return [rows.index(key) for key in found], found[:2]


@pytest.mark.rule("11.11")
def test_an_ordered_set_is_walked_in_term_order() -> None:
    order, numbers = returned(keys_in_order)
    names = ["text", "list", "map", "pair", "pid", "fun", "ref", "true", "2.5", "1", "none"]
    names += ["single", "bytes"]
    assert numbers == [1, 2.5]
    walked = [names[at] for at in order]
    assert walked[2:4] == ["none", "true"]
    assert walked[4:10] == ["ref", "fun", "pid", "single", "pair", "map"]
    assert walked[10:] == ["list", "bytes", "text"]


async def replaces(kind: str) -> Any:
    tab = await ets.new("t", type=kind)
    await ets.insert(tab, ("k", "old", 1))
    await ets.insert(tab, ("k", "new"))
    return await ets.tab2list(tab)


@pytest.mark.rule("11.12")
@pytest.mark.parametrize("kind", ["set", "ordered_set"])
def test_insert_replaces_the_row_with_the_same_key(kind: str) -> None:
    assert returned(replaces, kind) == [("k", "new")]


async def key_position() -> Any:
    tab = await ets.new("t", keypos=2)
    await ets.insert(tab, ("a", 1))
    await ets.insert(tab, ("b", 1))
    return await ets.lookup(tab, 1), await ets.lookup(tab, "b")


@pytest.mark.rule("11.12")
def test_the_key_may_stand_elsewhere() -> None:
    assert returned(key_position) == ([("b", 1)], [])


# --- 11.13 to 11.16 ------------------------------------------------------------------------------


async def inserts_two(tab: Any) -> None:
    await ets.insert(tab, [("a", 1), ("b", 1)])


async def inserts_one_by_one(tab: Any) -> None:
    await ets.insert(tab, ("a", 1))
    await ets.insert(tab, ("b", 1))


async def sees_rows(writer: Callable[..., Any]) -> Any:
    tab = await ets.new("t", access="public")
    spawn(writer, tab)
    return len(await ets.tab2list(tab))


@pytest.mark.rule("11.13", "11.22")
def test_several_rows_go_in_as_one_event() -> None:
    assert both(sees_rows, inserts_two) == {0, 2}
    assert both(sees_rows, inserts_one_by_one) == {0, 1, 2}


async def inserts_new() -> Any:
    tab = await ets.new("t")
    return [
        await ets.insert_new(tab, ("a", 1)),
        await ets.insert_new(tab, ("a", 2)),
        await ets.insert_new(tab, [("b", 1), ("a", 3)]),
        await ets.insert_new(tab, [("c", 1), ("d", 1)]),
        sorted(await ets.tab2list(tab)),
    ]


@pytest.mark.rule("11.14")
def test_insert_new_inserts_all_or_none() -> None:
    assert returned(inserts_new) == [True, False, False, True, [("a", 1), ("c", 1), ("d", 1)]]


async def claims(tab: Any, boss: Pid, who: str) -> None:
    if await ets.insert_new(tab, ("lock", who)):
        send(boss, who)


async def two_claim() -> Any:
    tab = await ets.new("t", access="public")
    spawn(claims, tab, self_(), "a")
    spawn(claims, tab, self_(), "b")
    winner = await receive()
    return winner == (await ets.lookup(tab, "lock"))[0][1], winner


@pytest.mark.rule("11.14")
def test_insert_new_is_a_test_and_set() -> None:
    assert outcomes(two_claim) == {(True, "a"), (True, "b")}


async def looks_up_and_deletes() -> Any:
    tab = await ets.new("t")
    await ets.insert(tab, ("k", 1))
    return [
        await ets.lookup(tab, "k"),
        await ets.lookup(tab, "missing"),
        await ets.delete(tab, "k"),
        await ets.delete(tab, "missing"),
        await ets.lookup(tab, "k"),
        await ets.member(tab, "k"),
    ]


@pytest.mark.rule("11.15", "11.16")
def test_lookup_gives_a_list_and_delete_removes_a_row_or_nothing() -> None:
    assert returned(looks_up_and_deletes) == [[("k", 1)], [], True, True, [], False]


# --- 11.17 to 11.20: counters --------------------------------------------------------------------

COUNTERS = [
    pytest.param(1, 6, ("k", 6, 9, "x"), marks=pytest.mark.rule("11.17")),
    pytest.param(-7, -2, ("k", -2, 9, "x"), marks=pytest.mark.rule("11.17")),
    pytest.param((3, 2), 11, ("k", 5, 11, "x"), marks=pytest.mark.rule("11.17")),
    pytest.param([(2, 1), (3, 1)], [6, 10], ("k", 6, 10, "x"), marks=pytest.mark.rule("11.17")),
    pytest.param((2, 1, 6, 0), 6, ("k", 6, 9, "x"), marks=pytest.mark.rule("11.18")),
    pytest.param((2, 2, 6, 0), 0, ("k", 0, 9, "x"), marks=pytest.mark.rule("11.18")),
    pytest.param((2, -6, 0, 99), 99, ("k", 99, 9, "x"), marks=pytest.mark.rule("11.18")),
    pytest.param((2, -5, 0, 99), 0, ("k", 0, 9, "x"), marks=pytest.mark.rule("11.18")),
    pytest.param((4, 1), "badarg", ("k", 5, 9, "x"), marks=pytest.mark.rule("11.20")),
    pytest.param((1, 1), "badarg", ("k", 5, 9, "x"), marks=pytest.mark.rule("11.20")),
    pytest.param((5, 1), "badarg", ("k", 5, 9, "x"), marks=pytest.mark.rule("11.20")),
    pytest.param((2, 1.5), "badarg", ("k", 5, 9, "x"), marks=pytest.mark.rule("11.20")),
    pytest.param([(2, 1), (4, 1)], "badarg", ("k", 5, 9, "x"), marks=pytest.mark.rule("11.20")),
]


async def counts(update: Any) -> Any:
    tab = await ets.new("t")
    await ets.insert(tab, ("k", 5, 9, "x"))
    return await attempt(ets.update_counter(tab, "k", update)), (await ets.lookup(tab, "k"))[0]


@pytest.mark.rule("11.17", "11.18", "11.20")
@pytest.mark.parametrize(("update", "result", "row"), COUNTERS)
def test_update_counter(update: Any, result: Any, row: Any) -> None:
    assert returned(counts, update) == (result, row)


async def counts_from_a_default() -> Any:
    tab = await ets.new("t")
    return [
        await attempt(ets.update_counter(tab, "k", 1)),
        await ets.update_counter(tab, "k", 1, ("ignored", 10)),
        await ets.update_counter(tab, "k", 1, ("ignored", 10)),
        await ets.tab2list(tab),
    ]


@pytest.mark.rule("11.19", "11.20")
def test_a_missing_key_is_first_inserted_from_the_default_row() -> None:
    assert returned(counts_from_a_default) == ["badarg", 11, 12, [("k", 12)]]


async def increments(tab: Any) -> None:
    await ets.update_counter(tab, "n", 1)


async def increments_in_two(tab: Any) -> None:
    ((_, n),) = await ets.lookup(tab, "n")
    await ets.insert(tab, ("n", n + 1))


async def counts_together(how: Callable[..., Any]) -> Any:
    tab = await ets.new("t", access="public")
    await ets.insert(tab, ("n", 0))
    _, ref = spawn_monitor(how, tab)
    await how(tab)
    await receive(("DOWN", ref, ANY, ANY, ANY))
    return (await ets.lookup(tab, "n"))[0][1]


@pytest.mark.rule("11.17", "11.22")
def test_counting_is_one_event_and_read_and_write_are_two() -> None:
    assert both(counts_together, increments) == {2}
    assert both(counts_together, increments_in_two) == {1, 2}


# --- 11.21 ---------------------------------------------------------------------------------------


async def copies() -> Any:
    tab = await ets.new("t")
    value = [1]
    await ets.insert(tab, ("k", value))
    value.append(2)
    (row,) = await ets.lookup(tab, "k")
    row[1].append(3)
    return await ets.lookup(tab, "k"), value, row


@pytest.mark.rule("11.21")
def test_rows_are_copied_in_and_out() -> None:
    assert returned(copies) == ([("k", [1])], [1, 2], ("k", [1, 3]))


async def table_of_the_killed(boss: Pid) -> None:
    tab = await ets.new("t", named=True)
    send(boss, tab)
    await idle()


async def new_after_kill() -> Any:
    pid, ref = spawn_monitor(table_of_the_killed, self_())
    await receive("t")
    exit(pid, "kill")
    await receive(("DOWN", ref, ANY, ANY, ANY))
    return await ets.new("t", named=True)


@pytest.mark.rule("11.1", "3.17")
def test_the_name_of_a_table_is_free_after_its_owner_s_end() -> None:
    assert both(new_after_kill) == {"t"}


async def references() -> None:
    first, second = await ets.new("same"), await ets.new("same")
    log(first == second, type(first) is Ref)
    await look()


@pytest.mark.rule("11.8")
def test_tables_without_a_name_may_share_one() -> None:
    assert simulate(references).logged == ((False, True),)
