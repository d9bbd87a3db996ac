"""Whether the last event of a plan can be, told before the plan is run.

What a plan keeps can be, in an order of its own, because it was. What comes last can be prevented
by what is kept: by a deadline that has to pass before, by a signal that has to be handled first.
Of all this the run that the plan was read off knows enough, so that no run is begun in vain. What
keeps a process from seeing at a glance that another lives is left out of plans from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator

from checkers.dependency import WRITE, asks
from checkers.events import Actor, Event, Message
from checkers.footprints import CLOCK
from checkers.plans import Explored, Plan
from simkernel.kernel import codes
from simkernel.terms import Pid, show

ASKS_ALL = asks(())


def prevented(plan: Plan) -> str:
    """Say what keeps the last event of a plan from happening after all that it keeps, or ""."""
    run, keep, actor = plan.run, plan.keep, plan.actor
    if actor[0] in ("timer", "wait"):
        return "" if actor in _ripe(run, keep) else "no times put its deadline next"
    if actor[0] != "body":
        return ""
    last = run.previous(actor, keep)
    if run.until.get(last) == "done" and actor not in _ripe(run, keep):
        return "no times end its work next"
    if plan.want == "timeout":
        return _no_time_out(plan, last)
    following = _following(run, actor, last) if run.own else None
    if following is not None and (("mb", actor[1]), ASKS_ALL) in following.accesses:
        return "it has sent itself what its queue has to count" if _counts(plan) else ""
    return ""


def described(plan: Plan) -> str:
    """Say in words what a plan keeps, and what was to come last."""
    kept = [
        f"{event.step}" for place, event in enumerate(plan.run.events) if plan.keep >> place & 1
    ]
    want = plan.want
    if want is None:
        last = "whatever it does next"
    elif type(want) is Message:
        last = f"taking {show(want.content)}"
    else:
        last = str(want)
    who = " ".join(map(str, plan.actor))
    return f"After: {', '.join(kept)}, this was to come next, and could not: {last}, of {who}"


def _ripe(run: Explored, keep: int) -> frozenset[Actor]:
    """Give whose deadlines can be next after some events.

    All events of the clock depend on each other, so that those in a set closed under causes are the
    first ones of the run. What time allows after them it allowed there.
    """
    last = -1
    for place, mode in run.touched.get(CLOCK, ()):
        if mode == WRITE and keep >> place & 1:
            last = max(last, place)
    return run.ripe.get(last, frozenset())


def _no_time_out(plan: Plan, last: int) -> str:
    """Say why a receive cannot time out: its deadline, or a signal that is not handled."""
    run, keep = plan.run, plan.keep
    receive = run.events[plan.place].receive
    assert receive is not None
    passed = run.previous(("wait", receive.pid), keep) > last
    if run.clocked and not (receive.polls or passed):
        return "its deadline has not passed"
    if any(True for _ in _unhandled(run, keep, receive.pid)):
        return "a signal has to be handled before"
    return ""


def _counts(plan: Plan) -> bool:
    """Tell whether a process would have to handle something of its own before it sees the length
    of its queue (rule 12.11)."""
    run = plan.run
    plain = True
    for place in _unhandled(run, plan.keep, plan.actor[1]):
        message = place in run.worded
        own = run.own.get(place)
        if own is not None and ((message and plain) or own == codes.S_EXIT):
            return True
        plain = plain and message
    return False


def _unhandled(run: Explored, keep: int, pid: Pid) -> Iterator[int]:
    """Give the arrivals at a process that are kept and whose handling is not."""
    for place in run.pending.get(pid, ()):
        if keep >> place & 1 and not keep >> run.handled.get(place, len(run.events)) & 1:
            yield place


def _following(run: Explored, actor: Actor, last: int) -> Event | None:
    """Give the event of an actor after the one at a place, or its first."""
    for event in run.events[last + 1 :]:
        if event.actor == actor:
            return event
    return None
