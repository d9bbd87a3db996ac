"""Application and PartitionSupervisor."""

from __future__ import annotations

from typing import Any

from simkernel import (
    ANY,
    Agent,
    Application,
    Exit,
    GenServer,
    PartitionSupervisor,
    Supervisor,
    Throw,
    alive,
    monitor,
    process_flag,
    receive,
    register,
    spawn,
    whereis,
)
from simkernel import exit as exit_of
from tests.conformance.lab import mailbox, outcome, pair, say, settle, trap
from tests.conformance.pairs.supervisor_starts import Starting

HOWS = (
    "ok",
    "with_state",
    "callbacks_fail",
    "error",
    "raise",
    "exit",
    "throw",
    "junk",
    "failing_tree",
)


class Apps:
    """The callbacks; the classes below are called as the module is there."""

    async def start(self, type_: Any, args: Any) -> Any:
        (how,) = args
        say(("start", type_, how))
        match how:
            case "ok":
                return await tree()
            case "with_state":
                _, pid = await tree()
                return ("ok", pid, ["open"])
            case "with_helper":
                helper = spawn(waits_on)
                await register(helper, "conformance_helper")
                return await tree()
            case "callbacks_fail":
                _, pid = await tree()
                return ("ok", pid, ["fails"])
            case "error":
                return ("error", "no")
            case "raise":
                raise RuntimeError("boom")
            case "exit":
                raise Exit("gone")
            case "throw":
                raise Throw("ball")
            case "junk":
                return "junk"
        child = {"id": "a", "start": (Starting, "start", (("error", "no"),))}
        return await Supervisor.start_link([child], strategy="one_for_one")

    async def prep_stop(self, state: Any) -> Any:
        say(("prep_stop", state, await whereis("conformance_tree") is not None))
        if state == ["fails"]:
            raise RuntimeError("in prep_stop")
        return ["closing", *state]

    async def stop(self, state: Any) -> None:
        say(("stop", state, await whereis("conformance_tree") is not None))
        if state == ["fails"]:
            raise RuntimeError("in stop")


async def waits_on() -> None:
    """Outlive the tree: trap, and ignore every exit."""
    process_flag("trap_exit", True)
    while True:
        await receive()


async def tree() -> Any:
    result = await Supervisor.start_link([], strategy="one_for_one")
    if await whereis("conformance_tree") is None:
        await register(result[1], "conformance_tree")
    return result


def app(name: str, how: Any, dependencies: Any = ()) -> Any:
    body = {"__module__": __name__, "__qualname__": "Apps"}
    return type(
        "Apps",
        (Apps, Application),
        body,
        app=name,
        args=[how],
        applications=tuple(dependencies),
        env={"rate": 3},
    )


@pair("22.2", "22.4", "22.5", "22.6", "22.8", "22.10", "22.11", "22.12", cases=HOWS)
async def start_gives(how: Any) -> Any:
    an_app = app("conformance_app", how)
    say(await Application.start(an_app))
    say(await Application.start(an_app))
    say(await Application.stop("conformance_app"))
    say(await Application.stop("conformance_app"))
    return "done"


@pair("22.3", "22.9")
async def dependencies() -> Any:
    base = app("conformance_base", "ok")
    top = app("conformance_top", "ok", [base])
    say(await Application.start(top))
    say(await Application.ensure_all_started(top))
    say(await Application.ensure_all_started(top))
    await Application.stop(top)
    await Application.stop(base)
    return "done"


@pair("22.9")
async def ensure_fails() -> Any:
    base = app("conformance_base", "ok")
    top = app("conformance_top", "error", [base])
    _, (which, _) = await Application.ensure_all_started(top)
    say(("error", which))
    return "done"


@pair("22.10", "22.14", cases=["boom", "normal", "kill"])
async def tree_ends(reason: Any) -> Any:
    say(await Application.start(app("conformance_app", "with_state")))
    exit_of(await whereis("conformance_tree"), reason)
    await settle()
    say(await whereis("conformance_tree"))
    say(await Application.stop("conformance_app"))
    return "done"


