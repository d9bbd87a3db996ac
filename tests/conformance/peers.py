"""GenServers that do what scripts say, driven step by step; Peers in vm/many.ex is the same there.

Steps: ("start", name, linked, trap, init), ("call" | "cast" | "info", name, script), ("exit", name,
reason), ("stop", name, reason), ("wait", ms). A script is instructions, the last of which says what
the callback returns. What different processes do within one step has no order: each is listed by
itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel import (
    Continue,
    ErlangError,
    Exit,
    GenServer,
    Hibernate,
    Ignore,
    NoReply,
    Ok,
    Pid,
    Ref,
    Reply,
    Stack,
    Stop,
    Throw,
    demonitor,
    ets,
    get,
    link,
    monitor,
    process_flag,
    put,
    self_,
    send,
    sleep,
    unlink,
)
from simkernel import exit as exit_of
from tests.conformance.lab import mailbox, outcome

# In a pause of 30: on the VM all of them are multiplied alike where it runs calmly.
TIMEOUT_MS, INNER_MS, CALL_MS = 14, 9, 45


async def run(steps: Any, say: Callable[[Any], Any], pause: int) -> Any:
    """Perform the steps."""
    process_flag("trap_exit", True)
    table = await ets.new("peers", access="public")
    await ets.insert(table, ("driver", self_()))
    context = (table, say)
    for index, step in enumerate(steps):
        say(("step", index))
        answer = await perform(step, context)
        await sleep(pause)
        await tell(context, "driver", ("answer", answer))
        for message in await mailbox():
            await tell(context, "driver", ("got", message))
    return "done"


async def perform(step: Any, context: Any) -> Any:
    """Perform one step."""
    match step:
        case ("start", name, linked, traps, init):
            starting = GenServer.start_link if linked else GenServer.start
            return brief(await starting(Server, (context, name, traps, init)))
        case ("wait", ms):
            await sleep(ms)
            return "ok"
    pid = await pid_of(context, step[1])
    if pid is None:
        return "nobody"
    match step:
        case ("call", _, script):
            return strip(await outcome(lambda: GenServer.call(pid, ("do", script), CALL_MS)))
        case ("cast", _, script):
            return await GenServer.cast(pid, ("do", script))
        case ("info", _, script):
            send(pid, ("do", script))
            return "ok"
        case ("exit", _, reason):
            return exit_of(pid, reason)
        case ("stop", _, reason):
            return strip(await outcome(lambda: GenServer.stop(pid, reason, 100)))
    raise ValueError(step)


def brief(result: Any) -> Any:
    """Leave the pid of a start out."""
    return "ok" if result[0] == "ok" else result


def strip(result: Any) -> Any:
    """Leave the arguments of a failed call out."""
    match result:
        case ("exit", ((reason, ("sys", what, _)), (_, name, _))):
            return ("exit", ((reason, ("sys", what)), name))
        case ("exit", (reason, (_, name, _))):
            return ("exit", (reason, name))
    return result


async def pid_of(context: Any, name: Any) -> Any:
    """Look a server up."""
    rows = await ets.lookup(context[0], name)
    return rows[0][1] if rows else None


async def tell(context: Any, who: Any, what: Any) -> None:
    """Say what a process did, with names for pids and no references."""
    table, say = context
    say((who, await named(table, what)))


async def named(table: Any, term: Any) -> Any:
    """Put names in the place of pids."""
    match term:
        case Pid():
            found = await ets.match(table, ("$1", term))
            return found[0][0] if found else "stranger"
        case Ref():
            return "ref"
        case Stack():
            return "stack"
        case ("do", list()):
            return "script"
        case tuple():
            return tuple([await named(table, part) for part in term])
        case list():
            return [await named(table, part) for part in term]
    return term


class Server(GenServer):
    """A server that does what scripts say."""

    async def init(self, argument: Any) -> Any:
        context, name, traps, init = argument
        if traps:
            process_flag("trap_exit", True)
        await tell(context, name, ("init", "ok_continue" if init[0] == "ok_continue" else init))
        put("context", context)
        put("name", name)
        match init:
            case "ok" | "ok_timeout" | ("ok_continue", _):
                await ets.insert(context[0], (name, self_()))
        match init:
            case "ok":
                return Ok(0)
            case "ok_timeout":
                return Ok(0, TIMEOUT_MS)
            case ("ok_continue", script):
                return Ok(0, Continue(("do", script)))
            case "ignore":
                return Ignore()
            case ("stop", reason):
                return Stop(reason)
            case "raise":
                raise RuntimeError("boom")
            case ("exit", reason):
                raise Exit(reason)
            case _:
                return init

    async def handle_call(self, request: Any, caller: Any, n: Any) -> Any:
        return await act("call", request[1], caller, n)

    async def handle_cast(self, request: Any, n: Any) -> Any:
        return await act("cast", request[1], None, n)

    async def handle_continue(self, argument: Any, n: Any) -> Any:
        return await act("continue", argument[1], None, n)

    async def handle_info(self, message: Any, n: Any) -> Any:
        if type(message) is tuple and message[0] == "do":
            return await act("info", message[1], None, n)
        await own(("info", message, n))
        return NoReply(n)

    async def terminate(self, reason: Any, n: Any) -> None:
        await own(("terminate", reason, n))


async def own(what: Any) -> None:
    await tell(get("context"), get("name"), what)


async def act(kind: Any, script: Any, caller: Any, n: Any) -> Any:
    """Perform a script, and give what its last instruction says."""
    await own((kind, n))
    for one in script[:-1]:
        await instruct(one, caller)
    return give(script[-1], n + 1)


async def instruct(one: Any, caller: Any) -> None:
    """Do one instruction."""
    match one:
        case ("say", x):
            await own(("say", x))
        case ("trap", flag):
            process_flag("trap_exit", flag)
        case ("save",):
            put("saved", caller)
        case ("reply_saved", x):
            if get("saved") is not None:
                GenServer.reply(get("saved"), x)
        case ("reply_now", x):
            if caller is not None:
                GenServer.reply(caller, x)
        case ("start", name, traps, init):
            result = await GenServer.start_link(Server, (get("context"), name, traps, init))
            await own(("started", brief(result)))
        case (_, name, *_):
            pid = await pid_of(get("context"), name)
            await (own("nobody") if pid is None else relate(one, pid))


async def relate(one: Any, pid: Any) -> None:
    """Do one instruction that concerns another process."""
    match one:
        case ("link", _):
            await link(pid)
        case ("unlink", _):
            unlink(pid)
        case ("monitor", _):
            put(("ref", pid), monitor(pid))
        case ("demonitor", _):
            if get(("ref", pid)) is not None:
                await demonitor(get(("ref", pid)), flush=True)
        case ("exit", _, reason):
            exit_of(pid, reason)
        case ("cast", _, script):
            await GenServer.cast(pid, ("do", script))
        case ("send", _, message):
            send(pid, message)
        case ("call", _, script):
            answer = await outcome(lambda: GenServer.call(pid, ("do", script), INNER_MS))
            await own(("called", strip(answer)))


def give(last: Any, n: Any) -> Any:
    """Give what the last instruction of a script says."""
    match last:
        case ("reply", x):
            return Reply(x, n)
        case ("reply_timeout", x):
            return Reply(x, n, TIMEOUT_MS)
        case ("reply_continue", x, script):
            return Reply(x, n, Continue(("do", script)))
        case "noreply":
            return NoReply(n)
        case "timeout":
            return NoReply(n, TIMEOUT_MS)
        case "zero":
            return NoReply(n, 0)
        case "hibernate":
            return NoReply(n, Hibernate())
        case ("continue", script):
            return NoReply(n, Continue(("do", script)))
        case ("stop", reason):
            return Stop(reason, n)
        case ("stop_reply", reason, x):
            return Stop(reason, x, n)
        case "raise":
            raise RuntimeError("boom")
        case ("error", reason):
            raise ErlangError(reason)
        case ("exit", reason):
            raise Exit(reason)
        case "throw_noreply":
            raise Throw(("noreply", n))
        case "throw_junk":
            raise Throw("ball")
    return last
