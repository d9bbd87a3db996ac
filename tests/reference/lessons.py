"""The programs of the kernel lessons, rule by rule, with what each can and cannot do.

Numbers of outcomes are for `brute.VM`; facts hold for the networks they name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.reference.programs import (
    Op,
    Outcome,
    Program,
    alive,
    cancel,
    demonitor,
    end,
    exit_,
    insert,
    kill,
    length,
    link,
    lookup,
    monitor,
    program,
    recv,
    register,
    send,
    send_after,
    spawn,
    spin,
    trap,
    unlink,
    whereis,
)

BOTH = ("node", "cluster")
NODE = ("node",)
CLUSTER = ("cluster",)


@dataclass(frozen=True)
class Fact:
    """State that some outcome is possible, or that none is, with these logs and reasons."""

    possible: bool
    networks: tuple[str, ...]
    wanted: tuple[tuple[str, object], ...]  # letter and its log, or its reason

    def holds(self, outcomes: Iterable[Outcome]) -> bool:
        return self.possible == any(self._fits(outcome) for outcome in outcomes)

    def _fits(self, outcome: Outcome) -> bool:
        shown = {letter: (log, reason) for letter, log, reason in outcome}
        return all(want in shown[letter] for letter, want in self.wanted)


@dataclass(frozen=True)
class Lesson:
    """Hold a program, its numbers of outcomes (node, cluster) and facts about them."""

    rule: str
    program: Program
    counts: tuple[int, int]
    facts: tuple[Fact, ...] = ()


def can(networks: tuple[str, ...] = BOTH, **wanted: object) -> Fact:
    return Fact(True, networks, tuple(wanted.items()))


def cannot(networks: tuple[str, ...] = BOTH, **wanted: object) -> Fact:
    return Fact(False, networks, tuple(wanted.items()))


def _lesson(rule: str, counts: tuple[int, int], *facts: Fact, **bodies: list[Op]) -> Lesson:
    return Lesson(rule.split(maxsplit=1)[0], program(rule, **bodies), counts, facts)


def _down(reason: str, label: str = "m") -> tuple[str, ...]:
    return ("DOWN", label, "process", "A", reason)


def _exit(letter: str, reason: str) -> tuple[str, str, str]:
    return ("EXIT", letter, reason)


WAIT = [recv("zz")]
"""The body of a main that keeps the table."""

EFFECTS = [
    _lesson(
        "1 a kill cuts after any prefix", (4, 4),
        *(can(C=log, A="killed") for log in ((), ("a",), ("a", "b"))),
        can(C=("a", "b"), A="normal"), cannot(C=(), A="normal"), cannot(C=("b",)),
        A=[send("C", "a"), send("C", "b")], B=[kill("A")], C=[recv(), recv()],
    ),
    _lesson(
        "1 main kills on the first", (3, 3),
        can(main=("one",), A="killed"), can(main=("one", "two"), A="killed"),
        cannot(main=("one",), A="normal"),
        A=[send("main", "one"), send("main", "two")], main=[recv(), kill("A"), recv()],
    ),
    _lesson(
        "2 the cut is not chosen after the step", (3, 3),
        can(B=("a",), C=(), A="killed"), can(B=("a",), C=("b",), A="killed"),
        can(C=("b",), A="normal"), cannot(C=(), A="normal"),
        A=[send("B", "a"), send("C", "b")], B=[recv(), kill("A")], C=[recv()],
    ),
    _lesson(
        "3 overtaken through a third process", (2, 2),
        can(main=("w", "a")), can(main=("a", "w")),
        A=[send("B", "w"), send("main", "a")], B=[recv(), send("main", "w")],
        main=[recv(), recv()],
    ),
    _lesson(
        "4 the end is an event", (2, 2),
        can(B=("a", _down("normal"))), can(B=("a", _down("noproc"))),
        A=[send("B", "a")], B=[recv(), monitor("A"), recv()],
    ),
    _lesson(
        "4 alive after the last send", (2, 2), can(B=("a", True)), can(B=("a", False)),
        A=[send("B", "a")], B=[recv(), alive("A")],
    ),
    _lesson(
        "4 a name after its owner's last statement", (2, 2),
        can(B=("a", "A")), can(B=("a", None)),
        A=[register("n"), send("B", "a")], B=[recv(), whereis("n")],
    ),
    _lesson(
        "5 a name is looked up at the send", (2, 2),
        can(A=("badarg",), B=("a", True)), can(A=("sent",), B=("a", True, "b")),
        cannot(A=("badarg",), B=("a", True, "b")),
        A=[send("B", "a"), send("n", "b")], B=[recv(), register("n"), recv()],
    ),
]  # fmt: skip

HANDLING = [
    _lesson(
        "6 a victim acts after the kill", (7, 7),
        can(B=(), C=(), ), *(can(B=(seen,), C=("x",)) for seen in (None, "v")),
        *(can(B=(seen,), C=()) for seen in (None, "v")),
        can(B=("v",), C=("x",)), can(B="normal", A=(True,)),
        main=WAIT, A=[kill("B"), insert("k", "v")], B=[lookup("k"), send("C", "x")], C=[recv()],
    ),
    _lesson(
        "6 a name after the kill", (2, 2), can(C=("go", "B"), B="killed"), can(C=("go", None)),
        B=[register("n"), send("A", "r"), recv()], A=[recv(), kill("B"), send("C", "go")],
        C=[recv(), whereis("n")],
    ),
    _lesson(
        "6 the killer itself asks", (2, 2), can(A=("r", "B")), can(A=("r", None)),
        B=[register("n"), send("A", "r"), recv()], A=[recv(), kill("B"), whereis("n")],
    ),
    _lesson(
        "6 the killer asks alive", (1, 1), can(A=(False,)), cannot(A=(True,)),
        B=[recv()], A=[kill("B"), alive("B")],
    ),
    _lesson(
        "6 the end does not wait for a kill that was sent", (3, 3),
        can(B=("v",), A=(True,)), can(B="normal"), can(B="killed"),
        main=WAIT, A=[kill("B"), insert("k", "v")], B=[spin("k")],
    ),
    _lesson(
        "7 trapped for a moment", (4, 4),
        can(A=("m", _exit("B", "x"))), can(A=(_exit("B", "x"), "m")), can(A="x"),
        A=[trap(), trap(False), recv(), recv()], B=[exit_("A", "x")], C=[send("A", "m")],
    ),
    _lesson(
        "7 to oneself", (2, 2), can(A=("s",)), can(A=("m",)),
        A=[send("A", "s"), recv()], B=[send("A", "m")],
    ),
    _lesson(
        "7 a time-out sees all that has arrived", (1, 2),
        can(B=("v", "a")), can(CLUSTER, B=("v", "timeout")), cannot(NODE, B=("v", "timeout")),
        main=WAIT, A=[send("B", "a"), insert("k", "v")], B=[spin("k"), recv(after=0)],
    ),
    _lesson(
        "8 death observes bookkeeping", (33, 37), can(B="noproc"), can(B="killed"), can(B="x"),
        A=[exit_("C", "x")], B=[link("C")], C=[kill("B"), unlink("B"), link("B")],
    ),
    _lesson(
        "9 sends are ordered, not steps", (3, 4),
        can(CLUSTER, C=("d", "a"), D=("b", "c")), cannot(NODE, C=("d", "a"), D=("b", "c")),
        A=[send("C", "a"), send("D", "b")], B=[send("D", "c"), send("C", "d")],
        C=[recv(), recv()], D=[recv(), recv()],
    ),
    _lesson(
        "10 two lengths", (4, 4), can(A=(0,), B=(0,)), can(A=(1,), B=(1,)),
        A=[send("B", "x"), length()], B=[send("A", "y"), length()],
    ),
    _lesson(
        "10 two time-outs", (3, 4),
        can(CLUSTER, A=("timeout",), B=("timeout",)), cannot(NODE, A=("timeout",), B=("timeout",)),
        A=[send("B", "x"), recv(after=0)], B=[send("A", "y"), recv(after=0)],
    ),
    _lesson(
        "11 arrival order among the others", (2, 2), can(C=("y", "x")), can(C=("y", "z")),
        A=[send("C", "x"), send("C", "y")], B=[send("C", "z")], C=[recv("y"), recv("x", "z")],
    ),
    _lesson(
        "11 x came before y", (2, 2),
        can(C=("y", "x")), can(C=("z", "x")), cannot(C=("y", "z")),
        A=[send("C", "x"), send("C", "y")], B=[send("C", "z")], C=[recv("y", "z"), recv("x", "z")],
    ),
]  # fmt: skip

TIME = [
    _lesson(
        "12 equal deadlines", (2, 2), can(A=("x", "y")),
        A=[send_after("A", "x", 5, "t1"), send_after("A", "y", 5, "t2"), recv(), recv()],
    ),
    _lesson(
        "12 the later set may come first", (2, 2), can(A=("y", "x")), can(A=("x", "y")),
        A=[send_after("A", "x", 6, "t1"), send_after("A", "y", 5, "t2"), recv(), recv()],
    ),
    _lesson(
        "12 set first, due first", (1, 1), cannot(A=("y", "x")),
        A=[send_after("A", "x", 5, "t1"), send_after("A", "y", 6, "t2"), recv(), recv()],
    ),
    _lesson(
        "12 a timer beats a longer patience", (1, 1), cannot(A=("timeout",)),
        A=[send_after("A", "x", 5), recv(after=30)],
    ),
    _lesson(
        "12 a timer against a shorter patience", (2, 2), can(A=("timeout",)), can(A=("x",)),
        A=[send_after("A", "x", 30), recv(after=5)],
    ),
    _lesson(
        "12 death of the target cancels", (2, 2), cannot(A=("left",), B="normal"),
        can(A=(False,)), can(A=("left",)),
        A=[send_after("B", "x", 5), kill("B"), cancel()], B=[recv("y")],
    ),
]  # fmt: skip

SEEN = [
    _lesson(
        "seen EXIT, then DOWN", (5, 5),
        *(can(C=("ok", _exit("A", r), _down(q)))
          for r, q in (("normal", "normal"), ("normal", "noproc"), ("noproc", "noproc"))),
        cannot(C=("ok", _down("normal"), _exit("A", "normal"))),
        can(C=("ok", _down("noproc"), _exit("A", "noproc"))),
        can(C=("ok", _down("noproc"), _exit("A", "normal"))),
        C=[trap(), link("A"), monitor("A"), recv(), recv()], A=[],
    ),
    _lesson(
        "seen monitor first", (5, 5),
        can(C=("ok", _exit("A", "noproc"), _down("noproc"))),
        can(C=("ok", _down("noproc"), _exit("A", "noproc"))),
        cannot(C=("ok", _down("normal"), _exit("A", "normal"))),
        C=[trap(), monitor("A"), link("A"), recv(), recv()], A=[],
    ),
    _lesson(
        "open two noproc answers", (10, 10),
        can(C=("ok", _down("noproc"))), can(C=("noproc", _down("noproc"))), can(C="noproc"),
        A=[trap(), recv()], B=[send("A", "a"), send("A", "b")],
        C=[link("A"), monitor("A"), recv(after=0)],
    ),
    _lesson(
        "open death signals are not one event", (5, 5),
        can(B=("m", _exit("C", "x"))), can(B=(_exit("C", "x"), "m")),
        A=[trap(), recv("EXIT"), send("B", "m")], B=[trap(), recv(), recv()],
        C=[link("A"), link("B"), end("x")],
    ),
    _lesson(
        "found a monitor leaves late", (2, 2),
        can(D=(True, "v", _down("noproc")), B=("v", _down("killed"), True)),
        main=WAIT, A=[recv("zz")],
        B=[monitor("A"), spin("k"), kill("A"), recv(), insert("j", "v")],
        D=[monitor("A"), insert("k", "v"), spin("j"), recv()],
    ),
    _lesson(
        "found unlink does not look", (4, 4),
        can(C=("v", True)), can(C="normal"),
        main=WAIT, A=[exit_("C", "x"), insert("k", "v"), recv("zz")],
        C=[spin("k"), unlink("A"), insert("d", "w")],
    ),
    _lesson(
        "found demonitor does not look", (5, 5),
        can(C=("v", True, True)),
        main=WAIT, A=[exit_("C", "x"), insert("k", "v"), recv("zz")],
        C=[monitor("A"), spin("k"), demonitor(mode="flush_info"), insert("d", "w")],
    ),
    _lesson(
        "found trap off does not look", (4, 4),
        can(C=("v", True), A="stuck"), can(C="x"),
        main=WAIT, A=[exit_("C", "x"), insert("k", "v"), recv("zz")],
        C=[trap(), spin("k"), trap(False), insert("d", "w"), recv("zz")],
    ),
    _lesson(
        "found link does not look", (9, 9),
        can(C=("v", "ok", True), A="stuck"),
        main=WAIT, A=[exit_("C", "x"), insert("k", "v"), recv("zz")],
        C=[spin("k"), link("A"), insert("d", "w")],
    ),
    _lesson(
        "found length does not look", (5, 5),
        can(C=("v", 0, True)),
        main=WAIT, A=[exit_("C", "x"), insert("k", "v"), recv("zz")],
        C=[spin("k"), length(), insert("d", "w")],
    ),
    _lesson(
        "found alive looks past messages", (2, 2), can(B=("v", 0, True)), can(B=("v", 1, True)),
        main=WAIT, A=[send("B", "a"), alive("B"), insert("k", "v"), recv("zz")],
        B=[spin("k"), length(), insert("d", "w"), recv("zz")],
    ),
    _lesson(
        "found alive, then killed", (10, 10), can(A=(True,), B=(0,)), can(A=(True,), B=(1,)),
        A=[send("B", "a"), alive("B")], B=[kill("A"), length()],
    ),
    _lesson(
        "found dead before its table is gone", (8, 8), can(A=("a", "noproc", True)),
        can(A=("a", "noproc", "badarg")), can(A=("a", "ok", True)),
        main=[send("A", "a")], A=[recv(), link("main"), insert("k", "v")],
    ),
    _lesson(
        "found dead before its name is free", (8, 8), can(A=("a", "noproc", "main")),
        cannot(A=("a", None, "ok")),
        main=[register("n"), send("A", "a")], A=[recv(), link("main"), whereis("n")],
    ),
    _lesson(
        "found a name is free before a table is gone", (3, 3), cannot(A=("a", None, True)),
        main=[register("n"), send("A", "a")], A=[recv(), whereis("n"), insert("k", "v")],
    ),
    _lesson(
        "found exit of oneself comes in order", (6, 6),
        can(B=("ok",), A="killed"), can(B="noproc"), can(B="killed"), can(B=("noproc",)),
        A=[kill("A")], B=[link("A")],
    ),
    _lesson(
        "found a child acts before a monitor leaves", (2, 2),
        can(A=(("DOWN", "m", "process", "B", "killed"),)),
        can(A=(("DOWN", "m", "process", "B", "noproc"),)),
        A=[monitor("B"), spawn("X"), recv()], B=[recv("zz")], X=[kill("B")],
    ),
    _lesson(
        "found one's own message is not counted behind a request", (8, 8),
        can(main=("noproc", 0)), can(main=("noproc", 1)), cannot(main=("noproc", 2)),
        main=[send("main", "a"), link("A"), length()], A=[monitor("main")],
    ),
    _lesson(
        "found one's own message is counted behind others", (2, 2),
        can(main=(1,)), can(main=(2,)), cannot(main=(0,)),
        main=[send("main", "a"), length()], A=[send("main", "b")],
    ),
]  # fmt: skip

LESSONS = (*EFFECTS, *HANDLING, *TIME, *SEEN)
