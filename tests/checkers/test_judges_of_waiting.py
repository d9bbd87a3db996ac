"""The judges of deadlocks, of missing clauses, and of what stays postponed."""

from __future__ import annotations

import pytest

from tests.checkers.judged import (
    a_child_that_asks_its_supervisor,
    a_knock_at_a_closed_door,
    a_knock_at_a_door_that_is_opened,
    a_till_is_robbed,
    an_open_door_is_opened,
    an_open_door_is_opened_and_somebody_watches,
    found,
    one_friend,
    text,
    two_friends,
    verdict,
)

# --- Deadlock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["walk", "dfs", "rf", "dpor"])
def test_servers_that_call_each_other_are_a_deadlock_and_the_circle_is_named(strategy: str) -> None:
    example = verdict(two_friends, strategy).counterexample
    first, *others = example.findings
    assert (first.kind, first.process) == ("deadlock", "<root.1>")
    assert first.text == (
        "<root.1> waits for <root.2> to answer 'well?', <root.2> waits for <root.1> to answer "
        "'well?'"
    )
    # Who asked one of them is stuck behind the circle, not in it.
    assert {one.kind for one in others} == {"caller stuck"}


def test_a_deadlock_that_time_limits_end_is_named_with_the_crash_that_it_leads_to() -> None:
    example = verdict(
        two_friends, parameters={"limit": 5_000}, declared={"settle": True}
    ).counterexample
    assert [one.kind for one in example.findings][:2] == ["deadlock", "crash"]
    assert example.findings[0].text.endswith(", until the time of one is over")


def test_a_deadlock_is_found_though_a_clock_ticks_elsewhere() -> None:
    ticking = {"settle": True, "horizon_ms": 3_000}
    assert "deadlock" in found(two_friends, parameters={"ticks": True}, declared=ticking)


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
def test_who_asks_in_one_direction_only_is_answered(strategy: str) -> None:
    assert found(one_friend, strategy) == set()


def test_a_child_that_asks_its_supervisor_while_it_starts_waits_for_who_waits_for_it() -> None:
    assert "to start" in text(a_child_that_asks_its_supervisor, "deadlock")


# --- No clause -----------------------------------------------------------------------------------


def test_an_event_without_a_clause_is_named_with_its_state() -> None:
    said = text(an_open_door_is_opened, "no clause")
    assert "no clause for 'cast', 'open' in state 'open'" in said


def test_an_event_without_a_clause_is_found_though_somebody_watches() -> None:
    assert found(an_open_door_is_opened_and_somebody_watches) == {"no clause"}


def test_a_request_without_a_clause_is_named_with_its_callback_and_state() -> None:
    said = text(a_till_is_robbed, "no clause")
    assert "no clause of handle_call for 'take all' in state 7" in said


# --- Postponed -----------------------------------------------------------------------------------


def test_an_event_that_stays_postponed_is_found() -> None:
    said = text(a_knock_at_a_closed_door, "postponed")
    assert said == "<root.1> keeps 'cast', 'knock' postponed for ever, in state 'closed'"


def test_an_event_that_is_handled_in_a_later_state_is_none() -> None:
    assert found(a_knock_at_a_door_that_is_opened) == set()
