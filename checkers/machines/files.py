"""Declared machines in spec files: `def machine(...)` gives a Declaration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from checkers.machines.declaration import Declaration
from simkernel.errors import SimkernelError, SpecError
from simkernel.loading import loaded
from simkernel.spec import Spec


def maker(where: str) -> Spec:
    """Load `path.py`, or `path.py:function`: what makes the declaration, and its parameters."""
    function, name = loaded(where, "machine", "A machine is `def machine(...)`")
    path = where.partition(":")[0]
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise SpecError(f"{name} is no function that gives a Declaration", path=path,
                        hint="Write `def machine(...)`, and return a Declaration.")  # fmt: skip
    parameters = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is inspect.Parameter.empty:
            raise SpecError(f"parameter {parameter.name!r} of {name} has no default", path=path,
                            hint="Give every parameter of machine a default value.")  # fmt: skip
        parameters[parameter.name] = parameter.default
    return Spec(name, function, parameters, path)


def made(spec: Spec, given: Mapping[str, Any]) -> Declaration:
    """Make the declaration for these parameters."""
    try:
        found = spec.main(**spec.arguments(given))
    except SimkernelError:
        raise
    except Exception as error:
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        raise SpecError(
            f"{spec.name} raises {type(error).__name__}: {error}",
            path=spec.path,
            line=frame.tb_lineno if frame else None,
            hint="Make the declaration from its parameters alone.",
        ) from error
    if not isinstance(found, Declaration):
        raise SpecError(f"{spec.name} gives {found!r}", path=spec.path,
                        hint="Return a Declaration.")  # fmt: skip
    return found.ready()
