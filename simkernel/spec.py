"""What a spec is, and what one run of it gives.

A spec is a file with an `async def main(...)`: the root process, which starts the system and
drives it. Its keyword parameters, with defaults, are the parameters of the spec.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from simkernel.choice import Chooser, First, Recorded, Walk
from simkernel.errors import ForgottenAwait, SpecError, UnknownParameter, UsageError
from simkernel.kernel import driver
from simkernel.kernel.bounded import BoundedClock
from simkernel.kernel.clock import Clock, ConcreteClock
from simkernel.kernel.faults import KINDS as FAULTS
from simkernel.kernel.faults import Faults
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import WAITING, Process
from simkernel.kernel.steps import FOREVER
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.notebook import listed, table
from simkernel.otp.gen_server import Server
from simkernel.otp.statem_engine import StateMachine
from simkernel.settings import EFFECTS_MAX, Settings
from simkernel.terms import show, thaw

FAIRNESS = ("weak", "strong")


@dataclass(frozen=True)
class Spec:
    """A system to run: its root function, its parameters and the bounds it asks for.

    `horizon_ms` ends a run at that virtual time, `settle` lets timers go on after main has
    returned, `expect` names built-in findings that the spec means to show, `properties` are what
    has to hold besides, by name. Where a check allows faults, `faults` are the kinds that may
    happen, and `victims` who may crash: registered names, functions or classes; without them
    anybody but main and what the library itself runs, such as supervisors. In a run without end
    `fairness` is "weak": who can always act does act in the end; or "strong": also who can act
    again and again.
    """

    name: str
    main: Callable[..., Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    horizon_ms: int | None = None
    settle: bool = False
    expect: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = FAULTS
    victims: tuple[Any, ...] = ()
    fairness: str = "weak"

    def __post_init__(self) -> None:
        if self.fairness not in FAIRNESS:
            raise UsageError(
                f"{self.fairness!r} is no fairness",
                where="fairness=",
                hint="It is 'weak' or 'strong'.",
            )
        for name in ("expect", "faults", "victims"):
            if not isinstance(given := getattr(self, name), tuple | list):
                raise UsageError(
                    f"{given!r} is no tuple", where=f"{name}=", hint=f"Write {name}=({given!r},)."
                )
        for kind in self.faults:
            if kind not in FAULTS:
                hint = f"Known: {', '.join(FAULTS)}."
                raise UsageError(f"there is no fault {kind!r}", where="faults=", hint=hint)
        if not (self.horizon_ms is None or (type(self.horizon_ms) is int and self.horizon_ms >= 0)):
            hint = "It is a whole number of milliseconds from 0 on, or None."
            raise UsageError(f"{self.horizon_ms!r} is no time", where="horizon_ms=", hint=hint)

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give all parameters, those given replacing the defaults."""
        for name in given:
            if name not in self.parameters:
                raise UnknownParameter(name, known=self.parameters, where=self.path or self.name)
        return {**self.parameters, **given}

    def machine(
        self,
        given: Mapping[str, Any],
        settings: Settings,
        *,
        tape: Any = None,
        snapshots: bool = False,
        kind: type[Machine] = Machine,
        clock: Clock | None = None,
    ) -> Machine:
        """Make a machine, of some `kind`, that is about to run this spec.

        Its clock is the one of the settings, unless another one is given.
        """
        arguments = tuple(self.arguments(given).items())
        horizon_ms = self.horizon_ms if settings.horizon_ms is None else settings.horizon_ms
        m = kind(
            _call,
            (self.main, arguments),
            network=settings.network,
            clock=clock_of(settings) if clock is None else clock,
            snapshots=snapshots,
            settle=self.settle,
            horizon_us=FOREVER if horizon_ms is None else horizon_ms * 1000,
            tape=tape,
            rare=settings.rare,
        )
        if settings.faults:
            m.faults = Faults(settings.faults, self.faults, self._may_crash)
        if tape is not None and hasattr(tape, "attach"):
            tape.attach(m)
        return m

    def _may_crash(self, p: Process) -> bool:
        what = runs(p)
        if self.victims:
            return p.name in self.victims or _place(what) in map(_place, self.victims)
        return not (isinstance(what, type) and what.__module__.startswith("simkernel.otp."))


def _place(what: Any) -> Any:
    # A function may come back from the machine as a copy of itself.
    return getattr(what, "__module__", None), getattr(what, "__qualname__", what)


def runs(p: Process) -> Any:
    """Give what a process runs: the class of a behaviour, or a function."""
    function, args = thaw(p.origin[0]), p.origin[1]
    return thaw(args)[0] if function in (Server, StateMachine) else function


