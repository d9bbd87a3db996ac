"""The dependency table against the machine: what it calls independent commutes.

From random situations of random programs every pair of events that may be next is executed in both
orders. Where the second does not depend on the first, the other order has to be possible, the two
have to be the same events with the same footprints, and the situation after them the same.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from checkers.events import Actor, Identities
from checkers.footprints import Widen
from checkers.recorder import Recorder
from checkers.watched import Watched
from simkernel.kernel import codes
from simkernel.kernel.fingerprints import fingerprint
from simkernel.kernel.machine import Transition
from simkernel.kernel.process import BUSY
from simkernel.kernel.symbolic import SymbolicClock
from tests.checkers import generated

Step = tuple[Actor, Transition]
# Distinctions that only a later event makes necessary: here the situations themselves are compared.
FLAGS: frozenset[Any] = frozenset({"bonds", "heirs", "order"})


class Bench:
    """Runs one program to any situation, as often as needed."""

    def __init__(self, ops: Any, network: str):
        self.ops, self.network = ops, network
        self.identities = Identities()
        self.flags = FLAGS

    def run(self, steps: list[Step]) -> Recorder | None:
        """Perform steps from the start; None if one of them is not possible."""
        m = Watched(generated.main, (self.ops,), network=self.network, clock=SymbolicClock())
        recorder = Recorder(m, self.identities, self.flags, by_message=False)
        for actor, step in steps:
            options = recorder.of(actor)
            if step not in options:
                m.close()
                return None
            recorder.do(actor, step, options)
        return recorder


def possible(recorder: Recorder) -> list[Step]:
    """Give every event that may be next."""
    found: dict[Step, None] = {}
    for item in list(recorder.m.active):
        for _, actor in recorder.ranked(item):
            for step in recorder.of(actor):
                if step.kind != "timeout" or recorder.m.processes[step.who].match < 0:
                    found[actor, step] = None
    return list(found)


def kind_of(recorder: Recorder, step: Step) -> str:
    """Name the kind of an event, for the count of pairs."""
    _, (kind, who, _) = step
    p = recorder.m.processes.get(who) if kind == "do" else None
    if p is None or p.status != BUSY or p.effects is None:
        return kind
    effect = p.effects[p.cursor]
    name = codes.EFFECTS[effect[0]]
    return f"ets.{effect[1]}" if name == "table" else name


def judged(bench: Bench, before: list[Step], first: Step, second: Step) -> str:
    """Perform a pair in both orders: "dependent", "independent", or what is wrong."""
    one = bench.run([*before, first, second])
    if one is None:
        return "dependent"  # the first disables the second
    at = len(before)
    if one.events[at + 1].past >> at & 1:
        one.m.close()
        return "dependent"
    other = bench.run([*before, second, first])
    if other is None:
        return "the other order is impossible"
    same = (
        one.events[at].number == other.events[at + 1].number
        and one.events[at + 1].number == other.events[at].number
    )
    for m in (one.m, other.m):
        m.clock.passes()  # as before every event: a deadline set last is otherwise set just now
    ends = fingerprint(one.m) == fingerprint(other.m)
    one.m.close()
    other.m.close()
    if not same:
        return "the events are not the same"
    return "independent" if ends else "the situations differ"


def commutes(seed: int, count: int, pairs: Counter[str], **kinds: bool) -> list[str]:
    """Try the pairs of random situations of `count` programs; say what is wrong."""
    draw = random.Random(seed)
    wrong = []
    for _ in range(count):
        ops = generated.written(draw, 9, **kinds)
        bench = Bench(ops, draw.choice(("node", "cluster")))
        again = True
        while again:
            try:
                wrong += _situations(bench, draw, pairs)
                again = False
            except Widen as more:
                bench.flags |= {more.flag}
                bench.identities = Identities()
    return wrong


def _situations(bench: Bench, draw: random.Random, pairs: Counter[str]) -> list[str]:
    wrong, steps = [], []
    while True:
        recorder = bench.run(steps)
        assert recorder is not None
        options = possible(recorder)
        if not options or len(steps) > 25:
            recorder.m.close()
            return wrong
        names = {option: kind_of(recorder, option) for option in options}
        recorder.m.close()
        chosen = draw.sample(options, min(3, len(options)))
        for number, first in enumerate(chosen):
            for second in chosen[:number]:
                if first[0] == second[0]:
                    continue
                found = judged(bench, steps, first, second)
                pairs[" / ".join(sorted((names[first], names[second]))) + f": {found}"] += 1
                if found not in ("dependent", "independent"):
                    wrong.append(f"{found}: {first} {second} in {bench.network} {bench.ops}")
        steps = [*steps, draw.choice(options)]


KINDS = ({}, {"rare": True}, {"timed": True})


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "+".join(kinds) or "plain")
def test_what_is_independent_commutes(kinds):
    pairs: Counter[str] = Counter()
    assert commutes(501, 25, pairs, **kinds) == []
    assert len(pairs) > 30


@pytest.mark.long
@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "+".join(kinds) or "plain")
def test_what_is_independent_commutes_in_many_programs(kinds):
    pairs: Counter[str] = Counter()
    assert commutes(502, 400, pairs, **kinds) == []
    words = {word for pair in pairs for word in pair.partition(":")[0].split(" / ")}
    assert len(words) > 25, sorted(words)
