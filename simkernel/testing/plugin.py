"""The pytest plugin: an `async def` test marked `sim` is the root process of a system to check.

    @pytest.mark.sim(runs=500)
    async def test_the_counter_counts():
        ...

The test is checked as a spec would be: many runs, each judged. It fails with the shortest bad run,
and with the command that runs just that one again. Nothing is imported before a test needs it.
"""

from __future__ import annotations

import datetime
import inspect
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from checkers.corpus import Corpus
    from checkers.verdict import Verdict
    from simkernel.spec import Result, Spec

TRACES = Path(".simkernel")
OF_SPEC = ("properties", "expect", "horizon_ms", "settle", "victims")
OF_CHECK = ("runs", "seconds", "strategy", "network", "time", "seed", "faults", "require_complete")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, which replace what the marks say."""
    group = parser.getgroup("simkernel", "checking systems of processes")
    group.addoption("--sim-runs", type=int, help="runs of each sim test")
    group.addoption("--sim-seconds", type=float, help="seconds that each sim test may search")
    group.addoption("--sim-seed", type=int, help="seed of the first run")
    group.addoption("--sim-strategy", help="how to search, as `simkernel check --strategy`")
    group.addoption("--sim-network", help="node or cluster")
    group.addoption("--sim-corpus", metavar="DIR", help="keep violations there, not in .simkernel/")
    group.addoption("--sim-no-corpus", action="store_true", help="keep no violations")
    group.addoption("--sim-replay", metavar="BLOB", help="run only what a failed test printed")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    options = ", ".join((*OF_CHECK, *OF_SPEC))
    config.addinivalue_line("markers", f"sim({options}): check this async test as a system")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Check a marked test instead of calling it."""
    mark = pyfuncitem.get_closest_marker("sim")
    if mark is None:
        return None
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        if mark in pyfuncitem.own_markers and "sim" not in pyfuncitem.fixturenames:
            hint = "write `async def`, without `yield`, or ask for the fixture `sim`"
            pytest.fail(f"marked sim, and no coroutine: nothing is checked; {hint}", pytrace=False)
        return None
    if mark.args:
        pytest.fail(f"the mark sim takes options by name, not {mark.args[0]!r}", pytrace=False)
    _check_marked(pyfuncitem, function, mark.kwargs)
    return True


def _check_marked(
    item: pytest.Function, function: Callable[..., Any], options: Mapping[str, Any]
) -> None:
    from simkernel.errors import InternalError, SimkernelError
    from simkernel.terms import freeze

    wrong = ""
    try:
        # What pytest gives no value has a default.
        names = inspect.signature(function).parameters
        given = {name: item.funcargs[name] for name in names if name in item.funcargs}
        for name, value in given.items():
            freeze(value, f"argument {name}")
        Sim(item).check(_alone(function), given, **options)
    except InternalError:
        raise
    except SimkernelError as error:
        wrong = str(error)
    if wrong:  # said here, so that the exception is not shown as well
        pytest.fail(wrong, pytrace=False)


def _alone(test: Callable[..., Any]) -> Callable[..., Any]:
    """Give a method as a function, in each run with an object of its own, as pytest has made it."""
    if not inspect.ismethod(test):
        return test
    method, kind, held = test.__func__, type(test.__self__), dict(vars(test.__self__))

    async def main(**given: Any) -> Any:
        this = kind.__new__(kind)
        vars(this).update(held)
        return await method(this, **given)

    main.__name__, main.__qualname__ = method.__name__, method.__qualname__
    main.__module__ = method.__module__
    return main


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Sim:
    """Check systems from an ordinary test: `sim.check(main)`, `sim.run(main, seed=3)`."""
    return Sim(request.node)


