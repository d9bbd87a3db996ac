"""Events of one run, made again in another that begins with them in an order of its own.

Nine in ten events of a run that a search makes are kept from the run that its plan was read off.
What they touch and what they come after was found there, and an event has the same past in every
order that respects the dependences; so only places in the run have to be found anew.
"""

from __future__ import annotations

from checkers.events import Event, Taken
from checkers.plans import Plan
from checkers.recorder import Recorder


class Again:
    """Makes the events that a plan keeps again, on a recorder that has made none yet."""

    def __init__(self, recorder: Recorder, plan: Plan):
        self.recorder = recorder
        self.old = plan.run.events
        self.moved = [-1] * len(self.old)  # from places there to places here
        self._same = True  # so far everything is where it was

    def skip(self) -> None:
        """Take note that the recorder has made an event that is new."""
        self._same = False

    def make(self, place: int) -> None:
        """Make the event at a place of the run of the plan."""
        recorder = self.recorder
        event = self.old[place]
        at = self.moved[place] = len(recorder.events)
        if at != place:
            self._same = False
        if not event.plain:
            recorder.do(event.actor, event.step, list(event.options))
            return
        receive = event.receive
        if receive is not None:
            receive = Taken(receive.pid, receive.patterns, receive.timed, receive.polls, None)
        path = len(recorder.path)
        recorder.repeat(event, receive)
        if receive is not None or not self._same or event.at != path:
            event = self._moved(event, at, path, receive)
        touched = recorder.touched
        for thing, mode in event.accesses:
            spots = touched.get(thing)
            if spots is None:
                touched[thing] = [(at, mode)]
            else:
                spots.append((at, mode))
        recorder.last[event.actor] = at
        recorder.events.append(event)

    def _moved(self, old: Event, at: int, path: int, receive: Taken | None) -> Event:
        """Give an event with the places that things have in this run."""
        events, moved = self.recorder.events, self.moved
        event = Event()
        event.actor, event.step, event.options = old.actor, old.step, old.options
        event.number, event.previous, event.accesses = old.number, old.previous, old.accesses
        event.plain, event.born, event.ends = old.plain, old.born, old.ends
        event.tells = old.tells
        event.receive, event.at = receive, path
        if self._same:
            event.before, event.causes, event.direct = old.before, old.causes, old.direct
            event.base, event.races, event.past = old.base, old.races, old.past
            return event
        event.before = moved[old.before] if old.before >= 0 else -1
        event.causes = self._bits(old.causes)
        event.races = self._bits(old.races)
        base, left = 0, event.causes
        while left:
            place = left.bit_length() - 1
            base |= events[place].past
            left ^= 1 << place
        event.base = base
        past = 1 << at
        left = event.direct = self._bits(old.direct)
        while left:
            place = left.bit_length() - 1
            past |= events[place].past
            left ^= 1 << place
        event.past = past
        return event

    def _bits(self, old: int) -> int:
        moved, new = self.moved, 0
        while old:
            place = old.bit_length() - 1
            new |= 1 << moved[place]
            old ^= 1 << place
        return new
