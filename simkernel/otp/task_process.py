"""The process of a task: take the work, do it, reply (rules 19.1 to 19.9; `Task.Supervised`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel.kernel.awaited import Receive
from simkernel.kernel.effects import (
    ancestors,
    demonitor,
    exit,
    get,
    make_ref,
    monitor,
    put,
    receive,
    self_,
    send,
    spawn,
    unlink,
)
from simkernel.kernel.patterns import ANY, TIMEOUT
from simkernel.otp import gen
from simkernel.terms import Exit, Pid, Ref, Throw, reason_of

WORK_MS = 5_000
"""How long a supervised task waits for its work before it gives up."""


def callers() -> tuple[Pid, ...]:
    """Give the chain of callers that a task of this process gets: this process first."""
    return (self_(), *get("$callers", ()))


def name_of(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, str, int]:
    """Give (module, name, number of arguments) of a function.

    >>> name_of(len, ([],))
    ('builtins', 'len', 1)
    """
    while not hasattr(function, "__qualname__"):
        function = getattr(function, "func", type(function))  # a partial
    return (function.__module__, function.__qualname__, len(args))


async def noreply(
    callers: tuple[Pid, ...], function: Callable[..., Any], args: tuple[Any, ...]
) -> Any:
    """Do the work of a task that nobody waits for; it may end in a tail call."""
    _introduce(callers, function, args)
    return await _invoke(function, args)


async def replying(owner: Pid, monitors: bool) -> None:
    """Take the work from `owner`, do it, and reply to where it says.

    A task that is not linked to its owner monitors it until the work has come (rule 19.9).
    """
    work = (owner, ANY, ANY, ANY, ANY)
    watch = None
    if monitors:
        watch = monitor(owner)
        down = ("DOWN", watch, ANY, ANY, ANY)
        message = await gen.waiting(Receive((work, down), WORK_MS, True, why="work"))
    else:
        message = await gen.waiting(Receive((work,), None, True, why="work"))
    if message is TIMEOUT:
        raise Exit("timeout")
    if message[0] == "DOWN":
        raise Exit(("shutdown", message[4]))
    _, ref, reply_to, callers, (function, args) = message
    _introduce(callers, function, args)
    if watch is not None:
        await demonitor(watch, flush=True)
    send(reply_to, (ref, await _invoke(function, args)))


def _introduce(callers: tuple[Pid, ...], function: Any, args: tuple[Any, ...]) -> None:
    put("$ancestors", ancestors())
    put("$initial_call", name_of(function, args))
    put("$callers", callers)


async def _invoke(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return await gen.result_of(function(*args))
    except (Exception, Exit, Throw) as error:
        gen.log_end(reason_of(error))
        raise


# --- Ending a task that one is linked to ---------------------------------------------------------


def unlink_and_exit(pid: Pid, reason: Any) -> None:
    """Send an exit signal without being hit by the end that follows (rule 19.25).

    Who is killed between the two would leave the task running, without a link: then a helper
    sends the signal, as in OTP.
    """
    ref = make_ref()
    helper = spawn(_enforce, pid, reason, self_(), ref)
    unlink(pid)
    exit(pid, reason)
    send(helper, ("done", ref))


async def _enforce(pid: Pid, reason: Any, caller: Pid, ref: Ref) -> None:
    watch = monitor(caller)
    message = await receive(("done", ref), ("DOWN", watch, ANY, ANY, ANY))
    if message[0] == "DOWN":
        exit(pid, reason)
