"""The pictures of the documentation, made by running specs: `python -m tests.meta.gallery --write`.

Read the difference before committing it. tests/meta/test_gallery.py compares every byte.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from checkers.check import Budget, check
from checkers.evidence import gather
from reports.diagram import dot
from reports.family import Moment, family
from reports.listing import Event
from reports.render import drawn
from reports.scene import plain, scene
from reports.spacetime import spacetime
from reports.tree import forest, graph
from simkernel.cli.graph import machine_at
from simkernel.cli.reel import case_of, reel
from simkernel.cli.views import machines, processes
from simkernel.kernel.guards import guards
from simkernel.kernel.machine import Machine
from simkernel.loading import load, source_hash
from simkernel.otp.supervision import Tree
from simkernel.settings import Settings
from simkernel.terms import Pid
from simkernel.trace.reader import read
from tests.meta.house import ROOT
from tests.reports.recorded import at_root, recorded

FOLDER = ROOT / "docs" / "pictures"
WALK = Settings(step_ms=(0, 10), picker="walk")

RACES = {
    "late-reply": ("specs/concurrency/late_reply.py", "An answer that comes too late"),
    "deadlock": ("specs/concurrency/philosophers.py", "Two philosophers, two forks, a deadlock"),
    "restart-race": ("specs/concurrency/restart_race.py", "The old one still has the name"),
    "agent-crash": ("specs/guide/agent_fsm.py", "The agent whose tool is slow"),
}
MACHINES = {
    "agent-fsm": "specs/guide/agent_fsm.py",
    "workflow-fsm": "specs/guide/workflow_fsm_11.py",
}
VICTIM = "Cache"
TREES = {
    "application": "specs/guide/application.py",
    "sessions": "specs/guide/session_supervisor.py",
}


def pictures() -> Iterator[tuple[str, bytes]]:
    """Give each picture with the name of its file."""
    with at_root(), tempfile.TemporaryDirectory() as folder, guards():
        for name, (path, title) in RACES.items():
            yield f"{name}.svg", _race(path, title, Path(folder))
        for name, path in MACHINES.items():
            diagram = machines(load(path), {}, WALK, 20)
            yield f"{name}.svg", drawn(dot(diagram).source, "svg", by="graphviz-pure")
        for name, path in TREES.items():
            trees = forest(machine_at(load(path), {}, WALK, None))
            yield f"{name}.svg", drawn(graph(trees).source, "svg", by="graphviz-pure")
        traffic = processes(load("specs/guide/agent_fsm.py"), {}, WALK, 20)
        yield "agent-traffic.svg", drawn(dot(traffic).source, "svg", by="graphviz-pure")
        yield "strategies.svg", _strategies()
        yield "restart-storm.svg", _storm(Path(folder))


STRATEGIES = {
    "one_for_one": "only what crashed",
    "one_for_all": "all of them",
    "rest_for_one": "what crashed, and all behind it",
}


def _strategies() -> bytes:
    """Draw the guide's application before its cache crashes, and after it, under each strategy."""
    moments = []
    for strategy, told in STRATEGIES.items():
        before, after = _crash(strategy)
        if not moments:
            children = tuple((name, "dead" if name == VICTIM else "") for name in before)
            moments.append(Moment("the crash", "Supervisor", children, "the cache crashes"))
        fates = tuple((n, "stays" if after[n] == pid else "new") for n, pid in before.items())
        moments.append(Moment(strategy, "Supervisor", fates, f"started again: {told}"))
    return family(moments, "Who is started again, under each strategy").encode()


def _crash(strategy: str) -> tuple[dict[str, Pid], dict[str, Pid]]:
    """Give the children before the crash, and once all are there again."""
    spec = load("specs/guide/application.py")
    m = spec.machine({"strategy": strategy}, Settings(picker="first"))
    before: dict[str, Pid] = {}
    while options := m.enabled():
        m.apply(options[0])
        now = _children(m)
        if len(now) == len(before) or len(now) == 4:
            died = any(death.pid in before.values() for death in m.deaths)
            if died and VICTIM in now and now[VICTIM] != before[VICTIM]:
                m.close()
                return before, now
            before = before if died else now
    raise AssertionError(f"no crash under {strategy}")


def _children(m: Machine) -> dict[str, Pid]:
    """Give the children that are alive, by name."""
    for p in m.processes.values():
        held = getattr(p.body, "state", None)
        if isinstance(held, Tree) and p.name == "MyApp.Supervisor":
            return {
                getattr(child.spec.id, "__qualname__", str(child.spec.id)).rpartition(".")[
                    2
                ]: child.pid
                for child in held.children
                if child.pid in m.processes
            }
    return {}


def _storm(folder: Path) -> bytes:
    """Draw what crashes, starts again and gives up where the cache crashes more than it may."""
    given = {"strategy": "one_for_one", "crashes": 4, "clients": 0}
    trace = recorded("specs/guide/application.py", folder, given=given, picker="first")
    shown = plain(reel(trace))
    events = shown.reel.events
    above = next(pid for pid, role in shown.cast.roles.items() if role.label == "Supervisor")
    caches = [pid for pid, role in shown.cast.roles.items() if role.label.startswith(VICTIM)]
    rows = [row for row, event in enumerate(events) if _matters(event, above, caches)]
    first = next(row for row in rows if events[row]["e"] == "exit")
    rows = [row for row in rows if row >= first]
    return spacetime(shown, "A restart storm: the supervisor gives up", rows=rows).encode()


def _matters(event: Event, above: str, caches: list[str]) -> bool:
    """Tell whether an event is of the cache, of who supervises it, or of who crashes it."""
    kind, pid = event["e"], event.get("p")
    if kind == "exit":
        return event["to"] in caches
    if pid in caches:
        return kind == "start" or (kind == "handle" and event["s"] == "exit") or kind == "tell_link"
    if pid != above:
        return False
    is_exit = kind == "handle" and event["s"] == "exit" and event["from"] in caches
    return (
        is_exit or kind == "end" or event.get("kind") == "gave up" or event.get("child") in caches
    )


def _race(path: str, title: str, folder: Path) -> bytes:
    spec = load(path)
    verdict = check(spec, {}, strategy="portfolio", budget=Budget(runs=100))
    assert verdict.counterexample is not None, path
    evidence = gather(path, spec, verdict.counterexample, source_hash(path), folder, verdict)
    shown = scene(case_of(read(evidence.trace)))
    assert shown is not None
    return spacetime(shown, title).encode()


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in pictures():
        (FOLDER / name).write_bytes(data)
        print(f"wrote docs/pictures/{name}")


if __name__ == "__main__" and "--write" in sys.argv:
    main()
