"""Random servers with properties of their states: see `test_sights`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from checkers.ltl import always, eventually, leads_to, never, until
from simkernel import GenServer, NoReply, Ok, spawn
from simkernel.spec import Spec

LARGEST = 4


class Counter(GenServer):
    """A number; some requests are handed on to another one, or end it."""

    def init(self, number: int) -> Any:
        """Begin."""
        return Ok(number)

    def handle_cast(self, request: Any, number: int) -> Any:
        """Change the number, or let another do so."""
        match request:
            case ("add", more):
                return NoReply((number + more) % LARGEST)
            case ("tell", other, what):
                GenServer.cast(other, what)
                return NoReply(number)
            case "double":
                return NoReply(number * 2 % LARGEST)
            case "end":
                raise RuntimeError("it ends")


async def client(requests: Any) -> None:
    """Cast, one after the other."""
    for who, what in requests:
        GenServer.cast(who, what)


async def main(clients: Any) -> None:
    """Start the servers, and let the clients loose."""
    for number, name in enumerate("ab"):
        await GenServer.start(Counter, number, name=name)
    for requests in clients:
        spawn(client, requests)


def random_system(draw: random.Random) -> Spec:
    """Draw a system and a property."""

    def request() -> Any:
        what = draw.choice((("add", 1), ("add", 2), "double", "double", "end"))
        if draw.random() < 0.3:
            what = ("tell", draw.choice("ab"), what)
        return draw.choice("ab"), what

    sizes = draw.choice(((1, 1), (1, 2), (2, 2), (1, 1, 1)))
    clients = tuple(tuple(request() for _ in range(size)) for size in sizes)
    return Spec(str(clients), main, {"clients": clients}, expect=("crash",),
                properties={"drawn": random_property(draw)})  # fmt: skip


def random_predicate(draw: random.Random) -> Callable[[Any], bool]:
    """Draw what a property asks for: it may look at one server only because of another."""
    one, other = draw.choice(("ab", "ba"))
    first, second = draw.randrange(LARGEST), draw.randrange(LARGEST)
    return draw.choice(
        (
            lambda world: world.state(one) == first,
            lambda world: world.alive(one),
            lambda world: world.whereis(one) is None,
            lambda world: world.state(one) == first and world.state(other) == second,
            lambda world: world.state(one) == first or world.alive(other),
            lambda world: world.state(one, 0) <= world.state(other, 0),
        )
    )


def random_property(draw: random.Random) -> Any:
    """Draw a formula that does not care how long a situation lasts."""
    one, other = random_predicate(draw), random_predicate(draw)
    return draw.choice(
        (
            never(one), never(one), always(one), eventually(one), leads_to(one, other),
            until(one, other), always(one) | never(other),
        )
    )  # fmt: skip
