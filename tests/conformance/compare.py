"""Compare scenario pairs: ours under several seeds, the VM's live or recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.conformance import recording
from tests.conformance.beam import Beam
from tests.conformance.lab import Pair, all_here, pairs

RECORD_TIMES = 10
TRIES = 3


@dataclass(frozen=True)
class Difference:
    """One scenario or case that came out differently."""

    id: str
    what: str
    here: Any
    there: Any


@dataclass(frozen=True)
class Summary:
    """What one family gave."""

    family: str
    kind: str
    cases: int
    runs_on_the_vm: int
    differences: tuple[Difference, ...]
    note: str = ""

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
    late = 0
    for _ in range(TRIES):
        # Under load the VM may be late by more than the gaps that scenarios leave. What varied
        # while it was recorded has to be steady in as many runs in a row.
        wrong = {each.id for each in found}
        if not wrong:
            break
        late = max(late, len(wrong))
        again = [n for n, each in enumerate(chosen) if each.id in wrong]
        for n, log in zip(again, beam.scenarios([chosen[n] for n in again], times), strict=True):
            logs[n] = log
        found = against(chosen, logs)
    varying = {each.id for each in found if each.what == "the VM varies"}
    if record:
        steady = [(s, log[0]) for s, log in zip(chosen, logs, strict=True) if s.id not in varying]
        recording.write(family, beam.versions(), steady)
    else:
        _, kept = recording.read(family)
        found += [
            Difference(each.id, "the VM no longer does what was recorded", kept[each.id], log[0])
            for each, log in zip(chosen, logs, strict=True)
            if each.id in kept and kept[each.id] != log[0]
        ]
    note = f"{late} ran again, because the VM was late" if late else ""
    return Summary(family, "live pairs", len(chosen), len(chosen) * times, tuple(found), note)
