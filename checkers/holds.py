"""Naming a run by as few directives as possible: picks, and processes that are held back.

The default schedule goes by the order of pids, so that one process which is slow costs a deviation
at every step of the others. To hold it back is one directive instead: from some step on, until
another, whatever that process could do comes after all else (`simkernel.choice.Recorded`).

Which directives are fewest is known exactly. A process is held between two things that it does, so
the places to hold are the *gaps* of each process. At a step that is not the default's, either the
step is picked, or every process that would have come first is held: of each pair of step and gap
one has to be chosen, and a smallest choice is a vertex cover of two sides, as large as a largest
matching (König's theorem).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simkernel.choice import FAULTS, first_of, owner
from simkernel.kernel.machine import Transition

STEPS_MAX = 400
"""A run with more steps that are not the default's is named by picks alone: they will be fewer."""

Occurrence = tuple[Transition, int]
"""The n-th time, from 0 on, that a transition happens in a run."""

Gap = tuple[str, int]
"""What a process does after its n-th act: the time until then."""


@dataclass(frozen=True)
class Hold:
    """A process is held back after so many acts, until something has happened, or to the end."""

    step: int
    who: str
    acts: int
    until: int
    event: Occurrence | None
    over: Occurrence

    @property
    def said(self) -> tuple[int, str]:
        """Write it as a recorded pick."""
        return self.step, f"hold {self.who} until {self.until}"


@dataclass(frozen=True)
class Pick:
    """Something happens where something else was first."""

    step: int
    this: Occurrence
    over: Occurrence

    @property
    def said(self) -> tuple[int, str]:
        """Write it as a recorded pick."""
        return self.step, str(self.this[0])


Directive = Hold | Pick


def directives(
    picks: Sequence[Transition], before: Mapping[int, Sequence[Transition]]
) -> list[Directive]:
    """Give the fewest directives that lead to a run.

    `picks` is the run; `before` has, of each step that is not the default's, the options that come
    before the one that was taken.
    """
    run = _Run(picks)
    if len(before) > STEPS_MAX:
        return [run.pick(step, blocking[0]) for step, blocking in sorted(before.items())]
    edges = {step: run.gaps(step, blocking) for step, blocking in before.items()}
    held = _cover({step: gaps for step, gaps in edges.items() if gaps})
    found: list[Directive] = []
    for gap in held:
        step = min(step for step, gaps in edges.items() if gaps and gap in gaps)
        over = next(one for one in before[step] if run.gap(step, one) == gap)
        found.append(run.hold(step, gap, over))
    for step, gaps in edges.items():
        if not gaps or any(gap not in held for gap in gaps):
            free = [one for one in before[step] if run.gap(step, one) not in held]
            found.append(run.pick(step, (free or before[step])[0]))
    return sorted(found, key=lambda one: (one.step, one.said))


class _Run:
    """The acts of each process in a run, and the occurrences of each transition."""

    def __init__(self, picks: Sequence[Transition]):
        self.picks = picks
        self.acts: dict[str, list[int]] = {}
        self.times: list[int] = []
        self.steps: dict[Transition, list[int]] = {}
        for step, picked in enumerate(picks):
            happened = self.steps.setdefault(picked, [])
            self.times.append(len(happened))
            happened.append(step)
            who = owner(str(picked))
            if who is not None:
                self.acts.setdefault(who, []).append(step)

    def gap(self, step: int, option: Transition) -> Gap | None:
        """Give the gap in which an option's process is at a step; None if it cannot be held."""
        who = owner(str(option))
        if who is None:
            return None
        return who, bisect_left(self.acts.get(who, []), step)

    def gaps(self, step: int, blocking: Sequence[Transition]) -> list[Gap] | None:
        """Give whom to hold so that a step is the default's; None if that is impossible."""
        if self.picks[step].kind in FAULTS:
            return None
        mine = owner(str(self.picks[step]))
        found = {self.gap(step, one): None for one in blocking}
        if None in found or any(gap is not None and gap[0] == mine for gap in found):
            return None
        return [gap for gap in found if gap is not None]

    def hold(self, step: int, gap: Gap, over: Transition) -> Hold:
        """Hold the process of a gap, which would do `over` at a step."""
        who, acts = gap
        places = self.acts.get(who, [])
        until = places[acts] if acts < len(places) else len(self.picks)
        event = None
        if acts < len(places):
            event = (self.picks[until - 1], self.times[until - 1])
        return Hold(step, who, acts, until, event, self._next(step, over))

    def pick(self, step: int, over: Transition) -> Pick:
        """Pick what happens at a step, where `over` would come first."""
        return Pick(step, (self.picks[step], self.times[step]), self._next(step, over))

    def _next(self, step: int, what: Transition) -> Occurrence:
        return what, bisect_left(self.steps.get(what, []), step)


def _cover(edges: Mapping[int, Sequence[Gap]]) -> dict[Gap, None]:
    """Give the gaps of a smallest vertex cover, steps being preferred where it is the same."""
    step_of: dict[Gap, int] = {}
    matched: set[int] = set()
    for step in edges:
        if _augment(step, edges, step_of, set()):
            matched.add(step)
    reached: dict[Gap, None] = {}
    waiting = [step for step in edges if step not in matched]
    seen = set(waiting)
    while waiting:
        for gap in edges[waiting.pop()]:
            reached[gap] = None
            step = step_of[gap]
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return reached


def _augment(
    start: int, edges: Mapping[int, Sequence[Gap]], step_of: dict[Gap, int], tried: set[Gap]
) -> bool:
    """Match a step, perhaps by matching others anew."""
    path: list[tuple[int, Gap]] = []
    stack = [(start, iter(edges[start]))]
    while stack:
        step, gaps = stack[-1]
        gap = next((one for one in gaps if one not in tried), None)
        if gap is None:
            stack.pop()
            if path:
                path.pop()
            continue
        tried.add(gap)
        path.append((step, gap))
        if gap not in step_of:
            for one, its in path:
                step_of[its] = one
            return True
        stack.append((step_of[gap], iter(edges[step_of[gap]])))
    return False


class Guided:
    """Makes a run by directives, leniently: what is not possible any more is left out."""

    def __init__(self, given: Sequence[Directive]):
        self.holds = [one for one in given if isinstance(one, Hold)]
        self.wanted: dict[Occurrence, list[Pick]] = {}
        for one in given:
            if isinstance(one, Pick):
                self.wanted.setdefault(one.over, []).append(one)
        self.acts: Counter[str] = Counter()
        self.seen: Counter[Transition] = Counter()

    def pick(self, options: list[Transition]) -> Transition:
        """Give what the directives say, or else the default."""
        first = first_of(options, {one.who for one in self.holds if self._holds(one)})
        for one in self.wanted.get((first, self.seen[first]), ()):
            this, times = one.this
            if this in options and self.seen[this] == times:
                first = this
                break
        self.seen[first] += 1
        who = owner(str(first))
        if who is not None:
            self.acts[who] += 1
        return first

    def _holds(self, one: Hold) -> bool:
        if self.acts[one.who] != one.acts:
            return False
        return one.event is None or self.seen[one.event[0]] <= one.event[1]
