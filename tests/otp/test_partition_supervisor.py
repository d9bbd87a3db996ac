"""PartitionSupervisor, section 24; and what the comparison with the VM found in its neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from simkernel import (
    Agent,
    ArgumentError,
    Exit,
    GenServer,
    PartitionSupervisor,
    Registry,
    Supervisor,
    exit,
    monitor,
    receive,
    register,
    self_,
    simulate,
    sleep,
    timer,
)
from tests.otp.running import run


def zero() -> int:
    return 0


def same(state: Any) -> Any:
    return state


async def started(**options: Any) -> Any:
    result = await PartitionSupervisor.start_link(child_spec=(Agent, zero), name="P", **options)
    return result[1]


def via(key: Any, name: str = "P") -> Any:
    return ("via", PartitionSupervisor, (name, key))


@pytest.mark.rule("24.1")
def test_it_starts_the_child_once_for_each_partition() -> None:
    async def main() -> Any:
        top = await started()
        listed = [id_ for id_, _, _, _ in await PartitionSupervisor.which_children(top)]
        counted = await PartitionSupervisor.count_children("P")
        return listed, await PartitionSupervisor.partitions("P"), counted["workers"]

    assert run(main) == ([7, 6, 5, 4, 3, 2, 1, 0], 8, 8)


@pytest.mark.rule("24.2")
def test_a_key_is_always_the_same_child() -> None:
    async def main() -> Any:
        await started(partitions=3)
        numbers = [await GenServer.whereis(via(key)) for key in (0, 1, 2, -4, 4)]
        terms = [await GenServer.whereis(via(("t", 1))) for _ in range(2)]
        return len(set(numbers)), numbers[1] == numbers[3] == numbers[4], terms[0] == terms[1]

    assert run(main) == (3, True, True)


@pytest.mark.rule("24.3")
def test_a_restarted_partition_is_found_under_its_key() -> None:
    async def main() -> Any:
        await started(partitions=2)
        before = await GenServer.whereis(via(1))
        monitor(before)
        exit(before, "kill")
        await receive()
        await sleep(1)
        return await GenServer.whereis(via(1)) != before, await Agent.get(via(1), same)

    assert run(main) == (True, 0)


@pytest.mark.rule("24.4")
def test_arguments_are_adapted_to_the_partition() -> None:
    async def main() -> Any:
        def adapt(_: Any, partition: int) -> Any:
            return [lambda: partition * 10]

        await started(partitions=3, with_arguments=adapt)
        return [await Agent.get(via(key), same) for key in range(3)]

    assert run(main) == [0, 10, 20]


@pytest.mark.rule("24.5")
def test_an_unknown_one_exits_with_noproc() -> None:
    async def main() -> Any:
        try:
            await PartitionSupervisor.partitions("nobody")
        except Exit as exited:
            return exited.reason

    assert run(main) == ("noproc", (PartitionSupervisor, "partitions", ("nobody",)))


@pytest.mark.rule("24.6")
@pytest.mark.parametrize(
    "options",
    [
        {"name": "P"},
        {"child_spec": (Agent, zero)},
        {"partitions": 0},
        {"other": 1},
        {"with_arguments": lambda *_: 1},
    ],
)
def test_wrong_options_raise(options: dict[str, Any]) -> None:
    async def main() -> Any:
        given = (
            {"name": "P", "child_spec": (Agent, zero), **options}
            if len(options) and not {"name", "child_spec"} & set(options)
            else options
        )
        try:
            await PartitionSupervisor.start_link(**given)
        except ArgumentError:
            return "raised"

    assert run(main) == "raised"


@pytest.mark.rule("24.1", "16.36")
def test_it_stops_its_partitions_and_is_a_child() -> None:
    async def main() -> Any:
        options = {"child_spec": (Agent, zero), "name": "P", "partitions": 1}
        _, top = await Supervisor.start_link(
            [(PartitionSupervisor, options)], strategy="one_for_one"
        )
        ((id_, _, type_, _),) = await Supervisor.which_children(top)
        await PartitionSupervisor.stop("P")
        return id_, type_

    assert run(main) == ("P", "supervisor")


# --- Registry: 21.27 to 21.29 --------------------------------------------------------------------


async def registered(kind: str, *entries: Any, **options: Any) -> None:
    await Registry.start_link(keys=kind, name="R", **options)
    for key, value in entries:
        await Registry.register("R", key, value)


@pytest.mark.rule("21.27")
def test_match_looks_at_the_values_of_a_key() -> None:
    async def main() -> Any:
        await registered("duplicate", ("k", ("a", 1)), ("k", ("b", 2)), ("l", ("a", 3)))
        matched = await Registry.match("R", "k", ("_", "$1"), [(">", "$1", 1)])
        return [value for _, value in matched], await Registry.count_match("R", "k", ("a", "_"))

    assert run(main) == ([("b", 2)], 1)


@pytest.mark.rule("21.28", "21.24")
def test_unregister_match_tells_listeners_when_none_is_left() -> None:
    async def main() -> Any:
        await register(self_(), "listens")
        await registered("duplicate", ("k", 1), ("k", 2), listeners=["listens"])
        await Registry.unregister_match("R", "k", 1)
        keys = await Registry.keys("R", self_())
        await Registry.unregister_match("R", "k", "_")
        heard = [(await receive())[0] for _ in range(3)]
        return keys, await Registry.count("R"), heard

    assert run(main) == (["k"], 0, ["register", "register", "unregister"])


@pytest.mark.rule("21.28")
def test_unregister_match_of_nothing_tells_them_too() -> None:
    # As Elixir 1.14 does: it has deleted all of the none that there were.
    async def main() -> Any:
        await register(self_(), "listens")
        await registered("unique", listeners=["listens"])
        await Registry.unregister_match("R", "k", "_")
        return (await receive())[:3]

    assert run(main) == ("unregister", "R", "k")


@pytest.mark.rule("21.29")
@pytest.mark.parametrize("kind", ["unique", "duplicate"])
def test_select_looks_at_all_entries(kind: str) -> None:
    async def main() -> Any:
        await registered(kind, ("k", 1), ("l", 2), partitions=2)
        spec = [(("$1", "_", "$2"), [(">", "$2", 1)], ["$1"])]
        try:
            await Registry.select("R", [("bad", [], ["x"])])
        except ArgumentError:
            return await Registry.select("R", spec), await Registry.count_select(
                "R", [(("_", "_", "_"), [], [True])]
            )

    assert run(main) == (["l"], 2)


@pytest.mark.rule("21.19", "15.58")
def test_a_cast_to_a_duplicate_registry_is_ok_and_reaches_a_single_holder() -> None:
    async def main() -> Any:
        await registered("duplicate", ("k", 1))
        answer = await GenServer.cast(("via", Registry, ("R", "k")), "hello")
        got = await receive()
        await Registry.register("R", "k", 2)
        return answer, got[1], await GenServer.cast(("via", Registry, ("R", "k")), "lost")

    assert run(main) == ("ok", "hello", "ok")


@pytest.mark.rule("23.14", "23.2")
def test_units_of_time_and_the_forms_without_a_target() -> None:
    async def main() -> Any:
        await timer.send_after(5, "tick")
        return (
            await receive(),
            timer.hms(1, 2, 3),
            timer.hours(1) + timer.minutes(1) + timer.seconds(1),
        )

    assert run(main) == ("tick", 3_723_000, 3_661_000)
    assert simulate(ends_itself).reason == "boom"


async def ends_itself() -> None:
    await timer.exit_after(5, "boom")
    await receive()
