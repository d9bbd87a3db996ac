"""Task: a process that does one piece of work, and what its owner may do with it (section 19)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from simkernel.kernel.awaited import Receive, routine
from simkernel.kernel.effects import (
    cancel_timer,
    demonitor,
    exit,
    make_ref,
    monitor,
    receive,
    self_,
    send,
    send_after,
    spawn,
    spawn_link,
    unlink,
)
from simkernel.kernel.patterns import ANY, TIMEOUT, Pattern
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec, options_of_class
from simkernel.otp.task_process import callers, name_of, noreply, replying, unlink_and_exit
from simkernel.otp.task_stream import Stream, stream
from simkernel.terms import ArgumentError, Exit, Pid, Ref

AWAIT_MS = 5_000


class _Supervisor:
    """`Task.Supervisor`, which builds on this module."""

    def __get__(self, instance: Any, owner: type) -> Any:
        from simkernel.otp.task_supervisor import TaskSupervisor

        return TaskSupervisor


@dataclass(frozen=True)
class Task:
    """A task that was started to be awaited; the value is what its owner knows of it.

    `class Job(Task, restart="transient")` with a `start_link(argument)` of its own makes a child
    for a supervisor, as `use Task` does.
    """

    mfa: Any
    owner: Pid
    pid: Pid | None
    ref: Ref

    Supervisor = _Supervisor()
    child_options: ClassVar[dict[str, Any]] = {"restart": "temporary"}

    def __init_subclass__(cls, **options: Any) -> None:
        """Read the options of the class's child spec."""
        super().__init_subclass__()
        cls.child_options = options_of_class(cls, options)

    @classmethod
    def child_spec(cls, argument: Any) -> ChildSpec:
        """Give the spec of a child: `(Task, function)`, temporary (rule 19.6)."""
        return ChildSpec(
            **{"id": cls, "start": (cls, "start_link", (argument,)), **cls.child_options}
        )

    # --- Starting --------------------------------------------------------------------------------

    @staticmethod
    def start(function: Callable[..., Any], *args: Any) -> tuple[str, Pid]:
        """Fire and forget: run `function(*args)` in a process of its own; gives ("ok", pid)."""
        return ("ok", spawn(noreply, callers(), function, args))

    @staticmethod
    def start_link(function: Callable[..., Any], *args: Any) -> tuple[str, Pid]:
        """Do the same in a process that is linked to this one."""
        return ("ok", spawn_link(noreply, callers(), function, args))

    @staticmethod
    def async_(function: Callable[..., Any], *args: Any) -> Task:
        """Run `function(*args)` in a linked process, and have its value sent (rule 19.1).

        It is a plain call, as `spawn` is; what waits is `await Task.await_(task)`.
        """
        return asked(spawn_link(replying, self_(), False), function, args)

    @staticmethod
    def completed(value: Any) -> Task:
        """Give a task that has replied already, and has no process."""
        ref, me = make_ref(), self_()
        send(me, (ref, value))
        return Task((Task, "completed", 1), me, None, ref)

    # --- Collecting ------------------------------------------------------------------------------

    @staticmethod
    @routine
    async def await_(task: Task, timeout: int | None = AWAIT_MS) -> Any:
        """Wait for the value; exits when the task ends without one, or takes too long (19.12)."""
        _owned(task)
        why = ("await", task)
        message = await gen.waiting(Receive(_outcomes(task), timeout, why=why))
        if message is TIMEOUT:
            await demonitor(task.ref, flush=True)
            raise Exit(("timeout", (Task, "await", (task, timeout))))
        if len(message) == 5:
            raise Exit((message[4], (Task, "await", (task, timeout))))
        await demonitor(task.ref, flush=True)
        return message[1]

    @staticmethod
    @routine
    async def await_many(tasks: Iterable[Task], timeout: int | None = AWAIT_MS) -> list[Any]:
        """Wait for the values of all, in the given order; exits at the first failure (19.15)."""
        tasks = list(tasks)
        for task in tasks:
            _owned(task)
        alarm, timer = _alarm(timeout)
        waited = {task.ref: task for task in tasks}
        replies: dict[Ref, Any] = {}
        patterns = (alarm, Outcome(waited))
        try:
            while waited:
                message = await gen.waiting(Receive(patterns, why=("await_many", tasks)))
                if type(message) is Ref or len(message) == 5:
                    for ref in waited:
                        await demonitor(ref, flush=True)
                    reason = "timeout" if type(message) is Ref else message[4]
                    raise Exit((reason, (Task, "await_many", (tasks, timeout))))
                await demonitor(message[0], flush=True)
                del waited[message[0]]
                replies[message[0]] = message[1]
        except Exit:
            await _silence(alarm, timer)
            raise
        await _silence(alarm, timer)
        return [replies[task.ref] for task in tasks]

    @staticmethod
    @routine
    async def yield_(task: Task, timeout: int | None = AWAIT_MS) -> Any:
        """Wait for the outcome: ("ok", value), ("exit", reason), or None so far (rule 19.16)."""
        _owned(task)
        message = await gen.waiting(Receive(_outcomes(task), timeout, why=("yield", task)))
        return None if message is TIMEOUT else await _outcome(message)

    @staticmethod
    @routine
    async def yield_many(
        tasks: Iterable[Task], timeout: int | None = AWAIT_MS
    ) -> list[tuple[Task, Any]]:
        """Give each task with its outcome, or None for those that are not done in time (19.18)."""
        tasks = list(tasks)
        alarm, timer = _alarm(timeout)
        after: int | None = None
        found: list[tuple[Task, Any]] = []
        for task in tasks:
            _owned(task)
            patterns = (*_outcomes(task), alarm)
            message = await gen.waiting(Receive(patterns, after, why=("yield_many", tasks)))
            if message is TIMEOUT or type(message) is Ref:
                found.append((task, None))
                after = 0
            else:
                found.append((task, await _outcome(message)))
        await _silence(alarm, timer)
        return found

    @staticmethod
    @routine
    async def shutdown(task: Task, timeout: int | str | None = AWAIT_MS) -> Any:
        """Stop a task; gives its outcome if it has one, None if it died of this (19.19-19.24).

        `timeout` is ms until it is killed, None to wait for ever, "brutal_kill" to kill it now.
        """
        if task.pid is None:
            raise ArgumentError(f"task {task} does not have an associated task process")
        _owned(task)
        watch = monitor(task.pid)
        brutal = timeout == "brutal_kill"
        unlink_and_exit(task.pid, "kill" if brutal else "shutdown")
        down = ("DOWN", watch, ANY, ANY, ANY)
        after: Any = None if brutal else timeout
        message = await gen.waiting(Receive((down,), after, why=("shutdown", task)))
        if message is TIMEOUT:
            exit(task.pid, "kill")
            message = await gen.waiting(Receive((down,), why=("shutdown", task)))
        reason, died_of_it = message[4], "killed" if brutal else "shutdown"
        if reason == "noproc":
            # It ended before: why, says its own DOWN, if that has not been taken.
            own = await receive(("DOWN", task.ref, ANY, ANY, ANY), after=0)
            reason = "noproc" if own is TIMEOUT else own[4]
        await demonitor(task.ref, flush=True)
        reply = await receive((task.ref, ANY), after=0)
        if reply is not TIMEOUT:
            return ("ok", reply[1])
        return None if reason == died_of_it else ("exit", reason)

    @staticmethod
    @routine
    async def ignore(task: Task) -> Any:
        """Let a task run on without a link, and drop its reply (rule 19.26)."""
        _owned(task)
        message = await receive(*_outcomes(task), after=0)
        if message is not TIMEOUT and len(message) == 5:
            return ("exit", message[4])
        unlink(task.pid)  # type: ignore[arg-type]  # as in OTP a completed task is badarg here
        await demonitor(task.ref, flush=True)
        return None if message is TIMEOUT else ("ok", message[1])

    # --- Many ------------------------------------------------------------------------------------

    @staticmethod
    def async_stream(
        items: Any, function: Callable[..., Any], *args: Any, **options: Any
    ) -> Stream:
        """Run `function(item, *args)` on each item, some at a time: `async for result in ...`.

        Options: max_concurrency, ordered, timeout, on_timeout, zip_input_on_exit (section 19).
        """
        return stream(items, function, args, options)


