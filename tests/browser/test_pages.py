"""The report in a real Chromium: it is driven as a person would, and looked at by axe-core."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.exports import FORMATS
from reports.run_page import run_page
from simkernel.cli.reel import case_of
from tests.browser.chromium import NODE, shot
from tests.reports.recorded import at_root, filmed, recorded
from tests.reports.test_report import crashing

pytestmark = [pytest.mark.slow, pytest.mark.browser]

Open = Callable[..., Any]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a page, and fail if it logs an error, asks the network, or breaks its own policy."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(text: str, fragment: str = "", **options: Any) -> Any:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(viewport={"width": 1440, "height": 1000}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda asked: wrong.append(asked.url) if _is_foreign(asked.url) else None
        )
        page.goto(f"{path.as_uri()}{fragment}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _is_foreign(url: str) -> bool:
    return not url.startswith(("file:", "data:"))


def where(page: Any) -> str:
    return str(page.locator("#where").inner_text())


@pytest.fixture
def crash(tmp_path: Path) -> str:
    return run_page(crashing(tmp_path))


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> str:
    trace = recorded("tests/reports/busy.py", tmp_path_factory.mktemp("busy"))
    assert len(trace.lines) > 10_000
    with at_root():
        return run_page(case_of(trace))


def test_it_opens_where_it_went_wrong_and_says_so(show: Open, crash: str) -> None:
    page = show(crash)
    assert page.locator("h1").inner_text() == "AgentFSM: crash"
    assert where(page) == "step 35 · 30 s"
    assert "here it shows" in page.locator('.row[aria-selected="true"]').inner_text()
    assert page.locator("#tree .acting").inner_text().startswith("AgentFSM")
    shot(page, "crash")


def test_keys_scrub_and_everything_moves_together(show: Open, crash: str) -> None:
    page = show(crash, "#step=14")
    assert where(page).startswith("step 14 ·")
    page.locator("#stage").focus()
    page.keyboard.press("k")
    assert where(page).startswith("step 13 ·")
    page.keyboard.press("j")
    page.keyboard.press("Home")
    assert where(page) == "step 0 · 0 ms"
    assert page.locator("#tree .node").count() == 1
    page.keyboard.press("End")
    assert where(page).startswith("step 39 ·")
    page.locator("#scrub").evaluate("e => { e.value = 3; e.dispatchEvent(new Event('input')) }")
    assert page.url.endswith("#step=3")
    page.keyboard.press("g")
    assert where(page).startswith("step 35 ·")


def test_a_deep_link_is_the_state_of_the_page(show: Open, crash: str) -> None:
    page = show(crash, "#step=31")
    assert where(page).startswith("step 31 ·")
    assert "work is done at" in page.locator("#states").inner_text()
    page.evaluate("location.hash = '#step=2'")
    page.wait_for_function("document.getElementById('where').textContent.startsWith('step 2 ')")
    assert page.locator("#states .changed").count() > 0


def test_a_link_of_the_story_leads_to_its_step(show: Open, crash: str) -> None:
    page = show(crash)
    page.locator('.chain a[href="#step=30"]').click()
    page.wait_for_function("document.getElementById('where').textContent.startsWith('step 30 ')")


def test_what_a_step_changes_is_marked_with_what_it_was(show: Open, crash: str) -> None:
    page = show(crash, "#step=35")
    changed = page.locator("#states .card.acting tr.changed").first
    assert changed.locator("del").inner_text() == "running"
    assert changed.locator("ins").inner_text() == "exiting"


def test_search_finds_and_filters(show: Open, crash: str) -> None:
    page = show(crash)
    page.keyboard.press("/")
    page.keyboard.type("submit")
    assert page.locator("#hits").inner_text() == "4 found"
    before = page.locator(".row").count()
    page.locator("#only").check()
    assert page.locator(".row").count() < before
    page.locator("#search").focus()
    page.keyboard.press("Enter")
    assert "submit" in page.locator('.row[aria-selected="true"]').inner_text()


def test_processes_can_be_hidden_and_books_shown(show: Open, crash: str) -> None:
    page = show(crash)
    before = page.locator("#lanes .lane").count()
    rows = page.locator("#scrub").get_attribute("max")
    page.locator("#books").check()
    assert int(page.locator("#scrub").get_attribute("max")) > int(rows)
    page.locator(".menu summary").click()
    page.locator("#who input").nth(2).uncheck()
    assert before == 3
    assert int(page.locator("#scrub").get_attribute("max")) < 53


def test_dark_and_light_are_told_apart_and_can_be_switched(show: Open, crash: str) -> None:
    page = show(crash, color_scheme="dark")
    back = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(back) == "rgb(20, 23, 26)"
    shot(page, "crash-dark")
    page.locator("#theme").click()
    assert page.evaluate(back) == "rgb(255, 255, 255)"


def test_without_script_it_is_the_table_of_all_events(show: Open, crash: str) -> None:
    page = show(crash, java_script_enabled=False)
    assert page.locator("#events tbody tr").count() == 54
    assert page.locator("#events tbody tr").first.is_visible()
    assert not page.locator("#player").is_visible()
    assert page.locator(".chain li").first.is_visible()
    shot(page, "no-script")


def test_on_paper_it_is_the_story_and_the_table_without_controls(show: Open, crash: str) -> None:
    page = show(crash, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("#events tbody tr").first.is_visible()
    assert page.locator(".chain li").first.is_visible()
    assert page.locator("#beside svg").is_visible()
    for hidden in ("#player", "#theme", "#show-table"):
        assert not page.locator(hidden).is_visible(), hidden
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == "rgb(255, 255, 255)"  # ink, not a dark page
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert len(paper) > 20_000


def test_the_run_that_passes_stands_beside_and_is_linked(show: Open, crash: str) -> None:
    page = show(crash)
    page.get_by_role("link", name="Both, side by side").click()
    assert page.url.endswith("#beside")
    assert page.locator("#beside").evaluate("e => e.getBoundingClientRect().top") < 900
    assert page.locator("#beside svg text", has_text="first difference").count() == 2
    assert where(page).startswith("step 35 ·")


def test_ten_thousand_events_stay_usable(show: Open, busy: str) -> None:
    page = show(busy)
    assert page.locator(".row").count() < 100
    page.locator("#stage").focus()
    took = _moves(page)
    assert took < 100, f"{took} ms a move"
    page.keyboard.press("End")
    assert page.locator('.row[aria-selected="true"]').is_visible()
    shot(page, "busy")


def _moves(page: Any) -> float:
    """Give the milliseconds that a move takes, in the page's own clock."""
    return float(page.evaluate("""() => {
        const on = document.getElementById("on"), start = performance.now();
        for (let i = 0; i < 50; i++) on.click();
        return (performance.now() - start) / 50;
    }"""))  # fmt: skip


