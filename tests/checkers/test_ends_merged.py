"""What ends show: merging situations loses none of it."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pytest

from checkers.dfs import Dfs
from checkers.judged import Judged
from simkernel.settings import Settings
from simkernel.spec import Spec
from tests.checkers import generated


def shown(ops: Any, network: str, *, merge: bool) -> set[tuple[tuple[str, str], ...]] | None:
    """Give what the ends of a random program show, whoever it is; None if it has too many ways."""

    async def main() -> None:
        await generated.main(ops)

    settings = Settings(network=network, time="any", picker="recorded")
    run = Judged(Spec("drawn", main), {}, settings, snapshots=True)
    search = Dfs(run, merge=merge, history=run.history)
    found = set()
    for _ in search.leaves(lambda: search.transitions > 20_000):
        told = run.findings(run.ended())
        found.add(tuple(sorted((one.kind, re.sub(r"<[\w.]+>", "it", one.text)) for one in told)))
    run.m.close()
    return None if search.cut else found


def compared(seeds: range, size: int) -> Counter[str]:
    """Compare programs about ends; gives how many show what."""
    kinds: Counter[str] = Counter()
    for seed in seeds:
        draw = random.Random(f"ends {seed}")
        ops = generated.written(draw, draw.randint(3, size), about="dying")
        network = draw.choice(("node", "node", "cluster"))
        every = shown(ops, network, merge=False)
        if every is not None:
            assert shown(ops, network, merge=True) == every, (seed, network, ops)
            kinds["compared"] += 1
            kinds.update({kind for told in every for kind, _ in told})
    return kinds


def test_merging_loses_nothing_that_deaths_show() -> None:
    kinds = compared(range(100), 4)
    assert kinds["compared"] >= 90
    assert min(kinds["crash"], kinds["stuck"]) >= 10


@pytest.mark.long
def test_merging_loses_nothing_that_deaths_of_more_programs_show() -> None:
    assert compared(range(100, 3_000), 5)["compared"] >= 2_500
