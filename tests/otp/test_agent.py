"""Agent: a state, and functions that run in its process (section 20)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    Agent,
    Raised,
    Supervisor,
    Throw,
    monitor,
    receive,
    self_,
    send,
    simulate,
    sleep,
    spawn_monitor,
    work,
)
from tests.otp.running import down_of, raising, run


async def agent(state: Any = 0) -> Any:
    """Start one without a link."""
    _, pid = await Agent.start(lambda: state)
    return pid


def fail(state: Any) -> Any:
    raise ValueError("boom")


async def slow(state: Any) -> Any:
    await work(100)
    return state + 1


@pytest.mark.rule("20.1")
def test_the_state_is_read_and_changed_by_functions() -> None:
    async def main() -> Any:
        pid = await agent(1)
        return [
            await Agent.get(pid, lambda n: n),
            await Agent.update(pid, lambda n, by: n + by, 4),
            await Agent.get_and_update(pid, lambda n: (n, n * 2)),
            await Agent.cast(pid, lambda n: n + 1),
            await Agent.get(pid, lambda n: n),
        ]

    assert run(main) == [1, "ok", 5, "ok", 11]


@pytest.mark.rule("20.2")
def test_the_functions_run_in_the_agent() -> None:
    async def main() -> Any:
        _, pid = await Agent.start_link(self_)
        return await Agent.get(pid, lambda born: (born, self_())) == (pid, pid)

    assert run(main)


@pytest.mark.rule("20.3")
@pytest.mark.parametrize("ask", [Agent.get, Agent.update, Agent.get_and_update])
def test_a_function_that_crashes_ends_the_agent_and_its_caller(ask: Any) -> None:
    async def main() -> Any:
        await ask(await agent(), fail)

    (reason, _), (_, what, (_, request, timeout)) = simulate(main).reason
    assert reason == Raised("ValueError", "boom")
    assert (what, request[0], timeout) == ("call", ask.__name__, 5_000)


@pytest.mark.rule("20.4")
def test_a_cast_whose_function_crashes_ends_the_agent_alone() -> None:
    async def main() -> Any:
        pid = await agent()
        monitor(pid)
        return await Agent.cast(pid, fail), await down_of(pid)

    told, (reason, _) = run(main)
    assert (told, reason) == ("ok", Raised("ValueError", "boom"))


@pytest.mark.rule("20.5")
def test_what_get_and_update_gives_has_to_be_a_pair() -> None:
    async def main() -> Any:
        pid = await agent()
        monitor(pid)
        await Agent.cast(pid, lambda n: n)
        await Agent.get_and_update(pid, lambda n: "no pair")

    assert simulate(main).reason[0] == ("bad_return_value", "no pair")


@pytest.mark.rule("20.6")
def test_an_update_takes_effect_after_its_caller_has_given_up() -> None:
    async def hasty(pid: Any) -> None:
        await Agent.update(pid, slow, timeout=10)

    async def main() -> Any:
        pid = await agent()
        client, _ = spawn_monitor(hasty, pid)
        down = await receive(("DOWN", ANY, "process", client, ANY))
        await sleep(1)
        return down[4][0], await Agent.get(pid, lambda n: n)

    assert run(main) == ("timeout", 1)


@pytest.mark.rule("20.7")
def test_a_first_function_that_raises_is_the_error_of_the_start() -> None:
    async def main() -> Any:
        return await Agent.start(fail, 0)

    error, (reason, _) = run(main)
    assert (error, reason) == ("error", Raised("ValueError", "boom"))


@pytest.mark.rule("20.8")
def test_an_agent_is_a_child_by_its_function() -> None:
    def initial() -> int:
        return 7

    async def main() -> Any:
        _, sup = await Supervisor.start_link([(Agent, initial)], strategy="one_for_one")
        ((id, pid, kind, _),) = await Supervisor.which_children(sup)
        return id is Agent, kind, await Agent.get(pid, lambda n: n)

    assert run(main) == (True, "worker", 7)


@pytest.mark.rule("20.9")
def test_stop_ends_it_with_the_given_reason() -> None:
    async def main() -> Any:
        pid = await agent()
        monitor(pid)
        return await Agent.stop(pid, "shutdown"), await down_of(pid)

    assert run(main) == ("ok", "shutdown")


@pytest.mark.rule("20.3")
def test_the_reason_shows_the_function_and_its_arguments() -> None:
    async def main() -> Any:
        await Agent.update(await agent(), failing, 1, 2, timeout=None)

    _, (_, what, (_, request, timeout)) = simulate(main).reason
    assert (what, request, timeout) == ("call", ("update", failing, 1, 2), None)


@pytest.mark.rule("20.10")
def test_what_a_function_throws_is_the_result_of_the_callback() -> None:
    async def main() -> Any:
        _, pid = await Agent.start(raising(Throw(("ok", 7))))
        thrown = await Agent.get(pid, raising(Throw(("reply", "thrown", 8))))
        return thrown, await Agent.get(pid, lambda n: n)

    assert run(main) == ("thrown", 8)


@pytest.mark.rule("20.11")
def test_an_agent_may_have_a_name() -> None:
    async def main() -> Any:
        _, pid = await Agent.start_link(lambda: 3, name="three")
        again = await Agent.start_link(lambda: 3, name="three")
        await Agent.cast("three", lambda n: n + 1)
        return again == ("error", ("already_started", pid)), await Agent.get("three", lambda n: n)

    assert run(main) == (True, 4)


@pytest.mark.rule("20.12")
@pytest.mark.parametrize(("name", "reason"), [("nobody", "noproc"), ("slow", "timeout")])
def test_a_call_that_is_not_answered_exits(name: str, reason: str) -> None:
    async def main() -> Any:
        await Agent.start_link(lambda: 0, name="slow")
        await Agent.get(name, slow, timeout=10)

    found, (_, what, (server, _, timeout)) = simulate(main).reason
    assert (found, what, server, timeout) == (reason, "call", name, 10)


@pytest.mark.rule("20.13")
def test_a_message_that_is_no_request_changes_nothing() -> None:
    async def main() -> Any:
        pid = await agent(5)
        send(pid, "what?")
        return await Agent.get(pid, lambda n: n)

    assert run(main) == 5


def failing(state: Any, *args: Any) -> Any:
    raise ValueError("boom")
