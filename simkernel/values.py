"""The values that Python does not have: Pid, Ref, Instant, Duration, Stack, Raised.

Each is immutable, small, and hashes from its numbers alone: an `id()` or a seeded hash would make
one run differ from the next. Import them from `simkernel.terms`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Never, TypeAlias

from simkernel.errors import MisusedTime, UsageError

Path: TypeAlias = tuple[int, ...]
Frame: TypeAlias = tuple[str, str, int]

_REF_TEXT = re.compile(r"#ref<root((?:\.\d+)*)/(\d+)>", re.ASCII)
_PID_TEXT = re.compile(r"<root((?:\.\d+)*)>", re.ASCII)


class _OpenPid:
    """A pid that is being made: its slots can still be set, at the price of any other object's."""

    __slots__ = ("_hash", "path")
    path: Path
    _hash: int


class Pid(_OpenPid):
    """Name a process by the path of spawn counters that leads to it.

    >>> Pid((2, 1))
    <root.2.1>
    >>> Pid(()).child(3) == Pid.parse("<root.3>")
    True
    """

    __slots__ = ()

    def __init__(self, path: Path) -> None:
        _set_pid_path(self, path)
        _set_pid_hash(self, hash(path))

    def child(self, n: int) -> Pid:
        """Name the `n`th process that this one spawns."""
        return Pid((*self.path, n))

    @classmethod
    def parse(cls, text: str) -> Pid:
        """Read what `str` wrote; a UsageError if it did not."""
        found = _PID_TEXT.fullmatch(text)
        if found is None:
            raise UsageError(
                f"{text!r} is no pid", where="Pid.parse", hint="Pids read as `<root.2.1>`."
            )
        return cls(tuple(int(n) for n in found[1].split(".")[1:]))

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is Pid and self.path == other.path)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<{dotted(self.path)}>"

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a Pid is immutable: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return Pid, (self.path,)


class _OpenRef:
    """A reference that is being made."""

    __slots__ = ("_hash", "home", "index")
    home: Pid
    index: int
    _hash: int


class Ref(_OpenRef):
    """Name a monitor, timer, alias or call by its owner and the owner's counter.

    >>> Ref((2,), 7)
    #ref<root.2/7>
    """

    __slots__ = ()

    def __init__(self, owner: Path, index: int) -> None:
        _set_ref_home(self, Pid(owner))
        _set_ref_index(self, index)
        _set_ref_hash(self, hash((owner, index)))

    @property
    def owner(self) -> Path:
        """The path of the process that made it."""
        return self.home.path

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read what `str` wrote; a UsageError if it did not."""
        found = _REF_TEXT.fullmatch(text)
        if found is None:
            raise UsageError(
                f"{text!r} is no reference",
                where="Ref.parse",
                hint="They read as `#ref<root.2/7>`.",
            )
        return cls(tuple(int(n) for n in found[1].split(".")[1:]), int(found[2]))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is Ref and self.index == other.index and self.home == other.home
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"#ref<{dotted(self.owner)}/{self.index}>"

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a Ref is immutable: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return Ref, (self.owner, self.index)


# The slots' own setters, which the refusal to set anything does not meet.
_set_pid_path = _OpenPid.__dict__["path"].__set__
_set_pid_hash = _OpenPid.__dict__["_hash"].__set__
_set_ref_home = _OpenRef.__dict__["home"].__set__
_set_ref_index = _OpenRef.__dict__["index"].__set__
_set_ref_hash = _OpenRef.__dict__["_hash"].__set__


def ref_of(home: Pid, index: int) -> Ref:
    """Make a reference as `Ref(home.path, index)` does, in a quarter of the time."""
    made: Any = _OpenRef()
    made.home = home
    made.index = index
    made._hash = hash((home.path, index))
    made.__class__ = Ref
    closed: Ref = made
    return closed


def child_of(parent: Pid, n: int) -> Pid:
    """Make a pid as `parent.child(n)` does, in a third of the time."""
    made: Any = _OpenPid()
    made.path = path = parent.path + (n,)  # noqa: RUF005 (half the price)
    made._hash = hash(path)
    made.__class__ = Pid
    closed: Pid = made
    return closed


class _Time:
    """Refuse whatever would make a number or an order of a time under a symbolic clock."""

    __slots__ = ()

    def _refuse(self, what: str) -> Never:
        raise MisusedTime(f"{what} of {self!r}, which has no value before the run decides it")

    def __bool__(self) -> Never:  # noqa: PLE0304 (it refuses)
        self._refuse("a test for truth")

    def __int__(self) -> Never:
        self._refuse("int()")

    def __index__(self) -> Never:  # noqa: PLE0305 (it refuses)
        self._refuse("int()")

    def __float__(self) -> Never:
        self._refuse("float()")

    def __lt__(self, other: object) -> Never:
        self._refuse("a comparison")

    __le__ = __gt__ = __ge__ = __lt__

    def _no_arithmetic(self, other: object = None) -> Never:
        self._refuse("arithmetic")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __abs__ = (
        _no_arithmetic
    )
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _no_arithmetic
    __divmod__ = __round__ = __pos__ = _no_arithmetic


@dataclass(frozen=True, slots=True, eq=True)
class Instant(_Time):
    """Stand for the time of one event, `offset_us` microseconds later.

    >>> Instant(3, 0) + 5
    Instant(point=3, offset_us=5000)
    >>> Instant(3, 0) - Instant(1, 0)
    Duration(since=1, until=3, offset_us=0)
    """

    point: int
    offset_us: int

    def __add__(self, ms: object) -> Instant:  # type: ignore[override]
        if type(ms) is not int:
            self._refuse(f"adding {ms!r}, not an int of ms, to the time")
        return Instant(self.point, self.offset_us + 1000 * ms)

    __radd__ = __add__  # type: ignore[assignment]

    def __sub__(self, other: object) -> Any:  # type: ignore[override]
        if type(other) is Instant:
            return Duration(other.point, self.point, self.offset_us - other.offset_us)
        if type(other) is not int:
            self._refuse(
                f"subtracting {other!r}, neither an int of ms nor an Instant, from the time"
            )
        return Instant(self.point, self.offset_us - 1000 * other)


@dataclass(frozen=True, slots=True, eq=True)
class Duration(_Time):
    """Stand for the time from one event to another, and `offset_us` microseconds more."""

    since: int
    until: int
    offset_us: int


class Stack(tuple[Frame, ...]):
    """Hold where an error was raised: frames (module, function, line), innermost first.

    The first may be ("", what was wrong, 0), as the VM keeps an error's text with its first frame.

    >>> Stack([("bank", "withdraw", 12)])
    stack[bank.withdraw:12]
    >>> Stack([("", "no such account", 0), ("bank", "withdraw", 12)])
    stack[no such account; bank.withdraw:12]
    """

    __slots__ = ()

    def __repr__(self) -> str:
        text = "".join(f"{f}; " for m, f, line in self if not m)
        return f"stack[{text}{', '.join(f'{m}.{f}:{line}' for m, f, line in self if m)}]"


@dataclass(frozen=True, slots=True)
class Raised:
    """Stand for a Python exception in an exit reason: the name of its type, and its text."""

    name: str
    message: str


def dotted(path: Path) -> str:
    """Write a path from the root, as pids and refs show it.

    >>> dotted((2, 1))
    'root.2.1'
    """
    return ".".join(("root", *map(str, path)))
