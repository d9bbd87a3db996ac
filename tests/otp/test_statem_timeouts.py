"""GenStateMachine: timeouts and enter calls (17.21 to 17.38, 17.45)."""

from typing import Any

import pytest

from simkernel import (
    ErlangError,
    EventTimeout,
    GenericTimeout,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    StateTimeout,
    now,
    self_,
    send,
)
from tests.otp.machines import Entering, callbacks, ending


def after(table: Any, *events: Any, cls: Any = None) -> list[Any]:
    """Give the callbacks after the one of the first event, as type and content."""
    seen = callbacks(table, *events, **({"cls": cls} if cls else {}))
    return [each[:2] for each in seen[1:]]


def keep(*actions: Any) -> Any:
    """Keep all, and do these."""
    return KeepStateAndData(list(actions))


# --- The three kinds -----------------------------------------------------------------------------


@pytest.mark.rule("17.21")
@pytest.mark.parametrize("action", [EventTimeout(10, "t"), ("event_timeout", 10, "t")])
def test_any_event_cancels_the_event_timeout(action: Any) -> None:
    assert after({("a", "x"): keep(action)}, "x", 20) == [("timeout", "t")]
    assert after({("a", "x"): keep(action)}, "x", 5, "y", 20) == [("cast", "y")]


@pytest.mark.rule("17.32")
def test_a_bare_number_is_the_event_timeout() -> None:
    assert after({("a", "x"): keep(10)}, "x") == [("timeout", 10)]


@pytest.mark.rule("17.22")
@pytest.mark.parametrize(
    ("result", "comes"),
    [
        ("keep_state_and_data", True),
        (NextState("a", 1), True),
        (RepeatState(1), True),
        (NextState("b", 1), False),
    ],
)
def test_only_a_change_cancels_the_state_timeout(result: Any, comes: bool) -> None:
    table = {("a", "x"): keep(StateTimeout(10, "t")), ("a", "y"): result}
    late = [("state_timeout", "t")] if comes else []
    assert after(table, "x", 5, "y", 20) == [("cast", "y"), *late]


@pytest.mark.rule("17.23")
def test_generic_timeouts_survive_events_and_changes() -> None:
    table = {
        ("a", "x"): keep(GenericTimeout(20, "t", name="n"), (("timeout", "m"), 10, "s")),
        ("a", "y"): NextState("b", 1),
    }
    assert after(table, "x", 5, "y", 40) == [
        ("cast", "y"),
        (("timeout", "m"), "s"),
        (("timeout", "n"), "t"),
    ]


@pytest.mark.rule("17.32")
def test_the_guides_tuple_is_a_generic_timeout() -> None:
    table = {("a", "x"): keep(("timeout", 10, "t")), ("a", "y"): NextState("b", 1)}
    assert after(table, "x", 5, "y", 20) == [("cast", "y"), (("timeout", "timeout"), "t")]


# --- Setting, cancelling -------------------------------------------------------------------------


@pytest.mark.rule("17.24")
def test_setting_again_restarts() -> None:
    table = {
        ("a", "x"): keep(StateTimeout(10, "first")),
        ("a", "y"): keep(StateTimeout(10, "second")),
        ("a", "z"): keep(),
    }
    assert after(table, "x", 8, "y", 8, "z", 8) == [
        ("cast", "y"),
        ("cast", "z"),
        ("state_timeout", "second"),
    ]


@pytest.mark.rule("17.25")
@pytest.mark.parametrize(
    "action",
    [
        StateTimeout("cancel"),
        StateTimeout("infinity"),
        ("state_timeout", "infinity", "t"),
        ("state_timeout", "cancel"),
    ],
)
def test_infinity_and_cancel_cancel(action: Any) -> None:
    table = {("a", "x"): keep(StateTimeout(10, "t")), ("a", "y"): keep(action)}
    assert after(table, "x", 5, "y", 20) == [("cast", "y")]


@pytest.mark.rule("17.25")
def test_a_timeout_that_is_due_already_can_be_cancelled() -> None:
    table = {
        ("a", "x"): keep(StateTimeout(0, "t"), NextEvent("internal", "i")),
        ("a", "i"): keep(("state_timeout", "cancel")),
    }
    assert after(table, "x") == [("internal", "i")]


@pytest.mark.rule("17.26")
def test_an_update_keeps_the_deadline() -> None:
    table = {
        ("a", "x"): keep(StateTimeout(10, "old")),
        ("a", "y"): keep(("state_timeout", "update", "new")),
    }
    assert after(table, "x", 8, "y", 5, "z") == [
        ("cast", "y"),
        ("state_timeout", "new"),
        ("cast", "z"),
    ]


@pytest.mark.rule("17.26")
def test_an_update_of_none_is_due_at_once() -> None:
    table = {("a", "x"): keep(("state_timeout", "update", "new"))}
    assert after(table, "x", "y") == [("state_timeout", "new"), ("cast", "y")]


@pytest.mark.rule("17.27")
@pytest.mark.parametrize("opts", [("abs", True), [("abs", True)]])
def test_an_absolute_time_may_be_past(opts: Any) -> None:
    table = {("a", "x"): keep(("state_timeout", -7, "t", opts))}
    assert after(table, "x") == [("state_timeout", "t")]


@pytest.mark.rule("17.27")
def test_an_absolute_time_can_count_from_an_instant() -> None:
    def act(*_: Any) -> Any:
        return keep(StateTimeout(10, "t", abs=now()))

    assert after({("a", "x"): act}, "x", 5, "y", 20) == [("cast", "y"), ("state_timeout", "t")]