@pair("22.13")
async def what_outlives_the_tree() -> Any:
    await Application.start(app("conformance_app", "with_helper"))
    ref = monitor(await whereis("conformance_helper"))
    say(await Application.stop("conformance_app"))
    _, _, _, _, reason = await receive(("DOWN", ref, ANY, ANY, ANY))
    say(reason)
    return "done"


@pair("22.18")
async def environment() -> Any:
    await Application.load(app("conformance_app", "ok"))
    say(await Application.get_env("conformance_app", "rate"))
    say(await Application.get_env("conformance_app", "none", "default"))
    say(await Application.fetch_env("conformance_app", "none"))
    say(await Application.put_env("conformance_app", "rate", 4))
    say(await Application.fetch_env("conformance_app", "rate"))
    say(await Application.delete_env("conformance_app", "rate"))
    say(await Application.get_env("conformance_app", "rate"))
    return "done"


@pair("22.7")
async def bad_type() -> Any:
    say(await Application.start(app("conformance_app", "ok"), "sometimes"))
    return "done"


def state() -> Any:
    return "state"


def same(s: Any) -> Any:
    return s


@pair(
    "24.1",
    "24.2",
    "24.3",
    "24.5",
    cases=["count", "which", "integer", "call", "term", "restart", "unknown", "stop"],
)
async def partitions(what: Any) -> Any:
    trap()
    name = "the_partitions"
    _, sup = await PartitionSupervisor.start_link(
        child_spec=(Agent, state), name=name, partitions=3
    )

    def via(key: Any) -> Any:
        return ("via", PartitionSupervisor, (name, key))

    async def at(key: Any) -> Any:
        return await GenServer.whereis(via(key))

    match what:
        case "count":
            counted = await PartitionSupervisor.count_children(name)
            return [await PartitionSupervisor.partitions(name), counted]
        case "which":
            listed = await PartitionSupervisor.which_children(name)
            return [(id_, pid is not None, type_, mods) for id_, pid, type_, mods in listed]
        case "integer":
            return [await at(key) == await at(abs(key) % 3) for key in (0, 1, 2, 3, 4, -1, -5)]
        case "call":
            return [await Agent.get(via(key), same) for key in (0, 1, 7)]
        case "term":
            return await at(("any", "term")) == await at(("any", "term"))
        case "restart":
            before = await at(1)
            exit_of(before, "kill")
            await settle()
            now = await at(1)
            return [True, now != before, await Agent.get(via(1), same)]
        case "unknown":
            unknown = ("via", PartitionSupervisor, ("unknown_partitions", 1))
            return [
                await outcome(lambda: PartitionSupervisor.partitions("unknown_partitions")),
                await outcome(lambda: GenServer.whereis(unknown)),
            ]
    stopped = await PartitionSupervisor.stop(name)
    return [stopped, await alive(sup), len(await mailbox())]


@pair("24.4")
async def partition_arguments() -> Any:
    def adapt(args: Any, partition: int) -> Any:
        return [lambda: ("partition", partition)]

    await PartitionSupervisor.start_link(
        child_spec=(Agent, state), name="adapted", partitions=3, with_arguments=adapt
    )
    return [
        await Agent.get(("via", PartitionSupervisor, ("adapted", key)), same) for key in range(3)
    ]


@pair("24.6", cases=["no_name", "no_spec", "bad_count", "bad_arguments"])
async def partition_bad(what: Any) -> Any:
    given: dict[str, Any] = {
        "no_name": {"child_spec": (Agent, state)},
        "no_spec": {"name": "bad_partitions"},
        "bad_count": {"child_spec": (Agent, state), "name": "bad_partitions", "partitions": 0},
        "bad_arguments": {
            "child_spec": (Agent, state),
            "name": "bad_partitions",
            "partitions": 1,
            "with_arguments": lambda *_: "junk",
        },
    }[what]
    return (await outcome(lambda: PartitionSupervisor.start_link(**given)))[0]
