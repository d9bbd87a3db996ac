"""The comparison finds what differs, the page is fresh, and the command works without Erlang."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance import __main__ as command
from tests.conformance import beam, cases, compare, page, programs, recording, words
from tests.conformance.lab import FAMILIES, Pair, pairs, run_here, say
from tests.meta import rule_table


async def says(what: Any) -> Any:
    return say(what)


def scenario(*args: Any) -> Pair:
    return Pair("process", "says", says, args, (), ())


def test_a_log_that_differs_is_a_difference_and_so_is_one_that_varies() -> None:
    here = run_here(scenario("a"))
    assert here == ["a", "{returned, a}"]
    assert compare.against([scenario("a")], [[here]]) == []
    (other,) = compare.against([scenario("a")], [[["b", "{returned, b}"]]])
    assert (other.what, other.here) == ("ours differs", here)
    (varies,) = compare.against([scenario("a")], [[here, ["b"]]])
    assert varies.what == "the VM varies"


def test_what_differs_alone_differs_unless_the_vm_itself_does_both() -> None:
    logs = [["a", "a"], ["b", "b"], ["a", "b"], ["c", "b"]]
    asked = [(n, "a") for n in range(4)]
    still, equal, varied = compare.sorted_out(asked, logs)
    assert (still, equal, varied) == ([((1, "a"), "b"), ((3, "a"), "c")], 1, 1)


def test_a_program_whose_log_depends_on_the_schedule_here_does_not_count() -> None:
    starts = [("start", name, False, False, "ok") for name in ("p0", "p1", "p2")]
    told = ("cast", "p1", [("send", "p2", "a"), "noreply"])
    racing = ("cast", "p0", [told, ("send", "p2", "b"), "noreply"])
    alone = ("cast", "p0", [told, "noreply"])
    assert cases.here("genserver", [*starts, alone], 30) is not None
    assert cases.here("genserver", [*starts, racing], 30) is None


def test_two_equal_time_limits_one_after_the_other_are_a_race() -> None:
    asks_back = ("call", "p1", [("link", "p2"), ("exit", "p3", "normal"), ("reply", "r")])
    program = [
        *(("start", f"p{n}", False, n == 2, "ok") for n in range(3)),
        ("call", "p1", [("call", "p2", [asks_back, ("save",), "noreply"]), ("unlink", "p3"),
                        ("reply", "r")]),
    ]  # fmt: skip
    ours = cases.here("genserver", program, 30)
    assert ours is not None
    late = "{p2, {called, {exit, {timeout, call}}}}"
    assert late in ours
    theirs = ["{p2, {called, {ok, r}}}" if line == late else line for line in ours]
    assert cases.racing("genserver", program, 30, theirs)
    assert not cases.racing("genserver", program, 30, [*ours, "{p1, nobody}"])


def test_the_same_seed_draws_the_same_programs() -> None:
    from random import Random

    for draw in (programs.tree_program, programs.peers_program, programs.actors_program):
        assert [draw(Random(3)) for _ in range(5)] == [draw(Random(3)) for _ in range(5)]


def test_every_rule_is_shown_or_excused_and_every_trap_has_a_scenario() -> None:
    assert page.unexplained() == []
    known = {rule.number for rule in rule_table.rules(rule_table.SEMANTICS.read_text())}
    assert {rule for each in pairs() for rule in each.rules} <= known
    assert {trap for each in pairs() for trap in each.traps} == set(range(1, 24))
    assert len(pairs()) >= 250
    assert len({each.id for each in pairs()}) == len(pairs())


def test_the_page_is_fresh() -> None:
    assert page.PAGE.read_text() == page.page(), "run python -m tests.conformance.page --write"


def test_recordings_name_their_versions() -> None:
    for family in FAMILIES:
        header, logs = recording.read(family)
        assert header == {"recording": 1, "otp": "25", "elixir": header["elixir"]}
        assert logs


def test_without_erlang_the_command_says_what_to_install_and_compares_the_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(beam, "MISSING", "elixir")
    assert command.main(["--family", "agent", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "apt-get install erlang elixir" in err
    (summary,) = json.loads(out)["summaries"]
    assert (summary["kind"], summary["differences"]) == ("recorded pairs", [])


def test_words_number_pids_by_where_they_are_mentioned() -> None:
    from simkernel import Pid, Ref

    log = [(Pid((2,)), Ref((1,), 1)), [Pid((1,)), Pid((2,))]]
    assert words.words(log) == ["{pid1, ref1}", "[pid2, pid1]"]