def asked(pid: Pid, function: Callable[..., Any], args: tuple[Any, ...]) -> Task:
    """Give a process that waits for work its work, and the Task that stands for it."""
    me = self_()
    ref = monitor(pid, alias="demonitor")
    send(pid, (me, ref, ref, callers(), (function, args)))
    return Task(name_of(function, args), me, pid, ref)


def _owned(task: Task) -> None:
    me = self_()
    if task.owner != me:
        raise ArgumentError(f"task {task} must be queried from the owner but was queried from {me}")


class Outcome(Pattern):
    """The reply or the end of one of many tasks."""

    __slots__ = ("waited",)

    def __init__(self, waited: dict[Ref, Task]):
        self.waited = waited

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Match (ref, _) and ("DOWN", ref, _, _, _)."""
        if type(value) is not tuple:
            return False
        if len(value) == 2:
            return type(value[0]) is Ref and value[0] in self.waited
        if len(value) != 5 or value[0] != "DOWN":
            return False
        return value[1] in self.waited

    def __repr__(self) -> str:
        return f"Outcome({', '.join(map(str, self.waited))})"


def _outcomes(task: Task) -> tuple[Any, Any]:
    """Give the patterns of a task's reply, and of its end."""
    return (task.ref, ANY), ("DOWN", task.ref, ANY, ANY, ANY)


async def _outcome(message: Any) -> tuple[str, Any]:
    if len(message) == 5:
        return ("exit", message[4])
    await demonitor(message[0], flush=True)
    return ("ok", message[1])


def _alarm(timeout: int | None) -> tuple[Ref, Ref | None]:
    """Set an alarm for several waits in a row: a message that is nothing but a reference."""
    alarm = make_ref()
    if timeout is None:
        return alarm, None
    return alarm, send_after(self_(), alarm, timeout)


async def _silence(alarm: Ref, timer: Ref | None) -> None:
    if timer is not None:
        await cancel_timer(timer)
        await receive(alarm, after=0)
