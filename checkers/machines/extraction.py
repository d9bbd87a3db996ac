"""The machine that a class really is: every situation that a set of inputs can bring it into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, cast

from checkers.finding import short
from checkers.machines.driven import Driven, Event, driven
from checkers.machines.explicit import Limits
from checkers.machines.mealy import Learner, Mealy, Word
from simkernel.terms import show

ENDED = "(ended)"


@dataclass(frozen=True)
class Row:
    """One line of the table: in which state which event led where, and with which data.

    `clause` is False where the class has no clause for the event; `postponed` where it was kept.
    """

    state: str
    event: Event
    target: str
    output: tuple[str, ...]
    data: tuple[str, ...] = ()
    clause: bool = True
    postponed: bool = False


@dataclass
class Extracted:
    """What was found. `stopped` says why not all situations were seen."""

    name: str
    mealy: Mealy
    rows: list[Row] = field(default_factory=list)
    stopped: str = ""
    outliving: list[str] = field(default_factory=list)
    situations: int = 0
    by_data: bool = True  # whether situations with other data were told apart
    with_data: int = 0  # if not: so many that were told apart are in the rows, too

    @property
    def states(self) -> list[str]:
        """The states, in the order in which they were reached."""
        return list(dict.fromkeys([*(row.state for row in self.rows), *(
            row.target for row in self.rows)]))  # fmt: skip

    @property
    def missing(self) -> list[tuple[str, str]]:
        """The states that have no clause for an event that came there."""
        found = ((row.state, str(row.event)) for row in self.rows if not row.clause)
        return list(dict.fromkeys(found))

    @property
    def never_left(self) -> list[str]:
        """The states that no event leads out of, except by its end."""
        left = {row.state for row in self.rows if row.target not in (row.state, ENDED)}
        return [state for state in self.states if state not in left and state != ENDED]


def extract(
    cls: type, argument: Any, alphabet: Sequence[Event], limits: Limits, *, most: int = 2_000,
    data: bool = True,
) -> Extracted:  # fmt: skip
    """Give each input in each situation, until no new situation comes up.

    Without `data` situations are told apart by state, timeouts and kinds of postponed events: that
    comes to an end where data grows, and shows what happens with the first data that come up.
    """
    work = _Extraction(cls, argument, tuple(alphabet), limits, most, data)
    return work.result()


class _Extraction:
    def __init__(
        self, cls: type, argument: Any, alphabet: tuple[Event, ...], limits: Limits, most: int,
        data: bool,
    ):  # fmt: skip
        self.cls = cls
        self.argument = argument
        self.alphabet = alphabet
        self.limits = limits
        self.most = most
        self.by_data = data
        self.number: dict[bytes, int] = {}
        self.word: list[Word] = []
        self.name: list[str] = []
        self.data: list[str] = []
        self.moves: dict[tuple[int, Any], tuple[Any, int]] = {}
        self.rows: dict[tuple[Any, ...], Row] = {}
        self.outliving: dict[str, None] = {}
        self.stopped = ""

    def result(self) -> Extracted:
        first, _ = driven(self.cls, self.argument, ())
        self._known(first, ())
        at = 0
        try:
            while at < len(self.word) and not self.stopped:
                for event in self.alphabet:
                    self._try(at, event)
                at += 1
                self.limits.progress(f"{len(self.word)} situations")
                if self.limits.left < 0:
                    self.stopped = f"{self.limits.seconds:g} s"
                elif len(self.word) > self.most:
                    self.stopped = f"{self.most} situations"
        except KeyboardInterrupt:
            self.stopped = "interrupted"
        whole = {key: move for key, move in self.moves.items() if key[0] < at or not self.stopped}
        names = dict(enumerate(self.name))
        return Extracted(
            self.cls.__qualname__, Mealy(self.alphabet, whole, names), self._table(), self.stopped,
            list(self.outliving), len(self.word), self.by_data,
        )  # fmt: skip

    def _known(self, one: Driven, word: Word) -> int:
        """Give the number of a situation; a new one is kept with the word that leads there."""
        key = one.key(self.by_data)
        if key not in self.number:
            self.number[key] = len(self.word)
            self.word.append(word)
            state, data = one.state()
            self.name.append(show(state) if one.alive else ENDED)
            self.data.append(short(data))
        number = self.number[key]
        one.close()
        return number

    def _try(self, at: int, event: Event) -> None:
        one, _ = driven(self.cls, self.argument, cast(tuple[Event, ...], self.word[at]))
        if not one.alive:
            self.moves[at, event] = ((), at)
            one.close()
            return
        before, old = one.timers(), show(one.state()[0])
        postponed = len(getattr(one.body(), "postponed", None) or ())
        output = one.feed(event)
        kept = len(getattr(one.body(), "postponed", None) or ()) > postponed
        if one.alive and show(one.state()[0]) != old:
            for name, ref in one.timers().items():
                if before.get(name) is ref and ref is not None:
                    new = show(one.state()[0])
                    self.outliving.setdefault(
                        f"timeout {name}, set by {old}, still runs in {new}, after {event}"
                    )
        clause = not any("function_clause" in said for said in output)
        heard = bool(one.heard) or event.kind != "after"
        number = self._known(one, (*self.word[at], event))
        self.moves[at, event] = (output, number)
        if heard:
            row = Row(old, event, self.name[number], output, (self.data[at],), clause, kept)
            key = (row.state, event, row.target, output, clause, kept)
            known = self.rows.get(key)
            if known is not None:
                data = tuple(dict.fromkeys((*known.data, *row.data)))
                row = Row(*key[:4], data, clause, kept)
            self.rows[key] = row

    def _table(self) -> list[Row]:
        """Give the rows by state, as they were found; data where it decides."""
        ways: dict[tuple[str, Event], int] = {}
        for row in self.rows.values():
            ways[row.state, row.event] = ways.get((row.state, row.event), 0) + 1
        order = list(dict.fromkeys(self.name))
        rows = [
            row if ways[row.state, row.event] > 1
            else Row(row.state, row.event, row.target, row.output, (), row.clause, row.postponed)
            for row in self.rows.values()
        ]  # fmt: skip
        return sorted(rows, key=lambda row: order.index(row.state))


def learn(
    cls: type, argument: Any, alphabet: Sequence[Event], *, seed: int = 0, walks: int = 100
) -> Mealy:
    """Learn a class from its outputs alone, as a machine without a view of its state."""
    return learner(cls, argument, alphabet, seed=seed, walks=walks).learn()


def learner(
    cls: type, argument: Any, alphabet: Sequence[Event], *, seed: int = 0, walks: int = 100
) -> Learner:
    """Make what learns a class; it keeps its last guess."""

    def ask(word: Word) -> tuple[Any, ...]:
        one, said = driven(cls, argument, cast(tuple[Event, ...], word))
        one.close()
        return said

    return Learner(tuple(alphabet), ask, Random(seed).random, walks=walks)


def joined(by_data: Extracted, outline: Extracted) -> Extracted:
    """Add to a machine without data what was seen with them, before there were too many.

    What only happens with data that come up late is in none of the first situations of a state; a
    row that was seen is right, however many others there are.
    """
    if outline.stopped == "interrupted" and not outline.rows:
        return by_data
    rows = {_key(row): row for row in outline.rows}
    for row in by_data.rows:
        known = rows.get(_key(row))
        data = row.data if known is None else tuple(dict.fromkeys((*known.data, *row.data)))
        rows[_key(row)] = replace(row, data=data)
    order = list(dict.fromkeys([*outline.states, *by_data.states]))
    return replace(
        outline,
        rows=sorted(rows.values(), key=lambda row: order.index(row.state)),
        outliving=list(dict.fromkeys([*outline.outliving, *by_data.outliving])),
        with_data=by_data.situations,
    )


def _key(row: Row) -> tuple[Any, ...]:
    return (row.state, row.event, row.target, row.output, row.clause, row.postponed)


@dataclass(frozen=True)
class Compared:
    """What came of two classes that were given the same events.

    `word` is a shortest sequence on which they differ, `said` what came out of each; without one
    they do the same, unless the comparison was `stopped`.
    """

    word: tuple[Event, ...] = ()
    said: tuple[tuple[Any, ...], ...] = ()
    stopped: str = ""
    situations: int = 0


def compare(
    classes: tuple[type, type], argument: Any, alphabet: Sequence[Event], limits: Limits,
    most: int = 2_000,
) -> Compared:  # fmt: skip
    """Drive two classes side by side, through every pair of situations that they come to."""

    def both(word: tuple[Event, ...]) -> tuple[bytes, tuple[tuple[Any, ...], ...]]:
        runs = [driven(cls, argument, word) for cls in classes]
        key = b"".join(one.key() for one, _ in runs)
        for one, _ in runs:
            one.close()
        return key, tuple(said for _, said in runs)

    words: list[tuple[Event, ...]] = [()]
    seen = {both(())[0]}
    stopped = ""
    for word in words:
        try:
            for event in alphabet:
                key, said = both((*word, event))
                if said[0] != said[1]:
                    return Compared((*word, event), said, situations=len(seen))
                if key not in seen:
                    seen.add(key)
                    words.append((*word, event))
        except KeyboardInterrupt:
            stopped = "interrupted"
        limits.progress(f"{len(seen)} pairs of situations")
        if limits.left < 0 or len(seen) > most:
            stopped = stopped or (f"{most} pairs" if len(seen) > most else f"{limits.seconds:g} s")
        if stopped:
            break
    return Compared(stopped=stopped, situations=len(seen))
