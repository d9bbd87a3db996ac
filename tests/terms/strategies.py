"""Hypothesis strategies for terms."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from simkernel.terms import Map, Pid, Ref, strict_key


class Phase(enum.Enum):
    IDLE = "idle"
    BUSY = "busy"


class Level(enum.IntEnum):
    ONE = 1
    TWO = 2


@dataclass(frozen=True)
class Point:
    x: Any
    y: Any


@dataclass
class Basket:
    owner: Any
    items: Any = field(default_factory=list)


class Pair(NamedTuple):
    left: Any
    right: Any


paths = st.lists(st.integers(1, 4), max_size=3).map(tuple)
pids = paths.map(Pid)
refs = st.builds(Ref, paths, st.integers(0, 5))
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 2.0, float(2**53), 2**53 + 1]),
)
atoms = st.sampled_from([None, True, False, Phase.IDLE, Phase.BUSY, Level.ONE, Level.TWO])
texts = st.one_of(st.text(max_size=4), st.sampled_from(["a", "b", "", "\n", "é", "'", '"\\']))
scalars = st.one_of(numbers, atoms, texts, st.binary(max_size=3), pids, refs, st.just(float("nan")))
keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2).map(tuple), max_leaves=3)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pairs = st.lists(st.tuples(keys, inner), max_size=3)
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        pairs.map(dict),
        pairs.map(Map),
        st.lists(keys, max_size=3).map(set),
        st.lists(keys, max_size=3).map(frozenset),
        st.builds(Point, inner, inner),
        st.builds(Basket, inner, inner),
        st.builds(Pair, inner, inner),
    )


terms = st.recursive(scalars, _containers, max_leaves=8)


def unique(items: list[Any]) -> list[Any]:
    """Drop strict duplicates."""
    return list({strict_key(x): x for x in items}.values())
