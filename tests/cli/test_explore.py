"""Exploring by hand, without a browser: paths, situations, searches, saving, and who is let in."""

from __future__ import annotations

import html
import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from checkers.ahead import ahead
from simkernel.cli.journey import Journey, path_of, path_text
from simkernel.cli.loopback import Desk, Server
from simkernel.cli.seek import seek
from simkernel.errors import UsageError
from simkernel.settings import Settings
from simkernel.trace.reader import read
from tests.meta.house import ROOT
from tests.meta.pages import SIMKERNEL, environment
from tests.reports.recorded import at_root, reel

LATE = "specs/concurrency/late_reply.py"
ASKED = (0,) * 7  # the server has taken the question, and is about to choose how long it takes
CRASHED = (*ASKED, 1, *(0,) * 18)
PLAIN = Settings(picker="recorded")

RAISES = """
from simkernel import choose, log, spawn, whereis

async def main():
    if await choose([False, True]):
        whereis("nobody")
        return 1
    log("fine")
"""

PROPERTIES = """
from simkernel import always, choose, log, sometimes, spec

async def walk():
    for _ in range(3):
        log(await choose(["left", "right"]))

@spec(properties={
    "no right": always(lambda world: "right" not in world.logged),
    "goes left": sometimes(lambda world: "left" in world.logged),
})
async def main():
    await walk()
"""


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with at_root():
        yield


def journey(where: Any = LATE, **settings: Any) -> Journey:
    return Journey(str(where), {}, Settings(**{"picker": "recorded", **settings}))


def written(folder: Path, text: str) -> Path:
    path = folder / "one.py"
    path.write_text(text, "utf-8")
    return path


# --- Paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [(), (0,), (1, 0, 0), (0,) * 30 + (2, 1) + (5,) * 4])
def test_a_path_is_read_back_from_its_text(path: tuple[int, ...]) -> None:
    assert path_of(path_text(path)) == path


