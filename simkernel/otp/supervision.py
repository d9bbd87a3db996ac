"""What a supervisor's process does: start, watch, restart and stop its children (section 16).

It is a GenServer, as in OTP, whose state is a `Tree`. The strategies differ in one function each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simkernel.kernel.awaited import Receive, context
from simkernel.kernel.effects import (
    alive,
    choose,
    earlier,
    exit,
    monitor,
    note,
    now,
    process_flag,
    receive,
    self_,
    to_ms,
    unlink,
)
from simkernel.kernel.patterns import ANY, TIMEOUT
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec, Invalid, all_checked, checked
from simkernel.otp.gen_server import GenServer, Ignore, NoReply, Ok, Reply, Stop
from simkernel.terms import (
    ErlangError,
    Instant,
    Pid,
    Throw,
    equal,
    freeze,
    reason_of,
    thaw,
)

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
SHUTDOWNS = ("never", "any_significant", "all_significant")


@dataclass(frozen=True)
class Child:
    """A child's spec, and its pid: "undefined" when it does not run, or ("restarting", before)."""

    spec: ChildSpec
    pid: Any = "undefined"

    @property
    def is_restarting(self) -> bool:
        """Its last start failed, and a retry is under way."""
        return type(self.pid) is tuple

    def record(self) -> tuple[Any, ...]:
        """Give OTP's own record of a child, which some of its errors show (rule 16.43)."""
        s = self.spec
        behind = (s.restart, s.significant, s.shutdown, s.type, s.modules)
        return ("child", self.pid, s.id, s.start, *behind)


@dataclass(frozen=True)
class Tree:
    """The state of a supervisor: its flags, its children in start order, its last restarts."""

    strategy: str
    intensity: int
    period_s: int
    auto_shutdown: str
    children: tuple[Child, ...] = ()
    restarts: tuple[Instant, ...] = ()

    def find(self, id: Any) -> Child | None:
        """Give the child with an id."""
        return next((child for child in self.children if equal(child.spec.id, id)), None)

    def with_pid(self, child: Child, pid: Any) -> Tree:
        """Give the tree in which a child has another pid."""
        id = child.spec.id
        changed = (replace(c, pid=pid) if equal(c.spec.id, id) else c for c in self.children)
        return replace(self, children=tuple(changed))

    def without(self, child: Child) -> Tree:
        """Give the tree without a child."""
        left = (c for c in self.children if not equal(c.spec.id, child.spec.id))
        return replace(self, children=tuple(left))

    def ended(self, child: Child) -> Tree:
        """Give the tree in which a child does not run; a temporary one is forgotten."""
        if child.spec.restart == "temporary":
            return self.without(child)
        return self.with_pid(child, "undefined")


def tree_of(flags: Any) -> Tree:
    """Make the tree of a supervisor's flags; a wrong one raises Invalid (rule 16.11)."""
    match flags:
        case dict():
            # Erlang's defaults: Elixir's (3 in 5 seconds) are given by Supervisor.init.
            strategy, intensity = flags.get("strategy", "one_for_one"), flags.get("intensity", 1)
            period, auto = flags.get("period", 5), flags.get("auto_shutdown", "never")
        case (strategy, intensity, period):
            auto = "never"
        case _:
            raise Invalid(("invalid_type", flags))
    if strategy not in STRATEGIES:
        raise Invalid(("invalid_strategy", strategy))
    if type(intensity) is not int or intensity < 0:
        raise Invalid(("invalid_intensity", intensity))
    if type(period) is not int or period <= 0:
        raise Invalid(("invalid_period", period))
    if auto not in SHUTDOWNS:
        raise Invalid(("invalid_auto_shutdown", auto))
    return Tree(strategy, intensity, period, auto)


# --- One child -----------------------------------------------------------------------------------


