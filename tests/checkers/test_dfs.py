"""The oracle: it visits every interleaving, and merging situations loses no outcome."""

from math import comb, factorial
from typing import Any

import pytest

from checkers.dfs import Dfs, outcomes
from simkernel import ANY, ets, receive, register, self_, send, spawn
from simkernel.choice import First, Recorded
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock


async def says(to: Any, word: Any) -> None:
    send(to, word)


async def fan_in(senders: int) -> Any:
    for number in range(senders):
        spawn(says, self_(), number)
    return tuple([await receive() for _ in range(senders)])


async def inserts(number: int) -> None:
    await ets.insert("t", ("x", number))


async def writers(count: int) -> Any:
    await ets.new("t", named=True, access="public")
    for number in range(count):
        spawn(writes_and_says, self_(), number)
    for _ in range(count):
        await receive(("done", ANY))
    return (await ets.lookup("t", "x"))[0][1]


async def writes_and_says(to: Any, number: int) -> None:
    await inserts(number)
    send(to, ("done", number))


async def takes_a_name(to: Any, number: int) -> None:
    try:
        await register(self_(), "one")
    except Exception:
        send(to, ("lost", number))
    else:
        send(to, ("won", number))
        await receive(idle=True)


async def one_name(takers: int) -> Any:
    for number in range(takers):
        spawn(takes_a_name, self_(), number)
    return (await receive(("won", ANY)))[1]


@pytest.mark.parametrize("network", ["node", "cluster"])
def test_the_outcomes_of_a_fan_in_are_all_orders(network):
    assert len(outcomes(fan_in, 3, network=network)) == factorial(3)


def test_the_last_writer_is_anybody():
    assert outcomes(writers, 3) == {0, 1, 2}


def test_one_name_goes_to_anybody():
    assert outcomes(one_name, 3) == {0, 1, 2}


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize(("main", "size"), [(fan_in, 2), (one_name, 2)])
def test_merging_situations_loses_no_outcome(main, size, network):
    plain = outcomes(main, size, network=network, merge=False)
    assert outcomes(main, size, network=network, merge=True) == plain


async def counts_steps(to: Any, steps: int) -> None:
    for _ in range(steps):
        await ets.insert("t", ("x", 1))


async def two_in_parallel(steps: int) -> None:
    await ets.new("t", named=True, access="public")
    spawn(counts_steps, None, steps)
    spawn(counts_steps, None, steps)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_without_merging_every_interleaving_is_one_run(steps):
    # Main spawns two processes and returns: three events, of which the last two come after the
    # first spawn. Each process has a start, its inserts and its end.
    m = Machine(two_in_parallel, (steps,), clock=SymbolicClock(), snapshots=True)
    search = Dfs(m, merge=False)
    for _ in search.leaves():
        pass
    assert search.runs == interleavings(steps + 2)


def interleavings(length: int) -> int:
    """Count the interleavings of main's tail (spawn B, rest) with A and, after the spawn, B."""
    total = 0
    for before in range(length + 1):  # events of A before B is spawned
        left = length - before
        # After the spawn: the rest of A, the `rest` of main and all of B, in any order.
        total += comb(left + 1 + length, length) * (left + 1)
    return total


def test_the_path_to_an_end_is_its_deviations_from_the_default_schedule():
    m = Machine(fan_in, (2,), clock=SymbolicClock(), snapshots=True)
    search = Dfs(m)
    seen = {}
    for path in search.leaves():
        picks = {step: str(path[step]) for step in search.deviations()}
        seen[m.returned] = (picks, [str(t) for t in path])
    assert len(seen) == 2
    for returned, (picks, path) in seen.items():
        again = Machine(fan_in, (2,), clock=SymbolicClock())
        chooser = Recorded(picks.items())
        taken = []
        while options := again.enabled():
            taken.append(str(pick := chooser.pick(options)))
            again.apply(pick)
        assert (again.returned, taken) == (returned, path)


def test_the_first_path_is_the_default_schedule():
    m = Machine(fan_in, (2,), clock=SymbolicClock(), snapshots=True)
    first = next(Dfs(m).leaves())
    default = Machine(fan_in, (2,), clock=SymbolicClock())
    driver.drive(default, First(), 1_000)
    assert (default.count, default.returned) == (len(first), m.returned)


def test_a_search_that_is_cut_says_so():
    m = Machine(fan_in, (4,), clock=SymbolicClock(), snapshots=True)
    search = Dfs(m)
    for _ in search.leaves(cut=lambda: len(search.seen) > 100):
        pass
    assert search.cut
