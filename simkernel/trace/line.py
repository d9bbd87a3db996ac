"""One event as one line of JSON, the same bytes for the same event on every machine.

`n` numbers the transitions; a line without one is a consequence of the transition before it (a
note, or a death by a signal). `t` is virtual time in microseconds. Terms are given by their text,
which tells different terms apart and needs no type to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted  # the C function behind json.dumps
from typing import Any

from simkernel.kernel import codes
from simkernel.kernel.information import function_name
from simkernel.kernel.machine import Transition
from simkernel.terms import Pid, Ref, show
from simkernel.values import Path, dotted

Event = tuple[Any, ...]
_MESSAGE = codes.S_MESSAGE

# The fields of each event after its name and process.
FIELDS: dict[str, tuple[str, ...]] = {
    "send": ("id", "m", "alias", "to"),
    "exit": ("to", "reason"),
    "monitor": ("of", "ref", "alias"),
    "unlink": ("of",),
    "demonitor": ("ref",),
    "flag": ("flag", "value"),
    "spawn": ("child", "run", "linked", "ref"),
    "timer": ("ref", "to", "m", "ms", "abs", "every"),
    "alias": ("ref", "mode"),
    "log": ("m",),
    "send_name": ("to", "m"),
    "cast_name": ("to", "m"),
    "link": ("of",),
    "register": ("of", "name"),
    "unregister": ("name",),
    "whereis": ("name",),
    "alive": ("of",),
    "info": ("of", "keys"),
    "demonitor_now": ("ref", "flush", "info"),
    "unalias": ("ref",),
    "cancel": ("ref",),
    "read": ("ref",),
    "work": ("low", "high"),
    "table": ("op", "args"),
    "hibernate": ("run",),
    "processes": (),
    "enter": ("after",),
    "tell_link": ("to", "reason"),
    "tell_monitor": ("to", "ref", "of", "reason"),
    "refuse": ("signal",),
    "free_tables": (),
    "free_name": (),
    "start": ("run",),
    "take": ("m",),
    "timeout": (),
    "expire": (),
    "done": (),
    "choose": ("way", "value"),
    "earlier": ("way", "value"),
    "peek": ("way", "value"),
    "doomed": (),
    "rest": (),
    "end": ("reason", "killed"),
    "side": ("way",),
    "crash": (),
    "drop": ("from",),
    "duplicate": ("from",),
    "delay": ("from",),
    "partition": (),
    "heal": (),
    "cut": ("from",),
}

# The fields of each kind of signal, after its sender.
SIGNAL_FIELDS: tuple[tuple[str, ...], ...] = (
    ("id", "m"), ("reason", "linked"), (), (), ("ref", "of"), ("ref",), ("ref", "of", "reason"),
    ("keys",), ("value",),
)  # fmt: skip

OWN_TRANSITIONS = frozenset(
    {
        "start",
        "take",
        "timeout",
        "handle",
        "arrive",
        "fire",
        "expire",
        "done",
        "choose",
        "earlier",
        "peek",
        "crash",
        "partition",
        "heal",
    }
)


def is_transition(event: Event) -> bool:
    """Tell whether an event is a transition of its own, or belongs to one beside it.

    "side" goes before its transition and says which way it went.
    """
    return event[0] not in ("note", "side") and not (event[0] == "end" and event[3])


def text_of(event: Event, n: int, now_us: int) -> str:
    """Write an event as a line of JSON, without the line break."""
    kind = event[0]
    head = f'{{"n":{n},"t":{now_us},"e":"{kind}",' if is_transition(event) else f'{{"e":"{kind}",'
    if kind == "handle":
        return f'{head}"p":"{event[1]}",{_signal(event[2])}}}'
    if kind == "arrive":
        # What the runtime answers for the dead travels on a way of the asker's own.
        via = "" if event[1] == event[3][1] else f',"via":"{event[1]}"'
        return f'{head}"p":"{event[2]}",{_signal(event[3])}{via}}}'
    if kind == "fire":
        dest = "" if event[2] is None else event[2]
        return f'{head}"p":"{dest}","ref":"{event[1]}","m":{quoted(show(event[3]))}}}'
    if kind == "send":
        _, pid, _, serial, message, alias, dest = event
        via = "" if alias is None else ',"alias":true'
        text = quoted(show(message))
        return f'{head}"p":"{pid}","to":"{dest}","id":{serial},"m":{text}{via}}}'
    if kind == "note":
        told = ",".join(f'"{key}":{_value(key, value)}' for key, value in event[3])
        return f'{head}"p":"{event[1]}","kind":"{event[2]}","fields":{{{told}}}}}'
    fields = "".join(
        f',"{key}":{_value(key, value)}'
        for key, value in zip(FIELDS[kind], event[2:], strict=False)
    )
    return f'{head}"p":"{event[1]}"{fields}}}'


def texts_of(
    events: Sequence[Event], now_us: int, n: int, names: dict[Path, str], strings: dict[str, str],
) -> tuple[list[str], int]:  # fmt: skip
    """Write events of one time as `text_of` does, and give the number of the next transition.

    The three events of a message are inlined: benchmarks/bench_footprint.py, twice as fast. `names`
    and `strings` keep the texts of pids and of messages; what is not there yet goes the long way.
    """
    lines: list[str] = []
    append = lines.append
    stamp = f',"t":{now_us},"e":'
    for event in events:
        kind = event[0]
        try:
            if kind == "handle":
                signal = event[2]
                append(
                    f'{{"n":{n}{stamp}"handle","p":"{names[event[1].path]}",'
                    f'"s":"message","from":"{names[signal[1].path]}","id":{signal[2]}}}'
                    if signal[0] == _MESSAGE and type(signal[1]) is Pid
                    else text_of(event, n, now_us)
                )
            elif kind == "take":
                _, pid, message = event
                shown = strings[message] if type(message) is str else quoted(show(message))
                append(f'{{"n":{n}{stamp}"take","p":"{names[pid.path]}","m":{shown}}}')
            elif kind == "send" and event[5] is None:
                _, pid, _, serial, message, _, dest = event
                shown = strings[message] if type(message) is str else quoted(show(message))
                append(
                    f'{{"n":{n}{stamp}"send","p":"{names[pid.path]}",'
                    f'"to":"{names[dest.path]}","id":{serial},"m":{shown}}}'
                )
            else:
                append(text_of(event, n, now_us))
                n += is_transition(event)
                continue
        except KeyError:
            _learn(event, names, strings)
            append(text_of(event, n, now_us))
        n += 1
    return lines, n


def _learn(event: Event, names: dict[Path, str], strings: dict[str, str]) -> None:
    """Keep the texts of what a message's event is about."""
    for part in (*event[1:], *(event[2] if event[0] == "handle" else ())):
        if type(part) is Pid:
            names[part.path] = f"<{dotted(part.path)}>"
        elif type(part) is str:
            strings[part] = quoted(show(part))


