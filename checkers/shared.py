"""Numbers of events that are the same in every process that searches.

Within one process a number is the next one that is free. Several cannot agree on that without
asking each other, so there it is a digest of what it stands for.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from checkers.events import Actor, Identities, Label, Like

BYTES = 12  # 10^9 events differ but for a chance of 10^-11


class News(NamedTuple):
    """An event that was not known, with its number."""

    number: int
    actor: Actor
    label: Label
    after: tuple[int, ...]
    previous: int
    like: Like


class Shared(Identities):
    """Identities whose news others are told of."""

    def __init__(self) -> None:
        super().__init__()
        self.news: list[News] = []  # since it was emptied

    def add(self, actor: Actor, previous: int, after: tuple[int, ...], like: Like) -> int:
        """Number a new event, and keep the news."""
        text = repr((actor, like.label, after))
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=BYTES).digest(), "big")
        one = News(number, actor, like.label, after, previous, like)
        self.take(one)
        self.news.append(one)
        return number

    def take(self, one: News) -> None:
        """Know what another process has found."""
        self.numbers[one.actor, one.label, one.after] = one.number
        self.know(one.actor, one.previous, one.like)
