"""What all behaviours share: starting, naming, calling, answering, stopping (sections 14 and 15).

The counterpart of OTP's `gen` and `proc_lib`. Written with kernel effects only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from types import CoroutineType
from typing import Any, ClassVar, NamedTuple, NoReturn

from simkernel.kernel.awaited import (
    Awaited,
    Given,
    Receive,
    Rest,
    context,
    expect,
    routine,
    running,
)
from simkernel.kernel.effects import (
    alive,
    ancestors,
    cast_name,
    demonitor,
    exit,
    forget,
    monitor,
    note,
    post,
    receive,
    register,
    self_,
    send,
    share_dictionary,
    spawn_link,
    spawn_monitor,
    unlink,
    unregister,
    whereis,
)
from simkernel.kernel.patterns import ANY, TIMEOUT, Pattern
from simkernel.terms import (
    ArgumentError,
    ErlangError,
    Exit,
    Map,
    Pid,
    Ref,
    Throw,
    equal,
    freeze,
    reason_of,
    show,
    thaw,
)

CALL_TIMEOUT_MS = 5_000
CALL, CAST, SYSTEM, ACK = "$gen_call", "$gen_cast", "system", "ack"

Caller = tuple[Pid, Any]
"""Who asked, and the tag of the question: a Ref is an alias, which the answer goes to; any other
tag says that the answer goes to the pid."""


# --- Names ---------------------------------------------------------------------------------------


async def located(server: Any) -> Pid | None:
    """Give the pid behind a pid, a name or ("via", module, term); None if there is none."""
    if type(server) is Pid:
        return server
    if type(server) is str:
        return await whereis(server)
    if type(server) is tuple and len(server) == 3 and server[0] == "via":
        pid = await result_of(server[1].whereis_name(server[2]))
        return pid if type(pid) is Pid else None
    raise ArgumentError(f"{server!r} is no pid, no name and no ('via', module, term)")


async def result_of(value: Any) -> Any:
    """Give what a function gave that may be `def` or `async def`."""
    if type(value) is CoroutineType or isinstance(value, Awaited):
        return await value
    return value


async def named(name: Any) -> bool:
    """Register the running process; False when the name is taken."""
    if type(name) is str:
        try:
            return await register(self_(), name)
        except ErlangError:
            return False
    if type(name) is tuple and len(name) == 3 and name[0] == "via":
        return bool(await result_of(name[1].register_name(name[2], self_())) in (True, "yes"))
    raise ArgumentError(f"{name!r} is no name: give a str or ('via', module, term)")


async def unnamed(name: Any) -> None:
    """Give a name back, if there was one and it is still held."""
    if type(name) is str:
        try:
            await unregister(name)
        except ErlangError:
            return
    elif name is not None:
        await result_of(name[1].unregister_name(name[2]))


# --- Starting ------------------------------------------------------------------------------------


class Acknowledged(Pattern):
    """The answer of a process that starts, or its end before it could answer."""

    __slots__ = ("pid",)

    def __init__(self, pid: Pid):
        self.pid = pid

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Match ("ack", pid, _), ("EXIT", pid, _) and the DOWN of pid."""
        if type(value) is not tuple:
            return False
        if len(value) == 3:
            return value[0] in (ACK, "EXIT") and bool(value[1] == self.pid)
        return len(value) == 5 and value[0] == "DOWN" and bool(value[3] == self.pid)

    def __repr__(self) -> str:
        return f"Acknowledged({self.pid})"


def options_of(options: Any, **given: Any) -> dict[str, Any]:
    """Give the options of a start: those that were given by name, and more in a map."""
    if options is None:
        return given
    if not isinstance(options, Mapping) or options.keys() - given.keys():
        raise ArgumentError(f"expected a map of {' and '.join(given)}, not {show(options)}")
    return {**given, **options}


async def start(
    body: Callable[..., Any],
    module: Any,
    argument: Any,
    *,
    linked: bool,
    name: Any = None,
    timeout: int | None = None,
) -> Any:
    """Start a behaviour's process and wait for its `init` (rules 14.1 to 14.12).

    Gives ("ok", pid), "ignore" or ("error", reason).
    """
    if name is not None:
        holder = await located(name)
        if holder is not None:
            return ("error", ("already_started", holder))
    ref = None
    # No argument more than needed: a process keeps them for life.
    args = (module, argument, self_())
    if linked:
        pid = spawn_link(body, *args) if name is None else spawn_link(body, *args, name)
    else:
        pid, ref = spawn_monitor(body, *args, name, False)
    message = await waiting(Receive((Acknowledged(pid),), timeout, why=("start", module)))
    if message is TIMEOUT:
        await abandon(pid, ref)
        return ("error", "timeout")
    if message[0] == ACK:
        if ref is not None:
            await demonitor(ref, flush=True)
        return message[2]
    return ("error", message[-1])


