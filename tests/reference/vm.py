"""Run programs of the reference language on the real VM and count their outcomes."""

from __future__ import annotations

import ast
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.reference.programs import Outcome, Program

SOURCES = Path(__file__).parent / "vm"
MISSING = None if shutil.which("erl") and shutil.which("erlc") else "erl and erlc are not installed"


def run(
    programs: Sequence[Program], runs: int, schedulers: int = 2, timeout_s: int = 600
) -> list[Counter[Outcome]]:
    """Run each program about `runs` times in one VM and count the outcomes of each."""
    with tempfile.TemporaryDirectory() as folder:
        terms, counts = Path(folder, "programs.terms"), Path(folder, "counts")
        terms.write_text("".join(_entry(i, p, runs) for i, p in enumerate(programs)))
        _erl(folder, "interp", [str(terms), str(counts)], schedulers, timeout_s)
        return _read(counts.read_text(), len(programs))


def script(module: str, arguments: Sequence[str], schedulers: int = 2, timeout_s: int = 600) -> str:
    """Compile `module` of the vm folder, run its main/1 with `arguments`, give what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        return _erl(folder, module, arguments, schedulers, timeout_s)


def _erl(
    folder: str, module: str, arguments: Sequence[str], schedulers: int, timeout_s: int
) -> str:
    subprocess.run(
        ["erlc", "-o", folder, str(SOURCES / f"{module}.erl")], check=True, timeout=timeout_s
    )
    call = f"{module}:main({_term(list(arguments))})."
    command = ["erl", "+S", f"{schedulers}:{schedulers}", "-noshell", "-noinput", "-pa", folder]
    done = subprocess.run(
        [*command, "-eval", call], check=True, timeout=timeout_s, capture_output=True, text=True
    )
    return done.stdout


def _entry(index: int, program: Program, runs: int) -> str:
    order = _term(list(program.letters))
    bodies = _term([(letter, list(ops)) for letter, ops in program.nested])
    return f'{{"{index}", {runs}, {order}, {bodies}}}.\n'


def _term(value: Any) -> str:
    """Write a value as an Erlang term: words become atoms, None becomes none."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str() if "/" in value or "." in value or " " in value or value[:1].isdigit():
            return f'"{value}"'
        case str():
            return f"'{value}'"
        case ("recv", tuple() as patterns, after):
            return f"{{recv, {_term(list(patterns))}, {_term(after)}}}"
        case ("spawn", *rest, ops):
            return f"{{{', '.join(map(_term, ('spawn', *rest)))}, {_term(list(ops))}}}"
        case tuple():
            return "{" + ", ".join(map(_term, value)) + "}"
        case _:
            return "[" + ", ".join(map(_term, value)) + "]"


def _read(text: str, programs: int) -> list[Counter[Outcome]]:
    counters: list[Counter[Outcome]] = []
    for line in text.splitlines():
        if line.startswith("#"):
            counters.append(Counter())
        else:
            count, outcome = line.split(" ", 1)
            counters[-1][ast.literal_eval(outcome)] += int(count)
    if len(counters) != programs:
        raise ValueError(f"{len(counters)} of {programs} programs were reported")
    return counters
