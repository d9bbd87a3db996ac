"""The searches of classes: runs per second, on runs of 30 to 50 events.

The peers do the same job without the reduction: plain depth-first search, for one. What we mean to
reach is 2,000 runs/s for `rf` and 1,000 for `dpor`, on one core, and 10,000 situations a second.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.case import Case
from checkers.dfs import Dfs
from checkers.reduction import Reduction
from checkers.watched import Watched
from simkernel import GenStateMachine, choose, ets, receive, self_, send, spawn
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock

ROOT = Path(__file__).resolve().parents[1]
LATE_REPLY = ("concurrency/late_reply_fixed.py", "--strategy", "rf", "--param")
CLASSES = {6: 6_826, 7: 27_306}  # by how many questions are asked
RUNS = 6_000  # of a check by workers: those that learn are made by one process
SENDERS = 6
READERS = 8
SITUATIONS = 871  # of a commit of two participants


async def says(to: Any, word: Any) -> None:
    """Send one message."""
    send(to, word)


async def fan_in(senders: int) -> None:
    """Take a message of each of the senders, in any order: `senders`! classes of 32 events."""
    for number in range(senders):
        spawn(says, self_(), number)
    for _ in range(senders):
        await receive()


async def _writes() -> None:
    await ets.insert("t", ("x", 42))


async def _reads(number: int) -> None:
    await ets.lookup("t", number)
    await ets.lookup("t", "x")


async def readers(count: int) -> None:
    """One writer and readers of one key: 2 ** `count` classes of 46 events."""
    await ets.new("t", named=True, access="public")
    spawn(_writes)
    for number in range(count):
        spawn(_reads, number)
    await receive("never", idle=True)


def classes(main: Callable[..., Any], size: int, count: int, *, by_message: bool) -> None:
    """Make one run of every class."""

    def make() -> Watched:
        return Watched(main, (size,), clock=SymbolicClock())

    search = Reduction(make, by_message=by_message)
    for _ in search.ends():
        pass
    assert search.runs == count, search.runs


def situations(main: Callable[..., Any], size: int) -> None:
    """Visit every situation once."""
    m = Machine(main, (size,), clock=SymbolicClock(), snapshots=True)
    for _ in Dfs(m).leaves():
        pass


class Participant(GenStateMachine):
    """Votes as it likes, and does what is decided."""

    callback_mode = "handle_event_function"

    def init(self, boss: Any) -> Any:
        return ("ok", "working", boss)

    async def handle_event(self, kind: Any, content: Any, state: Any, boss: Any) -> Any:
        match content, state:
            case "prepare", "working":
                vote = await choose(["yes", "no"])
                GenStateMachine.cast(boss, ("vote", vote))
                return ("next_state", "prepared" if vote == "yes" else "aborted", boss)
            case ("decision", decision), _:
                return ("next_state", decision, boss)


class Coordinator(GenStateMachine):
    """Commits if all vote yes."""

    callback_mode = "handle_event_function"

    def init(self, number: Any) -> Any:
        return ("ok", "idle", (number, (), 0))

    def handle_event(self, kind: Any, content: Any, state: Any, data: Any) -> Any:
        number, team, yes = data
        match content, state:
            case ("begin", pids), "idle":
                return self.tells(pids, "prepare", "waiting", (number, pids, 0))
            case ("vote", "yes"), "waiting" if yes + 1 < number:
                return ("keep_state", (number, team, yes + 1))
            case ("vote", vote), "waiting":
                decision = "committed" if vote == "yes" else "aborted"
                return self.tells(team, ("decision", decision), decision, data)
        return "keep_state_and_data"

    @staticmethod
    def tells(team: Any, what: Any, state: str, data: Any) -> Any:
        """Tell everybody, and go on."""
        for pid in team:
            GenStateMachine.cast(pid, what)
        return ("next_state", state, data)


async def two_phase_commit(number: int) -> None:
    """Commit with so many participants: 871 situations with two."""
    _, boss = await GenStateMachine.start(Coordinator, number)
    started = [await GenStateMachine.start(Participant, boss) for _ in range(number)]
    GenStateMachine.cast(boss, ("begin", tuple(pid for _, pid in started)))


def states(number: int, count: int) -> None:
    """Visit every situation of a commit."""
    m = Machine(two_phase_commit, (number,), clock=SymbolicClock(), snapshots=True)
    search = Dfs(m)
    for _ in search.leaves():
        pass
    assert len(search.seen) == count, len(search.seen)


def checked(workers: int, spec: str, *options: str, beside: int = 1) -> float:
    """Give the wall time in ns of a check by so many workers, or of several at the same time."""
    command = [sys.executable, "-m", "simkernel", "check", "--no-corpus", "--quiet", *options]
    command += ["--seconds", "600", "--workers", str(workers), str(ROOT / "specs" / spec)]
    start = time.perf_counter_ns()
    several = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(beside)
    ]
    assert [one.wait() for one in several] == [0] * beside
    return float(time.perf_counter_ns() - start)


def by_two(
    name: str, units: int, unit: str, spec: str, *options: str, target: float | None = 1.7
) -> Case:
    """Compare two workers with one, in turns: the best of three."""
    return Case(
        name=f"explore: {name}, two workers, wall time on two cores",
        ours=partial(checked, 2, spec, *options),
        peer=partial(checked, 1, spec, *options),
        units=units,
        target_ratio=target,
        unit=unit,
        peer_name="one worker",
        turns=3,
    )


def promised(runs: int, per_second: int) -> float:
    """Give the nanoseconds that so many runs may take."""
    return 1e9 * runs / per_second


def together() -> list[Case]:
    """Measure what two processes make of one search."""
    return [
        Case(
            name="explore: rf, two searches beside each other, wall time on two cores",
            ours=partial(checked, 1, *LATE_REPLY, "questions=6", beside=2),
            peer=partial(checked, 1, *LATE_REPLY, "questions=6"),
            units=2 * CLASSES[6],
            peer_units=CLASSES[6],
            target_ratio=None,
            unit="runs",
            peer_name="one",
            turns=3,
        ),
        by_two(
            "random",
            RUNS,
            "runs",
            "guide/agent_fsm_fixed.py",
            "--strategy",
            "walk",
            "--runs",
            str(RUNS),
        ),
        by_two("rf, shorter", CLASSES[6], "runs", *LATE_REPLY, "questions=6", target=None),
        by_two("rf", CLASSES[7], "runs", *LATE_REPLY, "questions=7"),
        by_two(
            "dfs, shorter",
            19_504,
            "states",
            "concurrency/agent_tools_fixed.py",
            "--strategy",
            "dfs",
            "--network",
            "cluster",
            target=None,
        ),
        by_two("dfs", 95_523, "states", "concurrency/paxos_fixed.py", "--strategy", "dfs"),
    ]


def cases() -> list[Case]:
    """Measure; the peer of the first two is what we mean to reach."""
    return [
        *together(),
        Case(
            name="explore: rf, messages to one process",
            ours=partial(classes, fan_in, SENDERS, 720, by_message=True),
            peer=partial(promised, 720, 2_000),
            units=720,
            target_ratio=1,
            unit="runs",
            peer_name="2,000/s",
        ),
        Case(
            name="explore: dpor, one key of a table",
            ours=partial(classes, readers, READERS, 256, by_message=False),
            peer=partial(promised, 256, 1_000),
            units=256,
            target_ratio=1,
            unit="runs",
            peer_name="1,000/s",
        ),
        Case(
            name="explore: rf, four senders, against dfs",
            ours=partial(classes, fan_in, 4, 24, by_message=True),
            peer=partial(situations, fan_in, 4),
            units=24,
            target_ratio=10,
            unit="runs",
            peer_name="dfs",
        ),
        Case(
            name="explore: dfs, 2PC of GenStateMachines",
            ours=partial(states, 2, SITUATIONS),
            peer=partial(promised, SITUATIONS, 10_000),
            units=SITUATIONS,
            target_ratio=1,
            unit="states",
            peer_name="10,000/s",
        ),
    ]
