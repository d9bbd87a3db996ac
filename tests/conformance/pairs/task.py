"""Task, Task.Supervisor and async_stream."""

from __future__ import annotations

from itertools import product
from typing import Any

from simkernel import (
    ANY,
    Exit,
    Ref,
    Supervisor,
    Task,
    Throw,
    alive,
    ets,
    get,
    receive,
    self_,
    send,
    sleep,
    spawn,
    spawn_monitor,
)
from tests.conformance.lab import mailbox, next_, outcome, pair, say, settle, trap


async def value() -> Any:
    return "value"


async def slow() -> Any:
    await sleep(300)
    return "slow"


async def crash() -> Any:
    raise RuntimeError("boom")


async def exits() -> Any:
    raise Exit("gone")


async def exits_normally() -> Any:
    raise Exit("normal")


async def throws() -> Any:
    raise Throw("ball")


async def refuse() -> Any:
    trap()
    await sleep(3000)


async def never() -> Any:
    await receive("never")


BODIES: dict[Any, Any] = {
    "value": value,
    "slow": slow,
    "crash": crash,
    "exit": exits,
    "exit_normal": exits_normally,
    "throw": throws,
    "refuse": refuse,
    "never": never,
}


async def start(kind: Any, what: Any) -> Any:
    if kind == "async":
        return Task.async_(BODIES[what])
    _, sup = await Task.Supervisor.start_link()
    if kind == "supervised":
        return await Task.Supervisor.async_(sup, BODIES[what])
    return await Task.Supervisor.async_nolink(sup, BODIES[what])


def clean(result: Any) -> Any:
    match result:
        case ("exit", (reason, (_, name, _))):
            return ("exit", (reason, name))
    return result


def shown(message: Any) -> Any:
    match message:
        case ("EXIT", _, why):
            return ("exit", why)
        case ("DOWN", _, "process", _, why):
            return ("down", why)
        case (Ref(), answer):
            return ("reply", answer)
    return message


async def left() -> Any:
    return [shown(message) for message in await mailbox()]


HOWS = (
    "await",
    "await_short",
    "yield",
    "yield_twice",
    "shutdown",
    "shutdown_now",
    "brutal",
    "ignore",
    "twice",
)
UNSETTLED = {
    ("shutdown_now", what) for what in ("value", "crash", "exit", "exit_normal", "throw", "refuse")
}


async def collected(how: Any, task: Any) -> Any:
    match how:
        case "await":
            return await Task.await_(task, 1000)
        case "await_short":
            return await Task.await_(task, 60)
        case "yield":
            return await Task.yield_(task, 60)
        case "yield_twice":
            return (await Task.yield_(task, 60), await Task.yield_(task, 1000))
        case "shutdown":
            await settle(20)
            return await Task.shutdown(task, 100)
        case "shutdown_now":
            return await Task.shutdown(task, 100)
        case "brutal":
            await settle(20)
            return await Task.shutdown(task, "brutal_kill")
        case "ignore":
            await settle(20)
            return await Task.ignore(task)
    first = await Task.yield_(task, 1000)
    return (first, await Task.yield_(task, 60), await Task.shutdown(task, 20))


@pair(
    "19.2",
    "19.7",
    "19.8",
    "19.9",
    "19.10",
    "19.12",
    "19.16",
    "19.17",
    "19.18",
    "19.20",
    "19.34",
    cases=[
        (how, kind, what)
        for how, kind, what in product(HOWS, ("async", "nolink"), BODIES)
        if (how, what) not in UNSETTLED
    ],
    traps=(21,),
)
async def collect(how: Any, kind: Any, what: Any) -> Any:
    trap()
    task = await start(kind, what)
    say(clean(await outcome(lambda: collected(how, task))))
    await settle(20)
    say(await alive(task.pid))
    return await left()


@pair(
    "19.1",
    "19.3",
    "19.5",
    "19.47",
    cases=product(("async", "supervised", "nolink"), ("value", "crash", "exit", "throw")),
)
async def caller_not_trapping(kind: Any, what: Any) -> Any:
    async def caller() -> None:
        await start(kind, what)
        await sleep(120)
        say(("still_here", await left()))

    _, ref = spawn_monitor(caller)
    return (await receive(("DOWN", ref, ANY, ANY, ANY)))[4]


