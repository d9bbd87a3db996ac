"""What properties see along a run, told to a search of classes as footprints.

Runs of one class differ in their situations, because events that do not depend on each other come
in other orders. A property that asks for the states of some processes, whether they live and who
has a name is blind to most of that. Each such answer is a *part* of what it sees. An event that
changes a part writes `("seen", property)`, so that those which do depend on each other, and all
runs of a class show the property the same sequence of what it sees; how often in a row it sees the
same does not matter to it, as long as it does not ask for the next situation.

Which parts a property looks at may depend on what it sees. The first look at another part raises
`Widen`, and the search begins again with that part watched from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.dependency import WRITE, Access
from checkers.footprints import Widen
from checkers.judged import Judged
from checkers.ltl import Always, And, Formula, Next, Not, Or, Until
from checkers.watched import Watched
from checkers.world import World
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import Process
from simkernel.terms import Pid, equal

Part = tuple[str, Any]
"""("state", pid), ("alive", pid) or ("name", name)."""


class Sighted(Watched):
    """A machine that lets properties look after each transition."""

    sight: Sight | None = None

    def apply(self, transition: Transition) -> None:
        """Perform a transition, and look."""
        super().apply(transition)
        if self.sight is not None:
            self.sight.after()


class Sight:
    """Lets the properties of a run look after each transition, and notes who changes what they see.

    `flags` holds ("seen", property, part) of each part that is watched. `wide` names a property
    that has looked at something else, which classes do not decide.
    """

    def __init__(self, run: Judged, flags: frozenset[Any], observed: list[Access]):
        self.run = run
        self.wide = ""
        self._observed = observed
        self._looked: dict[tuple[str, Part], None] = {}
        self._values = {
            flag[1:]: _value(run.m, flag[2])
            for flag in sorted((one for one in flags if one[0] == "seen"), key=repr)
        }
        run.monitor.world = self._world

    def _world(self, m: Machine, name: str) -> World:
        return Glance(m, lambda part: self._look(name, part))

    def _look(self, name: str, part: Part | None) -> None:
        if part is None:
            self.wide = self.wide or name
        elif (name, part) not in self._values:
            self._looked[name, part] = None

    def after(self) -> None:
        """Look at the situation that a transition has led to."""
        run = self.run
        if run.ok:
            run.ok = run.monitor.step(run.m)
        for name, part in self._looked:
            raise Widen(("seen", name, part))
        for (name, part), before in self._values.items():
            now = _value(run.m, part)
            if now is not before and not equal(now, before):
                self._values[name, part] = now
                self._observed.append((("seen", name), WRITE))

    @property
    def crowded(self) -> str:
        """Name a property that looks at more than one process: whatever they do in turn is told
        apart. "" if there is none."""
        seen: dict[str, set[Pid]] = {}
        for name, (kind, who) in self._values:
            if kind != "name":
                seen.setdefault(name, set()).add(who)
        return next((name for name, who in seen.items() if len(who) > 1), "")


def _value(m: Machine, part: Part) -> Any:
    kind, who = part
    if kind == "name":
        return m.names.get(who)
    if kind == "alive":
        return who in m.processes
    return World(m).state(who)


def blind_to_pace(property: Any) -> bool:
    """Tell whether a property does not care how often in a row a situation is seen.

    >>> from checkers.ltl import always, following
    >>> blind_to_pace(always(bool)), blind_to_pace(always(following(bool)))
    (True, False)
    """
    match property:
        case Next():
            return False
        case Not(of) | Always(of):
            return blind_to_pace(of)
        case And(of) | Or(of):
            return all(map(blind_to_pace, of))
        case Until(meanwhile, goal):
            return blind_to_pace(meanwhile) and blind_to_pace(goal)
        case _:
            return isinstance(property, Formula)


class Glance(World):
    """A world that says which parts of it were looked at; None for one that is no part."""

    __slots__ = ("_tell",)

    def __init__(self, m: Machine, tell: Callable[[Part | None], None]):
        super().__init__(m)
        self._tell = tell

    def whereis(self, name: str) -> Pid | None:
        """Give the process that has a name, or None."""
        self._tell(("name", name))
        return super().whereis(name)

    def state(self, who: Any, default: Any = None) -> Any:
        """Give the state of a server."""
        p = self._process(who)
        if p is not None:
            self._tell(("state", p.pid))
        return super().state(who, default)

    def running(self, cls: type) -> list[Pid]:
        """Give the pids of the processes of a class."""
        self._tell(None)
        return super().running(cls)

    def mailbox(self, who: Any) -> list[Any]:
        """Give the messages that a process has not taken yet."""
        self._tell(None)
        return super().mailbox(who)

    def status(self, who: Any) -> str | None:
        """Give what a process is doing."""
        self._tell(None)
        return super().status(who)

    def table(self, name: str) -> list[Any] | None:
        """Give the rows of a named table."""
        self._tell(None)
        return super().table(name)

    @property
    def logged(self) -> list[Any]:
        """What has been logged so far."""
        self._tell(None)
        return super().logged

    @property
    def deaths(self) -> list[tuple[Pid, Any]]:
        """Who has ended so far."""
        self._tell(None)
        return super().deaths

    @property
    def done(self) -> bool:
        """Whether main has returned."""
        self._tell(None)
        return super().done

    def _process(self, who: Any) -> Process | None:
        p = super()._process(who)
        if type(who) is str:
            self._tell(("name", who))
        if p is not None or type(who) is Pid:
            self._tell(("alive", who if p is None else p.pid))
        return p
