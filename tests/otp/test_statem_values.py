"""GenStateMachine: the class, what it is at rest, what tools see of it (17.53 to 17.60)."""

from random import Random
from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.dfs import outcomes
from simkernel import (
    ANY,
    EventTimeout,
    GenericTimeout,
    GenStateMachine,
    Hibernate,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    Reply,
    StateTimeout,
    exit,
    log,
    monitor,
    process_flag,
    receive,
    send,
    simulate,
    sleep,
    work,
)
from simkernel.errors import ForgottenReturn, StateChangedInPlace, UsageError
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.effects import spawn
from simkernel.kernel.machine import Machine as Kernel
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.otp import sys
from simkernel.spec import of
from simkernel.terms import thaw
from tests.otp import tables
from tests.otp.machines import Shown, callbacks, ending
from tests.otp.running import logged, notes, run


class Machine(GenStateMachine):
    """Do what a function in the event says: it gives the result for caller, state and data."""

    def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
        caller = type_[1] if type(type_) is tuple else None
        if callable(content):
            return content(caller, state, data)
        log((type_, content, state))
        return KeepStateAndData()


async def machine(start: Any = ("a", 0)) -> Any:
    """Start one; gives its pid."""
    _, pid = await GenStateMachine.start_link(Machine, start)
    return pid


# --- The class -----------------------------------------------------------------------------------


@pytest.mark.rule("17.53")
@pytest.mark.parametrize(
    ("state", "reason"), [("nowhere", "undef"), ("call", "undef"), (7, "badarg")]
)
def test_a_state_without_a_function_ends_the_machine(state: Any, reason: str) -> None:
    class ByState(GenStateMachine, callback_mode="state_functions"):
        def init(self, argument: Any) -> Any:
            return ("ok", "here", argument)

        def here(self, type_: Any, content: Any, data: Any) -> Any:
            return NextState(content, data, NextEvent("internal", "go"))

        def terminate(self, reason: Any, state: Any, data: Any) -> Any:
            log((reason, state))

    async def main() -> Any:
        _, pid = await GenStateMachine.start(ByState, 0)
        ref = monitor(pid)
        GenStateMachine.cast(pid, state)
        return (await receive(("DOWN", ref, ANY, ANY, ANY)))[4][0]

    assert (run(main), logged(main)) == (reason, [(reason, state)])


@pytest.mark.rule("17.54")
@pytest.mark.parametrize(
    "mode",
    ["state_enter", [], ["handle_event"], ["state_functions", "handle_event_function"], 7],
)
def test_a_class_names_one_callback_mode(mode: Any) -> None:
    with pytest.raises(UsageError, match="callback_mode"):
        type("Wrong", (GenStateMachine,), {"callback_mode": mode})


@pytest.mark.rule("17.54")
def test_a_clause_that_forgets_its_return_is_refused() -> None:
    with pytest.raises(ForgottenReturn, match=r"clause of .*waiting"):

        class Forgets(GenStateMachine, callback_mode="state_functions"):
            def waiting(self, type_: Any, content: Any, data: Any) -> Any:
                match content:
                    case "go":
                        KeepState(data)


def test_a_callback_cannot_keep_anything_in_its_class() -> None:
    def keeps(self: Any, *_: Any) -> Any:
        self.count = 1

    kept = type("Keeps", (GenStateMachine,), {"handle_event": keeps})

    async def main() -> Any:
        _, pid = await GenStateMachine.start_link(kept, ("a", 0))
        await GenStateMachine.call(pid, "x")

    with pytest.raises(UsageError, match=r"self\.count"):
        simulate(main)


def test_callbacks_may_be_coroutines() -> None:
    class Slow(GenStateMachine):
        async def init(self, argument: Any) -> Any:
            await work(5)
            return ("ok", "a", argument)

        async def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
            await work(5)
            return KeepStateAndData(Reply(type_[1], (state, data)))

    async def main() -> Any:
        _, pid = await Slow.start_link(7)
        return await GenStateMachine.call(pid, "x")

    result = simulate(main)
    assert (result.returned, result.now_ms) == (("a", 7), 10)


# --- At rest it is values ------------------------------------------------------------------------


@pytest.mark.rule("17.55")
def test_what_a_callback_does_to_a_content_is_not_seen_at_the_retry() -> None:
    def grow(type_: Any, content: Any, state: Any, data: Any) -> Any:
        log((content, state))
        content.append("grown")
        return NextState("b", data, "postpone") if state == "a" else KeepStateAndData()

    grows = type("Grows", (GenStateMachine,), {"handle_event": staticmethod(grow)})

    async def main() -> Any:
        _, pid = await GenStateMachine.start_link(grows, ("a", 0))
        send(pid, ["sent"])
        await sleep(1)

    assert logged(main) == [(["sent"], "a"), (["sent"], "b")]


