"""GenStateMachine: results, actions, the order of events, enter calls (17.1 to 17.20)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    ErlangError,
    GenStateMachine,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    Throw,
    log,
    process_flag,
    receive,
    send,
    simulate,
)
from tests.otp.machines import Entering, Shown, callbacks, ending
from tests.otp.running import raising, run


def started(start: Any, cls: Any = Shown, table: Any = None) -> Any:
    """Give what a start gives, the exit reason if any, and what was logged."""

    async def main() -> Any:
        process_flag("trap_exit", True)
        result = await GenStateMachine.start_link(cls, (start, table or {}))
        log("told")
        ended = await receive(("EXIT", ANY, ANY), after=5)
        return result, ended[2] if type(ended) is tuple else None

    result = simulate(main)
    return *result.returned, list(result.logged)


# --- Starting ------------------------------------------------------------------------------------


@pytest.mark.rule("17.1")
@pytest.mark.parametrize(
    ("start", "seen"),
    [
        (("ok", "a", 7), []),
        (("ok", "a", 7, []), []),
        (("ok", "a", 7, [NextEvent("internal", "go")]), [("internal", "go", "a", 7)]),
        (("ok", "a", 7, ("next_event", "internal", "go")), [("internal", "go", "a", 7)]),
    ],
)
def test_init_gives_state_data_and_actions(start: Any, seen: Any) -> None:
    result, ended, logged = started(start)
    assert (result[0], ended) == ("ok", None)
    assert [each for each in logged if each != "told"] == seen


@pytest.mark.rule("17.1")
def test_the_starter_is_told_even_if_the_first_enter_call_fails() -> None:
    result, ended, _ = started(("ok", "a", 7), Entering, {("a", "enter"): "stop"})
    assert (result[0], ended) == ("ok", "normal")


@pytest.mark.rule("17.2")
@pytest.mark.parametrize(
    ("start", "result", "reason"),
    [
        ("ignore", "ignore", "normal"),
        (("stop", "why"), ("error", "why"), "why"),
        (
            "odd",
            ("error", ("bad_return_from_init", "odd")),
            ("bad_return_from_init", "odd"),
        ),
    ],
)
def test_other_results_of_init_are_those_of_servers(start: Any, result: Any, reason: Any) -> None:
    assert started(start)[:2] == (result, reason)


@pytest.mark.rule("17.3")
def test_a_raise_in_init_is_told_without_its_stack() -> None:
    result, ended, _ = started(raising(ErlangError("oops")))
    assert (result, ended[0]) == (("error", "oops"), "oops")


@pytest.mark.rule("17.3")
def test_a_throw_in_init_counts_as_its_result() -> None:
    assert started(raising(Throw(("ok", "a", 7))))[0][0] == "ok"


class ByState(GenStateMachine, callback_mode="state_functions"):
    """A function for each state."""

    def init(self, argument: Any) -> Any:
        return ("ok", "closed", argument)

    def closed(self, type_: Any, content: Any, data: Any) -> Any:
        log(("closed", type_, content, data))
        return ("next_state", "opened", data + 1)

    def opened(self, type_: Any, content: Any, data: Any) -> Any:
        log(("opened", type_, content, data))
        return "keep_state_and_data"


@pytest.mark.rule("17.4")
def test_a_state_names_the_function_that_gets_its_events() -> None:
    async def main() -> Any:
        _, pid = await GenStateMachine.start_link(ByState, 0)
        GenStateMachine.cast(pid, "push")
        send(pid, "hello")
        await receive(after=10)

    assert list(simulate(main).logged) == [
        ("closed", "cast", "push", 0),
        ("opened", "info", "hello", 1),
    ]


@pytest.mark.rule("17.4", "17.5")
def test_events_tell_how_they_came() -> None:
    async def main() -> Any:
        answer = {("a", "ask"): lambda type_, data: KeepState(data, ("reply", type_[1], "yes"))}
        _, pid = await GenStateMachine.start_link(Shown, (("ok", "a", 0), answer))
        GenStateMachine.cast(pid, "x")
        send(pid, "y")
        return await GenStateMachine.call(pid, "ask")

    result = simulate(main)
    assert result.returned == "yes"
    assert list(result.logged) == [
        ("cast", "x", "a", 0),
        ("info", "y", "a", 0),
        ("call", "ask", "a", 0),
    ]


# --- Results -------------------------------------------------------------------------------------


@pytest.mark.rule("17.6")
@pytest.mark.parametrize(
    ("result", "state", "data"),
    [
        (NextState("b", 1), "b", 1),
        (("next_state", "b", 1), "b", 1),
        (("next_state", "b", 1, []), "b", 1),
        (KeepState(1), "a", 1),
        (("keep_state", 1), "a", 1),
        (("keep_state", 1, []), "a", 1),
        (KeepStateAndData, "a", 0),
        (KeepStateAndData([]), "a", 0),
        ("keep_state_and_data", "a", 0),
        (("keep_state_and_data", []), "a", 0),
        (RepeatState(1), "a", 1),
        ("repeat_state_and_data", "a", 0),
        (("repeat_state_and_data", []), "a", 0),
    ],
)
def test_a_result_says_what_changes(result: Any, state: Any, data: Any) -> None:
    seen = callbacks({("a", "x"): result}, "x", "y")
    assert seen == [("cast", "x", "a", 0), ("cast", "y", state, data)]


@pytest.mark.rule("17.7")
def test_next_state_with_the_same_state_enters_and_retries_nothing() -> None:
    table = {("a", "p"): ("keep_state_and_data", "postpone"), ("a", "x"): NextState("a", 1)}
    assert callbacks(table, "p", "x", cls=Entering) == [
        ("enter", "a", "a", 0),
        ("cast", "p", "a", 0),
        ("cast", "x", "a", 0),
    ]


@pytest.mark.rule("17.8")
def test_a_float_is_another_state_than_the_integer() -> None:
    seen = callbacks({(1, "x"): NextState(1.0, 0)}, "x", start=("ok", 1, 0), cls=Entering)
    assert seen == [("enter", 1, 1, 0), ("cast", "x", 1, 0), ("enter", 1, 1.0, 0)]


@pytest.mark.rule("17.9")
def test_repeating_enters_but_is_no_state_change() -> None:
    table = {
        ("a", "p"): ("keep_state_and_data", ["postpone", ("state_timeout", 10, "late")]),
        ("a", "x"): RepeatState(1),
    }
    assert callbacks(table, "p", "x", 20, cls=Entering) == [
        ("enter", "a", "a", 0),
        ("cast", "p", "a", 0),
        ("cast", "x", "a", 0),
        ("enter", "a", "a", 1),
        ("state_timeout", "late", "a", 1),
    ]


# --- Actions -------------------------------------------------------------------------------------


@pytest.mark.rule("17.10")
@pytest.mark.parametrize(
    ("actions", "retried"),
    [
        ("postpone", True),
        (Postpone(), True),
        (["postpone", ("postpone", False)], False),
        ([("postpone", False), Postpone(True)], True),
    ],
)
def test_the_last_word_on_postponing_holds(actions: Any, retried: bool) -> None:
    table = {("a", "x"): KeepStateAndData(actions), ("a", "go"): NextState("b", 0)}
    retry = [("cast", "x", "b", 0)] if retried else []
    assert callbacks(table, "x", "go")[2:] == retry


@pytest.mark.rule("17.10")
def test_of_a_timeout_that_is_set_twice_the_last_setting_holds() -> None:
    actions = [("state_timeout", 5, "first"), ("state_timeout", 9, "second")]
    seen = callbacks({("a", "x"): KeepStateAndData(actions)}, "x")
    assert seen[1:] == [("state_timeout", "second", "a", 0)]


@pytest.mark.rule("17.11", "17.12")
def test_replies_before_a_bad_action_are_sent() -> None:
    def answer(type_: Any, _: Any) -> Any:
        return KeepStateAndData([("reply", type_[1], "early"), "nonsense"])

    async def main() -> Any:
        _, pid = await GenStateMachine.start(Shown, (("ok", "a", 0), {("a", "ask"): answer}))
        return await GenStateMachine.call(pid, "ask")

    assert run(main) == "early"


@pytest.mark.rule("17.12")
@pytest.mark.parametrize(
    "action",
    [
        "nonsense",
        -1,
        ("reply", "nobody", 1),
        ("state_timeout", -1, "x"),
        ("state_timeout",),
        ("next_event", "enter", "x"),
        ("postpone", "maybe"),
        "pop_callback_module",
    ],
)
def test_what_is_no_action_ends_the_machine(action: Any) -> None:
    reason, seen = ending({("a", "x"): KeepState(1, action)}, "x")
    assert reason[0] == ("bad_action_from_state_function", action)
    assert seen[1:] == [("terminate", ("bad_action_from_state_function", action), "a", 1)]


# --- The order of events -------------------------------------------------------------------------

LATER = KeepStateAndData(Postpone)


@pytest.mark.rule("17.13")
def test_postponed_events_come_in_order_after_the_next_change() -> None:
    table = {("a", "x"): LATER, ("a", "y"): LATER, ("a", "go"): NextState("b", 1)}
    assert callbacks(table, "x", "y", "other", "go", "last") == [
        ("cast", "x", "a", 0),
        ("cast", "y", "a", 0),
        ("cast", "other", "a", 0),
        ("cast", "go", "a", 0),
        ("cast", "x", "b", 1),
        ("cast", "y", "b", 1),
        ("cast", "last", "b", 1),
    ]


@pytest.mark.rule("17.14")
def test_postponing_and_changing_retries_at_once() -> None:
    seen = callbacks({("a", "x"): NextState("b", 1, Postpone)}, "x", "y")
    assert seen == [("cast", "x", "a", 0), ("cast", "x", "b", 1), ("cast", "y", "b", 1)]


@pytest.mark.rule("17.15")
def test_those_postponed_again_stay_the_oldest() -> None:
    table = {
        ("a", "x"): LATER,
        ("a", "y"): LATER,
        ("a", "z"): LATER,
        ("a", "go"): NextState("b", 1),
        ("b", "x"): LATER,
        ("b", "y"): NextState("c", 2),
    }
    assert callbacks(table, "x", "y", "z", "go")[4:] == [
        ("cast", "x", "b", 1),
        ("cast", "y", "b", 1),
        ("cast", "x", "c", 2),
        ("cast", "z", "c", 2),
    ]


def inserting(*contents: Any) -> Any:
    """Insert internal events."""
    return KeepStateAndData([NextEvent("internal", content) for content in contents])


@pytest.mark.rule("17.16")
def test_inserted_events_come_before_those_that_wait() -> None:
    assert callbacks({("a", "x"): inserting("i", "j")}, "x", "y") == [
        ("cast", "x", "a", 0),
        ("internal", "i", "a", 0),
        ("internal", "j", "a", 0),
        ("cast", "y", "a", 0),
    ]


@pytest.mark.rule("17.17")
def test_what_an_inserted_event_inserts_comes_before_its_siblings() -> None:
    table = {("a", "x"): inserting("i", "j"), ("a", "i"): inserting("k", "l")}
    assert [content for _, content, *_ in callbacks(table, "x")] == ["x", "i", "k", "l", "j"]


@pytest.mark.rule("17.18")
def test_inserted_events_come_before_retried_ones() -> None:
    table = {("a", "x"): LATER, ("a", "go"): NextState("b", 1, NextEvent("internal", "i"))}
    assert callbacks(table, "x", "go")[2:] == [("internal", "i", "b", 1), ("cast", "x", "b", 1)]


@pytest.mark.rule("17.19")
def test_an_inserted_event_can_be_postponed() -> None:
    table = {("a", "x"): inserting("i"), ("a", "i"): LATER, ("a", "go"): NextState("b", 1)}
    assert callbacks(table, "x", "go")[2:] == [("cast", "go", "a", 0), ("internal", "i", "b", 1)]


@pytest.mark.rule("17.20")
def test_a_zero_timeout_beats_the_mailbox_and_loses_to_the_queue() -> None:
    actions = [("state_timeout", 0, "now"), NextEvent("internal", "i")]
    assert callbacks({("a", "x"): KeepStateAndData(actions)}, "x", "y") == [
        ("cast", "x", "a", 0),
        ("internal", "i", "a", 0),
        ("state_timeout", "now", "a", 0),
        ("cast", "y", "a", 0),
    ]
