"""A witness: another Python with another hash seed, which makes some of the same runs.

The order of a set of strings is drawn when Python starts, and stays for all that it runs. So a
search never sees that a spec depends on it, however many runs it makes: somebody else has to look.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from checkers.search import Plan
from simkernel.cli.memory import memory_kept
from simkernel.errors import Divergence, Nondeterminism, SimkernelError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.spec import Spec, parameters_back, run
from simkernel.trace.blob import parameters_text
from simkernel.trace.writer import Recorder

RUNS = 10
EFFECTS_MAX = 1_000  # of one of these runs
SECONDS_MAX = 0.5  # for the runs of one spec
STEP_SECONDS_MAX = 2.0
PATIENCE_S = 10.0
NOT_SEEN = "not compared with runs under another hash seed: {why}"


@dataclass(frozen=True)
class Compared:
    """What is run twice: a spec with parameters, in some ways."""

    path: str
    spec: Spec
    parameters: Mapping[str, Any]
    ways: Sequence[Settings]

    def asked(self, **more: Any) -> dict[str, Any]:
        """Give it as the witness reads it."""
        ways = [way.to_json() for way in self.ways]
        return {
            "spec": self.path, "parameters": parameters_text(self.parameters), "ways": ways, **more,
        }  # fmt: skip


def ways_of(plan: Plan) -> list[Settings]:
    """Give the default schedule and some runs at random, on the network that is searched."""
    first = replace(plan.recorded(), effects_max=min(plan.effects, EFFECTS_MAX), faults=0)
    walk = Settings(network=plan.network, picker="walk", effects_max=first.effects_max)
    return [first, *(replace(walk, seed=plan.seed + number) for number in range(RUNS - 1))]


class Witness:
    """The other Python: started at once, asked once or more, and gone when its input ends.

    Its runs may take as many `megabytes` as those of the search.
    """

    def __init__(self, megabytes: int | None = None) -> None:
        own = os.environ.get("PYTHONHASHSEED", "random")
        self.hash_seed = "2" if own == "1" else "1"
        self._gone = ""
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, *([] if megabytes is None else [str(megabytes)])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONHASHSEED": self.hash_seed}, text=True, encoding="utf-8",
            )  # fmt: skip
        except OSError as error:
            self._gone = str(error)
            return
        threading.Thread(target=self._listen, daemon=True).start()

    def compare(self, what: Compared) -> str:
        """Raise Nondeterminism where a run is another there; else say why none was compared, or
        nothing."""
        answer = self._ask(what.asked())
        if "hashes" not in answer:
            return NOT_SEEN.format(why=answer["error"])
        try:
            with guards(), watchdog():
                for way, theirs in zip(what.ways, answer["hashes"], strict=False):
                    if _made(what.spec, what.parameters, way).hash != theirs:
                        raise self._differ(replace(what, ways=[way]))
        except Nondeterminism:
            raise
        except (SimkernelError, MemoryError) as error:  # what was concluded is not lost with it
            return NOT_SEEN.format(why=_why(error))
        return ""

    def close(self) -> None:
        """Let it go."""
        if not self._gone:
            self._leave("it was let go")

    def _differ(self, what: Compared) -> Nondeterminism:
        mine = _made(what.spec, what.parameters, what.ways[0], keep=True).lines or []
        theirs = self._ask(what.asked(keep=True)).get("lines", [])
        both = zip(mine, theirs, strict=False)
        at = next((step for step, (a, b) in enumerate(both) if a != b), min(len(mine), len(theirs)))
        here, there = (lines[at] if at < len(lines) else "the end" for lines in (mine, theirs))
        return Nondeterminism(
            f"under another hash seed it is another run, from event {at} on: {here} here, and "
            f"{there} with PYTHONHASHSEED={self.hash_seed}",
            where=what.path,
            hint="Look for a set that is iterated (write sorted(...)), for hash(), and for what "
            "is read from outside.",
        )

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self._gone:
            try:
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
                answer = self._answers.get(timeout=PATIENCE_S)
                if answer:
                    found: dict[str, Any] = json.loads(answer)
                    return found
                self._leave("the Python that makes them has ended")
            except OSError as error:
                self._leave(str(error))
            except queue.Empty:
                self._leave(f"no answer in {PATIENCE_S:g} s")
        return {"error": self._gone}

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _leave(self, why: str) -> None:
        self._gone = why
        self._process.kill()
        self._process.wait()


def _made(spec: Spec, parameters: Mapping[str, Any], way: Settings, keep: bool = False) -> Recorder:
    recorder = Recorder(keep=keep)
    m = spec.machine(parameters, way, tape=recorder)
    with suppress(Divergence):
        run(m, way)  # up to where a recorded run leaves the recording
    recorder.flush()
    return recorder


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Make the runs that are asked for."""
    try:
        spec = load(request["spec"])
        parameters = parameters_back(spec, request["parameters"])
        ways = [Settings.from_json(way) for way in request["ways"]]
        if request.get("keep"):
            return {"lines": _made(spec, parameters, ways[0], keep=True).lines}
        hashes: list[str] = []
        until = time.monotonic() + SECONDS_MAX
        while len(hashes) < len(ways) and time.monotonic() < until:
            hashes.append(_made(spec, parameters, ways[len(hashes)]).hash)
        return {"hashes": hashes}
    except (SimkernelError, MemoryError, RecursionError) as error:
        return {"error": _why(error)}


def _why(error: BaseException) -> str:
    full = "the memory that it may use is full (--memory)"
    return full if isinstance(error, MemoryError) else str(error).partition("\n")[0]


def main() -> None:
    """Answer on stdout what stdin asks, a line each; Ctrl-C is for who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a spec prints is no answer
    megabytes = int(sys.argv[1]) if sys.argv[1:] else None
    with guards(), watchdog(STEP_SECONDS_MAX), memory_kept(megabytes, 2):
        for line in sys.stdin:
            answers.write(json.dumps(_answer(json.loads(line))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
