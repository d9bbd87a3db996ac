"""What of the past predicates read: the log, and the deaths.

A situation is what the system can go on from, and has no past; so a search that merges situations
has to tell apart what predicates know of it. Whether one reads the log, and when, may depend on
what it sees. So its code is looked through, with that of the functions that it names; what it reads
all the same later, by another way, is an error, not a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from simkernel.errors import UsageError
from simkernel.kernel.machine import Machine
from simkernel.terms import show, thaw

PAST = ("deaths", "logged")


class Reading:
    """What the predicates of one run read of the past: most runs have nobody ask for a key."""

    def __init__(self, predicates: Callable[[], Iterable[Callable[..., Any]]]):
        self.known: set[str] = set()
        self._predicates = predicates
        self._settled = False

    def reads(self, what: str) -> None:
        """Take note of it; a UsageError if situations have been told apart without."""
        if what not in self.known and self._settled:
            raise UsageError(
                f"a property reads world.{what} only in some situations, by a way that was not seen"
                " in its code",
                where="properties=",
                hint=f"Let the property read world.{what} itself, in each situation.",
            )
        self.known.add(what)

    def key(self, m: Machine) -> bytes:
        """Tell pasts apart, as far as they are read."""
        if not self._settled:
            self._settled = True
            names = names_in(self._predicates())
            self.known |= {what for what in PAST if what in names}
        if not self.known:
            return b""
        told: list[Any] = []
        if "logged" in self.known:
            told += [show(thaw(line)) for line in m.logged]
        if "deaths" in self.known:
            told += [(str(death.pid), show(thaw(death.reason))) for death in m.deaths]
        return blake2b(repr(told).encode(), digest_size=16).digest()


def names_in(functions: Iterable[Callable[..., Any]]) -> set[str]:
    """Give the names of attributes and globals in some functions, and in those that they name.

    >>> sorted(names_in([lambda world: len(world.logged)]))
    ['len', 'logged']
    """
    names: set[str] = set()
    seen: list[CodeType] = []
    waiting: list[Any] = list(functions)
    while waiting:
        one = waiting.pop()
        if isinstance(one, partial):
            waiting += [one.func, *one.args, *one.keywords.values()]
        elif isinstance(one, MethodType):
            waiting.append(one.__func__)
        elif not isinstance(one, FunctionType):
            waiting += [vars(kind)["__call__"] for kind in type(one).__mro__[:-1]
                        if isinstance(vars(kind).get("__call__"), FunctionType)]  # fmt: skip
        elif not any(one.__code__ is code for code in seen):
            seen.append(one.__code__)
            inner = _names(one.__code__)
            names |= inner
            waiting += _named(one, inner)
    return names


def _names(code: CodeType) -> set[str]:
    inner = [_names(one) for one in code.co_consts if isinstance(one, CodeType)]
    return set(code.co_names).union(*inner)


def _named(function: FunctionType, names: set[str]) -> Iterator[Any]:
    """Give what a function may call: what it holds, and what it finds in modules by a name."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # nothing was put there yet
            yield cell.cell_contents
    for name in sorted(names):
        found = function.__globals__.get(name)
        yield found
        if isinstance(found, ModuleType):
            yield from (vars(found).get(other) for other in sorted(names))
