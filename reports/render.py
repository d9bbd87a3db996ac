"""Drawing a graph: by `graphviz-pure` where it is installed, else by Graphviz's own `dot`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from simkernel.errors import UsageError

PROGRAMS = ("graphviz-pure", "dot")
SECONDS_MAX = 120


def program(wanted: str | None = None) -> str:
    """Give the path of a program that draws; a UsageError says what to install."""
    for name in (wanted,) if wanted else PROGRAMS:
        beside = Path(sys.executable).with_name(name)
        if beside.is_file():
            return str(beside)
        if found := shutil.which(name):
            return found
    raise UsageError(
        "there is no program that draws graphs",
        where=" or ".join((wanted,) if wanted else PROGRAMS),
        hint="Install one: `pip install graphviz-pure`, or the package graphviz of your system; or "
        "write .dot or .mmd, which need none.",
    )


def drawn(dot: str, form: str, *, by: str | None = None) -> bytes:
    """Draw a graph in the DOT language as "svg" or "png"."""
    done = subprocess.run(
        [program(by), f"-T{form}"],
        input=dot.encode(),
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        raise UsageError(
            f"the graph could not be drawn: {done.stderr.decode(errors='replace').strip()[:300]}",
            where=program(by),
            hint="Write it as .dot and look at it.",
        )
    return done.stdout


def quoted(text: str) -> str:
    """Give a text as a label in the DOT language: neither escapes nor HTML, whatever is in it."""
    import graphviz

    escaped: str = graphviz.nohtml(graphviz.escape(text).replace("\n", "\\n"))
    return escaped


def svg_of(dot: str) -> str | None:
    """Draw a graph as one SVG element, or give None where there is no program that draws."""
    try:
        text = drawn(dot, "svg").decode()
    except UsageError:
        return None
    return text[text.index("<svg") :]
