"""Random state machines as tables: what each callback gives is data, here and on the real VM.

A program is (modes, init, table, script). The table maps (module, state, tag) to results, of which
a callback gives the one that its number among the machine's callbacks picks; the tag is the content
of the event, the type of a timeout, or "enter". The script is what a driver sends. OTP's spelling
is used throughout; `run` puts the one that differs here, the event timeout, into ours.
"""

from __future__ import annotations

from random import Random
from typing import Any

from simkernel import (
    ErlangError,
    Exit,
    GenStateMachine,
    Stack,
    Throw,
    get,
    process_flag,
    put,
    receive,
    self_,
    send,
    simulate,
    sleep,
)
from simkernel.otp import sys
from simkernel.terms import equal

CALLBACKS_MAX = 40

MODES: tuple[tuple[str, ...], ...] = (
    ("handle_event_function",),
    ("handle_event_function", "state_enter"),
    ("state_functions",),
    ("state_functions", "state_enter"),
)
# A unit that the VM keeps apart under load, and lengths of which few sums coincide: timers with the
# same deadline may come in any order.
UNIT_MS = 5
LENGTHS: dict[Any, tuple[int, int]] = {
    "timeout": (7, 53),
    "state_timeout": (19, 61),
    ("timeout", "n"): (29, 47),
    ("timeout", "m"): (37, 43),
}
SLEEPS = tuple(UNIT_MS * units for units in (11, 25, 50, 90))
LAST_MS = CALLBACKS_MAX * 61 * UNIT_MS  # after which nothing happens any more
FOREVER_MS = 1_000_000


class _Table(GenStateMachine):
    """The callbacks of both modules."""

    module = ""

    def init(self, argument: Any) -> Any:
        driver, modes, init, table = argument
        put("driver", driver)
        put("modes", modes)
        put("count", 0)
        put("table", table)
        return _result(init, None)

    def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
        return _callback(self.module, type_, content, state, data)

    def terminate(self, reason: Any, state: Any, data: Any) -> Any:
        send(get("driver"), ("log", (self.module, "terminate", reason, state, data)))


def _state(name: str) -> Any:
    def function(self: Any, type_: Any, content: Any, data: Any) -> Any:
        return _callback(self.module, type_, content, name, data)

    return function


def _class(module: str, modes: tuple[str, ...], number: int) -> type:
    functions = {name: _state(name) for name in ("s0", "s1", "s2")}
    name = f"{module}_{number}"
    body = {"module": module, "callback_mode": list(modes), "__module__": __name__, **functions}
    return type(name, (_Table,), body)


CLASSES = {
    (module, modes): _class(module, modes, number)
    for module in ("statem_a", "statem_b")
    for number, modes in enumerate(MODES)
}
for each in CLASSES.values():
    globals()[each.__name__] = each


def _class_of(module: str, modes: Any) -> Any:
    return CLASSES[module, tuple(dict(modes)[module])]


def _callback(module: str, type_: Any, content: Any, state: Any, data: Any) -> Any:
    short = ("call", type_[1][1]) if type(type_) is tuple and type_[0] == "call" else type_
    send(get("driver"), ("log", (module, short, content, state, data)))
    count = get("count")
    put("count", count + 1)
    if count >= CALLBACKS_MAX:
        return ("stop", "limit")
    timed = type_ in ("enter", "timeout", "state_timeout") or type_[0] == "timeout"
    tag = type_ if timed else content
    for key, alternatives in get("table"):
        if equal(key, (module, state, tag)):
            return _result(alternatives[count % len(alternatives)], type_)
    return "keep_state_and_data"


def _result(result: Any, type_: Any) -> Any:
    match result:
        case ("fail", "function_clause"):
            return None
        case ("fail", reason):
            raise ErlangError(reason)
        case ("quit", reason):
            raise Exit(reason)
        case ("toss", thrown):
            raise Throw(_result(thrown, type_))
        case ("stop_and_reply", reason, actions, data):
            return ("stop_and_reply", reason, _actions(actions, type_), data)
        case ("next_state" | "keep_state" | "keep_state_and_data" | "repeat_state" |
              "repeat_state_and_data" | "stop_and_reply" | "ok", *_, actions) if (
            len(result) == _FULL[result[0]]
        ):  # fmt: skip
            return (*result[:-1], _actions(actions, type_))
    return result


