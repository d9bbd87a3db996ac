"""A state of the brute-force reference: an immutable value; and the rules, which are one too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from tests.reference.zones import Guard, Zone

Signal = tuple[Any, ...]
Message = Any


@dataclass(frozen=True)
class Rules:
    """Choose between the readings of the documents.

    `observing`: operations before which all that has arrived is handled (those of `RULE_7`); an
    exit/2 to oneself that is not among them is a signal in one's own queue, and unless it is
    trapped, nothing else is done until it is handled. `lazy_monitor`: on a node, a monitor may
    leave as late as just before the next signal of the same process. `peeking`: where nothing but
    messages has reached either, a process may find another alive without waiting for an answer.
    `late_release`: a process is dead for link and monitor a moment before its table is gone, and
    that a moment before its name is free. `late_noproc`: what the runtime answers for the dead, to
    a monitor or a link, arrives by an event of its own, on a node too. `waits_send`: a monitor has
    left before its process waits for a message without a limit.
    """

    observing: frozenset[str]
    lazy_monitor: bool
    peeking: bool
    late_release: bool
    late_noproc: bool = False
    waits_send: bool = False


RULE_7: Final = frozenset(
    {"timeout", "exit_self", "end", "len", "trap_off", "demonitor", "unlink", "link"}
)
VM: Final = Rules(frozenset({"timeout"}), lazy_monitor=True, peeking=True, late_release=True)
PROMPT: Final = Rules(VM.observing, lazy_monitor=False, peeking=False, late_release=False)
LESSONS: Final = Rules(
    RULE_7, lazy_monitor=False, peeking=False, late_release=False, late_noproc=True
)
RARE: Final = replace(VM, late_noproc=True)
MACHINE: Final = replace(RARE, late_release=False, waits_send=True)


class Proc(NamedTuple):
    """Hold one process; `links` and `watchers` of a dead one are those not yet told."""

    pc: int = 0
    queue: tuple[Signal, ...] = ()  # arrived, not handled
    box: tuple[Message, ...] = ()  # handled messages
    trap: bool = False
    links: frozenset[int] = frozenset()
    watchers: frozenset[tuple[int, str, Any]] = frozenset()
    watching: frozenset[tuple[str, int]] = frozenset()
    held: tuple[int, Signal] | None = None  # a monitor signal that has not left yet
    asking: bool = False  # waits for an answer, or for its own exit signal
    log: tuple[Any, ...] | None = ()
    fresh: bool = False  # the last observation is not surely on record yet
    reason: str | None = None
    leaving: bool = False  # dead, with its name and table still there
    unborn: bool = False  # a child that has not been started


class State(NamedTuple):
    procs: tuple[Proc, ...]
    names: tuple[tuple[str, int], ...] = ()
    table: tuple[tuple[str, str], ...] | None = ()
    wires: tuple[tuple[tuple[int, int], tuple[Signal, ...]], ...] = ()
    timers: tuple[tuple[int, str, str, str, int], ...] = ()  # owner, label, target, value, ms
    zone: Zone = Zone()


Move = tuple[State, Guard | None]
NOTHING: Final = object()
SENDING: Final = frozenset(
    {"send", "exit", "link", "unlink", "monitor", "demonitor", "alive", "end"}
)
TABLE_OPS: Final = frozenset({"insert", "insert_new", "lookup", "delete", "spin"})
PLAIN: Final = frozenset({"msg", "own"})  # a message of another, and one to oneself
ANSWERED: Final = frozenset({"link", "monitor", "ask"})


def put(state: State, who: int, p: Proc) -> State:
    return state._replace(procs=(*state.procs[:who], p, *state.procs[who + 1 :]))


def set_(pairs: tuple[tuple[Any, Any], ...], key: Any, value: Any) -> tuple[tuple[Any, Any], ...]:
    """Set a key of a sorted map of pairs; None removes it."""
    rest = [pair for pair in pairs if pair[0] != key]
    return tuple(sorted([*rest, (key, value)] if value is not None else rest))


def still_under_way(wires: Iterable[Any], dead: int) -> Iterator[Any]:
    """Keep what still matters on the way to a process that has died."""
    for pair, signals in wires:
        left = tuple(s for s in signals if pair[1] != dead or s[0] in ANSWERED)
        if left:
            yield pair, left


def counts_its_own(queue: tuple[Signal, ...], who: int) -> bool:
    """Tell whether a process has sent itself what its length counts (FINDINGS, 9 and 10)."""
    ahead: list[Signal] = []
    for signal in queue:
        if signal[0] == "own" and all(before[0] in PLAIN for before in ahead):
            return True
        if signal[0] == "exit" and signal[1] == who:
            return True
        ahead.append(signal)
    return False


def matches(patterns: tuple[str, ...] | None, message: Message) -> bool:
    return patterns is None or (message[0] if isinstance(message, tuple) else message) in patterns
