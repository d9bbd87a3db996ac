"""Following a run that was made by the machine with a recorder, which takes down its causes.

The recorder's events are coarser than the transitions of the machine: what nobody can see is done
at once, within the event that brought it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from checkers.events import Actor
from checkers.footprints import Widen
from checkers.recorder import Recorder
from simkernel.kernel.machine import Transition
from simkernel.terms import Pid


class CannotFollow(Exception):
    """A step of the run is not possible where the recorder is; `number` says which."""

    def __init__(self, number: int, step: Transition):
        super().__init__(f"step {number}, {step}")
        self.number = number
        self.step = step


def follow(recorder: Recorder, transitions: Sequence[Transition]) -> list[int]:
    """Let the events of a run happen; gives the place of each transition's event, or -1.

    A transition without an event is part of one: it has happened already, or will with a time-out.
    Raises CannotFollow, and Widen where more has to be told apart.
    """
    handled: Counter[Pid] = Counter()
    events: list[int] = []
    for number, step in enumerate(transitions):
        events.append(-1)
        if step.kind == "expire" and not recorder.clocked:
            continue  # the time-out that follows lets it expire
        if step.kind == "handle":
            handled[step.who] += 1
            if handled[step.who] <= recorder.handlings[step.who]:
                continue  # what only makes a message readable was done when it arrived
        events[-1] = len(recorder.events)
        actor = actor_of(recorder, step)
        options = recorder.of(actor)
        if step not in options:
            unwatched = ("unwatched", step.who)
            if step.kind == "do" and not options and unwatched not in recorder.flags:
                # It tells of its end somebody whom here it has forgotten already.
                raise Widen(unwatched)
            raise CannotFollow(number, step)
        recorder.do(actor, step, options)
    return events


def actor_of(recorder: Recorder, step: Transition) -> Actor:
    """Give whose event a transition is."""
    kind, who, _ = step
    if kind == "arrive":
        return ("way", who[0], who[1])
    if kind == "fire":
        return ("timer", who)
    if kind == "expire":
        return ("wait", who)
    if kind == "crash":
        return ("fault", who)
    if kind == "handle" and step not in recorder.body(who):
        return ("queue", who)
    return ("body", who)
