"""Faults: crashes at any point, messages lost, doubled and delayed; within a budget."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.dfs import Dfs
from checkers.evidence import gather
from checkers.explore import outcome
from checkers.judged import Judged, judged_run
from checkers.search import Plan
from checkers.strategies import strategy
from reports.violation import violation
from simkernel import (
    ANY,
    TIMEOUT,
    ChildSpec,
    Exit,
    GenServer,
    Pid,
    Reply,
    Supervisor,
    ets,
    log,
    monitor,
    receive,
    register,
    self_,
    send,
    sleep,
    spawn,
)
from simkernel.errors import UsageError
from simkernel.settings import Settings
from simkernel.spec import of, spec
from simkernel.terms import thaw
from tests.checkers import crashing


def verdict(main: Any, strategy: str = "dfs", faults: int = 1, **options: Any) -> Any:
    """Check a function with faults."""
    budget = Budget(runs=options.pop("runs", 400), seconds=1e9, effects=3_000)
    return check(of(main), {}, strategy=strategy, faults=faults, budget=budget, **options)


def returned(main: Any, faults: int, network: str = "node", name: str = "dfs") -> set[str]:
    """Give what main returns in all runs with so many faults, or fewer."""
    search = strategy(name, Plan(of(main), {}, network, runs=2_000, faults=faults))
    found = {outcome(run.m).returned for run, _ in search.ends(lambda share: "")}
    assert name != "dfs" or not search.cut
    return found


# --- Crashes -------------------------------------------------------------------------------------


async def two_words(main: Any) -> None:
    send(main, "a")
    send(main, "b")


async def hears() -> str:
    monitor(spawn(two_words, self_()))
    heard = ""
    while type(word := await receive()) is str:
        heard += word
    return heard


@pytest.mark.parametrize("network", ["node", "cluster"])
def test_a_crash_cuts_a_step_after_any_of_its_effects(network: str) -> None:
    everything = {"''", "'a'", "'ab'"}
    usual = returned(hears, 0, network)
    with_drops = {"'b'", "'aab'", "'abb'", "'ba'"} if network == "cluster" else set()
    assert usual <= {"''", "'ab'"}
    assert "'a'" not in usual
    assert returned(hears, 1, network) >= everything | with_drops


@spec(faults=("crash",))
async def hears_through_crashes_alone() -> str:
    return await hears()


def test_kinds_of_faults_can_be_chosen() -> None:
    assert returned(hears_through_crashes_alone, 1, "cluster") == {"''", "'a'", "'ab'"}


@pytest.mark.parametrize("name", ["walk", "pct", "pos", "surw"])
def test_every_random_strategy_loses_and_doubles_messages(name: str) -> None:
    assert {"'b'", "'aab'"} <= returned(hears, 1, "cluster", name)


@pytest.mark.parametrize("name", ["walk", "pct", "pos", "surw", "portfolio", "delay"])
def test_every_strategy_crashes_and_shows_nothing_that_dfs_does_not(name: str) -> None:
    found = returned(hears, 1, name=name)
    assert found <= returned(hears, 1)
    assert "'a'" in found


async def hears_two() -> tuple[Any, ...]:
    monitor(spawn(two_words, self_()))
    monitor(spawn(two_words, self_()))
    words, downs = [], 0
    while downs < 2:
        word = await receive()
        if type(word) is str:
            words.append(word)
        else:
            downs += 1
    return tuple(sorted(words))


@pytest.mark.long
def test_the_budget_bounds_how_many_crash() -> None:
    nobody = returned(hears_two, 0)
    one, two = returned(hears_two, 1), returned(hears_two, 2)
    assert nobody < one < two
    assert "('a', 'a')" in two - one  # each of them crashed between its words


async def fails_if_both_are_cut() -> None:
    assert await hears_two() != ("a", "a")


@pytest.mark.long
def test_the_fewest_faults_are_found_first_and_named() -> None:
    one = verdict(fails_if_both_are_cut, faults=1)
    assert (one.word, one.complete) == ("Held", True)
    assert "with up to 1 fault" in one.sentence
    assert "faults: tried with up to 1 of 1" in one.notes
    three = verdict(fails_if_both_are_cut, faults=3)
    assert three.word == "Violated"
    assert "faults: found with at most 2 of 3" in three.notes
    crashes = [pick for _, pick in three.counterexample.settings.picks if pick.startswith("crash")]
    assert len(crashes) == 2


def test_a_counterexample_names_its_faults_and_comes_again(tmp_path: Path) -> None:
    found = verdict(fails_if_both_are_cut, "portfolio", faults=2, runs=900).counterexample
    assert found is not None
    _, ended, again = judged_run(of(fails_if_both_are_cut), {}, found.settings)
    assert (tuple(again), ended) == (found.findings, found.ended)
    evidence = gather("x", of(fails_if_both_are_cut), found, "", tmp_path)
    lines = "\n".join(violation(found, evidence))
    assert sum(event["e"] == "crash" for event in evidence.events) == 2
    assert "crashes: a fault" in lines
    assert Settings.from_json(found.settings.to_json()) == found.settings


def test_without_a_budget_there_are_none_and_the_default_schedule_has_none() -> None:
    m = of(hears).machine({}, Settings(faults=2))
    while options := m.enabled():
        assert options[0].kind != "crash"
        m.apply(options[0])
    assert m.faults is not None
    assert m.faults.left == 2


@pytest.mark.parametrize("name", ["rf", "dpor"])
@pytest.mark.parametrize("faults", [0, 1, 2])
def test_a_search_of_classes_places_crashes_everywhere(name: str, faults: int) -> None:
    assert returned(hears, faults, name=name) == returned(hears, faults)


@pytest.mark.parametrize("name", ["rf", "dpor"])
def test_a_search_of_classes_loses_no_messages(name: str) -> None:
    with pytest.raises(UsageError, match="crashes alone"):
        verdict(hears, name, network="cluster")
    assert returned(hears_through_crashes_alone, 1, "cluster", name) == {"''", "'a'", "'ab'"}


@pytest.mark.parametrize("part", range(2))
def test_random_programs_that_crash_have_the_outcomes_of_plain_search(part: int) -> None:
    """`python -m tests.checkers.crashing --cases 1000 --crashes 2` looks at more."""
    tally: Counter[str] = Counter()
    numbers = range(100 * part, 100 * (part + 1))
    assert [text for number in numbers for text in crashing.wrong(number, tally)] == []
    assert tally["programs"] >= 30
    assert tally["more outcomes than without"] == tally["programs"]
    assert not tally["rf cut"] + tally["dpor cut"] + tally["too large"]


@pytest.mark.slow
def test_random_programs_in_which_two_crash_have_the_outcomes_of_plain_search() -> None:
    tally: Counter[str] = Counter()
    assert [text for number in range(60) for text in crashing.wrong(number, tally, 2)] == []
    assert tally["programs"] >= 15


def test_auto_makes_classes_where_processes_crash() -> None:
    notes = verdict(hears, "auto").notes
    assert "auto picked rf, because one run of every class is enough" in notes


def test_auto_searches_situations_where_messages_are_lost() -> None:
    notes = verdict(hears, "auto", network="cluster").notes
    assert "auto picked dfs, because messages may be lost in every situation" in notes


async def named_words(main: Any) -> None:
    await register(self_(), "speaker")
    await two_words(main)


@spec(victims=("somebody else",))
async def nobody_may_crash() -> str:
    return await hears()


@spec(victims=(two_words,))
async def the_speaker_may_crash() -> str:
    return await hears()


def test_victims_can_be_chosen() -> None:
    assert returned(nobody_may_crash, 1) == returned(hears, 0)
    assert returned(the_speaker_may_crash, 1) == returned(hears, 1)


# --- What a crash after the effect and before the answer does ------------------------------------


class Ledger(GenServer):
    """Books a sum in a table that outlives it, then answers."""

    async def handle_call(self, request: Any, caller: Any, table: Any) -> Any:
        match request:
            case ("book", key):
                await ets.update_counter(table, "sum", 1)
                return Reply("ok", table)
            case ("book once", key):
                if await ets.insert_new(table, (key, "booked")):
                    await ets.update_counter(table, "sum", 1)
                return Reply("ok", table)


async def started(table: Any) -> Any:
    return await GenServer.start_link(Ledger, table, name="ledger")


async def books(request: str) -> int:
    table = await ets.new("accounts", access="public")
    await ets.insert(table, ("sum", 0))
    child = ChildSpec(id="ledger", start=(started, (table,)))
    await Supervisor.start_link([child], strategy="one_for_one")
    ref = spawn(retries, self_(), request)
    await receive(("booked", ref))
    return await ets.lookup_element(table, "sum", 2)


async def retries(main: Any, request: str) -> None:
    for _ in range(5):
        try:
            await GenServer.call("ledger", (request, 1), timeout=None)
        except Exit:
            await sleep(10)
        else:
            send(main, ("booked", self_()))
            return


@spec(victims=("ledger",))
async def booked_twice() -> None:
    assert await books("book") == 1


@spec(victims=("ledger",))
async def booked_at_most_once() -> None:
    assert await books("book once") <= 1


@pytest.mark.parametrize("name", ["walk", "portfolio"])
def test_a_crash_after_the_effect_and_before_the_answer_is_found(name: str) -> None:
    found = verdict(booked_twice, name, runs=600)
    assert found.word == "Violated"
    assert "faults: found with at most 1 of 1" in found.notes
    assert found.counterexample.deviations == 1
    assert verdict(booked_at_most_once, name, runs=200).word == "Held"


# --- Messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("drop", {"''", "'a'", "'b'", "'ab'"}),
        ("duplicate", {"'aab'", "'abb'", "'ab'"}),
        ("delay", {"'ba'", "'ab'"}),
    ],
)
def test_each_kind_does_to_messages_what_it_says(kind: str, extra: set[str]) -> None:
    async def main() -> str:
        return await hears()

    declared = spec(faults=(kind,))(main)
    usual = returned(declared, 0, "cluster")
    assert returned(declared, 1, "cluster") - usual == extra - usual - {"''"}
    assert returned(declared, 1, "node") == returned(declared, 0, "node")


async def sends_one(main: Any) -> None:
    send(main, "only")


async def waits_for_one() -> None:
    spawn(sends_one, self_())
    await receive(ANY)


def test_a_lost_message_leaves_its_receiver_stuck_and_signals_are_never_lost() -> None:
    lossy = spec(faults=("drop",))(waits_for_one)
    found = verdict(lossy, network="cluster")
    assert {one.kind for one in found.counterexample.findings} == {"stuck"}
    assert [pick for _, pick in found.counterexample.settings.picks] == ["drop <root.1> <root>"]


# --- Partitions ----------------------------------------------------------------------------------


async def answers_twice() -> None:
    for _ in range(2):
        send(await receive(Pid), "pong")


async def asks() -> str:
    """Ask twice, the second time once the first has been answered or given up."""
    other = spawn(answers_twice)
    heard = ""
    for _ in range(2):
        send(other, self_())
        heard += "." if await receive("pong", after=100) is TIMEOUT else "!"
    return heard


@spec(faults=("partition",))
async def asks_across_partitions() -> str:
    return await asks()


def test_a_partition_loses_what_arrives_until_it_heals() -> None:
    """A message or the answer to it, or those of both questions; and all may come late."""
    usual = returned(asks, 0, "cluster")
    found = returned(asks_across_partitions, 1, "cluster")
    assert usual <= found
    assert {"'..'", "'.!'", "'!.'", "'!!'"} <= found


async def waits_for_a_peer() -> None:
    log("heard" if await receive("hello", after=50) is not TIMEOUT else "alone")


async def greets_both(peer: Any, main: Any) -> None:
    await receive("go")
    send(peer, "hello")
    send(main, "hello")


@spec(faults=("partition",))
async def speaks_with_two() -> str:
    peer = spawn(waits_for_a_peer)
    send(spawn(greets_both, peer, self_()), "go")
    heard = await receive("hello", after=100) is not TIMEOUT
    await sleep(100)
    return "heard" if heard else "alone"


@pytest.mark.parametrize(
    ("apart", "expected"),
    [
        ((), ("heard", "heard")),
        (("<root.1>",), ("alone", "heard")),
        (("<root.2>",), ("alone", "alone")),
        (("<root.1>", "<root.2>"), ("heard", "alone")),
    ],
)
def test_a_partition_has_two_sides(apart: tuple[str, ...], expected: tuple[str, str]) -> None:
    m = of(speaks_with_two).machine({}, Settings(network="cluster", faults=2))
    while (step := m.enabled()[0]) and str(step) != "take <root.2>":
        m.apply(step)
    for pid in apart:
        m.apply(next(t for t in m.enabled() if str(t) == f"partition {pid}"))
    while options := m.enabled():
        m.apply(options[0])
    assert (*map(thaw, m.logged), thaw(m.returned)) == expected


@spec(faults=("partition",))
async def is_patient() -> str:
    """Nothing else can go wrong here: without a fault both are heard."""
    other = spawn(answers_twice)
    heard = ""
    for _ in range(2):
        send(other, self_())
        heard += await receive("pong", idle=True) and "!"
    return heard


def test_on_one_node_there_is_no_partition() -> None:
    assert returned(is_patient, 1, "node") == {"'!!'"}
    assert len(returned(is_patient, 1, "cluster")) > 1


def test_it_heals_without_a_fault_of_its_own() -> None:
    m = of(asks_across_partitions).machine({}, Settings(network="cluster", faults=1))
    kinds = []
    while options := m.enabled():
        faults = [option for option in options if option.kind in ("partition", "heal")]
        kinds += [option.kind for option in faults[:1] if option.kind not in kinds[-1:]]
        m.apply(faults[0] if faults else options[0])
    assert kinds == ["partition", "heal"]
    assert m.faults is not None
    assert m.faults.standing == (0, ())


def test_merging_keeps_apart_who_is_cut_off() -> None:
    spec_of = of(asks_across_partitions)

    def outcomes(merge: bool) -> set[Any]:
        settings = Settings(network="cluster", faults=1, time="any")
        run = Judged(spec_of, {}, settings, snapshots=True)
        search = Dfs(run, merge=merge, history=run.history)
        ends = search.leaves(lambda: search.transitions > 40_000)
        found = {outcome(run.m).returned for _ in ends}
        assert not (merge and search.cut)
        return found

    assert outcomes(False) <= outcomes(True)


@pytest.mark.parametrize("name", ["walk", "pct", "pos", "surw"])
def test_random_strategies_cut_off_and_heal(name: str) -> None:
    search = strategy(name, Plan(of(asks_across_partitions), {}, "cluster", runs=400, faults=1))
    found = set()
    for run, _ in search.ends(lambda share: ""):
        found.add(outcome(run.m).returned)
    assert {"'.!'", "'!.'"} <= found


def test_a_partition_is_told_and_comes_again(tmp_path: Path) -> None:
    @spec(faults=("partition",), expect=("stuck",))
    async def hopes() -> None:
        assert await asks() != ".!", "the first was lost"

    found = verdict(hopes, "portfolio", network="cluster", runs=900).counterexample
    assert found is not None
    kinds = [pick.split()[0] for _, pick in found.settings.picks]
    assert "partition" in kinds
    evidence = gather("x", of(hopes), found, "", tmp_path)
    lines = "\n".join(violation(found, evidence))
    assert "is cut off from the others: a fault" in lines
    assert "does not get a message of main" in lines
