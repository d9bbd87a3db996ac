"""The actions of a state machine's callbacks: Python names, OTP's tuples, and the guide's.

Three spellings of timeouts meet here, and one of them means two things. `("timeout", ms, content)`
is the *generic* timeout, as in the guide's table: it survives everything but being set again or
cancelled. OTP's own `{timeout, Time, Content}` is the *event* timeout; here that is
`("event_timeout", ms, content)`, `EventTimeout(ms, content)` or, as in OTP, the bare number of ms.
The guide's generic timeout has no name; it gets the name `"timeout"`, so that its event is
`(("timeout", "timeout"), content)`. OTP's named ones are `(("timeout", name), ms, content)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from simkernel.otp.results import Hibernate, Reply
from simkernel.terms import Instant, Pid

UNNAMED = "timeout"
"""The name of the generic timeout that was given none."""


class Postpone(NamedTuple):
    """Keep the event for after the next state change; `Postpone(False)` takes that back."""

    flag: Any = True


class NextEvent(NamedTuple):
    """Insert an event that is handled before all others."""

    type: Any
    content: Any


class StateTimeout(NamedTuple):
    """Set the timeout that a state change cancels.

    Instead of ms: `"update"` replaces the content only, `"cancel"` or `"infinity"` cancels. With
    `abs=True` ms is a time on the monotonic clock, with `abs=instant` it counts from there.
    """

    ms: Any
    content: Any = None
    abs: Any = False


class EventTimeout(NamedTuple):
    """Set the timeout that any event cancels; its event type is `"timeout"`. See StateTimeout."""

    ms: Any
    content: Any = None
    abs: Any = False


class GenericTimeout(NamedTuple):
    """Set the timeout that only an action cancels; it is known by its name. See StateTimeout."""

    ms: Any
    content: Any = None
    name: Any = UNNAMED
    abs: Any = False


class ChangeCallbackModule(NamedTuple):
    """Let another class go on with the same state and data, at once."""

    module: Any


class PushCallbackModule(NamedTuple):
    """As ChangeCallbackModule; PopCallbackModule goes back."""

    module: Any


class PopCallbackModule(NamedTuple):
    """Go back to the class before the last PushCallbackModule."""


# --- One form of each ----------------------------------------------------------------------------


class Hibernation(NamedTuple):
    """What Hibernate, "hibernate" and ("hibernate", flag) say."""

    flag: bool


class Timeout(NamedTuple):
    """What every spelling of a timeout says: its event type, and ms, "update" or None to cancel."""

    type: Any
    ms: Any
    content: Any
    abs: Any


class Bad(NamedTuple):
    """An action that is none, as the crash shows it."""

    action: Any


def read_action(action: Any) -> Any:
    """Give an action in its one form, or Bad.

    >>> read_action(("state_timeout", 30, "late"))
    Timeout(type='state_timeout', ms=30, content='late', abs=False)
    >>> read_action(("timeout", 30, "poll")).type, read_action(30).type
    (('timeout', 'timeout'), 'timeout')
    >>> read_action(("timeout", -30, "poll"))
    Bad(action=('timeout', -30, 'poll'))
    """
    kind = type(action)
    if kind is tuple:
        read = _TUPLES.get(len(action), _no_action)
    else:
        read = _READERS.get(kind, _no_action)
    # Not `or`: an action without fields is an empty tuple.
    found = read(action)
    return Bad(action) if found is None else found


def is_caller(caller: Any) -> bool:
    """Tell whether an answer can go there."""
    return type(caller) is tuple and len(caller) == 2 and type(caller[0]) is Pid


def is_event_type(type_: Any) -> bool:
    """Tell whether an event may have this type.

    >>> is_event_type("internal"), is_event_type(("timeout", 7)), is_event_type("enter")
    (True, True, False)
    """
    if type(type_) is str:
        return type_ in ("cast", "info", "internal", "timeout", "state_timeout")
    if type(type_) is tuple and len(type_) == 2 and type(type_[0]) is str:
        return type_[0] == "timeout" or (type_[0] == "call" and is_caller(type_[1]))
    return False


def _no_action(_: Any) -> Any:
    return None


def _word(action: str) -> Any:
    if action == "infinity":
        return Timeout("timeout", None, None, False)
    return _WORDS.get(action)


_WORDS: dict[Any, Any] = {
    "postpone": Postpone(),
    "hibernate": Hibernation(True),
    "pop_callback_module": PopCallbackModule(),
}
_CLASSES: dict[Any, Any] = {
    Postpone: Postpone(),
    Hibernate: Hibernation(True),
    PopCallbackModule: PopCallbackModule(),
}


def _number(action: int) -> Any:
    return _timeout("timeout", action, action, False)


def _reply(action: Any) -> Any:
    return action if is_caller(action[0]) and action.then is None else None


def _postpone(action: Postpone) -> Any:
    return action if type(action.flag) is bool else None


def _next_event(action: NextEvent) -> Any:
    return action if is_event_type(action.type) else None


def _module(action: Any) -> Any:
    return action if hasattr(action.module, "module_of_class") else None


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _word,
    int: _number,
    type: _CLASSES.get,
    Reply: _reply,
    Postpone: _postpone,
    NextEvent: _next_event,
    Hibernate: lambda action: Hibernation(True),
    StateTimeout: lambda action: _timeout("state_timeout", *action),
    EventTimeout: lambda action: _timeout("timeout", *action),
    GenericTimeout: lambda a: _timeout(("timeout", a.name), a.ms, a.content, a.abs),
    ChangeCallbackModule: _module,
    PushCallbackModule: _module,
    PopCallbackModule: lambda action: action,
}


# --- Tuples --------------------------------------------------------------------------------------


def _pair(action: Any) -> Any:
    head, value = action
    if type(head) is str:
        if head == "postpone":
            return _postpone(Postpone(value))
        if head == "hibernate":
            return Hibernation(value) if type(value) is bool else None
        if head == "change_callback_module":
            return _module(ChangeCallbackModule(value))
        if head == "push_callback_module":
            return _module(PushCallbackModule(value))
    type_ = _timeout_type(head)
    if type_ is None or type(value) is not str or value != "cancel":
        return None
    return _timeout(type_, "cancel", None, False)


def _triple(action: Any) -> Any:
    head, second, third = action
    if type(head) is str:
        if head == "reply":
            return _reply(Reply(second, third))
        if head == "next_event":
            return _next_event(NextEvent(second, third))
    type_ = _timeout_type(head)
    if type_ is None or (type(second) is str and second == "cancel"):
        return None
    return _timeout(type_, second, third, False)


def _quadruple(action: Any) -> Any:
    type_ = _timeout_type(action[0])
    match action:
        case (_, ms, content, ("abs", bool(abs)) | [("abs", bool(abs))]):
            pass
        case (_, ms, content, []):
            abs = False
        case _:
            return None
    if type_ is None or (type(ms) is str and ms != "infinity"):
        return None
    return _timeout(type_, ms, content, abs)


_TUPLES: dict[int, Callable[[Any], Any]] = {2: _pair, 3: _triple, 4: _quadruple}


def _timeout_type(head: Any) -> Any:
    """Give the event type of the timeout that a tuple begins with."""
    if type(head) is str:
        return _TYPES.get(head)
    if type(head) is tuple and len(head) == 2 and type(head[0]) is str and head[0] == "timeout":
        return head
    return None


_TYPES = {
    "state_timeout": "state_timeout",
    "event_timeout": "timeout",
    "timeout": ("timeout", UNNAMED),
}


def _timeout(type_: Any, ms: Any, content: Any, abs: Any) -> Timeout | None:
    if type(ms) is int:
        right = ms >= 0 if abs is False else abs is True or type(abs) is Instant
        return Timeout(type_, ms, content, abs) if right else None
    if type(ms) is str:
        if ms in ("infinity", "cancel"):
            return Timeout(type_, None, None, False)
        if ms == "update":
            return Timeout(type_, "update", content, False)
    return None
