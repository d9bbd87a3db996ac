"""Pids, refs, times, stacks and exit reasons."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest
from hypothesis import given

from simkernel.errors import InternalError, MisusedTime, UsageError
from simkernel.terms import (
    ArgumentError,
    Duration,
    ErlangError,
    Exit,
    Instant,
    Pid,
    Raised,
    Ref,
    Stack,
    Throw,
    reason_of,
    stack_of,
)
from tests.terms.strategies import paths


@given(paths)
def test_a_pid_is_what_its_text_says(path: Any) -> None:
    pid = Pid(path)
    assert Pid.parse(str(pid)) == pid
    assert hash(Pid.parse(str(pid))) == hash(pid)
    assert pid.child(3).path == (*path, 3)
    assert pickle.loads(pickle.dumps(pid)) == copy.deepcopy(pid) == pid


def test_pids_and_refs_are_values_without_an_order() -> None:
    assert str(Pid(())) == "<root>"
    assert str(Pid((2, 1))) == "<root.2.1>"
    assert str(Ref((2,), 7)) == "#ref<root.2/7>"
    assert Pid((1,)) != (1,)
    assert Ref((1,), 2) == pickle.loads(pickle.dumps(Ref((1,), 2)))
    assert Ref((1,), 2) != Ref((1,), 3)
    for a, b in [(Pid((1,)), Pid((2,))), (Ref((), 1), Ref((), 2))]:
        with pytest.raises(TypeError):
            assert a < b  # type: ignore[operator]
    with pytest.raises(AttributeError, match="immutable"):
        Pid(()).path = (1,)
    with pytest.raises(AttributeError, match="immutable"):
        Ref((), 1).index = 2


def test_a_pid_is_small() -> None:
    assert sys.getsizeof(Pid((1, 2, 3))) <= 72


@pytest.mark.parametrize("text", ["root", "<root.>", "<root.x>", "<root.1", "<0.1.0>", "<root.²>"])
def test_what_is_no_pid_is_not_read_as_one(text: str) -> None:
    with pytest.raises(UsageError, match="is no pid"):
        Pid.parse(text)


MISUSES: list[Any] = [
    bool, int, float, abs, round, hex, lambda t: t < t, lambda t: t <= t, lambda t: t > t,
    lambda t: t >= t, lambda t: t * 2, lambda t: t / 2, lambda t: -t, lambda t: t + 1.5,
    lambda t: t + True, lambda t: t % 2, lambda t: sorted([t, t]), lambda t: [1, 2][t],
]  # fmt: skip


@pytest.mark.parametrize("time", [Instant(1, 0), Duration(1, 2, 0)], ids=repr)
@pytest.mark.parametrize("misuse", MISUSES)
def test_a_time_has_no_number_and_no_order(time: Any, misuse: Any) -> None:
    with pytest.raises(MisusedTime) as caught:
        misuse(time)
    assert "await earlier(a, b)" in str(caught.value)
    assert "to_ms(x)" in str(caught.value)


def test_times_shift_by_ms_and_differ_by_a_duration() -> None:
    start, end = Instant(1, 0), Instant(4, 500)
    assert start + 5 == 5 + start == Instant(1, 5_000)
    assert end - 1 == Instant(4, -500)
    assert end - start == Duration(since=1, until=4, offset_us=500)
    assert start == Instant(1, 0)
    assert {start: 1}[Instant(1, 0)] == 1
    with pytest.raises(MisusedTime):
        start + end


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Host:
    pass


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (Exit(("shutdown", 1)), ("shutdown", 1)),
        (ErlangError(("badkey", "x")), (("badkey", "x"), Stack())),
        (ArgumentError(), ("badarg", Stack())),
        (ArgumentError("no such table"), ("badarg", Stack([("", "no such table", 0)]))),
        (Throw(5), (("nocatch", 5), Stack())),
        (ValueError("boom"), (Raised("ValueError", "boom"), Stack())),
        (ValueError(Host()), (Raised("ValueError", f"<{__name__}.Host object at 0x...>"), Stack())),
        (Broken(), (Raised("Broken", "<no text>"), Stack())),
        (SystemExit(1), (Raised("SystemExit", "1"), Stack())),
    ],
)
def test_an_exception_becomes_the_exit_reason(raised: BaseException, reason: Any) -> None:
    assert reason_of(raised) == reason


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), MemoryError(), InternalError("x")])
def test_what_is_nobodys_exit_reason_is_raised_again(raised: BaseException) -> None:
    with pytest.raises(type(raised)):
        reason_of(raised)


def test_a_stack_lists_the_innermost_frame_first_and_none_of_ours() -> None:
    def inner() -> None:
        [Pid.parse(text) for text in ["nonsense"]]  # a frame of its own before Python 3.12

    try:
        inner()
    except UsageError as error:
        stack = stack_of(error)
    test = test_a_stack_lists_the_innermost_frame_first_and_none_of_ours
    line = test.__code__.co_firstlineno
    assert stack == Stack(
        [
            (__name__, f"{test.__name__}.<locals>.inner", line + 2),
            (__name__, test.__name__, line + 5),
        ]
    )
    assert stack_of(error_from(inner), leave_out=lambda module: module == __name__)[-1:] != ()


def error_from(fn: Any) -> BaseException:
    try:
        fn()
    except UsageError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("raised", [Exit(1), Throw(2), ErlangError((3,)), ArgumentError("t")])
def test_what_a_body_raises_survives_pickle(raised: Any) -> None:
    copied = pickle.loads(pickle.dumps(raised))
    assert type(copied) is type(raised)
    assert vars(copied) == vars(raised)
    assert copied.args == raised.args


def test_exits_and_throws_pass_except_exception() -> None:
    assert not issubclass(Exit, Exception)
    assert not issubclass(Throw, Exception)
    assert issubclass(ErlangError, Exception)
