"""Exploring by hand in a real Chromium: choose, undo, reload, search, save, and what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simkernel.cli.journey import Journey
from simkernel.cli.loopback import Desk, Server
from simkernel.settings import Settings
from tests.browser.chromium import NODE, shot
from tests.cli.test_explore import LATE, PROPERTIES, RAISES, asked, written
from tests.reports.recorded import at_root

pytestmark = [pytest.mark.slow, pytest.mark.browser]


class Driven:
    """A page of a server, and what was wrong with it."""

    def __init__(self, page: Any, server: Server):
        self.page = page
        self.server = server
        self.wrong: list[str] = []
        page.on(
            "console", lambda said: self.wrong.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda asks: self._own(asks.url))

    def _own(self, url: str) -> None:
        if not url.startswith((self.server.address, "data:")):
            self.wrong.append(url)

    def go(self, path: str) -> None:
        self.page.goto("about:blank")
        self.page.goto(f"{self.server.address}#path={path}")
        self.at(path)

    def at(self, path: str) -> None:
        """Wait until the page stands at a path."""
        self.page.wait_for_selector(f'main[data-at="{path}"][aria-busy="false"]')

    def choose(self, text: str) -> None:
        self.page.locator("#choices button", has_text=text).first.click()

    def text(self, id: str) -> str:
        return str(self.page.locator(f"#{id}").inner_text())


@pytest.fixture
def explore(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Driven]]:
    made: list[tuple[Server, Any, Driven]] = []

    def opened(spec: Any = LATE, path: str = "", **options: Any) -> Driven:
        settings = Settings(picker="recorded")
        desk = Desk(Journey(str(spec), {}, settings), tmp_path, asked((), spec=str(spec)), ["node"])
        server = Server(desk, "secret-token", 0)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        context = browser.new_context(viewport={"width": 1440, "height": 1100}, **options)
        driven = Driven(context.new_page(), server)
        made.append((server, context, driven))
        driven.go(path)
        return driven

    with at_root():
        yield opened
        for server, context, _ in made:
            context.close()
            server.shutdown()
            server.server_close()
            server.desk.close()
    assert [driven.wrong for _, _, driven in made] == [[] for _ in made]


def test_what_is_chosen_happens_and_is_undone_and_done_again(explore: Any) -> None:
    one = explore()
    one.choose("start main")
    one.at("0")
    assert one.text("tree").startswith("main")
    one.page.keyboard.press("1")
    one.at("0,0")
    one.page.keyboard.press("2")
    one.at("0,0,1")
    assert "server ○ starts server()" in one.text("space")
    one.page.keyboard.press("u")
    one.at("0,0")
    one.page.go_back()
    one.at("0,0,1")
    one.page.locator("#restart").click()
    one.at("")
    assert "Nothing has happened yet" in one.text("run")


def test_the_address_is_the_situation(explore: Any) -> None:
    one = explore(path="0*7,1")
    before = one.text("choices"), one.text("states"), one.text("here")
    assert "wait for at most 80 ms" in before[0]
    one.page.reload()
    one.at("0*7,1")
    assert (one.text("choices"), one.text("states"), one.text("here")) == before
    one.page.evaluate("location.hash = 'path=0*3'")
    one.at("0,0,0")


def test_one_looks_back_and_goes_back(explore: Any) -> None:
    one = explore(path="0*7,1,0*6")
    one.page.locator('#space .row:has-text("takes")').first.click()
    one.page.locator("#back-to").click()
    one.at("0*7")
    assert one.page.locator("#back-to").is_disabled()


def test_search_from_here_finds_the_way_and_goes_there(explore: Any) -> None:
    one = explore(path="0*7")
    one.page.locator("#seek").click()
    one.page.keyboard.press("1")  # the page goes on meanwhile
    one.at("0*8")
    one.page.wait_for_selector("#answer .go")
    assert "crash: main ended with AssertionError" in one.text("answer")
    one.page.locator("#answer .go").click()
    one.page.wait_for_selector("#choices .over")
    assert "crash: main ended with AssertionError" in one.text("watch")
    assert "here it shows" in one.text("space")
    shot(one.page, "explore-crash")


def test_what_is_found_is_saved_with_the_command_that_runs_it(explore: Any, tmp_path: Path) -> None:
    one = explore(path="0*7,1")
    one.page.locator("#run-on").click()
    one.page.wait_for_selector("#watch .failed")
    one.page.locator("#save").click()
    one.page.wait_for_selector("#answer pre")
    (trace,) = tmp_path.glob("*.jsonl")
    assert f"simkernel replay {trace}" in one.text("answer")


def test_properties_change_on_the_page(explore: Any, tmp_path: Path) -> None:
    one = explore(written(tmp_path, PROPERTIES), "0,1")
    assert "goes left: not yet" in one.text("watch")
    assert "no right: holds so far" in one.text("watch")
    one.choose("log 'right'")
    one.at("0,1,0")
    assert "✖ no right: failed" in one.text("watch")
    assert "The run is over: a property failed" in one.text("choices")


def test_a_mistake_of_the_spec_is_on_the_page_and_the_page_goes_on(
    explore: Any, tmp_path: Path
) -> None:
    one = explore(written(tmp_path, RAISES), "0")
    one.choose("choose True")
    one.page.wait_for_selector("#error:not(:empty)")
    assert "whereis" in one.text("error")
    assert "one.py:6" in one.text("error")
    shot(one.page, "explore-mistake")
    one.choose("choose False")
    one.at("0,0")
    assert one.text("error") == ""


def test_a_server_that_is_gone_is_said(explore: Any) -> None:
    one = explore(path="0")
    one.server.shutdown()
    one.server.server_close()
    one.page.keyboard.press("1")
    one.page.wait_for_selector("#error:not(:empty)")
    assert "has `simkernel explore` been ended?" in one.text("error")
    assert any("ERR_CONNECTION_REFUSED" in text for text in one.wrong)
    one.wrong.clear()
    threading.Thread(target=lambda: None).start()


def test_a_wrong_token_is_forbidden(explore: Any) -> None:
    one = explore()
    wrong = one.server.address.replace("secret-token", "guessed-token")
    answer = one.page.context.request.get(wrong)
    assert answer.status == 403
    assert answer.text().startswith("forbidden")


def test_hostile_strings_stay_text(explore: Any) -> None:
    one = explore("tests/reports/hostile.py", "0*20")
    assert one.page.title().startswith("explore")
    assert one.page.locator("main img, main svg[onload], main i i, main script").count() == 0
    one.page.locator("#run-on").click()
    one.page.wait_for_selector("#watch .failed")
    assert "onerror" in one.text("watch")
    assert one.page.title() != "owned"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(explore: Any, scheme: str) -> None:
    axe = NODE / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("needs axe-core, which .ci/browser installs")
    one = explore(path="0*7,1,0*18", color_scheme=scheme)
    one.page.evaluate(axe.read_text("utf-8"))
    found = one.page.evaluate("axe.run(document)")["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], [n["html"][:200] for n in rule["nodes"][:3]]) for rule in serious] == []
    shot(one.page, f"explore-{scheme}")
