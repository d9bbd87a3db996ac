"""Verdicts of the judges, and systems that wait for each other or meet what they do not expect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from checkers.check import Budget, check
from simkernel import (
    ANY,
    Exit,
    GenServer,
    GenStateMachine,
    KeepStateAndData,
    NextState,
    NoReply,
    Ok,
    Reply,
    StateTimeout,
    Supervisor,
    monitor,
    receive,
    send_interval,
    sleep,
    spawn,
)
from simkernel.spec import of


def verdict(main: Any, strategy: str = "walk", **options: Any) -> Any:
    """Check a function; what a spec may declare is given as `declared`."""
    given = options.pop("parameters", {})
    declared = replace(of(main), **options.pop("declared", {}))
    budget = Budget(runs=options.pop("runs", 40), seconds=1e9, effects=2_000)
    return check(declared, given, strategy=strategy, budget=budget, **options)


def found(main: Any, strategy: str = "walk", **options: Any) -> set[str]:
    """Give the kinds that are found in the shortest bad run."""
    example = verdict(main, strategy, **options).counterexample
    return set() if example is None else {finding.kind for finding in example.findings}


def text(main: Any, kind: str, **options: Any) -> str:
    """Give the sentence of a finding."""
    example = verdict(main, **options).counterexample
    assert example is not None
    (sentence,) = {one.text for one in example.findings if one.kind == kind}
    return sentence


# --- Deadlock ------------------------------------------------------------------------------------


class Friend(GenServer):
    """Asks its friend before it answers."""

    def init(self, limit: Any) -> Any:
        return Ok((None, limit))

    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        friend, limit = state
        match request:
            case "ask your friend":
                return Reply(await GenServer.call(friend, "well?", timeout=limit), state)
            case "well?":
                return Reply("well", state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        match request:
            case ("meet", friend):
                return NoReply((friend, state[1]))


async def asks(server: Any) -> None:
    await GenServer.call(server, "ask your friend", timeout=None)


async def two_friends(limit: int | None = None, ticks: bool = False) -> None:
    _, one = await GenServer.start(Friend, limit)
    _, other = await GenServer.start(Friend, limit)
    if ticks:
        send_interval(1_000, spawn(idles), "tick")
    GenServer.cast(one, ("meet", other))
    GenServer.cast(other, ("meet", one))
    spawn(asks, one)
    spawn(asks, other)


async def idles() -> None:
    while True:
        await receive(idle=True)


async def one_friend() -> None:
    _, one = await GenServer.start(Friend, None)
    _, other = await GenServer.start(Friend, None)
    GenServer.cast(one, ("meet", other))
    spawn(asks, one)


class Needy(GenServer):
    """Asks, while it starts, the supervisor that waits for its start."""

    async def init(self, boss: Any) -> Any:
        await Supervisor.which_children(boss)
        return Ok(None)


async def a_child_that_asks_its_supervisor() -> None:
    await Supervisor.start_link(
        [{"id": "needy", "start": (Needy, "start_link", ("boss",))}],
        strategy="one_for_one",
        name="boss",
    )


# --- No clause -----------------------------------------------------------------------------------


class Door(GenStateMachine, callback_mode="state_functions"):
    def init(self, argument: Any) -> Any:
        return ("ok", "open", None)

    def open(self, event_type: Any, content: Any, data: Any) -> Any:
        match event_type, content:
            case "cast", "close":
                return NextState("closed", data, [StateTimeout(1_000, "creak")])

    def closed(self, event_type: Any, content: Any, data: Any) -> Any:
        match event_type, content:
            case "cast", "close":
                return KeepStateAndData()
            case "cast", "open":
                return NextState("open", data)
            case "cast", "lock":
                return NextState("locked", data)
            case "state_timeout", "creak":
                return KeepStateAndData()
            case "cast", "knock":
                return KeepStateAndData("postpone")

    def locked(self, event_type: Any, content: Any, data: Any) -> Any:
        return KeepStateAndData()


async def a_door(*casts: str) -> None:
    _, door = await GenStateMachine.start(Door, None)
    for cast in casts:
        GenStateMachine.cast(door, cast)


async def an_open_door_is_opened() -> None:
    await a_door("open")


async def an_open_door_is_opened_and_somebody_watches() -> None:
    _, door = await GenStateMachine.start(Door, None)
    monitor(door)
    GenStateMachine.cast(door, "open")
    await receive(("DOWN", ANY, ANY, ANY, ANY))


class Till(GenServer):
    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case ("add", int(amount)):
                return Reply("ok", state + amount)


async def a_till_is_robbed() -> None:
    _, till = await GenServer.start(Till, 7)
    spawn(robs, till)


async def robs(till: Any) -> None:
    try:
        await GenServer.call(till, "take all")
    except Exit:
        return


# --- Postponed -----------------------------------------------------------------------------------


async def a_knock_at_a_closed_door() -> None:
    await a_door("close", "knock")
    await sleep(2_000)


async def a_knock_at_a_door_that_is_opened() -> None:
    await a_door("close", "knock", "lock")
    await sleep(2_000)
