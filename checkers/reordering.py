"""The orders of a run's events that are runs of its class, and which of them the machine makes.

A run is followed by a recorder, which takes down what its events come after: their causes, what
they depend on, and, of mailboxes, what the receives force. All orders that respect that are of one
class; time may allow only some of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checkers.events import Event, Identities
from checkers.fitting import DEADLINES
from checkers.following import CannotFollow, follow
from checkers.judged import Judged
from checkers.plans import Explored
from checkers.recorder import Recorder
from checkers.search import ANY_TIME
from checkers.watched import Watched
from simkernel.choice import OF_NOBODY
from simkernel.kernel import codes
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings
from simkernel.spec import Spec
from simkernel.terms import Pid

LOUD = frozenset({codes.S_EXIT, codes.S_DOWN})
"""Signals that are drawn where they are handled."""

OF_PROCESS = ("body", "queue", "way")
"""Whose events those of a process, and of its signals, are."""


class Noting(Recorder):
    """A recorder that notes at which places of its path a signal was handled that is drawn."""

    loud: set[int]

    def _handle(self, pid: Pid, at: int) -> None:
        p = self.m.processes[pid]
        assert p.arrived is not None
        if p.arrived[0][0] in LOUD:
            self.loud.add(len(self.path))
        super()._handle(pid, at)


@dataclass(frozen=True)
class OneClass:
    """The class of a run: its events, what each has to come after (as bits, itself among them),
    and who acts by it."""

    events: list[Event]
    past: list[int]
    right: list[int]  # what each comes right after, as bits
    lanes: list[Pid | None]
    places: list[int]  # of the run's transitions: the place of its event, or -1

    def place(self, transition: int) -> int:
        """Give the event that a transition belongs to, or the one before it."""
        return next((at for at in reversed(self.places[: transition + 1]) if at >= 0), 0)

    def raced(self, who: str, since: int, until: int) -> tuple[int, int] | None:
        """Give the first two transitions that raced while `who` was held back from `since` to
        `until`: one of that time, and a later one that comes right after it, but not by a cause,
        and is what `who` did then or was caused by that."""
        own = {place: at for at, place in enumerate(self.places) if place >= 0}
        acts = 0
        for place, event in enumerate(self.events):
            if own[place] < until:
                continue
            if (str(event.actor[1]) == who and event.actor[0] in OF_PROCESS) or event.base & acts:
                acts |= 1 << place
                races = self.right[place] & ~event.base
                found = [at for at in range(place) if races >> at & 1 and since <= own[at] < until]
                if found:
                    return own[found[-1]], own[place]
        return None

    def after(self, more: Mapping[int, int]) -> list[int]:
        """Give the pasts if events have to come after others besides."""
        return _closed([past | more.get(place, 0) for place, past in enumerate(self.past)])


class Classes:
    """Makes runs of a spec with a recorder, for as long as it can tell the same things apart."""

    def __init__(
        self, spec: Spec, parameters: Mapping[str, Any], settings: Settings, flags: frozenset[Any]
    ):  # fmt: skip
        self.spec = spec
        self.parameters = parameters
        self.settings = replace(
            settings, time=ANY_TIME, step_ms=(0, 0), latency_ms=(0, 0), picker="recorded", picks=()
        )
        self.flags = flags
        self.identities = Identities()

    def _recorder(self) -> Noting:
        m = Judged(self.spec, self.parameters, self.settings, kind=Watched).m
        assert isinstance(m, Watched)
        m.checking = True
        recorder = Noting(m, self.identities, self.flags, by_message=True)
        recorder.loud = set()
        return recorder

    def of(self, transitions: Sequence[Transition]) -> OneClass:
        """Follow a run; raises CannotFollow and Widen."""
        recorder = self._recorder()
        try:
            places = follow(recorder, transitions)
            events = recorder.events
            right = [event.direct for event in events]
            for first, later in Explored(recorder).forced.pairs():
                right[later] |= 1 << first
        finally:
            recorder.close()
        lanes = [_lane(event) for event in events]
        return OneClass(events, _closed(right), right, lanes, places)

    def path(self, one: OneClass, order: Sequence[int]) -> list[tuple[Transition, str]] | None:
        """Make the events in another order; None if that is no run of the class.

        Gives its transitions, with what each is: "own" is the event itself, "quiet" and "loud" are
        signals that are handled by it. Deadlines of receives that pass on the way are left out.
        """
        recorder = self._recorder()
        try:
            for place in order:
                event = one.events[place]
                options = recorder.of(event.actor)
                if event.step not in options:
                    return None
                recorder.do(event.actor, event.step, options)
            if {event.number for event in recorder.events} != {e.number for e in one.events}:
                return None
        finally:
            recorder.close()
        own = {event.at for event in recorder.events}
        return [
            (step, "own" if at in own else "loud" if at in recorder.loud else "quiet")
            for at, step in enumerate(recorder.path)
            if at in own or step.kind != "expire"
        ]


def _lane(event: Event) -> Pid | None:
    """Give who acts by an event: the process whose it is, or whom a timer is for."""
    kind, who = event.actor[0], event.actor[1]
    if kind == "way":
        return None
    if kind == "timer":
        return next((thing[1] for thing, _ in event.accesses if thing[0] == "life"), None)
    assert isinstance(who, Pid)
    return who


def _closed(past: Sequence[int]) -> list[int]:
    """Add to each past what comes before that; the events are in an order that respects it."""
    made: list[int] = []
    for place, left in enumerate(past):
        whole = 1 << place
        left &= ~whole
        while left:
            last = left.bit_length() - 1
            whole |= made[last]
            left &= ~whole
        made.append(whole)
    return made


def in_time(one: OneClass, times: Sequence[int]) -> dict[int, int]:
    """Let what happened earlier come earlier; `times` are those of the run's transitions."""
    before: dict[int, int] = {}
    earlier = now = 0
    time = None
    for place, at in zip(one.places, times, strict=True):
        if place < 0:
            continue
        if at != time:
            earlier, time = now, at
        before[place] = earlier
        now |= 1 << place
    return before


