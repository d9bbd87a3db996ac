"""The language of declared machines: what it means, and what is said of what is wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkers.machines.declaration import Declaration
from checkers.machines.explicit import Limits, explore
from checkers.machines.expressions import constant, every, if_else, some
from checkers.machines.files import made, maker
from checkers.machines.proving import prove
from checkers.machines.semantics import successors
from simkernel.errors import SpecError


def door() -> tuple[Declaration, Any, Any]:
    """Make a door with a number of visitors."""
    m = Declaration("door")
    state = m.choice("state", ["open", "shut"], start="shut")
    visitors = m.integer("visitors", 0, 3)
    return m, state, visitors


def _unknown_value() -> None:
    _, state, _ = door()
    _ = state == "ajar"


def _type_of_comparison() -> None:
    _, state, visitors = door()
    _ = state == visitors


def _order_of_a_choice() -> None:
    _, state, _ = door()
    _ = state < 3


def _number_as_condition() -> None:
    _, _, visitors = door()
    _ = visitors & True


def _python_and() -> None:
    _, state, visitors = door()
    _ = (state == "open") and (visitors < 3)


def _invariant_is_no_condition() -> None:
    m, _, visitors = door()
    m.invariant("few", visitors + 1)


def _invariant_is_text() -> None:
    m, _, _ = door()
    m.invariant("few", "visitors < 3")


def _variable_of_another() -> None:
    m, _, _ = door()
    _, state, _ = door()
    m.invariant("open", state == "open")


def _unknown_variable() -> None:
    m, _, _ = door()
    _ = m["visitor"]


def _out_of_bounds() -> None:
    m, _, visitors = door()
    m.action("many", then={visitors: 7})


def _starts_out_of_bounds() -> None:
    m, _, _ = door()
    m.integer("n", 0, 3, start=4)


def _no_action() -> None:
    m, _, _ = door()
    explore(m)


def _nothing_happens() -> None:
    m, state, _ = door()
    m.action("shut", when=state == "open", then={state: "shut"})
    explore(m)


def _no_start() -> None:
    m, state, _ = door()
    m.action("open", then={state: "open"})
    m.initially(state == "open")
    explore(m)


def _twice() -> None:
    m, _, _ = door()
    m.boolean("state")


def _no_such_key() -> None:
    m, _, _ = door()
    _ = m.table("t", [1, 2], bool)[3]


def _not_symmetric() -> None:
    m, _, _ = door()
    t = m.table("t", [1, 2], bool)
    m.symmetric(t)
    m.action("only one", then={t[1]: True})
    explore(m, symmetry=True)


MISTAKES: dict[Callable[[], None], tuple[str, str]] = {
    _unknown_value: ("state is one of 'open', 'shut', and cannot be 'ajar'", "Give state"),
    _type_of_comparison: ("state is one of 'open', 'shut', and visitors is an integer", "one type"),
    _order_of_a_choice: ("where a number is needed", "ordered"),
    _number_as_condition: ("where a condition is needed", "boolean"),
    _python_and: ("no truth value", "Write & for and"),
    _invariant_is_no_condition: ("where a condition is needed", "boolean"),
    _invariant_is_text: ("'few' is 'visitors < 3', which is no condition", "variables"),
    _variable_of_another: ("names 'state', a variable of 'door', not of 'door'", "Known"),
    _unknown_variable: ("there is no variable 'visitor'", "Did you mean 'visitors'?"),
    _out_of_bounds: ("visitors is an integer from 0 to 3, and cannot be 7", "Give visitors"),
    _starts_out_of_bounds: ("cannot start as 4", "Give n"),
    _no_action: ("no action", "action"),
    _nothing_happens: ("nothing ever happens", "guards"),
    _no_start: ("no situation is initial", "exclude"),
    _twice: ("already a variable 'state'", "name of its own"),
    _no_such_key: ("t has no key 3", "[1, 2]"),
    _not_symmetric: ("action 'only one' tells 1 from 2", "Leave `symmetric` out"),
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__name__)
def test_a_mistake_is_told_with_its_line_and_a_remedy(mistake: Callable[[], None]) -> None:
    what, hint = MISTAKES[mistake]
    with pytest.raises(SpecError) as told:
        mistake()
    assert what in told.value.what
    assert hint in told.value.hint
    assert told.value.path == __file__
    first = mistake.__code__.co_firstlineno
    lines = range(door.__code__.co_firstlineno, first + 8)
    assert told.value.line in lines
    if mistake not in (_no_action, _nothing_happens, _no_start):
        assert told.value.line is not None
        assert told.value.line > first


def test_a_table_is_read_and_written_at_an_expression() -> None:
    m = Declaration("shelf")
    at = m.choice("at", ["x", "y", "z"], start=None)
    full = m.table("full", ["x", "y", "z"], bool)
    m.action("fill", when=~full[at], then={**full.put(at, True)})
    m.invariant("what is read is what was written", full[at] | ~full[at])
    found = explore(m)
    assert found.states == 3 * 2
    assert prove(m, "induction").word == "Held"


def test_numbers_can_be_the_values_of_a_choice() -> None:
    m = Declaration("turn")
    turn = m.choice("turn", [1, 2, 3], start=1)
    other = m.choice("other", [3, 2], start=3)
    m.action("next", then={turn: if_else(turn == 1, 2, if_else(turn == 2, 3, 1))})
    m.action("copy", then={turn: other})
    m.invariant("never equal", ~((turn == 2) & (turn == other)))
    assert explore(m).states == 3
    assert prove(m, "spacer").word == "Held"


def test_a_deadline_stops_time_and_nothing_else() -> None:
    m = Declaration("egg")
    boiled = m.clock("boiled", 9)
    cooking = m.boolean("cooking", True)
    m.action("take it out", when=cooking & (boiled >= 3), then={cooking: False})
    m.deadline(boiled, 5, when=cooking)
    m.invariant("not too long", cooking >> (boiled <= 5))
    m.sometimes("soft", ~cooking & (boiled == 3))
    m.sometimes("long ago", ~cooking & (boiled == 9))
    assert prove(m, "explicit").word == "Held"
    assert prove(m, "induction").word == "Held"
    m.invariant("never hard", cooking >> (boiled < 5))
    assert {prove(m, method).failed for method in ("explicit", "bmc", "spacer")} == {"never hard"}


def test_fairness_decides_what_leads_to_what() -> None:
    def lamp(fair: bool) -> Declaration:
        m = Declaration("lamp")
        on, color = m.boolean("on", True), m.boolean("red")
        m.action("flash", then={color: ~color})
        m.action("off", when=on, then={on: False}, fair=fair)
        m.leads_to("it goes off", on, ~on)
        return m

    assert prove(lamp(True)).word == "Held"
    answer = prove(lamp(False))
    assert (answer.word, answer.failed) == ("Violated", "it goes off")
    assert answer.run is not None
    assert answer.run.back == 0
    assert [step.action for step in answer.run.steps] == ["flash", "flash"]


def test_a_goal_that_is_never_reached_is_a_violation() -> None:
    m, state, visitors = door()
    m.action("open", then={state: "open"})
    m.sometimes("a visitor", visitors > 0)
    assert prove(m).failed == "a visitor"


def test_a_false_lemma_is_told() -> None:
    m, state, _ = door()
    m.action("open", then={state: "open"})
    m.lemma("shut", state == "shut")
    assert {prove(m, method).failed for method in ("explicit", "induction")} == {"shut"}


def test_constants_are_folded() -> None:
    assert [str(one) for one in (every([True, False]), some([False]), constant(2) + 3)] == [
        "False", "False", "5",
    ]  # fmt: skip


def test_what_happens_in_a_situation_can_be_asked() -> None:
    m, state, visitors = door()
    m.action("open", when=state == "shut", then={state: "open"})
    m.action("enter", when=state == "open", then={visitors: visitors + 1})
    given = [(a.name, s) for a, s in successors(m, {"state": "shut", "visitors": 0})]
    assert given == [("open", {"state": "open", "visitors": 0})]
    assert explore(m, Limits(states=100)).failed == "bounds of visitors"


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("", "the file defines no 'machine'", None),
        ("machine = 3", "no function", None),
        ("def machine(n): ...", "parameter 'n'", None),
        ("def machine():\n    return 3", "gives 3", None),
        ("def machine():\n    return 1 / 0", "ZeroDivisionError", 2),
    ],
)
def test_a_file_without_a_machine_is_told(
    tmp_path: Path, text: str, what: str, line: int | None
) -> None:
    path = tmp_path / "planted.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as told:
        made(maker(str(path)), {})
    assert what in told.value.what
    assert told.value.line == line
