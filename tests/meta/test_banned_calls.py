"""Nothing decides by itself: the kernel and OTP read no clock, no randomness and no hash order.

The guards catch such calls in the user's code while a run is under way; this test keeps them out of
ours, where nobody would look.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.meta.house import PACKAGES, files, name, tree

BANNED_MODULES = {"time", "random", "uuid", "secrets", "threading", "asyncio", "datetime"}
BANNED_CALLS = {"os.urandom", "os.getpid", "os.times", "os.getrandom"}
# Differ between two runs of one program: addresses, and hashes of strings.
BANNED_BUILTINS = {"id", "hash"}

# These stand between a run and the real world, so they have to name it.
MAY_TOUCH_THE_WORLD = {"simkernel/kernel/guards.py", "simkernel/kernel/watchdog.py"}
# `random.Random(seed)` is a function of its seed: the picker and the clock draw from one they own.
SEEDED = {"random.Random"}

INSIDE_A_RUN = ("simkernel/kernel", "simkernel/otp")


def faults(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of each use that could make two equal runs differ."""
    origin = dict(_imported(module))
    for node in ast.walk(module):
        match node:
            case ast.Attribute() | ast.Name():
                full = _full_name(node, origin)
                if _is_banned(full) and isinstance(getattr(node, "ctx", None), ast.Load):
                    yield node.lineno, full
            case ast.Call(func=ast.Name(id=called)) if called in BANNED_BUILTINS:
                yield node.lineno, f"{called}()"
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if _is_set(iterated):
                yield iterated.lineno, "iteration over a set"
            case ast.ImportFrom(module=source, names=names) if source in BANNED_MODULES:
                for imported in names:
                    if f"{source}.{imported.name}" not in SEEDED:
                        yield node.lineno, f"{source}.{imported.name}"


def _imported(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, origin: dict[str, str]) -> str:
    match node:
        case ast.Name(id=local):
            return origin.get(local, "")
        case ast.Attribute(value=value, attr=attribute):
            left = _full_name(value, origin)
            return f"{left}.{attribute}" if left else ""
    return ""


def _is_banned(full: str) -> bool:
    if full in SEEDED or "." not in full:
        return False
    return full in BANNED_CALLS or full.split(".", maxsplit=1)[0] in BANNED_MODULES


def _is_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
    return False


def _faults_in(*folders: str) -> list[str]:
    return sorted(
        {
            f"{name(path)}:{line} {what}"
            for path in files(*folders, suffix=".py")
            if name(path) not in MAY_TOUCH_THE_WORLD
            for line, what in faults(tree(path))
        }
    )


def test_nothing_inside_a_run_touches_the_real_world() -> None:
    assert _faults_in(*INSIDE_A_RUN) == []


def test_no_package_draws_from_the_global_generator() -> None:
    drawn = [fault for fault in _faults_in(*PACKAGES) if " random." in fault or " uuid." in fault]
    assert drawn == []


def test_the_check_finds_each_kind_of_fault(tmp_path: Path) -> None:
    source = """
import os, random, time as t
from datetime import datetime
from time import monotonic
from random import Random, shuffle
a = t.time()
b = random.choice([1])
c = id(a)
d = os.urandom(2)
e = datetime.now()
for f in {1, 2}: pass
g = [h for h in set([1])]
fine = random.Random(1), Random(2), "time.time"
"""
    assert {(line, what) for line, what in faults(ast.parse(source))} >= {
        (4, "time.monotonic"),
        (5, "random.shuffle"),
        (6, "time.time"),
        (7, "random.choice"),
        (8, "id()"),
        (9, "os.urandom"),
        (10, "datetime.datetime.now"),
        (11, "iteration over a set"),
        (12, "iteration over a set"),
    }
    assert not [what for line, what in faults(ast.parse(source)) if line == 13]
