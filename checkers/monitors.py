"""What a run that is recorded knows of its monitors: who took them back, and who could tell when.

A monitor may be taken back while its target ends, and neither knows of the other. Outside of a
search the target tells of its end only those whom it has not forgotten by then, so that the two
orders have other events. In a search it tells all, and a monitor that was taken back takes no
notice: then the two do not depend on each other, and of a monitor whose DOWN is flushed nobody can
tell whether it had come. A target does forget those who took theirs back before its end by all that
is known, in every order. What it tells in vain is no transition of the machine (`ghosts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checkers.events import Event, Message
from simkernel.kernel import codes
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.process import Process
from simkernel.terms import Pid, Ref


def told_by(m: Machine, step: Transition) -> Ref | None:
    """Give the monitor that a transition tells of, or whose DOWN it brings."""
    kind, who, _ = step
    signals: Any = ()
    if kind == "do":
        p = m.dying.get(who)
        if p is None or not p.effects:
            return None
        effect = p.effects[p.cursor]
        return effect[2] if effect[0] == codes.TELL_MONITOR else None
    if kind == "arrive" and who in m.channels:
        signals = m.channels[who].signals[0]
    elif kind == "handle" and who in m.processes:
        signals = m.processes[who].arrived
    return signals[0][2] if signals and signals[0][0] == codes.S_DOWN else None


class Monitors:
    """Of one run."""

    def __init__(self) -> None:
        self.flushed: dict[Ref, int] = {}  # who takes one back so that nobody can tell if it fired
        self.vain: set[Ref] = set()  # those of whose ends targets tell in vain
        self.ghosts: set[int] = set()  # the places of what comes of that in the path
        self._unread: dict[Ref, list[tuple[str, Message]]] = {}
        self._bonds: dict[Pid, list[tuple[int, bool]]] = {}

    # --- Targets -------------------------------------------------------------------------------

    def forget(self, p: Process, forgotten: dict[Ref, int], past: int) -> bool:
        """Let one who ends forget what was taken back in the past of that; tell whether it will
        tell others in vain. `forgotten` has who let it know, and when."""
        vain = False
        assert p.watchers is not None
        for ref in [ref for ref in p.watchers if ref in forgotten]:
            if past >> forgotten[ref] & 1:
                del p.watchers[ref]
            else:
                self.vain.add(ref)
                vain = True
        p.watchers = p.watchers or None
        return vain

    # --- Signals that are handled as early as they can be --------------------------------------

    def bond(self, pid: Pid, came: int, signal: tuple[Any, ...]) -> None:
        """Note that a link, a monitor or the like was handled when it came."""
        self._bonds.setdefault(pid, []).append((came, signal[0] == codes.S_LINK))

    def heard(self, signal: tuple[Any, ...], message: Message) -> None:
        """Note that a DOWN has become a message, or that one has come to an alias."""
        if signal[0] == codes.S_DOWN:
            self._unread.setdefault(signal[2], []).append(("downs", message))
        elif signal[0] == codes.S_MESSAGE and signal[4] is not None:
            self._unread.setdefault(signal[4], []).append(("aliased", message))

    def bonds_unsure(self, pid: Pid, past: int, sure: int) -> bool:
        """Tell whether one of them may have waited until its receiver had ended, and no order in
        which it comes later is the same. `past` and `sure` are events before that end, and before
        something that was taken out of the queue.

        A link that comes to a dead process is another one than a link that waits there.
        """
        return any((~sure if link else past & ~sure) >> came & 1
                   for came, link in self._bonds.get(pid, ()))  # fmt: skip

    def unread_unsure(self, ref: Ref, box: Sequence[Message], past: int) -> set[str]:
        """Tell what of a monitor is in a mailbox, and may have been handled later though it has
        come before: that is, in `past`."""
        return {
            what
            for what, message in self._unread.get(ref, ())
            if past >> message.came & 1 and any(one is message for one in box)
        }


def taken(events: Sequence[Event], consumed: Sequence[tuple[int, Message]]) -> int:
    """Give what came before something that a process has taken: of that, what came to it was before
    it in the queue, and so was handled before."""
    found = 0
    for at, message in consumed:
        if events[at].step.kind == "take":
            found |= events[message.came].past & ~(1 << message.came)
    return found
