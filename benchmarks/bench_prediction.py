"""Prediction: whether a receive could have taken another message, without running it.

The run has 1,000 events and more: ten clients ask one server, in turns with its answers. The peer
is a number, the 5 ms that one candidate may cost.
"""

from functools import cache, partial

from benchmarks.case import Case
from checkers.forced import arranged
from checkers.plans import Explored, Plan
from checkers.prediction import Predictor
from simkernel import receive, self_, send, spawn
from simkernel.choice import Walk
from simkernel.settings import Settings
from simkernel.spec import of
from simkernel.terms import Pid

CLIENTS, QUESTIONS = 10, 25
SETTINGS = Settings(time="any")


async def asks(server: Pid) -> None:
    """Ask, and wait for the answer, again and again."""
    for number in range(QUESTIONS):
        send(server, (self_(), number))
        await receive(("answer", number))


async def serves() -> None:
    """Answer every question."""
    for _ in range(CLIENTS):
        spawn(asks, self_())
    for _ in range(CLIENTS * QUESTIONS):
        client, number = await receive()
        send(client, ("answer", number))


@cache
def followed() -> tuple[Predictor, Explored]:
    """Make a random run, and take its causes down."""
    m, walk, path = of(serves).machine({}, SETTINGS), Walk(1), []
    while options := m.enabled():
        path.append(walk.pick(options))
        m.apply(path[-1])
    m.close()
    work = Predictor(of(serves), {}, SETTINGS)
    return work, work.follow(path)


@cache
def candidates() -> list[Plan]:
    """Give what the receives of the run could have taken besides."""
    work, run = followed()
    return [plan for plan in work._novel(run) if plan.place >= 0]


def check() -> None:
    """Check every candidate, as if none had been checked before."""
    _, run = followed()
    run._forced = None
    assert all(arranged(plan) for plan in candidates())


def cases() -> list[Case]:
    """One candidate may cost 5 ms in a run of 1,000 events."""
    _, run = followed()
    assert len(run.events) >= 1_000
    count = len(candidates())
    return [
        Case(f"predict: a candidate in a run of {len(run.events):,} events", check,
             partial(float, count * 5_000_000), count, 1.0, unit="candidates",
             peer_name="5 ms", better="lower")
    ]  # fmt: skip
