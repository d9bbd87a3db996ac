"""Which equivalence classes of runs have been explored, and whether one of them has some events.

A class is the set of the numbers of its events (`recorder.Identities`). A number stands for all
that happened before it, so a set of events is part of a class exactly if its last ones are.
"""

from __future__ import annotations

from collections.abc import Iterable

BLOCK = 12  # bits of a class's place within its block: 4096 classes


class Classes:
    """Finds classes by events: for each number the classes that have it, as bits, in blocks.

    >>> classes = Classes()
    >>> classes.add([1, 2, 3])
    >>> classes.add([1, 2, 4])
    >>> classes.has([2, 4]), classes.has([3, 4])
    (True, False)
    """

    def __init__(self) -> None:
        self.count = 0
        self._with: dict[int, dict[int, int]] = {}

    def add(self, numbers: Iterable[int]) -> None:
        """Add a class."""
        block, bit = self.count >> BLOCK, 1 << (self.count & (1 << BLOCK) - 1)
        for number in numbers:
            blocks = self._with.setdefault(number, {})
            blocks[block] = blocks.get(block, 0) | bit
        self.count += 1

    def has(self, numbers: list[int]) -> bool:
        """Tell whether a class has all these events."""
        listed = [self._with.get(number) for number in numbers]
        if not all(listed):
            return False
        listed.sort(key=len)  # type: ignore[arg-type]
        first, *others = listed
        assert first is not None
        for block, bits in first.items():
            for blocks in others:
                assert blocks is not None
                bits &= blocks.get(block, 0)
                if not bits:
                    break
            if bits:
                return True
        return False