_FULL = {
    "next_state": 4, "keep_state": 3, "keep_state_and_data": 2, "repeat_state": 3,
    "repeat_state_and_data": 2, "stop_and_reply": 3, "ok": 4,
}  # fmt: skip


def _actions(actions: Any, type_: Any) -> Any:
    listed = actions if type(actions) is list else [actions]
    caller = type_[1] if type(type_) is tuple and type_[0] == "call" else None
    found = []
    for action in listed:
        match action:
            case ("reply", "from", answer):
                found += [("reply", caller, answer)] if caller else []
            case ("next_event", ("call", "from"), content):
                found += [("next_event", ("call", caller), content)] if caller else []
            case ("change_callback_module" | "push_callback_module" as word, module):
                found.append((word, _class_of(module, get("modes"))))
            case ("timeout", *rest):
                found.append(("event_timeout", *rest))
            case _:
                found.append(action)
    return found


# --- Running one here ----------------------------------------------------------------------------


async def drive(program: Any) -> Any:
    """Run the script, then give all that the driver saw, in order."""
    modes, init, table, script = program
    first = _class_of("statem_a", modes)
    entries = [(tuple(key), alternatives) for *key, alternatives in table]
    process_flag("trap_exit", True)
    result = await GenStateMachine.start_link(first, (self_(), modes, init, entries))
    if result[0] != "ok":
        return [result]
    pid = result[1]
    calls = 0
    for step in script:
        match step:
            case ("sleep", ms):
                await sleep(ms)
            case ("cast", content):
                GenStateMachine.cast(pid, content)
            case ("info", content):
                send(pid, content)
            case ("call", content):
                calls += 1
                send(pid, ("$gen_call", (self_(), calls), content))
    await sleep(LAST_MS)
    seen: list[Any] = ["started"]
    ended = False
    while type(message := await receive(after=0)) is tuple:
        if message[0] == "log":
            seen.append(message[1])
        elif message[0] == "EXIT":
            ended = True
            seen.append(("exit", message[2]))
        else:
            seen.append(("answer", *message))
    return seen if ended else [*seen, ("state", await sys.get_state(pid))]


def run(program: Any, **options: Any) -> list[str]:
    """Give what the driver saw, each entry as the VM writes it."""
    result = simulate(drive, program, **options)
    assert result.reason is None, result.reason
    return [erlang(entry) for entry in result.returned]


def erlang(term: Any) -> str:
    """Write a term as Erlang does."""
    match term:
        case bool():
            return "true" if term else "false"
        case "event_timeout":
            return "timeout"
        case str():
            return term
        case Stack():
            return "stack"
        case type():
            return str(term.module)  # type: ignore[attr-defined]
        case tuple():
            return "{" + ",".join(map(erlang, term)) + "}"
        case list():
            return "[" + ",".join(map(erlang, term)) + "]"
    return repr(term)


# --- Making them up ------------------------------------------------------------------------------

CONTENTS = ("x", "y", "z")
TIMEOUTS: tuple[Any, ...] = tuple(LENGTHS)


def random_program(random: Random) -> Any:
    """Make up a program."""
    modes = random.choice(MODES[:2] + MODES[2:] * 2), random.choice(MODES)
    maker = _Maker(random, modes)
    table = []
    for module in ("statem_a", "statem_b"):
        for state in maker.states:
            for tag in (*CONTENTS, *TIMEOUTS, "enter"):
                if random.random() < 0.75:
                    amount = random.choice((1, 1, 2, 3))
                    alternatives = [maker.result(tag == "enter") for _ in range(amount)]
                    table.append((module, state, tag, alternatives))
    script = [maker.step() for _ in range(random.randint(4, 16))]
    named = [("statem_a", list(modes[0])), ("statem_b", list(modes[1]))]
    return named, maker.init(), table, script