async def started(spec: ChildSpec) -> Any:
    """Run a child's start function; gives ("ok", pid), ("ok", pid, info) or an error (16.4)."""
    try:
        result = await gen.result_of(_function(spec)(*thaw(freeze(spec.start[-1]))))
    except Throw as thrown:
        result = thrown.value
    except BaseException as error:
        result = ("error", ("EXIT", reason_of(error)))
    match result:
        case ("ok", Pid()) | ("ok", Pid(), _):
            note("child started", id=spec.id, pid=result[1])
            return result
        case Ignore() | "ignore":
            note("child ignored", id=spec.id)
            return ("ok", "undefined")
        case ("error", _):
            note("child failed", id=spec.id, reason=result[1])
            return result
    note("child failed", id=spec.id, reason=result)
    return ("error", result)


def _function(spec: ChildSpec) -> Callable[..., Any]:
    if len(spec.start) == 2:
        found = spec.start[0]
    else:
        found = getattr(spec.start[0], spec.start[1], None)
    if found is None:
        raise ErlangError("undef")
    return found  # type: ignore[no-any-return]


async def stopped(child: Child) -> None:
    """Stop a child that runs, and wait until it is gone (rules 16.30 to 16.35)."""
    pid, limit = child.pid, child.spec.shutdown
    if type(pid) is not Pid:
        return
    ref = monitor(pid)
    exit(pid, "kill" if limit == "brutal_kill" else "shutdown")
    down = ("DOWN", ref, ANY, ANY, ANY)
    after = limit if type(limit) is int else None
    message = await gen.waiting(Receive((down,), after, why=("stopping", child.spec.id)))
    if message is TIMEOUT:
        exit(pid, "kill")
        message = await gen.waiting(Receive((down,), why=("killing", child.spec.id)))
    unlink(pid)
    left = await receive(("EXIT", pid, ANY), after=0)
    reason = message[4] if left is TIMEOUT else left[2]
    note("child stopped", id=child.spec.id, pid=pid, reason=reason)


async def all_started(children: tuple[Child, ...]) -> tuple[tuple[Child, ...], Any]:
    """Start children in order; gives them as they are then, and the failure that cut it short."""
    done: list[Child] = []
    for at, child in enumerate(children):
        match await started(child.spec):
            case ("ok", "undefined") if child.spec.restart == "temporary":
                pass
            case ("ok", pid, *_):
                done.append(replace(child, pid=pid))
            case ("error", reason):
                failure = ("failed_to_start_child", child.spec.id, reason)
                return (*done, *children[at:]), failure
    return tuple(done), None


async def all_stopped(children: tuple[Child, ...]) -> tuple[Child, ...]:
    """Stop children, the last first; gives those that may be started again (16.33)."""
    for child in reversed(children):
        await stopped(child)
    return tuple(replace(c, pid="undefined") for c in children if c.spec.restart != "temporary")


# --- Restarts ------------------------------------------------------------------------------------


async def exited(tree: Tree, child: Child, reason: Any) -> tuple[bool, Tree]:
    """Decide what follows from the end of a child: go on or not, with which tree (16.13-16.17)."""
    note("child exited", id=child.spec.id, pid=child.pid, reason=reason)
    restart = child.spec.restart
    if restart == "permanent" or (restart == "transient" and not gen.is_quiet(reason)):
        return await restarted(tree, child)
    tree = tree.ended(child)
    return not _closes(tree, child), tree


def _closes(tree: Tree, child: Child) -> bool:
    """Tell whether the end of this child ends the supervisor (OTP's auto_shutdown)."""
    if tree.auto_shutdown == "never" or not child.spec.significant:
        return False
    if tree.auto_shutdown == "any_significant":
        return True
    return not any(c.spec.significant and c.pid != "undefined" for c in tree.children)


async def restarted(tree: Tree, child: Child) -> tuple[bool, Tree]:
    """Restart a child as the strategy has it, unless there were too many restarts (16.19)."""
    at = now()
    if not await may_restart(tree, at):
        note("gave up", id=child.spec.id)
        return False, tree.ended(child)
    if tree.intensity:
        tree = replace(tree, restarts=(*tree.restarts, at)[-tree.intensity :])
    tree, failed = await _STRATEGIES[tree.strategy](tree, child)
    if failed is not None:
        # Behind whatever waits in the mailbox (rule 16.23).
        GenServer.cast(self_(), ("try_again_restart", failed))
    return True, tree


