"""gen_statem: machines whose callbacks do what a table says, and its clients."""

from __future__ import annotations

from typing import Any

from simkernel import (
    GenStateMachine,
    alive,
    process_info,
    spawn,
    sys,
)
from tests.conformance.lab import ended, idle, mailbox, outcome, pair, say, settle, trap
from tests.conformance.pairs.statem_machine import (
    MODULES,
    OK,
    Handle,
    casts,
    enter,
    keep,
    on,
    perform,
    row,
    to,
)
from tests.conformance.pairs.statem_times import ENDS, TIMES

STARTS = [
    ("start ok", "handle", OK, [], casts("x")),
    (
        "start with actions",
        "handle",
        ("ok", "s1", 0, [("next_event", "internal", "i"), ("state_timeout", 15, "t")]),
        [],
        [("wait", 30)],
    ),
    ("start with one bare action", "handle", ("ok", "s1", 0, ("next_event", "cast", "i")), [], []),
    ("start ignore", "handle", "ignore", [], []),
    ("start stop", "handle", ("stop", "no"), [], []),
    ("start stop normal", "handle", ("stop", "normal"), [], []),
    ("start raise", "handle", ("raise", "boom"), [], []),
    ("start error", "handle", ("error", "my_error"), [], []),
    ("start exit", "handle", ("exit", "gone"), [], []),
    ("start throw", "handle", ("throw", ("ok", "s2", 7)), [], casts("x")),
    ("start junk", "handle", "junk", [], []),
    ("start enters", "handle_enter", OK, [], casts("x")),
    (
        "start enters before actions",
        "states_enter",
        ("ok", "s1", 0, [("next_event", "internal", "i")]),
        [],
        [],
    ),
    ("start postpone is ignored", "handle", ("ok", "s1", 0, ["postpone"]), [], casts("x")),
]
RESULTS = [
    (
        f"{name} {mode}",
        mode,
        OK,
        [on("go", result), on("p", keep("postpone"), "s1"), enter("_", keep())],
        casts("p", "go", "last"),
    )
    for mode in ("handle", "states", "handle_enter", "states_enter")
    for name, result in {
        "next_state": ("next_state", "s2", "+"),
        "next_state same": ("next_state", "s1", "+"),
        "next_state actions": to("s2", ("next_event", "internal", "i")),
        "keep_state": ("keep_state", "+"),
        "keep_state_and_data": "keep_state_and_data",
        "repeat_state": ("repeat_state", "+"),
        "repeat_state_and_data": "repeat_state_and_data",
        "repeat actions": ("repeat_state_and_data", [("next_event", "internal", "i")]),
    }.items()
]
STOPS = [
    (
        f"stop by {name}",
        "handle",
        OK,
        [on("go", result), on("wait", keep("postpone"))],
        [("call_later", "wait"), ("call", "go")],
    )
    for name, result in {
        "stop": "stop",
        "stop reason": ("stop", "why"),
        "stop data": ("stop", "why", "+"),
        "stop shutdown": ("stop", ("shutdown", 1)),
        "stop_and_reply": ("stop_and_reply", "why", [("reply", "FROM", "bye")]),
        "stop_and_reply one": ("stop_and_reply", "why", ("reply", "FROM", "bye"), "+"),
        "stop_and_reply bad": ("stop_and_reply", "why", ["junk"]),
        "raise": ("raise", "boom"),
        "error": ("error", "my_error"),
        "exit": ("exit", "gone"),
        "exit normal": ("exit", "normal"),
        "throw junk": ("throw", "ball"),
        "throw result": ("throw", ("keep_state", "+")),
        "junk": "junk",
        "bad action": keep(("reply", "FROM", "answered"), "junk", ("next_event", "internal", "i")),
        "bad timeout": keep(("state_timeout", -1, "t")),
        "bad event type": keep(("next_event", "nonsense", "i")),
        "undefined state": ("next_state", "s9", "+"),
    }.items()
]
ENTERING = [
    (
        f"enter {name}",
        "handle_enter",
        OK,
        [on("go", to("s2", ("next_event", "internal", "i"))), enter("s2", result)],
        [*casts("go", "x"), ("wait", 30)],
    )
    for name, result in {
        "keeps": keep(),
        "sets data": ("keep_state", "+"),
        "next same": ("next_state", "s2", "+"),
        "replies and times": keep(("state_timeout", 15, "t")),
        "changes the state": ("next_state", "s3", "+"),
        "postpones": keep("postpone"),
        "inserts": keep(("next_event", "internal", "j")),
        "raises": ("raise", "boom"),
        "stops": ("stop", "why", "+"),
        "junk": "junk",
        "throws": ("throw", ("keep_state", "+")),
        "hibernates": keep("hibernate"),
        "exits": ("exit", "gone"),
    }.items()
]
ORDER = [
    (
        "inserted come first and stacked",
        "handle",
        OK,
        [
            on("go", keep(("next_event", "internal", "a"), ("next_event", "cast", "b"))),
            on("a", keep(("next_event", "info", "c"), ("next_event", "internal", "d"))),
        ],
        [("many", ["go", "later"])],
    ),
    (
        "postponed in order",
        "handle",
        OK,
        [
            on("p1", keep("postpone"), "s1"),
            on("p2", keep("postpone"), "s1"),
            on("go", to("s2"), "s1"),
        ],
        casts("p1", "p2", "x", "go", "y"),
    ),
    (
        "postponed again while retried",
        "handle",
        OK,
        [
            on("p1", keep("postpone"), "s1"),
            on("p2", to("s3"), "s2"),
            on("p1", keep("postpone"), "s2"),
            on("p2", keep("postpone"), "s1"),
            on("p3", keep("postpone"), "s1"),
            on("go", to("s2"), "s1"),
        ],
        casts("p1", "p2", "p3", "go"),
    ),
    ("postpone and change", "handle", OK, [on("go", to("s2", "postpone"), "s1")], casts("go")),
    (
        "postpone and change twice",
        "handle",
        OK,
        [on("go", to("s2", "postpone"), "s1"), on("go", to("s3", "postpone"), "s2")],
        casts("go"),
    ),
    (
        "inserted before retried",
        "handle",
        OK,
        [on("p", keep("postpone"), "s1"), on("go", to("s2", ("next_event", "internal", "i")))],
        casts("p", "go"),
    ),
    (
        "inserted can be postponed",
        "handle",
        OK,
        [
            on("go", keep(("next_event", "internal", "i"))),
            on("i", keep("postpone"), "s1"),
            on("n", to("s2")),
        ],
        casts("go", "n"),
    ),
    (
        "postpone false wins",
        "handle",
        OK,
        [on("p", keep("postpone", ("postpone", False)), "s1"), on("n", to("s2"))],
        casts("p", "n"),
    ),
    (
        "postpone true wins",
        "handle",
        OK,
        [on("p", keep(("postpone", False), ("postpone", True)), "s1"), on("n", to("s2"))],
        casts("p", "n"),
    ),
    (
        "data change retries nothing",
        "handle",
        OK,
        [on("p", keep("postpone"), "s1"), on("d", keep())],
        casts("p", "d"),
    ),
    (
        "one and one point zero",
        "handle",
        ("ok", 1, 0),
        [on("p", keep("postpone"), 1), on("go", ("next_state", 1.0, "+"))],
        casts("p", "go"),
    ),
    (
        "equal tuples are one state",
        "handle",
        ("ok", ("a", 1), 0),
        [on("p", keep("postpone"), ("a", 1)), on("go", ("next_state", ("a", 1), "+"))],
        casts("p", "go"),
    ),
    (
        "one bare action",
        "handle",
        OK,
        [on("go", ("keep_state", "+", ("next_event", "internal", "i")))],
        casts("go"),
    ),
    (
        "replies left to right",
        "handle",
        OK,
        [on("go", keep(("reply", "FROM", "one")))],
        [("call", "go"), ("call_later", "silent"), ("stop", "why")],
    ),
    (
        "call is postponed and answered",
        "handle",
        OK,
        [
            row("s1", "call", "q", keep("postpone")),
            row("s2", "call", "q", keep(("reply", "FROM", "late"))),
            on("n", to("s2")),
        ],
        [("call_later", "q"), ("cast", "n")],
    ),
    (
        "info and call and cast",
        "handle",
        OK,
        [row("_", "call", "x", keep(("reply", "FROM", "ok")))],
        [("info", "x"), ("cast", "x"), ("call", "x")],
    ),
    (
        "state functions",
        "states",
        OK,
        [on("n", to("s2"), "s1"), on("n", to("s3"), "s2")],
        casts("n", "n", "n"),
    ),
    (
        "enter then inserted then retried",
        "handle_enter",
        OK,
        [
            on("p", keep("postpone"), "s1"),
            on("go", to("s2", ("next_event", "internal", "i"))),
            enter("s2", keep()),
        ],
        casts("p", "go"),
    ),
    (
        "repeat enters again",
        "handle_enter",
        OK,
        [
            on("p", keep("postpone"), "s1"),
            on("r", ("repeat_state", "+", [("next_event", "internal", "i")])),
        ],
        casts("p", "r"),
    ),
    ("hibernate and wake", "handle", OK, [on("h", keep("hibernate"))], casts("h", "x")),
]
RULES = {
    "start": (STARTS, ("17.1", "17.2", "17.3", "17.33", "14.4"), (9,)),
    "results": (
        RESULTS,
        ("17.4", "17.5", "17.6", "17.7", "17.9", "17.10", "17.16", "17.34"),
        (13,),
    ),
    "stops": (
        STOPS,
        ("17.11", "17.12", "17.39", "17.40", "17.41", "17.42", "17.43", "17.48", "17.51", "17.53"),
        (8, 9, 10),
    ),
    "entering": (ENTERING, ("17.34", "17.35", "17.36", "17.37", "17.38"), (9,)),
    "order": (
        ORDER,
        ("17.8", "17.10", "17.13", "17.14", "17.15", "17.16", "17.17", "17.18", "17.19", "17.58"),
        (13,),
    ),
    "times": (
        TIMES,
        (
            "17.20",
            "17.21",
            "17.22",
            "17.23",
            "17.24",
            "17.25",
            "17.26",
            "17.27",
            "17.28",
            "17.29",
            "17.30",
            "17.31",
            "17.32",
            "17.60",
        ),
        (11, 12, 14),
    ),
    "ends": (ENDS, ("17.44", "17.46", "17.50", "17.49"), ()),
}


