"""Guards: real time, real randomness, threads, event loops, and what reaches out of the run to
other programs or ends this one, are caught and named inside a run.

While guards are up, the functions below raise ForbiddenCall when a process body calls them; anybody
else still gets the real ones. A spec that is loaded behind guards keeps them, also for names that
it imported by `from time import time`.
"""

from __future__ import annotations

import asyncio
import builtins
import datetime
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from simkernel.errors import ForbiddenCall
from simkernel.kernel.awaited import complain, context

_CLOCK = "now()"
_SLEEP = "await work(ms), or await receive(after=ms)"
_OUTSIDE = "a process that stands for it, with the answers that it may give"
_CHANCE = "await choose([...]), which a check explores"

FORBIDDEN: tuple[tuple[Any, tuple[str, ...], str], ...] = (
    (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
            "process_time", "localtime", "gmtime", "ctime"), _CLOCK),
    (time, ("sleep",), _SLEEP),
    (random, ("random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "uniform",
              "gauss", "expovariate", "getrandbits", "betavariate", "triangular"), _CHANCE),
    (os, ("urandom", "getpid", "getppid"), _CHANCE),
    (os, ("_exit", "abort", "kill"), "exit(reason), or exit(pid, reason) of another process"),
    (os, ("system", "popen"), _OUTSIDE),
    (subprocess, ("run", "call", "check_call", "check_output"), _OUTSIDE),
    (subprocess.Popen, ("__init__",), _OUTSIDE),
    (socket, ("create_connection", "create_server"), _OUTSIDE),
    (socket.socket, ("__init__",), _OUTSIDE),
    (builtins, ("input",), "a parameter of main"),
    (uuid, ("uuid1", "uuid4"), "make_ref()"),
    (secrets, ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "randbits", "choice"),
     _CHANCE),
    (threading.Thread, ("start",), "spawn(fn, *args)"),
    (os, ("fork", "forkpty"), "spawn(fn, *args)"),
    (asyncio, ("run", "new_event_loop", "get_event_loop", "create_task", "gather"),
     "spawn(fn, *args)"),
    (asyncio, ("sleep", "wait_for"), _SLEEP),
)  # fmt: skip

_standing = 0


@contextmanager
def guards() -> Iterator[None]:
    """Put the guards up; they nest."""
    global _standing
    _standing += 1
    replaced = _put_up() if _standing == 1 else []
    try:
        yield
    finally:
        _standing -= 1
        for owner, name, real in replaced:
            setattr(owner, name, real)


def _put_up() -> list[tuple[Any, str, Any]]:
    replaced = []
    for owner, name, guard in _GUARDED:
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, guard)
    return replaced


def _refused(call: str, instead: str) -> None:
    """Complain if a process body is running and called this itself."""
    if context.process is None:
        return
    frame = sys._getframe(2)
    module = frame.f_globals.get("__name__", "").partition(".")[0]
    # pytest imports for others, and names what it keeps of a module after its process.
    if module in sys.stdlib_module_names or module in ("simkernel", "_pytest"):
        return
    complain(
        ForbiddenCall(call, path=frame.f_code.co_filename, line=frame.f_lineno, instead=instead)
    )


def _guard(call: str, real: Callable[..., Any], instead: str) -> Callable[..., Any]:
    @wraps(real)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        _refused(call, instead)
        return real(*args, **kwargs)

    return guarded


class _GuardedKind(type):
    """Instances of the real class count as instances of the guarded one."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1])


def _guarded_class(real: Any, names: tuple[str, ...]) -> Any:
    def method(name: str) -> Any:
        def call(cls: type, *args: Any, **kwargs: Any) -> Any:
            _refused(f"{real.__name__}.{name}", _CLOCK)
            return getattr(real, name)(*args, **kwargs)

        return classmethod(call)

    body = {name: method(name) for name in names}
    return _GuardedKind(real.__name__, (real,), {**body, "__module__": real.__module__})


def _all_guarded() -> list[tuple[Any, str, Any]]:
    guarded = []
    for owner, names, instead in FORBIDDEN:
        for name in names:
            if not hasattr(owner, name):  # no system but Unix can fork
                continue
            real = getattr(owner, name)
            guarded.append((owner, name, _guard(f"{owner.__name__}.{name}", real, instead)))
    guarded.append(
        (datetime, "datetime", _guarded_class(datetime.datetime, ("now", "utcnow", "today")))
    )
    guarded.append((datetime, "date", _guarded_class(datetime.date, ("today",))))
    return guarded


_GUARDED = _all_guarded()
