"""What the VM did, kept as JSON Lines: a header with its versions, then a line a scenario."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.conformance.lab import Pair

FOLDER = Path(__file__).parent / "recorded"


def path_of(family: str) -> Path:
    """Name the file of a family."""
    return FOLDER / f"{family}.jsonl"


def write(
    family: str, versions: dict[str, str], outcomes: Iterable[tuple[Pair, list[str]]]
) -> None:
    """Keep the outcomes of a family."""
    lines = [json.dumps({"recording": 1, **versions})]
    lines += [
        json.dumps({"id": scenario.id, "log": log}, ensure_ascii=False)
        for scenario, log in outcomes
    ]
    path_of(family).write_text("\n".join(lines) + "\n")


def read(family: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Give the versions, and what the VM did for each id; empty where nothing is recorded."""
    path = path_of(family)
    if not path.exists():
        return {}, {}
    header, *lines = (json.loads(line) for line in path.read_text().splitlines())
    return header, {line["id"]: line["log"] for line in lines}


def keep(summary: dict[str, Any], versions: dict[str, str]) -> None:
    """Keep the summary of a live run, for the page: a family and kind has one."""
    kept = kept_runs()
    shown = {**summary, "differences": len(summary["differences"])}
    kept[f"{summary['family']}: {summary['kind']}"] = {**shown, **versions}
    lines = json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False)
    (FOLDER / "runs.json").write_text(lines + "\n")


def kept_runs() -> dict[str, Any]:
    """Give what was kept."""
    path = FOLDER / "runs.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}
