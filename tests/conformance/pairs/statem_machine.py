"""A state machine that does what rows of a table say, and a driver for it."""

from __future__ import annotations

from typing import Any

from simkernel import (
    ErlangError,
    Exit,
    GenStateMachine,
    Throw,
    get,
    now,
    put,
    send,
    sleep,
    spawn,
    sys,
    to_ms,
)
from simkernel import exit as exit_of
from simkernel.terms import equal
from tests.conformance.lab import outcome, say, settle


def fits(row: Any, place: Any) -> bool:
    return all(want == "_" or equal(want, got) for want, got in zip(row, place, strict=True))


def handle(type_: Any, content: Any, state: Any, data: Any) -> Any:
    kind = type_
    if type(type_) is tuple and type_[0] == "call":
        put("from", type_[1])
        kind = "call"
    say((kind, content, state, data))
    for place, result in get("table"):
        if fits(place, (state, kind, content)):
            return give(result, data)
    return "keep_state_and_data"


def give(result: Any, data: Any) -> Any:
    match result:
        case ("raise", text):
            raise RuntimeError(text)
        case ("error", reason):
            raise ErlangError(reason)
        case ("exit", reason):
            raise Exit(reason)
        case ("throw", value):
            raise Throw(in_place(value, data))
    return in_place(result, data)


def in_place(term: Any, data: Any) -> Any:
    match term:
        case "FROM":
            return get("from")
        case "DATA":
            return data
        case "+":
            return data + 1
        case "OTHER":
            return Other
        case ("abs_timeout", type_, delta, content):
            return (type_, to_ms(now()) + delta, content, ("abs", True))
        case tuple():
            return tuple(in_place(part, data) for part in term)
        case list():
            return [in_place(part, data) for part in term]
    return term


class Base(GenStateMachine):
    def init(self, argument: Any) -> Any:
        start, table = argument
        put("table", table)
        return give(start, 0)

    def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
        return handle(type_, content, state, data)

    def terminate(self, reason: Any, state: Any, data: Any) -> Any:
        say(("terminate", reason, state, data))
        for (_, type_, _), result in get("table"):
            if type_ == "terminate":
                give(result, data)


class Handle(Base):
    pass


class HandleEnter(Base, callback_mode=["handle_event_function", "state_enter"]):
    pass


class States(Base, callback_mode="state_functions"):
    def s1(self, type_: Any, content: Any, data: Any) -> Any:
        return handle(type_, content, "s1", data)

    def s2(self, type_: Any, content: Any, data: Any) -> Any:
        return handle(type_, content, "s2", data)

    def s3(self, type_: Any, content: Any, data: Any) -> Any:
        return handle(type_, content, "s3", data)


class StatesEnter(States, callback_mode=["state_functions", "state_enter"]):
    pass


class Other(Base):
    def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
        say("other")
        return handle(type_, content, state, data)

    def terminate(self, reason: Any, state: Any, data: Any) -> Any:
        say(("other_terminate", reason, state, data))


MODULES = {
    "handle": Handle,
    "handle_enter": HandleEnter,
    "states": States,
    "states_enter": StatesEnter,
}


def short(result: Any) -> Any:
    match result:
        case ("exit", (reason, (_, "call", _))):
            return ("exit", reason)
    return result


async def perform(step: Any, pid: Any) -> None:
    match step:
        case ("cast", x):
            await GenStateMachine.cast(pid, x)
        case ("info", x):
            send(pid, x)
        case ("wait", ms):
            await sleep(ms)
            return
        case ("exit", reason):
            exit_of(pid, reason)
        case ("stop", reason):
            answer = await outcome(lambda: GenStateMachine.stop(pid, reason))
            await settle(12)
            say(answer)
            return
        case ("many", casts):
            await sys.suspend(pid)
            for x in casts:
                await GenStateMachine.cast(pid, x)
            await sleep(400)
            await sys.resume(pid)
            await settle(20)
            return
        case ("call", x):
            answer = short(await outcome(lambda: GenStateMachine.call(pid, x, 60)))
            await settle(12)
            say(answer)
            return
        case ("call_later", x):

            async def client() -> None:
                answer = short(await outcome(lambda: GenStateMachine.call(pid, x)))
                await settle(6)
                say(("answer", answer))

            spawn(client)
    await settle(12)


OK = ("ok", "s1", 0)


def row(state: Any, type_: Any, content: Any, result: Any) -> Any:
    return ((state, type_, content), result)


def on(content: Any, result: Any, state: Any = "_") -> Any:
    """A row for whatever event has this content."""
    return row(state, "_", content, result)


def to(state: Any, *actions: Any) -> Any:
    return ("next_state", state, "+", list(actions))


def keep(*actions: Any) -> Any:
    return ("keep_state", "+", list(actions))


def casts(*names: Any) -> list[Any]:
    return [("cast", name) for name in names]


def enter(state: Any, result: Any) -> Any:
    return row(state, "enter", "_", result)


# Each: label, mode, what init gives, rows, script.
T, S, G, E = "t", "state_timeout", ("timeout", "n"), "event_timeout"
