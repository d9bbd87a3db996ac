"""What a run that was explored says about others: which events could have come in another order.

A *plan* is a set of events of a run that is closed under causes, and one event to come after them
that in the run came later, or not at all, or had another outcome. Every class of runs is reached
from any explored one through plans (docs/explanation/search.md has the argument).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from checkers.dependency import KILLS, READ, WRITE, clash
from checkers.events import (
    Actor,
    Event,
    Identities,
    Like,
    Message,
    last_of,
    nearest,
    numbers_of,
    places,
)
from checkers.forced import Forced, must_of
from checkers.histories import Entry
from checkers.recorder import Recorder
from simkernel.kernel.patterns import takes
from simkernel.terms import Pid


class History:
    """Events in an order in which they happened, each with its past, and the messages in it."""

    clocked = False

    def __init__(
        self, events: list[Event], messages: dict[Pid, list[Message]],
        consumed: dict[Pid, list[tuple[int, Message]]],
    ):  # fmt: skip
        self.events = events
        self.messages = messages
        self.consumed = consumed
        self.touched: dict[Any, list[tuple[int, Any]]] = {}
        self.all = (1 << len(events)) - 1  # or fewer, closed under the past: `Explored.without`
        self._after: list[int] = []
        self._forced: Forced | None = None
        self.last: dict[Actor, int] = {}  # the last event of each actor

    def relaxed(self, pid: Pid) -> bool:
        """Tell whether the order in a mailbox is seen by receives alone, and known from them."""
        return True

    def handled_all(self, keep: int, pid: Pid, but: AbstractSet[int] = frozenset()) -> int:
        """Leave out the signals to `pid` that have arrived and are not handled, `but` some."""
        return keep

    @property
    def forced(self) -> Forced:
        """The orders of arrivals that the receives of the run force."""
        if self._forced is None:
            self._forced = Forced(self)
        return self._forced

    def after(self, place: int) -> int:
        """Give an event with all that happened because of it, or after it."""
        if not self._after:
            self._after = self._all_after()
        return self._after[place]

    def _all_after(self) -> list[int]:
        """Give it for all events: from the last on, each hands what comes after it on to those
        that it comes right after."""
        found = [1 << place for place in range(len(self.events))]
        for place in range(len(self.events) - 1, -1, -1):
            mine, before = found[place], self.events[place].direct
            while before:
                at = before.bit_length() - 1
                found[at] |= mine
                before ^= 1 << at
        return found

    def previous(self, actor: Actor, keep: int) -> int:
        """Give the place of the last event of an actor in a set, or -1."""
        place = self.last.get(actor, -1)
        while place >= 0 and not keep >> place & 1:
            place = self.events[place].before
        return place

    def unread(self, pid: Pid, before: int) -> list[Message]:
        """Give the messages for `pid` that none of its events before a place has consumed."""
        gone = {message.serial for at, message in self.consumed.get(pid, ()) if at < before}
        return [message for message in self.messages.get(pid, ()) if message.serial not in gone]


class Explored(History):
    """A run that was explored, as far as plans need it."""

    def __init__(self, recorder: Recorder):
        super().__init__(recorder.events, recorder.messages, recorder.consumed)
        # Not the recorder: of a run that is over its machine and all its processes may go.
        self.flags = recorder.flags
        self.by_message = recorder.by_message
        self.clocked = recorder.clocked
        self.touched = recorder.touched
        self.last = recorder.last
        self.pending = recorder.pending
        self.answers = recorder.answers
        self.handled = recorder.handled
        self.worded = recorder.worded
        self.under_way = recorder.under_way
        self.lost = recorder.lost
        self.ripe = recorder.ripe
        self.until = recorder.until
        self.own = recorder.own
        self.left = self._left(recorder)
        self.returned = recorder.returned
        self.crashes = list(self._crashes(recorder))
        self.crashed: int = sum(
            1 << place
            for place, event in enumerate(recorder.events if recorder.m.faults else ())
            if event.step.kind == "crash"
        )
        self._places: dict[int, int] | None = None

    def relaxed(self, pid: Pid) -> bool:
        """Tell the same of a mailbox that the search may have begun to tell apart."""
        return self.by_message and ("box", pid) not in self.flags

    def handled_all(self, keep: int, pid: Pid, but: AbstractSet[int] = frozenset()) -> int:
        """Leave them out; what goes may take the handling of another along."""
        pending, before = self.pending.get(pid, ()), -1
        while keep != before:
            before = keep
            for came in pending:
                if came in but:
                    continue
                if keep >> came & 1 and not keep >> self.handled.get(came, len(self.events)) & 1:
                    keep &= ~self.after(came)
        return keep

    def without(
        self, known: AbstractSet[Entry], noticed: Sequence[Sequence[Entry]]
    ) -> tuple[Entry, ...]:
        """Make plans only of what comes before anybody notices that it is not a run of the known
        entries; give what is noticed first."""
        first: list[Entry] = []
        gone = 0
        for place, entries in enumerate(noticed):
            new = [entry for entry in entries if entry not in known]
            if new and not gone >> place & 1:
                first += new
                gone |= self.after(place)
        self.all &= ~gone
        return tuple(first)

    @staticmethod
    def _left(recorder: Recorder) -> list[Actor]:
        """Give the deadlines that did not pass because main had returned."""
        m = recorder.m
        if recorder.returned < 0:
            return []
        left: list[Actor] = [("timer", ref) for ref in m.timers]
        for pid, p in m.processes.items():
            if p.timer is not None and p.timer.kind == "expire":
                left.append(("wait", pid) if recorder.clocked else ("body", pid))
        return left

    def _crashes(self, recorder: Recorder) -> Iterator[tuple[int, Pid]]:
        """Give who could have crashed, and behind which events, as late as that is possible."""
        m = recorder.m
        faults = m.faults
        if faults is None or faults.left <= 0 or "crash" not in faults.kinds:
            return
        for place, pid in recorder.ended:
            yield self.all & ~self.after(place), pid
        for p in sorted(m.processes.values(), key=lambda p: p.pid.path):
            if faults.may_crash(m, p):
                yield self.all, p.pid

    def last_of(self, keep: int) -> list[int]:
        """Give the numbers of the events of a set that nothing in it comes after."""
        return numbers_of(self.events, last_of(self.events, keep))

    def place_of(self, number: int) -> int:
        """Give where an event is in this run, or -1."""
        if self._places is None:
            self._places = {event.number: place for place, event in enumerate(self.events)}
        return self._places.get(number, -1)


class Change:
    """Events of a run to keep, and who comes next; `want` says which way, if not any."""

    __slots__ = ("actor", "keep", "place", "run", "want")

    run: History

    def __init__(self, run: History, keep: int, actor: Actor, want: Any = None, place: int = -1):
        self.run = run
        self.keep = keep
        self.actor = actor
        self.want = want  # None, a Transition, a Message to take, "timeout", or "over": nobody
        self.place = place  # of the receive that takes another message


class Plan(Change):
    """A change of a run that can be made again."""

    __slots__ = ("_last",)

    run: Explored

    def __init__(self, run: Explored, keep: int, actor: Actor, want: Any = None, place: int = -1):
        super().__init__(run, keep, actor, want, place)
        self._last: tuple[int, ...] | None = None

    @property
    def last(self) -> tuple[int, ...]:
        """The numbers of the events that are kept and that nothing kept comes after."""
        if self._last is None:
            self._last = tuple(self.run.last_of(self.keep))
        return self._last

    def sooner(self) -> Iterator[int]:
        """Order what is kept: who waits for a deadline that is not kept begins to wait last, so
        that it need not pass before another. What nothing comes after may as well come late."""
        run, keep, late = self.run, self.keep, 0
        for place, event in enumerate(run.events):
            before = event.before
            if keep >> place & 1 or before < 0 or not _is_deadline(run, event):
                continue
            if run.after(before) & keep == 1 << before:
                late |= 1 << before
        kept = [place for place in range(len(run.events)) if keep >> place & 1]
        return iter(sorted(kept, key=lambda place: late >> place & 1))

    def numbers(self) -> Iterator[int]:
        """Give the numbers of the events that are kept."""
        return (e.number for place, e in enumerate(self.run.events) if self.keep >> place & 1)

    @property
    def crashes(self) -> int:
        """How many crashes happen in it."""
        return (self.run.crashed & self.keep).bit_count() + int(self.actor[0] == "fault")

    def expected(self, identities: Identities) -> Iterator[int]:
        """Give the events that the plan may end with, of those that are known at all."""
        if self.want == "over":
            return
        run, keep = self.run, self.keep
        at = run.previous(self.actor, keep)
        previous = -1 if at < 0 else run.events[at].number
        for like in identities.next.get((self.actor, previous), {}).values():
            if not self._fits(like.label):
                continue
            after = self._after(like)
            if after is None:
                continue
            number = identities.number(self.actor, like.label, after)
            if number is not None:
                yield number

    def _after(self, like: Like) -> tuple[int, ...] | None:
        """Give what such an event would come right after; None if something that it needs is not
        kept."""
        run, keep = self.run, self.keep
        base = 0
        for root in like.roots:
            place = run.place_of(root)
            if place < 0 or not keep >> place & 1:
                return None
            base |= run.events[place].past
        for other in like.others:
            place = run.place_of(other)
            if place < 0 or not keep >> place & 1:
                return None
            base |= 1 << place
        if like.victim is not None and (last := run.previous(("body", like.victim), keep)) >= 0:
            base |= 1 << last
        gates, near = nearest(run.events, run.touched, like.accesses, base, keep)
        return tuple(sorted(numbers_of(run.events, last_of(run.events, base | near | gates))))

    def _fits(self, label: Any) -> bool:
        want = self.want
        if want is None:
            return True
        if want == "timeout":
            return bool(label[0] == "timeout")
        if type(want) is Message:
            return bool(label == ("take", self.run.events[want.came].number))
        return bool(label == (want.kind, want.way))


def plans(run: Explored) -> Iterator[Plan]:
    """Give what else can happen, from the end of a run to its beginning."""
    for place in range(len(run.events) - 1, -1, -1):
        event = run.events[place]
        if event.base & ~run.all:
            continue
        yield from _races(run, place, event)
        for option in event.options:
            if option != event.step:
                keep = run.all & ~run.after(place)
                keep = _unseen(run, keep, event) if option.kind == "peek" else keep
                if not event.base & ~keep:
                    yield Plan(run, keep, event.actor, option)
        receive = event.receive
        if receive is not None and run.relaxed(receive.pid):
            yield from _receives(run, place, event)
    for place, actor, needs in run.lost:
        keep = _unhindered(run, run.all & ~run.after(place), actor, place)
        # What it had handled or done behind the arrival goes with it: then it never came so far.
        if not needs & ~keep and not _still_waits(run, keep, actor, place):
            yield Plan(run, keep, actor)
    if run.left:
        yield from _before_the_end(run)
    if run.returned >= 0:
        yield from _over_sooner(run)
    for keep, pid in run.crashes:
        yield Plan(run, keep, ("fault", pid))


def _races(run: Explored, place: int, event: Event) -> Iterator[Plan]:
    races = event.races
    while races:
        earlier = races.bit_length() - 1
        races &= ~(1 << earlier)
        keep = run.all & ~run.after(earlier)
        want = None
        if event.actor[0] == "queue":
            keep = _alive(run, keep, event.actor[1], place)
        if event.actor[0] == "body":
            receive = event.receive
            if receive is not None and (receive.timed or receive.got is None):
                keep = run.handled_all(keep, event.actor[1])
            elif event.step.kind == "peek":
                want, keep = event.step, _unseen(run, keep, event)
            if event.base & ~keep or (receive is not None and _asleep(run, keep, event)):
                continue
            if receive is None and _counting(run, keep, event):
                continue
        yield Plan(run, keep, event.actor, want)


def _alive(run: Explored, keep: int, pid: Pid, place: int) -> int:
    """Leave out the end of a process that came after it had handled something: a message that it
    handles late does not depend on it."""
    for end, mode in run.touched.get(("life", pid), ()):
        if mode in (WRITE, KILLS) and end > place and keep >> end & 1:
            keep &= ~run.after(end)
    return keep


def _unseen(run: Explored, keep: int, event: Event) -> int:
    """Leave out what keeps a process from seeing at a glance that another lives (rule 1.17)."""
    before = -1
    while keep != before:  # what goes may be what has handled or brought another
        before = keep
        for thing, _ in event.accesses:
            if thing[0] == "q":
                keep = run.handled_all(keep, thing[1], run.worded)
                for came in run.answers.get(thing[1], ()):
                    if not keep >> run.handled.get(came, len(run.events)) & 1:
                        keep &= ~run.after(came)
            elif thing[0] == "ways":
                for sent, arrived in run.under_way.get(thing[1:], {}).items():
                    if arrived < 0 or not keep >> arrived & 1:
                        keep &= ~run.after(sent)
    return keep


def _counting(run: Explored, keep: int, event: Event) -> bool:
    """Tell whether a process would look at its queue before its own message in it is handled."""
    mailbox = ("mb", event.actor[1])
    if event.step.kind != "do" or not any(
        thing == mailbox and mode[0] == "ask" for thing, mode in event.accesses
    ):
        return False
    for came in run.pending.get(event.actor[1], ()):
        if keep >> came & 1 and not keep >> run.handled.get(came, len(run.events)) & 1:
            if came not in run.worded:
                return False  # behind what is no message it does not wait: rule 12.11
            if run.events[came].actor == event.actor:
                return True
    return False


def _asleep(run: Explored, keep: int, event: Event) -> bool:
    """Tell whether a receive would find neither its message nor its deadline passed."""
    receive = event.receive
    assert receive is not None
    if not run.clocked or receive.got is None or keep >> receive.got.came & 1:
        return False
    passed = run.previous(("wait", receive.pid), keep)
    return not receive.polls and passed <= run.previous(event.actor, keep)


def _unhindered(run: Explored, keep: int, actor: Actor, place: int) -> int:
    """Without the arrival that an event waited for, it waits for none."""
    if actor[0] == "body" and place in run.pending.get(actor[1], ()):
        # Nor was it killed by another that was before this one.
        return run.handled_all(_alive(run, keep, actor[1], place), actor[1])
    return keep


def _still_waits(run: Explored, keep: int, actor: Actor, place: int) -> bool:
    """Tell whether, without an arrival that it waited for, a process would wait for its deadline:
    that may have passed because of what is gone with the arrival."""
    if actor[0] != "body" or place not in run.pending.get(actor[1], ()):
        return False
    last = run.previous(actor, keep)
    return run.until.get(last) == "expire" and run.previous(("wait", actor[1]), keep) <= last


def _receives(run: Explored, place: int, event: Event) -> Iterator[Plan]:
    """Give the other messages that a receive could take, and its time-out."""
    receive = event.receive
    assert receive is not None
    after = run.after(place)
    keep = run.all & ~after
    for message in run.unread(receive.pid, place):
        if message is receive.got or not keep >> message.came & keep >> message.readable & 1:
            continue
        if not receive.patterns or takes(receive.patterns, message.content):
            yield Plan(run, keep, event.actor, message, place)
    if receive.timed and receive.got is not None:
        keep = run.handled_all(keep, receive.pid)
        if event.before < 0 or keep >> event.before & 1:  # otherwise it waits somewhere else
            yield Plan(run, keep, event.actor, "timeout", place)


def _before_the_end(run: Explored) -> Iterator[Plan]:
    """Let the deadlines that were left pass while something else could still happen."""
    over = 0
    for event in run.events:
        over |= event.past & ~(1 << event_place(run, event))
    for place, event in enumerate(run.events):
        if over >> place & 1 or event.step.kind in ("fire", "expire", "timeout"):
            continue
        for actor in run.left:
            keep = run.all & ~(1 << place)
            if actor[0] == "body":  # it handles all that has arrived before its time is over
                keep = run.handled_all(keep, actor[1])
                if run.previous(actor, keep) != run.last[actor]:
                    continue
            yield Plan(run, keep, actor)


def _over_sooner(run: Explored) -> Iterator[Plan]:
    """Let the run be over before a deadline passes that main did not wait for.

    Such a run is part of the one at hand: that it is over makes it another.
    """
    works = sum(
        1 << place
        for place, event in enumerate(run.events)
        if event.actor[0] == "body" and event.step.kind not in ("take", "timeout")
    )
    for place, event in enumerate(run.events):
        if not _is_deadline(run, event):
            continue
        gone = run.after(place)
        if gone >> run.returned & 1:
            continue
        befores = (run.events[at].before for at in places(gone & works))
        if all(before >= 0 and gone >> before & 1 for before in befores):
            # otherwise somebody is at work without it
            yield Plan(run, run.all & ~gone, event.actor, "over")


def _is_deadline(run: Explored, event: Event) -> bool:
    if event.step.kind == "timeout":
        return not run.clocked and event.receive is not None and not event.receive.polls
    return event.step.kind in ("fire", "expire")


def event_place(run: Explored, event: Event) -> int:
    """Give where an event is in its own run."""
    return event.past.bit_length() - 1


def arrangements(plan: Plan) -> Iterator[tuple[list[int], int]]:
    """Order the events of a plan so that every receive takes what it took, and the last what it is
    to take; -1 stands for the new event. Gives orders, and the events that are kept in each.

    Where that is impossible the plan goes on without some event that stands in the way, each in
    its turn.
    """
    tried: set[int] = set()
    waiting = [plan.keep]
    must = must_of(plan)
    while waiting:
        keep = waiting.pop()
        if plan.want == "timeout":
            keep = plan.run.handled_all(keep, plan.actor[1])  # whose handling may have gone
        if keep in tried or must & ~keep:
            continue
        tried.add(keep)
        quick, in_the_way = plan.run.forced.order(plan, keep)
        if not in_the_way:
            yield quick, keep
            continue
        order = Order(plan, keep)
        if order.sort():
            yield order.sorted, keep
            continue
        waiting += [
            keep & ~plan.run.after(place) for place in order.suspects if not must >> place & 1
        ]


class Order:
    """A sort of the kept events under what the receives force upon the arrivals."""

    def __init__(self, plan: Plan, keep: int):
        self.run = plan.run
        self.keep = keep
        self.sorted: list[int] = []
        self.suspects: set[int] = set()
        self._before: dict[int, list[tuple[int, int]]] = {}  # place: [(earlier place, whose fault)]
        self._done: set[int] = set()
        self._path: list[tuple[int, int]] = []
        self._new = plan
        self._must = must_of(plan)
        self._force()

    def _force(self) -> None:
        run, keep = self.run, self.keep
        for place, event in enumerate(run.events):
            receive = event.receive
            if keep >> place & 1 and receive is not None and run.relaxed(receive.pid):
                self._forced(receive, place, receive.got, place)
        place = self._new.place
        receive = run.events[place].receive
        assert receive is not None
        got = self._new.want if type(self._new.want) is Message else None
        self._forced(receive, place, got, -1)
        if got is None:
            # A time-out comes after whatever it depends on, and it is not the last event.
            for thing, mode in self._touches(receive.pid):
                for other, mine in run.touched.get(thing, ()):
                    if keep >> other & 1 and clash(mode, mine):
                        self._before.setdefault(-1, []).append((other, other))

    def _touches(self, pid: Pid) -> list[Any]:
        found: list[Any] = [(("q", pid), READ)]
        if self.run.clocked:
            found.append((("clock",), "write"))
        return found

    def _forced(self, receive: Any, place: int, got: Message | None, fault: int) -> None:
        """What `receive` would rather have taken arrives after what it took."""
        first = fault if got is None else got.came
        for message in self.run.unread(receive.pid, place):
            if message is got or not self.keep >> message.came & 1 or message.came == first:
                continue
            if not receive.patterns or takes(receive.patterns, message.content):
                self._before.setdefault(message.came, []).append((first, fault))

    def sort(self) -> bool:
        """Sort by place in the run as far as possible; False, with suspects, for a circle."""
        keep, place = self.keep, 0
        while keep >> place:
            if keep >> place & 1 and not self._emit(place, -2):
                return False
            place += 1
        return self._emit(-1, -2)

    def _emit(self, place: int, fault: int) -> bool:
        if place in self._done:
            return True
        if any(place == on for on, _ in self._path):
            circle = self._path[[on for on, _ in self._path].index(place) + 1 :]
            self.suspects = {on for on, _ in circle} | {why for _, why in circle} | {place, fault}
            self.suspects -= {-1, -2}
            return False
        self._path.append((place, fault))
        earlier = self._must if place < 0 else self.run.events[place].past & ~(1 << place)
        spot = 0
        while earlier >> spot:
            if earlier >> spot & 1 and spot not in self._done and not self._emit(spot, -2):
                return False
            spot += 1
        for other, why in self._before.get(place, ()):
            if not self._emit(other, why):
                return False
        self._path.pop()
        self._done.add(place)
        self.sorted.append(place)
        return True
