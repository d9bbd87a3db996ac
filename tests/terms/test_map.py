"""Map against a model, and in Python's own syntax."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkernel.terms import ErlangError, Map, Pid, equal, exact_key, strict_key
from tests.terms.strategies import keys

pairs = st.lists(st.tuples(keys, st.integers()), max_size=6)
changes = st.lists(st.tuples(st.sampled_from(["put", "delete", "or"]), keys, st.integers()))


@given(pairs, changes)
def test_a_map_behaves_as_a_dict_with_strict_keys(start: Any, steps: Any) -> None:
    mine = Map(start)
    model = {strict_key(k): (k, v) for k, v in start}
    for step, key, value in steps:
        before, copy = mine, Map(mine)
        if step == "put":
            mine = mine.put(key, value)
            model[strict_key(key)] = (key, value)
        elif step == "or":
            mine = mine | {key: value}
            model[strict_key(key)] = (key, value)
        else:
            mine = mine.delete(key)
            model.pop(strict_key(key), None)
        assert equal(before, copy)
    assert len(mine) == len(model)
    assert [exact_key(k) for k in mine] == sorted(exact_key(k) for k, _ in model.values())
    for key, value in model.values():
        assert mine[key] == value
        assert key in mine
    assert equal(pickle.loads(pickle.dumps(mine)), mine)
    assert hash(Map(reversed(list(mine.items())))) == hash(mine)


def test_1_and_1_0_and_true_are_three_keys_in_term_order() -> None:
    m = Map([(True, "c"), (1.0, "b"), (1, "a")])
    assert list(m) == [1, 1.0, True]
    assert list(m.values()) == ["a", "b", "c"]
    assert list(m.keys()) == [1, 1.0, True]


@pytest.mark.parametrize(
    "look",
    [lambda m: m["gone"], lambda m: m.gone, lambda m: m.replace("gone", 1),
     lambda m: m.replace(gone=1)],
)  # fmt: skip
def test_a_missing_key_is_badkey(look: Any) -> None:
    with pytest.raises(ErlangError) as caught:
        look(Map(a=1))
    assert caught.value.reason == ("badkey", "gone")


def test_a_map_reads_as_in_elixir() -> None:
    data = Map(step="plan", results=(1,))
    assert data.replace(step="act", results=(*data.results, 2)) == Map(step="act", results=(1, 2))
    assert data.replace("step", "x").step == "x"
    assert data.get("nothing") is None
    assert data.get("nothing", 5) == 5
    assert {**data} == {"step": "plan", "results": (1,)}
    assert repr(data) == "%{'results': (1,), 'step': 'plan'}"


def test_a_map_matches_mapping_patterns() -> None:
    match Map(kind="tool", n=1):
        case {"kind": "tool", "n": n, **rest}:
            assert (n, rest) == (1, {})
        case _:
            raise AssertionError("no match")
    assert isinstance(Map(), Mapping)


def test_a_map_cannot_be_changed_and_equals_no_dict() -> None:
    m = Map(a=1)
    with pytest.raises(AttributeError, match="immutable"):
        m.a = 2
    with pytest.raises(TypeError):
        m["a"] = 2  # type: ignore[index]
    assert m != {"a": 1}
    assert Map(a=1) != Map(a=True)


def test_a_map_that_holds_a_list_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Map(a=[]))


def test_a_map_of_pids_iterates_by_pid() -> None:
    assert list(Map({Pid((2,)): 1, Pid((1,)): 2})) == [Pid((1,)), Pid((2,))]
