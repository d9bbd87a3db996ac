"""Fairness of who has several names: situations are merged whatever the names in them are.

Each verdict is argued for in the words of the true runs, in which whoever is spawned is a process
of its own: one that has ended owes nothing, and one that could act for ever and never does is
treated unfairly.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checkers.breadth
from checkers.breadth import Breadth, Situations
from checkers.check import Budget, check
from checkers.heirs import Retraced, actor
from checkers.liveness import Lasso, lasso
from checkers.search import Plan
from checkers.spread import Move
from simkernel import (
    ANY,
    GenServer,
    NoReply,
    Ok,
    Stop,
    Supervisor,
    again,
    cancel_timer,
    choose,
    ets,
    eventually,
    monitor,
    pin,
    receive,
    self_,
    send,
    send_after,
    spawn,
    spec,
)
from simkernel import exit as exit_signal
from simkernel.kernel.machine import Transition
from simkernel.spec import Spec, of
from tests.checkers import endless
from tests.checkers.endless import has_rung, idles, rings
from tests.checkers.renamed import Arc, actors_of, arcs, graph_of, is_fair, rounds

BOTH = pytest.mark.parametrize("fairness", ["weak", "strong"])


def declared(main: Any, fairness: str) -> Any:
    return of(spec(properties={"it rings": eventually(has_rung)}, fairness=fairness)(main))


def verdict(main: Any, fairness: str, **given: Any) -> str:
    """Give the verdict; of a violation it is known that nothing but the property failed."""
    got = check(
        declared(main, fairness), given, strategy="bfs", time="any", budget=Budget(seconds=1e9)
    )
    assert got.complete
    if got.word == "Violated":
        (found,) = got.counterexample.findings
        assert found.text.startswith("it rings: never fulfilled in a run that goes round from")
    return str(got.word)


async def table() -> None:
    await ets.new("table", access="public", named=True)


# --- Small graphs, against all rounds ------------------------------------------------------------


def found_in(given: list[Arc], *, strong: bool) -> Lasso | None:
    graph = graph_of(given)
    return lasso(
        graph, eventually(lambda state: False), lambda state, asked: bool(asked(state)),
        actors=actors_of(graph, strong=strong), stays=False,
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(arcs(), max_size=6), st.booleans())
def test_a_round_is_found_if_there_is_one_that_is_fair_to_every_person(
    some: list[Arc], strong: bool
) -> None:
    found = found_in(some, strong=strong)
    if found is not None:
        at = 0
        for arc, state in zip((*found.stem, *found.cycle), found.states, strict=True):
            assert (arc.start, arc.to) == (at, state)
            at = state
        assert at == found.cycle[0].start
        assert is_fair(some, list(found.cycle), strong=strong)
        return
    assert not [one for one in rounds(some, 5) if is_fair(some, one, strong=strong)]


# --- Who is who ----------------------------------------------------------------------------------


def renamed(move: Transition, called: dict[Any, Any]) -> Transition:
    who = move.who
    if type(who) is tuple:
        return Transition(move.kind, tuple(called.get(one, one) for one in who), move.way)
    return Transition(move.kind, called[who], move.way)


def tells_apart(declared: Spec, network: str = "node", most: int = 1_500) -> int:
    """Let whoever comes to a known situation under other names do all that he can do there.

    By the names that are told for his it is what can be done in that situation, and leads to the
    same ones. Gives how many edges were looked at.
    """
    plan = Plan(declared, {}, network, time="any")
    situations = Situations(plan.judged(plan.recorded(), snapshots=True), called=True)
    ways: dict[bytes, dict[Transition, bytes]] = {}
    names: dict[bytes, Any] = {}
    others: dict[tuple[bytes, Any], Any] = {}
    (first,) = situations.initial()
    names[situations.key(first)] = situations.names()
    nodes = [(situations.key(first), first)]
    for key, node in nodes:
        ways[key] = {}
        for move in situations.leave(node):
            to = ways[key][move.transition] = situations.key(node)
            if to not in names:
                names[to] = move.names
                nodes.append((to, situations.run.snapshot()))
            elif names[to] != move.names and len(others) < 400:
                others.setdefault((to, move.names), situations.run.snapshot())
        if len(nodes) > most:
            break
    edges = 0
    for (key, told), node in others.items():
        if key in ways:
            called = dict(zip(told, names[key], strict=True))
            led = {
                renamed(move.transition, called): situations.key(node)
                for move in situations.leave(node)
            }
            assert led == ways[key]
            edges += len(led)
    return edges


@pytest.mark.parametrize("network", ["node", "cluster"])
def test_names_stand_for_the_same_in_all_situations_of_one_fingerprint(network: str) -> None:
    edges = [tells_apart(endless.program(endless.drawn(number), tagged=False, fairness="weak"),
                         network) for number in (1, 4, 7, 9)]  # fmt: skip
    assert min(edges) > 100


def unfair(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> set[Any] | None:
    """Go the round of a search again and again; give who is treated unfairly in the last rounds.

    Here everybody has the name that he has in the machine, for all his life; None is no round.
    """
    rounds_: list[Lasso] = []
    monkeypatch.setattr(Breadth, "_gone_round", lambda search, name, one: rounds_.append(one))
    plan = Plan(spec, {}, time="any")
    search = Breadth(plan)
    for _ in search.ends(lambda share: ""):
        pass
    if not rounds_:
        return None
    found = rounds_[0]
    run = plan.judged(plan.recorded(), snapshots=True)
    situations, retraced = Situations(run, called=True), Retraced(search._heirs)
    moves = list(zip((*found.stem, *found.cycle), found.states, strict=True))
    stem, cycle = moves[: len(found.stem)], moves[len(found.stem) :]
    able: list[set[Any]] = []
    acted: set[Any] = set()
    for number, (move, state) in enumerate([*stem, *cycle * 12]):
        if number == len(stem) + 6 * len(cycle):
            able, acted, first = [], set(), set(run.m.processes)
        able.append({actor(Move(one, False)) for one in run.enabled()})
        transition = retraced.transition(move)
        acted.add(actor(Move(transition, False)))
        run.apply(transition)
        retraced.went(move, state, situations.names())
    living = first & set(run.m.processes)
    owing = set.union(*able) if spec.fairness == "strong" else set.intersection(*able)
    return {who for who in owing - acted if living >= set(who[1:])}


@BOTH
def test_a_round_that_is_found_is_fair_to_everybody_by_his_true_name(
    fairness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [declared(main, fairness) for main in (turns, helped)]
    made += [endless.program(endless.drawn(number, helpers=False), tagged=False, fairness=fairness)
             for number in (112, 115, 123, 244)]  # fmt: skip
    assert [unfair(spec, monkeypatch) for spec in made] == [set()] * len(made)


@pytest.mark.parametrize("number", [100, 109, 113, 115, 121, 123, 125, 244])
def test_two_alike_are_treated_as_two_who_are_told_apart(number: int) -> None:
    """Told apart, each has one name everywhere; else situations in which they differ are merged."""
    ops = endless.drawn(number, helpers=False)
    for fairness in ("weak", "strong"):
        words, sizes = [], []
        for tagged in (False, True):
            made = endless.program(ops, tagged=tagged, fairness=fairness)
            got = check(made, {}, strategy="bfs", time="any", budget=Budget(seconds=1e9))
            assert got.complete
            words.append(got.word)
            sizes.append(got.searched.situations or 0)
        assert words[0] == words[1]
        assert sizes[0] < sizes[1]


# --- Two who take turns --------------------------------------------------------------------------


async def player(other: Any) -> Any:
    """Hand the turn on to the other, and go on at once; ring if it is not one's turn."""
    if await ets.lookup_element("table", "turn", 2) != self_():
        await rings()
        return again(idles)
    await ets.insert("table", ("turn", other))
    return again(player, other)


