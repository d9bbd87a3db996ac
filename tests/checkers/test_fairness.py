"""Fair rounds: what a lasso is, and a watchdog whose heart beats for ever."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.breadth import Breadth
from checkers.check import Budget, check
from checkers.fairness import Actors
from checkers.graph import StateGraph
from checkers.liveness import Lasso, lasso
from checkers.search import Plan
from simkernel import (
    again,
    cancel_timer,
    eventually,
    receive,
    register,
    self_,
    send,
    send_after,
    spawn,
    spec,
)
from simkernel.spec import of

# --- Small graphs, against all rounds ------------------------------------------------------------

Arc = tuple[int, str, int]
ARCS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.integers(0, 4)),
    max_size=10, unique=True,
)  # fmt: skip


def graph_of(arcs: list[Arc]) -> StateGraph:
    """Make a graph of five states in which each edge is its own label."""
    graph = StateGraph(complete=True)
    graph.edges = [[(arc, arc[2]) for arc in arcs if arc[0] == state] for state in range(5)]
    graph.came = [None, *[(0, "a")] * 4]
    return graph


def is_fair(arcs: list[Arc], states: set[int], goes: list[Arc], *, strong: bool) -> bool:
    """Tell whether a round through these states, by these edges, owes nobody anything."""
    able = [{who for a, who, _ in arcs if a == state} for state in states]
    owing = set.union(*able) if strong else set.intersection(*able)
    return owing <= {who for _, who, _ in goes}


def fair_rounds(arcs: list[Arc], *, strong: bool) -> list[set[int]]:
    """Give the sets of states that a fair round can go through, by trying all sets."""
    found = []
    for size in range(1, 6):
        for states in map(set, combinations(range(5), size)):
            inner = [arc for arc in arcs if arc[0] in states and arc[2] in states]
            ways = networkx.DiGraph([(a, b) for a, _, b in inner])
            if set(ways) == states and networkx.is_strongly_connected(ways):
                found += [states] if is_fair(arcs, states, inner, strong=strong) else []
    return found


def found_in(arcs: list[Arc], *, strong: bool) -> Lasso | None:
    graph = graph_of(arcs)
    return lasso(
        graph, eventually(lambda state: False), lambda state, asked: bool(asked(state)),
        actors=Actors(graph, lambda arc: arc[1], strong=strong), stays=False,
    )  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(ARCS, st.booleans())
def test_what_is_found_is_a_way_from_the_start_and_a_fair_round(
    arcs: list[Arc], strong: bool
) -> None:
    """And it is found exactly if some set of states has a fair round that can be reached."""
    ways = networkx.DiGraph([(a, b) for a, _, b in arcs])
    ways.add_node(0)
    near = {0, *networkx.descendants(ways, 0)}
    found = found_in(arcs, strong=strong)
    expected = [states for states in fair_rounds(arcs, strong=strong) if near >= states]
    assert (found is not None) == bool(expected)
    if found is None:
        return
    at = 0
    for (start, who, to), state in zip((*found.stem, *found.cycle), found.states, strict=True):
        assert (start, state) == (at, to)
        assert (start, who, to) in arcs
        at = to
    assert found.cycle
    assert at == found.cycle[0][0]
    states = {start for start, _, _ in found.cycle}
    assert is_fair(arcs, states, list(found.cycle), strong=strong)


def test_a_round_that_leaves_somebody_out_now_and_then_is_only_weakly_fair() -> None:
    """In 2 `c` can act, so that a round has to go by 0; and there `b` could leave for good."""
    arcs = [(0, "a", 1), (1, "a", 2), (2, "a", 1), (2, "c", 0), (0, "b", 3)]
    assert found_in(arcs, strong=False) is not None
    assert found_in(arcs, strong=True) is None


def test_a_strongly_fair_round_may_lie_among_those_in_which_somebody_cannot_act() -> None:
    """From 0 `b` could leave; 1 and 2 go round without him."""
    arcs = [(0, "a", 1), (1, "a", 2), (2, "a", 1), (2, "a", 0), (0, "b", 3)]
    assert found_in(arcs, strong=True) == Lasso(
        ((0, "a", 1),), ((1, "a", 2), (2, "a", 1)), (1, 2, 1)
    )


# --- Machines ------------------------------------------------------------------------------------


async def heart(watchdog: Any) -> Any:
    send(watchdog, "beat")
    await receive("go on", idle=True)
    return again(heart, watchdog)


async def watchdog(heart: Any, gives_up: bool) -> Any:
    """Wait for a beat, and no longer than a timer allows; each beat sets another."""
    late = send_after(self_(), "late", 100)
    if await receive("beat", "late") == "beat" and await cancel_timer(late) is not False:
        send(heart, "go on")
        return again(watchdog, heart, gives_up)
    if gives_up:
        await register(self_(), "alarm")
        return await receive("never", idle=True)
    await receive("beat", "late")
    send(heart, "go on")
    return again(watchdog, heart, gives_up)


async def watches(gives_up: bool = True) -> Any:
    return again(watchdog, spawn(heart, self_()), gives_up)


def watched(fairness: str) -> Any:
    rings = {"it rings": eventually(lambda world: world.whereis("alarm") is not None)}
    return of(spec(properties=rings, fairness=fairness)(watches))


def verdict(fairness: str, *, gives_up: bool) -> Any:
    return check(
        watched(fairness), {"gives_up": gives_up}, strategy="bfs", time="any",
        budget=Budget(seconds=1e9),
    )  # fmt: skip


def round_of(fairness: str, *, gives_up: bool) -> tuple[list[str], list[str]]:
    """Give the way into the round of the search, and the round."""
    search = Breadth(Plan(watched(fairness), {"gives_up": gives_up}))
    for run, _ in search.ends(lambda share: ""):
        if run.round:
            names = [str(transition) for transition, *_ in search._path]
            start = int(run.round[0].text.split()[-2])  # … from step N on
            return names[:start], names[start:]
    raise AssertionError("no round was found")


def test_a_timer_that_is_set_anew_for_ever_never_comes_unless_fairness_is_strong() -> None:
    weak = verdict("weak", gives_up=True)
    assert weak.word == "Violated"
    strong = verdict("strong", gives_up=True)
    assert (strong.word, strong.complete) == ("Held", True)
    _, cycle = round_of("weak", gives_up=True)
    assert not [name for name in cycle if name.startswith("fire")]


def test_a_strongly_fair_round_has_everybody_act_who_can() -> None:
    """The timer comes in it, and is set again: the round is of timers with other names."""
    assert verdict("strong", gives_up=False).word == "Violated"
    stem, cycle = round_of("strong", gives_up=False)
    assert stem == ["start <root>", "do <root>", "start <root.1>"]
    assert len({name for name in cycle if name.startswith("fire #ref<root/")}) >= 1
    for kind in ("do <root>", "take <root>", "do <root.1>", "take <root.1>", "handle <root>"):
        assert kind in cycle


@pytest.mark.parametrize("fairness", ["weak", "strong"])
def test_a_round_is_a_run_of_the_machine(fairness: str) -> None:
    """In the second round timers have other names than those that the search met first."""
    stem, cycle = round_of(fairness, gives_up=False)
    m = watched(fairness).machine({"gives_up": False}, Plan(watched(fairness), {}).recorded())
    m.checking = True
    for name in (*stem, *cycle):
        (transition,) = (one for one in m.enabled() if str(one) == name)
        m.apply(transition)
    m.close()
