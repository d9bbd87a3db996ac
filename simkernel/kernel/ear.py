"""What judges hear of a run while it goes on: less than a tape, at once, and for next to nothing.

A tape keeps what it is given, so that all of it is frozen. An ear is given the live objects, in the
step that they belong to: it keeps what it has frozen or made text of, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Process


class Ear(Protocol):
    """Hears notes, and what becomes of receives."""

    def noted(self, m: Machine, p: Process, kind: str, fields: dict[str, Any]) -> None:
        """A behaviour published a note, in a step that may still be cut before its effects."""

    def timed_out(self, m: Machine, p: Process) -> None:
        """The receive that `p.want` still is gives TIMEOUT."""

    def taken(self, m: Machine, p: Process, message: Any) -> None:
        """The receive that `p.want` still is takes a (frozen) message."""
