"""Agent: a server around a state, told by functions that run in it (section 20)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from simkernel.kernel.awaited import Awaited, routine
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec, options_of_class
from simkernel.otp.gen_server import GenServer, NoReply, Ok, Reply, Server, Stop


class Holder(GenServer):
    """The callbacks of every agent's process."""

    async def init(self, given: Any) -> Any:
        """Start with what the function gives."""
        function, args = given
        return Ok(await gen.result_of(function(*args)))

    async def handle_call(self, request: Any, caller: gen.Caller, state: Any) -> Any:
        """Run the function on the state (rules 20.4 to 20.8)."""
        what, function, args = _parts(request)
        result = await gen.result_of(function(state, *args))
        match what, result:
            case "get", _:
                return Reply(result, state)
            case "update", _:
                return Reply("ok", result)
            case "get_and_update", (answer, new):
                return Reply(answer, new)
        return Stop(("bad_return_value", result), state)

    async def handle_cast(self, request: Any, state: Any) -> Any:
        """Run the function on the state; nobody waits for it."""
        _, function, args = _parts(request)
        return NoReply(await gen.result_of(function(state, *args)))


def _parts(request: Any) -> tuple[str, Callable[..., Any], tuple[Any, ...]]:
    what, function, *args = request
    return what, function, tuple(args)


class Agent:
    """Keep a state in a process: `await Agent.start_link(lambda: 0)`, `await Agent.get(pid, f)`.

    Functions may be `def` or `async def`; they get the state, then the further arguments.
    """

    child_options: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Read the options of the class's child spec."""
        super().__init_subclass__()
        cls.child_options = options_of_class(cls, options)

    @classmethod
    def child_spec(cls, argument: Any) -> ChildSpec:
        """Give the spec of a child: `(Agent, function)` (rule 20.2)."""
        return ChildSpec(
            **{"id": cls, "start": (cls, "start_link", (argument,)), **cls.child_options}
        )

    @staticmethod
    @routine
    async def start_link(
        function: Callable[..., Any], *args: Any, name: Any = None, timeout: int | None = None
    ) -> Any:
        """Start an agent whose state is `function(*args)`, run in it; linked to the caller."""
        given = (function, args)
        return await gen.start(Server, Holder, given, linked=True, name=name, timeout=timeout)

    @staticmethod
    @routine
    async def start(
        function: Callable[..., Any], *args: Any, name: Any = None, timeout: int | None = None
    ) -> Any:
        """Start one without a link."""
        given = (function, args)
        return await gen.start(Server, Holder, given, linked=False, name=name, timeout=timeout)

    @staticmethod
    def get(
        agent: Any, function: Any, *args: Any, timeout: int | None = gen.CALL_TIMEOUT_MS
    ) -> Awaited[Any]:
        """Give `function(state, *args)`."""
        return _ask(agent, ("get", function, *args), timeout)

    @staticmethod
    def update(
        agent: Any, function: Any, *args: Any, timeout: int | None = gen.CALL_TIMEOUT_MS
    ) -> Awaited[Any]:
        """Make `function(state, *args)` the state; gives "ok"."""
        return _ask(agent, ("update", function, *args), timeout)

    @staticmethod
    def get_and_update(
        agent: Any, function: Any, *args: Any, timeout: int | None = gen.CALL_TIMEOUT_MS
    ) -> Awaited[Any]:
        """Do both: the function gives (answer, new state) (rule 20.6)."""
        return _ask(agent, ("get_and_update", function, *args), timeout)

    @staticmethod
    def cast(agent: Any, function: Any, *args: Any) -> Awaited[str]:
        """Update without waiting; "ok" whatever becomes of it."""
        return gen.cast(agent, ("cast", function, *args))

    @staticmethod
    @routine
    async def stop(agent: Any, reason: Any = "normal", timeout: int | None = None) -> Any:
        """Have it terminate, and wait until it is gone."""
        return await gen.stop((GenServer, "stop"), agent, reason, timeout)


def _ask(agent: Any, request: Any, timeout: int | None) -> Awaited[Any]:
    args = (agent, request, timeout)
    return gen.ask((GenServer, "call"), args, request, timeout, depth=4)
