"""Awaited operations: what a process body waits for, and why none of them can be forgotten.

An operation is made by a kernel call and does nothing until it is awaited. The kernel looks at the
next kernel call, and at the end of the step, whether the last one made has been awaited: there, not
in a finaliser, so that the answer never depends on when something is collected.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from sys import _getframe
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar

from simkernel.errors import ForgottenAwait, MisusedAwaitable, UsageError

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Process

T = TypeVar("T")
P = ParamSpec("P")


class Context:
    """Which process is running now, and what its step has left so far."""

    __slots__ = (
        "asking",
        "careful",
        "code",
        "lasti",
        "machine",
        "origin",
        "outbox",
        "process",
        "question",
        "unawaited",
    )

    def __init__(self) -> None:
        self.machine: Machine | None = None
        self.process: Process | None = None
        self.outbox: list[Any] = []
        self.unawaited: Awaited[Any] | None = None
        # Where `unawaited` was made. The fast loop does not note it (`careful` is off): there a
        # forgotten await is reported without its line, and the run is made again to find it.
        self.careful = True
        self.code: Any = None
        self.lasti = 0
        # Whether code of the user's is asked something outside of a process, such as a property,
        # and how often that was so: by this the watchdog sees that there are answers.
        self.asking = False
        self.question = 0
        # What the last process made was to run: of many children of one kind it is kept once.
        self.origin: tuple[Any, Any] = (None, ())


# One for the interpreter: a machine sets it before each step. Simulations never run in threads.
context = Context()


def running(call: str = "this call") -> Process:
    """Give the running process; outside of one, say so."""
    process = context.process
    if process is None:
        raise UsageError(
            f"{call} was used outside of a process",
            hint="Use it inside a function that was given to spawn, simulate or a spec's main.",
        )
    if context.unawaited is not None:
        forgotten()
    return process


def line_of(code: Any, lasti: int) -> int:
    """Give the line of the instruction at `lasti` of a code object."""
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return int(line)
    return int(code.co_firstlineno)


def forgotten() -> NoReturn:
    """Report the operation that was made and not awaited, or the mistake that went before."""
    if context.machine is not None and context.machine.mistake is not None:
        raise context.machine.mistake
    made, code, lasti = context.unawaited, context.code, context.lasti
    context.unawaited = None
    assert made is not None
    if not context.careful:
        complain(ForgottenAwait(f"{made.call}(...)", path="this run"))
    complain(ForgottenAwait(f"{made.call}(...)", path=code.co_filename, line=line_of(code, lasti)))


def complain(error: UsageError) -> NoReturn:
    """Raise a user's mistake so that no `except` of a body can hide it."""
    if context.machine is not None:
        context.machine.mistake = context.machine.mistake or error
        context.unawaited = MISTAKE  # the next look at it reports the mistake
    raise error


class Awaited(Generic[T]):
    """An operation that has to be awaited; anything else done to it is a mistake."""

    __slots__ = ()
    call = "operation"
    # What only a receive has.
    idle = False
    patterns: Any = None
    plain = False
    takes_at_once = False
    why: Any = None

    def __await__(self) -> Generator[Any, Any, T]:
        context.unawaited = None
        result: T = yield self
        return result

    def _misused(self, used_as: str) -> NoReturn:
        frame = _getframe(2)
        context.unawaited = None
        complain(
            MisusedAwaitable(
                f"{self.call}(...)",
                used_as=used_as,
                path=frame.f_code.co_filename,
                line=frame.f_lineno,
            )
        )

    def __bool__(self) -> bool:
        return self._misused("a truth value")

    def __iter__(self) -> NoReturn:
        self._misused("something to iterate over")

    def __eq__(self, other: object) -> bool:
        self._misused("a value to compare")

    def __getitem__(self, key: Any) -> NoReturn:
        self._misused("something with items")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._misused(f"something with a field {name!r}")

    def _number(self, *_: Any) -> NoReturn:
        self._misused("a number")

    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __sub__ = __radd__ = __rsub__ = _number
    __int__ = __float__ = __index__ = __len__ = _number
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{self.call}()"


class Receive(Awaited[Any]):
    """Wait for a message that one of `patterns` takes; none means any message."""

    __slots__ = ("after", "idle", "patterns", "plain", "why")
    call = "receive"
    takes_at_once = True  # the next step begins with the message

    def __init__(
        self,
        patterns: tuple[Any, ...] = (),
        after: int | None = None,
        idle: bool = False,
        why: Any = None,
    ):
        self.patterns = patterns
        self.after = after
        self.idle = idle
        self.why = why
        self.plain = not patterns and after is None  # takes any message, and waits for ever


RECEIVE_ANY = Receive()  # what a body asks for most, so that a look at which it is tells all


class Hibernated(Receive):
    """What a hibernating process waits for: any message, which stays in the mailbox."""

    __slots__ = ("origin",)
    takes_at_once = False

    def __init__(self, origin: Any):
        super().__init__((), None, True)
        self.plain = False
        self.origin = origin


class Rest(Receive):
    """What a behaviour waits for between callbacks: any message. Its body is then only values."""

    __slots__ = ()

    def __init__(self, after: int | None = None, selective: tuple[Any, ...] = ()):
        super().__init__(selective, after, True)


AT_REST = Rest()
ASLEEP = Rest()  # the same, of a behaviour that hibernates


class Operation(Awaited[T]):
    """An awaited effect: the last of its step, with a result that resumes the body."""

    __slots__ = ("effect", "name")
    patterns = None  # while it is open, no message is taken

    def __init__(self, name: str, effect: tuple[Any, ...]):
        self.name = name
        self.effect = effect

    @property
    def call(self) -> str:  # type: ignore[override]
        return self.name


class Routine(Awaited[T]):
    """Several operations in a row behind one call, such as a GenServer's."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.function = function
        self.args = args
        self.kwargs = kwargs

    @property
    def call(self) -> str:  # type: ignore[override]
        return self.function.__qualname__

    def __await__(self) -> Generator[Any, Any, T]:
        context.unawaited = None
        result: T = yield from self.function(*self.args, **self.kwargs).__await__()
        return result


class Given(Awaited[T]):
    """An operation that has its result already; it may be dropped."""

    __slots__ = ("value",)
    call = "send"
    value: T

    def __await__(self) -> Generator[Any, Any, T]:
        if context.process is None:
            yield  # never: it makes this function a generator
        return self.value


MISTAKE: Given[None] = Given()


def expect(operation: Awaited[T], depth: int = 2) -> Awaited[T]:
    """Remember that `operation` has to be awaited, and where it was made."""
    ctx = context
    ctx.unawaited = operation
    if ctx.careful:
        frame = _getframe(depth)
        ctx.code = frame.f_code
        ctx.lasti = frame.f_lasti
    return operation


def routine(function: Callable[P, Any]) -> Callable[P, Awaited[Any]]:
    """Make of an `async def` a call that gives an operation which cannot be forgotten."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Awaited[Any]:
        running(function.__qualname__)
        return expect(Routine(function, args, kwargs))

    return call