def at_deadlines(one: OneClass, strict: int) -> dict[int, int]:
    """Let every deadline stay behind what came before it (1), and before all else as well (2)."""
    before: dict[int, int] = {}
    last = 0
    for place, event in enumerate(one.events if strict else ()):
        before[place] = last
        if event.step.kind in DEADLINES:
            before[place] = (1 << place) - 1
            last = 1 << place if strict > 1 else 0
    return before


def late(path: Sequence[tuple[Transition, str]]) -> list[Transition]:
    """Let signals that are drawn be handled just before their process acts, if it does any more.

    What has arrived behind them is handled after them.
    """
    left = Counter(step.who for step, what in path if what == "own" and acts(step))
    waiting: Counter[Pid] = Counter()
    made: list[Transition] = []
    for step, what in path:
        who = step.who
        if what != "own":
            if left[who] and (waiting[who] or what == "loud"):
                waiting[who] += 1
                continue
        elif acts(step):
            made += [Transition("handle", who)] * waiting.pop(who, 0)
            left[who] -= 1
        made.append(step)
    return made


def acts(step: Transition) -> bool:
    """Tell whether a transition is of a process, and needs what has arrived at it handled."""
    return step.kind not in OF_NOBODY or step.kind in ("expire", "done")


def alike(path: Sequence[tuple[Transition, str]]) -> Iterator[Transition]:
    """Give the transitions of a path as they are."""
    for step, _ in path:
        yield step


class Exactly:
    """Picks the transitions of a path, and nothing else but deadlines of receives on the way."""

    def __init__(self, path: Sequence[Transition]):
        self.path = path
        self.at = 0

    @property
    def is_done(self) -> bool:
        """Tell whether all that is left, where a property has failed, is to handle signals."""
        return all(step.kind == "handle" for step in self.path[self.at :])

    def pick(self, options: list[Transition]) -> Transition:
        """Give the next one, and at the end the default; raises CannotFollow."""
        if self.at == len(self.path):
            return options[0]
        wanted = self.path[self.at]
        if wanted in options:
            self.at += 1
            return wanted
        passing = [option for option in options if option.kind == "expire"]
        if not passing:
            raise CannotFollow(self.at, wanted)
        mine = [option for option in passing if option.who == wanted.who]
        return (mine or passing)[0]
