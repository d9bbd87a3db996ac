"""The violations that checks have found: kept in files, and made again before the next search.

A file holds one failure of one question: which spec, with which parameters it was asked for, on
which network. Its name is made of that and of the identity of the failure, so that the same failure
has the same file, whoever finds it again. A file that cannot be read is named, and left as it is.

>>> import tempfile
>>> corpus = Corpus(Path(tempfile.mkdtemp()), Question("race.py", "race"))
>>> corpus.load(), corpus.problems
([], [])
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from checkers.finding import KINDS
from checkers.search import ANY_TIME, BOUNDED
from checkers.shrink import Shrinker
from checkers.verdict import Again, Counterexample, Kept, Verdict
from simkernel.choice import Recorded
from simkernel.errors import ReplayDiverged, UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings
from simkernel.spec import Spec, chooser_of, parameters_back
from simkernel.trace.blob import parameters_text
from simkernel.trace.writer import file_name

SCHEMA = "simkernel.corpus/1"
LOOSER = ("concrete", BOUNDED, ANY_TIME)
"""How much of time each model allows: a run of one is a run of all after it."""


@dataclass(frozen=True)
class Question:
    """What is checked: `where` loads the spec again, `name` begins the names of its files."""

    where: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    network: str = "node"
    time: str = ANY_TIME
    faults: int = 0
    rare: bool = False

    def asked(self) -> list[Any]:
        """Give what tells this question from others, as plain data."""
        return [self.where, parameters_text(self.parameters), self.network]

    def allows(self, settings: Settings) -> bool:
        """Tell whether a run with these settings is one of those that are asked for."""
        in_time = LOOSER.index(settings.time) <= LOOSER.index(self.time)
        return in_time and settings.faults <= self.faults and settings.rare <= self.rare


class Corpus:
    """The kept violations of one question, in a folder that others may share."""

    def __init__(self, folder: Path, question: Question):
        self.folder = folder
        self.question = question
        self.problems: list[str] = []
        self._slug = file_name(question.name)

    def load(self) -> list[Kept]:
        """Read what is kept of the question, in the order of the file names."""
        found = []
        for path in sorted(self.folder.glob(f"{self._slug}-*.json")):
            try:
                kept, asked = read(path)
            except (OSError, ValueError) as error:
                self.problems.append(
                    f"corpus: {path} cannot be read, and is left as it is: {error}"
                )
                continue
            if asked == self.question.asked():
                found.append(kept)
        return found

    def runs(self, spec: Spec, source: str) -> list[Callable[[], Again]]:
        """Give what `check` takes as `known`: each makes one kept run again."""
        return [partial(again, spec, kept, self.question, source) for kept in self.load()]

    def path_of(self, failure: tuple[str, str]) -> Path:
        """Give the file of a failure, whether there is one or not."""
        key = json.dumps([*self.question.asked(), *failure], sort_keys=True)
        digest = hashlib.blake2b(key.encode(), digest_size=6).hexdigest()
        return self.folder / f"{self._slug}-{digest}.json"

    def keep(self, verdict: Verdict, *, since: str, source: str) -> Path | None:
        """Keep the counterexample of a verdict; what is known and still fails stays as it is.

        `since` is a day, for people to read; `source` is the hash of the spec's file.
        """
        example = verdict.counterexample
        if example is None:
            return None
        failure = example.findings[0].identity
        path = self.path_of(failure)
        if any(one.counterexample is example for one in verdict.known):
            return path
        before = next((one for one in verdict.known if one.kept.failure == failure), None)
        if before is not None and before.status == "fails":
            return path
        if path.exists() and before is None:
            return None  # it cannot be read: `problems` has it
        data = {
            "schema": SCHEMA, "asked": self.question.asked(), "failure": list(failure),
            "text": example.findings[0].text, "since": before.kept.since if before else since,
            "parameters": parameters_text(example.parameters),
            "settings": example.settings.to_json(), "ended": example.ended, "source": source,
        }  # fmt: skip
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            self.problems.append(f"corpus: {path} cannot be written: {error.strerror}")
            return None
        return path


def read(path: Path) -> tuple[Kept, list[Any]]:
    """Read one file: what is kept, and of which question; ValueError says what is wrong with it."""
    try:
        data = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise ValueError(f"it is no object of schema {SCHEMA!r}")
    text, since, ended, source = texts = [
        data.get(key, 0) for key in ("text", "since", "ended", "source")
    ]
    failure, parameters, asked = (data.get(key) for key in ("failure", "parameters", "asked"))
    if not (isinstance(failure, list) and len(failure) == 2 and isinstance(asked, list)):
        raise ValueError("it does not say which failure of which question it is")
    if not isinstance(parameters, dict):
        raise ValueError("it has no parameters")
    if not all(isinstance(text, str) for text in (*texts, *failure, *parameters.values())):
        raise ValueError("a text was expected")
    if failure[0] not in KINDS:
        raise ValueError(f"there is no kind of finding {failure[0]!r}")
    try:
        settings = Settings.from_json(data.get("settings"))
    except UsageError as error:
        raise ValueError(error.what) from error
    kept = Kept(
        str(path), (failure[0], failure[1]), text, since, parameters, settings, ended, source
    )
    return kept, asked


def again(spec: Spec, kept: Kept, question: Question, source: str) -> Again:
    """Make a kept run again, as far as the spec still allows it, and say what has become of it."""
    if kept.failure[0] in spec.expect:
        return Again(kept, "expected", "findings of this kind are expected now")
    if kept.failure[0] == "property" and kept.failure[1] not in spec.properties:
        return Again(kept, "not asked", "its property is not looked at, or is there no more")
    if not question.allows(kept.settings):
        return Again(
            kept, "not asked", "its run has more faults or looser times than are asked for"
        )
    if kept.ended == driver.ROUND:
        return Again(kept, "not made", "a run without end is not made again: --strategy bfs may")
    try:
        parameters = parameters_back(spec, kept.parameters)
    except UsageError as error:
        return Again(kept, "lost", f"the spec has changed: {error.what}")
    example, missed = _made(spec, parameters, kept)
    if example is not None:
        return Again(kept, "fails", "in a slightly different run" if missed else "", example)
    if not missed:
        return Again(kept, "gone", "")
    changed = "the spec has changed" if source != kept.source else "the spec is the same"
    return Again(kept, "lost", f"{changed}, and the run is not possible at step {missed[0]}")


def _made(
    spec: Spec, parameters: dict[str, Any], kept: Kept
) -> tuple[Counterexample | None, list[int]]:
    """Make the run with the default where a pick is not possible; gives these steps, too."""
    shrinker = Shrinker(spec, parameters, kept.failure, kept.settings)
    usual = chooser_of(kept.settings)
    missed: list[int] = []

    def pick(options: list[Transition]) -> Transition:
        if not isinstance(usual, Recorded):
            return usual.pick(options)
        first = usual.usual(options)
        try:
            found = usual.wanted(options)
        except ReplayDiverged as diverged:
            missed.append(diverged.step)
            return first
        return first if found is None else found

    taken = shrinker.made(kept.settings, pick)
    if isinstance(usual, Recorded):
        missed += [step for step, _ in kept.settings.picks if step >= len(taken.picks)]
    if not any(finding.identity == kept.failure for finding in taken.found):
        return None, missed
    example = shrinker.named(taken) if missed else None
    if example is None:
        last = str(taken.directives[-1].over[0]) if taken.directives else ""
        example = Counterexample(
            taken.found, kept.settings, len(taken.picks), taken.ended, instead=last
        )
    return replace(example, parameters=parameters), missed
