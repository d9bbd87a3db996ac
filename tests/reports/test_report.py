"""The page of a run: it holds everything, escapes everything, and says first what went wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reports.arrows import arrows
from reports.because import chain, finding_row
from reports.case import Case
from reports.cast import cast
from reports.film import Camera
from reports.run_page import run_page
from reports.scene import scene
from simkernel.choice import Walk
from simkernel.cli.reel import case_of, reel
from simkernel.loading import find, load
from simkernel.settings import Settings
from simkernel.trace.reader import read
from simkernel.trace.writer import Recorder
from tests.meta.house import ROOT
from tests.reports.recorded import agrees_with_golden, at_root, filmed, recorded

AGENT = "specs/guide/agent_fsm.py"
CRASH = {
    "verdict": "Violated",
    "sentence": "on node: crash",
    "findings": [
        {
            "kind": "crash", "process": "<root.1>",
            "text": "<root.1> ended with (('badkey', 'error'), "
            "stack[spec.agent_fsm.AgentFSM.handle_event:64])",
        }
    ],
}  # fmt: skip


def crashing(folder: Path) -> Case:
    """The agent, whose tool is slow: its state timeout hits a key that is not there."""
    trace = recorded(
        AGENT,
        folder,
        last=CRASH,
        given={"tasks": 1},
        picker="recorded",
        picks=((30, "choose <root.2> 1"),),
    )
    with at_root():
        return replace(case_of(trace), replay="simkernel replay run.jsonl")


class Parsed(HTMLParser):
    """The tags of a page, its scripts, and whether each tag is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside.setdefault(self.open[-1], []).append(data)


def without_assets(text: str) -> str:
    """A page without our style and script, whose changes are none of the page's own."""
    text = re.sub(r"<style>.*?</style>", "<style></style>", text, flags=re.DOTALL)
    text = re.sub(r"<script>.*?</script>", "<script></script>", text, flags=re.DOTALL)
    text = re.sub(r"sha256-[\w+/=]*", "sha256-", text)
    return re.sub(r"(</(?:li|tr|p|h1|h2|figure|section|div|dd|head|header)>)", r"\1\n", text)


def test_golden_page_of_a_crash(tmp_path: Path) -> None:
    page = run_page(crashing(tmp_path))
    assert run_page(crashing(tmp_path)) == page
    agrees_with_golden("agent_crash.html", without_assets(page))


def test_the_page_says_first_who_crashed_where_and_how_it_came_to_it(tmp_path: Path) -> None:
    parsed = Parsed(run_page(crashing(tmp_path)))
    assert parsed.inside["h1"] == ["AgentFSM: crash"]
    said = "".join(parsed.inside["p"])
    assert "AgentFSM ended with ('badkey', 'error'), at AgentFSM.handle_event:64" in said
    assert "each of the options may be chosen" in said
    (marked,) = parsed.inside["mark"]
    assert "64 ▶" in marked
    assert 'data.replace(error="timeout")' in marked
    links = [str(attrs["href"]) for tag, attrs in parsed.tags if tag == "a"]
    steps = [link for link in links if link.startswith("#step=")]
    assert steps[-3:] == ["#step=32", "#step=34", "#step=35"]
    assert "#step=30" in steps


def test_a_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    parsed = Parsed(run_page(crashing(tmp_path)))
    assert parsed.open == []
    assert not [attrs for _, attrs in parsed.tags if "src" in attrs or "style" in attrs]
    assert not [tag for tag, _ in parsed.tags if tag in ("link", "img", "iframe", "object")]
    assert [tag for tag, _ in parsed.tags if tag in ("main", "header", "h1")] == [
        "header", "main", "h1",
    ] or {"main", "header"} <= {tag for tag, _ in parsed.tags}  # fmt: skip
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_policy_allows_our_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    page = run_page(crashing(tmp_path))
    (policy,) = [
        attrs["content"] or ""
        for tag, attrs in Parsed(page).tags
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    parts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL) + re.findall(
        r"<style>(.*?)</style>", page, re.DOTALL
    )
    hashes = {base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts}
    assert set(re.findall(r"sha256-([\w+/=]*)", policy)) == hashes
    assert len(hashes) == 3


def test_hostile_names_and_messages_stay_text(tmp_path: Path) -> None:
    trace = recorded("tests/reports/hostile.py", tmp_path)
    with at_root():
        page = run_page(case_of(trace))
    parsed = Parsed(page)
    assert parsed.open == []
    scripts = [attrs for tag, attrs in parsed.tags if tag == "script"]
    assert scripts == [{}, {"type": "application/json", "id": "data"}, {}]
    assert not [tag for tag, _ in parsed.tags if tag in ("img", "svg", "b2", "i2")]
    held = re.search(r'id="data">(.*?)</script>', page)
    assert held is not None
    assert "owned" in json.dumps(json.loads(held[1]))
    assert "<" not in held[1]


def test_without_its_spec_a_trace_still_gives_a_page(tmp_path: Path) -> None:
    path = tmp_path / "gone.py"
    path.write_text((ROOT / "specs/guide/counter.py").read_text("utf-8"), "utf-8")
    trace = recorded(str(path), tmp_path)
    path.unlink()
    made = reel(trace)
    assert made.film is None
    assert "there is no such file" in made.why_no_film
    page = run_page(case_of(trace))
    assert "States are not shown: there is no such file" in page
    assert page.count("<tr id=") == len(trace.lines)


