"""Processes that do one operation after the other on tables and registries, as steps say.

vm/actors.ex is the same on the VM. Steps: ("new", actor, table, type, access, named, keypos, heir),
("ets", actor, operation, table, args), ("part", actor, operation, table, args, shown) and ("more",
actor, operation, shown) with what it left, ("info", table), ("die", actor, reason), ("trap",
actor), ("alive", actor), ("name", actor, name), ("mail", actor), ("reg_stop",), ("reg_start", kind,
partitions, listeners) and ("reg", actor, operation, args). In arguments ("pid", actor) is a pid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel import (
    ANY,
    Exit,
    GenServer,
    Pid,
    Ref,
    Registry,
    Supervisor,
    alive,
    demonitor,
    erase,
    ets,
    get,
    monitor,
    process_flag,
    put,
    receive,
    register,
    self_,
    send,
    sleep,
    spawn,
)
from tests.conformance.lab import ended, mailbox, outcome
from tests.conformance.words import word

ORDERED = ("tab2list", "match", "match_object", "select", "keys", "lookup_all")
NAME = "the_registry"


class State:
    """The actors by name, the tables by the names that steps have for them."""

    def __init__(self, pids: dict[str, Pid]):
        self.pids = pids
        self.tables: dict[str, Any] = {}
        self.continuation: Any = None

    def resolve(self, term: Any) -> Any:
        """Put pids in the place of actors."""
        match term:
            case ("pid", str(actor)) if actor in self.pids:
                return self.pids[actor]
            case tuple():
                return tuple(map(self.resolve, term))
            case list():
                return list(map(self.resolve, term))
        return term

    def named(self, term: Any) -> Any:
        """Put names in the place of pids and tables."""
        match term:
            case Pid():
                return next((name for name, pid in self.pids.items() if pid == term), "stranger")
            case Ref():
                return next((name for name, tab in self.tables.items() if tab == term), term)
            case tuple():
                return tuple(map(self.named, term))
            case list():
                return list(map(self.named, term))
        return term


async def run(actors: Any, steps: Any, say: Callable[[Any], Any], pause: int) -> Any:
    """Perform steps, and say what each gave."""
    state = State({name: spawn(actor) for name in actors})
    for step in steps:
        say((step[0], await perform(step, state, pause)))
    return "done"


async def actor() -> None:
    """Do what is asked, one thing after the other."""
    while True:
        match await receive(("do", ANY, ANY, ANY, ANY), ("die", ANY), idle=True):
            case ("do", caller, ref, function, args):
                send(caller, (ref, await outcome(lambda f=function, a=args: f(*a))))
            case ("die", reason):
                raise Exit(reason)


async def ask(pid: Pid, function: Any, *args: Any) -> Any:
    """Have an actor call a function."""
    ref = monitor(pid)
    send(pid, ("do", self_(), ref, function, args))
    match await receive((ref, ANY), ("DOWN", ref, ANY, ANY, ANY)):
        case (_, answer):
            demonitor(ref)
            return answer
    return "dead"


async def perform(step: Any, state: State, pause: int) -> Any:
    """Perform one step."""
    match step:
        case ("new", name, var, type_, access, named, keypos, heir):
            heirs = None if heir is None else (state.pids[heir], "inherited")
            answer = await ask(state.pids[name], make, var, type_, access, named, keypos, heirs)
            if answer[0] != "ok":
                return answer
            state.tables[var] = answer[1]
            return "ok"
        case ("ets", name, op, var, args):
            tab = state.tables.get(var, var)
            function = getattr(ets, op)
            answer = await ask(state.pids[name], function, tab, *state.resolve(args))
            return ordered(op, state.named(answer))
        case ("part", name, op, var, args, shown):
            tab = state.tables.get(var, var)
            answer = await ask(state.pids[name], getattr(ets, op), tab, *args)
            return part(answer, shown, state)
        case ("more", name, op, shown):
            answer = await ask(state.pids[name], getattr(ets, op), state.continuation)
            return part(answer, shown, state)
        case ("info", var):
            described = await ets.info(state.tables.get(var, var))
            return None if described is None else state.named(described[:4])
        case ("die", name, reason):
            send(state.pids[name], ("die", reason))
            await ended(state.pids[name])
            await sleep(pause)
            return "ok"
        case ("trap", name):
            return await ask(state.pids[name], process_flag, "trap_exit", True)
        case ("alive", name):
            return await alive(state.pids[name])
        case ("name", name, registered):
            return await ask(state.pids[name], register, state.pids[name], registered)
        case ("mail", name):
            return state.named(await ask(state.pids[name], mailbox))
        case ("reg_start", kind, partitions, listeners):
            await Registry.start_link(
                keys=kind, name=NAME, partitions=partitions, listeners=listeners
            )
            return "ok"
        case ("reg_stop",):
            await Supervisor.stop(NAME)
            await sleep(pause)
            return "ok"
        case ("reg", name, op, args):
            answer = await ask(state.pids[name], registry, op, *state.resolve(args))
            if answer[0] == "ok" and type(answer[1]) is tuple and answer[1][:1] == ("ok",):
                answer = ("ok", "partition") if type(answer[1][1]) is Pid else answer
            return ordered(op, state.named(answer))
    raise ValueError(step)


def part(answer: Any, shown: str, state: State) -> Any:
    """Keep what goes on with a part; where a table has no order only the number is shown."""
    match answer:
        case ("ok", (values, following)):
            state.continuation = following
            last = "last" if following == "$end_of_table" else "more"
            return ("ok", (values if shown == "rows" else len(values), last))
        case ("ok", following):
            state.continuation = following
    return answer


async def make(var: str, type_: str, access: str, named: bool, keypos: int, heir: Any) -> Any:
    """Make a table."""
    return await ets.new(var, type=type_, access=access, named=named, keypos=keypos, heir=heir)


async def registry(op: str, *args: Any) -> Any:
    """Do an operation on the registry."""
    match op:
        case "update":
            key, x = args
            return await Registry.update_value(NAME, key, lambda old: (old, x))
        case "dispatch":

            def collect(entries: Any) -> None:
                put("entries", [*entries, *(get("entries") or [])])

            await Registry.dispatch(NAME, args[0], collect)
            return erase("entries")
        case "lookup_all":
            return await Registry.lookup(NAME, args[0])
        case "whereis":
            return await Registry.whereis_name((NAME, args[0]))
        case "send":
            return await Registry.send((NAME, args[0]), args[1])
        case "call":
            return await GenServer.call(("via", Registry, (NAME, args[0])), "hello", 10)
        case "cast":
            return await GenServer.cast(("via", Registry, (NAME, args[0])), "hello")
    return await getattr(Registry, op)(NAME, *args)


def ordered(op: str, answer: Any) -> Any:
    """Sort what has no order."""
    if op in ORDERED and type(answer) is tuple and answer[0] == "ok" and type(answer[1]) is list:
        return ("ok", sorted(answer[1], key=lambda item: word(item, {})))
    return answer
