"""Section 7: aliases."""

from __future__ import annotations

from typing import Any

import pytest

from simkernel.errors import ArgumentError
from simkernel.kernel.effects import (
    alias,
    demonitor,
    exit,
    monitor,
    receive,
    self_,
    send,
    spawn,
    unalias,
)
from simkernel.kernel.patterns import ANY
from simkernel.terms import Pid, Ref
from tests.kernel.programs import both, die_when_told, idle, look, nothing, quiet, rest, returned

# --- Every mode against everything that may end it -----------------------------------------------

EVENTS = ("nothing", "message", "demonitor", "down", "unalias")

# Mode, and after which events the alias is still active.
MODES = [
    ("explicit_unalias", False, {"nothing", "message"}),
    ("reply", False, {"nothing"}),
    ("explicit_unalias", True, {"nothing", "message", "demonitor", "down"}),
    ("demonitor", True, {"nothing", "message"}),
    ("reply_demonitor", True, {"nothing"}),
]

CASES = [
    (mode, monitored, event, event in active)
    for mode, monitored, active in MODES
    for event in EVENTS
    if monitored or event not in ("demonitor", "down")
]


async def alias_after(mode: str, monitored: bool, event: str) -> Any:
    pid = spawn(die_when_told, "x")
    ref = monitor(pid, alias=mode) if monitored else alias(mode)
    if event == "message":
        send(ref, "first")
        assert await receive() == "first"
    elif event == "demonitor":
        demonitor(ref)
    elif event == "down":
        send(pid, "go")
        await receive(("DOWN", ref, ANY, ANY, ANY))
    elif event == "unalias":
        await unalias(ref)
    send(ref, "probe")
    await quiet()
    reached = await look("probe")
    return reached == "probe", await unalias(ref)


@pytest.mark.rule("7.1", "7.2", "7.3", "7.4", "7.5", "7.6")
@pytest.mark.parametrize(("mode", "monitored", "event", "active"), CASES)
def test_which_event_ends_which_alias(mode: str, monitored: bool, event: str, active: bool) -> None:
    reached, unaliased = returned(alias_after, mode, monitored, event)
    assert reached is active
    # The probe itself ends an alias of one reply.
    assert unaliased is (active and mode not in ("reply", "reply_demonitor"))


async def writes_to(ref: Ref, *messages: Any) -> None:
    for message in messages:
        send(ref, message)


async def from_another() -> Any:
    ref = alias()
    spawn(writes_to, ref, "one", "two")
    return await receive(), await receive()


@pytest.mark.rule("7.1")
def test_messages_to_an_alias_reach_its_owner() -> None:
    assert both(from_another) == {("one", "two")}


async def default_mode() -> Any:
    ref = alias()
    for n in range(2):
        send(ref, n)
    return await receive(), await receive(), await unalias(ref)


@pytest.mark.rule("7.2")
def test_the_default_is_active_until_unalias() -> None:
    assert both(default_mode) == {(0, 1, True)}


async def one_reply() -> Any:
    ref = alias("reply")
    spawn(writes_to, ref, "one", "two")
    first = await receive()
    await quiet()
    return first, await look(), await unalias(ref)


@pytest.mark.rule("7.3")
def test_a_reply_alias_takes_one_message() -> None:
    assert returned(one_reply) == ("one", "timeout", False)


async def two_repliers() -> Any:
    ref = alias("reply")
    spawn(writes_to, ref, "a")
    spawn(writes_to, ref, "b")
    first = await receive()
    message = await receive(after=10)
    return first, message if type(message) is str else "nothing"


@pytest.mark.rule("7.3")
def test_of_two_replies_exactly_one_comes() -> None:
    assert both(two_repliers) == {("a", "nothing"), ("b", "nothing")}


async def reply_removes_the_monitor() -> Any:
    pid = spawn(die_when_told, "x")
    ref = monitor(pid, alias="reply_demonitor")
    send(ref, "answer")
    answer = await receive()
    existed = await demonitor(ref, info=True)
    send(pid, "go")
    await quiet()
    return answer, existed, await rest()


@pytest.mark.rule("7.6")
def test_the_first_reply_removes_the_monitor_as_well() -> None:
    assert returned(reply_removes_the_monitor) == ("answer", False, ())


async def other_modes_keep_the_monitor(mode: str) -> Any:
    pid = spawn(die_when_told, "x")
    ref = monitor(pid, alias=mode)
    send(ref, "answer")
    await receive()
    send(pid, "go")
    return await receive() == ("DOWN", ref, "process", pid, "x")