def waiting(wanted: Receive) -> Awaited[Any]:
    """Give a receive with a label, checked as `receive` is."""
    running("receive()")
    if wanted.after is not None and (type(wanted.after) is not int or wanted.after < 0):
        raise ArgumentError(f"{wanted.after!r} is no timeout: give ms from 0 on, or None")
    return expect(wanted)


async def abandon(pid: Pid, ref: Ref | None) -> None:
    """Unlink, kill and forget a process that takes too long to start (rule 14.12)."""
    if ref is not None:
        await demonitor(ref, flush=True)
    unlink(pid)
    exit(pid, "kill")
    await receive(("EXIT", pid, ANY), after=0)


# --- The body of a behaviour ---------------------------------------------------------------------


# The last dictionary that was made: processes that are started in a row mostly share it.
_last: list[Any] = [None, None, None]


def _dictionary(lineage: tuple[Any, ...], module: Any) -> Map:
    """Give the keys that OTP's tools look for (rule 14.6)."""
    if _last[0] is not lineage or _last[1] is not module:
        made = Map({"$ancestors": lineage, "$initial_call": (module, "init", 1)})
        _last[:] = lineage, module, made
    found: Map = _last[2]
    return found


class Starter(NamedTuple):
    """Who waits for the start of a process, and the name that it took."""

    pid: Pid
    name: Any

    def succeed(self) -> None:
        """Acknowledge a start that went well."""
        acknowledge(self.pid, ("ok", self_()))

    async def fail(self, result: Any, reason: Any) -> NoReturn:
        """Fail: the name is free first, then the starter is told, then the process exits."""
        await unnamed(self.name)
        acknowledge(self.pid, result)
        log_end(reason)
        raise Exit(reason)


class Behaviour:
    """A process that is values at rest, and one coroutine while it starts or serves a message.

    A subclass has `init(module, argument, starter)`, which acknowledges the start, and
    `serve(message)`; both are coroutines that return the Rest to wait in. It has `save()` and
    `load(values)` too, and what `system` asks for.
    """

    __slots__ = ("parent", "suspended", "task")
    otp_name: ClassVar[str]
    parent: Pid
    suspended: bool
    task: Any

    def __init__(
        self, module: Any, argument: Any, starter: Pid, name: Any = None, linked: bool = True
    ):
        # As in OTP a server started without a link counts as its own parent: of an EXIT signal
        # that it sends to itself it terminates (tried on OTP 25).
        self.parent = starter if linked else self_()
        self.suspended = False
        self.task = self.boot(module, argument, name, starter)

    def send(self, value: Any, /) -> Any:
        """Go on with what was waited for; at rest that is a message, or TIMEOUT."""
        task = self.task
        if task is None:
            task = self.task = self.serve(value)
            value = None
        try:
            return task.send(value)
        except StopIteration as rest:
            self.task = None
            return rest.value

    def throw(self, error: BaseException, /) -> Any:
        """Go on with the error of what was waited for."""
        try:
            return self.task.throw(error)
        except StopIteration as rest:
            self.task = None
            return rest.value

    def close(self) -> None:
        """Drop what was going on."""
        if self.task is not None:
            self.task.close()

    async def boot(self, module: Any, argument: Any, name: Any, starter: Pid) -> Any:
        """Take the name, then run `init`."""
        share_dictionary(_dictionary(ancestors(), module))
        if name is not None and not await named(name):
            holder = await located(name)
            acknowledge(starter, ("error", ("already_started", holder or "undefined")))
            raise Exit("normal")
        return await self.init(module, argument, Starter(starter, name))

    async def init(self, module: Any, argument: Any, starter: Starter) -> Any:
        """Run the module's `init` and acknowledge."""
        raise NotImplementedError

    async def serve(self, message: Any) -> Any:
        """Serve one message, or TIMEOUT."""
        raise NotImplementedError

    # --- System messages -------------------------------------------------------------------------

    async def system(self, caller: Any, request: Any) -> Rest:
        """Serve a system message (rules 15.31, 15.64 and 15.65)."""
        match request:
            case "get_state":
                answer: Any = ("ok", self.seen())
            case ("replace_state", change):
                answer = self.replace(change)
            case "suspend":
                self.suspended, answer = True, "ok"
            case "resume":
                self.suspended, answer = False, "ok"
            case ("terminate", reason):
                if caller is not None:
                    reply(caller, "ok")
                await self.end(reason)
            case _:
                answer = ("error", ("unknown_system_msg", request))
        if caller is not None:
            reply(caller, answer)
        if self.suspended:
            return Rest(None, ((SYSTEM, ANY, ANY), ("EXIT", self.parent, ANY)))
        return self.resting()

    def replace(self, change: Callable[[Any], Any]) -> Any:
        """Let a function replace what is seen; one that fails leaves it."""
        try:
            self.become(change(thaw(freeze(self.seen()))))
        except Throw as thrown:
            failure = ("throw", thrown.value)
        except Exit as exited:
            failure = ("exit", exited.reason)
        except Exception as error:
            failure = ("error", reason_of(error)[0])
        else:
            return ("ok", self.seen())
        return ("error", ("callback_failed", (self.otp_name, "system_replace_state"), failure))

    def seen(self) -> Any:
        """Give what `sys.get_state` shows."""
        raise NotImplementedError

    def become(self, seen: Any) -> None:
        """Go on with what `sys.replace_state` gave."""
        raise NotImplementedError

    def resting(self) -> Rest:
        """Give the Rest to wait in after a system message."""
        raise NotImplementedError

    async def end(self, reason: Any) -> NoReturn:
        """Terminate."""
        raise NotImplementedError


