"""The watchdog: a step that runs for too long in real time, without an effect, is cut.

The only thing in the kernel that reads a real clock. It never decides what happens in a run: it
ends one that would not end.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simkernel.errors import StepTooLong
from simkernel.kernel.awaited import context

SECONDS_MAX = 10.0
_START = threading.Thread.start  # before guards stand in front of it


@contextmanager
def watchdog(seconds: float = SECONDS_MAX) -> Iterator[None]:
    """Watch this thread: a step longer than `seconds` gets StepTooLong."""
    over = threading.Event()
    victim = threading.get_ident()
    thread = threading.Thread(target=_watch, args=(victim, seconds, over), daemon=True)
    _START(thread)
    try:
        yield
    finally:
        over.set()


def _watch(victim: int, seconds: float, over: threading.Event) -> None:
    last: Any = None
    since = time.monotonic()
    while not over.wait(min(seconds / 4, 0.5)):
        seen = _progress()
        if seen != last or seen is None:
            last, since = seen, time.monotonic()
        elif time.monotonic() - since > seconds:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(victim), ctypes.py_object(StepTooLong)
            )
            last, since = None, time.monotonic()


def _progress() -> Any:
    """Give what changes whenever a run gets on; None while no body is running."""
    process, machine = context.process, context.machine
    if process is None or machine is None:
        return None
    return (
        process.pid,
        machine.count,
        process.sent,
        process.created,
        process.made,
        len(context.outbox),
    )
