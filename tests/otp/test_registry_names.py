"""Section 21: the Registry; names, links and listeners."""

from __future__ import annotations

from typing import Any

import pytest

from simkernel import (
    ANY,
    ArgumentError,
    Exit,
    GenServer,
    NoReply,
    Ok,
    Registry,
    Reply,
    Supervisor,
    exit,
    log,
    monitor,
    process_flag,
    process_info,
    receive,
    register,
    self_,
    send,
    simulate,
    sleep,
    spawn,
    spawn_link,
    unlink,
    whereis,
)
from tests.otp.registries import VIA, dead, held, raised, registry
from tests.otp.running import down_of, logged, run

# --- 21.18, 21.19: names -------------------------------------------------------------------------


class Worker(GenServer):
    """Answers with what it was started with."""

    def init(self, argument: Any) -> Any:
        return Ok(argument)

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        return Reply((request, state), state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        return NoReply(state)


@pytest.mark.rule("21.18")
def test_a_server_is_started_called_and_cast_to_by_its_via_name() -> None:
    async def main() -> Any:
        await registry()
        _, pid = await GenServer.start_link(Worker, 7, name=VIA)
        again = await GenServer.start_link(Worker, 8, name=VIA)
        valued = ("via", Registry, ("R", "v", "value"))
        _, other = await GenServer.start(Worker, 9, name=valued)
        return [
            await GenServer.call(VIA, "ask"),
            await GenServer.cast(VIA, "told"),
            await GenServer.whereis(VIA) == pid,
            again == ("error", ("already_started", pid)),
            await GenServer.call(valued, "ask"),
            await Registry.lookup("R", "v") == [(other, "value")],
            await Registry.lookup("R", "w") == [(pid, None)],
        ]

    assert run(main) == [("ask", 7), "ok", True, True, ("ask", 9), True, True]


@pytest.mark.rule("21.18", "21.8")
def test_a_name_is_free_again_after_the_end_of_its_server() -> None:
    async def main() -> Any:
        await registry()
        await GenServer.start(Worker, 1, name=VIA)
        await GenServer.stop(VIA)
        return (await GenServer.start(Worker, 2, name=VIA))[0], await GenServer.call(VIA, "?")

    assert run(main) == ("ok", ("?", 2))


@pytest.mark.rule("21.18")
def test_a_start_that_fails_gives_its_name_back() -> None:
    class Refuses(GenServer):
        def init(self, argument: Any) -> Any:
            return ("stop", "no")

    async def main() -> Any:
        await registry()
        return await GenServer.start(Refuses, 1, name=VIA), await Registry.count("R")

    assert run(main) == (("error", "no"), 0)


@pytest.mark.rule("21.19")
def test_a_free_name_is_nobody() -> None:
    async def main() -> Any:
        await registry()
        try:
            await GenServer.call(VIA, "ask")
        except Exit as exited:
            called = exited.reason[0]
        try:
            await Registry.send(("R", "w"), "hello")
        except ArgumentError as error:
            sent = error.reason
        return called, sent, await GenServer.cast(VIA, "told"), await GenServer.whereis(VIA)

    assert run(main) == ("noproc", "badarg", "ok", None)


@pytest.mark.rule("21.18")
def test_registry_send_sends() -> None:
    async def main() -> Any:
        await registry()
        await Registry.register("R", "me", None)
        return await Registry.send(("R", "me"), "hello"), await receive()

    assert run(main) == ("hello", "hello")


@pytest.mark.rule("21.19")
def test_duplicate_keys_give_no_names() -> None:
    async def main() -> Any:
        await registry("duplicate")
        return await raised(GenServer.whereis(VIA)), await raised(
            GenServer.start_link(Worker, 1, name=VIA)
        )

    expected = ("ArgumentError", "a via name is not supported for duplicate registries")
    assert run(main) == (expected, expected)


# --- 21.20 to 21.25: links and listeners ---------------------------------------------------------


@pytest.mark.rule("21.20")
def test_registering_links_and_the_partition_survives() -> None:
    async def main() -> Any:
        await registry()
        partition = await whereis("R.PIDPartition0")
        pid = await held("k")
        linked = (await process_info(pid, "links"))[1] == [partition]
        await dead(pid)
        await sleep(1)
        return linked, await whereis("R.PIDPartition0") == partition

    assert run(main) == (True, True)


async def trapping_holder(boss: Any) -> None:
    process_flag("trap_exit", True)
    await Registry.register("R", "t", None)
    send(boss, "ready")
    send(boss, await receive(("EXIT", ANY, ANY)))


@pytest.mark.rule("21.21")
def test_a_registry_that_stops_takes_its_registrants_along() -> None:
    async def main() -> Any:
        sup = await registry()
        unlink(sup)
        partition = await whereis("R.PIDPartition0")
        pid = await held("k")
        monitor(pid)
        spawn(trapping_holder, self_())
        await receive("ready")
        await Supervisor.stop("R")
        return await down_of(pid), await receive(("EXIT", ANY, ANY)) == (
            "EXIT",
            partition,
            "shutdown",
        )

    assert run(main) == ("shutdown", True)


@pytest.mark.rule("21.22")
def test_the_link_goes_with_the_last_key() -> None:
    async def main() -> Any:
        sup = await registry()
        await held("k")

        async def links() -> int:
            return len([pid for pid in (await process_info(self_(), "links"))[1] if pid != sup])

        seen = [await links()]
        await Registry.register("R", "k", 1)
        seen.append(await links())
        for key in ("a", "b", "a"):
            await Registry.register("R", key, 1)
        seen.append(await links())
        await Registry.unregister("R", "a")
        seen.append(await links())
        await Registry.unregister("R", "b")
        return [*seen, await links()]

    assert run(main) == [0, 0, 1, 1, 0]


async def listener(boss: Any) -> None:
    await register(self_(), "ear")
    send(boss, "listening")
    while True:
        log((await receive(idle=True))[:4])


@pytest.mark.rule("21.23", "21.24")
@pytest.mark.parametrize("keys", ["unique", "duplicate"])
def test_listeners_hear_of_calls_and_not_of_deaths(keys: str) -> None:
    async def main() -> None:
        spawn(listener, self_())
        await receive("listening")
        await registry(keys, listeners=["ear"])
        await dead(await held("dies"))
        await Registry.register("R", "k", "value")
        await Registry.unregister("R", "k")
        await sleep(1)

    heard = [(what, key) for what, _, key, _ in logged(main)]
    assert heard == [("register", "dies"), ("register", "k"), ("unregister", "k")]


@pytest.mark.rule("21.23")
def test_what_listeners_hear() -> None:
    async def main() -> Any:
        await register(self_(), "ear")
        await registry(listeners=["ear"])
        await Registry.register("R", "k", "value")
        await Registry.unregister("R", "k")
        me = self_()
        return await receive() == ("register", "R", "k", me, "value"), await receive() == (
            "unregister",
            "R",
            "k",
            me,
        )

    assert run(main) == (True, True)


@pytest.mark.rule("21.25")
@pytest.mark.parametrize(("keys", "restarted"), [("unique", 2), ("duplicate", 1)])
def test_which_partitions_start_again(keys: str, restarted: int) -> None:
    async def main() -> Any:
        await registry(keys, partitions=2)
        names = ["R.PIDPartition0", "R.PIDPartition1"]
        before = [await whereis(name) for name in names]
        exit(before[0], "kill")
        await sleep(1)
        after = [await whereis(name) for name in names]
        return sum(old != new for old, new in zip(before, after, strict=True)), None in after

    assert run(main) == (restarted, False)


@pytest.mark.rule("21.25", "21.21")
def test_a_partition_that_crashes_takes_its_registrants_along_and_comes_back_empty() -> None:
    async def main() -> Any:
        await registry()
        pid = await held("k")
        monitor(pid)
        exit(await whereis("R.PIDPartition0"), "kill")
        reason = await down_of(pid)
        await sleep(1)
        return reason, await Registry.count("R"), (await Registry.register("R", "k", 1))[0]

    assert run(main) == ("killed", 0, "ok")


@pytest.mark.rule("21.20")
def test_a_partition_answers_when_it_has_cleared_up() -> None:
    async def main() -> Any:
        await registry("duplicate")
        pid = await held("k")
        await dead(pid)
        await GenServer.call("R.PIDPartition0", "sync")
        return await Registry.lookup("R", "k")

    assert run(main) == []


@pytest.mark.rule("21.6")
def test_registering_for_another_process_is_a_crash() -> None:
    async def other() -> None:
        await receive(idle=True)

    async def main() -> Any:
        await registry()
        return await Registry.register_name(("R", "k"), spawn_link(other))

    assert simulate(main).reason[0] == "function_clause"
