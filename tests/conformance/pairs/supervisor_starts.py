"""Starts of supervisors and children that fail, and dynamic supervisors one by one."""

from __future__ import annotations

from typing import Any

from simkernel import (
    Agent,
    DynamicSupervisor,
    Exit,
    GenServer,
    Supervisor,
    Throw,
    alive,
    register,
    self_,
    send,
    spawn,
    spawn_link,
)
from simkernel import exit as exit_of
from tests.conformance.lab import ended, idle, mailbox, outcome, pair, say, settle, trap


class Given(Supervisor):
    def init(self, given: Any) -> Any:
        return given() if callable(given) else given


def raised(error: BaseException) -> Any:
    raise error


def an_agent() -> Any:
    return 1


@pair(
    "16.9",
    "16.10",
    "16.11",
    "16.54",
    "14.1",
    cases=[
        "ignore",
        "junk",
        "duplicate",
        "bad_strategy",
        "bad_intensity",
        "bad_restart",
        "bad_shutdown",
        "bad_type",
        "missing_start",
        "missing_id",
        "significant",
        "significant_permanent",
        "raise",
        "exit",
        "name_taken",
    ],
)
async def bad_start(what: Any) -> Any:
    trap()
    child = {"id": "a", "start": (Agent, "start_link", (an_agent,))}
    flags = {"strategy": "one_for_one"}
    without = {key: value for key, value in child.items() if key != "id"}
    given = {
        "ignore": "ignore",
        "junk": "junk",
        "duplicate": ("ok", (flags, [child, child])),
        "bad_strategy": ("ok", ({"strategy": "some_for_all"}, [])),
        "bad_intensity": ("ok", ({"strategy": "one_for_one", "intensity": -1}, [])),
        "bad_restart": ("ok", (flags, [{**child, "restart": "sometimes"}])),
        "bad_shutdown": ("ok", (flags, [{**child, "shutdown": -1}])),
        "bad_type": ("ok", (flags, [{**child, "type": "thing"}])),
        "missing_start": ("ok", (flags, [{"id": "a"}])),
        "missing_id": ("ok", (flags, [without])),
        "significant": ("ok", (flags, [{**child, "significant": True, "restart": "temporary"}])),
        "significant_permanent": (
            "ok",
            ({**flags, "auto_shutdown": "any_significant"}, [{**child, "significant": True}]),
        ),
        "raise": lambda: raised(RuntimeError("boom")),
        "exit": lambda: raised(Exit("gone")),
    }
    if what == "name_taken":
        await register(self_(), "supervisor_name")
        result = await Supervisor.start_link([], strategy="one_for_one", name="supervisor_name")
        say(("taken", result[1][1] == self_()))
    else:
        say(await Given.start_link(given[what]))
    await settle()
    return [why for _, _, why in await mailbox()]


class Starting:
    @staticmethod
    def start(*args: Any) -> Any:
        if len(args) == 2:
            say("extra")
        match args[-1]:
            case "linked":
                return ("ok", spawn_link(idle))
            case "unlinked":
                return ("ok", spawn(idle))
            case "info":
                return ("ok", spawn_link(idle), "some_info")
            case "raise":
                raise RuntimeError("boom")
            case "exit":
                raise Exit("gone")
            case "throw":
                raise Throw("ball")
        return args[-1]


@pair(
    "16.4",
    "16.9",
    cases=["linked", "info", "ignore", ("error",), "raise", "exit", "throw", "junk", 7],
)
async def start_function(gives: Any) -> Any:
    trap()
    child = {"id": "a", "start": (Starting, "start", (gives,))}
    result = await Supervisor.start_link([child], strategy="one_for_one")
    say("ok" if result[0] == "ok" else result)
    await settle()
    return [why for _, _, why in await mailbox()]


@pair("16.27", "16.5")
async def stranger_exits() -> Any:
    _, top = await Supervisor.start_link([], strategy="one_for_one")

    async def stranger() -> None:
        exit_of(top, "boom")

    await ended(spawn(stranger))
    await settle()
    return await alive(top)


@pair("16.6")
async def unlinked_child_dies_unnoticed() -> Any:
    child = {"id": "a", "start": (Starting, "start", ("unlinked",))}
    _, top = await Supervisor.start_link([child], strategy="one_for_one")
    [(_, pid, _, _)] = await Supervisor.which_children(top)
    exit_of(pid, "kill")
    await settle()
    [(_, same, _, _)] = await Supervisor.which_children(top)
    return [same == pid, await Supervisor.count_children(top)]


@pair("16.3", "20.8")
async def child_forms() -> Any:
    children = [(Agent, an_agent), Supervisor.child_spec((Agent, an_agent), id="second")]
    _, top = await Supervisor.start_link(children, strategy="one_for_one")
    return [
        (id_, type_, modules) for id_, _, type_, modules in await Supervisor.which_children(top)
    ]


@pair(
    "18.2",
    "18.4",
    "18.5",
    "18.6",
    "18.7",
    "18.8",
    "18.18",
    "18.21",
    cases=[
        "max",
        "fails",
        "raises",
        "exits",
        "ignore",
        "junk",
        "extra",
        "unknown_pid",
        "bad_spec",
        "stop",
    ],
    traps=(17,),
)
async def dynamic(what: Any) -> Any:
    trap()
    extra = ["extra"] if what == "extra" else []
    _, top = await DynamicSupervisor.start_link(
        strategy="one_for_one", max_children=2, extra_arguments=extra
    )

    async def begin(gives: Any) -> Any:
        child = {"id": "ignored", "start": (Starting, "start", (gives,)), "restart": "temporary"}
        result = await DynamicSupervisor.start_child(top, child)
        return "ok" if result[0] == "ok" else result

    match what:
        case "max":
            return [await begin("linked") for _ in range(3)]
        case "fails":
            return await begin(("error", "no"))
        case "raises" | "exits":
            return await begin(what[:-1])
        case "ignore" | "junk":
            return await begin(what)
        case "extra":
            return await begin("linked")
        case "unknown_pid":
            return await DynamicSupervisor.terminate_child(top, self_())
        case "bad_spec":
            child = {"id": "a", "start": (Starting, "start", ("linked",)), "shutdown": 0}
            return await outcome(lambda: DynamicSupervisor.start_child(top, child))
    await begin("linked")
    return [await DynamicSupervisor.stop(top), len(await mailbox())]


class GivenDynamic(DynamicSupervisor):
    def init(self, given: Any) -> Any:
        return given


@pair("18.3", cases=["ignore", "junk", "max_children", "intensity", "period", "strategy"])
async def dynamic_flags(how: Any) -> Any:
    trap()
    one: dict[str, Any] = {"strategy": "one_for_one"}
    given: Any = {
        "ignore": "ignore",
        "junk": "junk",
        "max_children": ("ok", {**one, "max_children": -1}),
        "intensity": ("ok", {**one, "intensity": -1}),
        "period": ("ok", {**one, "period": 0}),
        "strategy": ("ok", {"strategy": "one_for_all"}),
    }[how]
    say(await GivenDynamic.start_link(given))
    await settle()
    return [why for _, _, why in await mailbox()]


@pair("18.23")
async def dynamic_junk() -> Any:
    _, top = await DynamicSupervisor.start_link(strategy="one_for_one")
    send(top, "junk")
    await GenServer.cast(top, "junk")
    await settle()
    return [await alive(top), await DynamicSupervisor.count_children(top)]
