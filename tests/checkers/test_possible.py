"""Plans that cannot be made are known before they are run; no other plan is taken for one."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

import checkers.reduction
from checkers.check import check
from checkers.explore import explore
from checkers.possible import prevented
from checkers.reduction import Reduction
from simkernel import exit as exit_signal
from simkernel import (
    process_flag,
    process_info,
    receive,
    self_,
    send,
    send_after,
    sleep,
    spawn,
    work,
)
from simkernel.errors import InternalError
from simkernel.spec import of
from tests.checkers import crashing, drawn, generated
from tests.checkers.test_differential import ENGINES, NETWORKS, engine_outcomes

# Random programs with plans that times, signals, or one's own messages prevent.
DRAWN = (946, 963, 1746, 3150, 1314, 3005, 4652, 10954, 2978, 11748, 12080)


class Held:
    """Runs every plan, and holds what is said of it against what becomes of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.tally: Counter[tuple[bool, bool]] = Counter()
        self.reasons: set[str] = set()
        new = Reduction._new

        def begun(search: Reduction, recorder: Any, plan: Any) -> bool:
            why = prevented(plan)
            made = new(search, recorder, plan)
            self.tally[bool(why), made] += 1
            self.reasons |= {why}
            return made

        monkeypatch.setattr(Reduction, "_new", begun)
        monkeypatch.setattr(checkers.reduction, "prevented", lambda plan: "")
        # Begun in vain is no error here.
        monkeypatch.setattr(Reduction, "_make", _forgiving(Reduction._make))

    @property
    def right(self) -> bool:
        """Whether all that was said was so, and both things were said."""
        return self.tally.keys() == {(True, False), (False, True)}


def _forgiving(make: Any) -> Any:
    def makes(search: Reduction, turn: Any, found: Any) -> None:
        make(search, turn, found)
        if turn.what == "vain":
            turn.what = "known"

    return makes


def test_what_is_said_of_plans_is_so(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    for number in DRAWN:
        program, network, _ = drawn.drawn(number)
        for engine in drawn.BY_CLASSES:
            drawn.Case(program, network).by_classes(engine)
    assert held.right
    assert held.reasons >= {"no times put its deadline next"}


def test_what_is_said_of_plans_with_crashes_is_so(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    for number in (946, 963):
        program, network, _ = drawn.drawn(number)
        for engine in drawn.BY_CLASSES:
            crashing.by_classes(program, network, engine, 1, Counter())
    assert held.right


async def two_work() -> None:
    """One works for longer, and a timer comes in between."""
    spawn(_works, 20)
    send_after(self_(), "between", 10)
    await work(5)
    await receive("between")


async def _works(ms: int) -> None:
    await work(ms)
    await sleep(1)


def test_no_work_is_ended_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    explore(two_work, strategy="rf")
    assert held.right


async def sends(to: Any) -> None:
    send(to, "word")


async def counts_its_own_exit() -> Any:
    """Before it counts its messages it has to handle the exit that it has sent itself."""
    process_flag("trap_exit", True)
    spawn(sends, self_())
    exit_signal(self_(), "no end")
    return await process_info(self_(), "message_queue_len")


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_counts_before_he_has_handled_his_own_exit(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    explore(counts_its_own_exit, strategy=engine)
    assert held.right
    assert "it has sent itself what its queue has to count" in held.reasons


@pytest.mark.parametrize("engine", ENGINES)
def test_no_run_of_programs_of_the_kernel_is_begun_in_vain(engine: str) -> None:
    """A run that is raises InternalError."""
    draw = random.Random(5)
    for _ in range(150):
        ops = generated.written(draw, draw.choice((4, 5)), rare=True, timed=draw.random() < 0.7)
        engine_outcomes(ops, draw.choice(NETWORKS), draw.random() < 0.5, engine)


def test_a_run_that_was_begun_in_vain_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkers.reduction, "prevented", lambda plan: "")
    with pytest.raises(InternalError, match=r"begun in vain\. After: start <root>, ") as e:
        check(of(two_work), {}, strategy="rf")
    assert "this was to come next, and could not: whatever it does next, of " in str(e.value)
