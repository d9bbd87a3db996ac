"""Agent: a state, and functions that run in its process (section 20)."""

from typing import Any

import pytest

from simkernel import (
    ANY,
    Agent,
    Raised,
    Supervisor,
    monitor,
    receive,
    self_,
    simulate,
    sleep,
    spawn_monitor,
    work,
)
from tests.otp.running import down_of, run


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
