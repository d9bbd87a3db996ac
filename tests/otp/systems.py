"""Random systems of servers and supervisors: what each process does is data.

A table maps what a server is asked to what it does, once for each time that it is asked. Servers
call and cast to each other by name, crash, stop, wait, answer later; a supervisor starts them
again.
"""

from __future__ import annotations

from random import Random
from typing import Any

from simkernel import (
    Continue,
    Exit,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Stop,
    Supervisor,
    log,
    self_,
    send_after,
    sleep,
    spawn,
    work,
)
from simkernel.terms import ErlangError

NAMES = ("a", "b", "c")
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
RESTARTS = ("permanent", "transient", "temporary")
WORDS = ("x", "y", "z")


class Server(GenServer):
    """Does as its table says; its state is (name, table, how often it was asked, who waits)."""

    @staticmethod
    def start_link(name: str, table: Any) -> Any:
        return GenServer.start_link(Server, (name, table), name=name)

    def init(self, argument: Any) -> Any:
        name, table = argument
        log(("up", name))
        return Ok((name, table, 0, None))

    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        return await acts(request, caller, state)

    async def handle_cast(self, request: Any, state: Any) -> Any:
        return await acts(request, None, state)

    async def handle_info(self, message: Any, state: Any) -> Any:
        return await acts(message, None, state)

    def handle_continue(self, argument: Any, state: Any) -> Any:
        log((state[0], "continues", argument))
        return NoReply(state)

    def terminate(self, reason: Any, state: Any) -> Any:
        log((state[0], "ends"))


async def acts(word: Any, caller: Any, state: Any) -> Any:
    name, table, count, waiting = state
    log((name, "gets", word))
    state = (name, table, count + 1, waiting)
    deeds = table.get(word, ("answer",))
    match deeds[count % len(deeds)]:
        case ("call", other, request, ms) if other != name:
            await asked(name, other, request, ms)
        case ("cast", other, request):
            await GenServer.cast(other, request)
        case ("after", ms, request):
            send_after(self_(), request, ms)
        case ("work", ms):
            await work(ms)
        case ("crash", reason):
            raise Exit(reason)
        case "raise":
            raise ValueError(word)
        case ("stop", reason):
            return Stop(reason, state)
        case "later" if caller is not None:
            return NoReply((*state[:3], caller))
        case "settle" if waiting is not None:
            GenServer.reply(waiting, "late")
        case "continue":
            then = Continue(word)
            return NoReply(state, then) if caller is None else Reply(count, state, then)
        case ("timeout", ms):
            return NoReply(state, ms) if caller is None else Reply(count, state, ms)
    return NoReply(state) if caller is None else Reply(count, state)


async def asked(who: Any, server: str, request: Any, ms: int) -> None:
    """Call a server, and log what comes of it."""
    try:
        log((who, "hears", await GenServer.call(server, request, timeout=ms)))
    except Exit as exited:
        reason = exited.reason
        log((who, "hears no answer", reason[0] if type(reason) is tuple else reason))
    except ErlangError as error:
        log((who, "fails", error.reason))


async def client(number: int, script: Any) -> None:
    for step in script:
        match step:
            case ("call", server, request, ms):
                await asked(number, server, request, ms)
            case ("cast", server, request):
                await GenServer.cast(server, request)
            case ("sleep", ms):
                await sleep(ms)


async def system(strategy: str, children: Any, scripts: Any) -> None:
    """Start the servers under a supervisor, let the clients at them, and stop it at the end."""
    specs = [
        {"id": name, "start": (Server, "start_link", (name, table)), "restart": restart}
        for name, table, restart in children
    ]
    _, supervisor = await Supervisor.start(specs, strategy=strategy, max_restarts=2, max_seconds=1)
    for number, script in enumerate(scripts):
        spawn(client, number, script)
    await sleep(300)
    try:
        log(await Supervisor.count_children(supervisor))
        await Supervisor.stop(supervisor)
    except Exit as exited:
        log(("supervisor", exited.reason[0]))


def random_system(random: Random) -> tuple[str, Any, Any]:
    """Make up the arguments of `system`."""
    names = NAMES[: random.randint(1, 3)]
    children = tuple(
        (
            name,
            {word: tuple(_deed(random, names) for _ in range(2)) for word in WORDS},
            random.choice(RESTARTS),
        )
        for name in names
    )
    scripts = tuple(
        tuple(_step(random, names) for _ in range(random.randint(1, 4)))
        for _ in range(random.randint(1, 3))
    )
    return random.choice(STRATEGIES), children, scripts


def _deed(random: Random, names: Any) -> Any:
    other, word, ms = random.choice(names), random.choice(WORDS), random.choice((0, 5, 20, 50))
    return random.choice(
        (
            ("call", other, word, 10), ("cast", other, word), ("after", ms, word), ("work", ms),
            ("crash", "boom"), "raise", ("stop", "normal"), ("stop", "done"), "later", "settle",
            "continue", ("timeout", ms), "answer", "answer",
        )
    )  # fmt: skip


def _step(random: Random, names: Any) -> Any:
    name, word, ms = random.choice(names), random.choice(WORDS), random.choice((0, 10, 40))
    return random.choice(
        (("call", name, word, ms), ("call", name, word, 100), ("cast", name, word), ("sleep", ms))
    )
