"""The globals of a spec's module: compared before and after each run (rule 13.11).

What leaks from one run into the next is the commonest hidden nondeterminism.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from simkernel.errors import StateChangedInPlace, TermError
from simkernel.terms import freeze, show


@contextmanager
def globals_kept(main: Callable[..., Any]) -> Iterator[None]:
    """Raise StateChangedInPlace if the run inside changes a global of the module of `main`.

    Only data is compared: modules, functions, classes and what is no term are left alone.
    """
    before = values(main)
    yield
    after = values(main)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            raise StateChangedInPlace(
                "a run",
                key=f"the global {name!r}",
                where=getattr(main, "__module__", "") or "the spec's module",
            )


def values(main: Callable[..., Any]) -> dict[str, str]:
    """Give the data among the globals of a function's module, by name, as text."""
    found = {}
    for name, value in getattr(main, "__globals__", {}).items():
        if name.startswith("__") or isinstance(value, ModuleType | FunctionType | type):
            continue
        try:
            found[name] = show(freeze(value, name))
        except TermError:
            continue
    return found
