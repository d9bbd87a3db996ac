"""A real browser for the tests of pages, or the reason why there is none."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

from tests.meta.house import ROOT

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
NODE = Path(os.environ.get("SIMKERNEL_NODE_MODULES", ROOT / "build" / "browser" / "node_modules"))
SHOTS = ROOT / "build" / "screenshots"


def missing() -> str:
    """Say what is missing to drive Chromium; nothing if all is there."""
    if shutil.which("chromium") is None:
        return "needs chromium, such as Debian's package"
    if importlib.util.find_spec("playwright") is None:
        return "needs the Python package playwright"
    return ""


def shot(page: Any, name: str) -> None:
    """Keep what the page looks like, for people."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)
