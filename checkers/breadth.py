"""Breadth-first search over the situations of a machine: shortest counterexamples, and lassos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Any, NamedTuple

from checkers.dfs import earliest
from checkers.fairness import Actors
from checkers.finding import Finding
from checkers.graph import Search, StateGraph
from checkers.heirs import Heirs, Names, Retraced, actor
from checkers.judged import Ending, Judged
from checkers.liveness import Lasso, lasso
from checkers.ltl import Formula, Predicate, predicates
from checkers.search import Base, Limit, Plan
from checkers.spread import WIDE, Move, Spread
from checkers.standstill import standstills
from simkernel.errors import InternalError
from simkernel.kernel import driver
from simkernel.kernel.fingerprints import called, fingerprint
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings

SURE = "some runs go round for ever: who waits in them is found if nobody can ever answer"
LOOKED, ASKED = "somebody looks at a queue", "somebody asks for the time"


class Situations:
    """The situations of one judged run, as a transition system; a node is a snapshot.

    `early` and `timeless` are those of `checkers.dfs`; searches breadth first know nothing of them.
    `asked` are the predicates that are noted of each situation; `called` says whether who is who
    is noted as well, and timers of different owners are told apart.
    """

    def __init__(
        self, run: Judged, *, early: bool = False, timeless: bool = False,
        asked: Sequence[Predicate] = (), called: bool = False,
    ):  # fmt: skip
        self.run = run
        self.start = run.snapshot()
        self.early = early
        self.timeless = timeless
        self.asked = asked
        self.called = called

    def initial(self) -> list[Any]:
        """Go back to the situation before anything has happened, and give it."""
        self.run.restore(self.start)
        return [self.start]

    def key(self, node: Any) -> bytes:
        """Name the situation in which the machine stands: it is always the node's."""
        run = self.run
        if self.called:
            return called(run.m, run.marks())[0] + run.history()
        return fingerprint(run.m, run.marks()) + run.history()

    def names(self) -> Names:
        """Give who is who where the machine stands, if that is noted."""
        return called(self.run.m, self.run.marks())[1] if self.called else ()

    def successors(self, node: Any) -> Iterator[tuple[Move, Any]]:
        """Go every way once."""
        for label in self.leave(node):
            yield label, self.run.snapshot()

    def leave(self, node: Any) -> Iterator[Move]:
        """Go every way once; the machine stands there then."""
        run = self.run
        run.restore(node)
        options, usual = self.options()
        for at, transition in enumerate(options):
            if at:
                run.restore(node)
            run.apply(transition)
            yield Move(transition, transition == usual, self.names())

    def options(self) -> tuple[list[Transition], Transition | None]:
        """Give what is tried where the machine stands, and what the default schedule takes."""
        options = self.run.enabled()
        usual = options[0] if options else None
        if self.early and len(options) > 1:
            options = earliest(self.run.m, options)
        return options, usual

    def seen(self) -> Seen:
        """Give what is noted of the situation in which the machine stands."""
        run = self.run
        world = run.monitor.world(run.m, "")
        values = tuple(bool(predicate(world)) for predicate in self.asked)
        return Seen(None if run.enabled() else run.ending(run.ended()), values)


class Seen(NamedTuple):
    """What is noted of a situation: what is told of an end, and which predicates hold."""

    ending: Ending | None
    values: tuple[bool, ...]


