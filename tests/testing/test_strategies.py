"""Hypothesis strategies: what they draw, what they find, and to what it shrinks."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from simkernel import (
    ChildSpec,
    GenServer,
    Model,
    NoReply,
    Ok,
    Reply,
    Supervisor,
    linearizable,
    receive,
    self_,
    send,
    sleep,
    spawn,
    spec,
)
from simkernel.errors import ArgumentError, ForbiddenCall, UsageError
from simkernel.terms import freeze, thaw
from simkernel.testing.strategies import (
    Schedule,
    exit_reasons,
    linearizability_machine,
    messages,
    parallel_calls,
    run_under,
    schedules,
)

MANY = settings(max_examples=300, deadline=None, derandomize=True, database=None)


async def sender(main: Any, name: str) -> None:
    send(main, name)


async def race() -> None:
    for name in ("first", "second"):
        spawn(sender, self_(), name)
    assert await receive("first", "second") == "first", "the second was faster"


def breaks(schedule: Schedule) -> bool:
    try:
        run_under(schedule, race)
    except AssertionError as error:
        return "the second was faster" in str(error)
    return False


def test_a_schedule_is_the_default_one_but_for_its_deviations() -> None:
    schedule = Schedule({1: 1, 2: 5})
    assert [schedule.pick("abc") for _ in range(4)] == ["a", "b", "c", "a"]


def test_the_default_schedule_does_not_race_and_shrinking_leaves_what_it_takes() -> None:
    assert not breaks(Schedule())
    found = find(schedules(), breaks, settings=MANY)
    assert len(found.deviations) + len(found.holds) <= 2
    assert set(found.deviations.values()) <= {1}


@given(messages())
def test_messages_are_terms(message: Any) -> None:
    assert thaw(freeze(message)) == message


@given(exit_reasons())
def test_exit_reasons_are_terms(reason: Any) -> None:
    assert thaw(freeze(reason)) == reason


@pytest.mark.parametrize("wanted", ["normal", "kill", "killed", "shutdown", ("shutdown", "ok")])
def test_exit_reasons_are_those_that_otp_tells_apart(wanted: Any) -> None:
    assert find(exit_reasons(), lambda reason: reason == wanted, settings=MANY) == wanted


class Register(Model):
    initial = 0

    def apply(self, state: Any, request: Any) -> Any:
        match request:
            case "read":
                return state, state
            case ("add", n):
                return state + n, state + n


class Cell(GenServer):
    def init(self, value: Any) -> Any:
        return Ok(value)

    def handle_call(self, request: Any, caller: Any, value: Any) -> Any:
        match request:
            case "read":
                return Reply(value, value)
            case ("add", n):
                return Reply(value + n, value + n)


class Slow(Cell):
    """Answers an addition at once, and does it a moment later."""

    def handle_call(self, request: Any, caller: Any, value: Any) -> Any:
        match request:
            case ("add", n):
                spawn(adds, self_(), n)
                return Reply(value + n, value)
        return super().handle_call(request, caller, value)

    def handle_info(self, message: Any, value: Any) -> Any:
        match message:
            case ("add", n):
                return NoReply(value + n)


async def adds(cell: Any, n: int) -> None:
    await sleep(1)
    send(cell, ("add", n))


async def start_cell() -> None:
    await GenServer.start_link(Cell, 0, name="cell")


async def start_slow() -> None:
    await GenServer.start_link(Slow, 0, name="cell")


REQUESTS = st.one_of(st.just("read"), st.tuples(st.just("add"), st.integers(1, 3)))
STATEFUL = settings(
    max_examples=60, stateful_step_count=12, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
)  # fmt: skip


def test_a_linearizable_server_passes() -> None:
    machine = linearizability_machine(start_cell, "cell", REQUESTS, Register())
    run_state_machine_as_test(machine, settings=STATEFUL)


def test_a_server_that_answers_too_early_is_shrunk_to_two_calls() -> None:
    machine = linearizability_machine(start_slow, "cell", REQUESTS, Register())
    with pytest.raises(AssertionError, match="no order explains all answers") as failure:
        run_state_machine_as_test(machine, settings=STATEFUL)
    notes = "\n".join(getattr(failure.value, "__notes__", []))
    (calls,) = re.findall(r"clients call (\[.*\]); the schedule deviates at (\{.*\})", notes)[-1:]
    assert sum(len(client) for client in eval(calls[0])) == 2
    assert calls[1] == "{}"


class Forgets(Cell):
    """Adds to what it held when it was asked: of two additions at once one is lost."""

    def handle_call(self, request: Any, caller: Any, value: Any) -> Any:
        match request:
            case ("add", n):
                spawn(adds_to, self_(), caller, value + n)
                return NoReply(value)
        return super().handle_call(request, caller, value)

    def handle_cast(self, request: Any, value: Any) -> Any:
        match request:
            case ("put", new, caller):
                GenServer.reply(caller, new)
                return NoReply(new)


async def adds_to(cell: Any, caller: Any, new: Any) -> None:
    GenServer.cast(cell, ("put", new, caller))


async def start_forgets() -> None:
    await GenServer.start_link(Forgets, 0, name="cell")


def test_a_race_in_which_one_process_is_slow_for_long_is_found_and_drawn() -> None:
    """No single pick leads to it: the clients go on by turns only if one of them is held back."""
    machine = linearizability_machine(start_forgets, "cell", REQUESTS, Register(), clients=2)
    few = settings(STATEFUL, max_examples=300, stateful_step_count=50, phases=[Phase.generate])
    with pytest.raises(AssertionError, match="no order explains all answers") as failure:
        run_state_machine_as_test(machine, settings=few)
    told = str(failure.value)
    assert "Forgets registers Forgets as 'cell'" in told
    assert re.search(r"client_of.* → Forgets +call", told)


def test_a_process_that_is_held_back_comes_last() -> None:
    schedule = Schedule(holds={0: 3, 1: 1})
    options = ["do <root.1>", "do <root.2>", "do <root.3>"]
    assert [schedule.pick(options)[-2] for _ in range(4)] == ["2", "3", "2", "1"]


async def reads_the_clock() -> None:
    time.time()


def test_what_no_run_may_do_is_an_error() -> None:
    with pytest.raises(ForbiddenCall, match="time"):
        run_under(Schedule(), reads_the_clock)


def test_a_schedule_comes_first() -> None:
    with pytest.raises(UsageError, match=r"takes a schedule first, not <function start_cell"):
        run_under(start_cell, Schedule())  # type: ignore[arg-type]


def test_parallel_calls_run_under_any_schedule() -> None:
    run_under(Schedule({3: 2}), parallel_calls(start_cell, "cell", [["read"], [("add", 1)]]))


@pytest.mark.parametrize("wrong", [{"clients": 0}, {"calls_max": 0}])
def test_a_machine_needs_clients_and_calls(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="at least one client"):
        linearizability_machine(start_cell, "cell", REQUESTS, Register(), **wrong)


async def start_named() -> Any:
    return await GenServer.start_link(Cell, 0, name="cell")


async def start_forgetful() -> None:
    """Have it started again when it crashes."""
    child = ChildSpec("cell", (start_named, ()))
    await Supervisor.start_link([child], strategy="one_for_one")


start_forgetful = spec(victims=("cell",), expect=("crash", "stuck"))(start_forgetful)


def reads_what_was_added(schedule: Schedule) -> bool:
    main = parallel_calls(start_forgetful, "cell", [[("add", 1), "read"]])
    try:
        run_under(schedule, main, properties={"kept": linearizable(Register(), "cell")})
    except AssertionError as error:
        return "kept:" not in str(error)
    return True


def test_a_crash_is_drawn_and_shrinks_to_one() -> None:
    """What was added is lost if the server crashes between the two calls."""
    assert reads_what_was_added(Schedule())
    found = find(
        schedules(faults=1, steps=60),
        lambda schedule: not reads_what_was_added(schedule),
        settings=MANY,
    )
    assert (len(found.faults), found.deviations) == (1, {})


def test_without_faults_none_is_drawn() -> None:
    @settings(max_examples=30, deadline=None)
    @given(schedules())
    def holds(schedule: Schedule) -> None:
        assert schedule.faults == {}

    holds()


@pytest.mark.slow
def test_in_a_machine_servers_may_crash_too() -> None:
    machine = linearizability_machine(
        start_forgetful, "cell", st.sampled_from(["read", ("add", 1)]), Register(),
        clients=1, calls_max=2, faults=1,
    )  # fmt: skip
    with pytest.raises(AssertionError, match="linearizable: no order explains"):
        run_state_machine_as_test(
            machine, settings=settings(MANY, stateful_step_count=5, max_examples=800)
        )
