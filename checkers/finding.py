"""One thing that is wrong with a run, and the kinds of such things."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simkernel.errors import UsageError
from simkernel.terms import show

KINDS = {
    "deadlock": "processes wait for each other, in a circle",
    "crash": "a process ends abnormally, and nobody traps its exit, supervises or monitors it",
    "no clause": "a server or state machine has no clause for what it is told, and ends of it",
    "restart intensity": "a supervisor gives up, because a child has to be restarted too often",
    "name taken": "a supervisor cannot start a child, because another process has its name",
    "caller stuck": "a caller never gets its reply",
    "stuck": "a process waits for a message that nothing can send",
    "postponed": "a state machine keeps an event postponed for ever",
    "late reply": "an answer comes after its receiver has given up waiting, and stays or confuses",
    "orphan": "a child lives on after its supervisor",
    "leak": "monitors or timers are piled up, or a table is kept that nobody can reach",
    "mailbox": "a mailbox grows for as long as the run lasts",
    "property": "a property of the spec does not hold",
    "never reached": "no run brings a state machine into a state, or from one state to another",
    "never fired": "a timeout is set, and fires in no run",
}
"""The kinds of findings. What explains most comes first: of several it is what a run is shown for.
The last two are of a whole search, and are notes of its verdict."""

_WHO = re.compile(r"<root[^>]*>")
_LINE = re.compile(r"(stack\[[^\]]*?):\d+")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what kind, where, and a sentence about it."""

    kind: str
    process: str
    text: str

    @property
    def identity(self) -> tuple[str, str]:
        """What makes two findings the same in different runs: all but which process it was.

        >>> Finding("crash", "<root.2>", "<root.2> ended with 'boom'").identity
        ('crash', "<> ended with 'boom'")

        Nor does it matter in which line of its function a process failed.

        >>> Finding("crash", "<root>", "<root> ended with ('boom', stack[spec.a.main:7])").identity
        ('crash', "<> ended with ('boom', stack[spec.a.main])")

        Of a property it is the property alone: how long a run took to fail is no matter.

        >>> Finding("property", "safe", "safe: false after 30 transitions").identity
        ('property', 'safe')
        """
        if self.kind == "property":
            return self.kind, self.process
        return self.kind, _without_lines(_WHO.sub("<>", self.text))


def _without_lines(text: str) -> str:
    before = ""
    while text != before:  # of a stack with several places one goes at a time
        before, text = text, _LINE.sub(r"\1", text)
    return text


def listed(found: Iterable[Finding]) -> list[dict[str, str]]:
    """Give findings as JSON has them."""
    return [{"kind": f.kind, "process": f.process, "text": f.text} for f in found]


def known_kinds(kinds: tuple[str, ...]) -> None:
    """Refuse to expect a finding of a kind that there is not."""
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(
                f"there is no finding {kind!r}", where="expect=", hint=f"Known: {', '.join(KINDS)}."
            )


def short(term: Any, most: int = 160) -> str:
    """Show a term on one line, cut where it gets long.

    >>> short("x" * 10, most=5)
    "'xxx…"
    """
    text = show(term)
    return text if len(text) <= most else text[: most - 1] + "…"


def foremost(found: Iterable[Finding], failure: tuple[str, str]) -> tuple[Finding, ...]:
    """Give the failure that is looked for before the others of its run."""
    return tuple(sorted(found, key=lambda finding: finding.identity != failure))
