"""Section 21: the Registry; its entries."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    GenServer,
    Registry,
    Supervisor,
    log,
    receive,
    self_,
    send,
    simulate,
    sleep,
    spawn,
    spawn_monitor,
    whereis,
)
from tests.otp.registries import dead, held, raised, registry
from tests.otp.running import down_of, run

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
