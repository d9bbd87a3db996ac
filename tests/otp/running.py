"""How the tests of the behaviours run a system, and servers that do as they are told."""

from collections.abc import Callable
from typing import Any

from simkernel import GenServer, NoReply, Ok, Reply, log, process_flag, self_, simulate
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
        (kind, dict(thaw(fields)))
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
