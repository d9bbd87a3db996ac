"""DynamicSupervisor: children that are started one by one, any number of them (section 18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, cast

from simkernel.kernel.awaited import Awaited, Receive, routine
from simkernel.kernel.effects import (
    cancel_timer,
    exit,
    get,
    monitor,
    note,
    now,
    process_flag,
    receive,
    self_,
    send,
    spawn_link,
    start_timer,
    unlink,
)
from simkernel.kernel.patterns import ANY, TIMEOUT
from simkernel.otp import gen
from simkernel.otp.child_spec import (
    ChildSpec,
    Invalid,
    checked,
    options_of_class,
    spec_of,
)
from simkernel.otp.clauses import check_callbacks
from simkernel.otp.gen_server import GenServer, Ignore, NoReply, Ok, Reply, Server, Stop
from simkernel.otp.of_class import OfClass
from simkernel.otp.results import Absent
from simkernel.otp.supervision import Tree, may_restart, tree_of
from simkernel.otp.task_process import noreply, replying
from simkernel.terms import ArgumentError, ErlangError, Exit, Pid, Throw, freeze, reason_of, thaw

__all__ = ["DynamicSupervisor"]

# --- What it keeps -------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What children have in common that were started alike: all but their arguments."""

    start: tuple[Any, ...]  # (module, name of its function) or (function,)
    restart: str
    shutdown: Any
    type: str
    modules: Any


class Member(NamedTuple):
    """A child that may be started again: with which arguments, and whether that has failed."""

    kind: Kind
    args: tuple[Any, ...]
    is_restarting: bool = False


@dataclass
class Flock:
    """The state of a dynamic supervisor, which is changed in place (see `Shepherd`).

    A child is a Member; a temporary one, which is never started again, is its Kind alone, and that
    it shares with its siblings.
    """

    limits: Tree
    max_children: int | str
    extra_arguments: list[Any]
    children: dict[Any, Kind | Member]

    @cached_property
    def kinds(self) -> dict[Kind, Kind]:
        """Give the kinds seen so far: it saves memory, and is no part of the state."""
        return {}

    def keep(self, pid: Pid, kind: Kind, args: tuple[Any, ...]) -> None:
        """Remember a child that runs."""
        if isinstance(kind.start[0], type):
            kind = self.kinds.setdefault(kind, kind)
        self.children[pid] = kind if kind.restart == "temporary" else Member(kind, args)


def kind_of(child: Kind | Member) -> Kind:
    """Give what a child has in common with its siblings."""
    return child.kind if type(child) is Member else child  # type: ignore[return-value]


def flock_of(flags: Any) -> Flock:
    """Make the state of what `init` gave; a wrong flag raises Invalid (rule 18.4)."""
    most = flags.get("max_children", "infinity")
    extra = flags.get("extra_arguments", [])
    strategy = flags.get("strategy", "one_for_one")
    if strategy != "one_for_one":
        raise Invalid(("invalid_strategy", strategy))
    limits = tree_of({**flags, "auto_shutdown": "never"})
    if most != "infinity" and (type(most) is not int or most < 0):
        raise Invalid(("invalid_max_children", most))
    if type(extra) is not list:
        raise Invalid(("invalid_extra_arguments", extra))
    return Flock(limits, most, extra, {})


def validated(child: Any) -> ChildSpec:
    """Give a checked spec; a fault raises Invalid in the caller (rule 18.9)."""
    spec = spec_of(child)
    if spec.id is Absent or spec.start is Absent:
        raise Invalid(("invalid_child_spec", spec))
    right = checked(replace(spec, significant=False), "never")
    if right.shutdown == 0:
        raise Invalid(("invalid_shutdown", 0))
    return right


# --- One child -----------------------------------------------------------------------------------


async def started(kind: Kind, args: Iterable[Any]) -> Any:
    """Run a start function; gives ("ok", pid), ("ok", pid, info), "ignore" or an error (18.6)."""
    try:
        result = await gen.result_of(_function(kind)(*thaw(freeze(tuple(args)))))
    except (Exception, Exit, Throw) as error:
        result = ("error", reason_of(error))
    match result:
        case ("ok", Pid()) | ("ok", Pid(), _):
            note("child started", id="undefined", pid=result[1])
            return result
        case Ignore() | "ignore":
            note("child ignored", id="undefined")
            return "ignore"
        case ("error", _):
            pass
        case _:
            result = ("error", result)
    note("child failed", id="undefined", reason=result[1])
    return result