@pair(
    "19.3",
    "19.4",
    cases=product(("async", "start_link", "start"), ("normal", "boom", "shutdown")),
)
async def owner_ends(kind: Any, reason: Any) -> Any:
    me = self_()

    async def owner() -> None:
        match kind:
            case "async":
                pid = Task.async_(never).pid
            case "start_link":
                _, pid = Task.start_link(never)
            case _:
                _, pid = Task.start(never)
        send(me, ("task", pid))
        await receive("go")
        raise Exit(reason)

    owning, ref = spawn_monitor(owner)
    _, pid = await receive(("task", ANY))
    send(owning, "go")
    say((await receive(("DOWN", ref, ANY, ANY, ANY)))[4])
    await settle()
    return await alive(pid)


MANY: dict[Any, Any] = {
    "all": ["slow", "value"],
    "one_fails": ["value", "crash"],
    "timeout": ["value", "never"],
    "yield": ["value", "slow", "crash", "never"],
}


@pair("19.13", "19.14", "19.15", "19.45", cases=MANY)
async def many(how: Any) -> Any:
    trap()
    tasks = [Task.async_(BODIES[what]) for what in MANY[how]]

    async def collected_all() -> Any:
        if how == "yield":
            return [found for _, found in await Task.yield_many(tasks, 1000)]
        return await Task.await_many(tasks, 1000)

    say(clean(await outcome(collected_all)))
    return [await alive(task.pid) for task in tasks]


@pair("19.1", "19.2", cases=["value", "crash", "exit"])
async def raw(what: Any) -> Any:
    trap()
    task = Task.async_(BODIES[what])
    await settle(20)
    send(self_(), ("pid", await alive(task.pid)))
    return await left()


@pair("19.11", cases=["await", "yield", "shutdown", "ignore"])
async def not_owner(op: Any) -> Any:
    task, me = Task.async_(never), self_()
    calls: Any = {
        "await": Task.await_,
        "yield": Task.yield_,
        "shutdown": Task.shutdown,
        "ignore": Task.ignore,
    }

    async def other() -> None:
        send(me, await outcome(lambda: calls[op](task)))

    spawn(other)
    return await next_()


@pair("19.19", "19.35", cases=["await", "yield", "await_many", "shutdown", "ignore"])
async def completed(op: Any) -> Any:
    task = Task.completed(7)
    calls: Any = {
        "await": Task.await_,
        "yield": Task.yield_,
        "shutdown": Task.shutdown,
        "ignore": Task.ignore,
        "await_many": lambda task: Task.await_many([task, Task.async_(value)]),
    }
    return await outcome(lambda: calls[op](task))


@pair("19.6")
async def callers() -> Any:
    me = self_()

    async def inner() -> Any:
        return len(get("$callers"))

    async def outer() -> Any:
        send(me, ("callers", list(get("$callers")) == [me]))
        return await Task.await_(Task.async_(inner))

    say(await Task.await_(Task.async_(outer)))
    return await next_()


async def work(item: Any) -> Any:
    what, ms, arg = item
    if what == "refuse":
        trap()
        await sleep(3000)
    await sleep(4 * ms)
    match what:
        case "crash":
            raise RuntimeError("boom")
        case "exit":
            raise Exit(arg)
    return arg


def v(ms: int, x: Any) -> Any:
    return ("value", ms, x)


THREE = [v(60, 1), v(20, 2), v(40, 3)]
KILL = ("on_timeout", "kill_task")
STREAMS = [
    ("ordered", THREE, []),
    ("unordered", THREE, [("ordered", False)]),
    ("one at a time", THREE, [("max_concurrency", 1)]),
    ("two at a time", [*THREE, v(10, 4)], [("max_concurrency", 2)]),
    ("no items", [], []),
    ("timeout", [v(10, 1), v(900, 2)], [("timeout", 600)]),
    ("timeout of one", [v(10, 1), v(900, 2), v(20, 3)], [("timeout", 600), KILL]),
    ("timeout of one that refuses", [v(10, 1), ("refuse", 0, 0)], [("timeout", 600), KILL]),
    (
        "timeout zipped",
        [v(10, 1), v(900, 2)],
        [("timeout", 600), KILL, ("zip_input_on_exit", True)],
    ),
    ("crash", [v(10, 1), ("crash", 20, 0), v(30, 3)], []),
    ("crash zipped", [v(10, 1), ("crash", 20, 0)], [("zip_input_on_exit", True)]),
    ("exit", [v(10, 1), ("exit", 20, "gone"), v(30, 3)], []),
    ("exit normal", [("exit", 20, "normal"), v(30, 3)], []),
    ("exit zipped", [("exit", 20, "gone"), v(30, 3)], [("zip_input_on_exit", True)]),
    ("not trapping", [v(10, 1), ("exit", 20, "gone"), v(30, 3)], []),
    ("nolink", [v(10, 1), ("exit", 20, "gone"), v(30, 3)], [("nolink", True)]),
    (
        "nolink zipped",
        [("exit", 20, "gone"), v(30, 3)],
        [("nolink", True), ("zip_input_on_exit", True)],
    ),
    ("nolink timeout", [v(10, 1), v(900, 2)], [("nolink", True), ("timeout", 600), KILL]),
    ("taken", [v(10, 1), v(20, 2), v(300, 3)], []),
    ("bad concurrency", THREE, [("max_concurrency", 0)]),
]


