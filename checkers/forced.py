"""Which orders of arrivals the receives of a run force, and whether a plan contradicts them.

A receive that took a message forces: it arrived before every other message that the receive would
have taken as well. In the run itself all of that holds. A plan keeps a part of the run, and each
kept receive what it took; so the only thing that can stand in its way is its last event. That takes
a message, and is possible exactly if none of its rivals has to come before it: one look at what
comes before the message, by bits, instead of a sort.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from checkers.dependency import READ, WRITE, clash
from checkers.events import Message, Taken, places
from simkernel.kernel.patterns import takes

if TYPE_CHECKING:
    from checkers.plans import Change, History


class Forced:
    """The forced orders of one run, for all of its plans."""

    def __init__(self, run: History):
        # The place of an arrival: [(what comes before it, the receive because of which)]
        self._before: dict[int, list[tuple[int, int]]] = {}
        for place, event in enumerate(run.events):
            receive = event.receive
            if receive is None or not run.relaxed(receive.pid):
                continue
            first = place if receive.got is None else receive.got.came
            for rival in _rivals(run, receive, place, receive.got):
                if rival != first:
                    self._before.setdefault(rival, []).append((first, place))
        self._bits = sum(1 << place for place in self._before)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Give all forced orders of the run: (what comes first, the arrival that comes later)."""
        for rival, found in self._before.items():
            for first, _ in found:
                yield first, rival

    def before(self, run: History, seeds: int, keep: int) -> int:
        """Give what has to come before some events of a plan, and them."""
        found, todo = seeds, seeds & self._bits
        done = 0
        while todo:
            place = todo.bit_length() - 1
            done |= 1 << place
            for first, receive in self._before[place]:
                if keep >> receive & 1:
                    found |= run.events[first].past
            todo = found & self._bits & ~done
        return found

    def order(self, plan: Change, keep: int) -> tuple[list[int], int]:
        """Order kept events, -1 for the new one; if that is impossible, give who is in the way."""
        run = plan.run
        receive = run.events[plan.place].receive
        assert receive is not None
        want = plan.want if type(plan.want) is Message else None
        if want is not None:
            seeds = run.events[want.came].past
        else:
            seeds = must_of(plan)
            for place in _seen(run, receive, keep):
                seeds |= run.events[place].past
        first = self.before(run, seeds, keep)
        in_the_way = 0
        for rival in _rivals(run, receive, plan.place, want):
            if first & keep & 1 << rival:
                in_the_way |= 1 << rival
        early, late = list(places(first & keep)), list(places(keep & ~first))
        return ([*early, *late, -1] if want is not None else [*early, -1, *late]), in_the_way


def _rivals(run: History, receive: Taken, place: int, got: Message | None) -> list[int]:
    """Give where the other messages arrived that a receive would take; the first are enough."""
    found: list[int] = []
    for message in run.unread(receive.pid, place):
        if message is got:
            continue
        past = run.events[message.came].past
        if any(past >> one & 1 for one in found):
            continue  # kept, it comes after one that is kept as well
        if not receive.patterns or takes(receive.patterns, message.content):
            found.append(message.came)
    return found


def _seen(run: History, receive: Taken, keep: int) -> Iterator[int]:
    """Give the kept events that a time-out comes after, as it depends on them."""
    touches: list[Any] = [(("q", receive.pid), READ)]
    if run.clocked:
        touches.append((("clock",), WRITE))
    for thing, mode in touches:
        for place, other in run.touched.get(thing, ()):
            if keep >> place & 1 and clash(mode, other):
                yield place


def must_of(plan: Change) -> int:
    """Give the events that a plan cannot do without."""
    run = plan.run
    at = run.previous(plan.actor, plan.keep)
    must = 0 if at < 0 else run.events[at].past
    if type(plan.want) is Message:
        must |= run.events[plan.want.came].past | run.events[plan.want.readable].past
    return must


def arranged(plan: Change) -> tuple[list[int], int] | None:
    """Order the events of a plan and its new one, with as many kept as this finds; None if even
    what the plan cannot do without contradicts what its receives took.

    Whoever keeps fewer events keeps fewer receives: so if there is no order of the fewest, there is
    none.
    """
    keep = plan.keep
    if plan.place < 0:
        return [*places(keep), -1], keep
    must = must_of(plan)
    want = plan.want if type(plan.want) is Message else None
    while True:
        order, in_the_way = plan.run.forced.order(plan, keep)
        if not in_the_way:
            return order, keep
        free = in_the_way & ~must
        if not free and keep == must:
            return None
        for place in places(free):
            keep &= ~plan.run.after(place)
        if not free:
            keep = must
        if want is None:
            # A time-out waits until all that has arrived is handled; what did that may be gone.
            keep = plan.run.handled_all(keep, plan.actor[1])
            if must & ~keep:
                return None