async def may_restart(tree: Tree, at: Instant) -> bool:
    """Tell whether a restart at `at` is within the intensity (rules 16.19 to 16.21).

    OTP counts those of its restarts that are in the window. Since the window moves forward only,
    that is too many exactly if the oldest of the last `intensity` restarts is still in it: one
    question, and no more instants to keep than that.
    """
    if len(tree.restarts) < tree.intensity:
        return True
    return tree.intensity > 0 and not await in_window(tree.restarts[0], at, tree.period_s)


async def in_window(then: Instant, at: Instant, period_s: int) -> bool:
    """Tell whether `then` lies within `period_s` whole seconds before `at` (rule 16.20).

    Up to the period it does, from one second more on it does not. In between it depends on where
    the clock's whole seconds fall: a simulation reads its clock, and a check, where that says
    nothing (OTP's clock starts anywhere), looks at both.
    """
    if not await earlier(then + period_s * 1000, at):
        return True
    if not await earlier(at, then + (period_s + 1) * 1000):
        return False
    if context.machine is not None and context.machine.checking:
        return bool(await choose((True, False)))
    return to_ms(at) // 1000 <= to_ms(then) // 1000 + period_s


async def one_for_one(tree: Tree, child: Child) -> tuple[Tree, Any]:
    """Start the child again; gives the id of one that failed, too (rule 16.18)."""
    match await started(child.spec):
        case ("ok", pid, *_):
            return tree.with_pid(child, pid), None
    before = child.pid[1] if child.is_restarting else child.pid
    return tree.with_pid(child, ("restarting", before)), (child.spec.id,)


async def one_for_all(tree: Tree, child: Child) -> tuple[Tree, Any]:
    """Stop all others, the last first, and start all again in order."""
    return await _group(tree.ended(child), child, 0)


async def rest_for_one(tree: Tree, child: Child) -> tuple[Tree, Any]:
    """Stop those that were started after the child, and start it and them again in order."""
    ids = [c.spec.id for c in tree.children]
    at = next(i for i, id in enumerate(ids) if equal(id, child.spec.id))
    return await _group(tree.ended(child), child, at)


async def _group(tree: Tree, child: Child, at: int) -> tuple[Tree, Any]:
    kept, group = tree.children[:at], await all_stopped(tree.children[at:])
    group, failure = await all_started(group)
    tree = replace(tree, children=(*kept, *group))
    if failure is None:
        return tree, None
    id = failure[1]
    found = tree.find(id)
    assert found is not None
    before = child.pid if equal(id, child.spec.id) and type(child.pid) is Pid else "undefined"
    return tree.with_pid(found, ("restarting", before)), (id,)


_STRATEGIES = {"one_for_one": one_for_one, "one_for_all": one_for_all, "rest_for_one": rest_for_one}


# --- The process ---------------------------------------------------------------------------------