class Breadth(Base):
    """Every situation once, the nearest first; then properties of runs without end."""

    name = "bfs"
    exhaustive = True
    endless = True

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self.time = plan.times()
        self._path: list[Move] = []

    def ends(self, limit: Limit) -> Iterator[tuple[Judged, str]]:
        """Visit every situation; yield the ends, and a run for each property that a lasso fails."""
        plan = self.plan
        run = plan.judged(plan.recorded(), snapshots=True)
        asked = predicates(plan.spec.properties.values())
        situations = Situations(run, asked=asked, called=bool(asked))
        self._heirs = Heirs(StateGraph(), situations.names())
        search = Search(situations)
        self.graph = graph = self._heirs.graph = search.graph
        values: list[tuple[bool, ...]] = []
        deepest = 0

        def cut() -> bool:
            self.transitions, self.situations = graph.generated - 1, len(graph)
            self.cut = limit(1.0)
            if deepest >= plan.effects:
                self.cut = f"a run is longer than {plan.effects} transitions"
            return bool(self.cut)

        for state, _ in search.states(cut, inf if plan.fleet is None else WIDE):
            deepest = graph.depths[state]
            seen = situations.seen()
            values.append(seen.values)
            if seen.ending is not None:
                self._path = graph.path(state)
                self.runs += 1
                yield run, run.ended()
        if plan.fleet is not None and not graph.complete and not self.cut:
            for state, seen in Spread(plan.fleet, search, situations, cut).states():
                deepest = graph.depths[state]
                values.append(seen.values)
                if seen.ending is not None:
                    self._path = graph.path(state)
                    self.runs += 1
                    plan.fleet.end(seen.ending, len(self._path), self.settings)
            self.cut = plan.fleet.lost or self.cut
        self.transitions, self.situations = graph.generated - 1, len(graph)
        if graph.complete:
            self.round = graph.goes_round
            held = [dict(zip(asked, here, strict=True)) for here in values]
            yield from self._rounds(run, held)
            if self.round:
                yield from self._waits(search, situations, cut)

    def _rounds(
        self, run: Judged, values: list[dict[Predicate, bool]]
    ) -> Iterator[tuple[Judged, str]]:
        strong = self.plan.spec.fairness == "strong"
        actors = Actors(self.graph, actor, self._heirs.after, strong=strong)
        for name, formula in self.plan.spec.properties.items():
            if not isinstance(formula, Formula):
                continue
            found = lasso(
                self.graph, formula, lambda state, asked: values[state][asked], actors=actors,
                stays=False,
            )  # fmt: skip
            if found is not None:
                yield self._gone_round(name, found), driver.ROUND

    def _waits(
        self, search: Search[Any], situations: Situations, cut: Callable[[], bool]
    ) -> Iterator[tuple[Judged, str]]:
        """Make a run of each way to wait for ever while others go on."""
        for found in standstills(search, situations, cut):
            wrong = [one for one in found.findings if one.kind not in self.plan.spec.expect]
            if wrong:
                again = self.plan.judged(self.plan.recorded())
                self._path = [*found.stem, *found.cycle]
                for move in self._path:
                    again.apply(move.transition)
                again.round = tuple(wrong)
                yield again, driver.ROUND

    def notes(self) -> list[str]:
        """Say what runs without end are taken for granted to do."""
        if self.cut:
            return []
        asked = [one for one in self.plan.spec.properties.values() if isinstance(one, Formula)]
        said = [f"runs without end are {self.plan.spec.fairness}ly fair"] if asked else []
        return [*said, SURE] if self.round else said

    def _gone_round(self, name: str, found: Lasso) -> Judged:
        """Make the run of a lasso, once round.

        Processes and timers have other names in it than the situations that were reached first.
        What can be done has to be the same; fingerprints may differ, for of two who are alike in
        all else but in who knows them the elder comes first.
        """
        again = self.plan.judged(self.plan.recorded(), snapshots=True)
        there = Situations(again, called=True)
        retraced = Retraced(self._heirs)
        options = again.enabled()
        self._path = []
        for move, state in zip((*found.stem, *found.cycle), found.states, strict=True):
            transition = retraced.transition(move)
            self._path.append(Move(transition, transition == options[0]))
            again.apply(transition)
            retraced.went(move, state, there.names())
            options = again.enabled()
            if set(options) != {retraced.transition(one) for one, _ in self.graph.edges[state]}:
                raise InternalError(f"a round does not lead back: {transition} does not lead on")
        text = f"{name}: never fulfilled in a run that goes round from step {len(found.stem)} on"
        again.round = (Finding("property", name, text),)
        return again

    def settings(self) -> Settings:
        """Replay the run that stands at its end now."""
        picks = tuple(
            (step, str(move.transition)) for step, move in enumerate(self._path) if not move.usual
        )
        length = len(self._path)
        return replace(self.plan.recorded(), picks=picks, effects_max=max(length, 1))
