"""Find out whether a callback changed its state in place, and where (only in checks)."""

from __future__ import annotations

from typing import Any, NoReturn

from simkernel.errors import StateChangedInPlace
from simkernel.kernel.awaited import complain
from simkernel.terms import Stack, equal, freeze, show, thaw


def is_unchanged(state: Any, frozen: Any) -> bool:
    """Tell whether `state` is still what was frozen of it before the callback."""
    return frozen is state or equal(frozen, freeze(state, "state"))


def report(callback: Any, before: Any, state: Any, name: str = "state") -> NoReturn:
    """Report a change in place, with the path to what changed."""
    code = getattr(callback, "__code__", None)
    where = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""
    key = changed(thaw(before), state, name)
    complain(StateChangedInPlace(callback.__qualname__, key=key, where=where))


def changed(before: Any, after: Any, path: str) -> str:
    """Give the path to the first difference of two states.

    >>> changed({"a": [1], "b": 2}, {"a": [1, 3], "b": 2}, "state")
    "state['a']"
    """
    kind = type(before)
    if kind is not type(after):
        return path
    if kind is dict:
        for key in {**before, **after}:
            if key not in before or key not in after:
                return f"{path}[{show(key)}]"
            if not equal(before[key], after[key]):
                return changed(before[key], after[key], f"{path}[{show(key)}]")
    elif kind in (list, tuple) and len(before) == len(after):
        for at, (old, new) in enumerate(zip(before, after, strict=True)):
            if not equal(old, new):
                return changed(old, new, f"{path}[{at}]")
    elif hasattr(kind, "__dataclass_fields__"):
        for name in kind.__dataclass_fields__:
            old, new = getattr(before, name), getattr(after, name)
            if not equal(old, new):
                return changed(old, new, f"{path}.{name}")
    return path


def place_of(callback: Any, text: str = "") -> Stack:
    """Give a stack of one frame: the callback itself; with a text that says what was wrong."""
    code = getattr(callback, "__code__", None)
    line = code.co_firstlineno if code is not None else 0
    said = (("", text, 0),) if text else ()
    return Stack((*said, (callback.__module__, callback.__qualname__, line)))
