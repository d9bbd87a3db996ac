"""What a person reads: results on stdout, progress and advice on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from simkernel.errors import SimkernelError

if TYPE_CHECKING:
    from reports.terminal import Look

WIDTH_MIN = 60


def emit(data: dict[str, Any]) -> None:
    """Print the one object that `--json` promises."""
    click.echo(json.dumps(data, ensure_ascii=False))


def failure(error: SimkernelError | click.ClickException, code: int) -> dict[str, Any]:
    """Give an error as the object that `--json` prints."""
    if isinstance(error, SimkernelError):
        return {
            "schema": "simkernel.error/1",
            "exit": code,
            "error": {
                "kind": type(error).__name__, "what": error.what, "where": error.where,
                "next": error.hint,
            },
        }  # fmt: skip
    text = {
        "kind": "UsageError",
        "what": error.format_message(),
        "where": "command line",
        "next": "--help",
    }
    return {"schema": "simkernel.error/1", "exit": code, "error": text}


class Progress:
    """One line on stderr that is rewritten: on a terminal only, ten times a second at most."""

    def __init__(self, quiet: bool) -> None:
        self._on = not quiet and sys.stderr.isatty()
        self._last = 0.0
        self._shown = False

    def show(self, text: str) -> None:
        """Show where the work stands."""
        moment = time.monotonic()
        if self._on and moment - self._last > 0.1:
            self._last = moment
            self._shown = True
            click.echo(f"\r\x1b[2K{text}", nl=False, err=True)

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            click.echo("\r\x1b[2K", nl=False, err=True)
            self._shown = False


def screen() -> Look:
    """Give how to draw: as wide as the terminal, with colour if it is one and NO_COLOR is not set.

    What is no terminal is 110 wide.
    """
    from reports.terminal import WIDTH, Look  # only who draws loads what draws

    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((WIDTH, 24)).columns if is_terminal else WIDTH
    return Look(max(WIDTH_MIN, width), is_terminal and not os.environ.get("NO_COLOR"))


def color(text: str, **style: Any) -> str:
    """Style text; click leaves the codes out where stdout is no terminal or NO_COLOR is set."""
    return click.style(text, **style)
