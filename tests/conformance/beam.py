"""The VM side: compile the Elixir and Erlang sources once, run them, read what they wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.lab import Pair
from tests.conformance.words import erlang

HERE = Path(__file__).parent
MISSING = next((tool for tool in ("erl", "elixir", "elixirc") if not shutil.which(tool)), None)
REMEDY = (
    "needs Erlang and Elixir, and there is no {tool} on PATH.\n"
    "Install them: `apt-get install erlang elixir` (OTP 25 and Elixir 1.14 in Debian 12)."
)


class Beam:
    """A folder with compiled sources; `with Beam() as beam`."""

    def __enter__(self) -> Beam:
        if MISSING is not None:
            raise FileNotFoundError(REMEDY.format(tool=MISSING))
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        sources = [str(p) for p in sorted([*HERE.glob("vm/*.ex"), *HERE.glob("pairs/*.ex")])]
        _run(["elixirc", "--ignore-module-conflict", "-o", str(self.folder), *sources], 300)
        erl = [str(p) for p in sorted(HERE.glob("vm/*.erl"))]
        if erl:
            _run(["erlc", "-o", str(self.folder), *erl], 300)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def call(
        self, module: str, terms: Iterable[str], limit_s: int = 1800, schedulers: int = 2
    ) -> list[str]:
        """Run `module`.main([input, output]) on terms, one a line; give the lines it wrote."""
        source, result = self.folder / "input.terms", self.folder / "output"
        source.write_text("".join(f"{term}.\n" for term in terms))
        result.unlink(missing_ok=True)
        options = ["--erl", f"+S {schedulers}:{schedulers}", "-pa", str(self.folder)]
        code = f"{module}.main([{json.dumps(str(source))}, {json.dumps(str(result))}])"
        _run(["elixir", *options, "-e", code], limit_s)
        return result.read_text().splitlines()

    def scenarios(self, chosen: Sequence[Pair], times: int = 1) -> list[list[list[str]]]:
        """Run scenarios so many times, one after the other; give the logs of each."""
        entries = [entry(index, each) for index, each in enumerate(chosen)]
        lines = [json.loads(line) for line in self.call("Lab", entries * times)]
        assert len(lines) == len(chosen) * times
        logs: list[list[list[str]]] = [[] for _ in chosen]
        for line in lines:
            logs[int(line["id"])].append(line["log"])
        return logs

    def versions(self) -> dict[str, str]:
        """Give the versions of OTP and Elixir."""
        code = "IO.puts(System.otp_release()); IO.puts(System.version())"
        otp, elixir = _run(["elixir", "-e", code], 60).split()
        return {"otp": otp, "elixir": elixir}


def entry(index: int, scenario: Pair) -> str:
    """Write a scenario as Lab reads it."""
    call = (module_of(scenario), scenario.name, list(scenario.args))
    return f'{{<<"{index}">>,{",".join(map(erlang, call))}}}'


def module_of(scenario: Pair) -> str:
    """Name the Elixir module of a family."""
    return f"Elixir.Pairs.{scenario.family.capitalize()}"


def _run(command: list[str], limit_s: int) -> str:
    environment: dict[str, Any] = {**os.environ, "LC_ALL": "C.UTF-8", "ELIXIR_ERL_OPTIONS": "+fnu"}
    done = subprocess.run(
        ["nice", "-n", "5", *command],
        check=False,
        timeout=limit_s,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stderr[-4000:]}{done.stdout[-2000:]}")
    return done.stdout
