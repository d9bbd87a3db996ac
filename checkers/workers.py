"""Work that is handed out to processes of this machine, and what becomes of it.

Each task is done by a child that is forked for it, so that it needs no pickling and sees everything
that its parent knew; only results are sent. They come back in the order of the tasks, however fast
each was. A child that is killed costs nothing but time: its task is done again, and after a few
such deaths it is given up and said to be lost. So is one that does not answer by its deadline.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from simkernel.errors import InternalError, UsageError
from simkernel.kernel.watchdog import watchdog

T = TypeVar("T")

ATTEMPTS = 3
POLL_S = 0.1
FAREWELL_POLLS = 30  # how long one waits for what children have, once they are told to stop
AHEAD = 4  # results that wait for an earlier one, for each worker


@dataclass(frozen=True)
class Lost:
    """A task that was not done, and why."""

    at: int  # which, from 0
    why: str


@dataclass
class _Child(Generic[T]):
    at: int
    task: Callable[[], T]
    pid: int
    pipe: int
    deadline: float
    attempts: int
    data: bytearray = field(default_factory=bytearray)


class Workers(Generic[T]):
    """Hands out tasks to `count` children at a time.

    >>> workers = Workers(2, elapsed=lambda: 0.0)
    >>> list(workers.each(iter([lambda: 1, lambda: 2]), deadline=lambda: 60.0))
    [1, 2]
    """

    def __init__(self, count: int, *, elapsed: Callable[[], float]):
        if not hasattr(os, "fork"):
            raise UsageError(
                "this system cannot fork", where="--workers", hint="Use one worker here."
            )
        self.count = count
        self.elapsed = elapsed
        self.notes: list[str] = []
        self._children: dict[int, _Child[T]] = {}
        self._selector = selectors.DefaultSelector()

    def each(
        self,
        tasks: Iterator[Callable[[], T]],
        *,
        deadline: Callable[[], float],
        tick: Callable[[], str] = lambda: "",
    ) -> Iterator[T | Lost]:
        """Give the results of tasks, in their order; an exception of a task is raised here.

        `deadline` is asked when a task is begun: by then its result has to be there. `tick` is
        asked ten times a second; once it gives a reason, no further task is begun.
        """
        done: dict[int, Any] = {}
        following = 0
        begun = 0
        more = True
        try:
            while True:
                while more and len(self._children) < self.count and len(done) < AHEAD * self.count:
                    task = None if tick() else next(tasks, None)
                    if task is None:
                        more = False
                        break
                    self._begin(begun, task, deadline(), 1)
                    begun += 1
                while following in done:
                    yield _value(done.pop(following))
                    following += 1
                if not self._children and not more:
                    return
                done |= self._wait()
        except KeyboardInterrupt:
            done |= self._farewell()
            for at in sorted(done):  # nothing that was found is lost
                if type(done[at]) is tuple and done[at][0]:
                    yield _value(done[at])
            raise
        finally:
            self._kill()

    # --- Children --------------------------------------------------------------------------------

    def _begin(self, at: int, task: Callable[[], T], deadline: float, attempts: int) -> None:
        reading, writing = os.pipe()
        parent = os.getpid()
        with warnings.catch_warnings():
            # The watchdog's thread holds nothing that a child needs, which starts one of its own.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            os.close(reading)
            _work(task, writing, parent)
        os.close(writing)
        child = _Child(at, task, pid, reading, deadline, attempts)
        self._children[reading] = child
        self._selector.register(reading, selectors.EVENT_READ)

    def _wait(self) -> dict[int, Any]:
        """Read what children send; give the results that are whole."""
        done: dict[int, Any] = {}
        for key, _ in self._selector.select(POLL_S):
            child = self._children[key.fd]
            read = os.read(key.fd, 1 << 20)
            if read:
                child.data += read
                continue
            status = self._reap(child)
            result = self._result(child, status)
            if result is None:
                self._begin(child.at, child.task, child.deadline, child.attempts + 1)
            else:
                done[child.at] = result
        for child in list(self._children.values()):
            if self.elapsed() > child.deadline:
                os.kill(child.pid, signal.SIGKILL)
                self._reap(child)
                done[child.at] = Lost(child.at, "a worker did not answer in time, and was ended")
        return done

    def _reap(self, child: _Child[T]) -> int:
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        del self._children[child.pipe]
        return os.waitpid(child.pid, 0)[1]

    def _result(self, child: _Child[T], status: int) -> Any:
        """Give what a child that has ended came to; None if its task has to be done again."""
        if status == 0:
            try:
                return pickle.loads(bytes(child.data))
            except Exception as error:
                raise InternalError(f"a worker's answer cannot be read: {error}") from error
        how = f"signal {status & 0x7F}" if os.WIFSIGNALED(status) else f"exit code {status >> 8}"
        if child.attempts < ATTEMPTS:
            self.notes.append(f"a worker was ended by {how}, and its share was done again")
            return None
        return Lost(child.at, f"{ATTEMPTS} workers were ended by {how} at the same share")

    def _farewell(self) -> dict[int, Any]:
        """Tell the children to stop, and give what they have."""
        done: dict[int, Any] = {}
        with suppress(KeyboardInterrupt):
            for child in self._children.values():
                child.attempts = ATTEMPTS
                os.kill(child.pid, signal.SIGTERM)
            polls = 0
            while self._children and polls < FAREWELL_POLLS:
                done |= self._wait()
                polls += 1
        return done

    def _kill(self) -> None:
        for child in list(self._children.values()):
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            self._reap(child)
        self._selector.close()


def _value(result: Any) -> Any:
    if type(result) is Lost:
        return result
    works, value = result
    if not works:
        raise value
    return value


class Told:
    """Whether this process was told to stop: a child asks between runs."""

    stop = False


def _work(task: Callable[[], Any], pipe: int, parent: int) -> None:
    """Do a task in a child, send what it comes to, and end."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides

        def stop(*_: Any) -> None:
            Told.stop = True

        signal.signal(signal.SIGTERM, stop)
        try:
            with watchdog(parent=parent):
                answer = (True, task())
            data = sent(answer)
        except BaseException as error:
            data = failed(error)
        with open(pipe, "wb") as file:
            file.write(data)
        code = 0
    finally:
        os._exit(code)


def sent(answer: Any) -> bytes:
    """Give what a child sends: its answer."""
    try:
        return pickle.dumps(answer)
    except Exception as error:
        raise InternalError(f"a worker's answer cannot be sent: {error}") from error


def failed(error: BaseException) -> bytes:
    """Give what a child sends that has failed."""
    try:
        return pickle.dumps((False, error))
    except Exception:
        what = InternalError(f"in a worker, {type(error).__name__}: {error}")
        return pickle.dumps((False, what))
