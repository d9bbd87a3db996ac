"""The Python side of scenario pairs: how one is declared, what it may use, how it is run.

`@pair("4.1", cases=[...])` declares an `async def` of a module in `pairs`, whose name begins with
that of the family; the Elixir side is the function of that name in the module of the family, called
with the same arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    ErlangError,
    Exit,
    Throw,
    log,
    monitor,
    process_flag,
    receive,
    simulate,
    sleep,
)
from simkernel.terms import freeze, reason_of, thaw
from tests.conformance.words import words

FAMILIES = (
    "process",
    "task",
    "genserver",
    "statem",
    "supervisor",
    "registry",
    "ets",
    "agent",
    "application",
    "timer",
)
SEEDS = range(3)
PAIRS = Path(__file__).with_name("pairs")


@dataclass(frozen=True)
class Pair:
    """One scenario: a function of a family with its arguments, and the rules that it shows."""

    family: str
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    rules: tuple[str, ...]
    traps: tuple[int, ...]
    labelled: bool = False

    @property
    def id(self) -> str:
        """Name the scenario: family, function, arguments; only the first, if it is a label."""
        if self.labelled:
            return f"{self.family}.{self.name}({self.args[0]})"
        shown = ", ".join(map(str, self.args))
        return f"{self.family}.{self.name}({shown})" if self.args else f"{self.family}.{self.name}"


_declared: dict[str, list[Pair]] = {}


def pair(
    *rules: str, cases: Iterable[Any] = ((),), traps: tuple[int, ...] = (), labelled: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a scenario, or one for each of `cases` (its arguments: a tuple, or a single one)."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        family = function.__module__.rpartition(".")[2].partition("_")[0]
        for case in cases:
            args = case if isinstance(case, tuple) else (case,)
            found = Pair(family, function.__name__, function, args, rules, traps, labelled)
            _declared.setdefault(family, []).append(found)
        return function

    return declare


def pairs(family: str | None = None) -> list[Pair]:
    """Give all scenarios, or those of one family."""
    found: list[Pair] = []
    for each in FAMILIES if family is None else (family,):
        for path in sorted(PAIRS.glob(f"{each}*.py")):
            import_module(f"tests.conformance.pairs.{path.stem}")
        # By file: which of them was imported first depends on who asked before.
        found += sorted(_declared.get(each, []), key=lambda one: one.function.__module__)
    return found


def run_here(scenario: Pair, seed: int = 0) -> list[str]:
    """Run a scenario on our machine; gives its log in words."""
    result = simulate(main, scenario.function, scenario.args, seed=seed, settle=False)
    log_here = list(result.logged)
    if result.reason is None and result.ended != "quiet":
        # What processes that are left say at the end of the run is no part of the scenario.
        at = next(
            i
            for i, entry in enumerate(log_here)
            if type(entry) is tuple and entry[:1] == ("returned",)
        )
        del log_here[at + 1 :]
    if result.reason is not None:
        log_here.append(("crashed", result.reason))
    elif result.ended == "quiet":
        log_here.append("stuck")
    return words(log_here)


async def main(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Run a scenario in the root, and log what it returns."""
    log(("returned", await function(*args)))


def all_here(scenario: Pair) -> Iterator[list[str]]:
    """Run a scenario under a few seeds: a log that depends on them is no determined one."""
    for seed in SEEDS:
        yield run_here(scenario, seed)


# -- what scenarios use ---------------------------------------------------------------------------


def say(what: Any) -> Any:
    """Append to the log; gives what was said."""
    log(what)
    return what


async def outcome(function: Callable[[], Any]) -> Any:
    """Give ("ok", value), or (class, reason) of what was raised."""
    try:
        value = function()
        return ("ok", await value if inspect.isawaitable(value) else value)
    except Exit as exit_:
        return ("exit", exit_.reason)
    except Throw as throw:
        return ("throw", throw.value)
    except ErlangError as error:
        return ("error", error.reason)
    except Exception as error:
        reason = thaw(freeze(reason_of(error)))
        return ("error", reason[0])


async def ended(who: Any) -> Any:
    """Monitor a process and wait for its end; gives the reason."""
    ref = monitor(who)
    message = await receive(("DOWN", ref, "process", ANY, ANY), after=3000)
    return "still_alive" if message is TIMEOUT else message[4]


async def mailbox() -> list[Any]:
    """Take all messages that are there."""
    found = []
    while (message := await receive(after=0)) is not TIMEOUT:
        found.append(message)
    return found


async def next_(ms: int = 3000) -> Any:
    """Wait for one message."""
    message = await receive(after=ms)
    return "nothing" if message is TIMEOUT else message


async def settle(ms: int = 30) -> None:
    """Wait until whatever goes on by itself is over."""
    await sleep(ms)


def trap(flag: bool = True) -> Any:
    """Trap exits."""
    return process_flag("trap_exit", flag)


async def idle() -> None:
    """Be a process that waits for ever, and does what it is told."""
    while True:
        match await receive(idle=True):
            case ("say", what):
                log(what)
            case ("run", function, *args):
                result = function(*args)
                if inspect.isawaitable(result):
                    await result
            case ("end", reason):
                raise Exit(reason)
