"""Children and supervisors for the tests of supervisors."""

from typing import Any

from simkernel import (
    ANY,
    ChildSpec,
    Exit,
    GenServer,
    Ignore,
    Ok,
    Stop,
    Supervisor,
    log,
    monitor,
    process_flag,
    receive,
    register,
    self_,
    send,
    where,
    whereis,
    work,
)


class Child(GenServer):
    """A named child that logs its start and, if it traps, its end."""

    @staticmethod
    def start_link(name: Any) -> Any:
        return GenServer.start_link(Child, name, name=name)

    def init(self, name: Any) -> Any:
        log(("up", name))
        return Ok(name)

    def handle_cast(self, request: Any, name: Any) -> Any:
        raise Exit(request)


class Trapper(Child):
    """It traps exits, and takes `ms` to terminate."""

    @staticmethod
    def start_link(name: Any, ms: int = 0) -> Any:
        return GenServer.start_link(Trapper, (name, ms), name=name)

    def init(self, argument: Any) -> Any:
        process_flag("trap_exit", True)
        log(("up", argument[0]))
        return Ok(argument)

    def handle_cast(self, request: Any, argument: Any) -> Any:
        return Stop(request, argument)

    async def terminate(self, reason: Any, argument: Any) -> None:
        name, ms = argument
        await work(ms)
        log(("down", name, reason))


def child(name: str, cls: Any = Child, **options: Any) -> ChildSpec:
    """Give the spec of a named child."""
    return ChildSpec(**{"id": name, "start": (cls, "start_link", (name,)), **options})


async def supervised(*children: Any, **options: Any) -> Any:
    """Start a supervisor, which has to succeed."""
    flags = {"strategy": "one_for_one", **options}
    match await Supervisor.start_link(list(children), **flags):
        case ("ok", pid):
            return pid
        case failed:
            raise AssertionError(failed)


ANY_BUT_EXIT = where(lambda message: message[0] != "EXIT")


async def crash(name: str, reason: Any = "boom") -> Any:
    """Let a child exit, and give the supervisor 1 ms to deal with it; gives its pid."""
    pid = await whereis(name)
    ref = monitor(pid)
    GenServer.cast(pid, reason)
    await receive(("DOWN", ref, ANY, ANY, ANY))
    await receive(ANY_BUT_EXIT, after=1)
    return pid


async def pids(supervisor: Any) -> dict[Any, Any]:
    """Give id -> pid, in start order."""
    listed = await Supervisor.which_children(supervisor)
    return {id: pid for id, pid, _, _ in reversed(listed)}


async def refused(*children: Any, **flags: Any) -> Any:
    """Give the error of a start that fails."""
    process_flag("trap_exit", True)
    options = {"strategy": "one_for_one", **flags}
    error, reason = await Supervisor.start_link(list(children), **options)
    assert error == "error"
    return reason


class Inner(Supervisor):
    """A supervisor as a child."""

    def init(self, children: Any) -> Any:
        return Supervisor.init(children, strategy="one_for_one")


class Plain(GenServer):
    """Has no start_link of its own."""


def gives(result: Any) -> Any:
    return result


class Flaky(GenServer):
    """A child that starts once, and from then on as the process "judge" tells it."""

    @staticmethod
    async def start_link(name: Any) -> Any:
        judge = await whereis("judge")
        send(judge, ("may I?", self_()))
        return await GenServer.start_link(
            Flaky, await receive("ignore", "fail", "start"), name=name
        )

    def init(self, verdict: Any) -> Any:
        match verdict:
            case "start":
                return Ok(0)
            case "fail":
                return Stop("failed")
            case "ignore":
                return Ignore()

    def handle_cast(self, request: Any, state: Any) -> Any:
        return Stop(request, state)


async def judge(*verdicts: str) -> None:
    """Answer so many times, then for ever as the last time."""
    await register(self_(), "judge")
    given = list(verdicts)
    while True:
        _, asker = await receive(("may I?", ANY), idle=True)
        log(given[0])
        send(asker, given[0])
        if len(given) > 1:
            given.pop(0)
