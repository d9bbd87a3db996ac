"""Section 21: the Registry."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    ArgumentError,
    ErlangError,
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
    spawn_monitor,
    unlink,
    whereis,
)
from tests.otp.running import down_of, logged, run

VIA = ("via", Registry, ("R", "w"))


async def registry(keys: str = "unique", **options: Any) -> Any:
    """Start the registry "R", which has to succeed."""
    match await Registry.start_link(keys=keys, name="R", **options):
        case ("ok", pid):
            return pid
        case failed:
            raise AssertionError(failed)


async def raised(operation: Any) -> Any:
    """Give the type and the text of the error that an operation raises, or its result."""
    try:
        return await operation
    except ErlangError as error:
        return type(error).__name__, str(error)


async def holder(key: Any, value: Any, boss: Any) -> None:
    """Register, say so, and live until told to end."""
    send(boss, ("registered", await Registry.register("R", key, value)))
    raise Exit(await receive(idle=True))


async def held(key: Any, value: Any = None) -> Any:
    """Start a holder and wait until it is registered; gives its pid."""
    pid = spawn(holder, key, value, self_())
    assert (await receive(("registered", ANY)))[1][0] == "ok"
    return pid


async def dead(pid: Any, reason: Any = "boom") -> None:
    """End a holder and wait for its DOWN."""
    monitor(pid)
    send(pid, reason)
    await down_of(pid)


# --- 21.1 to 21.5: starting ----------------------------------------------------------------------


@pytest.mark.rule("21.1")
@pytest.mark.parametrize("partitions", [1, 3])
def test_a_registry_is_a_supervisor_with_a_process_a_partition(partitions: int) -> None:
    async def main() -> Any:
        sup = await registry(partitions=partitions)
        children = await Supervisor.which_children("R")
        return sup == await whereis("R"), [id for id, *_ in children]

    names = [f"R.PIDPartition{at}" for at in reversed(range(partitions))]
    assert run(main) == (True, names)


@pytest.mark.rule("21.1", "21.26")
def test_a_registry_is_a_child() -> None:
    async def main() -> Any:
        options = {"keys": "unique", "name": "R"}
        sup = (await Supervisor.start_link([(Registry, options)], strategy="one_for_one"))[1]
        listed = await Supervisor.which_children(sup)
        return listed == [("R", await whereis("R"), "supervisor", [Registry])]

    assert run(main)


@pytest.mark.rule("21.2")
@pytest.mark.parametrize("name", ["Nope", 7])
def test_an_unknown_registry_raises(name: Any) -> None:
    async def main() -> Any:
        return {
            await raised(Registry.lookup(name, "k")),
            await raised(Registry.register(name, "k", 1)),
            await raised(Registry.unregister(name, "k")),
            await raised(Registry.keys(name, self_())),
            await raised(Registry.count(name)),
            await raised(Registry.dispatch(name, "k", log)),
            await raised(GenServer.whereis(("via", Registry, (name, "k")))),
        }

    assert run(main) == {("ArgumentError", f"unknown registry: {name}")}


@pytest.mark.rule("21.2", "21.17")
def test_the_meta_of_an_unknown_registry_raises() -> None:
    async def main() -> Any:
        return {
            await raised(Registry.meta("Nope", "k")),
            await raised(Registry.put_meta("Nope", "k", 1)),
            await raised(Registry.delete_meta("Nope", "k")),
        }

    assert run(main) == {("ArgumentError", "unknown registry: Nope")}


BAD = [
    ({"name": "R"}, "expected keys to be given"),
    ({"keys": "uni", "name": "R"}, "got: 'uni'"),
    ({"keys": "unique"}, "expected the name option to be present"),
    ({"keys": "unique", "name": 7}, "expected name to be a str, got: 7"),
    ({"keys": "unique", "name": "R", "partitions": 0}, "positive integer, got: 0"),
    ({"keys": "unique", "name": "R", "meta": 1}, "expected meta to be"),
    ({"keys": "unique", "name": "R", "listeners": 1}, "expected listeners to be a list"),
    ({"keys": "unique", "name": "R", "colour": 1}, "no option 'colour'"),
]


@pytest.mark.rule("21.3")
@pytest.mark.parametrize(("options", "text"), BAD)
def test_a_bad_option_raises_in_the_caller(options: Any, text: str) -> None:
    async def main() -> Any:
        return await raised(Registry.start_link(**options))

    kind, said = run(main)
    assert kind == "ArgumentError"
    assert text in said


@pytest.mark.rule("21.4")
def test_a_second_registry_of_the_name_is_refused() -> None:
    async def main() -> Any:
        first = await registry()
        return await Registry.start_link(keys="unique", name="R") == (
            "error",
            ("already_started", first),
        )

    assert run(main)


async def looker(boss: Any) -> None:
    send(boss, len(await Registry.lookup("R", "k")))


async def registering_while_another_looks() -> Any:
    await registry()
    spawn(looker, self_())
    await Registry.register("R", "k", 1)
    return await receive(0, 1)


@pytest.mark.rule("21.5")
def test_another_may_look_before_or_after() -> None:
    assert outcomes(registering_while_another_looks) == {0, 1}


async def claims(boss: Any) -> None:
    send(boss, ("claim", (await Registry.register("R", "k", 1))[0]))
    await receive(idle=True)


async def two_claim() -> Any:
    await registry()
    spawn(claims, self_())
    spawn(claims, self_())
    answers = [(await receive(("claim", ANY)))[1] for _ in range(2)]
    return tuple(sorted(answers))


@pytest.mark.rule("21.5", "21.6")
def test_of_two_one_gets_the_key() -> None:
    assert outcomes(two_claim) == {("error", "ok")}


# --- 21.6 to 21.11: register, unregister, lookup -------------------------------------------------


@pytest.mark.rule("21.6")
def test_a_unique_key_is_taken_once() -> None:
    async def main() -> Any:
        await registry()
        partition = await whereis("R.PIDPartition0")
        other = await held("k", "theirs")
        return [
            await Registry.register("R", "mine", 1) == ("ok", partition),
            await Registry.register("R", "mine", 2) == ("error", ("already_registered", self_())),
            await Registry.register("R", "k", 1) == ("error", ("already_registered", other)),
            await Registry.lookup("R", "mine") == [(self_(), 1)],
        ]

    assert run(main) == [True] * 4


@pytest.mark.rule("21.7", "21.11", "21.13")
def test_a_duplicate_key_may_be_repeated() -> None:
    async def main() -> Any:
        await registry("duplicate")
        other = await held("k", "theirs")
        done = [(await Registry.register("R", "k", value))[0] for value in (1, 2)]
        found = await Registry.lookup("R", "k")
        return (
            done,
            found == [(other, "theirs"), (self_(), 1), (self_(), 2)],
            await Registry.values("R", "k", self_()),
            await Registry.keys("R", self_()),
        )

    assert run(main) == (["ok", "ok"], True, [1, 2], ["k", "k"])


async def looks_after_a_death() -> Any:
    await registry()
    pid = await held("k")
    await dead(pid)
    return (
        len(await Registry.lookup("R", "k")),
        await GenServer.whereis(("via", Registry, ("R", "k"))),
        (await Registry.register("R", "k", 1))[0],
    )


@pytest.mark.rule("21.8")
def test_a_dead_holder_of_a_unique_key_is_absent_at_once() -> None:
    assert outcomes(looks_after_a_death) == {(0, None, "ok")}


async def short_lived(key: Any, boss: Any) -> None:
    await Registry.register("R", key, None)


async def counts_after_a_death(keys: str) -> Any:
    await registry(keys)
    pid, _ref = spawn_monitor(short_lived, "k", self_())
    await down_of(pid)
    return await Registry.count("R")


async def keys_after_a_death() -> Any:
    await registry("duplicate")
    pid, _ref = spawn_monitor(short_lived, "k", self_())
    await down_of(pid)
    return tuple(await Registry.keys("R", pid)), len(await Registry.lookup("R", "k"))


@pytest.mark.rule("21.9")
def test_counts_and_duplicate_entries_of_the_dead_go_some_time_later() -> None:
    assert outcomes(counts_after_a_death, "unique") == {0, 1}
    assert outcomes(keys_after_a_death) == {(("k",), 1), (("k",), 0), ((), 1), ((), 0)}


@pytest.mark.rule("21.9", "21.20")
@pytest.mark.parametrize("keys", ["unique", "duplicate"])
def test_in_the_end_nothing_is_left_of_the_dead(keys: str) -> None:
    async def main() -> Any:
        await registry(keys)
        pid = await held("k")
        await dead(pid)
        await sleep(1)
        return await Registry.count("R"), await Registry.keys("R", pid)

    assert run(main) == (0, [])


@pytest.mark.rule("21.10")
@pytest.mark.parametrize("keys", ["unique", "duplicate"])
def test_unregister_removes_own_entries_only(keys: str) -> None:
    async def main() -> Any:
        await registry(keys)
        other = await held("k", "theirs")
        if keys == "duplicate":
            await Registry.register("R", "k", 1)
            await Registry.register("R", "k", 2)
        await Registry.register("R", "j", 3)
        done = [await Registry.unregister("R", key) for key in ("k", "none")]
        left = await Registry.lookup("R", "k")
        return done, left == [(other, "theirs")], await Registry.keys("R", self_())

    assert run(main) == (["ok", "ok"], True, ["j"])


@pytest.mark.rule("21.11")
def test_lookup_of_a_free_key_is_empty() -> None:
    async def main(keys: str) -> Any:
        await registry(keys, partitions=2)
        return await Registry.lookup("R", "k")

    assert run(main, "unique") == []
    assert run(main, "duplicate") == []


@pytest.mark.rule("21.11")
@pytest.mark.parametrize("keys", ["unique", "duplicate"])
def test_lookup_finds_entries_in_every_partition(keys: str) -> None:
    async def main() -> Any:
        await registry(keys, partitions=3)
        pids = [await held(f"k{at % 2}" if keys == "duplicate" else at, at) for at in range(8)]
        if keys == "unique":
            return [await Registry.lookup("R", at) == [(pids[at], at)] for at in range(8)]
        found = await Registry.lookup("R", "k1")
        return [sorted(value for _, value in found) == [1, 3, 5, 7], await Registry.count("R") == 8]

    assert all(run(main))


# --- 21.12 to 21.17 ------------------------------------------------------------------------------


@pytest.mark.rule("21.12")
def test_update_value_is_for_the_owner() -> None:
    async def main() -> Any:
        await registry()
        await held("k", 1)
        await Registry.register("R", "mine", [1])
        return [
            await Registry.update_value("R", "mine", lambda value: [*value, 2]),
            await Registry.update_value("R", "k", lambda value: 0),
            await Registry.update_value("R", "none", lambda value: 0),
            await Registry.values("R", "mine", self_()),
            await Registry.values("R", "k", self_()),
        ]

    assert run(main) == [([1, 2], [1]), "error", "error", [[1, 2]], []]


@pytest.mark.rule("21.12")
def test_update_value_may_wait() -> None:
    async def main() -> Any:
        await registry()
        await Registry.register("R", "k", 1)

        async def later(value: int) -> int:
            await sleep(5)
            return value + 1

        return await Registry.update_value("R", "k", later)

    assert run(main) == (2, 1)


@pytest.mark.rule("21.12")
def test_update_value_of_duplicate_keys_raises() -> None:
    async def main() -> Any:
        await registry("duplicate")
        return await raised(Registry.update_value("R", "k", log))

    text = "Registry.update_value() is not supported for duplicate registries"
    assert run(main) == ("ArgumentError", text)


@pytest.mark.rule("21.13")
def test_keys_and_values_of_a_unique_registry() -> None:
    async def main() -> Any:
        await registry(partitions=2)
        for key in ("a", "b", "c"):
            await Registry.register("R", key, key * 2)
        return await Registry.keys("R", self_()), await Registry.values("R", "b", self_())

    assert run(main) == (["a", "b", "c"], ["bb"])


@pytest.mark.rule("21.14")
def test_dispatch_runs_in_the_caller_once_for_each_partition_with_entries() -> None:
    async def main(keys: str, partitions: int) -> Any:
        await registry(keys, partitions=partitions)
        for value in (1, 2, 3) if keys == "duplicate" else (1,):
            await held("k", value)
        me, seen = self_(), []

        def take(entries: Any) -> None:
            assert self_() == me
            seen.append([value for _, value in entries])

        done = await Registry.dispatch("R", "k", take), await Registry.dispatch("R", "no", take)
        return done, seen

    assert run(main, "unique", 1) == (("ok", "ok"), [[1]])
    assert run(main, "duplicate", 1) == (("ok", "ok"), [[1, 2, 3]])
    done, seen = run(main, "duplicate", 4)
    assert done == ("ok", "ok")
    assert len(seen) > 1
    assert sorted(value for entries in seen for value in entries) == [1, 2, 3]


@pytest.mark.rule("21.14")
def test_dispatch_may_wait() -> None:
    async def main() -> Any:
        await registry("duplicate")
        await Registry.register("R", "topic", None)

        async def publish(entries: Any) -> None:
            await sleep(3)
            for pid, _ in entries:
                send(pid, "news")

        await Registry.dispatch("R", "topic", publish)
        return await receive()

    assert run(main) == "news"


@pytest.mark.rule("21.15")
@pytest.mark.parametrize("keys", ["unique", "duplicate"])
def test_keys_compare_strictly(keys: str) -> None:
    async def main() -> Any:
        await registry(keys)
        done = [(await Registry.register("R", key, repr(key)))[0] for key in (1, 1.0, True)]
        values = [await Registry.values("R", key, self_()) for key in (1, 1.0, True)]
        await Registry.unregister("R", 1)
        return done, values, await Registry.keys("R", self_())

    done, values, left = run(main)
    assert done == ["ok"] * 3
    assert values == [["1"], ["1.0"], ["True"]]
    assert list(map(repr, left)) == ["1.0", "True"]


@pytest.mark.rule("21.16")
@pytest.mark.parametrize("partitions", [1, 2])
def test_count_counts_entries(partitions: int) -> None:
    async def main() -> Any:
        await registry("duplicate", partitions=partitions)
        await held("a")
        for key in ("a", "a", "b"):
            await Registry.register("R", key, None)
        return await Registry.count("R")

    assert run(main) == 4


@pytest.mark.rule("21.17")
def test_meta() -> None:
    async def main() -> Any:
        await registry(meta={"a": 1})
        return [
            await Registry.meta("R", "a"),
            await Registry.meta("R", "b"),
            await Registry.put_meta("R", ("b", 1), [2]),
            await Registry.meta("R", ("b", 1)),
            await Registry.delete_meta("R", "a"),
            await Registry.meta("R", "a"),
        ]

    assert run(main) == [("ok", 1), "error", "ok", ("ok", [2]), "ok", "error"]


@pytest.mark.rule("21.17")
def test_a_key_of_meta_is_a_name_or_a_tuple() -> None:
    async def main() -> Any:
        await registry()
        return await Registry.meta("R", 7)

    assert simulate(main).reason[0] == "function_clause"


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
