"""What callbacks return: OTP's result tuples under Python names."""

from __future__ import annotations

from typing import Any, NamedTuple

from simkernel.terms import ArgumentError


class Absent:
    """Stand for an argument that was not given (the class itself does)."""


class Hibernate(NamedTuple):
    """Ask for hibernation until the next message; OTP's atom `"hibernate"` says the same."""


class Continue(NamedTuple):
    """Ask for `handle_continue(argument, state)` before the next message is looked at."""

    argument: Any


class Ok(NamedTuple):
    """Let `init` succeed with a state, and then a timeout in ms, Hibernate or Continue."""

    state: Any
    then: Any = None


class Ignore(NamedTuple):
    """Let `init` end the process quietly: it is not needed."""


class Reply(NamedTuple):
    """Answer the call and go on with a state, and then a timeout in ms, Hibernate or Continue."""

    answer: Any
    state: Any
    then: Any = None


class NoReply(NamedTuple):
    """Go on with a state, and then a timeout in ms, Hibernate or Continue."""

    state: Any
    then: Any = None


class _Stop(NamedTuple):
    reason: Any
    answer: Any
    state: Any


class Stop(_Stop):
    """Stop: `Stop(reason)` from `init`, `Stop(reason, state)`, `Stop(reason, answer, state)`.

    The answer may be given by name, too: `Stop(reason, state, reply=answer)`.

    >>> Stop("normal", 7), Stop("normal", "bye", 7) == Stop("normal", 7, reply="bye")
    (Stop(reason='normal', answer=Absent, state=7), True)
    """

    __slots__ = ()

    def __new__(cls, reason: Any, *rest: Any, reply: Any = Absent, state: Any = Absent) -> Stop:
        """Sort the arguments, of which those in the middle may be missing."""
        if len(rest) == 2 and reply is Absent and state is Absent:
            reply, state = rest
        elif len(rest) == 1 and state is Absent:
            state = rest[0]
        elif rest:
            raise ArgumentError("Stop() takes a reason, then a state, or an answer and a state")
        return _Stop.__new__(cls, reason, reply, state)

    def __repr__(self) -> str:
        parts = [
            f"{name}={value.__name__ if value is Absent else repr(value)}"
            for name, value in zip(self._fields, self, strict=True)
        ]
        return f"Stop({', '.join(parts)})"


def is_then(then: Any) -> bool:
    """Tell whether `then` may follow a state: a timeout in ms, hibernation, a continue.

    >>> is_then(0), is_then(-1), is_then(True), is_then(("continue", "load"))
    (True, False, False, True)
    """
    kind = type(then)
    if kind is int:
        return bool(then >= 0)
    if kind is str:
        return then in ("hibernate", "infinity")
    if kind is tuple:
        return len(then) == 2 and bool(then[0] == "continue")
    return then is None or kind is Continue or kind is Hibernate or then is Hibernate