@pytest.mark.parametrize("text", ["x", "1,,2", "-1", "0*", "1*2*3", "0*9999", "0x1", " 1"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        path_of(text)


def test_the_same_path_gives_the_same_situation_whatever_was_looked_at_before() -> None:
    made = journey()
    fresh = _seen(made.at(CRASHED))
    for path in (ASKED, (*ASKED, 1), (), (*ASKED, 0), CRASHED[:-1]):
        made.at(path)
    assert _seen(made.at(CRASHED)) == fresh


def _seen(at: Any) -> Any:
    return at.path, at.now_ms, at.options, at.ended, at.findings, at.scene.reel.events


# --- Situations ----------------------------------------------------------------------------------


def test_what_may_happen_is_said_in_words() -> None:
    at = journey().at(ASKED)
    assert [option.text for option in at.options] == ["choose 1", "choose 80"]
    assert [at.cast.label(option.who) for option in at.options] == ["server", "server"]
    told = {option.text for n in range(30) for option in journey().at(CRASHED[:n]).options}
    assert told >= {
        "spawn server()", "start server()", "send ('ask', main, 0, 0) to server",
        "deliver ('ask', main, 0, 0) from main", "take ('ask', main, 0, 0)",
        "wait for at most 50 ms", "its wait is over at 50 ms",
        "give up waiting: its receive times out",
        "end with AssertionError, at main:47",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "settings"),
    [
        ("specs/guide/agent_fsm.py", {}),
        ("specs/guide/application.py", {"time": "any"}),
        ("specs/concurrency/two_phase_commit.py", {"network": "cluster", "faults": 2}),
        ("specs/guide/registry.py", {"network": "cluster", "time": "any"}),
    ],
)
def test_every_option_along_a_run_has_words_without_names_of_the_machine(
    spec: str, settings: Any
) -> None:
    made, path = journey(spec, **settings), ()
    for step in range(120):
        at = made.at(path)
        assert at.error is None
        if at.ended:
            break
        for option in at.options:
            assert option.text
            assert not option.text.startswith(("handle ('", "<"))
        # All kinds of ways: the last of what is possible, the first, one in the middle.
        path = (*path, (len(at.options) - 1) * (step % 3) // 2)
    assert len(path) > 8


def test_findings_are_shown_from_the_step_on_at_which_they_are_there() -> None:
    made = journey()
    at = made.at(CRASHED)
    assert at.ended == "nothing is left to happen"
    ((finding, step),) = at.findings
    assert (finding.kind, finding.process) == ("crash", "<root>")
    assert made.at(CRASHED[: step - 1]).findings == []
    assert [found for found, _ in made.at(CRASHED[:step]).findings] == [finding]


def test_properties_say_since_when_they_stand_so(tmp_path: Path) -> None:
    made = journey(written(tmp_path, PROPERTIES))
    path: tuple[int, ...] = ()
    told = []
    for _ in range(12):
        at = made.at(path)
        told.append(dict(at.standing))
        if at.ended:
            break
        texts = [option.text for option in at.options]
        right = len([one for one in told if one["goes left"][0] == "reached"]) > 0
        path = (*path, texts.index("choose 'right'") if right and len(texts) > 1 else 0)
    assert told[0] == {"no right": ("holds so far", 0), "goes left": ("not yet", 0)}
    assert told[-1]["goes left"][0] == "reached"
    assert told[-1]["no right"] == ("failed", len(path))
    assert at.ended == "a property failed"
    assert [finding.process for finding, _ in at.findings] == ["no right"]


def test_a_mistake_of_the_spec_is_told_where_it_came_up(tmp_path: Path) -> None:
    made = journey(written(tmp_path, RAISES))
    fine = made.at((0, 0))
    assert fine.error is None
    at = made.at((0, 1, 0, 0))
    assert at.error is not None
    assert "whereis" in str(at.error)
    assert at.path == (0,)
    assert [option.text for option in at.options] == ["choose False", "choose True"]
    assert made.on((0,), 100) == (0, 0, 0, 0)
    assert made.at((0, 0, 0)).error is None


def test_a_choice_that_is_not_possible_cuts_the_path() -> None:
    at = journey().at((0, 7, 0))
    assert at.path == (0,)
    assert at.error is not None
    assert "no choice 7 at step 1" in at.error.what


def test_running_on_ends_with_the_run_or_at_something_new() -> None:
    made = journey()
    crash = made.on((*ASKED, 1), 1_000)
    assert [finding.kind for finding, _ in made.at(crash).findings] == ["crash"]
    assert made.at(made.on((), 1_000)).ended == "main has returned"
    assert len(made.on((), 3)) == 3


# --- Searching from a situation ------------------------------------------------------------------


def asked(path: tuple[int, ...], **more: Any) -> dict[str, Any]:
    return {
        "spec": LATE, "parameters": {}, "settings": PLAIN.to_json(), "seconds": 20.0,
        "path": path_text(path), **more,
    }  # fmt: skip


def test_a_search_finds_what_can_go_wrong_from_here_and_the_way_leads_there() -> None:
    told = seek(asked(ASKED))
    assert [one["kind"] for one in told["findings"]] == ["crash"]
    goal = path_of(told["path"])
    assert goal[: len(ASKED)] == ASKED
    assert len(told["steps"]) == len(goal) - len(ASKED)
    assert [finding.kind for finding, _ in journey().at(goal).findings] == ["crash"]


def test_a_search_that_saw_everything_says_so_and_one_that_was_cut_does_not() -> None:
    told = seek(asked((*ASKED, 0, 0, 0, 0), spec="specs/concurrency/late_reply_fixed.py"))
    assert told["findings"] == []
    assert "Nothing wrong can follow: all" in told["told"]
    made = journey("specs/concurrency/philosophers_fixed.py")
    cut = ahead(lambda snapshots: made.begin((), snapshots), limit=lambda share: "enough")
    assert (cut.findings, cut.complete, cut.cut) == ((), False, "enough")


def test_what_is_wrong_already_is_not_found_again() -> None:
    assert seek(asked(CRASHED))["findings"] == []


def test_where_situations_are_too_many_schedules_with_few_delays_are_tried() -> None:
    made = journey()
    asks = iter([*[""] * 3, "half is spent"])
    found = ahead(lambda snapshots: made.begin(ASKED, snapshots), limit=lambda _: next(asks, ""))
    assert [finding.kind for finding in found.findings] == ["crash"]
    path = made.path_along(found.way, ASKED)
    assert made.at(path).findings[0][0] == found.findings[0]


# --- Saving --------------------------------------------------------------------------------------


def test_what_is_saved_is_replayed_event_by_event(tmp_path: Path) -> None:
    trace, blob = journey().save(CRASHED, tmp_path)
    for what in (trace, blob):
        done = _run("replay", what)
        assert done.returncode == 0, done.stderr
        assert "26 steps, every event as recorded" in done.stdout
    last = read(trace).last
    assert last is not None
    assert [one["kind"] for one in last["findings"]] == ["crash"]
    assert reel(read(trace)).film is not None
    assert journey().save(CRASHED, tmp_path)[0] == trace


def test_a_run_that_was_stopped_by_hand_can_be_saved_too(tmp_path: Path) -> None:
    trace, blob = journey().save(ASKED, tmp_path)
    assert "7 steps, every event as recorded" in _run("replay", trace).stdout
    assert "7 steps, every event as recorded" in _run("replay", blob).stdout
    assert (read(trace).last or {})["why"] == "stopped by hand"


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIMKERNEL), *words], cwd=ROOT, env=environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