def clock_of(settings: Settings) -> Clock:
    """Make the clock that the settings ask for."""
    if settings.time == "any":
        return SymbolicClock()
    step, latency = interval_us(settings.step_ms), interval_us(settings.latency_ms)
    if settings.time == "bounded":
        return BoundedClock(step, latency)
    return ConcreteClock(settings.seed, step, latency)


async def _call(main: Callable[..., Any], arguments: tuple[tuple[str, Any], ...]) -> Any:
    return await main(**dict(arguments))


# Beside the functions, not on them: what is on a function crosses to the process that runs it.
_DECLARED: WeakKeyDictionary[Callable[..., Any], dict[str, Any]] = WeakKeyDictionary()


def spec(
    main: Any = None,
    /,
    *,
    horizon_ms: int | None = None,
    settle: bool = False,
    expect: tuple[str, ...] = (),
    properties: Mapping[str, Any] | None = None,
    faults: tuple[str, ...] = FAULTS,
    victims: tuple[Any, ...] = (),
    fairness: str = "weak",
) -> Any:
    """Declare what a `main` needs beyond its parameters; `@spec` alone declares nothing.

    @spec(horizon_ms=10_000)
    async def main(clients=2): ...
    """
    if not (main is None or callable(main)):
        raise UsageError(
            f"spec() takes its options by name, not {main!r}",
            where="spec()",
            hint="Write @spec, or @spec(horizon_ms=10_000).",
        )

    def declare(main: Callable[..., Any]) -> Callable[..., Any]:
        declared = {
            "horizon_ms": horizon_ms, "settle": settle, "expect": expect,
            "properties": dict(properties or {}), "faults": faults, "victims": victims,
            "fairness": fairness,
        }  # fmt: skip
        _DECLARED[main] = declared
        return main

    return declare if main is None else declare(main)


def declared_of(main: Callable[..., Any]) -> dict[str, Any]:
    """Give what `spec` declared of a function."""
    return dict(_DECLARED.get(main, {}))


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
    return Spec(name, main, parameters, path, **declared_of(main))


def parameters_back(spec: Spec, texts: Mapping[str, Any]) -> dict[str, Any]:
    """Read parameters back from a trace or blob."""
    given = {}
    for name, text in texts.items():
        try:
            given[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise UsageError(
                f"parameter {name!r} cannot be read: {text!r}",
                where="trace",
                hint="Record it again.",
            ) from error
    spec.arguments(given)
    return given


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

    def _repr_html_(self) -> str:
        """Give what a notebook shows."""
        rows = [("ended", f"{self.ended}, at {self.now_ms:g} ms, after {self.transitions} steps")]
        if self.reason is not None:
            rows.append(("main ended with", show(self.reason)))
        rows.append(("returned", show(self.returned)))
        if self.logged:
            rows.append(("logged", listed([show(line) for line in self.logged])))
        if self.stuck:
            rows.append(("stuck", ", ".join(self.stuck)))
        if self.deaths:
            rows.append(("deaths", listed([f"{pid}: {show(why)}" for pid, why in self.deaths])))
        return table("a run", rows)


def result_of(m: Machine, ended: str) -> Result:
    """Read the result of a run off its machine."""
    ends = [death.reason for death in m.deaths if death.pid is m.root.pid]
    return Result(
        returned=thaw(m.returned),
        reason=thaw(ends[-1]) if ends else None,
        ended=ended,
        logged=tuple(thaw(value) for value in m.logged),
        now_us=m.clock.now,
        stuck=tuple(str(p.pid) for p in waiting(m)),
        deaths=tuple((death.pid, thaw(death.reason)) for death in m.deaths),
        transitions=m.count,
    )


def waiting(m: Machine) -> list[Process]:
    """Give the processes that are stuck if nothing more can happen: their wait is not idle."""
    found = [p for p in m.processes.values() if p.status == WAITING and not _idle(p)]
    return sorted(found, key=lambda p: p.pid.path)


def _idle(p: Process) -> bool:
    return bool(p.want is not None and p.want.idle)


def run(m: Machine, settings: Settings) -> str:
    """Run a machine as the settings say; gives why it ended."""
    if settings.picker == "bursts":
        return driver.simulate(m, settings.seed, settings.effects_max)
    return driver.drive(m, chooser_of(settings), settings.effects_max)


def chooser_of(settings: Settings) -> Chooser:
    """Make the chooser that the settings ask for."""
    if settings.picker == "walk":
        return Walk(settings.seed)
    return Recorded(settings.picks) if settings.picker == "recorded" else First()


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

    # Reading the result off makes as many objects as a run does; and the machine is gone before
    # the collector would walk it.
    with driver.seldom_collected():
        return _simulated(machine, seed, effects_max)


def _simulated(machine: Callable[[], Machine], seed: int, effects_max: int) -> Result:
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
    return (round(low * 1000), round(high * 1000))
