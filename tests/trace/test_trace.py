"""A run goes into a file and comes back the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from simkernel.errors import ReplayDiverged, TraceUnreadable
from simkernel.settings import Settings
from simkernel.spec import Spec, of, run
from simkernel.trace import blob as blobs
from simkernel.trace.diff import difference
from simkernel.trace.reader import read
from simkernel.trace.replay import Replay
from simkernel.trace.writer import Recorder, TraceFile
from tests.trace import systems

SETTINGS = [
    Settings(),
    Settings(seed=5),
    Settings(picker="walk", seed=1),
    Settings(picker="walk", seed=2, step_ms=(0, 10)),
    Settings(picker="walk", seed=3, network="cluster", latency_ms=(1, 5)),
    Settings(picker="first"),
    Settings(picker="first", time="any"),
]


def record(spec: Spec, settings: Settings, path: Path, given: dict[str, Any] | None = None) -> str:
    """Run `spec` into a trace; give the hash."""
    header = {"spec": "systems.py", "parameters": {}, "settings": settings.to_json(), "source": ""}
    file = TraceFile(path, header)
    m = spec.machine(given or {}, settings, tape=file.recorder)
    file.close(run(m, settings))
    return file.recorder.hash


def follow(spec: Spec, path: Path) -> Replay:
    """Replay a trace to its end."""
    trace = read(path)
    recorder = Recorder(keep=True)
    replay = Replay(spec.machine({}, trace.settings, tape=recorder), recorder, trace)
    replay.finish()
    return replay


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_replay_makes_the_same_events_and_the_same_hash(settings, tmp_path):
    digest = record(of(systems.main), settings, tmp_path / "t.jsonl")
    replay = follow(of(systems.main), tmp_path / "t.jsonl")
    assert replay.recorder.hash == digest
    assert replay.recorder.lines == read(tmp_path / "t.jsonl").lines


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_recorded_run_is_the_run_without_a_recorder(settings):
    spec = of(systems.main)
    plain, taped = spec.machine({}, settings), spec.machine({}, settings, tape=Recorder())
    assert run(plain, settings) == run(taped, settings)
    assert (plain.returned, plain.logged, plain.count) == (
        taped.returned,
        taped.logged,
        taped.count,
    )


def test_another_seed_is_another_run(tmp_path):
    walks = [Settings(picker="walk", seed=seed) for seed in range(5)]
    hashes = {record(of(systems.main), w, tmp_path / f"{w.seed}.jsonl") for w in walks}
    assert len(hashes) == 5


def test_every_line_of_a_trace_is_an_object_with_an_event(tmp_path):
    record(of(systems.main), Settings(), tmp_path / "t.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert lines[0]["schema"] == "simkernel.trace/1"
    assert lines[-1]["e"] == "ended"
    numbers = [line["n"] for line in lines[1:-1] if "n" in line]
    assert numbers == list(range(lines[-1]["transitions"]))


def test_a_trace_that_was_cut_short_is_read_and_replayed_as_far_as_it_goes(tmp_path):
    whole = tmp_path / "whole.jsonl"
    record(of(systems.main), Settings(picker="walk"), whole)
    text = whole.read_bytes()
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(text[: len(text) * 2 // 3])
    assert read(torn).torn
    replay = follow(of(systems.main), torn)
    assert replay.done
    assert 0 < replay.step < len(read(whole).lines)


def test_a_trace_appears_in_its_place_only_when_it_is_whole(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("older")
    file = TraceFile(path, {"spec": "x.py", "parameters": {}, "settings": {}})
    assert path.read_text() == "older"
    file.close("ended")
    assert json.loads(path.read_text().splitlines()[0])["schema"] == "simkernel.trace/1"
    assert not file.part.exists()


def test_a_bounded_trace_says_that_it_was_cut(tmp_path):
    header = {"spec": "systems.py", "parameters": {}, "settings": {}}
    file = TraceFile(tmp_path / "t.jsonl", header, events_max=10)
    settings = Settings(picker="walk")
    m = of(systems.main).machine({}, settings, tape=file.recorder)
    file.close(run(m, settings))
    assert read(tmp_path / "t.jsonl").last["cut"] is True
    assert read(tmp_path / "t.jsonl").torn


def test_a_changed_spec_diverges_at_the_first_event_that_differs(tmp_path):
    record(of(systems.main), Settings(picker="walk"), tmp_path / "t.jsonl")

    async def other(workers: int = 3, table: str = "t") -> Any:
        return await systems.main(workers, "another")

    trace = read(tmp_path / "t.jsonl")
    recorder = Recorder(keep=True)
    m = of(other).machine({}, trace.settings, tape=recorder)
    with pytest.raises(ReplayDiverged) as error:
        Replay(m, recorder, trace, changed=True).finish()
    assert error.value.step == 0
    assert "has changed since the trace was made" in str(error.value)


def test_a_pick_that_is_not_possible_diverges_and_is_named(tmp_path):
    path = tmp_path / "t.jsonl"
    record(of(systems.main), Settings(picker="walk"), path)
    lines = path.read_text().splitlines()
    event = json.loads(lines[5])
    event.update(e="take", p="<root.9>")
    lines[5] = json.dumps(event)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ReplayDiverged, match=r"root\.9.*not possible here"):
        follow(of(systems.main), path)


def test_the_difference_of_two_runs_is_the_first_line_that_differs(tmp_path):
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        record(of(systems.main), Settings(picker="walk", seed=seed), tmp_path / f"{name}.jsonl")
    a, b, c = (read(tmp_path / f"{name}.jsonl") for name in "abc")
    assert difference(a, c) is None
    found = difference(a, b)
    assert found is not None
    assert a.lines[: found.at] == b.lines[: found.at]
    assert a.lines[found.at] != b.lines[found.at]
    assert found.left[0] == a.lines[found.at]


def test_one_run_that_is_the_beginning_of_another_differs_at_its_end(tmp_path):
    record(of(systems.main), Settings(), tmp_path / "a.jsonl")
    a, b = read(tmp_path / "a.jsonl"), read(tmp_path / "a.jsonl")
    b.lines = b.lines[:-2]
    found = difference(a, b)
    assert found is not None
    assert (found.at, found.right) == (len(b.lines), ())


def test_a_blob_comes_back_from_its_text():
    settings = Settings(picker="recorded", time="any", picks=((3, "take <root.1>"),))
    blob = blobs.Blob("specs/x.py", {"clients": "2"}, settings, "abc", "def")
    text = blob.to_text()
    assert blobs.parse(text) == blob
    assert blobs.parse(f"  {text[:30]}\n{text[30:]} ") == blob
    assert len(text) < 300


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no header"),
        (b"not json\n", "no JSON"),
        (b"[1]\n", "no object"),
        (b'{"schema":"simkernel.trace/99"}\n', "schema is 'simkernel.trace/99'"),
        (b'{"schema":"simkernel.trace/1"}\n', "names no spec"),
        (b'{"schema":"simkernel.trace/1","spec":"x","parameters":{},"settings":{"a":1}}\n', "'a'"),
        (b"\xff\xfe\n", "no text"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_place(content, words, tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(TraceUnreadable, match=words) as error:
        read(path)
    assert str(path) in str(error.value)
    assert path.read_bytes() == content


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "t.jsonl"
    record(of(systems.main), Settings(), path)
    lines = path.read_text().splitlines()
    lines[7] = lines[7][:-3]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(TraceUnreadable, match=r"t\.jsonl:8"):
        read(path)


def test_a_missing_trace_is_a_clear_error(tmp_path):
    with pytest.raises(TraceUnreadable, match="No such file"):
        read(tmp_path / "nope.jsonl")


def test_every_effect_has_fields_in_a_trace_and_words_in_a_listing():
    from reports.listing import _WORDS
    from simkernel.kernel.codes import EFFECTS
    from simkernel.trace.line import FIELDS

    assert set(EFFECTS) <= set(FIELDS)
    shown = set(EFFECTS) - {
        "alias",
        "refuse",
        "read",
        "unalias",
        "hibernate",
        "processes",
        "doomed",
    }
    assert shown <= set(_WORDS)
