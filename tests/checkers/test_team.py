"""One search of classes by several processes is the search of one, run for run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from checkers.crew import Crew
from checkers.fleet import Fleet
from checkers.lanes import Gift, Lane, gifts
from checkers.reduction import Reduction
from checkers.shared import Shared
from checkers.watched import Watched
from simkernel import receive, self_, send, spawn
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.spec import of
from tests.checkers import drawn
from tests.checkers.test_checks_by_several import MANY, SOON
from tests.checkers.test_workers import checked, comparable
from tests.reference import searched
from tests.reference.generate import random_program


class Ends:
    """Takes down what each run of a search came to, in place of a judge."""

    def __init__(self) -> None:
        self.best_at = 0
        self.seen: list[tuple[int, Any]] = []

    def judge(self, run: Any, ended: str, settings: Any, at: int = 0) -> None:
        self.seen.append((at, run))
        self.best_at = at


class Watching:
    """A search whose ends are told by `outcome`."""

    def __init__(self, make: Callable[[], Watched], outcome: Callable[[Any], Any], by: bool):
        self.inside = self.outside = self.runs = self.transitions = 0
        self.declined = ""
        self.outcome = outcome
        self.reduction = Reduction(make, by_message=by, identities=Shared)
        self.reduction.alone = 5

    def judged(self, most: float = inf) -> Iterator[tuple[Any, str]]:
        for m in self.reduction.ends(most=most):
            yield self.outcome(m), ""

    def settings(self) -> Any:
        raise AssertionError


def ends(search: Watching, workers: int, alone: int = 3) -> list[Any]:
    """Give what each run came to, in order; the first ones are made by one process."""
    found = Ends()
    for run, ended in search.judged(most=alone):
        found.judge(run, ended, None, search.reduction.ended)
    if workers > 1 and not search.reduction.over:
        fleet = Fleet(
            workers, of(nothing), inf, lambda: 0.0, fresh=Ends,
            absorb=lambda judge: found.seen.extend(judge.seen), found=lambda: False,
            end=lambda *told: None,
        )  # fmt: skip
        assert Crew(fleet, search, lambda share: "").together() == ""  # type: ignore[arg-type]
    return sorted(found.seen)


async def nothing() -> None:
    """Be the spec of a fleet."""


def figures(search: Watching) -> tuple[int, int]:
    found = search.reduction
    return found.runs, found.transitions


def agree(number: int, engine: str, most: int = 400) -> int:
    """Make a random program's search by one, by two and by three; gives the number of runs."""
    draw, network = random.Random(f"team {number}"), drawn.NETWORKS[number % 2]
    program = random_program(draw, f"team-{number}", draw.choice((6, 7, 8)), number % 4 == 3)

    def make() -> Watched:
        m = searched.machine(program, network, clock=SymbolicClock(), kind=Watched)
        assert isinstance(m, Watched)
        return m

    def fresh() -> Watching:
        return Watching(
            make,
            lambda m: repr(searched.outcome_of(program, m)),
            drawn.BY_CLASSES[engine],
        )

    one = fresh()
    alone = ends(one, 1, most + 1)
    if one.reduction.over:
        for workers in (2, 3):
            several = fresh()
            assert ends(several, workers) == alone, (number, engine, workers)
            assert figures(several) == figures(one), (number, engine, workers)
    return len(alone)


@pytest.mark.parametrize("engine", ["rf", "dpor"])
def test_random_programs_are_searched_as_by_one(engine: str) -> None:
    runs = [agree(number, engine) for number in range(16)]
    assert sum(count > 10 for count in runs) >= 3, runs


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["rf", "dpor"])
def test_more_random_programs_are_searched_as_by_one(engine: str) -> None:
    runs = [agree(number, engine) for number in range(100, 140)]
    assert sum(count > 10 for count in runs) >= 6, runs


@pytest.mark.long
@pytest.mark.parametrize("engine", ["rf", "dpor"])
def test_thousands_of_random_programs_are_searched_as_by_one(engine: str) -> None:
    for number in range(1_000, 4_000):
        agree(number, engine, most=2_000)


async def says(to: Any, word: Any) -> None:
    send(to, word)


async def fan_in(senders: int) -> None:
    for number in range(senders):
        spawn(says, self_(), number)
    for _ in range(senders):
        await receive()


def test_each_class_is_made_once_by_whom_ever() -> None:
    def make() -> Watched:
        return Watched(fan_in, (5,), clock=SymbolicClock())

    search = Watching(make, lambda m: "", True)
    assert [at for at, _ in ends(search, 4)] == list(range(1, 121))
    assert figures(search)[0] == 120


# --- Of a check --------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path) -> Path:
    (tmp_path / "many.py").write_text(MANY, encoding="utf-8")
    return tmp_path


DIES = (
    SOON
    + """
import os, signal
import checkers.team as team
exchange = team.Member.exchange
def dies(self, made):
    left = int(open("deaths").read())
    if left and 0 in self.search.lanes and self.search.runs > 300:
        open("deaths", "w").write(str(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return exchange(self, made)
team.Member.exchange = dies
"""
)
ASKED = ("many.py", "--strategy", "rf", "--no-corpus", "--seconds", "100", "--param", "n=6")


def test_the_search_is_begun_again_without_a_worker_that_was_killed(many: Path) -> None:
    one = comparable(checked(many, *ASKED))["verdicts"][0]
    (many / "deaths").write_text("1")
    two = comparable(checked(many, *ASKED, "--workers", "2", before=DIES))["verdicts"][0]
    assert two.pop("notes") == [
        *one.pop("notes"), "a worker was ended by signal 9, and the search was begun again"
    ]  # fmt: skip
    assert (two["verdict"], two["searched"]["runs"]) == ("Violated", 720)
    assert two == one


def test_a_search_whose_workers_are_killed_again_and_again_is_given_up(many: Path) -> None:
    (many / "deaths").write_text("9")
    (many / "many.py").write_text(MANY.replace("!= [n", "is not [n"), encoding="utf-8")
    found = checked(many, *ASKED, "--workers", "2", before=DIES)["verdicts"][0]
    assert (found["verdict"], found["complete"]) == ("Inconclusive", False)
    assert found["searched"]["why_stopped"] == (
        "3 workers were lost: the last a worker was ended by signal 9"
    )
    assert (many / "deaths").read_text() == "6"


def test_gifts_go_from_who_has_most_to_who_has_none() -> None:
    assert gifts([{0: 1}, {}, {0: 2, 1: 5}, {1: 9}], 0) == [Gift(2, 1)]


def test_who_gives_gives_plans_of_one_run_and_keeps_half() -> None:
    class Of(NamedTuple):
        run: str
        crashes: int

    lane = Lane()
    for run, crashes in (("a", 1), ("a", 1), ("b", 1), ("b", 1), ("c", 1), ("d", 2)):
        lane.push(Of(run, crashes))  # type: ignore[arg-type]
    assert [plan.run for plan in lane.give()] == ["a", "a"]
    assert [plan.run for plan in lane.give()] == ["b"]
    assert lane.counts() == {1: 2, 2: 1}
    taker = Lane()
    taker.put_under([Of("x", 1), Of("y", 1)])  # type: ignore[list-item]
    assert taker.pop(1) == Of("y", 1)
