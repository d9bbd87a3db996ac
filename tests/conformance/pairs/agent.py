"""Agent."""

from __future__ import annotations

from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    Agent,
    Exit,
    Task,
    Throw,
    monitor,
    receive,
    self_,
    send,
    sleep,
    spawn,
    whereis,
)
from tests.conformance.lab import ended, mailbox, outcome, pair, say, settle, trap


def raised(error: BaseException) -> Any:
    raise error


async def start() -> Any:
    return (await Agent.start(lambda: 0))[1]


def strip(result: Any) -> Any:
    match result:
        case ("exit", (reason, (_, name, _))):
            return ("exit", (reason, name))
    return result


async def slowly(s: Any) -> Any:
    await sleep(60)
    return s + 3


def same(s: Any) -> Any:
    return s


async def told(pid: Any) -> Any:
    send(pid, "hello")
    return "sent"


USES: dict[Any, Any] = {
    "get": lambda pid: Agent.get(pid, lambda s: s + 1),
    "update": lambda pid: Agent.update(pid, lambda s: s + 1),
    "get_and_update": lambda pid: Agent.get_and_update(pid, lambda s: (s, s + 5)),
    "cast": lambda pid: Agent.cast(pid, lambda s: s + 7),
    "get_raises": lambda pid: Agent.get(pid, lambda _: raised(RuntimeError("boom"))),
    "get_exits": lambda pid: Agent.get(pid, lambda _: raised(Exit("gone"))),
    "get_throws": lambda pid: Agent.get(pid, lambda _: raised(Throw("ball"))),
    "update_raises": lambda pid: Agent.update(pid, lambda _: raised(RuntimeError("boom"))),
    "cast_raises": lambda pid: Agent.cast(pid, lambda _: raised(RuntimeError("boom"))),
    "no_pair": lambda pid: Agent.get_and_update(pid, lambda _: "junk"),
    "timeout": lambda pid: Agent.update(pid, slowly, timeout=20),
    "throw_reply": lambda pid: Agent.get(pid, lambda s: raised(Throw(("reply", "thrown", s)))),
    "stop": Agent.stop,
    "stop_reason": lambda pid: Agent.stop(pid, "why"),
    "message": told,
}


@pair(
    "20.1",
    "20.3",
    "20.4",
    "20.5",
    "20.6",
    "20.9",
    "20.10",
    "20.12",
    "20.13",
    cases=USES,
    traps=(8,),
)
async def use(how: Any) -> Any:
    pid = await start()
    ref = monitor(pid)
    say(strip(await outcome(lambda: USES[how](pid))))
    await settle(90)
    say(strip(await outcome(lambda: Agent.get(pid, same))))
    message = await receive(("DOWN", ref, ANY, ANY, ANY), after=0)
    return "lives" if message is TIMEOUT else ("down", message[4])


STARTS: dict[Any, Any] = {
    "raise": lambda: raised(RuntimeError("boom")),
    "exit": lambda: raised(Exit("gone")),
    "throw": lambda: raised(Throw("ball")),
    "value": lambda: 1,
}


@pair("20.7", cases=STARTS)
async def start_with(how: Any) -> Any:
    trap()
    result = await Agent.start_link(STARTS[how])
    say("ok" if result[0] == "ok" else result)
    await settle()
    return [why for _, _, why in await mailbox()]


@pair("20.11", "14.1")
async def named() -> Any:
    _, pid = await Agent.start_link(lambda: 5, name="an_agent")
    again = await Agent.start(lambda: 1, name="an_agent")
    return [await Agent.get("an_agent", same), await whereis("an_agent") == pid, again[0]]


@pair("20.12", cases=["get", "cast", "free_name"])
async def nobody(how: Any) -> Any:
    async def nothing() -> None:
        pass

    dead = spawn(nothing)
    await ended(dead)
    calls: dict[Any, Any] = {
        "get": lambda: Agent.get(dead, same),
        "cast": lambda: Agent.cast(dead, same),
        "free_name": lambda: Agent.update("free_agent_name", same),
    }
    return strip(await outcome(calls[how]))


@pair("20.2")
async def updates_are_not_lost() -> Any:
    pid = await start()

    async def adds() -> Any:
        return await Agent.update(pid, lambda s: s + 1)

    await Task.await_many([Task.async_(adds) for _ in range(10)])
    return await Agent.get(pid, same)


@pair("20.2")
async def runs_in_the_agent() -> Any:
    pid = await start()
    return await Agent.get(pid, lambda _: self_()) == pid