class Engine(GenServer):
    """The callbacks of every supervisor's process; its argument is (init function, argument)."""

    async def init(self, argument: Any) -> Any:
        """Start the children in order, or stop those started and fail (16.7 to 16.11)."""
        process_flag("trap_exit", True)
        module, given = argument
        result = await gen.result_of(module().init(given))
        match result:
            case ("ok", (flags, list() | tuple() as specs)):
                pass
            case Ignore() | "ignore":
                return Ignore()
            case _:
                return Stop(("bad_return", (module, "init", result)))
        try:
            tree = tree_of(flags)
        except Invalid as fault:
            return Stop(("supervisor_data", fault.why))
        try:
            children = all_checked(specs, tree.auto_shutdown)
        except Invalid as fault:
            return Stop(("start_spec", fault.why))
        running, failure = await all_started(tuple(map(Child, children)))
        if failure is not None:
            await all_stopped(running)
            return Stop(("shutdown", failure))
        return Ok(replace(tree, children=running))

    async def handle_info(self, message: Any, tree: Tree) -> Any:
        """Notice the end of a child; other exits are ignored (rule 16.27)."""
        match message:
            case ("EXIT", pid, reason):
                child = next((c for c in tree.children if c.pid == pid), None)
                if child is None:
                    return NoReply(tree)
                return _result(*await exited(tree, child, reason))
        note("log", level="error", text="supervisor received unexpected message", message=message)
        return NoReply(tree)

    async def handle_cast(self, request: Any, tree: Tree) -> Any:
        """Try a failed restart again, if it is still wanted (rules 16.23 and 16.24)."""
        match request:
            case ("try_again_restart", (id,)):
                child = tree.find(id)
                if child is not None and child.is_restarting:
                    return _result(*await restarted(tree, child))
                return NoReply(tree)

    async def handle_call(self, request: Any, caller: Any, tree: Tree) -> Any:
        """Serve the calls that manage children (rules 16.38 to 16.44)."""
        match request:
            case "which_children":
                return Reply([_listed(child) for child in reversed(tree.children)], tree)
            case "count_children":
                return Reply(await _counted(tree), tree)
            case ("start_child", spec):
                return await _start_child(tree, spec)
            case (("terminate_child" | "restart_child" | "delete_child") as what, id):
                child = tree.find(id)
                if child is None:
                    return Reply(("error", "not_found"), tree)
                return await _OF_CHILD[what](tree, child)

    async def terminate(self, reason: Any, tree: Tree) -> None:
        """Stop all children, the last first, with "shutdown" whatever the reason (16.36)."""
        await all_stopped(tree.children)


def _result(goes_on: bool, tree: Tree) -> Any:
    return NoReply(tree) if goes_on else Stop("shutdown", tree)


def _listed(child: Child) -> tuple[Any, ...]:
    pid = "restarting" if child.is_restarting else child.pid
    return (child.spec.id, pid, child.spec.type, child.spec.modules)


async def _counted(tree: Tree) -> dict[str, int]:
    types = [child.spec.type for child in tree.children]
    # A child that was never linked may be dead without the supervisor's knowing (rule 16.6).
    living = [await alive(child.pid) for child in tree.children if type(child.pid) is Pid]
    return {
        "active": sum(living),
        "specs": len(types),
        "supervisors": types.count("supervisor"),
        "workers": types.count("worker"),
    }


async def _start_child(tree: Tree, given: Any) -> Reply:
    try:
        spec = checked(given, tree.auto_shutdown)
    except Invalid as fault:
        return Reply(("error", fault.why), tree)
    there = tree.find(spec.id)
    if there is not None:
        running = type(there.pid) is Pid
        why = ("already_started", there.pid) if running else "already_present"
        return Reply(("error", why), tree)
    result = await started(spec)
    match result:
        case ("ok", "undefined") if spec.restart == "temporary":
            return Reply(result, tree)
        case ("ok", pid, *_):
            return Reply(result, replace(tree, children=(*tree.children, Child(spec, pid))))
    return Reply(("error", (result[1], Child(spec).record())), tree)


async def _terminate_child(tree: Tree, child: Child) -> Reply:
    await stopped(child)
    return Reply("ok", tree.ended(child))


async def _restart_child(tree: Tree, child: Child) -> Reply:
    if child.pid != "undefined":
        return Reply(("error", "restarting" if child.is_restarting else "running"), tree)
    result = await started(child.spec)
    if result[0] == "ok":
        tree = tree.with_pid(child, result[1])
    return Reply(result, tree)


async def _delete_child(tree: Tree, child: Child) -> Reply:
    if child.pid != "undefined":
        return Reply(("error", "restarting" if child.is_restarting else "running"), tree)
    return Reply("ok", tree.without(child))


_OF_CHILD = {
    "terminate_child": _terminate_child,
    "restart_child": _restart_child,
    "delete_child": _delete_child,
}
