"""ETS: rows, kinds of table, access, owners and heirs, counters, match specifications."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests.conformance import actors
from tests.conformance.lab import pair, say
from tests.conformance.pairs.ets_parts import PARTS
from tests.conformance.pairs.ets_rows import ALL, KINDS, ROWS, new, op

PAUSE_MS = 15


CASES = [
    (f"{kind}: {label}", [new(type_=kind), *ROWS, *steps])
    for kind in KINDS
    for label, steps in {
        "insert and look up": [
            op("lookup", "k"),
            op("lookup", 1),
            op("lookup", 1.0),
            op("lookup", "x"),
            ALL,
        ],
        "member and delete": [
            op("member", "k"),
            op("member", 1),
            op("delete", "k"),
            op("member", "k"),
            op("delete", "x"),
            ALL,
        ],
        "insert_new": [
            op("insert_new", ("k", 9)),
            op("insert_new", ("n", 9)),
            op("insert_new", [("n2", 1), ("l", 1)]),
            op("insert_new", [("n3", 1), ("n3", 2)]),
            ALL,
        ],
        "lookup_element": [
            op("lookup_element", "k", 2),
            op("lookup_element", "l", 1),
            op("lookup_element", "x", 2),
            op("lookup_element", "l", 3),
            op("lookup_element", "l", 0),
        ],
        "take": [op("take", "k"), op("take", "k"), ALL],
        "delete_object": [
            op("delete_object", ("k", 1)),
            op("delete_object", ("l", 9)),
            op("delete_object", (1.0, "i")),
            ALL,
        ],
        "delete_all_objects": [op("delete_all_objects"), ALL, ("info", "t")],
        "update_counter": [
            op("insert", ("c", 5, 7)),
            op("update_counter", "c", 2),
            op("update_counter", "c", (3, -1)),
            op("update_counter", "c", [(2, 1), (3, 1)]),
            op("update_counter", "c", (2, 10, 12, 0)),
            op("update_counter", "x", 1),
            op("update_counter", "x", 1, ("y", 10)),
            op("update_counter", "l", (1, 1)),
            op("update_counter", "k", "bad"),
            ALL,
        ],
        "update_element": [
            op("insert", ("c", 5, 7)),
            op("update_element", "c", (2, "x")),
            op("update_element", "c", [(2, "y"), (3, "z")]),
            op("update_element", "n", (2, 1)),
            op("update_element", "c", (1, 1)),
            op("update_element", "c", (9, 1)),
            ALL,
        ],
        "match": [
            op("match", ("k", "$1")),
            op("match", ("$2", "$1")),
            op("match", ("_", "_")),
            op("match", ("$1", "$1")),
            op("match_object", ("k", "_")),
            op("match", (1, "$1")),
            op("match", "$1"),
            op("match", ("$1",)),
        ],
        "match_delete": [op("match_delete", ("k", "_")), ALL, op("match_delete", ("_", "$1")), ALL],
        "select": [
            op("select", [(("$1", "$2"), [(">", "$2", 1)], ["$1"])]),
            op("select", [(("$1", "_"), [], ["$_"])]),
            op(
                "select",
                [
                    (("$1", "$2"), [("is_integer", "$1")], [(("$2", "$1"),)]),
                    (("$1", "$2"), [], ["$$"]),
                ],
            ),
            op("select", [(("$1", "$2"), [("=:=", "$2", 2)], [("const", "$1")])]),
        ],
        "select_count and delete": [
            op("select_count", [(("$1", "$2"), [("is_integer", "$2")], [True])]),
            op("select_delete", [(("$1", "$2"), [("<", "$2", 3)], [True])]),
            ALL,
            op("select_delete", [(("$1", "_"), [], ["yes"])]),
            ALL,
        ],
        "size": [("info", "t")],
    }.items()
]
GUARDS = [
    ("==", "$1", 1),
    ("=:=", "$1", 1),
    ("/=", "$1", 1),
    ("=/=", "$1", 1.0),
    ("<", "$1", "$2"),
    ("=<", "$1", 1),
    (">=", "$1", 2.0),
    ("and", ("is_atom", "$2"), True),
    ("or", ("is_atom", "$1"), ("is_atom", "$2")),
    ("andalso", ("is_integer", "$1"), (">", "$1", 0)),
    ("orelse", ("is_float", "$1"), ("is_tuple", "$2")),
    ("not", ("is_number", "$1")),
    ("xor", ("is_number", "$1"), ("is_atom", "$2")),
    (">", ("+", "$1", 1), 2),
    ("=:=", ("element", 2, "$_"), "a"),
    ("=:=", ("hd", "$2"), 1),
    ("=:=", ("length", "$2"), 2),
    ("=:=", ("size", "$2"), 2),
    ("=:=", ("trunc", "$1"), 1),
    ("=:=", ("round", "$1"), 3),
    ("=:=", ("rem", "$1", 2), 0),
    ("=:=", ("div", "$1", 2), 1),
    ("is_list", "$2"),
    ("is_map", "$2"),
    ("=:=", ("abs", "$1"), 3),
    ("==", ("*", "$1", 2), ("-", "$1", 3)),
    ("=:=", "$2", ("const", (1, 2))),
    ("=:=", "$2", ((1, 2),)),
    "$2",
    True,
    "yes",
]
MIXED = op(
    "insert",
    [
        (1, "a"),
        (2, "b"),
        (3, "a"),
        (-3, True),
        (1.0, "z"),
        (4, [1, 2]),
        (5, (1, 2)),
        (6, {}),
        ("x", "y"),
        (("t",), 7),
    ],
)
SPECS = [
    (f"guard {guard}", [new(type_=kind), MIXED, op("select", [(("$1", "$2"), [guard], ["$_"])])])
    for guard, kind in product(GUARDS, ("set",))
] + [
    (
        "bad specifications",
        [
            new(),
            MIXED,
            *(
                op("select", spec)
                for spec in (
                    "x",
                    [],
                    [("$1", [], [])],
                    [(("$1", "_"), "x", ["$1"])],
                    [(("$1", "_"), [], ["$2"])],
                    [(("$1", "_"), [("nonsense", "$1")], ["$1"])],
                    [(("$1", "_"), [], [("unknown", 1)])],
                    [("x", [], ["$_"])],
                    [(("$1", "_"), ["$3"], ["$1"])],
                )
            ),
        ],
    ),
    (
        "bodies",
        [
            new(),
            MIXED,
            *(
                op("select", [((3, "$1"), [], [body])])
                for body in (
                    "$1",
                    "$_",
                    "$$",
                    ["$1", 1],
                    (("$1", "x"),),
                    ("const", ("a", "$1")),
                    ("+", 1, 2),
                    ("element", 1, "$_"),
                    ("hd", "$1"),
                    ("self",),
                )
            ),
        ],
    ),
    (
        "several bodies and clauses",
        [new(), MIXED, op("select", [((1, "_"), [], ["one", "two"]), ((2, "_"), [], ["three"])])],
    ),
    (
        "select_replace",
        [
            new(),
            MIXED,
            op("select_replace", [(("$1", "a"), [], [(("$1", "A"),)])]),
            op("select_replace", [((2, "_"), [], [((9, "moved"),)])]),
            ALL,
        ],
    ),
    (
        "select_replace of a bag",
        [new(type_="bag"), MIXED, op("select_replace", [(("$1", "a"), [], [(("$1", "A"),)])])],
    ),
    (
        "nested patterns",
        [
            new(),
            op("insert", [((1, "a"), "x"), ((1, "b"), "y"), ((2, "b"), ["l"])]),
            op("match", ((1, "$1"), "$2")),
            op("match", (("$1", "b"), ["$2"])),
            op("match", (("$1", "_"), "_")),
            op("match_delete", (("_", "b"), "_")),
            ALL,
        ],
    ),
]
ACCESS = [
    (
        f"{access}: {who} {label}",
        [new(access=access, named=True, heir="b"), op("insert", ("k", 1)), step],
    )
    for access in ("private", "protected", "public")
    for who in ("a", "b")
    for label, step in {
        "reads": op("lookup", "k", by=who),
        "writes": op("insert", ("k", 2), by=who),
        "deletes it": op("delete", by=who),
        "matches": op("match", ("$1", "_"), by=who),
        "selects and deletes": op("select_delete", [("_", [], [True])], by=who),
    }.items()
]
LIFE = [
    (
        "goes with its owner",
        [
            new(named=True),
            op("insert", ("k", 1)),
            ("die", "a", "normal"),
            op("lookup", "k", by="b"),
            ("info", "t"),
        ],
    ),
    (
        "is inherited",
        [
            new(heir="b"),
            op("insert", ("k", 1)),
            ("die", "a", "boom"),
            ("mail", "b"),
            op("lookup", "k", by="b"),
            ("info", "t"),
        ],
    ),
    (
        "heir is dead",
        [new(named=True, heir="b"), ("die", "b", "boom"), ("die", "a", "boom"), ("info", "t")],
    ),
    ("explicit delete tells nobody", [new(heir="b"), op("delete"), ("mail", "b"), ("info", "t")]),
    (
        "is given away",
        [
            new(),
            op("give_away", ("pid", "b"), "gift"),
            ("mail", "b"),
            ("info", "t"),
            op("give_away", ("pid", "c"), "x"),
            op("give_away", ("pid", "c"), "x", by="b"),
            ("mail", "c"),
            ("info", "t"),
        ],
    ),
    (
        "is given to the dead",
        [new(), ("die", "b", "boom"), op("give_away", ("pid", "b"), "gift"), ("info", "t")],
    ),
    ("is given to oneself", [new(), op("give_away", ("pid", "a"), "gift")]),
    ("name is taken", [new(named=True), new(named=True, actor="b"), new(actor="b"), ("info", "t")]),
    (
        "is renamed",
        [
            new(named=True),
            op("insert", ("k", 1)),
            op("rename", "u"),
            ("ets", "a", "lookup", "u", ["k"]),
            ("ets", "a", "insert", "u", [("k", 2)]),
        ],
    ),
    (
        "does not exist",
        [
            op(name, *args, tab="nowhere")
            for name, args in {
                "lookup": ("k",),
                "insert": (("k", 1),),
                "delete": (),
                "tab2list": (),
                "member": ("k",),
                "select": ([("_", [], ["$_"])],),
                "match": ("_",),
            }.items()
        ],
    ),
    (
        "bad rows",
        [
            new(keypos=2),
            op("insert", ("k",)),
            op("insert", "k"),
            op("insert", [("k", 1), ("k",)]),
            op("insert", ()),
            op("insert", ("k", 1)),
            op("lookup", 1),
            ALL,
        ],
    ),
    (
        "key at another place",
        [
            new(keypos=2),
            op("insert", [("x", 1), ("y", 1), ("z", 2)]),
            op("lookup", 1),
            op("update_counter", 1, (1, 1)),
            op("delete_object", ("z", 2)),
            ALL,
        ],
    ),
]
ORDER = [
    (
        "ordered traversal",
        [
            new(type_="ordered_set"),
            op("insert", [(3, "c"), (1, "a"), (2.5, "f"), ((1,), "t"), ([1], "l"), ({}, "m")]),
            op("first"),
            op("last"),
            op("next", 1),
            op("next", 2),
            op("prev", 2.5),
            op("prev", 1),
            op("next", 99),
            op("next", [1]),
            ("ets", "a", "tab2list", "t", []),
        ],
    ),
    (
        "ordered keys by value",
        [
            new(type_="ordered_set"),
            op("insert", (1, "i")),
            op("insert", (1.0, "f")),
            op("lookup", 1),
            op("member", 1.0),
            op("insert_new", (1, "n")),
            ("info", "t"),
        ],
    ),
    (
        "set keys are strict",
        [
            new(),
            op("insert", (1, "i")),
            op("insert", (1.0, "f")),
            op("lookup", 1),
            op("lookup", 1.0),
            ("info", "t"),
        ],
    ),
    (
        "empty traversal",
        [new(type_="ordered_set"), op("first"), op("last"), op("next", 1), op("prev", 1)],
    ),
    (
        "one key in a set",
        [
            new(),
            op("insert", ("k", 1)),
            op("first"),
            op("last"),
            op("next", "k"),
            op("prev", "k"),
            op("next", "x"),
        ],
    ),
    (
        "bag keeps insertion order",
        [
            new(type_="bag"),
            *(op("insert", ("k", n)) for n in (3, 1, 2, 1)),
            op("lookup", "k"),
            op("lookup_element", "k", 2),
        ],
    ),
    (
        "duplicate bag keeps all",
        [
            new(type_="duplicate_bag"),
            op("insert", [("k", 1), ("k", 1), ("k", 2)]),
            op("lookup", "k"),
            op("delete_object", ("k", 1)),
            op("lookup", "k"),
        ],
    ),
    ("rows are copies", [new(), op("insert", ("k", [1, 2], {})), op("lookup", "k")]),
]


async def steps(label: Any, names: Any, script: Any) -> Any:
    return await actors.run(names, script, say, PAUSE_MS)


for _cases, _rules in (
    (
        CASES,
        (
            "11.8",
            "11.9",
            "11.10",
            "11.12",
            "11.13",
            "11.14",
            "11.15",
            "11.16",
            "11.17",
            "11.18",
            "11.19",
            "11.20",
            "11.23",
            "11.24",
            "11.25",
            "11.26",
            "11.27",
            "11.28",
            "11.29",
            "11.30",
        ),
    ),
    (SPECS, ("11.33", "11.34", "11.35", "11.36", "11.37")),
    (PARTS, ("11.38", "11.39", "11.40", "11.41")),
    (ACCESS, ("11.5", "11.6", "11.7", "11.8")),
    (LIFE, ("11.1", "11.2", "11.3", "11.4", "11.8", "11.32", "3.17")),
    (ORDER, ("11.9", "11.10", "11.11", "11.21", "11.23", "11.24", "11.31", "13.6")),
):
    pair(
        *_rules, cases=[(label, ["a", "b", "c"], script) for label, script in _cases], labelled=True
    )(steps)
