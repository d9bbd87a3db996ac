"""Canonical bytes: injective, and blind to what pids, refs and time points are called."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simkernel.terms import (
    Duration,
    Instant,
    Map,
    Pid,
    Ref,
    Renaming,
    Stack,
    canonical,
    equal,
    freeze,
    thaw,
)
from tests.terms.strategies import paths, terms


def _bytes(term: Any) -> bytes:
    return canonical(term, Renaming())


def _by_path(name: Any) -> int:
    # A rename that tells all names apart, whatever is met first.
    return int.from_bytes(repr(name).encode())


@given(terms, terms)
def test_one_encoding_means_one_term(a: Any, b: Any) -> None:
    if canonical(a, _by_path) == canonical(b, _by_path):
        assert equal(a, b)


@given(terms)
def test_a_frozen_term_is_encoded_as_its_value(term: Any) -> None:
    frozen = freeze(term)
    assert _bytes(frozen) == _bytes(thaw(frozen)) == _bytes(term)


def test_neighbours_do_not_run_into_each_other() -> None:
    alike = [
        (("ab",), "c"), (("a",), "bc"), ("abc",), ("a", "bc"), (("a", "b"), "c"), ("a", ("b", "c")),
        ((), ("abc",)), (("abc",), ()), [["abc"], []], [[], ["abc"]], (1, 23), (12, 3), ("1", 2),
        (b"abc", ""), ("", b"abc"), (None,), (True,), (False,), (1,), (1.0,), (0,), (0.0,), ([],),
        ({},), (set(),), (frozenset(),), (Map(),), ({"a": 1}, 2), ({"a": 1, 2: 3},),
    ]  # fmt: skip
    assert len({_bytes(x) for x in alike}) == len(alike)


def _renamed(term: Any, new: dict[Pid, Pid]) -> Any:
    match term:
        case Pid():
            return new[term]
        case tuple():
            return tuple(_renamed(x, new) for x in term)
        case Map():
            return Map((_renamed(k, new), _renamed(v, new)) for k, v in term.items())
        case frozenset():
            return frozenset(_renamed(x, new) for x in term)
    return term


four = [Pid((n,)) for n in range(1, 5)]
leaves = st.one_of(st.sampled_from(four), st.integers(0, 2))
shapes = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(st.tuples(inner, inner), max_size=3).map(Map),
        st.lists(inner, max_size=3).map(frozenset),
    ),
    max_leaves=6,
)


@given(shapes, st.permutations(four), st.permutations(four))
def test_renaming_pids_changes_nothing_where_order_does_not_hang_on_them(
    shape: Any, met: list[Pid], new: list[Pid]
) -> None:
    # All pids are met in a tuple first, so that each has a number.
    mapping = dict(zip(four, new, strict=True))
    assert _bytes((tuple(met), shape)) == _bytes(_renamed((tuple(met), shape), mapping))


def test_entries_with_new_pids_are_told_apart_by_what_surrounds_them() -> None:
    def workers(a: Pid, b: Pid, c: Pid) -> Map:
        return Map({a: ("idle", b), b: ("busy", c), c: ("done", a)})

    encoded = {_bytes(workers(*three)) for three in itertools.permutations(four, 3)}
    assert len(encoded) == 1


def test_different_links_between_pids_stay_different() -> None:
    a, b, c = four[:3]
    assert _bytes(Map({a: a, b: b})) != _bytes(Map({a: b, b: a}))
    assert _bytes((a, b)) != _bytes((a, a))
    assert _bytes(((a, b), Map({a: 1}))) != _bytes(((a, b), Map({b: 1})))
    assert _bytes((a, Map({c: 1, b: 2}))) == _bytes((a, Map({b: 1, c: 2})))


def test_stacks_are_left_out_and_reasons_are_not() -> None:
    one, other = Stack([("m", "f", 1)]), Stack()
    assert _bytes(("badarg", one)) == _bytes(("badarg", other))
    assert _bytes(("badarg", one)) != _bytes(("noproc", one))


def test_the_order_of_a_dict_counts_and_that_of_a_map_does_not() -> None:
    assert _bytes({"a": 1, "b": 2}) != _bytes({"b": 2, "a": 1})
    assert _bytes(Map({"a": 1, "b": 2})) == _bytes(Map({"b": 2, "a": 1}))


def test_times_go_through_rename_by_their_points() -> None:
    assert _bytes(Instant(5, 10)) == _bytes(Instant(9, 10))
    assert _bytes(Instant(5, 10)) != _bytes(Instant(5, 11))
    assert _bytes(Duration(1, 2, 0)) != _bytes(Duration(1, 1, 0))


def test_functions_are_told_apart_by_code_and_by_what_they_capture() -> None:
    def adder(n: Any) -> Any:
        return lambda x: x + n

    assert _bytes(adder(1)) == _bytes(adder(1))
    assert _bytes(adder(1)) != _bytes(adder(2))
    assert _bytes(adder(Pid((1,)))) == _bytes(adder(Pid((2,))))
    assert _bytes([lambda: 1, lambda: 2]) != _bytes([lambda: 1, lambda: 3])


@given(paths, paths)
def test_rename_is_called_for_refs_too(a: Any, b: Any) -> None:
    assert _bytes((Ref(a, 1), Ref(b, 2))) == _bytes((Ref(b, 2), Ref(a, 1)))
