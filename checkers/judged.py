"""One run that is judged: a machine, with the properties of its spec watched along the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from checkers.findings import KINDS, Finding, crashes_so_far, findings
from checkers.judges import Judges
from checkers.monitor import Monitor
from simkernel.choice import Chooser
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.snapshot import restore, snapshot
from simkernel.settings import Settings
from simkernel.spec import Spec, chooser_of
from simkernel.terms import Pid, Ref

LATE_EVERY = 4_096  # transitions between two looks at the time
RANKS = {kind: rank for rank, kind in enumerate(KINDS)}


class Ending(NamedTuple):
    """What is told of the end of a run: why it is one, what is wrong, what is not fulfilled."""

    ended: str
    findings: tuple[Finding, ...]
    hot: tuple[str, ...]
    clock_reads: tuple[str, ...]


class Judged:
    """A machine that is about to run a spec, and what is found while it does.

    A run is over as soon as one of the properties has failed: what comes after it explains nothing.
    """

    def __init__(
        self,
        spec: Spec,
        parameters: Mapping[str, Any],
        settings: Settings,
        *,
        snapshots: bool = False,
        tape: Any = None,
        kind: type[Machine] = Machine,
    ):
        self.expect = spec.expect
        self.monitor = Monitor(spec.properties)
        if self.monitor.listening:
            tape = self.monitor if tape is None else Both(self.monitor, tape)
        self.m: Machine = spec.machine(
            parameters, settings, snapshots=snapshots, tape=tape, kind=kind
        )
        self.m.checking = True
        self.round: tuple[Finding, ...] = ()  # what is wrong with a run that goes round for ever
        self.judges = Judges()
        self.m.listens(self.judges)
        self.ok = self.monitor.step(self.m) if self.monitor.watching else True
        self.late: Callable[[], bool] | None = None  # of a run that may be cut: is it time to
        self.is_late = False

    def enabled(self) -> list[Transition]:
        """Give what may happen next; nothing once a property has failed, or it is late."""
        return self.m.enabled() if self.ok and not self.is_late else []

    def apply(self, transition: Transition) -> None:
        """Perform a transition and look at what it led to."""
        m = self.m
        m.apply(transition)
        if self.monitor.watching:
            self.ok = self.monitor.step(m)
        if m.count % self.judges.lengths.every == 0:
            self.judges.lengths.sample(m)
        if self.late is not None and m.count % LATE_EVERY == 0:
            self.is_late = self.late()

    def run(self, chooser: Chooser, budget: int) -> str:
        """Run to the end, or until a property fails; says why it ended."""
        m = self.m
        while m.count < budget:
            options = self.enabled()
            if not options:
                return self.ended()
            self.apply(chooser.pick(options))
        return self.ended() if not self.enabled() else driver.BUDGET

    def ended(self) -> str:
        """Say why nothing is enabled."""
        if self.is_late:
            return driver.LATE
        return driver.ended(self.m) if self.ok else driver.FAILED

    def as_made(self, settings: Settings) -> Settings:
        """Give settings of this run: where it was late, it is no longer when it is made again."""
        return replace(settings, effects_max=self.m.count) if self.is_late else settings

    def findings(self, ended: str) -> list[Finding]:
        """Give what is wrong with the run; of one that was cut by its budget only what grows."""
        if self.round:
            return [*self.round]
        if ended == driver.FAILED:
            found = self.monitor.findings(self.m, ended)
            return [one for one in found if one.kind not in self.expect]
        if ended == driver.LATE:
            ended = driver.BUDGET
        more = [] if ended == driver.BUDGET else self.monitor.findings(self.m, ended)
        return judgement(self.m, ended, self.judges, self.expect, more)

    def ending(self, ended: str) -> Ending:
        """Judge the run, which is over."""
        cut = ended in (driver.BUDGET, driver.LATE, driver.HORIZON)
        hot = self.monitor.hot(self.m) if cut else ()
        reads = tuple(sorted(self.m.clock_reads))
        return Ending(ended, tuple(self.findings(ended)), hot, reads)

    # --- For searches ----------------------------------------------------------------------------

    def snapshot(self) -> Any:
        """Save machine and monitor."""
        return snapshot(self.m), self.monitor.save(), self.judges.save(), self.ok

    def restore(self, saved: Any) -> None:
        """Go back to a snapshot."""
        of_machine, of_monitor, of_judges, self.ok = saved
        restore(self.m, of_machine)
        self.monitor.load(of_monitor)
        self.judges.load(of_judges)

    def history(self) -> bytes:
        """Tell what the future judgement depends on besides the situation."""
        past = crashes_so_far(self.m) + self.monitor.reading.key(self.m)
        return past + self.monitor.key() + self.judges.key()

    def marks(self) -> list[Pid | Ref]:
        """Give who is to be told apart in the situation: what future judgement knows them for."""
        return self.judges.marks(self.m)


class Both:
    """Two tapes as one."""

    def __init__(self, *tapes: Any):
        self.tapes = tapes

    def attach(self, m: Machine) -> None:
        """Hand the machine on to those that want it."""
        for tape in self.tapes:
            if hasattr(tape, "attach"):
                tape.attach(m)

    def __call__(self, event: tuple[Any, ...]) -> None:
        """Hand an event on."""
        for tape in self.tapes:
            tape(event)


def judgement(
    m: Machine, ended: str, judges: Judges, expect: tuple[str, ...], more: Iterable[Finding] = ()
) -> list[Finding]:
    """Give what the judges find, and `more`, without what is expected: what explains most first."""
    at_end = [] if ended == driver.BUDGET else findings(m, ended)
    found = sorted([*at_end, *judges.findings(m, ended), *more], key=lambda one: RANKS[one.kind])
    return [one for one in found if one.kind not in expect]


def judged_run(
    spec: Spec, parameters: Mapping[str, Any], settings: Settings, *, tape: Any = None
) -> tuple[Judged, str, list[Finding]]:
    """Run a spec once, as the settings say, and judge it."""
    judged = Judged(spec, parameters, settings, tape=tape)
    ended = judged.run(chooser_of(settings), settings.effects_max)
    return judged, ended, judged.findings(ended)
