"""What is shown of a counterexample: another order of the same events, made by the machine."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.evidence import Evidence, gather
from checkers.explore import Outcome, outcome
from checkers.following import CannotFollow
from checkers.footprints import Widen
from checkers.judged import Judged, judged_run
from checkers.reordering import Classes, Exactly, OneClass, alike, late
from checkers.shown import TRANSITIONS_MAX, shown
from checkers.switches import count, fewest
from checkers.verdict import Counterexample
from reports.violation import violation
from simkernel import Exit, log, make_ref, receive, self_, send, spawn
from simkernel.choice import Walk
from simkernel.cli.reel import case_of
from simkernel.kernel.machine import Transition
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import Spec, chooser_of, of
from simkernel.trace.blob import parse
from simkernel.trace.reader import read
from tests.checkers import generated
from tests.checkers.orders import every_order
from tests.meta.house import ROOT

Picker = Callable[[list[Transition]], Transition]


def made(spec: Spec, given: Any, settings: Settings, pick: Picker) -> tuple[list[Any], Outcome]:
    """Make a run: what happened in it, and what it came to."""
    run = Judged(spec, given, settings)
    picks: list[Transition] = []
    while options := run.enabled():
        picks.append(pick(options))
        run.apply(picks[-1])
        assert len(picks) < 2_000
    ended = outcome(run.m)
    run.m.close()
    return picks, ended


def followed(
    spec: Spec, given: Any, settings: Settings, *runs: Sequence[Transition]
) -> tuple[Classes, list[OneClass]]:
    """Follow runs, with all that has to be told apart in any of them."""
    flags: frozenset[Any] = frozenset()
    while True:
        classes = Classes(spec, given, settings, flags)
        try:
            return classes, [classes.of(run) for run in runs]
        except Widen as more:
            flags |= {more.flag}


def numbers(one: OneClass) -> set[int]:
    return {event.number for event in one.events}


# --- All orders of small classes ---------------------------------------------------------------


@pytest.mark.parametrize("kinds", [{}, {"rare": True}, {"timed": True}], ids=str)
def test_every_order_of_a_class_is_a_run_with_the_same_outcome(kinds: dict[str, bool]) -> None:
    """And none of them has fewer context switches than the one that is found."""
    draw = random.Random(7)
    orders_made = better = asked_behind = 0
    for number in range(40):
        ops = generated.written(draw, draw.randint(3, 7), **kinds)

        async def main(ops: Any = ops) -> None:
            await generated.main(ops)

        spec = Spec("drawn", main, settle=draw.random() < 0.5)
        settings = Settings(network=draw.choice(["node", "cluster"]), time="any", picker="recorded")
        picks, ended = made(spec, {}, settings, Walk(number).pick)
        classes, (one,) = followed(spec, {}, settings, picks)
        orders = list(every_order(one.past, 301))
        if len(orders) > 300:
            continue
        found = fewest(one.lanes, one.past)
        least = min(count(one.lanes, order) for order in orders)
        assert (found.switches, found.exact) == (least, True)
        better += least < count(one.lanes, range(len(one.events)))
        draw.shuffle(orders)
        for order in [found.places, *orders[:8]]:
            path = classes.path(one, order)
            assert path is not None, (ops, order)
            again, same = made(spec, {}, settings, Exactly(list(alike(path))).pick)
            assert same == ended, (ops, order)
            _, (first, second) = followed(spec, {}, settings, picks, again)
            assert numbers(first) == numbers(second)
            orders_made += 1
            try:
                assert made(spec, {}, settings, Exactly(late(path)).pick)[1] == ended
            except CannotFollow:
                asked_behind += 1  # a question waits behind a signal that was to be handled late
    assert orders_made > 100
    assert better > 8
    assert asked_behind < 0.02 * orders_made


# --- The failing specs -------------------------------------------------------------------------

# With which strategy its failure is found in a few runs.
FAILING = {
    **{f"concurrency/{name}": "delay" for name in (
        "agent_tools", "late_reply", "paxos", "restart_race", "ring_election", "two_phase_commit",
    )},
    **{f"concurrency/{name}": "portfolio" for name in (
        "abd_register", "bounded_buffer", "circuit_breaker", "philosophers", "rate_limiter",
    )},
    **{f"guide/{name}": "delay" for name in (
        "agent_fsm", "spawning", "workflow_fsm", "workflow_fsm_2", "workflow_fsm_3",
        "workflow_fsm_4", "workflow_fsm_5", "workflow_fsm_6", "workflow_fsm_8", "workflow_fsm_10",
        "workflow_fsm_11",
    )},
    **{f"guide/{name}": "portfolio" for name in (
        "agent_fsm_2", "agent_fsm_3", "agent_fsm_4", "tasks", "tasks_2", "workflow_fsm_7",
        "workflow_fsm_9",
    )},
    "tutorial/lost_increment": "portfolio",
}  # fmt: skip


def example_of(name: str, **options: Any) -> tuple[Spec, Counterexample]:
    spec = load(str(ROOT / "specs" / f"{name}.py"))
    options = {"strategy": FAILING[name], "budget": Budget(runs=400, seconds=300), **options}
    verdict = check(spec, {}, **options)
    assert verdict.counterexample is not None, name
    return spec, verdict.counterexample


def the_same_is_shown(spec: Spec, example: Counterexample) -> None:
    """What is shown is a run of the same class with the same failures and fewer switches."""
    order = example.shown
    assert order is not None
    assert order.switches < order.instead_of
    assert len(order.settings.picks) > example.deviations
    _, _, found = judged_run(spec, example.parameters, order.settings)
    assert sorted(one.identity for one in found) == sorted(one.identity for one in example.findings)
    runs = [
        made(spec, example.parameters, settings, chooser_of(settings).pick)[0]
        for settings in (example.settings, order.settings)
    ]
    _, (one, other) = followed(spec, example.parameters, example.settings, *runs)
    assert numbers(one) == numbers(other)
    assert count(other.lanes, range(len(other.events))) == order.switches
    assert count(one.lanes, range(len(one.events))) == order.instead_of


QUICK = ("agent_tools", "paxos", "ring_election")


def test_specs_that_fail_at_once_show_the_same_failure_with_fewer_switches() -> None:
    for name in (*(f"concurrency/{name}" for name in QUICK), "guide/workflow_fsm"):
        the_same_is_shown(*example_of(name))


@pytest.mark.long
def test_all_failing_specs_show_the_same_failure_with_the_fewest_switches() -> None:
    better = []
    for name in FAILING:
        spec, example = example_of(name)
        if example.shown is not None:
            the_same_is_shown(spec, example)
            better.append(name)
    assert len(better) >= 15


async def one_overtakes() -> None:
    """The second of two is heard first, of two words; others talk meanwhile."""
    me = self_()
    spawn(says, spawn(hears, me, 2), "x", "y")
    for word in ("first", "second"):
        spawn(says, me, word, word)
    if await receive("first", "second") == "second":
        raise Exit("overtaken")


@pytest.mark.parametrize(
    ("strategy", "time", "network"),
    [
        ("rf", "any", "cluster"), ("rf", "bounded", "node"), ("rf", "bounded", "cluster"),
        ("dpor", "any", "node"), ("dfs", "bounded", "node"),
    ],
)  # fmt: skip
def test_whatever_found_it_the_same_is_shown(strategy: str, time: str, network: str) -> None:
    spec = of(one_overtakes)
    example = check(spec, {}, strategy=strategy, time=time, network=network).counterexample
    assert example is not None
    the_same_is_shown(spec, example)


# --- What is chosen ----------------------------------------------------------------------------


async def says(to: Any, *words: Any) -> None:
    for word in words:
        send(to, word)


async def fails_in_order() -> None:
    """The default schedule changes to and fro between two who do not look at each other."""
    me = self_()
    first = spawn(says, spawn(hears, me, 3), "a", "b", "c")
    second = spawn(says, spawn(hears, me, 3), "a", "b", "c")
    assert first != second
    await receive("done")
    await receive("done")
    raise Exit("failed")


async def hears(main: Any, many: int) -> None:
    for _ in range(many):
        log((self_(), await receive()))
    send(main, "done")


def test_the_run_that_replays_keeps_its_deviations() -> None:
    verdict = check(of(fails_in_order), {}, budget=Budget(runs=3))
    example = verdict.counterexample
    assert example is not None
    assert example.deviations == 0
    the_same_is_shown(of(fails_in_order), example)


def test_an_order_that_needs_no_more_deviations_is_the_one_to_replay() -> None:
    spec = of(fails_in_order)
    found = check(spec, {}, budget=Budget(runs=3)).counterexample
    assert found is not None
    assert found.shown is not None
    settings = found.shown.settings
    # Of a run with as many deviations, and more switches, the better order is made the run.
    picks, _ = made(spec, {}, settings, Walk(3).pick)
    run = Judged(spec, {}, settings)
    away = []
    for step, pick in enumerate(picks):
        if run.enabled()[0] != pick:
            away.append((step, str(pick)))
        run.apply(pick)
    assert len(away) > len(settings.picks)
    example = replace(
        found, settings=replace(settings, picks=tuple(away)), transitions=len(picks), shown=None
    )
    better = shown(spec, example)
    assert better.shown is None
    assert better.deviations < example.deviations
    assert judged_run(spec, {}, better.settings)[2] == list(better.findings)


def test_a_run_that_has_the_fewest_switches_comes_back_as_it_was() -> None:
    spec, example = example_of("concurrency/restart_race")
    assert example.shown is None
    assert shown(spec, example) is example


def test_limit_a_run_in_which_a_message_is_lost_is_shown_as_it_replays() -> None:
    async def main() -> None:
        me = self_()
        for _ in range(2):
            spawn(says, spawn(hears, me, 1), 1)
        await receive("done")
        await receive("done")

    verdict = check(
        Spec("lost", main, faults=("drop",)), {}, strategy="portfolio", network="cluster", faults=1
    )
    assert verdict.counterexample is not None
    assert any("drop" in pick for _, pick in verdict.counterexample.settings.picks)
    assert verdict.counterexample.shown is None


def test_limit_a_long_run_is_shown_as_it_replays() -> None:
    async def main() -> None:
        me = self_()
        for _ in range(2):
            spawn(hears, me, 1)
            spawn(says, spawn(hears, me, 260), *range(260))
        await receive("done")
        await receive("done")
        raise Exit("failed")

    example = check(of(main), {}, budget=Budget(runs=1)).counterexample
    assert example is not None
    assert example.transitions > TRANSITIONS_MAX
    assert example.shown is None


# --- What is said ------------------------------------------------------------------------------


def shown_of_the_philosophers(folder: Path) -> tuple[Counterexample, Evidence]:
    path = str(ROOT / "specs" / "concurrency" / "philosophers.py")
    spec, example = example_of("concurrency/philosophers")
    return example, gather(path, spec, example, "", folder)


def test_the_two_that_race_are_named_as_the_shown_run_has_them(tmp_path: Path) -> None:
    example, evidence = shown_of_the_philosophers(tmp_path)
    lines = list(violation(example, evidence))
    assert any("drawn with 11 context switches instead of 13" in line for line in lines)
    raced = next(line for line in lines if "rule 1.8" in line)
    assert (
        "philosopher 2 → Fork 2  call 'take', before philosopher 1 → Fork 2  call 'take'" in raced
    )
    step = int(raced.split()[2])
    assert evidence.events[[e.get("n") for e in evidence.events].index(step)]["e"] == "send"


def test_the_trace_is_of_the_shown_run_and_the_blob_of_the_one_that_replays(tmp_path: Path) -> None:
    example, evidence = shown_of_the_philosophers(tmp_path)
    trace = read(evidence.trace)
    assert example.shown is not None
    assert trace.settings == example.shown.settings
    assert parse(evidence.blob).settings == example.settings
    case = case_of(trace)
    assert case.settings == example.settings  # its distance is the one to be told
    assert case.reel is not None
    assert case.reel.other is not None
    assert case.reel.other.turn == example.shown.turn


@pytest.mark.parametrize("damage", [7, {}, {"of": 1, "turn": 2}, {"of": {}, "turn": {"x": 1}}])
def test_a_trace_whose_order_is_told_wrongly_is_shown_without(tmp_path: Path, damage: Any) -> None:
    _, evidence = shown_of_the_philosophers(tmp_path)
    first, _, rest = Path(evidence.trace).read_text("utf-8").partition("\n")
    header = {**json.loads(first), "shown": damage}
    Path(evidence.trace).write_text(f"{json.dumps(header)}\n{rest}", "utf-8")
    case = case_of(read(evidence.trace))
    assert case.reel is not None
    assert case.reel.other is None
    assert case.findings


def test_a_reference_in_a_message_is_the_same_in_every_order() -> None:
    async def main() -> None:
        me = self_()
        for _ in range(2):
            spawn(says, spawn(hears, me, 2), make_ref(), make_ref())
        await receive("done")
        await receive("done")
        raise Exit("failed")

    example = check(of(main), {}, budget=Budget(runs=3)).counterexample
    assert example is not None
    the_same_is_shown(of(main), example)
