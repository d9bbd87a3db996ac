"""What a run that is recorded knows of mailboxes: all messages, when they came, who took them."""

from __future__ import annotations

from typing import Any

from checkers.actors import Actors
from checkers.events import Message, Taken
from checkers.footprints import Footprints
from checkers.watched import Watched
from simkernel.kernel.machine import Transition
from simkernel.kernel.process import Process
from simkernel.terms import Pid


class Mailboxes(Actors):
    """Of all processes: what is in them now, what has ever come, and what is gone, and when."""

    def __init__(self, m: Watched, footprints: Footprints):
        super().__init__(m, clocked=footprints.clocked)
        self.footprints = footprints
        self.boxes: dict[Pid, list[Message]] = {}
        self.messages: dict[Pid, list[Message]] = {}
        self.consumed: dict[Pid, list[tuple[int, Message]]] = {}

    def relaxed(self, pid: Pid) -> bool:
        """Tell whether the order in a mailbox is seen by receives alone, and known from them."""
        return self.footprints.relaxed(pid)

    def receive(self, step: Transition, causes: list[int]) -> Taken | None:
        """Give what a receive is about to do, and add what brought its message to its causes."""
        if step.kind not in ("take", "timeout"):
            return None
        pid = step.who
        p = self.m.processes[pid]
        want = p.want
        timed = want.after is not None and (p.expired or not self.clocked)
        if step.kind == "timeout":
            return Taken(pid, want.patterns, timed, want.after == 0, None)
        message = self.boxes[pid][p.match]
        if self.relaxed(pid) or not timed:
            causes += {message.came: None, message.readable: None}
        return Taken(pid, want.patterns, timed, want.after == 0, message)

    def box_before(self, kind: str, who: Any) -> tuple[Process, int, int] | None:
        """Keep what tells, after the event, whether a process's own act changed its mailbox."""
        if kind not in ("take", "do"):
            return None
        p = self.m.processes.get(who)
        if p is None:
            return None
        return p, len(p.mailbox or ()), p.match if kind == "take" else -1

    def box_after(self, at: int, p: Process, size: int, match: int) -> bool:
        """Take down what has left the mailbox, or come; tell whether anything did."""
        pid = p.pid
        box = self.boxes.setdefault(pid, [])
        now = len(p.mailbox or ())
        if match >= 0:
            if now < size:
                self.consumed.setdefault(pid, []).append((at, box.pop(match)))
        elif now > size:
            assert p.mailbox is not None
            self.boxed(p, at, at)  # EXIT to oneself
        elif now < size and pid in self.m.processes:
            kept = list(p.mailbox or ())
            gone = next(i for i, x in enumerate(box) if i >= len(kept) or kept[i] is not x.content)
            self.consumed.setdefault(pid, []).append((at, box.pop(gone)))
        return now != size

    def boxed(self, p: Process, came: int, readable: int) -> Message:
        """Take down the last message in a mailbox."""
        assert p.mailbox is not None
        message = self.message(p.pid, came, readable, p.mailbox[-1])
        self.boxes.setdefault(p.pid, []).append(message)
        return message

    def message(self, pid: Pid, came: int, readable: int, content: Any) -> Message:
        """Take down a message that came to a process, whether it reached its mailbox or not."""
        listed = self.messages.setdefault(pid, [])
        listed.append(Message(len(listed), came, readable, content))
        return listed[-1]
