"""Programs with published numbers of interleavings: how many classes there are here, how many of
them anybody in the program can tell apart, and where the difference comes from.

An outcome has all that processes have logged, returned and ended with; so the number of outcomes is
the least that a search without loss can come down to.
"""

from __future__ import annotations

from typing import Any

import pytest

from checkers.explore import Explored, explore
from simkernel.spec import Spec
from tests.checkers import published


def explored(program: str, *arguments: Any, **options: Any) -> Explored:
    """Explore one of the published programs to its end."""
    function = getattr(published, program)

    async def main() -> Any:
        return await function(*arguments)

    found = explore(Spec(program, main), **{"strategy": "rf", **options})
    assert found.complete
    return found


# (node, cluster)
EQUAL = [
    ("workers", (2, 2), 200, 200),
    ("workers_again", (2, 2, 2), 1_296, 1_296),
    ("hijacks", (), 6, 6),
    ("shared_pointer", (25,), 222, 222),
    ("paxos", (1, 3), 6, 6),
    ("paxos", (2, 2), 46, 52),
]


@pytest.mark.parametrize(("program", "arguments", "node", "cluster"), EQUAL)
def test_what_is_published_of_messages_and_tables_is_found(program, arguments, node, cluster):
    for network, count in (("node", node), ("cluster", cluster)):
        assert explored(program, *arguments, network=network).runs == count


def test_without_a_look_at_who_takes_what_workers_have_more_classes():
    assert explored("workers", 2, 2, strategy="dpor").runs == 396


# --- Ends ----------------------------------------------------------------------------------------

# (flush, info): what is published, what can be told apart, classes on node and on cluster.
DEMONITORS = [
    ((False, False), 3, 3, 3, 3),
    ((True, False), 2, 2, 2, 3),
    ((False, True), 4, 3, 3, 3),
    ((True, True), 3, 3, 3, 3),
]


@pytest.mark.parametrize(("options", "published", "told", "node", "cluster"), DEMONITORS)
def test_a_monitor_that_is_taken_back(options, published, told, node, cluster):
    """Published is one outcome more with `info`: the process is dead, has not told of it, and
    `demonitor` says that there was no monitor. Here, as in OTP, there is one until DOWN is handled.

    On `cluster` a monitor that has not fired is taken back by a signal, which is an event.
    """
    for network, count in (("node", node), ("cluster", cluster)):
        found = explored("demonitors", *options, network=network)
        assert (len(found.outcomes), found.runs) == (told, count)
    returned = {outcome.returned for outcome in found.outcomes}
    assert len(returned) == told
    odd = "(False, False, False)"  # neither heard before, nor a monitor, nor heard after
    assert (odd in returned) == (options == (True, True))  # there `flush` has taken it away
    assert told == published - (options == (False, True))


@pytest.mark.parametrize("network", ["node", "cluster"])
def test_two_who_end_a_third_for_the_same_reason(network):
    """Two of the four nobody can tell apart: whose signal it was that ended the victim."""
    found = explored("two_killers", network=network)
    assert (len(found.outcomes), found.runs) == (3, 4)


@pytest.mark.parametrize(("network", "count"), [("node", 2), ("cluster", 5)])
def test_a_server_that_is_started_again_under_its_name(network, count):
    """2 are published, and so many can be told: the name is free by then, or it is not. On
    `cluster` the calls take back their monitors by signals."""
    found = explored("restarts", network=network)
    assert {outcome.returned for outcome in found.outcomes} == {"'ok'", "'already_started'"}
    assert found.runs == count


# --- Without published numbers, or of programs that are told in a line -------------------------

# (node, cluster), and how many outcomes.
OTHERS = [
    ("stack", (2,), 4, 4, 2), ("stack", (3,), 48, 48, 6),
    ("barber", (2, 1), 4, 4, 1), ("barber", (3, 1), 30, 30, 4),
    ("shared_pointer", (2,), 38, 38, 15),
]  # fmt: skip


@pytest.mark.parametrize(("program", "arguments", "node", "cluster", "told"), OTHERS)
def test_both_engines_have_the_same_classes(program, arguments, node, cluster, told):
    for network, count in (("node", node), ("cluster", cluster)):
        for strategy in ("rf", "dpor"):
            found = explored(program, *arguments, network=network, strategy=strategy)
            assert (found.runs, len(found.outcomes)) == (count, told), (network, strategy)


def test_a_registry_has_more_classes_than_what_it_takes_tells_apart():
    """88 are published for three who want a place and signals under way, here there are 3,585, and
    381 without: a question whether somebody lives is asked and answered by signals, which come
    before an end or after it, or are not needed."""
    found = explored("registry", 2)
    assert (len(found.outcomes), found.runs) == (3, 33)
    found = explored("registry", 3)
    assert (len(found.outcomes), found.runs) == (7, 381)
