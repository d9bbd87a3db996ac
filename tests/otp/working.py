"""Work for the tests of tasks."""

from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    Exit,
    Task,
    Throw,
    log,
    process_flag,
    receive,
    work,
)


async def takes(ms: int, value: Any = "done") -> Any:
    """Work, and give a value."""
    await work(ms)
    return value


def ends(reason: Any) -> Any:
    raise Exit(reason)


def boom() -> Any:
    raise ValueError("boom")


def throws() -> Any:
    raise Throw("ball")


async def stubborn() -> None:
    """Trap exits, and work on."""
    process_flag("trap_exit", True)
    await work(1_000)


async def asked_to_stop() -> Any:
    """Trap exits, and give a value when asked to stop."""
    process_flag("trap_exit", True)
    await receive(("EXIT", ANY, "shutdown"))
    return "saved"


async def trapping() -> Any:
    """Trap exits, and start a supervisor of tasks; gives its pid."""
    process_flag("trap_exit", True)
    match await Task.Supervisor.start_link():
        case ("ok", pid):
            return pid


async def left() -> list[Any]:
    """Give what is in the mailbox."""
    found = []
    while (message := await receive(ANY, after=0)) is not TIMEOUT:
        found.append(message)
    return found


async def takes_itself(ms: int) -> int:
    return await takes(ms, ms)  # type: ignore[no-any-return]


async def logs(ms: int) -> int:
    """Log the start, and take so long."""
    log(ms)
    await work(ms)
    return ms
