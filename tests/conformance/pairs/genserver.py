"""GenServer: starting, results, timeouts, ends, defaults, clients."""

from __future__ import annotations

from itertools import product
from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    Continue,
    ErlangError,
    Exit,
    GenServer,
    Hibernate,
    Ignore,
    NoReply,
    Ok,
    Reply,
    Stop,
    Throw,
    alive,
    get,
    make_ref,
    monitor,
    receive,
    register,
    self_,
    send,
    sleep,
    spawn,
    spawn_monitor,
    whereis,
)
from simkernel import exit as exit_of
from tests.conformance import peers
from tests.conformance.lab import idle, mailbox, next_, outcome, pair, say, settle, trap


async def given(function: Any, *args: Any) -> Any:
    """Give what a function gives, awaited where it has to be."""
    result = function(*args)
    return await result if hasattr(result, "__await__") else result


class Told(GenServer):
    """It does what it is told: requests are functions of the state (and of the caller)."""

    async def init(self, start: Any) -> Any:
        return await given(start) if callable(start) else Ok(start)

    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        return await given(request, caller, state) if callable(request) else Reply(state, state)

    async def handle_cast(self, request: Any, state: Any) -> Any:
        return await given(request, state) if callable(request) else NoReply(request[1])

    async def handle_info(self, message: Any, state: Any) -> Any:
        say(("info", message))
        return await given(message, state) if callable(message) else NoReply(state)

    async def handle_continue(self, argument: Any, state: Any) -> Any:
        say(("continue", argument))
        return await given(argument, state) if callable(argument) else NoReply(state)

    def terminate(self, reason: Any, state: Any) -> Any:
        say(("terminate", reason, state))


class Bare(GenServer):
    def init(self, state: Any) -> Any:
        return Ok(state)


