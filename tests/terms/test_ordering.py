"""The laws of strict equality and of the term order."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given

from simkernel.terms import Map, Pid, Ref, Stack, Strict, equal, order, sort_key, strict_hash
from tests.terms.strategies import Level, Pair, Phase, numbers, terms


def _same_value(a: Any, b: Any) -> bool:
    # Equality up to int and float, for numbers alone; deeper ones are compared by `order` below.
    return type(a) in (int, float) and type(b) in (int, float) and a == b


@given(terms)
def test_equal_is_reflexive(a: Any) -> None:
    assert equal(a, a)
    assert order(a, a) == 0


@given(terms, terms)
def test_equal_is_symmetric_and_equal_terms_compare_as_0(a: Any, b: Any) -> None:
    assert equal(a, b) == equal(b, a)
    if equal(a, b):
        assert order(a, b) == 0
        assert strict_hash(a) == strict_hash(b)


@given(numbers, numbers)
def test_numbers_compare_by_value_and_equal_by_type(a: Any, b: Any) -> None:
    assert (order(a, b) == 0) == _same_value(a, b)
    assert equal(a, b) == (_same_value(a, b) and type(a) is type(b))


@given(terms, terms)
def test_order_is_antisymmetric_and_agrees_with_sort_key(a: Any, b: Any) -> None:
    assert order(a, b) == -order(b, a)
    first, second = sort_key(a), sort_key(b)
    assert order(a, b) == (first > second) - (first < second)


@given(terms, terms, terms)
def test_order_is_transitive(a: Any, b: Any, c: Any) -> None:
    low, middle, high = sorted([a, b, c], key=sort_key)
    assert order(low, middle) <= 0
    assert order(middle, high) <= 0
    assert order(low, high) <= 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0), (1, True), (0, False), (1.0, True), ("a", b"a"), ([1], (1,)), ((), []),
        ({}, Map()), ({"a": 1}, Map(a=1)), ({1: 0}, {True: 0}), ({1: 0}, {1.0: 0}),
        ({1}, {True}), ({1}, frozenset({1})), (Level.ONE, 1), (Phase.IDLE, "idle"),
        ((1, 2), Pair(1, 2)), (None, False), ([1, [True]], [1, [1]]), (Map(a=1), Map(a=1.0)),
        (Pid((1,)), Ref((1,), 0)), (Stack(), ()), ("", b""), (2**53, 2**53 + 1),
    ],
)  # fmt: skip
def test_terms_that_python_may_take_for_one_are_two(a: Any, b: Any) -> None:
    assert not equal(a, b)
    assert len({Strict(a), Strict(b)}) == 2


def test_zeros_are_one_term_as_on_otp_25() -> None:
    assert equal(0.0, -0.0)


def test_a_nan_equals_one_of_the_same_bits_only() -> None:
    odd = struct.unpack(">d", bytes.fromhex("7ff8000000000001"))[0]
    assert equal(math.nan, float("nan"))
    assert equal([float("nan")], [float("nan")])
    assert not equal(math.nan, odd)
    assert order(math.nan, odd) == -1
    assert order(math.nan, 10**400) == 1


def test_types_sort_as_in_erlang() -> None:
    ranked = [
        -1, 1.5, 2, Phase.BUSY, False, None, True, Ref((), 1), len, Pid(()), Pid((1,)), (), (9,),
        (1, 1), {}, Map(a=1), {"a": 1}, {"a": 2}, {"b": 0}, {"a": 0, "b": 0}, [], [1], [1, 0], [2],
        "", "a", b"a", "ab", "b",
    ]  # fmt: skip
    backwards = ranked[::-1]
    assert sorted(backwards, key=sort_key) == ranked


def test_big_ints_compare_exactly_with_floats() -> None:
    assert order(2**53 + 1, float(2**53)) == 1
    assert order(2**53, float(2**53)) == 0
    assert order(10**400, 1e308) == 1


def test_keys_of_maps_put_every_int_before_every_float() -> None:
    assert order({2: 0}, {1.0: 0}) == -1
    assert order({(2,): 0}, {(1.0,): 0}) == -1
    assert order({1: 1}, {1: 1.0}) == 0


def test_text_sorts_by_its_utf_8_bytes() -> None:
    assert order("\uffff", "\U00010000") == -1
    assert order("é", b"\xc3\xaa") == -1
    assert order("\udc80", "z") == 1
