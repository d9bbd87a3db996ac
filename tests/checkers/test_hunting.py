"""Random searches: they replay, they are what their names say, and they estimate what they miss."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.explore import explore
from checkers.hunting import Seen
from checkers.judged import judged_run
from checkers.priorities import Chains
from checkers.search import Plan
from checkers.strategies import strategy
from checkers.watched import Watched
from simkernel import Exit, GenServer, Reply, choose, receive, self_, send, send_after, spawn
from simkernel.spec import of
from simkernel.terms import thaw

RANDOM = ["walk", "pct", "pos", "surw", "portfolio"]


async def says(to: Any, *words: Any) -> None:
    for word in words:
        send(to, word)


async def two_senders(one: int = 1, other: int = 3) -> str:
    spawn(says, self_(), *("a" * one))
    spawn(says, self_(), *("b" * other))
    return "".join([await receive(str) for _ in range(one + other)])


class Server(GenServer):
    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        return Reply(request, state)


async def client(main: Any, server: Any, name: str) -> None:
    send(main, await GenServer.call(server, name))


async def a_race() -> Any:
    _, server = await GenServer.start_link(Server, None)
    for name in ("x", "y", "z"):
        spawn(client, self_(), server, name)
    send_after(self_(), "tick", 15)
    got = [await receive(str) for _ in range(3)]
    if got[0] == "z" or "tick" in got:
        raise Exit(tuple(got))
    return await choose([got, "other"])


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("name", RANDOM)
def test_every_run_replays_from_its_settings(name: str, network: str) -> None:
    spec = of(a_race)
    search = strategy(name, Plan(spec, {}, network, runs=24))
    kinds = Counter()
    for run, ended in search.ends(lambda share: ""):
        found, count = run.findings(ended), run.m.count
        again, ended_again, found_again = judged_run(spec, {}, search.settings())
        assert (found_again, ended_again, again.m.count) == (found, ended, count)
        assert again.m.returned == run.m.returned
        kinds[bool(found)] += 1
    assert kinds[True] > 0
    assert kinds[False] > 0


@pytest.mark.parametrize("name", RANDOM)
def test_the_same_search_makes_the_same_runs(name: str) -> None:
    def picks() -> list[Any]:
        search = strategy(name, Plan(of(a_race), {}, runs=12, seed=5))
        return [(search.settings(), run.m.count) for run, _ in search.ends(lambda share: "")]

    assert picks() == picks()


@pytest.mark.parametrize("name", RANDOM)
def test_no_random_search_shows_what_an_exhaustive_one_does_not(name: str) -> None:
    every = explore(two_senders, strategy="dfs").outcomes
    some = explore(two_senders, strategy=name, runs=60)
    assert some.outcomes <= every
    assert not some.complete
    assert len(every) == 4


def test_surw_is_uniform_over_the_orders_of_one_mailbox() -> None:
    counts = Counter()
    search = strategy("surw", Plan(of(two_senders), {"one": 1, "other": 3}, runs=400))
    for run, _ in search.ends(lambda share: ""):
        counts[thaw(run.m.returned)] += 1
    # A quarter each; without durations, and once there is a profile, it is exact.
    assert set(counts) == {"abbb", "babb", "bbab", "bbba"}
    assert max(counts.values()) < 2 * min(counts.values())


async def main_of_two_clients() -> None:
    _, server = await GenServer.start_link(Server, None)
    for name in ("x", "y"):
        spawn(client, self_(), server, name)
    for _ in range(2):
        await receive(str)


def test_two_requests_are_two_chains_though_one_server_answers_both() -> None:
    run = Plan(of(main_of_two_clients), {}).judged(Plan(of(main_of_two_clients), {}).recorded(),
                                                   kind=Watched)  # fmt: skip
    assert isinstance(run.m, Watched)
    chains = Chains(run.m)
    taken = {}
    while options := run.enabled():
        picked = options[0]
        if picked.kind == "take" and str(picked.who) == "<root.1>":
            message = thaw(run.m.processes[picked.who].mailbox[0])
            taken[message[-1]] = chains.chain(picked)
        chains.perform(picked, run.apply)
    assert set(taken) == {"x", "y"}
    assert taken["x"] != taken["y"]


def test_what_was_not_seen_is_estimated_by_what_was_seen_once() -> None:
    seen = Seen()
    assert seen.unseen is None
    for behaviour in b"aabbc":
        seen.add(bytes([behaviour]))
    assert seen.unseen == 0.2


def test_the_verdict_says_how_often_and_how_much() -> None:
    found = check(of(two_senders), {}, strategy="portfolio", budget=Budget(runs=200))
    assert found.searched.behaviours == 4
    assert found.searched.unseen == 0
    assert found.sentence.endswith("; 4 behaviours, the next run has a new one with 0.0%")
    bad = check(of(a_race), {}, strategy="portfolio", budget=Budget(runs=100))
    assert 0 < bad.searched.hits < 100
    assert f"{bad.searched.hits} of 100 runs show something wrong" in bad.notes


async def polls() -> None:
    pid = spawn(says, self_(), "done")
    while await receive("done", after=0) != "done":
        assert pid


@pytest.mark.parametrize("name", RANDOM)
def test_who_polls_does_not_starve_who_is_polled_for(name: str) -> None:
    for seed in range(30):  # the first run of a search: steps take no time
        budget = Budget(runs=1, effects=2_000)
        assert check(of(polls), {}, strategy=name, budget=budget, seed=seed).word == "Held"


def test_limit_a_loop_that_polls_without_an_effect_takes_no_time() -> None:
    """With durations, whoever is to end the loop is held up until a time that never comes."""
    verdict = check(of(polls), {}, strategy="walk", budget=Budget(runs=2, effects=2_000))
    assert verdict.word == "Inconclusive"
    assert "the effect budget was hit" in verdict.searched.why_stopped
