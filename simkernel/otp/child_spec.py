"""Child specs: what a supervisor needs to know of a child (rules 16.1, 16.3 and 16.10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from simkernel.errors import UsageError
from simkernel.otp.results import Absent
from simkernel.terms import ArgumentError, strict_key

RESTARTS = ("permanent", "transient", "temporary")
TYPES = ("worker", "supervisor")


@dataclass(frozen=True)
class ChildSpec:
    """A child: its id, how it is started, when it is started again, how it is stopped.

    `start` is (class, name of its function, arguments) or (function, arguments). `restart` is
    "permanent", "transient" or "temporary"; `shutdown` is ms, "infinity" or "brutal_kill".
    """

    id: Any = Absent
    start: Any = Absent
    restart: Any = "permanent"
    shutdown: Any = Absent
    type: Any = "worker"
    modules: Any = Absent
    significant: Any = False


_KEYS = tuple(field.name for field in fields(ChildSpec))
_EXPECTED = (
    "supervisors expect each child to be a class, a pair of class and argument, a ChildSpec, "
    "or a dict with at least 'id' and 'start'; got: "
)


def spec_of(child: Any) -> Any:
    """Give the ChildSpec of one of the forms in which a child is written (rule 16.3).

    What is no such form raises ArgumentError in the caller, as in Elixir; whether its values are
    right is for the supervisor to find (`checked`).
    """
    if type(child) is ChildSpec:
        return child
    if isinstance(child, type):
        return _made_by(child, [])
    match child:
        case dict():
            return ChildSpec(**{key: child[key] for key in child if key in _KEYS})
        case (type() as cls, argument):
            return _made_by(cls, argument)
        case (id, start, restart, shutdown, kind, modules):
            return ChildSpec(id, start, restart, shutdown, kind, modules)
    raise ArgumentError(f"{_EXPECTED}{child!r}")


def _made_by(cls: Any, argument: Any) -> Any:
    if not hasattr(cls, "child_spec"):
        raise ArgumentError(
            f"the class {cls.__qualname__} was given as a child to a supervisor but it does not "
            "have a child_spec(argument)"
        )
    return spec_of(cls.child_spec(argument))


def overridden(child: Any, **overrides: Any) -> Any:
    """Give the spec of a child with some keys replaced; an unknown key raises ArgumentError.

    >>> overridden({"id": "a", "start": (len, ())}, restart="temporary").restart
    'temporary'
    """
    for key in overrides:
        if key not in _KEYS:
            raise ArgumentError(f"unknown key {key!r} in child specification override")
    return replace(spec_of(child), **overrides)


def options_of_class(cls: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Give the options of the child spec that a class declares, those of its base included."""
    for key in options:
        if key not in _KEYS:
            raise UsageError(
                f"class {cls.__qualname__} was given the option {key!r}",
                hint=f"Its options are those of a child spec: {', '.join(_KEYS)}.",
            )
    return {**cls.child_options, **options}


class Invalid(Exception):
    """A spec or a flag is wrong; `why` is OTP's word for it."""

    def __init__(self, why: Any):
        super().__init__(why)
        self.why = why


def all_checked(specs: Iterable[Any], auto_shutdown: str) -> tuple[ChildSpec, ...]:
    """Check the specs of a supervisor; the first fault raises Invalid, as does a repeated id."""
    found: dict[Any, ChildSpec] = {}
    for spec in specs:
        right = checked(spec, auto_shutdown)
        key = strict_key(right.id)
        if key in found:
            raise Invalid(("duplicate_child_name", right.id))
        found[key] = right
    return tuple(found.values())


def checked(spec: Any, auto_shutdown: str) -> ChildSpec:
    """Give a spec with its defaults filled in (rule 16.1); a fault raises Invalid."""
    if isinstance(spec, dict) or (type(spec) is tuple and len(spec) == 6):
        spec = spec_of(spec)  # a map, or the old tuple: what `init` gave as OTP has it
    if type(spec) is not ChildSpec:
        raise Invalid(("invalid_child_spec", spec))
    if spec.id is Absent:
        raise Invalid("missing_id")
    if spec.start is Absent:
        raise Invalid("missing_start")
    _require(_is_start(spec.start), "invalid_mfa", spec.start)
    _require(_is_one_of(spec.restart, RESTARTS), "invalid_restart_type", spec.restart)
    _require(_is_one_of(spec.type, TYPES), "invalid_child_type", spec.type)
    shutdown = spec.shutdown
    if shutdown is Absent:
        shutdown = 5_000 if spec.type == "worker" else "infinity"
    _require(is_time(shutdown) or shutdown == "brutal_kill", "invalid_shutdown", shutdown)
    modules = [spec.start[0]] if spec.modules is Absent else spec.modules
    _require(type(modules) is list or modules == "dynamic", "invalid_modules", modules)
    _require(type(spec.significant) is bool, "invalid_significant", spec.significant)
    if spec.significant:
        if spec.restart == "permanent" and auto_shutdown != "never":
            raise Invalid(("bad_combination", [("restart", "permanent"), ("significant", True)]))
        if auto_shutdown == "never":
            raise Invalid(("bad_combination", [("auto_shutdown", "never"), ("significant", True)]))
    return replace(spec, shutdown=shutdown, modules=modules)


def is_time(value: Any) -> bool:
    """Tell whether a value is ms from 0 on, or infinity.

    >>> is_time(0), is_time("infinity"), is_time(-1), is_time(True)
    (True, True, False, False)
    """
    return (type(value) is int and value >= 0) or value == "infinity"


def _require(right: bool, fault: str, value: Any) -> None:
    if not right:
        raise Invalid((fault, value))


def _is_one_of(value: Any, words: tuple[str, ...]) -> bool:
    return type(value) is str and value in words


def _is_start(start: Any) -> bool:
    if type(start) is not tuple or len(start) not in (2, 3) or type(start[-1]) is not tuple:
        return False
    return callable(start[0]) if len(start) == 2 else type(start[1]) is str
