"""Searches of situations by several processes are those of one, `bfs` and `dfs`."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import checkers.breadth
import checkers.strategies
from checkers.breadth import Situations
from checkers.check import Budget, check
from checkers.dfs import Dfs, Walk
from checkers.graph import Search
from checkers.search import ANY_TIME, BOUNDED, Plan
from simkernel import ets, receive, spawn
from simkernel.spec import Spec, of
from tests.checkers.one_change import main_of, talk
from tests.checkers.test_checks_by_several import SOON, SPECS
from tests.checkers.test_workers import checked, comparable


@pytest.fixture
def early_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let others help from the first layers on."""
    monkeypatch.setattr(checkers.depth, "PROBE", 1)
    monkeypatch.setattr(checkers.breadth, "WIDE", 3)


def spoken(seed: int) -> Spec:
    """Give three random processes that send, receive and wait."""
    draw = random.Random(f"spread {seed}")
    bodies = talk(draw, draw.choice((5, 6, 7)))

    async def main() -> None:
        await main_of(bodies)
        assert seed % 3, "now and then main fails"

    return of(main)


def verdict(spec: Spec, strategy: str, network: str, workers: int, faults: int) -> Any:
    found = check(
        spec, {}, strategy=strategy, network=network, workers=workers, faults=faults,
        time="any" if faults else "bounded", budget=Budget(seconds=100, situations=6_000),
    )  # fmt: skip
    shown = found.counterexample
    return (
        found.word, found.complete, found.notes, found.searched.runs, found.searched.hits,
        found.searched.transitions, found.searched.situations, found.searched.why_stopped,
        shown and (shown.settings.picks, [one.text for one in shown.findings]),
    )  # fmt: skip


def agree(seed: int, strategy: str) -> Any:
    network, faults = ("node", "cluster")[seed % 2], int(seed % 4 == 3)
    spec = spoken(seed)
    one = verdict(spec, strategy, network, 1, faults)
    if "spent" not in one[7]:
        for workers in (2, 3):
            assert verdict(spec, strategy, network, workers, faults) == one, (seed, workers)
    return one


@pytest.mark.usefixtures("early_help")
@pytest.mark.parametrize("strategy", ["dfs", "bfs"])
def test_random_programs_are_searched_as_by_one(strategy: str) -> None:
    found = [agree(seed, strategy) for seed in range(8)]
    assert {"Held", "Violated"} <= {one[0] for one in found}
    assert sum(one[6] > 100 for one in found) >= 4


@pytest.mark.slow
@pytest.mark.usefixtures("early_help")
@pytest.mark.parametrize("strategy", ["dfs", "bfs"])
def test_more_random_programs_are_searched_as_by_one(strategy: str) -> None:
    for seed in range(100, 116):
        agree(seed, strategy)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("times", [ANY_TIME, BOUNDED])
def test_a_walk_through_the_graph_is_the_search_itself(times: str, early: bool) -> None:
    """Every end in the same order, by the same way."""
    transitions = 0
    for seed in range(8):
        plan = Plan(spoken(seed), {}, ("node", "cluster")[seed % 2], time=times)
        again = Search(Situations(plan.judged(plan.recorded(), snapshots=True), early=early))
        for _ in again.states(partial(wide, again)):
            pass
        if not again.graph.complete:
            continue
        run = plan.judged(plan.recorded(), snapshots=True)
        search = Dfs(run, early=early, history=run.history)
        straight = [[*map(str, path)] for path in search.leaves()]
        walk = Walk(again.graph, {})
        walked = [[str(step) for step, *_ in path] for path in walk.leaves()]
        assert walked == straight, seed
        assert (walk.transitions, len(walk.seen)) == (search.transitions, len(search.seen))
        transitions += search.transitions
    assert transitions > 1_500


def wide(search: Search[Any]) -> bool:
    return len(search.graph) > 3_000


@pytest.mark.parametrize("most", [5, 12, 20])
def test_a_walk_is_cut_where_the_search_is(most: int) -> None:
    plan = Plan(spoken(1), {}, time=ANY_TIME)
    run = plan.judged(plan.recorded(), snapshots=True)
    search = Dfs(run, history=run.history, depth_max=most)
    straight = [len(path) for path in search.leaves()]
    again = Search(Situations(plan.judged(plan.recorded(), snapshots=True)))
    for _ in again.states():
        pass
    walk = Walk(again.graph, {}, most)
    assert [len(path) for path in walk.leaves()] == straight
    assert (walk.cut, walk.transitions) == (search.cut, search.transitions)


