"""Calls that allow less time than the calls below them, in any order of events, retries included.

One run of every class of runs is made, whatever its times; so an inner call that is made again once
its time is over is counted as often as that may happen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from checkers.judged import Judged
from checkers.reduction import Reduction
from checkers.timing import Bounds, Deadline, Timed, Times
from checkers.watched import Watched
from simkernel.settings import Settings
from simkernel.spec import Spec


@dataclass(frozen=True)
class Chain:
    """An outer deadline, and in the run where that is most how many deadlines below it allow how
    much, in µs, while it stands."""

    outer: Deadline
    inner: int
    inner_us: int


@dataclass
class Chains:
    """What was found in how many classes; `stopped` says why not all were seen. `fired` has the
    deadlines, as (process, what, µs), that come first in some class, `known` all."""

    chains: list[Chain]
    classes: int
    stopped: str
    known: set[tuple[str, str, int]]
    fired: set[tuple[str, str, int]]


def chains_everywhere(
    spec: Spec, given: Mapping[str, Any], network: str = "node",
    over: Callable[[int], str] = lambda classes: "",
) -> Chains:  # fmt: skip
    """Look at one run of every class; `over` is given their number, and says why to stop."""
    tape = Timed()

    def made() -> Watched:
        tape.events.clear()
        settings = Settings(network=network, time="any", picker="recorded")
        m = Judged(spec, given, settings, kind=Watched, tape=tape).m
        assert isinstance(m, Watched)
        return m

    search = Reduction(made, by_message=True, coarse=False)
    found: dict[tuple[str, str], Chain] = {}
    known: set[tuple[str, str, int]] = set()
    fired: set[tuple[str, str, int]] = set()
    stopped = ""

    def cut() -> bool:
        nonlocal stopped
        stopped = over(search.runs)
        return bool(stopped)

    for _ in search.ends(cut):
        times = Times(tape, Bounds())
        for one in times.deadlines:
            key = (one.process, one.what, one.us)
            known.add(key)
            if one.fired:
                fired.add(key)
        for outer, count, total in times.chains():
            place = (outer.process, outer.what)
            if place not in found or found[place].inner_us < total:
                found[place] = Chain(outer, count, total)
    if search.cut and not stopped:
        stopped = "a run is too long"
    return Chains(list(found.values()), search.runs, stopped, known, fired)
