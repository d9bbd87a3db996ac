"""Match specifications of tables: 11.33 to 11.41; the VM's answers are in tests/conformance."""

from __future__ import annotations

from typing import Any

import pytest

from simkernel import ANY, ErlangError, ets
from tests.kernel.programs import returned

ROWS = [("a", 1), ("b", 2), ("c", 3), ("d", "x"), (1, 1)]


async def on_rows(operation: str, *args: Any, kind: str = "set") -> Any:
    tab = await ets.new("t", type=kind)
    await ets.insert(tab, ROWS)
    try:
        result = await getattr(ets, operation)(tab, *args)
    except ErlangError as error:
        return error.reason
    return result, await ets.tab2list(tab)


def found(operation: str, *args: Any, **options: Any) -> Any:
    """Give what an operation answers."""

    async def main() -> Any:
        return await on_rows(operation, *args, **options)

    result = returned(main)
    return result if type(result) is str else result[0]


@pytest.mark.rule("11.33")
def test_match_gives_what_variables_stand_for_and_match_object_the_rows() -> None:
    assert found("match", ("$2", "$1"))[0] == [1, "a"]
    assert found("match", ("$1", "$1")) == [[1]]
    assert found("match", ("_", 2)) == [[]]
    assert found("match_object", ("_", 2)) == [("b", 2)]

    async def with_any() -> Any:
        tab = await ets.new("t")
        await ets.insert(tab, ROWS)
        return await ets.match_object(tab, (ANY, 2)), await ets.match(tab, (ANY, "$1"))

    assert returned(with_any)[0] == [("b", 2)]


@pytest.mark.rule("11.34")
def test_select_gives_the_last_term_of_the_first_clause_that_takes_a_row() -> None:
    spec = [
        (("$1", "$2"), [(">", "$2", 2), ("is_integer", "$2")], ["x", "$1"]),
        (("d", "_"), [], ["$_"]),
    ]
    assert found("select", spec) == ["c", ("d", "x")]
    assert found("select", [(("$1", 1), [], [(("$1", ("const", "$1")),)])])[0] == ("a", "$1")


@pytest.mark.rule("11.34")
@pytest.mark.parametrize(
    "spec",
    ["x", [("$1", [], [])], [(("$1", "_"), [], ["$2"])], [(("$1", "_"), [("no", 1)], ["$1"])]],
)
def test_a_wrong_specification_is_badarg(spec: Any) -> None:
    assert found("select", spec) == "badarg"


@pytest.mark.rule("11.35")
def test_only_true_counts_and_deletes() -> None:
    numbers = [(("_", "$1"), [("is_integer", "$1")], [True])]
    assert found("select_count", numbers) == 4
    assert found("select_count", [(("_", "$1"), [], ["$1"])]) == 0

    async def main() -> Any:
        return await on_rows("select_delete", numbers)

    assert returned(main) == (4, [("d", "x")])


@pytest.mark.rule("11.36")
def test_select_replace_keeps_keys_and_is_not_for_a_bag() -> None:
    twice = [(("$1", "$2"), [("is_integer", "$2")], [(("$1", ("*", "$2", 2)),)])]

    async def main() -> Any:
        return await on_rows("select_replace", twice)

    assert returned(main) == (4, [("a", 2), ("b", 4), ("c", 6), ("d", "x"), (1, 2)])
    assert found("select_replace", [(("a", "_"), [], [(("z", 1),)])]) == "badarg"
    assert found("select_replace", twice, kind="bag") == "badarg"


@pytest.mark.rule("11.37")
def test_a_guard_that_cannot_be_computed_is_false_and_comparisons_are_two() -> None:
    assert found("select", [(("$1", "$2"), [(">", ("+", "$2", 1), 3)], ["$1"])]) == ["c"]
    assert found("select_count", [(("_", "$1"), [("==", "$1", 1.0)], [True])]) == 2
    assert found("select_count", [(("_", "$1"), [("=:=", "$1", 1.0)], [True])]) == 0
    assert found("select_count", [(("_", "$1"), ["$1"], [True])]) == 0