@pytest.mark.rule("17.55", "13.10")
def test_data_that_was_changed_in_place_is_reported_in_a_check() -> None:
    def grow(caller: Any, state: Any, data: Any) -> Any:
        data["list"].append(1)
        return KeepStateAndData()

    async def main() -> None:
        pid = await machine(("a", {"list": []}))
        GenStateMachine.cast(pid, grow)
        await receive(idle=True)

    with pytest.raises(StateChangedInPlace, match=r"data\['list'\]"):
        check(of(main), {}, strategy="walk", budget=Budget(runs=1))


@pytest.mark.rule("17.56")
@pytest.mark.parametrize(
    "again",
    [
        [StateTimeout(30, "s"), EventTimeout(10, "e")],
        [StateTimeout(30, "s"), GenericTimeout(10, "g", "n")],
    ],
)
def test_a_machine_that_sets_timeouts_again_and_again_has_finitely_many_situations(
    again: Any,
) -> None:
    class Restless(GenStateMachine):
        def init(self, argument: Any) -> Any:
            return ("ok", "a", 0, again)

        def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
            return NextState("b" if state == "a" else "a", data, again)

    async def main() -> None:
        await GenStateMachine.start_link(Restless, 0)
        await receive("never", idle=True)

    budget = Budget(seconds=1e9, situations=1_000)
    searched = check(of(main), {}, strategy="dfs", time="any", budget=budget).searched
    # It has no end, but the search has: nothing was left to try.
    no_end = "no run ends, and only bfs judges runs that go round for ever"
    assert (searched.runs, searched.why_stopped) == (0, no_end)
    assert 90 < (searched.situations or 0) < 1_000


@pytest.mark.rule("17.56")
def test_a_search_goes_back_to_queues_timeouts_and_modules() -> None:
    class Other(Machine):
        """The module that is pushed."""

    def later(caller: Any, state: Any, data: Any) -> Any:
        return KeepStateAndData("postpone") if state == "a" else KeepState([*data, "later"])

    def go(caller: Any, state: Any, data: Any) -> Any:
        actions = [PushCallbackModule(Other), StateTimeout(10, finish)]
        return NextState("b", [*data, "go"], actions)

    def finish(caller: Any, state: Any, data: Any) -> Any:
        return NextState("c", [*data, "finish"], PopCallbackModule())

    async def asks(pid: Any) -> None:
        GenStateMachine.cast(pid, later)

    async def main() -> Any:
        pid = await machine(("a", []))
        spawn(asks, pid)
        GenStateMachine.cast(pid, go)
        await sleep(50)
        return tuple((await sys.get_state(pid))[1])

    assert outcomes(main) >= {
        ("go", "later", "finish"),
        ("go", "finish", "later"),
        ("go", "later"),
    }


def tables_seen(program: Any, random: Random | None = None) -> Any:
    """Run a table in the default schedule; with `random`, go astray and back now and then."""
    m = Kernel(tables.drive, (program,), clock=ConcreteClock(0), snapshots=True)
    while options := m.enabled():
        if random is not None and random.random() < 0.2:
            saved = snapshot(m)
            for _ in range(random.randint(1, 6)):
                if astray := m.enabled():
                    m.apply(random.choice(astray))
            restore(m, saved)
            options = m.enabled()
        m.apply(options[0])
    seen = [tables.erlang(entry) for entry in thaw(m.returned)]
    m.close()
    return seen


@pytest.mark.rule("17.56")
@pytest.mark.parametrize("seed", range(30))
def test_going_astray_and_back_changes_nothing(seed: int) -> None:
    program = tables.random_program(Random(seed))
    assert tables_seen(program, Random(seed)) == tables_seen(program)


# --- What tools see ------------------------------------------------------------------------------


@pytest.mark.rule("17.57")
def test_sys_sees_state_and_data() -> None:
    async def main() -> Any:
        pid = await machine(("a", 7))
        seen = await sys.get_state(pid)
        await sys.replace_state(pid, lambda both: ("b", both[1] + 1))
        return seen, await sys.get_state(pid)

    assert run(main) == (("a", 7), ("b", 8))


