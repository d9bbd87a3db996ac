"""Checking one spec: a strategy runs it within a budget, the findings judge each run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from checkers.dfs import Dfs
from checkers.findings import Finding, crashes_so_far, findings
from checkers.shrink import smallest
from checkers.verdict import Counterexample, Searched, Verdict
from simkernel.errors import StepTooLong, UnknownStrategy, UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.leftovers import globals_kept
from simkernel.settings import Settings
from simkernel.spec import Spec, run

STRATEGIES = ("walk", "dfs")
STEP_MS = (0.0, 10.0)


@dataclass(frozen=True)
class Budget:
    """When a search stops: runs, seconds, transitions in one run, situations kept."""

    runs: int = 1_000
    seconds: float = 10.0
    effects: int = 100_000
    situations: int = 1_000_000


@dataclass
class _Progress:
    runs: int = 0
    transitions: int = 0
    cut: str = ""
    budget_hits: int = 0
    clock_reads: frozenset[str] = frozenset()
    best: Counterexample | None = None
    hung: bool = False
    seconds: float = 0.0

    def judge(self, m: Machine, ended: str, expect: tuple[str, ...], settings: Settings) -> None:
        """Note what a run that has ended shows; keep the shortest run with findings."""
        self.runs += 1
        self.clock_reads |= frozenset(m.clock_reads)
        if ended == driver.BUDGET:
            self.budget_hits += 1
            return
        found = findings(m, ended, expect)
        if found and (self.best is None or m.count < self.best.transitions):
            self.best = Counterexample(tuple(found), settings, m.count, ended)


def check(
    spec: Spec,
    parameters: Mapping[str, Any],
    *,
    strategy: str = "walk",
    network: str = "node",
    budget: Budget | None = None,
    seed: int = 0,
    elapsed: Callable[[], float] = lambda: 0.0,
    progress: Callable[[int, int, bool], None] = lambda runs, transitions, found: None,
) -> Verdict:
    """Search the runs of `spec` and conclude.

    `elapsed` gives the seconds spent so far: real time is the caller's, not ours. It may raise
    KeyboardInterrupt at any time; what was found until then is kept in the verdict.
    """
    if strategy not in STRATEGIES:
        raise UnknownStrategy(strategy, known=STRATEGIES)
    budget = budget or Budget()
    search = _walks if strategy == "walk" else _dfs
    state = _Progress()
    situations = None

    def spent() -> float:
        state.seconds = elapsed()
        return state.seconds

    try:
        with globals_kept(spec.main):
            situations = search(spec, parameters, network, budget, seed, spent, progress, state)
    except KeyboardInterrupt:
        state.cut = "interrupted"
    except StepTooLong as hung:
        state.cut = f"{hung.where}: a step ran on without ever waiting"
        state.hung = True
    if state.best is not None:
        state.best = _shrunk(spec, parameters, state.best, elapsed, budget)
    return _verdict(spec, strategy, network, state, situations)


def _shrunk(
    spec: Spec,
    parameters: Mapping[str, Any],
    best: Counterexample,
    elapsed: Callable[[], float],
    budget: Budget,
) -> Counterexample:
    """Shrink the counterexample, for as long as the search had and no longer."""
    until = elapsed() + budget.seconds
    try:
        return smallest(spec, parameters, best, enough=lambda: elapsed() > until)
    except KeyboardInterrupt:
        return replace(best, parameters=dict(parameters))


def _walks(
    spec: Spec,
    parameters: Mapping[str, Any],
    network: str,
    budget: Budget,
    seed: int,
    elapsed: Callable[[], float],
    progress: Callable[[int, int, bool], None],
    state: _Progress,
) -> None:
    """Random walks over single transitions; the first one with steps that take no time."""
    state.cut = f"the budget of {budget.runs} runs is spent"
    for number in range(budget.runs):
        if elapsed() > budget.seconds:
            state.cut = f"the budget of {budget.seconds:g} s is spent"
            return
        step = (0.0, 0.0) if number == 0 else STEP_MS
        latency = step if network == "cluster" else (0.0, 0.0)
        settings = Settings(
            network=network, seed=seed + number, step_ms=step, latency_ms=latency, picker="walk",
            effects_max=budget.effects,
        )  # fmt: skip
        m = spec.machine(parameters, settings)
        m.checking = True
        ended = run(m, settings)
        state.transitions += m.count
        state.judge(m, ended, spec.expect, settings)
        progress(state.runs, state.transitions, state.best is not None)


def _dfs(
    spec: Spec,
    parameters: Mapping[str, Any],
    network: str,
    budget: Budget,
    seed: int,
    elapsed: Callable[[], float],
    progress: Callable[[int, int, bool], None],
    state: _Progress,
) -> int:
    """Depth-first over every interleaving and every order of timers; each situation once."""
    settings = Settings(network=network, time="any", picker="recorded", effects_max=budget.effects)
    m = spec.machine(parameters, settings, snapshots=True)
    m.checking = True
    search = Dfs(m, depth_max=budget.effects, history=lambda: crashes_so_far(m))
    for _ in search.leaves(lambda: _cut(search, budget, elapsed, progress, state)):
        before = state.best
        state.judge(m, driver.ended(m), spec.expect, settings)
        if state.best is not before and state.best is not None:
            # The path is gone when the search goes on: keep what leaves the default schedule.
            picks = tuple((step, str(search.path[step])) for step in search.deviations())
            state.best = replace(state.best, settings=replace(settings, picks=picks))
    state.transitions = search.transitions
    if search.cut:
        state.cut = state.cut or f"a run is longer than {budget.effects} transitions"
    return len(search.seen)


def _cut(
    search: Dfs,
    budget: Budget,
    elapsed: Callable[[], float],
    progress: Callable[[int, int, bool], None],
    state: _Progress,
) -> bool:
    progress(state.runs, search.transitions, state.best is not None)
    if elapsed() > budget.seconds:
        state.cut = f"the budget of {budget.seconds:g} s is spent"
    elif len(search.seen) > budget.situations:
        state.cut = f"the budget of {budget.situations} situations is spent"
    return bool(state.cut)


def _verdict(
    spec: Spec, strategy: str, network: str, state: _Progress, situations: int | None
) -> Verdict:
    complete = strategy == "dfs" and not state.cut and not state.budget_hits
    notes = []
    if state.budget_hits:
        notes.append(f"{state.budget_hits} runs hit the effect budget")
    if state.clock_reads and complete:
        complete = False
        state.cut = "the spec reads a time as a number"
        notes += [f"to_ms at {place}" for place in sorted(state.clock_reads)]
    word = "Violated" if state.best else "Held"
    if not state.best and (
        state.budget_hits or state.hung or state.cut == "interrupted" or not state.runs
    ):
        word = "Inconclusive"
    if not state.best and strategy == "dfs" and not complete:
        word = "Inconclusive"
    if state.budget_hits and word == "Inconclusive":
        state.cut = (
            "the effect budget was hit: raise --effects, or see whether a process never waits"
        )
    searched = Searched(
        strategy=strategy,
        network=network,
        time="any" if strategy == "dfs" else "with steps of 0 to 10 ms",
        runs=state.runs,
        transitions=state.transitions,
        situations=situations,
        seconds=state.seconds,
        why_stopped=state.cut,
    )
    return Verdict(spec.name, word, searched, complete, state.best, tuple(notes))


def found_kinds(verdict: Verdict) -> tuple[str, ...]:
    """Give the kinds of what was found, each once."""
    if verdict.counterexample is None:
        return ()
    kinds: list[Finding] = list(verdict.counterexample.findings)
    return tuple(dict.fromkeys(finding.kind for finding in kinds))


def unknown_kinds(expect: tuple[str, ...], known: Mapping[str, str]) -> None:
    """Refuse a spec that expects a finding of a kind that there is not."""
    for kind in expect:
        if kind not in known:
            raise UsageError(
                f"there is no finding {kind!r}", where="expect=", hint=f"Known: {', '.join(known)}."
            )
