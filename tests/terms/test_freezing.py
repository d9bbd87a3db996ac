"""What freeze keeps, what thaw gives back, and what neither accepts."""

from __future__ import annotations

import functools
import io
import pickle
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given

from simkernel.errors import TermError
from simkernel.terms import Frozen, Map, Pid, Raised, Ref, Stack, equal, freeze, order, show, thaw
from tests.terms.strategies import Basket, Level, Pair, Phase, Point, terms, unique


@given(terms)
def test_a_thawed_term_equals_the_original_strictly(term: Any) -> None:
    thawed = thaw(freeze(term))
    assert equal(thawed, term)
    assert type(thawed) is type(term)
    assert show(thawed) == show(term) or "{" in show(term)  # a set may iterate otherwise


@given(terms)
def test_a_frozen_term_is_hashable_and_equals_its_like(term: Any) -> None:
    first, second = freeze(term), freeze(thaw(freeze(term)))
    assert equal(first, second)
    if type(first) is Frozen:
        assert first == second
        assert hash(first) == hash(second)


@given(terms)
def test_freezing_twice_is_freezing_once(term: Any) -> None:
    frozen = freeze(term)
    assert freeze(frozen) is frozen


@given(terms)
def test_a_frozen_term_orders_equals_and_shows_as_its_thawed_value(term: Any) -> None:
    frozen = freeze(term)
    assert order(frozen, term) == 0
    assert equal(frozen, term)
    assert show(frozen) == show(thaw(frozen)) or "{" in show(frozen)


@given(terms)
def test_a_frozen_term_survives_pickle(term: Any) -> None:
    frozen = freeze(term)
    assert equal(pickle.loads(pickle.dumps(frozen)), frozen)


@pytest.mark.parametrize(
    "term",
    [
        ("ping", 17, 42),
        ("$gen_call", (Pid((1,)), (("alias", Ref((1,), 2)), 7)), ("get", 1)),
        Point(1, ("a", None)),
        Map(a=1, b=(2,)),
        frozenset({1, 2}),
        Pair(1, 2),
        Phase.IDLE,
        Level.ONE,
        Stack([("m", "f", 1)]),
        Raised("ValueError", "boom"),
        len,
        str.upper,
        "abc".upper,
        Point,
        unique,
    ],
    ids=show,
)
def test_what_cannot_change_is_kept_as_the_very_same_object(term: Any) -> None:
    assert freeze(term) is term
    assert thaw(term) is term


def test_a_change_of_one_copy_is_never_seen_in_another() -> None:
    original = ("cart", [1, {"k": [2]}], Basket("me", [3]), Map(a=[4]), Point([5], 6))
    frozen = freeze(original)
    first, second = thaw(frozen), thaw(frozen)
    for copy in (original, first):
        copy[1][1]["k"].append("changed")
        copy[2].items.append("changed")
        copy[2].owner = "changed"
        copy[3]["a"].append("changed")
        copy[4].x.append("changed")
    expected = ("cart", [1, {"k": [2]}], Basket("me", [3]), Map(a=[4]), Point([5], 6))
    assert equal(second, expected)
    assert equal(thaw(frozen), expected)


def test_a_dict_keeps_its_order() -> None:
    assert list(thaw(freeze({"b": 1, "a": 2}))) == ["b", "a"]


def test_a_frozen_value_inside_a_tuple_thaws_with_it() -> None:
    reason = freeze(["why"])
    assert thaw(freeze(("EXIT", Pid((1,)), reason))) == ("EXIT", Pid((1,)), ["why"])


def test_a_dataclass_copies_without_running_its_init() -> None:
    @dataclass
    class Counted:
        n: int
        made = 0

        def __post_init__(self) -> None:
            type(self).made += 1
            self.extra = [self.n]

    one = Counted(1)
    two = thaw(freeze(one))
    assert Counted.made == 1
    assert two.extra == [1]
    assert two.extra is not one.extra


def test_a_function_gets_cells_of_its_own() -> None:
    seen: list[int] = []

    def note(n: int) -> list[int]:
        seen.append(n)
        return seen

    frozen = freeze(note)
    first, second = thaw(frozen), thaw(frozen)
    assert first(1) == [1]
    assert second(2) == [2]
    assert seen == []
    assert equal(first, freeze(first))
    assert not equal(first, second)  # what they captured is no longer the same


def test_rebinding_a_captured_variable_does_not_reach_the_copy() -> None:
    n = 1
    frozen = freeze(lambda: n)
    n = 2
    assert thaw(frozen)() == 1


def test_a_local_function_may_capture_itself_and_its_peers() -> None:
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    copy = thaw(freeze(("job", even)))[1]
    assert copy(10)
    assert not copy(7)
    assert copy is not even
    assert equal(copy, even)
    assert order(copy, even) == 0
    assert show(copy) == show(even)


