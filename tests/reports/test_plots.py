"""Mailboxes, calls and restarts of a run, in numbers and as pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from reports.plots import calls, mailboxes, numbers, restarts
from reports.scene import Scene, plain
from simkernel.cli.reel import reel
from tests.reports.recorded import at_root, recorded

LAZY = """
from simkernel import GenServer, Ok, Reply, receive, self_, send, sleep, spawn

class Slow(GenServer):
    def init(self, _):
        return Ok(None)

    async def handle_call(self, request, caller, state):
        await sleep(request)
        return Reply(request, state)

async def asks(pid, ms):
    try:
        await GenServer.call(pid, ms, timeout=30)
    except BaseException:
        pass

async def main():
    _, pid = await GenServer.start_link(Slow, None)
    for ms in (10, 10, 50):
        spawn(asks, pid, ms)
    for n in range(3):
        send(self_(), n)
    await sleep(100)
    return [await receive() for _ in range(3)]
"""


def made(folder: Path, text: str) -> Scene:
    (folder / "lazy.py").write_text(text, "utf-8")
    return plain(reel(recorded(str(folder / "lazy.py"), folder, picker="first")))


def test_a_call_has_its_time_and_says_if_it_failed(tmp_path: Path) -> None:
    shown = made(tmp_path, LAZY)
    assert [(one.request, one.took_us, one.failed) for one in calls(shown)] == [
        ("10", 10_000, False), ("10", 20_000, False), ("50", 30_000, True),
    ]  # fmt: skip


def test_mailboxes_are_counted_message_by_message(tmp_path: Path) -> None:
    shown = made(tmp_path, LAZY)
    found = mailboxes(shown)
    assert max(many for _, many in found["<root>"]) == 3
    assert found["<root>"][-1][1] == 0
    assert max(many for _, many in found["<root.1>"]) == 2  # it serves the first meanwhile
    for curve in found.values():
        assert all(many >= 0 for _, many in curve)
        assert [at for at, _ in curve] == sorted(at for at, _ in curve)


def test_the_section_has_plots_that_are_whole_svg_and_says_what_they_show(tmp_path: Path) -> None:
    section = numbers(made(tmp_path, LAZY))
    assert section is not None
    assert "How long 3 calls took; at most 30 ms; ✖ 1 failed" in section
    assert "Messages lying in mailboxes; at most 3" in section
    whole = ElementTree.fromstring(f"<div>{section}</div>")
    assert len(list(whole.iter("svg"))) == 2
    assert [mark.get("class") for mark in whole.iter("circle")] == ["call", "call"]


def test_restarts_are_listed_with_their_step(tmp_path: Path) -> None:
    with at_root():
        trace = recorded("specs/guide/application.py", tmp_path, picker="first")
        shown = plain(reel(trace))
    found = restarts(shown)
    assert [(who, child) for _, _, who, child in found] == [("Supervisor", "Cache")]
    section = numbers(shown)
    assert section is not None
    assert f'href="#step={found[0][0]}"' in section


def test_a_child_that_somebody_asks_for_is_no_restart(tmp_path: Path) -> None:
    with at_root():
        trace = recorded("specs/guide/session_supervisor.py", tmp_path, picker="first")
        assert restarts(plain(reel(trace))) == []


def test_where_there_is_nothing_to_see_there_is_no_section(tmp_path: Path) -> None:
    assert numbers(made(tmp_path, "async def main():\n    return 1\n")) is None
