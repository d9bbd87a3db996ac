"""What may happen next, in words that need no knowledge of the machine, by whom it happens to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from reports.cast import Cast
from reports.film import cut
from reports.listing import Event, message_words, run_words, words
from simkernel.kernel import codes
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import BUSY, EXITING, Process
from simkernel.terms import Pid, Ref, freeze, show, thaw
from simkernel.trace.line import text_of

TEXT_MAX = 160
_REF = re.compile(r" (?:by )?#ref<[^>]*>$")
_VERB = re.compile(
    r"^((?:un)?(?:link|register)|(?:de)?monitor|ask|look|set|cancel|work|tell|see)s\b"
)
_SIGN = re.compile(r"^[^\w'\"(<{\[]+\s*")


@dataclass(frozen=True)
class Option:
    """One thing that may happen: its place among all, whose it is, and what it is."""

    place: int
    who: str  # a pid, or "" for what belongs to nobody
    text: str
    kind: str


def options(m: Machine, transitions: list[Transition], who: Cast) -> list[Option]:
    """Describe transitions that are enabled."""
    found = []
    for place, transition in enumerate(transitions):
        pid, text = _described(m, transition)
        named = cut(who.named(text), TEXT_MAX)
        found.append(Option(place, str(pid) if pid is not None else "", named, transition.kind))
    return found


def _described(m: Machine, t: Transition) -> tuple[Pid | None, str]:
    kind, who, way = t
    if kind == "fire":
        return _fires(m, who)
    if kind == "arrive":
        signal, _ = m.channels[who].signals[0]
        return who[1], f"let arrive: {_signal(signal).removeprefix('deliver ')}"
    if kind in ("drop", "duplicate", "delay"):
        told = {"drop": "lose", "duplicate": "double", "delay": "delay"}[kind]
        return who[1], f"{told} the next message from {who[0]} (a fault)"
    p = m.processes.get(who) or m.dying[who]
    if kind in ("expire", "done"):
        what = "its wait is over" if kind == "expire" else "its work is done"
        return who, what + (_at(m, p.timer.due) if p.timer is not None else "")
    return who, _own(p, kind, way)


def _own(p: Process, kind: str, way: Any) -> str:
    """Describe what a process itself does next."""
    if kind == "handle":
        assert p.arrived is not None
        return _signal(p.arrived[0])
    if kind == "take":
        assert p.mailbox is not None
        if not p.mailbox:
            return "wake up"
        return f"take {message_words(show(p.mailbox[p.match]))}"
    if kind == "start":
        return f"start {run_words(_event('start', p, p.origin)['run'])}"
    plain = {
        "timeout": "give up waiting: its receive times out",
        "crash": "crash (a fault)",
        "partition": "be cut off from all others (a fault)",
        "heal": "be cut off no more",
    }
    if kind in plain:
        return plain[kind]
    assert p.effects is not None
    effect = p.effects[p.cursor]
    name = codes.EFFECTS[effect[0]]
    if kind == "choose":
        return f"choose {show(freeze(thaw(effect[1])[way]))}"
    if kind == "earlier":
        return f"find that it {'is' if way else 'is not'} earlier"
    if kind == "peek":
        return "see the other still alive, though it is about to end"
    if name == "end":
        return _ends(p, effect[1])
    side = f", its time being {way}" if way is not None else ""
    return _does(_event(name, p, *effect[1:])) + side


def _ends(p: Process, reason: Any) -> str:
    if reason == "normal":
        return "return" if p.pid.path == () else "end"
    return f"end with {_event('end', p, reason, False)['reason']}"


def _does(event: Event) -> str:
    """Say what an effect is, in the infinitive where it is one of the common ones."""
    kind = event["e"]
    if kind in ("send", "send_name", "cast_name"):
        return f"send {message_words(event['m'])} to {_owner(event['to'])}"
    if kind == "exit":
        return f"send exit({event['reason']}) to {event['to']}"
    if kind == "spawn":
        linked = ", linked" if event["linked"] else ""
        return f"spawn {run_words(event['run'])}{linked}"
    if kind == "timer":
        return f"set a timer of {event['ms']} ms: {event['m']} to {event['to']}"
    if kind == "enter":
        return f"wait for at most {event['after']} ms"
    if kind == "log":
        return f"log {event['m']}"
    said = _REF.sub("", _SIGN.sub("", words(event)).strip())
    return _VERB.sub(r"\1", said, count=1)


def _owner(to: Any) -> str:
    """Give whose an alias is: that is who gets what is sent to it."""
    text = str(to)
    return f"<{text[5:].partition('/')[0]}>" if text.startswith("#ref<") else text


def _signal(signal: tuple[Any, ...]) -> str:
    """Say what is delivered, and from whom."""
    code, sender = signal[0], signal[1]
    if code == codes.S_MESSAGE:
        text = message_words(show(signal[3]))
        return f"deliver {text} from {sender}" if type(sender) is Pid else f"deliver {text}"
    event = json.loads(text_of(("handle", Pid(()), signal), 0, 0))
    if code == codes.S_EXIT:
        return f"deliver the exit signal {event['reason']} of {sender}"
    if code == codes.S_DOWN:
        return f"deliver the news that {_gone(event)} is down: {event['reason']}"
    return f"handle the {codes.SIGNALS[code]} of {sender}"


def _gone(event: Event) -> str:
    return str(event.get("of", event.get("from", "")))


def _fires(m: Machine, ref: Ref) -> tuple[Pid | None, str]:
    timer = m.timers[ref]
    owner = timer.dest if type(timer.dest) is Pid else m.names.get(timer.dest)
    return owner, f"timer fires{_at(m, timer.due)}: {show(timer.message)}"


def _at(m: Machine, due: Any) -> str:
    if m.clock.symbolic or type(due) is not int:
        return ""
    return f" at {due / 1000:g} ms"


def _event(kind: str, p: Process, *fields: Any) -> Event:
    found: Event = json.loads(text_of((kind, p.pid, *fields), 0, 0))
    return found


def doing(p: Process) -> str:
    """Say in a word or two how a process is."""
    if p.status == BUSY:
        return "at work"
    return "is ending" if p.status == EXITING else "waits"