def acknowledge(starter: Pid, result: Any) -> None:
    """Tell the starter how the start went."""
    send(starter, (ACK, self_(), result))


def is_quiet(reason: Any) -> bool:
    """Tell whether an end with `reason` was asked for (rule 15.43).

    >>> is_quiet("shutdown"), is_quiet(("shutdown", "x")), is_quiet("killed")
    (True, True, False)
    """
    if type(reason) is tuple:
        return len(reason) == 2 and bool(reason[0] == "shutdown")
    return type(reason) is str and reason in ("normal", "shutdown")


def log_end(reason: Any) -> None:
    """Log an end that nobody asked for."""
    if not is_quiet(reason):
        note("log", level="error", text="terminating", reason=reason)


def next_step() -> Awaited[bool]:
    """Let the effects leave, and go on in a step of its own (rule 15.68).

    Asking oneself whether one lives is the operation that waits for nothing and reads nothing.
    """
    return alive(self_())


# --- Calling -------------------------------------------------------------------------------------


class Answered(Pattern):
    """The answer to a call, or the DOWN of the process that was called."""

    __slots__ = ("ref", "tag")

    def __init__(self, tag: Any, ref: Ref):
        self.tag = tag
        self.ref = ref

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Match (tag, _) and ("DOWN", ref, _, _, _)."""
        if type(value) is not tuple:
            return False
        if len(value) == 2:
            return value[0] is self.tag or bool(value[0] == self.tag)
        return len(value) == 5 and value[0] == "DOWN" and bool(value[1] == self.ref)

    def __repr__(self) -> str:
        return f"Answered({self.tag})"


class Call(Awaited[Any]):
    """A question to a server, which waits for the answer, the server's end or the time."""

    __slots__ = ("args", "label", "mfa", "request", "server", "timeout")
    call = "call"

    def __init__(
        self,
        mfa: tuple[Any, str],
        args: tuple[Any, ...],
        request: Any,
        timeout: Any,
        label: str = CALL,
    ):
        self.mfa = mfa
        self.args = args
        self.server = args[0]
        self.request = request
        self.timeout = timeout
        self.label = label

    def __await__(self) -> Generator[Any, Any, Any]:
        context.unawaited = None
        process = context.process
        assert process is not None
        me = process.pid
        pid = self.server
        if type(pid) is not Pid:
            pid = yield from located(pid).__await__()
        if pid is None:
            self.fail("noproc")
        if pid.path == me.path:
            self.fail("calling_self")
        timeout = self.timeout
        machine = context.machine
        listening = machine is not None and machine.listening
        if listening:
            note("call", server=pid, request=self.request)
        if timeout is None:
            # OTP uses no alias here: an answer cannot come too late (rule 15.57).
            ref = monitor(pid)
            tag: Any = ("monitor", ref)
        else:
            ref = tag = monitor(pid, alias="demonitor")
        post(pid, (self.label, (me, tag), self.request), self.request)
        wanted = Receive((Answered(tag, ref),), timeout, False, ("call", pid, self.request))
        message = yield wanted
        if message is TIMEOUT:
            # An answer that came in the last moment counts (as in OTP); any later one is dropped.
            yield from demonitor(ref, flush=True).__await__()
            message = yield from receive((tag, ANY), after=0).__await__()
            if message is TIMEOUT:
                self.fail("timeout")
        elif len(message) == 5:
            self.fail(message[4])
        else:
            forget(ref)
        if listening:
            note("called", server=pid, answer=message[1])
        return message[1]

    def fail(self, reason: Any) -> NoReturn:
        """Exit as the caller of a call exits (rules 15.50 to 15.53)."""
        note("call failed", server=self.server, request=self.request, reason=reason)
        raise Exit((reason, (*self.mfa, self.args)))


