"""When to use which: whether a GenServer is a state machine in disguise, and the other way round.

The guide ends with a table of what asks for a GenStateMachine: phases, events that are valid only
in some of them, timeouts for a state, postponed events. This looks at runs for the same signs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from checkers.findings import quiet
from simkernel.settings import Settings
from simkernel.spec import Spec, run
from simkernel.terms import Map, equal, show, thaw

STEP_MS = (0.0, 10.0)
PHASES_MAX = 8  # a part of a state with more different values is data
STATES_MANY = 9
_NAME = re.compile(r"[^\W\d]\w{0,30}")


@dataclass(frozen=True)
class Advice:
    """What is said of one class: which behaviour it is, the sentence, and what it rests on."""

    module: str
    behaviour: str
    says: str
    evidence: tuple[str, ...]


@dataclass
class Served:
    """One event that a process of a class took: in which state, and what became of it."""

    event: str
    before: Any
    after: Any = None
    known: bool = False  # what the state was afterwards
    failed: bool = False


@dataclass
class Seen:
    """What the runs showed of one class."""

    behaviour: str
    served: list[Served] = field(default_factory=list)
    used: set[str] = field(default_factory=set)  # of what only a state machine has


def advise(
    spec: Spec, parameters: Mapping[str, Any], *, runs: int = 50, seed: int = 0
) -> list[Advice]:
    """Run `spec` some times and give what there is to say of its classes, by their names.

    >>> from simkernel.spec import of
    >>> async def main():
    ...     pass
    >>> advise(of(main), {}, runs=1)
    []
    """
    seen: dict[str, Seen] = {}
    for number in range(runs):
        settings = Settings(
            seed=seed + number, step_ms=STEP_MS if number else (0.0, 0.0), picker="walk"
        )
        m = spec.machine(parameters, settings, tape=_Listener(seen))
        try:
            run(m, settings)
        finally:
            m.close()
    advice = []
    for name in sorted(seen):
        judge = _server if seen[name].behaviour == "GenServer" else _machine
        said = judge(name, seen[name])
        if said is not None:
            advice.append(said)
    return advice


class _Listener:
    """Collects, process by process, what the notes of one run say."""

    def __init__(self, seen: dict[str, Seen]) -> None:
        self.seen = seen
        self.last: dict[Any, tuple[Seen, Served]] = {}
        self.used: defaultdict[Any, set[str]] = defaultdict(set)  # also before the first event

    def __call__(self, event: tuple[Any, ...]) -> None:
        kind, pid = event[0], event[1]
        if kind == "note":
            said = {key: thaw(value) for key, value in event[3]}
            if event[2] == "callback":
                self.callback(pid, said)
            elif event[2] in ("event postponed", "timeout set"):
                self.used[pid].add(event[2])
                if pid in self.last:
                    self.last[pid][0].used.add(event[2])
        elif kind == "end" and pid in self.last:
            _, served = self.last.pop(pid)
            served.failed = not event[3] and not quiet(event[2])

    def callback(self, pid: Any, said: dict[str, Any]) -> None:
        module = said["module"]
        if module.__module__.partition(".")[0] == "simkernel" or said["callback"] == "terminate":
            return
        type_ = said.get("type")
        behaviour = "GenServer" if type_ is None else "GenStateMachine"
        known = self.seen.setdefault(module.__qualname__, Seen(behaviour))
        if pid in self.last:
            _, before = self.last[pid]
            before.after, before.known = said["state"], True
        if type_ == "enter" or type_ == "internal":
            self.used[pid].add(f"{type_} events")
        known.used |= self.used[pid]
        served = Served(_label(type_ or said["callback"], said["argument"]), said["state"])
        self.last[pid] = known, served
        if type_ != "enter":
            known.served.append(served)


def _label(type_: Any, content: Any) -> str:
    """Name an event by its type and by what its content begins with."""
    type_ = type_[0] if type(type_) is tuple else type_
    head = content[0] if type(content) is tuple and content else content
    return f"{type_.removeprefix('handle_')} {_class_of(head)}"


def _class_of(value: Any) -> str:
    """Give the value itself where it looks like one of a few, else its type."""
    if value is None or type(value) is bool or isinstance(value, Enum):
        return str(value)
    if type(value) is str and _NAME.fullmatch(value):
        return repr(value)
    return type(value).__name__


def _parts(state: Any) -> dict[str, str]:
    """Take a state apart: where to look, and what is there."""
    if type(state) in (dict, Map):
        return {f"[{key!r}]": _class_of(value) for key, value in state.items()}
    if hasattr(state, "_fields"):
        return {f".{name}": _class_of(getattr(state, name)) for name in state._fields}
    if is_dataclass(state) and not isinstance(state, type):
        return {f".{one.name}": _class_of(getattr(state, one.name)) for one in fields(state)}
    if type(state) is tuple:
        return {f"[{at}]": _class_of(value) for at, value in enumerate(state)}
    return {"": _class_of(state)}


# --- A server that is a state machine ------------------------------------------------------------


def _server(name: str, seen: Seen) -> Advice | None:
    """Look for a part of the state on which it depends whether an event moves that part."""
    served = [(one, _parts(one.before), _parts(one.after)) for one in seen.served]
    best: tuple[str, ...] = ()
    where = ""
    for part in sorted({key for _, before, _ in served for key in before}):
        rows = [
            (one, before.get(part, "absent"), after.get(part, "absent"))
            for one, before, after in served
        ]
        if 2 <= len({before for _, before, _ in rows}) <= PHASES_MAX:
            evidence = tuple(_guarded(rows))
            if len(evidence) > len(best):
                best, where = evidence, part
    if not best:
        return None
    says = (
        f"is a state machine in disguise: what it does with an event depends on state{where}; "
        "as a GenStateMachine it would name these states, and could postpone what comes too early"
    )
    return Advice(name, "GenServer", says, best)


def _guarded(rows: Iterable[tuple[Served, str, str]]) -> Iterable[str]:
    """Give a line for each event that moves a part from some of its values, and from others not."""
    moved: dict[str, Counter[str]] = defaultdict(Counter)
    targets: dict[str, set[str]] = defaultdict(set)
    failed: dict[str, Counter[str]] = defaultdict(Counter)
    ignored: dict[str, Counter[str]] = defaultdict(Counter)
    touched: dict[str, set[str]] = defaultdict(set)
    for one, before, after in rows:
        if one.failed:
            failed[one.event][before] += 1
        elif one.known and before != after:
            moved[one.event][before] += 1
            targets[one.event].add(after)
        elif one.known and equal(one.before, one.after):
            ignored[one.event][before] += 1
        elif one.known:
            touched[one.event].add(before)
    for event in sorted(moved):
        # To be there already is no refusal: that event sets a value, from wherever.
        stays = {
            value: times
            for value, times in ignored[event].items()
            if value not in moved[event]
            and value not in touched[event]
            and targets[event] != {value}
        }
        crashes = {v: times for v, times in failed[event].items() if v not in moved[event]}
        if stays or crashes:
            taken = f"{event}: taken in {_times(moved[event])}"
            left = f", without effect in {_times(stays)}" if stays else ""
            crash = f", a crash in {_times(crashes)}" if crashes else ""
            yield taken + left + crash


def _times(counts: Mapping[str, int]) -> str:
    return " and ".join(f"{value} ({counts[value]} times)" for value in sorted(counts))


# --- A state machine that is a server ------------------------------------------------------------


def _machine(name: str, seen: Seen) -> Advice | None:
    """Look for anything that only a state machine has; say so if there is nothing."""
    if seen.used or not seen.served:
        return None
    states = Counter(show(one.before) for one in seen.served)
    nothing = "no event was postponed, no timeout set, no state entered with a callback"
    if len(states) == 1:
        (state,) = states
        why = f"all {len(seen.served)} events came in one state, {state}"
    elif len(states) >= STATES_MANY and all(
        _class_of(one.before) == type(one.before).__name__ for one in seen.served
    ):
        why = f"its state is data: {len(states)} different values, among them {min(states)}"
    elif _alike(seen.served):
        why = f"each event did the same in each of its states, {', '.join(sorted(states))}"
    else:
        return None
    says = "has no need to be a state machine: a GenServer would do, and is simpler"
    return Advice(name, "GenStateMachine", says, (why, nothing))


def _alike(served: list[Served]) -> bool:
    """Tell whether every event came in every state, and kept them all or led to the same one."""
    states = {show(one.before) for one in served}
    led: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in served:
        after = "failed" if one.failed else show(one.after) if one.known else None
        if after is not None:
            led[one.event][show(one.before)].add(after)
    return bool(led) and all(
        set(by_state) == states
        and (
            all(found == {state} for state, found in by_state.items())
            or len({frozenset(found) for found in by_state.values()}) == 1
        )
        for by_state in led.values()
    )
