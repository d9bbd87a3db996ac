"""The states of a system along a run, as what changed from step to step.

A camera stands before a machine that somebody else moves. After each step it looks again at the
processes that the step can have touched, and keeps what is new: ten thousand steps of a large
system are as many small differences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from types import FrameType
from typing import Any

from simkernel.errors import TermError
from simkernel.freezing import ATOMIC
from simkernel.kernel.machine import Machine
from simkernel.kernel.patterns import any_of
from simkernel.kernel.process import AT_REST, BUSY, EXITING, LIFE, WAITING, Process
from simkernel.otp.dynamic_supervisor import Flock, Member
from simkernel.otp.gen_server import Server
from simkernel.otp.statem_engine import StateMachine
from simkernel.otp.supervision import Tree
from simkernel.terms import Map, Pid, freeze, show, thaw

ITEMS_MAX = 40  # of a mailbox, or of a list of children
TEXT_MAX = 400
FIELDS_MAX = 30
OF_BODY = frozenset(
    {"at", "state", "data", "variables", "postponed", "strategy", "restarts", "children"}
)
SYSTEM = ""  # whose cells belong to no process: names and tables
_PID = re.compile(r"<(root[.\d]*)")

# Only these events touch names and tables.
_ABOUT_ALL = re.compile(r'"e":"(?:register|unregister|table|end|crash)"')

Cells = dict[str, Any]  # by name; a text, or a list of texts


@dataclass
class Film:
    """What changed at each step: (process, cell, value), None for a cell that is gone."""

    steps: list[list[tuple[str, str, Any]]] = field(default_factory=list)
    serials: dict[int, int] = field(default_factory=dict)  # of named sends, by row
    instead: dict[int, str] = field(default_factory=dict)  # what the default schedule had there

    def at(self, step: int) -> dict[str, Cells]:
        """Give all cells after a step.

        >>> Film([[("<root>", "status", "new")], [("<root>", "status", None)]]).at(0)
        {'<root>': {'status': 'new'}}
        """
        found: dict[str, Cells] = {}
        for changes in self.steps[: step + 1]:
            for who, cell, value in changes:
                cells = found.setdefault(who, {})
                if value is None:
                    cells.pop(cell, None)
                else:
                    cells[cell] = value
        return {who: cells for who, cells in found.items() if cells}


class Camera:
    """Films a machine. Call `take` after each step, with the events that it made as text."""

    def __init__(self, machine: Machine):
        self.m = machine
        self.film = Film()
        self._seen: dict[str, Cells] = {}
        self._rows = 0
        self._sent: dict[str, int] = {}
        self._pids: dict[str, Pid] = {}
        self._queued: dict[Pid, int] = {}

    def take(self, made: Iterable[str]) -> None:
        """Look at what one step has touched."""
        lines = list(made)
        touched = {pid for line in lines for pid in _PID.findall(line)}
        touched |= self._reached()
        changes: list[tuple[str, str, Any]] = []
        for path in sorted(touched, key=_order) if len(touched) > 1 else touched:
            who = f"<{path}>"
            pid = self._pids.get(who) or self._pids.setdefault(who, Pid.parse(who))
            p = self.m.processes.get(pid) or self.m.dying.get(pid)
            self._compare(who, self._cells(who, p) if p is not None else {}, changes)
            if p is not None:
                self._queued[pid] = len(p.arrived or ())
                self._number(who, p, lines)
        if any(_ABOUT_ALL.search(line) for line in lines):
            self._compare(SYSTEM, _system(self.m), changes)
        self.film.steps.append(changes)
        self._rows += len(lines)

    def _reached(self) -> set[str]:
        """Give who has been sent a signal: not every event names its receiver."""
        reached = set()
        for p in self.m.active:
            if type(p) is Process and p.arrived and self._queued.get(p.pid, 0) != len(p.arrived):
                reached.add(_path(p.pid))
        return reached

    def _cells(self, who: str, p: Process) -> Cells:
        """Give the cells of a process; one whose code has ended keeps the last it had of it."""
        cells, of_body = _process(p, self.m), _body(p)
        if not of_body and p.status in (BUSY, EXITING):
            before = self._seen.get(who, {})
            of_body = {cell: value for cell, value in before.items() if _of_body(cell)}
        return cells | of_body

    def _number(self, who: str, p: Process, lines: list[str]) -> None:
        """Note which number a message to a name got, if it found somebody."""
        before, self._sent[who] = self._sent.get(who, 0), p.sent
        if p.sent > before:
            for at, line in enumerate(lines):
                if f'_name","p":"{who}"' in line:
                    self.film.serials[self._rows + at] = p.sent

    def _compare(self, who: str, now: Cells, changes: list[tuple[str, str, Any]]) -> None:
        before = self._seen.get(who, {})
        if now == before:
            return
        changes += [(who, cell, None) for cell in before if cell not in now]
        changes += [(who, c, value) for c, value in now.items() if before.get(c) != value]
        self._seen[who] = now


def _path(pid: Pid) -> str:
    return str(pid)[1:-1]


def _order(path: str) -> list[int]:
    return [int(part) for part in path.split(".")[1:]]


def _system(m: Machine) -> Cells:
    cells: Cells = {}
    if m.names:
        cells["names"] = [f"{name} = {pid}" for name, pid in sorted(m.names.items())][:ITEMS_MAX]
    for table in m.tables.by_ref.values():
        rows = [cut(show(row)) for row in table.in_order()]
        cells[f"table › {table.name}"] = _few(rows)
    return cells


def _process(p: Process, m: Machine) -> Cells:
    """Give the cells of one process."""
    cells: Cells = {"status": LIFE[p.status]}
    if p.name:
        cells["name"] = p.name
    if p.status == WAITING and p.want is not None and not getattr(p.want, "idle", False):
        cells["waits for"] = cut(_wanted(p.want))
    if p.mailbox:
        cells["mailbox"] = _few(
            [cut(show(item)) for item in list(p.mailbox)[:ITEMS_MAX]], p.mailbox
        )
    if p.arrived:
        cells["arrived"] = f"{len(p.arrived)} not handled yet"
    if p.links:
        cells["links"] = _few([str(pid) for pid in p.links])
    if p.monitors:
        cells["monitors"] = _few([show(of) for _, of in p.monitors.values()])
    if timers := _timers(p, m):
        cells["timers"] = _few(timers)
    for key, value in (p.dictionary or {}).items():
        if not str(key).startswith("$"):
            cells[f"dictionary › {cut(show(key), 60)}"] = cut(show(value))
    if p.trap_exit:
        cells["traps exits"] = "yes"
    return cells


def _wanted(want: Any) -> str:
    """Say what a process waits for: a call says why it waits, a receive has its patterns."""
    why = getattr(want, "why", None)
    if why is None:
        return any_of(getattr(want, "patterns", None) or (), "anything")
    parts = why if type(why) is tuple else (why,)
    return " ".join(x.__qualname__ if isinstance(x, type) else str(x) for x in parts)


def _body(p: Process) -> Cells:
    body = p.body
    if isinstance(body, Server):
        state = getattr(body, "state", None)
        if isinstance(state, Tree | Flock):
            return _supervisor(state)
        return _spread("state", state) if hasattr(body, "module") else {}
    if isinstance(body, StateMachine):
        if not hasattr(body, "state"):
            return {}
        cells = {"state": _text(body.state), **_spread("data", body.data)}
        if body.postponed:
            cells["postponed"] = _few([_text(thaw(content)) for _, content in body.postponed])
        return cells
    return _variables(body) if p.status != AT_REST else {}


def _of_body(cell: str) -> bool:
    return cell.partition(" › ")[0] in OF_BODY


def _supervisor(state: Tree | Flock) -> Cells:
    limits = state if isinstance(state, Tree) else state.limits
    used = f"{len(limits.restarts)} of {limits.intensity} in {limits.period_s} s"
    cells: Cells = {"strategy": limits.strategy, "restarts": used}
    if isinstance(state, Tree):
        children = [_child(c.spec.id, c.pid, c.is_restarting) for c in state.children]
    else:
        children = [
            _child("child", pid, isinstance(c, Member) and c.is_restarting)
            for pid, c in state.children.items()
        ]
    if children:
        cells["children"] = children
    return cells


def _child(id: Any, pid: Any, restarting: bool) -> str:
    name = id.__qualname__ if isinstance(id, type) else id if type(id) is str else show(id)
    where = str(pid) if type(pid) is Pid else "restarting" if restarting else "not running"
    return f"{where} {cut(name, 60)}"


def _variables(body: Any) -> Cells:
    """Give where a coroutine waits, and its variables: of the innermost call in the user's code."""
    frame, code = None, body
    for _ in range(50):
        inner = getattr(code, "cr_frame", None)
        if inner is None:
            break
        if not str(inner.f_globals.get("__name__", "")).startswith("simkernel."):
            frame = inner
        code = getattr(code, "cr_await", None)
    if frame is None:
        return {}
    name = frame.f_code.co_qualname.rpartition("<locals>.")[2]
    cells: Cells = {"at": f"{name}, line {frame.f_lineno}"}
    for variable, value in sorted(_locals(frame).items())[:FIELDS_MAX]:
        cells[f"variables › {variable}"] = _text(value)
    return cells