def ask(
    mfa: tuple[Any, str],
    args: tuple[Any, ...],
    request: Any,
    timeout: Any,
    label: str = CALL,
    depth: int = 3,
) -> Awaited[Any]:
    """Make a call; `mfa` and `args` are what its exits show, `depth` where it was made."""
    ctx = context
    if ctx.process is None or ctx.unawaited is not None:
        running("call()")
    if timeout is not None and (type(timeout) is not int or timeout < 0):
        raise ArgumentError(f"call(timeout={timeout!r}): give ms from 0 on, or None for infinity")
    call = Call(mfa, args, request, timeout, label)
    ctx.unawaited = call
    return expect(call, depth) if ctx.careful else call


def cast(server: Any, request: Any) -> Awaited[str]:
    """Send a request without waiting; "ok" whatever becomes of it (rule 15.58).

    To a pid or a name it is a plain call. To a via name it has to be awaited, because its module
    may have to look into a table.
    """
    message = (CAST, request)
    if type(server) is Pid:
        send(server, message)
    elif type(server) is str:
        cast_name(server, message)
    else:
        return expect(_cast_via(server, message))
    return given_ok()


def given_ok() -> Awaited[str]:
    """Give "ok" at once; it may be awaited or dropped."""
    given: Given[str] = Given()
    given.value = "ok"
    return given


@routine
async def _cast_via(server: Any, message: Any) -> str:
    match server:
        case ("via", module, name) if hasattr(module, "send"):
            # As in Elixir: whatever goes wrong in `send` is nobody's business (rule 15.58).
            with suppress(Exception, Exit, Throw):
                await result_of(module.send(name, message))
        case _:
            pid = await located(server)
            if pid is not None:
                send(pid, message)
    return "ok"


def reply(caller: Caller, answer: Any) -> Awaited[str]:
    """Answer a call, from any process (rule 15.59)."""
    answered(caller, answer)
    return given_ok()


def answered(caller: Caller, answer: Any) -> None:
    """Answer a call as `reply` does, which gives "ok" too."""
    pid, tag = caller
    if type(tag) is Ref:
        post(tag, (tag, answer), answer)
    else:
        send(pid, (tag, answer))


# --- Stopping ------------------------------------------------------------------------------------


async def stop(mfa: tuple[Any, str] | None, server: Any, reason: Any, timeout: int | None) -> str:
    """Ask a behaviour to terminate, and wait until it is gone (rules 15.60 to 15.63).

    OTP lets a helper process ask and wait. Here the caller does so itself: the request is then in
    order with the caller's other messages, as it is on one node in practice. Without `mfa` exits
    are bare, and to stop oneself is to wait for ever: Elixir's GenServer adds both to OTP's `stop`.
    """

    def failed(why: Any) -> Exit:
        return Exit(why if mfa is None else (why, (*mfa, (server, reason, timeout))))

    pid = await located(server)
    if pid is None:
        raise failed("noproc")
    if pid == self_() and mfa is not None:
        raise failed("calling_self")
    ref = monitor(pid, alias="demonitor")
    send(pid, (SYSTEM, (self_(), ref), ("terminate", reason)))
    pattern = ("DOWN", ref, ANY, ANY, ANY)
    message = await waiting(Receive((pattern,), timeout, why=("stop", pid, reason)))
    if message is TIMEOUT:
        await demonitor(ref, flush=True)
        await receive((ref, ANY), after=0)
        raise failed("timeout")
    why = message[4]
    if await receive((ref, ANY), after=0) is TIMEOUT and why != "noproc":
        # It ended by itself, before it took the request (rule 15.63).
        raise failed((why, ("sys", "terminate", [pid, reason, "infinity"])))
    if not equal(why, reason):
        raise failed(why)
    return "ok"