class Partial(GenServer, restart="transient", shutdown=100):
    def init(self, state: Any) -> Any:
        return Ok(state)

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case "known":
                return Reply("known", state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        match request:
            case "known":
                return NoReply(state)

    def handle_info(self, message: Any, state: Any) -> Any:
        match message:
            case "known":
                return NoReply(state)


class Ending(GenServer):
    def init(self, how: Any) -> Any:
        trap()
        return Ok(how)

    async def terminate(self, reason: Any, how: Any) -> Any:
        say(("terminate", reason))
        match how:
            case "raise":
                raise RuntimeError("in terminate")
            case "exit":
                raise Exit("in_terminate")
            case "throw":
                raise Throw("in_terminate")
            case "slow":
                await sleep(60)


async def start(argument: Any = 0) -> Any:
    return (await GenServer.start(Told, argument))[1]


def raised(error: BaseException) -> Any:
    raise error


def strip(result: Any) -> Any:
    """Leave out the arguments of a call: the function that was the request is among them."""
    match result:
        case ("exit", (reason, (_, name, _))):
            return ("exit", (reason, name))
    return result


async def try_call(pid: Any, request: Any, timeout: Any = 5000) -> Any:
    return strip(await outcome(lambda: GenServer.call(pid, request, timeout)))


async def fate(ref: Any) -> Any:
    message = await receive(("DOWN", ref, ANY, ANY, ANY), after=0)
    return "lives" if message is TIMEOUT else ("down", message[4])


async def down_of(ref: Any) -> Any:
    return (await receive(("DOWN", ref, ANY, ANY, ANY)))[4]


# -- init -----------------------------------------------------------------------------------------

INITS = {
    "ok": lambda: Ok(1),
    "ok_timeout": lambda: Ok(1, 10),
    "ok_zero": lambda: Ok(1, 0),
    "ok_hibernate": lambda: Ok(1, Hibernate()),
    "ok_continue": lambda: Ok(1, Continue("go")),
    "ignore": Ignore,
    "stop": lambda: Stop("no"),
    "stop_normal": lambda: Stop("normal"),
    "stop_shutdown": lambda: Stop("shutdown"),
    "raise": lambda: raised(RuntimeError("boom")),
    "error": lambda: raised(ErlangError("my_error")),
    "exit": lambda: raised(Exit("gone")),
    "exit_normal": lambda: raised(Exit("normal")),
    "throw_ok": lambda: raised(Throw(("ok", 5))),
    "throw": lambda: raised(Throw("ball")),
    "junk": lambda: "junk",
    "bad_timeout": lambda: ("ok", 1, -1),
}


@pair(
    "15.1",
    "15.2",
    "15.3",
    "15.4",
    "15.5",
    "15.6",
    "15.7",
    "15.8",
    "14.4",
    "14.8",
    "14.9",
    "15.40",
    cases=product(INITS, (True, False)),
    traps=(8,),
)
async def init_result(how: Any, linked: Any) -> Any:
    trap()
    starting = GenServer.start_link if linked else GenServer.start
    match await starting(Told, INITS[how]):
        case ("ok", pid):
            say(("ok", await alive(pid)))
            await settle()
            say((await try_call(pid, "state"))[0])
        case other:
            say(other)
    await settle()
    return [why for _, _, why in await mailbox()]


@pair("14.2", "14.4", "15.1")
async def init_runs_in_the_server() -> Any:
    me = self_()

    async def begin() -> Any:
        send(me, ("in", self_(), await whereis("init_name") == self_()))
        return Ok(1)

    _, pid = await GenServer.start_link(Told, begin, name="init_name")
    _, _, named = await receive(("in", pid, ANY))
    return [named, await GenServer.whereis("init_name") == pid]


@pair("14.1", cases=["free", "taken"])
async def name_taken(how: Any) -> Any:
    await register(self_(), "server_name_taken")
    name = "server_name_free" if how == "free" else "server_name_taken"

    def begin() -> Any:
        say("init")
        return Ok(1)

    match await GenServer.start(Told, begin, name=name):
        case ("ok", pid):
            return await whereis(name) == pid
        case (_, (_, pid)):
            return ("taken", pid == self_())


@pair("14.12")
async def init_timeout() -> Any:
    async def begin() -> Any:
        await sleep(2000)
        return Ok(1)

    trap()
    say(await GenServer.start_link(Told, begin, timeout=30, name="slow_init"))
    await settle()
    return [await mailbox(), await whereis("slow_init")]


@pair("14.11")
async def name_free_after_failed_start() -> Any:
    trap()
    await GenServer.start_link(Told, lambda: Stop("no"), name="failed_start")
    return await whereis("failed_start")


@pair("14.10", "14.8", cases=["normal", "shutdown", "boom"])
async def starter_dies_of_failed_start(reason: Any) -> Any:
    async def starter() -> None:
        await GenServer.start_link(Told, lambda: Stop(reason))
        await sleep(50)
        raise Exit("went_on")

    _, ref = spawn_monitor(starter)
    return await down_of(ref)


@pair("14.6")
async def dictionary_of_a_server() -> Any:
    pid = await start(lambda: Ok(len(get("$ancestors"))))
    return await GenServer.call(
        pid, lambda _, s: Reply((s > 0, type(get("$ancestors")[0]) is type(self_())), s)
    )


# -- results --------------------------------------------------------------------------------------


def early(caller: Any, s: Any) -> Any:
    GenServer.reply(caller, "early")
    return NoReply(s + 1)


def from_continue(caller: Any, s: Any) -> Any:
    def then(s: Any) -> Any:
        GenServer.reply(caller, "from_continue")
        return NoReply(s + 1)

    return NoReply(s + 1, Continue(then))


CALLS = {
    "reply": lambda _, s: Reply("answer", s + 1),
    "reply_continue": lambda _, s: Reply("answer", s + 1, Continue("more")),
    "reply_timeout": lambda _, s: Reply("answer", s + 1, 10),
    "reply_hibernate": lambda _, s: Reply("answer", s + 1, Hibernate()),
    "noreply_then_reply": early,
    "noreply_continue": from_continue,
    "stop": lambda _, s: Stop("why", s + 1),
    "stop_normal": lambda _, s: Stop("normal", s + 1),
    "stop_reply": lambda _, s: Stop("why", "answer", s + 1),
    "stop_shutdown_reply": lambda _, s: Stop(("shutdown", 1), "answer", s + 1),
    "raise": lambda _, s: raised(RuntimeError("boom")),
    "error": lambda _, s: raised(ErlangError("my_error")),
    "exit": lambda _, s: raised(Exit("gone")),
    "exit_normal": lambda _, s: raised(Exit("normal")),
    "throw_reply": lambda _, s: raised(Throw(("reply", "thrown", s + 1))),
    "throw": lambda _, s: raised(Throw("ball")),
    "junk": lambda _, s: "junk",
    "bad_timeout": lambda _, s: ("reply", "answer", s, -5),
    "bad_timeout_atom": lambda _, s: ("noreply", s, "soon"),
}


@pair(
    "15.10",
    "15.16",
    "15.17",
    "15.18",
    "15.19",
    "15.21",
    "15.22",
    "15.25",
    "15.33",
    "15.34",
    "15.41",
    "15.52",
    "15.66",
    "15.68",
    "15.32",
    cases=CALLS,
    traps=(8, 9, 10),
)
async def call_result(how: Any) -> Any:
    pid = await start()
    ref = monitor(pid)
    say(await try_call(pid, CALLS[how], 1000))
    await settle(40)
    say(await try_call(pid, "state"))
    return await fate(ref)


CASTS = {
    "noreply": lambda s: NoReply(s + 1),
    "reply": lambda s: ("reply", "answer", s + 1),
    "timeout": lambda s: NoReply(s + 1, 10),
    "zero": lambda s: NoReply(s + 1, 0),
    "continue": lambda s: NoReply(s + 1, Continue(lambda s: NoReply(s + 1, Continue("last")))),
    "continue_reply": lambda s: NoReply(s + 1, Continue(lambda s: ("reply", "x", s))),
    "continue_stop": lambda s: NoReply(s + 1, Continue(lambda s: Stop("done", s + 1))),
    "continue_raise": lambda s: NoReply(s + 1, Continue(lambda _: raised(RuntimeError("boom")))),
    "stop": lambda s: Stop("why", s + 1),
    "raise": lambda s: raised(RuntimeError("boom")),
    "throw": lambda s: raised(Throw(("noreply", 77))),
}


@pair("15.11", "15.17", "15.18", "15.20", "15.21", "15.22", "15.26", "15.27", "15.58", cases=CASTS)
async def cast_result(how: Any) -> Any:
    pid = await start()
    ref = monitor(pid)
    say(await GenServer.cast(pid, CASTS[how]))
    await settle(40)
    say(await try_call(pid, "state"))
    return await fate(ref)


INFOS = {
    "noreply": lambda s: NoReply(s + 1),
    "stop": lambda s: Stop("why", s + 1),
    "exit": lambda s: raised(Exit("gone")),
}


@pair("15.12", "15.18", "15.33", cases=INFOS)
async def info_result(how: Any) -> Any:
    pid = await start()
    ref = monitor(pid)
    send(pid, INFOS[how])
    await settle()
    say(await try_call(pid, "state"))
    return await fate(ref)


@pair("15.12")
async def everything_else_is_info() -> Any:
    pid, other = await start(), spawn(idle)

    def watch(_: Any, s: Any) -> Any:
        monitor(other)
        return Reply("ok", s)

    await GenServer.call(pid, watch)
    exit_of(other, "boom")
    send(pid, ("EXIT", self_(), "fake"))
    send(pid, (make_ref(), "stray"))
    send(pid, "plain")
    await settle()
    return await GenServer.call(pid, "state")


def slowly(ms: int, result: Any) -> Any:
    async def handle(*args: Any) -> Any:
        await sleep(ms)
        return result(*args)

    return handle


@pair("15.9")
async def in_order() -> Any:
    pid = await start([])
    say(await GenServer.call(pid, slowly(30, lambda _, s: Reply("ok", s))))
    for n in (1, 2, 3):
        await GenServer.cast(pid, lambda s, n=n: NoReply([n, *s]))
    send(pid, lambda s: NoReply(["info", *s]))
    return await GenServer.call(pid, "state")


@pair("15.24")
async def continue_before_messages() -> Any:
    def third(s: Any) -> Any:
        say("third")
        return NoReply(s)

    pid = await start()
    await GenServer.cast(pid, slowly(30, lambda s: NoReply(s, Continue("first"))))
    send(pid, "second")
    await GenServer.cast(pid, third)
    return await GenServer.call(pid, "state")


@pair("15.25")
async def reply_before_continue() -> Any:
    me = self_()

    async def then(s: Any) -> Any:
        await receive("go")
        send(me, "continued")
        return NoReply(s)

    pid = await start()
    say(await GenServer.call(pid, lambda _, s: Reply("answer", s, Continue(then))))
    send(pid, "go")
    return await next_()


# -- programs that are data: what random programs are shrunk to belongs here -----------------------

STEPS: list[tuple[str, Any]] = [
    (
        "a reply that is kept comes late",
        [
            ("start", "p0", True, False, "ok"),
            ("call", "p0", [("save",), "noreply"]),
            ("cast", "p0", [("reply_saved", "late"), "noreply"]),
        ],
    ),
    (
        "a link to one that stops",
        [
            ("start", "p0", False, True, "ok"),
            ("start", "p1", False, False, "ok"),
            ("call", "p0", [("link", "p1"), ("monitor", "p1"), ("reply", "r")]),
            ("stop", "p1", "boom"),
            ("call", "p0", [("reply", "r")]),
        ],
    ),
    (
        "a thrown return is one",
        [("start", "p0", True, True, "ok"), ("cast", "p0", ["throw_noreply"]), ("wait", 45)],
    ),
]


@pair("15.1", "15.9", cases=STEPS, labelled=True)
async def steps(label: Any, script: Any) -> Any:
    return await peers.run(script, say, 30)
