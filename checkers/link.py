"""Processes that are forked to search together, and the ways between them and who forked them."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import socket
import struct
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from checkers.workers import POLL_S, failed
from simkernel.kernel.driver import seldom_collected
from simkernel.kernel.watchdog import watchdog

STEP, REPORT, DONE, FAILED = b"S", b"R", b"D", b"F"
"""What a process says: something that it waits for an answer to, what it has found so far, what it
has found at the end, why there is nothing."""

_FRAME = struct.Struct("<cQ")


class Killed(Exception):
    """A process has ended that should not."""


@dataclass
class Link:
    """One end of the way between two processes."""

    socket: socket.socket
    pid: int = 0
    data: bytearray = field(default_factory=bytearray)

    def send(self, kind: bytes, content: bytes) -> None:
        """Say something; an OSError if nobody is there."""
        timeout = self.socket.gettimeout()
        self.socket.settimeout(None)  # that is for who waits for an answer
        try:
            self.socket.sendall(_FRAME.pack(kind, len(content)) + content)
        finally:
            self.socket.settimeout(timeout)

    def receive(self, wait: Callable[[], None] = lambda: None) -> tuple[bytes, bytes]:
        """Give the next message; `wait` is called again and again meanwhile.

        An EOFError if nobody is there.
        """
        while True:
            if len(self.data) >= _FRAME.size:
                kind, length = _FRAME.unpack_from(self.data)
                end = _FRAME.size + length
                if len(self.data) >= end:
                    content = bytes(memoryview(self.data)[_FRAME.size : end])
                    del self.data[:end]
                    return kind, content
            try:
                more = self.socket.recv(1 << 20)
            except TimeoutError:
                wait()
                continue
            except ConnectionError:
                more = b""
            if not more:
                raise EOFError
            self.data += more

    def hear(self, wait: Callable[[], None]) -> tuple[bytes, bytes]:
        """Receive of a process that was forked: Killed if it is gone, its error if it failed."""
        try:
            kind, content = self.receive(wait)
        except EOFError:
            raise Killed(self.death()) from None
        if kind == FAILED:
            error: BaseException = pickle.loads(content)[1]
            raise error
        return kind, content

    def is_told(self) -> bool:
        """Tell whether something was said that was not yet received."""
        return bool(self.data) or bool(select.select([self.socket], [], [], 0)[0])

    def end(self) -> None:
        """End the process there."""
        self.socket.close()
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0

    def death(self) -> str:
        """Say how the process there has ended."""
        status = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        how = f"signal {status & 0x7F}" if os.WIFSIGNALED(status) else f"exit code {status >> 8}"
        return f"a worker was ended by {how}"


def forked(work: Callable[[Link], bytes], others: list[Link]) -> Link:
    """Let a child do some work, and give the way to it; `others` are the ways that it has not."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    with warnings.catch_warnings():
        # The watchdog's thread holds nothing that a child needs, which starts its own.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        ours.close()
        for other in others:
            other.socket.close()
        _work(work, Link(theirs), parent)
    theirs.close()
    ours.settimeout(POLL_S)
    return Link(ours, pid)


def _work(work: Callable[[Link], bytes], link: Link, parent: int) -> None:
    """Work in a child, to the end."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
        gc.freeze()  # what both have is not looked at, which would make it two
        # Who waits for nobody need not know; and nothing is collected before the last word.
        with seldom_collected(), suppress(EOFError, ConnectionError):
            try:
                with watchdog(parent=parent):
                    content = work(link)
                link.send(DONE, content)
            except (EOFError, ConnectionError):
                raise
            except BaseException as error:
                link.send(FAILED, failed(_light(error)))
    finally:
        os._exit(0)


def _light(error: BaseException) -> BaseException:
    """Leave the runs behind that a traceback holds."""
    return MemoryError() if isinstance(error, MemoryError) else error
