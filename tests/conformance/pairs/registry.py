"""Registry: registering, looking up, updating, matching, listeners, names, deaths."""

from __future__ import annotations

from typing import Any

from simkernel import (
    ANY,
    Agent,
    GenServer,
    Registry,
    Supervisor,
    receive,
    self_,
    send,
    spawn_monitor,
)
from simkernel import exit as exit_of
from tests.conformance import actors
from tests.conformance.lab import outcome, pair, say, settle

PAUSE_MS = 15


def by(actor: str, name: str, *args: Any) -> Any:
    return ("reg", actor, name, list(args))


def reg(actor: str, key: Any, value: Any) -> Any:
    return by(actor, "register", key, value)


COMMON = {
    "register and look up": [
        reg("a", "k", 1),
        reg("b", "k", 2),
        reg("a", "k", 3),
        by("c", "lookup", "k"),
        by("c", "lookup", "x"),
        by("c", "count"),
    ],
    "unregister": [
        reg("a", "k", 1),
        by("b", "unregister", "k"),
        by("c", "lookup", "k"),
        by("a", "unregister", "k"),
        by("a", "unregister", "k"),
        by("c", "lookup", "k"),
        by("c", "count"),
    ],
    "keys and values": [
        reg("a", "k", 1),
        reg("a", "l", 2),
        reg("a", "k", 3),
        reg("b", "l", 4),
        by("c", "keys", ("pid", "a")),
        by("c", "keys", ("pid", "c")),
        by("c", "values", "k", ("pid", "a")),
        by("c", "values", "l", ("pid", "b")),
        by("c", "values", "k", ("pid", "b")),
    ],
    "update_value": [
        reg("a", "k", 1),
        by("a", "update", "k", "x"),
        by("b", "update", "k", "y"),
        by("a", "update", "n", "z"),
        by("c", "lookup", "k"),
    ],
    "dispatch": [reg("a", "k", 1), by("c", "dispatch", "k"), by("c", "dispatch", "none")],
    "death": [
        reg("a", "k", 1),
        reg("a", "l", 2),
        reg("b", "l", 3),
        ("die", "a", "boom"),
        by("c", "lookup", "k"),
        by("c", "lookup", "l"),
        by("c", "count"),
        by("c", "keys", ("pid", "a")),
        reg("c", "k", 9),
        by("c", "lookup", "k"),
    ],
    "meta": [
        by("a", "meta", "m"),
        by("a", "put_meta", "m", 1),
        by("b", "meta", "m"),
        by("a", "put_meta", ("t", 1), 2),
        by("a", "meta", ("t", 1)),
        by("a", "delete_meta", "m"),
        by("a", "meta", "m"),
        by("a", "put_meta", 7, 1),
    ],
    "match": [
        reg("a", "k", ("x", 1)),
        reg("b", "l", ("x", 2)),
        by("c", "match", "k", ("x", "_")),
        by("c", "match", "k", ("y", "_")),
        by("c", "match", "k", ("_", "$1"), [(">", "$1", 0)]),
        by("c", "match", "k", ("_", "$1"), [(">", "$1", 5)]),
        by("c", "count_match", "k", ("_", "_")),
        by("c", "count_match", "l", "_"),
        by("c", "match", "n", "_"),
    ],
    "unregister_match": [
        reg("a", "k", 1),
        reg("b", "k", 2),
        by("a", "unregister_match", "k", 9),
        by("a", "unregister_match", "k", "$1", [(">", "$1", 0)]),
        by("c", "count"),
        by("c", "keys", ("pid", "a")),
        by("c", "lookup", "k"),
    ],
    "select": [
        reg("a", "k", 1),
        reg("b", "l", 2),
        by("c", "select", [(("$1", "$2", "$3"), [], [(("$1", "$3"),)])]),
        by("c", "select", [(("_", "_", "$1"), [(">", "$1", 1)], ["$1"])]),
        by("c", "count_select", [(("_", "_", "_"), [], [True])]),
        by("c", "select", [(("k", "_", "_"), [], ["$_"])]),
        by("c", "select", [("bad", [], ["x"])]),
    ],
    "whereis and send": [
        reg("a", "k", 1),
        by("c", "whereis", "k"),
        by("c", "whereis", "n"),
        by("c", "send", "k", "hello"),
        by("c", "send", "n", "hello"),
        ("mail", "a"),
    ],
    "via call and cast": [
        by("c", "call", "n"),
        by("c", "cast", "n"),
        reg("a", "k", 1),
        by("c", "cast", "k"),
    ],
    "keys are strict": [
        reg("a", 1, "i"),
        reg("a", 1.0, "f"),
        by("c", "lookup", 1),
        by("c", "lookup", 1.0),
        by("c", "keys", ("pid", "a")),
    ],
    "stopping takes registrants along": [
        reg("a", "k", 1),
        ("trap", "b"),
        reg("b", "l", 2),
        ("reg_stop",),
        ("alive", "a"),
        ("alive", "b"),
        ("alive", "c"),
        ("mail", "b"),
        by("c", "lookup", "k"),
    ],
    "the link goes with the last key": [
        reg("a", "k", 1),
        reg("a", "l", 1),
        by("a", "unregister", "k"),
        reg("b", "m", 1),
        by("b", "unregister", "m"),
        ("reg_stop",),
        ("alive", "a"),
        ("alive", "b"),
    ],
    "a failed register leaves no link": [
        reg("a", "k", 1),
        reg("b", "k", 2),
        by("b", "unregister", "k"),
        ("reg_stop",),
        ("alive", "b"),
        ("alive", "a"),
    ],
    "a key by unregister_match loses the link": [
        reg("a", "k", 1),
        by("a", "unregister_match", "k", "_"),
        ("reg_stop",),
        ("alive", "a"),
    ],
}


