"""Every exception of simkernel, in families by who must act.

`UsageError`: whoever wrote the call or the spec. `Divergence`: whoever owns what lies outside the
run. `InternalError`: us. An exit reason is none of these: it is a value, and travels in `Exit`,
`Throw` and `ErlangError`, which a body raises on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

_Error = TypeVar("_Error", bound="SimkernelError")


class SimkernelError(Exception):
    """Say what happened, where, and what to do next.

    >>> print(SimkernelError("the net is full", where="sea.py:3", hint="Use a larger net."))
    the net is full
      where: sea.py:3
      next: Use a larger net.
    """

    what: str
    where: str
    hint: str

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses take fields of their own by keyword; `cls(*args)` would not find them again.
        return _restored, (type(self), self.args, dict(self.__dict__))


def _restored(cls: type[_Error], args: tuple[object, ...], fields: dict[str, object]) -> _Error:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


# -- The user's mistakes ---------------------------------------------------------------------------


class UsageError(SimkernelError):
    """Report a mistake in a call, a spec or an option."""


class SpecError(UsageError):
    """Report a spec file that is missing, cannot be read, or holds no spec."""

    def __init__(self, what: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        super().__init__(
            what,
            where=place(path, line),
            hint=hint or "A spec is a Python file with `async def main(...)`.",
        )
        self.path = path
        self.line = line


class UnknownParameter(UsageError):
    """Report a parameter that the spec's `main` does not have."""

    def __init__(self, name: str, *, known: Iterable[str], where: str = "") -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(
            f"there is no parameter {name!r}",
            where=where or "the parameters of main",
            hint=_choose_from(name, self.known, none="This main takes no parameters."),
        )


class UnknownStrategy(UsageError):
    """Report a search strategy that does not exist."""

    def __init__(self, name: str, *, known: Iterable[str], where: str = "") -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(
            f"there is no strategy {name!r}",
            where=where or "strategy=",
            hint=_choose_from(name, self.known, none="Install the extra that brings strategies."),
        )


class MissingExtra(UsageError):
    """Report an optional dependency that is not installed."""

    def __init__(self, extra: str, *, needed_for: str) -> None:
        self.extra = extra
        self.needed_for = needed_for
        super().__init__(
            f"{needed_for} needs the extra {extra!r}",
            where=needed_for,
            hint=f"pip install 'simkernel[{extra}]'",
        )


class TermError(UsageError):
    """Report a value that is no term, with the path to it (`message[2]['k'].field`)."""

    def __init__(self, path: str, what: str, *, hint: str = "") -> None:
        self.path = path
        super().__init__(
            f"{path} {what}",
            where=path,
            hint=hint
            or "Send plain data: None, bool, int, float, str, bytes, tuple, list, dict, "
            "set, dataclass, enum member, Map, Pid or Ref.",
        )


class ForgottenAwait(UsageError):
    """Report an awaited operation that nobody awaited."""

    def __init__(self, operation: str, *, path: str, line: int | None = None) -> None:
        self.operation = operation
        self.path = path
        self.line = line
        super().__init__(
            f"{operation} was called and not awaited, so it never happened",
            where=place(path, line),
            hint=f"Write `await {operation}`.",
        )


class MisusedAwaitable(UsageError):
    """Report an awaited operation that was tested, compared or iterated instead of awaited."""

    def __init__(self, operation: str, *, used_as: str, path: str, line: int | None = None) -> None:
        self.operation = operation
        self.used_as = used_as
        self.path = path
        self.line = line
        super().__init__(
            f"{operation} was used as {used_as} before it was awaited",
            where=place(path, line),
            hint=f"Use the result: `(await {operation})`.",
        )


class MisusedTime(UsageError):
    """Report an Instant or a Duration that was compared, tested or turned into a number."""

    def __init__(self, what: str) -> None:
        super().__init__(
            what,
            where="an Instant or Duration",
            hint="To ask which comes first: `await earlier(a, b)`. For a number, which a check "
            "then holds only within its budget: `to_ms(x)`.",
        )


class ForgottenReturn(UsageError):
    """Report a callback with a clause that can end without `return` or `raise`."""

    def __init__(
        self, callback: str, *, path: str, line: int | None = None, what: str = ""
    ) -> None:
        self.callback = callback
        self.path = path
        self.line = line
        super().__init__(
            what or f"a clause of {callback} can end without `return` or `raise`",
            where=place(path, line),
            hint="End the clause with the callback's result, such as `return NoReply(state)`.",
        )


