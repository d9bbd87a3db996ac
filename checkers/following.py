"""Following a run that was made by the machine with a recorder, which takes down its causes.

The recorder's events are coarser than the transitions of the machine: what nobody can see is done
at once, within the event that brought it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from checkers.events import Actor
from checkers.footprints import Widen
from checkers.recorder import Recorder
from simkernel.kernel import codes
from simkernel.kernel.machine import Machine, Transition
from simkernel.terms import Pid


class CannotFollow(Exception):
    """A step of the run is not possible where the recorder is; `number` says which."""

    def __init__(self, number: int, step: Transition):
        super().__init__(f"step {number}, {step}")
        self.number = number
        self.step = step


def follow(
    recorder: Recorder, transitions: Sequence[Transition], plain: Machine | None = None
) -> list[int]:
    """Let the events of a run happen; gives the place of each transition's event, or -1.

    A transition without an event is part of one: it has happened already, or will with a time-out.
    `plain` is a fresh machine on which the run is made beside, if also a run is to be followed in
    which one that is dead tells another of its end in vain.
    Raises CannotFollow, and Widen where more has to be told apart.
    """
    handled: Counter[Pid] = Counter()
    events: list[int] = []
    for number, step in enumerate(transitions):
        events.append(-1)
        vain = None
        if plain is not None:
            vain = _in_vain(plain, step)
            if not plain.allows(step):
                raise CannotFollow(number, step)
            plain.apply(step)
        if step.kind == "expire" and not recorder.clocked:
            continue  # the time-out that follows lets it expire
        if vain is not None and vain != _in_vain(recorder.m, step):
            continue  # the other's last exit, which would tell both apart, was handled early
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


def _in_vain(m: Machine, step: Transition) -> Any:
    """Give what a dead process tells another by a step, or what comes of it for a dead one.

    Of two linked processes that die each may tell the other, unless one has heard of it before its
    end. The search lets it hear at once where nobody can tell; then this step is missing.
    """
    kind, who, _ = step
    if kind == "do":
        p = m.dying.get(who)
        return p.effects[p.cursor] if p is not None and p.effects else None
    if kind != "arrive" or who[1] in m.processes:
        return None
    channel = m.channels.get(who)
    first = channel.signals[0][0] if channel is not None and channel.signals else None
    return first if first is not None and first[0] == codes.S_EXIT else None
