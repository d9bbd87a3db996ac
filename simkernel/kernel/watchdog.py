"""The watchdog: what runs for too long in real time, without getting on, is cut.

That is a step that never waits, or code of the user's that is asked something outside of a process
and gives no answer. The watchdog is the only thing in the kernel that reads a real clock. It never
decides what happens in a run: it ends one that would not end.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simkernel.errors import Overrun, StepTooLong
from simkernel.kernel.awaited import context

SECONDS_MAX = 10.0
EFFECTS_MAX = 1_000_000  # of one step: a loop that goes on with effects does not get on for ever
_START = threading.Thread.start  # before guards stand in front of it


@contextmanager
def watchdog(seconds: float = SECONDS_MAX, *, parent: int = 0) -> Iterator[None]:
    """Watch this thread: a step longer than `seconds` gets StepTooLong.

    A process that was forked by `parent` ends soon after it: nobody is there to hear of its work.
    """
    over = threading.Event()
    victim = threading.get_ident()
    thread = threading.Thread(target=_watch, args=(victim, seconds, over, parent), daemon=True)
    _START(thread)
    try:
        yield
    except Overrun as late:  # it came when what was cut had just got on
        raise StepTooLong from late
    finally:
        over.set()


@contextmanager
def asked() -> Iterator[None]:
    """Let the watchdog look at code of the user's that runs outside of a process."""
    context.question += 1
    context.asking = True
    try:
        yield
    finally:
        context.asking = False


def _watch(victim: int, seconds: float, over: threading.Event, parent: int) -> None:
    last: Any = None
    since = time.monotonic()
    while not over.wait(min(seconds / 4, 0.5)):
        if parent and os.getppid() != parent:
            os._exit(1)
        seen = _progress()
        if seen != last or seen is None:
            last, since = seen, time.monotonic()
        elif time.monotonic() - since > seconds:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(victim), ctypes.py_object(Overrun)
            )
            last, since = None, time.monotonic()


def _progress() -> Any:
    """Give what changes whenever a run gets on; None while no code of the user's is running."""
    process, machine = context.process, context.machine
    if process is None:
        return context.question if context.asking else None
    count = -1 if machine is None else machine.count  # a body is closed without its machine
    left = len(context.outbox)
    if left > EFFECTS_MAX:
        return process.pid, count
    return process.pid, count, process.sent, process.created, process.made, left
