"""What is orphaned or lost when a child of a supervisor dies."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from checkers.orphans import Orphan, orphans
from checkers.orphans import _Run as Running
from simkernel import (
    Exit,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Supervisor,
    Task,
    ets,
    log,
    process_flag,
    receive,
    self_,
    send,
    sleep,
    spawn,
    spawn_link,
    work,
)
from simkernel.cli.main import main as command
from simkernel.settings import Settings
from simkernel.spec import of

SETTINGS = Settings(step_ms=(0, 10), picker="walk")


class Store(GenServer):
    """Has a table of its own, and answers slowly; for a cast it starts a process."""

    @staticmethod
    def start_link(how):
        return GenServer.start_link(Store, how, name="store")

    async def init(self, how):
        heir = {"heir": (how["heir"], None)} if how["heir"] else {}
        table = await ets.new("rows", access="public", **heir)
        for number in range(how["rows"]):
            await ets.insert(table, (number, "row"))
        return Ok(how)

    async def handle_call(self, request, caller, how):
        await work(20)
        return Reply("done", how)

    def handle_cast(self, request, how):
        (spawn_link if how["linked"] else spawn)(reports)
        return NoReply(how)


async def reports() -> None:
    await work(50)


class Front(GenServer):
    """Asks the store for whoever asks it."""

    @staticmethod
    def start_link(_):
        return GenServer.start_link(Front, None, name="front")

    def init(self, _):
        return Ok(None)

    async def handle_call(self, request, caller, state):
        return Reply(await GenServer.call("store", "rows"), state)


async def client(main: Any) -> None:
    with contextlib.suppress(Exit):
        await GenServer.call("front", "page")
    send(main, "over")


async def waits() -> None:
    await receive("never", idle=True)


async def shop(rows: int = 2, linked: bool = False, heir: bool = False, asks: bool = True) -> None:
    keeper = spawn(waits) if heir else None
    how = {"rows": rows, "linked": linked, "heir": keeper}
    await Supervisor.start_link([(Store, how), Front], strategy="one_for_one", name="top")
    GenServer.cast("store", "report")
    if asks:
        spawn(client, self_())
        await receive("over")
    await sleep(100)


def found(**parameters: Any) -> set[tuple[str, str, str, str]]:
    """Give what is orphaned, without where."""
    spec = of(shop)
    return {(one.child, one.kind, one.who, one.what)
            for one in orphans(spec, spec.arguments(parameters), SETTINGS)}  # fmt: skip


def test_all_that_hangs_on_the_two_is_found_and_confirmed() -> None:
    assert found() == {
        ("Front", "call", "<root.2>", "'page'"), ("Front", "served", "store", "'rows'"),
        ("Store", "call", "front", "'rows'"), ("Store", "rows", "rows", "2 rows"),
        ("Store", "worker", "<root.1.1.1>", "reports"),
    }  # fmt: skip


def test_nobody_who_asks_leaves_no_call_open() -> None:
    assert {kind for _, kind, _, _ in found(asks=False)} == {"rows", "worker"}


def test_a_process_that_is_linked_goes_down_with_its_parent() -> None:
    assert "worker" not in {kind for _, kind, _, _ in found(linked=True)}


def test_rows_of_a_table_with_an_heir_are_not_lost() -> None:
    assert "rows" not in {kind for _, kind, _, _ in found(heir=True)}
    assert "rows" not in {kind for _, kind, _, _ in found(rows=0)}


@pytest.mark.parametrize("seed", range(10))
def test_whatever_the_run_only_what_is_so_is_said(seed: int) -> None:
    settings = Settings(step_ms=(0, 10), picker="walk", seed=seed)
    said = orphans(of(shop), of(shop).arguments({}), settings)
    kinds = {"Front": {"call", "served"}, "Store": {"call", "rows", "worker"}}
    assert all(one.kind in kinds[one.child] for one in said)
    assert any(one == Orphan("Store", "rows", "rows", "2 rows", one.at) for one in said)


class Boss(GenServer):
    """Lets tasks work for it, in one of the ways there are."""

    @staticmethod
    def start_link(how):
        return GenServer.start_link(Boss, how, name="boss")

    async def init(self, how):
        await starts(how)
        return Ok(how)

    def handle_info(self, message, how):
        return NoReply(how)


async def starts(how: str) -> None:
    match how:
        case "async":
            Task.async_(job)
        case "start":
            Task.start(job)
        case "start_link":
            Task.start_link(job)
        case "supervised":
            await Task.Supervisor.async_("tasks", job)
        case "nolink":
            await Task.Supervisor.async_nolink("tasks", job)
        case "child":
            await Task.Supervisor.start_child("tasks", job)
        case "trapping":
            Task.async_(stubborn)


async def job() -> None:
    await work(50)
    log("did it")


async def stubborn() -> None:
    process_flag("trap_exit", True)
    await work(50)


async def office(how: str = "async") -> None:
    tree = [(Task.Supervisor, {"name": "tasks"}), (Boss, how)]
    await Supervisor.start_link(tree, strategy="one_for_one", name="top")
    await sleep(200)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("how", "goes_on"), [
    ("async", None), ("start_link", None), ("supervised", None),
    ("start", "job"), ("nolink", "job"), ("child", "job"), ("trapping", "stubborn"),
])  # fmt: skip
def test_a_task_goes_on_for_nobody_unless_it_is_linked(
    how: str, goes_on: str | None, seed: int
) -> None:
    settings = Settings(step_ms=(0, 10), picker="walk", seed=seed)
    said = orphans(of(office), of(office).arguments({"how": how}), settings)
    told = {(one.child, one.kind, one.what) for one in said if one.kind in ("task", "worker")}
    assert told == ({("Boss", "task", goes_on)} if goes_on else set())


async def customer(how: str) -> None:
    await starts(how)
    await sleep(100)


async def market(how: str = "nolink") -> None:
    await Supervisor.start_link([(Task.Supervisor, {"name": "tasks"})], strategy="one_for_one")
    for _ in range(3):
        spawn(customer, how)
    await sleep(200)


@pytest.mark.parametrize(("how", "goes_on"), [("nolink", True), ("supervised", False)])
def test_whoever_a_task_works_for_need_not_be_a_child(how: str, goes_on: bool) -> None:
    said = orphans(of(market), of(market).arguments({"how": how}), SETTINGS)
    told = [(one.child, one.kind, one.what) for one in said if one.kind == "task"]
    assert told == ([("customer", "task", "job")] if goes_on else [])  # of three alike one is told


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_to_go_on_does_its_work(seed: int) -> None:
    """One that has not been told its work ends with who it was to work for (rule 19.9)."""
    settings = Settings(step_ms=(0, 10), picker="walk", seed=seed)
    given = of(office).arguments({"how": "nolink"})
    (one,) = [one for one in orphans(of(office), given, settings) if one.kind == "task"]
    run = Running(of(office), given, settings)
    for _ in run.steps(one.at):
        pass
    assert run.m.logged == []
    run.crash(run.m.names["boss"])
    for _ in run.steps(one.at + 400):
        pass
    assert "did it" in run.m.logged
    run.m.close()


def test_the_command_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    spec = "specs/guide/application.py"
    with pytest.raises(SystemExit):
        command(["supervision", spec, "--child", "Endpoint", "--json"])
    told = json.loads(capsys.readouterr().out)["orphans"]
    assert {one["kind"] for one in told} == {"call", "served"}
    assert {one["child"] for one in told} == {"Endpoint"}
    with pytest.raises(SystemExit):
        command(["supervision", spec, "--child", "Endpoint"])
    shown = capsys.readouterr().out
    assert "MyApp.Repo goes on with ('get', 'home'), which nobody waits for any more" in shown