def test_a_spec_that_has_changed_is_said_and_the_events_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "changed.py"
    source = (ROOT / "specs/guide/counter.py").read_text("utf-8")
    path.write_text(source, "utf-8")
    trace = recorded(str(path), tmp_path)
    path.write_text(source.replace('"tick"', '"tock"'), "utf-8")
    made = reel(trace)
    assert made.film is None
    assert "The spec file has changed" in made.why_no_film


SPECS = list(find([str(ROOT / "specs" / "guide"), str(ROOT / "specs" / "concurrency")]))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: Path(path).stem)
def test_the_camera_misses_nothing(path: str) -> None:
    """What is filmed of the processes that a step names is what all of them are."""
    spec = load(path)
    recorder = Recorder(keep=True)
    settings = Settings(picker="walk", step_ms=(0, 10), seed=3)
    m = spec.machine({}, settings, tape=recorder)
    camera, walk, now = Camera(m), Walk(3), {}
    assert recorder.lines is not None
    while m.count < 400 and (options := m.enabled()):
        before = len(recorder.lines)
        m.apply(walk.pick(options))
        recorder.flush()
        camera.take(recorder.lines[before:])
        for who, cell, value in camera.film.steps[-1]:
            now.setdefault(who, {})[cell] = value
        every = [*m.processes.values(), *m.dying.values()]
        seen = {str(p.pid): camera._cells(str(p.pid), p) for p in every}
        told = {
            who: {cell: value for cell, value in cells.items() if value is not None}
            for who, cells in now.items()
            if who
        }
        assert {who: cells for who, cells in told.items() if cells} == seen, m.count
    m.close()


@pytest.mark.parametrize("path", SPECS, ids=lambda path: Path(path).stem)
def test_each_message_that_is_taken_was_sent(path: str, tmp_path: Path) -> None:
    where = Path(path).relative_to(ROOT).as_posix()
    trace = recorded(where, tmp_path, step_ms=(0, 10), seed=5, effects_max=2_000)
    made = filmed(trace)
    assert made.film is not None, made.why_no_film
    events = made.events
    found = arrows(events, made.film.serials)
    for row, event in enumerate(events):
        # A take of None is the answer of an operation, which nobody has sent.
        if event["e"] == "take" and event["m"] is not None:
            assert row in found.cause, (row, event)
    for source, target, kind in found.all:
        assert source < target
        if kind == "message":
            assert str(events[source]["m"]) == str(events[target]["m"])


def test_a_name_is_the_class_or_the_function_and_numbered_where_several_have_it() -> None:
    run = "simkernel.otp.gen_server.Server(<class spec.bank.Bank>, 0, <root>)"
    events = [
        {"e": "spawn", "p": "<root>", "child": "<root.1>", "run": run},
        {"e": "spawn", "p": "<root>", "child": "<root.2>", "run": "spec.bank.client(<root>, 1)"},
        {"e": "spawn", "p": "<root>", "child": "<root.3>", "run": "spec.bank.client(<root>, 2)"},
    ]
    found = cast(events)
    assert [role.label for role in found.roles.values()] == ["main", "Bank", "client 1", "client 2"]
    assert [role.kind for role in found.roles.values()][:2] == ["process", "server"]
    assert found.named("('DOWN', #ref<root.1/1>, <root.3>)") == "('DOWN', #ref<root.1/1>, client 2)"


def test_the_chain_of_a_late_reply_has_the_question_and_the_time_that_ran_out(
    tmp_path: Path,
) -> None:
    trace = recorded(
        "specs/concurrency/late_reply.py", tmp_path, picker="recorded",
        picks=((7, "choose <root.1> 1"),),
    )  # fmt: skip
    events = filmed(trace).events
    row = finding_row(events, "crash", "<root>")
    assert row is not None
    told = [(events[at]["p"], events[at]["e"]) for at in chain(events, arrows(events), row)]
    assert told == [
        ("<root>", "send"), ("<root.1>", "take"), ("<root.1>", "choose"), ("<root.1>", "enter"),
        ("<root>", "timeout"), ("<root>", "send"), ("<root.1>", "expire"), ("<root.1>", "timeout"),
        ("<root.1>", "send"), ("<root>", "take"), ("<root>", "end"),
    ]  # fmt: skip


def test_what_raced_is_marked(tmp_path: Path) -> None:
    shown = scene(crashing(tmp_path))
    assert shown is not None
    assert [shown.reel.events[row]["n"] for row in shown.race] == [30]
    assert shown.reel.events[shown.finding or 0]["n"] == 35


@pytest.mark.slow
def test_ten_thousand_events_take_two_seconds_and_five_megabytes(tmp_path: Path) -> None:
    trace = recorded("tests/reports/busy.py", tmp_path)
    assert len(trace.lines) > 10_000
    best = min(_seconds(tmp_path / "run.jsonl") for _ in range(3))
    assert best < 2.0
    with at_root():
        size = len(run_page(case_of(trace)).encode())
    assert size < 5_000_000


def _seconds(path: Path) -> float:
    start = time.process_time()
    with at_root():
        made: Any = run_page(case_of(read(path)))
    assert made
    return time.process_time() - start


def test_a_task_has_the_name_of_what_it_does(tmp_path: Path) -> None:
    events = filmed(recorded("specs/guide/tasks.py", tmp_path)).events
    labels = [role.label for role in cast(events).roles.values()]
    assert {"send_email 1", "expensive_computation"} <= set(labels)
    assert not [label for label in labels if label.startswith(("replying", "noreply"))]
