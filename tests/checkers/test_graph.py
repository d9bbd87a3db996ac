"""State graphs: counts that are known, shortest ways, and lassos against their meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers import ltl
from checkers.breadth import SURE
from checkers.check import Budget, check
from checkers.dfs import Dfs
from checkers.evidence import gather
from checkers.fairness import Actors
from checkers.graph import StateGraph, explored
from checkers.liveness import lasso
from checkers.search import Plan
from checkers.strategies import strategy
from simkernel import (
    Exit,
    GenServer,
    NoReply,
    Ok,
    always,
    choose,
    eventually,
    leads_to,
    log,
    receive,
    self_,
    spawn,
    spec,
)
from simkernel.errors import UsageError
from simkernel.kernel.process import AT_REST
from simkernel.spec import of
from tests.checkers.models import LostIncrement, TwoPhase
from tests.checkers.test_hunting import two_senders
from tests.checkers.test_properties import FORMULAS, WORLDS

# --- Counts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threads", "states", "orbits"),
    [(2, 13, 8), (3, 84, 22), (4, 755, 63), (5, 8_638, 184)],
)
def test_states_of_the_lost_increment(threads: int, states: int, orbits: int) -> None:
    graph = explored(LostIncrement(threads))
    assert (len(graph), graph.complete) == (states, True)
    assert len(explored(LostIncrement(threads, symmetric=True))) == orbits
    assert graph.networkx().number_of_edges() == graph.generated - 1


@pytest.mark.long
def test_states_of_the_lost_increment_of_six() -> None:
    assert len(explored(LostIncrement(6))) == 118_509
    assert len(explored(LostIncrement(6, symmetric=True))) == 539


@pytest.mark.parametrize(
    ("managers", "states", "generated", "depth", "orbits"),
    [(3, 288, 1_146, 11, 80), (4, 1_568, 8_258, 14, 166), (5, 8_832, 58_146, 17, 314)],
)
def test_states_of_two_phase_commit(
    managers: int, states: int, generated: int, depth: int, orbits: int
) -> None:
    graph = explored(TwoPhase(managers))
    assert (len(graph), graph.generated, graph.depth) == (states, generated, depth)
    assert len(explored(TwoPhase(managers, symmetric=True))) == orbits


# --- Lassos --------------------------------------------------------------------------------------


def holds(formula: Any, word: list[Any], loop: int, at: int = 0) -> bool:
    """Say what a formula means on a word whose part from `loop` on is repeated for ever."""
    later = list(range(at, len(word))) + (list(range(loop, at)) if at >= loop else [])
    after = at + 1 if at + 1 < len(word) else loop
    match formula:
        case ltl.Constant(value):
            return value
        case ltl.Now(predicate):
            return bool(predicate(word[at]))
        case ltl.Not(one):
            return not holds(one, word, loop, at)
        case ltl.And(several):
            return all(holds(one, word, loop, at) for one in several)
        case ltl.Or(several):
            return any(holds(one, word, loop, at) for one in several)
        case ltl.Next(one):
            return holds(one, word, loop, after)
        case ltl.Always(one):
            return all(holds(one, word, loop, place) for place in later)
        case ltl.Until(meanwhile, goal):
            for place in later:
                if holds(goal, word, loop, place):
                    return True
                if not holds(meanwhile, word, loop, place):
                    return False
            return False
    raise AssertionError(formula)


def graph_of(edges: list[tuple[int, int]], size: int) -> StateGraph:
    """Make a graph in which each edge is its own label."""
    graph = StateGraph(complete=True)
    graph.came = [None, *[(0, None)] * (size - 1)]
    graph.edges = [[((a, b), b) for a, b in edges if a == state] for state in range(size)]
    return graph


GRAPHS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=7, unique=True)
LABELS = st.lists(st.sampled_from(WORLDS), min_size=4, max_size=4)


def rounds(edges: list[tuple[int, int]]) -> list[tuple[list[int], int]]:
    """Give short lassos of a graph, from state 0 on: the states, and where the round begins."""
    found, paths = [], [[0]]
    while paths:
        path = paths.pop()
        ways = [b for a, b in edges if a == path[-1]]
        if not ways:
            found.append((path, len(path) - 1))
        for to in ways:
            found += [(path, at) for at, state in enumerate(path) if state == to]
            if len(path) < 6:
                paths.append([*path, to])
    return found


@settings(max_examples=150, deadline=None)
@given(FORMULAS, GRAPHS, LABELS)
def test_a_lasso_is_given_exactly_if_there_is_a_run_that_fails(
    formula: Any, edges: list[tuple[int, int]], worlds: list[Any]
) -> None:
    graph = graph_of(edges, 4)
    found = lasso(graph, formula, lambda state, asked: bool(asked(worlds[state])))
    if found is None:
        for states, loop in rounds(edges):
            assert holds(formula, [worlds[state] for state in states], loop)
        return
    labels = [*found.stem, *found.cycle]
    states = [0]
    for label in labels:
        states.append(states[-1] if label is None else label[1])
        assert label is None or label[0] == states[-2]
    loop = len(found.stem)
    assert states[-1] == states[loop]
    assert not holds(formula, [worlds[state] for state in states[:-1]], loop)


def test_a_lasso_is_fair() -> None:
    """State 0 spins by itself; somebody else could leave it at any time."""
    graph = StateGraph(complete=True)
    graph.came = [None, (0, "b")]
    graph.edges = [[("a", 0), ("b", 1)], []]
    leaves = eventually(lambda state: state == 1)

    def asked(state: int, predicate: Any) -> bool:
        return bool(predicate(state))

    assert lasso(graph, leaves, asked) is not None
    assert lasso(graph, leaves, asked, actors=Actors(graph, lambda label: label)) is None


# --- Machines ------------------------------------------------------------------------------------


def test_who_can_act_now_and_then_does_if_fairness_is_strong() -> None:
    """Somebody goes round between two states, and in one of them another could leave."""
    graph = StateGraph(complete=True)
    graph.came = [None, (0, "a"), (0, "b")]
    graph.edges = [[("a", 1), ("b", 2)], [("a", 0)], []]
    leaves = eventually(lambda state: state == 2)

    def found(strong: bool) -> Any:
        return lasso(
            graph,
            leaves,
            lambda state, asked: bool(asked(state)),
            actors=Actors(graph, str, strong=strong),
        )

    weak = found(False)
    assert weak is not None
    assert weak.cycle == ("a", "a")
    assert found(True) is None


def test_breadth_first_reaches_the_situations_that_depth_first_reaches() -> None:
    plan = Plan(of(two_senders), {})
    found = {}
    for name in ("bfs", "dfs"):
        search = strategy(name, plan)
        returned = {str(run.m.returned) for run, _ in search.ends(lambda share: "")}
        found[name] = (search.situations, search.runs, returned)
    run = plan.judged(plan.recorded(), snapshots=True)
    every = Dfs(run, history=run.history)
    returned = {str(run.m.returned) for _ in every.leaves()}
    assert found["bfs"] == (len(every.seen), every.runs, returned)
    # The strategy leaves out when messages are handled.
    assert found["bfs"][1:] == found["dfs"][1:]
    assert (found["bfs"][0], found["dfs"][0]) == (422, 244)


class Light(GenServer):
    """Turns itself on and off for ever, and can be told to stop."""

    def init(self, argument: Any) -> Any:
        GenServer.cast(self_(), "turn")
        return Ok("off")

    def handle_cast(self, request: Any, state: Any) -> Any:
        match request, state:
            case "turn", "broken":
                return NoReply("broken")
            case "turn", _:
                GenServer.cast(self_(), "turn")
                return NoReply("on" if state == "off" else "off")
            case "break", _:
                return NoReply("broken")


async def breaks(light: Any) -> None:
    GenServer.cast(light, "break")


async def a_light() -> None:
    await GenServer.start(Light, None, name="light")


async def a_light_that_breaks() -> None:
    _, light = await GenServer.start(Light, None, name="light")
    spawn(breaks, light)


def is_in(state: str) -> Any:
    return lambda world: world.state("light") == state


def verdict(main: Any, properties: dict[str, Any], fairness: str = "weak") -> Any:
    declared = of(spec(properties=properties, fairness=fairness)(main))
    return check(declared, {}, strategy="bfs", budget=Budget(seconds=1e9))


def test_a_run_without_end_that_never_fulfils_a_property_is_a_lasso(tmp_path: Path) -> None:
    bad = {"breaks": eventually(is_in("broken"))}
    got = verdict(a_light, bad)
    assert got.word == "Violated"
    (finding,) = got.counterexample.findings
    assert finding.text.startswith("breaks: never fulfilled in a run that goes round from step")
    evidence = gather("x", of(spec(properties=bad)(a_light)), got.counterexample, "", tmp_path)
    assert evidence.events


def test_there_are_two_kinds_of_fairness() -> None:
    with pytest.raises(UsageError, match="'fair' is no fairness"):
        of(spec(fairness="fair")(a_light))


def test_elsewhere_what_is_not_fulfilled_when_a_run_is_cut_is_suspected() -> None:
    bad = of(spec(properties={"breaks": eventually(is_in("broken"))})(a_light))
    got = check(bad, {}, strategy="walk", budget=Budget(runs=3, effects=200))
    assert got.word == "Inconclusive"
    assert "suspected: breaks, not fulfilled when a run was cut (bfs can tell)" in got.notes
    good = of(spec(properties={"lit": eventually(is_in("on"))})(a_light))
    cut = check(good, {}, strategy="walk", budget=Budget(runs=3, effects=200))
    assert not [note for note in cut.notes if note.startswith("suspected")]


def test_what_fairness_brings_about_holds() -> None:
    good = {
        "it turns on again": leads_to(is_in("off"), is_in("on")),
        "it turns off again": leads_to(is_in("on"), is_in("off")),
    }
    got = verdict(a_light, good)
    assert (got.word, got.complete) == ("Held", True)
    assert verdict(a_light_that_breaks, {"breaks": eventually(is_in("broken"))}).word == "Held"
    strong = verdict(a_light, good, "strong")
    assert (strong.word, got.notes) == ("Held", ("runs without end are weakly fair", SURE))
    assert strong.notes == ("runs without end are strongly fair", SURE)
    stays = {"stays": always(eventually(is_in("on")))}
    assert verdict(a_light_that_breaks, stays).word == "Violated"


@pytest.mark.parametrize("name", ["dfs", "bfs"])
def test_properties_see_the_states_of_processes_that_were_put_back(name: str) -> None:
    """A body that has been put back is rebuilt only once it goes on, or is looked at."""
    seen = set()

    def look(world: Any) -> bool:
        if world.alive("light"):
            seen.add((world.status("light"), world.state("light")))
        return True

    watched = spec(properties={"look": always(look)})(a_light_that_breaks)
    for _ in strategy(name, Plan(of(watched), {})).ends(lambda share: ""):
        pass
    assert {state for _, state in seen} >= {"off", "on", "broken"}
    # While it starts it has no state; whenever it waits it has one.
    assert {state for status, state in seen if status == "waiting"} == {"off", "on", "broken"}


async def dies_on_one_way_of_two() -> None:
    """It crashes first, and then others go on; on the other way nothing is wrong, and sooner."""
    spawn(waits_a_while)
    if await choose([True, False]):
        raise Exit("boom")


async def waits_a_while() -> None:
    await receive(after=5)
    log("awake")
    await receive(after=5)


@pytest.mark.parametrize("name", ["dfs", "bfs"])
def test_what_is_past_belongs_to_the_branch_that_a_search_goes_on_with(name: str) -> None:
    found = set()
    for run, ended in strategy(name, Plan(of(dies_on_one_way_of_two), {})).ends(lambda share: ""):
        kinds = tuple(finding.kind for finding in run.findings(ended))
        found.add((run.m.root.status == AT_REST, kinds, tuple(run.m.logged)))
    # Where main has returned, the run may end before the other wakes up, and may not.
    assert {one for one in found if not one[0]} == {(False, ("crash",), ("awake",))}
    assert {one[1] for one in found if one[0]} == {()}
