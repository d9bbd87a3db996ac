"""Supervisors and dynamic supervisors: trees that are data, and starts that fail."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests.conformance import trees
from tests.conformance.lab import pair, say

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
