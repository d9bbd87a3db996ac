"""Random searches: walks, PCT, POS, SURW, and all of them in turn.

They prove nothing, and say how far they came: how many different behaviours they saw, and how
likely the next run is to show one that is new.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any, Protocol

from checkers.intents import Profile, SurwScheduler
from checkers.judged import Judged
from checkers.priorities import PctScheduler, PosScheduler
from checkers.search import STEP_MS, Base, Limit, Plan
from checkers.watched import Watched
from simkernel.choice import FAULTS
from simkernel.kernel import driver
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings
from simkernel.spec import chooser_of

HEALS = 0.1  # a partition, at each of the steps for which it lasts
LEARNING = 120
"""How many runs a search learns from: after these a run is a function of its number alone, whoever
makes it. Four strategies in turn have the same number each."""


class Scheduler(Protocol):
    """Picks, and is told what happens."""

    def pick(self, options: list[Transition]) -> Transition: ...
    def perform(self, transition: Transition, apply: Any) -> None: ...


class WalkScheduler:
    """Picks any option."""

    def __init__(self, m: Watched, random: Random):
        self._random = random

    def pick(self, options: list[Transition]) -> Transition:
        """Give any option."""
        return options[int(self._random.random() * len(options))]

    def perform(self, transition: Transition, apply: Any) -> None:
        """Let a transition happen."""
        apply(transition)


class Seen:
    """The behaviours that runs have shown: what each process took, in which order."""

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()

    def add(self, behaviour: bytes) -> None:
        """Add what one run showed."""
        self.counts[behaviour] += 1

    @property
    def unseen(self) -> float | None:
        """The probability that the next run shows a new one (Good and Turing's estimate)."""
        runs = self.counts.total()
        once = sum(count == 1 for count in self.counts.values())
        return once / runs if runs else None


class Hunting(Base, ABC):
    """What random searches have in common."""

    time = "with steps of 0 to 10 ms"

    def __init__(self, plan: Plan, seen: Seen | None = None):
        super().__init__(plan)
        self.seen = seen or Seen()
        self._settings = Settings()
        self.length = 0  # of the longest run so far
        self.learning = True

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make `plan.runs` runs, each with the next seed."""
        for number in range(self.plan.runs):
            self.learn(number < LEARNING)
            if number == LEARNING and self.plan.fleet is not None:
                self._shared(limit)
                break
            self.cut = limit(1.0)
            if self.cut:
                return
            run, ended = self.run(number)
            self.runs += 1
            self.transitions += run.m.count
            if ended != driver.LATE:
                self.seen.add(run.judges.behaviour(run.m))
            yield run, ended
            run.m.close()
        self.cut = self.cut or f"the budget of {self.plan.runs} runs is spent"

    def _shared(self, limit: Limit) -> None:
        """Let several processes make the other runs, and judge them."""
        fleet = self.plan.fleet
        for share in fleet.shares(self, LEARNING, self.plan.runs, limit):
            self.runs += share.runs
            self.transitions += share.transitions
            self.seen.counts.update(share.seen)
            self.cut = share.cut or self.cut
        self.cut = fleet.lost or self.cut or limit(1.0)

    def more(self) -> None:
        """Nothing follows from one run for others."""

    def learn(self, more: bool) -> None:
        """Learn from the next runs, or no more."""
        self.learning = more

    @abstractmethod
    def run(self, number: int) -> tuple[Judged, str]:
        """Make one run."""

    def drawn(self, number: int, picker: str) -> Settings:
        """Give the settings of a run; in the first one steps take no time."""
        plan = self.plan
        step = STEP_MS if self.takes_time(number) else (0.0, 0.0)
        latency = step if plan.network == "cluster" else (0.0, 0.0)
        return Settings(
            network=plan.network, seed=plan.seed + number, step_ms=step, latency_ms=latency,
            picker=picker, effects_max=plan.effects, faults=plan.faults, rare=plan.rare,
        )  # fmt: skip

    def scheduled(
        self, number: int, scheduler: Callable[[Watched, Random], Scheduler]
    ) -> tuple[Judged, str]:
        """Make a run that a scheduler picks, with faults at random places."""
        settings = self.drawn(number, "recorded")
        run = self.plan.hunted(settings, kind=Watched)
        run.judges.remember()
        m = run.m
        assert isinstance(m, Watched)
        random = Random(settings.seed)
        # Drawn beforehand: who picks among all that is possible has most faults at the beginning.
        faulty = {int(random.random() * self.length) for _ in range(settings.faults)}
        picking = scheduler(m, random)
        picks: list[tuple[int, str]] = []
        ended = driver.BUDGET
        while m.count < self.plan.effects:
            options = run.enabled()
            if not options:
                ended = run.ended()
                break
            picked = self._picked(options, picking, random, m.count in faulty)
            if picked != options[0]:
                picks.append((m.count, str(picked)))
            picking.perform(picked, run.apply)
        self._settings = run.as_made(replace(settings, picks=tuple(picks)))
        if self.learning:
            self.length = max(self.length, m.count)
        return run, ended

    @staticmethod
    def _picked(
        options: list[Transition], picking: Scheduler, random: Random, faulty: bool
    ) -> Transition:
        faults = [option for option in options if option.kind in FAULTS]
        worse = [option for option in faults if option.kind != "heal"]
        if worse and faulty:
            return worse[int(random.random() * len(worse))]
        if len(worse) < len(faults) and random.random() < HEALS:
            return next(option for option in faults if option.kind == "heal")
        usual = [option for option in options if option not in faults] if faults else options
        return usual[0] if len(usual) == 1 else picking.pick(usual)

    def takes_time(self, number: int) -> bool:
        """Tell whether steps take time in a run."""
        return number > 0

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._settings


class Walks(Hunting):
    """Random walks over single transitions."""

    name = "walk"

    def run(self, number: int) -> tuple[Judged, str]:
        """Make one run."""
        if self.plan.faults:
            return self.scheduled(number, WalkScheduler)
        self._settings = self.drawn(number, "walk")
        walk = self.plan.hunted(self._settings)
        walk.judges.remember()
        ended = walk.run(chooser_of(self._settings), self.plan.effects)
        self._settings = walk.as_made(self._settings)
        return walk, ended


class Scheduled(Hunting):
    """Runs that a scheduler picks, which knows the machine; they are replayed by their picks."""

    def takes_time(self, number: int) -> bool:
        """Without durations the order is the scheduler's alone; with them timeouts may race."""
        return number % 4 == 3

    @abstractmethod
    def scheduler(self, m: Watched, random: Random, number: int) -> Scheduler:
        """Make the scheduler of a run."""

    def run(self, number: int) -> tuple[Judged, str]:
        """Make one run."""
        made: list[Scheduler] = []

        def scheduler(m: Watched, random: Random) -> Scheduler:
            made.append(self.scheduler(m, random, number))
            return made[0]

        run, ended = self.scheduled(number, scheduler)
        if self.learning:
            self.over(made[0])
        return run, ended

    def over(self, scheduler: Scheduler) -> None:
        """Learn from a run."""


class Pct(Scheduled):
    """PCT over chains, for bugs of two or three orders."""

    name = "pct"

    def scheduler(self, m: Watched, random: Random, number: int) -> Scheduler:
        """Make the scheduler of a run."""
        depth = 2 + (number + number // 4) % 2  # each with and without durations
        return PctScheduler(m, random, depth=depth, length=self.length)


class Pos(Scheduled):
    """Partial order sampling."""

    name = "pos"

    def scheduler(self, m: Watched, random: Random, number: int) -> Scheduler:
        """Make the scheduler of a run."""
        return PosScheduler(m, random)


class Surw(Scheduled):
    """Selectively uniform walks."""

    name = "surw"

    def __init__(self, plan: Plan, seen: Seen | None = None):
        super().__init__(plan, seen)
        self._profile = Profile()

    def scheduler(self, m: Watched, random: Random, number: int) -> Scheduler:
        """Make the scheduler of a run."""
        shared = self._profile.shared()
        thing = shared[number % len(shared)] if shared else None
        return SurwScheduler(m, random, self._profile, thing)

    def over(self, scheduler: Scheduler) -> None:
        """Learn who touches what."""
        assert isinstance(scheduler, SurwScheduler)
        self._profile.add(scheduler.seen)


class Mixed(Hunting):
    """All of them in turn: no single one is good at every kind of bug."""

    name = "portfolio"
    parts: tuple[Callable[[Plan, Seen], Hunting], ...] = (Walks, Pos, Pct, Surw)

    def __init__(self, plan: Plan, seen: Seen | None = None):
        super().__init__(plan, seen)
        self._parts = [part(plan, self.seen) for part in self.parts]
        self._now = self._parts[0]

    def run(self, number: int) -> tuple[Judged, str]:
        """Make one run, of the next kind."""
        size = len(self._parts)
        self._now = self._parts[number % size]
        return self._now.run(number // size)

    def learn(self, more: bool) -> None:
        """Learn from the next runs, or no more."""
        for part in self._parts:
            part.learning = more

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._now.settings()
