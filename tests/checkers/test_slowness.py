"""How slow something has to be for a deadline to come first, over all orders of events."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checkers.chains import chains_everywhere
from checkers.dfs import Dfs
from checkers.differences import Edge, least_feasible, least_feasible_by_z3
from checkers.slowness import Key, Orders, Watch, judged_everywhere
from checkers.timing import Bounds
from simkernel import (
    Exit,
    GenServer,
    Ok,
    Reply,
    between,
    cancel_timer,
    receive,
    self_,
    send,
    send_after,
    spawn,
    work,
)
from simkernel.cli.main import main as command
from simkernel.kernel.clock import ConcreteClock
from simkernel.spec import of

# --- Systems of differences -----------------------------------------------------------------------


def test_both_give_the_same_least_parameter_on_500_random_systems() -> None:
    found = {"never": 0, "some": 0, "at once": 0}
    for seed in range(500):
        random = Random(seed)
        size = random.randint(2, 6)
        edges = [
            Edge(random.randrange(size), random.randrange(size), random.randint(-12, 20),
                 random.choice([0, 0, 1, 2]))
            for _ in range(random.randint(size, 3 * size))
        ]  # fmt: skip
        ours = least_feasible(edges)
        assert ours == least_feasible_by_z3(edges), seed
        found["never" if ours is None else "some" if ours else "at once"] += 1
    assert all(count > 50 for count in found.values())


# --- Programs, against every duration that there is -----------------------------------------------

Ops = tuple[tuple[Any, ...], ...]


async def part(ops: Ops, known: Any) -> None:
    """Be one process: work, send, receive with a time limit, or hold a timer over what one does."""
    for op in ops:
        if op[0] == "work":
            await work(op[1] if op[1] == op[2] else between(op[1], op[2]))
        elif op[0] == "send":
            send(known[op[1] % len(known)], "m")
        elif op[0] == "receive":
            await receive("m", after=op[1])
        elif op[0] == "set":
            timer = send_after(self_(), "over", op[1])
        else:
            await cancel_timer(timer)


async def main_of(bodies: tuple[Ops, ...] = ()) -> None:
    """Be the first of them, and start the others."""
    pids: tuple[Any, ...] = (self_(),)
    for body in bodies[1:]:
        pids = (*pids, spawn(part, body, pids))
    await part(bodies[0], pids)


# To the end of all of them: what is left when main returns depends on the clock.
PROGRAM = replace(of(main_of), settle=True)


def written(random: Random) -> list[Ops]:
    """Write three processes, each of which works once at most; durations are few ms."""
    found: list[Ops] = []
    for number in range(3):
        low = random.randint(0, 1)
        ops: list[tuple[Any, ...]] = [("work", low, low + random.randint(0, 2))] if number else []
        wait = ("receive", random.randint(1, 4))
        ops.append(wait if number == 0 or random.random() < 0.3 else ("send", random.randrange(3)))
        if random.random() < 0.3:
            at = random.randint(0, len(ops))
            ops = [*ops[:at], ("set", random.randint(1, 4)), *ops[at:], ("stop",)]
        if random.random() < 0.4:
            ops.append(("send", random.randrange(3)))
        found.append(tuple(ops))
    return found


def works(bodies: list[Ops]) -> list[tuple[int, int, int, int]]:
    """Give all works: process, place, low, high."""
    return [
        (number, at, op[1], op[2])
        for number, ops in enumerate(bodies)
        for at, op in enumerate(ops) if op[0] == "work"
    ]  # fmt: skip


def fired_in(bodies: list[Ops], times: dict[tuple[int, int], int]) -> set[Key]:
    """Give the deadlines that come first in a run with these durations, whatever comes at once."""
    fixed = tuple(
        tuple(("work", times[n, at], times[n, at]) if op[0] == "work" else op
              for at, op in enumerate(ops))
        for n, ops in enumerate(bodies)
    )  # fmt: skip
    run = Watch(PROGRAM, {"bodies": fixed}, ConcreteClock(), "node")
    found: set[Key] = set()
    original = run.apply

    def apply(step: Any) -> None:
        original(step)
        found.update(run.fired)

    run.apply = apply  # type: ignore[method-assign]
    for _ in Dfs(run).leaves():
        pass
    run.m.close()
    return found


SLOWEST = 12  # ms; all deadlines and works together are shorter


def by_force(bodies: list[Ops], slow: int | None) -> dict[Key, int]:
    """Give for each deadline that can come first how long the work of one process lasts at the
    least then; of nobody's, 0."""
    known = works(bodies)
    ranges = [range(low, SLOWEST) if number == slow else range(low, high + 1)
              for number, _, low, high in known]  # fmt: skip
    least: dict[Key, int] = {}
    for times in product(*ranges):
        given = {(n, at): ms for (n, at, _, _), ms in zip(known, times, strict=True)}
        mine = next((ms for (n, *_), ms in zip(known, times, strict=True) if n == slow), 0)
        for key in fired_in(bodies, given):
            least[key] = min(least.get(key, SLOWEST), mine)
    return least