@pytest.mark.rule("17.57")
def test_a_suspended_machine_handles_nothing_but_its_parents_exit() -> None:
    def start(caller: Any, state: Any, data: Any) -> Any:
        return KeepStateAndData([Reply(caller, "ok"), StateTimeout(10, "late")])

    async def main() -> Any:
        pid = await machine()
        await GenStateMachine.call(pid, start)
        await sys.suspend(pid)
        GenStateMachine.cast(pid, "x")
        await sleep(20)
        log("still")
        await sys.resume(pid)
        await sleep(1)

    assert logged(main) == ["still", ("cast", "x", "a"), ("state_timeout", "late", "a")]


@pytest.mark.rule("17.58")
@pytest.mark.parametrize(
    ("actions", "noted"),
    [
        ("hibernate", 1), (("hibernate", True), 1), (Hibernate, 1), (Hibernate(), 1),
        (("hibernate", False), 0), (["hibernate", ("hibernate", False)], 0),
        (["hibernate", NextEvent("internal", "x")], 0),
    ],
)  # fmt: skip
def test_hibernation_begins_when_nothing_is_left_to_handle(actions: Any, noted: int) -> None:
    def act(caller: Any, state: Any, data: Any) -> Any:
        return KeepStateAndData(actions)

    async def main() -> None:
        pid = await machine()
        GenStateMachine.cast(pid, act)
        await sleep(1)

    assert [kind for kind, _ in notes(main)].count("hibernated") == noted


@pytest.mark.rule("17.59")
def test_notes_tell_states_postponed_events_and_timeouts() -> None:
    def later(caller: Any, state: Any, data: Any) -> Any:
        return KeepStateAndData(Postpone()) if state == "a" else KeepStateAndData()

    def go(caller: Any, state: Any, data: Any) -> Any:
        return NextState("b", data)

    async def main() -> None:
        pid = await machine()
        GenStateMachine.cast(pid, lambda *_: KeepStateAndData(StateTimeout(5, "late")))
        GenStateMachine.cast(pid, later)
        GenStateMachine.cast(pid, go)
        await sleep(1)

    kinds = ("state entered", "event postponed", "timeout set", "timeout cancelled")
    seen = [(kind, fields) for kind, fields in notes(main) if kind in kinds]
    assert [kind for kind, _ in seen] == [
        "state entered", "timeout set", "event postponed", "state entered", "timeout cancelled",
    ]  # fmt: skip
    assert seen[1][1] == {"type": "state_timeout", "ms": 5, "content": "late"}
    assert seen[3][1] == {"state": "b", "old": "a"}
    assert seen[4][1] == {"type": "state_timeout"}


@pytest.mark.rule("17.60")
def test_cancelling_takes_an_expired_timeout_out_of_the_mailbox() -> None:
    class Busy(Shown):
        async def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
            log((type_, content))
            if content == "set":
                return KeepStateAndData([StateTimeout(10, "late"), EventTimeout(10, "quiet")])
            if content == "work":
                await work(20)
                return NextState("b", data)
            return KeepStateAndData()

    async def main() -> None:
        _, pid = await GenStateMachine.start_link(Busy, (("ok", "a", 0), {}))
        GenStateMachine.cast(pid, "set")
        GenStateMachine.cast(pid, "work")
        await sleep(15)
        GenStateMachine.cast(pid, "next")
        await sleep(50)

    assert logged(main) == [("cast", "set"), ("cast", "work"), ("cast", "next")]


def test_a_killed_machine_runs_no_terminate() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        _, pid = await GenStateMachine.start_link(Shown, (("ok", "a", 0), {}))
        exit(pid, "kill")
        return (await receive(("EXIT", pid, ANY)))[2]

    assert (run(main), logged(main)) == ("killed", [])


def test_a_pair_that_postpones_in_an_enter_call_is_an_unknown_action() -> None:
    """As on OTP 25, where only the atom is known to be at the wrong place."""
    cls = type("Enters", (Shown,), {"callback_mode": ["handle_event_function", "state_enter"]})
    for action, fault in [("postpone", "state_enter_action"), (("postpone", True), "action")]:
        table = {("a", "x"): NextState("b", 1), ("b", "enter"): KeepStateAndData(action)}
        reason = ending(table, "x", cls=cls)[0]
        assert reason[0] == (f"bad_{fault}_from_state_function", action)
    table = {("a", "x"): NextState("b", 1), ("b", "enter"): KeepStateAndData(("postpone", False))}
    assert callbacks(table, "x", "y", cls=cls)[-1] == ("cast", "y", "b", 1)