class Sim:
    """Checks systems for one test, with the options of its session."""

    def __init__(self, item: Any):
        self.item = item

    def check(
        self,
        main: Callable[..., Any],
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Verdict:
        """Check a system; the test fails if it is violated, or if the search gave no answer.

        `parameters` are the arguments of `main`. Options are those of the mark: runs (200),
        seconds (60), strategy ("portfolio"), network ("node"), time ("bounded": steps take up to
        10 ms; or "any"), seed (0), faults (0), require_complete (False), and those of a spec:
        properties, expect, horizon_ms, settle, victims. What was found before is run first.
        """
        from checkers.check import Budget, check
        from checkers.search import BOUNDED
        from checkers.strategies import known_time
        from simkernel.loading import source_hash

        for name in options:
            if name not in OF_CHECK + OF_SPEC:
                known = ", ".join(OF_CHECK + OF_SPEC)
                pytest.fail(f"sim has no option {name!r}; it has {known}", pytrace=False)
        budget = Budget(
            runs=self._number("runs", options, 200, least=1),
            seconds=self._number("seconds", options, 60.0, least=0.1, kind=(int, float)),
        )
        seed = self._number("seed", options, 0)
        faults = self._number("faults", options, 0, least=0)
        spec = self._spec(main, parameters or {}, options)
        if blob := self.item.config.getoption("--sim-replay"):
            return self._replayed(spec, blob)
        strategy = self._option("strategy", options, "portfolio")
        network = self._option("network", options, "node")
        times = known_time(options.get("time", BOUNDED), strategy)
        corpus = self._corpus(spec, network, times, options)
        start = time.monotonic()
        with _watched():
            verdict = check(
                spec,
                {},
                strategy=strategy,
                network=network,
                time=times,
                known=corpus.runs(spec, source_hash(spec.path)) if corpus is not None else (),
                budget=budget,
                seed=seed,
                faults=faults,
                elapsed=lambda: time.monotonic() - start,
            )
        if corpus is not None:
            today = datetime.datetime.now(datetime.UTC).date().isoformat()
            corpus.keep(verdict, since=today, source=source_hash(spec.path))
            verdict = replace(verdict, notes=(*verdict.notes, *corpus.problems))
        self._judge(spec, verdict, bool(options.get("require_complete")))
        return verdict

    def _corpus(
        self, spec: Spec, network: str, times: str, options: Mapping[str, Any]
    ) -> Corpus | None:
        from checkers.corpus import Corpus, Question

        if self.item.config.getoption("--sim-no-corpus"):
            return None
        folder = self.item.config.getoption("--sim-corpus") or TRACES / "corpus"
        faults = options.get("faults", 0)
        return Corpus(
            Path(folder), Question(self.item.nodeid, spec.name, {}, network, times, faults)
        )

    def run(self, main: Callable[..., Any], *args: Any, **options: Any) -> Result:
        """Run a system once, as `simkernel.simulate` does."""
        from simkernel.spec import simulate

        with _watched():
            return simulate(main, *args, **options)

    # --- What is behind ---------------------------------------------------------------------------

    def _option(self, name: str, options: Mapping[str, Any], default: Any) -> Any:
        of_session = self.item.config.getoption(f"--sim-{name}", None)
        return of_session if of_session is not None else options.get(name, default)

    def _number(
        self,
        name: str,
        options: Mapping[str, Any],
        default: float,
        least: float | None = None,
        kind: Any = int,
    ) -> Any:
        value: Any = self._option(name, options, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            what = "a whole number" if kind is int else "a number"
            pytest.fail(f"the option {name} of sim is {what}, not {value!r}", pytrace=False)
        if least is not None and not value >= least:
            pytest.fail(f"the option {name} of sim is {value!r}; it is at least {least}", False)
        return value

    def _spec(
        self, main: Callable[..., Any], given: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Spec:
        from simkernel.spec import Spec, declared_of

        of_mark = {name: options[name] for name in OF_SPEC if name in options}
        path, _, test = self.item.nodeid.partition("::")
        name = f"{path.rpartition('/')[2]}-{test.replace('::', '-')}"
        declared = {**declared_of(main), **of_mark}
        return Spec(name, main, dict(given), str(self.item.path), **declared)

    def _judge(self, spec: Spec, verdict: Verdict, require_complete: bool) -> None:
        if verdict.searched.why_stopped == "interrupted":
            raise KeyboardInterrupt
        self.item.user_properties.append(("simkernel", f"{verdict.word} {verdict.sentence}"))
        if verdict.word == "Held" and (verdict.complete or not require_complete):
            return
        told = (one.sentence for one in verdict.known)
        lines = [f"{verdict.word} {verdict.sentence}", *told, *verdict.notes]
        if verdict.word == "Held":
            lines.append("    not every run was seen, which require_complete asks for")
        if verdict.counterexample is not None:
            lines += self._shown(spec, verdict)
        pytest.fail("\n".join(lines), pytrace=False)

    def _shown(self, spec: Spec, verdict: Verdict) -> list[str]:
        from checkers.evidence import gather
        from reports.violation import violation
        from simkernel.loading import source_hash

        example = verdict.counterexample
        assert example is not None
        source = source_hash(spec.path)
        with _watched():
            evidence = gather(self.item.nodeid, spec, example, source, TRACES)
        self.item.user_properties.append(("simkernel-replay", evidence.blob))
        address = self._address().replace("'", "'\"'\"'")  # as a shell takes it
        again = f"pytest '{address}' --sim-replay {evidence.blob}"
        return [
            *violation(example, evidence),
            f"    replay  {again}",
            f"    trace   {evidence.trace}",
        ]

    def _address(self) -> str:
        """Name the test as one would from the folder in which pytest was started."""
        path = os.path.relpath(self.item.path, self.item.config.invocation_params.dir)
        return f"{path}::{self.item.nodeid.partition('::')[2]}"

    def _replayed(self, spec: Spec, text: str) -> Verdict:
        from checkers.judged import judged_run
        from checkers.shown import shown
        from checkers.verdict import Counterexample, Searched, Verdict
        from simkernel.trace.blob import parse

        blob = parse(text)
        if blob.spec != self.item.nodeid:
            pytest.skip(f"the blob is of {blob.spec}")
        settings = blob.settings
        with _watched():
            run, ended, found = judged_run(spec, {}, settings)
            example = None
            if found:
                example = shown(spec, Counterexample(tuple(found), settings, run.m.count, ended))
        searched = Searched(
            "replay", settings.network, settings.time, 1, run.m.count, None, 0.0, "it was one run"
        )
        word = "Violated" if found else "Held"
        verdict = Verdict(spec.name, word, searched, False, example)
        self._judge(spec, verdict, require_complete=False)
        return verdict


def _watched() -> AbstractContextManager[Any]:
    from simkernel.kernel.guards import guards
    from simkernel.kernel.watchdog import watchdog
    from simkernel.terms import passing

    stack = ExitStack()
    stack.enter_context(passing(pytest.skip.Exception, pytest.xfail.Exception))
    stack.enter_context(guards())
    stack.enter_context(watchdog())
    return stack
