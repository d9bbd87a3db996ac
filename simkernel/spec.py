"""What a spec is, how it is loaded by path, and what one run of it gives.

A spec is a file with an `async def main(...)`: the root process, which starts the system and
drives it. Its keyword parameters, with defaults, are the parameters of the spec.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from simkernel.errors import ForgottenAwait, SpecError, UnknownParameter, UsageError
from simkernel.kernel import driver
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.machine import FOREVER, Machine
from simkernel.kernel.process import Process
from simkernel.terms import thaw

EFFECTS_MAX = 10_000_000


@dataclass(frozen=True)
class Spec:
    """A system to run: its root function, its parameters and the bounds it asks for.

    `horizon_ms` ends a run at that virtual time, `settle` lets timers go on after main has
    returned, `expect` names built-in findings that the spec means to show.
    """

    name: str
    main: Callable[..., Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    horizon_ms: int | None = None
    settle: bool = False
    expect: tuple[str, ...] = ()

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give all parameters, those given replacing the defaults."""
        for name in given:
            if name not in self.parameters:
                raise UnknownParameter(name, known=self.parameters, where=self.path or self.name)
        return {**self.parameters, **given}

    def machine(self, given: Mapping[str, Any], **options: Any) -> Machine:
        """Make a machine that is about to run this spec."""
        arguments = self.arguments(given)
        horizon = FOREVER if self.horizon_ms is None else self.horizon_ms * 1000
        options.setdefault("settle", self.settle)
        options.setdefault("horizon_us", horizon)
        return Machine(_call, (self.main, tuple(arguments.items())), **options)


async def _call(main: Callable[..., Any], arguments: tuple[tuple[str, Any], ...]) -> Any:
    return await main(**dict(arguments))


def spec(
    *, horizon_ms: int | None = None, settle: bool = False, expect: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what a `main` needs beyond its parameters.

        @spec(horizon_ms=10_000)
        async def main(clients=2): ...
    """

    def declare(main: Callable[..., Any]) -> Callable[..., Any]:
        main.__spec__ = {"horizon_ms": horizon_ms, "settle": settle, "expect": expect}  # type: ignore[attr-defined]
        return main

    return declare


def of(main: Callable[..., Any], name: str = "", path: str = "") -> Spec:
    """Make a spec of a function."""
    name = name or getattr(main, "__name__", "main")
    if not inspect.iscoroutinefunction(main):
        raise SpecError(f"{name} is not an `async def`", path=path or name)
    parameters = {}
    for parameter in inspect.signature(main).parameters.values():
        if parameter.default is inspect.Parameter.empty:
            raise SpecError(
                f"parameter {parameter.name!r} of {name} has no default",
                path=path or name,
                hint="Give every parameter of main a default value.",
            )
        parameters[parameter.name] = parameter.default
    return Spec(name, main, parameters, path, **getattr(main, "__spec__", {}))


def load(where: str) -> Spec:
    """Load `path.py`, or `path.py:function`; every failure is a SpecError with its place."""
    text, _, function = where.partition(":")
    path = Path(text)
    if not path.is_file():
        raise SpecError(
            "there is no such file", path=text, hint="Give the path of a .py file with a main."
        )
    module = _module(path)
    name = function or "main"
    main = getattr(module, name, None)
    if main is None:
        raise SpecError(
            f"the file defines no {name!r}",
            path=text,
            hint="A spec is `async def main(...)`; name another one as path.py:function.",
        )
    return of(main, path.stem if not function else f"{path.stem}:{function}", text)


def _module(path: Path) -> ModuleType:
    """Run a spec file as a module whose name does not depend on where it lies."""
    name = f"spec.{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        found.loader.exec_module(module)
    except SyntaxError as error:
        raise SpecError(f"it does not parse: {error.msg}", path=str(path), line=error.lineno) from error
    except (KeyboardInterrupt, MemoryError):
        raise
    except UsageError:
        raise
    except BaseException as error:
        raise SpecError(
            f"it raises {type(error).__name__} when it is loaded: {error}",
            path=str(path),
            line=_line_in(path, error),
        ) from error
    return module


def _line_in(path: Path, error: BaseException) -> int | None:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return lines[-1] if lines else None


def find(paths: list[str]) -> Iterator[str]:
    """Give the spec files under files and folders, in order; a folder gives its .py files."""
    for text in paths:
        path = Path(text)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*.py") if not p.name.startswith("_"))
            if not found:
                raise SpecError("the folder has no spec", path=text, hint="Specs are .py files.")
            yield from map(str, found)
        else:
            yield text


@dataclass(frozen=True)
class Result:
    """What one run gave: values only, the same for the same spec, parameters and picks."""

    returned: Any
    reason: Any
    ended: str
    logged: tuple[Any, ...]
    now_us: int
    stuck: tuple[str, ...]
    deaths: tuple[tuple[Any, Any], ...]
    transitions: int

    @property
    def now_ms(self) -> float:
        """The virtual time at the end."""
        return self.now_us / 1000


def result_of(m: Machine, ended: str) -> Result:
    """Read the result of a run off its machine."""
    dead = {pid: reason for pid, reason, _ in m.deaths}
    return Result(
        returned=thaw(m.returned),
        reason=thaw(dead.get(m.root.pid)),
        ended=ended,
        logged=tuple(thaw(value) for value in m.logged),
        now_us=m.clock.now,
        stuck=tuple(str(p.pid) for p in waiting(m)),
        deaths=tuple((pid, thaw(reason)) for pid, reason, _ in m.deaths),
        transitions=m.count,
    )


def waiting(m: Machine) -> list[Process]:
    """Give the processes that are stuck if nothing more can happen: inside a wait that is not idle."""
    from simkernel.kernel.process import WAITING

    found = [p for p in m.processes.values() if p.status == WAITING and not _idle(p)]
    return sorted(found, key=lambda p: p.pid.path)


def _idle(p: Process) -> bool:
    return bool(getattr(p.want, "idle", False))


def simulate(
    main: Callable[..., Any],
    *args: Any,
    seed: int = 0,
    network: str = "node",
    step_ms: Any = 0,
    latency_ms: Any = 0,
    settle: bool = False,
    horizon_ms: int | None = None,
    effects_max: int = EFFECTS_MAX,
) -> Result:
    """Run `main(*args)` once, with seeded picks in virtual time.

    >>> async def main():
    ...     return "done"
    >>> simulate(main).returned
    'done'
    """
    horizon = FOREVER if horizon_ms is None else horizon_ms * 1000

    def machine() -> Machine:
        clock = ConcreteClock(seed, interval_us(step_ms), interval_us(latency_ms))
        return Machine(main, args, network=network, clock=clock, settle=settle, horizon_us=horizon)

    m = machine()
    try:
        return result_of(m, driver.simulate(m, seed, effects_max))
    except ForgottenAwait as error:
        if error.line is None:
            driver.simulate(machine(), seed, effects_max, careful=True)
        raise
    finally:
        m.close()


def interval_us(ms: Any) -> Any:
    """Turn ms, (low, high) in ms, or a distribution in ms, into what the clock draws from."""
    if callable(ms):
        return lambda random: ms(random) * 1000
    low, high = ms if isinstance(ms, tuple) else (ms, ms)
    if not 0 <= low <= high:
        raise UsageError(f"{ms!r} is no duration", hint="Give ms >= 0, or (low, high).")
    return (round(low * 1000), round(high * 1000))
