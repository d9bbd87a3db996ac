"""Who is who in a graph of situations: what a process or timer is called after an edge.

Situations that differ in names only are one, and it has the names with which it was reached first.
An edge leads to a situation with names of its own making, of which each stands at the place at
which the name of the same process or timer stands in the situation that was reached first
(`simkernel.kernel.fingerprints.called`). A name that is no more among them stands for nobody.
"""

from __future__ import annotations

from typing import Any

from checkers.fairness import Edge
from checkers.graph import StateGraph
from checkers.pending import entity
from checkers.spread import Move
from simkernel.choice import FAULTS
from simkernel.kernel.machine import Transition
from simkernel.terms import Pid, Ref

Names = tuple[Pid | Ref, ...]


def actor(move: Move) -> Any:
    """Give whose a transition is; nobody owes a fault.

    The timers of a process are one: in each round it may set another.
    """
    transition = move.transition
    if transition.kind == "fire":
        return ("timers", transition.who.home)
    return None if transition.kind in FAULTS else entity(transition)


class Heirs:
    """The names in a graph whose edges are moves; `first` are those in its first situation."""

    def __init__(self, graph: StateGraph, first: Names):
        self.graph = graph
        self.first = first

    def names(self, state: int) -> Names:
        """Give the names in a situation."""
        came = self.graph.came[state]
        names: Names = self.first if came is None else came[1].names
        return names

    def after(self, edge: Edge, who: Any) -> Any:
        """Give what an actor is called after an edge, or None if he is no more."""
        came, has = edge.label.names, self.names(edge.to[0])
        kind, *names = who
        if came != has:
            called = dict(zip(came, has, strict=True))
            names = [called.get(one) if type(one) is Pid else one for one in names]
            return None if None in names else (kind, *names)
        return who if all(type(one) is not Pid or one in came for one in names) else None


class Retraced:
    """A way through the graph that is gone again by a machine, which has names of its own."""

    def __init__(self, heirs: Heirs):
        self.heirs = heirs
        self.state = 0
        self.here = heirs.first  # in the machine
        self.called: dict[Any, Any] = {name: name for name in heirs.first}

    def transition(self, move: Move) -> Transition:
        """Give what a transition of the graph is called in the machine."""
        kind, who, way = move.transition
        if type(who) is tuple:
            return Transition(kind, tuple(self.called.get(one, one) for one in who), way)
        return Transition(kind, self.called.get(who, who), way)

    def went(self, move: Move, state: int, names: Names) -> None:
        """Take note of what things are called where the machine came to by a move."""
        born = zip(
            _newborn(self.heirs.names(self.state), move.names),
            _newborn(self.here, names),
            strict=True,
        )
        called = self.called | dict(born)
        has = self.heirs.names(state)
        self.called = {name: called[one] for one, name in zip(move.names, has, strict=True)}
        self.state, self.here = state, names


def _newborn(before: Names, after: Names) -> list[Pid | Ref]:
    """Give who has come to be by one transition: of one parent, and in the order of their birth."""
    old = set(before)
    born = [one for one in after if one not in old]
    pids = sorted((one for one in born if type(one) is Pid), key=lambda pid: pid.path)
    refs = sorted((one for one in born if type(one) is Ref), key=lambda ref: (ref.owner, ref.index))
    return [*pids, *refs]
