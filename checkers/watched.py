"""The machine that a search which reduces runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.dependency import Access
from simkernel.kernel import codes
from simkernel.kernel.channels import catch_up, travel
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process
from simkernel.terms import Pid, Ref


class Watched(Machine):
    """A machine that notes which signals arrive, and whether a body looked at the clock."""

    def __init__(self, *args: Any, **options: Any):
        self.watching: Callable[[Pid, tuple[Any, ...]], None] | None = None
        self.looked = False
        self.judged: Any = None  # what will judge it at its end
        # What the properties of the spec could tell of the present event: see `sight`, `monitor`.
        self.observed: list[Access] = []
        # Monitors that were taken back, of which their targets tell at their ends all the same: see
        # `recorder`. None if a target forgets them at once, as it does outside of a search.
        self.forgotten: dict[Ref, int] | None = None
        super().__init__(*args, **options)

    def into(self, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Note an arrival."""
        if self.watching is not None:
            self.watching(dest, signal)
        super().into(dest, signal)

    def deliver(self, sender: Any, dest: Pid, signal: tuple[Any, ...]) -> None:
        """Send a signal without the machine's short cut past `into`."""
        if self.cluster and sender != dest:
            travel(self, sender, dest, signal)
            return
        if self.channels and signal[0] != codes.S_ANSWER:
            catch_up(self, sender)
        self.into(dest, signal)

    def handle(self, p: Process) -> None:
        """Handle the oldest signal that has arrived; what a target is to forget is only noted."""
        assert p.arrived is not None
        signal = p.arrived[0]
        if self.forgotten is None or signal[0] != codes.S_DEMONITOR:
            super().handle(p)
            return
        p.arrived.popleft()
        if not p.arrived:
            p.arrived = None
        if p.watchers and signal[2] in p.watchers:
            self.forgotten[signal[2]] = -1

    def local_input(self, p: Process, compute: Callable[[], Any]) -> Any:
        """Note a look at the clock."""
        self.looked = True
        return super().local_input(p, compute)