class StateChangedInPlace(UsageError):
    """Report a state or a module global that was changed without being returned."""

    def __init__(self, callback: str, *, key: str, where: str = "") -> None:
        self.callback = callback
        self.key = key
        super().__init__(
            f"{callback} changed {key} in place",
            where=where or callback,
            hint="Return the new state instead: build a new value, as `{**state, 'k': v}` does.",
        )


class ForbiddenCall(UsageError):
    """Report real time, real randomness, a thread or an event loop inside a run."""

    def __init__(self, call: str, *, path: str, line: int | None = None, instead: str = "") -> None:
        self.call = call
        self.path = path
        self.line = line
        super().__init__(
            f"{call} was called inside a run, which would not repeat",
            where=place(path, line),
            hint=f"Use `{instead}`." if instead else "Use now(), choose(), work() or spawn().",
        )


class StepTooLong(UsageError):
    """Report a step that never came to its next wait, or a question that was never answered."""

    def __init__(self, where: str = "", what: str = "a step ran on without ever waiting") -> None:
        super().__init__(
            what,
            where=where or "a process body",
            hint="A loop in a body needs an `await` that can wait; long work is `await work(ms)`.",
        )


class Overrun(BaseException):
    """Cut what does not come to its end: raised into it, so that no `except Exception` of a loop
    takes it for an error of its own. Who is cut reports StepTooLong."""


class TraceUnreadable(UsageError):
    """Report a trace file that is torn, foreign or of another version."""

    def __init__(self, what: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        self.path = path
        self.line = line
        super().__init__(
            what,
            where=place(path, line),
            hint=hint or "Record it again: `simkernel run SPEC --trace FILE`.",
        )


# -- The run was not the same run again ------------------------------------------------------------


class Divergence(SimkernelError):
    """Report that the same picks did not give the same run."""


class ReplayDiverged(Divergence):
    """Report the first step at which a replay leaves its recording.

    >>> print(ReplayDiverged(step=41, expected="deliver to <root.1>", found="timer of <root.1>"))
    step 41: the recording has deliver to <root.1>, this run has timer of <root.1>
      where: step 41
      next: The system changed since the trace was made, or reads something outside the run.
    """

    def __init__(self, step: int, expected: str, found: str, hint: str = "") -> None:
        self.step = step
        self.expected = expected
        self.found = found
        super().__init__(
            f"step {step}: the recording has {expected}, this run has {found}",
            where=f"step {step}",
            hint=hint
            or "The system changed since the trace was made, or reads something outside the run.",
        )


class Nondeterminism(Divergence):
    """Report that one schedule gave two different runs."""

    def __init__(self, what: str, *, where: str, hint: str = "") -> None:
        super().__init__(
            what,
            where=where,
            hint=hint
            or "Something outside the run decides: look for the clock, `random`, `id()`, "
            "the order of a set, or a module global.",
        )


# -- Ours ------------------------------------------------------------------------------------------


class InternalError(SimkernelError):
    """Report a broken invariant of simkernel itself."""

    def __init__(self, what: str, *, where: str = "simkernel", hint: str = "") -> None:
        super().__init__(
            f"a bug in simkernel: {what}",
            where=where,
            hint=hint or "Please report it, with this text and the spec.",
        )


# -- What a body raises ----------------------------------------------------------------------------


class Exit(BaseException):
    """End the process with `reason`, as `exit(reason)` does in Erlang.

    A BaseException, so that `except Exception` is Elixir's `rescue`, which lets exits pass.
    """

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason


class Throw(BaseException):
    """Throw `value`, as `throw(value)` does in Erlang."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class ErlangError(Exception):
    """Raise an error of the VM whose reason is a bare term, such as `("badkey", k)`."""

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason


class ArgumentError(ErlangError):
    """Raise `badarg`, with a text for the reader that is not part of the reason.

    >>> ArgumentError("no such table").reason
    'badarg'
    """

    def __init__(self, message: str = "") -> None:
        super().__init__("badarg")
        self.message = message
        self.args = (message,)  # what pickle calls the class with

    def __str__(self) -> str:
        return self.message or "badarg"


def place(path: str, line: int | None = None) -> str:
    """Write a place in a file as editors understand it.

    >>> place("bank.py", 12)
    'bank.py:12'
    """
    return path if line is None else f"{path}:{line}"


def _choose_from(name: str, known: tuple[str, ...], *, none: str) -> str:
    if not known:
        return none
    from difflib import get_close_matches  # only here: keeps `import simkernel` quick

    near = get_close_matches(name, known, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return f"{meant}Known: {', '.join(known)}."
