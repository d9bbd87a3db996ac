"""The term order against the real one, in one start of the VM."""

from __future__ import annotations

import random
import shutil
import subprocess
from typing import Any

import pytest

from simkernel.terms import Map, equal, order

TERMS = 300


def _random_term(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(9 if depth else 6)
    size = rng.randrange(4)
    match kind:
        case 0:
            return rng.choice([-2, -1, 0, 1, 2, 3, 2**53, 2**53 + 1, 10**30])
        case 1:
            return rng.choice([-1.5, -0.0, 0.0, 1.0, 1.5, 2.0, 3.0, float(2**53), 1e30])
        case 2 | 3:
            return rng.choice([None, True, False])
        case 4:
            return rng.choice(["", "a", "ab", "b", "é", "\U0001f600", "\uffff"])
        case 5:
            return rng.choice([b"", b"a", b"\xff", b"ab"])
        case 6:
            return tuple(_random_term(rng, depth - 1) for _ in range(size))
        case 7:
            return [_random_term(rng, depth - 1) for _ in range(size)]
        case _:
            pairs = [
                (_random_term(rng, depth - 1), _random_term(rng, depth - 1)) for _ in range(size)
            ]
            return Map(pairs)


def _erlang(term: Any) -> str:
    match term:
        case None:
            return "nil"
        case bool():
            return str(term).lower()
        case int():
            return str(term)
        case float():
            text = f"{term:.20e}"
            return text
        case str():
            return f"<<{','.join(map(str, term.encode()))}>>"
        case bytes():
            return f"<<{','.join(map(str, term))}>>"
        case tuple():
            return "{" + ",".join(map(_erlang, term)) + "}"
        case list():
            return "[" + ",".join(map(_erlang, term)) + "]"
        case Map():
            return "#{" + ",".join(f"{_erlang(k)}=>{_erlang(v)}" for k, v in term.items()) + "}"
    raise AssertionError(term)


@pytest.mark.skipif(shutil.which("erl") is None, reason="Erlang is not installed")
def test_order_and_equal_answer_as_erlang_does(tmp_path: Any) -> None:
    rng = random.Random(25)
    # str and bytes of the same content are one term there, and two here.
    pairs = [(_random_term(rng, 3), _random_term(rng, 3)) for _ in range(TERMS)]
    pairs += [(_random_term(rng, 1), _random_term(rng, 1)) for _ in range(TERMS)]
    pairs = [(a, b) for a, b in pairs if not _mixes_text(a, b)]
    source = "[" + ",\n".join(f"{{{_erlang(a)},{_erlang(b)}}}" for a, b in pairs) + "]."
    (tmp_path / "pairs.term").write_text(source, encoding="utf-8")
    program = (
        '{ok,[L]}=file:consult("pairs.term"),'
        'io:format("~s",[[case {A=:=B,A<B,A>B} of {true,_,_}->$=;{_,true,_}-><<"<">>;'
        "{_,_,true}->$>;_->$~ end||{A,B}<-L]]),halt()."
    )
    said = subprocess.run(
        ["erl", "-noshell", "-eval", program],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    ours = "".join("=" if equal(a, b) else {-1: "<", 0: "~", 1: ">"}[order(a, b)] for a, b in pairs)
    differing = [(*pair, o, e) for pair, o, e in zip(pairs, ours, said, strict=True) if o != e]
    assert differing == []
    assert set(said) == {"=", "<", ">", "~"}


def _mixes_text(a: Any, b: Any) -> bool:
    return "b'" in repr((a, b)) and bool(_texts((a, b)))


def _texts(term: Any) -> list[str]:
    match term:
        case str():
            return [term]
        case tuple() | list():
            return [text for part in term for text in _texts(part)]
        case Map():
            return _texts(tuple(term.items()))
    return []
