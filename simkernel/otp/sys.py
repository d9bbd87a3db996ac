"""System messages: look into a behaviour, stop its clock, change its state (OTP's `sys`).

Rules 15.15, 15.31, 15.64 and 15.65. They are served by the behaviour, not by a callback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel.kernel.awaited import routine
from simkernel.otp import gen


@routine
async def get_state(server: Any, timeout: int | None = gen.CALL_TIMEOUT_MS) -> Any:
    """Give the state of a server."""
    return _result(await _ask("get_state", server, "get_state", timeout))


@routine
async def replace_state(
    server: Any, change: Callable[[Any], Any], timeout: int | None = gen.CALL_TIMEOUT_MS
) -> Any:
    """Replace the state by `change(state)`, which runs in the server; gives the new state.

    A function that fails leaves the state, and is given as ("error", ("callback_failed", ...)).
    """
    return _result(await _ask("replace_state", server, ("replace_state", change), timeout))


@routine
async def suspend(server: Any, timeout: int | None = gen.CALL_TIMEOUT_MS) -> Any:
    """Let the server serve nothing but system messages."""
    return await _ask("suspend", server, "suspend", timeout)


@routine
async def resume(server: Any, timeout: int | None = gen.CALL_TIMEOUT_MS) -> Any:
    """Let it go on with what has queued meanwhile."""
    return await _ask("resume", server, "resume", timeout)


def _ask(function: str, server: Any, request: Any, timeout: int | None) -> Any:
    return gen.ask(("sys", function), (server,), request, timeout, label=gen.SYSTEM)


def _result(answer: Any) -> Any:
    # An error is given as it is, not raised (tried on OTP 25).
    return answer[1] if answer[0] == "ok" else answer
