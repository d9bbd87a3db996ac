"""GenStateMachine: a process that is a state, data, and callbacks for each state (section 17).

As with GenServer, the callbacks are methods of a class that is never given anything of its own:
one instance serves all processes, and each process is its state, its data, the events that it has
postponed and the timeouts that it has set.
"""

from __future__ import annotations

from inspect import signature
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from simkernel.errors import UsageError
from simkernel.kernel.awaited import Awaited, routine
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec, options_of_class
from simkernel.otp.clauses import check_callbacks
from simkernel.otp.gen_server import GenServer
from simkernel.otp.of_class import OfClass
from simkernel.otp.results import Absent, Hibernate, Ignore, Reply, Stop
from simkernel.otp.statem_actions import (
    ChangeCallbackModule,
    EventTimeout,
    GenericTimeout,
    NextEvent,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    StateTimeout,
)
from simkernel.otp.statem_engine import Module, StateMachine
from simkernel.otp.statem_results import (
    KeepState,
    KeepStateAndData,
    NextState,
    RepeatState,
    RepeatStateAndData,
    StopAndReply,
)
from simkernel.terms import ArgumentError

__all__ = [
    "ChangeCallbackModule", "EventTimeout", "GenStateMachine", "GenericTimeout", "Hibernate",
    "Ignore", "KeepState", "KeepStateAndData", "NextEvent", "NextState", "PopCallbackModule",
    "Postpone", "PushCallbackModule", "RepeatState", "RepeatStateAndData", "Reply", "StateTimeout",
    "Stop", "StopAndReply",
]  # fmt: skip

MODES = ("handle_event_function", "state_functions")


@routine
async def start_link(
    module: Any, argument: Any, options: Any = None, *, name: Any = None, timeout: int | None = None
) -> Any:
    """Start a machine that is linked to the caller; gives ("ok", pid), "ignore" or an error.

    `options` is for child specs, whose starts have no arguments with names:
    `(GenStateMachine, "start_link", (Job, 0, {"name": "job"}))`.
    """
    given = gen.options_of(options, name=name, timeout=timeout)
    return await gen.start(StateMachine, module, argument, linked=True, **given)


@routine
async def start(
    module: Any, argument: Any, options: Any = None, *, name: Any = None, timeout: int | None = None
) -> Any:
    """Start a machine without a link, and so without a parent."""
    given = gen.options_of(options, name=name, timeout=timeout)
    return await gen.start(StateMachine, module, argument, linked=False, **given)


class GenStateMachine:
    """Subclass it and define the callbacks; each may be `def` or `async def`.

    `init(argument)` gives `("ok", state, data)`, with actions after them if there are any. Events
    come to `handle_event(event_type, content, state, data)`. With

        class Door(GenStateMachine, callback_mode="state_functions"): ...

    they come to the function that the state names, `def locked(self, event_type, content, data)`;
    with "state_enter" in the list of modes that function, or handle_event, is also called with
    `"enter"` and the old state whenever a state is entered. Event types are `("call", caller)`,
    "cast", "info", "internal", "timeout" (the event timeout), "state_timeout" and
    `("timeout", name)`. What callbacks return is in `statem_results`, what else they may ask for
    in `statem_actions`, which also says how the guide's tuples for timeouts are meant: its
    `("timeout", ms, content)` is the generic timeout, not OTP's event timeout.
    """

    start_link: ClassVar[Any] = OfClass(start_link)
    start: ClassVar[Any] = OfClass(start)
    callback_mode: ClassVar[str | list[str]] = "handle_event_function"
    child_options: ClassVar[dict[str, Any]] = {}
    __setattr__ = GenServer.__setattr__

    def __init_subclass__(cls, *, callback_mode: Any = None, **options: Any) -> None:
        """Read the class: its modes, its child spec's options, and its clauses."""
        super().__init_subclass__()
        if callback_mode is not None:
            cls.callback_mode = callback_mode
        modes_of(cls)
        cls.child_options = options_of_class(cls, options)
        check_callbacks(cls, tuple(name for name in cls.__dict__ if _is_callback(cls, name)))

    # --- Clients ---------------------------------------------------------------------------------

    @staticmethod
    def call(machine: Any, request: Any, timeout: int | None = None) -> Awaited[Any]:
        """Ask and wait for the answer, for as long as it takes; exits when there is none."""
        return gen.ask((GenStateMachine, "call"), (machine, request, timeout), request, timeout)

    @staticmethod
    def cast(machine: Any, request: Any) -> Awaited[str]:
        """Send an event that is not answered; it may be awaited or dropped."""
        return gen.cast(machine, request)

    @staticmethod
    def reply(caller: Any, answer: Any = Absent) -> Awaited[str]:
        """Answer a call, from any process; or several, given as Reply(caller, answer)."""
        if answer is not Absent:
            return gen.reply(caller, answer)
        replies = caller if type(caller) is list else [caller]
        for each in replies:
            match each:
                case Reply(to, what, None) | ("reply", to, what):
                    gen.reply(to, what)
                case _:
                    raise ArgumentError(f"{each!r} is no Reply(caller, answer)")
        return gen.given_ok()

    @staticmethod
    @routine
    async def stop(machine: Any, reason: Any = "normal", timeout: int | None = None) -> Any:
        """Have it terminate, and wait until it is gone; exits are bare reasons."""
        return await gen.stop(None, machine, reason, timeout)

    @classmethod
    def child_spec(cls, argument: Any) -> ChildSpec:
        """Give the spec of a child: this class, started with `argument` (rule 15.48)."""
        return ChildSpec(
            **{"id": cls, "start": (cls, "start_link", (argument,)), **cls.child_options}
        )

    # --- Default callbacks -----------------------------------------------------------------------

    if TYPE_CHECKING:
        # A subclass may define each as `def` or `async def`, with the types that it likes.
        init: Any
        handle_event: Any
        terminate: Any
    else:

        def init(self, argument: Any) -> Any:
            """Take state and data from the argument."""
            match argument:
                case (state, data):
                    return ("ok", state, data)

        def handle_event(self, event_type: Any, content: Any, state: Any, data: Any) -> Any:
            """Stop: nobody expected an event."""
            return Stop("bad_event")

    @classmethod
    def module_of_class(cls) -> Module:
        """Give the callbacks of this class, looked up once."""
        found: Module | None = cls.__dict__.get("_callbacks")
        if found is None:
            found = Module(cls, GenStateMachine, modes_of(cls))
            type.__setattr__(cls, "_callbacks", found)
        return found


def modes_of(cls: Any) -> tuple[str, ...]:
    """Give the callback modes of a class; one of `MODES` has to be among them."""
    given = cls.callback_mode
    modes = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    if (
        not all(mode in (*MODES, "state_enter") for mode in modes)
        or len(set(modes) - {"state_enter"}) != 1
    ):
        raise UsageError(
            f"class {cls.__qualname__} has the callback_mode {given!r}",
            hint=f"Give one of {' and '.join(MODES)}, or a list of it and 'state_enter'.",
        )
    return modes


def _is_callback(cls: Any, name: str) -> bool:
    """Tell whether a function of a class is called with events, as far as its shape can tell."""
    if name in ("init", "handle_event"):
        return True
    function = cls.__dict__[name]
    if type(function) is not FunctionType or "state_functions" not in modes_of(cls):
        return False
    return len(signature(function).parameters) == 4 and not name.startswith("_")