@pytest.mark.rule("17.28")
def test_a_state_timeout_set_with_a_change_is_of_the_new_state() -> None:
    table = {
        ("a", "x"): keep(StateTimeout(10, "old")),
        ("a", "y"): NextState("b", 1, StateTimeout(10, "new")),
    }
    assert after(table, "x", 5, "y", 20) == [("cast", "y"), ("state_timeout", "new")]


@pytest.mark.rule("17.29")
@pytest.mark.parametrize("ms", [0, 10])
def test_an_inserted_event_cancels_the_event_timeout_beside_it(ms: int) -> None:
    table = {("a", "x"): keep(EventTimeout(ms, "t"), NextEvent("internal", "i"))}
    assert after(table, "x", 20) == [("internal", "i")]


@pytest.mark.rule("17.29")
def test_the_first_of_two_zero_timeouts_cancels_the_event_timeout() -> None:
    state, event = StateTimeout(0, "s"), EventTimeout(0, "e")
    assert after({("a", "x"): keep(state, event)}, "x") == [("state_timeout", "s")]
    assert after({("a", "x"): keep(event, state)}, "x") == [
        ("timeout", "e"),
        ("state_timeout", "s"),
    ]


@pytest.mark.rule("17.30")
def test_an_inserted_timeout_leaves_the_timer() -> None:
    table = {("a", "x"): keep(StateTimeout(10, "t"), NextEvent("state_timeout", "i"))}
    assert after(table, "x") == [("state_timeout", "i"), ("state_timeout", "t")]


@pytest.mark.rule("17.31")
def test_a_timeout_of_nobody_is_an_info() -> None:
    def act(*_: Any) -> Any:
        send(self_(), ("timeout", "ref", "x"))
        return keep(StateTimeout(10, "t"))

    assert after({("a", "x"): act}, "x") == [
        ("info", ("timeout", "ref", "x")),
        ("state_timeout", "t"),
    ]


@pytest.mark.rule("17.45")
def test_a_due_timeout_that_is_set_with_a_time_is_no_longer_due() -> None:
    table = {
        ("a", "x"): keep(StateTimeout(0, "t"), NextEvent("internal", "i")),
        ("a", "i"): keep(StateTimeout(10, "u")),
    }
    assert after(table, "x", "y") == [("internal", "i"), ("cast", "y"), ("state_timeout", "u")]


# --- Enter calls ---------------------------------------------------------------------------------


@pytest.mark.rule("17.33")
def test_the_first_state_is_entered_from_itself() -> None:
    table = {("a", "enter"): KeepState(1)}
    assert callbacks(table, "x", cls=Entering) == [("enter", "a", "a", 0), ("cast", "x", "a", 1)]


@pytest.mark.rule("17.34")
def test_a_state_is_entered_before_any_other_event() -> None:
    table = {
        ("a", "p"): keep(Postpone),
        ("a", "x"): NextState("b", 1, [StateTimeout(0, "t"), NextEvent("internal", "i")]),
        ("b", "enter"): KeepState(2),
    }
    assert callbacks(table, "p", "x", "y", cls=Entering)[3:] == [
        ("enter", "a", "b", 1),
        ("internal", "i", "b", 2),
        ("cast", "p", "b", 2),
        ("state_timeout", "t", "b", 2),
        ("cast", "y", "b", 2),
    ]


@pytest.mark.rule("17.35")
def test_an_enter_call_may_not_change_the_state() -> None:
    table = {("a", "x"): NextState("b", 1), ("b", "enter"): NextState("c", 2)}
    reason, seen = ending(table, "x", cls=Entering)
    why = ("bad_state_enter_return_from_state_function", ("next_state", "c", 2))
    assert (reason[0][0], seen[-1][2:]) == (why[0], ("b", 1))


@pytest.mark.rule("17.36")
@pytest.mark.parametrize("action", ["postpone", ("next_event", "internal", "i")])
def test_an_enter_call_may_neither_postpone_nor_insert(action: Any) -> None:
    table = {("a", "x"): NextState("b", 1), ("b", "enter"): keep(action)}
    reason, _ = ending(table, "x", cls=Entering)
    assert reason[0] == ("bad_state_enter_action_from_state_function", action)


@pytest.mark.rule("17.37")
def test_terminate_sees_the_old_state_when_entering_raises() -> None:
    def fail(*_: Any) -> Any:
        raise ErlangError("oops")

    table = {("a", "x"): NextState("b", 1), ("b", "enter"): fail}
    assert ending(table, "x", cls=Entering)[1][-1] == ("terminate", "oops", "a", 0)


@pytest.mark.rule("17.37")
def test_terminate_sees_the_new_state_when_entering_stops() -> None:
    table = {("a", "x"): NextState("b", 1), ("b", "enter"): ("stop", "why")}
    assert ending(table, "x", cls=Entering)[1][-1] == ("terminate", "why", "b", 1)


@pytest.mark.rule("17.38")
def test_a_timeout_of_the_enter_call_overrides() -> None:
    table = {
        ("a", "x"): NextState("b", 1, StateTimeout(10, "event")),
        ("b", "enter"): keep(StateTimeout(20, "entered")),
    }
    seen = callbacks(table, "x", cls=Entering)
    assert seen[3:] == [("state_timeout", "entered", "b", 1)]
