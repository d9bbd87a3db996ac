"""Callers that nobody can ever answer though others go on, in a graph of all situations.

What can be left and come back to for ever, and leads nowhere else, is where every run ends up that
comes there. A call without a time limit that waits in all situations of such a part is never
answered, whatever happens. Of those that wait for the same kind of thing all have to wait in every
situation: then it is the same ones, whatever they are called there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from checkers.finding import Finding
from checkers.findings import stuck_process
from checkers.graph import Search, StateGraph
from checkers.spread import Move, Visits
from checkers.waits import circles, deadlock
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process
from simkernel.spec import waiting
from simkernel.terms import Pid

_NAMES = re.compile(r"<root|#ref<")


class Standstill(NamedTuple):
    """A run that goes round while somebody waits for ever: the way there, and once round."""

    stem: list[Move]
    cycle: list[Move]
    findings: list[Finding]


def standstills(
    search: Search[Any], visits: Visits, cut: Callable[[], bool]
) -> Iterator[Standstill]:
    """Give one for each part of the graph in which somebody waits for ever, until it is cut."""
    for part in _ends(search.graph):
        found = _in(search, visits, cut, part)
        if found is not None:
            yield found


def _ends(graph: StateGraph) -> Iterator[int]:
    """Give the first situation of each part that runs go round in and cannot leave."""
    import networkx

    edges = networkx.DiGraph()
    edges.add_nodes_from(range(len(graph)))
    edges.add_edges_from((state, to) for state, ways in enumerate(graph.edges) for _, to in ways)
    parts = sorted(networkx.strongly_connected_components(edges), key=min)
    for part in parts:
        ways = [to for state in part for _, to in graph.edges[state]]
        if ways and all(to in part for to in ways):
            yield min(part)


def _in(
    search: Search[Any], visits: Visits, cut: Callable[[], bool], first: int
) -> Standstill | None:
    """Go through all that follows a situation, and see who waits all the time."""
    run = visits.run
    stem = search.graph.path(first)
    run.restore(visits.start)
    for move in stem:
        run.apply(move.transition)
    stuck = _callers(run.m)
    home = run.snapshot()
    came: dict[int, tuple[int, Move]] = {}
    last: tuple[int, Move] | None = None
    left = [(first, home)] if stuck else []
    while left and stuck:
        if cut():
            return None
        state, node = left.pop()
        for move in visits.leave(node):
            now = _callers(run.m)
            stuck = {kind: who for kind, who in stuck.items() if now.get(kind) == who}
            to = search.number_of(visits.key(None))
            if to == first:
                last = last or (state, move)
            elif to not in came:
                came[to] = state, move
                left.append((to, run.snapshot()))
    if not stuck or last is None:
        return None
    cycle = [last[1]]
    at = last[0]
    while at != first:
        at, move = came[at]
        cycle.append(move)
    run.restore(home)
    who = [run.m.processes[pid] for pids in stuck.values() for pid in pids]
    return Standstill(stem, cycle[::-1], _findings(run.m, who, len(stem)))


def _callers(m: Machine) -> dict[tuple[str, ...], list[Pid]]:
    """Give who waits without a limit for something that has a name, by kind."""
    found: dict[tuple[str, ...], list[Pid]] = {}
    for p in waiting(m):
        why = getattr(p.want, "why", None)
        if why is not None and p.timer is None:
            # Without what has a pid in it: of situations that are alike those differ.
            kind = tuple(text for text in map(repr, why) if not _NAMES.search(text))
            found.setdefault(kind, []).append(p.pid)
    return found


def _findings(m: Machine, who: list[Process], step: int) -> list[Finding]:
    but = f", while others go round from step {step} on"
    who.sort(key=lambda p: p.pid.path)
    found = circles(m, who)
    among = [p for circle in found for p in circle]
    stuck = [stuck_process(p) for p in who if p not in among]
    return [
        *(deadlock(circle, but) for circle in found),
        *(Finding(one.kind, one.process, one.text + but) for one in stuck),
    ]