def agree(seed: int) -> tuple[int, int]:
    """Compare one program; gives how many deadlines come first, and how many thresholds were
    compared."""
    bodies = written(Random(seed))
    names = ["work of <root.1>", "work of <root.2>"]
    report = judged_everywhere(PROGRAM, {"bodies": tuple(bodies)}, Bounds(0), slow=names)
    assert not report.stopped
    within = by_force(bodies, None)
    assert {one.key for one in report.deadlines if one.fires} == set(within), seed
    compared = 0
    quiet = [one for one in report.deadlines if not one.fires]
    for number, *_ in works(bodies) if quiet else []:
        process = "<root>" if number == 0 else f"<root.{number}>"
        least = by_force(bodies, number)
        for one in quiet:
            need = one.needs.get(f"work of {process}")
            assert (need is None) == (one.key not in least), (seed, one)
            if need is not None:
                assert (need.us, need.exact) == (least[one.key] * 1000, True), (seed, one)
                compared += 1
    return len(within), compared


def test_all_orders_agree_with_every_duration_of_random_programs() -> None:
    fired, compared = map(sum, zip(*map(agree, (1, 8, 9, 10)), strict=True))
    assert fired > 0
    assert compared > 2


@pytest.mark.long
@pytest.mark.parametrize("start", range(0, 500, 50))
def test_all_orders_agree_with_every_duration_of_500_random_programs(start: int) -> None:
    fired, compared = map(sum, zip(*map(agree, range(start, start + 50)), strict=True))
    assert fired > 30
    assert compared > 15


