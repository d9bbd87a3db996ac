"""Random programs of three kinds: supervision trees, servers, tables and registries."""

from __future__ import annotations

from random import Random
from typing import Any

REASONS = ("normal", "shutdown", ("shutdown", 1), "boom", "boom", "kill", "killed")
RESTARTS = ("permanent", "permanent", "transient", "temporary")
STARTS = (
    "ignore",
    ("stop", "no"),
    "raise",
    ("exit", "gone"),
    ("stop", "normal"),
    ("stop", "shutdown"),
)


# -- trees ----------------------------------------------------------------------------------------


class Forest:
    """Draws one tree and a script for it."""

    def __init__(self, random: Random):
        self.random = random
        self.workers: list[str] = []
        self.sups: list[tuple[str, str]] = []
        self.delay = 0  # what its slow children take, in each of up to six attempts of a restart

    def name(self) -> str:
        name = f"w{len(self.workers)}"
        self.workers.append(name)
        return name

    def starts(self) -> list[Any]:
        random = self.random
        if random.random() < 0.6:
            return ["ok"]
        drawn: list[Any] = ["ok"] if random.random() < 0.85 else []
        drawn += [random.choice((*STARTS, "ok")) for _ in range(random.randint(1, 3))]
        return [*drawn, "ok"] if random.random() < 0.8 else drawn

    def worker(self, auto: str = "never") -> Any:
        random = self.random
        restart = random.choice(RESTARTS)
        significant = auto != "never" and restart != "permanent" and random.random() < 0.6
        shutdown = random.choice((5000, 5000, 5000, "brutal_kill", "infinity", 15))
        slow = random.choice((0, 0, 0, 0, 4)) if shutdown != 15 else random.choice((0, 400))
        traps = random.random() < 0.7
        self.delay += 6 * min(slow, 18)
        return ("worker", self.name(), restart, shutdown, significant, self.starts(), traps, slow)

    def tree(self, depth: int) -> Any:
        random = self.random
        name = f"s{len(self.sups)}"
        if depth < 3 and random.random() < 0.15:
            self.sups.append((name, "dyn"))
            return ("dyn", name, random.randint(0, 4), 5, random.choice(("infinity", 1, 2, 3)))
        self.sups.append((name, "sup"))
        auto = random.choice(("never", "never", "any_significant", "all_significant"))
        strategy = random.choice(("one_for_one", "one_for_all", "rest_for_one"))
        children = []
        for _ in range(random.randint(1, 4 if depth == 3 else 2)):
            if depth > 1 and random.random() < 0.25:
                restart = random.choice(RESTARTS)
                significant = auto != "never" and restart != "permanent" and random.random() < 0.5
                below = self.tree(depth - 1)
                children.append(("sub", below[1] + "c", restart, "default", significant, below))
            else:
                children.append(self.worker(auto))
        return ("sup", name, strategy, random.randint(0, 4), 5, auto, children)

    def step(self) -> Any:
        random = self.random
        name, kind = random.choice(self.sups)
        worker = random.choice(self.workers) if self.workers else "none"
        chance = random.random()
        if chance < 0.45:
            what: Any = random.choice(("crash", "crash", "crash", "kill", "raise"))
            return (what, worker, random.choice(REASONS)) if what == "crash" else (what, worker)
        if chance < 0.53:
            target = random.choice(self.sups)[0]
            return random.choice(
                (("kill", target), ("stop", target, "normal"), ("exit", target, "boom"))
            )
        if kind == "dyn":
            return random.choice(
                (
                    ("dyn_start", name, self.worker()),
                    ("dyn_start", name, self.worker()),
                    ("dyn_terminate", name, worker),
                    ("dyn_which", name),
                    ("dyn_count", name),
                )
            )
        return random.choice(
            (
                ("terminate", name, worker),
                ("restart", name, worker),
                ("delete", name, worker),
                ("which", name),
                ("count", name),
                ("start", name, self.worker()),
            )
        )


