"""GenServer: effects and steps (15.66 to 15.68), snapshots, changes of the state in place."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    Continue,
    Exit,
    GenServer,
    NoReply,
    Ok,
    Reply,
    exit,
    log,
    monitor,
    receive,
    self_,
    send,
    simulate,
    spawn,
    work,
)
from simkernel.errors import StateChangedInPlace, UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from tests.otp.running import (
    Told,
    effects_of_server,
    run,
    started,
)

# --- Steps ---------------------------------------------------------------------------------------


@pytest.mark.rule("15.66")
def test_the_callbacks_effects_leave_before_the_reply() -> None:
    async def main() -> Any:
        pid = await started(Told, 0)

        def request(caller: Any, state: Any) -> Any:
            log("own")
            return Reply("a", state)

        return await GenServer.call(pid, request)

    assert effects_of_server(main)[-2:] == ["log", "send"]


@pytest.mark.rule("15.66")
def test_a_kill_may_fall_between_an_effect_and_the_reply() -> None:
    async def killer(pid: Any) -> None:
        exit(pid, "kill")

    async def main() -> Any:
        root = self_()
        _, pid = await GenServer.start(Told, 0)

        def request(caller: Any, state: Any) -> Any:
            send(root, "own effect")
            return Reply("answer", state)

        spawn(killer, pid)
        try:
            answer = await GenServer.call(pid, request, timeout=None)
        except Exit as exit_:
            answer = exit_.reason[0]
        return answer, await receive(after=0) == "own effect"

    assert outcomes(main) == {
        ("answer", True), ("killed", True), ("killed", False), ("noproc", False),
    }  # fmt: skip


@pytest.mark.rule("15.67")
def test_the_new_state_is_the_servers_before_its_effects_leave() -> None:
    async def main() -> Any:
        pid = await started(Told, 1)
        await GenServer.call(pid, lambda caller, state: Reply("a", 2))

    m = Machine(main)
    states = []
    while options := m.enabled():
        server = next((p for p in m.processes.values() if p.pid.path == (1,)), None)
        if server is not None and server.effects and server.effects[-1][0] == 0:
            states.append(server.body.state)
        m.apply(options[0])
    assert states[-1] == 2


@pytest.mark.rule("15.68")
def test_after_an_exception_the_effects_leave_then_terminate_is_a_step_of_its_own() -> None:
    async def killer(pid: Any) -> None:
        exit(pid, "kill")

    class Fails(Told):
        def handle_cast(self, root: Any, state: Any) -> Any:
            send(root, "effect")
            raise ValueError

        def terminate(self, reason: Any, root: Any) -> None:
            send(root, "terminate")

    async def main() -> Any:
        _, pid = await GenServer.start(Fails, self_())
        ref = monitor(pid)
        GenServer.cast(pid, self_())
        spawn(killer, pid)
        seen = []
        while (message := await receive())[:1] != ("DOWN",):
            seen.append(message)
        return tuple(seen), message[1] == ref

    assert outcomes(main) == {
        ((), True), (("effect",), True), (("effect", "terminate"), True),
    }  # fmt: skip


# --- Snapshots, changes in place -----------------------------------------------------------------


class Cell(GenServer):
    """A small server whose callbacks wait, continue, time out and stop."""

    def handle_cast(self, request: Any, state: Any) -> Any:
        match request:
            case "double":
                return NoReply(state * 2, Continue("add"))
            case ("wait", number):
                return NoReply(state + number, 0)

    async def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        match request:
            case "read":
                return Reply(state, state)
            case "slow":
                await work(1)
                return Reply(state, state + 1)

    def handle_continue(self, argument: Any, state: Any) -> Any:
        return NoReply(state + 1)

    def handle_info(self, message: Any, state: Any) -> Any:
        return NoReply(state + 100)


async def _double(pid: Any) -> None:
    GenServer.cast(pid, "double")


async def _kill(pid: Any) -> None:
    exit(pid, "kill")


async def _slow(pid: Any, root: Any) -> None:
    send(root, ("slow", await GenServer.call(pid, "slow", timeout=None)))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("double", marks=pytest.mark.slow),
        "slow",
        "timeout",
        pytest.param("killed", marks=pytest.mark.slow),
    ],
)
def test_a_search_from_snapshots_gives_what_the_plain_search_gives(other: str) -> None:
    async def main() -> Any:
        _, pid = await GenServer.start(Cell, 1)
        match other:
            case "double":
                spawn(_double, pid)
            case "slow":
                GenServer.cast(pid, "double")
                spawn(_slow, pid, self_())
                return await receive()
            case "timeout":
                GenServer.cast(pid, ("wait", 1))
            case "killed":
                spawn(_kill, pid)
        try:
            return await GenServer.call(pid, "read", timeout=None)
        except Exit as exit_:
            return exit_.reason[0]

    merged = outcomes(main)
    assert merged == outcomes(main, merge=False)
    assert merged == {
        "double": {1, 3}, "slow": {("slow", 3)}, "timeout": {2, 102},
        "killed": {1, "killed", "noproc"},
    }[other]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "change", "key"),
    [
        ({"a": [1], "b": 2}, lambda state: state["a"].append(2), "state['a']"),
        ([1, [2]], lambda state: state[1].clear(), "state[1]"),
        ({"a": 1}, lambda state: state.update(b=2), "state['b']"),
    ],
)
def test_a_check_reports_a_state_that_was_changed_in_place(
    start: Any, change: Any, key: str
) -> None:
    class Mutates(Told):
        def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
            change(state)
            return Reply("a", state)

    async def main() -> Any:
        return await GenServer.call(await started(Mutates, start), "go")

    assert run(main) == "a"
    m = Machine(main)
    m.checking = True
    with pytest.raises(StateChangedInPlace) as error:
        driver.simulate(m, 0, 1000)
    assert (error.value.key, error.value.callback.split(".")[-2:]) == (
        key,
        ["Mutates", "handle_call"],
    )
    assert __file__ in str(error.value)


def test_a_check_allows_mutable_state_that_is_built_anew() -> None:
    async def main() -> Any:
        pid = await started(Told, {"a": [1]})
        return await GenServer.call(pid, lambda caller, s: Reply(s["a"] + [2], {**s, "b": 1}))

    m = Machine(main)
    m.checking = True
    driver.simulate(m, 0, 1000)
    assert m.mistake is None


def test_processes_of_one_class_share_no_attribute() -> None:
    class Keeps(GenServer):
        def init(self, argument: Any) -> Any:
            self.count = argument
            return Ok(argument)

    async def main() -> Any:
        return await GenServer.start_link(Keeps, 0)

    with pytest.raises(UsageError, match="all processes of the class would share"):
        simulate(main)
