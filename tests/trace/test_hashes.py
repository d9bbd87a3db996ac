"""The same run has the same hash under every hash seed and on every CPython that is here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.house import ROOT

SPECS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "specs").rglob("*.py"))


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


def run_hash(python: str, spec: str, hash_seed: str) -> str:
    """Run a spec in a process of its own, without its command line: click need not be there."""
    code = (
        "import sys\n"
        "from simkernel.loading import load\n"
        "from simkernel.settings import Settings\n"
        "from simkernel.spec import run\n"
        "from simkernel.trace.writer import Recorder\n"
        "hashes = []\n"
        "for settings in (Settings(seed=3), Settings(seed=3, picker='walk', step_ms=(0, 10))):\n"
        "    tape = Recorder()\n"
        "    run(load(sys.argv[1]).machine({}, settings, tape=tape), settings)\n"
        "    hashes.append(tape.hash)\n"
        "import json; print(json.dumps(hashes))\n"
    )
    done = subprocess.run(
        [python, "-c", code, spec],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout))


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_has_one_hash_under_three_hash_seeds(spec: str) -> None:
    assert len({run_hash(sys.executable, spec, seed) for seed in ("0", "1", "77")}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_has_one_hash_on_every_python(spec: str) -> None:
    assert len({run_hash(python, spec, "0") for python in interpreters()}) == 1