def tree_program(random: Random) -> tuple[Any, int]:
    """Draw a tree and its script; gives both, and the pause that its slow children need."""
    forest = Forest(random)
    tree = forest.tree(3)
    script = [forest.step() for _ in range(random.randint(2, 7))]
    return (tree, script), 15 + forest.delay


# -- servers --------------------------------------------------------------------------------------

NAMES = ("p0", "p1", "p2", "p3")


def reason(random: Random) -> Any:
    """Draw an exit reason."""
    return random.choice(REASONS)


def returns(random: Random, kind: str, depth: int) -> Any:
    """Draw what a callback returns; most are ordinary."""
    if random.random() < 0.7:
        ordinary: list[Any] = ["noreply", "noreply", "timeout", "zero", "hibernate"]
        if kind == "call":
            ordinary = [("reply", "r")] * 6 + [("reply_timeout", "r"), "noreply"]
        if depth:
            ordinary.append(("continue", script(random, "continue", depth - 1)))
            if kind == "call":
                ordinary.append(("reply_continue", "r", script(random, "continue", depth - 1)))
        return random.choice(ordinary)
    unusual: list[Any] = [
        ("stop", reason(random)),
        ("exit", reason(random)),
        "raise",
        ("error", "my_error"),
        "throw_noreply",
        "throw_junk",
        "junk",
    ]
    if kind == "call":
        unusual.append(("stop_reply", reason(random), "bye"))
    return random.choice(unusual)


def instruction(random: Random, kind: str, depth: int) -> Any:
    """Draw one instruction."""
    name = random.choice(NAMES)
    options: list[Any] = [
        ("say", "x"),
        ("trap", random.random() < 0.7),
        ("link", name),
        ("link", name),
        ("unlink", name),
        ("monitor", name),
        ("monitor", name),
        ("demonitor", name),
        ("exit", name, reason(random)),
        ("send", name, "hello"),
        ("reply_saved", "late"),
        ("start", random.choice(NAMES), random.random() < 0.5, begin(random, 0)),
    ]
    if kind == "call":
        options += [("save",), ("reply_now", "now")]
    if depth:
        options.append(("cast", name, script(random, "cast", depth - 1)))
        options.append(("call", name, script(random, "call", depth - 1)))
    return random.choice(options)


def script(random: Random, kind: str, depth: int) -> list[Any]:
    """Draw a script."""
    length = random.choice((0, 1, 1, 2, 3))
    return [instruction(random, kind, depth) for _ in range(length)] + [
        returns(random, kind, depth)
    ]


def begin(random: Random, depth: int) -> Any:
    """Draw what `init` gives."""
    if random.random() < 0.75:
        return "ok"
    options: list[Any] = [
        "ok_timeout",
        "ignore",
        ("stop", reason(random)),
        "raise",
        ("exit", reason(random)),
        "junk",
    ]
    if depth:
        options.append(("ok_continue", script(random, "continue", depth - 1)))
    return random.choice(options)


def peers_program(random: Random) -> tuple[Any, int]:
    """Draw servers and what happens to them."""
    steps: list[Any] = [
        ("start", name, random.random() < 0.5, random.random() < 0.6, begin(random, 1))
        for name in NAMES[: random.randint(2, 4)]
    ]
    for _ in range(random.randint(2, 7)):
        name, kind = random.choice(NAMES), random.choice(("call", "call", "cast", "info"))
        steps.append(
            random.choice(
                (
                    (kind, name, script(random, kind, 2)),
                    (kind, name, script(random, kind, 2)),
                    (kind, name, script(random, kind, 2)),
                    ("exit", name, reason(random)),
                    ("stop", name, reason(random)),
                    ("wait", 45),
                )
            )
        )
    return steps, 30


# -- tables and registries ------------------------------------------------------------------------

