"""How the tests of the behaviours run a system, and servers that do as they are told."""

from collections.abc import Callable
from typing import Any

from simkernel import (
    ANY,
    GenServer,
    NoReply,
    Ok,
    Reply,
    log,
    monitor,
    process_flag,
    receive,
    self_,
    simulate,
)
from simkernel.choice import First
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.terms import thaw


def run(main: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Give what main returned in one simulation; its crash is a failure of the test."""
    result = simulate(main, *args, **options)
    assert result.reason is None, result.reason
    return result.returned


def logged(main: Callable[..., Any], *args: Any, **options: Any) -> list[Any]:
    """Give what was logged, in order."""
    return list(simulate(main, *args, **options).logged)


def notes(main: Callable[..., Any], *args: Any) -> list[tuple[str, dict[str, Any]]]:
    """Give the notes of a run, in order: kind and fields."""
    return [
        (kind, {key: thaw(value) for key, value in fields})
        for what, _, *rest in tape(main, *args)
        if what == "note"
        for kind, fields in [rest]
    ]


def tape(main: Callable[..., Any], *args: Any) -> list[tuple[Any, ...]]:
    """Give the kernel's events of a run in which the first enabled transition is picked."""
    events: list[tuple[Any, ...]] = []
    driver.drive(Machine(main, args, tape=events.append), First(), 100_000)
    return events


class Told(GenServer):
    """Start with what its argument gives; serve functions: `handle_...` gives `request(state)`."""

    def init(self, start: Any) -> Any:
        return start() if callable(start) else Ok(start)

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        if callable(request):
            return request(caller, state)
        return Reply(state, state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        return request(state) if callable(request) else NoReply(request)

    def handle_info(self, message: Any, state: Any) -> Any:
        log(("info", message))
        return message(state) if callable(message) else NoReply(state)

    def handle_continue(self, argument: Any, state: Any) -> Any:
        log(("continue", argument))
        return argument(state) if callable(argument) else NoReply(state)

    def terminate(self, reason: Any, state: Any) -> Any:
        log(("terminate", reason, state))


def trapping(start: Any) -> Callable[[], Any]:
    """Give a start for Told that traps exits first."""

    def trap() -> Any:
        process_flag("trap_exit", True)
        return start() if callable(start) else Ok(start)

    return trap


async def started(module: Any, argument: Any, **options: Any) -> Any:
    """Start a linked server, which has to succeed; gives its pid."""
    match await GenServer.start_link(module, argument, **options):
        case ("ok", pid):
            return pid
        case failed:
            raise AssertionError(failed)


def me() -> Any:
    """Give the pid of the running process."""
    return self_()


def after_start(start: Any) -> Any:
    """Give what a start gives, the exit reason, and what was logged."""

    async def main() -> Any:
        process_flag("trap_exit", True)
        result = await GenServer.start_link(Told, start)
        ended = await receive(("EXIT", ANY, ANY), after=0)
        return result, ended[2] if type(ended) is tuple else None

    result = simulate(main)
    return *result.returned, list(result.logged)


async def down_of(pid: Any) -> Any:
    """Wait for the end of a process; gives its exit reason."""
    return (await receive(("DOWN", ANY, "process", pid, ANY)))[4]


def end_of(request: Any, start: Any = 0) -> tuple[Any, list[Any]]:
    """Cast `request` to a server; give its exit reason and what was logged."""

    async def main() -> Any:
        _, pid = await GenServer.start(Told, start)
        monitor(pid)
        GenServer.cast(pid, request)
        return await down_of(pid)

    result = simulate(main)
    return result.returned, list(result.logged)


def effects_of_server(main: Any) -> list[str]:
    """Give the effects of the first process that main started, in order."""
    effects = ("send", "log", "end")
    return [what for what, pid, *_ in tape(main) if pid.path == (1,) and what in effects]


def raising(error: BaseException) -> Any:
    """Give a function that raises, whatever it is called with."""
    name, args = type(error), error.args

    def fail(*_: Any) -> Any:
        raise name(*args)

    return fail
