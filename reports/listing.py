"""A run as a space-time listing: time goes down, each process has a lane.

The text of an event starts in the lane of its process and runs on to the right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

LANES_MAX = 12
QUOTE = "'"
Event = dict[str, Any]

_TAG = r"\('(?:alias|monitor)', #ref<[^>]*>\)|#ref<[^>]*>"
_ENVELOPES = (
    (re.compile(rf"\('\$gen_call', \(<[^>]*>, (?:{_TAG})\), (.*)\)"), "call"),
    (re.compile(r"\('\$gen_cast', (.*)\)"), "cast"),
    (re.compile(rf"\((?:{_TAG}), (.*)\)"), "reply"),
)
_RUNS = (
    (re.compile(r"simkernel\.spec\._call\(&([^,]*), (.*)\)"), "{0}{1}"),
    (re.compile(r"simkernel\.otp\.gen_server\.Server\(<class ([^>]*)>, (.*)\)"), "GenServer {0}"),
    (
        re.compile(r"simkernel\.otp\.statem_engine\.StateMachine\(<class ([^>]*)>, (.*)\)"),
        "GenStateMachine {0}",
    ),
)
_CALL_TYPE = re.compile(r"\('call', \((<[^>]*>), ")

# Events that only keep the books: shown when everything is asked for.
QUIET_SIGNALS = frozenset({"message", "link", "unlink", "monitor", "demonitor", "ask", "answer"})


def listing(
    events: Iterable[Event], *, everything: bool = False, width: int = 110
) -> Iterator[str]:
    """Give the lines of the listing."""
    lanes: list[str] = []
    ended: set[str] = set()
    yield "  step       time"
    for number, event in enumerate(events):
        pid = event.get("p", "")
        if pid not in lanes:
            lanes.append(pid)
        text = describe(event)
        hidden = event.get("e") == "handle" and event.get("s") in QUIET_SIGNALS
        if text and (everything or not hidden):
            yield _row(event, number, pid, lanes, ended, text)[:width]
        if event.get("e") == "end":
            ended.add(pid)
    yield ""


def _row(event: Event, number: int, pid: str, lanes: list[str], ended: set[str], text: str) -> str:
    step = event.get("n", "")
    time = f"{event['t'] / 1000:g} ms" if "t" in event else ""
    place = lanes.index(pid) % LANES_MAX
    before = "".join("   " if lane in ended else "│  " for lane in lanes[:place])
    return f"{step:>6} {time:>10}  {before}{text}"


def describe(event: Event) -> str:
    """Say in a few words what an event is."""
    return f"{event.get('p', '')} {words(event)}".rstrip()


def words(event: Event) -> str:
    """Say what an event is, without who does it."""
    kind = event.get("e", "")
    say = _WORDS.get(kind)
    if say is None:
        rest = " ".join(f"{k}={v}" for k, v in event.items() if k not in ("n", "t", "e", "p"))
        return f"{kind} {rest}".rstrip()
    try:
        return str(say(event))
    except (KeyError, TypeError):
        return str(kind)


def _handle(e: Event) -> str:
    kind, sender = e["s"], e["from"]
    match kind:
        case "message":
            return f"receives message {e.get('id', '')} of {sender}"
        case "exit":
            how = "through the link" if e.get("linked") else "sent by exit()"
            return f"⚡ exit signal {e['reason']} of {sender}, {how}"
        case "down":
            return f"⚡ down signal {e['reason']} of {sender}"
    return f"handles {kind} of {sender}"


def _end(e: Event) -> str:
    if e.get("killed"):
        return f"✖ is ended by it: {e['reason']}"
    return "■ ends" if e["reason"] == "'normal'" else f"✖ ends with {e['reason']}"


def message_words(message: Any) -> str:
    """Shorten what a call, a cast and a reply are sent in."""
    text = str(message)  # numbers, None and booleans are themselves in JSON
    for pattern, short in _ENVELOPES:
        if found := pattern.fullmatch(text):
            return f"{short} {found[1]}"
    return text


def spoken(message: Any) -> str:
    """Say what a message is sent as: "call", "cast", "reply" or "message"."""
    text = str(message)
    return next((name for pattern, name in _ENVELOPES if pattern.fullmatch(text)), "message")


def run_words(text: str) -> str:
    """Name what a process runs as its author does: main, or a class and its behaviour."""
    for pattern, short in _RUNS:
        if found := pattern.fullmatch(text):
            return short.format(*found.groups())
    return text


def _event_type(text: str) -> str:
    found = _CALL_TYPE.match(text)
    return f"call of {found[1]}" if found else text.strip(QUOTE)


def _note(e: Event) -> str:
    kind, told = e["kind"], e["fields"]
    match kind:
        case "callback":
            where = f"in {told['state']}: " if "state" in told else ""
            type_ = f"{_event_type(told['type'])} " if "type" in told else ""
            return f"· {where}{told['callback'].strip(QUOTE)} {type_}{told['argument']}"
        case "event postponed":
            return f"· postpones {_event_type(told['type'])} {told['content']}"
        case "call":
            return f"· calls {told['server']}: {told['request']}"
        case "gave up":
            return f"· gives up: {told['id']} had to be started again too often"
        case "called":
            return f"· its call to {told['server']} is answered: {told['answer']}"
        case "state entered" if "old" in told:
            return f"· from state {told['old']} to state {told['state']}"
    return ", ".join([f"· {kind}", *(f"{key} {value}" for key, value in told.items())])


_WORDS: dict[str, Any] = {
    "start": lambda e: f"○ starts {run_words(e['run'])}",
    "send": lambda e: f"→ {e['to']}  {message_words(e['m'])}",
    "send_name": lambda e: f"→ {e['to']}  {message_words(e['m'])}",
    "cast_name": lambda e: f"→ {e['to']}  {message_words(e['m'])}",
    "take": lambda e: f"● takes {message_words(e['m'])}" if e["m"] is not None else "● wakes up",
    "timeout": lambda e: "⧗ receive times out",
    "expire": lambda e: "⧗ the time of its receive is over",
    "done": lambda e: "⧗ its work is done",
    "work": lambda e: (
        f"⧗ works for {e['low'] / 1000:g} to {e['high'] / 1000:g} ms"
        if e["low"] != e["high"]
        else f"⧗ works for {e['low'] / 1000:g} ms"
    ),
    "enter": lambda e: f"⧗ waits for at most {e['after']} ms",
    "fire": lambda e: f"⧗ timer {e['ref']} brings {e['m']}",
    "timer": lambda e: f"⧗ sets timer {e['ref']}: {e['m']} to {e['to']} in {e['ms']} ms",
    "cancel": lambda e: f"⧗ cancels timer {e['ref']}",
    "handle": _handle,
    "arrive": lambda e: f"▹ {e['s']} of {e['from']} arrives",
    "spawn": lambda e: (
        f"+ spawns {e['child']} {run_words(e['run'])}" + (", linked" if e["linked"] else "")
    ),
    "end": _end,
    "rest": lambda e: "■ main returns; it stays at rest",
    "exit": lambda e: f"→ {e['to']}  exit({e['reason']})",
    "link": lambda e: f"links to {e['of']}",
    "unlink": lambda e: f"unlinks {e['of']}",
    "monitor": lambda e: f"monitors {e['of']} by {e['ref']}",
    "demonitor": lambda e: f"demonitors {e['ref']}",
    "demonitor_now": lambda e: f"demonitors {e['ref']}",
    "tell_link": lambda e: f"  tells {e['to']}, through the link: {e['reason']}",
    "tell_monitor": lambda e: f"  tells {e['to']}, who monitors it: {e['reason']}",
    "free_tables": lambda e: "  its tables are gone, or their heirs'",
    "free_name": lambda e: "  its name is free",
    "register": lambda e: f"registers {e['of']} as {e['name']}",
    "unregister": lambda e: f"unregisters {e['name']}",
    "whereis": lambda e: f"looks up {e['name']}",
    "alive": lambda e: f"asks whether {e['of']} is alive",
    "info": lambda e: f"asks {e['of']} for {e['keys']}",
    "flag": lambda e: f"sets {e['flag']} to {e['value']}",
    "table": lambda e: f"⊞ {e['op'].strip(chr(39))}{e['args']}",
    "log": lambda e: f"» {e['m']}",
    "choose": lambda e: f"? chooses {e['value']}",
    "earlier": lambda e: f"? is it earlier: {e['value']}",
    "peek": lambda e: "sees it alive",
    "crash": lambda e: "⚡ crashes: a fault",
    "drop": lambda e: f"⚡ never gets the next message of {e['from']}: a fault",
    "duplicate": lambda e: f"⚡ will get the next message of {e['from']} twice: a fault",
    "delay": lambda e: f"⚡ will get the next message of {e['from']} after the one behind: a fault",
    "partition": lambda e: "⚡ is cut off from the others: a fault",
    "heal": lambda e: "⚡ is cut off no more",
    "cut": lambda e: f"⚡ does not get a message of {e['from']}: cut off",
    "note": _note,
}