def _locals(frame: FrameType) -> Mapping[str, Any]:
    return {name: value for name, value in frame.f_locals.items() if not name.startswith(".")}


def _timers(p: Process, m: Machine) -> list[str]:
    timers = []
    if p.timer is not None and p.timer.kind != "hold":
        what = {"expire": "receive gives up", "done": "work is done"}.get(p.timer.kind, "wakes up")
        timers.append(f"{what}{_due(p.timer.due, m)}")
    for timer in (p.timers or {}).values():
        timers.append(f"{cut(show(timer.message), 120)}{_due(timer.due, m)}")
    return timers


def _due(due: Any, m: Machine) -> str:
    return f" at {due / 1000:g} ms" if type(due) is int and not m.clock.symbolic else ""


def _spread(name: str, value: Any) -> Cells:
    """Give a value as one cell a field, so that a change shows where it is."""
    parts: Mapping[Any, Any] | None = None
    if isinstance(value, dict | Map):
        parts = dict(value.items())
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type | Pid):
        names = [each.name for each in fields_of(value)]
        parts = {each: getattr(value, each) for each in names if hasattr(value, each)}
    if not parts or len(parts) > FIELDS_MAX:
        return {name: _text(value)}
    return {f"{name} › {_key(key)}": _text(part) for key, part in parts.items()}


def _key(key: Any) -> str:
    return key if type(key) is str else cut(_text(key), 60)


def _text(value: Any) -> str:
    if type(value) in ATOMIC:
        return cut(show(value))
    try:
        return cut(show(freeze(value, "state")))
    except (TermError, RecursionError):
        return f"a {type(value).__name__}"


def cut(text: str, most: int = TEXT_MAX) -> str:
    """Shorten a text that nobody reads to its end.

    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def _few(items: list[str], all_of: Any = None) -> list[str]:
    count = len(items if all_of is None else all_of)
    if count <= ITEMS_MAX:
        return items
    return [*items[:ITEMS_MAX], f"… {count - ITEMS_MAX} more"]
