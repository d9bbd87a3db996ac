"""One entry to all strategies: explore a program, and get everything that can come of it.

>>> from simkernel import receive, self_, send, spawn
>>> async def says(to, word):
...     send(to, word)
>>> async def main():
...     for word in ("hello", "world"):
...         spawn(says, self_(), word)
...     return await receive()
>>> found = explore(main, strategy="rf")
>>> sorted(outcome.returned for outcome in found.outcomes)
["'hello'", "'world'"]
>>> found.runs, found.complete
(2, True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from checkers.findings import Finding
from checkers.search import Plan
from checkers.strategies import strategy
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import AT_REST
from simkernel.spec import Spec, of
from simkernel.terms import show


class Outcome(NamedTuple):
    """What a run came to, as text: the result of main, who ended how, and what was logged.

    Two runs that differ only in the order of deaths, or of the lines of different processes, have
    the same outcome: nobody inside could tell.
    """

    returned: str
    ends: tuple[tuple[str, str], ...]
    logged: tuple[str, ...]


def outcome(m: Machine) -> Outcome:
    """Read the outcome off a machine at the end of a run."""
    if m.root.status == AT_REST:
        returned = show(m.returned)
    else:
        returned = "main has ended" if m.root.pid not in m.processes else "main is stuck"
    ends = sorted((death.pid.path, str(death.pid), show(death.reason)) for death in m.deaths)
    return Outcome(
        returned,
        tuple((pid, reason) for _, pid, reason in ends),
        tuple(sorted(map(show, m.logged))),
    )


@dataclass(frozen=True)
class Explored:
    """What an exploration found, and how far it went.

    `runs` counts ends that were reached; with `dpor` and `rf` each is another class. `complete`
    says that no other outcome is possible, under `time` and on this network.
    """

    strategy: str
    network: str
    time: str
    runs: int
    transitions: int
    outcomes: frozenset[Outcome]
    findings: tuple[Finding, ...]
    complete: bool
    why_stopped: str
    notes: tuple[str, ...]


def explore(
    main: Spec | Callable[..., Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    strategy: str = "auto",
    network: str = "node",
    runs: int = 1_000,
    effects: int = 100_000,
    seed: int = 0,
    seconds: float = float("inf"),
    elapsed: Callable[[], float] = lambda: 0.0,
) -> Explored:
    """Run a spec, or an `async def main(...)`, in every way the strategy knows.

    `runs` bounds walk and delay, `seconds` all of them, as far as `elapsed` tells them the time.
    """
    return _explore(
        Plan(main if isinstance(main, Spec) else of(main), parameters or {}, network, runs,
             effects, seed),
        strategy,
        lambda share: (
            f"the budget of {share * seconds:g} s is spent" if elapsed() > share * seconds else ""
        ),
    )  # fmt: skip


def _explore(plan: Plan, name: str, limit: Callable[[float], str]) -> Explored:
    search = strategy(name, plan)
    outcomes: set[Outcome] = set()
    found: dict[tuple[str, str], Finding] = {}
    over_budget = 0
    for run, ended in search.ends(limit):
        if ended == driver.BUDGET:
            over_budget += 1
            continue
        outcomes.add(outcome(run.m))
        for finding in run.findings(ended):
            found.setdefault(finding.identity, finding)
    cut = search.cut or (f"{over_budget} runs hit the effect budget" if over_budget else "")
    return Explored(
        strategy=search.name,
        network=plan.network,
        time=search.time,
        runs=search.runs,
        transitions=search.transitions,
        outcomes=frozenset(outcomes),
        findings=tuple(found[key] for key in sorted(found)),
        complete=search.exhaustive and not cut,
        why_stopped=cut,
        notes=tuple(search.notes()),
    )
