"""The judges that need no property: for each kind a seeded error, and what is right beside it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from checkers.finding import KINDS
from simkernel import (
    ANY,
    ChildSpec,
    DynamicSupervisor,
    Exit,
    GenServer,
    GenStateMachine,
    Map,
    NextState,
    NoReply,
    Reply,
    Stop,
    Supervisor,
    Task,
    ets,
    exit,
    make_ref,
    monitor,
    pin,
    process_flag,
    receive,
    register,
    self_,
    send,
    send_after,
    sleep,
    spawn,
    spawn_link,
    whereis,
)
from simkernel.errors import UsageError
from simkernel.spec import spec
from tests.checkers.judged import (
    a_door,
    a_knock_at_a_closed_door,
    an_open_door_is_opened,
    found,
    idles,
    text,
    two_friends,
    verdict,
)

# --- Restart intensity, names, orphans -----------------------------------------------------------


class Worker(GenServer):
    def handle_cast(self, request: Any, state: Any) -> Any:
        match request:
            case "crash":
                raise ValueError("as asked")
            case "stop":
                return Stop("normal", state)


async def started(name: Any) -> Any:
    """Start a worker with a name."""
    return await GenServer.start_link(Worker, None, name=name)


async def started_alone(name: Any) -> Any:
    """Start a worker without a link, as a start function should not."""
    return await GenServer.start(Worker, None, name=name)


async def started_stubborn(name: Any) -> Any:
    """Start a process that traps exits and does not care."""
    return ("ok", spawn_link(stubborn))


async def stubborn() -> None:
    process_flag("trap_exit", True)
    while True:
        await receive(idle=True)


async def supervised(start: Any, **flags: Any) -> Any:
    child = ChildSpec(id="worker", start=(start, ("worker",)))
    return await Supervisor.start_link([child], strategy="one_for_one", **flags)


async def crashes(times: int = 4) -> None:
    await supervised(started)
    for _ in range(times):
        pid = await whereis("worker")
        if pid is not None:
            GenServer.cast(pid, "crash")
        await sleep(10)


async def a_few_crashes() -> None:
    await crashes(3)


def test_a_supervisor_that_gives_up_is_found() -> None:
    process = "<root.1> gave up: child 'worker' would have to be restarted too often"
    assert text(crashes, "restart intensity") == process
    assert found(a_few_crashes) == set()


async def a_name_that_is_held() -> None:
    process_flag("trap_exit", True)
    await register(spawn(stubborn), "worker")
    await supervised(started)
    await receive(("EXIT", ANY, ANY), after=100)


def test_a_child_whose_name_another_has_is_found() -> None:
    said = text(a_name_that_is_held, "name taken")
    assert said == "<root.2> cannot start child 'worker': its name is held by <root.1>"


async def two_clients_of_a_dynamic_supervisor() -> None:
    _, boss = await DynamicSupervisor.start_link(strategy="one_for_one")
    child = ChildSpec(id="worker", start=(started, ("worker",)))
    for _ in range(2):
        await DynamicSupervisor.start_child(boss, child)


def test_a_client_that_comes_second_is_told_so_and_that_is_no_finding() -> None:
    assert found(two_clients_of_a_dynamic_supervisor) == set()


async def the_supervisor_is_killed(start: Any) -> None:
    process_flag("trap_exit", True)
    _, boss = await supervised(start)
    exit(boss, "kill")
    await receive(("EXIT", boss, ANY))


async def kills_the_boss_of_a_stubborn_child() -> None:
    await the_supervisor_is_killed(started_stubborn)


async def kills_the_boss_of_an_unlinked_child() -> None:
    await the_supervisor_is_killed(started_alone)


async def kills_the_boss_of_a_child() -> None:
    await the_supervisor_is_killed(started)


@pytest.mark.parametrize("strategy", ["walk", "dfs", "rf"])
def test_a_child_that_outlives_its_supervisor_is_found(strategy: str) -> None:
    for main in (kills_the_boss_of_a_stubborn_child, kills_the_boss_of_an_unlinked_child):
        assert found(main, strategy) == {"orphan"}
    assert found(kills_the_boss_of_a_child, strategy) == set()


# --- Late replies --------------------------------------------------------------------------------


async def answers(limit: int) -> None:
    match await receive():
        case (client, ref, question):
            await sleep(limit)
            send(client, (ref, question))


async def asks_by_hand(delay: int, again: bool = False) -> Any:
    ref = make_ref()
    send(spawn(answers, delay), (self_(), ref, "what"))
    answer = await receive((pin(ref), ANY), after=100)
    if again:
        answer = await receive((pin(ref), ANY), after=1_000)
    await sleep(500)
    return answer


async def an_answer_that_is_late() -> None:
    await asks_by_hand(200)


async def an_answer_that_is_in_time() -> None:
    await asks_by_hand(10)


async def an_answer_that_is_waited_for_once_more() -> None:
    await asks_by_hand(200, again=True)


class Impatient(GenServer):
    """Asks by hand within a callback, and drops what it does not know."""

    async def handle_cast(self, request: Any, state: Any) -> Any:
        match request:
            case ("ask", whom):
                ref = make_ref()
                send(whom, (self_(), ref, "what"))
                await receive((pin(ref), ANY), after=100)
                return NoReply(state)


async def a_server_that_is_told_late() -> None:
    _, server = await GenServer.start(Impatient, None)
    GenServer.cast(server, ("ask", spawn(answers, 200)))
    await sleep(1_000)


async def slow(ms: int) -> str:
    await sleep(ms)
    return "done"


async def a_task_that_is_given_up() -> None:
    task = Task.async_(slow, 200)
    await Task.yield_(task, 100)
    await sleep(500)


async def a_task_that_is_shut_down() -> None:
    task = Task.async_(slow, 200)
    if await Task.yield_(task, 100) is None:
        await Task.shutdown(task)
    await sleep(500)


async def a_call_that_is_given_up() -> None:
    _, server = await GenServer.start(Slow, None)
    with suppress(Exit):
        await GenServer.call(server, "what", timeout=100)
    await sleep(500)


class Slow(GenServer):
    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        await sleep(200)
        return Reply("late", state)


def test_an_answer_that_comes_after_its_time_is_found() -> None:
    assert text(an_answer_that_is_late, "late reply") == (
        "<root> gave up waiting for an answer, and then it came: 'what'"
    )
    assert found(a_task_that_is_given_up) == {"late reply"}
    assert found(a_server_that_is_told_late) == {"late reply"}


def test_an_answer_that_is_in_time_or_asked_for_again_or_dropped_is_none() -> None:
    for main in (
        an_answer_that_is_in_time, an_answer_that_is_waited_for_once_more, a_task_that_is_shut_down,
        a_call_that_is_given_up,
    ):  # fmt: skip
        assert found(main) == set()


@pytest.mark.parametrize("strategy", ["dfs", "rf"])
def test_late_answers_are_found_by_searches_that_merge(strategy: str) -> None:
    """Whether the answer comes in time is open; the situations after it look alike."""
    assert "late reply" in found(a_server_that_is_told_late, strategy)


# --- Leaks ---------------------------------------------------------------------------------------


class Keeper(GenServer):
    """Does what it is told with monitors, timers and tables, and keeps what it is told to keep."""

    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case ("watch", pid):
                return Reply(monitor(pid), state)
            case ("alarm", name):
                send_after(self_(), name, 60_000)
                return Reply("ok", state)
            case "table":
                await ets.new("scratch")
                return Reply("ok", state)
            case "kept table":
                return Reply("ok", (state, await ets.new("scratch")))


async def keeper(*requests: Any) -> None:
    _, server = await GenServer.start(Keeper, None)
    for request in requests:
        await GenServer.call(server, request, timeout=None)


async def two_monitors() -> None:
    pid = spawn(idles)
    await keeper(("watch", pid), ("watch", pid))


async def a_monitor() -> None:
    await keeper(("watch", spawn(idles)))


async def two_alarms() -> None:
    await keeper(("alarm", "wake up"), ("alarm", "wake up"))


async def alarms_with_names() -> None:
    await keeper(("alarm", 1), ("alarm", 2))


async def a_table() -> None:
    await keeper("table")


async def a_table_that_is_kept() -> None:
    await keeper("kept table")


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
@pytest.mark.parametrize(
    ("main", "right", "words"),
    [
        (two_monitors, a_monitor, "monitors <root.1> more than once"),
        (two_alarms, alarms_with_names, "more than one timer for 'wake up'"),
        (a_table, a_table_that_is_kept, "'scratch' whose reference nobody has"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_piles_up_is_found(main: Any, right: Any, words: str, strategy: str) -> None:
    assert words in text(main, "leak", strategy=strategy)
    assert found(right, strategy) == set()


# --- Mailboxes -----------------------------------------------------------------------------------


async def feeds(to: Any) -> None:
    while True:
        send(to, "food")
        send(to, "drink")
        await sleep(10)


async def eats() -> None:
    while True:
        await receive("food", idle=True)


async def eats_and_drinks() -> None:
    while True:
        await receive(idle=True)


@spec(settle=True, horizon_ms=5_000)
async def a_guest_that_only_eats() -> None:
    spawn(feeds, spawn(eats))


@spec(settle=True, horizon_ms=5_000)
async def a_guest_that_takes_all() -> None:
    spawn(feeds, spawn(eats_and_drinks))


async def a_guest_without_end() -> None:
    await feeds(spawn(eats))


def test_a_mailbox_that_grows_until_the_run_is_cut_is_found() -> None:
    said = "the mailbox of <root.1> grows without bound: more comes than it takes"
    assert text(a_guest_that_only_eats, "mailbox", runs=5) == said
    cut = verdict(a_guest_without_end, runs=2)
    assert (cut.word, cut.counterexample.findings[0].kind) == ("Violated", "mailbox")


def test_a_mailbox_that_is_emptied_is_none() -> None:
    assert found(a_guest_that_takes_all, runs=5) == set()


# --- What no run has shown -----------------------------------------------------------------------


async def a_door_that_is_closed() -> None:
    await a_door("close")
    await sleep(10)


async def a_door_in_use() -> None:
    await a_door("close", "open", "close")
    await sleep(2_000)
    # And locked, which is where it stays.


class Lamp(GenStateMachine):
    def init(self, argument: Any) -> Any:
        return ("ok", "off", Map())

    def handle_event(self, event_type: Any, content: Any, state: Any, data: Any) -> Any:
        match event_type, content, state:
            case "cast", "press", "off":
                return NextState("on", data)
            case "cast", "press", "on" | "broken":
                return NextState("off", data)
            case "cast", "hit", _:
                return NextState("broken", data)


async def a_lamp(presses: int = 1) -> None:
    _, lamp = await GenStateMachine.start(Lamp, None)
    for _ in range(presses):
        GenStateMachine.cast(lamp, "press")


def test_states_changes_and_timeouts_that_no_run_shows_are_noted() -> None:
    notes = verdict(a_door_that_is_closed).notes
    assert "Door: state 'locked' was never reached" in notes
    assert "Door: no run goes from 'closed' to 'open'" in notes
    assert "Door: timeout 'state_timeout' was set, and never fired" in notes
    in_use = verdict(a_door_in_use).notes
    assert in_use == ("Door: state 'locked' was never reached",)


def test_the_states_of_a_machine_with_one_callback_are_read_from_its_cases() -> None:
    assert verdict(a_lamp).notes == (
        "Lamp: state 'broken' was never reached", "Lamp: no run goes from 'on' to 'off'",
    )  # fmt: skip
    assert verdict(a_lamp, parameters={"presses": 2}).notes == (
        "Lamp: state 'broken' was never reached",
    )


def test_such_notes_can_be_switched_off() -> None:
    silent = {"expect": ("never reached", "never fired")}
    assert verdict(a_door_that_is_closed, declared=silent).notes == ()


# --- All of them ---------------------------------------------------------------------------------

SEEDED = {
    "deadlock": two_friends,
    "no clause": an_open_door_is_opened,
    "postponed": a_knock_at_a_closed_door,
    "restart intensity": crashes,
    "name taken": a_name_that_is_held,
    "late reply": an_answer_that_is_late,
    "orphan": kills_the_boss_of_an_unlinked_child,
    "leak": two_monitors,
    "mailbox": a_guest_that_only_eats,
}


@pytest.mark.parametrize("kind", SEEDED)
def test_each_kind_can_be_expected(kind: str) -> None:
    main = SEEDED[kind]
    before = found(main, runs=5)
    assert kind in before
    assert kind not in found(main, runs=5, declared={"expect": (kind,)})


def test_every_kind_of_the_judges_has_a_seeded_error() -> None:
    elsewhere = {"crash", "caller stuck", "stuck", "property", "never reached", "never fired"}
    assert set(SEEDED) | elsewhere == set(KINDS)


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="deadlock, crash, no clause"):
        verdict(a_monitor, declared={"expect": ("dead lock",)})
