"""The machine: a whole system as one transition system.

`enabled()` gives what may happen next, in a stable order; `apply(transition)` lets one of it happen
and asks nothing. Who picks is not known here. `burst` is `apply` for several transitions of one
process in a row, for simulations that only want to be fast.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from simkernel.choice import FAULTS
from simkernel.errors import SimkernelError, UsageError
from simkernel.kernel import codes
from simkernel.kernel.alarms import Alarms, enlist
from simkernel.kernel.awaited import context
from simkernel.kernel.bounded import BoundedClock
from simkernel.kernel.channels import Channel, arrive, catch_up, kept_back, travel
from simkernel.kernel.clock import Clock, ConcreteClock
from simkernel.kernel.ear import Ear
from simkernel.kernel.ends import Death, close
from simkernel.kernel.faults import Faults
from simkernel.kernel.information import reads_queue
from simkernel.kernel.mailbox import ANSWERED, refuse
from simkernel.kernel.perform import PERFORM, asks_the_ending, peeks
from simkernel.kernel.process import AT_REST, BUSY, DEAD, EXITING, NEW, WAITING, Process, Timer
from simkernel.kernel.signals import HANDLERS
from simkernel.kernel.spelled import Spelled
from simkernel.kernel.steps import (
    FOREVER,
    answer,
    enter,
    leave,
    resume,
    start,
    take,
    time_out,
    wait,
)
from simkernel.kernel.tables import Tables
from simkernel.terms import Frozen, Pid, Ref, freeze, thaw

ROOT = Pid(())
BURST = 1000  # effects that leave in a row, so that one which never waits lets others have a turn


class Transition(NamedTuple):
    """Something that may happen next: its kind, who or what it happens to, and which way.

    The three are its identity: the same in every run in which the same thing is possible.
    """

    kind: str
    who: Any
    way: Any = None

    def __str__(self) -> str:
        way = "" if self.way is None else f" {self.way}"
        who = " ".join(map(str, self.who)) if type(self.who) is tuple else str(self.who)
        return f"{self.kind} {who}{way}"


class Machine:
    """All processes, names, tables, timers and signals under way, and the rules that move them."""

    def __init__(
        self,
        main: Callable[..., Any],
        args: tuple[Any, ...] = (),
        *,
        network: str = "node",
        clock: Clock | None = None,
        snapshots: bool = False,
        settle: bool = False,
        horizon_us: int = FOREVER,
        tape: Callable[[tuple[Any, ...]], None] | None = None,
        rare: bool = False,
    ):
        if network not in ("node", "cluster"):
            raise UsageError(f"{network!r} is no network", hint="Use 'node' or 'cluster'.")
        # A run that ended with a user's mistake leaves it there.
        context.unawaited = None
        self.cluster = network == "cluster"
        self.rare = rare  # what the VM does only a few times in 100,000 (rules 3.24, 6.21)
        self.alarms = Alarms()  # timers that nobody has looked for yet
        self.clock: Clock = clock if clock is not None else ConcreteClock()
        self.clock.attach(self)
        self.snapshots = snapshots
        self.settle = settle
        self.horizon_us = horizon_us
        # A bound method is called at half the price of an object that can be called.
        called = vars(type(tape)).get("__call__")
        self.tape = MethodType(called, tape) if type(called) is FunctionType else tape
        self.ear: Ear | None = None
        self.faults: Faults | None = None
        self.listening = tape is not None
        self.checking = False
        self.processes: dict[Pid, Process] = {}
        self.dying: dict[Pid, Process] = {}
        self.names: dict[str, Pid] = {}
        self.tables = Tables()
        self.timers: dict[Ref, Timer] = {}
        self.channels: dict[tuple[Any, Pid], Channel] = {}
        self.active: list[Any] = []
        self.spare: list[deque[Any]] = []
        self.spare_timers: list[Timer] = []  # of receives with a time limit that took a message
        self.spelled = Spelled()  # what fingerprints remember
        self.logged: list[Any] = []
        self.deaths: list[Death] = []
        self.count = 0
        self.reached_horizon = False
        self.returned: Any = None
        self.mistake: SimkernelError | None = None
        self.clock_reads: set[str] = set()
        self.replaying: deque[Any] | None = None
        context.unawaited = None  # the mistake that ended another run is none of this one
        step = getattr(self.clock, "step_us", (0, 0))
        self.slow = not self.clock.symbolic and step != (0, 0)
        self.delayed = self.cluster and getattr(self.clock, "latency_us", (0, 0)) != (0, 0)
        self.bounded = clock if isinstance(clock, BoundedClock) else None
        self.root = self.create(ROOT, (freeze(main), freeze(args, "arguments")), ())
        if self.bounded is not None:
            self.bounded.follow(None)

    def listens(self, ear: Ear) -> None:
        """Let `ear` hear of this run."""
        self.ear = ear
        self.listening = True

    # --- What may happen -------------------------------------------------------------------------

    def enabled(self) -> list[Transition]:
        """Give what may happen next: processes by path, then arrivals, then timers."""
        if not self.active and not self.advance():
            return []
        result: list[Transition] = []
        later: list[Transition] = []
        for item in sorted(self.active, key=_place):
            if type(item) is Process:
                self.transitions(item, result)
            elif type(item) is Channel:
                result.append(Transition("arrive", (item.sender, item.dest)))
            elif self.clock.may(item):
                later.append(self._of_timer(item))
        if not result and self._over() and not any(t.kind == "done" for t in later):
            return []
        # A receive that would time out at once waits behind everything else, so that a process
        # that polls does not starve the others in the default schedule.
        result.sort(key=_is_timeout)
        options = result + later
        if self.bounded is not None:
            options = [option for option in options if self.bounded.permits(option)]
        if self.faults is not None and options:
            options += [Transition(*fault) for fault in self.faults.options(self)]
        return options

    def allows(self, transition: Transition) -> bool:
        """Tell whether a transition is enabled, without listing all of them."""
        kind, who, _ = transition
        if not self.active and not self.advance():
            return False
        if kind in FAULTS:
            return self.faults is not None and (kind, who) in self.faults.options(self)
        if self.bounded is not None:
            return transition in self.enabled()
        if kind == "arrive":
            channel = self.channels.get(who)
            return channel is not None and channel.slot >= 0
        if kind in ("fire", "expire", "done"):
            p = self.processes.get(who) if kind != "fire" else None
            timer = self.timers.get(who) if kind == "fire" else p.timer if p else None
            return (
                timer is not None
                and timer.slot >= 0
                and timer.kind == kind
                and self.clock.may(timer)
            )
        found = self.processes.get(who) or self.dying.get(who)
        options: list[Transition] = []
        if found is not None and found.slot >= 0:
            self.transitions(found, options)
        return transition in options

    def transitions(self, p: Process, result: list[Transition]) -> None:
        """Append the transitions of one process to `result`."""
        status = p.status
        if status == BUSY:
            assert p.effects is not None
            effect = p.effects[p.cursor]
            waits = p.arrived and self.observes(p, effect)
            if not (p.held or waits or (self.rare and asks_the_ending(self, effect))):
                if effect[0] == codes.CHOOSE:
                    result += [Transition("choose", p.pid, i) for i in range(len(thaw(effect[1])))]
                elif effect[0] == codes.EARLIER:
                    answers = self.clock.answers(effect[1], effect[2])
                    result += [Transition("earlier", p.pid, answer) for answer in answers]
                elif effect[0] == codes.TIMER and effect[5] is not False:
                    sides = self.clock.sides(effect[5], effect[4] * 1000)
                    result += [Transition("do", p.pid, side) for side in sides]
                else:
                    result.append(Transition("do", p.pid))
                    if effect[0] == codes.ALIVE and peeks(self, p, effect[1]):
                        result.append(Transition("peek", p.pid))
        elif status == WAITING:
            if p.match >= 0:
                result.append(Transition("take", p.pid))
            elif p.expired and not p.arrived:
                result.append(Transition("timeout", p.pid))
        elif status == NEW:
            result.append(Transition("start", p.pid))
        elif status == EXITING:
            result.append(Transition("do", p.pid))
        if p.arrived and status != EXITING:
            result.append(Transition("handle", p.pid))

    def observes(self, p: Process, effect: tuple[Any, ...]) -> bool:
        """Tell whether something that has arrived must be handled before `effect` (12.11-12.15)."""
        code = effect[0]
        if code == codes.DOOMED:
            return True
        if code == codes.INFO and effect[1] == p.pid and reads_queue(effect[2]):
            return counts_its_own(p)
        return False

    def _over(self) -> bool:
        """Main has returned; what then remains are timers, if nobody is at work."""
        return self.root.status == AT_REST and not self.settle

    def _at_work(self) -> bool:
        """Tell whether a step, some work or a signal under way is only a matter of time."""
        under_way = any(channel.signals for channel in self.channels.values())
        return under_way or self.clock.works()

    def advance(self) -> bool:
        if self.clock.symbolic or (self._over() and not self._at_work()):
            return False
        return self.clock.advance()

    @staticmethod
    def _of_timer(timer: Timer) -> Transition:
        if timer.kind == "fire":
            return Transition("fire", timer.ref)
        assert timer.process is not None
        return Transition(timer.kind, timer.process.pid)

    # --- What happens ----------------------------------------------------------------------------

    def apply(self, transition: Transition) -> None:
        """Let one enabled transition happen."""
        self.count += 1
        self._happen(transition)
        if self.bounded is not None:
            self.bounded.follow(transition)

    def _happen(self, transition: Transition) -> None:
        kind, who, way = transition
        if kind == "fire":
            self.come(self.timers[who])
            return
        if kind in ("expire", "done"):
            timer = self.processes[who].timer
            assert timer is not None
            self.come(timer)
            return
        if self.bounded is not None:
            self.bounded.before(transition)
        else:
            self.clock.passes()
        if kind == "arrive":
            arrive(self, self.channels[who])
            return
        if self.faults is not None and kind in FAULTS:
            self.faults.happen(self, kind, who)
            return
        p = self.processes.get(who) or self.dying[who]
        p.cache = None
        if kind == "do":
            if way is not None:
                assert p.effects is not None
                if self.tape:
                    self.tape(("side", who, way))
                self.clock.take_side(p.effects[p.cursor][5], p.effects[p.cursor][4] * 1000, way)
            leave(self, p)
        elif kind == "handle":
            self.handle(p)
        elif kind == "take":
            take(self, p)
        elif kind == "start":
            start(self, p)
        elif kind == "timeout":
            time_out(self, p)
        else:
            answer(self, p, kind, way)
        self.refresh(p)

    def refresh(self, p: Process) -> None:
        """Keep `p` among the active exactly if something may happen to it."""
        if self.possible(p):
            if p.slot < 0:
                self.activate(p)
        elif p.slot >= 0:
            self.deactivate(p)

    def possible(self, p: Process) -> bool:
        """Tell whether `p` has a transition."""
        if p.status == BUSY:
            return not p.held or bool(p.arrived)
        if p.status == WAITING:
            return p.match >= 0 or p.arrived is not None or p.expired
        if p.status == AT_REST:
            return p.arrived is not None
        return p.status < DEAD

    def activate(self, item: Any) -> None:
        """Put a process, timer or channel among the active."""
        item.slot = len(self.active)
        self.active.append(item)

    def deactivate(self, item: Any) -> None:
        """Take it out again, in constant time."""
        active = self.active
        last = active.pop()
        if last is not item:
            active[item.slot] = last
            if type(last) is not tuple:  # an alarm does not know where it is
                last.slot = item.slot
        item.slot = -1

    # --- Signals ---------------------------------------------------------------------------------

    def deliver(self, sender: Any, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Send a signal on its way: on `node`, and to oneself, it arrives at once."""
        if self.cluster and sender != dest:
            travel(self, sender, dest, signal)
            return
        if self.channels and signal[0] != codes.S_ANSWER:
            catch_up(self, sender)
        target = self.processes.get(dest)
        if target is None or target.arrived is None or target.slot < 0:
            self.into(dest, signal)
        else:  # inlined from into()
            target.arrived.append(signal)
            target.cache = None

    def into(self, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Put a signal into the queue of arrivals, or answer it if there is nobody."""
        target = self.processes.get(dest)
        if target is None:
            if signal[0] in ANSWERED:
                refuse(self, dest, signal)
            return
        if target.arrived is None:
            target.arrived = self.spare.pop() if self.spare else deque()
        target.arrived.append(signal)
        target.cache = None
        if target.slot < 0:
            target.slot = len(self.active)
            self.active.append(target)

    def handle(self, p: Process) -> None:
        """Handle the oldest signal that has arrived."""
        arrived = p.arrived
        assert arrived is not None
        signal = arrived.popleft()
        if not arrived:
            p.arrived = None
            self.spare.append(arrived)
        if self.tape:
            self.tape(("handle", p.pid, signal))
        HANDLERS[signal[0]](self, p, signal)

    def boxed(self, message: tuple[Any, ...]) -> Any:
        """Freeze a message that the kernel makes of frozen parts."""
        for part in message:
            if type(part) is Frozen:
                return freeze(tuple(thaw(part) for part in message))
        return message

    # --- Time ------------------------------------------------------------------------------------

    def arm(self, timer: Timer, low: int, high: int, since: Any) -> None:
        """Let the clock bring a timer about."""
        self.clock.arm(timer, low, high, since)

    def disarm(self, timer: Timer) -> None:
        """Stop a timer."""
        self.clock.disarm(timer)
        if timer.slot >= 0:
            self.deactivate(timer)
        if timer.kind == "fire":
            ref, dest = timer.ref, timer.dest
            self.timers.pop(ref, None)
            target = self.processes.get(dest) if type(dest) is Pid else None
            if target is not None and target.timers:
                target.timers.pop(ref, None)
                target.cache = None
        elif timer.process is not None:
            timer.process.timer = None

    def ripe(self, timer: Timer) -> None:
        """Take note that a timer is due: it may come, or what it held up may go on."""
        if timer.kind == "land":
            timer.dest.timer = None
            self.activate(timer.dest)
        elif timer.kind == "hold":
            assert timer.process is not None
            timer.process.held = False
            timer.process.timer = None
            timer.process.cache = None
            self.refresh(timer.process)
        else:
            self.activate(timer)

    def come(self, timer: Timer) -> None:
        """Let a due timer happen."""
        self.clock.happens(timer)
        if timer.kind == "fire":
            self._fire(timer)
            return
        p = timer.process
        assert p is not None
        p.cache = None
        self.disarm(timer)
        if self.tape:
            self.tape((timer.kind, p.pid))
        if timer.kind == "expire":
            p.expired = True
        else:
            resume(self, p, None)
        self.refresh(p)

    def _fire(self, timer: Timer) -> None:
        self.disarm(timer)
        dest, ref = timer.dest, timer.ref
        if type(dest) is not Pid:
            dest = self.names.get(dest)
        if self.tape is not None:
            self.tape(("fire", ref, dest, timer.message))
        if dest is None:
            return
        # A timer service counts as a sender of its own (rule 1.8); its signal is not delayed.
        self.into(dest, (codes.S_MESSAGE, ref, 0, timer.message, None, dest))
        if timer.every is None:
            return
        enlist(self)
        target = self.processes.get(dest)
        if target is not None:
            self.timers[timer.ref] = timer
            if type(timer.dest) is Pid:  # one for a name does not end with who holds it now
                if target.timers is None:
                    target.timers = {}
                target.timers[timer.ref] = timer
                target.cache = None
            self.arm(timer, timer.every, timer.every, False)

    # --- Processes -------------------------------------------------------------------------------

    def create(self, pid: Pid, origin: Any, ancestors: tuple[Any, ...]) -> Process:
        """Add a process that has not run yet."""
        p = self.processes[pid] = Process(pid, origin, ancestors)
        if self.snapshots:
            p.inputs = ()
            p.base = (origin, 0, 0, None, None)
        p.slot = len(self.active)
        self.active.append(p)
        return p

    def close(self) -> None:
        """End this machine for good: close every body, with the kernel shut (rule 12.19).

        A body left to the collector would run its `finally` later, inside another run.
        """
        for p in self.processes.values():
            close(self, p)

    # --- Local inputs ----------------------------------------------------------------------------

    def local_input(self, p: Process, compute: Callable[[], Any]) -> Any:
        """Give a local value that a re-run has to give again."""
        if self.replaying is not None:
            tag, value = self.replaying.popleft()
            assert tag == "local", tag
            return value
        value = compute()
        if p.inputs is not None:
            p.inputs = (p.inputs, "local", value)
        return value

    # --- Many transitions at once ----------------------------------------------------------------

    def burst(self, item: Any, random: Callable[[], float]) -> None:
        """Let several transitions of one item happen in a row: a policy, for speed."""
        if type(item) is Process:
            self._burst(item, random)
        elif type(item) is Channel:
            self.count += 1
            arrive(self, item)
        else:
            self.count += 1
            self.come(item)

    def _burst(self, p: Process, random: Callable[[], float]) -> None:
        """Handle what has arrived, take one step, let its effects leave."""
        count = 0
        p.cache = None
        while p.arrived is not None and p.status != EXITING:
            self.handle(p)
            count += 1
        status = p.status
        if status == WAITING:
            if p.match >= 0:
                take(self, p)
                count += 1
            elif p.expired:
                time_out(self, p)
                count += 1
        elif status == NEW:
            start(self, p)
            count += 1
        self.count += count
        self.burst_effects(p, random)

    def burst_effects(self, p: Process, random: Callable[[], float], left: int = 0) -> None:
        """Let the effects of a process leave in a row, of which `left` have left already."""
        count = left
        tape, slow = self.tape, self.slow
        while (effects := p.effects) is not None and not p.held and count < BURST:
            effect = effects[p.cursor]
            code = effect[0]
            count += 1
            if p.arrived is not None and p.status == BUSY and self.observes(p, effect):
                self.handle(p)
            elif code == codes.CHOOSE or code == codes.EARLIER:
                self._burst_choice(p, random)
            elif code < codes.FIRST_OPERATION and p.notes is None and not slow:
                # Inlined from leave(): benchmarks/bench_machine.py.
                p.cursor += 1
                if tape is not None:
                    tape((codes.EFFECTS[code], p.pid, *effect[1:]))
                PERFORM[code](self, p, effect)
                if p.effects is effects and p.cursor == len(effects):
                    wait(self, p)
            elif code == codes.ENTER and tape is None and not slow:
                enter(self, p, effect[1])
            else:
                leave(self, p)
        if self.channels and (channel := kept_back(self, p.pid)) is not None:
            arrive(self, channel)
            count += 1
        self.count += count - left
        if p.status == WAITING and p.match < 0 and p.arrived is None and not p.expired:
            if p.slot >= 0:
                self.deactivate(p)
        else:
            self.refresh(p)

    def _burst_choice(self, p: Process, random: Callable[[], float]) -> None:
        options: list[Transition] = []
        self.transitions(p, options)
        picked = options[int(random() * len(options))]
        if picked.kind == "handle":
            self.handle(p)
        else:
            answer(self, p, picked.kind, picked.way)


def counts_its_own(p: Process) -> bool:
    """Tell whether a process has sent itself what its length has to count (12.11).

    A message stays uncounted with a signal that is none before it: the VM leaves both unhandled.
    """
    plain = True
    for signal in p.arrived or ():
        message = signal[0] == codes.S_MESSAGE
        if signal[1] == p.pid and ((message and plain) or signal[0] == codes.S_EXIT):
            return True
        plain = plain and message
    return False


def _place(item: Any) -> Any:
    """The place of an active item in the stable order."""
    if type(item) is Process:
        return (0, item.pid.path)
    if type(item) is Channel:
        sender = item.sender
        return (1, sender.path if type(sender) is Pid else (), item.dest.path)
    ref = item.ref
    owner = item.process.pid.path if item.process is not None else ref.owner
    return (2, owner, ref.index, item.kind)


def _is_timeout(transition: Transition) -> bool:
    return transition.kind == "timeout"
