"""Events that a plan keeps are made again without being recorded anew: nobody can tell."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from checkers.again import Again
from checkers.events import Event
from checkers.plans import Plan
from checkers.recorder import Recorder
from checkers.reduction import Reduction
from checkers.watched import Watched
from simkernel.kernel.symbolic import SymbolicClock
from tests.checkers import drawn, generated
from tests.reference import searched
from tests.reference.programs import Program

# What is compared in another way, or is not of the run.
BY_CONTENT = frozenset(
    {"m", "identities", "footprints", "events", "boxes", "messages", "consumed", "monitors"}
)


class Anew(Again):
    """Records every event as if it had never happened before."""

    def make(self, place: int) -> None:
        """Make the event at a place of the run of the plan."""
        event = self.old[place]
        self.moved[place] = len(self.recorder.events)
        self.recorder.do(event.actor, event.step, list(event.options))


class Twice(Reduction):
    """Makes each run a second time, and compares what was recorded."""

    repeated = 0

    def _run(self, found: tuple[Plan, list[int]] | None) -> Recorder | None:
        recorder = super()._run(found)
        if recorder is not None and found is not None:
            plan, order = found
            assert recorded(recorder) == recorded(self.anew(plan, order))
            events = plan.run.events
            self.repeated += sum(1 for place in order if place >= 0 and events[place].plain)
        return recorder

    def anew(self, plan: Plan, order: list[int]) -> Recorder:
        """Make a run without the short way."""
        m = self.make()
        m.checking = True
        recorder = self.recorder_of(m)
        careful = Anew(recorder, plan)
        for place in order:
            if place >= 0:
                careful.make(place)
            else:
                assert self._new(recorder, plan)
                careful.skip()
        self._go_on(recorder)
        recorder.close()
        return recorder


def made(main: Any, args: tuple[Any, ...], network: str) -> Callable[[], Watched]:
    """Give what makes machines, each with a clock of its own."""
    return lambda: Watched(main, args, network=network, clock=SymbolicClock())


def machine(program: Program, network: str) -> Watched:
    """Make a machine for a program of the reference."""
    m = searched.machine(program, network, clock=SymbolicClock(), kind=Watched)
    assert isinstance(m, Watched)
    return m


def recorded(recorder: Recorder) -> dict[str, Any]:
    """Give all that a recorder knows, messages and events by what is in them."""
    known = {
        name: value
        for name, value in vars(recorder).items()
        if name not in BY_CONTENT and not name.startswith("_")
    }
    known["ways"] = {
        way: [(at, str(signal)) for at, signal in sent] for way, sent in recorder.ways.items()
    }
    for name in ("boxes", "messages"):
        known[name] = {
            pid: [message_of(one) for one in box]
            for pid, box in getattr(recorder, name).items()
            if box
        }
    known["consumed"] = {
        pid: [(at, message_of(one)) for at, one in gone] for pid, gone in recorder.consumed.items()
    }
    known["monitors"] = {
        name: value for name, value in vars(recorder.monitors).items() if name != "_unread"
    } | {
        "_unread": {
            ref: [(what, message_of(one)) for what, one in found]
            for ref, found in recorder.monitors._unread.items()
        }
    }
    known["events"] = [event_of(event) for event in recorder.events]
    known["queues"] = {pid: list(queue) for pid, queue in recorder.queues.items() if queue}
    return known


def message_of(one: Any) -> Any:
    return None if one is None else (one.serial, one.came, one.readable, one.content)


def event_of(event: Event) -> dict[str, Any]:
    known = {name: getattr(event, name) for name in Event.__slots__ if name != "receive"}
    taken = event.receive
    if taken is not None:
        known["receive"] = (taken.pid, taken.timed, taken.polls, message_of(taken.got))
    return known


@pytest.mark.parametrize("by_message", [True, False])
def test_random_programs_are_recorded_the_same_when_events_are_made_again(by_message: bool) -> None:
    repeated = 0
    for number in range(500):
        program, network, _ = drawn.drawn(number)
        search = Twice(partial(machine, program, network), by_message=by_message)
        for _ in search.ends(lambda: search.runs > 60):  # noqa: B023
            pass
        repeated += search.repeated
    assert repeated > 1_000, "hardly anything was made again: the test says little"


@pytest.mark.parametrize("by_message", [True, False])
@pytest.mark.parametrize("network", ["node", "cluster"])
def test_what_only_the_kernel_has_is_recorded_the_same(network: str, by_message: bool) -> None:
    repeated = 0
    for seed in range(60):
        ops = generated.written(
            random.Random(seed), 8, rare=seed % 3 == 0, timed=seed % 5 == 0
        )  # fmt: skip
        make = made(generated.main, (ops,), network)
        search = Twice(make, by_message=by_message)
        for _ in search.ends(lambda: search.runs > 30):  # noqa: B023
            pass
        repeated += search.repeated
    assert repeated > 1_000
