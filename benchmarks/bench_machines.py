"""Declared machines: searches and proofs, against the seconds that encodings like these took.

The peers are numbers: what the same tasks took by z3 and by other checkers when the ways to encode
them were compared, on one core of a machine like ours. Where there was a range, its lower end.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.case import Case
from checkers.machines.bounded import bounded
from checkers.machines.declaration import Declaration
from checkers.machines.explicit import Limits, explore
from checkers.machines.files import made, maker
from checkers.machines.induction import induction
from checkers.machines.spacer import spacer

FOLDER = Path(__file__).parent.parent / "specs" / "machines"


def declared(name: str, **parameters: Any) -> Declaration:
    """Make the machine of a spec, to prove its invariants alone."""
    found = made(maker(str(FOLDER / f"{name}.py")), parameters)
    found.responses.clear()
    return found


def two_phase(participants: int, *, lemmas: bool = False) -> Declaration:
    """Make the protocol without the lemmas that are in its file, or with them."""
    found = declared("two_phase_commit_fixed", participants=participants)
    if not lemmas:
        found.lemmas.clear()
    return found


def search(participants: int, symmetry: bool) -> None:
    """See all situations."""
    assert explore(two_phase(participants), symmetry=symmetry).complete


def proof(attempt: Callable[..., Any], machine: Callable[[], Declaration]) -> None:
    """Prove a machine."""
    assert attempt(machine(), Limits(seconds=120)).certificate is not None


def broken(attempt: Callable[..., Any], machine: Callable[[], Declaration]) -> None:
    """Find a run that breaks a promise."""
    assert attempt(machine(), Limits(seconds=120)).run is not None


def cases() -> list[Case]:
    """List the tasks, with the seconds to beat."""
    retry, lost = partial(declared, "retry_fixed"), partial(declared, "retry")
    vote = partial(declared, "two_phase_commit", participants=3)
    tasks: list[tuple[str, Callable[[], None], float]] = [
        ("2PC-7, every situation (TLC)", partial(search, 7, False), 9.0),
        ("2PC-8, every orbit", partial(search, 8, True), 1.0),
        ("2PC-2, Spacer", partial(proof, spacer, partial(two_phase, 2)), 1.5),
        ("2PC-3, Spacer", partial(proof, spacer, partial(two_phase, 3)), 5.0),
        ("2PC-2 without lemmas, k-induction", partial(proof, induction, partial(two_phase, 2)),
         2.2),
        *((f"2PC-{n} with lemmas, induction",
           partial(proof, induction, partial(two_phase, n, lemmas=True)), seconds)
          for n, seconds in ((3, 0.14), (8, 0.44), (20, 2.7))),
        ("2PC-3, a vote is forgotten, BMC", partial(broken, bounded, vote), 0.64),
        ("retry without bounds, Spacer", partial(proof, spacer, retry), 0.6),
        ("retry, timer not cancelled, Spacer", partial(broken, spacer, lost), 0.34),
        ("retry, timer not cancelled, k-induction", partial(broken, induction, lost), 0.07),
    ]  # fmt: skip
    return [
        Case(f"machines: {name}", job, partial(float, seconds * 1e9), 1, 1.0, unit="tasks",
             peer_name=f"{seconds:g} s then")
        for name, job, seconds in tasks
    ]  # fmt: skip
