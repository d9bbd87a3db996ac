"""A registry for tests, and processes that hold keys of it."""

from __future__ import annotations

from typing import Any

from simkernel import (
    ANY,
    ErlangError,
    Exit,
    Registry,
    monitor,
    receive,
    self_,
    send,
    spawn,
)
from tests.otp.running import down_of

VIA = ("via", Registry, ("R", "w"))


async def registry(keys: str = "unique", **options: Any) -> Any:
    """Start the registry "R", which has to succeed."""
    match await Registry.start_link(keys=keys, name="R", **options):
        case ("ok", pid):
            return pid
        case failed:
            raise AssertionError(failed)


async def raised(operation: Any) -> Any:
    """Give the type and the text of the error that an operation raises, or its result."""
    try:
        return await operation
    except ErlangError as error:
        return type(error).__name__, str(error)


async def holder(key: Any, value: Any, boss: Any) -> None:
    """Register, say so, and live until told to end."""
    send(boss, ("registered", await Registry.register("R", key, value)))
    raise Exit(await receive(idle=True))


async def held(key: Any, value: Any = None) -> Any:
    """Start a holder and wait until it is registered; gives its pid."""
    pid = spawn(holder, key, value, self_())
    assert (await receive(("registered", ANY)))[1][0] == "ok"
    return pid


async def dead(pid: Any, reason: Any = "boom") -> None:
    """End a holder and wait for its DOWN."""
    monitor(pid)
    send(pid, reason)
    await down_of(pid)
