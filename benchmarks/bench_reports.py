"""Reports: a page of ten thousand events, its time and weight; a tree of a thousand processes."""

from __future__ import annotations

import resource
import tempfile
import time
from functools import cache, partial
from pathlib import Path

from benchmarks.case import Case
from reports.render import drawn
from reports.run_page import run_page
from reports.tree import forest, graph
from simkernel import GenServer, Ok, Supervisor, sleep
from simkernel.cli.reel import case_of
from simkernel.loading import load, source_hash
from simkernel.settings import Settings
from simkernel.spec import of, run
from simkernel.trace.reader import read
from simkernel.trace.writer import TraceFile

BUSY = "tests/reports/busy.py"
CHILDREN = 1_000


class Child(GenServer):
    """A worker with a name of its own, so that it is not folded with the others."""

    @staticmethod
    def start_link(name: str) -> object:
        """Start one."""
        return GenServer.start_link(Child, name, name=name)

    def init(self, name: str) -> object:
        return Ok(name)


@cache
def trace() -> str:
    """Record the run once."""
    path = Path(tempfile.mkdtemp()) / "busy.jsonl"
    spec, settings = load(BUSY), Settings(picker="walk")
    header = {
        "spec": BUSY, "parameters": {}, "settings": settings.to_json(),
        "source": source_hash(BUSY),
    }  # fmt: skip
    with TraceFile(path, header) as file:
        m = spec.machine({}, settings, tape=file.recorder)
        file.close(run(m, settings))
    m.close()
    return str(path)


def page() -> str:
    """Make the page: read, replay, film, write."""
    text = run_page(case_of(read(trace())))
    assert text.count("<tr id=") > 10_000
    return text


def made() -> None:
    """Make the page, for its time."""
    page()


def weight() -> float:
    """Give the bytes of the page."""
    return float(len(page().encode()))


def tree() -> float:
    """Draw the tree; gives the CPU time in ns, that of the drawing program too."""

    async def main() -> None:
        children = [
            Supervisor.child_spec((Child, f"child {n}"), id=f"child {n}") for n in range(CHILDREN)
        ]
        await Supervisor.start_link(children, strategy="one_for_one")
        await sleep(1)

    settings = Settings(picker="first")
    m = of(main).machine({}, settings)
    while len(m.processes) < CHILDREN + 2 and (options := m.enabled()):
        m.apply(options[0])
    before = _spent()
    svg = drawn(graph(forest(m)).source, "svg")
    spent = _spent() - before
    assert svg.count(b'class="node"') >= CHILDREN
    m.close()
    return spent * 1e9


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def promised(number: float) -> float:
    """Give what was promised."""
    return number


def cases() -> list[Case]:
    """Measure against what was promised."""
    return [
        Case("report: a page of 10,000 events", made, partial(promised, 2e9), 1, 1, unit="page",
             peer_name="2 s promised"),
        Case("report: the weight of that page", weight, partial(promised, 5e6), 1, 1,
             better="lower", unit="page", peer_name="bytes promised"),
        Case("report: a tree of 1,000 processes, drawn", tree, partial(promised, 3e9), 1, 1,
             unit="tree", peer_name="3 s promised"),
    ]  # fmt: skip