def _signal(signal: Event) -> str:
    code = signal[0]
    fields = "".join(
        f',"{key}":{_value(key, value)}'
        for key, value in zip(SIGNAL_FIELDS[code], signal[2:], strict=False)
        # The message itself stands at its send; here its sender and number are enough.
        if key != "m" or type(signal[1]) is Ref
    )
    return f'"s":"{codes.SIGNALS[code]}","from":"{signal[1]}"{fields}'


def _value(key: str, value: Any) -> str:
    kind = type(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if key == "run":
        function, args = value
        return quoted(f"{function_name(function)}{show(args)}")
    if kind is Pid or kind is Ref:
        return f'"{value}"'
    if isinstance(value, type):
        return f'"{value.__qualname__}"'
    return quoted(show(value))


def transition_of(line: dict[str, Any]) -> Transition:
    """Read off a line which transition it was; ValueError or KeyError if it is none."""
    kind = line["e"]
    if kind == "fire":
        return Transition("fire", Ref.parse(line["ref"]))
    pid = Pid.parse(line["p"])
    if kind == "arrive":
        sender = line.get("via", line["from"])
        return Transition("arrive", (Pid.parse(sender), pid))
    if kind == "cut":
        return Transition("arrive", (Pid.parse(line["from"]), pid))
    if kind in ("drop", "duplicate", "delay"):
        return Transition(kind, (Pid.parse(line["from"]), pid))
    if kind in ("choose", "earlier", "side"):
        return Transition("do" if kind == "side" else kind, pid, line["way"])
    return Transition(kind if kind in OWN_TRANSITIONS else "do", pid)
