"""The numbers of equivalence classes: exactly those known, and no run in vain."""

from __future__ import annotations

from math import factorial
from typing import Any

import pytest

from checkers.explore import Explored, explore
from simkernel.spec import Spec
from tests.checkers import counted


def explored(program: str, arguments: tuple[Any, ...], **options: Any) -> Explored:
    """Explore one of the counted programs."""
    function = getattr(counted, program)

    async def main() -> Any:
        return await function(*arguments)

    return explore(Spec(program, main), **options)


def classes(program: str, arguments: tuple[Any, ...], **options: Any) -> int:
    """Count its classes; every run has to be one, and the search has to be complete."""
    found = explored(program, arguments, **options)
    assert (found.complete, found.why_stopped) == (True, "")
    return found.runs


# Both networks have the same number unless two are given: (node, cluster).
TABLES: list[tuple[str, tuple[Any, ...], int]] = [
    *[("readers", (n,), 2**n) for n in (1, 3, 6)],
    *[("lastzero", (n,), (n + 3) * 2 ** (n - 2)) for n in (3, 5)],
    ("indexer", (10,), 1), ("indexer", (11,), 1), ("indexer", (12,), 8),
    *[("writers", (n,), factorial(n)) for n in (2, 3, 4)],
    *[("rmw", (n,), factorial(n) ** 2) for n in (2, 3)],
    ("store_buffering", (), 3),
    *[("insert_new", (n,), n) for n in (2, 5)],
    *[("one_name", (n,), n) for n in (2, 4)],
]  # fmt: skip
SIGNALS: list[tuple[str, tuple[Any, ...], int]] = [
    *[("trap", (n,), factorial(n)) for n in (2, 4)],
    *[("fan_in", (n,), factorial(n)) for n in (2, 4)],
    ("fan_in_of", (2, 3), 20), ("fan_in_of", (3, 2), 90),
    ("pairs", (4,), 1), ("ping_pong", (5,), 1), ("ring", (6,), 1),
    ("reporting_pairs", (3,), 6),
    *[("two_phase_commit", (n,), 2**n * factorial(n)) for n in (2, 3)],
    *[("calls_with_timeout", (n,), 2**n * factorial(n)) for n in (1, 2, 3)],
    ("after_reduced", (), 6),
]  # fmt: skip
# Where rf and dpor tell different classes apart: (rf, dpor).
BY_MESSAGE: list[tuple[str, tuple[Any, ...], int, int | None]] = [
    *[("fan_in_selective", (n,), 1, factorial(n)) for n in (3, 4)],
    *[("fan_in_first", (n,), n, factorial(n)) for n in (3, 4)],
    *[("fan_in_none", (n,), 1, factorial(n)) for n in (3, 4)],
    ("first_of", (4, 2), 12, 24),
    ("two_senders", (), 1, 6),
    ("messages_1", (), 3, 6),
    ("same_messages_2", (), 4, 6),
    ("different_observers", (), 5, 48),
    ("receive_patterns", ("foo",), 2, 3), ("receive_patterns", ("bar",), 2, 3),
    *[("mutex", (n,), factorial(n), None) for n in (2, 3, 4)],
    *[("philosophers", (n, False), 2**n - 1, None) for n in (2, 3, 4)],
    *[("philosophers", (n, True), 2**n - 2, None) for n in (2, 3, 4)],
    ("server", (2, 2), 6, None), ("server", (3, 1), 6, None), ("server", (2, 3), 20, None),
    *[("chain", (2, n), factorial(n), factorial(n) ** 2) for n in (2, 3)],
    ("mutual_call", (), 3, 3), ("election", (3,), 1, None), ("election", (4,), 1, None),
]  # fmt: skip


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("strategy", ["rf", "dpor"])
@pytest.mark.parametrize(("program", "arguments", "count"), TABLES + SIGNALS)
def test_every_class_is_run_once(program, arguments, count, strategy, network):
    assert classes(program, arguments, strategy=strategy, network=network) == count


@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize(("program", "arguments", "by_message", "by_order"), BY_MESSAGE)
def test_rf_tells_apart_what_receives_see(program, arguments, by_message, by_order, network):
    assert classes(program, arguments, strategy="rf", network=network) == by_message
    if by_order is not None:
        assert classes(program, arguments, strategy="dpor", network=network) == by_order


@pytest.mark.parametrize("strategy", ["rf", "dpor"])
def test_causal_order_makes_one_class_and_pairwise_order_two(strategy):
    assert classes("triangle", (), strategy=strategy, network="node") == 1
    assert classes("triangle", (), strategy=strategy, network="cluster") == 2


@pytest.mark.parametrize(("ordered", "stuck"), [(False, 1), (True, 0)])
def test_one_class_of_philosophers_starves_unless_forks_are_ordered(ordered, stuck):
    found = explored("philosophers", (3, ordered), strategy="rf")
    returned = sorted(outcome.returned for outcome in found.outcomes)
    assert returned.count("main is stuck") == stuck


LARGE: list[tuple[str, tuple[Any, ...], int]] = [
    ("readers", (9,), 512), ("lastzero", (7,), 320), ("lastzero", (10,), 3328),
    ("indexer", (13,), 64), ("writers", (6,), 720), ("fan_in", (6,), 720),
    ("rmw", (4,), 576), ("trap", (5,), 120), ("fan_in_of", (3, 3), 1680),
    ("two_phase_commit", (4,), 384), ("calls_with_timeout", (4,), 384),
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["rf", "dpor"])
@pytest.mark.parametrize(("program", "arguments", "count"), LARGE)
def test_every_class_of_a_larger_program_is_run_once(program, arguments, count, strategy):
    assert classes(program, arguments, strategy=strategy) == count


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "arguments", "count"),
    [
        ("mutex", (5,), 120), ("philosophers", (6, False), 63), ("philosophers", (6, True), 62),
        ("server", (3, 2), 90), ("server", (2, 5), 252), ("fan_in_selective", (12,), 1),
    ],
)  # fmt: skip
def test_every_class_of_a_larger_program_of_mailboxes_is_run_once(program, arguments, count):
    assert classes(program, arguments, strategy="rf") == count