def test_defaults_attributes_partials_and_methods_are_copied() -> None:
    def add(x: int, to: list[int] = [], *, by: list[int] = [1]) -> list[int]:  # noqa: B006
        to.append(x)
        return to + by

    add.notes = ["n"]  # type: ignore[attr-defined]
    copy = thaw(freeze(add))
    assert copy(5) == [5, 1]
    assert add(6) == [6, 1]
    assert copy.notes == ["n"]
    assert copy.notes is not add.notes  # type: ignore[attr-defined]

    part = functools.partial(add, 1, to=[2])
    assert thaw(freeze(part))() == [2, 1, 1]
    assert part.keywords == {"to": [2]}

    basket = Basket("me")
    method = thaw(freeze(basket.__repr__))
    assert method() == "Basket(owner='me', items=[])"
    assert method.__self__ is not basket


async def _coroutine() -> None: ...


async def _agen() -> Any:
    yield 1


class Plain:
    pass


class Awaitable:
    def __await__(self) -> Any:
        yield


def _raise_or_return(value: Any) -> Any:
    return value


def _cycle() -> Any:
    inner: dict[str, Any] = {}
    outer = [1, inner]
    inner["k"] = outer
    return ("m", outer)


def _capturing(value: Any) -> Any:
    return lambda: value


REJECTED: list[tuple[str, Any, str, str]] = [
    ("generator", lambda: (x for x in ()), "", "iterator"),
    ("iterator in a tuple", lambda: ("a", iter([])), "[1]", "runs out"),
    ("lock in a dict in a list", lambda: [0, {"k": threading.Lock()}], "[1]['k']", "lock"),
    ("rlock in a field", lambda: Basket("x", threading.RLock()), ".items", "lock"),
    ("file", lambda: (1, 2, {"k": Point(0, io.StringIO())}), "[2]['k'].y", "file"),
    ("module", lambda: {"m": io}, "['m']", "the module io"),
    ("exception", lambda: [ValueError("x")], "[0]", "exception"),
    ("plain instance", lambda: Map(a=(Plain(),)), "['a'][0]", "instance of"),
    ("awaitable", lambda: (Awaitable(),), "[0]", "not awaited"),
    ("async generator", lambda: (_agen(),), "[0]", "asynchronous"),
    ("subclass of dict", lambda: [OrderedDict()], "[0]", "subclass of dict"),
    ("subclass of int", lambda: (type("Age", (int,), {})(3),), "[0]", "subclass of int"),
    ("subclass of str", lambda: (type("Name", (str,), {})("x"),), "[0]", "subclass of str"),
    ("subclass of list", lambda: (type("Row", (list,), {})(),), "[0]", "subclass of list"),
    ("deque", lambda: deque([1]), "", "instance of"),
    ("bytearray", lambda: bytearray(b"x"), "", "bytes"),
    (
        "key",
        lambda: {Plain: 1, (1, Plain()): 2},
        ".<key (1, <no term: tests.terms.test_freezing.Plain>)>[1]",
        "instance",
    ),
    ("named tuple", lambda: Pair(1, iter([])), ".right", "iterator"),
    ("captured", lambda: _capturing(threading.Lock()), ".<captured value>", "lock"),
    ("partial", lambda: functools.partial(print, Plain()), ".args[0]", "instance"),
    ("method of an instance", lambda: Plain().__str__, "", "instance"),
    ("append of a list", lambda: [].append, "", "method of a mutable list"),
    ("cycle", _cycle, "[1][1]['k']", "it is message[1] again"),
    ("ellipsis", lambda: (...,), "[0]", "instance of"),
    ("complex", lambda: 1j, "", "instance of"),
]


@pytest.mark.parametrize(
    ("make", "path", "what"), [r[1:] for r in REJECTED], ids=[r[0] for r in REJECTED]
)
def test_what_is_no_term_is_refused_with_the_path_to_it(make: Any, path: str, what: str) -> None:
    with pytest.raises(TermError) as caught:
        freeze(make())
    assert caught.value.path == "message" + path
    assert what in str(caught.value)
    assert "next: " in str(caught.value)


def test_a_coroutine_is_refused_as_a_forgotten_await() -> None:
    coroutine = _coroutine()
    with pytest.raises(TermError, match="await"):
        freeze(("x", coroutine), path="state")
    coroutine.close()


@pytest.mark.parametrize("depth", [150, 100_000])
@pytest.mark.parametrize("kind", [list, tuple])
def test_a_term_nested_too_deeply_is_refused_and_recursion_is_no_error(
    depth: int, kind: type
) -> None:
    deep: Any = kind()
    for _ in range(depth):
        deep = kind([deep])
    with pytest.raises(TermError, match="deeper than 100 levels"):
        freeze(deep)


def test_a_term_of_the_greatest_depth_passes_every_walk() -> None:
    deep: Any = [1]
    for _ in range(99):
        deep = [deep]
    frozen = freeze(deep)
    assert equal(thaw(frozen), deep)
    assert order(frozen, deep) == 0
    assert show(frozen) == "[" * 100 + "1" + "]" * 100


def test_a_field_that_was_never_set_is_refused() -> None:
    basket = Basket("x")
    del basket.items
    with pytest.raises(TermError, match="'items' was never set"):
        freeze(basket)