async def plays() -> Any:
    return again(player, await receive(ANY))


async def deals() -> None:
    """Start two, and end: nobody else knows their names."""
    one, other = spawn(plays), spawn(plays)
    await ets.insert("table", ("turn", one))
    send(one, other)
    send(other, one)


async def turns() -> Any:
    await table()
    spawn(deals)
    return again(idles)


@BOTH
def test_two_who_change_places_both_act_though_one_of_the_names_never_does(fairness: str) -> None:
    """If each reads only when it has the turn nobody rings: one reads and writes, then the other.

    Both act again and again. In the graph the situation after a write is the one before the read
    with the names changed: who has the turn acts, and the other name could and never does.
    """
    assert verdict(turns, fairness) == "Violated"


# --- One who goes round, and one who does not begin ----------------------------------------------


async def walker(place: int) -> Any:
    """Go from place 1 to 2 and back for ever, once one has left place 0 or 3."""
    if place == 3 and await choose([True, False]):
        return again(walker, 0)
    if place in (0, 3) and await ets.update_counter("table", "left", 1) == 2:
        await rings()
    to = 1 if place in (0, 2) else 2
    await ets.insert("table", ("at", to))
    return again(walker, to)


async def walks() -> Any:
    return again(walker, await receive(ANY))


async def begins() -> None:
    for place in (0, 3):
        send(spawn(walks), place)


async def walkers() -> Any:
    await table()
    await ets.insert("table", ("left", 0))
    await ets.insert("table", ("at", 1))
    spawn(begins)
    return again(idles)


