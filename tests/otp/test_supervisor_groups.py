"""Supervisor: its notes, its graph, group strategies, significant children."""

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    ANY,
    Exit,
    GenServer,
    Supervisor,
    alive,
    log,
    process_flag,
    receive,
    simulate,
    spawn,
    whereis,
)
from tests.otp.children import (
    Flaky,
    Trapper,
    child,
    crash,
    judge,
    pids,
    supervised,
)
from tests.otp.running import notes, run

# --- Notes, snapshots ----------------------------------------------------------------------------


def test_a_supervisor_publishes_what_happens_to_its_children() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        sup = await supervised(child("a"), child("b"), max_restarts=1)
        await crash("a")
        await crash("a")
        await receive(("EXIT", sup, ANY))

    found = [(kind, fields.get("id")) for kind, fields in notes(main)]
    words = ("child started", "child exited", "child stopped", "gave up")
    assert [each for each in found if each[0] in words] == [
        ("child started", "a"),
        ("child started", "b"),
        ("child exited", "a"),
        ("child started", "a"),
        ("child exited", "a"),
        ("gave up", "a"),
        ("child stopped", "b"),
    ]


class Mortal(GenServer):
    """Ends when told; has no name, so that a search of it is small."""

    def handle_cast(self, reason: Any, state: Any) -> Any:
        raise Exit(reason)


def test_a_supervisor_has_a_finite_graph() -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        flags = {"strategy": "one_for_one", "max_restarts": 1}
        _, sup = await Supervisor.start_link([(Mortal, 0)], **flags)
        ((_, pid, _, _),) = await Supervisor.which_children(sup)
        GenServer.cast(pid, "boom")
        ((_, after, _, _),) = await Supervisor.which_children(sup)
        return after == pid

    assert outcomes(main) == {True, False}


# --- Group strategies ----------------------------------------------------------------------------


def moved(strategy: str, *children: Any) -> Any:
    """Let "b" crash; gives who has another pid afterwards, and what was logged since."""

    async def main() -> Any:
        sup = await supervised(*children, strategy=strategy)
        before = await pids(sup)
        log("crash")
        await crash("b")
        await receive(after=1)
        after = await pids(sup)
        return [id for id in after if after[id] != before[id]], list(after)

    result = simulate(main)
    lines = list(result.logged)
    return *result.returned, lines[lines.index("crash") + 1 :]


@pytest.mark.rule("16.45")
def test_one_for_all_stops_all_others_in_reverse_and_starts_all_in_order() -> None:
    children = [child(name, Trapper) for name in "abc"]
    changed, _, lines = moved("one_for_all", *children)
    assert changed == ["a", "b", "c"]
    assert [line[:2] for line in lines] == [
        ("down", "b"), ("down", "c"), ("down", "a"), ("up", "a"), ("up", "b"), ("up", "c"),
    ]  # fmt: skip


@pytest.mark.rule("16.46")
def test_rest_for_one_leaves_those_before_alone() -> None:
    children = [child(name, Trapper) for name in "abc"]
    changed, _, lines = moved("rest_for_one", *children)
    assert changed == ["b", "c"]
    assert [line[:2] for line in lines] == [("down", "b"), ("down", "c"), ("up", "b"), ("up", "c")]


@pytest.mark.rule("16.47")
def test_a_group_restart_drops_temporary_children() -> None:
    children = [child("a"), child("b"), child("c", restart="temporary")]
    assert moved("one_for_all", *children)[1] == ["a", "b"]


@pytest.mark.rule("16.47", "16.48")
def test_a_group_restart_revives_a_transient_child_that_had_ended() -> None:
    async def main() -> Any:
        sup = await supervised(
            child("a", restart="transient"), child("b"), strategy="one_for_all", max_restarts=1
        )
        await crash("a", "normal")
        await crash("b")
        await receive(after=1)
        return await whereis("a") is not None, (await pids(sup))["a"] == await whereis("a")

    assert run(main) == (True, True)


@pytest.mark.rule("16.49", "16.50")
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_group_restart_that_fails_is_tried_again(strategy: str) -> None:
    async def main() -> Any:
        spawn(judge, "start", "fail", "start")
        sup = await supervised(child("a"), child("b"), child("c", Flaky), strategy=strategy)
        await crash("b")
        await receive(after=1)
        listed = await pids(sup)
        return [id for id in listed if listed[id] == await whereis(id)]

    result = simulate(main)
    assert result.returned == ["a", "b", "c"]
    ups = [line[1] for line in result.logged if type(line) is tuple]
    # The second attempt of one_for_all starts all again, that of rest_for_one only the rest.
    assert ups == (["a", "b", "a", "b", "a", "b"] if strategy == "one_for_all" else ["a", "b", "b"])


@pytest.mark.rule("16.51", "16.52")
@pytest.mark.parametrize(
    ("auto_shutdown", "ends", "reason"),
    [
        ("any_significant", ["a"], "shutdown"),
        ("all_significant", ["a"], "runs"),
        ("all_significant", ["a", "b"], "shutdown"),
        ("any_significant", ["c"], "runs"),
    ],
)
def test_the_end_of_significant_children_shuts_the_supervisor_down(
    auto_shutdown: str, ends: list[str], reason: str
) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        significant = {"restart": "transient", "significant": True}
        children = [child("a", **significant), child("b", **significant)]
        children.append(child("c", restart="transient"))
        sup = await supervised(*children, auto_shutdown=auto_shutdown)
        for name in ends:
            await crash(name, "normal")
        ended = await receive(("EXIT", sup, ANY), after=1)
        return ended[2] if type(ended) is tuple else "runs"

    assert run(main) == reason


@pytest.mark.rule("16.53")
def test_a_significant_child_that_is_terminated_by_hand_shuts_nothing_down() -> None:
    async def main() -> Any:
        significant = {"restart": "transient", "significant": True}
        sup = await supervised(child("a", **significant), auto_shutdown="any_significant")
        await Supervisor.terminate_child(sup, "a")
        return await alive(sup)

    assert run(main) is True


@pytest.mark.rule("16.51")
def test_a_significant_child_that_is_restarted_shuts_nothing_down() -> None:
    async def main() -> Any:
        significant = {"restart": "transient", "significant": True}
        sup = await supervised(child("a", **significant), auto_shutdown="any_significant")
        before = await whereis("a")
        await crash("a")
        await receive(after=1)
        return await alive(sup), await whereis("a") not in (None, before)

    assert run(main) == (True, True)


@pytest.mark.rule("16.48")
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_group_restart_counts_once(strategy: str) -> None:
    async def main() -> Any:
        process_flag("trap_exit", True)
        flags = {"strategy": strategy, "max_restarts": 2}
        sup = await supervised(*(child(name) for name in "abc"), **flags)
        seen = []
        for _ in range(3):
            await crash("a")
            await receive(("EXIT", sup, ANY), after=1)
            seen.append(await alive(sup))
        return seen

    assert run(main) == [True, True, False]
