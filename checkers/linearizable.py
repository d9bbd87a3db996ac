"""Linearizability: is there an order of the operations that explains every answer?

Each operation must seem to happen at one moment between its call and its return. The search is that
of Wing and Gong with the memory of Lowe: operations are taken one after the other from those that
had begun before any other of what is left returned, and no set of taken operations is tried again
with the same state of the model. An operation whose caller never heard an answer may have happened
at any moment after its call, or not at all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from simkernel.terms import equal, exact_key, show


class Model(ABC):
    """What the operations mean: subclass it, with `initial` and `apply(state, request)`.

    `apply` gives (answer, new state), or a list of such pairs where more than one is right. `key`
    may name the part of the state that a request is about: if the parts are independent, each is
    checked by itself, which is much faster.

    >>> class Register(Model):
    ...     initial = 0
    ...
    ...     def apply(self, state, request):
    ...         match request:
    ...             case "read":
    ...                 return state, state
    ...             case ("write", value):
    ...                 return "ok", value
    >>> linearization(
    ...     [Operation("a", ("write", 1), 0, 3, "ok"), Operation("b", "read", 1, 2, 1)], Register()
    ... ).holds
    True
    """

    initial: Any = None

    @abstractmethod
    def apply(self, state: Any, request: Any) -> Any:
        """Give (answer, new state) of a request."""

    def key(self, request: Any) -> Any:
        """Give the part of the state that a request is about; None stands for all of it."""
        return None


@dataclass(frozen=True)
class Operation:
    """One operation: by whom, what, from when to when, and what was answered.

    `ended` is None if no answer was heard.
    """

    client: Any
    request: Any
    begun: int
    ended: int | None = None
    answer: Any = None

    def __str__(self) -> str:
        heard = "no answer" if self.ended is None else show(self.answer)
        return f"{self.client} {show(self.request)} -> {heard}"


@dataclass(frozen=True)
class Linearization:
    """Whether there is an order; and the longest part of one that was found, to read.

    If it does not hold, `refused` are the operations that could come next after `order`, each with
    what the model would have answered there.
    """

    holds: bool
    order: tuple[Operation, ...]
    refused: tuple[tuple[Operation, Any], ...] = ()

    @property
    def text(self) -> str:
        """Say it in a few lines."""
        lines = [f"  {operation}" for operation in self.order]
        if self.holds:
            return "\n".join(["in this order:", *lines])
        lines += [
            f"  ? {operation}, where the model answers {show(answer)}"
            for operation, answer in self.refused
        ]
        return "\n".join(["no order explains all answers; the longest part of one:", *lines])


def linearization(history: Iterable[Operation], model: Model) -> Linearization:
    """Look for an order in which each operation falls between its call and its return."""
    return _by_part(history, model, real_time=True)


def sequential_order(history: Iterable[Operation], model: Model) -> Linearization:
    """Look for an order that keeps that of each client only (sequential consistency).

    Its parts cannot be checked by themselves: that each key is consistent does not make the whole
    so. `key` is not used.
    """
    return _Search(sorted(history, key=_begun), model, real_time=False).result()


def _begun(operation: Operation) -> int:
    return operation.begun


def _by_part(history: Iterable[Operation], model: Model, *, real_time: bool) -> Linearization:
    parts: defaultdict[Any, list[Operation]] = defaultdict(list)
    for operation in sorted(history, key=_begun):
        parts[exact_key(model.key(operation.request))].append(operation)
    order: list[Operation] = []
    for part in parts.values():
        found = _Search(part, model, real_time=real_time).result()
        if not found.holds:
            return found
        order += found.order
    return Linearization(True, tuple(order))


class _Search:
    """Takes operations one after the other, and goes back where none can be taken.

    A set of operations is a number, one bit for each.
    """

    def __init__(self, history: Sequence[Operation], model: Model, *, real_time: bool):
        self.history = history
        self.model = model
        self.real_time = real_time
        self.before = _before_by_time(history) if real_time else _before_by_client(history)
        self.must = sum(1 << at for at, one in enumerate(history) if one.ended is not None)

    def result(self) -> Linearization:
        """Run the search."""
        history = self.history
        seen: set[tuple[int, Any]] = set()
        best: list[int] = []
        best_state = self.model.initial
        # What was taken last, what is taken, the state then, and what is still to be tried there.
        path: list[int] = []
        stack = [(0, self.model.initial, self._next(0, self.model.initial))]
        while stack:
            taken, state, options = stack[-1]
            if taken & self.must == self.must:
                return Linearization(True, tuple(history[at] for at in path))
            if len(path) > len(best):
                best, best_state = list(path), state
            if not options:
                stack.pop()
                if path:
                    path.pop()
                continue
            at, after = options.pop()
            there = (taken | 1 << at, exact_key(after))
            if there not in seen:
                seen.add(there)
                path.append(at)
                stack.append((there[0], after, self._next(there[0], after)))
        taken = sum(1 << at for at in best)
        refused = tuple(
            (history[at], self._answers(best_state, history[at])[0][0])
            for at in self._possible(taken)
            if history[at].ended is not None
        )
        return Linearization(False, tuple(history[at] for at in best), refused)

    def _possible(self, taken: int) -> list[int]:
        """List what may come next: what is not taken, and has nothing left before it."""
        left = ~taken
        found = []
        for at in range(self._first_left(taken), len(self.history)):
            if left >> at & 1:
                if not self.before[at] & left:
                    found.append(at)
                elif self.real_time:
                    break  # who begins later has at least as much before it
        return found

    @staticmethod
    def _first_left(taken: int) -> int:
        """Give the first operation that is not taken: what comes before it is done."""
        return (~taken & taken + 1).bit_length() - 1

    def _next(self, taken: int, state: Any) -> list[tuple[int, Any]]:
        """List what may come next, with the state then; those that return first are tried first."""
        found = []
        for at in self._possible(taken):
            operation = self.history[at]
            for answer, after in self._answers(state, operation):
                if operation.ended is None or equal(answer, operation.answer):
                    found.append((at, after))
        found.sort(key=lambda option: -_end(self.history[option[0]]))
        return found

    def _answers(self, state: Any, operation: Operation) -> list[tuple[Any, Any]]:
        given = self.model.apply(state, operation.request)
        return given if type(given) is list else [given]


def _end(operation: Operation) -> float:
    return float("inf") if operation.ended is None else operation.ended


def _before_by_time(history: Sequence[Operation]) -> list[int]:
    """Give, for each operation, those that had returned before it was called."""
    returns = sorted((one.ended, at) for at, one in enumerate(history) if one.ended is not None)
    before, sofar, place = [], 0, 0
    for operation in history:
        while place < len(returns) and returns[place][0] < operation.begun:
            sofar |= 1 << returns[place][1]
            place += 1
        before.append(sofar)
    return before


def _before_by_client(history: Sequence[Operation]) -> list[int]:
    """Give, for each operation, those of the same client before it."""
    sofar: dict[Any, int] = {}
    before = []
    for at, operation in enumerate(history):
        mine = sofar.get(operation.client, 0)
        before.append(mine)
        # A client that never heard an answer has not gone on; if it has, nothing orders the two.
        if operation.ended is not None:
            sofar[operation.client] = mine | 1 << at
    return before
