"""GenServer: a process that is a state and callbacks (section 15).

The callbacks are methods of a class that is never given a state of its own: one instance serves all
processes, and each process is its state, its parent and its mailbox.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from simkernel.errors import UsageError
from simkernel.kernel.awaited import ASLEEP, AT_REST, Awaited, Rest, context, routine
from simkernel.kernel.effects import note, process_info, self_
from simkernel.kernel.patterns import TIMEOUT
from simkernel.otp import gen, in_place
from simkernel.otp.child_spec import ChildSpec, options_of_class
from simkernel.otp.clauses import check_callbacks
from simkernel.otp.of_class import OfClass
from simkernel.otp.results import (
    Absent,
    Continue,
    Hibernate,
    Ignore,
    NoReply,
    Ok,
    Reply,
    Stop,
    is_then,
)
from simkernel.terms import ErlangError, Exit, Pid, Throw, freeze, reason_of, show

__all__ = [
    "Continue", "GenServer", "Hibernate", "Ignore", "NoReply", "Ok", "Reply", "Server", "Stop",
]  # fmt: skip

CALLBACKS = ("init", "handle_call", "handle_cast", "handle_info", "handle_continue")


@routine
async def start_link(
    module: Any, argument: Any, options: Any = None, *, name: Any = None, timeout: int | None = None
) -> Any:
    """Start a server that is linked to the caller; gives ("ok", pid), "ignore" or an error.

    `options` is for child specs, whose starts have no arguments with names:
    `(GenServer, "start_link", (Job, 0, {"name": "job"}))`.
    """
    given = gen.options_of(options, name=name, timeout=timeout)
    return await gen.start(Server, module, argument, linked=True, **given)


@routine
async def start(
    module: Any, argument: Any, options: Any = None, *, name: Any = None, timeout: int | None = None
) -> Any:
    """Start a server without a link, and so without a parent."""
    given = gen.options_of(options, name=name, timeout=timeout)
    return await gen.start(Server, module, argument, linked=False, **given)


class GenServer:
    """Subclass it and define the callbacks; each may be `def` or `async def`.

    Options of the child spec are given with the class: `class Job(GenServer, restart="transient")`.
    """

    start_link: ClassVar[Any] = OfClass(start_link)
    start: ClassVar[Any] = OfClass(start)
    child_options: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Read the class: its child spec's options, and whether a clause forgets its return."""
        super().__init_subclass__()
        cls.child_options = options_of_class(cls, options)
        check_callbacks(cls, CALLBACKS)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise UsageError(
            f"a callback set self.{name}, which all processes of the class would share",
            where=type(self).__qualname__,
            hint="Keep it in the state that the callback returns.",
        )

    # --- Clients ---------------------------------------------------------------------------------

    @staticmethod
    def call(server: Any, request: Any, timeout: int | None = gen.CALL_TIMEOUT_MS) -> Awaited[Any]:
        """Ask and wait for the answer; exits when there is none (rules 15.49 to 15.57)."""
        return gen.ask((GenServer, "call"), (server, request, timeout), request, timeout)

    @staticmethod
    def cast(server: Any, request: Any) -> Awaited[str]:
        """Send a request that is not answered; it may be awaited or dropped (rule 15.58)."""
        return gen.cast(server, request)

    @staticmethod
    def reply(caller: gen.Caller, answer: Any) -> Awaited[str]:
        """Answer a call, from any process (rule 15.59)."""
        return gen.reply(caller, answer)

    @staticmethod
    @routine
    async def stop(server: Any, reason: Any = "normal", timeout: int | None = None) -> Any:
        """Have it terminate, and wait until it is gone (rules 15.60 to 15.63)."""
        return await gen.stop((GenServer, "stop"), server, reason, timeout)

    @staticmethod
    @routine
    async def whereis(server: Any) -> Pid | None:
        """Give the pid behind a pid, a name or a via name, or None."""
        return await gen.located(server)

    @classmethod
    def child_spec(cls, argument: Any) -> ChildSpec:
        """Give the spec of a child: this class, started with `argument` (rule 15.48)."""
        return ChildSpec(
            **{"id": cls, "start": (cls, "start_link", (argument,)), **cls.child_options}
        )

    # --- Default callbacks, which say what is missing --------------------------------------------

    if TYPE_CHECKING:
        # A subclass may define each as `def` or `async def`, with the types that it likes.
        init: Any
        handle_call: Any
        handle_cast: Any
        handle_info: Any
        handle_continue: Any
        terminate: Any
    else:

        def init(self, argument: Any) -> Any:
            """Take the argument as the state."""
            return Ok(argument)

        async def handle_call(self, request: Any, caller: gen.Caller, state: Any) -> Any:
            """Crash: nobody expected a call (rule 15.45)."""
            raise RuntimeError(
                f"attempted to call GenServer {await _shown_name()} "
                "but no handle_call/3 clause was provided"
            )

        async def handle_cast(self, request: Any, state: Any) -> Any:
            """Crash: nobody expected a cast."""
            raise RuntimeError(
                f"attempted to cast GenServer {await _shown_name()} "
                "but no handle_cast/2 clause was provided"
            )

        def handle_info(self, message: Any, state: Any) -> Any:
            """Log and drop it (rule 15.46)."""
            text = "received unexpected message in handle_info/2"
            note("log", level="error", text=text, message=message)
            return NoReply(state)

        def handle_continue(self, argument: Any, state: Any) -> Any:
            """Crash: the class asked for a continue and has none."""
            raise ErlangError("undef")

        def terminate(self, reason: Any, state: Any) -> Any:
            """Clean nothing up."""
            return "ok"