@pair(
    "19.21",
    "19.22",
    "19.23",
    "19.24",
    "19.25",
    "19.26",
    "19.27",
    "19.38",
    "19.39",
    "19.40",
    "19.42",
    "19.49",
    cases=STREAMS,
    traps=(22,),
    labelled=True,
)
async def stream(label: Any, items: Any, options: Any) -> Any:
    given = dict(options)
    nolink = given.pop("nolink", False)
    given.setdefault("max_concurrency", 8)

    async def run() -> Any:
        if nolink:
            _, sup = await Task.Supervisor.start_link()
            found = Task.Supervisor.async_stream_nolink(sup, items, work, **given)
        else:
            found = Task.async_stream(items, work, **given)
        return await (found.take(2) if label == "taken" else found.to_list())

    async def caller() -> None:
        trap(label != "not trapping")
        say(await outcome(run))
        await settle()
        say(await left())

    _, ref = spawn_monitor(caller)
    return (await receive(("DOWN", ref, ANY, ANY, ANY)))[4]


@pair("19.22", "19.38", cases=[True, False], traps=(22,))
async def running_at_once(ordered: Any) -> Any:
    counter = await ets.new("counter", access="public")
    await ets.insert(counter, [("now", 0), ("most", 0)])

    async def count(ms: int) -> Any:
        now = await ets.update_counter(counter, "now", 1)
        if now > await ets.lookup_element(counter, "most", 2):
            await ets.insert(counter, ("most", now))
        await sleep(ms * 8)
        await ets.update_counter(counter, "now", -1)
        return ms

    items = [55, 10, 10, 10, 10]
    say(await Task.async_stream(items, count, max_concurrency=2, ordered=ordered).to_list())
    return await ets.lookup_element(counter, "most", 2)


@pair("19.28", "19.30", "19.31", cases=["max_async", "max_start", "terminate", "children", "stop"])
async def supervised(what: Any) -> Any:
    trap()
    _, sup = await Task.Supervisor.start_link(max_children=1)
    task = await Task.Supervisor.async_nolink(sup, never)
    match what:
        case "max_async":
            return (await outcome(lambda: Task.Supervisor.async_nolink(sup, value)))[0]
        case "max_start":
            return await Task.Supervisor.start_child(sup, value)
        case "terminate":
            say(await Task.Supervisor.terminate_child(sup, task.pid))
            return await Task.yield_(task, 100)
        case "children":
            return await Task.Supervisor.children(sup) == [task.pid]
    await Supervisor.stop(sup)
    return await Task.yield_(task, 100)


@pair("19.28", "19.29", cases=product(("temporary", "transient", "permanent"), ("crash", "end")))
async def start_child_restart(restart: Any, what: Any) -> Any:
    _, sup = await Task.Supervisor.start_link(max_restarts=2)
    counter = await ets.new("counter", access="public")
    await ets.insert(counter, ("n", 0))

    async def body() -> None:
        n = await ets.update_counter(counter, "n", 1)
        say(("run", n))
        if n < 2 and what == "crash":
            raise Exit("boom")

    await Task.Supervisor.start_child(sup, body, restart=restart)
    await settle()
    return await ets.lookup_element(counter, "n", 2)


@pair("19.32")
async def as_a_child() -> Any:
    async def body() -> None:
        say("ran")

    _, sup = await Supervisor.start_link([(Task, body)], strategy="one_for_one")
    await settle()
    say(Task.child_spec(body).restart)
    return await Supervisor.which_children(sup)


@pair("19.43")
async def source_raises() -> Any:
    trap()

    def items() -> Any:
        yield from (1, 2)
        raise RuntimeError("no more")

    async def work_on(n: int) -> int:
        await sleep(20)
        return n

    async def run() -> Any:
        return await Task.async_stream(items(), work_on, max_concurrency=1).to_list()

    say(await outcome(run))
    await settle()
    return await left()
