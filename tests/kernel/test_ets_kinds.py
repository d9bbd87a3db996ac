"""Section 11, from 11.23 on: bags, traversal, and the operations on single fields and objects."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel.errors import ArgumentError
from simkernel.kernel import ets
from simkernel.kernel.effects import receive, self_, send, spawn
from simkernel.kernel.patterns import ANY
from simkernel.spec import simulate
from simkernel.terms import Pid, Ref
from tests.kernel.programs import returned

END = "$end_of_table"


async def attempt(operation: Any) -> Any:
    """Give the result of an operation, or the reason of its error."""
    try:
        return await operation
    except ArgumentError as error:
        return error.reason


async def filled(kind: str, *rows: Any, **options: Any) -> Any:
    """Make a table with rows in it."""
    tab = await ets.new("t", type=kind, **options)
    for row in rows:
        await ets.insert(tab, row)
    return tab


ROWS = (("k", 1), ("k", 2), ("other", 1), ("k", 1), ("k", 1.0))


async def looks_up(kind: str) -> Any:
    tab = await filled(kind, *ROWS)
    return await ets.lookup(tab, "k"), (await ets.info(tab))[1], await ets.lookup(tab, "none")


@pytest.mark.rule("11.23")
def test_a_bag_keeps_each_row_of_a_key_once() -> None:
    rows, size, none = returned(looks_up, "bag")
    assert (rows, size, none) == ([("k", 1), ("k", 2), ("k", 1.0)], 4, [])
    assert type(rows[2][1]) is float


@pytest.mark.rule("11.24")
def test_a_duplicate_bag_keeps_equal_rows() -> None:
    rows, size, none = returned(looks_up, "duplicate_bag")
    assert (rows, size, none) == ([("k", 1), ("k", 2), ("k", 1), ("k", 1.0)], 5, [])


async def lists_a_list(kind: str) -> Any:
    tab = await filled(kind, [("k", "a"), ("k", "b"), ("j", "c"), ("k", "a")])
    return await ets.tab2list(tab)


@pytest.mark.rule("11.23", "11.24")
def test_a_list_of_rows_goes_into_a_bag_in_order() -> None:
    assert returned(lists_a_list, "bag") == [("k", "a"), ("k", "b"), ("j", "c")]
    assert returned(lists_a_list, "duplicate_bag") == [
        ("k", "a"), ("k", "b"), ("k", "a"), ("j", "c"),
    ]  # fmt: skip


async def bag_keys_are_strict() -> Any:
    tab = await filled("bag", (1, "int"), (1.0, "float"))
    return await ets.lookup(tab, 1), await ets.delete(tab, 1), await ets.tab2list(tab)


@pytest.mark.rule("11.23")
def test_a_bag_compares_keys_strictly() -> None:
    assert returned(bag_keys_are_strict) == ([(1, "int")], True, [(1.0, "float")])


async def takes(kind: str) -> Any:
    tab = await filled(kind, *ROWS)
    return await ets.take(tab, "k"), await ets.take(tab, "k"), await ets.tab2list(tab)


@pytest.mark.rule("11.25")
def test_take_gives_the_rows_and_deletes_them() -> None:
    assert returned(takes, "set") == ([("k", 1.0)], [], [("other", 1)])
    assert returned(takes, "bag")[0] == [("k", 1), ("k", 2), ("k", 1.0)]
    assert returned(takes, "duplicate_bag")[1:] == ([], [("other", 1)])


async def taker(tab: Any, boss: Pid) -> None:
    send(boss, len(await ets.take(tab, "k")))


async def two_take() -> Any:
    tab = await filled("bag", ("k", 1), ("k", 2), access="public")
    spawn(taker, tab, self_())
    spawn(taker, tab, self_())
    return tuple(sorted([await receive(), await receive()]))


@pytest.mark.rule("11.25")
def test_of_two_that_take_one_gets_all_rows() -> None:
    assert outcomes(two_take) == {(0, 2)}


async def elements() -> Any:
    one, many = await filled("set", ("k", 1, 2)), await filled("bag", ("k", 1, 2), ("k", 3))
    return [
        await ets.lookup_element(one, "k", 3),
        await ets.lookup_element(many, "k", 2),
        await attempt(ets.lookup_element(one, "none", 1)),
        await attempt(ets.lookup_element(many, "none", 1)),
        await attempt(ets.lookup_element(one, "k", 4)),
        await attempt(ets.lookup_element(one, "k", 0)),
        await attempt(ets.lookup_element(many, "k", 3)),
    ]


@pytest.mark.rule("11.26")
def test_lookup_element_gives_one_field_and_fails_where_there_is_none() -> None:
    assert returned(elements) == [2, [1, 3], *["badarg"] * 5]


async def bag_refuses(kind: str) -> Any:
    tab = await filled(kind, ("k", 1))
    return [
        await ets.insert_new(tab, ("k", 2)),
        await ets.insert_new(tab, [("j", 1), ("k", 2)]),
        await attempt(ets.update_counter(tab, "k", 1)),
        await attempt(ets.update_counter(tab, "new", 1, ("new", 0))),
        await attempt(ets.update_element(tab, "k", (2, 0))),
        await ets.insert_new(tab, [("j", 1), ("j", 2)]),
        await ets.tab2list(tab),
    ]


@pytest.mark.rule("11.27")
@pytest.mark.parametrize("kind", ["bag", "duplicate_bag"])
def test_a_bag_has_no_one_row_of_a_key(kind: str) -> None:
    rows = [("k", 1), ("j", 1), ("j", 2)]
    assert returned(bag_refuses, kind) == [False, False, *["badarg"] * 3, True, rows]


async def deletes_objects(kind: str) -> Any:
    tab = await filled(kind, *ROWS)
    deleted = [
        await ets.delete_object(tab, ("k", 1)),
        await ets.delete_object(tab, ("none", 1)),
        await ets.delete_object(tab, ()),
        await attempt(ets.delete_object(tab, "no row")),
    ]
    return deleted, await ets.tab2list(tab)


@pytest.mark.rule("11.28")
def test_delete_object_deletes_all_rows_that_are_equal_in_every_field() -> None:
    done = [True, True, True, "badarg"]
    assert returned(deletes_objects, "set") == (done, [("k", 1.0), ("other", 1)])
    left = [("k", 2), ("k", 1.0), ("other", 1)]
    assert returned(deletes_objects, "bag") == (done, left)
    assert returned(deletes_objects, "duplicate_bag") == (done, left)


PATTERNS = [
    (("a", ("x", ANY)), [("a", ("y", 1)), ("a",), ("b", ("x", 1))]),
    ((ANY, ("x", 1)), [("a", ("y", 1)), ("a",)]),
    (("a", ANY), [("a",), ("b", ("x", 1))]),
    (("a", ("x", 1.0)), [("a", ("x", 1)), ("a", ("y", 1)), ("a",), ("b", ("x", 1))]),
    (ANY, []),
]


async def deletes_by_pattern(at: int) -> Any:
    tab = await filled("duplicate_bag", ("a", ("x", 1)), ("a", ("y", 1)), ("b", ("x", 1)), ("a",))
    return await ets.match_delete(tab, PATTERNS[at][0]), await ets.tab2list(tab)


@pytest.mark.rule("11.29")
@pytest.mark.parametrize("at", range(len(PATTERNS)))
def test_match_delete(at: int) -> None:
    assert returned(deletes_by_pattern, at) == (True, PATTERNS[at][1])


async def empties() -> Any:
    tab = await filled("bag", *ROWS)
    return await ets.delete_all_objects(tab), await ets.tab2list(tab), (await ets.info(tab))[1]


@pytest.mark.rule("11.28")
def test_delete_all_objects_keeps_the_empty_table() -> None:
    assert returned(empties) == (True, [], 0)


UPDATES = [
    pytest.param("k", (2, "x"), True, ("k", "x", 9)),
    pytest.param("k", [(2, "x"), (3, "y")], True, ("k", "x", "y")),
    pytest.param("none", (2, "x"), False, ("k", 5, 9)),
    pytest.param("k", (1, "x"), "badarg", ("k", 5, 9)),
    pytest.param("k", (4, "x"), "badarg", ("k", 5, 9)),
    pytest.param("k", [(2, "x"), (4, "y")], "badarg", ("k", 5, 9)),
    pytest.param("none", (1, "x"), False, ("k", 5, 9)),
    pytest.param("k", "x", "badarg", ("k", 5, 9)),
]


async def updates(key: Any, update: Any) -> Any:
    tab = await filled("set", ("k", 5, 9))
    return await attempt(ets.update_element(tab, key, update)), (await ets.tab2list(tab))[0]


@pytest.mark.rule("11.30")
@pytest.mark.parametrize(("key", "update", "result", "row"), UPDATES)
def test_update_element(key: Any, update: Any, result: Any, row: Any) -> None:
    assert returned(updates, key, update) == (result, row)


async def walks_in_order() -> Any:
    tab = await filled("ordered_set", (3,), (1,), ("a",), (5,))
    forward = [await ets.first(tab)]
    while forward[-1] != END:
        forward.append(await ets.next(tab, forward[-1]))
    back = [await ets.last(tab)]
    while back[-1] != END:
        back.append(await ets.prev(tab, back[-1]))
    return forward, back, await ets.next(tab, 2), await ets.prev(tab, 2), await ets.prev(tab, 1)


@pytest.mark.rule("11.31")
def test_an_ordered_set_is_walked_both_ways_and_from_any_key() -> None:
    forward, back, after, before, none = returned(walks_in_order)
    assert forward == [1, 3, 5, "a", END]
    assert back == ["a", 5, 3, 1, END]
    assert (after, before, none) == (3, 1, END)


async def walks(kind: str) -> Any:
    tab = await filled(kind, ("b", 1), ("a", 1), ("b", 2))
    return [
        await ets.first(tab),
        await ets.last(tab),
        await ets.next(tab, "b"),
        await ets.prev(tab, "b"),
        await ets.next(tab, "a"),
        await attempt(ets.next(tab, "none")),
        await attempt(ets.prev(tab, "none")),
    ]


@pytest.mark.rule("11.31")
@pytest.mark.parametrize("kind", ["set", "bag", "duplicate_bag"])
def test_the_other_kinds_are_walked_one_way(kind: str) -> None:
    assert returned(walks, kind) == ["b", "b", "a", "a", END, "badarg", "badarg"]


async def walks_nothing(kind: str) -> Any:
    tab = await ets.new("t", type=kind)
    return await ets.first(tab), await ets.last(tab)


@pytest.mark.rule("11.31")
@pytest.mark.parametrize("kind", ["set", "ordered_set", "bag"])
def test_an_empty_table_ends_at_once(kind: str) -> None:
    assert returned(walks_nothing, kind) == (END, END)


async def renames() -> Any:
    await ets.new("old", named=True)
    await ets.new("taken", named=True)
    await ets.insert("old", ("k", 1))
    free = await ets.new("free")
    return [
        await ets.rename("old", "new"),
        await attempt(ets.lookup("old", "k")),
        await ets.lookup("new", "k"),
        await attempt(ets.rename("new", "taken")),
        await attempt(ets.rename("new", "new")),
        await attempt(ets.rename("new", 7)),  # type: ignore[arg-type]
        await ets.rename(free, "known") == free,
        (await ets.info(free))[4],
        await attempt(ets.lookup("known", "k")),
    ]


@pytest.mark.rule("11.32")
def test_rename() -> None:
    taken = ["badarg"] * 3
    assert returned(renames) == ["new", "badarg", [("k", 1)], *taken, True, "known", "badarg"]


async def renames_and_asks(tab: Any, boss: Pid) -> None:
    await ets.rename("a", "b")
    send(boss, "renamed")


async def rename_in_a_search() -> Any:
    await ets.new("a", named=True, access="public")
    spawn(renames_and_asks, "a", self_())
    found = await ets.info("a") is not None, await ets.info("b") is not None
    await receive()
    return found


@pytest.mark.rule("11.32")
def test_a_search_goes_back_behind_a_renaming() -> None:
    assert outcomes(rename_in_a_search) == {(True, False), (True, True), (False, True)}


@pytest.mark.rule("11.8")
def test_an_unknown_kind_is_badarg() -> None:
    async def main() -> Any:
        return await attempt(ets.new("t")) is not None, type(await ets.new("t")) is Ref

    async def bad() -> Any:
        return await ets.new("t", type="heap")

    assert simulate(main).returned == (True, True)
    assert simulate(bad).reason[0] == "badarg"
