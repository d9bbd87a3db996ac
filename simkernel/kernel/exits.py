"""What an exit signal does to its receiver: the table of section 4, as one pure function."""

from __future__ import annotations

from typing import Any

IGNORED, DELIVERED, DIES = "ignored", "delivered", "dies"


def exit_outcome(reason: Any, *, linked: bool, to_itself: bool, trapping: bool) -> tuple[str, Any]:
    """Give what happens and the reason it happens with.

    `linked` says that the signal comes from a link, otherwise from `exit(pid, reason)`;
    `to_itself` that a process sent it to itself. Rules 4.1 to 4.8.

    >>> exit_outcome("kill", linked=False, to_itself=False, trapping=True)
    ('dies', 'killed')
    >>> exit_outcome("kill", linked=True, to_itself=False, trapping=True)
    ('delivered', 'kill')
    >>> exit_outcome("normal", linked=False, to_itself=False, trapping=False)
    ('ignored', 'normal')
    """
    if reason == "kill" and not linked:
        return DIES, "killed"
    if trapping:
        return DELIVERED, reason
    if reason == "normal" and not to_itself:
        return IGNORED, reason
    return DIES, reason
