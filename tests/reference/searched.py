"""The outcomes of a program on the simulated kernel, by depth-first search.

The root starts every process but the children and is done; the search begins there, so that all of
these exist from the start, as they do in the brute-force reference. Observations are `log` effects,
as with its record="each".
"""

from functools import lru_cache
from typing import Any

from checkers.dfs import Dfs
from simkernel import Exit, Pid, again, log, spawn, spawn_link, spawn_monitor
from simkernel.kernel.machine import Machine
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.kernel.tables import Table
from simkernel.terms import Ref, show, thaw
from tests.reference.on_kernel import SILENT, TABLE_OPS, Body, named
from tests.reference.programs import OWNER, STUCK, UNBORN, Op, Outcome, Program

TABLE = "shared"


class TooLarge(Exception):
    """The search would take too long for a test."""


async def acts(
    letter: str,
    ops: tuple[Op, ...],
    pids: tuple[tuple[str, Pid], ...],
    refs: tuple[tuple[str, Ref], ...] = (),
) -> Any:
    """Be one process of a program.

    Each turn of a loop is a tail call, so that the process is again as it was before.
    """
    body = Body(letter, dict(pids), TABLE, dict(refs))
    for place, op in enumerate(ops):
        if op[0] == "end":
            raise Exit(op[1])
        if op[0] == "spin":
            seen = await body.perform(("lookup", *op[1:]))
            if seen is None:
                known = tuple(body.pids.items())
                return again(acts, letter, ops[place:], known, tuple(body.refs.items()))
        elif op[0] == "spawn":
            seen = starts_child(body, *op[1:])
        else:
            seen = await body.perform(op)
        if seen is not SILENT:
            log((letter, seen))
    return None


def starts_child(body: Body, child: str, how: str, label: str | None, ops: tuple[Op, ...]) -> Any:
    """Start a child, which knows whom its parent knows."""
    arguments = (acts, child, ops, tuple(body.pids.items()))
    if how == "monitor":
        assert label is not None
        body.pids[child], ref = spawn_monitor(*arguments)
        body.refs[label], body.labels[ref] = ref, label
    else:
        body.pids[child] = (spawn_link if how == "link" else spawn)(*arguments)
    return SILENT


@lru_cache(maxsize=8)
def places_of(program: Program) -> dict[str, Pid]:
    """Say which pid each process has, or would have: the n-th that its parent starts is <….n>."""
    bodies = dict(program.bodies)
    found: dict[str, Pid] = {}
    waiting = [(letter, Pid((n,))) for n, letter in enumerate(program.roots, 1)]
    while waiting:
        letter, pid = waiting.pop()
        found[letter] = pid
        started = [op[1] for op in bodies[letter] if op[0] == "spawn"]
        waiting += [(child, Pid((*pid.path, n))) for n, child in enumerate(started, 1)]
    return found


async def starts(bodies: tuple[tuple[str, tuple[Op, ...]], ...]) -> None:
    """Start all of them; the n-th is <root.n>."""
    pids = tuple((letter, Pid((n,))) for n, (letter, _) in enumerate(bodies, 1))
    for letter, ops in bodies:
        spawn(acts, letter, ops, pids)


def machine(
    program: Program, network: str, *, kind: type[Machine] = Machine, **options: Any
) -> Machine:
    """Give the machine at the moment at which all processes exist and none has run."""
    bodies = program.nested
    m = kind(starts, (bodies,), network=network, settle=True, **options)
    if any(op[0] in TABLE_OPS for _, ops in program.bodies for op in ops):
        owner = places_of(program)[OWNER]
        kind = {"type": "set", "access": "public", "named": True, "heir": None, "keypos": 1}
        m.tables.add(Table(Ref(owner.path, 0), TABLE, owner, kind))
    for _ in range(len(bodies) + 2):
        m.apply(next(t for t in m.enabled() if t.who == Pid(())))
    return m


def outcome_of(program: Program, m: Machine) -> Outcome:
    """Read what each process has seen and how it ended."""
    places = places_of(program)
    letters = {pid: letter for letter, pid in places.items()}
    seen: dict[str, list[Any]] = {letter: [] for letter in program.letters}
    for line in m.logged:
        letter, what = thaw(line)
        seen[letter].append(named(what, letters))
    reasons = {letters[death.pid]: _short(thaw(death.reason)) for death in m.deaths}
    return tuple(
        (
            letter,
            tuple(seen[letter]),
            reasons.get(letter, STUCK if places[letter] in m.processes else UNBORN),
        )
        for letter in program.letters
    )


def _short(reason: Any) -> Any:
    """An error's reason without its stack."""
    return reason[0] if type(reason) is tuple else reason


def searched(
    program: Program, network: str = "node", most: int = 20_000, *, rare: bool = False
) -> frozenset[Outcome]:
    """Give every outcome of `program` that the search reaches."""
    m = machine(program, network, clock=SymbolicClock(), snapshots=True, rare=rare)

    told: dict[Any, bytes] = {}

    def history() -> bytes:
        happened = (tuple(m.logged), tuple(m.deaths), tuple(m.processes))
        text = told.get(happened)
        if text is None:
            text = told[happened] = show(outcome_of(program, m)).encode()
        return text

    search = Dfs(m, history=history)
    found = {outcome_of(program, m) for _ in search.leaves(cut=lambda: search.transitions > most)}
    if search.cut:
        raise TooLarge(str(program))
    return frozenset(found)
