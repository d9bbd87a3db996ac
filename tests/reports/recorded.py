"""Runs recorded for the tests of what is drawn of them, and golden files to compare with.

After a change that is meant, `python -m tests.reports.recorded` writes the golden files anew: read
the difference before committing it.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simkernel.cli.reel import reel
from simkernel.kernel.guards import guards
from simkernel.loading import load, source_hash
from simkernel.settings import Settings
from simkernel.spec import run
from simkernel.trace.blob import parameters_text
from simkernel.trace.reader import Trace, read
from simkernel.trace.writer import TraceFile
from tests.meta.house import ROOT

GOLDEN = ROOT / "tests" / "reports" / "golden"
WRITES = "SIMKERNEL_WRITE_GOLDEN"


def recorded(
    spec: str,
    folder: Path,
    *,
    last: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
    **settings: Any,
) -> Trace:
    """Run a spec of the project and give its trace; paths are as if started at the root."""
    wanted = Settings(**{"picker": "walk", **settings})
    with at_root():
        loaded = load(spec)
        header = {
            "spec": spec, "parameters": parameters_text(given or {}),
            "settings": wanted.to_json(), "source": source_hash(spec.partition(":")[0]),
        }  # fmt: skip
        with TraceFile(folder / "run.jsonl", header) as file:
            m = loaded.machine(given or {}, wanted, tape=file.recorder)
            with guards():
                ended = run(m, wanted)
            file.close(ended, **(last or {}))
        m.close()
        return read(folder / "run.jsonl")


def filmed(trace: Trace) -> Any:
    """Replay a trace that was recorded at the root."""
    with at_root():
        return reel(trace)


@contextlib.contextmanager
def at_root() -> Iterator[None]:
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(before)


def agrees_with_golden(name: str, made: str | bytes) -> None:
    """Compare with a golden file, byte by byte."""
    data = made.encode() if isinstance(made, str) else made
    path = GOLDEN / name
    if os.environ.get(WRITES):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert path.exists(), f"no golden file {name}: python -m tests.reports.recorded"
    assert path.read_bytes() == data, f"{name} differs: python -m tests.reports.recorded"


if __name__ == "__main__":
    os.environ[WRITES] = "1"
    sys.argv = ["pytest", "-q", "-k", "golden", str(ROOT / "tests" / "reports")]
    runpy.run_module("pytest", run_name="__main__")
