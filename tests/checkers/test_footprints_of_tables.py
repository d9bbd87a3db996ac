"""What looks at a whole table without an order tells the orders apart in which rows came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkers.dfs import outcomes
from checkers.reduction import Reduction
from checkers.watched import Watched
from simkernel import ANY, ets, receive, spawn_monitor
from simkernel.kernel.symbolic import SymbolicClock

LOOKS: dict[str, Callable[[Any], Any]] = {
    "tab2list": ets.tab2list,
    "match": lambda tab: ets.match(tab, ("$1", "_")),
    "match_object": lambda tab: ets.match_object(tab, ("_", 1)),
    "select": lambda tab: ets.select(tab, [("_", [], ["$_"])]),
    "select_reverse": lambda tab: ets.select_reverse(tab, [("_", [], ["$_"])]),
    "part": lambda tab: ets.select(tab, [("_", [], ["$_"])], 1),
}


async def inserts(tab: Any, key: str) -> None:
    await ets.insert(tab, (key, 1))


def looking(name: str, kind: str) -> Callable[[], Any]:
    async def main() -> Any:
        tab = await ets.new("t", access="public", type=kind)
        for key in ("a", "b"):
            spawn_monitor(inserts, tab, key)
        for _ in range(2):
            await receive(("DOWN", ANY, ANY, ANY, ANY))
        return await LOOKS[name](tab)

    return main


@pytest.mark.parametrize("by_message", [False, True])
@pytest.mark.parametrize("kind", ["set", "ordered_set"])
@pytest.mark.parametrize("name", LOOKS)
def test_a_search_of_classes_reaches_every_order_of_rows(
    name: str, kind: str, by_message: bool
) -> None:
    main = looking(name, kind)
    search = Reduction(lambda: Watched(main, (), clock=SymbolicClock()), by_message=by_message)
    reached = {repr(m.returned) for m in search.ends(lambda: False)}
    assert len(reached) == len(outcomes(main)) == (1 if kind == "ordered_set" else 2)