async def _shown_name() -> str:
    _, name = await process_info(self_(), "registered_name")
    return str(name or self_())


class Module:
    """The callbacks of one class, looked up once and shared by its processes."""

    __slots__ = (
        "cls", "handle_call", "handle_cast", "handle_continue", "handle_info", "init", "terminate",
        "terminates",
    )  # fmt: skip

    def __init__(self, cls: Any):
        shared = cls()
        self.cls = cls
        self.init = shared.init
        self.handle_call = shared.handle_call
        self.handle_cast = shared.handle_cast
        self.handle_info = shared.handle_info
        self.handle_continue = shared.handle_continue
        self.terminate = shared.terminate
        self.terminates = cls.terminate is not GenServer.terminate


def module_of(cls: Any) -> Module:
    """Give the callbacks of a class."""
    found: Module | None = cls.__dict__.get("_callbacks")
    if found is None:
        found = cls._callbacks = Module(cls)
    return found


class Server(gen.Behaviour):
    """The body of a GenServer's process."""

    __slots__ = ("after", "module", "state")
    otp_name = "gen_server"
    changes_in_place = False  # a supervisor of a million children may

    # --- Starting --------------------------------------------------------------------------------

    async def init(self, module: Any, argument: Any, starter: gen.Starter) -> Rest:
        """Run `init` and acknowledge what came of it (rules 15.1 to 15.8)."""
        self.module = found = module_of(module)
        self.state = None
        try:
            result = await gen.result_of(found.init(argument))
        except Throw as thrown:
            result = thrown.value
        except BaseException as error:
            reason = reason_of(error)
            await starter.fail(("error", reason), reason)
        match result:
            case Ok(state, then) if is_then(then):
                self.state = state
            case Ignore() | "ignore":
                await starter.fail("ignore", "normal")
            case Stop(reason, answer, rest) if answer is Absent and rest is Absent:
                await starter.fail(("error", reason), reason)
            case _ if type(result) is not tuple:
                reason = illegal(found.init, result)
                await starter.fail(("error", reason), reason)
            case ("ok", state):
                self.state, then = state, None
            case ("ok", state, then) if is_then(then):
                self.state = state
            case ("stop", reason):
                await starter.fail(("error", reason), reason)
            case _:
                reason = illegal(found.init, result)
                await starter.fail(("error", reason), reason)
        starter.succeed()
        note("initialised", module=module)
        return await self.rest(then)

    # --- The loop --------------------------------------------------------------------------------

    def send(self, value: Any, /) -> Any:
        """Go on; the commonest messages, results and callbacks are served without a coroutine.

        Inlined from `serve`, `run`, `decide` and `rest`: benchmarks/bench_gen_server.py, 5 us less
        of a call. Notes and checks take the long way.
        """
        machine = context.machine
        if (
            self.task is not None
            or type(value) is not tuple
            or (machine is not None and (machine.listening or machine.checking))
        ):
            return super().send(value)
        caller: Any = None
        error: Any = None
        result: Any = None
        size = len(value)
        if size == 3 and value[0] == gen.CALL:
            _, caller, request = value
            callback = self.module.handle_call
        elif size == 2 and value[0] == gen.CAST:
            request = value[1]
            callback = self.module.handle_cast
        else:
            return super().send(value)
        try:
            if caller is not None:
                result = callback(request, caller, self.state)
            else:
                result = callback(request, self.state)
        except BaseException as raised:
            error = raised
        kind = type(result)
        if kind is Reply and caller is not None:
            answer, state, then = result
            if then is None:
                self.state, self.after = state, None
                gen.answered(caller, answer)
                return AT_REST
        elif kind is NoReply and result.then is None:
            self.state, self.after = result.state, None
            return AT_REST
        self.task = self.unusual(callback, request, result, error, caller)
        return super().send(None)

    async def serve(self, message: Any) -> Rest:
        """Serve one message, in mailbox order (rules 15.9 to 15.15)."""
        module = self.module
        if type(message) is tuple:
            size = len(message)
            if size == 3:
                head = message[0]
                if head == gen.CALL:
                    _, caller, request = message
                    return await self.rest(
                        await self.run(module.handle_call, (request, caller), caller)
                    )
                if head == gen.SYSTEM:
                    return await self.system(message[1], message[2])
                if head == "EXIT" and message[1] == self.parent:
                    await self.end(message[2])
            elif size == 2 and message[0] == gen.CAST:
                return await self.rest(await self.run(module.handle_cast, (message[1],)))
        elif message is TIMEOUT:
            message = "timeout"
        return await self.rest(await self.run(module.handle_info, (message,)))

    async def rest(self, then: Any) -> Rest:
        """Do what a result asks for after its state, down to the next wait."""
        while True:
            kind = type(then)
            if then is None or then == "infinity":
                self.after = None
                return AT_REST
            if kind is int:
                self.after = then
                note("timeout set", ms=then)
                return Rest(then)
            if kind is Continue or (kind is tuple and then[0] == "continue"):
                then = await self.run(self.module.handle_continue, (then[-1],))
                continue
            # A server at rest has no stack to drop, so that hibernation is a rest like any other.
            note("hibernated")
            self.after = None
            return ASLEEP

    async def run(self, callback: Any, args: tuple[Any, ...], caller: Any = None) -> Any:
        """Run a callback and do what it says; gives what is to follow the new state."""
        state = self.state
        machine = context.machine
        if machine is not None and machine.listening:
            note(
                "callback", module=self.module.cls, callback=callback.__name__, argument=args[0],
                state=state,
            )  # fmt: skip
        checking = machine is not None and machine.checking and not self.changes_in_place
        before = freeze(state, "state") if checking else None
        try:
            result = callback(*args, state)
            if type(result) is CoroutineType:
                result = await result
        except Throw as thrown:
            result = thrown.value
        except BaseException as error:
            await self.failed(error)
        if checking and not in_place.is_unchanged(state, before):
            in_place.report(callback, before, state)
        return await self.decide(callback, args[0], result, caller)

    async def failed(self, error: BaseException) -> NoReturn:
        """End because a callback raised; `terminate` is a step of its own (rule 15.68)."""
        reason = reason_of(error)
        if self.module.terminates:
            await gen.next_step()
        await self.end(reason)

    async def decide(self, callback: Any, asked: Any, result: Any, caller: Any) -> Any:
        """Do what a result says; gives what is to follow the new state (rules 15.16 to 15.23)."""
        match result:
            case Reply(answer, state, then) if caller is not None and is_then(then):
                gen.reply(caller, answer)
            case NoReply(state, then) if is_then(then):
                pass
            case Stop(reason, answer, state) if state is not Absent and (
                answer is Absent or caller is not None
            ):
                self.state = state
                await self.end(reason, caller, answer)
            case _ if type(result) is not tuple:
                await self.end(illegal(callback, result, asked, self.state))
            case ("reply", answer, state) if caller is not None:
                gen.reply(caller, answer)
                then = None
            case ("reply", answer, state, then) if caller is not None and is_then(then):
                gen.reply(caller, answer)
            case ("noreply", state):
                then = None
            case ("noreply", state, then) if is_then(then):
                pass
            case ("stop", reason, state):
                self.state = state
                await self.end(reason)
            case ("stop", reason, answer, state) if caller is not None:
                self.state = state
                await self.end(reason, caller, answer)
            case _:
                await self.end(illegal(callback, result, asked, self.state))
        self.state = state
        return then

    async def unusual(
        self, callback: Any, asked: Any, result: Any, error: Any, caller: Any
    ) -> Rest:
        """Go on where `send` found that its short way does not do."""
        try:
            if error is not None:
                raise error
            if type(result) is CoroutineType:
                result = await result
        except Throw as thrown:
            result = thrown.value
        except BaseException as failure:
            await self.failed(failure)
        return await self.rest(await self.decide(callback, asked, result, caller))

    # --- The end ---------------------------------------------------------------------------------

    async def end(self, reason: Any, caller: Any = None, answer: Any = Absent) -> NoReturn:
        """Run `terminate`, then send the answer that is due, then exit (rules 15.33 to 15.43)."""
        module = self.module
        if module.terminates:
            note("callback", module=module.cls, callback="terminate", argument=reason)
            try:
                await gen.result_of(module.terminate(reason, self.state))
            except Throw:
                pass
            except BaseException as error:
                reason = reason_of(error)
        if answer is not Absent:
            gen.reply(caller, answer)
        gen.log_end(reason)
        raise Exit(reason)

    # --- System messages -------------------------------------------------------------------------

    def seen(self) -> Any:
        """Show the state."""
        return self.state

    def become(self, seen: Any) -> None:
        """Take what `sys.replace_state` gives."""
        self.state = seen

    def resting(self) -> Rest:
        """Wait again; the timeout starts again in full (rule 15.31)."""
        return AT_REST if self.after is None else Rest(self.after)

    # --- Snapshots -------------------------------------------------------------------------------

    def save(self) -> tuple[Any, ...]:
        """Give the values that this process is between two messages."""
        return (self.module.cls, self.state, self.parent, self.after, self.suspended)

    def load(self, values: tuple[Any, ...]) -> None:
        """Become what `save` gave."""
        if self.task is not None:
            self.task.close()
            self.task = None
        cls, self.state, self.parent, self.after, self.suspended = values
        self.module = module_of(cls)


def illegal(callback: Any, result: Any, asked: Any = Absent, state: Any = None) -> Any:
    """Give the reason for a result that a callback may not return (rules 15.22, 15.23)."""
    if result is None:
        name = callback.__name__
        said = "" if asked is Absent else f"no clause of {name} for {show(asked)}"
        said = f"{said} in state {show(state)}" if said else ""
        return ("function_clause", in_place.place_of(callback, said))
    return ("bad_return_value", result)
