"""Mutants of a spec: each is one change, and whether it is noticed is told."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from checkers.check import Budget, check
from checkers.machines.alphabet import alphabet_of
from checkers.machines.equivalence import equivalent, widened
from checkers.machines.explicit import Limits
from checkers.mutation import mutants, read
from simkernel.cli.main import main
from simkernel.errors import SimkernelError, UsageError
from simkernel.loading import load, loaded
from tests.meta.house import ROOT

SPEC = """
from simkernel import GenServer, Ok, Reply, GenStateMachine, NextState, StateTimeout, monitor


class Lock(GenServer, restart="permanent"):
    def init(self, _):
        return Ok(None)

    def handle_call(self, request, caller, holder):
        match request:
            case "take" if holder is None:
                monitor(caller[0])
                return Reply("yours", caller[0])
            case "take":
                return Reply("taken", holder)


class Door(GenStateMachine):
    def init(self, _):
        return ("ok", "open", 0)

    def handle_event(self, event_type, content, state, count):
        match event_type, content:
            case ("call", caller), "shut":
                return NextState("shut", count + 1, [Reply(caller, count < 3), StateTimeout(50, 1)])
            case "state_timeout", 1:
                return NextState("open", count)


async def main():
    _, lock = await GenServer.start_link(Lock, None)
    assert await GenServer.call(lock, "take") == "yours"
"""

WANTED = {
    "restart='permanent' becomes 'temporary'", "no clause 'take'",
    "clause 'take' without if holder is None", "no monitor(caller[0])",
    "no Reply(caller, count < 3)", "count < 3 becomes count <= 3", "no StateTimeout(50, 1)",
    "StateTimeout(50, 1) with 25",
}  # fmt: skip


def test_every_kind_of_change_is_made() -> None:
    made = list(mutants(SPEC))
    assert {mutant.what for mutant in made} >= WANTED
    original = ast.unparse(ast.parse(SPEC)) + "\n"
    sources = [mutant.source for mutant in made]
    assert original not in sources
    assert len(set(sources)) == len(sources)
    assert [mutant.line for mutant in made] == sorted(mutant.line for mutant in made)
    for mutant in made:
        changed = [
            (a, b) for a, b in zip(original.splitlines(), mutant.source.splitlines(), strict=False)
            if a != b
        ]  # fmt: skip
        assert changed or len(mutant.source) < len(original)


def test_main_is_not_mutated() -> None:
    main_from = ast.parse(SPEC).body[-1].lineno
    assert all(mutant.line < main_from for mutant in mutants(SPEC))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command."""
    with pytest.raises(SystemExit) as ended:
        main(["mutate", *arguments])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_the_command_tells_who_survived(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "lock.py"
    path.write_text(SPEC, encoding="utf-8")
    code, out = run(capsys, str(path), "--runs", "5", "--json")
    found = json.loads(out)
    assert (code, found["schema"]) == (0, "simkernel.mutate/1")
    fates = {mutant["what"]: mutant["fate"] for mutant in found["mutants"]}
    # Nobody drives the door, and nobody takes the lock twice.
    assert fates["no StateTimeout(50, 1)"] == "survived"
    assert found["killed"] + found["survived"] + found["stillborn"] == len(fates_of(found))
    killed = [mutant for mutant in found["mutants"] if mutant["fate"] == "killed"]
    assert any(mutant["what"] == "no clause 'take'" and mutant["by"] for mutant in killed)
    code, out = run(capsys, str(path), "--runs", "5")
    assert out.splitlines()[-1].endswith(f"score {found['score']:.0%}")
    assert f"{path}:" in out


def fates_of(found: dict[str, list[dict[str, str]]]) -> list[str]:
    """Give the fates of all mutants."""
    return [mutant["fate"] for mutant in found["mutants"]]


def test_bad_input_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text("async def main():\n    return 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="anything to mutate"):
        read(str(path))
    path.write_text(SPEC.replace('== "yours"', '== "mine"'), encoding="utf-8")
    code, out = run(capsys, str(path), "--runs", "5", "--json")
    assert (code, json.loads(out)["error"]["what"]) == (2, "the spec itself is Violated")


# --- Equivalent mutants ---------------------------------------------------------------------------

COUNTER = """
from simkernel import GenServer, Ok, Reply


class Counter(GenServer):
    def init(self, n):
        return Ok(n)

    def handle_call(self, request, caller, n):
        match request:
            case "up" if n < 3:
                return Reply(n + 1, n + 1)
            case "up" if n >= 3:
                return Reply("full", n)
            case ("set", new) if new != n:
                return Reply("set", n)


async def main():
    _, counter = await GenServer.start_link(Counter, 0)
    assert await GenServer.call(counter, "up") == 1
"""


def test_a_mutant_that_does_the_same_is_equivalent_and_does_not_count(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "counter.py"
    path.write_text(COUNTER, encoding="utf-8")
    found = json.loads(run(capsys, str(path), "--runs", "5", "--json")[1])
    fates = {mutant["what"]: mutant["fate"] for mutant in found["mutants"]}
    # There are no numbers but those below 3 and from 3 on; at 3 itself the others differ.
    assert [what for what, fate in fates.items() if fate == "equivalent"] == [
        "clause 'up' without if n >= 3"
    ]
    assert fates["n >= 3 becomes n > 3"] == fates["n < 3 becomes n <= 3"] == "survived"
    assert found["equivalent"] == 1
    assert found["score"] == round(found["killed"] / (found["killed"] + found["survived"]), 3)
    code, out = run(capsys, str(path), "--runs", "5", "--no-equivalence")
    assert (code, "0 equivalent" in out) == (0, True)


def test_a_guard_that_compares_two_captures_is_not_taken_for_needless(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "counter.py"
    path.write_text(COUNTER, encoding="utf-8")
    found = json.loads(run(capsys, str(path), "--runs", "5", "--json")[1])
    fates = {mutant["what"]: mutant["fate"] for mutant in found["mutants"]}
    assert fates["clause ['set', new] without if new != n"] == "survived"


@pytest.mark.parametrize("spec", ["circuit_breaker_fixed.py:Breaker", "lock_server_fixed.py:Lock"])
def test_no_mutant_that_a_check_kills_is_called_equivalent(spec: str, tmp_path: Path) -> None:
    file, _, name = spec.partition(":")
    path = ROOT / "specs" / "concurrency" / file
    source = path.read_text("utf-8")
    killed = 0
    for mutant in mutants(source):
        copy = tmp_path / file
        copy.write_text(mutant.source, encoding="utf-8")
        try:
            verdict = check(load(str(copy)), {}, budget=Budget(runs=60, seconds=1e9))
        except SimkernelError:
            continue
        if verdict.word == "Held":
            continue
        killed += 1
        changed = loaded(f"{copy}:{name}", "", "")[0]
        events = dict.fromkeys(alphabet_of(changed, vars(sys.modules[f"spec.{path.stem}"])))
        original = loaded(f"{path}:{name}", "", "")[0]
        events |= dict.fromkeys(alphabet_of(original, vars(sys.modules[f"spec.{path.stem}"])))
        same = equivalent(original, changed, None, widened(events), Limits(seconds=1e9), 60)
        assert same is not True, mutant.what
    assert killed >= 3
