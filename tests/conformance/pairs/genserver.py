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
    Supervisor,
    Throw,
    alive,
    get,
    make_ref,
    monitor,
    process_info,
    receive,
    register,
    self_,
    send,
    sleep,
    spawn,
    spawn_link,
    spawn_monitor,
    sys,
    whereis,
)
from simkernel import exit as exit_of
from tests.conformance.lab import ended, idle, mailbox, next_, outcome, pair, say, settle, trap


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


# -- timeouts -------------------------------------------------------------------------------------


@pair("15.27", "15.28")
async def timeout_is_cancelled_by_a_message() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s, 200))
    await settle(30)
    send(pid, "message")
    await settle(300)
    return await GenServer.call(pid, "state")


@pair("15.28")
async def timeout_again() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s, 200))
    await settle(60)
    send(pid, lambda s: NoReply(s, 300))
    await settle(200)
    say("not_yet")
    await settle(200)
    return await GenServer.call(pid, "state")


@pair("15.29", traps=(11,))
async def zero_timeout_loses() -> Any:
    pid = await start()
    await GenServer.cast(pid, slowly(40, lambda s: NoReply(s, 0)))
    send(pid, "waiting")
    await settle(80)
    return await GenServer.call(pid, "state")


@pair("15.30")
async def timeout_looks_like_a_message() -> Any:
    pid = await start()
    send(pid, "timeout")
    return await GenServer.call(pid, "state")


@pair("15.31", "15.15", "23.10", "14.5")
async def system_message_keeps_the_timeout() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s, 100))
    await settle(60)
    say(await sys.get_state(pid))
    await settle(60)
    say("not_yet")
    await settle(80)
    return await GenServer.call(pid, "state")


# -- ends -----------------------------------------------------------------------------------------

ENDS = (
    "parent_exit",
    "parent_normal",
    "parent_shutdown",
    "kill",
    "stranger",
    "stop",
    "stop_reason",
    "stop_shutdown",
    "linked",
    "linked_normal",
    "cast_after_exit",
    "cast_before_exit",
)


async def links_to_one_that_dies(reason: Any, pid: Any) -> None:
    async def dies() -> None:
        raise Exit(reason)

    def handle(_: Any, s: Any) -> Any:
        spawn_link(dies)
        return Reply("ok", s)

    await GenServer.call(pid, handle)


@pair(
    "15.13",
    "15.14",
    "15.33",
    "15.35",
    "15.36",
    "15.37",
    "15.38",
    "15.60",
    "15.63",
    "14.7",
    "15.44",
    "15.43",
    cases=[
        (how, trapping)
        for how, trapping in product(ENDS, (True, False))
        if not (how == "cast_before_exit" and not trapping)
    ],
    traps=(7,),
)
async def end_by(how: Any, trapping: Any) -> Any:
    trap()
    me = self_()

    def begin() -> Any:
        trap(trapping)
        return Ok("before")

    async def stranger() -> None:
        exit_of(pid, "stranger_says")

    _, pid = await GenServer.start_link(Told, begin)
    match how:
        case "parent_exit":
            exit_of(pid, "parent_says")
        case "parent_normal":
            exit_of(pid, "normal")
        case "parent_shutdown":
            exit_of(pid, "shutdown")
        case "kill":
            exit_of(pid, "kill")
        case "stranger":
            await ended(spawn(stranger))
        case "stop":
            say(await GenServer.stop(pid))
        case "stop_reason":
            say(await outcome(lambda: GenServer.stop(pid, "my_reason")))
        case "stop_shutdown":
            say(await outcome(lambda: GenServer.stop(pid, ("shutdown", 1))))
        case "linked":
            await links_to_one_that_dies("linked_died", pid)
        case "linked_normal":
            await links_to_one_that_dies("normal", pid)
        case "cast_after_exit":
            exit_of(pid, "parent_says")
            await GenServer.cast(pid, ("put", "after"))
        case "cast_before_exit":
            await GenServer.cast(pid, ("put", "after"))
            exit_of(pid, "parent_says")
    await settle()
    say(await alive(pid))
    send(me, "last")
    return [m if type(m) is str else ("exit", m[2]) for m in await mailbox()]


