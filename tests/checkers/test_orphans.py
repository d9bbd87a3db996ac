"""What is orphaned or lost when a child of a supervisor dies."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from checkers.orphans import Orphan, orphans
from simkernel import (
    Exit,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Supervisor,
    ets,
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
