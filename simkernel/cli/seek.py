"""The process in which `simkernel explore` searches: `python -m simkernel.cli.seek JSON`.

Its last line of output is the answer, as one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from checkers.ahead import Ahead, Walked, ahead
from checkers.finding import listed
from reports.cast import Cast
from simkernel.cli.journey import Journey, path_of, path_text
from simkernel.errors import SimkernelError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import parameters_back

POLITE = 5


def seek(asked: dict[str, Any]) -> dict[str, Any]:
    """Search from the end of a path, and say what was found and how to get there."""
    where, settings = asked["spec"], Settings.from_json(asked["settings"])
    journey = Journey(where, parameters_back(load(where), asked["parameters"]), settings)
    path = path_of(asked["path"])
    known = [finding.identity for finding, _ in journey.at(path).findings]
    until = time.monotonic() + asked["seconds"]

    def begin(snapshots: bool) -> Walked:
        return journey.begin(path, snapshots)

    def limit(share: float) -> str:
        left = until - time.monotonic() - (1 - share) * asked["seconds"]
        return "" if left > 0 else f"{asked['seconds']:g} s are spent"

    with guards(), watchdog():
        found = ahead(begin, known=known, limit=limit)
        goal = journey.path_along(found.way, path) if found.findings else path
    return _told(journey, found, len(path), goal)


def _told(journey: Journey, found: Ahead, start: int, goal: tuple[int, ...]) -> dict[str, Any]:
    who, steps = Cast(), []
    if found.findings:
        shown = journey.at(goal).scene
        assert shown is not None
        who = shown.cast
        events = shown.reel.events
        rows = {event["n"]: row for row, event in enumerate(events) if "n" in event}
        steps = [
            f"{who.label(events[rows[step]].get('p', ''))} {shown.text(rows[step])}"
            for step in range(start, len(goal))
            if step in rows
        ]
    findings = [{**one, "text": who.named(one["text"])} for one in listed(found.findings)]
    return {"path": path_text(goal), "findings": findings, "steps": steps, "told": words(found)}


def words(found: Ahead) -> str:
    """Say what a search amounts to.

    >>> words(Ahead(situations=12, runs=3, complete=True))
    'Nothing wrong can follow: all 12 situations from here on were seen, with 3 ends. (Runs \
without end are not judged.)'
    """
    seen = f"{found.situations} situations and {found.runs} ends of runs"
    if found.findings:
        return f"Found after {seen}."
    if found.complete:
        return (
            f"Nothing wrong can follow: all {found.situations} situations from here on were seen, "
            f"with {found.runs} ends. (Runs without end are not judged.)"
        )
    return f"Nothing found, and not everything seen: {found.cut}, after {seen}."


def main() -> None:
    """Read what is asked from the command line, and print the answer."""
    os.nice(POLITE)
    try:
        told = seek(json.loads(sys.argv[1]))
    except SimkernelError as error:
        told = {"path": "", "findings": [], "steps": [], "told": f"The search has failed: {error}"}
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
