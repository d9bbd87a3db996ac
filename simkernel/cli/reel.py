"""A trace replayed for a report: its events, and the states along the way where they can be had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from checkers.neighbour import passing
from checkers.verdict import Turn, Verdict
from reports.case import Case, Other, Reel
from reports.film import Camera, Film
from reports.html import Markup
from reports.run_page import run_page
from reports.statem import seen
from simkernel.choice import instead
from simkernel.errors import ReplayDiverged, SimkernelError, SpecError, UsageError
from simkernel.kernel.driver import seldom_collected
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load, source_hash
from simkernel.settings import Settings
from simkernel.spec import parameters_back, run
from simkernel.trace.blob import parameters_text
from simkernel.trace.reader import Trace, read
from simkernel.trace.replay import Replay
from simkernel.trace.writer import Recorder

STEPS_MAX = 200_000


def reel(trace: Trace) -> Reel:
    """Replay a trace and film it. Where its spec is gone or has changed, give the events alone."""
    try:
        return reel_of(trace)
    except (SpecError, ReplayDiverged, UsageError) as error:
        return _reel(trace, None, f"States are not shown: {_reason(error)}")


def reel_of(trace: Trace) -> Reel:
    """Replay a trace and film it; whatever hinders that is raised."""
    with seldom_collected():
        return _reel(trace, _film(trace), "")


def _reel(trace: Trace, film: Film | None, why: str) -> Reel:
    where = str(trace.header["spec"]).partition(":")[0]
    source = Path(where).read_text("utf-8") if Path(where).is_file() else ""
    other = _other(trace)
    return Reel(tuple(trace.events()), film, why, trace.settings, where, source, other)


def _other(trace: Trace) -> Other | None:
    """Read of which run a trace shows another order; of what cannot be read nothing is said."""
    told = trace.header.get("shown")
    if told is None:
        return None
    try:
        turn = None if told["turn"] is None else Turn(**told["turn"])
        settings = Settings.from_json(told["of"])
        return Other(settings, int(told["switches"]), int(told["instead_of"]), turn)
    except (KeyError, TypeError, ValueError, UsageError):
        return None


def _reason(error: SimkernelError) -> str:
    if isinstance(error, ReplayDiverged):
        return f"the trace could not be replayed ({error.what}). {error.hint}"
    return error.what


def _film(trace: Trace) -> Film:
    spec = load(trace.header["spec"])
    given = parameters_back(spec, trace.header["parameters"])
    changed = trace.header.get("source") != source_hash(trace.header["spec"].partition(":")[0])
    recorder = Recorder(keep=True)
    machine = spec.machine(given, trace.settings, tape=recorder)
    replay = Replay(machine, recorder, trace, changed)
    camera = Camera(machine)
    left = {step for step, _ in trace.settings.picks}
    with guards(), watchdog():
        while not replay.done and replay.step < STEPS_MAX:
            if replay.step in left:
                first = instead(trace.settings.picks, replay.step, machine.enabled())
                camera.film.instead[replay.step] = str(first)
            camera.take(replay.forward())
    machine.close()
    return camera.film


def case_of(trace: Trace, told: dict[str, Any] | None = None) -> Case:
    """Make the case of a trace: what was found is on its last line, unless `told` by a result."""
    return case_of_reel(trace, reel(trace), told)


def case_of_reel(trace: Trace, made: Reel, told: dict[str, Any] | None = None) -> Case:
    """Make the case of a trace that was replayed already."""
    last = trace.last or {}
    told = told or last
    findings = tuple(
        (str(f.get("kind")), str(f.get("process")), str(f.get("text")))
        for f in told.get("findings", last.get("findings", ()))
    )
    word = told.get("verdict") or ("Violated" if findings else "Run")
    ended = last.get("why", "cut short")
    sentence = told.get("sentence") or (
        f"{ended}, after {last.get('transitions', '?')} steps" if word == "Run" else ""
    )
    return Case(
        spec=str(trace.header["spec"]),
        word=str(word),
        sentence=str(sentence),
        findings=findings,
        notes=tuple(map(str, told.get("notes", ()))),
        parameters={str(k): str(v) for k, v in trace.header["parameters"].items()},
        settings=made.other.settings if made.other is not None else trace.settings,
        replay=f"simkernel replay {trace.path}",
        reel=made,
        passing=_passing(trace, made) if findings and made.film is not None else None,
    )


def _passing(trace: Trace, made: Reel) -> Reel | None:
    """Make a run near a failing one in which nothing goes wrong, if one is found."""
    spec = load(trace.header["spec"])
    given = parameters_back(spec, trace.header["parameters"])
    with guards(), watchdog():
        failing = made.other.settings if made.other is not None else trace.settings
        settings = passing(spec, given, failing)
        if settings is None:
            return None
        recorder = Recorder(keep=True)
        m = spec.machine(given, settings, tape=recorder)
        last = {"e": "ended", "why": run(m, settings), "hash": recorder.hash}
        m.close()
    header = {key: value for key, value in trace.header.items() if key != "shown"}
    return reel(Trace("a run", header, settings, list(recorder.lines or ()), last))


def case_of_told(told: dict[str, Any]) -> Case:
    """Make the case of one verdict of a result: with its run, where it has a trace."""
    if told.get("trace"):
        return case_of(read(told["trace"]), told)
    return Case(
        spec=str(told.get("spec")),
        word=str(told.get("verdict", "Run")),
        sentence=str(told.get("sentence", "")),
        notes=tuple(map(str, told.get("notes", ()))),
    )


def pictures(case: Case) -> tuple[Markup, ...]:
    """Draw the state machines of a run, with what it has taken."""
    from simkernel.cli.views import drawn_machines

    found = seen([case.reel.events]) if case.reel is not None else {}
    try:
        return drawn_machines(found, load(case.spec), "this run") if found else ()
    except SpecError:
        return ()


def write(path: Path, text: str) -> None:
    """Write a page; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def beside(report: str) -> Path:
    """Give where the trace of a report goes that was asked for without one."""
    return Path(report).with_suffix(".jsonl")


def verdict_page(path: str, verdict: Verdict, trace: str | None, parameters: dict[str, Any]) -> str:
    """Make the page of a verdict: with the run that was found, or with the verdict alone."""
    searched = verdict.searched
    told = {
        "strategy": searched.strategy,
        "runs": f"{searched.runs:,}, with {searched.transitions:,} steps",
    }
    if trace is not None:
        case = replace(case_of(read(trace)), searched=told)
        return run_page(case, pictures(case))
    return run_page(
        Case(
            spec=path,
            word=verdict.word,
            sentence=verdict.sentence,
            notes=verdict.notes,
            parameters=parameters_text(parameters),
            settings=Settings(network=searched.network, faults=searched.faults),
            searched=told,
        )
    )
