"""Where the project's files are, for the tests that look at all of them."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ("simkernel", "checkers", "reports")
CODE = (*PACKAGES, "specs", "benchmarks")
# What tools leave behind in a work tree, and no commit holds.
_NOT_OURS = {"build", "dist", "__pycache__", ".git"}


def files(*folders: str, suffix: str = "") -> Iterator[Path]:
    """Yield the project's files under `folders` (all of them by default), in a stable order."""
    for start in folders or (".",):
        for folder, inside, names in os.walk(ROOT / start):
            inside[:] = sorted(each for each in inside if _is_ours(each))
            for name in sorted(names):
                if name.endswith(suffix) and name not in _NOT_OURS:
                    yield Path(folder, name)


def _is_ours(folder: str) -> bool:
    return folder == ".ci" or not (folder in _NOT_OURS or folder.startswith("."))


@cache
def tree(path: Path) -> ast.Module:
    """Parse one Python file of the project."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """Name a file as a reader of the project would."""
    return path.relative_to(ROOT).as_posix()
