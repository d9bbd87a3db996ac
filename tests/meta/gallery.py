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
from reports.render import drawn
from reports.scene import scene
from reports.spacetime import spacetime
from reports.tree import forest, graph
from simkernel.cli.graph import machine_at
from simkernel.cli.reel import case_of
from simkernel.cli.views import machines
from simkernel.kernel.guards import guards
from simkernel.loading import load, source_hash
from simkernel.settings import Settings
from simkernel.trace.reader import read
from tests.meta.house import ROOT
from tests.reports.recorded import at_root

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
