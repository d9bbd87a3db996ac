"""One run of a search that reduces: what happened, and what depended on what.

The machine is fine-grained; here what nobody can tell apart is one event. A signal that its
receiver may as well handle when it arrives is handled then, by the event that brought it. A receive
that times out does so in one event with the passing of its deadline, unless the program has exact
timers. So an event is a *pick*, a transition of the machine, and the transitions that follow it
without a choice; `Recorder.path` has all of them, in order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from checkers.dependency import READ, WRITE, Access
from checkers.events import (
    Actor,
    Event,
    Identities,
    Like,
    Message,
    Taken,
    last_of,
    nearest,
    numbers_of,
)
from checkers.footprints import CLOCK, Footprints, early_of
from simkernel.errors import InternalError
from simkernel.kernel import codes
from simkernel.kernel.channels import Channel, catch_up, travel
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import AT_REST, BUSY, DEAD, WAITING, Process
from simkernel.terms import Pid


class Watched(Machine):
    """A machine that notes which signals arrive, and whether a body looked at the clock."""

    def __init__(self, *args: Any, **options: Any):
        self.watching: Callable[[Pid, tuple[Any, ...]], None] | None = None
        self.looked = False
        super().__init__(*args, **options)

    def into(self, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Note an arrival."""
        if self.watching is not None:
            self.watching(dest, signal)
        super().into(dest, signal)

    def deliver(self, sender: Any, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Send a signal without the machine's short cut past `into`."""
        if self.cluster and sender != dest:
            travel(self, sender, dest, signal)
            return
        if self.channels and signal[0] != codes.S_ANSWER:
            catch_up(self, sender)
        self.into(dest, signal)

    def local_input(self, p: Process, compute: Callable[[], Any]) -> Any:
        """Note a look at the clock."""
        self.looked = True
        return super().local_input(p, compute)


class Recorder:
    """Runs a machine and records its events."""

    def __init__(
        self, m: Watched, identities: Identities, flags: frozenset[Any], *, by_message: bool
    ):
        self.m = m
        self.identities = identities
        self.flags = flags
        self.clocked = "clock" in flags
        self.by_message = by_message
        self.footprints = Footprints(m, flags)
        self.events: list[Event] = []
        self.path: list[Transition] = []
        self.touched: dict[Any, list[tuple[int, Any]]] = {}
        self.last: dict[Actor, int] = {}
        self.spawned: dict[Pid, int] = {}
        self.started: dict[Pid, int] = {}
        self.woken: dict[Pid, int] = {}
        self.armed: dict[Any, int] = {}
        self.queues: dict[Pid, deque[tuple[int, bool]]] = {}
        self.boxes: dict[Pid, list[Message]] = {}
        self.messages: dict[Pid, list[Message]] = {}
        self.consumed: dict[Pid, list[tuple[int, Message]]] = {}
        self.ways: dict[tuple[Any, Pid], deque[tuple[int, Any]]] = {}
        self.handled: dict[int, int] = {}  # by the arrival of a signal that is not handled at once
        self.pending: dict[Pid, list[int]] = {}  # such arrivals
        self.handles: dict[Pid, int] = {}  # the last event that handled something
        self.handlings: Counter[Pid] = Counter()  # how many signals each process has handled
        self.worded: set[int] = set()  # those that bring messages
        self.lost: list[tuple[int, Actor]] = []  # (event, who could act before it and not after)
        self.ended: list[tuple[int, Pid]] = []  # (event, whose end it was that could have crashed)
        self.idle = False  # whether somebody crashed after all else had happened
        self.early: set[tuple[str, Pid]] = set()  # who has handled what kind early
        self.keepers: set[Any] = set()  # who has kept a monitor back
        self._who: Any = None
        self._found: list[Access] = []
        self._at_once: list[Pid] = []
        m.watching = self._arrives

    def relaxed(self, pid: Pid) -> bool:
        """Tell whether the order in a mailbox is seen by receives alone, and known from them."""
        return self.by_message and ("box", pid) not in self.flags

    # --- What may happen -----------------------------------------------------------------------

    def body(self, pid: Pid) -> list[Transition]:
        """Give what the body of a process could do next."""
        m = self.m
        p = m.processes.get(pid) or m.dying.get(pid)
        if p is None or p.status in (AT_REST, DEAD):
            return []
        timer = p.timer
        if p.status == WAITING:
            if p.match >= 0:
                return [Transition("take", pid)]
            if p.arrived and p.arrived[0][0] == codes.S_ANSWER:
                return [Transition("handle", pid)]
            if timer is not None and timer.kind == "done":
                return [Transition("done", pid)] if m.clock.may(timer) else []
            if not p.arrived and (p.expired or self._may_expire(p)):
                return [Transition("timeout", pid)]
            return []
        options: list[Transition] = []
        m.transitions(p, options)
        return [t for t in options if t.kind != "handle"]

    def _may_expire(self, p: Process) -> bool:
        """Tell whether the deadline of a receive may pass: where none is exact, always."""
        return p.timer is not None and p.timer.kind == "expire" and not self.clocked

    def of(self, actor: Actor) -> list[Transition]:
        """Give what an actor could do next."""
        m = self.m
        kind, who = actor[0], actor[1]
        if kind == "body":
            return self.body(who)
        if kind == "queue":
            p = m.processes.get(who)
            ready = p is not None and p.arrived and p.arrived[0][0] != codes.S_ANSWER
            return [Transition("handle", who)] if ready else []
        if kind == "way":
            channel = m.channels.get((who, actor[2]))
            ready = channel is not None and channel.slot >= 0
            return [Transition("arrive", (who, actor[2]))] if ready else []
        if kind == "timer":
            timer = m.timers.get(who)
            return [Transition("fire", who)] if timer is not None and m.clock.may(timer) else []
        if kind == "fault":
            able = m.faults is not None and ("crash", who) in m.faults.options(m)
            return [Transition("crash", who)] if able else []
        p = m.processes.get(who)
        timer = p.timer if p is not None else None
        ready = timer is not None and timer.kind == "expire" and m.clock.may(timer)
        return [Transition("expire", who)] if ready else []

    def any(self, start: Pid | None) -> tuple[Actor, list[Transition]] | None:
        """Give the next actor of the default schedule with its options: bodies first, then signals
        under way, then what kills, then deadlines, then time-outs."""
        m = self.m
        late: tuple[int, Actor, list[Transition]] | None = None
        if start is not None:
            options = self.body(start)
            if options and options[0].kind not in ("timeout", "done"):
                return ("body", start), options
        for item in m.active:
            for rank, actor in self.ranked(item):
                if late is not None and late[0] <= rank:
                    continue
                options = self.of(actor)
                if not options:
                    continue
                if rank == 0 and options[0].kind in ("timeout", "done"):
                    rank = 4
                    if late is not None and late[0] <= rank:
                        continue
                if rank == 0:
                    return actor, options
                late = rank, actor, options
        if late is None:
            return None
        if late[0] >= 3 and not self._goes_on(late[2][0]):
            return None
        return late[1], late[2]

    def ranked(self, item: Any) -> Iterator[tuple[int, Actor]]:
        if type(item) is Process:
            yield 0, ("body", item.pid)
            if item.arrived and item.status < AT_REST + 1:
                yield 2, ("queue", item.pid)
        elif type(item) is Channel:
            yield 1, ("way", item.sender, item.dest)
        elif item.kind == "fire":
            yield 3, ("timer", item.ref)
        elif item.kind == "expire":
            pid = item.process.pid
            yield (3, ("wait", pid)) if self.clocked else (4, ("body", pid))
        else:
            yield 4, ("body", item.process.pid)

    def _goes_on(self, step: Transition) -> bool:
        """Tell whether time may pass: not once main has returned, unless the run settles."""
        m = self.m
        if m.root.status != AT_REST or m.settle:
            return True
        if step.kind == "done":
            return True
        return step.kind == "timeout" and m.processes[step.who].expired

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
        if m.faults is not None:
            self._ends(kind, at)
        kill = self._before(actor, step, at, causes)
        receive = self._receive(step, causes)
        boxed = self._box_before(kind, who)
        m.looked = False
        self._at_once = []
        self._apply(step)
        place = len(self.path) - 1
        if boxed is not None:
            self._box_after(at, *boxed)
        self._settle(at)
        if m.looked:
            self.footprints.need("clock")
            self._found.append((CLOCK, WRITE))
        self._after(actor, step, at)
        event = self._record(actor, step, at, causes, kill, receive)
        event.options, event.at = tuple(options), place
        return event

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
            if thing == "life" and mode == WRITE and kind != "crash":
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
                causes.append(self.queues[who][0][0])
            elif kind == "timeout" and ("wait", who) in self.last:
                causes.append(self.last["wait", who])
            if who in self.woken:
                causes.append(self.woken.pop(who))
            if kind == "do":
                self._loses(who, at)
            elif kind == "take" and self.clocked:
                self._lose_timers(m.processes[who], at)
            return 0
        if kind == "handle":
            came = self.queues[who][0][0]
            causes.append(came)
            self.handled[came] = at
            p = m.processes[who]
            assert p.arrived is not None
            signal = p.arrived[0]
            if signal[0] == codes.S_EXIT and self.footprints.kills(p, signal):
                return self._kills(p, at)
        elif kind == "crash":
            causes.append(self.started[who])
            self.idle = self.idle or not m.enabled()
            p = m.processes[who]
            if ("bonded", who) in self.early:  # unhandled it would be answered for the dead
                self.footprints.need(("bonded", who))
            if p.arrived:
                self.lost.append((at, ("queue", who)))
            return self._kills(p, at)
        elif kind == "arrive":
            causes.append(self.ways[who].popleft()[0])
        elif kind == "fire":
            causes.append(self.armed[who])
        elif kind == "expire":
            causes.append(self.last["body", who])
        return 0

    def _kills(self, p: Process, at: int) -> int:
        """Note who cannot act any more; give the last event of the victim."""
        pid = p.pid
        body: Actor = ("body", pid)
        if p.status < AT_REST:
            if self.body(pid):
                self.lost.append((at, body))
            elif self._looks(p):
                # Without what has arrived it could go on.
                waiting = self.queues.get(pid, ())
                self.lost += [(came, body) for came, soft in waiting if not soft]
        self._lose_timers(p, at)
        self.woken[pid] = at
        last = self.last.get(body)
        victim = 0 if last is None else 1 << last
        if pid in self.spawned:
            victim |= 1 << self.spawned[pid]
        return victim

    def _loses(self, pid: Pid, at: int) -> None:
        """Note the timers that an effect stops."""
        p = self.m.processes.get(pid)
        if p is None or p.effects is None:
            return
        self.footprints.sees(p, self.early)
        effect = p.effects[p.cursor]
        if effect[0] == codes.CANCEL and effect[1] in self.m.timers:
            self.lost.append((at, ("timer", effect[1])))
        elif (("life", pid), WRITE) in self._found:
            self.lost += [(at, ("timer", ref)) for ref in p.timers or ()]
            if p.arrived:
                self.lost.append((at, ("queue", pid)))

    def _lose_timers(self, p: Process, at: int) -> None:
        if p.status != WAITING or p.match < 0:
            self.lost += [(at, ("timer", ref)) for ref in p.timers or ()]
        if self.clocked and p.timer is not None and p.timer.kind == "expire":
            self.lost.append((at, ("wait", p.pid)))

    def _receive(self, step: Transition, causes: list[int]) -> Taken | None:
        if step.kind not in ("take", "timeout"):
            return None
        pid = step.who
        p = self.m.processes[pid]
        want = p.want
        timed = want.after is not None and (p.expired or not self.clocked)
        if step.kind == "timeout":
            return Taken(pid, want.patterns, timed, want.after == 0, None)
        message = self.boxes[pid][p.match]
        if self.relaxed(pid) or not timed:
            causes += {message.came: None, message.readable: None}
        return Taken(pid, want.patterns, timed, want.after == 0, message)

    def _box_before(self, kind: str, who: Any) -> tuple[Process, int, int] | None:
        """Keep what tells, after the event, whether a process's own act changed its mailbox."""
        if kind not in ("take", "do"):
            return None
        p = self.m.processes.get(who)
        if p is None:
            return None
        return p, len(p.mailbox or ()), p.match if kind == "take" else -1

    def _box_after(self, at: int, p: Process, size: int, match: int) -> None:
        pid = p.pid
        box = self.boxes.setdefault(pid, [])
        now = len(p.mailbox or ())
        if match >= 0:
            if now < size:
                self.consumed.setdefault(pid, []).append((at, box.pop(match)))
        elif now > size:
            assert p.mailbox is not None
            self._boxed(p, at, at)  # EXIT to oneself
        elif now < size and pid in self.m.processes:
            kept = list(p.mailbox or ())
            gone = next(i for i, x in enumerate(box) if i >= len(kept) or kept[i] is not x.content)
            self.consumed.setdefault(pid, []).append((at, box.pop(gone)))

    def _boxed(self, p: Process, came: int, readable: int) -> None:
        assert p.mailbox is not None
        message = self._message(p.pid, came, readable, p.mailbox[-1])
        self.boxes.setdefault(p.pid, []).append(message)

    def _message(self, pid: Pid, came: int, readable: int, content: Any) -> Message:
        listed = self.messages.setdefault(pid, [])
        listed.append(Message(len(listed), came, readable, content))
        return listed[-1]

    # --- Arrivals ------------------------------------------------------------------------------

    def _arrives(self, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Hear of an arrival, just before it."""
        at = len(self.events)
        p = self.m.processes.get(dest)
        if p is None:
            soft = self.footprints.lost(dest, signal)
        else:
            # Behind others a signal may find everything changed, unless it is a plain message.
            first = not p.arrived or signal[0] == codes.S_MESSAGE
            soft = first and self.footprints.at_once(p, signal)
        self._found += self.footprints.arrival(dest, signal, soft=soft)
        if p is None:
            if signal[0] == codes.S_MESSAGE:
                # Had it come earlier, somebody could have taken it.
                self._message(dest, at, at, signal[3])
            return
        self.queues.setdefault(dest, deque()).append((at, soft))
        if not soft and signal[0] != codes.S_ANSWER:
            self.pending.setdefault(dest, []).append(at)
            if signal[0] == codes.S_MESSAGE:
                self.worded.add(at)
            if dest != self._who and not p.arrived and self._looks(p) and self.body(dest):
                self.lost.append((at, ("body", dest)))
        self._at_once.append(dest)

    def _looks(self, p: Process) -> bool:
        """Tell whether what `p` does next waits until all that has arrived is handled."""
        if p.status == WAITING:
            return p.match < 0 and (p.expired or self._may_expire(p))
        if p.status != BUSY:
            return False
        assert p.effects is not None
        return self.m.observes(p, p.effects[p.cursor])

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
                if came != at:
                    self._found += self.footprints.arrival(dest, signal, soft=True)
                if signal[0] == codes.S_ANSWER:
                    self.woken[dest] = at
                word = early_of(signal)
                if word is not None:
                    self.early.add((word, dest))
                self._handle(dest, at)
        if m.channels or self.ways:
            self._departures(at)

    def _handle(self, pid: Pid, at: int) -> None:
        m = self.m
        p = m.processes[pid]
        size = len(p.mailbox or ())
        came, _ = self.queues[pid].popleft()
        self.handlings[pid] += 1
        step = Transition("handle", pid)
        self.path.append(step)
        m.apply(step)
        if len(p.mailbox or ()) > size:
            self._boxed(p, came, at)
        self._at_once.append(pid)

    def _departures(self, at: int) -> None:
        """Note what has gone on its way, and what a later signal has taken along (rule 6.20)."""
        m = self.m
        for place, sent in self.ways.items():
            channel = m.channels.get(place)
            first = channel.signals[0][0] if channel is not None and channel.signals else None
            while sent and sent[0][1] is not first:
                sent.popleft()
                self._found.append((("way", *place), WRITE))
                self.lost.append((at, ("way", *place)))
        for place, channel in m.channels.items():
            sent = self.ways.setdefault(place, deque())
            for signal, _ in list(channel.signals)[len(sent) :]:
                # The answer to a question is sent by the event that brings the question.
                self._found.append((("way", *place), WRITE))
                sent.append((at, signal))
                if not m.cluster and place[0] in m.processes and place[0] != place[1]:
                    self.keepers.add(place[0])

    # --- Recording -----------------------------------------------------------------------------

    def _after(self, actor: Actor, step: Transition, at: int) -> None:
        m = self.m
        if step.kind != "do":
            return
        for thing, mode in self._found:
            kind = thing[0]
            if kind == "life" and mode == WRITE and thing[1] in m.processes:
                self.spawned.setdefault(thing[1], at)
            elif kind == "timer" and thing[1] in m.timers and thing[1] not in self.armed:
                self.armed[thing[1]] = at

    def _record(
        self, actor: Actor, step: Transition, at: int, causes: list[int], kill: int,
        receive: Taken | None,
    ) -> Event:  # fmt: skip
        events = self.events
        event = Event()
        event.actor, event.step, event.receive = actor, step, receive
        base = 0
        for cause in causes:
            base |= events[cause].past
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
        event.base = base
        event.races = ((near & direct) | gates) & ~base
        event.accesses = found
        previous = self.last.get(actor)
        event.previous = -1 if previous is None else events[previous].number
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
