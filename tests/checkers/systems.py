"""Random small systems: tasks, links, monitors, tables with heirs, and a server under a supervisor.

Main starts one or two processes, and does to them what owners do: it polls, waits for an end, takes
back a monitor or a link, ignores a task, stops it, kills. It logs nothing: all that it sees is what
it returns. Unlike the programs of `generated` main returns, and somebody may poll.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    ChildSpec,
    ErlangError,
    Exit,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Stop,
    Supervisor,
    Task,
    demonitor,
    ets,
    exit,
    link,
    monitor,
    process_flag,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_link,
    spawn_monitor,
    unlink,
    whereis,
)

DOES = ("nothing", "crash", "tell", "table", "hear", "name", "trap")
SPAWNS = ("spawn", "link", "monitor", "task", "task")
OF_ONE = (
    "poll", "poll", "down", "exit", "watch", "unwatch", "unwatch and ask", "link", "unlink",
    "kill", "stop", "tell", "look", "await", "yield", "ignore", "shut down", "kill the task",
)  # fmt: skip
OF_SERVER = ("crash", "leave", "call", "call at once", "terminate", "restart", "kill", "look")


async def acts(main: Any, todo: tuple[str, ...]) -> str:
    """Be one of those whom main starts."""
    heard = ""
    for what in todo:
        match what:
            case "crash":
                raise Exit("x")
            case "tell":
                send(main, "hello")
            case "table":
                await ets.new("t", heir=(main, "gift"))
            case "hear":
                heard = await receive(ANY)
            case "name":
                await tried(register(self_(), "a"))
            case "trap":
                process_flag("trap_exit", True)
    return heard


async def tried(operation: Any) -> Any:
    """Give what comes of an operation, or how it fails, without what names a process."""
    try:
        found = await operation
    except (ErlangError, Exit) as error:
        found = ("raised", error.reason)
    if found is TIMEOUT:
        return "timeout"
    return found if type(found) in (str, int, bool) or found is None else kind_of(found)


def kind_of(term: Any) -> Any:
    """Give the words at the beginning of a term, and at its end.

    >>> kind_of(("DOWN", 1, ("x", 2)))
    ('DOWN', ('x',))
    """
    if type(term) is not tuple:
        return term if type(term) is str else type(term).__name__
    return tuple(kind_of(part) for part in term if type(part) in (str, tuple))


class Started:
    """A process of main's, and what main has of it."""

    def __init__(self, how: str, todo: tuple[str, ...]):
        self.task: Task | None = None
        self.ref: Any = None
        match how:
            case "task":
                self.task = Task.async_(acts, self_(), todo)
                self.pid, self.ref = self.task.pid, self.task.ref
            case "monitor":
                self.pid, self.ref = spawn_monitor(acts, self_(), todo)
            case _:
                self.pid = (spawn_link if how == "link" else spawn)(acts, self_(), todo)

    async def does(self, what: str) -> Any:
        """Do something to it."""
        match what:
            case "poll":
                return await tried(receive(after=0))
            case "down":
                return await tried(receive(("DOWN", ANY, ANY, ANY, ANY), after=5))
            case "exit":
                return await tried(receive(("EXIT", ANY, ANY), after=0))
            case "watch":
                self.ref = monitor(self.pid)
            case "unwatch" | "unwatch and ask" if self.ref is not None:
                return await demonitor(self.ref, flush=True, info=what != "unwatch")
            case "link":
                return await tried(link(self.pid))
            case "unlink":
                unlink(self.pid)
            case "kill" | "stop":
                exit(self.pid, "kill" if what == "kill" else "shutdown")
            case "tell":
                send(self.pid, "word")
            case "look":
                return await whereis("a") is not None
        return await self.of_task(what) if self.task is not None else None

    async def of_task(self, what: str) -> Any:
        """Do what is only done to a task."""
        match what:
            case "await":
                return await tried(Task.await_(self.task, 5))
            case "yield":
                return await tried(Task.yield_(self.task, 0))
            case "ignore":
                return await tried(Task.ignore(self.task))
            case "shut down":
                return await tried(Task.shutdown(self.task))
            case "kill the task":
                return await tried(Task.shutdown(self.task, "brutal_kill"))


class Server(GenServer):
    """A child that is told how to end."""

    def init(self, then: Any) -> Any:
        """Begin, perhaps with a time limit."""
        return Ok(then, then)

    def handle_info(self, message: Any, then: Any) -> Any:
        """End of it."""
        return Stop("normal", then)

    def handle_cast(self, request: Any, then: Any) -> Any:
        """End as asked."""
        return Stop("x" if request == "crash" else "normal", then)

    def handle_call(self, request: Any, caller: Any, then: Any) -> Any:
        """Answer, or do not."""
        return Reply("here", then) if request == "call" else NoReply(then)


async def start_server(then: Any) -> Any:
    """Start it under its name."""
    return await GenServer.start_link(Server, then, name="a")


async def to_server(what: str) -> Any:
    """Do something to a server, or to its supervisor."""
    match what:
        case "crash" | "leave":
            return await GenServer.cast("a", what)
        case "call" | "call at once":
            return await tried(GenServer.call("a", "call", 0 if what == "call at once" else 5))
        case "terminate":
            return await tried(Supervisor.terminate_child("top", "a"))
        case "restart":
            return await tried(Supervisor.restart_child("top", "a"))
        case "kill":
            pid = await whereis("a")
            return pid is not None and exit(pid, "kill")
        case "look":
            return await whereis("a") is not None


async def client(main: Any, what: str) -> None:
    """Do one thing to the server, and tell."""
    send(main, await to_server(what))


def tasks(seed: int) -> Callable[[], Any]:
    """Draw a system of one or two processes and their owner."""
    draw = random.Random(f"tasks {seed}")
    how = [
        (draw.choice(SPAWNS), tuple(draw.choices(DOES, k=draw.randrange(1, 3))))
        for _ in range(draw.choice((1, 1, 2)))
    ]
    todo = [(draw.randrange(len(how)), draw.choice(OF_ONE)) for _ in range(draw.randrange(2, 5))]
    traps = draw.random() < 0.3

    async def main() -> Any:
        process_flag("trap_exit", traps)
        started = [Started(*one) for one in how]
        return [await started[whom].does(what) for whom, what in todo]

    return main


def trees(seed: int) -> Callable[[], Any]:
    """Draw a supervisor with a server, and one or two who do something to them."""
    draw = random.Random(f"trees {seed}")
    child = ChildSpec(
        "a", (start_server, (draw.choice((None, None, 0, 5)),)),
        restart=draw.choice(("permanent", "transient", "temporary")),
        shutdown=draw.choice((5, "brutal_kill", "infinity")),
    )  # fmt: skip
    strategy = draw.choice(("one_for_one", "one_for_all", "rest_for_one"))
    most, traps = draw.choice((0, 1)), draw.random() < 0.7
    others = [draw.choice(OF_SERVER) for _ in range(draw.randrange(2))]
    todo = [draw.choice(OF_SERVER) for _ in range(draw.choice((1, 2 - len(others))))]
    after = draw.choice((None, 0))

    async def main() -> Any:
        process_flag("trap_exit", traps)
        await Supervisor.start_link([child], strategy=strategy, max_restarts=most, name="top")
        for what in others:
            spawn(client, self_(), what)
        found = [await to_server(what) for what in todo]
        return [*found, *[await tried(receive(ANY, after=after)) for _ in others]]

    return main
