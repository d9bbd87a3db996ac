"""What an enabled transition would do: who does it, and what it would touch (`dependency`)."""

from __future__ import annotations

from typing import Any

from checkers.dependency import WRITE, Access, appends
from checkers.footprints import Footprints
from simkernel.choice import FAULTS
from simkernel.kernel import codes
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import BUSY
from simkernel.terms import Pid

Entity = tuple[Any, ...]
"""Who acts: ("body", pid), ("queue", pid), ("way", sender, dest) or ("timer", ref)."""


def entity(transition: Transition) -> Entity:
    """Give who performs a transition.

    >>> entity(Transition("handle", Pid((1,))))
    ('queue', <root.1>)
    """
    kind, who, _ = transition
    if kind == "arrive":
        return ("way", *who)
    if kind == "fire":
        return ("timer", who)
    return ("queue" if kind == "handle" else "body", who)


class _Most(frozenset[Any]):
    """Every distinction is made but one, for here too much dependence costs little. In which order
    rows have come is not told apart: with that every write would race with all others of its table,
    and POS would draw anew for all of them (tests/benchmarks/test_exact.py)."""

    def __contains__(self, flag: object) -> bool:
        return flag != "order"


class _Footprints(Footprints):
    def need(self, flag: Any) -> None:
        """Go on without a distinction: nothing is left out because of it."""


class Pending:
    """Gives what transitions of one machine would touch."""

    def __init__(self, m: Machine):
        self.m = m
        self._footprints = _Footprints(m, _Most())

    def of(self, transition: Transition) -> list[Access]:
        """Give the objects with their modes, those of a signal that would arrive included."""
        m = self.m
        kind, who, _ = transition
        if kind == "arrive":
            signal = m.channels[who].signals[0][0]
            return self._footprints.arrival(who[1], signal, soft=False)
        if kind in FAULTS and kind != "crash":  # of one way, or of all ways of a process
            return [(("ways", *who), WRITE)] if type(who) is tuple else []
        found = self._footprints.of(kind, who)
        p = m.processes.get(who) if type(who) is Pid else None
        if kind == "do" and p is not None and p.status == BUSY and p.effects is not None:
            effect = p.effects[p.cursor]
            if effect[0] == codes.SEND and not m.cluster:
                dest = effect[5] if effect[4] is None else effect[5].home
                found.append((("mb", dest), appends(effect[3])))
        return found