@pair("15.39", "14.7", cases=["normal", "shutdown", "boom"])
async def no_parent(reason: Any) -> Any:
    def begin() -> Any:
        trap()
        return Ok(0)

    pid = await start(begin)
    exit_of(pid, reason)
    await settle()
    return await try_call(pid, "state")


@pair("15.42", cases=["return", "raise", "exit", "throw"])
async def terminate_does(how: Any) -> Any:
    trap()
    _, pid = await GenServer.start_link(Ending, how)
    say(await outcome(lambda: GenServer.stop(pid, "asked")))
    await settle()
    return [("exit", why) for _, _, why in await mailbox()]


@pair("15.41", "15.33", cases=["stop", "raise"])
async def state_at_terminate(how: Any) -> Any:
    pid = await start("old")
    ref = monitor(pid)
    stop = (
        (lambda _: Stop("why", "new"))
        if how == "stop"
        else (lambda _: raised(RuntimeError("boom")))
    )
    await GenServer.cast(pid, stop)
    return await down_of(ref)


@pair(
    "15.44",
    cases=product(("normal", "shutdown", ("shutdown", 1), "boom"), (True, False)),
)
async def linked_to_a_stopping_server(reason: Any, trapping: Any) -> Any:
    async def peer() -> None:
        trap(trapping)
        _, pid = await GenServer.start_link(Told, 0)
        await GenServer.cast(pid, lambda s: Stop(reason, s))
        say(("peer", await next_(100)))

    _, ref = spawn_monitor(peer)
    return await down_of(ref)


@pair("15.19", traps=(10,))
async def reply_after_terminate() -> Any:
    me, pid = self_(), await start()

    async def client() -> None:
        request = lambda _, s: Stop("normal", "late_reply", s)  # noqa: E731
        send(me, ("answer", await outcome(lambda: GenServer.call(pid, request))))

    spawn(client)
    say((await next_())[1])
    await settle()
    return "ok"


# -- defaults -------------------------------------------------------------------------------------


@pair("15.45", "15.46", cases=["call", "cast", "info"])
async def without_callback(what: Any) -> Any:
    _, pid = await GenServer.start(Bare, 7)
    ref = monitor(pid)
    match what:
        case "call":
            say((await outcome(lambda: GenServer.call(pid, "unknown")))[0])
        case "cast":
            say(await GenServer.cast(pid, "unknown"))
        case "info":
            send(pid, "unknown")
    await settle()
    message = await receive(("DOWN", ref, ANY, ANY, ANY), after=0)
    if message is TIMEOUT:
        return await alive(pid)
    return ("down", message[4][0].name == "RuntimeError")


@pair("15.47", "15.23", cases=["call", "cast", "info"])
async def without_clause(what: Any) -> Any:
    _, pid = await GenServer.start(Partial, 7)
    ref = monitor(pid)
    match what:
        case "call":
            say((await outcome(lambda: GenServer.call(pid, "unknown")))[0])
        case "cast":
            await GenServer.cast(pid, "unknown")
        case "info":
            send(pid, "unknown")
    return await down_of(ref)


@pair("15.48", "16.1", "16.3")
async def child_specs() -> Any:
    specs = [
        Told.child_spec(1),
        Partial.child_spec(1),
        Supervisor.child_spec((Told, 2), id="other", restart="temporary"),
    ]
    shutdowns = [spec.shutdown if type(spec.shutdown) is int else 5000 for spec in specs]
    return [
        (spec.id, spec.restart, shutdown, list(spec.start[2]))
        for spec, shutdown in zip(specs, shutdowns, strict=True)
    ]


# -- the client -----------------------------------------------------------------------------------


@pair(
    "15.49",
    "15.50",
    "15.51",
    "15.53",
    "15.54",
    cases=["dead", "free_name", "itself", "not_a_server", "infinity"],
)
async def call_to(what: Any) -> Any:
    async def nothing() -> None:
        pass

    dead = spawn(nothing)
    await ended(dead)
    match what:
        case "dead":
            return await outcome(lambda: GenServer.call(dead, "hello"))
        case "free_name":
            return await outcome(lambda: GenServer.call("free_server_name", "hello", 100))
        case "itself":
            return await outcome(lambda: GenServer.call(self_(), "hello"))
        case "not_a_server":
            return await outcome(lambda: GenServer.call(spawn(idle), "hello", 20))
    return await outcome(lambda: GenServer.call(dead, "hello", None))


