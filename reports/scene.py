"""A run with all that pictures need of it: who is who, what led to what, what raced, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from checkers.verdict import Turn
from reports.arrows import Arrows, arrows, steps_of
from reports.because import chain, finding_row
from reports.case import Case, Reel
from reports.cast import Cast, cast
from reports.listing import QUIET_SIGNALS, Event, words
from reports.race import turn_of, turning, turning_rows
from simkernel.choice import FAULTS

# The sign of whatever waits for time: many fonts lack the first, and the diagram draws the second.
HOURGLASS, DIAMOND = "⧗", "◆"
# Events that only keep the books: the page hides them until it is asked for everything.
BOOKS = frozenset(
    {
        "arrive", "flag", "whereis", "monitor", "demonitor", "demonitor_now", "alias", "unalias",
        "peek", "side", "doomed", "read", "info",
    }
)  # fmt: skip
QUIET_NOTES = frozenset({"initialised", "hibernated"})


@dataclass
class Scene:
    """A run with all that is drawn of it."""

    reel: Reel
    cast: Cast
    arrows: Arrows
    steps: list[int]
    times: list[int]
    finding: int | None
    race: tuple[int, ...]
    chain: tuple[int, ...]
    sentence: str  # of the race

    @cached_property
    def lives(self) -> dict[str, tuple[int, int]]:
        """Give from which row to which each process is there; its last is its end, or the run's."""
        found: dict[str, tuple[int, int]] = {}
        dead: set[str] = set()
        for row, event in enumerate(self.reel.events):
            pid, is_end = event.get("p", ""), event.get("e") == "end"
            first = found[pid][0] if pid in found else row
            if is_end:
                dead.add(pid)
            found[pid] = (first, row if pid in dead else len(self.reel.events))
            child = event.get("child") if event.get("e") == "spawn" else None
            if child is not None:
                found[str(child)] = (row + 1, len(self.reel.events))
        return found

    def text(self, row: int) -> str:
        """Say what a row is, with short names."""
        event = self.reel.events[row]
        if str(event.get("to", "")).startswith("#ref<"):  # an alias: shown is whose it is
            event = {**event, "to": f"<{event['to'][5:].partition('/')[0]}>"}
        return self.cast.named(words(event).replace(HOURGLASS, DIAMOND))


def plain(reel: Reel) -> Scene:
    """Give the scene of a run of which nothing is said."""
    serials = reel.film.serials if reel.film is not None else None
    found = arrows(reel.events, serials)
    steps, times = steps_of(reel.events), _times(reel.events)
    return Scene(reel, cast(reel.events), found, steps, times, None, (), (), "")


def scene(case: Case) -> Scene | None:
    """Find out who is who, what led to what, and what raced."""
    reel = case.reel
    if reel is None:
        return None
    events = reel.events
    serials = reel.film.serials if reel.film is not None else None
    found = arrows(events, serials)
    row = None
    if case.findings:
        row = finding_row(events, case.findings[0][0], case.findings[0][1])
    raced: tuple[int, ...] = ()
    sentence = ""
    turn = _turn(reel) if case.findings else None
    if turn is not None:
        raced = tuple(r for r in turning_rows(events, turn) if r is not None)
        sentence = turning(events, turn)
    led = chain(events, found, row) if row is not None else []
    others = [finding_row(events, kind, process) for kind, process, _ in case.findings[1:4]]
    rows = tuple(sorted({*led, *raced, *(each for each in others if each is not None)}))
    return Scene(
        reel, cast(events), found, steps_of(events), _times(events), row, raced, rows, sentence
    )


def _turn(reel: Reel) -> Turn | None:
    if reel.other is not None:
        return reel.other.turn
    picks = reel.settings.picks
    if not picks or reel.film is None:
        return None
    return turn_of(reel.events, picks, reel.film.instead.get(picks[-1][0], ""))


def milliseconds(us: int) -> str:
    """Write a time for people."""
    return f"{us / 1000:,g} ms" if us < 10_000_000 else f"{us / 1_000_000:,g} s"


def _times(events: Sequence[Event]) -> list[int]:
    """Give the time of each row; a note has that of the event that it rides on."""
    times = [event.get("t", -1) for event in events]
    later = max(times, default=0)
    for row in range(len(times) - 1, -1, -1):
        if times[row] < 0:
            times[row] = later
        later = times[row]
    return times


def kind_of(event: Event) -> str:
    """Give the kind of an event as pictures tell them apart."""
    kind = str(event.get("e", ""))
    if kind == "end":
        return "end" if event.get("reason") in ("'normal'", "'shutdown'") else "dies"
    if kind == "handle" and event.get("s") in ("exit", "down"):
        return str(event["s"])
    if kind == "note" and event.get("kind") == "state entered":
        return "state"
    if kind == "exit":
        return "send_exit"  # an exit signal leaves; `exit` is where it is handled
    return "fault" if kind in FAULTS or kind == "cut" else kind


def books(event: Event) -> bool:
    """Tell whether an event only keeps the books."""
    kind = event.get("e", "")
    if kind == "handle":
        return event.get("s") in QUIET_SIGNALS
    if kind == "note":
        return event.get("kind") in QUIET_NOTES
    if kind == "take":
        return event.get("m") is None
    return kind in BOOKS


def restarted(events: Sequence[Event]) -> Iterator[int]:
    """Give the rows at which a supervisor starts a child again: nobody has asked it to."""
    serves: dict[str, str] = {}
    for row, event in enumerate(events):
        if event.get("e") != "note":
            continue
        if event["kind"] == "callback":
            serves[event["p"]] = str(event["fields"]["callback"])
        elif event["kind"] == "child started" and serves.get(event["p"]) == "'handle_info'":
            yield row