def test_hostile_strings_stay_text(show: Open, tmp_path: Path) -> None:
    trace = recorded("tests/reports/hostile.py", tmp_path)
    with at_root():
        page = show(run_page(case_of(trace)))
    for _ in range(60):
        page.keyboard.press("j")
    assert page.title() != "owned"
    assert page.locator("img, b b, i i, #tree svg").count() == 0
    assert "onerror" in page.locator("#states").inner_text() + page.locator("#space").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(show: Open, crash: str, scheme: str) -> None:
    axe = NODE / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("needs axe-core, which .ci/browser installs")
    page = show(crash, color_scheme=scheme)
    page.locator("#show-table").click()
    page.evaluate(axe.read_text("utf-8"))
    found = page.evaluate("axe.run(document)")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    told = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious]
    assert told == []


@pytest.mark.parametrize("spec", ["specs/guide/counter.py", "tests/reports/hostile.py"])
def test_mermaid_parses_what_is_exported(show: Open, spec: str, tmp_path: Path) -> None:
    library = NODE / "mermaid" / "dist" / "mermaid.min.js"
    if not library.is_file():
        pytest.skip("needs mermaid, which .ci/browser installs")
    page = show("<!doctype html><html lang=en><title>m</title><body></body></html>")
    page.add_script_tag(path=str(library))
    text = FORMATS["mermaid"](filmed(recorded(spec, tmp_path)))
    told = page.evaluate(f"mermaid.parse({json.dumps(text)})")
    assert told["diagramType"] == "sequence"
    golden = Path(__file__).parents[1] / "reports" / "golden"
    for name in sorted(golden.glob("*.mmd")):
        assert page.evaluate(f"mermaid.parse({json.dumps(name.read_text('utf-8'))})"), name
