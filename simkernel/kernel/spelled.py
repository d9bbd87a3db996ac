"""What fingerprints of one machine remember, so that what stays is not told anew."""

from __future__ import annotations

from typing import Any

from simkernel.terms import Pid


class Spelled:
    """Memory of `simkernel.kernel.fingerprints`; nothing else of the machine looks at it."""

    __slots__ = ("bodies", "called", "given", "origins", "pieces", "same", "situations")

    def __init__(self) -> None:
        self.origins: dict[Pid, Any] = {}  # of each process, how it was started
        self.bodies: dict[Pid, Any] = {}  # what its body is, until it goes on
        self.same: dict[Any, tuple[Any, int]] = {}  # one object and number for a name
        self.pieces: dict[bytes, int] = {}  # a number for what a process is as a whole
        self.given = 0  # such numbers
        self.situations: dict[Any, bytes] = {}  # fingerprints, by a key that keeps the names
        self.called: dict[Any, tuple[bytes, tuple[Any, ...]]] = {}  # and who is who in them