@pair("15.58", cases=["dead", "free_name"])
async def cast_to(what: Any) -> Any:
    async def nothing() -> None:
        pass

    dead = spawn(nothing)
    await ended(dead)
    return await GenServer.cast(dead if what == "dead" else "free_server_name", "hello")


@pair("15.51", "15.55", "15.56", "15.57", cases=[20, "infinity"], traps=(6,))
async def late_reply(timeout: Any) -> Any:
    pid = await start()
    request = slowly(60, lambda caller, s: Reply(("late", type(caller) is tuple), s + 1))
    say(await try_call(pid, request, None if timeout == "infinity" else timeout))
    await settle(120)
    say(await mailbox())
    return await GenServer.call(pid, "state")


@pair("15.52", cases=["boom", "kill", "shutdown"])
async def server_ends_in_call(reason: Any) -> Any:
    me, pid = self_(), await start()

    async def client() -> None:
        send(me, await try_call(pid, lambda _, s: NoReply(s)))

    spawn(client)
    await settle()
    exit_of(pid, reason)
    return await next_()


@pair("15.59")
async def reply_by_another() -> Any:
    pid = await start()

    def handle(caller: Any, s: Any) -> Any:
        async def other() -> None:
            say(await GenServer.reply(caller, "from_another"))

        spawn(other)
        return NoReply(s)

    answer = await GenServer.call(pid, handle)
    return answer


@pair("15.56", "7.9")
async def reply_twice() -> Any:
    def handle(caller: Any, s: Any) -> Any:
        GenServer.reply(caller, "one")
        return Reply("two", s)

    say(await GenServer.call(await start(), handle))
    await settle()
    return await mailbox()


@pair(
    "15.60",
    "15.61",
    "15.62",
    "15.63",
    cases=["dead", "free_name", "timeout", "other_reason", "queue"],
)
async def stop_of(what: Any) -> Any:
    async def nothing() -> None:
        pass

    match what:
        case "dead":
            dead = spawn(nothing)
            await ended(dead)
            return strip(await outcome(lambda: GenServer.stop(dead)))
        case "free_name":
            return strip(await outcome(lambda: GenServer.stop("free_server_name")))
        case "timeout":
            _, pid = await GenServer.start(Ending, "slow")
            say(strip(await outcome(lambda: GenServer.stop(pid, "normal", 20))))
            return await ended(pid)
        case "other_reason":
            pid = await start()
            await GenServer.cast(pid, slowly(30, lambda s: Stop("mine", s)))
            return strip(await outcome(lambda: GenServer.stop(pid, "normal")))
    pid = await start()
    await GenServer.cast(pid, slowly(20, lambda s: NoReply(s + 1)))
    await GenServer.cast(pid, ("put", "served"))
    return await GenServer.stop(pid)


@pair("15.64", "15.65", "23.10", "23.11", "23.12")
async def suspended() -> Any:
    pid = await start()
    say(await sys.suspend(pid))
    say(await sys.suspend(pid))
    await GenServer.cast(pid, ("put", 5))
    say(await try_call(pid, "state", 30))
    say(await sys.get_state(pid))
    say(await sys.resume(pid))
    say(await sys.resume(pid))
    await settle()
    say(await sys.replace_state(pid, lambda s: s + 1))
    return await GenServer.call(pid, "state")


@pair("15.32", "10.15")
async def hibernated() -> Any:
    pid = await start()
    await GenServer.cast(pid, lambda s: NoReply(s + 1, Hibernate()))
    await settle()
    say(await process_info(pid, "current_function"))
    return await GenServer.call(pid, "state")


@pair("15.49")
async def nested_calls() -> Any:
    a, b = await start("a"), await start("b")

    async def handle(_: Any, s: Any) -> Any:
        return Reply((s, await GenServer.call(b, "state")), s)

    return await GenServer.call(a, handle)


@pair("15.51", "15.56")
async def crossed_calls() -> Any:
    a, b, me = await start("a"), await start("b"), self_()

    async def back(_: Any, t: Any) -> Any:
        return Reply(await try_call(a, "state", 40), t)

    async def forth(s: Any) -> Any:
        send(me, ("a", await try_call(b, back, 400)))
        return NoReply(s)

    await GenServer.cast(a, forth)
    say(await next_())
    await settle()
    return [await GenServer.call(a, "state"), await GenServer.call(b, "state")]
