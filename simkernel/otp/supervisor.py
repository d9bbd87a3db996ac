"""Supervisor: a process that starts others, and starts them again when they crash (section 16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from simkernel.kernel.awaited import Awaited, routine
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec, options_of_class, overridden, spec_of
from simkernel.otp.clauses import check_callbacks
from simkernel.otp.gen_server import GenServer, Server
from simkernel.otp.of_class import OfClass
from simkernel.otp.results import Absent
from simkernel.otp.supervision import Engine
from simkernel.terms import ArgumentError, show

__all__ = ["ChildSpec", "Supervisor"]


def init(
    children: Any,
    *,
    strategy: str | None = None,
    max_restarts: int = 3,
    max_seconds: int = 5,
    auto_shutdown: str = "never",
) -> tuple[Any, ...]:
    """Give what a supervisor's `init` returns: its flags and the specs of its children.

    >>> init([], strategy="one_for_one")[1][0]["intensity"]
    3
    """
    if strategy is None:
        raise ArgumentError("expected the strategy option to be given")
    flags = {
        "strategy": strategy,
        "intensity": max_restarts,
        "period": max_seconds,
        "auto_shutdown": auto_shutdown,
    }
    return ("ok", (flags, [spec_of(child) for child in children]))


@routine
async def start_link(
    what: Any, argument: Any = Absent, *, name: Any = None, timeout: int | None = None, **flags: Any
) -> Any:
    """Start a supervisor: of children and flags, or of a class with `init` and its argument.

    In a child spec the flags of a list of children are a map, for what starts a child has no
    arguments with names: `(Supervisor, "start_link", (children, {"strategy": "one_for_one"}))`.
    """
    if not isinstance(what, type) and isinstance(argument, Mapping):
        return await start_link(what, **{"name": name, "timeout": timeout, **flags, **argument})
    if argument is Absent:
        what, argument = Static, init(what, **flags)
    elif not isinstance(what, type):
        raise ArgumentError(f"expected a map of flags after the children, not {show(argument)}")
    elif flags:
        raise ArgumentError(f"{sorted(flags)} are given by {what.__qualname__}.init")
    given = (what, argument)
    return await gen.start(Server, Engine, given, linked=True, name=name, timeout=timeout)


def child_spec(cls: Any, argument: Any) -> ChildSpec:
    """Give the spec of a supervisor as a child of another one."""
    return ChildSpec(
        **{
            "id": cls,
            "start": (cls, "start_link", (argument,)),
            "type": "supervisor",
            **cls.child_options,
        }
    )


class Supervisor:
    """Supervise children: `await Supervisor.start_link(children, strategy="one_for_one")`.

    Or subclass it and define `init(self, argument)`, which returns
    `Supervisor.init(children, strategy=...)`.
    """

    init: ClassVar[Any] = staticmethod(init)
    start_link: ClassVar[Any] = OfClass(start_link)
    # On Supervisor itself: the spec of any child with some keys replaced.
    child_spec: ClassVar[Any] = OfClass(overridden, child_spec)
    child_options: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Read the class: its child spec's options, and whether a clause forgets its return."""
        super().__init_subclass__()
        cls.child_options = options_of_class(cls, options)
        check_callbacks(cls, ("init",))

    @staticmethod
    def which_children(supervisor: Any) -> Awaited[Any]:
        """List (id, pid | "undefined" | "restarting", type, modules), the last started first."""
        return _ask(supervisor, "which_children")

    @staticmethod
    def count_children(supervisor: Any) -> Awaited[Any]:
        """Count specs, active children, supervisors and workers."""
        return _ask(supervisor, "count_children")

    @staticmethod
    def start_child(supervisor: Any, child: Any) -> Awaited[Any]:
        """Add a child and start it (rules 16.42 and 16.43)."""
        return _ask(supervisor, ("start_child", spec_of(child)))

    @staticmethod
    def terminate_child(supervisor: Any, id: Any) -> Awaited[Any]:
        """Stop a child and keep its spec (rule 16.38)."""
        return _ask(supervisor, ("terminate_child", id))

    @staticmethod
    def restart_child(supervisor: Any, id: Any) -> Awaited[Any]:
        """Start a child that does not run (rule 16.39)."""
        return _ask(supervisor, ("restart_child", id))

    @staticmethod
    def delete_child(supervisor: Any, id: Any) -> Awaited[Any]:
        """Remove the spec of a child that does not run (rule 16.40)."""
        return _ask(supervisor, ("delete_child", id))

    @staticmethod
    @routine
    async def stop(supervisor: Any, reason: Any = "normal", timeout: int | None = None) -> Any:
        """Stop the children, the last first, and then the supervisor."""
        return await gen.stop((GenServer, "stop"), supervisor, reason, timeout)


class Static(Supervisor):
    """A supervisor whose flags and children were given when it was started."""

    def init(self, argument: Any) -> Any:
        """Give them."""
        return argument


def _ask(supervisor: Any, request: Any) -> Awaited[Any]:
    # As in Elixir: without a time limit, for a child may take long to start.
    args = (supervisor, request, None)
    return gen.ask((GenServer, "call"), args, request, None, depth=4)
