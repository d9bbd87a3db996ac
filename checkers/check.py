"""Checking one spec: a strategy runs it within a budget, the findings judge each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from checkers.coverage import Coverage
from checkers.finding import Finding, known_kinds
from checkers.fleet import Fleet
from checkers.judged import Ending, Judged
from checkers.monitor import Sometimes
from checkers.search import BOUNDED, Plan, Search
from checkers.shown import shown
from checkers.shrink import smallest
from checkers.strategies import strategy as begin
from checkers.verdict import Again, Counterexample, Searched, Verdict
from simkernel.errors import Overrun, StepTooLong
from simkernel.kernel import driver
from simkernel.leftovers import globals_kept
from simkernel.settings import Settings
from simkernel.spec import Spec

RESERVE = 16 * 2**20  # bytes to conclude with, where the runs have taken all the memory


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
    hits: int = 0
    clock_reads: frozenset[str] = frozenset()
    best: Counterexample | None = None
    best_at: int = 0  # which run of the search it is
    reached: frozenset[str] = frozenset()  # of the goals that some run has to reach
    suspected: frozenset[str] = frozenset()  # not fulfilled when a run was cut
    coverage: Coverage = field(default_factory=Coverage)
    hung: bool = False
    seconds: float = 0.0
    known: tuple[Again, ...] = ()
    notes: list[str] = field(default_factory=list)

    def absorb(self, other: _Progress) -> None:
        """Take in what was found in runs after those so far."""
        self.runs += other.runs
        self.budget_hits += other.budget_hits
        self.hits += other.hits
        self.clock_reads |= other.clock_reads
        self.reached |= other.reached
        self.suspected |= other.suspected
        self.coverage.add(other.coverage)
        if other.best is not None:
            self._offer(other.best)

    def remember(self, one: Again) -> None:
        """Take in what has become of a failure that was known before the search."""
        self.known = (*self.known, one)
        if one.counterexample is not None:
            self._offer(one.counterexample)

    def judge(self, run: Judged, ended: str, settings: Callable[[], Settings], at: int = 0) -> None:
        """Note what a run that has ended shows; keep the shortest run with findings, and that it
        was the run `at` so many of a search."""
        self.note(run)
        self.end(run.ending(ended), run.m.count, settings, at)

    def end(
        self, ending: Ending, transitions: int, settings: Callable[[], Settings], at: int = 0
    ) -> None:
        """Note what a run that has ended shows."""
        found, ended = ending.findings, ending.ended
        self.runs += ended != driver.LATE or bool(found)  # what was cut is no run that holds
        self.clock_reads |= frozenset(ending.clock_reads)
        self.budget_hits += ended == driver.BUDGET
        self.suspected |= frozenset(ending.hot)
        self.hits += bool(found)
        if found and self._better(found, transitions):
            ended = driver.BUDGET if ended == driver.LATE else ended  # as it is when made again
            self.best = Counterexample(found, settings(), transitions, ended)
            self.best_at = at

    def shows(self, example: Counterexample) -> None:
        """Keep the best as it is to be shown, also where it is known from before."""
        self.known = tuple(
            replace(one, counterexample=example) if one.counterexample is self.best else one
            for one in self.known
        )
        self.best = example

    def _offer(self, example: Counterexample) -> None:
        if self._better(example.findings, example.transitions):
            self.best = example

    def _better(self, found: Sequence[Finding], transitions: int) -> bool:
        """Tell whether a run is the one to show: a new failure before known ones, then a shorter
        run."""
        if self.best is None:
            return True
        new, old = self._is_known(found), self._is_known(self.best.findings)
        return (new, transitions) < (old, self.best.transitions)

    def _is_known(self, found: Sequence[Finding]) -> bool:
        return any(one.kept.failure == found[0].identity for one in self.known)

    @property
    def is_shrunk(self) -> bool:
        """Tell whether the best is a run of the corpus: they are kept as small as they get."""
        return any(one.counterexample is self.best for one in self.known)

    def note(self, run: Judged) -> None:
        """Note what a run has reached so far."""
        self.reached |= run.monitor.reached
        self.coverage.add(run.judges.coverage)


def check(
    spec: Spec,
    parameters: Mapping[str, Any],
    *,
    strategy: str = "walk",
    network: str = "node",
    budget: Budget | None = None,
    seed: int = 0,
    faults: int = 0,
    time: str = BOUNDED,
    rare: bool = False,
    known: Iterable[Callable[[], Again]] = (),
    workers: int = 1,
    elapsed: Callable[[], float] = lambda: 0.0,
    progress: Callable[[int, int, bool], None] = lambda runs, transitions, found: None,
) -> Verdict:
    """Search the runs of `spec` and conclude.

    `known` are failures to look for first (`checkers.corpus`). `workers` processes make the runs of
    a random search; the verdict is the same for any number of them.
    `elapsed` gives the seconds spent so far: real time is the caller's, not ours. It may raise
    KeyboardInterrupt at any time; what was found until then is kept in the verdict.
    """
    known_kinds(spec.expect)
    budget = budget or Budget()
    state = _Progress()
    plan = Plan(spec, parameters, network, budget.runs, budget.effects, seed, faults, time, rare)
    fleet = _fleet(workers, spec, budget, elapsed, state)
    plan = replace(plan, fleet=fleet, late=lambda: elapsed() > budget.seconds)
    search = begin(strategy, plan)

    def limit(share: float) -> str:
        state.seconds = elapsed()
        if fleet is None or not fleet.child:
            progress(max(state.runs, search.runs), search.transitions, state.best is not None)
        if state.seconds > share * budget.seconds:
            return f"the budget of {share * budget.seconds:g} s is spent"
        if search.situations is not None and search.situations > budget.situations:
            return f"the budget of {budget.situations} situations is spent"
        return ""

    _searched(spec, search, state, known, limit)
    if fleet is not None:
        state.hung = state.hung or bool(fleet.lost)
        state.notes += fleet.notes
    if state.best is not None and not state.is_shrunk:
        state.best = _shrunk(spec, parameters, state.best, elapsed, budget)
    if state.best is not None:
        state.shows(shown(spec, state.best))
    return _verdict(spec, search, network, state)


def _searched(
    spec: Spec,
    search: Search,
    state: _Progress,
    known: Iterable[Callable[[], Again]],
    limit: Callable[[float], str],
) -> None:
    """Search until the end, or until something ends it."""
    reserve = bytearray(RESERVE)
    try:
        with globals_kept(spec.main):
            for again in known:
                state.remember(again())
            run = None
            for run, ended in search.ends(limit):
                state.judge(run, ended, search.settings)
            if run is not None:  # what was reached on ways that led to what was known already
                state.note(run)
    except KeyboardInterrupt:
        state.cut = "interrupted"
    except (StepTooLong, Overrun) as cut:
        hung = cut if isinstance(cut, StepTooLong) else StepTooLong()
        state.cut = f"{hung.where}: {hung.what}"
        state.hung = True
    except MemoryError:
        del reserve
        state.cut = "the memory that it may use is full (--memory)"
        state.hung = True
    state.cut = state.cut or search.cut


def _fleet(
    workers: int, spec: Spec, budget: Budget, elapsed: Callable[[], float], state: _Progress
) -> Fleet | None:
    if workers == 1:
        return None
    return Fleet(
        workers, spec, budget.seconds, elapsed,
        fresh=lambda: _Progress(known=state.known),
        absorb=state.absorb,
        end=state.end,
        found=lambda: state.hits > 0,
    )  # fmt: skip


def _shrunk(
    spec: Spec,
    parameters: Mapping[str, Any],
    best: Counterexample,
    elapsed: Callable[[], float],
    budget: Budget,
) -> Counterexample:
    """Shrink the counterexample, for as long as the search had and no longer."""
    if best.ended == driver.ROUND:  # it is as short as it can be found, and no wish leads round
        return replace(best, parameters=dict(parameters))
    try:
        until = elapsed() + budget.seconds
        return smallest(spec, parameters, best, enough=lambda: elapsed() > until)
    except (KeyboardInterrupt, StepTooLong, MemoryError):  # what was found is not lost with it
        return replace(best, parameters=dict(parameters))


def _verdict(spec: Spec, search: Search, network: str, state: _Progress) -> Verdict:
    complete = search.exhaustive and not state.cut and not state.budget_hits
    notes = [*search.notes(), *state.notes]
    if state.budget_hits:
        notes.append(f"{state.budget_hits} runs hit the effect budget")
    if state.clock_reads and complete:
        complete = False
        state.cut = "the spec reads a time as a number"
        notes += [f"to_ms at {place}" for place in sorted(state.clock_reads)]
    word = "Violated" if state.best else "Held"
    missed = [
        name
        for name, what in spec.properties.items()
        if isinstance(what, Sometimes) and name not in state.reached
    ]
    notes += [f"sometimes, but never reached: {name}" for name in missed]
    notes += [
        f"suspected: {name}, not fulfilled when a run was cut (bfs can tell)"
        for name in sorted(state.suspected)
    ]
    if state.best and search.seen is not None:
        notes.append(f"{state.hits} of {state.runs} runs show something wrong")
    if not state.best:
        notes += [text for kind, text in state.coverage.gaps() if kind not in spec.expect]
    if not state.best and (
        state.budget_hits
        or state.hung
        or state.cut == "interrupted"
        or not (state.runs or search.endless)
    ):
        word = "Inconclusive"
    if not state.best and search.exhaustive and not complete:
        word = "Inconclusive"
    if missed and word == "Held":
        word = "Violated" if complete else "Inconclusive"
    if state.budget_hits and word == "Inconclusive":
        advice = "raise --effects, or see whether a process never waits"
        if spec.horizon_ms is not None and search.seen is None:
            advice = "the horizon ends only runs with drawn times, as --strategy portfolio makes"
        state.cut = f"the effect budget was hit: {advice}"
    searched = Searched(
        strategy=search.name,
        network=network,
        time=search.time,
        runs=state.runs,
        transitions=search.transitions,
        situations=search.situations,
        seconds=state.seconds,
        why_stopped=state.cut,
        faults=search.plan.faults,
        rare=search.plan.rare,
        hits=state.hits,
        behaviours=len(search.seen.counts) if search.seen is not None else None,
        unseen=search.seen.unseen if search.seen is not None else None,
        workers=search.plan.fleet.count if search.plan.fleet else 1,
    )
    return Verdict(spec.name, word, searched, complete, state.best, tuple(notes), state.known)
