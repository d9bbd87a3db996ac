"""Times with bounds: by difference constraints, by z3, and by simulation."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checkers.differences import Edge, farthest, least, least_by_z3
from checkers.timing import Bounds, Timed, Times
from simkernel import (
    Exit,
    GenServer,
    Ok,
    Reply,
    between,
    receive,
    self_,
    send,
    spawn,
    work,
)
from simkernel.choice import First
from simkernel.cli.main import main as command
from simkernel.errors import InternalError
from simkernel.kernel import driver
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.machine import Machine

# --- Difference constraints and z3 ----------------------------------------------------------------


def random_edges(random: Random) -> tuple[list[Edge], int]:
    """Make bounds that some times satisfy, whatever the parameter."""
    size = random.randint(2, 7)
    times = [0]
    for _ in range(size - 1):
        times.append(times[-1] + random.randint(0, 20))
    edges = []
    for _ in range(random.randint(size, 3 * size)):
        a, b = random.randrange(size), random.randrange(size)
        slope = random.choice([0, 0, 1, 2])
        edges.append(Edge(a, b, times[b] - times[a] + random.randint(0, 9), slope))
    return edges, size


@pytest.mark.parametrize("start", range(0, 500, 100))
def test_both_give_the_same_least_parameter_on_500_random_cases(start: int) -> None:
    found = {"none": 0, "some": 0, "at once": 0}
    for seed in range(start, start + 100):
        random = Random(seed)
        edges, size = random_edges(random)
        source, target, apart = 0, size - 1, random.randint(0, 120)
        ours, theirs = (
            one(edges, source, target, apart) for one in (least, least_by_z3)
        )  # fmt: skip
        assert ours == theirs, seed
        found["none" if ours is None else "some" if ours else "at once"] += 1
    assert all(count > 3 for count in found.values())


def test_bounds_that_contradict_each_other_are_told() -> None:
    with pytest.raises(InternalError, match="contradict"):
        farthest([Edge(0, 1, 1), Edge(1, 0, -2)], 0, 1, Fraction(0))


# --- Runs -----------------------------------------------------------------------------------------


class Worker(GenServer):
    """Works so long, and asks the next one before, so often."""

    def init(self, given):
        return Ok(given)

    async def handle_call(self, request, caller, given):
        work_ms, following, calls, limit_ms = given
        for _ in range(calls):
            await GenServer.call(following, "go", limit_ms)
        await work(work_ms)
        return Reply("done", given)


async def chain(works: Any, calls: int, limit_ms: int, inner_ms: int) -> Any:
    following = None
    for work_ms in works:
        times = calls if following is not None else 0
        given = (work_ms, following, times, inner_ms)
        _, following = await GenServer.start_link(Worker, given)
    try:
        return await GenServer.call(following, "go", limit_ms)
    except Exit:
        return "too late"


def run(*args: Any) -> tuple[Any, Timed]:
    """Run by the default schedule, steps without duration."""
    tape = Timed()
    m = Machine(chain, args, tape=tape, clock=ConcreteClock())
    driver.drive(m, First(), 100_000)
    return m.returned, tape


def outer(tape: Timed, step_us: int = 0) -> Any:
    """Judge the call of main."""
    times = Times(tape, Bounds(step_us=step_us))
    (found,) = [one for one in times.judged() if one.deadline.process == "<root>"]
    return found


@pytest.mark.parametrize("start", range(0, 500, 125))
def test_what_work_a_deadline_needs_agrees_with_500_simulations(start: int) -> None:
    for seed in range(start, start + 125):
        random = Random(seed)
        works = tuple(random.randint(1, 400) for _ in range(random.randint(1, 3)))
        calls = random.randint(1, 2)
        total, factor = 0, 1
        for ms in reversed(works):
            total, factor = total + factor * ms, factor * calls
        limit_ms = total + random.randint(1, 500)
        returned, tape = run(works, calls, limit_ms, 1_000_000)
        assert returned == "done"
        judged = outer(tape)
        assert not judged.may_fire
        assert judged.at_most_us == total * 1000
        assert len(judged.needs) == len(works) + 1  # and a step
        number = random.randrange(len(works))
        need_us = judged.needs[f"work of <root.{number + 1}>"]
        below, above = int(need_us // 1000), int(need_us // 1000) + 1
        below -= need_us % 1000 == 0  # exactly then both may come first
        for ms, expected in ((below, "done"), (above, "too late")):
            changed = (*works[:number], ms, *works[number + 1 :])
            assert run(changed, calls, limit_ms, 1_000_000)[0] == expected, seed


def test_a_tool_that_answers_in_time_cannot_let_the_call_fail() -> None:
    async def calls_a_tool() -> Any:
        _, tool = await GenServer.start_link(Worker, (between(100, 1_200), None, 0, 0))
        return await GenServer.call(tool, "go", 5_000)

    tape = Timed()
    driver.drive(Machine(calls_a_tool, (), tape=tape), First(), 10_000)
    judged = outer(tape, step_us=10_000)
    # It is handled, its work begins, and the answer leaves, each at the end of a step.
    assert (judged.may_fire, judged.at_most_us) == (False, 1_230_000)
    assert judged.needs == {"a step": Fraction(3_800_000, 3), "work of <root.1>": 4_970_000}


def test_calls_that_allow_less_than_those_below_them_are_found() -> None:
    _, tape = run((100, 100), 2, 5_000, 3_000)
    times = Times(tape, Bounds())
    ((deadline, count, total),) = times.chains()
    assert (deadline.process, deadline.us, count, total) == ("<root>", 5_000_000, 2, 6_000_000)
    _, tape = run((100, 100), 2, 5_000, 2_000)
    assert Times(tape, Bounds()).chains() == []


async def answers(to: Any) -> None:
    send(to, "answer")


async def waits(ms: int = 50) -> Any:
    spawn(answers, self_())
    return await receive("answer", after=ms)


def test_a_race_needs_a_latency() -> None:
    tape = Timed()
    m = Machine(waits, (), tape=tape, network="cluster", clock=ConcreteClock())
    driver.drive(m, First(), 1_000)
    times = Times(tape, Bounds(step_us=1_000, latency_us=10_000))
    (judged,) = times.judged()
    assert not judged.may_fire
    assert set(judged.needs) == {"a step", "the way of a signal"}
    assert judged.needs["the way of a signal"] == 50_000 - 1_000
    (judged,) = Times(tape, Bounds(step_us=1_000, latency_us=60_000)).judged()
    assert judged.may_fire


def test_a_deadline_that_came_is_told() -> None:
    returned, tape = run((500,), 1, 100, 1_000)
    assert returned == "too late"
    judged = [one for one in Times(tape, Bounds()).judged() if one.deadline.fired]
    assert [one.deadline.us for one in judged] == [100_000]


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(
        "from simkernel import receive, self_, send, spawn\n\n"
        "async def answers(to):\n    send(to, 'answer')\n\n"
        "async def main(ms=50):\n    spawn(answers, self_())\n"
        "    return await receive('answer', after=ms)\n",
        encoding="utf-8",
    )
    for arguments, code, text in (
        ((), 0, "it cannot come first"),
        (("--step", "100"), 0, "it can come first"),
        (("--param", "ms=x"), 2, ""),
    ):
        with pytest.raises(SystemExit) as ended:
            command(["timing", str(path), *arguments])
        assert ended.value.code == code
        assert text in capsys.readouterr().out
        with pytest.raises(SystemExit) as ended:
            command(["timing", str(path), *arguments, "--json"])
        found = json.loads(capsys.readouterr().out)
        assert found["exit"] == code