def unordered(step: Any, partitions: int) -> Any:
    """The entries of several partitions have no order among them."""
    if partitions > 1 and step[0] == "reg" and step[2] == "lookup":
        return (*step[:2], "lookup_all", step[3])
    return step


CASES = [
    (
        f"{kind}, {partitions}: {label}",
        [("reg_start", kind, partitions, []), *(unordered(step, partitions) for step in script)],
    )
    for kind in ("unique", "duplicate")
    for partitions in (1, 2)
    for label, script in COMMON.items()
]
LISTENING = [
    (
        f"{kind}: listeners",
        [
            ("name", "c", "the_listener"),
            ("reg_start", kind, 1, ["the_listener"]),
            reg("a", "k", 1),
            reg("b", "k", 2),
            by("a", "update", "k", 5),
            by("a", "unregister", "k"),
            by("a", "unregister", "k"),
            reg("a", "k", 3),
            by("a", "unregister_match", "k", "_"),
            reg("b", "l", 4),
            ("die", "b", "boom"),
            ("mail", "c"),
        ],
    )
    for kind in ("unique", "duplicate")
] + [
    (
        "duplicate: several entries and a partial match",
        [
            ("reg_start", "duplicate", 1, []),
            reg("a", "k", 1),
            reg("a", "k", 2),
            reg("a", "k", 3),
            by("a", "unregister_match", "k", "$1", [(">", "$1", 1)]),
            by("c", "lookup", "k"),
            by("c", "keys", ("pid", "a")),
            by("c", "count"),
            ("die", "a", "boom"),
            by("c", "count"),
        ],
    ),
]


async def steps(label: Any, names: Any, script: Any) -> Any:
    return await actors.run(names, script, say, PAUSE_MS)


