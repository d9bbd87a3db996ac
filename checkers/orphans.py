"""What work is orphaned when a child of a supervisor dies, and what is lost with it.

One run is followed, and at each moment it is noted what hangs on each child: calls that wait for
it, calls of its own that somebody else works on, processes that it has started and is not linked
to, rows of its tables; and tasks that work for it without a link, also for a process that is no
child. Each is then confirmed: the run is made again up to the first moment at which it was so, the
child is crashed there, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checkers.finding import short
from checkers.supervision import children_of
from simkernel.choice import Walk
from simkernel.kernel import codes
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process
from simkernel.otp.task_process import noreply, replying
from simkernel.settings import Settings
from simkernel.spec import Spec, runs
from simkernel.terms import Pid, thaw

FOLLOWED, AFTERWARDS = 20_000, 2_000  # transitions
CALL, SERVED, WORKER, TASK, ROWS = "call", "served", "worker", "task", "rows"


@dataclass(frozen=True)
class Orphan:
    """Something that hangs on a child: of which kind, whom it concerns, and what it is.

    `call`: `who` waits for an answer to `what`. `served`: `who` works on `what`, which the child
    asked for. `worker`: `who`, a process that the child has started, goes on. `task`: so does
    `who`, a task that does `what` for it. `rows`: so many rows of the table `who` are gone. `at` is
    the transition after which the child was crashed.
    """

    child: str
    kind: str
    who: str
    what: str
    at: int


Fact = tuple[Pid, str, Any, str]  # the child, the kind, a pid or the name of a table, what it is


class _Run:
    """One run of a spec, whose open calls are known."""

    def __init__(self, spec: Spec, given: Mapping[str, Any], settings: Settings):
        self.open: dict[Pid, tuple[Pid, str]] = {}  # by whom: to whom, what
        self.acted: set[Pid] = set()
        self.failed: set[tuple[Pid, str]] = set()
        self.working: set[tuple[Pid, Pid]] = set()  # (who, for whom)
        self.m: Machine = spec.machine(given, settings, tape=self)
        self.walk = Walk(settings.seed)

    def __call__(self, event: tuple[Any, ...]) -> None:
        """Take an event: who acts, and which calls are open."""
        kind, who = event[0], event[1]
        if kind == "note":
            self._note(who, event[2], dict(event[3]))
            return
        if kind not in ("handle", "fire", "arrive", "end") and type(who) is Pid:
            self.acted.add(who)
        if kind == "take" and type(event[2]) is tuple and event[2][:1] == ("$gen_call",):
            self.working.add((who, event[2][1][0]))

    def _note(self, who: Pid, kind: str, said: dict[str, Any]) -> None:
        if kind == "call" and type(said["server"]) is Pid:
            self.open[who] = (said["server"], short(thaw(said["request"])))
        elif kind in ("called", "call failed"):
            gone = self.open.pop(who, None)
            if gone is not None:
                self.working.discard((gone[0], who))
                self.failed |= {(who, gone[1])} if kind == "call failed" else set()

    def steps(self, most: int) -> Iterator[int]:
        """Go on, up to so many transitions; gives how many there were."""
        m = self.m
        while m.count < most and (options := m.enabled()):
            m.apply(self.walk.pick(options))
            yield m.count

    def facts(self, children: dict[Pid, str]) -> Iterator[Fact]:
        """Give what hangs on each child now."""
        m = self.m
        for caller, (server, request) in self.open.items():
            if server in children and caller in m.processes:
                yield server, CALL, caller, request
            if caller in children and (server, caller) in self.working:
                yield caller, SERVED, server, request
        for pid, p in m.processes.items():
            parent = next((one for one in children if pid.path[:-1] == one.path), None)
            mine = parent is not None and parent in m.processes and pid not in children
            task = _task(p)
            if task is None and parent is not None and mine and parent not in (p.links or ()):
                yield parent, WORKER, pid, _what(m, pid)
            # One that is linked goes down with who it works for, unless it traps.
            elif (
                task is not None
                and task[0] in m.processes
                and task[0] != m.root.pid
                and (p.trap_exit or task[0] not in (p.links or ()))
            ):
                yield task[0], TASK, pid, task[1]
        for table in m.tables.by_ref.values():
            if table.owner in children and table.heir is None and table.rows:
                yield table.owner, ROWS, table.name, ""

    def rows(self, name: str) -> int:
        """Give how many rows the tables of a name have."""
        return sum(len(t.rows) for t in self.m.tables.by_ref.values() if t.name == name)

    def crash(self, pid: Pid) -> None:
        """Kill a process."""
        self.failed.clear()
        self.m.deliver(pid, pid, (codes.S_EXIT, pid, "kill", False))


def _what(m: Machine, pid: Pid) -> str:
    what = runs(m.processes[pid])
    return str(getattr(what, "__qualname__", what))


def _task(p: Process) -> tuple[Pid, str] | None:
    """Give for whom a task works and what it does, once it has been told; None if it is none."""
    function, args = thaw(p.origin[0]), p.origin[1]
    if function not in (replying, noreply):
        return None
    owner = thaw(args)[0]
    does = (p.dictionary or {}).get("$initial_call")
    # Of those that only run, who started them is the first of their callers.
    return None if does is None else (owner if function is replying else owner[0], does[1])


def orphans(spec: Spec, given: Mapping[str, Any], settings: Settings) -> list[Orphan]:
    """Give what is orphaned or lost at a crash of each child, each confirmed by a run."""
    run = _Run(spec, given, settings)
    when: dict[Fact, list[int]] = {}
    most: dict[Fact, int] = {}
    names: dict[Pid, str] = {}
    for at in run.steps(FOLLOWED):
        children = children_of(run.m)
        names |= children
        for fact in run.facts(children):
            when.setdefault(fact, []).append(at)
            if fact[0] not in names:  # a task works for it
                names[fact[0]] = run.m.processes[fact[0]].name or _what(run.m, fact[0])
            if fact[1] == ROWS and run.rows(fact[2]) > most.get(fact, 0):
                when[fact], most[fact] = [at], run.rows(fact[2])
    run.m.close()
    found: dict[tuple[str, str, str, str], Orphan] = {}
    for (child, kind, who, what), moments in when.items():
        # A task that is started while its child starts goes down with all that could not start.
        later = [moments[len(moments) // 2]] if kind == TASK else []
        for at in dict.fromkeys([moments[0], *later]):
            again = _Run(spec, given, settings)
            for _ in again.steps(at):
                pass
            name = again.m.processes[who].name if type(who) is Pid else None
            one = _confirmed(
                again, Orphan(names[child], kind, str(name or who), what, at), child, who
            )
            again.m.close()
            if one is not None:
                found.setdefault((one.child, kind, what if kind != ROWS else one.who, ""), one)
                break
    return sorted(found.values(), key=lambda one: (one.child, one.kind, one.at))


def _confirmed(run: _Run, one: Orphan, child: Pid, who: Any) -> Orphan | None:
    """Crash the child, go on, and see whether it is as was thought."""
    m = run.m
    count = run.rows(who) if one.kind == ROWS else 0
    tables = [ref for ref, table in m.tables.by_ref.items() if table.name == who]
    run.crash(child)
    dead = -1
    for at in run.steps(one.at + AFTERWARDS):
        if dead < 0 and child not in m.processes:
            dead = at
            run.acted.clear()
    if dead < 0:
        return None
    if one.kind == CALL:
        return one if (who, one.what) in run.failed else None
    if one.kind in (SERVED, WORKER):
        return one if who in run.acted else None
    if one.kind == TASK:
        killed = any(death.pid == who and death.killed for death in m.deaths)
        return one if who in run.acted and not killed else None
    if any(ref in m.tables.by_ref for ref in tables):
        return None
    return Orphan(one.child, ROWS, one.who, f"{count} row{'' if count == 1 else 's'}", one.at)
