"""The same run has the same hash under every hash seed and on every CPython that is here."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.meta.house import ROOT

SPECS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "specs").rglob("*.py"))


@functools.cache
def interpreters() -> list[str]:
    """Give the Pythons of 3.11 and later that can be found: ours, on the path, or of pyenv."""
    found = [sys.executable]
    for minor in ("3.11", "3.12", "3.13", "3.14", "3.15"):
        on_path = shutil.which(f"python{minor}")
        pyenv = sorted(Path.home().glob(f".pyenv/versions/{minor}*/bin/python{minor}"))
        found += [str(path) for path in ([on_path] if on_path else []) + pyenv]
    return [path for path in dict.fromkeys(found) if _runs(path)]


def _runs(path: str) -> bool:
    code = "import sys; assert sys.version_info >= (3, 11)"
    return subprocess.run([path, "-c", code], capture_output=True, check=False).returncode == 0


CODE = """
import json, sys
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import run
from simkernel.trace.writer import Recorder
hashes = {}
for path in sys.argv[1:]:
    hashes[path] = []
    for settings in (Settings(seed=3), Settings(seed=3, picker="walk", step_ms=(0, 10))):
        tape = Recorder()
        run(load(path).machine({}, settings, tape=tape), settings)
        hashes[path].append(tape.hash)
print(json.dumps(hashes))
"""


@functools.cache
def hashes(python: str, hash_seed: str) -> Any:
    """Run every spec, in one process, without the command line: click need not be there."""
    done = subprocess.run(
        [python, "-c", CODE, *SPECS],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def alone(spec: str) -> Any:
    """Run one spec in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, spec],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)[spec]


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_has_one_hash_under_three_hash_seeds(spec: str) -> None:
    first, *others = (hashes(sys.executable, seed)[spec] for seed in ("0", "1", "77"))
    assert others == [first, first]


def test_what_ran_before_in_the_process_plays_no_part() -> None:
    spec = SPECS[-1]
    assert alone(spec) == hashes(sys.executable, "0")[spec]


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_has_one_hash_on_every_python(spec: str) -> None:
    first, *others = (hashes(python, "0")[spec] for python in interpreters())
    assert others == [first] * len(others)