def _function(kind: Kind) -> Callable[..., Any]:
    found = getattr(*kind.start, None) if len(kind.start) == 2 else kind.start[0]
    if found is None:
        raise ErlangError("undef")
    return found  # type: ignore[no-any-return]


async def all_stopped(children: dict[Any, Kind | Member]) -> None:
    """Tell all at once to stop, each in its own way, and wait for all (rules 18.19 to 18.23)."""
    waited: dict[Pid, None] = {}
    limits: dict[int, list[Pid]] = {}
    for pid, child in children.items():
        if type(child) is Member and child.is_restarting:
            continue
        limit = kind_of(child).shutdown
        ref = monitor(pid)
        unlink(pid)
        left = await receive(("EXIT", pid, ANY), after=0)
        if left is not TIMEOUT:
            await receive(("DOWN", ref, ANY, ANY, ANY))
            note("child stopped", id="undefined", pid=pid, reason=left[2])
            continue
        exit(pid, "kill" if limit == "brutal_kill" else "shutdown")
        if type(limit) is int:
            limits.setdefault(limit, []).append(pid)
        waited[pid] = None
    me = self_()
    timers = {start_timer(limit, me, "kill"): pids for limit, pids in limits.items()}
    patterns = (("DOWN", ANY, "process", ANY, ANY), ("timeout", ANY, "kill"))
    while waited:
        message = await gen.waiting(Receive(patterns, why="stopping"))
        if message[0] == "DOWN":
            waited.pop(message[3], None)
            note("child stopped", id="undefined", pid=message[3], reason=message[4])
            continue
        for pid in timers.pop(message[1]):
            exit(pid, "kill")
    for timer in timers:
        await cancel_timer(timer)
        await receive(("timeout", timer, "kill"), after=0)


# --- The process ---------------------------------------------------------------------------------


class Shepherd(Server):
    """The body of a dynamic supervisor: a server whose state may be changed in place.

    Nobody else holds that state, and with a million children a copy for each change would be dear.
    """

    __slots__ = ()
    changes_in_place = True


class Engine(GenServer):
    """The callbacks of every dynamic supervisor; its argument is (class with `init`, argument)."""

    async def init(self, argument: Any) -> Any:
        """Take the flags; children come later (rules 18.1 to 18.4)."""
        process_flag("trap_exit", True)
        module, given = argument
        result = await gen.result_of(module().init(given))
        match result:
            case ("ok", dict() as flags):
                pass
            case Ignore() | "ignore":
                return Ignore()
            case _:
                return Stop(("bad_return", (module, "init", result)))
        try:
            return Ok(flock_of(flags))
        except Invalid as fault:
            return Stop(("supervisor_data", fault.why))

    async def handle_call(self, request: Any, caller: Any, flock: Flock) -> Any:
        """Serve the calls that manage children (rules 18.5 to 18.12)."""
        match request:
            case "which_children":
                return Reply([_listed(pid, c) for pid, c in flock.children.items()], flock)
            case "count_children":
                return Reply(_counted(flock), flock)
            case ("start_child", kind, args):
                return Reply(await _start(flock, Kind(*kind), args), flock)
            case ("start_task", args, restart, shutdown):
                kind = task_kind(restart, shutdown)
                return Reply(await _start(flock, kind, args), flock)
            case ("terminate_child", pid):
                if pid not in flock.children:
                    return Reply(("error", "not_found"), flock)
                await all_stopped({pid: flock.children.pop(pid)})
                return Reply("ok", flock)

    async def handle_info(self, message: Any, flock: Flock) -> Any:
        """Notice the end of a child, or try a failed restart again (rules 18.13 to 18.18)."""
        match message:
            case ("EXIT", pid, reason):
                child = flock.children.get(pid)
                if child is None:
                    return NoReply(flock)
                note("child exited", id="undefined", pid=pid, reason=reason)
                restart = kind_of(child).restart
                quiet = gen.is_quiet(reason)
                if restart == "permanent" or (restart == "transient" and not quiet):
                    return await _restart(flock, pid)
                del flock.children[pid]
                return NoReply(flock)
            case ("$gen_restart", pid):
                return await _restart(flock, pid) if pid in flock.children else NoReply(flock)
        text = "DynamicSupervisor received unexpected message"
        note("log", level="error", text=text, message=message)
        return NoReply(flock)

    def handle_cast(self, request: Any, flock: Flock) -> Any:
        """Ignore it."""
        return NoReply(flock)

    async def terminate(self, reason: Any, flock: Flock) -> None:
        """Stop all children at once."""
        await all_stopped(flock.children)