def test_differences_and_the_clock_agree_about_single_orders() -> None:
    compared = 0
    for seed in range(12):
        bodies = tuple(written(Random(seed)))
        orders = Orders(PROGRAM, {"bodies": bodies}, Bounds(1_000), "node",
                        lambda count: "enough" if count > 400 else "")  # fmt: skip
        most = 60_000_000
        slow = orders.search("a step", most)
        for key, path in slow.first.items():
            assert orders.made("a step", most, path)
            ours = orders.by_differences("a step", most, path)
            assert ours is not None
            assert orders.of_order(key, "a step", most, path) == -(-ours // 1), (seed, key)
            compared += 1
    assert compared > 5


# --- By hand --------------------------------------------------------------------------------------


async def answers(to: Any, ms: int) -> None:
    await work(ms)
    send(to, "answer")


async def race() -> Any:
    """Whoever of two is quicker answers."""
    for ms in (10, 20):
        spawn(answers, self_(), ms)
    return await receive("answer", after=50)


def test_no_work_alone_is_slow_enough_where_another_one_answers() -> None:
    """Either work alone may be as slow as it likes: the other answers."""
    names = ["work of <root.1>", "work of <root.2>"]
    (one,) = judged_everywhere(of(race), {}, Bounds(0), slow=names).deadlines
    assert (one.fires, one.within, one.needs, one.open) == (False, True, {}, ())


def test_a_race_needs_steps_that_are_slow_and_less_than_that_is_not_enough() -> None:
    async def main() -> Any:
        spawn(answers, self_(), 10)
        return await receive("answer", after=50)

    (one,) = judged_everywhere(of(main), {}, Bounds(1_000)).deadlines
    needs = {name: (need.us, need.exact) for name, need in one.needs.items()}
    # It begins to work at the end of a step at the latest, and answers at the end of another.
    assert needs == {"a step": (20_000, True), "work of <root.1>": (48_000, True)}


class Tool(GenServer):
    def init(self, given):
        return Ok(given)

    async def handle_call(self, request, caller, work_of):
        await work(work_of)
        return Reply("done", work_of)


async def calls_a_tool(low: int = 100, high: int = 1_200) -> Any:
    _, tool = await GenServer.start_link(Tool, between(low, high))
    return await GenServer.call(tool, "go", 5_000)


def test_a_call_cannot_time_out_if_its_tool_answers_in_time_in_whatever_order() -> None:
    names = ["work of <root.1>"]
    (one,) = judged_everywhere(of(calls_a_tool), {}, Bounds(10_000), slow=names).deadlines
    assert (one.fires, one.within) == (False, True)
    assert (one.needs["work of <root.1>"].us, one.needs["work of <root.1>"].exact) == (
        4_970_000, True)  # fmt: skip


class Retrying(GenServer):
    """Asks another one, and once more if that takes too long."""

    def init(self, given):
        return Ok(given)

    async def handle_call(self, request, caller, other):
        for _ in range(2):
            try:
                return Reply(await GenServer.call(other, "go", 3_000), other)
            except Exit:
                pass
        return Reply("failed", other)


async def retries() -> Any:
    _, tool = await GenServer.start_link(Tool, between(1, 4_000))
    _, middle = await GenServer.start_link(Retrying, tool)
    try:
        return await GenServer.call(middle, "go", 5_000)
    except Exit:
        return "too late"


def test_an_inner_call_that_is_made_again_counts_twice() -> None:
    found = chains_everywhere(of(retries), {}, over=lambda n: "enough" if n >= 300 else "")
    (chain,) = found.chains
    assert (chain.outer.us, chain.inner, chain.inner_us) == (5_000_000, 2, 6_000_000)


def test_a_deadline_that_never_comes_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "never.py"
    path.write_text(
        "from simkernel import receive, self_, send\n\n"
        "async def main(ms=20):\n    send(self_(), 'there')\n"
        "    return await receive('there', after=ms)\n", encoding="utf-8",
    )  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        command(["timing", str(path), "--every-order"])
    assert ended.value.code == 0
    assert "it never comes, however slow all of this is" in capsys.readouterr().out


def test_a_search_that_was_cut_does_not_say_that_a_deadline_cannot_come() -> None:
    report = judged_everywhere(of(retries), {}, Bounds(10_000), "node",
                               lambda count: "enough" if count > 20 else "")  # fmt: skip
    assert report.stopped == "enough"
    assert not any(one.within for one in report.deadlines)


def test_the_command_says_what_was_cut(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkernel.cli.orders.SITUATIONS_MAX", 30)
    spec = "specs/guide/agent_fsm_fixed.py"
    with pytest.raises(SystemExit):
        command(["timing", spec, "--every-order"])
    shown = capsys.readouterr().out
    assert "came first in none of the orders that were seen" in shown
    assert "not every order was seen: 30 situations were seen" in shown
    with pytest.raises(SystemExit):
        command(["timing", spec, "--every-order", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["every_order"], found["deadlines"][0]["decided"]) == (True, False)
