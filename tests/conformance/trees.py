"""Supervision trees that are data, and a driver for them; vm/trees.ex is the same on the VM.

A tree is ("sup", name, strategy, intensity, period, auto_shutdown, children) or ("dyn", name,
intensity, period, max_children); a child ("worker", id, restart, shutdown, significant, starts,
trap, ms) or ("sub", id, restart, shutdown, significant, tree). `starts` says what each start gives,
the last for all after it; `ms` is how long `terminate` takes
when the supervisor asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel import (
    DynamicSupervisor,
    Exit,
    GenServer,
    Ignore,
    Ok,
    Pid,
    Stop,
    Supervisor,
    alive,
    ets,
    get,
    process_flag,
    put,
    self_,
    sleep,
)
from simkernel import exit as exit_of
from tests.conformance.lab import mailbox, outcome, trap


async def run(tree: Any, script: Any, say: Callable[[Any], Any], pause: int) -> Any:
    """Start a tree, do what the script says, give the ends that the driver was told of."""
    trap()
    context = (await ets.new("tree", access="public"), say)
    result = await outcome(lambda: start_tree(context, tree))
    await sleep(pause)
    say(("started", shape(result)))
    for step in script:
        answer = await perform(step, context)
        await sleep(pause)
        say((step[0], answer))
    await sleep(pause)
    return [("exit", m[2]) if m[0] == "EXIT" else m for m in await mailbox()]


def shape(result: Any) -> Any:
    """Leave the pid of a tree out."""
    match result:
        case ("ok", ("ok", _)):
            return "ok"
        case ("ok", other):
            return other
    return result


def start_tree(context: Any, tree: Any) -> Any:
    """Start the supervisor of a tree."""
    starting: Any = Sup if tree[0] == "sup" else Dyn
    return starting.start_link((context, tree))


class Sup(Supervisor):
    """A supervisor that is data."""

    async def init(self, argument: Any) -> Any:
        context, (_, name, strategy, intensity, period, auto, children) = argument
        await ets.insert(context[0], (name, self_()))
        flags = {
            "strategy": strategy,
            "intensity": intensity,
            "period": period,
            "auto_shutdown": auto,
        }
        return ("ok", (flags, [spec(context, child) for child in children]))


class Dyn(DynamicSupervisor):
    """A dynamic supervisor that is data."""

    async def init(self, argument: Any) -> Any:
        context, (_, name, intensity, period, most) = argument
        await ets.insert(context[0], (name, self_()))
        return DynamicSupervisor.init(
            strategy="one_for_one",
            max_restarts=intensity,
            max_seconds=period,
            max_children=most,
        )


class Subtree:
    """Where the start function of a nested tree is found."""

    @staticmethod
    def start(context: Any, tree: Any) -> Any:
        return start_tree(context, tree)


def spec(context: Any, child: Any) -> Any:
    """Give the spec of a child."""
    match child:
        case ("worker", id_, restart, shutdown, significant, _, _, _):
            return {
                "id": id_,
                "start": (Worker, "start_link", (context, child)),
                "restart": restart,
                "shutdown": shutdown,
                "significant": significant,
            }
    _, id_, restart, shutdown, significant, tree = child
    found = {
        "id": id_,
        "start": (Subtree, "start", (context, tree)),
        "restart": restart,
        "type": "supervisor",
        "significant": significant,
    }
    return found if shutdown == "default" else {**found, "shutdown": shutdown}


async def pid_of(context: Any, name: Any) -> Any:
    """Look a child or supervisor up."""
    rows = await ets.lookup(context[0], name)
    return rows[0][1] if rows else None


async def perform(step: Any, context: Any) -> Any:
    """Perform a step of a script."""
    if step[0] == "wait":
        await sleep(step[1])
        return "ok"
    pid = await pid_of(context, step[1])
    if pid is None:
        return "nobody"
    return await act(step, pid, context) if await alive(pid) else "dead"


async def act(step: Any, pid: Any, context: Any) -> Any:
    match step:
        case ("crash", _, reason):
            return await GenServer.cast(pid, ("end", reason))
        case ("kill", _):
            return exit_of(pid, "kill")
        case ("exit", _, reason):
            return exit_of(pid, reason)
        case ("raise", _):
            return await GenServer.cast(pid, "raise")
        case ("stop", _, reason):
            return brief(await outcome(lambda: Supervisor.stop(pid, reason)))
        case ("terminate", _, id_):
            return await Supervisor.terminate_child(pid, id_)
        case ("restart", _, id_):
            return brief(await Supervisor.restart_child(pid, id_))
        case ("delete", _, id_):
            return await Supervisor.delete_child(pid, id_)
        case ("start", _, child):
            return brief(await outcome(lambda: Supervisor.start_child(pid, spec(context, child))))
        case ("which", _):
            return listed(await Supervisor.which_children(pid))
        case ("count", _):
            return await Supervisor.count_children(pid)
        case ("dyn_start", _, child):
            found = {k: v for k, v in spec(context, child).items() if k != "significant"}
            return brief(await outcome(lambda: DynamicSupervisor.start_child(pid, found)))
        case ("dyn_terminate", _, id_):
            child_pid = await pid_of(context, id_)
            if child_pid is None:
                return "nobody"
            return await DynamicSupervisor.terminate_child(pid, child_pid)
        case ("dyn_which", _):
            return sorted(listed(await DynamicSupervisor.which_children(pid)))
        case ("dyn_count", _):
            return await DynamicSupervisor.count_children(pid)
    raise ValueError(step)


def listed(children: Any) -> Any:
    return [(id_, "pid" if type(p) is Pid else p, type_) for id_, p, type_, _ in children]


def brief(result: Any) -> Any:
    """Leave out pids, the arguments of failed calls, and the record of a child."""
    match result:
        case ("ok", value):
            return brief(value)
        case ("exit", (reason, (_, name, _))):
            return ("exit", (reason, name))
        case ("error", (reason, record)) if not isinstance(record, (str, int, tuple, Pid)) or (
            type(record) is tuple and record and record[0] == "child"
        ):
            return ("error", (reason, "record"))
        case Pid():
            return "pid"
    return result


class Worker(GenServer):
    """A child that starts and ends as its data say."""

    @staticmethod
    def start_link(context: Any, child: Any) -> Any:
        return GenServer.start_link(Worker, (context, child))

    async def init(self, argument: Any) -> Any:
        (table, say), (_, id_, _, _, _, starts, traps, ms) = argument
        if traps:
            process_flag("trap_exit", True)
        counted = ("starts", id_)
        count = await ets.update_counter(table, counted, 1, (counted, 0))
        what = starts[min(count, len(starts)) - 1]
        say(("init", id_, what))
        match what:
            case "ok":
                await ets.insert(table, (id_, self_()))
                return Ok((id_, say, ms))
            case "ignore":
                return Ignore()
            case ("stop", reason):
                return Stop(reason)
            case "raise":
                raise RuntimeError("boom")
        raise Exit(what[1])

    def handle_cast(self, request: Any, state: Any) -> Any:
        put("by_itself", True)
        match request:
            case ("end", reason):
                return Stop(reason, state)
            case "raise":
                raise RuntimeError("boom")

    async def terminate(self, reason: Any, state: Any) -> Any:
        id_, say, ms = state
        # Slow only where the supervisor waits for it: else it would overlap the next steps.
        if ms > 0 and reason == "shutdown" and get("by_itself") is None:
            await sleep(ms)
        say(("terminate", id_, reason))
