"""What a check concludes, always together with what was searched for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checkers.findings import Finding
from simkernel.notebook import table
from simkernel.settings import Settings


@dataclass(frozen=True)
class Searched:
    """What was spent: how many runs, how many different situations, how many transitions."""

    strategy: str
    network: str
    time: str
    runs: int
    transitions: int
    situations: int | None
    seconds: float
    why_stopped: str
    faults: int = 0  # the budget: what may go wrong in a run
    hits: int = 0  # runs that showed something wrong
    behaviours: int | None = None  # of a random search, how many different ones it saw
    unseen: float | None = None  # and the probability that the next run shows a new one
    rare: bool = False  # with what the real VM does only seldom
    workers: int = 1  # how many processes made the runs

    @property
    def estimate(self) -> str:
        """Say how much a random search may have missed."""
        if self.unseen is None:
            return ""
        seen = "1 behaviour" if self.behaviours == 1 else f"{self.behaviours} behaviours"
        return f"; {seen}, the next run has a new one with {self.unseen:.1%}"


@dataclass(frozen=True)
class Turn:
    """What a run turns on: at step `first` something happened that came before `over`, which the
    default schedule has there, and which came at step `later` or not at all.

    Of a process that is held back: it did nothing from step `since` on, until it did `over`.
    """

    first: int
    later: int | None
    over: str
    held: str = ""
    since: int = 0


@dataclass(frozen=True)
class Shown:
    """The order of a counterexample's events that is shown: a run of its own, with what it shows.

    `switches` are its context switches, and `instead_of` those of the run that replays.
    """

    settings: Settings
    findings: tuple[Finding, ...]
    switches: int
    instead_of: int
    turn: Turn | None


@dataclass(frozen=True)
class Counterexample:
    """One run that shows a finding: its settings replay it, with these parameters."""

    findings: tuple[Finding, ...]
    settings: Settings
    transitions: int
    ended: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    instead: str = ""  # what the default schedule has where the run leaves it last
    shown: Shown | None = None  # the order to show it in, if it is another one

    @property
    def deviations(self) -> int:
        """How often the run leaves the default schedule: at a step, or to hold a process back."""
        return len(self.settings.picks)


@dataclass(frozen=True)
class Kept:
    """A violation that was found before: its failure, and the run that showed it."""

    path: str
    failure: tuple[str, str]
    text: str
    since: str
    parameters: Mapping[str, str]
    settings: Settings
    ended: str
    source: str  # hash of the spec's file then


@dataclass(frozen=True)
class Again:
    """What has become of it: "fails" still, "gone", "lost" (its run is not possible any more),
    "expected" now; or it was "not asked" or "not made"."""

    kept: Kept
    status: str
    why: str
    counterexample: Counterexample | None = None

    @property
    def sentence(self) -> str:
        """Say it to a person.

        >>> kept = Kept("", ("crash", ""), "it crashes", "2026-01-31", {}, Settings(), "", "")
        >>> Again(kept, "gone", "").sentence
        'known since 2026-01-31: it crashes: no longer fails'
        """
        status = {"fails": "still fails", "gone": "no longer fails",
                  "lost": "does not replay any more"}.get(self.status, "not run again")  # fmt: skip
        why = f" ({self.why})" if self.why else ""
        return f"known since {self.kept.since}: {self.kept.text}: {status}{why}"


@dataclass(frozen=True)
class Verdict:
    """Held, Violated or Inconclusive.

    `complete` says that the search was not cut: only then does Held mean every run. `known` is what
    the corpus had of it.
    """

    spec: str
    word: str
    searched: Searched
    complete: bool
    counterexample: Counterexample | None = None
    notes: tuple[str, ...] = field(default=())
    known: tuple[Again, ...] = ()

    @property
    def since(self) -> str:
        """Tell since when the failure of the counterexample is known; "" if it is new."""
        if self.counterexample is None:
            return ""
        shown = self.counterexample.findings[0].identity
        same = (
            one.kept.since
            for one in self.known
            if one.kept.failure == shown or one.counterexample is self.counterexample
        )
        return next(same, "")

    def _repr_html_(self) -> str:
        """Give what a notebook shows."""
        rows = [(self.word, self.sentence)]
        if self.counterexample is not None:
            rows += [(one.kind, one.text) for one in self.counterexample.findings]
        rows += [("note", note) for note in self.notes]
        return table(self.spec, rows)

    @property
    def sentence(self) -> str:
        """Say what the verdict stands for."""
        s = self.searched
        where = f"on {s.network}, time {s.time}"
        if s.rare:
            where += ", what is rare included"
        if s.faults:
            where += f", with up to {s.faults} fault{'s' if s.faults > 1 else ''}"
        if self.word == "Held":
            if self.complete:
                found = (
                    f"{s.runs} classes of runs"
                    if s.situations is None
                    else f"{s.runs} ends, {s.situations} situations"
                )
                return f"in every run {where}: {found}"
            return f"within the budget, {where}: {s.runs} runs, {s.why_stopped}{s.estimate}"
        if self.word == "Violated":
            if self.counterexample is None:
                return f"{where}: {self.searched.runs} ends, and something was never reached"
            return f"{where}: {self.counterexample.findings[0].kind}"
        return f"{where}: {s.why_stopped} after {s.runs} runs"
