"""One run of a search that reduces: what happened, and what depended on what.

The machine is fine-grained; here what nobody can tell apart is one event. A signal that its
receiver may as well handle when it arrives is handled then, by the event that brought it. A receive
that times out does so in one event with the passing of its deadline, unless the program has exact
timers. So an event is a *pick*, a transition of the machine, and the transitions that follow it
without a choice; `Recorder.path` has all of them, in order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from checkers.dependency import KILLS, READ, WRITE, Access
from checkers.events import (
    Actor,
    Event,
    Identities,
    Like,
    Taken,
    last_of,
    nearest,
    numbers_of,
    places,
)
from checkers.footprints import CLOCK, Footprints, early_of
from checkers.losses import Losses
from checkers.monitors import Monitors, taken, told_by
from checkers.watched import Watched
from simkernel.errors import InternalError
from simkernel.kernel import codes
from simkernel.kernel.channels import Channel
from simkernel.kernel.machine import Transition
from simkernel.kernel.process import AT_REST, Process, Timer
from simkernel.terms import Pid, Ref

# Events that leave little in the record, unless they touch one of the others: see `repeat`.
PLAIN = frozenset({"do", "start", "take", "choose"})
ODD = frozenset({"way", "ways", "kept", "clock", "timer"})


class Recorder(Losses):
    """Runs a machine and records its events."""

    def __init__(
        self, m: Watched, identities: Identities, flags: frozenset[Any], *, by_message: bool,
        coarse: bool = False,
    ):  # fmt: skip
        self.coarse = coarse
        keeps = coarse and not {"info", "kept"} & flags
        super().__init__(m, Footprints(m, flags, keeps=keeps, by_message=by_message))
        self.identities = identities
        self.flags = flags
        self.by_message = by_message
        m.forgotten = self.footprints.forgotten if keeps else None
        # Whether a process starts within the event that spawns it.
        self.glues = coarse and not {"clock", "info", "starts"} & flags
        self.events: list[Event] = []
        self.path: list[Transition] = []
        self.touched: dict[Any, list[tuple[int, Any]]] = {}
        self.started: dict[Pid, int] = {}
        # By way: what is no message and was sent there, and when it arrived, if it did.
        self.under_way: dict[tuple[Any, Pid], dict[int, int]] = {}
        self.handled: dict[int, int] = {}  # by the arrival of a signal that is not handled at once
        self.pending: dict[Pid, list[int]] = {}  # such arrivals
        self.answers: dict[Pid, list[int]] = {}  # those of them that answer a question
        self.handlings: Counter[Pid] = Counter()  # how many signals each process has handled
        self.worded: set[int] = set()  # those that bring messages
        self.ended: list[tuple[int, Pid]] = []  # (event, whose end it was that could have crashed)
        self.idle = False  # whether somebody crashed after all else had happened
        self.early: set[tuple[str, Pid]] = set()  # who has handled what kind early
        self.too_long = False  # whether the run was cut
        self.keepers: set[Any] = set()  # who has kept a monitor back
        # What tells whether a plan can be made (`possible`): after an event of the clock whose
        # deadlines could be next; after one of a process that of its work or its wait; and the
        # arrivals that one has caused oneself and that are not handled at once, with their kinds.
        self.ripe: dict[int, frozenset[Actor]] = {}
        self.until: dict[int, str] = {}
        self.own: dict[int, int] = {}
        self.monitors = Monitors()
        self._who: Any = None
        self._found: list[Access] = []
        self._known = False  # what the present event touches was recorded in another run
        self._at_once: list[Pid] = []
        m.watching = self._arrives

    def close(self) -> None:
        """End the run for good; the machine may go when nobody looks at it any more."""
        self.m.close()
        # Without circles it goes at once, and the collector has little to do.
        self.m.watching = self.m.judged = None
        self.m.clock.attach(None)

    def made(self) -> list[Transition]:
        """Give the path as the machine makes it, which tells nobody in vain."""
        return [step for at, step in enumerate(self.path) if at not in self.monitors.ghosts]

    @property
    def returned(self) -> int:
        """The place of main's return, after which deadlines alone keep no run going; or -1."""
        m = self.m
        over = m.root.status == AT_REST and not m.settle
        return self.last["body", m.root.pid] if over else -1

    # --- What happens --------------------------------------------------------------------------

    def do(self, actor: Actor, step: Transition, options: list[Transition]) -> Event:
        """Let one event happen, and record it."""
        m = self.m
        at = len(self.events)
        kind, who, _ = step
        self._who = who
        causes = [self.last[actor]] if actor in self.last else []
        self._found = self.footprints.of(kind, who)
        if self.keepers:
            self._kept_back(kind, who)
        lost = len(self.lost)
        if m.faults is not None:
            self._ends(kind, at)
        kill = self._before(actor, step, at, causes)
        receive = self.receive(step, causes)
        boxed = self.box_before(kind, who)
        tells = told_by(m, step)
        watched = self._forgets(step, causes, kill)
        m.looked = False
        m.observed.clear()
        self._at_once = []
        if tells in self.monitors.vain:
            self.monitors.ghosts.add(len(self.path))
        self._apply(step)
        place = len(self.path) - 1
        whole = boxed is None or not self.box_after(at, *boxed) or kind == "take"
        self._settle(at)
        if m.looked:
            self.footprints.need("clock")
            self._found.append((CLOCK, WRITE))
        self._found += m.observed
        born = self._after(actor, step, at)
        if born is not None:
            self._begins(born, at)
        event = self._record(actor, step, at, causes, kill, receive)
        event.options, event.at, event.born = tuple(options), place, born
        event.ends = (("life", who), WRITE) in event.accesses
        if self.clocked and (CLOCK, WRITE) in event.accesses:
            self.ripe[at] = frozenset(self._ripe())
            body = m.processes.get(who) if actor[0] == "body" else None
            if body is not None and body.timer is not None:
                self.until[at] = body.timer.kind
        event.tells = tells
        event.plain = (
            whole and tells is None and not watched and m.faults is None
            and len(self.lost) == lost and kind in PLAIN
            and not any(thing[0] in ODD for thing, _ in event.accesses)
        )  # fmt: skip
        return event

    def repeat(self, event: Event, receive: Taken | None) -> None:
        """Let a plain event happen that was recorded in another run with the same past.

        Keeps all that `do` keeps but the event itself; what it touches and what it comes after is
        known. `receive` is for the message that it takes: its place in this run is set here.
        """
        m = self.m
        at = len(self.events)
        step = event.step
        kind, who, _ = step
        self._who = who
        self.woken.pop(who, None)
        self._at_once = []
        self._known = True
        if kind == "take":
            p = m.processes[who]
            size, match = len(p.mailbox or ()), p.match
            if receive is not None:
                receive.got = self.boxes[who][match]
            self.path.append(step)
            m.apply(step)
            self.box_after(at, p, size, match)
        else:
            if kind == "do":
                self._loses(who, at, ends=event.ends)
            elif kind == "start":
                self.started[who] = at
            self.path.append(step)
            m.apply(step)
        if self._at_once or m.channels or self.ways:
            self._settle(at)
        self._known = False
        if event.born is not None:
            self.spawned.setdefault(event.born, at)
            self._begins(event.born, at)

    def _begins(self, child: Pid, at: int) -> None:
        """Let a child start at once: until its first effect nobody can tell whether it has."""
        m = self.m
        if not self.glues:
            return
        m.looked = False
        m.observed.clear()
        step = Transition("start", child)
        self.path.append(step)
        m.apply(step)
        if m.looked or m.observed:
            self.footprints.need("starts")
        self.started[child] = self.last["body", child] = at

    def _ripe(self) -> Iterator[Actor]:
        m = self.m
        for item in m.active:
            if type(item) is Timer and m.clock.may(item):
                yield from (actor for _, actor in self.ranked(item))

    def _kept_back(self, kind: str, who: Any) -> None:
        """What a process does next takes along a monitor that it has kept back until then."""
        if kind == "arrive" and who[0] in self.keepers:
            self._found.append((("kept", who[0]), WRITE))
        elif kind in ("do", "handle", "crash") and who in self.keepers:
            self._found.append((("kept", who), READ))

    def _ends(self, kind: str, at: int) -> None:
        """Note who ends otherwise than by a crash, and could have crashed."""
        m = self.m
        for (thing, *pid), mode in self._found:
            if thing == "life" and mode in (WRITE, KILLS) and kind != "crash":
                p = m.processes.get(pid[0])
                if p is not None and m.faults is not None and m.faults.may_crash(m, p):
                    self.ended.append((at, p.pid))

    def _apply(self, step: Transition) -> None:
        m = self.m
        kind, who, _ = step
        if kind == "timeout" and not m.processes[who].expired:
            self._let_expire(m.processes[who])
        if kind == "handle":
            self._handle(who, len(self.events))
            return
        self.path.append(step)
        m.apply(step)

    def _let_expire(self, p: Process) -> None:
        """Let deadlines of receives pass, up to that of `p`: none of them is exact."""
        m = self.m
        while p.timer is not None:
            ready = [t for t in m.active if type(t) not in (Process, Channel) and m.clock.may(t)]
            timer = p.timer if p.timer in ready else ready[0]
            assert timer.process is not None
            step = Transition("expire", timer.process.pid)
            self.path.append(step)
            m.apply(step)

    def _before(self, actor: Actor, step: Transition, at: int, causes: list[int]) -> int:
        """Add the causes of an event; give what a killing signal depends on besides."""
        m = self.m
        kind, who, _ = step
        if kind == "handle":
            causes += [self.handles[who]] if who in self.handles else []
            self.handles[who] = at
        if actor[0] == "body":
            if kind == "start":
                self.started[who] = at
                causes += [self.spawned[who]] if who in self.spawned else []
            elif kind == "handle":
                came = self.queues[who][0][0]
                causes.append(came)
                self.handled[came] = at
            elif kind == "timeout" and ("wait", who) in self.last:
                causes.append(self.last["wait", who])
            if who in self.woken:
                causes.append(self.woken.pop(who))
            if kind == "do":
                self._loses(who, at, ends=(("life", who), WRITE) in self._found)
            elif kind == "take" and self.clocked:
                self.lose_timers(m.processes[who], at)
            return 0
        if kind == "handle":
            came = self.queues[who][0][0]
            causes.append(came)
            self.handled[came] = at
            p = m.processes[who]
            assert p.arrived is not None
            signal = p.arrived[0]
            if signal[0] == codes.S_EXIT and self.footprints.kills(p, signal):
                return self.kills(p, at)
        elif kind == "crash":
            causes.append(self.started[who])
            self.idle = self.idle or not m.enabled()
            p = m.processes[who]
            if ("bonded", who) in self.early:  # unhandled it would be answered for the dead
                self.footprints.need(("bonded", who))
            if self.of(("queue", who)):
                self.lose(at, ("queue", who))
            return self.kills(p, at)
        elif kind == "arrive":
            sent = self.ways[who].popleft()[0]
            causes.append(sent)
            if sent in self.under_way.get(who, ()):
                self.under_way[who][sent] = at
        elif kind == "fire":
            causes.append(self.armed[who])
        elif kind == "expire":
            causes.append(self.last["body", who])
        return 0

    def _loses(self, pid: Pid, at: int, *, ends: bool) -> None:
        """Note the timers that an effect stops, and what `pid` leaves if it ends by it."""
        p = self.m.processes.get(pid)
        if p is None or p.effects is None:
            return
        if self.early:
            self.footprints.sees(p, self.early, self._unsure if self.coarse else None)
        effect = p.effects[p.cursor]
        if effect[0] in (codes.DEMONITOR, codes.DEMONITOR_NOW):
            # One that was taken back before is gone since then.
            if effect[1] in (p.monitors or ()) and self.footprints.flushes(p, effect):
                self.monitors.flushed[effect[1]] = at
        elif effect[0] == codes.CANCEL and effect[1] in self.m.timers:
            self.lose(at, ("timer", effect[1]))
        elif ends:
            for ref in p.timers or ():
                self.lose(at, ("timer", ref))
            if self.of(("queue", pid)):
                self.lose(at, ("queue", pid))

    # --- Arrivals ------------------------------------------------------------------------------

    def _arrives(self, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Hear of an arrival, just before it."""
        at = len(self.events)
        p = self.m.processes.get(dest)
        if p is None:
            soft = self.footprints.lost(dest, signal)
        else:
            # Behind others a signal may find everything changed, unless it is a plain message, or
            # takes back a monitor of which nobody can tell.
            plain = signal[0] == codes.S_MESSAGE and signal[4] is None
            soft = (plain or self._is_free(signal) or not p.arrived) and self.footprints.at_once(
                p, signal
            )
        if not self._known:
            self._found += self.footprints.arrival(dest, signal, soft=soft)
        if p is None:
            if signal[0] == codes.S_MESSAGE:
                # Had it come earlier, somebody could have taken it.
                self.message(dest, at, at, signal[3])
            return
        self.queues.setdefault(dest, deque()).append((at, soft))
        if not soft and signal[0] == codes.S_ANSWER:
            self.answers.setdefault(dest, []).append(at)
        elif not soft:
            self.pending.setdefault(dest, []).append(at)
            if signal[1] == dest:
                self.own[at] = signal[0]
            if signal[0] == codes.S_MESSAGE:
                self.worded.add(at)
            if dest != self._who and not p.arrived and self.looks(p) and self.body(dest):
                self.lose(at, ("body", dest))
        self._at_once.append(dest)

    def _is_free(self, signal: tuple[Any, ...]) -> bool:
        """Tell whether a signal takes back a monitor of which nobody can tell."""
        return self.footprints.keeps and signal[0] == codes.S_DEMONITOR

    def _settle(self, at: int) -> None:
        """Let signals be handled that may as well be handled now."""
        m = self.m
        while self._at_once:
            dest = self._at_once.pop(0)
            while True:
                p = m.processes.get(dest)
                if p is None or not p.arrived:
                    break
                if len(p.arrived) != len(self.queues[dest]):
                    raise InternalError(f"a signal to {dest} arrived without `into`")
                signal = p.arrived[0]
                came, soft = self.queues[dest][0]
                # What was not handled when it arrived waits for an event, whatever changed since.
                if not soft or not self.footprints.at_once(p, signal):
                    break
                # Of what is taken back only that counts that it came.
                if came != at and not self._known and not self._is_free(signal):
                    self._found += self.footprints.arrival(dest, signal, soft=True)
                if signal[0] == codes.S_ANSWER:
                    self.woken[dest] = at
                word = early_of(p, signal)
                if word is not None:
                    self.early.add((word, dest))
                if word == "bonded":
                    self.monitors.bond(dest, came, signal)
                self._handle(dest, at)
        if m.channels or self.ways:
            self._departures(at)

    def _handle(self, pid: Pid, at: int) -> None:
        m = self.m
        p = m.processes[pid]
        size = len(p.mailbox or ())
        came, _ = self.queues[pid].popleft()
        self.handlings[pid] += 1
        assert p.arrived is not None
        signal = p.arrived[0]
        step = Transition("handle", pid)
        if signal[0] == codes.S_DOWN and signal[2] in self.monitors.vain:
            self.monitors.ghosts.add(len(self.path))
        self.path.append(step)
        m.apply(step)
        if len(p.mailbox or ()) > size:
            self.monitors.heard(signal, self.boxed(p, came, at))
        elif signal[0] == codes.S_DOWN and signal[2] in self.monitors.flushed:
            # Had it come earlier, somebody could have taken it before it was flushed.
            content = m.boxed(("DOWN", signal[2], "process", *signal[3:]))
            message = self.message(pid, came, at, content)
            self.consumed.setdefault(pid, []).append((self.monitors.flushed[signal[2]], message))
        elif signal[0] == codes.S_DEMONITOR and m.forgotten and signal[2] in m.forgotten:
            m.forgotten[signal[2]] = came  # what it was behind does not depend on it
        self._at_once.append(pid)

    def _departures(self, at: int) -> None:
        """Note what has gone on its way, and what a later signal has taken along (rule 6.20)."""
        m = self.m
        for place, sent in self.ways.items():
            channel = m.channels.get(place)
            first = channel.signals[0][0] if channel is not None and channel.signals else None
            while sent and sent[0][1] is not first:
                self.lose(at, ("way", *place))
                gone = sent.popleft()[0]
                if gone in self.under_way.get(place, ()):
                    self.under_way[place][gone] = at
                self._found.append((("way", *place), WRITE))
        for place, channel in m.channels.items():
            sent = self.ways.setdefault(place, deque())
            for signal, _ in list(channel.signals)[len(sent) :]:
                # The answer to a question is sent by the event that brings the question.
                self._found.append((("way", *place), WRITE))
                sent.append((at, signal))
                if signal[0] != codes.S_MESSAGE:
                    self.under_way.setdefault(place, {})[at] = -1
                if not m.cluster and place[0] in m.processes and place[0] != place[1]:
                    self.keepers.add(place[0])
                    if self.footprints.keeps:
                        self.footprints.need("kept")  # to take back another takes it along

    # --- Monitors ------------------------------------------------------------------------------

    def _unsure(self, pid: Pid, ref: Ref | None) -> set[str]:
        """Tell what of a monitor, or else of bonds, a process may have handled later than it did
        here though it cannot have come later."""
        last = self.last.get(("body", pid))
        past = self.events[last].past if last is not None else 0
        sure = taken(self.events, self.consumed.get(pid, ()))
        if ref is not None:
            box = self.boxes.get(pid, ())
            return self.monitors.unread_unsure(ref, box, past & ~sure)
        return {"bonded"} if self.monitors.bonds_unsure(pid, past, sure) else set()

    def _forgets(self, step: Transition, causes: list[int], kill: int) -> bool:
        """Let one who ends forget monitors; tell whether it has any."""
        m = self.m
        p = m.processes.get(step.who) if step.kind in ("do", "handle", "crash") else None
        if p is None or not p.watchers or not self._is_end(p.pid):
            return False
        forgotten = m.forgotten
        if forgotten is not None:
            for signal, (came, _) in zip(p.arrived or (), self.queues.get(p.pid, ()), strict=True):
                if signal[0] == codes.S_DEMONITOR and signal[2] in p.watchers:
                    forgotten[signal[2]] = came  # in another order it is handled before the end
        if forgotten and self.monitors.forget(p, forgotten, self._before_that(causes, kill)):
            self.footprints.bonds(p, ())
        return True

    def _is_end(self, pid: Pid) -> bool:
        life = "life", pid
        return (life, WRITE) in self._found or (life, KILLS) in self._found

    def _before_that(self, causes: list[int], kill: int) -> int:
        """Give what comes before the event that is about to happen."""
        past = 0
        for cause in causes:
            past |= self.events[cause].past
        gates, near = nearest(self.events, self.touched, self._kept(self._found), past)
        for place in places(gates | near | kill):
            past |= self.events[place].past
        return past

    # --- Recording -----------------------------------------------------------------------------

    def _after(self, actor: Actor, step: Transition, at: int) -> Pid | None:
        """Note whom an effect spawned, and give one; and which timers it armed."""
        m = self.m
        born = None
        if step.kind != "do":
            return born
        for thing, mode in self._found:
            kind = thing[0]
            if kind == "life" and mode == WRITE and thing[1] in m.processes:
                if self.spawned.setdefault(thing[1], at) == at:
                    born = thing[1]
            elif kind == "timer" and thing[1] in m.timers and thing[1] not in self.armed:
                self.armed[thing[1]] = at
        return born

    def _record(
        self, actor: Actor, step: Transition, at: int, causes: list[int], kill: int,
        receive: Taken | None,
    ) -> Event:  # fmt: skip
        events = self.events
        event = Event()
        event.actor, event.step, event.receive = actor, step, receive
        base = event.causes = 0
        for cause in causes:
            base |= events[cause].past
            event.causes |= 1 << cause
        found = tuple(dict.fromkeys(self._kept(self._found)))
        gates, near = nearest(events, self.touched, found, base)
        for access in found:
            self.touched.setdefault(access[0], []).append((at, access[1]))
        others = 0
        if receive is not None and receive.timed and receive.got is not None:
            got = receive.got
            others = 0 if self.relaxed(receive.pid) else 1 << got.came | 1 << got.readable
        label: Any = (step.kind, step.way)
        if receive is not None and receive.got is not None and self.relaxed(receive.pid):
            label = ("take", events[receive.got.came].number)
        near |= kill | others
        # What it comes right after: the last ones of its causes and of what it depends on.
        direct = last_of(events, base | near | gates)
        event.base, event.direct = base, direct
        event.races = ((near & direct) | gates) & ~base
        event.accesses = found
        event.before = self.last.get(actor, -1)
        event.previous = -1 if event.before < 0 else events[event.before].number
        after = tuple(sorted(numbers_of(events, direct)))
        number = self.identities.number(actor, label, after)
        if number is None:
            if kill:
                others |= kill & ~(1 << self.last.get(("body", step.who), at))
            like = Like(
                label, self._numbers(causes), tuple(numbers_of(events, others)), found,
                step.who if kill else None,
            )  # fmt: skip
            number = self.identities.add(actor, event.previous, after, like)
        event.number = number
        past = 1 << at
        while direct:
            place = direct.bit_length() - 1
            past |= events[place].past
            direct ^= 1 << place
        event.past = past
        self.last[actor] = at
        events.append(event)
        return event

    def _numbers(self, causes: list[int]) -> tuple[int, ...]:
        return tuple(sorted({self.events[cause].number for cause in causes}))

    def _kept(self, found: list[Access]) -> Iterator[Access]:
        """Leave out mailboxes of which only receives see anything: they are told apart by that."""
        for access in found:
            if access[0][0] == "mb" and self.relaxed(access[0][1]):
                continue
            yield access
