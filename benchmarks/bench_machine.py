"""The machine against SimPy and against a loop by hand: messages, spawns, timers."""

from functools import partial

from benchmarks import peers
from benchmarks.case import Case
from simkernel import receive, self_, send, send_after, simulate, spawn

MESSAGES = 200_000
SPAWNS = 100_000
TIMERS = 200_000
DISTINCT_MS = 5_000


async def player(messages: int, taken: list[int]) -> None:
    """Play ping-pong with whoever the first message names."""
    other = await receive()
    for _ in range(messages // 2):
        message = await receive()
        send(other, message)


async def _match(messages: int) -> None:
    left, right = spawn(player, messages, []), spawn(player, messages, [])
    send(left, right)
    send(right, left)
    send(left, "ball")


def ping_pong(messages: int) -> None:
    """Send `messages` between two coroutine processes; seeded picks, no trace."""
    result = simulate(_match, messages)
    # One more than `messages`: the last one finds its receiver gone.
    assert result.transitions > 3 * messages, result.transitions


async def _child() -> None:
    await receive()


async def _parent(processes: int) -> None:
    pids = [spawn(_child) for _ in range(processes)]
    await receive(after=1)
    for pid in pids:
        send(pid, "go")


def spawns(processes: int) -> None:
    """Start `processes`, all alive at once, send each one message, and let it end."""
    result = simulate(_parent, processes)
    assert len(result.deaths) == processes, result.deaths[:3]


async def _alarms(timers: int, distinct: int) -> None:
    me = self_()
    for number in range(timers):
        send_after(me, number, 1 + peers.spread(number, distinct))


def timers(count: int, distinct: int) -> None:
    """Arm `count` timers and let every one deliver its message."""
    result = simulate(_alarms, count, distinct, settle=True)
    assert result.now_ms == distinct, result.now_ms


def cases() -> list[Case]:
    """Compare per message, per process and per timer."""
    return [
        Case("messages: two processes, against SimPy's Store", partial(ping_pong, MESSAGES),
             partial(peers.simpy_ping_pong, MESSAGES), MESSAGES, 2.5),
        Case("messages: two processes, against a loop by hand", partial(ping_pong, MESSAGES),
             partial(peers.loop_ping_pong, MESSAGES), MESSAGES, 0.25),
        Case("spawn, one message, exit, against SimPy's process", partial(spawns, SPAWNS),
             partial(peers.simpy_spawns, SPAWNS), SPAWNS, 2.0),
        Case("timers over 5,000 distinct ms, against SimPy's timeout",
             partial(timers, TIMERS, DISTINCT_MS),
             partial(peers.simpy_timeouts, TIMERS, DISTINCT_MS),
             TIMERS, 4.0),
    ]  # fmt: skip
