"""Application: a supervision tree that is started and stopped as a whole (section 22).

As in OTP there are three kinds of process: one controller, which knows what runs; a master for each
application; and a starter under each master, in which the callbacks run and which the tree's top
process is linked to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

from simkernel.errors import UsageError
from simkernel.kernel import ets
from simkernel.kernel.awaited import Receive, routine
from simkernel.kernel.effects import (
    demonitor,
    exit,
    link,
    make_ref,
    monitor,
    note,
    process_flag,
    processes,
    receive,
    self_,
    send,
    spawn_link,
    unlink,
    whereis,
)
from simkernel.kernel.patterns import ANY
from simkernel.otp import gen
from simkernel.otp.gen_server import GenServer, NoReply, Ok, Reply, Stop
from simkernel.otp.of_class import OfClass
from simkernel.terms import ErlangError, Exit, Map, Pid, Ref, Throw, reason_of

CONTROLLER = "application_controller"
TABLE = "ac_tab"
TYPES = ("temporary", "transient", "permanent")


# --- Calls ---------------------------------------------------------------------------------------


@routine
async def start(app: Any, type: str = "temporary") -> Any:
    """Start an application; those that it depends on have to run (rules 22.2 to 22.8)."""
    return await _asked(("start", app, type))


@routine
async def stop(app: Any) -> Any:
    """Stop an application: prep_stop, then its tree, then stop (rules 22.10 to 22.12)."""
    return await _asked(("stop", name_of(app)))


@routine
async def load(app: Any) -> Any:
    """Make an application known without starting it: then its name will do."""
    return await _asked(("load", app))


@routine
async def ensure_all_started(app: Any, type: str = "temporary") -> Any:
    """Start an application after those that it depends on; gives those that it started (22.9)."""
    begun: list[str] = []
    failure = await _ensured(app, type, begun)
    if failure is None:
        return ("ok", begun)
    for one in reversed(begun):
        await gen.result_of(stop(one))
    return ("error", failure)


async def _ensured(app: Any, type: str, begun: list[str]) -> Any:
    cls = await _class_of(app)
    for needed in cls.applications if cls is not None else ():
        failure = await _ensured(needed, type, begun)
        if failure is not None:
            return failure
    match await gen.result_of(start(app, type)):
        case "ok":
            begun.append(name_of(app))
        case ("error", ("already_started", _)):
            pass
        case ("error", reason):
            return (name_of(app), reason)
    return None


@routine
async def which_applications() -> list[tuple[str, str, str]]:
    """List (name, description, version) of what runs, the last started first."""
    found: list[tuple[str, str, str]] = await _asked("which")
    return found


@routine
async def get_env(app: Any, key: str, default: Any = None) -> Any:
    """Give what the environment of an application has under a key (rule 22.18)."""
    match await gen.result_of(fetch_env(app, key)):
        case ("ok", value):
            return value
    return default


@routine
async def fetch_env(app: Any, key: str) -> Any:
    """Give ("ok", value) of a key, or "error"."""
    for row in await _rows(("env", name_of(app), key)):
        return ("ok", row[1])
    return "error"


@routine
async def put_env(app: Any, key: str, value: Any) -> Any:
    """Set a key of the environment of an application."""
    return await _asked(("put_env", name_of(app), key, value))


@routine
async def delete_env(app: Any, key: str) -> Any:
    """Remove a key of the environment of an application."""
    return await _asked(("delete_env", name_of(app), key))


async def _rows(key: Any) -> list[Any]:
    try:
        return await ets.lookup(TABLE, key)
    except ErlangError:
        return []  # no controller yet, so that nothing is loaded


async def _class_of(app: Any) -> Any:
    if isinstance(app, type):
        return app
    for row in await _rows(("loaded", app)):
        return row[1]
    return None


async def _asked(request: Any) -> Any:
    """Ask the controller, which is started when it is first needed (rule 22.1)."""
    if await whereis(CONTROLLER) is None:
        await gen.result_of(GenServer.start(Controller, None, name=CONTROLLER))
    return await gen.result_of(GenServer.call(CONTROLLER, request, timeout=None))


def name_of(app: Any) -> Any:
    """Give the name of an application, which may be given by its class."""
    return app.app if isinstance(app, type) and issubclass(app, Application) else app


class Application:
    """Subclass it and define `start(self, type, args)`, which starts the top supervisor.

    What a project file says in Elixir is said with the class:
    `class Shop(Application, app="shop", applications=(Bank,), args=(), env={"port": 80})`.
    """

    app: ClassVar[str] = ""
    applications: ClassVar[tuple[Any, ...]] = ()
    args: ClassVar[Any] = []
    env: ClassVar[Any] = MappingProxyType({})
    description: ClassVar[str] = ""
    version: ClassVar[str] = "0.1.0"

    # On Application itself the calls; on a subclass `start` and `stop` are its callbacks.
    start: ClassVar[Any] = staticmethod(start)
    stop: ClassVar[Any] = staticmethod(stop)
    load: ClassVar[Any] = OfClass(load)
    ensure_all_started: ClassVar[Any] = OfClass(ensure_all_started)
    which_applications: ClassVar[Any] = staticmethod(which_applications)
    started_applications: ClassVar[Any] = staticmethod(which_applications)
    get_env: ClassVar[Any] = staticmethod(get_env)
    fetch_env: ClassVar[Any] = staticmethod(fetch_env)
    put_env: ClassVar[Any] = staticmethod(put_env)
    delete_env: ClassVar[Any] = staticmethod(delete_env)

    def __init_subclass__(cls, **options: Any) -> None:
        """Read what the class declares; its name is its own where none is given."""
        super().__init_subclass__()
        known = ("app", "applications", "args", "env", "description", "version")
        for option, value in {"app": cls.__name__, **options}.items():
            if option not in known:
                raise UsageError(
                    f"class {cls.__qualname__} was given the option {option!r}",
                    hint=f"An application has the options {', '.join(known)}.",
                )
            setattr(cls, option, value)


# --- The controller ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """What runs: (app, master), the last started first; what is started: (app, type)."""

    running: tuple[tuple[str, Pid], ...] = ()
    started: Map = field(default_factory=Map)
    # By master: app, type, and who waits for the start.
    starting: Map = field(default_factory=Map)

    def master_of(self, app: Any) -> Pid | None:
        """Give the master of an application that runs."""
        return next((master for name, master in self.running if name == app), None)

    def without(self, master: Pid) -> Node:
        """Forget that an application runs."""
        return replace(self, running=tuple(pair for pair in self.running if pair[1] != master))


class Controller(GenServer):
    """Knows which applications are loaded, started and running."""

    async def init(self, argument: Any) -> Any:
        """Begin with none."""
        process_flag("trap_exit", True)
        await ets.new(TABLE, named=True)
        return Ok(Node())

    async def handle_call(self, request: Any, caller: Any, node: Any) -> Any:
        """Serve a call; a start is answered when it is done, and others are served meanwhile."""
        match request:
            case ("start", app, type):
                return await _start(node, caller, app, type)
            case ("stop", app):
                return await _stop(node, app)
            case ("load", app):
                return Reply(await _loaded(app), node)
            case "which":
                return Reply([await _described(app) for app, _ in node.running], node)
            case ("put_env", app, key, value):
                await ets.insert(TABLE, (("env", app, key), value))
                return Reply("ok", node)
            case ("delete_env", app, key):
                await ets.delete(TABLE, ("env", app, key))
                return Reply("ok", node)

    def handle_info(self, message: Any, node: Any) -> Any:
        """Learn that an application has started, or that a master has ended."""
        match message:
            case ("application started", master):
                app, type, callers = node.starting[master]
                note("application started", app=app, master=master)
                for waiting in callers:
                    gen.reply(waiting, "ok")
                return NoReply(
                    Node(
                        ((app, master), *node.running),
                        node.started.put(app, type),
                        node.starting.delete(master),
                    )
                )
            case ("EXIT", master, reason) if master in node.starting:
                app, type, callers = node.starting[master]
                for waiting in callers:
                    gen.reply(waiting, ("error", reason))
                node = replace(node, starting=node.starting.delete(master))
                return _exited(node, app, type, reason, "application_start_failure")
            case ("EXIT", master, reason):
                for app, running in node.running:
                    if running == master:
                        type = node.started[app]
                        left = node.without(master)
                        return _exited(left, app, type, reason, "application_terminated")
                return NoReply(node)
            case _:
                return NoReply(node)

    async def terminate(self, reason: Any, node: Any) -> Any:
        """Stop what runs, the last started first; then the node stops (rule 22.16)."""
        for _, master in node.running:
            await _ended(master, "shutdown")
        note("node stopped", reason=reason)
        while others := [pid for pid in await processes() if pid != self_()]:
            for pid in others:
                await _ended(pid, "kill")


async def _ended(pid: Pid, reason: Any) -> None:
    ref = monitor(pid)
    unlink(pid)
    exit(pid, reason)
    await receive(("DOWN", ref, ANY, ANY, ANY))


def _exited(node: Node, app: str, type: str, reason: Any, how: str) -> Any:
    """Report the end of an application; of a permanent one the node stops (22.14 to 22.16)."""
    note("application exited", app=app, reason=reason, type=type)
    if type == "permanent" or (type == "transient" and reason != "normal"):
        return Stop((how, app, reason), node)
    return NoReply(node)


async def _loaded(app: Any) -> Any:
    """Keep the class of an application and its environment; a name has to be known already."""
    name = name_of(app)
    known = await ets.lookup(TABLE, ("loaded", name))
    if known:
        return ("error", ("already_loaded", name))
    if name is app:
        return ("error", ("no such file or directory", f"{app}.app"))
    await ets.insert(TABLE, (("loaded", name), app))
    for key, value in app.env.items():
        await ets.insert(TABLE, (("env", name, key), value))
    return "ok"


async def _described(app: str) -> Any:
    ((_, cls),) = await ets.lookup(TABLE, ("loaded", app))
    return (app, cls.description, cls.version)


async def _start(node: Node, caller: Any, app: Any, type: Any) -> Any:
    name = name_of(app)
    loaded = await _loaded(app)
    if loaded != "ok" and loaded[1][0] != "already_loaded":
        return Reply(loaded, node)
    for master, (starting, its_type, callers) in node.starting.items():
        if starting == name:
            waiting = (starting, its_type, (*callers, caller))
            return NoReply(replace(node, starting=node.starting.put(master, waiting)))
    if type not in TYPES:
        return Reply(("error", ("invalid_restart_type", type)), node)
    if node.master_of(name) is not None:
        return Reply(("error", ("already_started", name)), node)
    ((_, cls),) = await ets.lookup(TABLE, ("loaded", name))
    for needed in map(name_of, cls.applications):
        if needed not in node.started:
            return Reply(("error", ("not_started", needed)), node)
    master = spawn_link(run_master, self_(), cls)
    return NoReply(replace(node, starting=node.starting.put(master, (name, type, (caller,)))))


async def _stop(node: Node, app: Any) -> Any:
    if app not in node.started:
        return Reply(("error", ("not_started", app)), node)
    master = node.master_of(app)
    if master is not None:
        unlink(master)
        tag, ref = make_ref(), monitor(master)
        send(master, ("stop", tag, self_()))
        wanted = ((tag, "ok"), ("DOWN", ref, ANY, ANY, ANY))
        await gen.waiting(Receive(wanted, why=("stopping", app)))
        await demonitor(ref, flush=True)
        note("application exited", app=app, reason="stopped", type=node.started[app])
        node = node.without(master)
    return Reply("ok", replace(node, started=node.started.delete(app)))


# --- The master ----------------------------------------------------------------------------------


async def run_master(controller: Pid, cls: Any) -> None:
    """Run an application: start it, then wait for its end or for the order to stop."""
    process_flag("trap_exit", True)
    tag = make_ref()
    starter = spawn_link(run_starter, self_(), tag, cls)
    match await receive((tag, ANY), ("EXIT", starter, ANY), ("EXIT", controller, ANY)):
        case (_, "ok"):
            send(controller, ("application started", self_()))
        case (_, reason) | ("EXIT", _, reason):
            await _closed(None, reason)
    stopping = ("stop", ANY, controller)
    while True:
        match await receive(stopping, ("EXIT", ANY, ANY), idle=True):
            case ("stop", tag, asker):
                await _tree_stopped(starter)
                send(asker, (tag, "ok"))
                raise Exit("normal")
            case ("EXIT", pid, reason) if pid == starter:
                await _closed(None, reason)
            case ("EXIT", pid, reason) if pid == controller:
                await _closed(starter, reason)


async def _closed(starter: Pid | None, reason: Any) -> NoReturn:
    await _tree_stopped(starter)
    raise Exit(reason)


async def _tree_stopped(starter: Pid | None) -> None:
    """Have the starter stop the tree, then kill what is left of the application (rule 22.13)."""
    if starter is not None:
        send(starter, (self_(), "terminate"))
        await gen.waiting(Receive((("EXIT", starter, ANY),), why="stopping"))
    me = self_()
    # A pid begins with that of its maker: those below the master are the application's, as in
    # OTP those are whose group leader is the master.
    while left := [
        pid for pid in await processes() if pid != me and pid.path[: len(me.path)] == me.path
    ]:
        for pid in left:
            await _ended(pid, "kill")


# --- The starter: the callbacks ------------------------------------------------------------------


async def run_starter(master: Pid, tag: Ref, cls: Any) -> None:
    """Call `start`, keep the tree, and call `prep_stop` and `stop` when it ends."""
    process_flag("trap_exit", True)
    application = cls()
    called = (cls, "start", ["normal", cls.args])
    match await _caught(application.start, "normal", cls.args):
        case ("ok", Pid() as top):
            state: Any = []
        case ("ok", Pid() as top, state):
            pass
        case ("EXIT", "normal"):
            send(master, (tag, (("EXIT", "normal"), called)))
            return
        case ("error", reason):
            send(master, (tag, (reason, called)))
            return
        case other:
            send(master, (tag, ("bad_return", (called, other))))
            return
    await link(top)
    send(master, (tag, "ok"))
    wanted = (master, "terminate"), ("EXIT", master, ANY), ("EXIT", top, ANY)
    match await receive(*wanted, idle=True):
        case ("EXIT", pid, reason) if pid == top:
            await _callbacks(application, state, None, reason, reason)
        case ("EXIT", _, reason):
            await _callbacks(application, state, top, reason, reason)
        case _:
            await _callbacks(application, state, top, "shutdown", "normal")


async def _callbacks(application: Any, state: Any, top: Any, order: Any, reason: Any) -> NoReturn:
    if hasattr(application, "prep_stop"):
        match await _caught(application.prep_stop, state):
            case ("EXIT", why):
                note("log", level="error", text="prep_stop failed", reason=why)
            case result:
                state = result
    if top is not None:
        exit(top, order)
        await gen.waiting(Receive((("EXIT", top, ANY),), why="stopping"))
    if type(application).stop is not Application.stop:
        await _caught(application.stop, state)
    raise Exit(reason)


async def _caught(function: Any, *args: Any) -> Any:
    """Give what a callback gives, or throws, or ("EXIT", reason): Erlang's `catch`."""
    try:
        return await gen.result_of(function(*args))
    except Throw as thrown:
        return thrown.value
    except Exit as exited:
        return ("EXIT", exited.reason)
    except BaseException as error:
        return ("EXIT", reason_of(error))
