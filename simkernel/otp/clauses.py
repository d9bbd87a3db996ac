"""Read a class's callbacks when it is created: clauses that forget to return."""

from __future__ import annotations

from typing import Any


def check_callbacks(cls: Any, names: tuple[str, ...]) -> None:
    """Check the callbacks that a class defines itself."""
