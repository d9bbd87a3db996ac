"""Supervisors and dynamic supervisors: trees that are data, and starts that fail."""

from __future__ import annotations

from itertools import product
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
from tests.conformance import trees
from tests.conformance.lab import ended, idle, mailbox, outcome, pair, say, settle, trap

PAUSE_MS = 25
ONE, ALL, REST = "one_for_one", "one_for_all", "rest_for_one"


def sup(
    *children: Any, strategy: str = ONE, most: int = 3, auto: str = "never", name: str = "top"
) -> Any:
    return ("sup", name, strategy, most, 5, auto, list(children))


def worker(
    id_: str,
    restart: str = "permanent",
    shutdown: Any = 5000,
    starts: Any = ("ok",),
    traps: bool = True,
    ms: int = 0,
    significant: bool = False,
) -> Any:
    return ("worker", id_, restart, shutdown, significant, list(starts), traps, ms)


def sub(id_: str, tree: Any, restart: str = "permanent", significant: bool = False) -> Any:
    return ("sub", id_, restart, "default", significant, tree)


A, B, C = worker("a"), worker("b"), worker("c")
REASONS = ("normal", "shutdown", ("shutdown", 1), "boom")
KINDS = ("permanent", "transient", "temporary")

RESTARTS = [
    (
        f"{kind} ends with {reason}",
        sup(A, worker("b", kind), C),
        [("crash", "b", reason), ("which", "top"), ("count", "top")],
    )
    for kind, reason in product(KINDS, REASONS)
] + [
    (f"{kind} is killed", sup(worker("b", kind)), [("kill", "b"), ("which", "top")])
    for kind in KINDS
]
STRATEGIES = (
    [
        (
            f"{strategy}: {id_} crashes, {kind}",
            sup(worker("a", kind), worker("b", kind), worker("c", kind), strategy=strategy),
            [("crash", id_, "boom"), ("which", "top")],
        )
        for strategy, id_, kind in product((ONE, ALL, REST), ("a", "b", "c"), KINDS)
    ]
    + [
        (
            f"{strategy}: finished transient comes back",
            sup(A, worker("b", "transient"), C, strategy=strategy),
            [("crash", "b", "normal"), ("which", "top"), ("crash", "a", "boom"), ("which", "top")],
        )
        for strategy in (ONE, ALL, REST)
    ]
    + [
        (
            f"{strategy}: stopped by hand comes back",
            sup(A, B, C, strategy=strategy),
            [("terminate", "top", "b"), ("crash", "a", "boom"), ("which", "top")],
        )
        for strategy in (ONE, ALL, REST)
    ]
    + [
        (
            f"{strategy}: temporary is dropped",
            sup(A, worker("b", "temporary"), C, strategy=strategy),
            [("crash", "a", "boom"), ("which", "top")],
        )
        for strategy in (ALL, REST)
    ]
)
FAILING = [
    (
        f"{strategy}: restart of {id_} fails {how}",
        sup(
            *(worker(each, starts=("ok", how, "ok") if each == id_ else ("ok",)) for each in "abc"),
            strategy=strategy,
        ),
        [("crash", crashed, "boom"), ("which", "top")],
    )
    for strategy, id_, crashed in (
        (ONE, "b", "b"),
        (ALL, "b", "a"),
        (ALL, "a", "c"),
        (REST, "b", "a"),
    )
    for how in (("stop", "no"), "ignore", "raise")
] + [
    (
        "one_for_one: restarts fail until it gives up",
        sup(A, worker("b", starts=("ok", ("stop", "no")))),
        [("crash", "b", "boom"), ("which", "top")],
    ),
    (
        "restart fails twice, then works",
        sup(worker("b", starts=("ok", ("stop", "no"), ("exit", "gone"), "ok"))),
        [("crash", "b", "boom"), ("which", "top")],
    ),
]
INTENSITY = [
    (
        f"intensity {most}, {crashes} crashes",
        sup(A, B, most=most),
        [("crash", "a", "boom")] * crashes + [("which", "top")],
    )
    for most, crashes in ((0, 1), (1, 1), (1, 2), (2, 3), (3, 3), (3, 4))
] + [
    (
        "the window passes",
        ("sup", "top", ONE, 1, 1, "never", [A]),
        [("crash", "a", "boom"), ("wait", 2200), ("crash", "a", "boom"), ("which", "top")],
    ),
    (
        "a group restart counts once",
        sup(A, B, C, strategy=ALL, most=1),
        [("crash", "a", "boom"), ("which", "top")],
    ),
    (
        "a nested one gives up and is restarted",
        sup(A, sub("s", sup(B, most=0, name="in")), C),
        [("crash", "b", "boom"), ("which", "top")],
    ),
    (
        "a transient nested one gives up and stays down",
        sup(A, sub("s", sup(B, most=0, name="in"), "transient"), C),
        [("crash", "b", "boom"), ("which", "top")],
    ),
    (
        "giving up spreads",
        sup(A, sub("s", sup(B, most=0, name="in")), most=0),
        [("crash", "b", "boom")],
    ),
]
STOPPING = [
    ("stop in reverse order", sup(A, B, C), [("stop", "top", "normal")]),
    ("stop with a reason", sup(A, B), [("stop", "top", "why")]),
    ("parent exits", sup(A, B), [("exit", "top", "boom")]),
    ("parent exits normally", sup(A, B), [("exit", "top", "normal")]),
    ("is killed", sup(A), [("kill", "top")]),
    ("slow child is waited for", sup(worker("a", ms=60), B), [("stop", "top", "normal")]),
    (
        "refusing child is killed",
        sup(worker("a", shutdown=20, ms=3000), B),
        [("stop", "top", "normal")],
    ),
    ("brutal kill", sup(worker("a", shutdown="brutal_kill"), B), [("stop", "top", "normal")]),
    (
        "not trapping runs no terminate",
        sup(worker("a", traps=False), B),
        [("stop", "top", "normal")],
    ),
    (
        "nested stop",
        sup(A, sub("s", sup(B, C, name="in")), worker("d")),
        [("stop", "top", "normal")],
    ),
    (
        "nested subtree crashes",
        sup(
            A,
            sub("s", sup(B, worker("c", traps=False), name="in")),
            worker("d", traps=False),
            strategy=REST,
        ),
        [("kill", "in"), ("which", "top")],
    ),
]
BOOT = [
    (f"second child fails: {how}", sup(A, worker("b", starts=(how,)), C), [("which", "top")])
    for how in (("stop", "no"), "raise", ("exit", "gone"), "ignore", ("stop", "normal"))
] + [
    (
        "temporary ignore is dropped",
        sup(A, worker("b", "temporary", starts=("ignore",))),
        [("which", "top"), ("count", "top")],
    ),
    (
        "nested boot fails",
        sup(A, sub("s", sup(worker("b", starts=(("stop", "no"),)), name="in"))),
        [],
    ),
    ("no children", sup(), [("which", "top"), ("count", "top")]),
]
MANAGING = [
    (
        "terminate, restart, delete",
        sup(A, B),
        [
            ("terminate", "top", "a"),
            ("which", "top"),
            ("terminate", "top", "a"),
            ("restart", "top", "a"),
            ("restart", "top", "a"),
            ("delete", "top", "a"),
            ("terminate", "top", "a"),
            ("delete", "top", "a"),
            ("delete", "top", "a"),
            ("restart", "top", "a"),
            ("terminate", "top", "a"),
            ("count", "top"),
        ],
    ),
    (
        "terminate a temporary",
        sup(worker("a", "temporary")),
        [("terminate", "top", "a"), ("which", "top"), ("restart", "top", "a")],
    ),
    (
        "start another",
        sup(A),
        [
            ("start", "top", B),
            ("which", "top"),
            ("start", "top", B),
            ("terminate", "top", "b"),
            ("start", "top", B),
        ],
    ),
    (
        "start one that fails",
        sup(A),
        [("start", "top", worker("b", starts=(("stop", "no"),))), ("which", "top")],
    ),
    (
        "start one that raises",
        sup(A),
        [("start", "top", worker("b", starts=("raise",))), ("which", "top")],
    ),
    (
        "start one that ignores",
        sup(A),
        [
            ("start", "top", worker("b", starts=("ignore",))),
            ("which", "top"),
            ("restart", "top", "b"),
        ],
    ),
    (
        "start a temporary that ignores",
        sup(A),
        [("start", "top", worker("b", "temporary", starts=("ignore",))), ("which", "top")],
    ),
    (
        "start a bad one",
        sup(A),
        [("start", "top", worker("b", "sometimes")), ("start", "top", worker("b", shutdown=-5))],
    ),
    (
        "restart one that fails",
        sup(worker("a", starts=("ok", ("stop", "no"), "ignore", "ok"))),
        [
            ("terminate", "top", "a"),
            ("restart", "top", "a"),
            ("which", "top"),
            ("restart", "top", "a"),
            ("restart", "top", "a"),
        ],
    ),
    (
        "added children are last",
        sup(A, strategy=REST),
        [("start", "top", B), ("crash", "a", "boom"), ("which", "top")],
    ),
    (
        "terminate is no crash",
        sup(A, B, strategy=ALL, most=0),
        [("terminate", "top", "a"), ("which", "top")],
    ),
]
SIGNIFICANT = [
    (
        f"{auto}: {kind} ends with {reason}",
        sup(A, worker("b", kind, significant=True), worker("c", kind, significant=True), auto=auto),
        [("crash", "b", reason), ("which", "top"), ("crash", "c", reason), ("which", "top")],
    )
    for auto, kind, reason in product(
        ("any_significant", "all_significant"), ("transient", "temporary"), ("normal", "boom")
    )
] + [
    (
        "terminate_child triggers no shutdown",
        sup(A, worker("b", "temporary", significant=True), auto="any_significant"),
        [("terminate", "top", "b"), ("which", "top")],
    ),
    (
        "a nested tree shuts itself down",
        sup(
            A,
            sub(
                "s",
                sup(worker("b", "transient", significant=True), auto="any_significant", name="in"),
                "transient",
            ),
        ),
        [("crash", "b", "normal"), ("which", "top")],
    ),
]