def scaled(term: Any) -> Any:
    """Widen all gaps, so that the VM is in time under load too."""
    match term:
        case ("wait", int(ms)):
            return ("wait", 4 * ms)
        case ("abs_timeout", type_, int(ms), content):
            return ("abs_timeout", type_, 4 * ms, content)
        case ("state_timeout" | "event_timeout" | ("timeout", _), int(ms), content) if ms > 0:
            return (term[0], 4 * ms, content)
        case tuple() | list():
            return type(term)(map(scaled, term))
    return term


async def table(label: Any, mode: Any, init: Any, rows: Any, script: Any) -> Any:
    trap()
    match await GenStateMachine.start_link(MODULES[mode], (init, rows)):
        case ("ok", pid):
            for step in script:
                say(("step", step[0]))
                await perform(step, pid)
            await settle(40)
            messages = await mailbox()
            if await alive(pid):
                say(("state", await sys.get_state(pid)))
            return [("exit", m[2]) if type(m) is tuple and m[0] == "EXIT" else m for m in messages]
        case other:
            await settle()
            say(other)
            return [("exit", m[2]) for m in await mailbox()]


for _cases, _rules, _traps in RULES.values():
    pair(*_rules, cases=map(scaled, _cases), traps=_traps, labelled=True)(table)


