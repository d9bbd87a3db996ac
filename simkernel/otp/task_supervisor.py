"""Task.Supervisor: a dynamic supervisor whose children are tasks (rules 19.50 to 19.57)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel.kernel.awaited import Awaited, routine
from simkernel.kernel.effects import link, put, self_
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec
from simkernel.otp.dynamic_supervisor import DynamicSupervisor, named_spec, options_of
from simkernel.otp.gen_server import GenServer
from simkernel.otp.results import Absent
from simkernel.otp.task import Task, asked
from simkernel.otp.task_process import callers
from simkernel.otp.task_stream import TOO_MANY, Place, Stream, stream
from simkernel.terms import Pid

__all__ = ["Task", "TaskSupervisor"]


class Flags(DynamicSupervisor):
    """The `init` of a task supervisor."""

    def init(self, argument: Any) -> Any:
        """Remember how tasks are started unless told otherwise, and take the flags."""
        defaults, flags = argument
        put("Task.Supervisor", defaults)
        return DynamicSupervisor.init(strategy="one_for_one", **flags)


class TaskSupervisor:
    """Supervise tasks: `await Task.Supervisor.start_link(name="Tasks")`.

    As a child of a supervisor it is `(Task.Supervisor, {"name": "Tasks"})`.
    """

    @staticmethod
    @routine
    async def start_link(
        options: Any = Absent, *, name: Any = None, timeout: int | None = None, **flags: Any
    ) -> Any:
        """Start one; its flags are max_children, max_restarts and max_seconds."""
        given = {"name": name, "timeout": timeout, **options_of(options), **flags}
        name, timeout = given.pop("name"), given.pop("timeout")
        defaults = (given.pop("restart", "temporary"), given.pop("shutdown", 5_000))
        return await DynamicSupervisor.start_link(
            Flags, (defaults, given), name=name, timeout=timeout
        )

    @staticmethod
    def child_spec(options: Any) -> ChildSpec:
        """Give the spec of a task supervisor as a child: its id is its name."""
        return named_spec(TaskSupervisor, options)

    @staticmethod
    @routine
    async def async_(
        supervisor: Any, function: Callable[..., Any], *args: Any, shutdown: Any = None
    ) -> Task:
        """Run `function(*args)` as a child of the supervisor, linked to the caller, too."""
        return await _async(supervisor, True, function, args, shutdown)

    @staticmethod
    @routine
    async def async_nolink(
        supervisor: Any, function: Callable[..., Any], *args: Any, shutdown: Any = None
    ) -> Task:
        """Do the same without a link: its crash is ("exit", reason), and nothing else."""
        return await _async(supervisor, False, function, args, shutdown)

    @staticmethod
    @routine
    async def start_child(
        supervisor: Any,
        function: Callable[..., Any],
        *args: Any,
        restart: Any = None,
        shutdown: Any = None,
    ) -> Any:
        """Fire and forget, under the supervisor; gives ("ok", pid) or an error."""
        return await _start(supervisor, (callers(), function, args), restart, shutdown)

    @staticmethod
    @routine
    async def children(supervisor: Any) -> list[Pid]:
        """Give the pids of the tasks that run."""
        listed = await DynamicSupervisor.which_children(supervisor)
        return [pid for _, pid, _, _ in listed if type(pid) is Pid]

    @staticmethod
    def terminate_child(supervisor: Any, pid: Pid) -> Awaited[Any]:
        """Stop a task; "ok" or ("error", "not_found")."""
        return DynamicSupervisor.terminate_child(supervisor, pid)

    @staticmethod
    def async_stream(
        supervisor: Any, items: Any, function: Callable[..., Any], *args: Any, **options: Any
    ) -> Stream:
        """Run `function(item, *args)` on each item, as children of the supervisor."""
        place = Place(supervisor, True, options.pop("shutdown", None))
        return stream(items, function, args, options, place)

    @staticmethod
    def async_stream_nolink(
        supervisor: Any, items: Any, function: Callable[..., Any], *args: Any, **options: Any
    ) -> Stream:
        """Do the same without links: crashes are results (rule 19.41)."""
        place = Place(supervisor, False, options.pop("shutdown", None))
        return stream(items, function, args, options, place)


async def _async(
    supervisor: Any, links: bool, function: Callable[..., Any], args: tuple[Any, ...], shutdown: Any
) -> Task:
    result = await _start(supervisor, (self_(), True), "temporary", shutdown)
    match result:
        case ("ok", pid):
            if links:
                await link(pid)
            return asked(pid, function, args)
    raise RuntimeError(TOO_MANY)


def _start(supervisor: Any, args: Any, restart: Any, shutdown: Any) -> Awaited[Any]:
    request = ("start_task", args, restart, shutdown)
    return gen.ask((GenServer, "call"), (supervisor, request, None), request, None)
