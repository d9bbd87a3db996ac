"""Hypothesis: schedules, messages, exit reasons, and clients that call a server in parallel.

Inputs and schedules shrink together: a failing example names the fewest calls, and the fewest steps
at which the schedule has to differ from the default one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from checkers.findings import Finding
from checkers.judged import Judged
from checkers.linearizable import Model
from checkers.monitor import linearizable
from simkernel.choice import FAULTS, first_of, owner
from simkernel.errors import ArgumentError, UsageError
from simkernel.kernel.effects import receive, self_, send, spawn
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.otp.gen_server import GenServer
from simkernel.settings import Settings
from simkernel.spec import Spec, declared_of, spec
from simkernel.trace.writer import Recorder

T = TypeVar("T")
EFFECTS_MAX = 100_000
OPTIONS_MAX = 7  # how many of the options of a step a deviation can tell apart
HOLD_MAX = 60  # how many steps a process is held back
NEAR = 40  # most runs turn early; steps are drawn from here as often as from all


@dataclass
class Schedule:
    """The default schedule, except at a few steps: {step: which of its options, from 1 on}.

    `faults` says the same of the steps at which a fault happens, if one is possible there. `holds`
    says where a process is slow: whoever would come first at the step comes after all others for
    so many steps. A race needs that where one process does much before another goes on.

    >>> Schedule({1: 1}).pick(["a", "b"])
    'a'
    >>> Schedule(faults={0: 1}).pick(["do <root.1>", "crash <root.1>", "crash <root.2>"])
    'crash <root.2>'
    >>> slow = Schedule(holds={0: 2})
    >>> [slow.pick(["do <root.1>", "do <root.2>"]) for _ in range(3)]
    ['do <root.2>', 'do <root.2>', 'do <root.1>']
    """

    deviations: Mapping[int, int] = field(default_factory=dict)
    faults: Mapping[int, int] = field(default_factory=dict)
    holds: Mapping[int, int] = field(default_factory=dict)
    _step: int = field(default=0, repr=False, compare=False)
    _held: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def begin(self) -> None:
        """Begin a run: an example may be run more than once."""
        self._step = 0
        self._held.clear()

    def pick(self, options: Sequence[T]) -> T:
        """Give the option of this step."""
        step = self._step
        self._step += 1
        wrong: Sequence[T] = ()
        if self.faults:  # those come last among the options
            usual = [one for one in options if str(one).partition(" ")[0] not in FAULTS]
            options, wrong = usual or options, options[len(usual) :]
        if wrong and step in self.faults:
            return wrong[self.faults[step] % len(wrong)]
        if step in self.deviations:
            return options[self.deviations[step] % len(options)]
        return self._first(step, options)

    def _first(self, step: int, options: Sequence[T]) -> T:
        held = {who for who, until in self._held.items() if step < until}
        first = first_of(options, held)
        who = owner(str(first)) if step in self.holds else None
        if who is None:
            return first
        self._held[who] = step + self.holds[step]
        return first_of(options, {*held, who})


def schedules(
    deviations: int = 6, steps: int = 200, faults: int = 0
) -> st.SearchStrategy[Schedule]:
    """Give schedules that leave the default one at up to so many of the first steps.

    Up to three times they hold a process back.
    A schedule is drawn at once, and never step by step: what happens in a run cannot change what
    is drawn, and shrinking drops deviations, and faults, one by one.
    """
    which = st.integers(1, OPTIONS_MAX)
    at = _steps(steps)
    leaves = st.dictionaries(at, which, max_size=deviations)
    wrong = st.dictionaries(at, which, max_size=faults)
    holds = st.dictionaries(at, st.integers(1, HOLD_MAX), max_size=min(3, deviations))
    return st.builds(Schedule, leaves, wrong, holds)


def _steps(most: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, min(NEAR, most)), st.integers(0, most))


def messages() -> st.SearchStrategy[Any]:
    """Give terms of all kinds that can be sent."""
    atoms = st.sampled_from(["ok", "error", "a", "b", None, True, False])
    plain = st.one_of(atoms, st.integers(), st.floats(allow_nan=False), st.text(), st.binary())
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(st.sampled_from(["k", "l", 1]), inner, max_size=2),
        ),
        max_leaves=6,
    )


def exit_reasons() -> st.SearchStrategy[Any]:
    """Give the exit reasons that OTP tells apart, and others; the ordinary ones first."""
    named = ["normal", "shutdown", "kill", "killed", "noproc", "timeout", "boom"]
    return st.one_of(st.sampled_from(named), st.tuples(st.just("shutdown"), messages()), messages())


def run_under(
    schedule: Schedule,
    main: Callable[..., Any],
    *,
    network: str = "node",
    parameters: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
) -> None:
    """Run a system once under a schedule; an AssertionError says what was found to be wrong.

    `network` is "node" or "cluster"; what `spec` declared of `main` counts, `properties` are added.
    """
    __tracebackhide__ = True  # of a failing test pytest shows the test
    if not isinstance(schedule, Schedule):
        raise UsageError(
            f"run_under() takes a schedule first, not {schedule!r}",
            where="run_under()",
            hint="Write run_under(schedule, main), with a schedule that `schedules()` draws.",
        )
    declared = declared_of(main)
    declared["properties"] = {**declared.get("properties", {}), **(properties or {})}
    name = getattr(main, "__name__", "main")
    system = Spec(name, main, dict(parameters or {}), **declared)
    settings = Settings(
        network=network, effects_max=EFFECTS_MAX, picker="walk", faults=len(schedule.faults)
    )
    found = _made(schedule, system, settings)
    if found:
        raise Broken(schedule, system, settings, found)


class Broken(AssertionError):
    """What was found to be wrong; as text with the run, which is made again for that."""

    def __init__(
        self, schedule: Schedule, system: Spec, settings: Settings, found: Sequence[Finding]
    ):
        super().__init__(f"{found[0].kind}: {found[0].text}")
        self.findings = tuple(found)
        self._made = (schedule, system, settings)
        self._text = ""

    def __str__(self) -> str:
        if not self._text:
            self._text = self._told()
        return self._text

    def _told(self) -> str:
        from reports.violation import drawn, scene_of

        schedule, system, settings = self._made
        tape = Recorder(keep=True)
        _made(schedule, system, settings, tape)
        tape.flush()
        events = [json.loads(line) for line in tape.lines or ()]
        shown = scene_of(self.findings, events, settings)
        lines = [f"{one.kind}: {shown.cast.named(one.text)}" for one in self.findings]
        return "\n".join([*lines, "", *drawn(shown)])


def _made(schedule: Schedule, system: Spec, settings: Settings, tape: Any = None) -> list[Finding]:
    with guards(), watchdog():
        run = Judged(system, {}, settings, tape=tape)
        schedule.begin()
        try:
            return run.findings(run.run(schedule, EFFECTS_MAX))
        finally:
            run.m.close()


# --- Clients that call a server ------------------------------------------------------------------


async def client_of(main: Any, server: str, requests: Any) -> None:
    for request in requests:
        await GenServer.call(server, request, timeout=None)
    send(main, "done")


def parallel_calls(start: Callable[[], Any], server: str, clients: Sequence[Any]) -> Any:
    """Make the root of a system: start a server, and let each client make its calls, one by one.

    `start` is an async function without arguments that starts the server under the name `server`.
    """

    async def main() -> None:
        await start()
        for requests in clients:
            spawn(client_of, self_(), server, tuple(requests))
        for _ in clients:
            await receive("done")

    declare: Any = spec(**declared_of(start))
    return declare(main)


def linearizability_machine(
    start: Callable[[], Any],
    server: str,
    requests: st.SearchStrategy[Any],
    model: Model,
    *,
    clients: int = 3,
    calls_max: int = 5,
    network: str = "node",
    faults: int = 0,
) -> type[RuleBasedStateMachine]:
    """Make a stateful test: generated calls of several clients, in parallel, under any schedule.

    Up to `faults` things go wrong meanwhile, as `spec` says of `start` which and to whom. Each
    example is a system of `clients` clients with up to `calls_max` calls each; it has to be
    linearizable to `model`. Use it as Hypothesis's own machines: `TestCell = machine.TestCase`.
    """
    if clients < 1 or calls_max < 1:
        raise ArgumentError("a machine needs at least one client and one call")

    steps = _steps(40 * clients * calls_max)

    class Calls(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[list[Any]] = [[] for _ in range(clients)]
            self.deviations: dict[int, int] = {}
            self.faults: dict[int, int] = {}
            self.holds: dict[int, int] = {}

        @rule(client=st.integers(0, clients - 1), request=requests)
        def call(self, client: int, request: Any) -> None:
            if len(self.calls[client]) < calls_max:
                self.calls[client].append(request)

        @rule(step=steps, many=st.integers(1, HOLD_MAX))
        def hold(self, step: int, many: int) -> None:
            self.holds[step] = many

        @rule(step=steps, which=st.integers(1, OPTIONS_MAX))
        def deviate(self, step: int, which: int) -> None:
            self.deviations[step] = which

        @precondition(lambda self: len(self.faults) < faults)
        @rule(step=steps, which=st.integers(1, OPTIONS_MAX))
        def go_wrong(self, step: int, which: int) -> None:
            self.faults[step] = which

        def teardown(self) -> None:
            __tracebackhide__ = True
            asked = [requests for requests in self.calls if requests]
            run_under(
                _noted(asked, Schedule(self.deviations, self.faults, self.holds)),
                parallel_calls(start, server, asked),
                network=network,
                properties={"linearizable": linearizable(model, server)},
            )

    return Calls


def _noted(asked: Sequence[Any], schedule: Schedule) -> Schedule:
    note(f"clients call {asked}; the schedule deviates at {schedule.deviations}")
    if schedule.holds:
        note(f"whoever comes first is held back, at a step for so many, {schedule.holds}")
    if schedule.faults:
        note(f"something goes wrong at {schedule.faults}")
    return schedule
