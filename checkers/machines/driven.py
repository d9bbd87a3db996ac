"""A GenServer or GenStateMachine that is driven from outside, one input after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from checkers.finding import short
from simkernel.errors import UsageError
from simkernel.kernel import codes
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.effects import again, log, process_flag, receive
from simkernel.kernel.fingerprints import fingerprint
from simkernel.kernel.machine import ROOT, Machine
from simkernel.kernel.process import Process
from simkernel.kernel.snapshot import body_of
from simkernel.kernel.steps import FOREVER
from simkernel.otp.gen import CALL, CAST
from simkernel.otp.gen_server import GenServer, Server
from simkernel.otp.gen_statem import GenStateMachine
from simkernel.otp.statem_engine import StateMachine
from simkernel.terms import freeze, show, thaw

EFFECTS = 10_000
STARTED, CALLED = "started", "called"


@dataclass(frozen=True)
class Event:
    """An input: a call, a cast or a message with its content, or some ms that pass.

    >>> str(Event("cast", ("go", 1))), str(Event("after", 30))
    ("cast ('go', 1)", 'after 30 ms')
    """

    kind: str
    content: Any = None

    def __str__(self) -> str:
        return f"after {self.content} ms" if self.kind == "after" else f"{self.kind} {self.text}"

    @property
    def text(self) -> str:
        """The content, as it is shown."""
        return show(self.content)


@dataclass(frozen=True)
class Heard:
    """What a callback was called for: how the machine stood then."""

    callback: str
    type: str
    content: str
    state: str


class Driven:
    """One process of a class, alone in a machine, at rest between two inputs."""

    def __init__(self, cls: type, argument: Any, tape: Callable[[Any], None] | None = None):
        self.cls = cls
        self.heard: list[Heard] = []
        self.m = Machine(_driver, (cls, argument), clock=ConcreteClock(), snapshots=True,
                         tape=tape)  # fmt: skip
        self.m.listens(self)
        self.count = 0
        self._settle()
        pids = [pid for pid in self.m.processes if pid != ROOT]
        self.pid = pids[0] if pids else None
        self.m.logged.clear()

    # --- What it hears ---------------------------------------------------------------------------

    def noted(self, m: Machine, p: Process, kind: str, fields: dict[str, Any]) -> None:
        """Hear which callback runs."""
        if kind == "callback" and p.pid != ROOT:
            event = fields.get("type", fields["callback"])
            type_ = "call" if type(event) is tuple and event[:1] == ("call",) else show(event)
            self.heard.append(Heard(str(fields["callback"]), type_, short(fields.get("argument")),
                                    short(fields.get("state"))))  # fmt: skip

    def timed_out(self, m: Machine, p: Process) -> None:
        """Nothing of interest."""

    def taken(self, m: Machine, p: Process, message: Any) -> None:
        """Nothing of interest."""

    # --- What is done to it ----------------------------------------------------------------------

    def feed(self, event: Event) -> tuple[str, ...]:
        """Give it one input; gives what comes out of it until it is at rest again."""
        self.heard.clear()
        m = self.m
        self.count += 1
        if event.kind == "after":
            self._pass(event.content)
        elif self.pid is not None and self.pid in m.processes:
            message: Any = event.content
            if event.kind == "call":
                # A caller is known by what it asked, not by when: else no two situations in which
                # somebody waits would be alike.
                message = (CALL, (ROOT, (CALLED, str(event))), event.content)
            elif event.kind == "cast":
                message = (CAST, event.content)
            m.deliver(ROOT, self.pid, (codes.S_MESSAGE, ROOT, self.count, freeze(message), None))
            self._settle()
        said = tuple(_said(thaw(line), event) for line in m.logged)
        m.logged.clear()
        return said

    def _settle(self) -> None:
        """Let all happen that can happen without time passing, by the default schedule."""
        m = self.m
        start = m.count
        while m.active:
            options = m.enabled()
            if not options:
                return
            m.apply(options[0])
            if m.count - start > EFFECTS:
                raise UsageError(
                    f"{self.cls.__qualname__} does not come to rest after an input",
                    where="learn", hint="It sends messages to itself for ever.",
                )  # fmt: skip

    def _pass(self, ms: int) -> None:
        m = self.m
        clock = m.clock
        end = clock.now + ms * 1000
        m.horizon_us = end
        while clock.advance():
            self._settle()
        m.horizon_us, m.reached_horizon = FOREVER, False
        clock.now = end

    # --- How it stands ---------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.pid is not None and self.pid in self.m.processes

    def key(self, data: bool = True) -> bytes:
        """Tell this situation from every other one; without `data`, by state and timeouts alone."""
        if not self.alive:
            return b"ended"
        return fingerprint(self.m) if data else self._outline()

    def _outline(self) -> bytes:
        body = self.body()
        kept = getattr(body, "postponed", None) or ()
        postponed = sorted({show(thaw(content)) for _, content in kept})
        now = self.m.clock.now
        left = sorted(
            (name, self.m.timers[ref].due - now if ref in self.m.timers else 0)
            for name, ref in self.timers().items()
        )
        return repr((show(self.state()[0]), postponed, left)).encode()

    def state(self) -> tuple[Any, Any]:
        """Give state and data of a state machine, the state of a server (and nothing)."""
        body = self.body()
        if isinstance(body, StateMachine):
            return thaw(body.state), thaw(body.data)
        return (thaw(body.state), None) if isinstance(body, Server) else ("(ended)", None)

    def timers(self) -> dict[str, Any]:
        """Give the timeouts of a state machine that run, by type: their timers."""
        body = self.body()
        running = body.timeouts if isinstance(body, StateMachine) else None
        found = {} if running is None else running.running
        return {show(one.type): one.ref for one in found.values()}

    def body(self) -> Any:
        """Give what the process runs; None if it has ended."""
        return body_of(self.m, self.m.processes[self.pid]) if self.alive and self.pid else None

    def close(self) -> None:
        """End the machine."""
        self.m.close()


async def _driver(cls: Any, argument: Any) -> Any:
    process_flag("trap_exit", True)
    started = await cls.start_link(argument)
    log((STARTED, started))
    return again(_listen)


async def _listen() -> Any:
    log(await receive(idle=True))
    return again(_listen)


def _said(message: Any, event: Event) -> str:
    match message:
        case ((called, request), answer) if called == CALLED:
            return f"replies {show(answer)}" + ("" if request == str(event) else f" to {request}")
        case ("EXIT", _, reason):
            return f"ends: {short(_bare(reason))}"
        case _:
            return f"sends {short(message)}"


def _bare(reason: Any) -> Any:
    """Give an exit reason without its stack."""
    if isinstance(reason, tuple) and len(reason) == 2 and type(reason[1]).__name__ == "Stack":
        return reason[0]
    return reason


def driven(cls: type, argument: Any, word: Iterable[Event]) -> tuple[Driven, tuple[Any, ...]]:
    """Start anew and give a word; gives the process, and what came out on each input."""
    one = Driven(cls, argument)
    return one, tuple(one.feed(event) for event in word)


def check_class(cls: Any, where: str) -> type:
    """Refuse what cannot be driven."""
    if isinstance(cls, type) and issubclass(cls, (GenServer, GenStateMachine)):
        return cls
    raise UsageError(
        f"{where} is no GenServer and no GenStateMachine", where=where,
        hint="Name a class of the file: path.py:Class.",
    )  # fmt: skip
