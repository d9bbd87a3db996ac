"""Process bodies that many tests of the kernel share, and short forms of what they look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkers.dfs import outcomes
from simkernel.choice import First
from simkernel.errors import Exit
from simkernel.kernel.clock import ConcreteClock
from simkernel.kernel.driver import drive
from simkernel.kernel.effects import receive, send
from simkernel.kernel.machine import Machine, Transition
from simkernel.kernel.patterns import NOTHING, TIMEOUT
from simkernel.kernel.symbolic import SymbolicClock
from simkernel.spec import simulate

BOTH = ("node", "cluster")


async def nothing() -> None:
    """End at once."""


async def idle() -> None:
    """Live for ever, taking nothing."""
    await receive(NOTHING, idle=True)


async def once() -> None:
    """End with the first message."""
    await receive()


async def die(reason: Any) -> None:
    """End with a reason."""
    raise Exit(reason)


async def die_when_told(reason: Any) -> None:
    """End with a reason, at the first message."""
    await receive()
    raise Exit(reason)


async def tell(dest: Any, *messages: Any) -> None:
    """Send messages and end."""
    for message in messages:
        send(dest, message)


async def quiet(ms: int = 1) -> None:
    """Wait, in a simulation, until nothing but time is left to pass."""
    await receive(NOTHING, after=ms, idle=True)


async def look(*patterns: Any) -> Any:
    """Take a message that is there, or say "timeout"."""
    message = await receive(*patterns, after=0)
    return "timeout" if message is TIMEOUT else message


async def rest() -> tuple[Any, ...]:
    """Take all that is in the mailbox."""
    got = []
    while (message := await receive(after=0)) is not TIMEOUT:
        got.append(message)
    return tuple(got)


def returned(main: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Run `main` once and give what it returns; it has to."""
    result = simulate(main, *args, **options)
    assert result.ended == "main has returned", result
    return result.returned


def reason(main: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Run `main` once and give the reason that it ends with."""
    return simulate(main, *args, **options).reason


def both(main: Callable[..., Any], *args: Any) -> frozenset[Any]:
    """Give the outcomes of `main`, which have to be the same on both networks."""
    node = outcomes(main, *args)
    assert outcomes(main, *args, network="cluster") == node
    return node


def machine(
    main: Callable[..., Any], *args: Any, symbolic: bool = False, **options: Any
) -> Machine:
    """Make a machine that can be restored."""
    clock = SymbolicClock() if symbolic else ConcreteClock()
    return Machine(main, args, clock=clock, snapshots=True, **options)


def until(m: Machine, kind: str, who: Any = None) -> Transition:
    """Take the default schedule until a transition of a kind is possible; give that."""
    for _ in range(1000):
        options = m.enabled()
        for option in options:
            if option.kind == kind and (who is None or option.who == who):
                return option
        m.apply(options[0])
    raise AssertionError(f"no {kind} of {who}")


def kinds(m: Machine, who: Any) -> list[str]:
    """Give the kinds of what may happen to somebody."""
    return [option.kind for option in m.enabled() if option.who == who]


def step(m: Machine, kind: str, who: Any, way: Any = None) -> None:
    """Let one transition happen, which has to be possible."""
    chosen = Transition(kind, who, way)
    assert chosen in m.enabled(), (chosen, m.enabled())
    m.apply(chosen)


def finish(m: Machine) -> Machine:
    """Take the default schedule to the end."""
    drive(m, First(), 100_000)
    return m
