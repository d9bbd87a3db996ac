"""The timeouts of a state machine that run, and those of zero that are due (section 17).

A timer is cancelled in OTP's way: stopped, and if it was too late for that, its message is taken
out of the mailbox. To leave it running and to drop what it sends would look the same to the
callbacks, but a machine that sets a timeout again and again would have ever more timers: no two
situations would be alike, and a search for all of them would not end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simkernel.kernel.effects import cancel_timer, note, receive, self_, start_timer
from simkernel.kernel.patterns import ANY
from simkernel.otp.statem_actions import Timeout
from simkernel.terms import Ref, equal, freeze, sort_key, strict_key, thaw


class Running(NamedTuple):
    """A timeout: its event type, its timer (None where it is due at once) and its content."""

    type: Any
    ref: Ref | None
    content: Any


class Timeouts:
    """The timeouts of one machine: one of each type."""

    __slots__ = ("due", "running")

    def __init__(self, running: tuple[tuple[Any, Ref, Any], ...] = ()) -> None:
        self.running = {
            strict_key(type_): Running(type_, ref, freeze(content, "content"))
            for type_, ref, content in running
        }
        self.due: list[Any] = []  # keys of those that are due at once, in order

    def save(self) -> tuple[Any, ...]:
        """Give the running ones, in an order that does not tell which was set first."""
        running = [(type_, ref, thaw(content)) for type_, ref, content in self.running.values()]
        return tuple(sorted(running, key=lambda each: sort_key(each[0])))

    def expired(self, ref: Any, type_: Any) -> Running | None:
        """Give the timeout whose timer sent a message, which then no longer runs."""
        key = strict_key(type_)
        found = self.running.get(key)
        if found is None or found.ref is None or not equal(found.ref, ref):
            return None
        return self.running.pop(key)

    def next_due(self) -> Running:
        """Take the first one that is due."""
        return self.running.pop(self.due.pop(0))

    async def cancel(self, type_: Any) -> None:
        """Cancel a timeout, also one that has expired already."""
        key = strict_key(type_)
        found = self.running.pop(key, None)
        if found is not None:
            note("timeout cancelled", type=type_)
            await self._stop(key, found)

    async def change(self, timeouts: list[Timeout]) -> None:
        """Do the last action of each type, in the order of those."""
        last: dict[Any, Timeout] = {}
        for timeout in timeouts:
            key = strict_key(timeout.type)
            last.pop(key, None)
            last[key] = timeout
        for key, timeout in last.items():
            if timeout.ms is None:
                await self.cancel(timeout.type)
            elif timeout.ms == "update":
                self._update(key, timeout)
            else:
                await self._set(key, timeout)

    def _update(self, key: Any, timeout: Timeout) -> None:
        found = self.running.get(key)
        if found is None:
            self.due.append(key)
        ref = None if found is None else found.ref
        note("timeout set", type=timeout.type, ms="update", content=timeout.content)
        self.running[key] = Running(timeout.type, ref, freeze(timeout.content, "content"))

    async def _set(self, key: Any, timeout: Timeout) -> None:
        old = self.running.pop(key, None)
        ms = timeout.ms
        note("timeout set", type=timeout.type, ms=ms, content=timeout.content)
        # As in OTP, a time of 0 is due at once whether it is absolute or not: either way it is
        # not in the future.
        at_once = ms == 0 and type(timeout.abs) is bool
        ref = None if at_once else start_timer(ms, self_(), timeout.type, abs=timeout.abs)
        self.running[key] = Running(timeout.type, ref, freeze(timeout.content, "content"))
        if old is not None:
            await self._stop(key, old)
        if at_once:
            self.due.append(key)

    async def _stop(self, key: Any, found: Running) -> None:
        if found.ref is None:
            self.due.remove(key)
        elif await cancel_timer(found.ref) is False:
            await receive(("timeout", found.ref, ANY))
