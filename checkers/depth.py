"""The strategy `dfs`: every situation once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import inf

from checkers.breadth import ASKED, LOOKED, Situations
from checkers.by_classes import of_situations
from checkers.dfs import Dfs, Walk
from checkers.judged import Ending, Judged
from checkers.liveness import left_open
from checkers.search import ANY_TIME, Base, Limit, Plan
from checkers.split import Label, Split
from simkernel.kernel.driver import seldom_collected
from simkernel.settings import Settings

ENDLESS = "some runs go round for ever: judged by the properties, not by who waits for ever in them"
PROBE = 256
"""So many transitions one process makes before it asks others to help."""


class Depth(Base):
    """Depth-first over every interleaving and every order of timers; each situation once."""

    name = "dfs"
    exhaustive = True

    def __init__(self, plan: Plan, share: float = 1.0):
        super().__init__(plan)
        self.time = plan.times()
        self.share = share
        self.timed = self.looked = False
        self.left_open = False  # whether runs go round of which it does not tell enough

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Visit every situation once; as long as nobody asks for the time, whatever the bounds, and
        as long as nobody looks at a queue, with messages handled early."""
        timeless = self.plan.time != ANY_TIME
        free = replace(self.plan, time=ANY_TIME)
        early = not (self.plan.faults or self.plan.rare or of_situations(self.plan.spec))
        yield from self._search(free, limit, timeless=timeless, early=early)
        if self.looked:
            yield from self._search(free, limit, timeless=timeless)
        if self.timed:
            yield from self._search(self.plan, limit)
        if self.round and not self.cut:
            self.cut = left_open(self.plan.spec.properties, self.runs)
            self.left_open = bool(self.cut)

    def notes(self) -> list[str]:
        """Say what was not judged."""
        return [ENDLESS] if self.round and not self.cut else []

    def _search(
        self, plan: Plan, limit: Limit, *, timeless: bool = False, early: bool = False
    ) -> Iterator[tuple[Judged, str]]:
        self.time = plan.times()
        run = plan.judged(plan.recorded(), snapshots=True)
        self._path: Callable[[], list[Label]] = self._of_dfs
        self._dfs = search = Dfs(
            run, early=early, timeless=timeless, depth_max=plan.effects, history=run.history
        )
        most = inf if plan.fleet is None else PROBE
        situations = None if plan.fleet is None else Situations(
            run, early=early, timeless=timeless
        )  # fmt: skip

        def cut() -> bool:
            self.transitions, self.situations = search.transitions, len(search.seen)
            self.cut = limit(self.share)
            return bool(self.cut) or search.transitions >= most

        for _ in search.leaves(cut):
            self.runs = search.runs
            yield run, run.ended()
        self.timed, self.looked, self.round = search.asked, search.looked, search.round
        if not (self.timed or self.looked):
            self.transitions, self.situations = search.transitions, len(search.seen)
            if situations is not None and search.cut and search.transitions >= most:
                self._together(situations, limit)
            elif search.cut:
                self.cut = self.cut or _too_long(plan)
        run.m.close()

    def _together(self, situations: Situations, limit: Limit) -> None:
        """Let several processes visit the situations, and go through what they have found."""
        plan, fleet = self.plan, self.plan.fleet

        def cut() -> bool:
            graph = split.graph
            self.transitions, self.situations = graph.generated, len(graph)
            self.cut = limit(self.share)
            return bool(self.cut)

        split = Split(fleet, situations, cut, plan.effects)
        try:
            with seldom_collected():
                split.together()
        finally:
            if not split.graph.complete:  # what was found is not lost
                self.cut = fleet.lost or self.cut
                for ending, path in split.endings.values():
                    if ending.findings:
                        self._tell(ending, len(path), path.copy)
        if not split.graph.complete:
            return
        walk = Walk(split.graph, split.stopping, plan.effects, unsearched=split.unsearched)
        for runs, way in enumerate(walk.leaves(), 1):
            if runs > self.runs:
                self.runs = runs
                states = [*way]
                ending = split.endings[walk.state][0]
                self._tell(ending, len(states), partial(split.labels, states))
        self.timed, self.looked = walk.stopped == ASKED, walk.stopped == LOOKED
        self.round = split.graph.goes_round
        self.transitions, self.situations = walk.transitions, len(walk.seen)
        if walk.cut:
            self.cut = self.cut or _too_long(plan)

    def _tell(self, ending: Ending, length: int, path: Callable[[], list[Label]]) -> None:
        self._path = path
        self.plan.fleet.end(ending, length, self.settings)

    def _of_dfs(self) -> list[Label]:
        deviations = set(self._dfs.deviations())
        return [(step, at not in deviations) for at, step in enumerate(self._dfs.path)]

    def settings(self) -> Settings:
        """Replay the run that stands at its end now."""
        picks = tuple(
            (step, str(transition))
            for step, (transition, usual) in enumerate(self._path())
            if not usual
        )
        return replace(self.plan.recorded(), picks=picks)


def _too_long(plan: Plan) -> str:
    return f"a run is longer than {plan.effects} transitions"
