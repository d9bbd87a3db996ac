"""The machine that a class really is: extracted, learnt, compared."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checkers.machines.alphabet import alphabet_of, event_of
from checkers.machines.driven import Event
from checkers.machines.explicit import Limits
from checkers.machines.extraction import extract, joined, learn
from checkers.machines.files import made, maker
from checkers.machines.mealy import Learner, Mealy, difference
from checkers.machines.proving import prove
from reports import machines as written
from simkernel import (
    GenericTimeout,
    GenServer,
    GenStateMachine,
    KeepStateAndData,
    NextState,
    NoReply,
    Ok,
    Reply,
    StateTimeout,
    Stop,
)
from simkernel.cli.main import main
from simkernel.errors import UsageError
from tests.meta.house import ROOT

LETTERS = ("a", "b", "c")


def random_mealy(seed: int) -> Mealy:
    """Make a random machine."""
    random = Random(seed)
    size, letters = random.randint(1, 8), LETTERS[: random.randint(1, 3)]
    return Mealy(letters, {
        (state, letter): (random.choice([0, 0, 1]), random.randrange(size))
        for state in range(size) for letter in letters
    })  # fmt: skip


class Table(GenStateMachine):
    """A state machine that is its argument: a table of moves."""

    def init(self, moves):
        return ("ok", 0, moves)

    def handle_event(self, event_type, content, state, moves):
        match event_type:
            case ("call", caller):
                output, new = moves[state, content]
                return NextState(new, moves, [Reply(caller, output)])


class Server(GenServer):
    """The same as a server."""

    def init(self, moves):
        return Ok((0, moves))

    def handle_call(self, letter, caller, data):
        state, moves = data
        output, new = moves[state, letter]
        return Reply(output, (new, moves))


def of_events(m: Mealy) -> Mealy:
    """Put a machine into the words of what is driven: calls that are answered."""
    events = {letter: Event("call", letter) for letter in m.alphabet}
    moves = {(state, events[letter]): ((f"replies {output}",), new)
             for (state, letter), (output, new) in m.moves.items()}  # fmt: skip
    return Mealy(tuple(events.values()), moves)


def extracted_is_declared(seed: int) -> None:
    declared = of_events(random_mealy(seed)).minimal()
    moves = dict(random_mealy(seed).moves)
    for cls in (Table, Server):
        found = extract(cls, moves, declared.alphabet, Limits())
        assert not found.stopped
        assert found.mealy.minimal().moves == declared.moves, seed
    asked = learn(Table, moves, declared.alphabet, walks=30)
    assert asked.minimal().moves == declared.moves, seed
    assert len(asked.states) == len(declared.states), seed


@pytest.mark.parametrize("start", range(0, 20, 10))
def test_the_same_machine_as_declared(start: int) -> None:
    for seed in range(start, start + 10):
        extracted_is_declared(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(20, 200, 20))
def test_the_same_machine_as_declared_for_200_random_ones(start: int) -> None:
    for seed in range(start, start + 20):
        extracted_is_declared(seed)


@pytest.mark.parametrize("seed", range(30))
def test_aalpy_learns_the_same(seed: int) -> None:
    sul = pytest.importorskip("aalpy.SULs")
    from aalpy.base import SUL
    from aalpy.learning_algs import run_Lstar
    from aalpy.oracles import StatePrefixEqOracle

    assert sul is not None
    declared = random_mealy(seed)

    class Asked(SUL):  # type: ignore[misc,unused-ignore]
        def pre(self) -> None:
            self.state = 0

        def post(self) -> None:
            pass

        def step(self, letter: Any) -> Any:
            output, self.state = declared.moves[self.state, letter]
            return output

    system = Asked()
    oracle = StatePrefixEqOracle(list(declared.alphabet), system, walks_per_state=50, walk_len=20)
    theirs = run_Lstar(list(declared.alphabet), system, oracle, automaton_type="mealy",
                       print_level=0)  # fmt: skip
    ours = Learner(declared.alphabet, declared.outputs, Random(seed).random).learn()
    assert len(theirs.states) == len(ours.states) == len(declared.minimal().states)
    for number in range(50):
        random = Random(number)
        word = tuple(random.choice(declared.alphabet) for _ in range(12))
        theirs.reset_to_initial()
        assert tuple(theirs.step(letter) for letter in word) == ours.outputs(word)


@pytest.mark.parametrize("seed", range(40))
def test_a_difference_is_shortest_and_is_one(seed: int) -> None:
    a, b = random_mealy(seed), random_mealy(seed)
    random = Random(seed)
    state, letter = random.choice(sorted(b.moves))
    output, new = b.moves[state, letter]
    b = Mealy(b.alphabet, {**b.moves, (state, letter): (1 - output, new)})
    word = difference(a, b)
    if word is None:
        assert a.minimal().moves == b.minimal().moves
        return
    assert a.outputs(word) != b.outputs(word)
    assert a.outputs(word[:-1]) == b.outputs(word[:-1])


# --- What stands out ------------------------------------------------------------------------------


class Door(GenStateMachine):
    def init(self, _):
        return ("ok", "locked", 0)

    def handle_event(self, event_type, content, state, tries):
        match event_type, content, state:
            case ("call", caller), ("code", 7), "locked":
                return NextState("open", 0, [Reply(caller, "ok"), StateTimeout(30, "shut"),
                                             GenericTimeout(100, "beep", "alarm")])  # fmt: skip
            case ("call", caller), ("code", _), "locked" if tries < 2:
                return NextState("locked", tries + 1, [Reply(caller, "wrong")])
            case ("call", caller), ("code", _), "locked":
                return NextState("blocked", 0, [Reply(caller, "blocked")])
            case "state_timeout", "shut", "open":
                return NextState("locked", 0)
            case ("timeout", "alarm"), "beep", _:
                return KeepStateAndData()
            case ("call", _), _, "blocked":
                return KeepStateAndData()
            case "cast", "break", "open":
                return ("stop", "broken")


EVENTS = (Event("call", ("code", 7)), Event("call", ("code", 0)), Event("cast", "break"),
          Event("after", 30), Event("after", 100))  # fmt: skip


def test_the_alphabet_is_read_off_the_clauses() -> None:
    assert alphabet_of(Door, {}) == EVENTS
    assert alphabet_of(Echo, {"WAIT": 5}) == (Event("call", "one"), Event("call", "two"),
                                              Event("cast", ("set", 0)))  # fmt: skip


class Echo(GenServer):
    def init(self, _):
        return Ok(None)

    def handle_call(self, request, caller, state):
        match request:
            case "one" | "two":
                return Reply(request, state)

    def handle_cast(self, request, state):
        match request:
            case ("set", value):
                return NoReply(value)


def test_the_table_shows_guards_missing_clauses_and_what_outlives() -> None:
    found = extract(Door, None, EVENTS, Limits())
    assert found.states == ["'locked'", "'open'", "'blocked'", "(ended)"]
    assert ("'open'", "call ('code', 7)") in found.missing
    assert ("'locked'", "cast 'break'") in found.missing
    assert found.never_left == ["'blocked'"]
    assert any("timeout ('timeout', 'alarm'), set by 'open', still runs in 'locked'" in one
               for one in found.outliving)  # fmt: skip
    wrong = [row for row in found.rows if row.state == "'locked'" and row.event == EVENTS[1]]
    assert {(row.target, row.data) for row in wrong} == {
        ("'locked'", ("0", "1")), ("'blocked'", ("2",)),
    }  # fmt: skip
    (broken,) = [row for row in found.rows if row.state == "'open'" and row.event == EVENTS[2]]
    assert broken.output == ("ends: 'broken'",)
    lines = list(written.table(found))
    assert "never left: 'blocked'" in lines


def test_the_drawings_name_every_state_and_event(tmp_path: Path) -> None:
    found = extract(Door, None, EVENTS, Limits())
    graph = written.graph(found)
    assert set(graph.nodes) == set(found.states)
    assert any("after 30 ms" in label for _, _, label in graph.edges(data="label"))
    mermaid, dot = "\n".join(written.mermaid(found)), "\n".join(written.dot(found))
    for state in ("locked", "open", "blocked"):
        assert state in mermaid
        assert state in dot
    path = tmp_path / "door.py"
    path.write_text("\n".join(written.declaration(found)) + "\n", encoding="utf-8")
    declared = made(maker(str(path)), {})
    assert prove(declared).states == 4


def test_data_without_end_are_said_to_be_cut() -> None:
    class Counter(GenServer):
        def init(self, _):
            return Ok(0)

        def handle_cast(self, request, count):
            match request:
                case "up":
                    return NoReply(count + 1)

        def handle_info(self, message, count):
            match message:
                case "die":
                    return Stop("died", count)

    found = extract(Counter, None, [Event("cast", "up"), Event("info", "die")], Limits(), most=20)
    assert found.stopped == "20 situations"
    assert any("not all situations" in line for line in written.table(found))


def test_events_are_read_from_the_command_line() -> None:
    assert event_of("cast:go") == Event("cast", "go")
    assert event_of("info:('a', 1)") == Event("info", ("a", 1))
    for wrong in ("go", "cats:go", "after:soon"):
        with pytest.raises(UsageError, match="is no event"):
            event_of(wrong)


# --- The commands ---------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0), capsys.readouterr().out


FIXED = str(ROOT / "specs/concurrency/circuit_breaker_fixed.py") + ":Breaker"
BROKEN = str(ROOT / "specs/concurrency/circuit_breaker.py") + ":Breaker"


def test_learn_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "learn", FIXED)
    assert code == 0
    assert "'half open'" in out
    code, out = run(capsys, "learn", FIXED, "--json")
    found = json.loads(out)
    assert (found["schema"], found["situations"], found["missing"]) == ("simkernel.learn/1", 5, [])
    code, out = run(capsys, "learn", FIXED, "--black-box", "--json")
    assert (code, len(json.loads(out)["states"])) == (0, 5)


def test_diff_machines_gives_the_events_on_which_they_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out = run(capsys, "diff-machines", BROKEN, FIXED, "--json")
    found = json.loads(out)
    assert (code, found["same"]) == (1, False)
    assert found["events"][-1] == "call 'may I'"
    assert found["outputs"][0][-1] == ["replies 'yes'"]
    assert found["outputs"][1][-1] == ["replies 'no'"]
    code, out = run(capsys, "diff-machines", FIXED, FIXED)
    assert (code, out) == (0, "they do the same: 5 pairs of situations\n")


@pytest.mark.parametrize(
    "name", ["agent_fsm_fixed.py:AgentFSM", "workflow_fsm_fixed.py:WorkflowFSM"]
)
def test_the_guides_machines_can_be_learnt(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    argument = "{}" if "agent" in name else "None"
    code, out = run(capsys, "learn", str(ROOT / "specs/guide" / name), "--argument", argument,
                    "--json", "--situations", "50")  # fmt: skip
    assert code == 0
    assert json.loads(out)["stopped"] == ""


def test_bad_input_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("learn", "x.py"), ("learn", FIXED + "s"), ("learn", FIXED, "--event", "x"),
                      ("learn", FIXED, "--argument", "x y")):  # fmt: skip
        code, out = run(capsys, *arguments, "--json")
        assert (code, json.loads(out)["schema"]) == (2, "simkernel.error/1")


class Growing(GenStateMachine):
    """Its data have no end, and what happens depends on them."""

    def init(self, _):
        return ("ok", "small", 0)

    def handle_event(self, event_type, content, state, n):
        match event_type, content, state:
            case "cast", "up", _:
                return NextState(state, n + 1)
            case "cast", "look", "small" if n >= 5:
                return NextState("big", n)
            case "cast", "look", _:
                return KeepStateAndData()


def test_what_only_late_data_bring_about_is_not_lost_where_there_are_too_many() -> None:
    alphabet = (Event("cast", "up"), Event("cast", "look"))
    by_data = extract(Growing, None, alphabet, Limits(), most=30)
    outline = extract(Growing, None, alphabet, Limits(), data=False)
    assert (by_data.stopped, outline.stopped) == ("30 situations", "")
    assert outline.states == ["'small'"]
    both = joined(by_data, outline)
    assert both.states == ["'small'", "'big'"]
    (row,) = [row for row in both.rows if row.target == "'big'" and row.state == "'small'"]
    assert row.data[0] == "5"
    assert (both.by_data, both.with_data) == (False, by_data.situations)


def test_limit_what_comes_later_than_the_situations_that_are_seen_is_lost() -> None:
    alphabet = (Event("cast", "up"), Event("cast", "look"))
    by_data = extract(Growing, None, alphabet, Limits(), most=3)
    outline = extract(Growing, None, alphabet, Limits(), data=False)
    assert joined(by_data, outline).states == ["'small'"]
