"""When to use which: what is said of servers and state machines from how they were used."""

from typing import Any

import pytest

from checkers.advice import Advice, advise
from simkernel import (
    GenServer,
    GenStateMachine,
    KeepStateAndData,
    NextState,
    Ok,
    Reply,
    StateTimeout,
)
from simkernel.loading import load
from simkernel.spec import of
from simkernel.terms import Exit
from tests.meta.house import ROOT


class Door(GenServer):
    """Takes "open" only when it is closed, and crashes otherwise."""

    def init(self, state: Any) -> Any:
        return Ok(state)

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request, state:
            case "open", "closed":
                return Reply("ok", "opened")
            case "close", "opened":
                return Reply("ok", "closed")
            case "look", _:
                return Reply(state, state)


class Cell(GenServer):
    """Takes any of a few values: setting one is no transition."""

    def init(self, state: Any) -> Any:
        return Ok(state)

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case ("set", value):
                return Reply("ok", value)


class Lamp(GenStateMachine):
    """Does the same for each event in each state, except that it can be dimmed only when on."""

    def init(self, data: Any) -> Any:
        return ("ok", "on", data)

    def handle_event(self, event_type: Any, content: Any, state: Any, data: Any) -> Any:
        match event_type, content:
            case ("call", caller), "look":
                return KeepStateAndData([Reply(caller, "lamp")])
            case ("call", caller), "dim" if state == "on":
                return KeepStateAndData([Reply(caller, "dimmed")])
            case ("call", caller), ("to", there):
                return NextState(there, data, [Reply(caller, "ok")])


class Tally(GenStateMachine):
    """Has a number for its state."""

    def init(self, _: Any) -> Any:
        return ("ok", 0, None)

    def handle_event(self, event_type: Any, content: Any, state: Any, data: Any) -> Any:
        match event_type, content:
            case ("call", caller), "count":
                return NextState(state + 1, data, [Reply(caller, state)])


class Timed(GenStateMachine):
    """Has one state, and a deadline in it."""

    def init(self, _: Any) -> Any:
        return ("ok", "waiting", None, [StateTimeout(50, "over")])

    def handle_event(self, event_type: Any, content: Any, state: Any, data: Any) -> Any:
        match event_type, content:
            case ("call", caller), _:
                return KeepStateAndData([Reply(caller, "ok")])
            case "state_timeout", "over":
                return KeepStateAndData()


def said(behaviour: Any, cls: Any, argument: Any, *requests: Any) -> list[Advice]:
    """Call a process of a class with the requests, one after the other."""

    async def main() -> None:
        _, pid = await behaviour.start(cls, argument)
        for request in requests:
            try:
                await behaviour.call(pid, request)
            except Exit:
                return

    return advise(of(main), {}, runs=2)


def test_a_server_whose_events_depend_on_a_word_in_its_state() -> None:
    (advice,) = said(GenServer, Door, "closed", "open", "close", "look", "open", "open")
    assert (advice.module, advice.behaviour) == ("Door", "GenServer")
    assert "what it does with an event depends on state;" in advice.says
    assert advice.evidence == (
        "call 'open': taken in 'closed' (4 times), a crash in 'opened' (2 times)",
    )


def test_who_never_did_the_wrong_thing_shows_nothing() -> None:
    assert said(GenServer, Door, "closed", "open", "close", "look", "open") == []


def test_to_set_what_is_set_already_is_no_refusal() -> None:
    requests = [("set", value) for value in ("a", "a", "b", "b", "a")]
    assert said(GenServer, Cell, "a", *requests) == []


@pytest.mark.parametrize(
    ("cls", "requests", "evidence"),
    [
        (Lamp, ["look"] * 3, "all 6 events came in one state, 'on'"),
        (
            Lamp,
            ["look", ("to", "off"), ("to", "off"), "look", ("to", "on"), ("to", "on"), "look"],
            "each event did the same in each of its states, 'off', 'on'",
        ),
        (
            Lamp,
            ["look", ("to", "off"), "dim", "dim"],
            None,
        ),
        (Tally, ["count"] * 12, "its state is data: 12 different values, among them 0"),
        (Timed, ["look"] * 3, None),
    ],
)
def test_a_state_machine_that_need_not_be_one(
    cls: Any, requests: list[Any], evidence: str | None
) -> None:
    advice = said(GenStateMachine, cls, None, *requests)
    assert [one.evidence[0] for one in advice] == ([evidence] if evidence else [])


def test_the_guide_s_own_state_machines_are_what_they_should_be() -> None:
    for name in ("agent_fsm_fixed", "workflow_fsm_fixed", "actions", "timeouts", "counter"):
        assert advise(load(str(ROOT / "specs" / "guide" / f"{name}.py")), {}, runs=10) == []


def test_the_guide_s_last_table() -> None:
    spec = load(str(ROOT / "specs" / "guide" / "when_to_use_which.py"))
    assert [(one.module, one.behaviour) for one in advise(spec, {}, runs=20)] == [
        ("ApprovalServer", "GenServer"),
        ("StoreMachine", "GenStateMachine"),
    ]
