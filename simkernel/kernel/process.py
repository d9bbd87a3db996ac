"""One simulated process: what the machine knows of it, and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from simkernel.terms import Pid, Ref

# The life of a process, in order. NEW has not run, BUSY has effects to leave; WAITING is inside a
# receive or an operation, AT_REST is the root after `main`, EXITING has death signals to send.
NEW, BUSY, WAITING, AT_REST, EXITING, DEAD = range(6)
LIFE = ("new", "running", "waiting", "at rest", "exiting", "dead")


class Body(Protocol):
    """What runs in a process. Coroutines have this shape already; behaviours copy it.

    `send` resumes with a value and gives the operation that is waited for next; the end is
    StopIteration (its value is the result) or any other exception. `throw` resumes with an error.
    """

    def send(self, value: Any, /) -> Any: ...
    def throw(self, error: BaseException, /) -> Any: ...
    def close(self) -> None: ...


# What the clock has to bring about for one process has no reference of its own.
NO_REF = Ref((), 0)


class Timer:
    """Something that the clock has to bring about: a message, a timeout, the end of work."""

    __slots__ = ("dest", "due", "every", "kind", "message", "owner", "process", "ref", "slot")

    def __init__(self, ref: Ref, kind: str, dest: Any, message: Any, process: Process | None):
        self.ref = ref
        self.kind = kind  # "fire" (a message), "expire" (a receive), "done" (work), "hold" (a step)
        self.dest = dest
        self.message = message
        self.process = process
        self.owner: Pid | None = None
        self.slot = -1
        self.due: Any = 0
        self.every: int | None = None


class Process:
    """The record of one process. Containers are made on first use: most processes need few."""

    __slots__ = (
        "aliases",
        "ancestors",
        "arrived",
        "base",
        "body",
        "cache",
        "created",
        "cursor",
        "dictionary",
        "effects",
        "expired",
        "flags",
        "held",
        "inputs",
        "kin",
        "lineage",
        "links",
        "made",
        "mailbox",
        "match",
        "monitors",
        "name",
        "notes",
        "origin",
        "pace",
        "pid",
        "reason",
        "sent",
        "slot",
        "status",
        "timer",
        "timers",
        "trap_exit",
        "want",
        "watchers",
    )

    def __init__(
        self, pid: Pid, origin: tuple[Callable[..., Any], Any], ancestors: tuple[Any, ...]
    ):
        self.pid = pid
        self.origin: Any = origin
        self.ancestors = ancestors
        self.body: Any = None
        self.status = NEW
        self.slot = -1
        self.want: Any = None
        self.match = -1
        self.expired = False
        self.held = False  # the next effect of a slow step is not due yet
        self.pace = 0
        self.effects: list[Any] | None = None
        self.cursor = 0
        self.notes: list[Any] | None = None
        self.arrived: deque[Any] | None = None
        self.mailbox: deque[Any] | None = None
        self.created = 0  # children so far: names the next one
        self.made = 0  # references so far
        self.sent = 0
        # A dict of its own or, until it changes, a tuple that may be shared: a dict has 224 bytes.
        self.links: dict[Pid, None] | tuple[Pid, ...] | None = None
        self.kin: tuple[Pid] | None = None  # the links of a child, shared by all of them
        self.monitors: dict[Ref, tuple[Pid | None, Any]] | None = None
        self.watchers: dict[Ref, tuple[Pid, Any]] | None = None
        self.aliases: dict[Ref, str] | None = None
        self.timer: Timer | None = None
        self.timers: dict[Ref, Timer] | None = None
        self.trap_exit = False
        self.flags: dict[str, Any] | None = None
        self.name: str | None = None
        self.dictionary: Any = None  # a dict, or a Map that processes share
        self.reason: Any = None
        self.lineage: tuple[Any, ...] | None = None
        # Only on a machine built for snapshots: what a re-run starts from, and is fed with.
        self.base: Any = None
        # What a snapshot and a fingerprint say of this process: [kept, key], None once it changes.
        self.cache: Any = None
        self.inputs: tuple[Any, ...] | None = None  # (earlier, tag, value)

    def own_links(self) -> dict[Pid, None]:
        """Give the links as a dict that may be changed."""
        links = self.links
        if type(links) is not dict:
            links = self.links = dict.fromkeys(links or ())
        return links

    def __repr__(self) -> str:
        return f"<Process {self.pid} {LIFE[self.status]}>"


def copied(held: Any) -> Any:
    """Copy a dict; a Map cannot change, and stays the one that processes share."""
    return dict(held) if type(held) is dict else held