@BOTH
def test_who_never_acts_under_either_of_two_names_is_treated_unfairly(fairness: str) -> None:
    """Who is in place 0 can leave it at any time, so that both leave, and it rings.

    A search comes first to "one in 1, the other in 0" when the elder walks, and to "one in 2, the
    other in 0" when the younger does: going round between them each of the names acts.
    """
    assert verdict(walkers, fairness) == "Held"


# --- A server with helpers -----------------------------------------------------------------------


async def helper() -> Any:
    """Ring when a timer comes; end when one is told to, and cancel it, or ring if it had come."""
    bell = send_after(self_(), "late", 10)
    if await receive("stop", "late") == "late":
        await rings()
        await receive("stop")
    elif await cancel_timer(bell) is False:
        await rings()


async def server(old: Any, keeps: bool) -> Any:
    """Have a helper, and in each round another one for a while; the older one is kept or not."""
    new = spawn(helper)
    kept, dropped = (old, new) if keeps else (new, old)
    gone = monitor(dropped)
    send(dropped, "stop")
    await receive(("DOWN", pin(gone), ANY, ANY, ANY))
    return again(server, kept, keeps)


async def helped(keeps: bool = False) -> Any:
    await table()
    return again(server, spawn(helper), keeps)


@BOTH
def test_who_ends_before_his_timer_comes_owes_nothing(fairness: str) -> None:
    """Each helper's timer can come for a while only: none could come again and again.

    In the graph the helpers of all rounds have a few names, and the timer of each could.
    """
    assert verdict(helped, fairness) == "Violated"


@BOTH
def test_a_timer_that_could_always_come_and_never_does_is_treated_unfairly(fairness: str) -> None:
    """The first helper lives for ever, and its timer could come at any time; others end."""
    assert verdict(helped, fairness, keeps=True) == "Held"


async def killer(old: Any) -> Any:
    new = spawn(idles)
    gone = monitor(old)
    exit_signal(old, "kill")
    await receive(("DOWN", pin(gone), ANY, ANY, ANY))
    return again(killer, new)


async def kills() -> Any:
    await table()
    return again(killer, spawn(idles))


@BOTH
def test_a_round_may_have_a_death_by_a_signal(fairness: str) -> None:
    """Of those only what explains a crash is remembered, and here nobody crashes."""
    assert verdict(kills, fairness) == "Violated"


def test_several_workers_find_the_round_that_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkers.breadth, "WIDE", 3)
    found = []
    for workers in (1, 2):
        got = check(
            declared(helped, "strong"), {}, strategy="bfs", time="any", workers=workers,
            budget=Budget(seconds=1e9),
        )  # fmt: skip
        assert got.counterexample is not None
        found.append((got.counterexample.settings.picks, got.searched.situations))
    assert found[0] == found[1]


# --- A supervisor that starts a child again and again --------------------------------------------


class Ends(GenServer):
    """Ends by itself after a while, so that it is started again."""

    def init(self, argument: Any) -> Any:
        send_after(self_(), "end", 2_000)
        return Ok(None)

    def handle_info(self, message: Any, state: Any) -> Any:
        return Stop("normal", state)


class Crashes(Ends):
    """Crashes in place of that."""

    def handle_info(self, message: Any, state: Any) -> Any:
        return Stop("boom", state)


class Rings(GenServer):
    """Rings when it comes to it."""

    def init(self, argument: Any) -> Any:
        send(self_(), "ring")
        return Ok(None)

    async def handle_info(self, message: Any, state: Any) -> Any:
        await rings()
        return NoReply(state)


async def crashing(sibling: bool = True) -> Any:
    return again(supervised, sibling, Crashes)


async def supervised(sibling: bool = True, child: type[GenServer] = Ends) -> Any:
    await table()
    children = [(child, None), (Rings, None)] if sibling else [(child, None)]
    await Supervisor.start_link(children, strategy="one_for_one", max_restarts=1, max_seconds=1)
    return again(idles)


@BOTH
def test_a_sibling_acts_while_a_child_is_started_again_for_ever(fairness: str) -> None:
    assert verdict(supervised, fairness) == "Held"


@BOTH
def test_a_child_is_started_again_for_ever(fairness: str) -> None:
    """Each child, and its timer, act; a round is one life of a child."""
    assert verdict(supervised, fairness, sibling=False) == "Violated"


@BOTH
def test_a_child_may_crash_in_each_round(fairness: str) -> None:
    """Its supervisor is told; which of the children it was is forgotten."""
    assert verdict(crashing, fairness) == "Held"
    assert verdict(crashing, fairness, sibling=False) == "Violated"
