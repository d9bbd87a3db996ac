"""What the documentation shows is what happens: its Python runs, its commands print as shown."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.house import ROOT, name
from tests.meta.pages import (
    SECONDS_MAX,
    SIMKERNEL,
    agrees,
    commands,
    environment,
    pages,
    printed_by,
    script,
)

PAGES = [pytest.param(page, id=name(page)) for page in pages()]
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    source = script(page.read_text("utf-8"))
    if not source:
        return
    # A real file, so that tracebacks and whatever reads source show the page's own line numbers.
    program = tmp_path / f"{page.stem.replace('-', '_')}.py"
    program.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_commands_print_what_the_page_shows(page: Path) -> None:
    for command in commands(page.read_text("utf-8")):
        if command.runs:
            printed = printed_by(command)
            assert agrees(list(command.output), printed), (
                f"{name(page)}:{command.output_start}: `{command.line}` prints\n"
                + "\n".join(printed)
                + "\nRefresh with python -m tests.meta.refresh_docs"
            )


def test_the_first_command_of_the_readme_prints_what_it_shows() -> None:
    shown = commands((ROOT / "README.md").read_text("utf-8"))
    (demo,) = [command for command in shown if command.line == "make demo"]
    done = subprocess.run(
        ["bash", ".ci/demo"],
        cwd=ROOT,
        env=environment() | {"SIMKERNEL": str(SIMKERNEL)},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().splitlines() == list(demo.output)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link[1] for link in _LINK.finditer(page.read_text("utf-8"))]
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_a_page_is_one_script_with_the_line_numbers_of_the_page() -> None:
    page = "# Title\n\n```python\na = 1\n```\n\ntext\n\n```python\nassert a == 1\n```\n"
    assert script(page).splitlines()[3] == "a = 1"
    assert script(page).splitlines()[9] == "assert a == 1"