@pytest.mark.rule("7.4", "7.5")
@pytest.mark.parametrize("mode", ["explicit_unalias", "demonitor"])
def test_the_other_modes_keep_the_monitor(mode: str) -> None:
    assert both(other_modes_keep_the_monitor, mode) == {True}


async def answer_of_unalias() -> Any:
    ref = alias()
    return await unalias(ref), await unalias(ref)


@pytest.mark.rule("7.7")
def test_unalias_tells_whether_the_alias_was_active() -> None:
    assert both(answer_of_unalias) == {(True, False)}


async def unaliases_a_monitor() -> Any:
    pid = spawn(die_when_told, "x")
    ref = monitor(pid, alias="demonitor")
    gone = await unalias(ref)
    send(pid, "go")
    return gone, (await receive())[4]


@pytest.mark.rule("7.7")
def test_unalias_leaves_the_monitor() -> None:
    assert both(unaliases_a_monitor) == {(True, "x")}


async def tries_to_unalias(ref: Ref, boss: Pid) -> None:
    send(boss, ("unalias", await unalias(ref)))


async def somebody_else_unaliases() -> Any:
    ref = alias()
    spawn(tries_to_unalias, ref, self_())
    answer = await receive(("unalias", ANY))
    send(ref, "still active")
    return answer[1], await receive()


@pytest.mark.rule("7.8")
def test_only_the_owner_can_end_an_alias() -> None:
    assert both(somebody_else_unaliases) == {(False, "still active")}


async def late_answer() -> Any:
    ref = alias()
    spawn(writes_to, ref, "late")
    gone = await unalias(ref)
    message = await receive(after=10)
    return gone, message if type(message) is str else "nothing"


@pytest.mark.rule("7.9", "7.10")
def test_an_ended_alias_drops_what_was_not_received_yet() -> None:
    assert both(late_answer) == {(True, "nothing"), (True, "late")}


async def sent_but_not_received() -> Any:
    ref = alias()
    send(ref, "to oneself")
    await unalias(ref)
    return await look()


@pytest.mark.rule("7.9")
def test_what_was_sent_and_not_received_may_be_dropped() -> None:
    # The real machine dropped it each time; a message may be received at any point before.
    assert both(sent_but_not_received) == {"timeout", "to oneself"}


async def in_the_mailbox() -> Any:
    ref = alias()
    send(ref, "here")
    await quiet()
    await unalias(ref)
    return await look()


@pytest.mark.rule("7.10")
def test_what_lies_in_the_mailbox_stays() -> None:
    assert returned(in_the_mailbox) == "here"


async def owner_dies() -> Any:
    owner = spawn(gives_its_alias, self_())
    ref = await receive(Ref)
    exit(owner, "kill")
    await quiet()
    send(ref, "lost")
    await quiet()
    return await rest()


async def gives_its_alias(boss: Pid) -> None:
    send(boss, alias())
    await idle()


@pytest.mark.rule("7.1", "2.20")
def test_an_alias_of_the_dead_leads_nowhere() -> None:
    assert returned(owner_dies) == ()


async def alias_of_a_dead_target(mode: str) -> Any:
    pid = spawn(nothing)
    await quiet()
    ref = monitor(pid, alias=mode)
    await receive(("DOWN", ref, ANY, ANY, "noproc"))
    return await unalias(ref)


@pytest.mark.rule("7.4", "7.5", "7.6")
@pytest.mark.parametrize(
    ("mode", "active"),
    [("explicit_unalias", True), ("demonitor", False), ("reply_demonitor", False)],
)
def test_a_noproc_ends_an_alias_as_any_down_does(mode: str, active: bool) -> None:
    assert returned(alias_of_a_dead_target, mode) is active


async def alias_of_itself(mode: str) -> Any:
    ref = monitor(self_(), alias=mode)
    send(ref, "x")
    await quiet()
    return await unalias(ref), await rest()


@pytest.mark.rule("6.9")
@pytest.mark.parametrize("mode", ["explicit_unalias", "demonitor", "reply_demonitor"])
def test_a_monitor_on_oneself_makes_no_alias(mode: str) -> None:
    assert returned(alias_of_itself, mode) == (False, ())


async def unknown_modes() -> Any:
    found = []
    for call in (lambda: alias("demonitor"), lambda: monitor(self_(), alias="reply")):
        try:
            call()
        except ArgumentError as error:
            found.append(error.reason)
    return found


@pytest.mark.rule("7.2", "7.4")
def test_each_call_has_its_own_modes() -> None:
    assert returned(unknown_modes) == ["badarg", "badarg"]
