"""Terms: the values that simulated processes hold, send and die of.

None, bool, int, float, str, bytes, tuple, enum members, frozen dataclasses, `Pid`, `Ref`, `Map`
are terms as they are; list, dict, set and other dataclasses are frozen at each hand-over. This
module is the door to all of it; what stands behind: `values` and `maps` (what Python lacks),
`ordering` (strict equality, term order), `freezing` (isolation), `text`, `fingerprint`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from simkernel.errors import ArgumentError, ErlangError, Exit, Overrun, SimkernelError, Throw
from simkernel.fingerprint import Renaming, canonical
from simkernel.freezing import Frozen, freeze, thaw
from simkernel.maps import Map
from simkernel.ordering import Strict, equal, exact_key, order, sort_key, strict_hash, strict_key
from simkernel.text import show
from simkernel.values import Duration, Instant, Pid, Raised, Ref, Stack

__all__ = [
    "ArgumentError",
    "Duration",
    "ErlangError",
    "Exit",
    "Frozen",
    "Instant",
    "Map",
    "Pid",
    "Raised",
    "Ref",
    "Renaming",
    "Stack",
    "Strict",
    "Term",
    "Throw",
    "canonical",
    "equal",
    "exact_key",
    "freeze",
    "order",
    "passing",
    "reason_of",
    "show",
    "sort_key",
    "stable_hash",
    "stack_of",
    "strict_hash",
    "strict_key",
    "thaw",
]

Term: TypeAlias = Any
"""A value that `freeze` accepts. Python's types cannot say so; the checks at hand-over do."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# Python 3.12 stopped giving these a frame: a stack must not depend on the version.
_INLINED = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})


def stable_hash(term: Term) -> int:
    """Hash a term to 32 bits, the same in every process and version (as `phash2` is used).

    >>> stable_hash(("user", 7)) == stable_hash(("user", 7))
    True
    """
    return zlib.crc32(show(term).encode("utf-8", "surrogatepass"))


def is_ours(module: str) -> bool:
    """Tell whether a module is simkernel's own, whose frames no exit reason shows."""
    return module == "simkernel" or module.startswith("simkernel.")


def stack_of(exception: BaseException, leave_out: Callable[[str], bool] = is_ours) -> Stack:
    """List the frames that an exception passed, innermost first, without `leave_out` modules."""
    frames = []
    step = exception.__traceback__
    while step is not None:
        module = step.tb_frame.f_globals.get("__name__", "")
        code = step.tb_frame.f_code
        if code.co_name not in _INLINED and not leave_out(module):
            frames.append((module, code.co_qualname, step.tb_lineno))
        step = step.tb_next
    if isinstance(exception, ArgumentError) and exception.message:
        frames.append(("", exception.message, 0))
    return Stack(reversed(frames))


_NOBODYS: list[type[BaseException]] = [
    KeyboardInterrupt, MemoryError, GeneratorExit, SimkernelError, Overrun,
]  # fmt: skip


@contextmanager
def passing(*kinds: type[BaseException]) -> Iterator[None]:
    """Let such exceptions of a body pass, out of the run: they are for whoever makes it.

    >>> with passing(LookupError):
    ...     reason_of(KeyError("no"))
    Traceback (most recent call last):
    KeyError: 'no'
    """
    _NOBODYS.extend(kinds)
    try:
        yield
    finally:
        del _NOBODYS[len(_NOBODYS) - len(kinds) :]


def reason_of(exception: BaseException, leave_out: Callable[[str], bool] = is_ours) -> Term:
    """Give the exit reason of a process that this exception ends (semantics §1.4).

    KeyboardInterrupt, MemoryError, simkernel's own errors and what `passing` names are nobody's
    exit reason: they are raised again.

    >>> reason_of(Exit("boom"))
    'boom'
    >>> reason_of(ErlangError("noproc")), reason_of(Throw(1))
    (('noproc', stack[]), (('nocatch', 1), stack[]))
    >>> reason_of(ValueError("no"))
    (Raised(name='ValueError', message='no'), stack[])
    """
    if isinstance(exception, tuple(_NOBODYS)):
        raise exception
    match exception:
        case Exit(reason=reason):
            return reason
        case Throw(value=value):
            return ("nocatch", value), stack_of(exception, leave_out)
        case ErlangError(reason=reason):
            return reason, stack_of(exception, leave_out)
    return raised_reason(exception, leave_out)


def raised_reason(exception: BaseException, leave_out: Callable[[str], bool] = is_ours) -> Term:
    """Give the exit reason that is an exception of Python, whichever it is."""
    raised = Raised(type(exception).__name__, _text_of(exception))
    return raised, stack_of(exception, leave_out)


def _text_of(exception: BaseException) -> str:
    try:
        text = str(exception)
    except Exception:  # a broken __str__ must not hide the error
        return "<no text>"
    # Addresses differ from run to run.
    return _ADDRESS.sub(" at 0x...", text)
