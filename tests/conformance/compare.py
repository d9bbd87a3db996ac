"""Compare scenario pairs: ours under several seeds, the VM's live or recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.conformance import recording
from tests.conformance.beam import Beam
from tests.conformance.lab import Pair, all_here, pairs

RECORD_TIMES = 10
# Under load the VM may be late by more than the gaps that programs leave. What differed runs again
# without others, so many times, and counts as equal only if it is equal each time.
ALONE = 3


def sorted_out(
    cases: Sequence[tuple[Any, Any]], logs: Sequence[Sequence[Any]]
) -> tuple[list[tuple[Any, Any]], int, int]:
    """Judge cases, each with our log last, by the VM's logs of them alone.

    Gives those that differ, with such a log, and how many were equal each time and how many varied:
    where the VM does now one thing and now another, and ours is among them, no log is the one.
    """
    still, equal, varied = [], 0, 0
    for case, there in zip(cases, logs, strict=True):
        ours = case[-1]
        other = next((log for log in there if log != ours), None)
        if other is None:
            equal += 1
        elif ours in there:
            varied += 1
        else:
            still.append((case, other))
    return still, equal, varied


@dataclass(frozen=True)
class Difference:
    """One scenario or case that came out differently."""

    id: str
    what: str
    here: Any
    there: Any
    shrunk: str = ""  # of a random program: what is left of it, and where a pair of it belongs


@dataclass(frozen=True)
class Summary:
    """What one family gave."""

    family: str
    kind: str
    cases: int
    runs_on_the_vm: int
    differences: tuple[Difference, ...]
    note: str = ""
    alone: int = 0  # that differed beside others, and were equal each time alone

    def as_json(self) -> dict[str, Any]:
        """Give plain values."""
        return asdict(self)


def against(chosen: Sequence[Pair], logs: Sequence[Sequence[list[str]]]) -> list[Difference]:
    """Compare our runs of scenarios with those of the VM."""
    found = []
    for scenario, there in zip(chosen, logs, strict=True):
        varied = next((log for log in there if log != there[0]), None)
        if varied is not None:
            found.append(Difference(scenario.id, "the VM varies", there[0], varied))
        for here in all_here(scenario):
            if here != there[0]:
                found.append(Difference(scenario.id, "ours differs", here, there[0]))
                break
    return found


def recorded(family: str) -> Summary:
    """Compare a family with its recording."""
    header, logs = recording.read(family)
    chosen = pairs(family)
    missing = [
        Difference(each.id, "is not recorded", None, None) for each in chosen if each.id not in logs
    ]
    stale = set(logs) - {each.id for each in chosen}
    missing += [
        Difference(each, "is recorded, but no scenario", None, None) for each in sorted(stale)
    ]
    known = [each for each in chosen if each.id in logs]
    found = against(known, [[logs[each.id]] for each in known])
    note = f"recorded on OTP {header.get('otp')}, Elixir {header.get('elixir')}" if header else ""
    return Summary(family, "recorded pairs", len(chosen), 0, (*missing, *found), note)


def live(beam: Beam, family: str, times: int = 1, record: bool = False) -> Summary:
    """Compare a family with the VM, and the VM with the recording; or record what it does."""
    chosen = pairs(family)
    logs = beam.scenarios(chosen, times)
    found = against(chosen, logs)
    wrong = {each.id for each in found}
    again = [n for n, each in enumerate(chosen) if each.id in wrong]
    if again:
        repeated = [chosen[n] for n in again]
        alone = beam.scenarios(repeated, max(times, ALONE))
        found = against(repeated, alone)
        for n, log in zip(again, alone, strict=True):
            logs[n] = log
    still = {each.id for each in found}
    if record:
        varying = {each.id for each in found if each.what == "the VM varies"}
        steady = [(s, log[0]) for s, log in zip(chosen, logs, strict=True) if s.id not in varying]
        recording.write(family, beam.versions(), steady)
    else:
        _, kept = recording.read(family)
        found += [
            Difference(each.id, "the VM no longer does what was recorded", kept[each.id], log[0])
            for each, log in zip(chosen, logs, strict=True)
            if each.id in kept and kept[each.id] != log[0]
        ]
    runs, late = len(chosen) * times + len(again) * max(times, ALONE), len(wrong - still)
    return Summary(family, "live pairs", len(chosen), runs, tuple(found), told_alone(late), late)


def told_alone(late: int, before: str = "", varied: int = 0) -> str:
    """Say how many cases were equal only when they ran alone, and how many varied there."""
    told = f"{late} repeated alone, equal {ALONE} times of {ALONE}" if late else ""
    loose = f"{varied} more varied on the VM, ours among what it did" if varied else ""
    return "; ".join(part for part in (before, told, loose) if part)
