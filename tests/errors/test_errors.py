"""Each error says what happened, where, and what to do next."""

from __future__ import annotations

import pickle

import pytest

from simkernel import errors
from simkernel.errors import SimkernelError

EXAMPLES: list[SimkernelError] = [
    errors.SpecError("no such file", path="specs/bank.py"),
    errors.SpecError("raises ValueError on import", path="bank.py", line=3),
    errors.UnknownParameter("clints", known=["clients", "seed"]),
    errors.UnknownParameter("clients", known=[]),
    errors.UnknownStrategy("dfsx", known=["dfs", "pct"]),
    errors.MissingExtra("ray", needed_for="engine 'ray'"),
    errors.TermError("message[1].lock", "is a lock"),
    errors.ForgottenAwait("whereis('bank')", path="bank.py", line=7),
    errors.MisusedAwaitable("alive(pid)", used_as="a truth value", path="bank.py", line=8),
    errors.MisusedTime("a comparison"),
    errors.ForgottenReturn("Counter.handle_cast", path="bank.py", line=12),
    errors.StateChangedInPlace("Counter.handle_cast", key="state['n']"),
    errors.ForbiddenCall("time.time()", path="bank.py", line=9, instead="now()"),
    errors.ForbiddenCall("threading.Thread", path="bank.py"),
    errors.StepTooLong("<root> in spec.bank.main, line 9"),
    errors.TraceUnreadable("line 41 is torn", path="run.jsonl", line=41),
    errors.ReplayDiverged(step=41, expected="deliver to <root.1>", found="timer"),
    errors.Nondeterminism("two runs of seed 7 differ at event 12", where="bank.py"),
    errors.InternalError("a dead process has links", where="event 12"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_an_error_says_what_where_and_what_next(error: SimkernelError) -> None:
    what, where, hint = str(error).splitlines()
    assert what == error.what
    assert where.startswith("  where: ")
    assert where.removeprefix("  where: ") == error.where != ""
    assert hint.startswith("  next: ")
    assert error.hint.endswith((".", "`", ")", "'"))


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_an_error_survives_pickle_with_its_fields(error: SimkernelError) -> None:
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert vars(copied) == vars(error)
    assert str(copied) == str(error)


def test_every_error_has_an_example_here() -> None:
    def leaves(cls: type) -> set[type]:
        below = cls.__subclasses__()
        return {cls} if not below else set().union(*map(leaves, below))

    ours = {cls for cls in leaves(SimkernelError) if cls.__module__ == "simkernel.errors"}
    assert ours == {type(error) for error in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_an_error_belongs_to_one_family(error: SimkernelError) -> None:
    families = (errors.UsageError, errors.Divergence, errors.InternalError)
    assert sum(isinstance(error, family) for family in families) == 1


def test_a_misspelt_name_is_answered_with_the_near_one() -> None:
    error = errors.UnknownParameter("clints", known=["clients", "seed"])
    assert "Did you mean 'clients'? Known: clients, seed." in str(error)


def test_a_place_reads_as_file_and_line() -> None:
    assert errors.TraceUnreadable("torn", path="run.jsonl", line=41).where == "run.jsonl:41"