KEYS: tuple[Any, ...] = ("k", "l", 1, 1.0, 2, ("t", 1), [1], None, True)
VALUES: tuple[Any, ...] = (0, 1, 2, 5, -3, 2.5, "v", ("x", 1), [1, 2], True)
ACTORS = ("a", "b", "c")


def pattern_of(random: Random, fields: int) -> Any:
    """Draw a pattern."""
    if random.random() < 0.1:
        return random.choice(("_", "$1"))
    return tuple(
        random.choice(("_", "$1", "$2", "$1", random.choice(KEYS if at == 0 else VALUES)))
        for at in range(fields)
    )


def spec_of(random: Random, body: Any = None) -> Any:
    """Draw a match specification over rows of two fields."""
    guards = [
        (">", "$1", 1),
        ("=:=", "$2", 1),
        ("==", "$1", 1),
        ("is_integer", "$2"),
        ("is_tuple", "$1"),
        ("not", ("is_list", "$2")),
        ("<", "$2", 3),
        ("=:=", ("element", 1, "$_"), ("const", random.choice(KEYS))),
        ("andalso", ("is_number", "$2"), (">=", "$2", 1)),
        ("or", ("is_list", "$1"), ("is_integer", "$2")),
        "$2",
    ]
    chosen = random.sample(guards, random.choice((0, 1, 1, 2)))
    bodies: list[Any] = ["$1", "$2", "$_", "$$", True, (("$2", "$1"),), ["$1"], ("const", "c")]
    return [(("$1", "$2"), chosen, [random.choice(bodies) if body is None else body])]


def table_step(random: Random, kinds: dict[str, str]) -> Any:
    """Draw an operation on a table."""
    tab = random.choice(list(kinds))
    actor = random.choices(ACTORS, (6, 2, 1))[0]
    # Text orders as a binary here and as an atom there (13.5): not in a table that is ordered.
    keys = tuple(k for k in KEYS if type(k) is not str) if kinds[tab] == "ordered_set" else KEYS
    key, value = random.choice(keys), random.choice(VALUES)
    row = (key, value) if random.random() < 0.85 else (key, value, random.choice(VALUES))
    bag = kinds[tab] == "bag"
    rows = (
        row if bag or random.random() < 0.6 else [row, (random.choice(keys), random.choice(VALUES))]
    )
    ordered = kinds[tab] == "ordered_set"
    options: list[Any] = [
        ("insert", [rows]),
        ("insert", [rows]),
        ("insert", [rows]),
        ("insert_new", [rows]),
        ("lookup", [key]),
        ("lookup", [key]),
        ("member", [key]),
        ("delete", [key]),
        ("lookup_element", [key, random.choice((1, 2, 3))]),
        ("take", [key]),
        ("delete_object", [row]),
        ("tab2list", []),
        ("match", [pattern_of(random, 2)]),
        ("match_object", [pattern_of(random, 2)]),
        ("match_delete", [pattern_of(random, 2)]),
        ("select", [spec_of(random)]),
        ("select", [spec_of(random)]),
        ("select_count", [spec_of(random, True)]),
        ("select_delete", [spec_of(random, True)]),
        (
            "update_counter",
            [
                key,
                random.choice(
                    (1, -2, (2, 3), (2, 2, 4, 0), (2, -1, 0, 9), [(2, 1), (2, 1)], (3, 1), (1, 1))
                ),
            ],
        ),
        ("update_counter", [key, 1, (key, 10)]),
        (
            "update_element",
            [key, random.choice(((2, value), [(2, value)], (3, value), (1, value)))],
        ),
        ("give_away", [("pid", random.choice(ACTORS)), "gift"]),
        ("delete_all_objects", []),
    ]
    if ordered:
        options += [("first", []), ("last", []), ("next", [key]), ("prev", [key])]
    name, args = random.choice(options)
    return ("ets", actor, name, tab, args)


