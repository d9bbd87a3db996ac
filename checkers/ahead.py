"""What can go wrong from one situation on: the searches of situations and of delays, begun there.

Breadth-first search has half of the time. If it comes to its end, nothing that ends wrong was
missed; if not, schedules that leave the default seldom are tried for the rest of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.breadth import Situations
from checkers.delays import Delays
from checkers.finding import Finding
from checkers.graph import Search
from checkers.judged import Judged
from simkernel.kernel import driver
from simkernel.kernel.machine import Transition

Identity = tuple[str, str]
STEPS_MAX = 20_000  # of one run


class Walked(Judged):
    """A judged run that remembers its way."""

    def __init__(self, *args: Any, **options: Any):
        self.way: list[Transition] = []
        super().__init__(*args, **options)

    def apply(self, transition: Transition) -> None:
        """Perform a transition, and remember it."""
        super().apply(transition)
        self.way.append(transition)


@dataclass(frozen=True)
class Ahead:
    """What a search from a situation found: the findings of one run, and the way to its end.

    Without findings, `complete` says that every situation that can follow was seen, and `cut` why
    it was not. Runs without end are not judged.
    """

    findings: tuple[Finding, ...] = ()
    way: tuple[Transition, ...] = ()
    situations: int = 0
    runs: int = 0
    complete: bool = False
    cut: str = ""


def ahead(
    begin: Callable[[bool], Walked],
    *,
    known: Sequence[Identity] = (),
    limit: Callable[[float], str] = lambda share: "",
) -> Ahead:
    """Search from where `begin(snapshots)` makes runs stand, for findings that are not `known`.

    `limit(share)` gives the reason to stop once that share of the budget is spent, or "".
    """
    first = begin(True)
    start = len(first.way)
    search = Search(Situations(first))
    cut = ""

    def over() -> bool:
        nonlocal cut
        cut = limit(0.5)
        return bool(cut)

    runs = 0
    for state, _ in search.states(over):
        if first.enabled():
            continue
        runs += 1
        if found := _new(first, first.ended(), known):
            way = tuple(label[0] for label in search.graph.path(state))
            first.m.close()
            return Ahead(found, way, len(search.graph), runs)
    situations = len(search.graph)
    first.m.close()
    if search.graph.complete:
        return Ahead(situations=situations, runs=runs, complete=True)
    delays = Delays(lambda: begin(False), depth_max=STEPS_MAX)

    def spent() -> bool:
        nonlocal cut
        cut = limit(1.0)
        return bool(cut)

    for run, ended in delays.ends(spent):
        assert isinstance(run, Walked)
        if ended != driver.BUDGET and (found := _new(run, ended, known)):
            return Ahead(found, tuple(run.way[start:]), situations, runs + delays.runs)
    return Ahead(situations=situations, runs=runs + delays.runs, cut=cut)


def _new(run: Judged, ended: str, known: Sequence[Identity]) -> tuple[Finding, ...]:
    return tuple(one for one in run.findings(ended) if one.identity not in known)
