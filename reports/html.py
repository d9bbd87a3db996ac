"""Pages that hold everything themselves: no text gets into one unescaped, nothing is fetched.

A page carries a content security policy that names its own script and style by their hashes, so
that even a mistake in the escaping could not run anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from typing import Any

VOID = frozenset({"meta", "input", "br", "hr", "link", "path", "line"})


class Markup(str):
    """Text that is HTML already, because `tag` made it."""

    __slots__ = ()


def tag(name: str, /, *inside: Any, **attributes: Any) -> Markup:
    """Give one element. Everything inside is escaped but Markup; None and False leave things out.

    A final underscore of an attribute's name is dropped, others become hyphens.

    >>> tag("p", "1 < 2", tag("b", "yes"), class_="x", hidden=False)
    '<p class="x">1 &lt; 2<b>yes</b></p>'
    """
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{joined(*inside)}</{name}>")


def joined(*inside: Any) -> Markup:
    """Give several things one after the other, escaped but for Markup."""
    return Markup(
        "".join(
            part if type(part) is Markup else escape(str(part))
            for part in _flat(inside)
            if part is not None and part is not False
        )
    )


def _flat(parts: Any) -> Any:
    for part in parts:
        if isinstance(part, list | tuple):
            yield from _flat(part)
        else:
            yield part


def asset(name: str) -> str:
    """Read one of our own files: a style or a script."""
    return files("reports").joinpath("assets", name).read_text("utf-8")


def data(value: Any, id: str = "data") -> Markup:
    """Give data for the script, in an element that nothing inside it can close.

    >>> data({"m": "</script>"})
    '<script type="application/json" id="data">{"m":"\\\\u003c/script\\\\u003e"}</script>'
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/json" id="{escape(id)}">{text}</script>')


EARLY = "document.documentElement.className='js'"


def page(
    title: str,
    *body: Any,
    scripts: tuple[str, ...] = (),
    styles: tuple[str, ...] = ("report.css",),
    connect: bool = False,
) -> str:
    """Give a whole page with these styles and scripts of ours; `connect` lets it ask its server.

    The same arguments give the same bytes.
    """
    style = "".join(map(asset, styles))
    code = [asset(name) for name in scripts]
    allowed = " ".join(map(_source, [EARLY, *code] if code else [])) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src {_source(style)}; "
        f"img-src data:; base-uri 'none'; form-action 'none'"
        + ("; connect-src 'self'" if connect else "")
    )
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Markup(f"<style>{style}</style>"),
        Markup(f"<script>{EARLY}</script>") if code else None,
    ]
    ends = [Markup(f"<script>{text}</script>") for text in code]
    whole = tag("html", tag("head", *head), tag("body", *body, *ends), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