class _Maker:
    def __init__(self, random: Random, modes: tuple[tuple[str, ...], ...]):
        self.random = random
        by_state = any("state_functions" in each for each in modes)
        self.states: tuple[Any, ...] = ("s0", "s1", "s2")
        if not by_state and random.random() < 0.4:
            self.states = ("s0", 1, 1.0)

    def step(self) -> Any:
        kind = self.random.choice(("cast", "call", "call", "info", "sleep", "sleep"))
        choices = SLEEPS if kind == "sleep" else CONTENTS
        return (kind, self.random.choice(choices))

    def init(self) -> Any:
        if self.random.random() < 0.5:
            return ("ok", "s0", 0)
        return ("ok", "s0", 0, self.actions(False))

    def result(self, entering: bool) -> Any:
        random = self.random
        lot = random.random()
        if lot < 0.01:
            return self.odd()
        data = random.randint(0, 9)
        actions = self.actions(entering)
        if lot < 0.03:
            return random.choice([
                "stop", ("stop", "why"), ("stop", "why", data), ("stop", "shutdown"),
                ("stop_and_reply", "why", [("reply", "from", "bye")]),
                ("stop_and_reply", "normal", [("reply", "from", "bye")], data),
                ("stop_and_reply", "why", [("noreply", "bye")]),
            ])  # fmt: skip
        if lot < 0.45 and (not entering or lot < 0.035):
            state = random.choice(self.states)
            return random.choice([("next_state", state, data, actions)] * 4 + [
                ("next_state", state, data)])  # fmt: skip
        if lot < 0.92:
            return random.choice([
                ("keep_state", data, actions), ("keep_state", data),
                ("keep_state_and_data", actions), ("keep_state_and_data", actions),
                "keep_state_and_data",
            ])  # fmt: skip
        return random.choice([
            ("repeat_state", data, actions), ("repeat_state", data),
            ("repeat_state_and_data", actions), "repeat_state_and_data",
        ])  # fmt: skip

    def odd(self) -> Any:
        return self.random.choice([
            ("fail", "oops"), ("quit", "oops"), ("fail", "function_clause"), "nonsense",
            ("next_state", "s0"), ("keep_state",), ("toss", ("keep_state", 5)),
            ("toss", "nonsense"), ("toss", ("next_state", "s1", 3)), ("next_state", "s9", 3),
            ("fail", ("badkey", "k")),
        ])  # fmt: skip

    def actions(self, entering: bool) -> Any:
        amount = self.random.choice((0, 1, 1, 2, 2, 3, 4))
        actions = [self.action(entering) for _ in range(amount)]
        return actions[0] if amount == 1 and self.random.random() < 0.4 else actions

    def action(self, entering: bool) -> Any:
        random = self.random
        lot = random.random()
        if lot < 0.006:
            return random.choice([
                "nonsense", -1, ("reply", "nobody", "x"), ("next_event", "enter", "x"),
                ("timeout", -1, "x"), (("timeout", "n"), "soon", "x"), ("postpone", "maybe"),
                "pop_callback_module", ("state_timeout", 5, "x", [("abs", "yes")]),
                ("hibernate", 1), ("state_timeout", "cancel", "x"), ("state_timeout",),
            ])  # fmt: skip
        if lot < 0.2:
            return ("reply", "from", random.choice(CONTENTS))
        if lot < 0.45:
            return self.timeout()
        if lot < 0.46:
            return "pop_callback_module" if random.random() < 0.3 else ("postpone", False)
        if lot < 0.5:
            return random.choice(["hibernate", ("hibernate", True), ("hibernate", False)])
        if entering and lot > 0.51:
            return self.timeout()
        if lot < 0.72:
            type_ = random.choice(["internal"] * 4 + ["cast", "info", ("call", "from"), *TIMEOUTS])
            return ("next_event", type_, random.choice(CONTENTS))
        if lot < 0.97:
            return random.choice(["postpone", "postpone", ("postpone", True), ("postpone", False)])
        return random.choice([
            ("push_callback_module", "statem_a"), ("push_callback_module", "statem_b"),
            ("change_callback_module", "statem_a"), ("change_callback_module", "statem_b"),
        ])  # fmt: skip

    def timeout(self) -> Any:
        random = self.random
        type_ = random.choice(TIMEOUTS)
        content = random.choice(CONTENTS)
        first, second = LENGTHS[type_]
        times = (first * UNIT_MS, first * UNIT_MS, second * UNIT_MS, second * UNIT_MS)
        ms = random.choice((0, 0, *times, FOREVER_MS, "infinity"))
        if type_ == "timeout" and random.random() < 0.2:
            return ms
        return random.choice([
            (type_, ms, content), (type_, ms, content), (type_, ms, content),
            (type_, "cancel"), (type_, "update", content), (type_, ms, content, []),
            (type_, ms, content, [("abs", False)]),
        ])  # fmt: skip
