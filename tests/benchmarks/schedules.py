"""Programs with one rare order of events that is a bug: what random searches are measured on.

Each ends with `Exit("found")` of main exactly in the schedules that have that order.
"""

from __future__ import annotations

from typing import Any

from simkernel import Exit, ets, receive, self_, send, spawn


async def sets(main: Any, table: Any) -> None:
    await ets.insert(table, ("a", 1))
    await ets.insert(table, ("b", -1))
    send(main, "set")


async def looks(main: Any, table: Any) -> None:
    a = await ets.lookup_element(table, "a", 2)
    b = await ets.lookup_element(table, "b", 2)
    send(main, ("saw", (a, b)))


async def reorder(n: int = 3) -> None:
    """`n` processes write a, then b; one reads both in that order, between the two of the first."""
    table = await ets.new("cells", access="public")
    await ets.insert(table, [("a", 0), ("b", 0)])
    for _ in range(n):
        spawn(sets, self_(), table)
    spawn(looks, self_(), table)
    match await receive(("saw", tuple)):
        case ("saw", (1, 0)):
            raise Exit("found")


async def first_stage(main: Any, table: Any) -> None:
    await ets.insert(table, ("one", 1))
    one = await ets.lookup_element(table, "one", 2)
    await ets.insert(table, ("two", one + 1))
    send(main, "staged")


async def second_stage(main: Any, table: Any) -> None:
    one = await ets.lookup_element(table, "one", 2)
    two = await ets.lookup_element(table, "two", 2) if one else None
    send(main, ("saw", (one, two)))


async def twostage(n: int = 1) -> None:
    """`n` processes write one cell, then another; a reader comes between the first two writes."""
    table = await ets.new("cells", access="public")
    await ets.insert(table, [("one", 0), ("two", 0)])
    for _ in range(n):
        spawn(first_stage, self_(), table)
    spawn(second_stage, self_(), table)
    match await receive(("saw", tuple)):
        case ("saw", (1, 0)):
            raise Exit("found")


async def says(main: Any, number: int) -> None:
    send(main, number)


async def lastmsg(n: int = 5) -> None:
    """Of `n` messages the two that were sent last come first, the very last before the other."""
    for number in range(n):
        spawn(says, self_(), number)
    if (await receive(int), await receive(int)) == (n - 1, n - 2):
        raise Exit("found")


async def relays(to: Any) -> None:
    send(to, await receive())


async def relay(d: int = 5) -> None:
    """A message that goes straight comes after one that is handed on `d` times."""
    main = hop = self_()
    for _ in range(d):
        hop = spawn(relays, hop)
    spawn(says, main, "straight")
    send(hop, "handed on")
    if await receive(str) == "handed on":
        raise Exit("found")
