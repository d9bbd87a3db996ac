"""Child specs: what a supervisor needs to know of a child (rules 16.1 and 16.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simkernel.otp.results import Absent


@dataclass(frozen=True)
class ChildSpec:
    """A child: its id, how it is started, when it is started again and how it is stopped.

    `start` is (class, function's name, arguments), or (function, arguments).
    """

    id: Any = Absent
    start: Any = Absent
    restart: Any = "permanent"
    shutdown: Any = Absent
    type: Any = "worker"
    modules: Any = Absent
    significant: Any = False
