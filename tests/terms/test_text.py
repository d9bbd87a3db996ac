"""The text of a term: one line, injective, the same everywhere."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given

import simkernel.terms
from simkernel.terms import Instant, Map, Pid, Raised, Ref, Stack, equal, freeze, show, stable_hash
from tests.terms.strategies import Basket, Level, Pair, Phase, Point, terms


@given(terms, terms)
@example("\n", "\\n")
@example((1,), [1])
@example(1, True)
@example(1, 1.0)
@example((1), (1,))
@example({}, set())
@example({}, Map())
@example("é", "\\xe9")
def test_terms_with_one_text_are_one_term(a: Any, b: Any) -> None:
    if show(a) == show(b):
        assert equal(a, b)
    else:
        # Only what equality ignores may differ: the order of a dict, the sign of a zero.
        assert not equal(a, b) or "{" in show(a) or "0.0" in show(a)


@given(terms)
def test_a_text_is_one_line(term: Any) -> None:
    assert len(show(term).splitlines()) <= 1


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (("greet", "Michael"), "('greet', 'Michael')"),
        ((1,), "(1,)"),
        (([],), "([],)"),
        (Pid((2, 1)), "<root.2.1>"),
        (Ref((2,), 7), "#ref<root.2/7>"),
        (Map(b=1, a=[Pid(())]), "%{'a': [<root>], 'b': 1}"),
        ({"b": 1, "a": 2}, "{'b': 1, 'a': 2}"),
        ({3, 1, 2}, "{1, 2, 3}"),
        ({"b", "a"}, "{'a', 'b'}"),
        (frozenset({1.0}), "frozenset({1.0})"),
        (Stack([("bank", "withdraw", 12)]), "stack[bank.withdraw:12]"),
        (Raised("ValueError", "boom"), "Raised(name='ValueError', message='boom')"),
        (Point(1, [2]), "Point(x=1, y=[2])"),
        (Basket("me", [freeze]), "Basket(owner='me', items=[&simkernel.freezing.freeze])"),
        (Pair(1, 2), "Pair(left=1, right=2)"),
        (Phase.IDLE, "Phase.IDLE"),
        ((Level.ONE, 1), "(Level.ONE, 1)"),
        (Raised, "<class simkernel.values.Raised>"),
        (Instant(3, 5), "Instant(point=3, offset_us=5)"),
        (functools.partial(freeze, 1, path="p"),
         "partial(&simkernel.freezing.freeze, (1,), {'path': 'p'})"),
        ("a\u2028b\x00é\u200b", r"'a\u2028b\x00é\u200b'"),
        (("it's", 'say "é"', "'\"é"), """("it's", 'say "é"', '\\'"é')"""),
        (float("nan"), "nan"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_term_reads_as(term: Any, text: str) -> None:
    assert show(term) == text
    assert show(freeze(term)) == text


def test_a_local_function_shows_what_it_captured() -> None:
    n = [1]

    def count() -> list[int]:
        return n

    line = count.__code__.co_firstlineno
    name = f"&{__name__}.{count.__qualname__}@{line}"
    assert show(count) == f"{name}{{n=[1]}}"


def test_what_is_no_term_still_shows() -> None:
    assert show(("x", object())) == "('x', <no term: builtins.object>)"


def test_an_int_too_long_for_decimal_shows_in_hex() -> None:
    assert show(10**5000) == hex(10**5000)
    assert show((1, 10**5000)) == f"(1, {hex(10**5000)})"


def test_limit_two_classes_of_one_qualified_name_look_alike() -> None:
    def make(module: str) -> Any:
        @dataclass(frozen=True)
        class Same:
            x: int

        Same.__module__ = module
        return Same(1)

    assert show(make("a")) == show(make("b"))
    assert not equal(make("a"), make("b"))


PROGRAM = """
from simkernel.terms import *
from simkernel.terms import Renaming
pids = [Pid((i, 1)) for i in range(5)]
m = Map({p: {"x", "y", "z", p} for p in pids} | {"a": 1, "b": (2.5, None), 1: b"x"})
print(show(freeze([m, {"q", "r", "s"}, frozenset("abc")])))
print(canonical(m, Renaming()).hex(), stable_hash(m))
print([hash(p) for p in pids], hash(Ref((1, 2), 3)), list(m))
"""


def test_text_hashes_and_fingerprints_owe_nothing_to_the_hash_seed() -> None:
    root = str(Path(simkernel.terms.__file__).parents[1])
    said = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed in "012"
    }  # fmt: skip
    assert len(said) == 1


def test_a_stable_hash_is_one_number_for_all_times() -> None:
    assert stable_hash(("user", 7)) == 2385216924