# --- The server ----------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    desk = Desk(journey(), tmp_path, asked(()), ["network node"])
    made = Server(desk, "secret-token", 0)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    desk.close()
    thread.join(10)


def answered(url: str, body: Any = None, **headers: str) -> tuple[int, str, Any]:
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    wanted = urllib.request.Request(url, data, sent)
    try:
        with urllib.request.urlopen(wanted, timeout=20) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def test_it_listens_to_this_machine_only(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/secret-token/"


@pytest.mark.parametrize("path", ["", "/", "/wrong/", "/wrong/situation?path=0", "/secret-toke/"])
def test_without_the_token_nothing_is_answered(server: Server, path: str) -> None:
    root = f"http://127.0.0.1:{server.server_port}"
    assert answered(root + path)[0] == 403
    assert answered(f"{root}/wrong/save", {"path": "0"})[0] == 403


def test_other_sites_are_refused_though_they_have_the_token(server: Server) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert answered(server.address, **headers)[0] == 403
    assert answered(f"{server.address}save", {"path": ""}, Origin="null")[0] == 403


def test_the_page_allows_its_own_scripts_and_its_own_server_only(server: Server) -> None:
    status, escaped, headers = answered(server.address)
    text = html.unescape(escaped)
    assert status == 200
    assert "default-src 'none'; script-src 'sha256-" in text
    assert "connect-src 'self'" in text
    assert "unsafe" not in text.partition("</head>")[0].partition("<style>")[0]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"  # the token stands in the address


def test_a_situation_is_an_answer_to_its_path(server: Server) -> None:
    status, text, _ = answered(f"{server.address}situation?path=0*7")
    told = json.loads(text)
    assert status == 200
    assert (told["path"], told["over"], told["error"]) == ([0] * 7, False, None)
    assert told["choices"].count("data-choice") == 2
    assert len(told["data"]["steps"]) == 7


@pytest.mark.parametrize(
    ("what", "body", "code"),
    [
        ("situation?path=x", None, 422), ("nothing", None, 404), ("save", {"path": "9*99999"}, 422),
        ("search?job=7", None, 200), ("save", [1], 400),
    ],
)  # fmt: skip
def test_bad_requests_are_answered_and_harm_nothing(
    server: Server, what: str, body: Any, code: int
) -> None:
    assert answered(server.address + what, body)[0] == code
    assert answered(f"{server.address}situation?path=0")[0] == 200


def test_a_search_goes_on_beside_the_page_and_is_given_up_for_the_next(server: Server) -> None:
    first = json.loads(answered(f"{server.address}search", {"path": ""})[1])["job"]
    second = json.loads(answered(f"{server.address}search", {"path": "0*7"})[1])["job"]
    assert answered(f"{server.address}situation?path=0*3")[0] == 200
    assert "given up" in answered(f"{server.address}search?job={first}")[1]
    for _ in range(300):
        told = json.loads(answered(f"{server.address}search?job={second}")[1])
        if told["done"]:
            break
        time.sleep(0.1)
    assert "crash" in told["answer"]
    assert 'href="#path=0*7,1,' in told["answer"]


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)


def test_hostile_strings_stay_text() -> None:
    desk = Desk(journey("tests/reports/hostile.py"), Path("nowhere"), {}, [])
    path: tuple[int, ...] = ()
    for _ in range(200):
        told = desk.situation(path_text(path))
        for part in ("choices", "watch", "run"):
            assert not Tags(told[part]).seen & {"script", "img", "svg", "i", "t"}, told[part]
        if told["over"]:
            break
        path = (*path, 0)
    assert "onerror" in told["watch"]
    desk.close()


# --- The command ---------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [False, True])
def test_it_prints_its_address_serves_and_ends_by_ctrl_c_with_zero(as_json: bool) -> None:
    words = [str(SIMKERNEL), "explore", LATE, *(["--json"] if as_json else [])]
    with subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        address = json.loads(line)["address"] if as_json else line.split()[-1]
        assert answered(address)[0] == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 0


def test_a_port_that_is_taken_and_a_spec_that_is_missing_are_told(server: Server) -> None:
    done = _run("explore", LATE, "--port", str(server.server_port))
    assert done.returncode == 2
    assert "cannot be had" in done.stderr
    done = _run("explore", "nowhere.py", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["what"] == "there is no such file"


def test_a_worker_that_dies_is_shown_as_what_it_said(server: Server) -> None:
    server.desk._search["settings"] = {"no": "such"}
    job = server.desk.search("0")["job"]
    for _ in range(300):
        told = server.desk.searched(str(job))
        if told["done"]:
            break
        time.sleep(0.1)
    assert "there is no setting" in told["answer"]