@pair(
    "17.48",
    "17.49",
    "17.57",
    "17.58",
    "15.64",
    cases=[
        "call_dead",
        "call_free_name",
        "call_timeout",
        "cast_dead",
        "cast_free_name",
        "stop_dead",
        "stop_free_name",
        "system",
        "hibernated",
    ],
)
async def client(what: Any) -> Any:
    async def nothing() -> None:
        pass

    dead = spawn(nothing)
    await ended(dead)
    machine = GenStateMachine
    match what:
        case "call_dead":
            return await outcome(lambda: machine.call(dead, "hello"))
        case "call_free_name":
            return await outcome(lambda: machine.call("free_machine_name", "hello"))
        case "call_timeout":
            return await outcome(lambda: machine.call(spawn(idle), "hello", 20))
        case "cast_dead":
            return await machine.cast(dead, "hello")
        case "cast_free_name":
            return await machine.cast("free_machine_name", "hello")
        case "stop_dead":
            return await outcome(lambda: machine.stop(dead))
        case "stop_free_name":
            return await outcome(lambda: machine.stop("free_machine_name"))
        case "hibernated":
            _, pid = await machine.start(Handle, (("ok", "a", 1, ["hibernate"]), []))
            await settle()
            return await process_info(pid, "current_function")
    _, pid = await machine.start(Handle, (("ok", "a", 1), []))
    say(await sys.get_state(pid))
    say(await sys.replace_state(pid, lambda seen: ((seen[0], "x"), seen[1] + 1)))
    say(await sys.suspend(pid))
    await machine.cast(pid, "late")
    await settle()
    resumed = await sys.resume(pid)
    await settle()
    say(resumed)
    return await sys.get_state(pid)
