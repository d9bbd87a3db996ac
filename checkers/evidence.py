"""The evidence for a violation: the counterexample run once more, with its trace written down."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checkers.finding import Finding, foremost, listed
from checkers.judged import Both, judged_run
from checkers.verdict import Counterexample, Verdict
from simkernel.errors import Nondeterminism
from simkernel.kernel import driver
from simkernel.spec import Spec
from simkernel.trace.blob import Blob, parameters_text
from simkernel.trace.writer import Recorder, TraceFile, file_name


@dataclass(frozen=True)
class Evidence:
    """What a violation is shown and replayed with: the trace file, the blob, and the events.

    The trace is of the run that is shown; the blob is of the one with the fewest deviations.
    """

    trace: str
    blob: str
    events: tuple[dict[str, Any], ...]


def gather(
    where: str,
    spec: Spec,
    example: Counterexample,
    source: str,
    folder: Path,
    verdict: Verdict | None = None,
) -> Evidence:
    """Run a counterexample again and write its trace: what is shown has been replayed.

    `where` is how the spec is loaded again, `source` the hash of its file, `folder` gets the trace.
    Its last line has what was found, so that the trace is all that a report needs.
    """
    folder = _writable(folder)
    texts = parameters_text(example.parameters)
    shown = example.shown
    settings = shown.settings if shown is not None else example.settings
    findings = shown.findings if shown is not None else example.findings
    header: dict[str, Any] = {
        "spec": where, "parameters": texts, "settings": settings.to_json(), "source": source,
    }  # fmt: skip
    if shown is not None:
        header["shown"] = told(example)
    file = TraceFile(_place(folder, file_name(spec.name), where), header)
    keep = Recorder(keep=True)
    _, ended, again = judged_run(spec, example.parameters, settings, tape=Both(file.recorder, keep))
    digest = file.recorder.hash
    more: dict[str, Any] = {"findings": listed(findings)}
    if verdict is not None:
        more |= {"sentence": verdict.sentence, "notes": list(verdict.notes)}
    file.close(ended, verdict="Violated", **more)
    _same(where, example, again, findings)
    keep.flush()
    if shown is not None:
        only = Recorder()
        _, _, again = judged_run(spec, example.parameters, example.settings, tape=only)
        _same(where, example, again, example.findings)
        digest = only.hash
    blob = Blob(where, texts, example.settings, source, digest)
    events = tuple(json.loads(line) for line in keep.lines or ())
    return Evidence(str(file.path), blob.to_text(), events)


def _writable(folder: Path) -> Path:
    """Give the folder, or where it cannot be written a new one for what is temporary: a run that
    was found is shown wherever the check was started."""
    try:
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # it is a file, or what it lies in is read-only
    return Path(tempfile.mkdtemp(prefix="simkernel-"))


def _place(folder: Path, name: str, where: str) -> Path:
    """Give where the trace goes: not on that of another spec whose file has the same name."""
    path = folder / f"{name}.jsonl"
    try:
        with path.open("rb") as file:
            theirs = json.loads(file.readline())["spec"]
    except (OSError, ValueError, KeyError, TypeError):
        return path  # there is none, or none that can be read
    if not isinstance(theirs, str) or os.path.normpath(theirs) == os.path.normpath(where):
        return path
    digest = hashlib.blake2b(os.path.normpath(where).encode(), digest_size=4).hexdigest()
    return folder / f"{name}-{digest}.jsonl"


def told(example: Counterexample) -> dict[str, Any]:
    """Give what a trace holds of the run of which it shows another order: the settings that replay
    that one, and where it turns."""
    assert example.shown is not None
    turn = example.shown.turn
    return {
        "of": example.settings.to_json(),
        "switches": example.shown.switches,
        "instead_of": example.shown.instead_of,
        "turn": None if turn is None else asdict(turn),
    }


def _same(
    where: str, example: Counterexample, again: Sequence[Finding], findings: Sequence[Finding]
) -> None:
    # A run that goes round is cut where the round is over: breadth-first search has seen it close.
    first = example.findings[0].identity
    if example.ended != driver.ROUND and foremost(again, first) != tuple(findings):
        raise Nondeterminism(
            f"a run that failed was made again, and was another: {example.findings[0].text}",
            where=where,
        )
