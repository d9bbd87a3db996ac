"""The strategy `auto`: which search fits a spec, and what to do where it is too much."""

from __future__ import annotations

from collections.abc import Iterator

from checkers.breadth import Breadth
from checkers.by_classes import ByClasses, beyond_classes, crashes_alone
from checkers.depth import Depth
from checkers.hunting import Mixed
from checkers.judged import Judged
from checkers.search import Base, Limit, Plan, Search
from simkernel.settings import Settings


class Auto(Base):
    """Search exhaustively for half of the budget, or three quarters if classes are too many and
    situations perhaps are not; if it is too much, hunt with the rest."""

    name = "auto"
    exhaustive = True

    def __init__(self, plan: Plan):
        super().__init__(plan)
        asked = beyond_classes(plan.spec)
        self._why = "one run of every class is enough"
        if asked:
            self._why = f"the property {asked!r} looks at situations"
        lost = plan.faults and not crashes_alone(plan)
        if lost:
            self._why = "messages may be lost in every situation"
        if plan.rare:
            self._why = "what is rare is no matter of classes"
        self._first: Depth | ByClasses | Breadth = (
            Depth(plan, share=0.5)
            if asked or lost or plan.rare
            else ByClasses(plan, by_message=True, share=0.5, narrow=True)
        )
        self.time = self._first.time
        self._now: Search = self._first
        self._notes: list[str] = []

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make every run that is needed, then perhaps random ones."""
        yield from self._exhaust(limit)
        first = self._first
        self.situations, self.time, self.endless = first.situations, first.time, first.endless
        picked = f"auto picked {first.name}, because {self._why}"
        if not first.cut:
            self._notes.append(picked)
            return
        self.exhaustive = self.endless = False
        self._notes.append(f"{picked}: {first.runs} runs until {first.cut}; then a portfolio")
        self._now = hunt = Mixed(self.plan)
        self.seen = hunt.seen
        self.time = f"{first.time}, then {hunt.time}"
        yield from self._part(limit)
        self.cut = hunt.cut

    def _exhaust(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Make every run that is needed, by a search that can."""
        yield from self._part(limit)
        first = self._first
        if isinstance(first, ByClasses):
            if first.declined:
                self._turn(
                    Depth(self.plan, share=0.5),
                    f"the property {first.declined!r} looks at situations",
                )
            elif first.undecided:
                self._notes.append(f"{first.name}: {first.cut}")
                self._turn(Depth(self.plan, share=0.75), "situations know their times")
            elif first.cut and not limit(0.75):
                self._notes.append(f"{first.name}: {first.runs} runs until {first.cut}")
                self._turn(Depth(self.plan, share=0.75), "situations may be fewer than classes")
            else:
                return
            yield from self._part(limit)
        dfs = self._first
        if isinstance(dfs, Depth) and dfs.round and (dfs.left_open or not dfs.cut):
            if dfs.cut:
                self._notes.append(f"{dfs.name}: {dfs.cut}")
            self._turn(Breadth(self.plan), "some runs go round for ever")
            yield from self._part(lambda share: limit(share * 0.9))

    def _turn(self, search: Depth | Breadth, why: str) -> None:
        self._now = self._first = search
        self._why = why

    def _part(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        before = self.runs, self.transitions
        for run, ended in self._now.ends(limit):
            self._count(*before)
            yield run, ended
        self._count(*before)  # other processes may have made the last ones

    def _count(self, runs: int, transitions: int) -> None:
        self.runs, self.transitions = runs + self._now.runs, transitions + self._now.transitions

    def settings(self) -> Settings:
        """Replay the last run."""
        return self._now.settings()

    def notes(self) -> list[str]:
        """Say what was picked, and why."""
        return [*self._notes, *self._first.notes()]
