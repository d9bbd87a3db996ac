"""The strategies, behind one interface: each makes runs of a spec and says what they amount to.

    search = strategy("rf", plan)
    for run, ended in search.ends(limit):
        ...judge `run`, which stands at its end; `search.settings()` replays it...
    search.cut, search.exhaustive, search.notes()

`limit(share)` gives the reason to stop, or "": it is asked between runs, with the share of the
budget that the asker may use. A strategy that stops for a reason of its own sets `cut`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf

from checkers.auto import Auto
from checkers.breadth import Breadth
from checkers.by_classes import ALONE, ByClasses
from checkers.delays import Branch, Delays
from checkers.depth import Depth
from checkers.hunting import Mixed, Pct, Pos, Surw, Walks
from checkers.judged import Judged
from checkers.search import ANY_TIME, BOUNDED, Base, Limit, Plan, Search
from simkernel.errors import UnknownStrategy, UsageError
from simkernel.settings import Settings


class Hunt(Base):
    """Delay-bounded search."""

    name = "delay"

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self.time = plan.times()

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make the schedules with the fewest delays, `plan.runs` of them."""
        plan = self.plan
        self.delays = search = Delays(lambda: plan.hunted(plan.recorded()), depth_max=plan.effects)

        def cut() -> bool:
            self.cut = limit(1.0)
            if not self.cut and search.runs >= plan.runs:
                self.cut = f"the budget of {plan.runs} runs is spent"
            return bool(self.cut)

        for run, ended in search.ends(cut, inf if plan.fleet is None else ALONE):
            self.runs, self.transitions = search.runs, search.transitions
            yield run, ended
        while plan.fleet is not None and search.level() and not cut():
            self._together(limit)
        if not self.cut:
            self.cut = limit(1.0) or "every schedule was made, but delay-bounded search only hunts"

    def _together(self, limit: Limit) -> None:
        """Let several processes make the schedules that wait with the fewest delays."""
        fleet, search = self.plan.fleet, self.delays
        self._level = list(search.level())[: self.plan.runs - search.runs]
        for share in fleet.shares(self, 0, len(self._level), limit):
            for transitions, branches in share.more:
                search.made(search.level().popleft(), transitions, branches)
            self.runs, self.transitions = search.runs, search.transitions
            self.cut = share.cut or self.cut
        self.cut = fleet.lost or self.cut

    def run(self, number: int) -> tuple[Judged, str]:
        """Make one of the schedules that wait."""
        run, ended = self.delays.run(self._level[number])
        self._count = run.m.count
        return run, ended

    def more(self) -> tuple[int, list[Branch]]:
        """Give how long the last run was, and where others leave it."""
        return self._count, self.delays.branches

    def settings(self) -> Settings:
        """Replay the last run."""
        recorded = replace(self.plan.recorded(), picks=self.delays.picks)
        return recorded if self.delays.last is None else self.delays.last.as_made(recorded)

    def notes(self) -> list[str]:
        """Say how many delays were all tried."""
        return [f"every schedule with fewer than {self.delays.delays} delays was made"]


class Deepening(Base):
    """Any strategy with no fault, then with one, and so on until something is found."""

    def __init__(self, name: str, plan: Plan):
        super().__init__(plan)
        self._levels = [
            replace(plan, faults=faults, runs=max(1, plan.runs // (plan.faults + 1)))
            for faults in range(plan.faults + 1)
        ]
        self._make = STRATEGIES[name]
        self._now = self._make(self._levels[0])
        self._found = False
        self._before = (0, 0, 0)
        self._begin(self._now)

    def _begin(self, search: Search) -> None:
        self._now = search
        self.name, self.time = search.name, search.time
        self.exhaustive, self.seen = search.exhaustive, search.seen

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make the runs of each level; a level that is cut is the last."""
        for level, plan in enumerate(self._levels):
            if level:
                self._begin(self._make(plan))
            part = (level + 1) / len(self._levels)

            def within(share: float, part: float = part) -> str:
                return limit(share * part)

            for run, ended in self._now.ends(within):
                self._count()
                self._found = self._found or bool(run.findings(ended))
                yield run, ended
            self._count()
            self._found = self._found or (plan.fleet is not None and plan.fleet.found())
            self._before = (self.runs, self.transitions, self.situations or 0)
            self.cut, self.exhaustive = self._now.cut, self._now.exhaustive
            if self._found or (self.cut and self.exhaustive and not self._now.round):
                return

    def _count(self) -> None:
        runs, transitions, situations = self._before
        now = self._now
        self.runs, self.transitions = runs + now.runs, transitions + now.transitions
        if now.situations is not None:
            self.situations = situations + now.situations

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._now.settings()

    def notes(self) -> list[str]:
        """Say with how many faults something was found, or how far the search came."""
        faults = self._now.plan.faults
        said = f"found with at most {faults}" if self._found else f"tried with up to {faults}"
        return [f"faults: {said} of {self.plan.faults}", *self._now.notes()]


STRATEGIES: dict[str, Callable[[Plan], Search]] = {
    "auto": Auto,
    "portfolio": Mixed,
    "walk": Walks,
    "pct": Pct,
    "pos": Pos,
    "surw": Surw,
    "bfs": Breadth,
    "dfs": Depth,
    "dpor": lambda plan: ByClasses(plan, by_message=False),
    "rf": lambda plan: ByClasses(plan, by_message=True),
    "delay": Hunt,
}


RANDOM = ("portfolio", "walk", "pct", "pos", "surw")
"""The strategies that draw at random, times included."""


def known_time(time: str, strategy: str) -> str:
    """Give a time model that a strategy has; any other is a UsageError."""
    if time == ANY_TIME and strategy in RANDOM:
        raise UsageError(
            f"{strategy} draws its times, within the bounds of time {BOUNDED!r}",
            where="--time",
            hint="Use --strategy rf with --time any.",
        )
    if time not in (ANY_TIME, BOUNDED):
        raise UsageError(
            f"{time!r} is no time model of a search",
            where="time=",
            hint=f"It is {ANY_TIME!r} or {BOUNDED!r}.",
        )
    return time


def strategy(name: str, plan: Plan) -> Search:
    """Begin a search; an unknown name raises UnknownStrategy."""
    if name not in STRATEGIES:
        raise UnknownStrategy(name, known=STRATEGIES)
    if plan.faults:
        return Deepening(name, plan)
    return STRATEGIES[name](plan)