for _cases, _rules in (
    (
        CASES,
        (
            "21.5",
            "21.6",
            "21.7",
            "21.8",
            "21.9",
            "21.10",
            "21.11",
            "21.12",
            "21.13",
            "21.14",
            "21.15",
            "21.16",
            "21.17",
            "21.19",
            "21.20",
            "21.21",
            "21.22",
            "21.27",
            "21.28",
            "21.29",
        ),
    ),
    (LISTENING, ("21.23", "21.24", "21.28")),
):
    _all = [(label, ["a", "b", "c"], script) for label, script in _cases]
    pair(*_rules, cases=_all, traps=(23,), labelled=True)(steps)


@pair("21.3", cases=["no_keys", "bad_keys", "no_name", "bad_partitions", "bad_listeners"])
async def bad_start(what: Any) -> Any:
    given: dict[str, Any] = {
        "no_keys": {"name": "r"},
        "bad_keys": {"keys": "some", "name": "r"},
        "no_name": {"keys": "unique"},
        "bad_partitions": {"keys": "unique", "name": "r", "partitions": 0},
        "bad_listeners": {"keys": "unique", "name": "r", "listeners": "me"},
    }[what]
    return (await outcome(lambda: Registry.start_link(**given)))[0]


@pair("21.1", "21.4")
async def twice() -> Any:
    _, pid = await Registry.start_link(keys="unique", name="twice")
    _, (_, same) = await Registry.start_link(keys="unique", name="twice")
    return same == pid


@pair("21.2", cases=["register", "lookup", "keys", "count", "meta"])
async def unknown(op: Any) -> Any:
    args: Any = {
        "register": ("k", 1),
        "lookup": ("k",),
        "keys": (self_(),),
        "count": (),
        "meta": ("k",),
    }[op]
    return await outcome(lambda: getattr(Registry, op)("unknown_registry", *args))


@pair("21.18", "21.19", "14.1")
async def as_a_name() -> Any:
    await Registry.start_link(keys="unique", name="names")
    name = ("via", Registry, ("names", ("worker", 1)))
    _, pid = await Agent.start_link(lambda: 7, name=name)
    say(await Agent.get(name, lambda x: x))
    say(await Registry.lookup("names", ("worker", 1)) == [(pid, None)])
    _, (_, same) = await Agent.start_link(lambda: 8, name=name)
    say(same == pid)
    valued = ("via", Registry, ("names", "other", "value"))
    _, other = await Agent.start_link(lambda: 9, name=valued)
    say(await Registry.lookup("names", "other") == [(other, "value")])
    await Agent.stop(name)
    say(await GenServer.whereis(name))
    say((await outcome(lambda: GenServer.call(name, "hello")))[0])
    return await GenServer.cast(name, "hello")


@pair("21.19")
async def duplicate_gives_no_names() -> Any:
    await Registry.start_link(keys="duplicate", name="no_names")
    return (await outcome(lambda: GenServer.whereis(("via", Registry, ("no_names", "k")))))[0]


@pair("21.8", traps=(23,))
async def name_is_free_at_once() -> Any:
    await Registry.start_link(keys="unique", name="at_once")
    results, me = [], self_()

    async def holder(n: int) -> None:
        await Registry.register("at_once", "k", n)
        send(me, "registered")
        await receive("die")

    for n in range(20):
        pid, ref = spawn_monitor(holder, n)
        await receive("registered")
        send(pid, "die")
        await receive(("DOWN", ref, ANY, ANY, ANY))
        results.append(await Registry.lookup("at_once", "k"))
    return [results[0]] if results.count(results[0]) == len(results) else results


@pair("21.25", "21.1", cases=["unique", "duplicate"])
async def partition_crashes(kind: Any) -> Any:
    _, sup = await Registry.start_link(keys=kind, name="crashing", partitions=2)
    await Registry.put_meta("crashing", "m", 1)

    async def children() -> Any:
        return {pid for _, pid, _, _ in await Supervisor.which_children(sup)}

    before = await children()
    exit_of(min(before, key=lambda pid: pid.path), "kill")
    await settle()
    staying = before & await children()
    return [len(staying), await Registry.count("crashing"), await Registry.meta("crashing", "m")]
