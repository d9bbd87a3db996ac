"""What a machine looks like at one moment: plain values, for people and for JSON."""

from __future__ import annotations

from typing import Any

from simkernel.kernel.information import function_name
from simkernel.kernel.machine import Machine
from simkernel.kernel.patterns import any_of
from simkernel.kernel.process import LIFE, WAITING, Process
from simkernel.terms import show


def view(m: Machine) -> dict[str, Any]:
    """Give names, tables, timers and the state of every process, terms by their text."""
    every = sorted([*m.processes.values(), *m.dying.values()], key=lambda p: p.pid.path)
    return {
        "now_ms": m.clock.now / 1000,
        "transitions": m.count,
        "processes": [_process(p) for p in every],
        "names": {name: str(pid) for name, pid in sorted(m.names.items())},
        "tables": {
            table.name: [show(row) for row in table.in_order()]
            for table in m.tables.by_ref.values()
        },
        "timers": [
            {"ref": str(timer.ref), "to": str(timer.dest), "message": show(timer.message)}
            for timer in m.timers.values()
        ],
        "enabled": [str(transition) for transition in m.enabled()],
    }


def _process(p: Process) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "pid": str(p.pid),
        "runs": function_name(p.origin[0]),
        "status": LIFE[p.status],
    }
    if p.name:
        seen["name"] = p.name
    if p.status == WAITING and p.want is not None:
        patterns = getattr(p.want, "patterns", None) or ()
        why = getattr(p.want, "why", None)  # of a start it names a class, which is no JSON
        seen["waits_for"] = str(why) if why else any_of(patterns, "anything")
    save = getattr(p.body, "save", None)
    if save is not None and getattr(p.want, "idle", False):
        seen["state"] = show(_frozen(save()))
    for key, held in (("mailbox", p.mailbox), ("links", p.links)):
        if held:
            seen[key] = [show(item) for item in held]
    if p.arrived:
        seen["arrived"] = len(p.arrived)
    if p.monitors:
        seen["monitors"] = [str(of) for _, of in p.monitors.values()]
    if p.dictionary:
        seen["dictionary"] = {show(key): show(value) for key, value in p.dictionary.items()}
    if p.trap_exit:
        seen["trap_exit"] = True
    return seen


def _frozen(value: Any) -> Any:
    from simkernel.terms import freeze

    return freeze(value, "state")
