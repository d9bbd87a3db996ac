"""Checking one spec: a strategy runs it within a budget, the findings judge each run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from checkers.findings import Finding, crashes_so_far, findings
from checkers.strategies import Plan, Search
from checkers.strategies import strategy as begin
from checkers.verdict import Counterexample, Searched, Verdict
from simkernel.errors import StepTooLong, UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.leftovers import globals_kept
from simkernel.settings import Settings
from simkernel.spec import Spec


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
    cut: str = ""
    budget_hits: int = 0
    clock_reads: frozenset[str] = frozenset()
    best: Counterexample | None = None
    hung: bool = False
    seconds: float = 0.0

    def judge(
        self, m: Machine, ended: str, expect: tuple[str, ...], settings: Callable[[], Settings]
    ) -> None:
        """Note what a run that has ended shows; keep the shortest run with findings."""
        self.runs += 1
        self.clock_reads |= frozenset(m.clock_reads)
        if ended == driver.BUDGET:
            self.budget_hits += 1
            return
        found = findings(m, ended, expect)
        if found and (self.best is None or m.count < self.best.transitions):
            self.best = Counterexample(tuple(found), settings(), m.count, ended)


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
    budget = budget or Budget()
    search = begin(
        strategy,
        Plan(
            spec, parameters, network, runs=budget.runs, effects=budget.effects, seed=seed,
            history=crashes_so_far,
        ),
    )  # fmt: skip
    state = _Progress()

    def limit(share: float) -> str:
        state.seconds = elapsed()
        progress(state.runs, search.transitions, state.best is not None)
        if state.seconds > share * budget.seconds:
            return f"the budget of {share * budget.seconds:g} s is spent"
        if search.situations is not None and search.situations > budget.situations:
            return f"the budget of {budget.situations} situations is spent"
        return ""

    try:
        with globals_kept(spec.main):
            for m, ended in search.ends(limit):
                state.judge(m, ended, spec.expect, search.settings)
    except KeyboardInterrupt:
        state.cut = "interrupted"
    except StepTooLong as hung:
        state.cut = f"{hung.where}: a step ran on without ever waiting"
        state.hung = True
    state.cut = state.cut or search.cut
    return _verdict(spec, search, network, state)


def _verdict(
    spec: Spec, search: Search, network: str, state: _Progress
) -> Verdict:
    complete = search.exhaustive and not state.cut and not state.budget_hits
    notes = search.notes()
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
    if not state.best and search.exhaustive and not complete:
        word = "Inconclusive"
    if state.budget_hits and word == "Inconclusive":
        state.cut = (
            "the effect budget was hit: raise --effects, or see whether a process never waits"
        )
    searched = Searched(
        strategy=search.name,
        network=network,
        time=search.time,
        runs=state.runs,
        transitions=search.transitions,
        situations=search.situations,
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
