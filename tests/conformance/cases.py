"""Random programs on both sides: draw, run here under several schedules, run there, compare."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from simkernel import log, simulate
from simkernel.choice import Walk
from simkernel.kernel import driver
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.machine import Machine
from simkernel.settings import EFFECTS_MAX
from simkernel.spec import Result, result_of
from tests.conformance import actors, peers, programs, shrinking, together, trees
from tests.conformance.beam import Beam
from tests.conformance.compare import ALONE, Difference, Summary, sorted_out, told_alone
from tests.conformance.words import erlang, words

# Kind, what draws a program, what runs it here, how many run at once there.
KINDS: dict[str, tuple[str, Callable[[Random], tuple[Any, int]], Any, int]] = {
    "supervisor": ("tree", programs.tree_program, trees.run, 40),
    "genserver": ("peers", programs.peers_program, peers.run, 40),
    "tables": ("actors", programs.actors_program, actors.run, 1),
}
# Where the two differ the VM runs again: one program at a time, and so many times slower.
SLOWER = (8, 8, 16)
assert len(SLOWER) == ALONE
SHRUNK = 3  # of the programs that differ so many are made small
# Those below 2 are simulations as users run them; the others pick one transition at a time.
# Those of what still differs, before it counts: a race that our schedules show is none of ours.
MANY = range(200)
SEEDS = {"supervisor": (0, 1, 2, 3), "genserver": (0, 1, 2, 3, 4), "tables": (0, 2)}


async def main(run: Any, program: Any, pause: int, spread: bool) -> None:
    """Run a program in the root."""
    log(("returned", await (run(*program, say, pause) if spread else run(program, say, pause))))


def say(what: Any) -> Any:
    """Log, and give what was logged."""
    log(what)
    return what


def here(
    family: str, program: Any, pause: int, seeds: Sequence[int] | None = None
) -> list[str] | None:
    """Run a program under several seeds; None if its log depends on them."""
    kind, _, run, _ = KINDS[family]
    first: list[str] | None = None
    for seed in SEEDS[family] if seeds is None else seeds:
        args = (run, program, pause, kind != "peers")
        result = simulate(main, *args, seed=seed) if seed < 2 else walk(args, seed)
        found = shown(kind, result)
        if first is not None and found != first:
            return None
        first = found
    return first


def shown(kind: str, result: Result) -> list[str]:
    """Give the log of a run, up to where the program has returned."""
    found = list(result.logged)
    if result.reason is not None:
        found.append(("crashed", result.reason))
    found = found[: 1 + next((i for i, e in enumerate(found) if e[0] == "returned"), len(found))]
    return words(by_process(found) if kind == "peers" else found)


def run_one(job: tuple[str, Any, int]) -> list[str] | None:
    """Run a program here: what a worker does."""
    return here(*job)


def walk(args: tuple[Any, ...], seed: int, step_us: Any = (0, 0)) -> Result:
    """Run a program transition by transition, in an order drawn from `seed`."""
    m = Machine(main, args, clock=ConcreteClock(seed, step_us))
    try:
        return result_of(m, driver.drive(m, Walk(seed), EFFECTS_MAX))
    finally:
        m.close()


def racing(family: str, program: Any, pause: int, there: list[str]) -> bool:
    """Tell whether schedules of ours differ among themselves, or slow steps do what the VM did.

    Two time limits of one length that start one after the other are equal here, and not there.
    """
    if here(family, program, pause, MANY) is None:
        return True
    kind, _, run, _ = KINDS[family]
    args = (run, program, pause, kind != "peers")
    slow = (walk(args, seed, slow_us) for seed in MANY)
    return any(shown(kind, result) == there for result in slow)


def slow_us(random: Random) -> float:
    """Draw how long a step takes: most are quick, and one in five takes a millisecond."""
    return 1000 if random.random() < 0.2 else random.randrange(20)


def by_process(entries: list[Any]) -> list[Any]:
    """List what each process did within a step by itself."""
    parts: list[list[Any]] = [[]]
    for entry in entries:
        if entry[0] in ("step", "returned"):
            parts.append([])
        parts[-1].append(entry)
    ordered = []
    for part in parts:
        head = part[:1] if part and part[0][0] in ("step", "returned") else []
        ordered += [*head, *sorted(part[len(head) :], key=lambda entry: str(entry[0]))]
    return ordered


def there(
    beam: Beam,
    family: str,
    drawn: Sequence[tuple[Any, int]],
    slower: int = 1,
    at_once: int | None = None,
) -> list[list[str]]:
    """Run programs on the VM, many at once or slower and one at a time."""
    kind = KINDS[family][0]
    at_once = at_once or (KINDS[family][3] if slower == 1 else 1)
    terms = [f"{{{kind},{at_once},{pause * slower},{erlang(program)}}}" for program, pause in drawn]
    return [json.loads(line)["log"] for line in beam.call("Many", terms)]


def compare(
    beam: Beam, family: str, cases: int, seed: int, progress: Callable[[str], None] = lambda _: None
) -> Summary:
    """Compare so many random programs; those whose log depends on the schedule do not count."""
    _, draw, _, _ = KINDS[family]
    random = Random(seed)
    compared, drawn_count, late, varied, different = 0, 0, 0, 0, []
    while compared < cases:
        drawn = [draw(random) for _ in range(min(1_000, cases - compared))]
        drawn_count += len(drawn)
        ran = together.over(run_one, [(family, *each) for each in drawn])
        batch = [(*each, ours) for each, ours in zip(drawn, ran, strict=True) if ours is not None]
        theirs = there(beam, family, [(p, pause) for p, pause, _ in batch])
        differing = [b for b, t in zip(batch, theirs, strict=True) if b[2] != t]
        logs = alone(beam, family, [(p, pause) for p, pause, _ in differing])
        found, equal, loose = sorted_out(differing, logs)
        late += equal
        varied += loose
        still = [each for each in found if not racing(family, *each[0][:2], each[1])]
        compared += len(batch) - (len(found) - len(still)) - loose
        for (program, pause, ours), vm in still:
            shrinks = len(different) < SHRUNK
            different.append(told(beam, family, (program, pause, ours, vm), shrinks))
        progress(f"{family}: {compared} of {cases} programs, {len(different)} different")
    note = f"seed {seed}; {drawn_count - compared} more depended on the schedule here"
    note = told_alone(late, note, varied)
    return Summary(family, "random programs", compared, compared, tuple(different), note, late)


def alone(beam: Beam, family: str, programs: Sequence[tuple[Any, int]]) -> list[list[Any]]:
    """Run what differed again, alone and slower; give the logs of each."""
    runs = [there(beam, family, programs, slower) for slower in SLOWER] if programs else []
    return [list(logs) for logs in zip(*runs, strict=True)]


def told(beam: Beam, family: str, case: Any, shrinks: bool) -> Difference:
    """Report a program that differs, and a small one that does."""
    program, pause, ours, theirs = case

    def differ(programs: Sequence[Any]) -> list[bool]:
        mine = [here(family, each, pause) for each in programs]
        vm = there(beam, family, [(each, pause) for each in programs], slower=2, at_once=8)
        return [differs(one, other) for one, other in zip(mine, vm, strict=True)]

    small = ""
    if shrinks:
        left = shrinking.shrunk(program, shrinking.SMALLER[family], differ)
        small = shrinking.described(family, left)
    return Difference(erlang(program), "random program", ours, theirs, small)


def differs(ours: list[str] | None, theirs: list[str]) -> bool:
    """Tell whether two logs differ, and neither is that of a program that makes no sense."""
    broken = any("crashed" in log[-1] for log in (ours or [""], theirs) if log)
    return ours is not None and not broken and ours != theirs
