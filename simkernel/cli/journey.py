"""A way through a system that a person picks: pure functions over a path of choices.

A path is a list of places among what is enabled. `Journey.at(path)` runs the system along it, on a
fresh machine, and gives the situation there; the same path gives the same situation always. Only to
save time the last machine is kept, and goes on where the next path begins like the last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from checkers.ahead import Walked
from checkers.finding import Finding, listed
from checkers.findings import so_far
from checkers.judged import judgement
from reports.case import Case, Reel
from reports.cast import Cast
from reports.film import Camera
from reports.options import Option, options
from reports.scene import Scene, scene
from simkernel.errors import SimkernelError, UsageError
from simkernel.kernel import driver
from simkernel.kernel.guards import guards
from simkernel.kernel.machine import Transition
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load, source_hash
from simkernel.settings import Settings
from simkernel.spec import Spec
from simkernel.terms import show
from simkernel.trace.blob import Blob, parameters_text
from simkernel.trace.writer import Recorder, TraceFile, file_name

STEPS_MAX = 5_000
BY_HAND = "stopped by hand"
_PART = re.compile(r"(\d{1,6})(?:\*(\d{1,6}))?")

Path_ = tuple[int, ...]


def path_of(text: str) -> Path_:
    """Read a path as it stands in an address: places, `0*12` for twelve times the first.

    >>> path_of("0*3,2,1")
    (0, 0, 0, 2, 1)
    """
    path: list[int] = []
    for part in text.split(",") if text else ():
        found = _PART.fullmatch(part)
        if found is None:
            raise UsageError(
                f"{part[:40]!r} is no choice", where="path", hint="A path is like 0*12,2,1."
            )
        path += [int(found[1])] * min(int(found[2] or 1), STEPS_MAX + 1)
        if len(path) > STEPS_MAX:
            raise UsageError(
                f"a path has {STEPS_MAX} steps at most", where="path", hint="Start a shorter one."
            )
    return tuple(path)


def path_text(path: Sequence[int]) -> str:
    """Write a path as short as it can be.

    >>> path_text((0, 0, 0, 0, 2, 1, 1))
    '0*4,2,1,1'
    """
    parts: list[str] = []
    at = 0
    while at < len(path):
        end = at
        while end < len(path) and path[end] == path[at]:
            end += 1
        many = end - at
        parts += [f"{path[at]}*{many}"] if many > 3 else [str(path[at])] * many
        at = end
    return ",".join(parts)


@dataclass(frozen=True)
class Situation:
    """Where a path leads: the run so far, what may happen next, what is right and wrong."""

    path: Path_
    now_ms: float | None  # None where time is known by bounds only
    options: list[Option]
    ended: str  # why nothing may happen any more, or ""
    findings: list[tuple[Finding, int]]  # each with the step after which it showed
    standing: dict[str, tuple[str, int]]  # properties, each since a step
    logged: tuple[str, ...]
    scene: Scene | None
    cast: Cast
    error: SimkernelError | None = None  # what stopped the path: it is cut where that came up


@dataclass
class _Live:
    """A machine that stands at the end of a path."""

    run: Walked
    recorder: Recorder
    camera: Camera
    path: list[int] = field(default_factory=list)
    picks: list[tuple[int, str]] = field(default_factory=list)  # where it leaves the default
    found: dict[Finding, int] = field(default_factory=dict)
    standing: dict[str, tuple[str, int]] = field(default_factory=dict)


class Journey:
    """A spec with its parameters and settings, to be gone through."""

    def __init__(self, where: str, parameters: dict[str, Any], settings: Settings):
        self.where = where
        self.spec: Spec = load(where)
        self.parameters = parameters
        self.settings = replace(settings, picker="recorded", picks=())
        self.source = source_hash(where.partition(":")[0])
        self._live: _Live | None = None

    def at(self, path: Path_) -> Situation:
        """Go along a path, and tell what there is to see. A mistake in it cuts it short."""
        with guards(), watchdog():
            return self._at(path)

    def _at(self, path: Path_) -> Situation:
        try:
            live = self._gone(path)
            return self._situation(live)
        except SimkernelError as error:
            stood = self._live
            if stood is None or not path:
                raise
            done = tuple(stood.path)
            self.close()
            if len(done) >= len(path):
                done = path[:-1]  # it went there, and cannot be looked at
            return replace(self._at(done), error=error)

    def _gone(self, path: Path_) -> _Live:
        live = self._live
        if live is None or tuple(live.path) != path[: len(live.path)]:
            self.close()
            live = self._live = self._begin()
        for place in path[len(live.path) :]:
            self._go(live, place)
        return live

    def _begin(self) -> _Live:
        recorder = Recorder(keep=True)
        run = Walked(self.spec, self.parameters, self.settings, tape=recorder)
        live = _Live(run, recorder, Camera(run.m))
        self._watch(live)
        return live

    def _go(self, live: _Live, place: int) -> None:
        enabled = live.run.enabled()
        if place >= len(enabled):
            raise UsageError(
                f"there is no choice {place} at step {len(live.path)}: {len(enabled)} are possible",
                where="path",
                hint="The spec has changed since the address was made, or it was cut.",
            )
        lines = live.recorder.lines
        assert lines is not None
        before = len(lines)
        if place:
            live.picks.append((len(live.path), str(enabled[place])))
            live.camera.film.instead[len(live.path)] = str(enabled[0])
        live.run.apply(enabled[place])
        live.recorder.flush()
        live.camera.take(lines[before:])
        live.path.append(place)
        self._watch(live)

    def _watch(self, live: _Live) -> None:
        """Note what a step has changed about what is right and wrong."""
        run, step = live.run, len(live.path)
        for finding in (*so_far(run.m), *run.judges.found):
            live.found.setdefault(finding, step)
        for name, told in run.monitor.standing(run.m).items():
            if live.standing.get(name, ("", 0))[0] != told:
                live.standing[name] = (told, step)

    # --- What is shown ---------------------------------------------------------------------------

    def _situation(self, live: _Live) -> Situation:
        run, m = live.run, live.run.m
        enabled = run.enabled()
        ended = "" if enabled else run.ended()
        found, standing = dict(live.found), dict(live.standing)
        if ended:
            final = run.findings(ended)
            found = {one: found.get(one, len(live.path)) for one in final}
            for one in final:
                if one.kind == "property" and standing[one.process][0] != "failed":
                    standing[one.process] = ("failed", len(live.path))
        else:
            found = {one: step for one, step in found.items() if one.kind not in self.spec.expect}
        shown = scene(self._case(live, list(found)))
        who = shown.cast if shown is not None else Cast()
        return Situation(
            path=tuple(live.path),
            now_ms=None if m.clock.symbolic else m.clock.now / 1000,
            options=options(m, enabled, who),
            ended=ended,
            findings=list(found.items()),
            standing=standing,
            logged=tuple(line if type(line) is str else show(line) for line in m.logged),
            scene=shown,
            cast=who,
        )

    def _case(self, live: _Live, found: list[Finding]) -> Case:
        events = tuple(json.loads(line) for line in live.recorder.lines or ())
        path = self.where.partition(":")[0]
        settings = replace(self.settings, picks=tuple(live.picks))
        reel = Reel(events, live.camera.film, "", settings, path, Path(path).read_text("utf-8"))
        return Case(
            spec=self.where, word="Run", sentence="", settings=settings,
            findings=tuple((one.kind, one.process, one.text) for one in found),
            parameters=parameters_text(self.parameters), reel=reel if events else None,
        )  # fmt: skip

    # --- What can be done with it ----------------------------------------------------------------

    def on(self, path: Path_, most: int) -> Path_:
        """Give the path that goes on by the default schedule, to the end or to a new finding."""
        with guards(), watchdog():
            live = self._gone(path)
            known = len(live.found)
            try:
                for _ in range(most):
                    if not live.run.enabled() or len(live.found) > known:
                        break
                    self._go(live, 0)
            except SimkernelError:
                self.close()
                return (*live.path, 0)  # going there shows what is wrong
            return tuple(live.path)

    def begin(self, path: Path_, snapshots: bool) -> Walked:
        """Give a new run that stands at the end of a path."""
        run = Walked(self.spec, self.parameters, self.settings, snapshots=snapshots)
        for place in path:
            run.apply(run.enabled()[place])
        return run

    def path_along(self, way: Sequence[Transition], path: Path_ = ()) -> Path_:
        """Give the path that goes on from the end of `path` by these transitions."""
        run = self.begin(path, False)
        places = list(path)
        for transition in way:
            places.append(run.enabled().index(transition))
            run.apply(transition)
        run.m.close()
        return tuple(places)

    def save(self, path: Path_, folder: Path) -> tuple[str, str]:
        """Write the run of a path as a trace that `simkernel replay` reads; gives it and its blob.

        The same path gives the same file.
        """
        hashed = Recorder()
        with guards(), watchdog():
            picks, ended, found = self._taped(path, hashed)
            settings = replace(self.settings, picks=picks, effects_max=max(1, len(path)))
            texts = parameters_text(self.parameters)
            header = {
                "spec": self.where, "parameters": texts, "settings": settings.to_json(),
                "source": self.source,
            }  # fmt: skip
            name = file_name(self.spec.name)
            file = TraceFile(folder / f"{name}-{hashed.hash[:8]}.jsonl", header)
            self._taped(path, file.recorder)
        told = {"findings": listed(found)} | ({"verdict": "Violated"} if found else {})
        file.close(ended, **told)
        return str(file.path), Blob(self.where, texts, settings, self.source, hashed.hash).to_text()

    def _taped(
        self, path: Path_, tape: Recorder
    ) -> tuple[tuple[tuple[int, str], ...], str, list[Finding]]:
        """Run along a path; gives where it leaves the default, how it ends and what is wrong."""
        run = Walked(self.spec, self.parameters, self.settings, tape=tape)
        picks: list[tuple[int, str]] = []
        for step, place in enumerate(path):
            enabled = run.enabled()
            if place:
                picks.append((step, str(enabled[place])))
            run.apply(enabled[place])
        over = not run.enabled()
        ended = run.ended() if over else BY_HAND
        found = run.findings(ended) if over else self._so_far(run)
        run.m.close()
        return tuple(picks), ended, found

    def _so_far(self, run: Walked) -> list[Finding]:
        found = [*so_far(run.m), *run.judges.found]
        return judgement(run.m, driver.BUDGET, run.judges, self.spec.expect, found)

    def close(self) -> None:
        """Let go of the machine that is kept."""
        if self._live is not None:
            self._live.run.m.close()
            self._live = None
