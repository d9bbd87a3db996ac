"""Random systems whose calls overlap, rightly or wrongly answered: see `test_histories`.

A register is kept in two cells, rows of a table or processes. Clients carry out their calls
themselves, as a script says: in which order the cells are read and written, and when the call is
over. That is the smallest system with histories; of what can be drawn about half is linearizable.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from checkers.linearizable import Model
from checkers.monitor import linearizable, sequentially_consistent
from simkernel import again, ets, receive, register, self_, send, spawn
from simkernel.kernel.effects import note
from simkernel.spec import Spec
from simkernel.terms import Pid

OVER = "over"
READS = (("x",), ("y",), ("y", "x"), ("x", "y"))  # the answer is the largest that is found
WRITES = (
    ("x", "y", OVER), ("y", "x", OVER), ("x", OVER, "y"), (OVER, "x", "y"), ("x", OVER),
    (OVER, "y"),
)  # fmt: skip
SIZES = ((1, 1), (2, 1), (2, 2), (1, 1, 1))  # how many calls each client makes


class Register(Model):
    """One register, whatever the key."""

    initial = 0

    def apply(self, state: Any, request: Any) -> Any:
        """Read or write."""
        match request:
            case ("read", _):
                return state, state
            case ("write", _, value):
                return "ok", value


class Registers(Register):
    """One register a key, each for itself."""

    def key(self, request: Any) -> Any:
        """Give which."""
        return request[1]


async def cell(value: int) -> Any:
    """Keep a value for others."""
    match await receive(idle=True):
        case ("get", asker):
            send(asker, value)
        case ("put", value, asker):
            send(asker, "ok")
    return again(cell, value)


async def get(where: Any) -> Any:
    """Read a cell."""
    if isinstance(where, Pid):
        send(where, ("get", self_()))
        return await receive()
    return await ets.lookup_element("cells", where, 2)


async def put(where: Any, value: int) -> None:
    """Write a cell."""
    if isinstance(where, Pid):
        send(where, ("put", value, self_()))
        await receive()
    else:
        await ets.insert("cells", (where, value))


async def client(requests: Any, reads: Any, writes: Any, cells: Any, box: Pid) -> None:
    """Make calls, one after the other."""
    where = dict(cells)
    for request in requests:
        note("call", server=box, request=request)
        match request:
            case ("read", key):
                found = [await get(where[key, which]) for which in reads]
                note("called", server=box, answer=max(found))
            case ("write", key, value):
                for step in writes:
                    if step == OVER:
                        note("called", server=box, answer="ok")
                    else:
                        await put(where[key, step], value)


async def main(clients: Any, reads: Any, writes: Any, keys: Any, processes: bool) -> None:
    """Make the cells, then let the clients loose."""
    await ets.new("cells", named=True, access="public")
    await register(self_(), "box")
    places = [(key, which) for key in keys for which in "xy"]
    if processes:
        cells = tuple((place, spawn(cell, 0)) for place in places)
    else:
        for place in places:
            await ets.insert("cells", (place, 0))
        cells = tuple((place, place) for place in places)
    for requests in clients:
        spawn(client, requests, reads, writes, cells, self_())


def random_system(draw: random.Random) -> Spec:
    """Draw a system. Of several keys some are one register, others one a key."""
    processes = draw.random() < 0.3
    keys: Iterable[int] = draw.choice(((1,), (1, 2)))
    values = iter(range(1, 9))

    def request() -> Any:
        key = draw.choice(tuple(keys))
        return ("read", key) if draw.random() < 0.55 else ("write", key, next(values))

    sizes = draw.choice(SIZES[:2] if processes else SIZES)
    given = {
        "clients": tuple(tuple(request() for _ in range(size)) for size in sizes),
        "reads": draw.choice(READS),
        "writes": draw.choice(WRITES),
        "keys": keys,
        "processes": processes,
    }
    model = draw.choice((Register, Registers))()
    what = sequentially_consistent if draw.random() < 0.2 else linearizable
    return Spec(str(given), main, given, properties={"the register": what(model, "box")})