def dyn(most: Any = "infinity", intensity: int = 3) -> Any:
    return ("dyn", "top", intensity, 5, most)


DYNAMIC = [
    (
        f"dynamic {kind} ends with {reason}",
        dyn(),
        [
            ("dyn_start", "top", worker("a", kind)),
            ("crash", "a", reason),
            ("dyn_which", "top"),
            ("dyn_count", "top"),
        ],
    )
    for kind, reason in product(KINDS, ("normal", "boom"))
] + [
    (
        "dynamic start fails",
        dyn(),
        [("dyn_start", "top", worker("a", starts=(("stop", "no"),))), ("dyn_count", "top")],
    ),
    (
        "dynamic start ignores",
        dyn(),
        [("dyn_start", "top", worker("a", starts=("ignore",))), ("dyn_count", "top")],
    ),
    (
        "dynamic start raises",
        dyn(),
        [("dyn_start", "top", worker("a", starts=("raise",))), ("dyn_count", "top")],
    ),
    (
        "dynamic limit",
        dyn(1),
        [
            ("dyn_start", "top", A),
            ("dyn_start", "top", B),
            ("dyn_terminate", "top", "a"),
            ("dyn_start", "top", B),
        ],
    ),
    (
        "dynamic terminate",
        dyn(),
        [
            ("dyn_start", "top", A),
            ("dyn_terminate", "top", "a"),
            ("dyn_terminate", "top", "a"),
            ("dyn_which", "top"),
        ],
    ),
    (
        "dynamic gives up",
        dyn(intensity=1),
        [("dyn_start", "top", A), ("crash", "a", "boom"), ("crash", "a", "boom")],
    ),
    (
        "dynamic restart fails once",
        dyn(),
        [
            ("dyn_start", "top", worker("a", starts=("ok", ("stop", "no"), "ok"))),
            ("crash", "a", "boom"),
            ("dyn_which", "top"),
        ],
    ),
    (
        "dynamic restart ignores",
        dyn(),
        [
            ("dyn_start", "top", worker("a", starts=("ok", "ignore"))),
            ("crash", "a", "boom"),
            ("dyn_which", "top"),
        ],
    ),
    ("dynamic stops", dyn(), [("dyn_start", "top", A), ("stop", "top", "normal")]),
    ("dynamic parent exits", dyn(), [("dyn_start", "top", A), ("exit", "top", "boom")]),
    ("dynamic killed child", dyn(), [("dyn_start", "top", A), ("kill", "a"), ("dyn_count", "top")]),
]
GROUPS = {
    "restarts": (RESTARTS, ("16.12", "16.13", "16.14", "16.15", "16.16", "16.44"), ()),
    "strategies": (STRATEGIES, ("16.17", "16.18", "16.45", "16.46", "16.47", "16.48"), (16,)),
    "failing": (FAILING, ("16.23", "16.24", "16.25", "16.49", "16.50"), (16,)),
    "intensity": (INTENSITY, ("16.2", "16.19", "16.20", "16.21", "16.22"), (15, 20)),
    "stopping": (
        STOPPING,
        ("16.26", "16.30", "16.29", "16.31", "16.32", "16.33", "16.34", "16.35", "16.36", "16.37"),
        (19,),
    ),
    "boot": (BOOT, ("16.7", "16.8", "16.9", "16.4"), ()),
    "managing": (
        MANAGING,
        ("16.38", "16.39", "16.40", "16.41", "16.42", "16.43", "16.44"),
        (17, 18),
    ),
    "significant": (SIGNIFICANT, ("16.51", "16.52", "16.53"), (18,)),
    "dynamic": (
        DYNAMIC,
        (
            "18.1",
            "18.4",
            "18.6",
            "18.8",
            "18.9",
            "18.12",
            "18.13",
            "18.10",
            "18.11",
            "18.16",
            "18.17",
            "18.18",
            "18.21",
        ),
        (17, 19),
    ),
}


async def tree(label: Any, what: Any, script: Any) -> Any:
    return await trees.run(what, script, say, PAUSE_MS)


for _cases, _rules, _traps in GROUPS.values():
    pair(*_rules, cases=_cases, traps=_traps, labelled=True)(tree)


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
