"""What callbacks of a state machine return: OTP's result tuples under Python names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from simkernel.otp.results import Absent, Stop


class NextState(NamedTuple):
    """Go on in a state, which may be the old one, with data and actions."""

    state: Any
    data: Any
    actions: Any = ()


class KeepState(NamedTuple):
    """Stay in the state, with new data."""

    data: Any
    actions: Any = ()


class KeepStateAndData(NamedTuple):
    """Stay in the state and keep the data; the class itself says the same."""

    actions: Any = ()


class RepeatState(NamedTuple):
    """As KeepState, and enter the state again."""

    data: Any
    actions: Any = ()


class RepeatStateAndData(NamedTuple):
    """As KeepStateAndData, and enter the state again; the class itself says the same."""

    actions: Any = ()


class StopAndReply(NamedTuple):
    """Send replies, then terminate; `data` is what `terminate` gets, if it is given."""

    reason: Any
    replies: Any
    data: Any = Absent


# --- One form of each ----------------------------------------------------------------------------


class Move(NamedTuple):
    """Go on: whether the state is entered again, and what was given; Absent is as before."""

    state: Any
    data: Any
    actions: Any
    repeats: bool = False


class Halt(NamedTuple):
    """Terminate, after some replies."""

    reason: Any
    replies: Any
    data: Any


def read_result(result: Any) -> Move | Halt | None:
    """Give a result in its one form; None if it is none.

    >>> read_result(("next_state", "busy", 1)) == read_result(NextState("busy", 1))
    True
    >>> read_result("stop"), read_result("keep_state")
    (Halt(reason='normal', replies=(), data=<class 'simkernel.otp.results.Absent'>), None)
    """
    kind = type(result)
    if kind is tuple:
        return _of_tuple(result)
    if kind is str:
        return _WORDS.get(result)
    if kind is type:
        return _CLASSES.get(result)
    read = _READERS.get(kind)
    return None if read is None else read(result)


_KEEP = Move(Absent, Absent, ())
_REPEAT = Move(Absent, Absent, (), True)
_WORDS: dict[str, Move | Halt] = {
    "keep_state_and_data": _KEEP,
    "repeat_state_and_data": _REPEAT,
    "stop": Halt("normal", (), Absent),
}
_CLASSES: dict[Any, Move] = {KeepStateAndData: _KEEP, RepeatStateAndData: _REPEAT}


def _stop(stop: Stop) -> Halt | None:
    return Halt(stop.reason, (), stop.state) if stop.answer is Absent else None


_READERS: dict[Any, Callable[[Any], Move | Halt | None]] = {
    NextState: lambda r: Move(r[0], r[1], r[2]),
    KeepState: lambda r: Move(Absent, r[0], r[1]),
    KeepStateAndData: lambda r: Move(Absent, Absent, r[0]),
    RepeatState: lambda r: Move(Absent, r[0], r[1], True),
    RepeatStateAndData: lambda r: Move(Absent, Absent, r[0], True),
    Stop: _stop,
    StopAndReply: lambda r: Halt(r[0], r[1], r[2]),
}


def _of_tuple(result: Any) -> Move | Halt | None:
    head = result[0] if result else None
    if type(head) is not str:
        return None
    match (head, len(result)):
        case ("next_state", 3 | 4):
            return Move(result[1], result[2], result[3] if len(result) == 4 else ())
        case ("keep_state" | "repeat_state", 2 | 3):
            actions = result[2] if len(result) == 3 else ()
            return Move(Absent, result[1], actions, head == "repeat_state")
        case ("keep_state_and_data" | "repeat_state_and_data", 2):
            return Move(Absent, Absent, result[1], head == "repeat_state_and_data")
        case ("stop", 2 | 3):
            return Halt(result[1], (), result[2] if len(result) == 3 else Absent)
        case ("stop_and_reply", 3 | 4):
            return Halt(result[1], result[2], result[3] if len(result) == 4 else Absent)
    return None
