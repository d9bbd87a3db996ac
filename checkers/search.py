"""What all searches have in common: what is searched, and what a search is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from checkers.judged import Judged
from simkernel.settings import Settings
from simkernel.spec import Spec

STEP_MS = (0.0, 10.0)
ANY_TIME, BOUNDED = "any", "bounded"
RUN_MAX = 5_000
"""The most transitions of one run that a search of classes follows: it remembers all of them."""

Limit = Callable[[float], str]


@dataclass(frozen=True)
class Plan:
    """What is searched: a spec with its parameters, on a network, within bounds.

    `effects` bounds the transitions of a run, `faults` what may go wrong in it, `runs` what the
    hunting strategies make. `rare` adds what the VM does a few times in 100,000.
    """

    spec: Spec
    parameters: Mapping[str, Any]
    network: str = "node"
    runs: int = 1_000
    effects: int = 100_000
    seed: int = 0
    faults: int = 0
    time: str = ANY_TIME
    rare: bool = False
    fleet: Any = None  # `checkers.fleet.Fleet`, where several processes search
    late: Callable[[], bool] | None = None  # whether the time for the search is over

    def judged(self, settings: Settings, **options: Any) -> Judged:
        """Make a run."""
        return Judged(self.spec, self.parameters, settings, **options)

    def hunted(self, settings: Settings, **options: Any) -> Judged:
        """Make a run that is cut where the time for the search is over: it may be a long one."""
        run = self.judged(settings, **options)
        run.late = self.late
        return run

    def recorded(self) -> Settings:
        """Give the settings of a run that a systematic search picks: its times are not drawn."""
        bounded = self.time == BOUNDED
        return Settings(
            network=self.network, time=self.time, picker="recorded", effects_max=self.effects,
            faults=self.faults, rare=self.rare, step_ms=STEP_MS if bounded else (0, 0),
            latency_ms=STEP_MS if bounded and self.network == "cluster" else (0, 0),
        )  # fmt: skip

    def times(self) -> str:
        """Say how long things take in such a run."""
        if self.time == ANY_TIME:
            return ANY_TIME
        what = "steps and signals" if self.network == "cluster" else "steps"
        return f"bounded ({what} of {STEP_MS[0]:g} to {STEP_MS[1]:g} ms)"


class Search(Protocol):
    """One search of one spec."""

    plan: Plan
    name: str
    time: str
    runs: int
    transitions: int
    situations: int | None  # of a search of situations
    exhaustive: bool  # whether it has seen every run once it was not cut
    endless: bool  # whether it judges runs without end, too
    round: bool  # whether it has seen that some run goes round for ever
    cut: str
    seen: Any  # of a random search, the behaviours it saw: see `hunting.Seen`

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]: ...
    def settings(self) -> Settings: ...
    def notes(self) -> list[str]: ...


class Base:
    """What the strategies have in common."""

    name = ""
    time = ANY_TIME
    situations: int | None = None
    exhaustive = False
    endless = False
    round = False
    seen: Any = None

    def __init__(self, plan: Plan):
        self.plan = plan
        self.cut = ""
        self.runs = 0
        self.transitions = 0

    def notes(self) -> list[str]:
        """Say what a reader of the verdict has to know."""
        return []
