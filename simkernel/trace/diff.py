"""The first difference of two runs."""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.trace.reader import Trace


@dataclass(frozen=True)
class Difference:
    """Where two traces part: the lines before, and what each has from there on."""

    at: int
    before: tuple[str, ...]
    left: tuple[str, ...]
    right: tuple[str, ...]


def difference(left: Trace, right: Trace, around: int = 3) -> Difference | None:
    """Give the first difference, or None when both have the same events."""
    pairs = enumerate(zip(left.lines, right.lines, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), None)
    if at is None:
        if len(left.lines) == len(right.lines):
            return None
        at = min(len(left.lines), len(right.lines))
    start = max(0, at - around)
    return Difference(
        at,
        tuple(left.lines[start:at]),
        tuple(left.lines[at : at + around]),
        tuple(right.lines[at : at + around]),
    )
