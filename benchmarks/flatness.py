"""Whether memory stays flat over many runs: what one process holds after so many.

    python -m benchmarks.flatness --runs 1000000

prints the resident memory at every tenth part, and what a run has added since the first of them. A
search that remembered its runs would grow by some KB for each.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path
from typing import Any

from checkers.check import Budget, check
from simkernel import receive, self_, send, spawn
from simkernel.spec import of

STATM = Path("/proc/self/statm")
BYTES_MAX = 1.0  # a run may leave so many behind


async def sender(main: Any, word: str) -> None:
    send(main, word)


async def race() -> str:
    """Hear of two, in either order."""
    for word in ("a", "b"):
        spawn(sender, self_(), word)
    return f"{await receive()}{await receive()}"


def held() -> int:
    """Give the resident memory, in bytes."""
    return int(STATM.read_text("ascii").split()[1]) * resource.getpagesize()


def measured(runs: int, strategy: str = "walk", parts: int = 10) -> list[tuple[int, int]]:
    """Give runs and bytes at each part of a search."""
    found: list[tuple[int, int]] = []

    def note(done: int, transitions: int, failed: bool) -> None:
        if done >= (len(found) + 1) * runs // parts:
            found.append((done, held()))

    budget = Budget(runs=runs, seconds=1e9)
    verdict = check(of(race), {}, strategy=strategy, budget=budget, progress=note)
    assert verdict.searched.runs == runs
    return [*found, (runs, held())] if not found or found[-1][0] < runs else found


def main(arguments: list[str]) -> int:
    """Measure, and say whether it is flat."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flatness")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--strategy", default="walk")
    asked = parser.parse_args(arguments)
    points = measured(asked.runs, asked.strategy)
    for runs, size in points:
        print(f"{runs:>9} runs  {size / 1e6:.2f} MB")
    (first, small), (last, large) = points[0], points[-1]
    each = (large - small) / max(1, last - first)
    print(f"{each:.3f} bytes a run from {first} runs to {last}")
    return 0 if each <= BYTES_MAX else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
