"""`leads_to` by z3 and by the search of all situations: both find the same."""

from __future__ import annotations

from random import Random

import pytest

from checkers.machines.declaration import Declaration, LeadsTo
from checkers.machines.explicit import Limits, explore
from checkers.machines.lasso import lasso, waits_for_ever
from checkers.machines.responses import answered
from simkernel.errors import SpecError
from tests.machines.generated import condition, machine

DEPTH = 7


def agree(seed: int) -> str:
    """Compare the two on one random machine."""
    m = machine(seed)
    m.invariants.clear()
    random = Random(seed)
    wanted = LeadsTo(condition(random, m, 1), condition(random, m, 1))
    m.responses["it comes"] = wanted
    try:
        if not explore(m, Limits(states=5_000)).complete:
            return "leaves its bounds"
    except SpecError:
        return "nothing happens"
    found = answered(m, Limits())
    run, depth, stopped = lasso(m, wanted, Limits(seconds=1e6, depth=DEPTH))
    assert not stopped
    if run is not None:
        assert isinstance(found, tuple), seed
        assert waits_for_ever(m, run, wanted)
        assert len(run.steps) == depth <= len(found[1].steps)
        return "both"
    assert depth == DEPTH
    if isinstance(found, tuple):
        assert waits_for_ever(m, found[1], wanted)
        assert len(found[1].steps) > DEPTH, seed
        return "longer"
    return "neither"


def test_both_agree_on_random_machines() -> None:
    said = [agree(seed) for seed in range(20)]
    assert said.count("both") > 1
    assert said.count("neither") > 1


@pytest.mark.long
def test_both_agree_on_300_random_machines() -> None:
    said = [agree(seed) for seed in range(300)]
    assert said.count("both") > 40
    assert said.count("neither") > 40


def test_a_machine_without_end_is_refuted_where_no_search_ends() -> None:
    m = Declaration("counter")
    n, busy = m.integer("n"), m.boolean("busy")
    m.action("ask", when=~busy, then={busy: True})
    m.action("count", then={n: n + 1})
    m.action("answer", when=busy & (n < 0), then={busy: False}, fair=True)
    m.action("reset", when=n > 0, then={n: 0})
    run, _, _ = lasso(m, LeadsTo(busy, ~busy), Limits(depth=5))
    assert run is not None
    assert run.back is not None


def test_a_fair_action_happens() -> None:
    m = Declaration("server")
    busy, other = m.boolean("busy"), m.boolean("other")
    m.action("ask", when=~busy, then={busy: True})
    m.action("something else", then={other: ~other})
    m.action("answer", when=busy, then={busy: False}, fair=True)
    assert lasso(m, LeadsTo(busy, ~busy), Limits(depth=6))[0] is None
    m.actions[2] = type(m.actions[2])("answer", m.actions[2].guard, m.actions[2].effects)
    assert lasso(m, LeadsTo(busy, ~busy), Limits(depth=6))[0] is not None
