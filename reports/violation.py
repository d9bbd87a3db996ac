"""A violation as text: what was found, how far from the ordinary, what raced, and the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from checkers.evidence import Evidence
from checkers.finding import Finding
from checkers.verdict import Counterexample
from reports.because import finding_row
from reports.case import Reel
from reports.race import distance, order, turn_of, turning
from reports.scene import Scene, plain
from reports.terminal import Look, around, diagram
from simkernel.settings import Settings
from simkernel.trace.blob import parameters_text

LISTED_MAX = 200


def raced(example: Counterexample, evidence: Evidence) -> str:
    """Say what raced, in a sentence; empty if the run is the default schedule."""
    if example.shown is not None:
        return turning(evidence.events, example.shown.turn)
    picks = example.settings.picks
    return turning(evidence.events, turn_of(evidence.events, picks, example.instead))


def size(example: Counterexample) -> str:
    """Say how far the shown run is from the default schedule, and with which parameters."""
    given = ", ".join(f"{k}={v}" for k, v in parameters_text(example.parameters).items())
    leaves = distance(example.settings.picks)
    return f"shown with {given}: {leaves}" if given else f"shown: {leaves}"


def violation(
    example: Counterexample, evidence: Evidence, look: Look | None = None
) -> Iterator[str]:
    """Give the lines of a violation, the run as wide and coloured as `look` says.

    Processes have the names that stand over the run, beside their pids; JSON has the pids alone.
    """
    other = example.shown
    findings = example.findings if other is None else other.findings
    shown = scene_of(findings, evidence.events, example.settings)
    for finding in findings:
        yield f"    {finding.kind}: {shown.cast.named(finding.text)}"
    yield f"    {shown.cast.named(size(example))}"
    if other is not None:
        yield f"    {order(other.switches, other.instead_of)}"
    if sentence := raced(example, evidence):
        yield f"    {shown.cast.named(sentence)}"
    yield ""
    yield from drawn(shown, look, f": simkernel trace show {evidence.trace}")
    yield ""


def scene_of(
    findings: Sequence[Finding], events: Sequence[dict[str, Any]], settings: Settings
) -> Scene:
    """Give the run to draw, with the place of the first finding marked."""
    first = findings[0]
    return replace(
        plain(Reel(tuple(events), None, "", settings)),
        finding=finding_row(events, first.kind, first.process),
    )


def drawn(shown: Scene, look: Look | None = None, rest: str = "") -> Iterator[str]:
    """Give the lines of the run; `rest` says where the others are, if there are too many."""
    rows = around(shown, len(shown.reel.events), len(shown.reel.events))
    yield from diagram(shown, look or Look(), rows[:LISTED_MAX])
    if len(rows) > LISTED_MAX:
        yield f"  … {len(rows) - LISTED_MAX} more lines{rest}"
