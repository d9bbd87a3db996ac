"""Tables in parts: a limit, and a continuation for the rest."""

from __future__ import annotations

from typing import Any

from tests.conformance.pairs.ets_rows import KINDS, ROWS, new, op

NUMBERS = op("insert", [(n, n % 3) for n in range(1, 9)])
KEYS = [(("$1", "_"), [], ["$1"])]
ONES = ("$1", 1)


def parts(name: str, first: Any, times: int = 9, shown: str = "rows") -> list[Any]:
    """Take the first part, and then one after the other, beyond the end too."""
    return [("part", "a", name, "t", first, shown), *[("more", "a", name, shown)] * times]


def shown_of(kind: str) -> str:
    return "rows" if kind == "ordered_set" else "number"


PARTS = [
    *(
        (
            f"{kind}: {name} by {limit}",
            [new(type_=kind), NUMBERS, *parts(name, [what, limit], 9, shown_of(kind))],
        )
        for kind in KINDS
        for name, what in (("select", KEYS), ("match", ONES), ("match_object", ONES))
        for limit in (1, 2, 3, 8, 9)
    ),
    *(
        (f"{kind}: nothing fits", [new(type_=kind), *parts("match", [("$1", 7), 2], 2)])
        for kind in KINDS
    ),
    *(
        (
            f"{kind}: a key is given, by {limit}",
            [
                new(type_=kind),
                *ROWS,
                *parts("match_object", [("k", "_"), limit], 4, shown_of(kind)),
                *parts("match_object", [("none", "_"), limit], 1, shown_of(kind)),
            ],
        )
        for kind in KINDS
        for limit in (1, 2, 3, 4)
    ),
    *(
        (
            f"{kind}: two keys are given, by {limit}",
            [
                new(type_=kind),
                NUMBERS,
                *parts(
                    "select",
                    [[((5, "_"), [], ["$_"]), ((2, "_"), [], ["$_"])], limit],
                    3,
                    shown_of(kind),
                ),
            ],
        )
        for kind in KINDS
        for limit in (1, 2, 3)
    ),
    *(
        (
            f"{kind}: backwards by {limit}",
            [
                new(type_=kind),
                NUMBERS,
                *parts("select_reverse", [KEYS, limit], 4, shown_of(kind)),
                *([op("select_reverse", KEYS)] if kind == "ordered_set" else []),
            ],
        )
        for kind in KINDS
        for limit in (3, 4)
    ),
    *(
        (
            f"the limit is {limit}",
            [new(type_="ordered_set"), NUMBERS, *parts("select", [KEYS, limit], 0)],
        )
        for limit in (0, -1, "x", 1.0)
    ),
    (
        "an ordered_set changes between parts",
        [
            new(type_="ordered_set"),
            NUMBERS,
            *parts("select", [KEYS, 3], 0),
            op("delete", 3),
            op("delete", 4),
            op("insert", [(1.5, 0), (4.5, 0)]),
            ("more", "a", "select", "rows"),
            op("delete_all_objects"),
            ("more", "a", "select", "rows"),
        ],
    ),
    (
        "any operation goes on, in the direction of the first",
        [
            new(type_="ordered_set"),
            NUMBERS,
            *parts("select", [KEYS, 2], 0),
            ("more", "a", "match", "rows"),
            ("more", "a", "select_reverse", "rows"),
            *parts("select_reverse", [KEYS, 2], 0),
            ("more", "a", "match_object", "rows"),
        ],
    ),
    *(
        (
            f"{kind}: {label}",
            [
                new(type_=kind, access=access, named=True),
                NUMBERS,
                *parts("select", [KEYS, 2], 0, "number"),
                *steps,
            ],
        )
        for kind in ("set", "ordered_set")
        for label, access, steps in (
            ("goes on for another", "protected", [("more", "b", "select", "number")]),
            ("is private", "private", [("more", "b", "select", "number")]),
            ("is gone", "public", [op("delete"), ("more", "a", "select", "number")]),
            ("has another name", "public", [op("rename", "u"), ("more", "a", "select", "number")]),
        )
    ),
]
