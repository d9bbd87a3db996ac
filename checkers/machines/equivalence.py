"""Whether a changed class does the same as the original one, whatever happens to it.

Both are driven with the same events, through every pair of situations that these lead to. They do
the same if each input has the same effects in the same order (what is sent, to whom, which timers
and monitors are set), and leaves the same state; whoever looks at them from outside then cannot
tell them apart. The events are those that the clauses name, with 0 and with 1 for what they
capture: data that both clauses and guards only compare are told apart by two values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from checkers.machines.alphabet import ANYTHING
from checkers.machines.driven import Driven, Event
from checkers.machines.explicit import Limits
from simkernel.errors import SimkernelError
from simkernel.terms import Pid, Ref, show, thaw

SITUATIONS = 200
EVENTS_MAX = 24
_UNSEEN = frozenset({"note", "start", "take", "handle", "fire", "expire"})


def widened(alphabet: Iterable[Event]) -> tuple[Event, ...]:
    """Give the events with 0 and with 1 for what stands for anything.

    >>> [str(event) for event in widened([Event("cast", ("put", 0))])]
    ["cast ('put', 0)", "cast ('put', 1)"]
    """
    found: dict[Event, None] = {}
    for event in alphabet:
        if event.kind == "after":
            found.setdefault(event)
        else:
            for content in _widened(event.content):
                found.setdefault(Event(event.kind, content))
    return tuple(found)


def _widened(content: Any) -> Iterator[Any]:
    if type(content) is int and content == ANYTHING:
        yield from (0, 1)
    elif type(content) is tuple:
        yield from product(*map(list, map(_widened, content)))
    else:
        yield content


def _without_lines(term: Any) -> Any:
    """Leave out stacks: their lines differ from one file to the other."""
    if type(term).__name__ == "Stack":
        return None
    return tuple(map(_without_lines, term)) if type(term) is tuple else term


class _Told:
    """A class that is driven, and what it does."""

    def __init__(self, cls: type, argument: Any):
        self.said: list[str] = []
        self.one = Driven(cls, argument, self._hear)

    def _hear(self, event: tuple[Any, ...]) -> None:
        kind, who, *rest = event
        if kind in _UNSEEN:
            return
        if kind == "spawn":  # of what it runs no more than who it is
            rest = [item for item in rest if type(item) in (Pid, Ref, bool)]
        self.said.append(f"{kind} {who} {show(_without_lines(thaw(tuple(rest))))}")

    def after(self, word: Sequence[Event]) -> tuple[list[str], bytes]:
        """Give it a word; gives what it did on the last event, and how it stands then."""
        for event in word:
            self.said.clear()
            self.one.feed(event)
        return list(self.said), self.one.key()


def equivalent(
    original: type, changed: type, argument: Any, alphabet: Sequence[Event], limits: Limits,
    most: int = SITUATIONS,
) -> bool | None:  # fmt: skip
    """Tell whether two classes do the same on all sequences of these events; None if it was cut."""
    if len(alphabet) > EVENTS_MAX:
        return None
    words: list[tuple[Event, ...]] = [()]
    seen = set()
    for word in words:
        for more in ([()] if not word else []) + [(event,) for event in alphabet]:
            told = [_Told(cls, argument) for cls in (original, changed)]
            try:
                first, second = (one.after((*word, *more)) for one in told)
            except SimkernelError:
                return None
            finally:
                for one in told:
                    one.one.close()
            if first[0] != second[0] or _state(told[0]) != _state(told[1]):
                return False
            key = first[1] + second[1]
            if key not in seen:
                seen.add(key)
                words.append((*word, *more))
        if limits.left < 0 or len(seen) > most:
            return None
    return True


def _state(told: _Told) -> Any:
    one = told.one
    return show(one.state()) if one.alive else "ended"
