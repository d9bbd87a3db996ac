"""The order with the fewest context switches, against every order of small classes."""

from __future__ import annotations

import random

import pytest

from checkers.switches import count, fewest
from tests.checkers.orders import drawn_class, every_order, respects


@pytest.mark.parametrize("seed", range(4))
def test_no_order_of_a_small_class_has_fewer_context_switches(seed: int) -> None:
    draw = random.Random(seed)
    better = 0
    for _ in range(100):
        lanes, past = drawn_class(
            draw, draw.randint(2, 8), draw.randint(1, 4), draw.choice([0.05, 0.1, 0.2, 0.3])
        )
        found = fewest(lanes, past)
        assert respects(past, found.places)
        least = min(count(lanes, order) for order in every_order(past))
        assert (found.switches, found.exact) == (least, True), (lanes, past)
        better += least < count(lanes, range(len(past)))
    assert better > 20  # the given order is seldom the best


def test_an_order_that_was_not_searched_for_to_the_end_is_seldom_longer() -> None:
    """What is made of a class that is too large. Here it is the shortest each time."""
    draw = random.Random(1)
    exact = quick = longer = 0
    for _ in range(30):
        lanes, past = drawn_class(draw, 80, 8, draw.choice([0.01, 0.02, 0.05]))
        best, made = fewest(lanes, past), fewest(lanes, past, sets_max=0)
        if not best.exact:
            continue
        assert respects(past, made.places)
        assert not made.exact
        assert made.switches >= best.switches
        exact, quick = exact + best.switches, quick + made.switches
        longer += made.switches > best.switches
    assert quick <= 1.01 * exact
    assert longer <= 3


def test_an_order_of_a_search_that_was_cut_short_is_not_called_the_best() -> None:
    lanes, past = drawn_class(random.Random(2), 60, 8, 0.05)
    assert fewest(lanes, past).exact
    assert not fewest(lanes, past, sets_max=1).exact


def test_who_waits_for_nobody_is_read_in_one_piece() -> None:
    # a and b take turns, and neither looks at the other.
    own = [0b1, 0b10, 0b101, 0b1010, 0b10101, 0b101010]
    assert fewest("ababab", own).switches == 1


def test_a_dialogue_cannot_be_told_in_fewer_pieces() -> None:
    past = [0b1, 0b11, 0b111, 0b1111]
    assert fewest("abab", past) == ((0, 1, 2, 3), 3, True)