def parts_steps(random: Random, kinds: dict[str, str]) -> list[Any]:
    """Draw a walk through a table in parts; one with an order may change meanwhile."""
    tab, actor = random.choice(list(kinds)), random.choice(ACTORS)
    ordered = kinds[tab] == "ordered_set"
    name = random.choice(("select", "match", "match_object"))
    what = spec_of(random) if name == "select" else pattern_of(random, 2)
    shown = "rows" if ordered else "number"
    steps: list[Any] = [("part", actor, name, tab, [what, random.choice((1, 2, 3))], shown)]
    for _ in range(random.randint(1, 3)):
        if ordered and random.random() < 0.4:
            steps.append(table_step(random, {tab: kinds[tab]}))
        steps.append(("more", actor, name, shown))
    return steps


def registry_step(random: Random, duplicate: bool, partitions: int) -> Any:
    """Draw an operation on the registry."""
    actor, key, value = random.choice(ACTORS), random.choice(KEYS), random.choice(VALUES)
    guard = random.choice(([], [(">", "$1", 1)], [("is_integer", "$1")]))
    look = "lookup_all" if partitions > 1 else "lookup"
    options: list[Any] = (
        [("register", [key, value])] * 5
        + [("unregister", [key])] * 2
        + [
            (look, [key]),
            (look, [key]),
            ("keys", [("pid", random.choice(ACTORS))]),
            ("values", [key, ("pid", random.choice(ACTORS))]),
            ("count", []),
            ("update", [key, value]),
            ("match", [key, "$1", guard]),
            ("count_match", [key, "$1", guard]),
            ("match", [key, ("x", "_")]),
            ("unregister_match", [key, "$1", guard]),
            ("select", [[(("$2", "_", "$1"), guard, [(("$2", "$1"),)])]]),
            ("count_select", [[(("_", "_", "$1"), guard, [True])]]),
            ("whereis", [key]),
            ("put_meta", ["m", value]),
            ("meta", ["m"]),
            ("delete_meta", ["m"]),
            ("cast", [key]),
        ]
    )
    if duplicate:
        options = [each for each in options if each[0] not in ("whereis", "cast")]
    name, args = random.choice(options)
    return ("reg", actor, name, args)


def actors_program(random: Random) -> tuple[Any, int]:
    """Draw operations on tables, or on a registry."""
    steps: list[Any] = []
    if random.random() < 0.6:
        kinds = {}
        for tab in ("t", "u")[: random.randint(1, 2)]:
            kinds[tab] = random.choice(("set", "ordered_set", "bag", "duplicate_bag"))
            heir = random.choice((None, None, "b"))
            access = random.choice(("public", "public", "protected", "private"))
            keypos = 1 if kinds[tab] == "ordered_set" else random.choice((1, 1, 1, 2))
            steps.append(("new", "a", tab, kinds[tab], access, False, keypos, heir))
        for _ in range(random.randint(8, 25)):
            chance = random.random()
            if chance < 0.03:
                steps += [("die", random.choice(("a", "b")), "boom"), ("info", "t"), ("mail", "b")]
            elif chance < 0.12:
                steps += parts_steps(random, kinds)
            else:
                steps.append(table_step(random, kinds))
        steps += [("info", tab) for tab in kinds] + [("mail", "b"), ("mail", "c")]
        return (list(ACTORS), steps), 2
    duplicate, partitions = random.random() < 0.5, random.choice((1, 1, 2))
    listeners = ["the_listener"] if random.random() < 0.3 else []
    if listeners:
        steps.append(("name", "c", "the_listener"))
    steps.append(("reg_start", "duplicate" if duplicate else "unique", partitions, listeners))
    for _ in range(random.randint(6, 20)):
        chance = random.random()
        if chance < 0.04:
            steps.append(("die", random.choice(("a", "b")), "boom"))
        else:
            steps.append(registry_step(random, duplicate, partitions))
    return (list(ACTORS), [*steps, ("mail", "c")]), 4
