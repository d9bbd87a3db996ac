"""Traces in the formats of other tools, each held to what its own documentation asks."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from reports.exports import FORMATS, SHIVIZ
from tests.reports.recorded import agrees_with_golden, filmed, recorded

# What "Trace Event Format" says of each phase that we write: the members that it must have.
PHASES = {
    "M": {"name", "pid", "tid", "args"}, "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "i": {"name", "ts", "pid", "tid", "s"}, "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
}  # fmt: skip
SPECS = ["specs/guide/counter.py", "specs/guide/session_supervisor.py", "tests/reports/hostile.py"]


def exported(form: str, spec: str, folder: Path) -> str:
    return FORMATS[form](filmed(recorded(spec, folder)))


@pytest.mark.parametrize("form", list(FORMATS))
def test_golden_exports(form: str, tmp_path: Path) -> None:
    made = exported(form, "specs/concurrency/restart_race.py", tmp_path)
    agrees_with_golden(f"restart_race.{form}", made)


@pytest.mark.parametrize("spec", SPECS)
def test_perfetto_has_what_the_trace_event_format_asks_for(spec: str, tmp_path: Path) -> None:
    events = json.loads(exported("perfetto", spec, tmp_path))["traceEvents"]
    ends: dict[int, int] = {}
    flows: dict[int, list[str]] = {}
    for event in events:
        assert PHASES[event["ph"]] <= set(event), event
        assert isinstance(event.get("ts", 0), int)
        if event["ph"] == "X":  # slices of one track must not overlap
            assert event["ts"] >= ends.get(event["tid"], 0)
            ends[event["tid"]] = event["ts"] + event["dur"]
        if event["ph"] in "sf":
            flows.setdefault(event["id"], []).append(event["ph"])
    assert flows
    assert all(phases == ["s", "f"] for phases in flows.values())


@pytest.mark.parametrize("spec", SPECS)
def test_shiviz_is_read_by_its_expression_and_its_clocks_are_right(
    spec: str, tmp_path: Path
) -> None:
    text = exported("shiviz", spec, tmp_path)
    pattern = re.compile(SHIVIZ.replace("(?<", "(?P<"))
    found = list(pattern.finditer(text))
    assert len(found) * 2 == len(text.splitlines())
    last: dict[str, dict[str, int]] = {}
    for one in found:
        clock = json.loads(one["clock"])
        before = last.get(one["host"], {})
        assert clock[one["host"]] == before.get(one["host"], 0) + 1
        assert all(clock[host] >= count for host, count in before.items())
        for host, count in clock.items():  # nobody knows of what has not happened
            assert host == one["host"] or count <= last[host][host]
        last[one["host"]] = clock


@pytest.mark.parametrize("spec", SPECS)
def test_itf_has_every_state_and_each_of_them_all_variables(spec: str, tmp_path: Path) -> None:
    told = json.loads(exported("itf", spec, tmp_path))
    assert told["vars"] == ["step", "processes"]
    for at, state in enumerate(told["states"]):
        assert state["#meta"]["index"] == at
        assert set(told["vars"]) <= set(state)
        assert all(set(cells) == {"#map"} for _, cells in state["processes"]["#map"])


@pytest.mark.parametrize("spec", SPECS)
def test_the_table_has_a_line_an_event(spec: str, tmp_path: Path) -> None:
    trace = recorded(spec, tmp_path)
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](filmed(trace)))))
    assert len(rows) == len(trace.lines)
    assert all(int(row["from_step"]) <= int(row["step"]) for row in rows if row["from_step"])