# --- Of a check --------------------------------------------------------------------------------


def alike(seed: int) -> Spec:
    """Give a few processes that nobody knows, and that do the same; main may find what they did."""
    draw = random.Random(f"alike {seed}")
    operations = [draw.choice(("count", "look", "wait")) for _ in range(draw.choice((2, 3)))]
    wrong = draw.randrange(1, 3)

    async def worker() -> None:
        for operation in operations:
            if operation == "count":
                await ets.update_counter("t", "n", 1)
            elif operation == "wait":
                await receive(after=5)
            elif await ets.lookup("t", "n") == [("n", wrong)]:
                await ets.insert("t", ("hit", True))

    async def starter() -> None:
        for _ in range(2):
            spawn(worker)

    async def main() -> None:
        await ets.new("t", named=True, access="public")
        await ets.insert("t", ("n", 0))
        spawn(starter)
        await receive("never", after=7)
        assert not await ets.lookup("t", "hit"), "somebody looked in time"

    return of(main)


@pytest.mark.usefixtures("early_help")
def test_who_are_alike_are_searched_as_by_one() -> None:
    """Two ways to a situation give those in it other names, and what follows is the same."""
    found = set()
    for seed in (2, 19, 20):
        one = verdict(alike(seed), "dfs", "node", 1, 0)
        assert one[6] > 300, seed
        assert "spent" not in one[7], seed
        for workers in (2, 3):
            assert verdict(alike(seed), "dfs", "node", workers, 0) == one, (seed, workers)
        found.add(one[0])
    assert found == {"Held", "Violated"}


# So many processes die as there are files that one of them can take away.
DIES = (
    SOON
    + """
import os, signal
import checkers.breadth as breadth, checkers.link as link
options, begun, seen, mortal = breadth.Situations.options, link._work, 0, False
def begins(work, way, parent):
    global mortal
    mortal = work.args[0] == 0 or work.func.__name__ == "_dig"
    begun(work, way, parent)
def dies(self):
    global seen
    seen += 1
    for name in os.listdir("deaths") if mortal and seen > 60 else ():
        try:
            os.unlink("deaths/" + name)
        except FileNotFoundError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    return options(self)
link._work, breadth.Situations.options = begins, dies
"""
)


def deadly(here: Path, deaths: int) -> Path:
    (here / "deaths").mkdir()
    for number in range(deaths):
        (here / "deaths" / str(number)).touch()
    return here / "deaths"


@pytest.mark.parametrize("deaths", [1, 2])
def test_another_takes_over_what_a_killed_worker_had(tmp_path: Path, deaths: int) -> None:
    asked = (str(SPECS / "concurrency/agent_tools.py"), "--strategy", "bfs", "--no-corpus",
             "--seconds", "100")  # fmt: skip
    one = comparable(checked(tmp_path, *asked))["verdicts"][0]
    left = deadly(tmp_path, deaths)
    two = comparable(checked(tmp_path, *asked, "--workers", "3", before=DIES))["verdicts"][0]
    told = ["a worker was ended by signal 9, and another took over"] * deaths
    assert two.pop("notes") == [*one.pop("notes"), *told]
    assert two == one
    assert not list(left.iterdir())


def test_depth_first_it_is_begun_again_without_a_worker_that_was_killed(tmp_path: Path) -> None:
    asked = (str(SPECS / "concurrency/agent_tools.py"), "--strategy", "dfs", "--no-corpus",
             "--seconds", "100")  # fmt: skip
    one = comparable(checked(tmp_path, *asked))["verdicts"][0]
    left = deadly(tmp_path, 1)
    two = comparable(checked(tmp_path, *asked, "--workers", "3", before=DIES))["verdicts"][0]
    told = "a worker was ended by signal 9, and the search was begun again"
    assert two.pop("notes") == [*one.pop("notes"), told]
    assert two == one
    assert not list(left.iterdir())


def test_a_search_whose_workers_are_killed_again_and_again_is_given_up(tmp_path: Path) -> None:
    deadly(tmp_path, 9)
    asked = (str(SPECS / "concurrency/agent_tools_fixed.py"), "--strategy", "dfs", "--no-corpus",
             "--seconds", "100", "--workers", "2")  # fmt: skip
    found = checked(tmp_path, *asked, before=DIES)["verdicts"][0]
    assert (found["verdict"], found["complete"]) == ("Inconclusive", False)
    assert found["searched"]["why_stopped"] == (
        "3 workers were lost: the last a worker was ended by signal 9"
    )
