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
from checkers.machines.expressions import every, if_else
from checkers.machines.files import made, maker
from checkers.machines.induction import induction
from checkers.machines.proving import prove
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


def proved(machine: Callable[[], Declaration]) -> None:
    """Prove a machine, by whichever method does it."""
    answer = prove(machine())
    assert (answer.word, answer.complete) == ("Held", True)


def found(machine: Callable[[], Declaration]) -> None:
    """Find a run that breaks a promise by a search."""
    assert explore(machine(), Limits(seconds=120)).failed is not None


def ring(nodes: int, *, lemmas: bool = False) -> Declaration:
    """Make nodes that pass a token on through channels, which count what is under way in them."""
    m = Declaration("token ring", nodes=nodes)
    has = [m.boolean(f"has[{i}]", start=i == 0) for i in range(nodes)]
    channel = [m.integer(f"channel[{i}]") for i in range(nodes)]
    for i in range(nodes):
        after = (i + 1) % nodes
        m.action(f"{i} sends", when=has[i], then={has[i]: False, channel[i]: channel[i] + 1})
        m.action(
            f"{after} receives",
            when=channel[i] > 0,
            then={channel[i]: channel[i] - 1, has[after]: True},
        )
    m.invariant("one at a time", every(~(has[i] & has[j]) for i in range(nodes) for j in range(i)))
    if lemmas:
        tokens: Any = 0
        for one in (*(if_else(flag, 1, 0) for flag in has), *channel):
            tokens = one + tokens
        m.lemma("there is one token", tokens == 1)
        m.lemma("no channel owes", every(count >= 0 for count in channel))
    return m


def cases() -> list[Case]:
    """List the tasks, with the seconds to beat."""
    retry, lost = partial(declared, "retry_fixed"), partial(declared, "retry")
    vote = partial(declared, "two_phase_commit", participants=3)
    lost_vote = partial(declared, "two_phase_commit", participants=8)
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
        ("2PC-8, a vote is forgotten, search (seconds then)", partial(found, lost_vote), 9.0),
        ("retry without bounds, Spacer", partial(proof, spacer, retry), 0.6),
        ("retry without bounds, whichever method", partial(proved, retry), 2.0),
        ("retry, timer not cancelled, Spacer", partial(broken, spacer, lost), 0.34),
        ("retry, timer not cancelled, k-induction", partial(broken, induction, lost), 0.07),
        ("token ring of 3, Spacer", partial(proof, spacer, partial(ring, 3)), 7.5),
        ("token ring of 5, Spacer (nothing in 60 s then)", partial(proof, spacer, partial(ring, 5)),
         60.0),
        ("token ring of 5 with lemmas, induction",
         partial(proof, induction, partial(ring, 5, lemmas=True)), 7.5),
    ]  # fmt: skip
    return [
        Case(f"machines: {name}", job, partial(float, seconds * 1e9), 1, 1.0, unit="tasks",
             peer_name=f"{seconds:g} s then")
        for name, job, seconds in tasks
    ]  # fmt: skip
