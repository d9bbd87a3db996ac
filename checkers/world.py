"""What a property sees: one situation of the system, by the names that its author knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel.errors import UsageError
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import AT_REST, LIFE, Process
from simkernel.kernel.snapshot import body_of
from simkernel.otp.gen_server import Server
from simkernel.otp.statem_engine import StateMachine
from simkernel.terms import Pid, thaw


class World:
    """One situation. Processes are asked for by pid, by registered name or by their class.

    What is given is a copy: a predicate cannot change the system.
    """

    __slots__ = ("_m", "_reads")

    def __init__(self, m: Machine, reads: Callable[[str], None] = lambda what: None):
        self._m = m
        self._reads = reads  # hears of the past that is asked for: it is in no situation

    def alive(self, who: Any) -> bool:
        """Tell whether a process is alive."""
        return self._process(who) is not None

    def whereis(self, name: str) -> Pid | None:
        """Give the process that has a name, or None."""
        found: Pid | None = self._m.names.get(name)
        return found

    def state(self, who: Any, default: Any = None) -> Any:
        """Give the state of a server, or (state, data) of a state machine; `default` if dead."""
        p = self._process(who)
        if p is None:
            return default
        body = body_of(self._m, p)
        if isinstance(body, Server) and hasattr(body, "state"):  # none before `init`
            return thaw(body.state)
        if isinstance(body, StateMachine) and hasattr(body, "data"):
            return thaw(body.state), thaw(body.data)
        return default

    def states(self, cls: type) -> list[Any]:
        """Give the state of every process of a class, in the order of their pids."""
        return [self.state(pid) for pid in self.running(cls)]

    def running(self, cls: type) -> list[Pid]:
        """Give the pids of the processes of a class."""
        m = self._m
        found = [p for p in m.processes.values() if class_of(m, p) is cls]
        return [p.pid for p in sorted(found, key=lambda p: p.pid.path)]

    def mailbox(self, who: Any) -> list[Any]:
        """Give the messages that a process has not taken yet, the oldest first."""
        p = self._process(who)
        return [] if p is None else [thaw(message) for message in p.mailbox or ()]

    def status(self, who: Any) -> str | None:
        """Give what a process is doing, or None if it is dead."""
        p = self._process(who)
        return None if p is None else LIFE[p.status]

    def table(self, name: str) -> list[Any] | None:
        """Give the rows of a named table, or None if there is none."""
        for table in self._m.tables.by_ref.values():
            if table.name == name:
                return [thaw(row) for row in table.in_order()]
        return None

    @property
    def logged(self) -> list[Any]:
        """What has been logged so far."""
        self._reads("logged")
        return [thaw(line) for line in self._m.logged]

    @property
    def deaths(self) -> list[tuple[Pid, Any]]:
        """Who has ended so far, and why."""
        self._reads("deaths")
        return [(death.pid, thaw(death.reason)) for death in self._m.deaths]

    @property
    def done(self) -> bool:
        """Whether main has returned."""
        return self._m.root.status == AT_REST

    def _process(self, who: Any) -> Process | None:
        m = self._m
        if type(who) is str:
            pid = m.names.get(who)
            return None if pid is None else m.processes.get(pid)
        if type(who) is Pid:
            return m.processes.get(who)
        if isinstance(who, type):
            found = self.running(who)
            if len(found) > 1:
                raise UsageError(
                    f"{len(found)} processes run {who.__qualname__}",
                    where="a property",
                    hint="Ask for world.states(cls), or for one by its name or pid.",
                )
            return m.processes[found[0]] if found else None
        raise UsageError(
            f"{who!r} names no process", where="a property", hint="Give a pid, a name or a class."
        )


def class_of(m: Machine, p: Process) -> type | None:
    """Give the class whose callbacks a process runs, if it runs a behaviour."""
    body = body_of(m, p)
    if isinstance(body, Server) and hasattr(body, "module"):
        found: type = body.module.cls
        return found
    if isinstance(body, StateMachine) and hasattr(body, "modules"):
        return body.modules[0].cls  # type: ignore[no-any-return]
    return None