def _listed(pid: Pid, child: Kind | Member) -> tuple[Any, ...]:
    kind = kind_of(child)
    restarting = type(child) is Member and child.is_restarting
    modules = kind.modules if type(kind.modules) is str else list(kind.modules)
    return ("undefined", "restarting" if restarting else pid, kind.type, modules)


def _counted(flock: Flock) -> dict[str, int]:
    children = list(flock.children.values())
    types = [kind_of(child).type for child in children]
    restarting = sum(type(child) is Member and child.is_restarting for child in children)
    return {
        "active": len(types) - restarting,
        "specs": len(types),
        "supervisors": types.count("supervisor"),
        "workers": types.count("worker"),
    }


async def _start(flock: Flock, kind: Kind, args: Any) -> Any:
    if flock.max_children != "infinity" and len(flock.children) >= int(flock.max_children):
        return ("error", "max_children")
    result = await started(kind, (*flock.extra_arguments, *args))
    if result[0] == "ok":
        flock.keep(result[1], kind, args)
    return result


async def _restart(flock: Flock, pid: Pid) -> Any:
    """Restart a child, unless there were too many restarts (rules 16.19 to 16.22, and 18.16)."""
    at, limits = now(), flock.limits
    if not await may_restart(limits, at):
        note("gave up", id="undefined")
        del flock.children[pid]
        return Stop("shutdown", flock)
    if limits.intensity:
        restarts = (*limits.restarts, at)[-limits.intensity :]
        flock.limits = replace(limits, restarts=restarts)
    kind, args, _ = cast(Member, flock.children[pid])
    result = await started(kind, (*flock.extra_arguments, *args))
    if result[0] == "error":
        flock.children[pid] = Member(kind, args, True)
        # Behind whatever waits in the mailbox.
        send(self_(), ("$gen_restart", pid))
        return NoReply(flock)
    del flock.children[pid]
    if result[0] == "ok":
        flock.keep(result[1], kind, args)
    return NoReply(flock)


# --- Tasks ---------------------------------------------------------------------------------------


def task_kind(restart: Any, shutdown: Any) -> Kind:
    """Give the kind of a task that a Task.Supervisor starts (rule 19.50)."""
    default_restart, default_shutdown = get("Task.Supervisor")
    restart, shutdown = restart or default_restart, shutdown or default_shutdown
    return Kind((Starter, "start_link"), restart, shutdown, "worker", (Starter,))


class Starter:
    """How the process of a task is started (`Task.Supervised`)."""

    @staticmethod
    def start_link(*args: Any) -> tuple[str, Pid]:
        """Start one that gets its work later, or one that nobody waits for."""
        return ("ok", spawn_link(replying if len(args) == 2 else noreply, *args))


# --- What users call -----------------------------------------------------------------------------


def init(
    *,
    strategy: str = "one_for_one",
    max_restarts: int = 3,
    max_seconds: int = 5,
    max_children: int | str = "infinity",
    extra_arguments: Any = (),
) -> tuple[Any, ...]:
    """Give what a dynamic supervisor's `init` returns: its flags.

    >>> init(max_children=10)[1]["max_children"]
    10
    """
    flags = {
        "strategy": strategy,
        "intensity": max_restarts,
        "period": max_seconds,
        "max_children": max_children,
        "extra_arguments": list(extra_arguments) if type(extra_arguments) is tuple
        else extra_arguments,
    }  # fmt: skip
    return ("ok", flags)


