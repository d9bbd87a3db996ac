"""A function over many arguments, on several cores; results are in the order of the arguments."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

A = TypeVar("A")
R = TypeVar("R")
FEW = 20
# How many processes at most: `--jobs` sets it.
JOBS = min(4, os.cpu_count() or 1)


def over(function: Callable[[A], R], arguments: Sequence[A]) -> list[R]:
    """Give function(argument) of each; few of them run here.

    >>> over(abs, [-2, 1])
    [2, 1]
    """
    if len(arguments) < FEW or JOBS == 1:
        return [function(each) for each in arguments]
    with multiprocessing.get_context("fork").Pool(JOBS) as pool:
        return pool.map(function, arguments, chunksize=max(1, len(arguments) // (JOBS * 8)))
