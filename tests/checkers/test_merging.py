"""Searches that merge situations reach what one that remembers nothing reaches."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from checkers.dfs import Dfs, Plain
from simkernel import GenServer
from simkernel.kernel.awaited import Rest
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.snapshot import body_of
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.terms import show

WORDS = ("a", "b")
TRANSITIONS_MAX = 25_000
Rules = tuple[tuple[str, tuple[tuple[int, str, int, str | None], ...]], ...]


class Passing(GenServer):
    """Goes from state to state as its rules say, and passes words on."""

    async def init(self, arg: Any) -> Any:
        return ("ok", (0, arg))

    async def handle_cast(self, request: Any, state: Any) -> Any:
        word, left = request
        at, (other, rules) = state
        for known, heard, following, said in rules:
            if (known, heard) == (at, word):
                if said is not None and left:
                    GenServer.cast(other, (said, left - 1))
                return ("noreply", (following, state[1]))
        return ("noreply", state)


async def main(rules: Rules, words: tuple[tuple[str, str], ...]) -> None:
    for name, of_one in rules:
        other = "right" if name == "left" else "left"
        await GenServer.start(Passing, (other, of_one), name=name)
    for left, (name, word) in enumerate(words):
        GenServer.cast(name, (word, left))


def drawn(seed: int) -> tuple[Rules, tuple[tuple[str, str], ...]]:
    """Draw the rules of two servers, and what they are told."""
    random = Random(seed)
    rules = tuple(
        (
            name,
            tuple(
                (at, word, random.randrange(3), random.choice((None, None, *WORDS)))
                for at in range(3)
                for word in WORDS
            ),
        )
        for name in ("left", "right")
    )
    told = [(random.choice(("left", "right")), random.choice(WORDS)) for _ in range(2)]
    return rules, tuple(told)


def described(m: Machine) -> str:
    """Write down a situation without anything that a fingerprint is made of."""
    rows: list[Any] = [sorted(m.names.items(), key=str), m.root.status, len(m.deaths)]
    for p in sorted(m.processes.values(), key=lambda p: p.pid.path):
        state = body_of(m, p).save() if type(p.want) is Rest else None
        mail = [show(message) for message in p.mailbox or ()]
        came = [
            (signal[0], show(signal[3]) if len(signal) > 3 else "") for signal in p.arrived or ()
        ]
        rows.append(
            (p.pid.path, p.status, show(state), mail, came, p.cursor if p.effects else None)
        )
    return repr(rows)


class Noting(Plain):
    """A machine whose situations are written down."""

    def __init__(self, m: Machine, found: set[str]):
        super().__init__(m)

        def apply(transition: Transition) -> None:
            m.apply(transition)
            found.add(described(m))

        self.apply = apply


def reached(seed: int, merge: bool) -> set[str] | None:
    """Give the situations that a search goes through; None if there are too many ways."""
    m = Machine(main, drawn(seed), clock=SymbolicClock(), snapshots=True)
    found: set[str] = set()
    search = Dfs(Noting(m, found), merge=merge)
    for _ in search.leaves(cut=lambda: search.transitions > TRANSITIONS_MAX):
        pass
    m.close()
    return None if search.cut else found


def agree(seeds: Iterable[int]) -> int:
    """Compare the two searches on systems; gives on how many."""
    compared = 0
    for seed in seeds:
        every = reached(seed, merge=False)
        if every is not None:
            assert reached(seed, merge=True) == every, seed
            compared += 1
    return compared


def test_merging_loses_no_situation() -> None:
    assert agree((1, 2, 5)) == 3


@pytest.mark.long
def test_merging_loses_no_situation_of_many_systems() -> None:
    assert agree(range(800)) >= 500