@routine
async def start_link(
    what: Any = Absent,
    argument: Any = Absent,
    *,
    name: Any = None,
    timeout: int | None = None,
    **flags: Any,
) -> Any:
    """Start one of a class with `init` and its argument, or of flags: `strategy`, and so on."""
    if argument is Absent:
        given = {"name": name, "timeout": timeout, **options_of(what), **flags}
        name, timeout = given.pop("name"), given.pop("timeout")
        what, argument = Plain, init(**given)
    elif flags:
        raise ArgumentError(f"{sorted(flags)} are given by {what.__qualname__}.init")
    return await gen.start(
        Shepherd, Engine, (what, argument), linked=True, name=name, timeout=timeout
    )


def options_of(given: Any) -> dict[str, Any]:
    """Give options that were written as a dict, or as a list of pairs."""
    return {} if given is Absent else dict(given)


def named_spec(cls: Any, options: Any) -> ChildSpec:
    """Give the spec of a supervisor without a class of its own: its id is its name (18.24)."""
    name = options_of(options).get("name", cls)
    id = name[2] if type(name) is tuple else name
    return ChildSpec(id, (cls, "start_link", (options,)), type="supervisor")


def child_spec(cls: Any, argument: Any) -> ChildSpec:
    """Give the spec of a dynamic supervisor as a child."""
    return ChildSpec(
        **{
            "id": cls,
            "start": (cls, "start_link", (argument,)),
            "type": "supervisor",
            **cls.child_options,
        }
    )


def _plain_spec(options: Any) -> ChildSpec:
    return named_spec(DynamicSupervisor, options)


class DynamicSupervisor:
    """Supervise children that come and go.

    `await DynamicSupervisor.start_link(strategy="one_for_one")`, or subclass it and define
    `init(self, argument)`, which returns `DynamicSupervisor.init(strategy="one_for_one")`.
    """

    init: ClassVar[Any] = staticmethod(init)
    start_link: ClassVar[Any] = OfClass(start_link)
    child_spec: ClassVar[Any] = OfClass(_plain_spec, child_spec)
    child_options: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Read the class: its child spec's options, and whether a clause forgets its return."""
        super().__init_subclass__()
        cls.child_options = options_of_class(cls, options)
        check_callbacks(cls, ("init",))

    @staticmethod
    @routine
    async def start_child(supervisor: Any, child: Any) -> Any:
        """Start a child; gives what its start function gave (rules 18.5 to 18.9)."""
        try:
            spec = validated(child)
        except Invalid as fault:
            return ("error", fault.why)
        modules = spec.modules if type(spec.modules) is str else tuple(spec.modules)
        kind = (spec.start[:-1], spec.restart, spec.shutdown, spec.type, modules)
        return await _ask(supervisor, ("start_child", kind, spec.start[-1]))

    @staticmethod
    def terminate_child(supervisor: Any, pid: Pid) -> Awaited[Any]:
        """Stop a child and forget it, whatever its restart type (rule 18.11)."""
        if type(pid) is not Pid:
            raise ArgumentError(f"terminate_child() takes a pid, not {pid!r}")
        return _ask(supervisor, ("terminate_child", pid))

    @staticmethod
    def which_children(supervisor: Any) -> Awaited[Any]:
        """List ("undefined", pid | "restarting", type, modules) (rule 18.10)."""
        return _ask(supervisor, "which_children")

    @staticmethod
    def count_children(supervisor: Any) -> Awaited[Any]:
        """Count specs, active children, supervisors and workers."""
        return _ask(supervisor, "count_children")

    @staticmethod
    @routine
    async def stop(supervisor: Any, reason: Any = "normal", timeout: int | None = None) -> Any:
        """Stop all children, and then the supervisor."""
        return await gen.stop((GenServer, "stop"), supervisor, reason, timeout)


class Plain(DynamicSupervisor):
    """A supervisor whose flags were given when it was started."""

    def init(self, argument: Any) -> Any:
        """Give them."""
        return argument


def _ask(supervisor: Any, request: Any) -> Awaited[Any]:
    args = (supervisor, request, None)
    return gen.ask((GenServer, "call"), args, request, None, depth=4)
