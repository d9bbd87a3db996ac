"""The order in which a counterexample is shown: of all runs of its class the one with the fewest
context switches, so that each process is read in as few pieces as there can be.

The run that replays has the fewest deviations from the default schedule, which goes on with
whoever comes first. Another order of the same class is found (`checkers.switches`), made by a
recorder, which has to find the same class (`checkers.reordering`), and then by the machine itself,
within the bounds of the run, and judged as any other. Where that does not show the same findings,
the counterexample is shown as it replays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from checkers.following import CannotFollow
from checkers.footprints import Widen
from checkers.holds import Hold, Occurrence
from checkers.reordering import Classes, Exactly, OneClass, alike, at_deadlines, in_time, late
from checkers.search import BOUNDED
from checkers.shrink import Shrinker, Taken
from checkers.switches import SETS_MAX, count, fewest
from checkers.verdict import Counterexample, Shown, Turn
from simkernel.choice import FAULTS
from simkernel.errors import SimkernelError
from simkernel.kernel import driver
from simkernel.kernel.machine import Transition
from simkernel.spec import Spec, chooser_of

TRANSITIONS_MAX = 2_000
"""A longer run is shown as it replays: nobody reads it to the end."""

LOOKED_MAX = 600_000
"""So many events times sets of events the search for an order may look at: about a second."""

AGAIN_MAX = 20
"""So often the run is followed again because it turns out that more has to be told apart."""


def shown(spec: Spec, example: Counterexample) -> Counterexample:
    """Give the counterexample with the order to show it in.

    Where that order needs no more deviations than the counterexample has, it is the run to replay
    as well; otherwise it is kept beside it, as `shown`. Where there is no better order the
    counterexample comes back as it was.
    """
    if example.ended in (driver.ROUND, driver.BUDGET) or example.settings.rare:
        return example  # a round has no end, and of what is rare the recorder knows nothing
    if example.transitions > TRANSITIONS_MAX:
        return example
    try:
        return _Showing(spec, example).best()
    except (CannotFollow, SimkernelError):
        return example


class _Showing:
    """One counterexample, and the attempts to show it in another order."""

    def __init__(self, spec: Spec, example: Counterexample):
        self.spec = spec
        self.example = example
        failure = example.findings[0].identity
        # Another order may have more transitions: deadlines that pass without anybody seeing it.
        most = max(example.settings.effects_max, 2 * TRANSITIONS_MAX)
        settings = replace(example.settings, effects_max=most)
        self.shrinker = Shrinker(spec, example.parameters, failure, settings)

    def best(self) -> Counterexample:
        """Try orders until one shows the same; the freest first."""
        taken = self._again()
        if any(step.kind in FAULTS and step.kind != "crash" for step in taken.picks):
            return self.example  # of what is lost on the way the recorder knows nothing
        flags: frozenset[Any] = frozenset()
        for _ in range(AGAIN_MAX):
            try:
                classes = Classes(self.spec, self.example.parameters, self.example.settings, flags)
                return self._ordered(classes, taken)
            except Widen as more:
                flags |= {more.flag}
        return self.example

    def _ordered(self, classes: Classes, taken: Taken) -> Counterexample:
        one = classes.of(taken.picks)
        if not one.events:
            return self.example
        before = count(one.lanes, range(len(one.events)))
        for strict in range(3) if self.example.settings.time == BOUNDED else range(1):
            past = one.after(self._more(one, taken, strict))
            order = fewest(one.lanes, past, min(SETS_MAX, LOOKED_MAX // len(past)))
            if order.switches >= before:
                continue
            path = classes.path(one, order.places)
            if path is None:
                continue
            for wish in (late(path), list(alike(path))):
                other = self._real(wish)
                if other is not None:
                    turn = _turn(one, taken, other)
                    return self._told(other, order.switches, before, turn)
        return self.example

    def _again(self) -> Taken:
        settings = self.example.settings
        return self.shrinker.made(settings, chooser_of(settings).pick)

    def _more(self, one: OneClass, taken: Taken, strict: int) -> dict[int, int]:
        """Give what else comes before what: in time; of two that race the first; what fails last.

        Within bounds it is tried whether every deadline stays behind what came before it (1), and
        before what came after it as well (2).
        """
        more = at_deadlines(one, strict)
        if self.example.settings.time == "concrete":
            more = in_time(one, taken.times)
        raced = _raced(one, taken)
        if raced is not None:
            first, later = (one.place(step) for step in raced)
            if first < later:
                more[later] = more.get(later, 0) | 1 << first
        if self.example.ended == driver.FAILED:
            last = len(one.events) - 1
            more[last] = (1 << last) - 1
        return more

    def _real(self, wish: Sequence[Transition]) -> Taken | None:
        """Make a run of just these transitions; None if it cannot be, or shows something else."""
        example, exactly = self.example, Exactly(wish)
        try:
            taken = self.shrinker.made(self.shrinker.settings, exactly.pick)
        except CannotFollow:
            return None
        found = sorted(finding.identity for finding in taken.found)
        same = found == sorted(finding.identity for finding in example.findings)
        return taken if exactly.is_done and same and taken.ended == example.ended else None

    def _told(
        self, other: Taken, switches: int, before: int, turn: Turn | None
    ) -> Counterexample:  # fmt: skip
        example = self.example
        named = self.shrinker.named(other)
        if named is None:
            return example
        if named.deviations <= example.deviations:
            return replace(named, parameters=example.parameters)
        return replace(example, shown=Shown(named.settings, named.findings, switches, before, turn))


def _raced(one: OneClass, taken: Taken) -> tuple[int, int] | None:
    """Give the steps of the two that raced where a run leaves the default schedule last."""
    if not taken.directives:
        return None
    last = taken.directives[-1]
    if isinstance(last, Hold):
        return one.raced(last.who, last.step, last.until)
    later = _step(taken.picks, last.over)
    return None if later is None else (last.step, later)


def _turn(one: OneClass, taken: Taken, other: Taken) -> Turn | None:
    """Find in another order the two that raced; None if it is not known who did."""
    raced = _raced(one, taken)
    if raced is None:
        last = taken.directives[-1] if taken.directives else None
        if last is None or isinstance(last, Hold):
            return None
        first = _step(other.picks, last.this)  # and what it came before never happens
        return None if first is None else Turn(first, None, str(last.over[0]))
    first, later = (_step(other.picks, taken.occurrence(step)) for step in raced)
    if first is None or later is None or later < first:
        return None
    return Turn(first, later, str(taken.picks[raced[1]]))


def _step(picks: Sequence[Transition], what: Occurrence) -> int | None:
    """Give the step at which a transition happens for the n-th time."""
    steps = [step for step, picked in enumerate(picks) if picked == what[0]]
    return steps[what[1]] if what[1] < len(steps) else None
