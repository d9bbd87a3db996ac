"""Hypothesis: schedules, messages, exit reasons, and clients that call a server in parallel.

Inputs and schedules shrink together: a failing example names the fewest calls, and the fewest steps
at which the schedule has to differ from the default one.
"""

from __future__ import annotations

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
from simkernel.choice import FAULTS
from simkernel.errors import ArgumentError
from simkernel.kernel.effects import receive, self_, send, spawn
from simkernel.otp.gen_server import GenServer
from simkernel.settings import Settings
from simkernel.spec import Spec, declared_of, spec

T = TypeVar("T")
EFFECTS_MAX = 100_000
OPTIONS_MAX = 7  # how many of the options of a step a deviation can tell apart


@dataclass
class Schedule:
    """The default schedule, except at a few steps: {step: which of its options, from 1 on}.

    `faults` says the same of the steps at which a fault happens, if one is possible there.

    >>> Schedule({1: 1}).pick(["a", "b"])
    'a'
    >>> Schedule(faults={0: 1}).pick(["do <root.1>", "crash <root.1>", "crash <root.2>"])
    'crash <root.2>'
    """

    deviations: Mapping[int, int] = field(default_factory=dict)
    faults: Mapping[int, int] = field(default_factory=dict)
    _step: int = field(default=0, repr=False, compare=False)

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
        return options[self.deviations.get(step, 0) % len(options)]


def schedules(
    deviations: int = 6, steps: int = 200, faults: int = 0
) -> st.SearchStrategy[Schedule]:
    """Give schedules that leave the default one at up to so many of the first steps.

    A schedule is drawn at once, and never step by step: what happens in a run cannot change what
    is drawn, and shrinking drops deviations, and faults, one by one.
    """
    which = st.integers(1, OPTIONS_MAX)
    at = st.integers(0, steps)
    leaves = st.dictionaries(at, which, max_size=deviations)
    return st.builds(Schedule, leaves, st.dictionaries(at, which, max_size=faults))


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
    declared = declared_of(main)
    declared["properties"] = {**declared.get("properties", {}), **(properties or {})}
    name = getattr(main, "__name__", "main")
    system = Spec(name, main, dict(parameters or {}), **declared)
    settings = Settings(
        network=network, effects_max=EFFECTS_MAX, picker="walk", faults=len(schedule.faults)
    )
    run = Judged(system, {}, settings)
    schedule._step = 0  # an example may be run more than once
    try:
        found = run.findings(run.run(schedule, EFFECTS_MAX))
    finally:
        run.m.close()
    if found:
        raise AssertionError("\n".join(map(_line, found)))


def _line(finding: Finding) -> str:
    return f"{finding.kind}: {finding.text}"


# --- Clients that call a server ------------------------------------------------------------------


async def _client(main: Any, server: str, requests: Any) -> None:
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
            spawn(_client, self_(), server, tuple(requests))
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

    class Calls(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[list[Any]] = [[] for _ in range(clients)]
            self.deviations: dict[int, int] = {}
            self.faults: dict[int, int] = {}

        @rule(client=st.integers(0, clients - 1), request=requests)
        def call(self, client: int, request: Any) -> None:
            if len(self.calls[client]) < calls_max:
                self.calls[client].append(request)

        @rule(step=st.integers(0, 40 * clients * calls_max), which=st.integers(1, OPTIONS_MAX))
        def deviate(self, step: int, which: int) -> None:
            self.deviations[step] = which

        @precondition(lambda self: len(self.faults) < faults)
        @rule(step=st.integers(0, 40 * clients * calls_max), which=st.integers(1, OPTIONS_MAX))
        def go_wrong(self, step: int, which: int) -> None:
            self.faults[step] = which

        def teardown(self) -> None:
            asked = [requests for requests in self.calls if requests]
            note(f"clients call {asked}; the schedule deviates at {self.deviations}")
            if self.faults:
                note(f"something goes wrong at {self.faults}")
            run_under(
                Schedule(self.deviations, self.faults),
                parallel_calls(start, server, asked),
                network=network,
                properties={"linearizable": linearizable(model, server)},
            )

    return Calls