@pytest.mark.rule("11.30")
def test_update_element_of_a_missing_key_is_false_whatever_the_update_is() -> None:
    assert found("update_element", "none", (1, "x")) is False
    assert found("update_element", "a", (1, "x")) == "badarg"


KEYS = [(("$1", "_"), [], ["$1"])]
END = "$end_of_table"


async def numbers(kind: str, **options: Any) -> Any:
    tab = await ets.new("t", type=kind, **options)
    await ets.insert(tab, [(n, n % 2) for n in range(1, 6)])
    return tab


async def parts(first: Any, following: Any) -> list[Any]:
    """Take part after part, to the end."""
    found = []
    while first != END:
        values, continuation = first
        found.append(values)
        first = END if continuation == END else await following(continuation)
    return found


@pytest.mark.rule("11.38")
@pytest.mark.parametrize("kind", ets.TYPES)
def test_a_limit_gives_parts_and_a_full_one_may_be_the_last(kind: str) -> None:
    async def main() -> Any:
        tab = await numbers(kind)
        by_two = await parts(await ets.select(tab, KEYS, 2), ets.select)
        by_five = await parts(await ets.match(tab, ("$1", "_"), 5), ets.match)
        odd = await ets.match_object(tab, ("_", 1), 3)
        with_key = await ets.match_object(tab, (3, "_"), 1)
        return by_two, by_five, odd, await ets.match_object(odd[1]), with_key

    by_two, by_five, odd, rest, with_key = returned(main)
    assert (by_two, by_five) == ([[1, 2], [3, 4], [5]], [[[1], [2], [3], [4], [5]]])
    assert (odd[0], rest) == ([(1, 1), (3, 1), (5, 1)], END)
    assert with_key == ([(3, 1)], END)  # the key is known, and with it that this was all


@pytest.mark.rule("11.38")
@pytest.mark.parametrize("limit", [0, -1, 1.0, "x"])
def test_a_limit_is_a_positive_whole_number(limit: Any) -> None:
    assert found("select", KEYS, limit) == "badarg"


@pytest.mark.rule("11.39")
@pytest.mark.parametrize(
    ("kind", "left"), [("ordered_set", [2.5, 4, 5]), ("set", [4, 5]), ("bag", [4, 5])]
)
def test_a_continuation_goes_on_behind_what_was_seen(kind: str, left: list[Any]) -> None:
    async def main() -> Any:
        tab = await numbers(kind)
        first, continuation = await ets.select(tab, KEYS, 2)
        await ets.delete(tab, 3)
        await ets.insert(tab, [(1.5, 0), (2.5, 0)])
        return first, (await parts(await ets.select(continuation), ets.select))

    first, rest = returned(main)
    assert first == [1, 2]
    assert [key for part in rest for key in part] == left


@pytest.mark.rule("11.40")
def test_an_ordered_set_is_selected_backwards_too_and_any_operation_goes_on() -> None:
    async def main() -> Any:
        tab = await numbers("ordered_set")
        first, continuation = await ets.select_reverse(tab, KEYS, 2)
        return first, (await ets.match(continuation))[0], await ets.select_reverse(tab, KEYS)

    assert returned(main) == ([5, 4], [3, 2], [5, 4, 3, 2, 1])


@pytest.mark.rule("11.41")
@pytest.mark.parametrize(
    ("kind", "change", "answer"),
    [
        ("set", "delete", "badarg"),
        ("ordered_set", "delete", "badarg"),
        ("ordered_set", "rename", "badarg"),
        ("set", "rename", [3, 4]),
    ],
)
def test_a_continuation_needs_its_table(kind: str, change: str, answer: Any) -> None:
    async def main() -> Any:
        tab = await numbers(kind, named=True)
        _, continuation = await ets.select(tab, KEYS, 2)
        await (ets.delete(tab) if change == "delete" else ets.rename(tab, "u"))
        try:
            return (await ets.select(continuation))[0]
        except ErlangError as error:
            return error.reason

    assert returned(main) == answer


def test_what_is_no_continuation_is_badarg() -> None:
    async def main() -> Any:
        try:
            return await ets.select("junk")
        except ErlangError as error:
            return error.reason

    assert returned(main) == "badarg"
