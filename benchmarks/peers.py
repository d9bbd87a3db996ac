"""The peers: the same jobs in SimPy, and by hand. Each checks that it did what it claims."""

from collections import deque
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, cast

import simpy


def simpy_ping_pong(messages: int) -> None:
    """Send `messages` in all between two processes, through a Store each."""
    env = simpy.Environment()
    left, right = simpy.Store(env), simpy.Store(env)
    taken = [0, 0]

    def player(me: int, mine: simpy.Store, other: simpy.Store) -> Generator[Any, Any, None]:
        for _ in range(messages // 2):
            yield mine.get()
            taken[me] += 1
            # Not awaited: a Store without a limit never makes one wait, and this is the faster way.
            other.put("ball")

    env.process(player(0, left, right))
    env.process(player(1, right, left))
    left.put("ball")
    env.run()
    assert sum(taken) == messages // 2 * 2, taken


def simpy_round_trips(calls: int) -> None:
    """Ask a server `calls` times: a request through its Store, a reply through the client's."""
    env = simpy.Environment()
    requests, replies = simpy.Store(env), simpy.Store(env)
    answers = []

    def server() -> Generator[Any, Any, None]:
        count = 0
        while True:
            client, request = yield requests.get()
            if request == "increment":
                count += 1
            client.put(count)

    def client() -> Generator[Any, Any, None]:
        for _ in range(calls):
            requests.put((replies, "increment"))
            answer = yield replies.get()
        answers.append(answer)

    env.process(server())
    env.process(client())
    env.run()
    assert answers == [calls], answers


def simpy_spawns(processes: int) -> None:
    """Start `processes`, all alive at once, give each one event, and let it end."""
    env = simpy.Environment()
    ended = [0]

    def child(event: simpy.Event) -> Generator[Any, Any, None]:
        yield event
        ended[0] += 1

    def parent() -> Generator[Any, Any, None]:
        events = []
        for _ in range(processes):
            event = env.event()
            env.process(child(event))
            events.append(event)
        yield env.timeout(1)
        for event in events:
            event.succeed("go")

    env.process(parent())
    env.run()
    assert ended == [processes], ended


def simpy_timeouts(timers: int, distinct: int) -> None:
    """Set `timers` timeouts that fall on `distinct` whole times, and let all of them fire."""
    env = simpy.Environment()
    fired = [0]

    def on_fire(_: simpy.Event) -> None:
        fired[0] += 1

    for number in range(timers):
        timeout = env.timeout(1 + spread(number, distinct))
        assert timeout.callbacks is not None
        timeout.callbacks.append(on_fire)
    env.run()
    assert fired == [timers], fired


def spread(number: int, distinct: int) -> int:
    """Map `number` onto 0 … distinct-1 in an order that is neither sorted nor random.

    Both sides of the timer benchmark use it: a sorted order would flatter a heap, and a drawn one
    would need a generator on both sides.
    """
    return number * 7919 % distinct


@coroutine
def _wait() -> Generator[None, str, str]:
    return (yield)


class _Process:
    """One process of the hand-written loop: a body, a mailbox, and whether it waits."""

    __slots__ = ("body", "mailbox", "waits")

    def __init__(self, body: Coroutine[None, str, None]) -> None:
        self.body = body
        self.mailbox: deque[str] = deque()
        self.waits = False


def loop_ping_pong(messages: int) -> None:
    """Do the ping-pong with coroutines, a table of pids, a mailbox each and a run queue.

    The least that a loop which delivers messages to named processes can do: no choice of who goes
    next, no links, no trace. It is the floor that a kernel in plain Python is measured against.
    """
    table: dict[int, _Process] = {}
    ready: deque[int] = deque()
    taken = [0, 0]

    def send(pid: int, message: str) -> None:
        process = table.get(pid)
        if process is None:
            return
        process.mailbox.append(message)
        if process.waits:
            process.waits = False
            ready.append(pid)

    async def player(me: int) -> None:
        for _ in range(messages // 2):
            message = await _wait()
            taken[me] += 1
            send(1 - me, message)

    for pid in (0, 1):
        table[pid] = _Process(player(pid))
        table[pid].body.send(cast(str, None))
        table[pid].waits = True
    send(0, "ball")
    while ready:
        process = table.get(pid := ready.popleft())
        if process is None:
            continue
        try:
            process.body.send(process.mailbox.popleft())
        except StopIteration:
            del table[pid]
            continue
        if process.mailbox:
            ready.append(pid)
        else:
            process.waits = True
    assert sum(taken) == messages // 2 * 2, taken
