"""A bound on memory, so that a spec that needs ever more is reported, and the machine goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

OF_THE_MACHINE = 0.75


@contextmanager
def memory_kept(megabytes: int | None, workers: int) -> Iterator[None]:
    """Let this process, and each that it forks, have so much more than it has now.

    The bound is one of address space (RLIMIT_AS): who wants more gets a MemoryError. On systems
    without such a bound there is none.
    """
    try:
        import resource
    except ImportError:
        yield
        return
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _size_now() + (megabytes * 2**20 if megabytes else _share(workers))
    if before != resource.RLIM_INFINITY:
        most = min(most, before)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def _share(workers: int) -> int:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(size * OF_THE_MACHINE) // workers


def _size_now() -> int:
    """Give the address space of this process; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
