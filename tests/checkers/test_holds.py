"""Directives: the fewest picks and holds that lead to a run, and that they lead there."""

from __future__ import annotations

from itertools import combinations
from random import Random
from typing import Any

import pytest

from checkers.holds import Guided, Hold, _cover, directives
from checkers.judged import Judged
from simkernel import receive, self_, send, spawn
from simkernel.choice import Recorded, instead
from simkernel.errors import ReplayDiverged
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings
from simkernel.spec import of


async def chatty(main: Any, words: int) -> None:
    for word in range(words):
        send(main, word)


async def listens(others: int = 3, words: int = 2) -> None:
    for _ in range(others):
        spawn(chatty, self_(), words)
    for _ in range(others * words):
        await receive()


def walked(
    seed: int, lazy: float = 0.4, faults: int = 0
) -> tuple[list[Transition], dict[int, tuple[Transition, ...]]]:
    """Make a run that leaves the default schedule now and then; with what came first there."""
    draw = Random(seed)
    run = Judged(of(listens), {}, Settings(picker="walk", faults=faults))
    picks: list[Transition] = []
    before = {}
    while options := run.enabled():
        at = draw.randrange(len(options)) if draw.random() < lazy else 0
        if at:
            before[len(picks)] = tuple(options[:at])
        picks.append(options[at])
        run.apply(options[at])
    return picks, before


def made(said: list[tuple[int, str]], faults: int = 0) -> list[Transition]:
    """Make the run of recorded picks."""
    run = Judged(of(listens), {}, Settings(picker="walk", faults=faults))
    chooser = Recorded(said)
    picks = []
    while options := run.enabled():
        picks.append(chooser.pick(options))
        run.apply(picks[-1])
    return picks


@pytest.mark.parametrize("faults", [0, 1])
@pytest.mark.parametrize("seed", range(40))
def test_directives_lead_to_their_run(seed: int, faults: int) -> None:
    picks, before = walked(seed, faults=faults)
    found = directives(picks, before)
    assert made([one.said for one in found], faults) == picks
    assert len(found) <= len(before)


@pytest.mark.parametrize("seed", range(40))
def test_followed_leniently_they_lead_there_too(seed: int) -> None:
    picks, before = walked(seed)
    guided = Guided(directives(picks, before))
    run = Judged(of(listens), {}, Settings(picker="walk"))
    again = []
    while options := run.enabled():
        again.append(guided.pick(options))
        run.apply(again[-1])
    assert again == picks


def smallest_cover(edges: dict[int, list[Any]]) -> int:
    """Try every choice of gaps: the steps that are not covered by them have to be picked."""
    gaps = sorted({gap for its in edges.values() for gap in its})
    return min(
        count + sum(any(gap not in held for gap in its) for its in edges.values())
        for count in range(len(gaps) + 1)
        for held in combinations(gaps, count)
    )


@pytest.mark.parametrize("seed", range(200))
def test_there_are_no_fewer(seed: int) -> None:
    draw = Random(seed)
    gaps = [("p", n) for n in range(draw.randint(1, 6))]
    edges = {
        step: draw.sample(gaps, draw.randint(1, min(3, len(gaps))))
        for step in range(draw.randint(1, 8))
    }
    held = _cover(edges)
    picked = [step for step, its in edges.items() if any(gap not in held for gap in its)]
    assert len(held) + len(picked) == smallest_cover(edges)


def test_one_who_is_slow_is_one_directive() -> None:
    """The first of three sends nothing until the others have done all that they do."""
    run = Judged(of(listens), {}, Settings(picker="walk"))
    said = [(7, "hold <root.1> until 19")]
    chooser = Recorded(said)
    picks: list[Transition] = []
    before = {}
    while options := run.enabled():
        picked = chooser.pick(options)
        if picked != options[0]:
            before[len(picks)] = tuple(options[: options.index(picked)])
        picks.append(picked)
        run.apply(picked)
    assert len(before) > 4
    found = directives(picks, before)
    assert [type(one) for one in found] == [Hold]
    assert found[0].said[1].startswith("hold <root.1> until ")


def test_two_may_be_held_from_one_step_on() -> None:
    options = ["do <root.1>", "do <root.2>", "do <root.3>"]
    held = Recorded([(0, "hold <root.1> until 2"), (0, "hold <root.2> until 1")])
    assert [held.pick(options) for _ in range(3)] == [options[2], options[1], options[0]]


def test_nobody_is_held_for_a_fault() -> None:
    held = Recorded([(0, "hold <root.1> until 9")])
    assert held.pick(["do <root.1>", "crash <root.2>"]) == "do <root.1>"


def test_a_hold_keeps_no_deadline_from_passing() -> None:
    held = Recorded([(0, "hold <root.1> until 9")])
    assert held.pick(["take <root.1>", "expire <root.1>"]) == "expire <root.1>"


@pytest.mark.parametrize("text", ["hold <root.1>", "hold <root.1> until x", "hold  until 9"])
def test_a_hold_that_cannot_be_read_is_a_pick_that_is_not_possible(text: str) -> None:
    with pytest.raises(ReplayDiverged):
        Recorded([(0, text)]).pick(["do <root.1>"])


def test_what_a_hold_turns_on_is_what_its_process_would_have_done() -> None:
    picks = [(0, "hold <root.1> until 9"), (2, "hold <root.2> until 5")]
    options = ["do <root.1>", "do <root.2>", "do <root.3>"]
    assert instead(picks, 2, options) == "do <root.2>"
    assert instead(picks, 0, options) == "do <root.1>"
