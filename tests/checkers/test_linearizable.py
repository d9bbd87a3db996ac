"""The linearizability checker: known histories, brute force, broken histories, and size."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import pytest

from checkers.linearizable import Model, Operation, linearization, sequential_order


class Register(Model):
    initial = 0

    def apply(self, state: Any, request: Any) -> Any:
        match request:
            case "read":
                return state, state
            case ("write", value):
                return "ok", value
            case ("cas", old, new):
                return (True, new) if state == old else (False, state)


class Registers(Register):
    """One register a key."""

    def apply(self, state: Any, request: Any) -> Any:
        key, *rest = request
        held = dict(state or ())
        answer, held[key] = super().apply(
            held.get(key, 0), rest[0] if len(rest) == 1 else tuple(rest)
        )
        return answer, tuple(sorted(held.items()))

    def key(self, request: Any) -> Any:
        return request[0]


class Lossy(Register):
    """A write may be lost: more than one answer is right."""

    def apply(self, state: Any, request: Any) -> Any:
        if request[0] == "write":
            return [("ok", request[1]), ("ok", state)]
        return super().apply(state, request)


Registers.initial = ()


def op(client: str, request: Any, begun: int, ended: int | None, answer: Any = None) -> Operation:
    return Operation(client, request, begun, ended, answer)


KNOWN = [
    ("a read after a write sees it", True, True, [
        op("a", ("write", 1), 0, 1, "ok"), op("b", "read", 2, 3, 1),
    ]),
    ("a stale read is consistent by client only", False, True, [
        op("a", ("write", 1), 0, 1, "ok"), op("b", "read", 2, 3, 0),
    ]),
    ("two reads during a write may not go back", False, False, [
        op("a", ("write", 1), 0, 9, "ok"), op("b", "read", 1, 2, 1), op("b", "read", 3, 4, 0),
    ]),
    ("reads of two clients during a write may differ", True, True, [
        op("a", ("write", 1), 0, 9, "ok"), op("b", "read", 1, 5, 1), op("c", "read", 2, 6, 0),
    ]),
    ("an unanswered write may have happened", True, True, [
        op("a", ("write", 1), 0, None), op("b", "read", 5, 6, 1),
    ]),
    ("or not, or later", True, True, [
        op("a", ("write", 1), 0, None), op("b", "read", 5, 6, 0), op("b", "read", 7, 8, 1),
    ]),
    ("but not before it was called", False, True, [
        op("b", "read", 0, 1, 1), op("a", ("write", 1), 2, None),
    ]),
    ("two that compare and set cannot both win", False, False, [
        op("a", ("cas", 0, 1), 0, 5, True), op("b", ("cas", 0, 2), 1, 6, True),
    ]),
    ("true is not 1", False, False, [
        op("a", ("write", True), 0, 1, "ok"), op("b", "read", 2, 3, 1),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("linear", "sequential", "history"),
    [pytest.param(*row[1:], id=row[0]) for row in KNOWN],
)
def test_known_histories(linear: bool, sequential: bool, history: list[Operation]) -> None:
    assert linearization(history, Register()).holds is linear
    assert sequential_order(history, Register()).holds is sequential


def test_more_than_one_answer_may_be_right() -> None:
    history = [op("a", ("write", 1), 0, 1, "ok"), op("b", "read", 2, 3, 0)]
    assert linearization(history, Lossy()).holds
    assert not linearization(history, Register()).holds


def test_what_is_refused_is_told_after_the_longest_part() -> None:
    history = [
        op("a", ("write", 1), 0, 1, "ok"), op("b", "read", 2, 3, 1), op("c", "read", 4, 5, 7),
    ]  # fmt: skip
    found = linearization(history, Register())
    assert found.text.splitlines() == [
        "no order explains all answers; the longest part of one:",
        "  a ('write', 1) -> 'ok'",
        "  b 'read' -> 1",
        "  ? c 'read' -> 7, where the model answers 1",
    ]


def orders(history: list[Operation], *, real_time: bool) -> bool:
    """Try every order of every choice of the unanswered operations."""
    pending = [one for one in history if one.ended is None]
    done = [one for one in history if one.ended is not None]
    for mask in range(1 << len(pending)):
        chosen = done + [one for at, one in enumerate(pending) if mask >> at & 1]
        for order in permutations(chosen):
            if _keeps(order, real_time=real_time) and _explains(order):
                return True
    return False


def _keeps(order: tuple[Operation, ...], *, real_time: bool) -> bool:
    for at, later in enumerate(order):
        for earlier in order[:at]:
            ordered = real_time or later.client == earlier.client
            if ordered and later.ended is not None and later.ended < earlier.begun:
                return False
    return True


def _explains(order: tuple[Operation, ...]) -> bool:
    state: Any = Register.initial
    for one in order:
        answer, state = Register().apply(state, one.request)
        if one.ended is not None and answer is not one.answer and answer != one.answer:
            return False
    return True


def random_history(random: Random, operations: int) -> list[Operation]:
    """Make up a history: clients take turns, answers are often wrong."""
    free = dict.fromkeys("abc", 0)
    found = []
    for _ in range(operations):
        client = random.choice("abc")
        begun = free[client] + random.randint(1, 4)
        ended = begun + random.randint(1, 8)
        request = random.choice(["read", ("write", 1), ("write", 2), ("cas", 1, 2), ("cas", 0, 1)])
        answer: Any = "ok"
        if request == "read":
            answer = random.randint(0, 2)
        elif request[0] == "cas":
            answer = random.random() < 0.5
        lost = random.random() < 0.15
        found.append(op(client, request, begun, None if lost else ended, None if lost else answer))
        free[client] = 10**9 if lost else ended
        if lost:
            free[client] = ended
    return found


def test_two_thousand_random_histories_agree_with_brute_force() -> None:
    random = Random(5)
    counts = {True: 0, False: 0}
    for _ in range(2_000):
        history = random_history(random, random.randint(1, 5))
        expected = orders(history, real_time=True)
        assert linearization(history, Register()).holds is expected, history
        counts[expected] += 1
        if all(one.ended is not None for one in history):
            assert sequential_order(history, Register()).holds is orders(history, real_time=False)
    assert min(counts.values()) >= 300


def served(random: Random, clients: int, operations: int) -> list[Operation]:
    """Make a history of a real register: each operation takes effect somewhere in its time."""
    history = []
    moments = []
    for client in range(clients):
        at = random.random() * 10
        for _ in range(operations // clients):
            ended = at + random.random() * 20
            moments.append((random.uniform(at, ended), client, at, ended))
            at = ended + random.random()
    state: Any = ()
    for _, client, begun, ended in sorted(moments):
        key = random.choice("xyz")
        value = random.randint(0, 5)
        request = random.choice([(key, "read"), (key, "write", value), (key, "cas", 0, value)])
        answer, state = Registers().apply(state, request)
        history.append(op(str(client), request, int(begun * 1000), int(ended * 1000), answer))
    return history


def test_a_true_history_of_a_thousand_operations_holds() -> None:
    history = served(Random(3), clients=10, operations=1_000)
    assert len(history) == 1_000
    found = linearization(history, Registers())
    assert found.holds
    assert len(found.order) == 1_000


def test_a_changed_answer_is_noticed() -> None:
    """An answer that nothing could give is refused, and what is told to be wrong is wrong."""
    for seed in range(40):
        random = Random(seed)
        history = served(random, clients=3, operations=60)
        reads = [at for at, one in enumerate(history) if one.request[1] == "read"]
        at = random.choice(reads)
        one = history[at]
        history[at] = op(one.client, one.request, one.begun, one.ended, 77)  # never written
        found = linearization(history, Registers())
        assert not found.holds
        assert found.refused
        assert all(refused.answer != answer for refused, answer in found.refused)
