"""When a node stops: the same applications in a VM of their own, and here (22.14 to 22.17)."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from simkernel import (
    ANY,
    Application,
    Supervisor,
    exit,
    log,
    monitor,
    receive,
    simulate,
    sleep,
    whereis,
)
from tests.conformance.beam import MISSING

pytestmark = [
    pytest.mark.vm,
    pytest.mark.slow,
    pytest.mark.skipif(MISSING is not None, reason=f"there is no {MISSING}"),
]
SCRIPT = Path(__file__).with_name("vm") / "node_stops.exs"
CASES = list(
    product(("temporary", "transient", "permanent"), ("normal", "shutdown", "kill", "error"))
)
LIVES = "the node lives"
# "Kernel pid terminated", and why, as far as words go: the rest of a start's reason is a stack.
WHY = re.compile(r"\(\{(application_\w+),shop,\{?(\w+)")


class Noted:
    """The callbacks; the classes below are applications with them."""

    async def start(self, type_: Any, args: Any) -> Any:
        (name, how) = args
        if how == "error":
            return ("error", "nope")
        _, pid = await Supervisor.start_link([], strategy="one_for_one", name=f"{name}_tree")
        return ("ok", pid, name)

    def stop(self, name: str) -> None:
        log(f"{name} stopped")


def app(name: str, how: str) -> Any:
    body = {"__module__": __name__, "__qualname__": "Noted"}
    return type("Noted", (Noted, Application), body, app=name, args=[name, how])


async def main(type_: str, how: str) -> None:
    await Application.start(app("first", "runs"), "temporary")
    await Application.start(app("second", "runs"), "temporary")
    if await Application.start(app("shop", how), type_) == "ok":
        tree = await whereis("shop_tree")
        ref = monitor(tree)
        if how == "kill":
            exit(tree, "kill")
        else:
            await Supervisor.stop(tree, how)
        await receive(("DOWN", ref, ANY, ANY, ANY))
    await sleep(1_500)
    log(LIVES)


def here(type_: str, how: str) -> list[str]:
    """List what is noted until the node stops, and why it does."""
    result = simulate(main, type_, how)
    why = result.deaths[-1][1] if result.reason == "killed" else None
    if why is None:
        return list(result.logged)
    kind, name, reason = why
    assert name == "shop"
    return [*result.logged, kind, reason if type(reason) is str else reason[0]]


def there(file: Path, type_: str, how: str) -> list[str]:
    """Do the same on the VM."""
    done = subprocess.run(
        ["elixir", str(SCRIPT), str(file), type_, how],
        cwd=file.parent, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "ERL_CRASH_DUMP_SECONDS": "0", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    noted = file.read_text().splitlines()
    why = WHY.search(done.stdout + done.stderr)
    assert (why is None) == (done.returncode == 0) == (LIVES in noted), done
    return noted if why is None else [*noted, *why.groups()]


@pytest.fixture(scope="module")
def on_the_vm(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    folder = tmp_path_factory.mktemp("nodes")
    with ThreadPoolExecutor(4) as pool:  # each waits most of the time
        runs = {case: pool.submit(there, folder / "-".join(case), *case) for case in CASES}
        return {case: run.result() for case, run in runs.items()}


@pytest.mark.rule("22.14", "22.15", "22.16", "22.17")
@pytest.mark.parametrize(("type_", "how"), CASES)
def test_a_node_stops_here_when_it_does_there(
    on_the_vm: dict[tuple[str, str], list[str]], type_: str, how: str
) -> None:
    assert here(type_, how) == on_the_vm[type_, how]


def test_some_stop_and_some_do_not(on_the_vm: dict[tuple[str, str], list[str]]) -> None:
    assert sum(LIVES in noted for noted in on_the_vm.values()) == 5
