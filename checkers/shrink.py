"""Shrinking a counterexample: the same failure in as few deviations as can be found.

A run is its spec, its parameters and its picks. The default schedule takes the first of what is
enabled; a deviation is a step at which something else was taken. Of two runs that show the same
failure, people understand the one with fewer deviations, and of two with as many, the shorter one.

A candidate is a wish: a list of transitions in the order in which they should happen. A run
fulfils it leniently: at each step it takes what is enabled and wished for first, and the default
where nothing of the wish is possible. Or it is a list of directives (`checkers.holds`), of which
what is not possible any more is left out. So every candidate is a run, and what is kept are its
picks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from checkers.finding import foremost
from checkers.findings import Finding
from checkers.holds import Directive, Guided, Hold, Occurrence, directives
from checkers.judged import Judged
from checkers.verdict import Counterexample
from simkernel.choice import Walk
from simkernel.errors import Nondeterminism, SimkernelError
from simkernel.kernel import driver
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings
from simkernel.spec import Spec, chooser_of

TRIES_MAX = 2_000
# Without durations the order is that of the picks alone, and all times are round: worth some
# deviations more.
FOR_ROUND_TIMES = 4
SMALLER_TRIES = 200  # random walks for each smaller value of a parameter


@dataclass(frozen=True)
class Taken:
    """A run that was made: its picks, what the default schedule had instead, what it showed."""

    picks: tuple[Transition, ...]
    before: Mapping[int, tuple[Transition, ...]]  # where the run deviates, what came first there
    found: tuple[Finding, ...]
    ended: str
    times: tuple[int, ...] = ()  # of the picks

    @cached_property
    def directives(self) -> list[Directive]:
        """The fewest directives that lead to this run."""
        return directives(self.picks, self.before)

    def occurrence(self, step: int) -> Occurrence:
        """Name what happens at a step."""
        this = self.picks[step]
        return this, self.picks[:step].count(this)

    @cached_property
    def cost(self) -> tuple[int, int, int, int]:
        """Fewer directives are better, then ones that change less, then a shorter run, and at last
        deviations that come later."""
        return len(self.directives), len(self.before), len(self.picks), -sum(self.before)


class Shrinker:
    """Makes runs of one spec, and keeps the best that shows the failure."""

    def __init__(
        self,
        spec: Spec,
        parameters: Mapping[str, Any],
        failure: tuple[str, str],
        settings: Settings,
        *,
        tries_max: int = TRIES_MAX,
        enough: Callable[[], bool] = lambda: False,
    ):
        self.spec = spec
        self.parameters = parameters
        self.failure = failure
        self.settings = settings
        self.tries_left = tries_max
        self.enough = enough

    def made(self, settings: Settings, pick: Callable[[list[Transition]], Transition]) -> Taken:
        """Make one run, noting what was picked and where that was not the default."""
        run = Judged(self.spec, self.parameters, settings)
        picks: list[Transition] = []
        before: dict[int, tuple[Transition, ...]] = {}
        times: list[int] = []
        try:
            while len(picks) < settings.effects_max and (options := run.enabled()):
                picked = pick(options)
                if picked != options[0]:
                    before[len(picks)] = tuple(options[: options.index(picked)])
                picks.append(picked)
                times.append(run.m.clock.now)
                run.apply(picked)
            ended = driver.BUDGET if run.enabled() else run.ended()
            found = foremost(run.findings(ended), self.failure)
            return Taken(tuple(picks), before, found, ended, tuple(times))
        finally:
            run.m.close()

    def wished(self, wish: list[Transition], settings: Settings | None = None) -> Taken | None:
        """Make the run of a wish; None if it does not show the failure."""
        left = list(wish)

        def pick(options: list[Transition]) -> Transition:
            for at, wanted in enumerate(left):
                if wanted in options:
                    del left[at]
                    return wanted
            return options[0]

        return self.tried(pick, settings)

    def tried(
        self, pick: Callable[[list[Transition]], Transition], settings: Settings | None = None
    ) -> Taken | None:
        """Make a run; None if it does not show the failure, or if there have been enough."""
        if self.tries_left <= 0 or self.enough():
            return None
        self.tries_left -= 1
        try:
            taken = self.made(settings or self.settings, pick)
        except (SimkernelError, MemoryError):
            return None  # another mistake than the one that is looked for
        shows = any(finding.identity == self.failure for finding in taken.found)
        return taken if shows else None

    # --- The ways to make it smaller -------------------------------------------------------------

    def cut(self, best: Taken) -> Taken:
        """Find a short beginning after which the default schedule fails as well."""
        low, high = 0, len(best.picks)
        while low < high:
            middle = (low + high) // 2
            taken = self.wished(list(best.picks[:middle]))
            if taken is None:
                low = middle + 1
            else:
                high = middle
                best = min(best, taken, key=lambda run: run.cost)
        return best

    def without(self, best: Taken, steps: list[int]) -> Taken | None:
        """Make the run in which, at these steps, what the default has comes first."""
        wish = list(best.picks)
        for step in reversed(steps):
            default = best.before[step][0]
            later = next(
                (at for at in range(step + 1, len(wish)) if wish[at] == default), len(wish)
            )
            del wish[later : later + 1]
            wish.insert(step, default)
        taken = self.wished(wish)
        return taken if taken is not None and taken.cost < best.cost else None

    def smallest(self, best: Taken) -> Taken:
        """Do all of this until nothing gets smaller."""
        previous = None
        while best != previous:
            previous = best
            best = self.plainer(self.cut(best))
            best = self.shorter(self.fewer(best))
        return best

    def shorter(self, best: Taken) -> Taken:
        """Hold nobody for longer than it takes, as far as halving finds it out."""
        place = 0
        while place < len(given := best.directives):
            one = given[place]
            place += 1
            if not isinstance(one, Hold):
                continue
            low, high = one.step + 1, one.until - 1
            while low < high:
                middle = (low + high) // 2
                less = replace(one, event=best.occurrence(middle - 1))
                taken = self.tried(Guided([less if x is one else x for x in given]).pick)
                if taken is None or taken.cost >= best.cost:
                    low = middle + 1
                else:
                    best, high = taken, 0
        return best

    def plainer(self, best: Taken) -> Taken:
        """Take directives away, many at a time and then one by one, until none can go; and let
        those who are held be held for longer, so that they need not be held again."""
        size = max(1, len(best.directives) // 2)
        while True:
            smaller = self._with_fewer(best, size)
            if smaller is not None:
                best = smaller
                size = max(1, min(size, len(best.directives) // 2))
            elif size > 1:
                size //= 2
            else:
                return best

    def _with_fewer(self, best: Taken, size: int) -> Taken | None:
        given = best.directives
        for start in range(0, len(given), size):
            taken = self.tried(Guided(given[:start] + given[start + size :]).pick)
            if taken is not None and taken.cost < best.cost:
                return taken
        for longer in _longer(given) if size == 1 else ():
            taken = self.tried(Guided(longer).pick)
            if taken is not None and taken.cost < best.cost:
                return taken
        return None

    def fewer(self, best: Taken) -> Taken:
        """Take deviations away, many at a time and then one by one, until none can go."""
        size = max(1, len(best.before) // 2)
        while True:
            steps = sorted(best.before)
            smaller = None
            for start in range(0, len(steps), size):
                smaller = self.without(best, steps[start : start + size])
                if smaller is not None:
                    break
            if smaller is not None:
                best = smaller
                size = max(1, min(size, len(best.before) // 2))
            elif size == 1:
                return best
            else:
                size //= 2

    def named(self, best: Taken) -> Counterexample | None:
        """Name a run by its deviations, and make it again from that name."""
        picks = tuple(one.said for one in best.directives)
        settings = replace(self.settings, picker="recorded", picks=picks)
        again = self.made(settings, _picker(settings))
        if again.found != best.found:
            return None
        instead = str(best.directives[-1].over[0]) if picks else ""
        return Counterexample(best.found, settings, len(best.picks), best.ended, instead=instead)


def smallest(
    spec: Spec,
    parameters: Mapping[str, Any],
    example: Counterexample,
    *,
    enough: Callable[[], bool] = lambda: False,
) -> Counterexample:
    """Give the smallest counterexample found: fewer of everything, then fewer deviations."""
    smaller, found = fewer_of_everything(spec, parameters, example, enough=enough)
    given = {
        name: value
        for name, value in smaller.items()
        if name in parameters or value != spec.parameters[name]
    }
    return replace(shrink(spec, given, found, enough=enough), parameters=given)


def shrink(
    spec: Spec,
    parameters: Mapping[str, Any],
    example: Counterexample,
    *,
    tries_max: int = TRIES_MAX,
    enough: Callable[[], bool] = lambda: False,
) -> Counterexample:
    """Give a counterexample of the same failure with few deviations from the default schedule.

    Its settings name these deviations, and it has been replayed from them. `enough` is asked
    before each run, and ends the search for a smaller one.
    """
    shrinker = Shrinker(
        spec, parameters, example.findings[0].identity, example.settings,
        tries_max=tries_max, enough=enough,
    )  # fmt: skip
    first = shrinker.made(example.settings, _picker(example.settings))
    if tuple(first.found) != example.findings:
        raise Nondeterminism(
            "a run that failed was made again, and was another: "
            f"{example.findings[0].text}; then {first.found[0].text if first.found else 'nothing'}",
            where=spec.path or spec.name,
        )
    small = shrinker.named(shrinker.smallest(first)) or example
    shrinker.settings = replace(example.settings, step_ms=(0, 0), latency_ms=(0, 0))
    if shrinker.settings != example.settings and (zero := shrinker.wished(list(first.picks))):
        without = shrinker.named(shrinker.smallest(zero))
        if without is not None and without.deviations <= small.deviations + FOR_ROUND_TIMES:
            return without
    return small


def _picker(settings: Settings) -> Callable[[list[Transition]], Transition]:
    return chooser_of(settings).pick


def _longer(given: list[Directive]) -> Iterator[list[Directive]]:
    """Hold one for as long as it is held later, or to the end, and no more in between."""
    holds = [one for one in given if isinstance(one, Hold)]
    for one in holds:
        later = [other for other in holds if other.who == one.who and other.step > one.step]
        for last in [*reversed(later), None]:
            event = None if last is None else last.event
            gone = [other for other in later if last is None or other.step <= last.step]
            changed = replace(one, event=event)
            if event != one.event:
                yield [changed if x is one else x for x in given if x not in gone]


def fewer_of_everything(
    spec: Spec,
    parameters: Mapping[str, Any],
    example: Counterexample,
    *,
    enough: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, Any], Counterexample]:
    """Look for the failure with smaller numbers in the parameters: fewer clients, fewer crashes.

    Parameters that are whole numbers are tried from 1 on (0 means none, which is another system).
    """
    smaller = dict(spec.arguments(parameters))
    failure = example.findings[0].identity
    for name, value in smaller.items():
        if type(value) is not int or value < 2:
            continue
        for less in range(1, min(value, 4)):
            found = _hunted({**smaller, name: less}, spec, failure, example.settings, enough)
            if found is not None:
                smaller, example = {**smaller, name: less}, found
                break
    return smaller, example


def _hunted(
    parameters: dict[str, Any],
    spec: Spec,
    failure: tuple[str, str],
    settings: Settings,
    enough: Callable[[], bool],
) -> Counterexample | None:
    for seed in range(SMALLER_TRIES):
        if enough():
            return None
        one = replace(settings, seed=settings.seed + seed, picker="walk", picks=())
        run = Judged(spec, parameters, one)
        try:
            ended = run.run(Walk(one.seed), one.effects_max)
            found = run.findings(ended)
            if any(finding.identity == failure for finding in found):
                return Counterexample(foremost(found, failure), one, run.m.count, ended)
        except (SimkernelError, MemoryError):
            return None
        finally:
            run.m.close()
    return None
