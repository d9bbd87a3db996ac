"""What a notebook shows of a value: a small table, in which every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

LINES_MAX = 20


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Give rows of a name and a text as HTML, with a title.

    >>> table("a < b", [("c", "<d>")])
    '<table><caption>a &lt; b</caption><tbody><tr><th scope="row">c</th><td>&lt;d&gt;</td></tr>\
</tbody></table>'
    """
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_lines(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{body}</tbody></table>"


def _lines(text: str) -> str:
    return "<br/>".join(escape(line) for line in text.split("\n"))


def listed(lines: Sequence[str]) -> str:
    """Give lines as one text, the last of many."""
    left = len(lines) - LINES_MAX
    return "\n".join([*([f"… {left} before"] if left > 0 else []), *lines[-LINES_MAX:]])


def preformatted(lines: Iterable[str]) -> str:
    """Give lines as they stand."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
